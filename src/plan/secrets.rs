//! The secrets that must be on each machine.

use std::collections::BTreeMap;

use crate::model::{MachineId, Model, SecretId, SecretUse, Service, ServiceId};

/// A secret on one machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineSecret {
    /// The secret.
    pub secret: SecretId,
    /// The file.
    pub path: String,
    /// The owner of the file.
    pub owner: String,
    /// Its mode, four octal digits.
    pub mode: String,
    /// The services that read it, sorted.
    pub services: Vec<ServiceId>,
    /// The mount points of shares for which it is the password.
    pub shares: Vec<String>,
}

/// Lists the secret files that one machine and its services read.
pub fn secrets(model: &Model, machine: MachineId, services: &[ServiceId]) -> Vec<MachineSecret> {
    let mut wanted: BTreeMap<String, MachineSecret> = BTreeMap::new();
    let uses = |id: &ServiceId| {
        let (id, service): (_, &Service) = (*id, &model[*id]);
        service
            .containers
            .iter()
            .flat_map(|container| &container.secrets)
            .chain(&service.secrets)
            .map(move |used| (id, used))
    };
    for (service, SecretUse { secret, owner, mode, .. }) in services.iter().flat_map(uses) {
        let path = secret_path(&model[*secret].name, owner);
        let entry = wanted.entry(path.clone()).or_insert_with(|| MachineSecret {
            secret: *secret,
            path,
            owner: owner.clone(),
            mode: mode.clone(),
            services: Vec::new(),
            shares: Vec::new(),
        });
        if entry.services.last() != Some(&service) {
            entry.services.push(service);
        }
        // All programs that run as this owner read one file, so it gets the widest mode that any of
        // them asks for.
        // Modes have four octal digits, so their texts compare like their numbers.
        if *mode > entry.mode {
            entry.mode.clone_from(mode);
        }
    }
    for share in &model[machine].shares {
        let Some(login) = &share.login else { continue };
        let path = secret_path(&model[login.password].name, "root");
        let entry = wanted.entry(path.clone()).or_insert_with(|| MachineSecret {
            secret: login.password,
            path,
            owner: "root".to_owned(),
            mode: "0400".to_owned(),
            services: Vec::new(),
            shares: Vec::new(),
        });
        entry.shares.push(share.at.clone());
    }
    let mut list: Vec<MachineSecret> = wanted.into_values().collect();
    list.sort();
    list
}

/// Returns the file with a secret for programs that run as `owner`.
pub fn secret_path(name: &str, owner: &str) -> String {
    if owner == "root" {
        format!("/etc/labwright/secrets/{name}")
    } else {
        format!("/etc/labwright/secrets/{owner}/{name}")
    }
}
