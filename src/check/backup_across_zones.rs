//! Finds repositories in which machines of several zones keep their backups.

use std::collections::BTreeMap;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Service;
use crate::plan::store::Store;
use crate::plan::{Plan, exposed};

/// Finds machines that strangers come closer to, and that reach the backups of others.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "backup-across-zones",
    Warning,
    "a machine can read and delete the backups of another zone"
);

/// Where a repository is. Whoever has a part of a share has all of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place<'p> {
    Shared(Store),
    Remote(&'p str),
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    let mut users: BTreeMap<Place<'_>, Vec<&Service>> = BTreeMap::new();
    for planned in &plan.backups {
        let service = &model[planned.service];
        let Some(backup) = &service.backup else { continue };
        let at = backup.repository.value.as_str();
        let place = if at.starts_with('/') {
            Place::Shared(Store::at(model, service.machine, at).0)
        } else {
            Place::Remote(at)
        };
        users.entry(place).or_default().push(service);
    }
    let exposed = exposed(model, &plan.flows);
    for services in users.values() {
        for service in services.iter().filter(|one| exposed.contains(&one.machine)) {
            let machine = &model[service.machine];
            let other = services.iter().find(|other| model[other.machine].zone != machine.zone);
            let (Some(other), Some(backup)) = (other, &service.backup) else { continue };
            let owner = &model[other.machine];
            let message = format!(
                "`{}`, in the zone `{}`, can read and delete the backups of `{}`",
                machine.name, model[machine.zone].name, owner.name
            );
            let place = other.backup.as_ref().map_or(other.span, |backup| backup.repository.span);
            diagnostics.push(
                Diagnostic::new(&CODE, backup.repository.span, message)
                    .label(place, format!("`{}` keeps its own there", owner.name))
                    .help("give each zone a repository of its own, with a password of its own")
                    .on(service.name.clone()),
            );
        }
    }
}
