//! Finds what no program could ask for or use in an endpoint, a folder or a file of a module.

use super::read::{Report, text};
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::source::Spanned;

/// The folders that every image has. A file at the place of one of them can't be mounted.
const FOLDERS: &[&str] = &[
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/run/secrets",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/var",
    "/var/lib",
    "/var/log",
];

/// Reports an endpoint that is scraped over UDP, or whose path would become a part of its port.
pub fn endpoint(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let protocol = block.property("protocol");
    let is_scraped = block.property("scrape").and_then(Spanned::bool) == Some(true);
    if let Some(protocol) = protocol.filter(|one| is_scraped && one.text() == Some("udp")) {
        report(protocol.span, "Prometheus scrapes over TCP alone".to_owned(), diagnostics);
    }
    if let Some(path) = block.property("path")
        && let Some(text) = path.string().filter(|text| !text.starts_with('/'))
    {
        let message = format!("the path `{text}` of an endpoint does not begin with `/`");
        report(path.span, message, diagnostics);
    }
}

/// Reports a folder that nobody but root could enter.
pub fn state(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    let Some(mode) = block.property("mode") else { return };
    if let Some(text) = mode.string().filter(|text| bits(text) & 0o111 == 0) {
        let message = format!("nobody may enter a folder with the mode `{text}`");
        report(mode.span, message, diagnostics);
    }
}

/// Reports a file that takes the place of a folder, or that nobody but root could read.
pub fn file_inside(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) {
    if let Some(at) = block.property("at")
        && let Some(path) = at.string().filter(|path| FOLDERS.contains(&path.as_str()))
    {
        let message = format!("`{path}` is a folder, and no file can be mounted in its place");
        report(at.span, message, diagnostics);
    }
    if let Some(mode) = block.property("mode")
        && let Some(own) = text(block, "mode").filter(|text| bits(text) & 0o444 == 0)
    {
        let message = format!("nobody may read a file with the mode `{own}`");
        report(mode.span, message, diagnostics);
    }
}

/// Reads a mode. One that is none is reported by its type.
fn bits(mode: &str) -> u32 {
    u32::from_str_radix(mode, 8).unwrap_or(0o777)
}
