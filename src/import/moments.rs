//! Reads plain dates and times as compose reads them. It hands on what they are, as Go writes it.

/// Returns how compose writes a plain scalar that is a date, or a date with a time.
pub fn written(text: &str) -> Option<String> {
    let (date, sign, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, text.get(at..=at)?, text.get(at + 1..)?),
        None => (text, "", ""),
    };
    let date = day(date)?;
    if sign.is_empty() {
        return Some(format!("{date} 00:00:00 +0000 UTC"));
    }
    // A blank comes before a time of no zone, and a letter before one with its zone.
    let (time, zone) = match (sign, time.strip_suffix('Z')) {
        (" ", _) => (time, "+0000 UTC".to_owned()),
        (_, Some(time)) => (time, "+0000 UTC".to_owned()),
        (_, None) => {
            let at = time.rfind(['+', '-'])?;
            (time.get(..at)?, zone(time.get(at..)?)?)
        }
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<u32> = time.split(':').map(short).collect::<Option<_>>()?;
    let [hour, minute, second] = parts[..] else { return None };
    let digits = fraction.chars().all(|c| c.is_ascii_digit()) && (1..10).contains(&fraction.len());
    if hour > 23 || minute > 59 || second > 59 || !digits {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    Some(format!("{date} {hour:02}:{minute:02}:{second:02}{fraction} {zone}"))
}

/// Reads the day of a calendar.
fn day(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let digits = year.len() == 4 && year.chars().all(|c| c.is_ascii_digit());
    let number: u32 = year.parse().ok().filter(|_| digits)?;
    let (month, day) = (short(month)?, short(day)?);
    let leap =
        number.is_multiple_of(4) && !number.is_multiple_of(100) || number.is_multiple_of(400);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| format!("{year}-{month:02}-{day:02}"))
}

/// Reads a number of one or two digits.
fn short(text: &str) -> Option<u32> {
    let digits = matches!(text.len(), 1 | 2) && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Reads the distance of a zone, such as `+02:00`.
fn zone(text: &str) -> Option<String> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let plain = hours.len() == 2 && minutes.len() == 2;
    let (hour, minute) = (short(hours)?, short(minutes)?);
    let name = format!("{}{hours}{minutes}", text.get(..1)?);
    let name =
        if (hour, minute) == (0, 0) { "+0000 UTC".to_owned() } else { format!("{name} {name}") };
    (plain && hour < 25 && minute < 60).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn writes_dates_as_compose_does() {
        for (text, wanted) in [
            ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
            ("2024-1-1", "2024-01-01 00:00:00 +0000 UTC"),
            ("2024-02-29", "2024-02-29 00:00:00 +0000 UTC"),
            ("2024-01-01 10:00:00", "2024-01-01 10:00:00 +0000 UTC"),
            ("2024-01-01T10:00:00Z", "2024-01-01 10:00:00 +0000 UTC"),
            ("2024-01-01T10:00:00.1230Z", "2024-01-01 10:00:00.123 +0000 UTC"),
            ("2024-01-01t10:00:00+02:00", "2024-01-01 10:00:00 +0200 +0200"),
        ] {
            assert_eq!(written(text).as_deref(), Some(wanted), "{text}");
        }
        for text in [
            "2024-13-45",
            "2023-02-29",
            "24-01-01",
            "2024-01",
            "2024-01-01T10:00:00",
            "2024-01-01 10:00:00Z",
            "2001-12-14 21:59:43.10 -5",
            "2024-01-01 25:00:00",
            "12:30:45",
            "2024-01-01T",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
