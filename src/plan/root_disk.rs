//! Decides what the root disk of a guest is made from.

use crate::model::{Arch, Guest, Machine, MachineKind, Os};

/// The source of a guest's root disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootDisk {
    /// Nothing: the disk begins empty.
    Empty,
    /// An installation disc on the host; the disk begins empty.
    Disc(String),
    /// An image on the host.
    Image(String),
    /// An image on the internet.
    Fetched {
        /// Its address.
        url: String,
        /// The name of the file in which the host keeps it.
        file: String,
    },
    /// A template on the host, of a container.
    Template(String),
    /// The template of its system, of a container.
    System,
}

/// Returns what the root disk of a guest is made from.
pub fn root(machine: &Machine, guest: &Guest) -> RootDisk {
    if machine.kind == MachineKind::Lxc {
        return guest.image.clone().map_or(RootDisk::System, RootDisk::Template);
    }
    match (&guest.image, machine.os) {
        (Some(image), _) if image.to_ascii_lowercase().ends_with(".iso") => {
            RootDisk::Disc(image.clone())
        }
        (Some(image), _) if image.starts_with("https://") => fetched(image.clone()),
        (Some(image), _) => RootDisk::Image(image.clone()),
        (None, Some(os)) => fetched(cloud_image(os, machine.arch)),
        (None, None) => RootDisk::Empty,
    }
}

fn fetched(url: String) -> RootDisk {
    let name = url.rsplit('/').next().unwrap_or("image");
    let file: String =
        name.chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' }
            })
            .collect();
    // Proxmox decides by the name, and Ubuntu's `.img` is a qcow2 image.
    let file = file.strip_suffix(".img").map(|stem| format!("{stem}.qcow2")).unwrap_or(file);
    RootDisk::Fetched { url, file }
}

/// Returns the official image. Debian's `generic` image has drivers for real hardware, which
/// passthrough needs.
fn cloud_image(os: Os, arch: Arch) -> String {
    let arch = arch.name();
    match os {
        Os::Debian12 => format!(
            "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-generic-{arch}.qcow2"
        ),
        Os::Debian13 => format!(
            "https://cloud.debian.org/images/cloud/trixie/latest/debian-13-generic-{arch}.qcow2"
        ),
        Os::Ubuntu2404 => format!(
            "https://cloud-images.ubuntu.com/releases/noble/release/\
             ubuntu-24.04-server-cloudimg-{arch}.img"
        ),
    }
}
