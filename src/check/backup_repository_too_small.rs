//! Finds backup repositories that are too small for what they must save.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MachineId, Size};
use crate::plan::backups::server;
use crate::plan::store::Store;
use crate::plan::{BackupPlan, Plan};
use crate::source::Span;

/// Finds repositories whose dataset, export or guest is smaller than what is backed up into it.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "backup-repository-too-small",
    Warning,
    "a backup repository may hold less than what is backed up into it"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for backup in &plan.backups {
        let service = &model[backup.service];
        let Some(room) = room(plan, backup) else { continue };
        let needed: u64 = backup
            .sources
            .iter()
            .filter_map(|source| source.size)
            .map(|size| size.0)
            // The sizes come from the lab, and their sum may be too large for the type.
            .fold(0, u64::saturating_add);
        if needed <= room.size.0 {
            continue;
        }
        let span = service.backup.as_ref().map_or(service.span, |backup| backup.repository.span);
        let message = format!(
            "the repository of `{}` may hold {}, but its sources up to {}",
            service.name,
            room.size,
            Size(needed)
        );
        let mut diagnostic = Diagnostic::new(&CODE, span, message).label(room.span, room.what);
        for source in &backup.sources {
            if let Some(size) = source.size {
                diagnostic =
                    diagnostic.label(source.span, format!("{} may hold {size}", source.what));
            }
        }
        diagnostics.push(
            diagnostic
                .help("give it more room, back up less, or move the repository")
                .on(service.name.clone()),
        );
    }
}

/// The room that a repository may take.
struct Room {
    size: Size,
    span: Span,
    what: &'static str,
}

/// Returns the room of a repository, if it is in the lab and known.
fn room(plan: &Plan<'_>, backup: &BackupPlan) -> Option<Room> {
    let model = plan.model;
    let service = &model[backup.service];
    let repository = service.backup.as_ref()?.repository.value.as_str();
    if repository.starts_with('/') {
        return room_at(plan, service.machine, repository);
    }
    let (server, folder) = server(repository)?;
    let (id, machine) = model.machines().find(|(_, machine)| {
        machine.name == server
            || machine.addresses.iter().any(|address| address.address.to_string() == server)
    })?;
    match folder {
        Some(folder) => room_at(plan, id, folder),
        // The server decides where it keeps them, which is on its disk where it mounts nothing.
        None if machine.shares.is_empty() => on_disk(plan, id),
        None => None,
    }
}

fn room_at(plan: &Plan<'_>, machine: MachineId, path: &str) -> Option<Room> {
    let model = plan.model;
    match Store::at(model, machine, path).0 {
        Store::Dataset(dataset) => {
            let quota = model.dataset(&dataset).quota.as_ref()?;
            Some(Room { size: quota.value, span: quota.span, what: "the repository's dataset" })
        }
        Store::Export(machine, index) => {
            let export = model.export(machine, index);
            Some(Room { size: export.size?, span: export.span, what: "the repository's export" })
        }
        Store::Local(machine) => on_disk(plan, machine),
    }
}

/// Returns the room of a guest's disks.
fn on_disk(plan: &Plan<'_>, machine: MachineId) -> Option<Room> {
    let disks = &plan.model[machine].guest.as_ref()?.disks;
    let size: Size = disks.iter().map(|disk| disk.size).sum();
    Some(Room { size, span: disks.first()?.span, what: "the disk of the repository's machine" })
}
