//! Checks that the places that a machine needs itself are those that a real Debian 13 has.

use std::fs;
use std::path::Path;

use labwright::check::system_path::{kept_from_files, needed};
use labwright::emit::labctl::PATH;

use crate::trixie;

/// The folders of a fresh Debian that are there for what an owner adds.
const FREE: &[&str] =
    &["/media", "/mnt", "/opt", "/srv", "/var/backups", "/var/local", "/var/opt", "/var/www"];

/// The folders to which modules and packages alike add files. labctl keeps what it replaces there.
const ADDED_TO: &[&str] = &[
    "/etc/apt",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/cron.yearly",
    "/etc/logrotate.d",
    "/etc/profile.d",
    "/etc/rsyslog.d",
    "/etc/security/limits.d",
    "/etc/supercat",
    "/etc/sysctl.d",
    "/etc/udev",
    "/etc/update-motd.d",
];

/// The packages besides those that Debian calls required or important, on which machines depend.
const DEPENDED_ON: &[&str] = &[
    "ca-certificates",
    "cloud-init",
    "containerd",
    "docker.io",
    "netplan.io",
    "nftables",
    "openssh-client",
    "openssh-server",
    "sudo",
    "systemd",
    "ufw",
];

fn folders(root: &Path, below: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(below.trim_start_matches('/'))).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let below = below.trim_end_matches('/');
    names.map(|name| format!("{below}/{}", name.to_string_lossy())).collect()
}

#[test]
fn the_folders_of_a_debian_are_the_machines_own() {
    let Some(root) = trixie::root() else { return };
    let all = ["/", "/usr", "/var"].into_iter().flat_map(|below| folders(root, below));
    let open: Vec<String> =
        all.filter(|path| needed(path).is_none() && !FREE.contains(&path.as_str())).collect();
    assert!(open.is_empty(), "a share could be at {open:?}");
    let own = ["/var/lib/labwright", "/etc/labwright", "/usr/local/lib/labwright", PATH];
    for path in own.into_iter().chain(["/usr/local/lib/labwright-databases", "/run/labwright.lock"])
    {
        assert!(needed(path).is_some(), "{path}");
    }
}

#[test]
fn no_module_replaces_a_file_that_a_debian_depends_on() {
    let Some(root) = trixie::root() else { return };
    let status = fs::read_to_string(root.join("var/lib/dpkg/status")).expect("the packages");
    let field = |package: &str, name: &str| {
        package.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned()
    };
    let is_needed = |package: &&str| {
        matches!(&*field(package, "Priority:"), "required" | "important")
            || DEPENDED_ON.contains(&&*field(package, "Package:"))
    };
    let mut open = Vec::new();
    for package in status.split("\n\n").filter(is_needed) {
        let Some((_, files)) = package.split_once("\nConffiles:\n") else { continue };
        let files = files.lines().take_while(|line| line.starts_with(' '));
        for path in files.filter_map(|line| line.split_whitespace().next()) {
            let added = ADDED_TO.iter().any(|folder| path.starts_with(&format!("{folder}/")));
            if !added && kept_from_files(path).is_none() {
                open.push(path.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "a module could replace {open:?}");
}
