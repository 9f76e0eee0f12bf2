//! Writes the rules that tell when a backup, the check of its repository, or a restore drill is
//! late: each has a schedule of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::alerts::{
    Annotations, Expectation, Group, Rendered, Rule, Sample, Series, Test, inert, quoted, render,
};
use crate::model::{MachineId, Model, ServiceId};
use crate::plan::{Measured, Plan};

/// Something that a backup service does again and again, and says when it last did.
struct Due {
    /// What it is, in words that its backup service follows.
    what: String,
    service: ServiceId,
    /// The class, of a backup.
    class: Option<&'static str>,
    metric: &'static str,
    limit: u32,
    severity: &'static str,
    /// The alerts: it is old, it never was.
    alerts: [&'static str; 2],
    /// What each of them says.
    says: [[&'static str; 2]; 2],
}

const BACKUP: [[&str; 2]; 2] = [
    ["is late", "The newest one that succeeded is {{ $value | humanizeDuration }} old."],
    ["never succeeded", "Nothing says that one ever did; the backup's unit and its log tell more."],
];

const CHECK: [[&str; 2]; 2] = [
    [
        "is late",
        "The last one was {{ $value | humanizeDuration }} ago. The repository could not be \
         reached, another machine had it locked, or the timer is off.",
    ],
    ["never ran", "Nothing says that one ever did; `systemctl list-timers` shows its timer."],
];

const DRILL: [[&str; 2]; 2] = [
    [
        "is late",
        "The last one was {{ $value | humanizeDuration }} ago. It comes after the check of the \
         repository, in the same unit.",
    ],
    [
        "never ran",
        "Nobody knows whether a file comes back. It comes after the check of the repository, in \
         the same unit.",
    ],
];

/// Lists what a Prometheus can see that it is due.
fn due(plan: &Plan<'_>, measured: &Measured) -> Vec<Due> {
    let backups = measured.backups.iter().filter_map(|(service, class)| {
        Some(Due {
            what: format!("the {} backup", class.name()),
            service: *service,
            class: Some(class.name()),
            metric: "labwright_backup_last_success_timestamp_seconds",
            limit: class.late_after()?,
            severity: "critical",
            alerts: ["BackupTooOld", "BackupNeverRan"],
            says: BACKUP,
        })
    });
    let services: BTreeSet<ServiceId> =
        measured.backups.iter().map(|(service, _)| *service).collect();
    let checked = plan.backups.iter().filter(|backup| services.contains(&backup.service));
    let checks = checked.filter_map(|backup| Some((backup.service, backup.check.as_ref()?)));
    let checks = checks.flat_map(|(service, schedule)| {
        let due = |what: &str, metric, alerts, says| Due {
            what: what.to_owned(),
            service,
            class: None,
            metric,
            limit: schedule.late_after(),
            severity: "warning",
            alerts,
            says,
        };
        [
            due(
                "the check of the repository",
                "labwright_backup_check_timestamp_seconds",
                ["BackupNotChecked", "BackupNeverChecked"],
                CHECK,
            ),
            due(
                "the restore drill",
                "labwright_backup_drill_timestamp_seconds",
                ["BackupNotDrilled", "BackupNeverDrilled"],
                DRILL,
            ),
        ]
    });
    backups.chain(checks).collect()
}

/// Writes the rules and their tests.
pub(super) fn backups(plan: &Plan<'_>, measured: &Measured) -> Option<Rendered> {
    let all = due(plan, measured);
    let rules = all.iter().flat_map(|due| due.rules(plan.model)).collect();
    let tests = all.iter().flat_map(|due| due.tests(plan.model)).collect();
    let is_measured = |machine: MachineId| measured.machines.contains(&machine);
    let origin: BTreeSet<_> = plan
        .backups
        .iter()
        .map(|backup| &plan.model[backup.service])
        .filter(|service| is_measured(service.machine))
        .map(super::origin)
        .collect();
    render("backup", vec![Group { name: "backup".to_owned(), rules }], "30m", tests, origin)
}

impl Due {
    /// Returns the names of its backup service and of the machine.
    fn names<'m>(&self, model: &'m Model) -> (&'m str, &'m str) {
        let service = &model[self.service];
        (&service.name, &model[service.machine].name)
    }

    /// Returns what it is, in words.
    fn words(&self, model: &Model) -> String {
        let (backup, machine) = self.names(model);
        format!("{} of {backup} on {machine}", self.what)
    }

    fn matchers(&self, model: &Model) -> String {
        let (backup, machine) = self.names(model);
        let class =
            self.class.map_or_else(String::new, |class| format!(",class={}", quoted(class)));
        format!("machine={},backup={}{class}", quoted(machine), quoted(backup))
    }

    fn series(&self, model: &Model) -> String {
        format!("{}{{{}}}", self.metric, self.matchers(model))
    }

    fn rules(&self, model: &Model) -> [Rule; 2] {
        let (backup, machine) = self.names(model);
        let (series, limit) = (self.series(model), self.limit);
        let by = if self.class.is_some() { "machine, backup, class" } else { "machine, backup" };
        let expressions = [
            (format!("time() - max by ({by}) ({series}) > {limit}"), "30m".to_owned()),
            // A new lab has none yet, so the first one gets as much time as any other.
            (format!("absent({series})"), format!("{limit}s")),
        ];
        let mut labels = BTreeMap::from([
            ("severity", self.severity.to_owned()),
            ("machine", inert(machine)),
            ("backup", inert(backup)),
        ]);
        labels.extend(self.class.map(|class| ("class", class.to_owned())));
        let [old, never] = expressions;
        let ([old_alert, never_alert], [old_words, never_words]) = (self.alerts, self.says);
        let rule = |(expr, hold), alert: &str, [end, description]: [&str; 2]| Rule {
            alert: alert.to_owned(),
            expr,
            hold,
            labels: labels.clone(),
            annotations: Annotations {
                summary: inert(&format!("{} {end}", self.words(model))),
                description: description.to_owned(),
            },
        };
        [rule(old, old_alert, old_words), rule(never, never_alert, never_words)]
    }

    fn tests(&self, model: &Model) -> [Test; 3] {
        // By then both alerts have been due for longer than the half hour that the first one waits.
        let at = self.limit + 2 * 3_600;
        // Prometheus uses a sample for five minutes.
        let samples = at / 300 + 5;
        let (series, matchers) = (self.series(model), self.matchers(model));
        let [old, never] = self.alerts;
        let either = format!("alertname=~\"{old}|{never}\"");
        let test = |name: &str, values: Option<String>, fires: Option<&str>| Test {
            name: format!("{}: {name}", self.words(model)),
            interval: "5m".to_owned(),
            input_series: values
                .into_iter()
                .map(|values| Series { series: series.clone(), values })
                .collect(),
            expectation: [Expectation {
                expr: fires.map_or_else(
                    || format!("ALERTS{{alertstate=\"firing\",{either},{matchers}}}"),
                    |alert| {
                        let alert = format!("alertname=\"{alert}\",alertstate=\"firing\"");
                        format!("count(ALERTS{{{alert},{matchers}}})")
                    },
                ),
                eval_time: format!("{at}s"),
                exp_samples: fires.map(|_| Sample { labels: "{}", value: 1 }).into_iter().collect(),
            }],
        };
        [
            test("an old one is late", Some(format!("0x{samples}")), Some(old)),
            test("none at all is noticed", None, Some(never)),
            test("a recent one is well", Some(format!("0+300x{samples}")), None),
        ]
    }
}
