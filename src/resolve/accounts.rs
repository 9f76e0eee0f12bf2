//! Names the accounts that a machine has before anybody makes one.

/// The users of Debian and Ubuntu, as their base system, their cloud images, sshd and the packages
/// of the standard library make them. Sorted.
#[rustfmt::skip] // A table is read line by line.
const USERS: &[&str] = &[
    "_apt", "_rpc", "backup", "bin", "daemon", "dhcpcd", "dnsmasq", "games", "irc", "list", "lp",
    "mail", "man", "messagebus", "news", "nobody", "nut", "polkitd", "prometheus", "proxy", "root",
    "sshd", "statd", "sync", "sys", "syslog", "systemd-network", "systemd-resolve",
    "systemd-timesync", "tss", "uucp", "uuidd", "www-data",
];

/// The groups that are no user's own. Sorted. A person's account may have such a name: cloud-init
/// puts it into the group.
#[rustfmt::skip] // A table is read line by line.
const GROUPS: &[&str] = &[
    "_ssh", "adm", "audio", "cdrom", "clock", "crontab", "dialout", "dip", "disk", "docker", "fax",
    "floppy", "input", "kmem", "kvm", "lxd", "netdev", "nogroup", "operator", "plugdev", "render",
    "sasl", "sgx", "shadow", "src", "staff", "sudo", "systemd-journal", "tape", "tty", "users",
    "utmp", "video", "voice",
];

/// Returns whether the system has a user of that name, which is no person's account.
pub fn is_user(name: &str) -> bool {
    USERS.binary_search(&name).is_ok()
}

/// Returns whether the system has a user or a group of that name.
pub fn is_of_system(name: &str) -> bool {
    is_user(name) || GROUPS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, USERS, is_of_system, is_user};

    #[test]
    fn they_are_sorted() {
        assert!(USERS.is_sorted() && GROUPS.is_sorted());
        assert!(is_user("www-data") && is_of_system("sudo") && is_of_system("_apt"));
        assert!(!is_user("sudo") && !is_of_system("ada"));
    }
}
