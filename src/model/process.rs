//! How the processes of a container run.

use super::Size;

/// How the processes of a container run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Process {
    /// The host name that they see.
    pub hostname: Option<String>,
    /// The folder that the program starts in.
    pub working_dir: Option<String>,
    /// Whether they have a terminal.
    pub tty: bool,
    /// Whether their standard input stays open.
    pub stdin: bool,
    /// The signal that stops them.
    pub stop_signal: Option<String>,
    /// When docker asks the registry for the image.
    pub pull_policy: Option<String>,
    /// The platform of the image.
    pub platform: Option<String>,
    /// The runtime of docker.
    pub runtime: Option<String>,
    /// The most processes.
    pub pids: Option<u32>,
    /// The limits of each process.
    pub ulimits: Vec<Ulimit>,
    /// The share of the processors.
    pub cpu_shares: Option<u32>,
    /// The most memory and swap together.
    pub memory_swap: Option<Size>,
    /// The memory that they keep when it is scarce.
    pub memory_reservation: Option<Size>,
    /// The name servers.
    pub dns: Vec<String>,
    /// The GPUs of NVIDIA.
    pub gpu: Option<Gpus>,
}

/// GPUs of NVIDIA that a container gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gpus {
    /// How many; nothing for all.
    pub count: Option<u32>,
    /// Which, by number or UUID, instead of a number of them.
    pub ids: Vec<String>,
    /// The parts of the driver that it uses, besides those that the image names.
    pub capabilities: Vec<String>,
}

/// A limit of each process; -1 means no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// Its name, such as `nofile`.
    pub name: String,
    /// The limit that a program may raise itself.
    pub soft: i64,
    /// The limit that it can't raise.
    pub hard: i64,
}
