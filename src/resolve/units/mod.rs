//! Reads the units of a module, and finds what systemd would ignore or refuse in them.

mod settings;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use super::circles::circles;
use super::read::{Report, plain, text};
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::model::{OnChange, Service, ServiceFile, ServiceFileTarget, Unit, UnitAction};

pub use settings::refused;

/// Reads a unit.
pub fn unit(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) -> Unit {
    let mut sections = Vec::new();
    for section in block.all("section") {
        let name = section.key();
        let mut lines = Vec::new();
        for set in section.all("set") {
            let words: Vec<String> = set.arguments.iter().skip(1).map(plain).collect();
            let faulty = section.has_faulty_value() || set.has_faulty_value();
            if let Some(problem) = refused(name, set.key(), &words).filter(|_| !faulty) {
                report(set.span, problem, diagnostics);
            }
            lines.push((set.key().to_owned(), words));
        }
        sections.push((name.to_owned(), lines));
    }
    Unit {
        name: block.key().to_owned(),
        action: match text(block, "action").as_deref() {
            Some("enable") => UnitAction::Enable,
            Some("install") => UnitAction::Install,
            _ => UnitAction::EnableStart,
        },
        sections,
        span: block.span,
    }
}

/// The suffixes of units that have a section of their own, with its name.
const OWN_SECTION: &[(&str, &str)] = &[
    ("service", "Service"),
    ("timer", "Timer"),
    ("mount", "Mount"),
    ("path", "Path"),
    ("socket", "Socket"),
];

/// Reports units of a service that systemd would refuse as a whole.
pub fn check(service: &Service, report: Report<'_>, diagnostics: &mut Diagnostics) {
    for unit in service.units.iter().filter(|unit| !unit.sections.is_empty()) {
        let problem = problem_of_name(&unit.name)
            .or_else(|| problem(unit, service))
            .or_else(|| never_started(unit, service))
            .or_else(|| runs_no_program(unit, service));
        if let Some(problem) = problem {
            report(unit.span, format!("the unit `{}` {problem}", unit.name), diagnostics);
        }
    }
    for file in &service.files {
        let OnChange::RestartUnit(unit) = &file.on_change else { continue };
        if !service.units.iter().any(|own| own.name == *unit) {
            let message = format!(
                "`{}` restarts `{unit}`, which is no unit of the module: declare the unit, without \
                 sections if a package brings it",
                file.name
            );
            report(file.span, message, diagnostics);
        }
    }
    let waits = waits(service);
    let numbers: BTreeMap<&str, usize> =
        waits.keys().enumerate().map(|(number, name)| (*name, number)).collect();
    let awaited = |names: &BTreeSet<&str>| -> Vec<usize> {
        names.iter().filter_map(|name| numbers.get(name).copied()).collect()
    };
    let next: Vec<Vec<usize>> = waits.values().map(awaited).collect();
    let first = circles(&next).first().and_then(|circle| circle.first().copied());
    let circle = first.and_then(|first| waits.keys().nth(first));
    if let Some(unit) = circle.and_then(|name| service.units.iter().find(|one| one.name == **name))
    {
        let message = format!("the unit `{}` waits for itself, by `After` and `Before`", unit.name);
        report(unit.span, message, diagnostics);
    }
}

/// Lists the values of a setting in a section.
fn values<'u>(unit: &'u Unit, section: &str, name: &str) -> Vec<&'u str> {
    let sections = unit.sections.iter().filter(|(known, _)| known == section);
    let lines = sections.flat_map(|(_, lines)| lines).filter(|(known, _)| known == name);
    lines.filter_map(|(_, words)| words.first()).map(String::as_str).collect()
}

fn problem_of_name(name: &str) -> Option<String> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!name.bytes().all(valid)).then(|| {
        "can't be part of a bundle by this name, which may have letters, digits, `.`, `_` and `-`: \
         write a unit for each instance"
            .to_owned()
    })
}

fn problem(unit: &Unit, service: &Service) -> Option<String> {
    let (stem, suffix) = unit.name.rsplit_once('.')?;
    let own = OWN_SECTION.iter().find(|(of, _)| *of == suffix).map(|(_, section)| *section);
    let foreign = unit.sections.iter().find(|(name, _)| {
        !["Unit", "Install"].contains(&name.as_str())
            && !name.starts_with("X-")
            && Some(name.as_str()) != own
    });
    if let Some((name, _)) = foreign {
        return Some(format!("has no section [{name}]: that is for other units"));
    }
    if ["swap", "automount"].contains(&suffix) {
        return Some(
            "can't be written here, only services, timers, mounts, paths and sockets".into(),
        );
    }
    let own = own?;
    let has = |name: &str| !values(unit, own, name).is_empty();
    let begins = |with: &[&str]| {
        let sections = unit.sections.iter().filter(|(known, _)| known == own);
        let mut lines = sections.flat_map(|(_, lines)| lines);
        lines.any(|(name, _)| with.iter().any(|with| name.starts_with(with)))
    };
    let starts_nothing = || {
        let started = values(unit, own, "Unit").into_iter().chain(values(unit, own, "Service"));
        // A package may bring the unit.
        let named = started.last().is_some() || !service.packages.is_empty();
        let template = stem.trim_end_matches('@');
        let expected = [format!("{stem}.service"), format!("{template}@.service")];
        !named && !service.units.iter().any(|one| expected.contains(&one.name))
    };
    match suffix {
        "service" => service_problem(unit),
        "timer" if !begins(&["On"]) => Some("has no time: set `OnCalendar` or `OnBootSec`".into()),
        "path" if !begins(&["Path", "DirectoryNotEmpty"]) => {
            Some("watches no path: set `PathChanged` or another one".into())
        }
        "socket" if !begins(&["Listen"]) => Some("listens nowhere: set `ListenStream`".into()),
        "mount" if !has("What") => Some("mounts nothing: set `What`".into()),
        "timer" | "path" | "socket" if starts_nothing() => Some(format!(
            "starts `{stem}.service`, which the module does not have: add that unit, or name \
             another one by `Unit`"
        )),
        _ => None,
    }
}

/// The targets of systemd and of what every machine has, without those that end its work.
#[rustfmt::skip] // A table is read line by line.
const TARGETS: &[&str] = &[
    "basic", "bluetooth", "boot-complete", "cloud-config", "cloud-init", "default",
    "first-boot-complete", "getty", "getty-pre", "graphical", "local-fs", "local-fs-pre",
    "machines", "multi-user", "network", "network-online", "network-pre", "nfs-client",
    "nss-lookup", "nss-user-lookup", "paths", "printer", "remote-cryptsetup", "remote-fs",
    "remote-fs-pre", "rpcbind", "slices", "smartcard", "sockets", "sound", "ssh-access", "swap",
    "sysinit", "time-set", "time-sync", "timers", "tpm2", "usb-gadget", "wg-quick", "zfs",
    "zfs-import", "zfs-volumes",
];

/// The settings of [Install] that name the units by which one is started.
const STARTED_BY: &[&str] = &["WantedBy", "RequiredBy", "UpheldBy"];

/// Returns why nothing starts a unit with the machine, although it is to be started.
fn never_started(unit: &Unit, service: &Service) -> Option<String> {
    if unit.action == UnitAction::Install {
        return None;
    }
    // An empty value takes back those before it.
    let of = |name: &&str| {
        let values = values(unit, "Install", name);
        let last = values.iter().rposition(|value| value.is_empty()).map_or(0, |empty| empty + 1);
        values.into_iter().skip(last)
    };
    let starters: Vec<&str> =
        STARTED_BY.iter().flat_map(of).flat_map(str::split_whitespace).collect();
    if starters.is_empty() {
        return Some(
            "is started by nothing after a restart of the machine: say so in a section [Install] \
             by `WantedBy`, or declare it with `action=install` if another unit starts it"
                .to_owned(),
        );
    }
    // A package may bring the target.
    let is_known = |target: &str| {
        let own = service.units.iter().any(|own| own.name == target);
        let known = target.strip_suffix(".target").is_none_or(|stem| TARGETS.contains(&stem));
        own || known || !service.packages.is_empty()
    };
    let unknown = starters.iter().find(|target| !is_known(target))?;
    Some(format!("waits to be started by `{unknown}`, which no machine has"))
}

fn service_problem(unit: &Unit) -> Option<String> {
    let all = |name: &str| values(unit, "Service", name);
    let last = |name: &str| all(name).last().copied();
    let kind = last("Type").unwrap_or("simple");
    let starts = all("ExecStart").into_iter().filter(|command| !command.is_empty()).count();
    let keeps =
        last("RemainAfterExit").is_some_and(|value| ["yes", "true", "1", "on"].contains(&value));
    if starts == 0 && last("ExecStop").is_none() && last("SuccessAction").is_none() {
        return Some("starts nothing: set `ExecStart`".to_owned());
    }
    if starts == 0 && !keeps && kind != "oneshot" {
        return Some("starts nothing: set `ExecStart`, or `RemainAfterExit yes`".to_owned());
    }
    if starts > 1 && kind != "oneshot" {
        return Some("has more than one `ExecStart`: only `Type oneshot` allows that".to_owned());
    }
    if kind == "oneshot"
        && let Some(restart @ ("always" | "on-success")) = last("Restart")
    {
        return Some(format!("can't be `Type oneshot` with `Restart {restart}`"));
    }
    if kind == "dbus" && last("BusName").is_none() {
        return Some("is of `Type dbus` and needs `BusName`".to_owned());
    }
    None
}

/// The settings that start programs.
const STARTING: &[&str] = &[
    "ExecCondition",
    "ExecStartPre",
    "ExecStart",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
];

/// Returns why a unit can't start a file that the service itself installs.
fn runs_no_program(unit: &Unit, service: &Service) -> Option<String> {
    let started = STARTING.iter().flat_map(|name| values(unit, "Service", name));
    let started = started.map(|path| path.trim_start_matches(['@', '-', ':', '+', '!', '|']));
    started.into_iter().find_map(|path| {
        let is_it = |file: &&ServiceFile| {
            matches!(&file.target, ServiceFileTarget::Machine(own) if own == path)
        };
        let file = service.files.iter().find(is_it)?;
        let may_run = u32::from_str_radix(&file.mode, 8).is_ok_and(|mode| mode & 0o111 != 0);
        let (name, mode) = (&file.name, &file.mode);
        if !may_run {
            return Some(format!(
                "starts `{path}`, which nobody may run: give `{name}` `mode=\"0755\"` in place of \
                 `{mode}`"
            ));
        }
        (!file.runs).then(|| {
            format!(
                "starts `{path}`, which has no first line such as `#!/bin/sh`: add it to `{name}`"
            )
        })
    })
}

/// Lists which units of a service wait for which other ones.
fn waits(service: &Service) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for unit in &service.units {
        let named =
            |name: &str| values(unit, "Unit", name).into_iter().flat_map(str::split_whitespace);
        waits.entry(&unit.name).or_default().extend(named("After"));
        for other in named("Before") {
            waits.entry(other).or_default().insert(&unit.name);
        }
    }
    waits
}
