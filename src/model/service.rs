//! A service of the resolved lab: an evaluated module on a machine.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Backup, ByHandStep, ContainerList, Data, Database, Device, Duration, Endpoint, EndpointId,
    Handling, MachineId, NetworkId, Package, Script, SecretUse, ServiceFile, ServiceId, State,
    Sysctl, TemplateId, Unit, ZoneId,
};
use crate::source::{Span, Spanned};

/// An instance of a module on a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The name, which is unique in the lab.
    pub name: String,
    /// The module's name.
    pub module: String,
    /// The module's version.
    pub module_version: String,
    /// The module's description in one line.
    pub summary: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// The machine that it runs on.
    pub machine: MachineId,
    /// Every option with its value or default.
    pub options: BTreeMap<String, Data>,
    /// The place where each option is set. Options with their default are not included.
    pub option_spans: BTreeMap<String, Vec<Span>>,
    /// The image of the module, if it has an option for it with a default.
    pub usual_image: Option<String>,
    /// Whether options are missing or wrong, so that parts of the module may be missing too.
    pub incomplete: bool,
    /// Its roles.
    pub roles: Vec<Role>,
    /// The addresses that it has for itself.
    pub own_addresses: Vec<Spanned<IpAddr>>,
    /// The endpoints that it listens on.
    pub endpoints: Vec<Endpoint>,
    /// The folders in which it keeps its state.
    pub states: Vec<State>,
    /// Databases to dump before a backup.
    pub databases: Vec<Database>,
    /// Why an older version reads what a newer one has written, if the module says so.
    pub reversible: Option<String>,
    /// The time that it may take to become healthy after a change, if it has one of its own.
    pub health_within: Option<Duration>,
    /// What a person must do once it runs.
    pub by_hand: Vec<ByHandStep>,
    /// Its containers.
    pub containers: ContainerList,
    /// The networks of its containers that its module declares.
    pub networks: Vec<ServiceNetwork>,
    /// Files made from templates of its module.
    pub files: Vec<ServiceFile>,
    /// Packages of the system.
    pub packages: Vec<Package>,
    /// systemd units.
    pub units: Vec<Unit>,
    /// Kernel settings.
    pub sysctls: Vec<Sysctl>,
    /// Modules of the kernel.
    pub kernel_modules: Vec<String>,
    /// Devices that its programs on the machine itself use.
    pub devices: Vec<Device>,
    /// Secrets that units or scripts of the machine read. Those of a container are in the
    /// container.
    pub secrets: Vec<SecretUse>,
    /// Steps made from templates of its module.
    pub scripts: Vec<Script>,
    /// The endpoints of other services that it connects to.
    pub needs: Vec<Need>,
    /// The endpoints of other services that the lab lets it connect to, because nothing else says
    /// so.
    pub links: Vec<Link>,
    /// The network whose traffic it carries, if any.
    pub gateway: Option<Gateway>,
    /// Its listeners, if routes may go through it.
    pub proxy: Option<Proxy>,
    /// How proxies ask it who a user is, if it authenticates users.
    pub forward_auth: Option<ForwardAuth>,
    /// What it backs up and where to, if it is a backup.
    pub backup: Option<Backup>,
    /// Endpoints that are open to zones.
    pub exposes: Vec<Expose>,
    /// Host names that lead to its endpoints.
    pub routes: Vec<Route>,
    /// What surrounds it.
    pub around: Around,
    /// The module's alerts.
    pub alerts: Vec<Alert>,
    /// The module's dashboards.
    pub dashboards: Vec<Dashboard>,
    /// The keys that `raw` sets, which the language does not model.
    pub raw: Vec<Spanned<String>>,
    /// The place of its declaration.
    pub span: Span,
}

impl Service {
    /// Returns an option's value.
    pub fn option(&self, name: &str) -> &Data {
        static NONE: Data = Data::None;
        self.options.get(name).unwrap_or(&NONE)
    }

    /// Returns the place where an option is set, or the service's place if it is not set.
    pub fn option_span(&self, name: &str) -> Span {
        self.option_spans.get(name).and_then(|spans| spans.first()).copied().unwrap_or(self.span)
    }

    /// Returns whether it has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Finds an endpoint by name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Returns the folder of its configuration files on the machine.
    pub fn config_folder(&self) -> String {
        format!("/etc/labwright/services/{}", self.name)
    }
}

/// A network for containers of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNetwork {
    /// The name in the module, or nothing for the default network.
    pub name: Option<String>,
    /// Whether nothing leads out of it.
    pub internal: bool,
    /// Its prefixes, if the module gives some, at most one IPv4 and one IPv6.
    pub subnets: Vec<Spanned<IpNet>>,
}

/// What a program must know of what surrounds its service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Around {
    /// The ways in for people. The first is the one that the program gives to them.
    pub doors: Vec<Door>,
    /// The addresses from which proxies connect to it, which speak for visitors.
    pub proxies: Vec<IpNet>,
    /// Whether people also reach an endpoint of it without a proxy, next to its routes.
    pub direct: bool,
}

/// A way in for people: a host name of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The host name.
    pub host: String,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The endpoint that it leads to.
    pub endpoint: u32,
    /// The proxy.
    pub via: String,
    /// Whether everyone on the internet may use it.
    pub public: bool,
}

impl Door {
    /// Returns the address that people open.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

/// A role in which the language itself knows a service: an emitter serves it, or a diff speaks of
/// what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Collects metrics of every scrape endpoint. It gets `prometheus.yml` and rules.
    Prometheus,
    /// Forwards alerts. An endpoint of the role `alertmanager` makes a service one.
    Alertmanager,
    /// Shows dashboards. It gets provisioned datasources and dashboards.
    Grafana,
    /// Stores logs. An endpoint of the role `loki` makes a service one.
    Loki,
    /// Collects logs of its machine.
    LogCollector,
    /// Backs up with restic.
    Restic,
    /// Copies the folders in its option `folder` to the place in its option `remote`.
    Copy,
    /// Bans addresses. It gets jails.
    Fail2ban,
    /// Answers DNS for the lab's names.
    Dns,
    /// Measures its machine.
    NodeExporter,
    /// Measures its machine's containers.
    ContainerExporter,
    /// Probes routes.
    BlackboxExporter,
    /// Stores data for others, which connect to it.
    Database,
}

/// A service's connection to endpoints of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The name by which templates refer to it.
    pub name: String,
    /// The role that the endpoints must have.
    pub role: String,
    /// The endpoints, sorted.
    pub endpoints: Vec<EndpointId>,
    /// The container that connects, or nothing for the machine itself.
    pub container: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A service's connection to endpoints of another, which only the lab knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other service.
    pub to: ServiceId,
    /// Its endpoints, sorted. Without any, its first container is meant.
    pub endpoints: Vec<EndpointId>,
    /// The container that connects, or nothing for the machine itself.
    pub container: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// The part of a service that carries a network's traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The network of its clients.
    pub network: NetworkId,
    /// The zones whose every address the clients may reach.
    pub reach: Vec<ZoneId>,
    /// Whether clients appear with the machine's address where there is no route back to them.
    pub masquerade: bool,
    /// The place of its declaration.
    pub span: Span,
}

/// The part of a service that routes go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The program.
    pub program: ProxyProgram,
    /// The listener for http, by index in [`Service::endpoints`].
    pub http: Option<u32>,
    /// The listener for https.
    pub https: Option<u32>,
    /// The container that connects to the routes' endpoints.
    pub container: Option<String>,
}

/// The part of a service that tells proxies who a user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardAuth {
    /// The endpoint that proxies ask, by index in [`Service::endpoints`].
    pub endpoint: u32,
    /// The path that each program asks, where the service has one for it.
    pub paths: Vec<(ProxyProgram, String)>,
    /// The folder of pages that every guarded host shows for it.
    pub pages: Option<String>,
    /// The page that nginx-proxy-manager sends a stranger to.
    pub sign_in: Option<String>,
    /// The header of the answer that tells nginx-proxy-manager where to send a stranger.
    pub location: Option<String>,
    /// The headers that tell the guarded service who the user is.
    pub headers: Vec<String>,
}

impl ForwardAuth {
    /// Returns the path that a program asks.
    pub fn path(&self, program: ProxyProgram) -> Option<&str> {
        self.paths.iter().find(|(asks, _)| *asks == program).map(|(_, path)| path.as_str())
    }
}

/// A program that routes may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyProgram {
    /// nginx-proxy-manager, which is configured through its API.
    NginxProxyManager,
    /// Traefik.
    Traefik,
    /// Caddy.
    Caddy,
}

impl ProxyProgram {
    /// All programs.
    pub const ALL: [Self; 3] = [Self::NginxProxyManager, Self::Traefik, Self::Caddy];

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NginxProxyManager => "nginx-proxy-manager",
            Self::Traefik => "traefik",
            Self::Caddy => "caddy",
        }
    }
}

/// An endpoint that is open to zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// The endpoint, by index in [`Service::endpoints`].
    pub endpoint: u32,
    /// The zones.
    pub to: Vec<Spanned<ZoneId>>,
    /// The place of its declaration.
    pub span: Span,
}

/// A host name that leads to an endpoint, or one of its paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The host name.
    pub host: Spanned<String>,
    /// The endpoint, by index in [`Service::endpoints`].
    pub endpoint: u32,
    /// The proxy.
    pub via: ServiceId,
    /// The zones that may use it.
    pub from: Vec<Spanned<ZoneId>>,
    /// The endpoint that authenticates users first.
    pub auth: Option<EndpointId>,
    /// Whether the name is a further one of the route.
    pub alias: bool,
    /// The path that it leads, with all that is below; empty for all paths.
    pub path: String,
    /// Whether the service gets requests without that path.
    pub strip: bool,
    /// The host name that visitors are sent on to, instead of the endpoint.
    pub leads_to: Option<String>,
    /// What the proxy does on the way.
    pub handling: Handling,
    /// The place of its declaration.
    pub span: Span,
}

impl Route {
    /// Returns whether it is for all names directly below one: `*.example.org`.
    pub fn is_wildcard(&self) -> bool {
        self.host.value.starts_with("*.")
    }
}

/// An alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The name: `HostOutOfMemory`.
    pub name: String,
    /// The `PromQL` expression.
    pub expression: String,
    /// The time that the expression must hold.
    pub hold: Duration,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// The summary for a person.
    pub summary: String,
    /// What it means and what to do about it. Without one, the expression is shown.
    pub description: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A Grafana dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// The name in the lab.
    pub name: String,
    /// The id on grafana.com, if it comes from there.
    pub id: Option<u32>,
    /// The revision on grafana.com, or nothing for the newest one when it is first fetched.
    pub revision: Option<u32>,
    /// The expected SHA-256 of that revision's file, in hexadecimal.
    pub sha256: Option<String>,
    /// The template that makes it, if it belongs to the lab or a module.
    pub template: Option<TemplateId>,
    /// The place of its declaration.
    pub span: Span,
}
