//! Describes for compose how the processes of a container run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words::{literal, size};
use crate::model::{Process, Ulimit};

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
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Limits {
    Both(i64),
    Each { soft: i64, hard: i64 },
}

impl<'p> Keys<'p> {
    pub(super) fn of(process: &'p Process) -> Self {
        let text = |value: &Option<String>| value.as_deref().map(literal);
        Self {
            hostname: text(&process.hostname),
            working_dir: text(&process.working_dir),
            tty: process.tty,
            stdin_open: process.stdin,
            stop_signal: text(&process.stop_signal),
            pull_policy: process.pull_policy.as_deref(),
            platform: text(&process.platform),
            runtime: text(&process.runtime),
            pids_limit: process.pids,
            ulimits: process.ulimits.iter().map(|one| (one.name.as_str(), limits(one))).collect(),
            cpu_shares: process.cpu_shares,
            memswap_limit: process.memory_swap.map(size),
            mem_reservation: process.memory_reservation.map(size),
            dns: process.dns.iter().map(String::as_str).collect(),
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
