//! Defines the words that Proxmox takes: storages, volumes and PCI addresses.

use super::addresses::is_url;

/// Returns whether text is a PCI address: a domain, a bus, a slot and a function. Proxmox also
/// takes one without its domain, and a slot with all its functions.
pub fn is_pci(text: &str) -> bool {
    let hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    };
    let (rest, function) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut parts = rest.rsplit(':');
    let slot = parts.next().is_some_and(|slot| hex(slot, 2) && slot < "20");
    let bus = parts.next().is_some_and(|bus| hex(bus, 2));
    let domain = parts.next().is_none_or(|domain| hex(domain, 4));
    let function = function.is_none_or(|function| hex(function, 1) && function < "8");
    slot && bus && domain && function && parts.next().is_none()
}

/// Returns the slot of a PCI address with its bus and domain, and the function in it.
pub fn pci_slot(text: &str) -> (&str, Option<&str>) {
    let text = text.strip_prefix("0000:").unwrap_or(text);
    text.split_once('.').map_or((text, None), |(slot, function)| (slot, Some(function)))
}

/// Returns whether text is the name of a storage. Source: `parse_storage_id` in
/// `PVE/JSONSchema.pm` of <https://git.proxmox.com/?p=pve-common.git>.
pub fn is_storage(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (2..=100).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// Returns whether text is what a guest can be made from: a storage and a volume's name in it, or
/// the address of an image.
pub fn is_volume(text: &str) -> bool {
    if text.starts_with("https://") {
        return is_url(text);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+@".contains(&byte);
    text.split_once(':').is_some_and(|(storage, name)| {
        is_storage(storage)
            && !name.is_empty()
            && name.len() <= 200
            && name.bytes().all(plain)
            && !name.starts_with('/')
            && !name.split('/').any(|part| part.is_empty() || part == "..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_proxmox_are_what_they_are() {
        for right in ["0000:00:02.0", "00:02.0", "0000:c5:00", "c5:1f.7"] {
            assert!(is_pci(right), "{right}");
        }
        for wrong in ["zz", "0000:00:02.9", "00:20.0", "0000:00:2.0", "00000:00:02.0", "02.0", ""] {
            assert!(!is_pci(wrong), "{wrong}");
        }
        assert_eq!(pci_slot("0000:00:02.0"), pci_slot("00:02.0"));
        assert!(is_storage("local-lvm") && is_storage("nfs_1.x") && !is_storage("no/such"));
        assert!(!is_storage("1x") && !is_storage("x-") && !is_storage("x"));
        assert!(is_volume("local:import/debian-13.qcow2") && is_volume("local-lvm:vm-1-disk-0"));
        assert!(
            !is_volume("debian.qcow2")
                && is_volume("https://x.org/a.img")
                && !is_volume("local:")
                && !is_volume("local:../x")
        );
    }
}
