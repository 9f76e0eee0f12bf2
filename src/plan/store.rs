//! Finds the place that contains a folder: a dataset, an export or a disk, at any path on any
//! machine.

use crate::model::{BackupClass, DatasetRef, MachineId, Model, Share, ShareSource};

/// A place that contains folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// A ZFS dataset.
    Dataset(DatasetRef),
    /// An exported folder.
    Export(MachineId, u32),
    /// The machine's own disk.
    Local(MachineId),
}

impl From<&ShareSource> for Store {
    fn from(source: &ShareSource) -> Self {
        match source {
            ShareSource::Dataset(dataset) => Self::Dataset(*dataset),
            ShareSource::Export(machine, index) => Self::Export(*machine, *index),
        }
    }
}

impl Store {
    /// Finds the place that contains a path of a machine, and the path below that.
    pub fn at(model: &Model, machine: MachineId, path: &str) -> (Self, String) {
        let below = |folder: &str| {
            path.get(folder.trim_end_matches('/').len()..).unwrap_or_default().to_owned()
        };
        // What is mounted hides what the machine itself has at that path.
        if let Some(share) = share_of(model, machine, path) {
            return (Self::from(&share.source), below(&share.at));
        }
        let own = datasets(model, machine)
            .filter(|(_, folder)| is_below(path, folder))
            .max_by_key(|(_, folder)| folder.len());
        if let Some((dataset, folder)) = own {
            return (Self::Dataset(dataset), below(folder));
        }
        let exports = model[machine].exports.iter().zip(0..);
        if let Some((export, index)) = exports
            .filter(|(export, _)| is_below(path, &export.path))
            .max_by_key(|(export, _)| export.path.len())
        {
            return (Self::Export(machine, index), below(&export.path));
        }
        (Self::Local(machine), path.to_owned())
    }

    /// Returns the backup class that the lab declares for the place itself.
    pub fn class(&self, model: &Model) -> Option<BackupClass> {
        match self {
            Self::Dataset(dataset) => {
                model.dataset(dataset).backup.as_ref().map(|class| class.value)
            }
            Self::Export(machine, index) => {
                model.export(*machine, *index).backup.as_ref().map(|class| class.value)
            }
            Self::Local(_) => None,
        }
    }

    /// Names the place as a lab does: `tank/media`, `nas.media`; a disk has its machine's name.
    pub fn reference(&self, model: &Model) -> String {
        match self {
            Self::Dataset(dataset) => model.dataset_path(dataset),
            Self::Export(machine, index) => {
                format!("{}.{}", model[*machine].name, model.export(*machine, *index).name)
            }
            Self::Local(machine) => model[*machine].name.clone(),
        }
    }

    /// Describes the place for people: `dataset tank/media`, `export media of nas`,
    /// `the disk of box`.
    pub fn name(&self, model: &Model) -> String {
        match self {
            Self::Dataset(_) => self.name_at_home(model),
            Self::Export(machine, _) | Self::Local(machine) => {
                format!("{} of {}", self.name_at_home(model), model[*machine].name)
            }
        }
    }

    /// Describes the place for people on its own machine: `dataset tank/media`, `export media`,
    /// `the disk`.
    pub fn name_at_home(&self, model: &Model) -> String {
        match self {
            Self::Dataset(_) => format!("dataset {}", self.reference(model)),
            Self::Export(machine, index) => {
                format!("export {}", model.export(*machine, *index).name)
            }
            Self::Local(_) => "the disk".to_owned(),
        }
    }
}

/// Returns the backup class of a path on a machine.
pub fn class_at(model: &Model, machine: MachineId, path: &str) -> Option<BackupClass> {
    match Store::at(model, machine, path).0 {
        Store::Local(_) => {
            // Of a machine's disk, only the folder of its services has a class.
            let class = model[machine].appdata_backup.as_ref().map(|class| class.value);
            class.filter(|_| is_below(path, &model[machine].appdata))
        }
        store => store.class(model),
    }
}

/// Lists the datasets of a machine's own pools with their mount points.
pub(super) fn datasets(
    model: &Model,
    machine: MachineId,
) -> impl Iterator<Item = (DatasetRef, &str)> {
    model[machine].pools.iter().zip(0..).flat_map(move |(entry, pool)| {
        let datasets = entry.datasets.iter().zip(0..);
        datasets.map(move |(entry, dataset)| {
            (DatasetRef { machine, pool, dataset }, entry.mountpoint.as_str())
        })
    })
}

/// Finds the share of a machine that contains a path: the deepest mount point above it.
pub fn share_of<'m>(model: &'m Model, machine: MachineId, path: &str) -> Option<&'m Share> {
    model[machine]
        .shares
        .iter()
        .filter(|share| is_below(path, &share.at))
        .max_by_key(|share| share.at.len())
}

/// Returns whether a path is a folder or is below it.
pub fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_folder_holds_what_is_below_it_only() {
        assert!(is_below("/mnt/backups/restic", "/mnt/backups"));
        assert!(is_below("/mnt/backups", "/mnt/backups"));
        assert!(is_below("/mnt/backups", "/"));
        assert!(!is_below("/mnt/backups-old", "/mnt/backups"));
    }
}
