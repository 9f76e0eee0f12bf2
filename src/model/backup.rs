//! What services keep, and how it is saved.

use std::collections::BTreeMap;

use super::{Cron, SecretId};
use crate::source::{Span, Spanned};

/// Says how often something is backed up.
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
    /// Not at all, on purpose.
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
}

/// Says how a state is backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateBackup {
    /// As the dataset or folder it lies in says.
    Inherit,
    /// In this class, whatever it lies in.
    Class(BackupClass),
    /// By the dump of a database, never file by file.
    Dump,
    /// Not at all; why.
    Never(String),
}

/// Is a folder that a service keeps.
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
    /// Whether a file-locking database (`SQLite`, `PostgreSQL`, …) lies in it, which NFS corrupts.
    pub local_disk: bool,
    /// Where it is declared.
    pub span: Span,
}

/// Is the engine of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// `PostgreSQL`, in a container.
    Postgres,
    /// `MariaDB`, in a container.
    Mariadb,
    /// `SQLite`, a file on the machine.
    Sqlite,
}

impl Engine {
    /// Lists them all.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Mariadb, Self::Sqlite];

    /// Returns the word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Sqlite => "sqlite",
        }
    }
}

/// Is a database to dump before a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The name; part of the dump's file name.
    pub name: String,
    /// The engine.
    pub engine: Engine,
    /// The container that runs it.
    pub container: Option<String>,
    /// The user to dump as.
    pub user: String,
    /// The database; for sqlite, the file's path on the machine.
    pub database: String,
    /// The major version, when the module knows it; a change can't be undone.
    pub major: Option<String>,
    /// The state that holds it.
    pub state: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is what a backup service does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Where the repository is, as restic writes it: a path, `sftp:…`, `rest:…`, `s3:…`, `b2:…`,
    /// `rclone:…`.
    pub repository: Spanned<String>,
    /// The repository's password.
    pub password: SecretId,
    /// The public key of the server that an `sftp:…` repository is on.
    pub host_key: Option<String>,
    /// When it runs, by class.
    pub schedule: BTreeMap<BackupClass, Cron>,
    /// How many snapshots are kept: `daily`, 7.
    pub keep: Vec<(String, u32)>,
    /// When the repository is checked.
    pub check: Option<Cron>,
    /// Where it is declared.
    pub span: Span,
}
