//! Derives the folders that a machine mounts from elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::secrets::secret_path;
use super::store::Store;
use crate::model::{
    DatasetRef, Machine, MachineId, MachineKind, Model, Share, ShareSource, ShareTransport,
};

/// A folder that a machine mounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount {
    /// The mount point.
    pub at: String,
    /// The source: a virtiofs tag, `address:/folder`, or `//address/name`.
    pub what: String,
    /// The transport, which is also the name of the file system: `virtiofs`, `nfs` or `cifs`.
    pub via: ShareTransport,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Who the machine is to the server, for one by SMB.
    pub login: Option<Login>,
    /// A description for people: `dataset tank-ssd/appdata`.
    pub name: String,
}

/// A login at a server of SMB.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The server.
    pub server: IpAddr,
    /// The user.
    pub user: String,
    /// The file with the password.
    pub password: String,
    /// The owner that all files have on the machine, by number.
    pub owner: Option<String>,
}

/// A folder that a machine has from elsewhere, however it gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFolder<'m> {
    /// The mount point.
    pub at: &'m str,
    /// A description for people: `dataset tank-ssd/appdata`.
    pub name: String,
    /// The way it gets there.
    pub via: ShareTransport,
}

/// A folder of a Proxmox host that its VMs mount by virtiofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The name of the directory mapping, which is the tag in the guests.
    pub id: String,
    /// The folder.
    pub folder: String,
}

/// Lists the datasets that guests of a Proxmox host mount by virtiofs, by their tags.
pub fn mappings(model: &Model, host: MachineId) -> Vec<Mapping> {
    if model[host].kind != MachineKind::Proxmox {
        return Vec::new();
    }
    let mut folders = BTreeMap::new();
    for (_, guest, _) in model.guests(host) {
        for share in guest.shares.iter().filter(|share| share.via == ShareTransport::Virtiofs) {
            if let ShareSource::Dataset(dataset) = &share.source {
                let folder = model.dataset(dataset).mountpoint.clone();
                // Guests that mount the same dataset share its mapping.
                folders.insert(virtiofs_tag(model, dataset), folder);
            }
        }
    }
    folders.into_iter().map(|(id, folder)| Mapping { id, folder }).collect()
}

/// Lists the folders that a machine mounts itself, by mount point. Folders that its hypervisor
/// binds into it are not included.
pub fn mounts(model: &Model, machine: MachineId) -> Vec<Mount> {
    let mut mounts: Vec<Mount> =
        model[machine].shares.iter().filter_map(|share| mount(model, machine, share)).collect();
    mounts.sort();
    mounts
}

/// Lists the folders that a machine has from elsewhere, as it declares them.
pub fn shares<'m>(model: &Model, machine: &'m Machine) -> Vec<SharedFolder<'m>> {
    let shared = |share: &'m Share| SharedFolder {
        at: &share.at,
        name: Store::from(&share.source).name(model),
        via: share.via,
    };
    machine.shares.iter().map(shared).collect()
}

/// Lists the mount points of a machine: its shares, and the datasets of its own pools.
pub fn points(machine: &Machine) -> Vec<String> {
    let shares = machine
        .shares
        .iter()
        // Nothing is mounted for a local share: the folder is in a dataset of the machine itself.
        .filter(|share| share.via != ShareTransport::Local)
        .map(|share| share.at.clone());
    let datasets = machine
        .pools
        .iter()
        .flat_map(|pool| pool.datasets.iter().map(|dataset| dataset.mountpoint.clone()));
    let mut mounts: Vec<String> = shares.chain(datasets).collect();
    mounts.sort();
    mounts.dedup();
    mounts
}

fn mount(model: &Model, machine: MachineId, share: &Share) -> Option<Mount> {
    let what = match (share.via, &share.source) {
        (ShareTransport::Virtiofs, ShareSource::Dataset(dataset)) => virtiofs_tag(model, dataset),
        (ShareTransport::Nfs, source) => {
            exported(model, machine, source.machine(), model.folder(source))?
        }
        (ShareTransport::Cifs, ShareSource::Export(server, index)) => {
            let export = model.export(*server, *index);
            let name = export.smb.as_ref().unwrap_or(&export.name);
            format!("//{}/{name}", server_address(model, machine, *server)?)
        }
        _ => return None,
    };
    let server = server_address(model, machine, share.source.machine());
    let login = share.login.as_ref().zip(server).map(|(login, server)| Login {
        server,
        user: login.user.clone(),
        password: secret_path(&model[login.password].name, "root"),
        owner: login.owner.clone(),
    });
    Some(Mount {
        at: share.at.clone(),
        what,
        via: share.via,
        read_only: share.read_only,
        login,
        name: Store::from(&share.source).name(model),
    })
}

/// Returns `address:/folder` with the server's address.
fn exported(model: &Model, machine: MachineId, server: MachineId, folder: &str) -> Option<String> {
    let address = server_address(model, machine, server)?;
    // Without the brackets, the first colon of the address would end the name of the server.
    Some(if address.is_ipv6() {
        format!("[{address}]:{folder}")
    } else {
        format!("{address}:{folder}")
    })
}

/// Returns the server's address in a network that both are in, if there is one.
fn server_address(model: &Model, machine: MachineId, server: MachineId) -> Option<IpAddr> {
    let networks: Vec<_> = model[machine].addresses.iter().map(|address| address.network).collect();
    let shared = model[server]
        .addresses
        .iter()
        .find(|address| networks.contains(&address.network))
        .map(|address| address.address);
    // Without a common network, routers lead to the server's first address.
    shared.or_else(|| model[server].address())
}

/// Returns the name under which a dataset's folder is passed to VMs: the directory mapping on the
/// host, the mount tag in the guest.
///
/// A tag has at most 36 bytes. A name that is longer, or that two datasets could have in common,
/// ends in a digest of itself.
fn virtiofs_tag(model: &Model, dataset: &DatasetRef) -> String {
    let path = model.dataset_path(dataset);
    let tag = path.replacen('/', "_", 1);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if tag.len() <= 36 && path.bytes().filter(|byte| !plain(*byte)).count() == 1 {
        return tag;
    }
    let digest = format!(
        "{:08x}",
        Sha256::digest(&path).iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
    );
    // With a hyphen and eight digits, 27 letters make the 36 bytes.
    let readable: String = tag
        .chars()
        .take(27)
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    format!("{readable}-{digest}")
}

/// Returns the name of the unit that mounts at `path`, as `systemd-escape --path --suffix=mount`
/// does.
pub fn mount_name(path: &str) -> String {
    let mut name = String::new();
    for (index, byte) in path.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'_' | b'.' | b':' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                name.push(char::from(byte));
            }
            _ => {
                let _ = write!(name, "\\x{byte:02x}");
            }
        }
    }
    name + ".mount"
}
