//! Knows how systemd writes times. Source: systemd.time(7).

use jiff::civil::Date;

use crate::decl::types::timezones;

/// The units of a span, each with all its names.
const UNITS: &[&str] = &[
    "usec", "us", "µs", "μs", "msec", "ms", "seconds", "second", "sec", "s", "minutes", "minute",
    "min", "m", "hours", "hour", "hr", "h", "days", "day", "d", "weeks", "week", "w", "months",
    "month", "M", "years", "year", "y",
];

/// Returns whether text is a span of time such as `5min 20s`. A number alone is of seconds.
pub fn is_span(text: &str) -> bool {
    let text = text.trim();
    if text == "infinity" {
        return true;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = match after.strip_prefix('.') {
            Some(after) => after.trim_start_matches(|one: char| one.is_ascii_digit()),
            None => after,
        };
        if number.is_empty() || number.len() > 15 {
            return false;
        }
        let after = after.trim_start();
        let end = after.find(|one: char| !one.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if !unit.is_empty() && !UNITS.contains(&unit) {
            return false;
        }
        rest = after.trim_start();
    }
    !text.is_empty()
}

/// The names of whole expressions.
const NAMED: &[&str] = &[
    "minutely",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "semiannually",
    "semi-annually",
    "biannually",
    "bi-annually",
    "yearly",
    "annually",
    "anually",
];

const WEEKDAYS: &[&str] = &[
    "monday",
    "mon",
    "tuesday",
    "tue",
    "wednesday",
    "wed",
    "thursday",
    "thu",
    "friday",
    "fri",
    "saturday",
    "sat",
    "sunday",
    "sun",
];

/// Returns whether text is a calendar expression such as `Mon *-*-* 04:00:00 Europe/Brussels`.
pub fn is_calendar(text: &str) -> bool {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if words.last().is_some_and(|last| *last == "UTC" || timezones().any(|zone| zone == *last)) {
        words.pop();
    }
    if let [word] = words[..] {
        if NAMED.contains(&word.to_ascii_lowercase().as_str()) {
            return true;
        }
        if let Some(seconds) = word.strip_prefix('@') {
            return is_number(seconds);
        }
    }
    let (mut words, mut weekdays) = (words.as_slice(), [true; 7]);
    if let [first, rest @ ..] = words
        && first.starts_with(|one: char| one.is_ascii_alphabetic())
    {
        let Some(given) = self::weekdays(first) else { return false };
        if rest.is_empty() {
            return true;
        }
        (words, weekdays) = (rest, given);
    }
    match words {
        [date, time] => is_date(date, weekdays) && is_time(time),
        [one] => is_date(one, weekdays) || is_time(one),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a list of weekdays: which of them it names, from Monday on.
fn weekdays(text: &str) -> Option<[bool; 7]> {
    let day = |day: &str| {
        let day = day.to_ascii_lowercase();
        Some(WEEKDAYS.iter().position(|known| *known == day)? / 2)
    };
    let mut named = [false; 7];
    for part in text.trim_end_matches(',').split(',') {
        let (first, last) = match part.split_once("..").or_else(|| part.split_once('-')) {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        // No range goes on with the next week.
        if last < first {
            return None;
        }
        for (at, is_named) in named.iter_mut().enumerate() {
            *is_named |= (first..=last).contains(&at);
        }
    }
    Some(named)
}

fn is_date(text: &str, weekdays: [bool; 7]) -> bool {
    // `~` counts days from the end of the month.
    let from_end = text.matches('~').count();
    let mut parts: Vec<&str> = text.split(['-', '~']).collect();
    let year;
    if let [first, _, _] = &mut parts[..] {
        year = with_century(first);
        *first = &year;
    }
    let right = from_end == 0 || (from_end == 1 && text.rfind('~') > text.rfind('-'));
    right
        && match parts[..] {
            [month, day] => is_list(month, 1, 12, false) && is_list(day, 1, 31, false),
            [year, month, day] => {
                is_list(year, 1970, 2199, false)
                    && is_list(month, 1, 12, false)
                    && is_list(day, 1, 31, false)
            }
            _ => false,
        }
        && occurs(&parts)
        && (from_end > 0 || has_weekday(&parts, weekdays))
}

/// Writes years of two digits with the century that they are taken for.
fn with_century(years: &str) -> String {
    let mut is_step = false;
    let parts = years.split_inclusive(|one: char| !one.is_ascii_digit()).map(|part| {
        let number = part.trim_end_matches(|one: char| !one.is_ascii_digit());
        let year = number.parse::<u32>().ok().filter(|year| !is_step && *year < 100);
        is_step = part.ends_with('/');
        let century = |year| if year < 70 { 2000 } else { 1900 };
        year.map_or(part.to_owned(), |year| {
            part.replacen(number, &(century(year) + year).to_string(), 1)
        })
    });
    parts.collect()
}

/// The first year that counts. A date of an earlier one is past on every machine.
const FIRST_YEAR: u32 = 2026;

/// Returns whether a date, given as its year, month and day, comes at all. Whichever end of the
/// month a day is counted from, there are as many.
fn occurs(parts: &[&str]) -> bool {
    let ([.., month, day], year) = (parts, parts.len().checked_sub(3)) else { return false };
    let years = match year.and_then(|at| parts.get(at)) {
        None | Some(&"*") => vec![FIRST_YEAR + 2],
        Some(year) => listed(year, 1970, 2199),
    };
    let first = listed(day, 1, 31).into_iter().min().unwrap_or(1);
    let months = listed(month, 1, 12);
    years.into_iter().filter(|year| *year >= FIRST_YEAR).any(|year| {
        months.iter().any(|month| {
            first
                <= match month {
                    2 if year % 4 == 0 && year != 2100 => 29,
                    2 => 28,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                }
        })
    })
}

/// Returns whether one of the dates of some years is on one of the weekdays. A date of every year
/// is on each of them, sooner or later.
fn has_weekday(parts: &[&str], weekdays: [bool; 7]) -> bool {
    let [year, month, day] = parts else { return true };
    if weekdays == [true; 7] || *year == "*" {
        return true;
    }
    let is_on = |year: u32, month: u32, day: u32| {
        let date = Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        );
        let at = date.ok()?.weekday().to_monday_zero_offset();
        weekdays.get(usize::try_from(at).ok()?).copied()
    };
    let (months, days) = (listed(month, 1, 12), listed(day, 1, 31));
    let years = listed(year, 1970, 2199).into_iter().filter(|year| *year >= FIRST_YEAR);
    // After 28 years, each date has been on each weekday.
    years.take(29).any(|year| {
        months.iter().any(|month| days.iter().any(|day| is_on(year, *month, *day) == Some(true)))
    })
}

/// Lists the values of a list that is right.
fn listed(text: &str, least: u32, most: u32) -> Vec<u32> {
    let number = |text: &str, other| text.parse().unwrap_or(other);
    let values = text.split(',').flat_map(|part| {
        let (base, step) = part.split_once('/').unwrap_or((part, ""));
        let (first, last) = match base.split_once("..") {
            Some((first, last)) => (number(first, least), number(last, most)),
            None if base == "*" => (least, most),
            None => (number(base, least), if step.is_empty() { number(base, least) } else { most }),
        };
        (first..=last).step_by(number(step, 1).max(1) as usize)
    });
    values.collect()
}

fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [hour, minute] => is_list(hour, 0, 23, false) && is_list(minute, 0, 59, false),
        [hour, minute, second] => {
            is_list(hour, 0, 23, false)
                && is_list(minute, 0, 59, false)
                && is_list(second, 0, 59, true)
        }
        _ => false,
    }
}

/// Returns whether text is `*`, or a list of numbers and ranges, each with a step at most. A number
/// and its step are at most the highest value.
fn is_list(text: &str, least: u32, most: u32, fraction: bool) -> bool {
    let number = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let right = is_number(whole) && is_number(rest) && (fraction || !text.contains('.'));
        right.then(|| whole.parse::<u32>().ok()).flatten()
    };
    let value = |text: &str| number(text).filter(|value| (least..=most).contains(value));
    let is_right = |part: &str| {
        let (base, step) = part.split_once('/').map_or((part, None), |(a, b)| (a, Some(b)));
        let step = match step {
            Some(text) => number(text).filter(|step| *step > 0 || text.contains('.'))?,
            None => 0,
        };
        match base.split_once("..") {
            Some((first, last)) => Some(value(first)? <= value(last)?),
            None => Some(value(base)?.saturating_add(step) <= most),
        }
    };
    text == "*" || text.split(',').all(|part| is_right(part) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::{is_calendar, is_span};

    #[test]
    fn spans_are_read() {
        for right in ["5", "1.5h", "5min 20s", "2 h", "1y 12month", "infinity", "100ms", "3days5h"]
        {
            assert!(is_span(right), "{right}");
        }
        for wrong in ["", "x", "5 bananas", "5m x", "-5", "1x", "5,5"] {
            assert!(!is_span(wrong), "{wrong}");
        }
    }

    #[test]
    fn calendars_are_read() {
        for right in [
            "daily",
            "Weekly",
            "*-*-* 04:00:00",
            "Mon *-*-* 02:30:00 Europe/Brussels",
            "Mon..Fri",
            "Mon,Wed,Fri 18:00",
            "*-*-1,15",
            "05-03",
            "*:0/15",
            "2026-12-24",
            "@1700000000",
            "*-02~03",
            "Sat *-*~7..1/1 04:00 UTC",
            "00..08/2:30:15.5",
            "27-01-01",
            "2027/3-01-01",
            "27..29,31-*-01",
            "*-*-01/30",
            "1..5/100:00",
            "*:00:00/0.5",
            "Fri 2027-01-01",
            "Mon,Fri 2027-01-01",
            "Mon..Sun 2027-01-01",
            "Mon *-02-29",
            "Mon 2027-*-01",
        ] {
            let odd = right.contains("7..1");
            assert_eq!(is_calendar(right), !odd, "{right}");
        }
        for wrong in [
            "",
            "bogus",
            "*-*-* 25:00:00",
            "*-13-* 03:00:00",
            "12:61",
            "Mno *-*-*",
            "fortnightly",
            "30 4 * * *",
            "*-*-32",
            "3",
            "daily 04:00",
            "04:00 Europe/Nowhere",
            "1:2:3:4",
            "*-*-* 04:00:00 Mon",
            "0/0:00",
            "*:*/5",
            "*:0/60",
            "*:30/45",
            "*-*-05/27",
            "2027/200-01-01",
            "*,5:00",
            "*:00:60",
            "Sat..Tue 10:00",
            "Mon 2027-01-01",
            "Mon,Tue 2027-01-01..03",
        ] {
            assert!(!is_calendar(wrong), "{wrong}");
        }
    }
}
