//! Describes for compose how the processes of a container run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words::{literal, size};
use crate::model::{Container, Gpus, Ulimit};

/// The keys of a service about its processes.
#[derive(Debug, Serialize)]
pub(super) struct Keys<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tty: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stdin_open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_policy: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ulimits: BTreeMap<&'p str, Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_shares: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memswap_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_reservation: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy: Option<Deploy<'p>>,
}

/// The part of `deploy:` that compose itself reads.
#[derive(Debug, Serialize)]
struct Deploy<'p> {
    resources: Resources<'p>,
}

#[derive(Debug, Serialize)]
struct Resources<'p> {
    reservations: Reservations<'p>,
}

#[derive(Debug, Serialize)]
struct Reservations<'p> {
    devices: [Gpu<'p>; 1],
    /// Compose refuses a `mem_reservation` beside reservations that do not say the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
}

#[derive(Debug, Serialize)]
struct Gpu<'p> {
    driver: &'static str,
    #[serde(flatten)]
    which: Which,
    capabilities: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
enum Which {
    #[serde(rename = "count")]
    All(&'static str),
    #[serde(rename = "count")]
    Count(u32),
    #[serde(rename = "device_ids")]
    Ids(Vec<String>),
}

fn gpu(gpus: &Gpus, memory: Option<String>) -> Deploy<'_> {
    let which = match (gpus.ids.as_slice(), gpus.count) {
        ([], None) => Which::All("all"),
        ([], Some(count)) => Which::Count(count),
        (ids, _) => Which::Ids(ids.iter().map(|id| literal(id)).collect()),
    };
    let capabilities = std::iter::once("gpu").chain(gpus.capabilities.iter().map(String::as_str));
    let gpu = Gpu { driver: "nvidia", which, capabilities: capabilities.collect() };
    Deploy { resources: Resources { reservations: Reservations { devices: [gpu], memory } } }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Limits {
    Both(i64),
    Each { soft: i64, hard: i64 },
}

impl<'p> Keys<'p> {
    pub(super) fn of(container: &'p Container) -> Self {
        let process = &container.process;
        let text = |value: &Option<String>| value.as_deref().map(literal);
        Self {
            hostname: text(&process.hostname),
            working_dir: text(&process.working_dir),
            tty: process.tty,
            stdin_open: process.stdin,
            stop_signal: text(&process.stop_signal),
            // No registry has what the machine builds.
            pull_policy: container
                .build
                .as_ref()
                .map(|_| "never")
                .or(process.pull_policy.as_deref()),
            platform: text(&process.platform),
            runtime: text(&process.runtime),
            pids_limit: process.pids,
            ulimits: process.ulimits.iter().map(|one| (one.name.as_str(), limits(one))).collect(),
            cpu_shares: process.cpu_shares,
            memswap_limit: process.memory_swap.map(size),
            mem_reservation: process.memory_reservation.map(size),
            dns: process.dns.iter().map(String::as_str).collect(),
            deploy: process
                .gpu
                .as_ref()
                .map(|gpus| gpu(gpus, process.memory_reservation.map(size))),
        }
    }
}

fn limits(ulimit: &Ulimit) -> Limits {
    if ulimit.soft == ulimit.hard {
        Limits::Both(ulimit.soft)
    } else {
        Limits::Each { soft: ulimit.soft, hard: ulimit.hard }
    }
}
