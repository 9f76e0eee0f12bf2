//! What is measured, and what raises an alarm.

use super::{Collector, Family};
use crate::check::RECEIVERS;
use crate::digest::sha256_hex;
use crate::model::{Alert, Data, Role, Service};
use crate::plan::{PROBES, Plan};

pub(super) fn collect(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for (job, target) in plan.targets() {
        if job == PROBES {
            facts.add(Family::Scrape, "", "probe", &target, "asked");
        } else {
            let (service, endpoint) = job.split_once('.').map_or((job, ""), |(a, b)| (a, b));
            let service = facts.service(service).to_owned();
            facts.add(Family::Scrape, "", &service, endpoint, target);
        }
    }
    for alert in &model.alerts {
        alert_fact(facts, "", alert);
    }
    for service in &model.services {
        let name = facts.service(&service.name).to_owned();
        for alert in &service.alerts {
            alert_fact(facts, &name, alert);
        }
        keeping(service, facts);
    }
    let own = model.dashboards.iter();
    let dashboards = own.chain(model.services.iter().flat_map(|service| &service.dashboards));
    for dashboard in dashboards {
        let revision = dashboard.revision.map_or_else(
            || "newest when fetched".to_owned(),
            |revision| format!("revision {revision}"),
        );
        let value = match dashboard.id {
            Some(id) => format!("{id} of grafana.com, {revision}"),
            None => "its own".to_owned(),
        };
        facts.add(Family::Dashboard, "", &dashboard.name, "", value);
    }
    for service in model.services.iter().filter(|service| service.has(Role::Grafana)) {
        for id in service.option("dashboard").items().iter().filter_map(Data::as_integer) {
            let value = format!("{id} of grafana.com, newest when fetched");
            facts.add(Family::Dashboard, "", &id.to_string(), "", value);
        }
    }
    for service in model.services.iter().filter(|service| service.has(Role::LogCollector)) {
        let machine = facts.machine(&model[service.machine].name).to_owned();
        let name = facts.service(&service.name).to_owned();
        facts.add(Family::Logs, &machine, "", "", format!("collected by {name}"));
    }
}

/// The option of an Alertmanager that tells somebody outside that alerts find their way.
const HEARTBEAT: &str = "heartbeat";

/// Adds what ends with a service that stores or forwards: how long it keeps things, and whom it
/// tells.
fn keeping(service: &Service, facts: &mut Collector<'_>) {
    let name = facts.service(&service.name).to_owned();
    if service.has(Role::Prometheus) || service.has(Role::Loki) {
        for option in ["retention", "retention-size"] {
            if let Some(value) = service.option(option).as_text() {
                facts.add(Family::Retention, "", &name, option, value);
            }
        }
    }
    if service.has(Role::Alertmanager) {
        for option in RECEIVERS.iter().copied().chain([HEARTBEAT]) {
            let receivers: Vec<String> = match service.option(option) {
                Data::None => Vec::new(),
                Data::List(list) => list.iter().map(|one| format!("{one:?}")).collect(),
                one => vec![format!("{one:?}")],
            };
            if !receivers.is_empty() {
                let words = sha256_hex(receivers.concat().as_bytes());
                facts.add(Family::Receiver, "", &name, option, words);
            }
        }
    }
}

fn alert_fact(facts: &mut Collector<'_>, service: &str, alert: &Alert) {
    let text = sha256_hex(alert.expression.as_bytes());
    let value = format!("{} after {}, expression {text}", alert.severity, alert.hold);
    facts.add(Family::Alert, "", &alert.name, service, value);
}
