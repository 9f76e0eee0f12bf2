//! Finds data that is not backed up.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MountKind, StateBackup};
use crate::plan::store::{Store, is_below};
use crate::plan::{Coverage, Plan};

/// Finds states that no backup of the lab contains.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "state-without-backup",
    Warning,
    "a service keeps something that no backup contains"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let mounts = service.containers.iter().flat_map(|container| &container.mounts);
        for mount in mounts.filter(|mount| mount.kind == MountKind::Volume) {
            let message =
                format!("no backup contains the volume `{}` of `{}`", mount.source, service.name);
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(mount.span, "the module mounts it here")
                    .help(
                        "keep it in a `state` of the module: docker's own volumes are in no backup",
                    )
                    .on(service.name.clone()),
            );
        }
    }
    for covered in plan.states.iter().filter(|covered| covered.coverage == Coverage::Lost) {
        let (service, state) = (&plan.model[covered.service], covered.state);
        let machine = &plan.model[service.machine];
        let backed_up =
            plan.backups.iter().any(|backup| plan.model[backup.service].machine == service.machine);
        // What contains the repository can't be backed up into it.
        let repository =
            plan.backups.iter().map(|backup| &plan.model[backup.service]).find(|one| {
                let at = one.backup.as_ref().map(|backup| backup.repository.value.as_str());
                let inside =
                    |path: &str| Store::at(plan.model, one.machine, path).0 == covered.store;
                at.is_some_and(|path| path.starts_with('/') && inside(path))
            });
        let is_local = matches!(covered.store, Store::Local(_));
        let help = match covered.class {
            _ if let Some((owner, other)) = covered.left_out_with => format!(
                "`{}` of `{}` is in `{}`, which backups of files leave out: keep the two apart",
                other.name, plan.model[owner].name, other.path
            ),
            Some(_) if let Some(backup) = repository.filter(|_| !is_local) => format!(
                "the repository of `{}` is in {} itself: keep it elsewhere",
                backup.name,
                covered.store.name(plan.model)
            ),
            _ if state.backup == StateBackup::Dump => {
                "add a backup service to its machine; it dumps the database".to_owned()
            }
            Some(_) if is_local => "add a backup service to its machine".to_owned(),
            Some(_) => "mount its dataset on the machine of a backup service".to_owned(),
            None if let Some(backup) = repository.filter(|_| !is_local) => format!(
                "add `backup=daily` to {}, and keep the repository of `{}`, which is in it, \
                 elsewhere",
                covered.store.name(plan.model),
                backup.name
            ),
            None if !is_local => format!(
                "add `backup=daily` to {}, or keep it below one that has a class",
                covered.store.name(plan.model)
            ),
            None if is_below(&state.path, &machine.appdata) && !backed_up => format!(
                "add a backup service to `{0}`, and write `appdata \"{1}\" backup=daily` in `{0}`, \
                 or keep it in a dataset that has a `backup=` class",
                machine.name, machine.appdata
            ),
            None if is_below(&state.path, &machine.appdata) => format!(
                "write `appdata \"{}\" backup=daily` in `{}`, or keep it in a dataset that has a \
                 `backup=` class",
                machine.appdata, machine.name
            ),
            None => format!(
                "say `state {} backup=daily` in the service{}, or keep it in a dataset that has a \
                 `backup=` class",
                state.name,
                if backed_up {
                    String::new()
                } else {
                    format!(", and add a backup service to `{}`", machine.name)
                }
            ),
        };
        diagnostics.push(
            Diagnostic::new(
                &CODE,
                service.span,
                format!("no backup contains `{}` of `{}`", state.name, service.name),
            )
            .caption(format!("keeps it in `{}`", state.path))
            .label(state.span, "the module declares it here")
            .help(help)
            .on(service.name.clone()),
        );
    }
}
