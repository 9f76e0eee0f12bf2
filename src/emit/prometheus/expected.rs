//! Writes which containers there must be, so that one that is gone is missed for as long as it is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::alerts::{Expectation, Rendered, Sample, Series, Test, TestFile, quoted};
use crate::format;
use crate::model::{Container, Runs, Service};
use crate::plan::{Measured, Plan};

/// The name of the file, and of its group.
const NAME: &str = "container-expected";

/// The metric that says which containers there must be.
const METRIC: &str = "labwright_container_expected";

#[derive(Serialize)]
struct RuleFile<'p> {
    groups: [Group<'p>; 1],
}

#[derive(Serialize)]
struct Group<'p> {
    name: &'static str,
    rules: Vec<Rule<'p>>,
}

#[derive(Serialize)]
struct Rule<'p> {
    record: &'static str,
    expr: &'static str,
    labels: BTreeMap<&'static str, &'p str>,
}

/// Writes a series for each container that stays, of the machines whose containers are measured.
pub(super) fn containers(plan: &Plan<'_>, measured: &Measured) -> Option<Rendered> {
    let machine = |service: &Service| plan.model[service.machine].name.as_str();
    let mut expected: Vec<(&str, &Service, &Container)> = plan
        .model
        .services
        .iter()
        .filter(|service| measured.containers.contains(&service.machine))
        .flat_map(|service| service.containers.iter().map(move |container| (service, container)))
        // Docker starts a container of another policy again, and one that ends is not missed.
        .filter(|(_, container)| container.runs == Runs::Always && container.restart != "no")
        .map(|(service, container)| (machine(service), service, container))
        .collect();
    expected.sort_by(|a, b| (a.0, &a.2.name).cmp(&(b.0, &b.2.name)));
    if expected.is_empty() {
        return None;
    }
    let rules = expected.iter().map(|(machine, service, container)| Rule {
        record: METRIC,
        expr: "vector(1)",
        labels: BTreeMap::from([
            ("machine", *machine),
            ("service", service.name.as_str()),
            ("name", container.name.as_str()),
        ]),
    });
    let rules = RuleFile { groups: [Group { name: NAME, rules: rules.collect() }] };
    let tests = TestFile {
        rule_files: [NAME, "container"].map(|name| format!("../rules/{name}.yml")).into(),
        evaluation_interval: "1m",
        tests: tests(&expected),
    };
    let mut origin: Vec<_> =
        expected.iter().map(|(_, service, _)| super::origin(service)).collect();
    origin.sort();
    origin.dedup();
    Some(Rendered {
        name: NAME,
        rules: format::yaml(&rules),
        tests: Some(format::yaml(&tests)),
        origin,
    })
}

/// Makes a test in which all containers of the lab are gone, and one in which all are there.
fn tests(expected: &[(&str, &Service, &Container)]) -> Vec<Test> {
    let seen = |machine: &str, name: &str| Series {
        series: format!("container_last_seen{{machine={},name={}}}", quoted(machine), quoted(name)),
        values: "0+60x30".to_owned(),
    };
    let mut machines: Vec<&str> = expected.iter().map(|(machine, ..)| *machine).collect();
    machines.dedup();
    let all = u32::try_from(expected.len()).unwrap_or(u32::MAX);
    let others = machines.iter().map(|machine| seen(machine, "another"));
    let there = expected.iter().map(|(machine, _, container)| seen(machine, &container.name));
    let test = |name: &str, input_series: Vec<Series>, gone: Option<u32>| Test {
        name: name.to_owned(),
        interval: "1m".to_owned(),
        input_series,
        expectation: [Expectation {
            expr: "count(ALERTS{alertname=\"ContainerGone\",alertstate=\"firing\"})".to_owned(),
            eval_time: "20m".to_owned(),
            exp_samples: gone.map(|value| Sample { labels: "{}", value }).into_iter().collect(),
        }],
    };
    vec![
        test("each container that is gone is missed", others.collect(), Some(all)),
        test("none is while all are there", there.collect(), None),
    ]
}
