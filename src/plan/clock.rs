//! Finds the local times that a time zone skips or has twice when its clocks are changed.
//!
//! The compiler knows no date. So it looks at every change of the years in which what it writes may
//! run. The rules of the zones are part of the program.

use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::model::Cron;

/// The years that are looked at.
const YEARS: std::ops::Range<i16> = 2026..2038;

/// The most hours of a day at which a schedule runs that a missed run delays for too long. One that
/// runs more often is on time again soon.
const FEW_HOURS: usize = 3;

/// The changes of a zone's clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    changes: Vec<Change>,
}

/// A change of a zone's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first local time that is skipped or comes twice.
    pub from: DateTime,
    /// The first one after those.
    pub to: DateTime,
    /// Whether they are skipped. Otherwise they come twice.
    pub skipped: bool,
}

impl Clock {
    /// Finds the changes of a zone, or nothing if its name is unknown.
    pub fn of(timezone: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(timezone).ok()?;
        Some(Self { changes: changes(&zone) })
    }

    /// Returns the first change that keeps a schedule from running once.
    pub fn obstacle(&self, schedule: &Cron) -> Option<Change> {
        let (hours, minutes) = (schedule.hours(), schedule.minutes());
        if hours.len() > FEW_HOURS {
            return None;
        }
        let times =
            || hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute)));
        self.changes.iter().copied().find(|change| {
            // A change at midnight may concern two days.
            [change.from.date(), change.to.date()].into_iter().any(|day| {
                let (month, of_month) = (day.month().cast_unsigned(), day.day().cast_unsigned());
                let weekday = day.weekday().to_sunday_zero_offset().cast_unsigned();
                schedule.is_on(month, of_month, weekday)
                    && times().any(|(hour, minute)| {
                        let time = day.at(hour.cast_signed(), minute.cast_signed(), 0, 0);
                        (change.from..change.to).contains(&time)
                    })
            })
        })
    }

    /// Returns the next later schedule that always runs once.
    pub fn later(&self, schedule: &Cron) -> Option<Cron> {
        let hours = schedule.hours();
        (1..24)
            .map(|by| {
                let mut hours: Vec<u8> = hours.iter().map(|hour| (hour + by) % 24).collect();
                hours.sort_unstable();
                schedule.at_hours(&hours)
            })
            .find(|schedule| self.obstacle(schedule).is_none())
    }
}

fn changes(zone: &TimeZone) -> Vec<Change> {
    let Ok(start) = Offset::UTC.to_timestamp(date(YEARS.start, 1, 1).at(0, 0, 0, 0)) else {
        return Vec::new();
    };
    let mut before = zone.to_offset(start);
    let mut changes = Vec::new();
    for transition in zone.following(start) {
        let (at, after): (Timestamp, Offset) = (transition.timestamp(), transition.offset());
        let (old, new) = (before.to_datetime(at), after.to_datetime(at));
        // The list has no end for a zone that changes its clocks every year.
        if old.year() >= YEARS.end {
            break;
        }
        // Some transitions change only the abbreviation of the zone.
        if old != new {
            let skipped = new > old;
            changes.push(Change { from: old.min(new), to: old.max(new), skipped });
        }
        before = after;
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(text: &str) -> Cron {
        Cron::parse(text).expect("a schedule")
    }

    #[test]
    fn the_clocks_of_brussels_change_on_sundays_before_three() {
        let clock = Clock::of("Europe/Brussels").expect("a zone");
        let skipped = clock.obstacle(&cron("30 2 * * *")).expect("it is skipped");
        assert_eq!(skipped.from, date(2026, 3, 29).at(2, 0, 0, 0));
        assert_eq!(skipped.to, date(2026, 3, 29).at(3, 0, 0, 0));
        assert!(skipped.skipped);
        assert_eq!(clock.later(&cron("30 2 * * *")), Some(cron("30 3 * * *")));
        for sound in ["0 3 * * *", "59 1 * * *", "30 2 * * 1-6", "30 2 1 * *", "30 * * * *"] {
            assert_eq!(clock.obstacle(&cron(sound)), None, "{sound}");
        }
        let twice = clock.obstacle(&cron("30 2 * 10 0")).expect("it comes twice");
        assert!(!twice.skipped);
    }

    #[test]
    fn clocks_that_change_at_midnight_are_known() {
        let obstacle = |zone, text| Clock::of(zone).expect("a zone").obstacle(&cron(text));
        assert!(obstacle("Africa/Cairo", "15 0 * * *").is_some_and(|change| change.skipped));
        assert!(obstacle("Africa/Cairo", "15 23 * * *").is_some_and(|change| !change.skipped));
        assert!(obstacle("Europe/Kyiv", "30 3 * * 0").is_some());
        assert!(obstacle("Australia/Lord_Howe", "15 2 * * *").is_some());
        assert!(obstacle("Australia/Lord_Howe", "45 2 * * *").is_none());
        assert_eq!(obstacle("Etc/UTC", "30 2 * * *"), None);
        assert_eq!(obstacle("Asia/Tokyo", "30 2 * * *"), None);
    }

    #[test]
    fn every_zone_of_the_language_is_known() {
        for zone in crate::decl::types::timezones() {
            let clock = Clock::of(zone).unwrap_or_else(|| panic!("{zone} is unknown"));
            // Easter Island changes them at 22, all others in the night.
            for hour in 4..21 {
                let schedule = cron(&format!("* {hour} * * *"));
                assert_eq!(clock.obstacle(&schedule), None, "{zone} at {hour}");
            }
        }
    }
}
