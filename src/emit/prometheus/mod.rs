//! Emits what a Prometheus reads: targets, rules, and unit tests of the rules.
//!
//! Prometheus' container sees the service's configuration folder as `/etc/prometheus`. Rule files
//! that don't depend on the lab are files next to this one. Each is emitted only if the metrics of
//! its alerts exist.

mod alerts;
mod config;
mod expected;
mod late;
mod template;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, Origin};
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::{Role, Service};
use crate::plan::Measured;

/// The emitter of the files of every Prometheus on the machine.
pub const EMITTER: Emitter = Emitter { name: "prometheus", folders: &[], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    for (id, service) in context.services().filter(|(_, service)| service.has(Role::Prometheus)) {
        let Some(measured) = context.plan.measured.get(&id) else { continue };
        let mut add = |path: &str, kind: Kind, text: &str, origin: Vec<Origin>| {
            let source = format!("{}/{path}", service.name);
            artifacts.install(
                &source,
                Artifact::new(kind, text, origin),
                &format!("{}/{path}", service.config_folder()),
                "0644",
            );
        };
        let (text, origin) = config::config(context.plan, id);
        add("prometheus.yml", Kind::PrometheusConfig, &text, origin);
        let mut tests = Vec::new();
        for (name, rules, test) in fixed_rules(measured) {
            add(&format!("rules/{name}.yml"), Kind::PrometheusRules, rules, EMITTER.fixed());
            tests.push((name, test.to_owned(), EMITTER.fixed()));
        }
        let expected = expected::containers(context.plan, measured);
        let late = late::backups(context.plan, measured);
        let of_lab = late.into_iter().chain(alerts::rendered(context.plan)).chain(expected);
        for rendered in of_lab {
            add(
                &format!("rules/{}.yml", rendered.name),
                Kind::PrometheusRules,
                &rendered.rules,
                rendered.origin.clone(),
            );
            tests.extend(rendered.tests.map(|test| (rendered.name, test, rendered.origin)));
        }
        // The tests are for reviewers and CI, so they are in the bundle but are not installed.
        for (name, test, origin) in tests {
            artifacts.add(format!("{}/tests/{name}.yml", service.name), Kind::Yaml, test, origin);
        }
    }
}

/// Lists the rule files that don't depend on the lab, each with its tests, if their metrics exist.
fn fixed_rules(measured: &Measured) -> Vec<(&'static str, &'static str, &'static str)> {
    macro_rules! files {
        ($($name:literal if $exists:expr),* $(,)?) => {
            [$((
                $exists,
                $name,
                include_str!(concat!("rules/", $name, ".yml")),
                include_str!(concat!("tests/", $name, ".yml"))
            )),*]
        };
    }
    let files = files![
        "service" if true,
        "node" if !measured.machines.is_empty(),
        "temperature" if measured.bare_metal,
        "zfs" if measured.bare_metal,
        "snapshots" if measured.snapshots,
        "units" if measured.units,
        "nfs" if measured.nfs,
        "container" if !measured.containers.is_empty(),
        "prometheus" if measured.itself,
        "alertmanager" if measured.itself && measured.alertmanager,
        "delivery" if measured.delivery,
        "heartbeat" if measured.heartbeat,
        "route" if measured.routes,
        "backup-runs" if !measured.backups.is_empty(),
        "backup-dumps" if measured.dumps,
    ];
    files
        .into_iter()
        .filter(|(exists, ..)| *exists)
        .map(|(_, name, rules, test)| (name, rules, test))
        .collect()
}

/// Returns a service as an origin.
fn origin(service: &Service) -> Origin {
    format!("service {}", service.name)
}
