//! The folders that a machine exports by NFS, with who mounts them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::store::Store;
use crate::model::{MachineId, Model, ShareTransport};

/// A folder of a machine that others mount by NFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPlan {
    /// A description for people: `dataset tank/media`, `export media`.
    pub name: String,
    /// The folder.
    pub folder: String,
    /// Who mounts it, an entry for each of their addresses.
    pub clients: Vec<Client>,
}

/// An address from which a folder is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The machine.
    pub machine: MachineId,
    /// One of its addresses.
    pub address: IpAddr,
    /// Whether it must not write.
    pub read_only: bool,
}

/// Lists the exports of each machine, by [`MachineId`]; each list is sorted by folder.
pub fn exports(model: &Model) -> Vec<Vec<ExportPlan>> {
    let mut exports: Vec<BTreeMap<String, ExportPlan>> =
        vec![BTreeMap::new(); model.machines.len()];
    for (machine, client) in model.machines() {
        for share in client.shares.iter().filter(|share| share.via == ShareTransport::Nfs) {
            let server = share.source.machine().of_mut(&mut exports);
            let folder = model.folder(&share.source);
            let export = server.entry(folder.to_owned()).or_insert_with(|| ExportPlan {
                name: Store::from(&share.source).name_at_home(model),
                folder: folder.to_owned(),
                clients: Vec::new(),
            });
            // The server knows a client by its address alone, and a mount may come from any that it
            // has.
            export.clients.extend(client.addresses.iter().map(|address| Client {
                machine,
                address: address.address,
                read_only: share.read_only,
            }));
        }
    }
    exports.into_iter().map(|list| list.into_values().collect()).collect()
}
