//! Emits what a machine's system needs before its services: packages, kernel settings, mounts,
//! folders, secrets, ssh.

mod addresses;
pub mod archives;
mod measures;
mod names;
mod requirements;
mod textfile;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter, unit_file};
use crate::artifact::{Artifact, Artifacts, RequiredSecret, Slot};
use crate::diag::{Diagnostic, Diagnostics};
use crate::format::{Templates, VALUE_NOT_WRITABLE};
use crate::kind::Kind;
use crate::model::{
    Endpoint, MountKind, NetworkMode, Protocol, Role, Service, ShareTransport, State, UnitAction,
};
use crate::plan::store::{is_below, share_of};
use crate::plan::{Login, Mount, Published, mount_name};

/// The emitter of a machine's system.
pub const EMITTER: Emitter = Emitter { name: "machine", folders: &["machine"], emit };

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("addresses.sh.j2", include_str!("addresses.sh.j2")),
        ("packages.sh.j2", include_str!("packages.sh.j2")),
        ("requirements.sh.j2", include_str!("requirements.sh.j2")),
        ("modules.sh.j2", include_str!("modules.sh.j2")),
        ("resolver.sh.j2", include_str!("resolver.sh.j2")),
        ("sysctl.sh.j2", include_str!("sysctl.sh.j2")),
        ("mounts.sh.j2", include_str!("mounts.sh.j2")),
        ("folders.sh.j2", include_str!("folders.sh.j2")),
        ("ssh.sh.j2", include_str!("ssh.sh.j2")),
        ("textfile.sh.j2", include_str!("textfile.sh.j2")),
        ("measures.sh.j2", include_str!("measures.sh.j2")),
        ("endpoints.sh.j2", include_str!("endpoints.sh.j2")),
        ("within.sh.j2", include_str!("../within.sh.j2")),
    ])
});

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    secrets(context, artifacts);
    folders(context, artifacts, diagnostics);
    requirements::emit(context, artifacts, diagnostics);
    textfile::emit(context, artifacts, diagnostics);
    if context.this().kind.offers().system {
        step(
            context,
            (Slot::PACKAGES, "packages"),
            &context.planned().packages,
            artifacts,
            diagnostics,
        );
        for file in archives::files(context) {
            let path = format!("machine/{}", file.name);
            artifacts.add(path, Kind::Text, file.text, context.origin());
        }
        kernel_modules(context, artifacts, diagnostics);
        if context.this().kind.is_managed() && context.plan.machine(context.machine).answers_dns {
            resolver(context, artifacts, diagnostics);
        }
        kernel_settings(context, artifacts, diagnostics);
        mount_units(context, artifacts, diagnostics);
        addresses::emit(context, artifacts, diagnostics);
        ssh(context, artifacts, diagnostics);
        measures::emit(context, artifacts, diagnostics);
        endpoints(context, artifacts, diagnostics);
    }
}

/// Adds an activate step that runs when its own text has changed, from the template of its name.
fn step(
    context: &Context<'_>,
    (slot, name): (Slot, &str),
    view: &impl Serialize,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let template = format!("{name}.sh.j2");
    if let Some(text) = TEMPLATES.write(&template, view, &context.this().name, diagnostics) {
        let itself = slot.path(name);
        artifacts.step(slot, name, &[&itself], &text, context.origin());
    }
}

fn secrets(context: &Context<'_>, artifacts: &mut Artifacts) {
    artifacts.secrets.extend(context.planned().secrets.iter().map(|secret| RequiredSecret {
        name: context.model()[secret.secret].name.clone(),
        path: secret.path.clone(),
        owner: secret.owner.clone(),
        mode: secret.mode.clone(),
    }));
}

#[derive(Debug, Serialize)]
struct Folders<'p> {
    folders: Vec<Folder<'p>>,
}

#[derive(Debug, Serialize)]
struct Folder<'p> {
    path: &'p str,
    owner: &'p str,
    group: &'p str,
    mode: &'p str,
    /// Whether the share is on another machine.
    remote: bool,
}

impl<'p> Folder<'p> {
    fn of(context: &Context<'_>, state: &'p State) -> Self {
        let share = share_of(context.model(), context.machine, &state.path);
        let remote = share.is_some_and(|share| share.via.is_remote());
        Self {
            path: &state.path,
            owner: &state.owner,
            group: &state.group,
            mode: &state.mode,
            remote,
        }
    }
}

fn folders(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let states: BTreeMap<&str, &State> = context
        .services()
        .flat_map(|(_, service)| &service.states)
        .map(|state| (state.path.as_str(), state))
        .collect();
    if states.is_empty() {
        return;
    }
    let folders =
        Folders { folders: states.into_values().map(|state| Folder::of(context, state)).collect() };
    step(context, (Slot::FOLDERS, "folders"), &folders, artifacts, diagnostics);
}

/// Frees the port of DNS from systemd-resolved, and lets the machine ask its network's name servers
/// without it.
fn resolver(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    artifacts.install(
        "machine/resolved.conf",
        Artifact::new(Kind::Ini, "[Resolve]\nDNSStubListener=no\n", context.origin()),
        "/etc/systemd/resolved.conf.d/labwright.conf",
        "0644",
    );
    step(context, (Slot::NETWORK, "resolver"), &(), artifacts, diagnostics);
}

#[derive(Debug, Serialize)]
struct KernelModules<'p> {
    modules: &'p [&'p str],
}

fn kernel_modules(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let modules = &context.plan.machine(context.machine).requirements.kernel_modules;
    if modules.is_empty() {
        return;
    }
    let lines: String = modules.iter().flat_map(|module| [*module, "\n"]).collect();
    artifacts.install(
        "machine/modules.conf",
        Artifact::new(Kind::Text, lines, context.origin()),
        "/etc/modules-load.d/labwright.conf",
        "0644",
    );
    let view = KernelModules { modules };
    step(context, (Slot::KERNEL, "modules"), &view, artifacts, diagnostics);
}

#[derive(Debug, Serialize)]
struct KernelSettings<'p> {
    settings: &'p BTreeMap<&'p str, &'p str>,
    forwards_v6: bool,
}

fn kernel_settings(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let planned = &context.plan.machine(context.machine).kernel;
    if planned.values.is_empty() {
        return;
    }
    let settings = &planned.values;
    let origin: Vec<String> = planned
        .services
        .iter()
        .map(|id| format!("service {}", context.model()[*id].name))
        .collect();
    let file: String =
        settings.iter().flat_map(|(name, value)| [name, " = ", value, "\n"]).collect();
    artifacts.install(
        "machine/sysctl.conf",
        Artifact::new(Kind::Ini, file, origin),
        "/etc/sysctl.d/60-labwright.conf",
        "0644",
    );
    let view = KernelSettings { settings, forwards_v6: planned.forwards_v6 };
    step(context, (Slot::KERNEL, "sysctl"), &view, artifacts, diagnostics);
}

#[derive(Debug, Serialize)]
struct Mounts<'p> {
    mounts: Vec<MountView<'p>>,
    /// The units that wait for servers of SMB.
    servers: Vec<ServerView>,
}

#[derive(Debug, Serialize)]
struct ServerView {
    unit: String,
    file: String,
}

#[derive(Debug, Serialize)]
struct MountView<'p> {
    at: &'p str,
    what: &'p str,
    unit: String,
    file: String,
}

/// Adds the units of what the machine mounts, and the step that installs them.
///
/// `install.tsv` can't install them: the name of a mount's unit follows from its mount point, and
/// may contain a backslash.
fn mount_units(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let mut views = Vec::new();
    let mut servers: BTreeMap<String, ServerView> = BTreeMap::new();
    let mut fault = |what: &str, why: String| {
        let message =
            format!("the mount of {what} on `{}` can't be written: {why}", context.this().name);
        diagnostics.push(
            Diagnostic::new(&VALUE_NOT_WRITABLE, context.this().span, message)
                .on(&context.this().name),
        );
    };
    for (index, mount) in context.planned().mounts.iter().enumerate() {
        let unit = mount_name(&mount.at);
        let (file, kind) = if unit.contains('\\') {
            (format!("systemd/mount-{index}"), Kind::Ini)
        } else {
            (format!("systemd/{unit}"), Kind::SystemdUnit)
        };
        match mount_unit(mount, &users(context, mount)) {
            Ok(text) => {
                artifacts.add(
                    file.clone(),
                    kind,
                    format!("{MOUNT_MARK}\n{text}"),
                    vec![mount.name.clone()],
                );
            }
            Err(why) => fault(&mount.name, why),
        }
        if let Some(login) = &mount.login {
            let unit = server_unit(login);
            let file = format!("systemd/{unit}");
            match wait_unit(login) {
                Ok(text) => {
                    let text = format!("{MOUNT_MARK}\n{text}");
                    let origin = vec![mount.name.clone()];
                    artifacts.add(file.clone(), Kind::SystemdUnit, text, origin);
                }
                Err(why) => fault(&mount.name, why),
            }
            servers.insert(unit.clone(), ServerView { unit, file });
        }
        views.push(MountView { at: &mount.at, what: &mount.what, unit, file });
    }
    let mounts = Mounts { mounts: views, servers: servers.into_values().collect() };
    let Some(text) = TEMPLATES.write("mounts.sh.j2", &mounts, &context.this().name, diagnostics)
    else {
        return;
    };
    let files = mounts.mounts.iter().map(|mount| mount.file.as_str());
    let files = files.chain(mounts.servers.iter().map(|server| server.file.as_str()));
    let itself = Slot::STORAGE.path("mounts");
    let inputs: Vec<&str> = std::iter::once(itself.as_str()).chain(files).collect();
    artifacts.step(Slot::STORAGE, "mounts", &inputs, &text, context.origin());
}

/// The first line of the units that the mounts step owns.
const MOUNT_MARK: &str = "# A share of this machine, put here by its labwright bundle.";

/// Lists the units that start after a mount, each with whether it writes there.
fn users(context: &Context<'_>, mount: &Mount) -> BTreeMap<String, bool> {
    let keeps =
        |service: &Service| service.states.iter().any(|state| is_below(&state.path, &mount.at));
    let watched = context.services().any(|(_, service)| keeps(service));
    let mut users = BTreeMap::new();
    for (_, service) in context.services() {
        // Containers must start even if a mount that only a backup uses is missing.
        if is_mounted(service, &mount.at) {
            users.insert("docker.service".to_owned(), true);
        }
        // fail2ban reads the logs that other services write.
        if keeps(service) || watched && service.has(Role::Fail2ban) {
            let starts = service.units.iter().filter(|unit| {
                unit.action == UnitAction::EnableStart && unit.name.ends_with(".service")
            });
            users.extend(starts.map(|unit| (unit.name.clone(), keeps(service))));
        }
    }
    users
}

/// Returns whether a container mounts something of a folder itself, and not just because it mounts
/// the whole machine.
fn is_mounted(service: &Service, folder: &str) -> bool {
    let holds =
        |source: &str| is_below(source, folder) || (source != "/" && is_below(folder, source));
    let mut mounts = service.containers.iter().flat_map(|container| &container.mounts);
    mounts.any(|mount| mount.kind != MountKind::Volume && holds(&mount.source))
}

/// Returns the name of the unit that waits for a server of SMB.
fn server_unit(login: &Login) -> String {
    format!("labwright-server-{}.service", login.server)
}

/// Writes the unit that waits for a server of SMB, which may start later than this machine: a mount
/// by SMB is tried once.
fn wait_unit(login: &Login) -> Result<String, String> {
    let online = "network-online.target".to_owned();
    let asks = format!("until (: >/dev/tcp/{}/445) 2>/dev/null; do sleep 5; done", login.server);
    unit_file::write([
        (
            "Unit",
            vec![
                ("Description", format!("Waits for the shares of {}", login.server)),
                ("Wants", online.clone()),
                ("After", online),
            ],
        ),
        (
            "Service",
            vec![
                ("Type", "oneshot".to_owned()),
                ("TimeoutStartSec", "infinity".to_owned()),
                (
                    "ExecStart",
                    unit_file::value(
                        "ExecStart",
                        &["/bin/bash".to_owned(), "-c".to_owned(), asks],
                    )?,
                ),
            ],
        ),
    ])
}

/// Returns the user and the group that all files of a share by SMB have.
fn owner_of(login: &Login) -> (&str, &str) {
    let owner = login.owner.as_deref().unwrap_or("0");
    owner.split_once(':').unwrap_or((owner, owner))
}

fn mount_unit(mount: &Mount, users: &BTreeMap<String, bool>) -> Result<String, String> {
    let mut unit = vec![("Description", mount.name.clone())];
    let mut how = vec![
        ("What", mount.what.clone()),
        ("Where", mount.at.clone()),
        ("Type", mount.via.name().to_owned()),
    ];
    let mut install = vec![("WantedBy", "multi-user.target".to_owned())];
    let access = if mount.read_only { "ro" } else { "rw" };
    if mount.via.is_remote() {
        unit.push(("Wants", "network-online.target".to_owned()));
        unit.push(("After", "network-online.target".to_owned()));
    }
    if mount.via == ShareTransport::Nfs {
        // After a power cut, the server may start later than this machine, so the mount waits for
        // it. Logins are not delayed.
        how.push(("Options", format!("{access},noatime,nofail,_netdev,hard,retry=10080")));
        how.push(("TimeoutSec", "infinity".to_owned()));
    } else if let Some(login) = &mount.login {
        let (user, group) = owner_of(login);
        how.push((
            "Options",
            format!(
                "{access},noatime,nofail,_netdev,hard,username={},uid={user},gid={group},\
                 file_mode=0664,dir_mode=0775",
                login.user
            ),
        ));
        // mount.cifs reads the password from this file, so no list of processes shows it.
        how.push(("Environment", format!("PASSWD_FILE={}", login.password)));
        let waits = server_unit(login);
        unit.push(("Requires", waits.clone()));
        unit.push(("After", waits));
    } else {
        // Inside a container the device doesn't exist, but a mount helper of that name may find
        // another way.
        unit.push(("ConditionVirtualization", "|vm".to_owned()));
        unit.push(("ConditionPathExists", "|/usr/sbin/mount.virtiofs".to_owned()));
        how.push(("Options", format!("{access},noatime,nofail")));
    }
    // Nothing may write into the empty folder below a mount point.
    for (user, writes) in users {
        unit.push(("Before", user.clone()));
        install.extend(writes.then(|| ("RequiredBy", user.clone())));
    }
    unit_file::write([("Unit", unit), ("Mount", how), ("Install", install)])
}

#[derive(Debug, Serialize)]
struct Ssh {
    ports: Vec<u16>,
}

/// Makes sshd listen where the lab declares. On port 22 no file is needed.
fn ssh(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let ports = context.this().ssh_ports();
    if ports.is_empty() {
        return;
    }
    artifacts.install(
        "machine/sshd.conf",
        Artifact::new(Kind::Text, sshd_ports(&ports), context.origin()),
        SSHD_FILE,
        "0644",
    );
    step(context, (Slot::NETWORK, "ssh"), &Ssh { ports }, artifacts, diagnostics);
}

/// The file with the ports of sshd.
pub const SSHD_FILE: &str = "/etc/ssh/sshd_config.d/60-labwright.conf";

/// Writes [`SSHD_FILE`].
pub fn sshd_ports(ports: &[u16]) -> String {
    ports.iter().flat_map(|port| ["Port ".to_owned(), port.to_string(), "\n".to_owned()]).collect()
}

#[derive(Debug, Serialize)]
struct Endpoints {
    endpoints: Vec<EndpointView>,
}

#[derive(Debug, Serialize)]
struct EndpointView {
    name: String,
    url: String,
    within: Option<u64>,
}

/// Asks every web endpoint on the machine for an answer. Any answer will do, because the health
/// check of a container judges its content.
fn endpoints(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    // Another service may have the port on the machine that an endpoint has in its container alone.
    let published = |id, port| {
        let is = |one: &Published| one.endpoint.service == id && one.host_ports.contains(port);
        context.planned().published.iter().any(is)
    };
    let mut endpoints = BTreeMap::new();
    for (id, service) in context.services() {
        let web = |one: &&Endpoint| matches!(one.protocol, Protocol::Http | Protocol::Https);
        for endpoint in service.endpoints.iter().filter(web) {
            let on_host =
                endpoint.container.as_deref().is_none_or(|name| is_on_host(service, name));
            if on_host || published(id, endpoint.host_port) {
                let own = SocketAddr::new(endpoint.own_address(), endpoint.host_port);
                let url = format!("{}://{own}/", endpoint.protocol.name());
                endpoints.entry(url).or_insert_with(|| {
                    let name = format!("{} of {}", endpoint.name, service.name);
                    (name, service.health_within.map(|time| time.0))
                });
            }
        }
    }
    if endpoints.is_empty() {
        return;
    }
    let endpoints = Endpoints {
        endpoints: endpoints
            .into_iter()
            .map(|(url, (name, within))| EndpointView { name, url, within })
            .collect(),
    };
    if let Some(text) =
        TEMPLATES.write("endpoints.sh.j2", &endpoints, &context.this().name, diagnostics)
    {
        artifacts.step(Slot::HEALTH_ENDPOINTS, "endpoints", &[], &text, context.origin());
    }
}

fn is_on_host(service: &Service, container: &str) -> bool {
    service.containers.iter().any(|one| one.name == container && one.network == NetworkMode::Host)
}
