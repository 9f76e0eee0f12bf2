//! What a service puts on its machine's system: files, packages, units, kernel settings, steps.

use crate::kind::Kind;
use crate::source::{FileId, Span};

/// Is a file that a template makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceFile {
    /// The name in the service's folder of the bundle.
    pub name: String,
    /// Who reads it.
    pub kind: Kind,
    /// The template: its text.
    pub template: TemplateId,
    /// Where it goes.
    pub target: ServiceFileTarget,
    /// What happens when it changes.
    pub on_change: OnChange,
    /// The owner on the machine.
    pub owner: String,
    /// The group on the machine.
    pub group: String,
    /// The mode on the machine, four octal digits.
    pub mode: String,
    /// Where it is declared.
    pub span: Span,
}

/// Names a template: the module it belongs to and its file there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateId {
    /// The file among the sources.
    pub file: FileId,
    /// Its name for messages: `jellyfin/network.xml.j2`.
    pub name: String,
}

/// Says where a file goes.
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

/// Says what happens when a file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnChange {
    /// Its container is recreated, or reloaded when it has a reload signal.
    Container,
    /// A unit is restarted.
    RestartUnit(String),
    /// A unit is reloaded.
    ReloadUnit(String),
    /// The program notices by itself.
    Nothing,
}

/// Is a package of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Debian's name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
}

/// Is a systemd unit: ours when it has sections, a package's otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The name with its suffix: `restic-backup.timer`.
    pub name: String,
    /// What to do with it.
    pub action: UnitAction,
    /// `[Section]` and its `Key=value` lines, in order; empty for a package's unit.
    pub sections: Vec<(String, Vec<(String, String)>)>,
    /// Where it is declared.
    pub span: Span,
}

/// Says what to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitAction {
    /// It starts now and at boot.
    EnableStart,
    /// It starts at boot.
    Enable,
    /// It is there; something else starts it.
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

/// Is a kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sysctl {
    /// The name: `net.ipv4.ip_forward`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Is a step that a template makes.
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
    /// Where it is declared.
    pub span: Span,
}

/// Says when a module's script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptPhase {
    /// Before anything changes.
    Check,
    /// Changes the machine.
    Activate,
    /// Says whether it is well.
    Health,
}
