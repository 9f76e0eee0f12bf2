//! A service of the resolved lab: a module made concrete on a machine.

use std::collections::BTreeMap;

use super::{
    Backup, Container, Data, Database, Duration, MachineId, NetworkId, Package, Resources, Script,
    SecretId, SecretUse, ServiceFile, ServiceId, State, Sysctl, TemplateId, Unit, ZoneId,
};
use crate::source::{Span, Spanned};

/// Is an instance of a module on a machine.
#[derive(Debug, Clone)]
pub struct Service {
    /// The name; unique in the lab.
    pub name: String,
    /// The module's name.
    pub module: String,
    /// The module's version.
    pub module_version: String,
    /// What it is, in one line, from the module.
    pub summary: String,
    /// The project's page.
    pub homepage: Option<String>,
    /// Where it runs.
    pub machine: MachineId,
    /// Every option with its value or default.
    pub options: BTreeMap<String, Data>,
    /// Where each option was given; options left at their default are not here.
    pub option_spans: BTreeMap<String, Vec<Span>>,
    /// Whether options are missing or wrong, so that what the module makes of them is not all here.
    pub incomplete: bool,
    /// What the language itself knows it as.
    pub roles: Vec<Role>,
    /// What it listens on.
    pub endpoints: Vec<Endpoint>,
    /// What it keeps.
    pub states: Vec<State>,
    /// Databases to dump before a backup.
    pub databases: Vec<Database>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Files that templates of its module make.
    pub files: Vec<ServiceFile>,
    /// Packages of the system.
    pub packages: Vec<Package>,
    /// systemd units.
    pub units: Vec<Unit>,
    /// Kernel settings.
    pub sysctls: Vec<Sysctl>,
    /// Secrets that units or scripts of the machine read (a container's are in the container).
    pub secrets: Vec<SecretUse>,
    /// Steps that templates of its module make.
    pub scripts: Vec<Script>,
    /// What of other services it connects to.
    pub needs: Vec<Need>,
    /// A network whose traffic it carries.
    pub gateway: Option<Gateway>,
    /// Its listeners, when routes may go through it.
    pub proxy: Option<Proxy>,
    /// What it backs up and where to, when it is a backup.
    pub backup: Option<Backup>,
    /// Endpoints opened to zones.
    pub exposes: Vec<Expose>,
    /// Host names that lead to its endpoints.
    pub routes: Vec<Route>,
    /// Limits for all its containers together.
    pub resources: Resources,
    /// Alerts that the module brings.
    pub alerts: Vec<Alert>,
    /// Dashboards that the module brings.
    pub dashboards: Vec<Dashboard>,
    /// The keys that `raw` sets, which the language does not model.
    pub raw: Vec<Spanned<String>>,
    /// Where it is declared.
    pub span: Span,
}

impl Service {
    /// Returns an option's value.
    pub fn option(&self, name: &str) -> &Data {
        static NONE: Data = Data::None;
        self.options.get(name).unwrap_or(&NONE)
    }

    /// Returns the place where an option is given, or the service's where it is not.
    pub fn option_span(&self, name: &str) -> Span {
        self.option_spans.get(name).and_then(|spans| spans.first()).copied().unwrap_or(self.span)
    }

    /// Says whether it has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Finds an endpoint by name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Returns the folder on the machine that holds its configuration files.
    pub fn config_folder(&self) -> String {
        format!("/etc/labwright/services/{}", self.name)
    }
}

/// Is what the language itself knows a service as; an emitter serves each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Collects every scrape endpoint: gets `prometheus.yml` and rules.
    Prometheus,
    /// Sends alerts on.
    Alertmanager,
    /// Shows dashboards: gets datasources and dashboards provisioned.
    Grafana,
    /// Stores logs.
    Loki,
    /// Collects logs of its machine.
    LogCollector,
    /// Backs up with restic.
    Restic,
    /// Bans addresses: gets jails.
    Fail2ban,
    /// Answers DNS for the lab's names.
    Dns,
    /// Measures its machine.
    NodeExporter,
    /// Measures its machine's containers.
    ContainerExporter,
    /// Probes routes.
    BlackboxExporter,
    /// Authenticates users before a proxy lets them in.
    ForwardAuth,
    /// Is a database that others connect to.
    Database,
}

/// Points at an endpoint of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointId {
    /// The service.
    pub service: ServiceId,
    /// The endpoint's index.
    pub index: u32,
}

/// Is tcp or udp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Returns `tcp` or `udp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Is what is spoken on an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Anything over TCP.
    Tcp,
    /// Anything over UDP.
    Udp,
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
}

impl Protocol {
    /// Returns what carries it.
    pub const fn transport(self) -> Transport {
        match self {
            Self::Udp => Transport::Udp,
            Self::Tcp | Self::Http | Self::Https => Transport::Tcp,
        }
    }

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns what a URL begins with for a program that speaks HTTP there, whatever the module
    /// says of the endpoint.
    pub const fn scheme(self) -> &'static str {
        if matches!(self, Self::Https) { "https" } else { "http" }
    }
}

/// Is a port that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name: `web`, `metrics`.
    pub name: String,
    /// The container that listens; nothing: the machine itself.
    pub container: Option<String>,
    /// The port inside the container, or on the machine.
    pub port: u16,
    /// The port on the machine; differs from `port` only when the lab says so.
    pub host_port: u16,
    /// What is spoken.
    pub protocol: Protocol,
    /// The path, for probes, scrapes and links.
    pub path: Option<String>,
    /// Whether Prometheus scrapes it.
    pub scrape: bool,
    /// What Prometheus must show to be let in.
    pub credentials: Option<Credentials>,
    /// What others may need it as: `prometheus`, `loki`, `postgres`.
    pub role: Option<String>,
    /// Whether it is a database's port.
    pub database: bool,
    /// Whether it is for administration and must not be open to everyone.
    pub admin: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Is what a scraped endpoint wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A bearer token.
    Token(SecretId),
    /// A user's name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: SecretId,
    },
}

impl Credentials {
    /// Returns the secret.
    pub const fn secret(&self) -> SecretId {
        match self {
            Self::Token(secret) | Self::Password { password: secret, .. } => *secret,
        }
    }
}

/// Says that a service connects to endpoints of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The name that templates know it by.
    pub name: String,
    /// The role that the endpoints must have.
    pub role: String,
    /// The endpoints, sorted.
    pub endpoints: Vec<EndpointId>,
    /// The container that connects; nothing: the machine itself.
    pub container: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Says that a service carries a network's traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The network of its clients.
    pub network: NetworkId,
    /// Zones whose every address the clients may reach.
    pub reach: Vec<ZoneId>,
    /// Whether clients appear as the machine where nobody knows a way back to them.
    pub masquerade: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Says that routes may go through a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The program.
    pub program: ProxyProgram,
    /// The listener for http, by index in [`Service::endpoints`].
    pub http: Option<u32>,
    /// The listener for https.
    pub https: Option<u32>,
    /// The container that connects to what is routed to.
    pub container: Option<String>,
}

/// Is a program that routes may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyProgram {
    /// nginx-proxy-manager, which is told by its API.
    NginxProxyManager,
    /// Traefik.
    Traefik,
    /// Caddy.
    Caddy,
}

impl ProxyProgram {
    /// Lists them all.
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

/// Opens an endpoint to zones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose {
    /// The endpoint, by index in [`Service::endpoints`].
    pub endpoint: u32,
    /// The zones.
    pub to: Vec<Spanned<ZoneId>>,
    /// Where it is declared.
    pub span: Span,
}

/// Leads a host name to an endpoint.
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
    /// Where it is declared.
    pub span: Span,
}

/// Is an alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The name: `HostOutOfMemory`.
    pub name: String,
    /// The `PromQL` expression.
    pub expression: String,
    /// How long it must hold.
    pub hold: Duration,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// What a person reads.
    pub summary: String,
    /// What it means and what to do about it; nothing: the expression is told.
    pub description: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a Grafana dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// The name in the lab.
    pub name: String,
    /// The id on grafana.com, when it comes from there.
    pub id: Option<u32>,
    /// The revision on grafana.com; nothing: the newest when it is first fetched.
    pub revision: Option<u32>,
    /// What that revision's file must hash to, in hexadecimal.
    pub sha256: Option<String>,
    /// The template that makes it, when the lab or a module brings it.
    pub template: Option<TemplateId>,
    /// Where it is declared.
    pub span: Span,
}
