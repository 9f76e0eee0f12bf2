//! Finds schedules at local times that do not exist on one day of the year, or come twice.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Cron, Data, Service};
use crate::plan::Plan;
use crate::plan::clock::Clock;
use crate::source::Span;

/// Finds options, timers and variables with such a time.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "schedule-at-clock-change",
    Warning,
    "a schedule whose time is skipped, or comes twice, when the clocks change"
);

/// A schedule of a service.
struct Schedule {
    cron: Cron,
    /// The zone of its times.
    timezone: String,
    /// Whether systemd reads it, so that its own notation is suggested.
    systemd: bool,
    span: Span,
    what: String,
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let lab = &plan.model.lab.timezone;
    for service in &plan.model.services {
        let mut seen: Vec<String> = Vec::new();
        for schedule in schedules(service, lab) {
            // What a module makes of an option is reported where the option is set.
            if seen.contains(&schedule.cron.calendar()) {
                continue;
            }
            seen.push(schedule.cron.calendar());
            report(&schedule, service, diagnostics);
        }
    }
}

/// Lists the schedules of a service: its options first, then what its module makes.
fn schedules(service: &Service, lab: &str) -> Vec<Schedule> {
    let mut schedules = Vec::new();
    for (name, value) in &service.options {
        // A default is reported below, where the module makes a timer or a variable of it.
        let given = service.option_spans.contains_key(name);
        for text in texts(value) {
            // Only a schedule reads as one.
            if let Some(cron) = Cron::parse(text).filter(|_| given) {
                schedules.push(Schedule {
                    cron,
                    timezone: lab.to_owned(),
                    systemd: false,
                    span: service.option_span(name),
                    what: format!("`{name}` of `{}`", service.name),
                });
            }
        }
    }
    for unit in &service.units {
        let settings = unit.sections.iter().flat_map(|(_, settings)| settings);
        for (_, words) in settings.filter(|(name, _)| name == "OnCalendar") {
            let text = words.join(" ");
            let (time, timezone) = zoned(&text, lab);
            if let Some(cron) = Cron::of_calendar(time) {
                schedules.push(Schedule {
                    cron,
                    timezone: timezone.to_owned(),
                    systemd: true,
                    span: unit.span,
                    what: format!("`{}` of `{}`", unit.name, service.name),
                });
            }
        }
    }
    for container in &service.containers {
        let variables = || container.environment.iter().chain(&container.raw_environment);
        // Without it, the program's times are those of UTC.
        let Some(zone) = variables().find(|variable| variable.name == "TZ") else { continue };
        for variable in variables() {
            if let Some(cron) = Cron::parse(&variable.value) {
                schedules.push(Schedule {
                    cron,
                    timezone: zone.value.clone(),
                    systemd: false,
                    span: variable.span,
                    what: format!("`{}` of `{}`", variable.name, container.name),
                });
            }
        }
    }
    schedules
}

/// Lists the texts in the value of an option.
fn texts(value: &Data) -> Vec<&str> {
    match value {
        Data::Text(text) => vec![text],
        Data::List(items) => items.iter().flat_map(texts).collect(),
        Data::Record(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Splits a time of systemd from its zone.
fn zoned<'t>(text: &'t str, lab: &'t str) -> (&'t str, &'t str) {
    match text.rsplit_once(' ') {
        Some((time, zone)) if Clock::of(zone).is_some() => (time, zone),
        _ => (text, lab),
    }
}

fn report(schedule: &Schedule, service: &Service, diagnostics: &mut Diagnostics) {
    let Some(clock) = Clock::of(&schedule.timezone) else { return };
    let Some(change) = clock.obstacle(&schedule.cron) else { return };
    let day = change.from.date();
    let happens = if change.skipped { "do not exist" } else { "come twice" };
    let (from, to) = (change.from.time(), change.to.time());
    let message = format!(
        "{} runs when clocks in {} change: on {day}, the times from {:02}:{:02} to {:02}:{:02} \
         {happens}",
        schedule.what,
        schedule.timezone,
        from.hour(),
        from.minute(),
        to.hour(),
        to.minute()
    );
    let write = |cron: &Cron| if schedule.systemd { cron.calendar() } else { cron.to_string() };
    let mut diagnostic = Diagnostic::new(&CODE, schedule.span, message).on(service.name.clone());
    if let Some(later) = clock.later(&schedule.cron) {
        diagnostic =
            diagnostic.help(format!("`{}` is a time that every day has once", write(&later)));
    }
    diagnostics.push(diagnostic);
}
