//! Resolves what makes a machine a guest: its host, disks and devices.

use super::read::string;
use super::{codes, names};
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::{Guest, GuestDisk, Machine, MachineId, MachineKind, Model, Passthrough};
use crate::source::Spanned;

pub fn guest(
    block: &Block<'_>,
    index: usize,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Option<Guest> {
    least(block, diagnostics);
    if block.schema.name == "host" {
        return None;
    }
    let name = block.property("on")?;
    let host = names::find("host", name, &model.machines, |machine| &machine.name, diagnostics)?;
    let (host, itself) = (MachineId::at(host), host == index);
    if model[host].kind != MachineKind::Proxmox || itself {
        diagnostics.push(
            Diagnostic::new(
                &codes::WRONG_KIND,
                name.span,
                format!("`{}` is not a Proxmox host", model[host].name),
            )
            .label(model[host].span, "declared here")
            .help("guests run on a `host` of `kind=proxmox`"),
        );
        return None;
    }
    let id = block.property("id")?;
    without_effect(block, diagnostics);
    image(block, diagnostics);
    snippets(block, diagnostics);
    let disk = |node: &Block<'_>| {
        Some(GuestDisk {
            name: node.key().to_owned(),
            size: node.property("size")?.size()?,
            storage: string(node.property("storage")),
            span: node.key_span(),
        })
    };
    let mut disks: Vec<GuestDisk> = block.all("disk").filter_map(disk).collect();
    // The root disk comes first, whatever the names of the others are.
    disks.sort_by(|a, b| (a.name != "root", &a.name).cmp(&(b.name != "root", &b.name)));
    let storage = block.child("storage");
    let words = |name: &str| {
        block
            .child(name)
            .map(|node| node.arguments.iter().filter_map(Spanned::string).collect::<Vec<_>>())
    };
    Some(Guest {
        host,
        id: id.number()?,
        disks,
        passthrough: passthrough(block, &model[host], diagnostics),
        image: string(block.value("image")),
        // The installer of Proxmox makes these two storages, unless it puts the host on ZFS or
        // Btrfs.
        storage: string(storage.and_then(|storage| storage.argument(0)))
            .unwrap_or_else(|| "local-lvm".to_owned()),
        snippets: string(storage.and_then(|storage| storage.property("snippets")))
            .unwrap_or_else(|| "local".to_owned()),
        uefi: block.value("bios").and_then(Spanned::text) == Some("ovmf"),
        least_memory: block
            .child("memory")
            .and_then(|memory| memory.property("least"))
            .and_then(Spanned::size),
        on_boot: block.value("boot").and_then(Spanned::bool).unwrap_or(true),
        boot_order: block
            .child("boot")
            .and_then(|boot| boot.property("order"))
            .and_then(Spanned::number),
        boot_wait: block
            .child("boot")
            .and_then(|boot| boot.property("wait"))
            .and_then(Spanned::duration),
        // Docker needs both in an unprivileged container.
        features: words("features")
            .unwrap_or_else(|| vec!["keyctl".to_owned(), "nesting".to_owned()]),
        unprivileged: block.value("privileged").and_then(Spanned::bool) != Some(true),
        span: id.span,
    })
}

/// Reports a machine other than a VM that would keep a part of its memory.
fn least(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let memory = block.child("memory").filter(|_| block.schema.name != "vm");
    if let Some(least) = memory.and_then(|memory| memory.property("least")) {
        let message = "`least` is without effect: only a VM gives memory back to its host";
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::UNKNOWN_NODE, least.span, message)
                .help("leave it out"),
        );
    }
}

/// Reports a storage for snippets that holds disks alone.
fn snippets(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let storage = block.child("storage").and_then(|storage| storage.property("snippets"));
    let Some(storage) = storage else { return };
    let text = storage.text().unwrap_or_default();
    if DISKS_ALONE.contains(&text) {
        let message = format!("`{text}` holds disks, and no files such as snippets");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, storage.span, message)
                .help("name a storage of kind `dir`, `nfs` or `cifs`, such as `local`"),
        );
    }
}

/// The storages of Proxmox's installer that are of kind `lvmthin` and `zfspool`.
const DISKS_ALONE: [&str; 2] = ["local-lvm", "local-zfs"];

/// Reports what has no effect on a guest.
fn without_effect(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let mut report = |span, message: String, help: &'static str| {
        diagnostics
            .push(Diagnostic::new(&crate::decl::codes::UNKNOWN_NODE, span, message).help(help));
    };
    let boot = block.child("boot");
    if let Some(boot) = boot
        && boot.property("wait").is_some()
        && boot.property("order").is_none()
    {
        let message = "`wait` is without effect: only guests with an order wait for each other";
        report(boot.span, message.to_owned(), "add `order=`, the guest's place");
    }
    for node in block.all("address").filter(|node| node.property("nic").is_some()) {
        let message = "`nic` is without effect: a guest's interface is made for it";
        report(
            node.span,
            message.to_owned(),
            "name the bridge that it joins, as in `bridge=vmbr0`",
        );
    }
}

/// Reports an image that this kind of guest can't be made from.
fn image(block: &Block<'_>, diagnostics: &mut Diagnostics) {
    let Some(image) = block.value("image") else { return };
    let text = image.text().unwrap_or_default();
    let folder = text.split_once(':').and_then(|(_, volume)| volume.split_once('/'));
    let folder = folder.map_or("", |(folder, _)| folder);
    let lxc = block.schema.name == "lxc";
    let wrong = if lxc {
        ["import", "iso"].contains(&folder) || text.contains("://")
    } else {
        folder == "vztmpl"
    };
    if wrong {
        let help = if lxc {
            "name a template, such as `local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst`"
        } else {
            "name an image or a disc, such as `local:import/debian-13.qcow2`"
        };
        let message =
            format!("{} can't be made from `{text}`", if lxc { "an LXC" } else { "a VM" });
        diagnostics
            .push(Diagnostic::new(&crate::decl::codes::WRONG_TYPE, image.span, message).help(help));
    }
}

fn passthrough(
    block: &Block<'_>,
    host: &Machine,
    diagnostics: &mut Diagnostics,
) -> Vec<Passthrough> {
    let mut list = Vec::new();
    for name in block
        .all("passthrough")
        .filter_map(|node| node.argument(0))
        .filter(|name| !name.is_faulty())
    {
        let text = name.text().unwrap_or_default();
        if let Some(gpu) = host.gpus.iter().find(|gpu| gpu.name == text) {
            if gpu.pci.is_none() && block.schema.name == "vm" {
                let message = format!("`gpu {text}` has no PCI address, by which a VM gets it");
                diagnostics.push(
                    Diagnostic::new(&codes::PASSTHROUGH_WITHOUT_DEVICE, name.span, message)
                        .label(gpu.span, "the GPU")
                        .help("add `pci=\"…\"` to it, as `lspci -D` on the host prints it"),
                );
            }
            list.push(Passthrough {
                name: gpu.name.clone(),
                pci: gpu.pci.clone(),
                rom: gpu.rom.clone(),
                path: None,
                gpu: true,
                span: name.span,
            });
        } else if let Some(device) = host.devices.iter().find(|device| device.name == text) {
            list.push(Passthrough {
                name: device.name.clone(),
                pci: device.pci.clone(),
                rom: None,
                path: device.path.clone(),
                gpu: false,
                span: name.span,
            });
        } else {
            let names = host
                .gpus
                .iter()
                .map(|gpu| gpu.name.as_str())
                .chain(host.devices.iter().map(|device| device.name.as_str()));
            let help = suggest(text, names, || {
                format!("declare it in `host {}`: `gpu {text} pci=\"0000:00:02.0\"`", host.name)
            });
            diagnostics.push(
                Diagnostic::new(
                    &codes::PASSTHROUGH_WITHOUT_DEVICE,
                    name.span,
                    format!("host `{}` has no device `{text}`", host.name),
                )
                .label(host.span, "the host")
                .help(help),
            );
        }
    }
    list
}
