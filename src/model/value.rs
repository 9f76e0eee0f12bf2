//! The value types of the language: sizes, durations, schedules, and the data of options.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Size(pub u64);

/// A sum that is too large is the largest size.
impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        Self(sizes.map(|size| size.0).fold(0, u64::saturating_add))
    }
}

impl Size {
    // The order matters to `parse`, since every unit ends in `B`.
    const UNITS: &[(&'static str, u64)] = &[
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("B", 1),
    ];

    /// Reads `30GiB`, `256GB`, `1.5TiB`.
    pub fn parse(text: &str) -> Option<Self> {
        let (unit, factor) = Self::UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let number = text.strip_suffix(unit)?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !digits(whole)
            || !digits(fraction)
            || fraction.len() > 3
            || (number.contains('.') && fraction.is_empty())
        {
            return None;
        }
        let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
        let scaled = whole
            .parse::<u64>()
            .ok()?
            .checked_mul(scale)?
            .checked_add(if fraction.is_empty() { 0 } else { fraction.parse().ok()? })?;
        Some(Self(
            u64::try_from(u128::from(scaled) * u128::from(*factor) / u128::from(scale)).ok()?,
        ))
    }

    /// Returns whole mebibytes, rounded down.
    pub const fn mebibytes(self) -> u64 {
        self.0 >> 20
    }

    /// Returns whole gibibytes, rounded up.
    pub const fn gibibytes(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }

    /// Formats the size for people, rounded down to a tenth: `31.2 KiB`.
    pub fn rounded(self) -> String {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return format!("{} B", self.0);
        }
        // Ten times a size may not fit into 64 bits.
        let mut tenths = u128::from(self.0) * 10 / 1024;
        let mut unit = 0;
        while tenths >= 10_240 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
        let fraction = if tenths % 10 == 0 { String::new() } else { format!(".{}", tenths % 10) };
        format!("{}{fraction} {}", tenths / 10, UNITS[unit])
    }
}

impl fmt::Display for Size {
    /// Writes the size with the unit that gives the smallest number, as people do: `50GB`, `30GiB`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = Self::UNITS
            .iter()
            .filter(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
        let (unit, factor) = fits.max_by_key(|(_, factor)| *factor).copied().unwrap_or(("B", 1));
        write!(formatter, "{}{unit}", self.0 / factor)
    }
}

/// A length of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Duration(pub u64);

impl Duration {
    const UNITS: &[(char, u64)] =
        &[('y', 31_536_000), ('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

    /// The longest time. Docker counts nanoseconds in 63 bits, which is less than 300 years.
    const MOST: u64 = 100 * 31_536_000;

    /// Reads `30d`, `1h30m`, `90s`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut total = 0_u64;
        let mut number = String::new();
        let mut last = u64::MAX;
        for character in text.chars() {
            if character.is_ascii_digit() {
                number.push(character);
                continue;
            }
            let (_, factor) = Self::UNITS.iter().find(|(unit, _)| *unit == character)?;
            if *factor >= last {
                return None;
            }
            last = *factor;
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
            number.clear();
        }
        (number.is_empty() && !text.is_empty() && total <= Self::MOST).then_some(Self(total))
    }
}

impl fmt::Display for Duration {
    /// Writes the time in the largest unit that divides it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = &Self::UNITS[2..];
        let (unit, factor) = units
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .copied()
            .unwrap_or(('s', 1));
        write!(formatter, "{}{unit}", self.0 / factor)
    }
}

/// The value of an option, as expressions and templates see it.
///
/// Sizes, durations, schedules, addresses and paths are text in their canonical form. A network,
/// service, machine or secret is its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(untagged)]
pub enum Data {
    /// Nothing was set and there is no default.
    #[default]
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// The name of a secret, which is not its value.
    #[serde(serialize_with = "marked")]
    Secret(String),
    /// Several values.
    List(Vec<Data>),
    /// Named values.
    Record(BTreeMap<String, Data>),
}

/// Surrounds the name of a secret where templates and expressions see it. No file may contain it:
/// whatever is made of a secret's name is recognized and refused. No text contains it.
pub const SECRET_MARK: char = '\u{10fffe}';

/// Returns a secret as templates and expressions see it.
pub fn marked_secret(name: &str) -> String {
    format!("{SECRET_MARK}{name}{SECRET_MARK}")
}

fn marked<S: serde::Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&marked_secret(name))
}

/// The reason why a secret can't be part of other text, with what to write instead.
pub const SECRET_IS_NO_TEXT: &str = "a secret's value is not known here, only on the machine; \
    write it in an `env` of a container, alone or as a part of an `(f)` text, or `secret NAME \
    file-variable=…`, or read its file";

impl Data {
    /// Returns the text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the name, if it is a secret's.
    pub fn as_secret(&self) -> Option<&str> {
        if let Self::Secret(name) = self { Some(name) } else { None }
    }

    /// Returns the number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// Returns the truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Lists the values of a list. Any other value is a list of one, and nothing is an empty list.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::None => &[],
            Self::List(items) => items,
            single => std::slice::from_ref(single),
        }
    }

    /// Returns a field of a record.
    pub fn field(&self, name: &str) -> &Self {
        static NONE: Data = Data::None;
        if let Self::Record(fields) = self { fields.get(name).unwrap_or(&NONE) } else { &NONE }
    }
}
