//! Emits systemd units: one file and one step each, which are restarted when their inputs change.
//!
//! Runs after the emitters that write files, because it needs to know what each unit's service
//! installs on the machine.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter, unit_file};
use crate::artifact::{Artifact, Artifacts, Slot, UnitUse};
use crate::diag::{Diagnostic, Diagnostics};
use crate::format::{Templates, VALUE_NOT_WRITABLE};
use crate::kind::Kind;
use crate::model::{OnChange, Service, Unit, UnitAction};

/// The emitter of `systemd/` and of the steps that enable, start and watch its units.
pub const EMITTER: Emitter = Emitter { name: "units", folders: &[], emit };

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("unit.sh.j2", include_str!("unit.sh.j2")),
        ("reload.sh.j2", include_str!("reload.sh.j2")),
        ("health.sh.j2", include_str!("health.sh.j2")),
        ("within.sh.j2", include_str!("../within.sh.j2")),
    ])
});

#[derive(Debug, Serialize)]
struct UnitView<'p> {
    unit: &'p str,
    start: bool,
}

#[derive(Debug, Serialize)]
struct HealthView<'p> {
    active: Vec<WatchedUnit<'p>>,
    started: Vec<WatchedUnit<'p>>,
}

#[derive(Debug, Serialize)]
struct WatchedUnit<'p> {
    unit: &'p str,
    within: Option<u64>,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let ours = context.this().kind.offers().system;
    for (_, service) in context.services() {
        for unit in &service.units {
            if ours {
                add(service, unit, artifacts, diagnostics);
            } else {
                hand_over(service, unit, artifacts, diagnostics);
            }
        }
        if ours {
            reloads(context, service, artifacts, diagnostics);
        }
    }
    // Other emitters have added units too, and the steps are about all of them.
    let units = merged(std::mem::take(&mut artifacts.units));
    steps(context, &units, artifacts, diagnostics);
    artifacts.units = units;
}

/// Sorts units and merges the declarations of several services about one unit.
fn merged(mut units: Vec<UnitUse>) -> Vec<UnitUse> {
    units.sort();
    units.dedup_by(|next, first| {
        let same = next.unit == first.unit;
        if same {
            // The list is sorted, so the first one has the strongest action.
            first.inputs.append(&mut next.inputs);
        }
        same
    });
    units
}

/// Adds a unit of a service to those of the machine.
fn add(service: &Service, unit: &Unit, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let inputs = restarting_files(service, unit, artifacts);
    if unit.sections.is_empty() {
        artifacts.units.push(UnitUse { unit: unit.name.clone(), action: unit.action, inputs });
        return;
    }
    if let Some(text) = written(service, unit, diagnostics) {
        artifacts.unit(&unit.name, unit.action, text, origin(service), inputs);
    }
}

/// Adds a unit to the bundle of a machine where a person installs it.
fn hand_over(
    service: &Service,
    unit: &Unit,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    if unit.sections.is_empty() {
        return;
    }
    if let Some(text) = written(service, unit, diagnostics) {
        let path = format!("systemd/{}", unit.name);
        artifacts.add(path, Kind::SystemdUnit, text, origin(service));
    }
}

fn origin(service: &Service) -> Vec<String> {
    vec![format!("service {}", service.name)]
}

/// Writes the file of a unit that is ours.
fn written(service: &Service, unit: &Unit, diagnostics: &mut Diagnostics) -> Option<String> {
    let sections: Result<Vec<_>, String> = unit
        .sections
        .iter()
        .map(|(section, settings)| {
            let settings: Result<Vec<_>, String> = settings
                .iter()
                .map(|(key, words)| Ok((key.as_str(), unit_file::value(key, words)?)))
                .collect();
            Ok((section.as_str(), settings?))
        })
        .collect();
    match sections.and_then(unit_file::write) {
        Ok(text) => Some(text),
        Err(why) => {
            let message = format!("the unit `{}` can't be written: {why}", unit.name);
            diagnostics
                .push(Diagnostic::new(&VALUE_NOT_WRITABLE, unit.span, message).on(&service.name));
            None
        }
    }
}

/// Adds the steps and the table of all units of the machine.
fn steps(
    context: &Context<'_>,
    units: &[UnitUse],
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let machine = &context.this().name;
    let mut table = String::new();
    let mut health = HealthView { active: Vec::new(), started: Vec::new() };
    let times: BTreeMap<&str, u64> = context
        .services()
        .filter_map(|(_, service)| Some((service, service.health_within?.0)))
        .flat_map(|(service, time)| service.units.iter().map(move |unit| (&*unit.name, time)))
        .collect();
    for unit in units.iter().filter(|unit| unit.action != UnitAction::Install) {
        let start = unit.action == UnitAction::EnableStart;
        table.extend([&unit.unit, "\t", unit.action.name(), "\n"]);
        let source = format!("systemd/{}", unit.unit);
        let ours = artifacts.files.get(&source);
        if start {
            // A oneshot unit is inactive after it has run, so only a failure means that something
            // is wrong.
            let list =
                if ours.is_some_and(is_oneshot) { &mut health.started } else { &mut health.active };
            let within = times.get(unit.unit.as_str()).copied();
            list.push(WatchedUnit { unit: unit.unit.as_str(), within });
        }
        let origin = ours.map_or_else(|| context.origin(), |file| file.origin.clone());
        let name = step_name(&unit.unit);
        let itself = Slot::UNITS.path(&name);
        let own = ours.map(|_| source.as_str());
        let inputs: Vec<&str> = own
            .into_iter()
            .chain([itself.as_str()])
            .chain(unit.inputs.iter().map(String::as_str))
            .collect();
        if let Some(text) = TEMPLATES.write(
            "unit.sh.j2",
            &UnitView { unit: &unit.unit, start },
            machine,
            diagnostics,
        ) {
            artifacts.step(Slot::UNITS, &name, &inputs, &text, origin);
        }
    }
    if !table.is_empty() {
        artifacts.add("systemd/units.tsv", Kind::Table, table, context.origin());
    }
    if health.active.is_empty() && health.started.is_empty() {
        return;
    }
    if let Some(text) = TEMPLATES.write("health.sh.j2", &health, machine, diagnostics) {
        artifacts.step(Slot::HEALTH_SYSTEM, "units", &[], &text, context.origin());
    }
}

/// Lists the service's files whose change restarts a unit: those that name the unit, and those that
/// name nothing and are installed on the machine.
fn restarting_files(service: &Service, unit: &Unit, artifacts: &Artifacts) -> Vec<String> {
    let folder = format!("{}/", service.name);
    let declared: BTreeMap<String, &OnChange> = service
        .files
        .iter()
        .map(|file| (format!("{folder}{}", file.name), &file.on_change))
        .collect();
    let of_service =
        artifacts.installs.iter().filter(|install| install.source.starts_with(&folder));
    let restarts = of_service.filter(|install| match declared.get(&install.source) {
        Some(OnChange::RestartUnit(name)) => *name == unit.name,
        Some(OnChange::ReloadUnit(_) | OnChange::Nothing) => false,
        // Compose recreates a container. A service without containers consists of its units alone.
        Some(OnChange::Container) | None => service.containers.is_empty() && !is_timer(&unit.name),
    });
    restarts.map(|install| install.source.clone()).collect()
}

fn reloads(
    context: &Context<'_>,
    service: &Service,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let mut units: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in &service.files {
        if let OnChange::ReloadUnit(unit) = &file.on_change {
            units.entry(unit).or_default().push(format!("{}/{}", service.name, file.name));
        }
    }
    for (unit, files) in units {
        let view = UnitView { unit, start: false };
        let Some(text) = TEMPLATES.write("reload.sh.j2", &view, &context.this().name, diagnostics)
        else {
            continue;
        };
        let inputs: Vec<&str> = files.iter().map(String::as_str).collect();
        let origin = vec![format!("service {}", service.name)];
        artifacts.step(
            Slot::RELOADS,
            &format!("reload-{}", step_name(unit)),
            &inputs,
            &text,
            origin,
        );
    }
}

fn is_timer(unit: &str) -> bool {
    unit.rsplit_once('.').is_some_and(|(_, kind)| kind == "timer")
}

fn is_oneshot(file: &Artifact) -> bool {
    file.bytes.split(|byte| *byte == b'\n').any(|line| line == b"Type=oneshot")
}

/// Returns a unit's name in the characters that the name of a step may have.
fn step_name(unit: &str) -> String {
    unit.trim_start_matches("labwright-")
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "._-".contains(character) {
                character
            } else {
                '-'
            }
        })
        .collect()
}
