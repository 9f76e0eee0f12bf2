//! Collects everything on the page, in its order.

use std::collections::BTreeMap;

use serde::Serialize;

use super::access::{self, Access, InternetPort, Name};
use super::keeping::{self, CrossingRow, DatasetRow, NewImageRow, Room, StateRow, Unsaved};
use super::picture::{Picture, Scene, picture};
use super::view::{self, BackupView, MachineView};
use crate::bundle::OneWayEntry;
use crate::bundle::release::ReleaseIndex;
use crate::diag::{Diagnostic, Diagnostics};
use crate::digest::short;
use crate::model::{
    Container, Machine, MachineId, MachineKind, MountKind, NetworkMode, Service, ServiceFileTarget,
};
use crate::plan::store::is_below;
use crate::plan::{Guard, Plan};
use crate::source::{Layer, Sources, Span};

#[derive(Serialize)]
pub(super) struct Page<'p> {
    lab: &'p str,
    version: &'p str,
    edition: u32,
    domain: Option<&'p str>,
    timezone: &'p str,
    content: &'p str,
    place_of_lab: String,
    counts: Counts,
    picture: Picture,
    internet: Vec<InternetPort<'p>>,
    names: Vec<Name<'p>>,
    machines: Vec<MachineRow<'p>>,
    services: Vec<ServiceRow<'p>>,
    admins: Vec<AdminRow<'p>>,
    zones: Vec<ZoneRow<'p>>,
    access: Access<'p>,
    privileges: Vec<PrivilegeRow<'p>>,
    rooms: Vec<Room>,
    quotas: Vec<DatasetRow<'p>>,
    backups: Vec<BackupView>,
    states: Vec<StateRow<'p>>,
    unsaved: Vec<Unsaved<'p>>,
    crossings: Vec<CrossingRow<'p>>,
    secrets: Vec<SecretRows<'p>>,
    images: Vec<ImageRow<'p>>,
    one_way: Vec<OneWayRow<'p>>,
    new_images: Vec<NewImageRow<'p>>,
    findings: Vec<FindingRow<'p>>,
    accepted: Vec<AcceptedRow<'p>>,
}

#[derive(Serialize)]
struct Counts {
    machines: usize,
    services: usize,
    containers: usize,
    public_names: usize,
    lost: usize,
    left_out: usize,
    floating: usize,
    secrets: usize,
}

#[derive(Serialize)]
struct MachineRow<'p> {
    facts: MachineView,
    hardware: Option<&'p str>,
    guard: &'static str,
    content: Option<&'p str>,
    place: String,
}

#[derive(Serialize)]
struct ServiceRow<'p> {
    name: &'p str,
    module: &'p str,
    summary: &'p str,
    machine: &'p str,
    place: String,
}

#[derive(Serialize)]
struct AdminRow<'p> {
    name: &'p str,
    keys: Vec<String>,
    place: String,
}

#[derive(Serialize)]
struct ZoneRow<'p> {
    name: &'p str,
    include: Vec<String>,
    exclude: Vec<String>,
}

/// A privilege of a service that containers usually don't have.
#[derive(Serialize)]
struct PrivilegeRow<'p> {
    service: &'p str,
    container: &'p str,
    privileges: Vec<String>,
    place: String,
}

#[derive(Serialize)]
struct SecretRows<'p> {
    machine: &'p str,
    secrets: Vec<SecretRow<'p>>,
}

#[derive(Serialize)]
struct SecretRow<'p> {
    name: &'p str,
    services: Vec<&'p str>,
    doc: Option<&'p str>,
    path: &'p str,
    owner: &'p str,
    mode: &'p str,
    place: String,
}

#[derive(Serialize)]
struct ImageRow<'p> {
    reference: &'p str,
    pin: &'static str,
    floating: bool,
    by: Vec<String>,
}

/// Something that a later release can change or drop only with explicit permission.
#[derive(Serialize)]
struct OneWayRow<'p> {
    machine: &'p str,
    key: &'p str,
    value: &'p str,
    what: &'p str,
}

/// A finding that the lab does not accept.
#[derive(Serialize)]
struct FindingRow<'p> {
    severity: &'static str,
    code: &'static str,
    message: &'p str,
    place: Option<String>,
}

#[derive(Serialize)]
struct AcceptedRow<'p> {
    code: &'p str,
    on: &'p str,
    reason: &'p str,
    place: Option<String>,
}

/// Collects everything on the page.
pub(super) fn page<'p>(
    plan: &'p Plan<'p>,
    sources: &Sources,
    index: &'p ReleaseIndex,
    findings: &'p Diagnostics,
    one_way: &'p BTreeMap<String, Vec<OneWayEntry>>,
) -> Page<'p> {
    let model = plan.model;
    let text = |list: &[ipnet::IpNet]| list.iter().map(ToString::to_string).collect();
    let (names, states, images) =
        (access::names(plan, sources), keeping::states(plan, sources), images(plan));
    let count =
        |which: fn(&StateRow<'_>) -> bool| states.iter().filter(|state| which(state)).count();
    Page {
        lab: &model.lab.name,
        version: &model.lab.version,
        edition: model.lab.edition,
        domain: model.lab.domain.as_deref(),
        timezone: &model.lab.timezone,
        content: &index.content_id,
        place_of_lab: sources.place(model.lab.span),
        counts: Counts {
            machines: model.machines.len(),
            services: model.services.len(),
            containers: model.services.iter().map(|service| service.containers.len()).sum(),
            public_names: names.iter().filter(|name| name.public).count(),
            lost: count(|state| state.lost),
            left_out: count(|state| !state.lost && !state.saved),
            floating: images.iter().filter(|image| image.floating).count(),
            secrets: model.secrets.len(),
        },
        picture: picture(Scene::of(plan)),
        internet: access::internet(plan, sources),
        machines: model
            .machines()
            .map(|(id, machine)| machine_row(plan, id, machine, index, sources))
            .collect(),
        services: model
            .services
            .iter()
            .map(|service| ServiceRow {
                name: &service.name,
                module: &service.module,
                summary: &service.summary,
                machine: &model[service.machine].name,
                place: sources.place(service.span),
            })
            .collect(),
        admins: model
            .admins
            .iter()
            .map(|admin| AdminRow {
                name: &admin.name,
                keys: admin.ssh_keys.iter().map(|key| short_key(key)).collect(),
                place: sources.place(admin.span),
            })
            .collect(),
        zones: model
            .zones
            .iter()
            .zip(&plan.zones)
            .filter(|(zone, _)| !matches!(zone.kind, crate::model::ZoneKind::Machine(_)))
            .map(|(zone, addresses)| ZoneRow {
                name: &zone.name,
                include: text(&addresses.include),
                exclude: text(&addresses.exclude),
            })
            .collect(),
        access: access::access(plan, sources),
        privileges: model
            .services
            .iter()
            .flat_map(|service| privileges(service, sources))
            .collect(),
        rooms: keeping::rooms(plan),
        quotas: keeping::quotas(plan, sources),
        backups: keeping::backups(plan),
        unsaved: keeping::unsaved(plan, sources),
        crossings: keeping::crossings(plan, sources),
        secrets: model
            .machines()
            .filter_map(|(id, machine)| secrets(plan, id, machine, sources))
            .collect(),
        new_images: keeping::new_images(plan),
        one_way: one_way
            .iter()
            .flat_map(|(machine, facts)| facts.iter().map(|fact| one_way_row(machine, fact)))
            .collect(),
        findings: findings.iter().map(|finding| finding_row(finding, sources)).collect(),
        accepted: accepted(plan, index, sources),
        names,
        states,
        images,
    }
}

fn machine_row<'p>(
    plan: &'p Plan<'_>,
    id: MachineId,
    machine: &'p Machine,
    index: &'p ReleaseIndex,
    sources: &Sources,
) -> MachineRow<'p> {
    MachineRow {
        facts: view::machine_view(plan, id, machine),
        hardware: machine.hardware.as_ref().map(|hardware| hardware.model.as_str()),
        guard: match (plan.guard(id), machine.kind) {
            (Guard::Own(crate::model::FirewallBackend::Ufw), _) => "ufw",
            (Guard::Own(_), _) => "nftables",
            (Guard::Proxmox, _) => "Proxmox",
            (Guard::Nothing, MachineKind::Unmanaged | MachineKind::Appliance) => "its own",
            (Guard::Nothing, _) => "none",
        },
        content: index.machines.get(&machine.name).map(|packed| short(&packed.content_id)),
        place: sources.place(machine.span),
    }
}

/// Shortens a public key to what distinguishes it: its type, its last characters, its comment.
fn short_key(key: &str) -> String {
    let mut words = key.split_whitespace();
    let (kind, body) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let tail = body.char_indices().rev().nth(11).map_or(body, |(start, _)| &body[start..]);
    let comment = words.collect::<Vec<_>>().join(" ");
    format!("{kind} …{tail} {comment}").trim_end().to_owned()
}

/// Lists the unusual privileges of a service's containers, and the keys that `raw` sets for the
/// service.
fn privileges<'p>(service: &'p Service, sources: &Sources) -> Vec<PrivilegeRow<'p>> {
    let row = |container: &'p str, privileges, span: Span| PrivilegeRow {
        service: &service.name,
        container,
        privileges,
        place: sources.place(span),
    };
    let mut rows: Vec<PrivilegeRow<'p>> = service
        .containers
        .iter()
        .map(|container| row(&container.name, container_privileges(container), service.span))
        .filter(|row| !row.privileges.is_empty())
        .collect();
    rows.extend(
        service.raw.iter().map(|raw| row("", vec![format!("raw {}", raw.value)], raw.span)),
    );
    rows.extend(
        Some(row("", brought_as_root(service, sources), service.span))
            .filter(|row| !row.privileges.is_empty()),
    );
    rows
}

/// Lists what a module of the lab's own brings onto its machine as root. What those of the library
/// bring is known.
fn brought_as_root(service: &Service, sources: &Sources) -> Vec<String> {
    let own = |span: Span| sources.file(span.file).layer != Layer::Builtin;
    let mut brought = Vec::new();
    let packages = service.packages.iter().filter(|package| own(package.span));
    brought.extend(packages.map(|package| format!("package {}", package.name)));
    let units = service.units.iter().filter(|unit| own(unit.span));
    brought.extend(units.map(|unit| format!("unit {}", unit.name)));
    let scripts = service.scripts.iter().filter(|script| own(script.span));
    brought.extend(scripts.map(|script| format!("script {} as root", script.name)));
    brought.extend(service.files.iter().filter(|file| own(file.span)).filter_map(|file| {
        match &file.target {
            ServiceFileTarget::Machine(path) => Some(format!("installs {path}")),
            _ => None,
        }
    }));
    // A setting of the kernel has no place of its own.
    let places = service.containers.iter().map(|container| container.span);
    let places = places.chain(service.endpoints.iter().map(|endpoint| endpoint.span));
    if !brought.is_empty() || places.into_iter().any(own) {
        brought.extend(service.sysctls.iter().map(|sysctl| format!("kernel {}", sysctl.name)));
    }
    brought
}

fn container_privileges(container: &Container) -> Vec<String> {
    let mut privileges = Vec::new();
    let mut say = |holds: bool, what: &str| {
        if holds {
            privileges.push(what.to_owned());
        }
    };
    say(container.privileged, "privileged");
    say(container.network == NetworkMode::Host, "network of the machine");
    say(container.host_pid, "processes of the machine");
    say(container.process.gpu.is_some(), "GPUs of NVIDIA");
    privileges
        .extend(container.cap_add.iter().map(|capability| format!("capability {capability}")));
    // `seccomp=unconfined` and `label=disable` switch a protection off. Others don't.
    let lifted = |option: &&String| option.contains("unconfined") || option.contains("disable");
    privileges.extend(container.security_options.iter().filter(lifted).cloned());
    privileges.extend(container.devices.iter().map(|device| format!("device {}", device.path)));
    let of_the_system = |mount: &&crate::model::Mount| {
        const FOLDERS: [&str; 7] = ["/dev", "/etc", "/proc", "/root", "/run", "/sys", "/var/run"];
        let below = |folder: &str| is_below(&mount.source, folder);
        mount.kind == MountKind::Path
            && (mount.source == "/" || FOLDERS.iter().any(|folder| below(folder)))
    };
    privileges.extend(container.mounts.iter().filter(of_the_system).map(|mount| {
        // A program that can connect to the socket can do anything. That the file is read-only
        // changes nothing.
        let how = match mount.read_only {
            _ if mount.source.ends_with("docker.sock") => "commands",
            true => "reads",
            false => "writes",
        };
        format!("{how} {}", mount.source)
    }));
    privileges
}

fn secrets<'p>(
    plan: &'p Plan<'_>,
    id: MachineId,
    machine: &'p Machine,
    sources: &Sources,
) -> Option<SecretRows<'p>> {
    let row = |held: &'p crate::plan::MachineSecret| {
        let secret = &plan.model[held.secret];
        SecretRow {
            name: &secret.name,
            services: held
                .services
                .iter()
                .map(|service| plan.model[*service].name.as_str())
                .collect(),
            doc: secret.doc.as_deref(),
            path: &held.path,
            owner: &held.owner,
            mode: &held.mode,
            place: sources.place(secret.span),
        }
    };
    let secrets: Vec<SecretRow<'p>> = plan.machine(id).secrets.iter().map(row).collect();
    (!secrets.is_empty()).then_some(SecretRows { machine: &machine.name, secrets })
}

/// Lists the images. Those that may change under their name come first.
fn images<'p>(plan: &Plan<'p>) -> Vec<ImageRow<'p>> {
    let mut images: BTreeMap<&str, ImageRow<'p>> = BTreeMap::new();
    for service in &plan.model.services {
        for container in &service.containers {
            let reference = container.image.value.as_str();
            let floating = !container.has_pinned_image();
            let pin = if reference.contains('@') {
                "digest"
            } else if floating {
                "nothing"
            } else {
                "tag"
            };
            let row = images.entry(reference).or_insert_with(|| ImageRow {
                reference,
                pin,
                floating,
                by: Vec::new(),
            });
            row.by.push(container.name.clone());
        }
    }
    let mut images: Vec<ImageRow<'p>> = images.into_values().collect();
    images.sort_by_key(|image| !image.floating);
    images
}

fn one_way_row<'p>(machine: &'p str, fact: &'p OneWayEntry) -> OneWayRow<'p> {
    OneWayRow { machine, key: &fact.key, value: &fact.value, what: &fact.what }
}

fn finding_row<'p>(finding: &'p Diagnostic, sources: &Sources) -> FindingRow<'p> {
    let place = finding.span.map(|span| sources.place(span));
    FindingRow {
        severity: finding.code.severity.name(),
        code: finding.code.name,
        message: &finding.message,
        place,
    }
}

fn accepted<'p>(
    plan: &Plan<'_>,
    index: &'p ReleaseIndex,
    sources: &Sources,
) -> Vec<AcceptedRow<'p>> {
    let row = |accepted: &'p crate::diag::Accepted| {
        let same = |accept: &&crate::model::Accept| {
            accept.code == accepted.code
                && accept.reason == accepted.reason
                && accept.on.as_ref().is_none_or(|on| *on == accepted.on)
        };
        let place = plan.model.accepts.iter().find(same).map(|accept| sources.place(accept.span));
        AcceptedRow { code: &accepted.code, on: &accepted.on, reason: &accepted.reason, place }
    };
    index.accepted.iter().map(row).collect()
}
