//! Derived facts: who may connect where, what is published, scraped, routed, backed up and needed,
//! machine by machine.
//!
//! Everything that an emitter lays out is computed here, once. Every list is sorted.

mod access;
pub mod backups;
pub mod build;
pub mod capacity;
mod certificates;
mod cidr;
mod flows;
pub mod interfaces;
pub mod mounts;
pub mod packages;
pub mod store;
pub mod way;
mod zones;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::model::{
    BackupClass, Cron, DatasetRef, EndpointId, MachineId, Model, NetworkId, Protocol, Role,
    SecretId, ServiceId, Size, StateBackup, Transport, ZoneId,
};
use crate::source::Span;

pub use access::{Clients, Guard, Opening, RouterForward, ZoneLists};
pub use backups::{Fate, Kept};
pub use certificates::is_private;
pub use cidr::{AccessList, CidrSet};
use way::Way;

/// Is the lab with everything derived from it.
#[derive(Debug)]
pub struct Plan<'m> {
    /// The lab.
    pub model: &'m Model,
    /// What each zone's addresses are, by [`ZoneId`].
    pub zones: Vec<ZoneAddresses>,
    /// The zones as packet filters read them, made when the first of them asks.
    pub lists: ZoneLists,
    /// Who may connect where; the access model.
    pub flows: Vec<Flow>,
    /// What Prometheus scrapes.
    pub scrapes: Vec<Scrape>,
    /// Which host name leads where.
    pub routes: Vec<RoutePlan>,
    /// What is backed up.
    pub backups: Vec<BackupPlan>,
    /// What becomes of what services keep, by service.
    pub kept: Vec<Kept<'m>>,
    /// What each machine is given, by [`MachineId`].
    pub machines: Vec<MachinePlan>,
}

/// The job by which a Prometheus asks every route; no service can have a name with a colon.
pub const PROBES: &str = "probe:routes";

impl Plan<'_> {
    /// Returns the endpoint through which a Prometheus asks every route whether it answers.
    pub fn prober(&self, prometheus: ServiceId) -> Option<&Scrape> {
        self.probers().find(|scrape| scrape.by == prometheus)
    }

    /// Lists job and target of all that any Prometheus asks, the routes that it probes included.
    pub fn targets(&self) -> impl Iterator<Item = (&str, String)> {
        let probed = self.probers().next().is_some();
        let scraped =
            self.scrapes.iter().map(|scrape| (scrape.job.as_str(), scrape.target.clone()));
        scraped.chain(
            self.routes.iter().filter(move |_| probed).map(|route| (PROBES, self.url(route))),
        )
    }

    fn probers(&self) -> impl Iterator<Item = &Scrape> {
        let is_prober =
            |scrape: &&Scrape| self.model[scrape.endpoint.service].has(Role::BlackboxExporter);
        self.scrapes.iter().filter(is_prober).filter(|_| !self.routes.is_empty())
    }

    /// Returns where a probe asks for a route. A proxy sends http on to https by itself, and the
    /// probe follows.
    pub fn url(&self, route: &RoutePlan) -> String {
        let proxy = self.model[route.via].proxy.as_ref();
        let scheme = if proxy.is_some_and(|proxy| proxy.http.is_none()) { "https" } else { "http" };
        format!("{scheme}://{}", route.host)
    }

    /// Returns what is planned for a machine.
    pub fn machine(&self, id: MachineId) -> &MachinePlan {
        &self.machines[id.0 as usize]
    }

    /// Returns a zone's addresses.
    pub fn zone(&self, id: ZoneId) -> &ZoneAddresses {
        &self.zones[id.0 as usize]
    }

    /// Lists the ports that programs take on each machine: published ones, and those of programs on
    /// the machine's own network.
    pub fn listeners(&self) -> impl Iterator<Item = (MachineId, u16, Transport, EndpointId)> {
        let services = |machine: MachineId| self.machine(machine).services.as_slice();
        let own = self.model.services().flat_map(move |(id, service)| {
            service.endpoints.iter().enumerate().filter_map(move |(index, endpoint)| {
                let place = way::place(
                    self.model,
                    services(service.machine),
                    endpoint.container.as_deref(),
                );
                let id = EndpointId { service: id, index: u32::try_from(index).ok()? };
                (place == way::Place::Machine).then_some((
                    service.machine,
                    endpoint.port,
                    endpoint.protocol.transport(),
                    id,
                ))
            })
        });
        let published = self.model.machines().flat_map(move |(id, _)| {
            self.machine(id)
                .published
                .iter()
                .map(move |port| (id, port.host_port, port.transport, port.endpoint))
        });
        own.chain(published)
    }

    /// Lists what becomes of what a service keeps.
    pub fn kept_of(&self, service: ServiceId) -> &[Kept<'_>] {
        let start = self.kept.partition_point(|kept| kept.service < service);
        let count = self.kept[start..].partition_point(|kept| kept.service == service);
        &self.kept[start..start + count]
    }

    /// Lists the flows that end at a machine.
    pub fn inbound(&self, machine: MachineId) -> impl Iterator<Item = &Flow> {
        self.machine(machine).inbound.iter().map(|index| &self.flows[*index as usize])
    }
}

/// Is the set of addresses that a zone is made of: all of `include` that is in none of `exclude`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneAddresses {
    /// Prefixes in the zone, IPv4 before IPv6. `internet` has `0.0.0.0/0` and `::/0`.
    pub include: Vec<IpNet>,
    /// Prefixes inside `include` that are not in the zone. Always more specific than what they are
    /// cut from.
    pub exclude: Vec<IpNet>,
}

/// Allows connections to one port of one machine from one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The machine that is connected to.
    pub to: MachineId,
    /// The port on that machine.
    pub port: u16,
    /// tcp or udp.
    pub transport: Transport,
    /// Where connections come from.
    pub from: FlowSource,
    /// What takes the connection there.
    pub arrival: Arrival,
    /// Why it is open.
    pub reason: FlowReason,
    /// The endpoint; nothing for ssh.
    pub endpoint: Option<EndpointId>,
    /// The declaration that opens it.
    pub span: Span,
}

/// Says where connections come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowSource {
    /// A zone (a single machine is a zone too).
    Zone(ZoneId),
    /// The compose network of the very machine that is connected to.
    Containers,
}

/// Says what takes a connection on a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// A program on the machine's own network: the INPUT chain decides.
    Host,
    /// A published port of a container: the FORWARD chain decides, after DNAT.
    Published,
}

/// Says why a flow is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowReason {
    /// `expose`.
    Expose,
    /// A route's listener on the proxy.
    Route,
    /// The proxy reaches what a route leads to.
    Proxy,
    /// Prometheus scrapes it.
    Scrape,
    /// A service needs it.
    Need,
    /// A machine mounts a folder of another by NFS.
    Share,
    /// `ssh`.
    Ssh,
}

impl FlowReason {
    /// Returns the word of `release.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expose => "expose",
            Self::Route => "route",
            Self::Proxy => "proxy",
            Self::Scrape => "scrape",
            Self::Need => "need",
            Self::Share => "share",
            Self::Ssh => "ssh",
        }
    }

    /// Names what answers at a port that no service's endpoint is, for people.
    pub const fn answers(self) -> &'static str {
        match self {
            Self::Share => "nfs",
            reason => reason.name(),
        }
    }
}

/// Is one target of a Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scrape {
    /// The Prometheus service.
    pub by: ServiceId,
    /// The job: the scraped service's name, with the endpoint's when it has several.
    pub job: String,
    /// `host:port` as that Prometheus reaches it.
    pub target: String,
    /// The machine that is measured.
    pub machine: MachineId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The path.
    pub path: String,
    /// `http` or `https`.
    pub scheme: &'static str,
}

/// Says who signs the certificate of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Nobody, as far as labwright knows: the name is served over http.
    Nobody,
    /// An authority of the proxy's own.
    Proxy,
    /// A public authority, which looks at the name from the internet.
    Public,
    /// A public authority, which looks at the DNS.
    PublicByDns,
}

impl Certificate {
    /// Says whether a public authority is asked.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public | Self::PublicByDns)
    }
}

/// Is one host name of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePlan {
    /// The host name.
    pub host: String,
    /// The proxy.
    pub via: ServiceId,
    /// The service it leads to.
    pub service: ServiceId,
    /// The endpoint it leads to.
    pub endpoint: EndpointId,
    /// Where the proxy connects to.
    pub upstream: Way,
    /// What the proxy speaks there.
    pub upstream_protocol: Protocol,
    /// The zones that may use it.
    pub from: Vec<ZoneId>,
    /// Whether anyone on the internet may.
    pub public: bool,
    /// Who signs its certificate.
    pub certificate: Certificate,
    /// Paths that it does not lead to, since they are for Prometheus alone: measurements at the
    /// same port.
    pub hidden: Vec<String>,
    /// Who authenticates users first.
    pub auth: Option<RouteAuth>,
    /// The declaration.
    pub span: Span,
}

/// Says who authenticates the users of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteAuth {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Where the proxy asks it; nothing when there is no way there.
    pub url: Option<String>,
}

/// Is what one backup service does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupPlan {
    /// The backup service.
    pub service: ServiceId,
    /// The folders, by path.
    pub sources: Vec<BackupSource>,
    /// The databases dumped first.
    pub dumps: Vec<DumpPlan>,
    /// The dataset that the repository is in, when it is in one.
    pub repository_dataset: Option<DatasetRef>,
    /// When each class runs; a class with nothing to do is not here.
    pub schedule: BTreeMap<BackupClass, Cron>,
}

/// Is a folder to back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSource {
    /// The path on the backup service's machine.
    pub path: String,
    /// How often.
    pub class: BackupClass,
    /// Paths below it that are left out: databases that are dumped, states that say `never`.
    pub exclude: Vec<String>,
    /// The most that it can hold, when known.
    pub size: Option<Size>,
    /// The dataset it is in.
    pub dataset: Option<DatasetRef>,
    /// What it is, for people: `dataset tank-ssd/appdata`.
    pub what: String,
    /// The declaration.
    pub span: Span,
}

/// Is a database to dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpPlan {
    /// The service whose database it is.
    pub service: ServiceId,
    /// The database, by index in its service.
    pub database: u32,
    /// The machine it runs on.
    pub machine: MachineId,
    /// How often.
    pub class: BackupClass,
    /// The folder that dumps go to, on the machine that runs the database.
    pub folder: String,
}

/// Is what a machine is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachinePlan {
    /// Its services.
    pub services: Vec<ServiceId>,
    /// The compose network; nothing when no container is on one.
    pub bridge: Option<Bridge>,
    /// Published ports.
    pub published: Vec<Published>,
    /// The flows that end here, by index in [`Plan::flows`].
    pub inbound: Vec<u32>,
    /// What clients of a network that is behind this machine may reach through it.
    pub forwards: Vec<Forward>,
    /// Ways to networks that are behind other machines of the lab.
    pub static_routes: Vec<StaticRoute>,
    /// Secrets that must be on the machine.
    pub secrets: Vec<MachineSecret>,
}

/// Is the compose network of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The interface on the machine.
    pub interface: String,
    /// Its IPv4 prefix, clear of the lab's networks.
    pub subnet: IpNet,
}

/// Is a port that compose publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// The port on the machine.
    pub host_port: u16,
    /// tcp or udp.
    pub transport: Transport,
    /// The container that has it in its `ports:` (for one inside another's network: that other
    /// one).
    pub container: String,
    /// The port inside.
    pub container_port: u16,
    /// The endpoint.
    pub endpoint: EndpointId,
}

/// Lets clients of a network behind this machine through to somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The clients' network.
    pub from: NetworkId,
    /// Where to.
    pub to: ForwardTarget,
}

/// Says where forwarded traffic may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardTarget {
    /// To one port of a machine.
    Port {
        /// The machine's addresses.
        addresses: Vec<IpAddr>,
        /// The port.
        port: u16,
        /// tcp or udp.
        transport: Transport,
    },
    /// To every address of a zone; those who know no way back see this machine's address.
    Zone(ZoneId),
}

/// Is a way to a network behind another machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaticRoute {
    /// The network.
    pub to: IpNet,
    /// The machine's address.
    pub via: IpAddr,
}

/// Is a secret as one machine must hold it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineSecret {
    /// The secret.
    pub secret: SecretId,
    /// The file.
    pub path: String,
    /// Who owns the file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
    /// The services that read it, sorted.
    pub services: Vec<ServiceId>,
}

/// Returns the file that holds a secret for programs that run as `owner`.
pub fn secret_path(name: &str, owner: &str) -> String {
    if owner == "root" {
        format!("/etc/labwright/secrets/{name}")
    } else {
        format!("/etc/labwright/secrets/{owner}/{name}")
    }
}

/// Says whether a state is left out of backups made file by file.
pub const fn is_left_out(backup: &StateBackup) -> bool {
    matches!(
        backup,
        StateBackup::Dump | StateBackup::Never(_) | StateBackup::Class(BackupClass::Never)
    )
}

/// Returns the name under which a dataset's folder is passed to VMs: the directory mapping on the
/// host, the mount tag in the guest.
///
/// A tag has at most 36 bytes; a name that does not fit, or that two datasets could share, ends in
/// a digest of itself.
pub fn virtiofs_tag(model: &Model, dataset: &DatasetRef) -> String {
    let path = model.dataset_path(dataset);
    let tag = path.replacen('/', "_", 1);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if tag.len() <= 36 && path.bytes().filter(|byte| !plain(*byte)).count() == 1 {
        return tag;
    }
    let digest = format!(
        "{:08x}",
        Sha256::digest(&path).iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
    );
    let readable: String = tag
        .chars()
        .take(27)
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    format!("{readable}-{digest}")
}
