//! The parts of a service on its machine's system: files, packages, units, kernel settings, steps.

use crate::kind::Kind;
use crate::source::{FileId, Span};

/// A file made from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFile {
    /// The name in the service's folder of the bundle.
    pub name: String,
    /// The program that reads it, by kind.
    pub kind: Kind,
    /// Whether the kind follows from the name, and the module does not say it.
    pub known_by_name: bool,
    /// The template: its text.
    pub template: TemplateId,
    /// The words of the text that name what to connect to: a URL, or a host with its port.
    pub addresses: Vec<String>,
    /// The place that it is installed to.
    pub target: ServiceFileTarget,
    /// What happens when it changes.
    pub on_change: OnChange,
    /// Whether its first line names the program that runs it.
    pub runs: bool,
    /// The owner on the machine.
    pub owner: String,
    /// The group on the machine.
    pub group: String,
    /// The mode on the machine, four octal digits.
    pub mode: String,
    /// The place of its declaration.
    pub span: Span,
}

/// A template: a file in the folder of its module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateId {
    /// The file among the sources.
    pub file: FileId,
    /// Its name for messages: `jellyfin/network.xml.j2`.
    pub name: String,
}

/// The place that a file is installed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceFileTarget {
    /// Into the service's configuration folder, and nowhere else.
    Config,
    /// Into a container, read-only.
    Container {
        /// The container's name in compose.
        container: String,
        /// The path inside.
        at: String,
    },
    /// To an absolute path of the machine.
    Machine(String),
}

/// What happens when a file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnChange {
    /// Its container is recreated, or reloaded if it has a reload signal.
    Container,
    /// A unit is restarted.
    RestartUnit(String),
    /// A unit is reloaded.
    ReloadUnit(String),
    /// Nothing, because the program notices by itself.
    Nothing,
}

/// Something that a person must do once a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHandStep {
    /// What to do.
    pub what: String,
    /// The lines that are typed for it, as root on the machine.
    pub run: Vec<String>,
    /// How to see that it is done.
    pub done: Option<String>,
}

/// A package of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name in Debian.
    pub name: String,
    /// The place of its declaration.
    pub span: Span,
}

/// A line of a unit: a key and its values, which are the words of a command or a single one.
pub type Setting = (String, Vec<String>);

/// A systemd unit. It is ours if it has sections, and a package's otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The name with its suffix: `restic-backup.timer`.
    pub name: String,
    /// What is done with it.
    pub action: UnitAction,
    /// The sections, each with its lines in order. Empty for a package's unit.
    pub sections: Vec<(String, Vec<Setting>)>,
    /// The place of its declaration.
    pub span: Span,
}

impl Unit {
    /// Returns the path at which it mounts something, if it does.
    pub fn mount_point(&self) -> Option<String> {
        let sections = self.sections.iter().filter(|(section, _)| section == "Mount");
        let mut lines = sections.flat_map(|(_, lines)| lines);
        lines.find_map(|(key, values)| (key == "Where").then(|| values.concat()))
    }
}

/// What is done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitAction {
    /// It starts now and at boot.
    EnableStart,
    /// It starts at boot.
    Enable,
    /// It is installed, and something else starts it.
    Install,
}

impl UnitAction {
    /// Returns the word of `units.tsv`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnableStart => "enable-start",
            Self::Enable => "enable",
            Self::Install => "install",
        }
    }
}

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    /// The name: `net.ipv4.ip_forward`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A step made from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The name.
    pub name: String,
    /// When it runs.
    pub phase: ScriptPhase,
    /// The order among the steps, 0 to 99.
    pub number: u8,
    /// The template.
    pub template: TemplateId,
    /// Whether a module of the lab brings it, and not one of the library.
    pub of_lab: bool,
    /// The place of its declaration.
    pub span: Span,
}

/// The time at which a module's script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptPhase {
    /// Before anything changes.
    Check,
    /// Changes the machine.
    Activate,
    /// Checks whether the machine is healthy.
    Health,
}
