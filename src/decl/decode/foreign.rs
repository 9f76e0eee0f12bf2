//! Finds the word of the language that a person means who writes another one.

use crate::diag::nearest;

/// Words that other tools use, each with the words of the language that may be meant. The first
/// that the place knows is meant.
#[rustfmt::skip] // A table is read line by line.
const FOREIGN: &[(&str, &[&str])] = &[
    ("addr", &["address"]),
    ("app", &["service"]),
    ("at", &["on"]),
    ("authorized-key", &["ssh-key"]),
    ("authorized-keys", &["ssh-key"]),
    ("cpu", &["cores", "cpus"]),
    ("cpus", &["cores"]),
    ("ct", &["lxc"]),
    ("ctid", &["id"]),
    ("filesystem", &["dataset"]),
    ("from", &["to"]),
    ("gateway", &["router"]),
    ("guest", &["vm"]),
    ("gw", &["gateway"]),
    ("host", &["on"]),
    ("hypervisor", &["host"]),
    ("ip", &["address"]),
    ("ip-address", &["address"]),
    ("ipv4", &["address"]),
    ("key", &["ssh-key"]),
    ("keys", &["ssh-key"]),
    ("machine", &["on", "vm"]),
    ("mem", &["memory"]),
    ("mount", &["share"]),
    ("nameserver", &["dns"]),
    ("nameservers", &["dns"]),
    ("net", &["network"]),
    ("node", &["on"]),
    ("path", &["at"]),
    ("prefix", &["cidr"]),
    ("proxmox", &["host"]),
    ("pubkey", &["ssh-key"]),
    ("public-key", &["ssh-key"]),
    ("ram", &["memory"]),
    ("range", &["cidr"]),
    ("rootdisk", &["disk"]),
    ("rootfs", &["disk"]),
    ("server", &["host"]),
    ("size", &["quota"]),
    ("stack", &["service"]),
    ("subnet", &["cidr", "network"]),
    ("target", &["at"]),
    ("template", &["image"]),
    ("to", &["at", "from"]),
    ("type", &["kind", "module"]),
    ("tz", &["timezone"]),
    ("user", &["admin"]),
    ("vcpu", &["cores"]),
    ("vcpus", &["cores"]),
    ("vmid", &["id"]),
    ("zfs", &["dataset"]),
];

/// Returns the word of `ours` that another one stands for: the same in other letters or with a
/// colon, the one for a word of other tools, or the nearest.
pub fn meant<'c>(word: &str, ours: impl Iterator<Item = &'c str> + Clone) -> Option<&'c str> {
    let plain = plain(word);
    let own = |wanted: &str| ours.clone().find(|own| *own == wanted);
    own(&plain).or_else(|| translated(&plain, &ours)).or_else(|| nearest(&plain, ours))
}

/// Returns the word for one of other tools.
fn translated<'c>(plain: &str, ours: &(impl Iterator<Item = &'c str> + Clone)) -> Option<&'c str> {
    let at = FOREIGN.binary_search_by(|(foreign, _)| (*foreign).cmp(plain)).ok()?;
    let (_, words) = FOREIGN.get(at)?;
    words.iter().find_map(|word| ours.clone().find(|own| own == word))
}

/// Writes a word as the language writes its own.
fn plain(word: &str) -> String {
    word.trim_end_matches(':').to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::{FOREIGN, meant};

    #[test]
    fn foreign_words_are_sorted_and_found() {
        assert!(FOREIGN.is_sorted_by(|(a, _), (b, _)| a < b));
        let ours = ["memory", "cores", "disk", "address"];
        let meant = |word| meant(word, ours.into_iter());
        assert_eq!(meant("RAM"), Some("memory"));
        assert_eq!(meant("Memory:"), Some("memory"));
        assert_eq!(meant("adress"), Some("address"));
        assert_eq!(meant("volume"), None);
        assert_eq!(meant("user"), None);
    }
}
