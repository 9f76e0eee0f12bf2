//! Writes `prometheus.yml`: scraped and probed targets, and the receivers of alerts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::origin;
use crate::artifact::Origin;
use crate::format;
use crate::model::{Credentials, Data, SecretId, Service, ServiceId};
use crate::plan::{PROBES, Plan, Scrape};

/// The interval between scrapes if the service sets none.
const SCRAPE_INTERVAL: &str = "30s";

#[derive(Serialize)]
struct Config<'p> {
    global: Global<'p>,
    rule_files: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    alerting: Option<Alerting<'p>>,
    scrape_configs: Vec<Job<'p>>,
}

#[derive(Serialize)]
struct Global<'p> {
    scrape_interval: &'p str,
    evaluation_interval: &'p str,
    external_labels: BTreeMap<&'static str, &'p str>,
}

#[derive(Serialize)]
struct Alerting<'p> {
    alertmanagers: Vec<Alertmanager<'p>>,
}

#[derive(Serialize)]
struct Alertmanager<'p> {
    scheme: &'static str,
    static_configs: [Targets<'p>; 1],
}

#[derive(Serialize)]
struct Job<'p> {
    #[serde(rename = "job_name")]
    name: &'p str,
    scheme: &'static str,
    metrics_path: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basic_auth: Option<BasicAuth<'p>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<&'static str, [&'static str; 1]>,
    static_configs: Vec<Targets<'p>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relabel_configs: Vec<Relabel<'p>>,
    #[serde(rename = "metric_relabel_configs", skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<Drop>,
}

/// Series that are left out.
#[derive(Serialize)]
struct Drop {
    source_labels: Vec<&'static str>,
    regex: String,
    action: &'static str,
}

impl Drop {
    /// Leaves out the sensors that a node exporter's option names: `CHIP/SENSOR`.
    fn sensors(exporter: &Service) -> Vec<Self> {
        let ignored = exporter.option("ignore-sensor").items().iter().filter_map(Data::as_text);
        ignored
            .map(|name| {
                let (chip, sensor) = name.split_once('/').unwrap_or((name, ""));
                Self {
                    source_labels: vec!["__name__", "chip", "sensor"],
                    regex: format!("node_hwmon_.+;{};{}", literal(chip), literal(sensor)),
                    action: "drop",
                }
            })
            .collect()
    }
}

/// Writes text as a regular expression that matches it alone.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        // In the syntax of Go, an underscore is part of a word, and older versions refuse `\_`.
        if character.is_ascii_punctuation() && character != '_' {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[derive(Serialize)]
struct Authorization {
    credentials_file: String,
}

#[derive(Serialize)]
struct BasicAuth<'p> {
    username: &'p str,
    password_file: String,
}

#[derive(Serialize)]
struct Targets<'p> {
    targets: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'static str, &'p str>,
}

#[derive(Serialize, Default)]
struct Relabel<'p> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source_labels: Vec<&'static str>,
    target_label: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replacement: Option<&'p str>,
}

/// Writes the configuration of a Prometheus. Returns it with its origins.
pub(super) fn config(plan: &Plan<'_>, prometheus: ServiceId) -> (String, Vec<Origin>) {
    let model = plan.model;
    let scrapes: Vec<&Scrape> =
        plan.scrapes.iter().filter(|scrape| scrape.by == prometheus).collect();
    let interval = model[prometheus].option("scrape-interval").as_text().unwrap_or(SCRAPE_INTERVAL);

    let mut origins =
        BTreeSet::from([format!("lab {}", model.lab.name), origin(&model[prometheus])]);
    origins.extend(scrapes.iter().map(|scrape| origin(&model[scrape.endpoint.service])));

    let mut jobs: BTreeMap<&str, Job<'_>> = BTreeMap::new();
    for scrape in &scrapes {
        let (authorization, basic_auth) = credentials(plan, scrape);
        // A job is named after one service, so what is true of its first target is true of all.
        let job = jobs.entry(&scrape.job).or_insert_with(|| Job {
            name: &scrape.job,
            scheme: scrape.scheme,
            metrics_path: &scrape.path,
            authorization,
            basic_auth,
            params: BTreeMap::new(),
            static_configs: Vec::new(),
            relabel_configs: Vec::new(),
            dropped: Drop::sensors(&model[scrape.endpoint.service]),
        });
        job.static_configs.push(Targets {
            targets: vec![scrape.target.clone()],
            labels: labels(plan, &model[scrape.endpoint.service]),
        });
    }
    let mut jobs: Vec<_> = jobs.into_values().collect();
    if let Some(prober) = plan.prober(prometheus) {
        origins.extend(plan.routes.iter().map(|route| origin(&model[route.service])));
        jobs.push(probes(plan, prober));
    }

    let alertmanagers: Vec<_> = plan
        .alertmanagers(prometheus)
        .map(|(endpoint, target)| {
            origins.insert(origin(&model[endpoint.service]));
            Alertmanager {
                scheme: model.endpoint(endpoint).protocol.scheme(),
                static_configs: [Targets { targets: vec![target], labels: BTreeMap::new() }],
            }
        })
        .collect();
    let config = Config {
        global: Global {
            scrape_interval: interval,
            evaluation_interval: interval,
            external_labels: BTreeMap::from([("lab", model.lab.name.as_str())]),
        },
        rule_files: ["rules/*.yml"],
        alerting: (!alertmanagers.is_empty()).then_some(Alerting { alertmanagers }),
        scrape_configs: jobs,
    };
    (format::yaml(&config), origins.into_iter().collect())
}

/// Returns the credentials for a target. Prometheus reads the secret's file at every scrape.
fn credentials<'p>(
    plan: &'p Plan<'_>,
    scrape: &Scrape,
) -> (Option<Authorization>, Option<BasicAuth<'p>>) {
    let file = |secret: SecretId| format!("/run/secrets/{}", plan.model[secret].name);
    match &plan.model.endpoint(scrape.endpoint).credentials {
        None => (None, None),
        Some(Credentials::Token(token)) => {
            (Some(Authorization { credentials_file: file(*token) }), None)
        }
        Some(Credentials::Password { user, password }) => {
            (None, Some(BasicAuth { username: user, password_file: file(*password) }))
        }
    }
}

/// Makes the job that probes every route through the blackbox exporter. Its labels name the service
/// that the route leads to.
fn probes<'p>(plan: &'p Plan<'_>, prober: &'p Scrape) -> Job<'p> {
    let model = plan.model;
    let targets = plan.probed().map(|route| Targets {
        targets: vec![plan.url(route)],
        labels: labels(plan, &model[route.service]),
    });
    Job {
        name: PROBES,
        scheme: prober.scheme,
        metrics_path: "/probe",
        authorization: None,
        basic_auth: None,
        params: BTreeMap::from([("module", ["route"])]),
        static_configs: targets.collect(),
        // The order matters: the route's address is kept as a parameter and as `instance` before
        // the exporter's address replaces it.
        relabel_configs: vec![
            Relabel {
                source_labels: vec!["__address__"],
                target_label: "__param_target",
                replacement: None,
            },
            Relabel {
                source_labels: vec!["__param_target"],
                target_label: "instance",
                replacement: None,
            },
            Relabel {
                target_label: "__address__",
                replacement: Some(&prober.target),
                ..Relabel::default()
            },
        ],
        dropped: Vec::new(),
    }
}

fn labels<'p>(plan: &'p Plan<'_>, service: &'p Service) -> BTreeMap<&'static str, &'p str> {
    BTreeMap::from([
        ("machine", plan.model[service.machine].name.as_str()),
        ("service", service.name.as_str()),
    ])
}
