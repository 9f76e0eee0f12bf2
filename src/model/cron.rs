//! Schedules.

use std::fmt;

/// A schedule of five cron fields, kept as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cron(String);

impl Cron {
    const RANGES: [(u8, u8); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

    /// Reads `30 2 * * *`: numbers, `*`, lists, ranges and steps.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let valid = fields.len() == 5
            && fields
                .iter()
                .zip(Self::RANGES)
                .all(|(field, range)| Self::field(field, range).is_some());
        let cron = Self(fields.join(" "));
        // The days that a month has at most. On the 30th of February, nothing ever runs.
        let longest = |month: &u8| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let first = if valid { cron.values(2).into_iter().min().unwrap_or(1) } else { 1 };
        let occurs = !valid || cron.values(3).iter().map(longest).any(|last| first <= last);
        // If both days are restricted, cron runs when either one matches, but systemd requires
        // both. So such a schedule has no equivalent in systemd.
        (valid && occurs && (fields[2] == "*" || fields[4] == "*")).then_some(cron)
    }

    /// Returns the values of one field, or nothing for every value.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether the field is well formed, the inner one whether it \
                  restricts"
    )]
    fn field(field: &str, (low, high): (u8, u8)) -> Option<Option<Vec<u8>>> {
        if field == "*" {
            return Some(None);
        }
        let mut values = Vec::new();
        for part in field.split(',') {
            let (range, step) = match part.split_once('/') {
                // A step beyond the whole field, such as 90 minutes, comes to one time in it.
                Some((range, step)) => {
                    let fits = |step: &u8| (1..=high - low + 1).contains(step);
                    (range, step.parse::<u8>().ok().filter(fits)?)
                }
                None => (part, 1),
            };
            let number =
                |text: &str| text.parse::<u8>().ok().filter(|value| (low..=high).contains(value));
            let (first, last) = match range.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None if range == "*" => (low, high),
                // `5/10` goes on from 5 to the end.
                None if part.contains('/') => (number(range)?, high),
                None => (number(range)?, number(range)?),
            };
            if first > last {
                return None;
            }
            values.extend((first..=last).step_by(usize::from(step)));
        }
        values.sort_unstable();
        values.dedup();
        Some(Some(values))
    }

    /// Returns a schedule with a time before each time of this one: an hour before where that is on
    /// the same day, otherwise half an hour before every full turn of the minutes.
    #[must_use]
    pub fn before(&self) -> Self {
        let mut fields: Vec<String> = self.0.split(' ').map(str::to_owned).collect();
        let number = |field: Option<&String>| field.and_then(|text| text.parse::<u8>().ok());
        match (number(fields.first()), number(fields.get(1))) {
            (_, Some(hour @ 1..)) => {
                if let Some(field) = fields.get_mut(1) {
                    *field = (hour - 1).to_string();
                }
                Self(fields.join(" "))
            }
            (Some(minute), _) => Self(format!("{} * * * *", (minute + 30) % 60)),
            _ => self.clone(),
        }
    }

    /// Returns the hours at which it runs.
    pub fn hours(&self) -> Vec<u8> {
        self.values(1)
    }

    /// Returns the minutes of an hour at which it runs.
    pub fn minutes(&self) -> Vec<u8> {
        self.values(0)
    }

    /// Returns whether it runs on a day. `weekday` counts from Sunday, which is 0.
    pub fn is_on(&self, month: u8, day: u8, weekday: u8) -> bool {
        self.values(2).contains(&day)
            && self.values(3).contains(&month)
            && self.values(4).iter().any(|one| one % 7 == weekday)
    }

    /// Returns the most days from one on which it runs to the next one.
    pub fn days_between(&self) -> u32 {
        // All days of nine years, of which three are leap years. The first is a Monday.
        let (mut weekday, mut since, mut most) = (1, None, 1);
        for year in 2024..2033 {
            for month in 1..=12 {
                let days = match month {
                    2 if year % 4 == 0 => 29,
                    2 => 28,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                for day in 1..=days {
                    since = since.map(|days: u32| days + 1);
                    if self.is_on(month, day, weekday) {
                        most = most.max(since.unwrap_or_default());
                        since = Some(0);
                    }
                    weekday = (weekday + 1) % 7;
                }
            }
        }
        most
    }

    /// Returns how many seconds may pass between two runs before the next one is late. A run takes
    /// time, and may wait for another one.
    pub fn late_after(&self) -> u32 {
        let days = self.days_between();
        days * 86_400 + (days * 7 * 3_600).max(12 * 3_600)
    }

    /// Returns the same schedule at other hours.
    #[must_use]
    pub fn at_hours(&self, hours: &[u8]) -> Self {
        let hours: Vec<String> = hours.iter().map(u8::to_string).collect();
        let mut fields: Vec<&str> = self.0.split(' ').collect();
        let hours = hours.join(",");
        if let Some(field) = fields.get_mut(1) {
            *field = &hours;
        }
        Self(fields.join(" "))
    }

    /// Lists the values of a field.
    fn values(&self, index: usize) -> Vec<u8> {
        let (Some(field), Some(range)) = (self.0.split(' ').nth(index), Self::RANGES.get(index))
        else {
            return Vec::new();
        };
        Self::field(field, *range).flatten().unwrap_or_else(|| (range.0..=range.1).collect())
    }

    /// Reads a time of systemd, such as `Sun *-*-* 05:30:00` without its zone, if cron has the
    /// same one.
    pub fn of_calendar(text: &str) -> Option<Self> {
        // A week of systemd begins on Monday.
        let whole = match text {
            "minutely" => Some("* * * * *"),
            "hourly" => Some("0 * * * *"),
            "daily" => Some("0 0 * * *"),
            "weekly" => Some("0 0 * * 1"),
            "monthly" => Some("0 0 1 * *"),
            _ => None,
        };
        if let Some(text) = whole {
            return Self::parse(text);
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let (time, before) = words.split_last()?;
        let mut time = time.split(':');
        let (hour, minute) = (time.next()?, time.next()?);
        let number = |text: &str| text.replace("..", "-");
        let (mut weekdays, mut day, mut month) = ("*".to_owned(), "*", "*");
        for word in before {
            if let Some((rest, of_month)) = word.rsplit_once('-') {
                (month, day) = (rest.rsplit_once('-').map_or(rest, |(_, month)| month), of_month);
            } else {
                weekdays = number(word);
                for (number, name) in (0_u8..).zip(Self::DAYS) {
                    weekdays = weekdays.replace(name, &number.to_string());
                }
            }
        }
        let fields = [number(minute), number(hour), number(day), number(month), weekdays];
        Self::parse(&fields.join(" "))
    }

    /// Returns the schedule as cron writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the schedule as systemd's `OnCalendar=` writes it.
    pub fn calendar(&self) -> String {
        let mut fields = self
            .0
            .split(' ')
            .zip(Self::RANGES)
            .map(|(field, range)| Self::field(field, range).flatten());
        let mut next = || fields.next().flatten();
        let list = |values: Option<Vec<u8>>| {
            values.map_or_else(
                || "*".to_owned(),
                |values| {
                    values.iter().map(|value| format!("{value:02}")).collect::<Vec<_>>().join(",")
                },
            )
        };
        let (minute, hour, day, month) = (list(next()), list(next()), list(next()), list(next()));
        let weekdays = next().map_or_else(String::new, |values| {
            // Cron has two numbers for Sunday, 0 and 7.
            let mut days: Vec<u8> = values.iter().map(|day| day % 7).collect();
            days.sort_unstable();
            days.dedup();
            let names: Vec<&str> = days.iter().map(|day| Self::DAYS[usize::from(*day)]).collect();
            format!("{} ", names.join(","))
        });
        format!("{weekdays}*-{month}-{day} {hour}:{minute}:00")
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Cron;

    #[test]
    fn times_of_systemd_are_read() {
        let read = |text| Cron::of_calendar(text).map(|cron| cron.to_string());
        assert_eq!(read("*-*-* 02:30:00").as_deref(), Some("30 02 * * *"));
        assert_eq!(read("Sun *-*-* 02:30").as_deref(), Some("30 02 * * 0"));
        assert_eq!(read("Mon..Fri 02,14:05:00").as_deref(), Some("05 02,14 * * 1-5"));
        assert_eq!(read("*-*-01 00/6:00:00").as_deref(), Some("00 00/6 01 * *"));
        assert_eq!(read("daily").as_deref(), Some("0 0 * * *"));
        assert_eq!(read("quarterly"), None);
    }

    #[test]
    fn a_run_is_late_after_the_longest_time_between_two() {
        for (text, days) in [
            ("30 2 * * *", 1),
            ("0 */6 * * *", 1),
            ("0 10 * * 0", 7),
            ("0 10 * * 7", 7),
            ("0 10 * * 1-5", 3),
            ("0 10 1 * *", 31),
            ("0 10 31 * *", 61),
            ("0 10 1 1,7 *", 184),
            ("0 10 29 2 *", 1461),
        ] {
            let cron = Cron::parse(text).expect("a schedule");
            assert_eq!(cron.days_between(), days, "{text}");
            assert!(cron.late_after() >= days * 86_400 + 43_200, "{text}");
        }
    }

    #[test]
    fn every_schedule_reads_back_from_its_calendar() {
        for text in ["30 2 * * *", "0 */6 * * *", "5 1-3 1 * *", "7 5 * * 0", "0 0 * 3,10 1-5"] {
            let cron = Cron::parse(text).expect("a schedule");
            let back = Cron::of_calendar(&cron.calendar()).expect("a time of systemd");
            assert_eq!(back.calendar(), cron.calendar());
        }
    }
}
