//! Finds out whether the state of every service is saved, and whether in a way that is of use.

use std::collections::{BTreeMap, BTreeSet};

use super::backups::{BackupPlan, is_left_out, state_of};
use super::dumps::{self, DumpJob};
use super::store::{Store, class_at, is_below};
use crate::model::{BackupClass, Model, Service, ServiceId, State, StateBackup};

/// A state of a service, and whether it survives the loss of its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateCoverage<'m> {
    /// The service.
    pub service: ServiceId,
    /// The state.
    pub state: &'m State,
    /// The place that contains it.
    pub store: Store,
    /// The backup class of that place.
    pub class: Option<BackupClass>,
    /// Whether it is saved.
    pub coverage: Coverage,
    /// Another state that no backup saves file by file, if this one is in its folder. What leaves
    /// out that folder leaves out this one too.
    pub left_out_with: Option<(ServiceId, &'m State)>,
    /// How the databases in it are saved.
    pub databases: Dumped,
}

/// How the databases in a state are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dumped {
    /// There are none.
    None,
    /// By dumps.
    All,
    /// At least one is copied file by file while it is written to, or not at all.
    NotAll,
}

impl StateCoverage<'_> {
    /// Describes how it is saved, or why it is not.
    pub fn in_words(&self, model: &Model) -> String {
        match (&self.state.backup, self.coverage) {
            (StateBackup::Never(why), _) => why.clone(),
            (_, Coverage::LeftOut) => format!("backup=never of {}", self.store.name(model)),
            (_, Coverage::Lost) => "no backup contains it".to_owned(),
            (StateBackup::Dump, Coverage::Saved) => "by a dump of its database".to_owned(),
            (StateBackup::Class(class), Coverage::Saved) => self.with_dumps(*class),
            (StateBackup::Inherit, Coverage::Saved) => {
                self.class.map(|class| self.with_dumps(class)).unwrap_or_default()
            }
        }
    }
}

impl StateCoverage<'_> {
    fn with_dumps(&self, class: BackupClass) -> String {
        let dumps = if self.databases == Dumped::All { ", its database by a dump" } else { "" };
        format!("{}{dumps}", class.name())
    }
}

/// Whether a state survives the loss of its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// A backup contains it, or a dump of it.
    Saved,
    /// It would be lost, and the lab says so.
    LeftOut,
    /// It would be lost, although the lab does not say so.
    Lost,
}

/// Finds out for every state of every service whether it is saved, sorted by service.
pub fn coverage<'m>(
    model: &'m Model,
    backups: &[BackupPlan],
    jobs: &[DumpJob],
) -> Vec<StateCoverage<'m>> {
    let mut saved: BTreeMap<Store, Vec<&str>> = BTreeMap::new();
    for backup in backups {
        for source in &backup.sources {
            saved
                .entry(Store::at(model, model[backup.service].machine, &source.path).0)
                .or_default()
                .push(&source.path);
        }
    }
    let all_dumped = dumps::dumped(backups, jobs);
    let dumped: BTreeSet<(ServiceId, Option<&str>)> = all_dumped
        .iter()
        .map(|(id, index)| (*id, model.database(*id, *index).state.as_deref()))
        .collect();
    let in_state = |id: ServiceId, service: &Service, state: &State| {
        let inside = (0..).zip(&service.databases).filter(|(_, database)| {
            database.is_declared()
                && state_of(service, database).is_some_and(|of| of.name == state.name)
        });
        let mut found = Dumped::None;
        for (index, _) in inside {
            if !all_dumped.contains(&(id, index)) {
                return Dumped::NotAll;
            }
            found = Dumped::All;
        }
        found
    };
    let states = || {
        model
            .services()
            .flat_map(|(id, service)| service.states.iter().map(move |state| (id, service, state)))
    };
    let mut left_out = BTreeMap::new();
    for (id, service, state) in states().filter(|(.., state)| is_left_out(&state.backup)) {
        let at = Store::at(model, service.machine, &state.path);
        left_out.entry(at).or_insert((id, state));
    }
    states()
        .map(|(id, service, state)| {
            let (store, below) = Store::at(model, service.machine, &state.path);
            let left_out_with = folders_above(&below)
                .find_map(|folder| left_out.get(&(store, folder.to_owned())).copied())
                .filter(|_| !is_left_out(&state.backup));
            let class = class_at(model, service.machine, &state.path);
            let saved = match &state.backup {
                StateBackup::Dump => {
                    // A database that names no state may be in any of them.
                    dumped.contains(&(id, Some(&state.name))) || dumped.contains(&(id, None))
                }
                // A backup of a machine's own disk covers a folder of it. A backup of anything else
                // covers all of it.
                _ => {
                    left_out_with.is_none()
                        && saved.get(&store).is_some_and(|paths| {
                            !matches!(store, Store::Local(_))
                                || paths.iter().any(|path| is_below(&state.path, path))
                        })
                }
            };
            let coverage = match &state.backup {
                StateBackup::Never(_) | StateBackup::Class(BackupClass::Never) => Coverage::LeftOut,
                _ if class == Some(BackupClass::Never) => Coverage::LeftOut,
                _ if saved => Coverage::Saved,
                _ => Coverage::Lost,
            };
            let databases = in_state(id, service, state);
            StateCoverage { service: id, state, store, class, coverage, left_out_with, databases }
        })
        .collect()
}

/// Lists a folder and all that it is in, as paths below one place: `/a/b`, `/a`, and nothing for
/// the place itself.
fn folders_above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| Some(folder.rsplit_once('/')?.0))
}
