//! Writes the archives that some packages of a machine come from.

use crate::emit::Context;
use crate::model::Os;
use crate::plan::Archive;

/// A file that makes an archive known to apt.
#[derive(Debug)]
pub struct ArchiveFile {
    /// The name below `machine/` of the payload.
    pub name: String,
    /// The place on the machine.
    pub destination: String,
    /// The content.
    pub text: String,
}

/// The key that signs Docker's archive, `9DC858229FC7DD38854AE2D88D81803C0EBFCD88`.
const DOCKER_KEY: &str = include_str!("docker.asc");

/// Lists the files of a machine's archives.
pub fn files(context: &Context<'_>) -> Vec<ArchiveFile> {
    let machine = context.this();
    let mut files = Vec::new();
    for archive in &context.planned().packages.archives {
        let name = archive.name();
        if *archive == Archive::Docker {
            files.push(ArchiveFile {
                name: format!("{name}.asc"),
                destination: format!("/etc/apt/keyrings/{name}.asc"),
                text: DOCKER_KEY.to_owned(),
            });
        }
        files.push(ArchiveFile {
            name: format!("{name}.sources"),
            destination: format!("/etc/apt/sources.list.d/{name}.sources"),
            text: source(*archive, machine.os, machine.arch.name()),
        });
    }
    files
}

/// Writes an archive in the format of sources.list(5).
fn source(archive: Archive, os: Option<Os>, arch: &str) -> String {
    let suite = if os == Some(Os::Debian12) { "bookworm" } else { "trixie" };
    match archive {
        Archive::Docker => format!(
            "Types: deb\nURIs: https://download.docker.com/linux/debian\nSuites: {suite}\n\
             Components: stable\nArchitectures: {arch}\nSigned-By: /etc/apt/keyrings/docker.asc\n"
        ),
        // The system's own keys: another key for an archive that it may know would be an error.
        Archive::Firmware => format!(
            "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {suite}\n\
             Components: non-free-firmware\n"
        ),
    }
}
