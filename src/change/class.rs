//! The classes of what a change does to a lab, worst first.

/// A class of entries; the order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Somebody may reach more than before.
    AccessOpened,
    /// Somebody may reach less than before.
    AccessClosed,
    /// What is kept no longer or elsewhere, and what saves it less.
    Data,
    /// Secrets and who reads them.
    Secrets,
    /// What containers and guests may do to their machine.
    Privileges,
    /// What stops, restarts, is created anew or removed.
    Restarts,
    /// The images of containers.
    Images,
    /// More promised than there is, and limits.
    Capacity,
    /// What is measured and what raises an alarm.
    Monitoring,
    /// What is kept or saved more than before.
    Kept,
    /// Host names, addresses and networks.
    Names,
    /// Findings about the lab.
    Findings,
    /// What no edit and no version explains.
    Unexplained,
    /// What changes no machine.
    Cosmetic,
}

impl Class {
    /// Lists them all, worst first.
    pub const ALL: [Self; 14] = [
        Self::AccessOpened,
        Self::AccessClosed,
        Self::Data,
        Self::Secrets,
        Self::Privileges,
        Self::Restarts,
        Self::Images,
        Self::Capacity,
        Self::Monitoring,
        Self::Kept,
        Self::Names,
        Self::Findings,
        Self::Unexplained,
        Self::Cosmetic,
    ];

    /// Returns the word of `--fail-on` and of JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessOpened => "access-opened",
            Self::AccessClosed => "access-closed",
            Self::Data => "data",
            Self::Secrets => "secrets",
            Self::Privileges => "privileges",
            Self::Restarts => "restarts",
            Self::Images => "images",
            Self::Capacity => "capacity",
            Self::Monitoring => "monitoring",
            Self::Kept => "data-kept",
            Self::Names => "names",
            Self::Findings => "findings",
            Self::Unexplained => "unexplained",
            Self::Cosmetic => "cosmetic",
        }
    }

    /// Returns the word that begins a line of text.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::AccessOpened => "opened",
            Self::AccessClosed => "closed",
            Self::Kept => "kept",
            other => other.name(),
        }
    }

    /// Returns the heading for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::AccessOpened => "Access opened or widened",
            Self::AccessClosed => "Access closed",
            Self::Data => "Data at risk",
            Self::Secrets => "Secrets",
            Self::Privileges => "Privileges",
            Self::Restarts => "What stops, restarts or is created anew",
            Self::Images => "Images",
            Self::Capacity => "Capacity",
            Self::Monitoring => "Monitoring and alerts",
            Self::Kept => "Data kept or saved more",
            Self::Names => "Names and routes",
            Self::Findings => "Findings",
            Self::Unexplained => "Unexplained",
            Self::Cosmetic => "Cosmetic",
        }
    }

    /// Finds a class by its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == word)
    }
}
