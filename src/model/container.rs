//! Containers of a service.

use std::collections::BTreeMap;

use super::{Data, Duration, SecretId, Size, Sysctl};
use crate::source::{Span, Spanned};

/// Is a container of a service.
#[derive(Debug, Clone)]
pub struct Container {
    /// The name in compose and on the network; unique on its machine.
    pub name: String,
    /// The image reference.
    pub image: Spanned<String>,
    /// Overrides the image's entry point.
    pub entrypoint: Vec<String>,
    /// The command line.
    pub command: Vec<String>,
    /// The user it runs as.
    pub user: Option<String>,
    /// Environment variables.
    pub environment: Vec<Environment>,
    /// Secrets it reads.
    pub secrets: Vec<SecretUse>,
    /// Folders and files of the machine.
    pub mounts: Vec<Mount>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Memory-backed folders.
    pub tmpfs: Vec<String>,
    /// How it is on the network.
    pub network: NetworkMode,
    /// Whether it sees the machine's processes.
    pub host_pid: bool,
    /// Capabilities added.
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    pub cap_drop: Vec<String>,
    /// Whether it gets everything.
    pub privileged: bool,
    /// `no-new-privileges:true` and the like.
    pub security_options: Vec<String>,
    /// Extra groups, by name or number.
    pub groups: Vec<String>,
    /// Kernel settings of its network.
    pub sysctls: Vec<Sysctl>,
    /// `host:address` lines for its hosts file.
    pub extra_hosts: Vec<String>,
    /// The size of `/dev/shm`.
    pub shm_size: Option<Size>,
    /// Whether a tiny init reaps its processes.
    pub init: bool,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// How its health is known.
    pub health: Option<Health>,
    /// What must run before.
    pub depends_on: Vec<Dependency>,
    /// Limits.
    pub resources: Resources,
    /// How long it may take to stop.
    pub stop_grace: Option<Duration>,
    /// The signal that makes it read its configuration again; nothing: it is recreated.
    pub reload_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Compose keys that the language does not model, from `raw compose.KEY`.
    pub raw: BTreeMap<String, Data>,
    /// Where it is declared.
    pub span: Span,
}

impl Container {
    /// Says whether the image's reference names a version or a digest, so that it means the same
    /// tomorrow.
    pub fn has_pinned_image(&self) -> bool {
        let image = self.image.value.as_str();
        let name = image.rsplit('/').next().unwrap_or(image);
        image.contains('@')
            || name
                .split_once(':')
                .is_some_and(|(_, tag)| tag.bytes().any(|byte| byte.is_ascii_digit()))
    }
}

/// Is an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    /// The name.
    pub name: String,
    /// The value, as the program must see it.
    pub value: String,
}

/// Says that a program reads a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret.
    pub secret: SecretId,
    /// Where a container sees the file; nothing: `/run/secrets/NAME`, or the program reads the
    /// machine's own file.
    pub at: Option<String>,
    /// The environment variable that names the file (`POSTGRES_PASSWORD_FILE`).
    pub file_variable: Option<String>,
    /// The environment variable that holds the value, for programs that can't read a file.
    pub value_variable: Option<String>,
    /// Who must own the machine's file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
    /// Where it is named.
    pub span: Span,
}

/// Is a folder or file of the machine inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub kind: MountKind,
    /// The path on the machine, or the volume's name.
    pub source: String,
    /// The path inside.
    pub at: String,
    /// Whether it can't be written.
    pub read_only: bool,
    /// The propagation: `rslave`.
    pub propagation: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Says what a mount is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A state of the service, by name.
    State(String),
    /// The service's configuration folder or a file in it.
    Config,
    /// A path of the machine.
    Path,
    /// A named volume.
    Volume,
}

/// Is a device inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The path on the machine and inside.
    pub path: String,
    /// Where it is declared.
    pub span: Span,
}

/// Says how a container is on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// On the machine's compose network, under its name.
    Bridge,
    /// On the machine's own network.
    Host,
    /// Inside another container's network; the name is that container's in compose.
    Container(String),
    /// On none.
    None,
}

/// Says how a container's health is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked.
    pub probe: HealthProbe,
    /// How often.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many failures make it unhealthy.
    pub retries: u32,
    /// How long it may take to start.
    pub start_period: Duration,
}

/// Is what a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthProbe {
    /// HTTP inside the container, with curl or wget, whichever it has.
    Http {
        /// The port inside.
        port: u16,
        /// The path.
        path: String,
        /// Whether it is https with any certificate.
        tls: bool,
    },
    /// A program inside the container and its arguments.
    Command(Vec<String>),
    /// The check that the image itself brings.
    Image,
    /// Nothing inside can be asked: running is all that is known.
    None,
}

/// Says that a container needs another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The other one's name in compose.
    pub container: String,
    /// Whether it must be healthy rather than started.
    pub healthy: bool,
    /// Whether a restart of the other one restarts this one.
    pub restart: bool,
}

/// Is what a service or container may use at the most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// Memory.
    pub memory: Option<Spanned<Size>>,
    /// Processors, in thousandths of one.
    pub millicpus: Option<u32>,
}
