//! The facts of a release whose sources are not there: what its index and its bundles say.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::facts::{Collector, Family, Key, Renames, group_of};
use super::state::State;
use crate::bundle::Manifest;
use crate::bundle::codes::UNPACKABLE;
use crate::bundle::ids::Input;
use crate::bundle::read::{ArchiveContents, read_archive};
use crate::bundle::release::ReleaseIndex;
use crate::compile::{self, Compiled, Memory};
use crate::diag::{Diagnostic, Diagnostics};
use crate::review::SERVICES;
use crate::source::Sources;

/// A release as it is compared.
#[derive(Debug, Clone, Default)]
pub struct Release {
    /// What it says.
    pub state: State,
    /// The files that it was made from.
    pub inputs: Vec<Input>,
    /// The declarations that each group of files comes from, by machine and group.
    pub origins: BTreeMap<(String, String), BTreeSet<String>>,
}

/// Reads what a release says; `archives` are those of its machines, by machine, and `services` is
/// its list of services, if it has one.
pub fn read(
    index: &ReleaseIndex,
    services: &[u8],
    archives: &BTreeMap<String, ArchiveContents>,
) -> Result<Release, String> {
    let renames = Renames::default();
    let mut facts = Collector::new(&renames);
    let state = State {
        lab: index.lab.clone(),
        version: index.version.clone(),
        compiler: index.compiler.clone(),
        ..State::default()
    };
    let mut release = Release { state, inputs: index.inputs.clone(), ..Release::default() };
    of_index(index, &mut facts);
    for line in String::from_utf8_lossy(services).lines() {
        if let [name, module, version, machine] = line.split('\t').collect::<Vec<_>>()[..] {
            facts.add(Family::Service, "", name, "", format!("{module} on {machine}"));
            facts.add(Family::Module, "", name, module, version);
        }
    }
    for (machine, archive) in archives {
        let payload = archive
            .files
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix("payload/")?, bytes.as_slice())));
        release.state.add_files(machine, payload, &mut facts);
        let manifest = archive.files.get("manifest.json").map(Vec::as_slice).unwrap_or_default();
        let manifest: Manifest = serde_json::from_slice(manifest)
            .map_err(|error| format!("the manifest of `{machine}`: {error}"))?;
        for file in manifest.files {
            let path = file.path.strip_prefix("payload/").unwrap_or(&file.path);
            let group = group_of(path).to_owned();
            release.origins.entry((machine.clone(), group)).or_default().extend(file.origin);
        }
        for fact in manifest.one_way {
            // The compose emitter writes this key as `postgres-major SERVICE/DATABASE`.
            if let Some((engine, database)) = fact.key.split_once("-major ") {
                let (service, name) = database.split_once('/').unwrap_or((database, ""));
                let value = format!("{engine} {}", fact.value);
                facts.add(Family::Database, "", service, name, value);
            }
        }
    }
    release.state.facts = facts.finish();
    Ok(release)
}

fn of_index(index: &ReleaseIndex, facts: &mut Collector<'_>) {
    for flow in &index.flows {
        let port = format!("{}/{}", flow.ports(), flow.proto);
        facts.add(Family::Flow, &flow.to, &flow.from, &port, &flow.reason);
    }
    for route in &index.routes {
        for zone in &route.from {
            facts.add(Family::RouteAccess, "", &route.host, zone, &route.machine);
        }
        let value = format!("{} port {} by {}", route.machine, route.port, route.via);
        facts.add(Family::Host, "", &route.host, "", value);
    }
    for secret in &index.secrets {
        let value = format!("owner {}, {}", secret.owner, secret.mode);
        facts.add(Family::Secret, &secret.machine, &secret.name, "", value);
    }
    for (name, machine) in &index.machines {
        facts.add(Family::Machine, name, "", "", &machine.kind);
    }
    for image in &index.images {
        facts.add(Family::Image, "", &image.service, "", &image.reference);
    }
    for scrape in &index.scrapes {
        facts.add(Family::Scrape, "", &scrape.job, "", &scrape.target);
    }
    for accepted in &index.accepted {
        facts.add(Family::Accepted, "", &accepted.code, &accepted.on, &accepted.reason);
    }
}

/// Where the differences of two releases come from, as far as they tell.
#[derive(Debug)]
pub struct Because {
    inputs: Vec<String>,
    compiler: Option<String>,
    origins: BTreeMap<(String, String), BTreeSet<String>>,
}

/// Looks for what two releases were made from.
pub fn because(was: &Release, is: &Release) -> Because {
    let hashes = |release: &Release| {
        let inputs = release.inputs.iter();
        inputs.map(|input| (input.path.clone(), input.sha256.clone())).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (hashes(was), hashes(is));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |path: &&String| old.get(*path) != new.get(*path);
    let inputs = paths.into_iter().filter(differs).cloned().collect();
    let (before, after) = (&was.state.compiler, &is.state.compiler);
    let compiler = (before != after).then(|| format!("{before} -> {after}"));
    let mut origins = was.origins.clone();
    for (group, declarations) in &is.origins {
        origins.entry(group.clone()).or_default().extend(declarations.iter().cloned());
    }
    Because { inputs, compiler, origins }
}

impl Because {
    /// Says where a changed fact comes from.
    pub fn of(&self, key: &Key) -> Cause {
        let changed = match self.inputs.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [one, rest @ ..] if rest.len() < 3 => {
                rest.iter().fold(one.clone(), |text, path| format!("{text}, {path}"))
            }
            many => format!("{} files", many.len()),
        };
        let whose = self.origins.get(&(key.machine.clone(), key.name.clone()));
        let whose = whose.filter(|list| list.len() == 1).and_then(BTreeSet::first);
        match (&self.compiler, changed.is_empty()) {
            (None, true) => Cause::Unknown,
            (None, false) => match whose {
                Some(whose) => Cause::Release(format!("{whose} in {changed}")),
                None => Cause::Release(changed),
            },
            (Some(compiler), true) => Cause::Release(compiler.clone()),
            (Some(compiler), false) => Cause::Release(format!("{changed} or {compiler}")),
        }
    }
}

/// Builds a lab, and reads what its release says.
pub fn build(sources: &Sources) -> Result<Release, Diagnostics> {
    let Compiled { mut findings, release } = compile::compile(sources, Memory::open);
    let Ok(release) = release else { return Err(findings) };
    let archives: Result<BTreeMap<String, ArchiveContents>, String> = release
        .sink
        .bundles()
        .iter()
        .filter_map(|bundle| {
            let name = bundle.file_name();
            let machine = release.index.machines.iter().find(|(_, known)| known.archive == name)?;
            let contents = read_archive(&name, &bundle.archive);
            Some(contents.map(|contents| (machine.0.clone(), contents)))
        })
        .collect();
    let services = release.review.get(SERVICES).map_or(&[][..], Vec::as_slice);
    archives.and_then(|archives| read(&release.index, services, &archives)).map_err(|problem| {
        findings.push(Diagnostic::lab(&UNPACKABLE, problem));
        findings
    })
}
