//! Knows the units that a machine needs itself.

/// The units of the system that no unit of a module replaces, each without its suffix, with what
/// it does.
const UNITS: &[(&str, &str)] = &[
    ("apparmor", "confines programs"),
    ("console-getty", "lets people log in"),
    ("containerd", "runs containers"),
    ("cron", "starts programs at their times"),
    ("dbus", "lets the system's programs talk to each other"),
    ("docker", "runs containers"),
    ("networking", "sets up the network"),
    ("nfs-server", "serves exports"),
    ("nftables", "loads the system's own firewall"),
    ("ssh", "lets admins log in"),
    ("sshd", "lets admins log in"),
    ("ufw", "loads the firewall"),
];

/// The beginnings of names of such units.
const FAMILIES: &[(&str, &str)] = &[
    ("cloud-", "sets the machine up"),
    ("getty@", "lets people log in"),
    ("pve", "belongs to Proxmox"),
    ("serial-getty@", "lets people log in"),
    ("systemd-", "belongs to systemd"),
    ("zfs-", "mounts the pools"),
];

/// The units of the system that hold others, or what all others need, by their whole name.
const AROUND: &[(&str, &str)] = &[
    ("-.mount", "holds all files"),
    ("-.slice", "holds all programs"),
    ("init.scope", "is systemd itself"),
    ("machine.slice", "holds all guests"),
    ("system.slice", "holds all services"),
    ("user-.slice", "holds all logins"),
    ("user.slice", "holds all logins"),
    ("user@.service", "holds all logins"),
];

/// Returns what a unit does for the system, if no module may replace it.
pub(super) fn of_system(unit: &str) -> Option<&'static str> {
    let (name, kind) = unit.rsplit_once('.')?;
    if let Some((_, why)) = AROUND.iter().find(|(around, _)| *around == unit) {
        return Some(*why);
    }
    let own = UNITS.iter().find(|(own, _)| *own == name);
    let family = || FAMILIES.iter().find(|(start, _)| name.starts_with(start));
    // A target is a point on the way of the machine's start, and all of Debian's have these names.
    let target = || (kind == "target").then_some(&("", "is a point of the machine's start"));
    own.or_else(family).or_else(target).map(|(_, why)| *why)
}
