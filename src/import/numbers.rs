//! Reads plain numbers as compose reads them. It hands on what they are, not how they are written.

/// Returns how compose writes a plain scalar that is a number or a truth value, if it is one.
pub fn written(text: &str) -> Option<String> {
    match text {
        "True" | "TRUE" => return Some("true".to_owned()),
        "False" | "FALSE" => return Some("false".to_owned()),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    whole(negative, digits).or_else(|| fraction(negative, digits))
}

/// Reads a whole number. One that begins with `0` is octal.
fn whole(negative: bool, digits: &str) -> Option<String> {
    let lower = digits.to_ascii_lowercase();
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = bases.iter().find_map(|(start, base)| Some((lower.strip_prefix(start)?, *base)));
    let (digits, base) = based.unwrap_or_else(|| match lower.strip_prefix('0') {
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (lower.as_str(), 10),
    });
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from(u64::from_str_radix(digits, base).ok()?);
    let number = if negative { -number } else { number };
    (number >= i128::from(i64::MIN)).then(|| number.to_string())
}

/// Reads a number with a fraction or an exponent, and writes it as Go does.
fn fraction(negative: bool, digits: &str) -> Option<String> {
    let is_plain = digits.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    let begins = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let number: f64 = digits.parse().ok().filter(|_| is_plain && begins)?;
    let short = format!("{number:e}");
    let (mantissa, exponent) = short.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let sign = if negative { "-" } else { "" };
    if (-4..GO_DIGITS).contains(&exponent) {
        return number.is_finite().then(|| format!("{sign}{number}"));
    }
    let (way, size) = if exponent < 0 { ('-', -exponent) } else { ('+', exponent) };
    Some(format!("{sign}{mantissa}e{way}{size:02}"))
}

/// The exponent from which Go writes one.
const GO_DIGITS: i32 = 6;

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn writes_numbers_as_compose_does() {
        for (text, wanted) in [
            ("002", "2"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("1.10", "1.1"),
            ("1e3", "1000"),
            ("0o17", "15"),
            (".5", "0.5"),
            ("+5", "5"),
            ("08", "8"),
            ("1.0", "1"),
            ("1e21", "1e+21"),
            ("-0", "0"),
            ("0b11", "3"),
            ("12345678901234567890", "12345678901234567890"),
            ("1.50e-7", "1.5e-07"),
            ("True", "true"),
            ("100000000.0", "1e+08"),
            ("1234567.0", "1.234567e+06"),
            ("22_000.5", "22000.5"),
            ("99999999999999999999999", "1e+23"),
            ("0777", "511"),
            ("-017", "-15"),
            ("1.", "1"),
            ("007.5", "7.5"),
            ("-0x1F", "-31"),
            ("8080", "8080"),
        ] {
            assert_eq!(written(text).as_deref(), Some(wanted), "{text}");
        }
        for text in ["0o8", "0x", "0b2", "_1", "12:30", "yes", "1.2.3", "-", ".", "5m", "1e", "+-5"]
        {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
