//! Describes the resolved lab with names instead of ids, for `show` and for the report.
//! `docs/commands.md` documents the JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bundle::facts::facts;
use crate::bundle::release::{Flow, Route, Scrape};
use crate::diag::Accepted;
use crate::diag::suspect::without_password;
use crate::model::{Machine, MachineId, Service, StateBackup};
use crate::plan::store::Store;
use crate::plan::{BackupPlan, Plan, capacity};
use crate::source::Sources;

#[derive(Serialize)]
pub struct LabView {
    pub lab: String,
    pub version: String,
    pub edition: u32,
    pub domain: Option<String>,
    pub timezone: String,
    pub networks: Vec<NetworkView>,
    pub zones: Vec<ZoneView>,
    pub machines: Vec<MachineView>,
    pub services: Vec<ServiceView>,
    pub ports: Vec<PortView>,
    pub flows: Vec<Flow>,
    pub meets: Vec<MeetView>,
    pub routes: Vec<Route>,
    pub scrapes: Vec<Scrape>,
    pub capacity: Vec<CapacityView>,
    pub backups: Vec<BackupView>,
    pub accepted: Vec<Accepted>,
}

#[derive(Serialize)]
pub struct NetworkView {
    pub name: String,
    pub prefixes: Vec<String>,
    pub gateways: Vec<String>,
    pub dns: Vec<String>,
    pub vlan: Option<u16>,
}

/// A zone: every address in `include` that is not in `exclude`.
#[derive(Serialize)]
pub struct ZoneView {
    pub name: String,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

#[derive(Serialize)]
pub struct MachineView {
    pub name: String,
    pub kind: &'static str,
    pub system: Option<String>,
    pub zone: String,
    pub addresses: Vec<String>,
    pub cores: Option<u32>,
    /// In bytes.
    pub memory: Option<u64>,
    /// The host of a guest, and the guest's id there.
    pub host: Option<String>,
    pub id: Option<u32>,
    pub services: Vec<String>,
    pub shares: Vec<ShareView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareView {
    pub source: String,
    pub at: String,
    pub via: &'static str,
    pub read_only: bool,
}

#[derive(Serialize)]
pub struct ServiceView {
    pub name: String,
    pub module: String,
    pub version: String,
    pub machine: String,
    pub summary: String,
    pub images: Vec<String>,
    pub state: Vec<StateView>,
}

#[derive(Serialize)]
pub struct StateView {
    pub name: String,
    pub path: String,
    pub backup: String,
}

/// A port that a program uses on a machine, whether or not it is open to others.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortView {
    pub machine: String,
    pub port: u16,
    #[serde(rename = "lastPort", skip_serializing_if = "Option::is_none")]
    pub last_port: Option<u16>,
    pub proto: &'static str,
    pub service: String,
    pub endpoint: String,
}

/// A connection between containers of two services on one machine, on a network for the two of
/// them.
#[derive(Serialize)]
pub struct MeetView {
    pub machine: String,
    pub from: String,
    pub to: String,
    pub reason: &'static str,
    pub source: String,
}

/// What a machine has and what is promised of it, in bytes.
#[derive(Serialize)]
pub struct CapacityView {
    pub machine: String,
    pub memory: Option<Amount>,
    pub disks: Vec<NamedAmount>,
    pub pools: Vec<PoolView>,
}

#[derive(Serialize)]
pub struct Amount {
    pub total: Option<u64>,
    /// The amount that the machine keeps for itself.
    pub reserved: u64,
    /// The amount that guests, pools or datasets may use.
    pub promised: u64,
}

#[derive(Serialize)]
pub struct NamedAmount {
    pub name: String,
    #[serde(flatten)]
    pub amount: Amount,
}

#[derive(Serialize)]
pub struct PoolView {
    #[serde(flatten)]
    pub pool: NamedAmount,
    pub datasets: Vec<DatasetView>,
}

#[derive(Serialize)]
pub struct DatasetView {
    pub name: String,
    /// In bytes.
    pub quota: Option<u64>,
    pub backup: Option<&'static str>,
}

#[derive(Serialize)]
pub struct BackupView {
    pub service: String,
    pub machine: String,
    pub repository: Option<String>,
    pub schedule: BTreeMap<&'static str, String>,
    pub sources: Vec<SourceView>,
    pub dumps: Vec<DumpView>,
}

#[derive(Serialize)]
pub struct SourceView {
    pub path: String,
    pub class: &'static str,
    pub what: String,
    /// The largest size, in bytes.
    pub size: Option<u64>,
}

#[derive(Serialize)]
pub struct DumpView {
    pub service: String,
    pub database: String,
    pub machine: String,
    pub class: &'static str,
}

/// Collects what is shown of a lab.
pub fn view(plan: &Plan<'_>, sources: &Sources, accepted: Vec<Accepted>) -> LabView {
    let model = plan.model;
    let facts = facts(plan, sources, accepted);
    let text = |list: &[ipnet::IpNet]| list.iter().map(ToString::to_string).collect();
    let mut flows = facts.flows;
    flows.sort();
    LabView {
        lab: facts.lab,
        version: facts.version,
        edition: facts.edition,
        domain: model.lab.domain.clone(),
        timezone: model.lab.timezone.clone(),
        networks: model
            .networks
            .iter()
            .map(|network| NetworkView {
                name: network.name.clone(),
                prefixes: text(&network.prefixes),
                gateways: network.gateways.iter().map(ToString::to_string).collect(),
                dns: network.dns.iter().map(ToString::to_string).collect(),
                vlan: network.vlan,
            })
            .collect(),
        zones: model
            .zones
            .iter()
            .zip(&plan.zones)
            .map(|(zone, addresses)| ZoneView {
                name: zone.name.clone(),
                include: text(&addresses.include),
                exclude: text(&addresses.exclude),
            })
            .collect(),
        machines: model.machines().map(|(id, machine)| machine_view(plan, id, machine)).collect(),
        services: model.services.iter().map(|service| service_view(plan, service)).collect(),
        ports: ports(plan),
        flows,
        meets: meets(plan, sources),
        routes: facts.routes,
        scrapes: facts.scrapes,
        capacity: model
            .machines()
            .filter_map(|(id, machine)| capacity(plan, id, machine))
            .collect(),
        backups: plan.backups.iter().map(|backup| backup_view(plan, backup)).collect(),
        accepted: facts.accepted,
    }
}

pub(super) fn machine_view(plan: &Plan<'_>, id: MachineId, machine: &Machine) -> MachineView {
    let model = plan.model;
    let shares = machine.shares.iter().map(|share| ShareView {
        source: Store::from(&share.source).reference(model),
        at: share.at.clone(),
        via: share.via.name(),
        read_only: share.read_only,
    });
    MachineView {
        name: machine.name.clone(),
        kind: machine.kind.name(),
        system: machine.os.map(|os| os.name().to_owned()).or_else(|| machine.version.clone()),
        zone: model[machine.zone].name.clone(),
        addresses: machine
            .addresses
            .iter()
            .map(|address| format!("{}/{}", address.address, address.prefix))
            .chain(machine.lease.iter().map(|_| "dhcp".to_owned()))
            .collect(),
        cores: machine.cores,
        memory: machine.memory.as_ref().map(|memory| memory.0),
        host: machine.guest.as_ref().map(|guest| model[guest.host].name.clone()),
        id: machine.guest.as_ref().map(|guest| guest.id),
        services: plan
            .machine(id)
            .services
            .iter()
            .map(|service| model[*service].name.clone())
            .collect(),
        shares: shares.collect(),
    }
}

fn service_view(plan: &Plan<'_>, service: &Service) -> ServiceView {
    let state = service.states.iter().map(|state| StateView {
        name: state.name.clone(),
        path: state.path.clone(),
        backup: match &state.backup {
            StateBackup::Inherit => "as what it lies in".to_owned(),
            StateBackup::Class(class) => class.name().to_owned(),
            StateBackup::Dump => "dump".to_owned(),
            StateBackup::Never(reason) => format!("never: {reason}"),
        },
    });
    ServiceView {
        name: service.name.clone(),
        module: service.module.clone(),
        version: service.module_version.clone(),
        machine: plan.model[service.machine].name.clone(),
        summary: service.summary.clone(),
        images: service.containers.iter().map(|container| container.image.value.clone()).collect(),
        state: state.collect(),
    }
}

fn ports(plan: &Plan<'_>) -> Vec<PortView> {
    let model = plan.model;
    let mut ports: Vec<PortView> = plan
        .listeners()
        .map(|(machine, port, transport, endpoint)| PortView {
            machine: model[machine].name.clone(),
            port: port.first,
            last_port: (port.more() > 0).then_some(port.last),
            proto: transport.name(),
            service: model[endpoint.service].name.clone(),
            endpoint: model.endpoint(endpoint).name.clone(),
        })
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// Lists the containers of different services that meet, machine by machine.
pub(super) fn meets(plan: &Plan<'_>, sources: &Sources) -> Vec<MeetView> {
    let model = plan.model;
    let meets = model.machines().flat_map(|(id, machine)| {
        plan.machine(id).meets.iter().map(|meet| MeetView {
            machine: machine.name.clone(),
            from: model[meet.by].name.clone(),
            to: plan.met(meet),
            reason: meet.reason.name(),
            source: sources.place(meet.span),
        })
    });
    meets.collect()
}

/// Returns what a machine has and promises, or nothing if it promises nothing.
pub fn capacity(plan: &Plan<'_>, id: MachineId, machine: &Machine) -> Option<CapacityView> {
    let guests = plan.model.guests(id);
    let memory = (!guests.is_empty()).then(|| Amount {
        total: machine.memory.as_ref().map(|memory| memory.0),
        reserved: machine.reserve.unwrap_or_default().0,
        promised: capacity::guests_memory(&guests).0,
    });
    let disks = machine.disks.iter().enumerate().map(|(index, disk)| {
        let promised = capacity::taken(machine, index, disk.size).0;
        NamedAmount {
            name: disk.name.clone(),
            amount: Amount { total: Some(disk.size.0), reserved: 0, promised },
        }
    });
    let pools = machine.pools.iter().map(|pool| PoolView {
        pool: NamedAmount {
            name: pool.name.clone(),
            amount: Amount {
                total: capacity::pool_size(machine, pool).map(|size| size.0),
                reserved: 0,
                promised: capacity::quotas(pool).0,
            },
        },
        datasets: pool
            .datasets
            .iter()
            .map(|dataset| DatasetView {
                name: dataset.name.clone(),
                quota: dataset.quota.as_ref().map(|quota| quota.0),
                backup: dataset.backup.as_ref().map(|class| class.name()),
            })
            .collect(),
    });
    let (disks, pools): (Vec<_>, Vec<_>) = (disks.collect(), pools.collect());
    let any = memory.is_some() || !disks.is_empty() || !pools.is_empty();
    any.then(|| CapacityView { machine: machine.name.clone(), memory, disks, pools })
}

pub(super) fn backup_view(plan: &Plan<'_>, backup: &BackupPlan) -> BackupView {
    let model = plan.model;
    let service = &model[backup.service];
    BackupView {
        service: service.name.clone(),
        machine: model[service.machine].name.clone(),
        repository: service
            .backup
            .as_ref()
            .map(|backup| without_password(&backup.repository.value)),
        schedule: backup
            .schedule
            .iter()
            .map(|(class, cron)| (class.name(), cron.to_string()))
            .collect(),
        sources: backup
            .sources
            .iter()
            .map(|source| SourceView {
                path: source.path.clone(),
                class: source.class.name(),
                what: source.what.clone(),
                size: source.size.map(|size| size.0),
            })
            .collect(),
        dumps: backup
            .dumps
            .iter()
            .filter(|dump| model.database(dump.service, dump.database).is_declared())
            .map(|dump| DumpView {
                service: model[dump.service].name.clone(),
                database: model[dump.service].databases[dump.database as usize].name.clone(),
                machine: model[dump.machine].name.clone(),
                class: dump.class.name(),
            })
            .collect(),
    }
}
