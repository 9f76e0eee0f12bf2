//! Reads the networks that `forward.sh` lets through the filters of Docker and ufw.

use super::{File, Unreadable, set_of};
use crate::plan::CidrSet;

/// Reads the script.
pub fn read(file: File<'_>) -> Result<CidrSet, Unreadable> {
    let mut networks = CidrSet::default();
    for (line, text) in file.statements() {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        // The lines with `-d` let only answers back, so they open nothing.
        if let ["pass", tables, "-s", prefix] = words[..] {
            let prefix = file.prefix(line, prefix)?;
            let wanted = if prefix.addr().is_ipv4() { "iptables" } else { "ip6tables" };
            if tables != wanted {
                return Err(file.fault(line, format!("{prefix} is not for {tables}")));
            }
            networks = CidrSet::union([&networks, &set_of(prefix)]);
        }
    }
    Ok(networks)
}
