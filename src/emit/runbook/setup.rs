//! Collects what is done to a machine before its first bundle, in the order in which it is done.

use serde::Serialize;

use crate::emit::Context;
use crate::model::{Machine, MachineKind, Model, Pool};
use crate::plan::capacity::for_the_system;
use crate::plan::joined::{partition_label, takes_part_of};

/// What a person does before the first bundle.
#[derive(Debug, Serialize)]
pub(super) struct Setup<'p> {
    /// The steps, in order.
    steps: Vec<&'static str>,
    version: Option<&'p str>,
    /// What the installation may take of disks that pools share with it.
    disks: Vec<SystemDisk<'p>>,
    partitions: Vec<String>,
    passes_devices: bool,
    roms: Vec<&'p str>,
    volumes: Vec<&'p str>,
    router: Option<Router<'p>>,
    docker_needs_updates: bool,
    copy: Option<Copy>,
}

#[derive(Debug, Serialize)]
struct SystemDisk<'p> {
    device: &'p str,
    gibibytes: u64,
    pools: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct Router<'p> {
    id: u32,
    name: &'p str,
}

/// How an archive comes to the machine.
#[derive(Debug, Serialize)]
struct Copy {
    command: String,
    login: String,
    /// Whether the account is not root's.
    becomes_root: bool,
}

/// Collects what is done before the first bundle. `keeps` is whether the machine has data of its
/// own.
pub(super) fn setup<'p>(context: &Context<'p>, keeps: bool) -> Setup<'p> {
    let (model, machine) = (context.model(), context.this());
    let guests = &context.plan.machine(context.machine).requirements.guests;
    let pools_of = |device: &str| {
        let on_it = |pool: &&Pool| {
            let mut disks = pool.disks.iter();
            disks.any(|index| {
                machine.disks.get(*index as usize).is_some_and(|disk| disk.device == device)
            })
        };
        machine.pools.iter().filter(on_it).map(|pool| pool.name.as_str()).collect()
    };
    let disks = for_the_system(machine).into_iter().map(|(disk, gibibytes)| SystemDisk {
        device: &disk.device,
        gibibytes,
        pools: pools_of(&disk.device),
    });
    let hypervisor = machine.kind == MachineKind::Proxmox;
    let router = context.planned().router_guest.and_then(|id| {
        let guest = model[id].guest.as_ref()?;
        Some(Router { id: guest.id, name: &model[id].name })
    });
    let mut roms: Vec<&str> = guests.roms.iter().map(|(rom, _)| *rom).collect();
    roms.dedup();
    let mut setup = Setup {
        steps: Vec::new(),
        version: machine.version.as_deref(),
        disks: disks.filter(|_| hypervisor).collect(),
        partitions: partitions(context),
        passes_devices: !guests.pci.is_empty(),
        roms,
        volumes: guests.volumes.iter().map(|(volume, ..)| *volume).collect(),
        router,
        docker_needs_updates: !guests.docker.is_empty(),
        copy: copy(context),
    };
    setup.steps = steps(context, &setup, keeps);
    setup
}

/// Orders what is done: what is expensive to learn late comes first.
fn steps(context: &Context<'_>, setup: &Setup<'_>, keeps: bool) -> Vec<&'static str> {
    let mut steps = match context.this().kind {
        MachineKind::Appliance => return vec!["create", "by-its-manual"],
        MachineKind::Vm | MachineKind::Lxc => vec!["create"],
        MachineKind::Proxmox => vec!["hypervisor", "updates"],
        MachineKind::Debian => vec!["system"],
        MachineKind::Unmanaged => vec!["manual"],
    };
    steps.extend((!setup.partitions.is_empty()).then_some("partitions"));
    steps.extend((!setup.roms.is_empty()).then_some("roms"));
    steps.extend((!setup.volumes.is_empty()).then_some("volumes"));
    steps.extend(["copy", "secrets", "apply"]);
    steps.extend(setup.router.is_some().then_some("router"));
    steps.extend(keeps.then_some("data"));
    steps
}

/// Returns the account that logs in. Only where labwright makes accounts, root can't.
pub(super) fn account<'p>(model: &'p Model, machine: &Machine) -> &'p str {
    let makes_accounts = machine.kind.is_managed();
    model.admins.first().filter(|_| makes_accounts).map_or("root", |admin| admin.name.as_str())
}

/// Lists the commands that make the partitions of pools which take a part of a disk.
fn partitions(context: &Context<'_>) -> Vec<String> {
    let machine = context.this();
    let mut commands = Vec::new();
    for pool in &machine.pools {
        let disks = pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize));
        for disk in disks.filter(|disk| takes_part_of(pool, disk)) {
            let Some(size) = pool.size else { continue };
            commands.push(format!(
                "sgdisk --new=0:0:+{}K --typecode=0:BF01 --change-name=0:{} {} && \
                 partx --update {2}",
                size.0 >> 10,
                partition_label(pool, disk),
                disk.device
            ));
        }
    }
    commands
}

fn copy(context: &Context<'_>) -> Option<Copy> {
    let machine = context.this();
    let user = account(context.model(), machine);
    let address = machine.address()?;
    let port = machine.ssh.iter().map(|access| access.port).min().unwrap_or(22);
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    let (scp, ssh) = if port == 22 {
        (String::new(), String::new())
    } else {
        (format!("-P {port} "), format!("-p {port} "))
    };
    Some(Copy {
        command: format!("scp {scp}FILE {user}@{host}:"),
        login: format!("ssh {ssh}{user}@{address}"),
        becomes_root: user != "root",
    })
}
