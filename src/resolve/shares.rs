//! Resolves folders that a machine gets from another, and where its services store their data.

use super::read::string;
use super::visible::Secrets;
use super::{codes, names};
use crate::decl::types::is_name;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    DatasetRef, Guest, Machine, MachineId, Model, Pool, Share, ShareLogin, ShareSource,
    ShareTransport,
};
use crate::source::Spanned;

/// Makes the container's root own the datasets that it writes to, unless an owner is set. On the
/// host, root of an unprivileged container is another uid, and inside the container, the host's
/// root is nobody.
pub fn give_to_containers(model: &mut Model) {
    // Proxmox maps the ids inside of such a container to those from 100000 on.
    const ROOT_INSIDE: &str = "100000:100000";
    let unprivileged = model
        .machines
        .iter()
        .filter(|machine| machine.guest.as_ref().is_some_and(|guest| guest.unprivileged));
    let written = unprivileged
        .flat_map(|machine| &machine.shares)
        .filter(|share| share.via == ShareTransport::MountPoint && !share.read_only);
    let datasets: Vec<DatasetRef> = written
        .filter_map(|share| match share.source {
            ShareSource::Dataset(dataset) => Some(dataset),
            ShareSource::Export(..) => None,
        })
        .collect();
    for dataset in datasets {
        model.dataset_mut(&dataset).owner.get_or_insert_with(|| ROOT_INSIDE.to_owned());
    }
}

pub fn shares(
    block: &Block<'_>,
    index: usize,
    guest: Option<&Guest>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Vec<Share> {
    let mut shares = Vec::new();
    for node in block.all("share") {
        let (Some(name), Some(at)) = (node.argument(0), string(node.property("at"))) else {
            continue;
        };
        let Some((source, local)) = share_source(name, index, guest, model, diagnostics) else {
            continue;
        };
        // If it is missing or wrong, this is the transport that such a machine most likely uses.
        let (likely, word) = match block.schema.name {
            _ if local => (ShareTransport::Local, "`via=local`"),
            "lxc" => (ShareTransport::MountPoint, "`via=mount-point`"),
            "vm" => {
                (ShareTransport::Virtiofs, "`via=virtiofs` (Proxmox VE 8.4 and later) or `via=nfs`")
            }
            _ => (ShareTransport::Nfs, "`via=nfs`"),
        };
        let via = match node.property("via").and_then(Spanned::text) {
            Some("virtiofs") => ShareTransport::Virtiofs,
            Some("nfs") => ShareTransport::Nfs,
            Some("cifs") => ShareTransport::Cifs,
            Some("mount-point") => ShareTransport::MountPoint,
            Some(_) => ShareTransport::Local,
            None => likely,
        };
        if node.property("via").is_none() && !local {
            diagnostics.push(
                Diagnostic::new(
                    &codes::SHARE_WITHOUT_TRANSPORT,
                    node.span,
                    format!("nothing says how `{}` gets into `{}`", node.key(), block.key()),
                )
                .help(format!("add {word}")),
            );
        }
        let read_only = node.property("read-only").and_then(Spanned::bool).unwrap_or(false);
        let login = login(node, via, model, diagnostics);
        shares.push(Share { source, at, via, read_only, login, span: node.span });
    }
    shares.sort_by(|a, b| a.at.cmp(&b.at));
    shares
}

/// Reads who the machine is to a server of SMB. What is missing is reported.
fn login(
    node: &Block<'_>,
    via: ShareTransport,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<ShareLogin> {
    if via != ShareTransport::Cifs {
        let unused = ["user", "password", "owner"].into_iter().find_map(|name| node.property(name));
        if let Some(unused) = unused {
            let message = "`user`, `password` and `owner` are for `via=cifs` alone";
            diagnostics.push(
                Diagnostic::new(&codes::SHARE_WITHOUT_LOGIN, unused.span, message)
                    .help("leave them out: with other transports, the files' own owners count"),
            );
        }
        return None;
    }
    let (Some(user), Some(password)) = (node.property("user"), node.property("password")) else {
        let message = format!("`{}` by SMB has no user or no password", node.key());
        diagnostics.push(
            Diagnostic::new(&codes::SHARE_WITHOUT_LOGIN, node.span, message)
                .help("add `user=NAME password=(secret)NAME`, as the server knows them"),
        );
        return None;
    };
    let owner = node.property("owner");
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let text = owner.and_then(Spanned::text).unwrap_or_default();
    if let Some(owner) = owner.filter(|_| !text.split(':').all(is_number)) {
        let message = format!("`{text}` is a name, and the mount needs numbers");
        diagnostics.push(
            Diagnostic::new(&codes::SHARE_WITHOUT_LOGIN, owner.span, message)
                .help("`id NAME` prints them; an example is `owner=\"1000:1000\"`"),
        );
    }
    // One that is at fault is already reported.
    if password.is_faulty() {
        return None;
    }
    let secret = password.secret().unwrap_or_default();
    let secrets = Secrets::of(model);
    let Some(found) = secrets.id(secret) else {
        diagnostics.push(names::undeclared(secret, password.span, &secrets));
        return None;
    };
    Some(ShareLogin {
        user: user.string().unwrap_or_default(),
        password: found,
        owner: owner.and_then(Spanned::string),
    })
}

/// Finds the source of a share, and whether the machine itself has it.
fn share_source(
    name: &Spanned<Value<'_>>,
    index: usize,
    guest: Option<&Guest>,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<(ShareSource, bool)> {
    let (first, second) = name.text().unwrap_or_default().split_once('.').unwrap_or_default();
    let home = guest.map_or(MachineId::at(index), |guest| guest.host);
    // Pools of two hosts may have the same name. Then the pool of the machine's own host is meant.
    let others = model.machines().filter(|(id, _)| *id != home).map(|(id, _)| id);
    for machine in std::iter::once(home).chain(others) {
        let mut pools = model[machine].pools.iter().enumerate();
        // A pool whose name is missing or wrong, as is already reported, may be the one.
        let has = |pool: &Pool| pool.datasets.iter().any(|dataset| dataset.name == second);
        let unnamed = || {
            let mut pools = model[machine].pools.iter().enumerate();
            pools.find(|(_, pool)| !is_name(&pool.name) && has(pool))
        };
        let found = pools.find(|(_, pool)| pool.name == first);
        let Some((index_of_pool, pool)) = found.or_else(unnamed) else { continue };
        let Some(dataset) = pool.datasets.iter().position(|dataset| dataset.name == second) else {
            let names: Vec<String> = named(pool).collect();
            unknown_source("dataset", name, &names, model, diagnostics);
            return None;
        };
        let source = DatasetRef {
            machine,
            pool: u32::try_from(index_of_pool).ok()?,
            dataset: u32::try_from(dataset).ok()?,
        };
        return Some((ShareSource::Dataset(source), machine == MachineId::at(index)));
    }
    if let Some((machine, exporter)) = model.machines().find(|(_, machine)| machine.name == first) {
        let export = exporter.exports.iter().position(|export| export.name == second);
        if let Some(export) = export.and_then(|export| u32::try_from(export).ok()) {
            return Some((ShareSource::Export(machine, export), machine == MachineId::at(index)));
        }
        let own: Vec<String> = offered(exporter).collect();
        let dataset = own.iter().find(|own| own.split_once('.').unwrap_or_default().1 == second);
        if let Some(dataset) = dataset {
            let text = name.text().unwrap_or_default();
            diagnostics.push(
                Diagnostic::new(
                    &codes::UNKNOWN_NAME,
                    name.span,
                    format!("there is no export `{text}`"),
                )
                .help(format!("did you mean `{dataset}`?")),
            );
        } else {
            unknown_source("export", name, &own, model, diagnostics);
        }
        return None;
    }
    unknown_source("dataset or export", name, &[], model, diagnostics);
    None
}

/// Reports that a share names nothing. `near` are the names that may have been meant; without them
/// all of the lab are.
fn unknown_source(
    what: &str,
    name: &Spanned<Value<'_>>,
    near: &[String],
    model: &Model,
    diagnostics: &mut Diagnostics,
) {
    let all: Vec<String>;
    let (what, names) = if near.is_empty() {
        all = model.machines.iter().flat_map(offered).collect();
        ("dataset or export", all.as_slice())
    } else {
        (what, near)
    };
    names::unknown(
        &codes::UNKNOWN_NAME,
        what,
        name.text().unwrap_or_default(),
        name,
        names.iter().map(String::as_str),
        diagnostics,
    );
}

/// Lists the datasets of a pool as shares name them.
fn named(pool: &Pool) -> impl Iterator<Item = String> {
    pool.datasets.iter().map(move |dataset| format!("{}.{}", pool.name, dataset.name))
}

/// Lists what a machine has for shares, as they name it.
fn offered(machine: &Machine) -> impl Iterator<Item = String> {
    let exports =
        machine.exports.iter().map(move |export| format!("{}.{}", machine.name, export.name));
    machine.pools.iter().flat_map(named).chain(exports)
}

pub fn appdata(block: &Block<'_>, shares: &[Share], index: usize, model: &Model) -> String {
    if let Some(path) = string(block.value("appdata")) {
        return path;
    }
    let shared = shares.iter().find(|share| match &share.source {
        ShareSource::Dataset(dataset) => model.dataset(dataset).name == "appdata",
        ShareSource::Export(machine, export) => model.export(*machine, *export).name == "appdata",
    });
    let own = || {
        let machine = &model[MachineId::at(index)];
        let dataset = machine
            .pools
            .iter()
            .flat_map(|pool| &pool.datasets)
            .find(|dataset| dataset.name == "appdata");
        dataset.map(|dataset| dataset.mountpoint.clone()).or_else(|| {
            machine
                .exports
                .iter()
                .find(|export| export.name == "appdata")
                .map(|export| export.path.clone())
        })
    };
    shared.map(|share| share.at.clone()).or_else(own).unwrap_or_else(|| "/srv/appdata".to_owned())
}
