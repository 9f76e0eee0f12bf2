//! Says what a machine must have so that backups of other machines reach their repositories on it.

use super::step::Step;
use crate::model::{Data, MachineId};
use crate::plan::Plan;
use crate::plan::backups::{holder, owners};

/// Lists a step for each repository on the machine that others reach by sftp.
pub(super) fn steps(plan: &Plan<'_>, machine: MachineId) -> Vec<Step> {
    let model = plan.model;
    let owners = owners(model);
    let elsewhere = plan.backups.iter().filter(|plan| model[plan.service].machine != machine);
    let steps = elsewhere.filter_map(|plan| {
        let service = &model[plan.service];
        let repository = service.backup.as_ref()?.repository.value.as_str();
        let login = login(repository)?;
        let (_, folder) = holder(model, &owners, repository).filter(|(id, _)| *id == machine)?;
        let from = &model[service.machine].name;
        let mut step = Step::new("Let the backups of ")
            .says(from)
            .says(" in: an account ")
            .code(login.rsplit_once('@').map_or("root", |(user, _)| user))
            .says(", to which sftp is open from there, which may write to ")
            .code(folder.unwrap_or("the folder of the repository"))
            .says(", and which has the public half of ");
        step = match service.option("sftp-key") {
            Data::Secret(key) => step
                .says("the secret ")
                .code(key)
                .says(", which ")
                .code("ssh-keygen -y")
                .says(" makes from the private one."),
            _ => step.says("root's own key on ").says(from).says("."),
        };
        Some(step)
    });
    steps.collect()
}

/// Returns the part of an `sftp:…` repository that says who logs in where.
fn login(repository: &str) -> Option<&str> {
    let rest = repository.strip_prefix("sftp:")?;
    match rest.strip_prefix("//") {
        Some(url) => url.split('/').next(),
        None => rest.split_once(':').map(|(login, _)| login),
    }
}
