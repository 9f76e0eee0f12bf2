//! Containers of a service.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};

use super::image::{is_pinned, repository_and_tag};
use super::{
    Build, Data, Duration, Logging, Process, Runs, SecretId, SecretText, Size, Sysctl, Until,
};
use crate::source::{Span, Spanned};

/// A container of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The name in compose and on every network; unique on its machine.
    pub name: String,
    /// The name in its module, under which the service's other containers find it too.
    pub own_name: String,
    /// The image reference.
    pub image: Spanned<String>,
    /// How the machine builds it, if no registry has it.
    pub build: Option<Build>,
    /// The entry point that replaces the image's.
    pub entrypoint: Vec<String>,
    /// The command line.
    pub command: Vec<String>,
    /// The user it runs as.
    pub user: Option<String>,
    /// Environment variables.
    pub environment: Vec<Environment>,
    /// Environment variables with secrets in them. The secrets are in `secrets` too.
    pub texts: Vec<SecretText>,
    /// The secrets that it reads.
    pub secrets: Vec<SecretUse>,
    /// The folders and files of the machine that it mounts.
    pub mounts: Vec<Mount>,
    /// Devices.
    pub devices: Vec<Device>,
    /// The folders in memory.
    pub tmpfs: Vec<String>,
    /// Its network.
    pub network: NetworkMode,
    /// The networks of its service that it is on. Without any, it is on the default one.
    pub on: Vec<OnNetwork>,
    /// Whether it sees the machine's processes.
    pub host_pid: bool,
    /// The added capabilities.
    pub cap_add: Vec<String>,
    /// The dropped capabilities.
    pub cap_drop: Vec<String>,
    /// Whether it has all privileges.
    pub privileged: bool,
    /// Options such as `no-new-privileges:true`.
    pub security_options: Vec<String>,
    /// Additional groups, by name or number.
    pub groups: Vec<String>,
    /// The kernel settings of its network.
    pub sysctls: Vec<Sysctl>,
    /// `host:address` lines for its hosts file.
    pub extra_hosts: Vec<String>,
    /// The size of `/dev/shm`.
    pub shm_size: Option<Size>,
    /// Whether a tiny init reaps its processes.
    pub init: bool,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// How its health is checked.
    pub health: Option<Health>,
    /// The containers that must run before it.
    pub depends_on: Vec<Dependency>,
    /// Its limits.
    pub resources: Resources,
    /// How its processes run.
    pub process: Process,
    /// What makes it run.
    pub runs: Runs,
    /// What docker does when it ends, as compose writes it.
    pub restart: String,
    /// Where docker writes what it prints, if it is not the usual place.
    pub logging: Option<Logging>,
    /// The time that it has to stop.
    pub stop_grace: Option<Duration>,
    /// The signal on which it reads its configuration again. Without one, a change recreates it.
    pub reload_signal: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Compose keys that the language does not model, from `raw compose.KEY`.
    pub raw: BTreeMap<String, Data>,
    /// The variables in `raw compose.environment`, each with its place.
    pub raw_environment: Vec<Environment>,
    /// The place of its declaration.
    pub span: Span,
}

impl Container {
    /// Returns the image's repository without registry and `library/`.
    pub fn repository(&self) -> &str {
        repository_and_tag(&self.image.value).0
    }

    /// Returns the image's tag, or nothing if the reference has none.
    pub fn tag(&self) -> &str {
        repository_and_tag(&self.image.value).1
    }

    /// Returns whether the image's reference names a version or a digest, so that it always means
    /// the same image.
    pub fn has_pinned_image(&self) -> bool {
        is_pinned(&self.image.value)
    }
}

/// What becomes of a new value that the program reads at its first start alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FirstStart {
    /// It becomes the password of the container's user of `PostgreSQL`.
    Postgres,
    /// It becomes the password of the container's user of `MariaDB`, or of its root.
    Mariadb,
    /// A line for the container's shell makes it known to the program, which reads it from its
    /// standard input.
    Command(String),
    /// A person must do something, which this text says.
    Person(String),
    /// Nothing: it only counts should the program start for the first time again.
    Nothing,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    /// The name.
    pub name: String,
    /// The value, as the program must see it.
    pub value: String,
    /// The place of its value.
    pub span: Span,
    /// What becomes of a new value, if it counts at the first start alone.
    pub first_start: Option<FirstStart>,
}

/// A secret that a program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret.
    pub secret: SecretId,
    /// The path of the file in the container. Without one, it is `/run/secrets/NAME`, or the
    /// program reads the machine's own file.
    pub at: Option<String>,
    /// The environment variable that names the file (`POSTGRES_PASSWORD_FILE`).
    pub file_variable: Option<String>,
    /// The environment variable that contains the value, for programs that can't read a file.
    pub value_variable: Option<String>,
    /// Whether it is a part of a variable's text, and the program gets no more of it.
    pub in_text: bool,
    /// The owner of the machine's file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
    /// What becomes of a new value, if it counts at the first start alone.
    pub first_start: Option<FirstStart>,
    /// The place where it is named.
    pub span: Span,
}

/// A folder or file of the machine inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Its kind.
    pub kind: MountKind,
    /// The path on the machine, or the volume's name.
    pub source: String,
    /// The path inside.
    pub at: String,
    /// Whether it is read-only.
    pub read_only: bool,
    /// The propagation: `rslave`.
    pub propagation: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// The kind of a mount.
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

/// A device inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The path on the machine and inside.
    pub path: String,
    /// The path inside, if it is another one.
    pub at: Option<String>,
    /// What it is, where the lab says that. The container's user is then in its group.
    pub accelerator: Option<Accelerator>,
    /// The place of its declaration.
    pub span: Span,
}

/// A GPU, or a processor for neural networks, that a container uses as a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// A GPU of Intel or AMD.
    Dri,
    /// A Coral in a slot.
    Coral,
    /// A Coral on USB.
    CoralUsb,
    /// A Hailo.
    Hailo,
}

impl Accelerator {
    /// Returns its usual device. A Coral on USB changes its own when it starts, so all are named.
    pub const fn device(self) -> &'static str {
        match self {
            Self::Dri => "/dev/dri/renderD128",
            Self::Coral => "/dev/apex_0",
            Self::CoralUsb => "/dev/bus/usb",
            Self::Hailo => "/dev/hailo0",
        }
    }
}

/// The network of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkMode {
    /// On its service's network, and on those where it meets containers of other services.
    Bridge,
    /// On the machine's own network.
    Host,
    /// Inside another container's network; the name is that container's in compose.
    Container(String),
    /// No network.
    None,
}

/// A network of a service that a container of it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnNetwork {
    /// The network's name, or nothing for the default one.
    pub network: Option<String>,
    /// Further names that the container has there.
    pub aliases: Vec<String>,
    /// Its fixed addresses there, at most one IPv4 and one IPv6.
    pub addresses: Vec<IpAddr>,
}

/// How a container's health is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The question that is asked.
    pub probe: HealthProbe,
    /// The interval.
    pub interval: Duration,
    /// The time that an answer may take.
    pub timeout: Duration,
    /// The number of failures after which it is unhealthy.
    pub retries: u32,
    /// The time that it may take to start.
    pub start_period: Duration,
}

/// The question of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthProbe {
    /// An HTTP request inside the container, with curl or wget, depending on which one exists.
    Http {
        /// The port inside.
        port: u16,
        /// The path.
        path: String,
        /// Whether it uses https, with any certificate.
        tls: bool,
    },
    /// A program inside the container and its arguments.
    Command(Vec<String>),
    /// The image's own check.
    Image,
    /// No question is possible. It is only known whether the container runs.
    None,
}

/// A container's need for another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The other one's name in compose.
    pub container: String,
    /// What is waited for.
    pub until: Until,
    /// Whether a restart of the other one restarts this one.
    pub restart: bool,
}

/// The limits of a service or container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// Memory.
    pub memory: Option<Spanned<Size>>,
    /// Processors, in thousandths of one.
    pub millicpus: Option<Spanned<u32>>,
}

/// The containers of a service, in the order of its module, which also finds them by their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContainerList {
    list: Vec<Container>,
    by_name: BTreeMap<String, usize>,
}

impl ContainerList {
    /// Finds a container by its name on the machine.
    pub fn called(&self, name: &str) -> Option<&Container> {
        self.list.get(*self.by_name.get(name)?)
    }

    /// Finds a container by its name on the machine, to change it.
    pub fn called_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.list.get_mut(*self.by_name.get(name)?)
    }
}

impl Extend<Container> for ContainerList {
    fn extend<T: IntoIterator<Item = Container>>(&mut self, containers: T) {
        for container in containers {
            self.by_name.entry(container.name.clone()).or_insert(self.list.len());
            self.list.push(container);
        }
    }
}

impl Deref for ContainerList {
    type Target = [Container];

    fn deref(&self) -> &[Container] {
        &self.list
    }
}

// Nothing changes the name of a container that is in the list.
impl DerefMut for ContainerList {
    fn deref_mut(&mut self) -> &mut [Container] {
        &mut self.list
    }
}

impl<'c> IntoIterator for &'c ContainerList {
    type Item = &'c Container;
    type IntoIter = std::slice::Iter<'c, Container>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<'c> IntoIterator for &'c mut ContainerList {
    type Item = &'c mut Container;
    type IntoIter = std::slice::IterMut<'c, Container>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter_mut()
    }
}
