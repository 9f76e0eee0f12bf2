//! Collects what the runbook shows.

use minijinja::value::Value;
use serde::Serialize;

use super::access::{
    FlowView, ForwardView, MeetView, RoutesView, flows, forwarded, forwards, meets, routes, zone,
};
use super::by_hand::{ByHandView, OnceItRuns, by_hand, once_it_runs};
use super::kept::{KeptView, kept};
use super::setup::{Archive, account, steps};
use super::step::Step;
use crate::diag::one_line;
use crate::emit::Context;
use crate::format::shell_word;
use crate::model::{
    Backup, FirewallBackend, Machine, MachineKind, Model, Runs, Service, ServiceId, ShareTransport,
};
use crate::plan::joined::{dump_file, dump_name};
use crate::plan::{
    BackupPlan, Client, Coverage, DumpJob, ExportPlan, Guard, SharedFolder, StateCoverage, backups,
};

#[derive(Debug, Serialize)]
pub(super) struct Runbook<'p> {
    lab: &'p str,
    machine: &'p str,
    kind: &'static str,
    is_a: &'static str,
    guest: Option<GuestView<'p>>,
    hardware: Option<&'p str>,
    os: Option<&'static str>,
    cores: Option<u32>,
    memory: Option<String>,
    firewall: Option<&'static str>,
    zone: &'p str,
    addresses: Vec<AddressView<'p>>,
    logins: Vec<LoginView<'p>>,
    web_interface: Option<WebInterface<'p>>,
    services: Vec<ServiceView<'p>>,
    by_hand: Vec<ByHandView<'p>>,
    once_it_runs: Vec<OnceItRuns<'p>>,
    flows: Vec<FlowView>,
    meets: Vec<MeetView<'p>>,
    routes: RoutesView<'p>,
    forwards: Vec<ForwardView<'p>>,
    forwarded: Vec<ForwardView<'p>>,
    states: Vec<StateView<'p>>,
    kept: Vec<KeptView<'p>>,
    mounts: Vec<MountView<'p>>,
    exports: Vec<ExportView<'p>>,
    pools: Vec<PoolView<'p>>,
    guests: Vec<GuestRow<'p>>,
    secrets: Vec<SecretView<'p>>,
    backups: Vec<BackupView<'p>>,
    dump_jobs: Vec<DumpJobView<'p>>,
    containers: bool,
    by_command: Vec<&'p str>,
    steps: Vec<Step>,
    /// Whether it has data of its own.
    keeps: bool,
}

#[derive(Debug, Serialize)]
struct LoginView<'p> {
    command: String,
    from: &'p str,
}

#[derive(Debug, Serialize)]
struct WebInterface<'p> {
    url: String,
    from: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct GuestView<'p> {
    id: u32,
    host: &'p str,
    host_address: Option<String>,
    tool: &'static str,
}

#[derive(Debug, Serialize)]
struct AddressView<'p> {
    /// The address, or nothing if it is asked for by DHCP.
    address: Option<String>,
    network: &'p str,
}

#[derive(Debug, Serialize)]
struct ServiceView<'p> {
    name: &'p str,
    summary: &'p str,
    homepage: Option<&'p str>,
    containers: Vec<ContainerView<'p>>,
    units: Vec<&'p str>,
    packages: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct ContainerView<'p> {
    name: &'p str,
    image: &'p str,
}

#[derive(Debug, Serialize)]
struct StateView<'p> {
    service: &'p str,
    name: &'p str,
    path: &'p str,
    place: String,
    backup: String,
}

#[derive(Debug, Serialize)]
struct MountView<'p> {
    at: &'p str,
    name: &'p str,
    how: &'static str,
}

/// A folder that a machine must export whose system labwright does not manage.
#[derive(Debug, Serialize)]
struct ExportView<'p> {
    folder: &'p str,
    to: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PoolView<'p> {
    name: &'p str,
    disks: Vec<&'p str>,
    datasets: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct GuestRow<'p> {
    id: u32,
    name: &'p str,
    kind: &'static str,
    address: Option<String>,
    /// The storage that has files.
    snippets: &'p str,
}

#[derive(Debug, Serialize)]
struct SecretView<'p> {
    name: &'p str,
    services: Vec<String>,
    doc: Option<&'p str>,
    path: &'p str,
    owner: &'p str,
    mode: &'p str,
}

#[derive(Debug, Serialize)]
struct BackupView<'p> {
    service: &'p str,
    machine: &'p str,
    here: bool,
    scripts: Value,
    repository: Option<&'p str>,
    schedule: Vec<ScheduleView>,
    sources: Vec<SourceView<'p>>,
    dumps: Vec<DumpView<'p>>,
    has_undeclared: bool,
}

#[derive(Debug, Serialize)]
struct ScheduleView {
    class: &'static str,
    cron: String,
}

#[derive(Debug, Serialize)]
struct SourceView<'p> {
    path: &'p str,
    word: Value,
    class: &'static str,
}

/// A database that this machine dumps for the backup of another one.
#[derive(Debug, Serialize)]
struct DumpJobView<'p> {
    service: &'p str,
    name: Value,
    file: String,
    word: Value,
    backup: &'p str,
    machine: &'p str,
    class: &'static str,
}

#[derive(Debug, Serialize)]
struct DumpView<'p> {
    database: &'p str,
    word: Value,
    service: &'p str,
    folder: &'p str,
}

/// Collects what a person needs to know about a machine.
pub(super) fn runbook<'p>(context: &Context<'p>) -> Runbook<'p> {
    let (model, machine) = (context.model(), context.this());
    let states: Vec<StateView<'_>> = context
        .services()
        .flat_map(|(id, _)| context.plan.states_of(id))
        .map(|covered| state_view(model, covered))
        .collect();
    let backups: Vec<BackupView<'_>> = context
        .plan
        .backups_at(context.machine)
        .map(|backup| backup_view(context, backup))
        .collect();
    let keeps = !context.planned().kept.is_empty() || !backups.is_empty();
    Runbook {
        lab: &model.lab.name,
        machine: &machine.name,
        kind: machine.kind.name(),
        is_a: is_a(machine.kind),
        guest: machine.guest.as_ref().map(|guest| GuestView {
            id: guest.id,
            host: &model[guest.host].name,
            host_address: model[guest.host].address().map(|address| address.to_string()),
            tool: if machine.kind == MachineKind::Lxc { "pct" } else { "qm" },
        }),
        hardware: machine.hardware.as_ref().map(|hardware| hardware.model.as_str()),
        os: machine.os.map(crate::model::Os::name),
        cores: machine.cores,
        memory: machine.memory.as_ref().map(|memory| memory.rounded()),
        firewall: match context.plan.guard(context.machine) {
            Guard::Own(FirewallBackend::Ufw) => Some("ufw, and nftables for published ports"),
            Guard::Own(_) => Some("nftables"),
            Guard::Proxmox => Some("the firewall of Proxmox"),
            Guard::Nothing => None,
        },
        zone: zone(model, machine.zone),
        addresses: addresses(model, machine),
        logins: logins(model, machine),
        web_interface: web_interface(context),
        services: context.services().map(|(_, service)| service_view(service)).collect(),
        by_hand: by_hand(context),
        once_it_runs: once_it_runs(context),
        kept: kept(context),
        flows: flows(context),
        meets: meets(context),
        routes: routes(context),
        forwards: forwards(context),
        forwarded: forwarded(context),
        states,
        mounts: mounts(context),
        exports: exports(context),
        pools: machine
            .pools
            .iter()
            .map(|pool| PoolView {
                name: &pool.name,
                disks: pool
                    .disks
                    .iter()
                    .filter_map(|disk| Some(machine.disks.get(*disk as usize)?.device.as_str()))
                    .collect(),
                datasets: pool.datasets.iter().map(|dataset| dataset.name.as_str()).collect(),
            })
            .collect(),
        guests: model
            .guests(context.machine)
            .into_iter()
            .map(|(_, machine, guest)| GuestRow {
                id: guest.id,
                name: &machine.name,
                kind: machine.kind.name(),
                address: machine.address().map(|address| address.to_string()),
                snippets: &guest.snippets,
            })
            .collect(),
        secrets: context
            .planned()
            .secrets
            .iter()
            .map(|secret| SecretView {
                name: &model[secret.secret].name,
                services: secret
                    .services
                    .iter()
                    .map(|service| model[*service].name.clone())
                    .chain(secret.shares.iter().map(|at| format!("the share at {at}")))
                    .collect(),
                doc: model[secret.secret].doc.as_deref(),
                path: &secret.path,
                owner: &secret.owner,
                mode: &secret.mode,
            })
            .collect(),
        dump_jobs: dump_jobs(context),
        backups,
        containers: context.services().any(|(_, service)| !service.containers.is_empty()),
        by_command: context
            .services()
            .flat_map(|(_, service)| &service.containers)
            .filter(|container| container.runs == Runs::ByHand)
            .map(|container| container.name.as_str())
            .collect(),
        steps: steps(context.plan, context.machine, Archive::Unnamed),
        keeps,
    }
}

/// Says what a machine of a kind is.
pub const fn is_a(kind: MachineKind) -> &'static str {
    match kind {
        MachineKind::Proxmox => "a Proxmox VE host",
        MachineKind::Debian => "a machine without a hypervisor",
        MachineKind::Unmanaged => "a machine whose system is not set up from here",
        MachineKind::Vm => "a virtual machine",
        MachineKind::Lxc => "a Linux container",
        MachineKind::Appliance => "an appliance in a virtual machine",
    }
}

fn logins<'p>(model: &'p Model, machine: &Machine) -> Vec<LoginView<'p>> {
    let user = account(model, machine);
    let Some(address) = machine.typed_address() else { return Vec::new() };
    let command = |port: u16| {
        if port == 22 {
            format!("ssh {user}@{address}")
        } else {
            format!("ssh -p {port} {user}@{address}")
        }
    };
    machine
        .ssh
        .iter()
        .map(|access| LoginView { command: command(access.port), from: zone(model, access.from) })
        .collect()
}

fn web_interface<'p>(context: &Context<'p>) -> Option<WebInterface<'p>> {
    let machine = context.this();
    let address = machine.address().filter(|_| machine.kind == MachineKind::Proxmox)?;
    let managers = context.plan.managers(context.machine).into_iter();
    let from = managers.map(|from| zone(context.model(), from)).collect();
    Some(WebInterface {
        url: format!("https://{}", std::net::SocketAddr::new(address, 8006)),
        from,
    })
}

fn addresses<'p>(model: &'p Model, machine: &Machine) -> Vec<AddressView<'p>> {
    let view = |address: &crate::model::Address| AddressView {
        address: Some(format!("{}/{}", address.address, address.prefix)),
        network: &model[address.network].name,
    };
    let asked = machine
        .lease
        .iter()
        .map(|lease| AddressView { address: None, network: &model[lease.network].name });
    machine.addresses.iter().map(view).chain(asked).collect()
}

fn service_view(service: &Service) -> ServiceView<'_> {
    ServiceView {
        name: &service.name,
        summary: &service.summary,
        homepage: service.homepage.as_deref(),
        containers: service
            .containers
            .iter()
            .map(|one| ContainerView { name: &one.name, image: &one.image.value })
            .collect(),
        units: service.units.iter().map(|unit| unit.name.as_str()).collect(),
        packages: service.packages.iter().map(|package| package.name.as_str()).collect(),
    }
}

fn state_view<'p>(model: &'p Model, covered: &'p StateCoverage<'_>) -> StateView<'p> {
    let how = covered.in_words(model);
    StateView {
        service: &model[covered.service].name,
        name: &covered.state.name,
        path: &covered.state.path,
        place: covered.store.name(model),
        backup: if covered.coverage == Coverage::Saved { how } else { format!("none: {how}") },
    }
}

fn mounts<'p>(context: &Context<'p>) -> Vec<MountView<'p>> {
    let how = |via| match via {
        ShareTransport::Virtiofs => "virtiofs",
        ShareTransport::Nfs => "NFS",
        ShareTransport::Cifs => "SMB",
        ShareTransport::MountPoint => "bound by its host",
        ShareTransport::Local => "its own",
    };
    let view = |share: &'p SharedFolder<'p>| MountView {
        at: share.at,
        name: &share.name,
        how: how(share.via),
    };
    context.planned().shares.iter().map(view).collect()
}

/// Lists what a machine must export, and to whom, if labwright does not manage its system.
/// Otherwise the bundle does it.
fn exports<'p>(context: &Context<'p>) -> Vec<ExportView<'p>> {
    if context.this().kind != MachineKind::Unmanaged {
        return Vec::new();
    }
    let to = |client: &Client| {
        let access = if client.read_only { "to read" } else { "to read and write" };
        format!("{} {access} ({})", client.address, context.model()[client.machine].name)
    };
    // In the order in which the lab names them; the plan has them by folder.
    let named = context.this().exports.iter();
    let planned = named.filter_map(|export| {
        context.planned().exports.iter().find(|planned| planned.folder == export.path)
    });
    let view = |export: &'p ExportPlan| ExportView {
        folder: &export.folder,
        to: export.clients.iter().map(to).collect(),
    };
    planned.filter(|export| !export.clients.is_empty()).map(view).collect()
}

/// Describes a backup that this machine makes, or that uses dumps from it.
fn backup_view<'p>(context: &Context<'p>, backup: &'p BackupPlan) -> BackupView<'p> {
    let model = context.model();
    let service = &model[backup.service];
    let here = service.machine == context.machine;
    let of_machine = backup.dumps.iter().filter(|dump| dump.machine == context.machine);
    let (declared, undeclared): (Vec<_>, Vec<_>) =
        of_machine.partition(|dump| model.database(dump.service, dump.database).is_declared());
    let dumps: Vec<DumpView<'p>> = declared
        .into_iter()
        .map(|dump| {
            let service = &model[dump.service];
            let database = &model.database(dump.service, dump.database).name;
            DumpView {
                database,
                word: command_word(database),
                service: &service.name,
                folder: &dump.folder,
            }
        })
        .collect();
    let sources = backup.sources.iter().filter(|_| here);
    BackupView {
        service: &service.name,
        machine: &model[service.machine].name,
        here,
        scripts: command_word(&backups::scripts(service)),
        repository: service
            .backup
            .as_ref()
            .map(|Backup { repository, .. }| repository.value.as_str()),
        schedule: backup
            .schedule
            .iter()
            .map(|(class, cron)| ScheduleView { class: class.name(), cron: cron.to_string() })
            .collect(),
        sources: sources
            .map(|source| SourceView {
                path: &source.path,
                word: command_word(&source.path),
                class: source.class.name(),
            })
            .collect(),
        dumps,
        has_undeclared: !undeclared.is_empty(),
    }
}

/// Lists the databases that this machine dumps for the backup of another one.
fn dump_jobs<'p>(context: &Context<'p>) -> Vec<DumpJobView<'p>> {
    let model = context.model();
    let view = |job: &'p DumpJob, service: ServiceId, database| {
        let file = format!("{}/{}", job.folder, dump_file(database));
        DumpJobView {
            service: &model[service].name,
            name: command_word(&dump_name(database)),
            word: command_word(&file),
            file,
            backup: &model[job.backup].name,
            machine: &model[model[job.backup].machine].name,
            class: job.class.name(),
        }
    };
    let jobs = context.plan.dump_jobs_at(context.machine).iter();
    let all = jobs.flat_map(|job| job.databases.iter().map(move |(id, index)| (job, *id, *index)));
    all.map(|(job, id, index)| (job, id, model.database(id, index)))
        .filter(|(.., database)| database.is_declared())
        .map(|(job, id, database)| view(job, id, database))
        .collect()
}

/// Writes a word of a command to type, in a place where Markdown needs no escapes.
fn command_word(word: &str) -> Value {
    Value::from_safe_string(shell_word(&one_line(word)))
}
