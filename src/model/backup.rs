//! The state of services, and how it is saved.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cron, SecretId};
use crate::source::{Span, Spanned};

/// The interval of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackupClass {
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Never, on purpose.
    Never,
}

impl BackupClass {
    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Never => "never",
        }
    }

    /// Returns how many seconds may pass between two of this interval before the next one is late.
    /// It is longer than the interval, because a run takes time.
    pub const fn late_after(self) -> Option<u32> {
        match self {
            Self::Hourly => Some(3 * 3_600),
            Self::Daily => Some(36 * 3_600),
            Self::Weekly => Some(10 * 86_400),
            Self::Monthly => Some(40 * 86_400),
            Self::Never => None,
        }
    }
}

/// The way a state is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateBackup {
    /// As the dataset or folder around it is.
    Inherit,
    /// In this class, whatever is around it.
    Class(BackupClass),
    /// By the dump of a database, never file by file.
    Dump,
    /// Not at all, for this reason.
    Never(String),
}

/// A folder in which a service keeps its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The name: `config`.
    pub name: String,
    /// The folder on the machine.
    pub path: String,
    /// How it is backed up.
    pub backup: StateBackup,
    /// The owner, a number or name.
    pub owner: String,
    /// The group, a number or name.
    pub group: String,
    /// The mode, four octal digits.
    pub mode: String,
    /// Whether it contains a file-locking database (`SQLite`, `PostgreSQL`, …), which NFS would
    /// corrupt.
    pub local_disk: bool,
    /// What it holds, for people.
    pub what: Option<String>,
    /// Why a copy is sound that is made while the program runs, although it is `local_disk`.
    pub live_copy: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

impl State {
    /// Returns whether a loss of it matters.
    pub const fn is_kept(&self) -> bool {
        !matches!(self.backup, StateBackup::Never(_) | StateBackup::Class(BackupClass::Never))
    }
}

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// `PostgreSQL`, in a container.
    Postgres,
    /// `MariaDB`, in a container.
    Mariadb,
    /// `SQLite`, a file on the machine.
    Sqlite,
    /// Any other that survives when its program is killed: a folder on the machine.
    Folder,
    /// The files of `SQLite` in a state that nothing declares, such as those of plug-ins. They are
    /// looked for at each dump.
    Undeclared,
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 5] =
        [Self::Postgres, Self::Mariadb, Self::Sqlite, Self::Folder, Self::Undeclared];

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Sqlite => "sqlite",
            Self::Folder => "folder",
            Self::Undeclared => "undeclared",
        }
    }

    /// Returns whether the database is named by a path on the machine.
    pub const fn is_on_disk(self) -> bool {
        matches!(self, Self::Sqlite | Self::Folder | Self::Undeclared)
    }
}

/// A database to dump before a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The name, which is a part of the dump's file name.
    pub name: String,
    /// The engine.
    pub engine: Engine,
    /// The container that runs it.
    pub container: Option<String>,
    /// The user to dump as.
    pub user: String,
    /// The database; for those on the disk, the path on the machine.
    pub database: String,
    /// The major version, from the image or the module. A change of it can't be undone.
    pub major: Option<String>,
    /// The state that contains it.
    pub state: Option<String>,
    /// Whether it may be missing: a plug-in or another version of the program makes it.
    pub optional: bool,
    /// The place of its declaration.
    pub span: Span,
}

impl Database {
    /// Returns whether a module or the lab declares it. Others are looked for on the machine, and
    /// may not be there.
    pub fn is_declared(&self) -> bool {
        self.engine != Engine::Undeclared
    }
}

/// What a backup service does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The repository as restic writes it: a path, `sftp:…`, `rest:…`, `s3:…`, `b2:…`, `rclone:…`.
    pub repository: Spanned<String>,
    /// The repository's password.
    pub password: SecretId,
    /// The public key of the server of an `sftp:…` repository.
    pub host_key: Option<String>,
    /// When it runs, by class.
    pub schedule: BTreeMap<BackupClass, Cron>,
    /// The number of snapshots to keep of each age: `daily`, 7.
    pub keep: Vec<(String, u32)>,
    /// Patterns of what is left out everywhere, as restic reads them.
    pub exclude: Vec<String>,
    /// Its classes, or all of them if there are none.
    pub classes: BTreeSet<BackupClass>,
    /// The tags of its snapshots, beside their class.
    pub tags: Vec<String>,
    /// When the repository is checked.
    pub check: Option<Cron>,
    /// The place of its declaration.
    pub span: Span,
}
