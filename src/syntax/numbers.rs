//! Reads the numbers of KDL.

use super::Scalar;

/// The reason why a word that begins like a number is not a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotNumber {
    /// It is something else: an address, a size, a version.
    Text,
    /// It has more digits than fit.
    TooLarge,
}

/// Returns whether `word` begins like a number, and so can't be a bare string.
pub(super) fn begins(word: &[u8]) -> bool {
    let word = word.strip_prefix(b"+").or_else(|| word.strip_prefix(b"-")).unwrap_or(word);
    word.strip_prefix(b".").unwrap_or(word).first().is_some_and(u8::is_ascii_digit)
}

/// Reads `word` as a number.
pub(super) fn parse(word: &str) -> Result<Scalar<'static>, NotNumber> {
    let (negative, unsigned) = match word.as_bytes().first() {
        Some(b'-') => (true, &word[1..]),
        Some(b'+') => (false, &word[1..]),
        _ => (false, word),
    };
    let radix = match unsigned.as_bytes() {
        [b'0', b'x', ..] => 16,
        [b'0', b'o', ..] => 8,
        [b'0', b'b', ..] => 2,
        _ => return decimal(negative, unsigned),
    };
    integer(negative, unsigned.get(2..).unwrap_or_default(), radix).map(Scalar::Integer)
}

fn decimal(negative: bool, unsigned: &str) -> Result<Scalar<'static>, NotNumber> {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if fraction.is_none() && exponent.is_none() {
        return integer(negative, whole, 10).map(Scalar::Integer);
    }
    // The parts of a float must fit too: an f64 would silently lose the digits that it can't hold.
    integer(false, whole, 10)?;
    if let Some(fraction) = fraction {
        integer(false, fraction, 10)?;
    }
    if let Some(exponent) = exponent {
        integer(false, exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10)?;
    }
    let digits: String = unsigned.chars().filter(|character| *character != '_').collect();
    let value: f64 = digits.parse().map_err(|_| NotNumber::Text)?;
    Ok(Scalar::Float(if negative { -value } else { value }))
}

fn integer(negative: bool, digits: &str, radix: u32) -> Result<i128, NotNumber> {
    let is_digit = |byte: u8| char::from(byte).is_digit(radix);
    let bytes = digits.as_bytes();
    if !bytes.first().copied().is_some_and(is_digit)
        || !bytes.iter().all(|byte| *byte == b'_' || is_digit(*byte))
    {
        return Err(NotNumber::Text);
    }
    let mut value = 0_i128;
    for digit in bytes.iter().filter_map(|byte| char::from(*byte).to_digit(radix)) {
        value = value
            .checked_mul(i128::from(radix))
            .and_then(|value| value.checked_add(i128::from(digit)))
            .ok_or(NotNumber::TooLarge)?;
    }
    Ok(if negative { -value } else { value })
}
