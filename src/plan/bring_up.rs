//! Orders the machines of a lab as they are brought up: each after those that it needs.

use super::Plan;
use super::backups::{Owners, holder, owners};
use crate::model::{MachineId, MachineKind, Model, ShareTransport};

/// A machine, when it is its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The machine.
    pub machine: MachineId,
    /// The machines that it needs, and why. A machine may have several reasons to need another.
    pub needs: Vec<(MachineId, Need)>,
}

/// The reason why a machine needs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It runs there.
    Host,
    /// Its way to other networks leads through it.
    Gateway,
    /// It mounts folders from it.
    Folders,
    /// It asks it for names. There may be other name servers.
    Names,
    /// Its backups go there.
    Repository,
}

impl Need {
    /// Returns whether the machine can't be set up without the other one.
    const fn is_strict(self) -> bool {
        matches!(self, Self::Host | Self::Gateway | Self::Folders)
    }

    /// Describes it after the name of the machine.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Host => "on which it runs",
            Self::Gateway => "which is its way to the internet",
            Self::Folders => "whose folders it mounts",
            Self::Names => "which it asks for names",
            Self::Repository => "to which its backups go",
        }
    }
}

/// Orders the machines of a lab. Where machines need each other in a circle, the one that comes
/// first by kind and name begins.
pub fn bring_up(plan: &Plan<'_>) -> Vec<Turn> {
    let model = plan.model;
    let owners = owners(model);
    let mut waiting: Vec<Turn> = model
        .machines()
        .map(|(machine, _)| Turn { machine, needs: needs(plan, machine, &owners) })
        .collect();
    waiting.sort_by_key(|turn| rank(model, turn.machine));
    let mut ready = vec![false; model.machines.len()];
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let met = |turn: &Turn, strict: bool| {
            let mut needs = turn.needs.iter().filter(|(_, need)| need.is_strict() || !strict);
            needs.all(|(other, _)| *other.of(&ready))
        };
        // In a circle, a machine goes first whose only open needs are names or a repository: it can
        // be set up without them.
        let next = waiting
            .iter()
            .position(|turn| met(turn, false))
            .or_else(|| waiting.iter().position(|turn| met(turn, true)))
            .unwrap_or(0);
        let turn = waiting.remove(next);
        *turn.machine.of_mut(&mut ready) = true;
        order.push(turn);
    }
    order
}

/// Ranks machines that could come at the same time: those that others hold on to come first.
fn rank(model: &Model, machine: MachineId) -> (u8, Option<u32>, Option<u32>) {
    let machine = &model[machine];
    let kind = match machine.kind {
        MachineKind::Unmanaged => 0,
        MachineKind::Proxmox => 1,
        MachineKind::Debian => 2,
        MachineKind::Vm | MachineKind::Lxc | MachineKind::Appliance => 3,
    };
    let guest = machine.guest.as_ref();
    let order = guest.map(|guest| guest.boot_order.unwrap_or(u32::MAX));
    (kind, order, guest.map(|guest| guest.id))
}

fn needs(plan: &Plan<'_>, id: MachineId, owners: &Owners) -> Vec<(MachineId, Need)> {
    let (model, machine) = (plan.model, &plan.model[id]);
    let mut needs: Vec<(MachineId, Need)> = Vec::new();
    needs.extend(machine.guest.as_ref().map(|guest| (guest.host, Need::Host)));
    let interfaces = &plan.machine(id).interfaces;
    let gateways = interfaces.iter().flat_map(|interface| &interface.gateways);
    for router in gateways.filter_map(|gateway| owners.get(gateway)) {
        // A host whose gateway is its own guest must make the guest first.
        if plan.machine(id).router_guest != Some(*router) {
            needs.push((*router, Need::Gateway));
        }
    }
    let by_network = machine.shares.iter().filter(|share| share.via == ShareTransport::Nfs);
    needs.extend(by_network.map(|share| (share.source.machine(), Need::Folders)));
    let servers = interfaces.iter().flat_map(|interface| &model[interface.network].dns);
    needs.extend(servers.filter_map(|server| Some((*owners.get(server)?, Need::Names))));
    for backup in plan.backups_at(id) {
        let service = &model[backup.service];
        let repository = service.backup.as_ref().map(|backup| backup.repository.value.as_str());
        let repository = repository.filter(|_| service.machine == id);
        let server = repository.and_then(|repository| holder(model, owners, repository));
        needs.extend(server.map(|(machine, _)| (machine, Need::Repository)));
    }
    // A machine may be its own gateway or name server, or hold its own repository.
    needs.retain(|(other, _)| *other != id);
    needs.sort_unstable();
    needs.dedup();
    needs
}
