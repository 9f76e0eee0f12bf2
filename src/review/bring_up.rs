//! Collects the page by which a lab is brought up from bare metal, to print and tick off.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::bundle::release::ReleaseIndex;
use crate::emit::runbook::{Archive, Step, is_a, steps};
use crate::model::{Address, Machine, MachineId, MachineKind, Ports};
use crate::plan::backups::scripts;
use crate::plan::bring_up::{Turn, bring_up};
use crate::plan::{BackupPlan, Plan};

#[derive(Serialize)]
pub(super) struct Page<'p> {
    lab: &'p str,
    version: &'p str,
    hardware: Vec<HardwareRow<'p>>,
    keys: Vec<&'p str>,
    addresses: Vec<AddressRow<'p>>,
    forwards: Vec<ForwardRow<'p>>,
    /// The host names that the internet must find.
    names: Vec<&'p str>,
    secrets: Vec<SecretRow<'p>>,
    turns: Vec<TurnView<'p>>,
    /// The backups, with the first class of each.
    backups: Vec<BackupRow<'p>>,
}

#[derive(Serialize)]
struct HardwareRow<'p> {
    machine: &'p str,
    model: Option<&'p str>,
    cores: Option<u32>,
    memory: Option<String>,
    disks: Vec<&'p str>,
    devices: Vec<&'p str>,
}

#[derive(Serialize)]
struct AddressRow<'p> {
    network: &'p str,
    address: String,
    machine: &'p str,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct ForwardRow<'p> {
    router: &'p str,
    port: Ports,
    transport: &'static str,
    to: String,
    machine: &'p str,
}

#[derive(Serialize)]
struct SecretRow<'p> {
    name: &'p str,
    doc: Option<&'p str>,
    machines: Vec<&'p str>,
}

#[derive(Serialize)]
struct TurnView<'p> {
    name: &'p str,
    kind: &'static str,
    address: Option<String>,
    needs: Vec<NeedView<'p>>,
    steps: Vec<Step>,
    /// Whether `labctl` runs there.
    applied: bool,
}

#[derive(Serialize)]
struct NeedView<'p> {
    machine: &'p str,
    why: Vec<&'static str>,
}

#[derive(Serialize)]
struct BackupRow<'p> {
    machine: &'p str,
    unit: String,
    scripts: String,
}

/// Collects the page.
pub(super) fn page<'p>(plan: &'p Plan<'p>, index: &'p ReleaseIndex) -> Page<'p> {
    let model = plan.model;
    let machines = || model.machines();
    // A guest has no hardware of its own.
    let hardware = machines().filter(|(_, machine)| machine.guest.is_none());
    let forward = |id: MachineId, machine: &'p Machine| {
        plan.forwards_to(id).into_iter().map(move |forward| ForwardRow {
            router: &model.router(forward.router).name,
            port: forward.ports,
            transport: forward.transport.name(),
            to: forward.address.to_string(),
            machine: &machine.name,
        })
    };
    let mut forwards: Vec<_> = machines().flat_map(|(id, machine)| forward(id, machine)).collect();
    forwards.sort();
    Page {
        lab: &model.lab.name,
        version: &model.lab.version,
        hardware: hardware.map(|(id, machine)| hardware_row(plan, id, machine)).collect(),
        keys: model.admins.iter().map(|admin| admin.name.as_str()).collect(),
        addresses: machines().flat_map(|(_, machine)| addresses(plan, machine)).collect(),
        forwards,
        names: plan
            .routes
            .iter()
            .filter(|route| route.public)
            .map(|route| route.host.as_str())
            .collect(),
        secrets: secrets(plan),
        turns: turns(plan, index),
        backups: backups(plan),
    }
}

fn hardware_row<'p>(plan: &'p Plan<'p>, id: MachineId, machine: &'p Machine) -> HardwareRow<'p> {
    let guests = &plan.machine(id).requirements.guests;
    let roms = guests.roms.iter().map(|(rom, _)| *rom);
    HardwareRow {
        machine: &machine.name,
        model: machine.hardware.as_ref().map(|hardware| hardware.model.as_str()),
        cores: machine.cores,
        memory: machine.memory.as_ref().map(|memory| memory.rounded()),
        disks: machine.disks.iter().map(|disk| disk.device.as_str()).collect(),
        devices: guests.pci.iter().map(|(address, ..)| *address).chain(roms).collect(),
    }
}

fn addresses<'p>(plan: &'p Plan<'p>, machine: &'p Machine) -> Vec<AddressRow<'p>> {
    let row = |own: &'p Address| AddressRow {
        network: &plan.model[own.network].name,
        address: own.address.to_string(),
        machine: &machine.name,
    };
    machine.addresses.iter().map(row).collect()
}

fn secrets<'p>(plan: &'p Plan<'p>) -> Vec<SecretRow<'p>> {
    let mut rows: BTreeMap<&str, SecretRow<'_>> = BTreeMap::new();
    for (id, machine) in plan.model.machines() {
        for secret in &plan.machine(id).secrets {
            let secret = &plan.model[secret.secret];
            let row = rows.entry(&secret.name).or_insert_with(|| SecretRow {
                name: &secret.name,
                doc: secret.doc.as_deref(),
                machines: Vec::new(),
            });
            if !row.machines.contains(&machine.name.as_str()) {
                row.machines.push(&machine.name);
            }
        }
    }
    rows.into_values().collect()
}

fn turns<'p>(plan: &'p Plan<'p>, index: &'p ReleaseIndex) -> Vec<TurnView<'p>> {
    let mut done = BTreeSet::new();
    let view = |turn: &Turn| {
        let view = turn_view(plan, index, turn, &done);
        done.insert(turn.machine);
        view
    };
    bring_up(plan).iter().map(view).collect()
}

/// Describes the turn of a machine. What it needs of machines that come later must do without them
/// for a while, so it is not named.
fn turn_view<'p>(
    plan: &'p Plan<'p>,
    index: &'p ReleaseIndex,
    turn: &Turn,
    done: &BTreeSet<MachineId>,
) -> TurnView<'p> {
    let machine = &plan.model[turn.machine];
    let archive = index.machines.get(&machine.name).map(|known| known.archive.as_str());
    let archive = archive.map_or(Archive::Unnamed, Archive::Named);
    let mut needs: Vec<NeedView<'_>> = Vec::new();
    for (other, need) in turn.needs.iter().filter(|(other, _)| done.contains(other)) {
        let name = plan.model[*other].name.as_str();
        match needs.last_mut().filter(|last| last.machine == name) {
            Some(last) => last.why.push(need.in_words()),
            None => needs.push(NeedView { machine: name, why: vec![need.in_words()] }),
        }
    }
    TurnView {
        name: &machine.name,
        kind: is_a(machine.kind),
        address: machine.address().map(|address| address.to_string()),
        needs,
        steps: steps(plan, turn.machine, archive),
        applied: machine.kind != MachineKind::Appliance,
    }
}

fn backups<'p>(plan: &'p Plan<'p>) -> Vec<BackupRow<'p>> {
    let row = |backup: &'p BackupPlan| {
        let service = &plan.model[backup.service];
        let class = backup.schedule.keys().next()?;
        Some(BackupRow {
            machine: &plan.model[service.machine].name,
            unit: format!("{}.service", BackupPlan::unit(&service.name, class.name())),
            scripts: scripts(service),
        })
    };
    plan.backups.iter().filter_map(row).collect()
}
