//! Writes the advice about a value that does not fit.

use std::borrow::Cow;

use super::types::{LONGEST_NAME, Type, is_name};
use crate::diag::nearest;
use crate::diag::render::QUOTED;
use crate::syntax::Scalar;

/// Returns the name of a type's values, without an example.
pub fn article(ty: Type) -> String {
    let name = ty.describe();
    name.split(" such as").next().unwrap_or_default().trim_end_matches(',').to_owned()
}

/// Describes a scalar.
pub fn describe(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Text(text) if text.chars().count() > QUOTED => {
            format!("`{}…`", text.chars().take(QUOTED).collect::<String>())
        }
        Scalar::Text(text) => format!("`{text}`"),
        Scalar::Integer(number) => format!("the number {number}"),
        Scalar::Float(number) => format!("the number {number}"),
        Scalar::Bool(value) => format!("`#{value}`"),
        Scalar::Null => "`#null`".to_owned(),
    }
}

/// Writes what to use instead of a scalar, whose text in the file is `written`.
pub fn advice(ty: Type, scalar: &Scalar<'_>, written: &str) -> String {
    let instead = match scalar {
        Scalar::Text(text) => instead_of_text(ty, text),
        Scalar::Integer(number) => match ty {
            // Who writes thousands means what other programs count in.
            Type::Size => {
                let unit = if *number < 1_000 { "GiB" } else { "MiB" };
                Some(format!("say the unit: `\"{number}{unit}\"`"))
            }
            Type::Duration => Some(format!("say the unit: `\"{number}d\"`")),
            Type::Mode | Type::FileMode => {
                Some("put it in quotes: KDL reads `0755` as the number 755".to_owned())
            }
            Type::Bool if (0..=1).contains(number) => Some(format!("write `#{}`", *number == 1)),
            _ => None,
        },
        _ => None,
    };
    let number = matches!(scalar, Scalar::Integer(_) | Scalar::Float(_));
    let text = matches!(ty, Type::Text | Type::Version | Type::Host | Type::Image | Type::Owner);
    instead.unwrap_or_else(|| {
        if number && text && !written.is_empty() {
            format!(
                "put it in quotes: `\"{written}\"`; KDL reads a bare number as a number, so `1.10` \
                 becomes 1.1"
            )
        } else {
            format!("write {}", ty.describe())
        }
    })
}

/// Says how to write an address where a prefix says who is trusted: it becomes no larger one.
pub fn alone(ty: Type, scalar: &Scalar<'_>) -> Option<String> {
    let (Type::Cidr, Scalar::Text(text)) = (ty, scalar) else { return None };
    let alone = ipnet::IpNet::from(text.parse::<std::net::IpAddr>().ok()?);
    Some(format!("write `\"{alone}\"` for this address alone"))
}

/// Writes text as a name is written: in lower case, with hyphens between its words.
pub fn plain_name(text: &str) -> String {
    let mut name: String = text
        .trim()
        .to_lowercase()
        .replace(|character: char| !character.is_ascii_alphanumeric(), "-");
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    name.trim_matches('-').to_owned()
}

fn instead_of_text(ty: Type, text: &str) -> Option<String> {
    let mean = |near: &str| format!("did you mean `{near}`?");
    match ty {
        Type::Bool => match text.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some("write `#true`".to_owned()),
            "false" | "no" | "off" => Some("write `#false`".to_owned()),
            _ => None,
        },
        Type::Integer
        | Type::Between(..)
        | Type::Port
        | Type::Ports
        | Type::Number
        | Type::Processors => {
            text.parse::<f64>().is_ok().then(|| format!("write {text} without quotes"))
        }
        Type::Name => {
            let name = plain_name(text);
            let name = name.as_str();
            if name.len() > LONGEST_NAME {
                return Some(format!("write a name of {LONGEST_NAME} characters at the most"));
            }
            if let Some(foreign) = text.chars().find(|one| one.is_alphabetic() && !one.is_ascii()) {
                return Some(format!(
                    "write a name of the letters a to z, digits and hyphens: `{foreign}` is \
                     U+{:04X}",
                    u32::from(foreign)
                ));
            }
            (text.is_ascii() && is_name(name)).then(|| {
                format!("write `{name}`: a name has lower-case letters, digits and hyphens")
            })
        }
        Type::Enum(words) => nearest(text, words.iter().copied()).map(mean),
        Type::Timezone => nearest(text, super::types::timezones()).map(mean).or_else(|| {
            let place = text.rsplit('/').next()?;
            super::types::timezones()
                .find(|zone| {
                    zone.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(place))
                })
                .map(mean)
        }),
        Type::Size => {
            let (number, unit) = text.split_at(
                text.find(|character: char| !character.is_ascii_digit() && character != '.')?,
            );
            let unit = unit.trim().to_uppercase();
            let binary = if unit.ends_with("IB") || !unit.ends_with('B') || unit.len() == 1 {
                "iB"
            } else {
                "B"
            };
            let letter = unit.chars().next().filter(|letter| "KMGT".contains(*letter))?;
            // The decimal unit is `kB`, but the binary one is `KiB`.
            let letter = if letter == 'K' && binary == "B" { 'k' } else { letter };
            let size = format!("{number}{letter}{binary}");
            crate::model::Size::parse(&size)
                .filter(|size| size.0 > 0)
                .map(|_| format!("write `\"{size}\"`"))
        }
        Type::Duration => {
            let (number, unit) =
                text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
            // Words such as `days` and `hours` begin with the letter of their unit.
            let unit = unit.trim().chars().next()?;
            let time = format!("{number}{unit}");
            crate::model::Duration::parse(&time).map(|_| format!("write `\"{time}\"`"))
        }
        Type::Cron if text.starts_with('@') => {
            Some("write the five fields: `\"0 4 * * *\"` is every day at four".to_owned())
        }
        Type::Cidr => {
            let address = text.parse::<std::net::IpAddr>().ok()?;
            let length = if address.is_ipv4() { 24 } else { 64 };
            let prefix = ipnet::IpNet::new(address, length).ok()?.trunc();
            Some(format!("add the prefix length: `\"{prefix}\"`"))
        }
        Type::Address | Type::Lease => {
            let address = text.split_once('/')?.0.parse::<std::net::IpAddr>().ok()?;
            Some(format!("write `\"{address}\"`: the prefix length is the network's"))
        }
        Type::FileMode
            if text.len() == 4 && text.starts_with(|first| ('1'..='7').contains(&first)) =>
        {
            let plain = text.get(1..).unwrap_or_default();
            Some(format!("write `\"0{plain}\"`: a file runs as whoever starts it"))
        }
        Type::Path if text.contains(", ") || text.contains(",/") => {
            let paths: Vec<String> =
                text.split(',').map(|path| format!("`\"{}\"`", path.trim())).collect();
            Some(format!("write each folder by itself: {}", paths.join(" ")))
        }
        Type::Path | Type::Inside | Type::Tmpfs | Type::Installed => (!text.starts_with('/')
            && !text.is_empty())
        .then(|| "paths are absolute: they begin with `/`".to_owned()),
        Type::Host if text.starts_with("*.") => Some(
            "give it a name of its own, and the others as a further one: `alias \"*.…\"` in the \
             route, or `below=#true` of a `name`"
                .to_owned(),
        ),
        Type::Host | Type::Hosts => {
            let bare = text
                .split_once("://")
                .map_or(text, |(_, rest)| rest)
                .split('/')
                .next()
                .unwrap_or_default()
                .to_lowercase();
            let valid = Type::Host.read_text(Cow::Borrowed(&bare)).is_some() && bare.contains('.');
            valid.then(|| format!("write `\"{bare}\"`"))
        }
        _ => None,
    }
}
