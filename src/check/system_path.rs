//! Finds shares, states, datasets and installed files at paths that a machine needs itself.

use super::Rule;
use super::programs::hides;
use super::units::of_system;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{ServiceFileTarget, Unit};
use crate::plan::store::is_below;
use crate::plan::{Plan, mount_name};
use crate::source::Span;

/// Finds folders and files of the lab at, above or below those of the system.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("system-path", Error, "a folder is where the machine keeps what it needs");

/// The folders that no folder of the lab may be, or lie in, each with what it is for.
const CLOSED: &[(&str, &str)] = &[
    ("/bin", "holds the system's programs"),
    ("/boot", "holds what the machine starts from"),
    ("/dev", "holds the machine's devices"),
    ("/efi", "holds what the machine starts from"),
    ("/etc/alternatives", "says which of several programs is meant"),
    ("/etc/labwright", "holds secrets and configuration that bundles install"),
    ("/etc/pve", "is Proxmox's own file system"),
    ("/etc/ssh", "holds the keys and settings of sshd"),
    ("/etc/systemd", "holds the system's units"),
    ("/lib", "holds the system's libraries"),
    ("/lib64", "holds the system's libraries"),
    ("/proc", "is the kernel's own file system"),
    ("/run", "is emptied at each start"),
    ("/sbin", "holds the system's programs"),
    ("/sys", "is the kernel's own file system"),
    ("/usr/bin", "holds the system's programs"),
    ("/usr/lib", "holds the system's libraries"),
    ("/usr/libexec", "holds the system's programs"),
    ("/usr/local/lib/labwright", "holds scripts that bundles install"),
    ("/usr/local/lib", "holds libraries and units that come before the system's"),
    ("/usr/sbin", "holds the system's programs"),
    ("/var/lib/apt", "holds the lists of packages"),
    ("/var/lib/containerd", "holds Docker's images"),
    ("/var/lib/docker", "holds Docker's images and volumes"),
    ("/var/lib/dpkg", "holds the state of installed packages"),
    ("/var/lib/labwright", "holds the generations of labctl"),
    ("/var/lib/systemd", "holds the state of systemd"),
    ("/var/lock", "leads to `/run`, which is emptied at each start"),
    ("/var/run", "leads to `/run`, which is emptied at each start"),
    ("/usr/games", "holds the system's programs"),
    ("/usr/include", "holds what programs are made with"),
    ("/usr/lib64", "holds the system's libraries"),
    ("/usr/src", "holds what programs are made with"),
];

/// The folders that no folder of the lab may be, or lie in, while modules may install files there.
const SHARED: &[(&str, &str)] = &[
    ("/etc/apt", "says where packages come from"),
    ("/etc/ca-certificates", "says whom the machine trusts"),
    ("/etc/cron.d", "holds schedules of the system"),
    ("/etc/default", "holds settings of the system's programs"),
    ("/etc/fail2ban", "holds the settings of fail2ban"),
    ("/etc/kernel", "holds what is done with a new kernel"),
    ("/etc/modprobe.d", "holds settings of the kernel's modules"),
    ("/etc/modules-load.d", "lists the kernel's modules"),
    ("/etc/network", "holds the machine's addresses"),
    ("/etc/profile.d", "is read whenever somebody logs in"),
    ("/etc/security", "decides who may do what"),
    ("/etc/ssl", "says whom the machine trusts"),
    ("/etc/sysctl.d", "holds settings of the kernel"),
    ("/etc/udev", "names the machine's devices"),
    ("/etc/ufw", "holds the firewall"),
    ("/etc/zfs", "lists the pools"),
    ("/tmp", "is emptied at each start"),
    ("/usr/local/bin", "holds labctl and programs of the system"),
    ("/usr/local/sbin", "holds programs of the system"),
    ("/usr/share", "holds what the system's programs read"),
    ("/var/lib/cloud", "holds what cloud-init has done"),
    ("/var/lib/dbus", "holds the machine's identity"),
    ("/var/lib/pve-cluster", "holds the configuration of Proxmox"),
    ("/var/spool/cron", "holds schedules of users"),
    ("/var/tmp", "is emptied after a while"),
    ("/usr/local/lib/labwright-databases", "holds scripts that bundles install"),
    ("/var/lib/nfs", "holds the state of NFS"),
    ("/var/lib/pam", "holds the state of logins"),
    ("/var/lib/private", "holds the state of services"),
    ("/var/lib/sudo", "holds the state of sudo"),
    ("/var/lib/ucf", "holds the state of settings"),
    ("/var/mail", "holds the users' mail"),
];

/// The folders that no folder of the lab may be, while others may lie in them.
const KEPT: &[(&str, &str)] = &[
    ("/home", "holds the admins' keys"),
    ("/root", "is the home of root"),
    ("/usr/local", "holds the system's programs"),
    ("/var/cache", "holds what programs keep between runs"),
    ("/var/log", "holds the system's logs"),
];

/// The files, and folders of files, that no file of a module replaces.
const FILES: &[(&str, &str)] = &[
    ("/etc/apt/apt.conf", "holds the settings of apt"),
    ("/etc/apt/apt.conf.d", "holds the settings of apt"),
    ("/etc/apt/sources.list", "says where packages come from"),
    ("/etc/cloud", "holds the settings of cloud-init"),
    ("/etc/bash.bashrc", "is read whenever somebody logs in"),
    ("/etc/crontab", "holds schedules of the system"),
    ("/etc/crypttab", "lists the encrypted disks that the machine needs"),
    ("/etc/default/grub", "says how the machine starts"),
    ("/etc/default/ufw", "holds the firewall"),
    ("/etc/docker", "holds the settings of Docker, which the bundle writes"),
    ("/etc/environment", "is read whenever somebody logs in"),
    ("/etc/fstab", "lists the disks that the machine needs"),
    ("/etc/group", "lists the groups"),
    ("/etc/gshadow", "lists the groups"),
    ("/etc/labwright/env", "holds variables with secrets"),
    ("/etc/labwright/firewall", "holds the firewall"),
    ("/etc/labwright/secrets", "holds the secrets of all services"),
    ("/etc/labwright/trust", "says whose bundles the machine takes"),
    ("/etc/hostname", "holds the machine's name"),
    ("/etc/hosts", "holds the machine's name"),
    ("/etc/ld.so.conf", "says where programs find their libraries"),
    ("/etc/ld.so.preload", "is loaded into every program"),
    ("/etc/localtime", "is the machine's time zone"),
    ("/etc/login.defs", "says how accounts are made"),
    ("/etc/machine-id", "is the machine's identity"),
    ("/etc/netplan", "holds the machine's addresses"),
    ("/etc/network/interfaces", "holds the machine's addresses"),
    ("/etc/nftables.conf", "holds the system's own firewall"),
    ("/etc/nsswitch.conf", "says where users and names are looked up"),
    ("/etc/pam.d", "decides who may log in"),
    ("/etc/passwd", "lists the users"),
    ("/etc/profile", "is read whenever somebody logs in"),
    ("/etc/resolv.conf", "names the resolvers"),
    ("/etc/shadow", "holds the passwords of the users"),
    ("/etc/sudoers", "decides who may become root"),
    ("/etc/subgid", "lists the groups that users may use"),
    ("/etc/subuid", "lists the users that users may use"),
    ("/etc/sudoers.d", "decides who may become root"),
    ("/etc/sysctl.conf", "holds settings of the kernel"),
    ("/etc/sysctl.d/60-labwright.conf", "holds settings of the kernel, which the bundle writes"),
    ("/etc/timezone", "is the machine's time zone"),
    ("/etc/ufw", "holds the firewall"),
    ("/etc/adduser.conf", "says how accounts are made"),
    ("/etc/bindresvport.blacklist", "lists ports that are taken"),
    ("/etc/containerd", "holds the settings of Docker"),
    ("/etc/debconf.conf", "holds the settings of packages"),
    ("/etc/debian_version", "says which system it is"),
    ("/etc/deluser.conf", "says how accounts are removed"),
    ("/etc/dhcpcd.conf", "holds the machine's addresses"),
    ("/etc/dpkg", "holds the settings of packages"),
    ("/etc/ethertypes", "names protocols"),
    ("/etc/gai.conf", "says where names are looked up"),
    ("/etc/host.conf", "says where names are looked up"),
    ("/etc/init.d", "starts the system's programs"),
    ("/etc/issue", "is shown before somebody logs in"),
    ("/etc/issue.net", "is shown before somebody logs in"),
    ("/etc/ld.so.conf.d", "says where programs find their libraries"),
    ("/etc/logrotate.conf", "says when logs are replaced"),
    ("/etc/os-release", "says which system it is"),
    ("/etc/pam.conf", "decides who may log in"),
    ("/etc/protocols", "names protocols"),
    ("/etc/rpc", "names protocols"),
    ("/etc/selinux", "decides who may do what"),
    ("/etc/services", "names protocols"),
    ("/etc/shells", "lists the shells"),
    ("/etc/skel", "is what homes begin with"),
    ("/etc/sudo.conf", "decides who may become root"),
    ("/etc/sudo_logsrvd.conf", "decides who may become root"),
    ("/etc/sv", "starts the system's programs"),
    ("/etc/terminfo", "describes terminals"),
];

/// The homes, in which no file of a module is. A service may keep a folder there.
const HOMES: &[(&str, &str)] =
    &[("/home", "holds the admins' keys"), ("/root", "is the home of root")];

/// The folders below closed ones that modules may install files into.
const OPEN: &[&str] = &[
    "/etc/labwright",
    "/etc/ssh/sshd_config.d",
    "/usr/local/lib/labwright",
    "/usr/local/lib/labwright-databases",
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut look = |path: &str, what: String, span: Span| {
            // What is mounted in a folder of settings hides those that a program has there.
            let settings = || is_below(path, "/etc").then(|| SETTINGS.to_owned());
            if let Some(why) = needed(path).or_else(settings) {
                diagnostics
                    .push(finding(&machine.name, path, &what, &why, span).on(machine.name.clone()));
            }
        };
        look(&machine.appdata, "the `appdata` folder".to_owned(), machine.span);
        for share in &machine.shares {
            look(&share.at, "a share".to_owned(), share.span);
        }
        for pool in &machine.pools {
            look(&pool.mountpoint, format!("pool `{}`", pool.name), pool.span);
            for dataset in &pool.datasets {
                look(&dataset.mountpoint, format!("dataset `{}`", dataset.name), dataset.span);
            }
        }
        // What an unmanaged machine exports is its own business.
        for export in machine.exports.iter().filter(|_| machine.kind.is_managed()) {
            look(&export.path, format!("export `{}`", export.name), export.span);
        }
    }
    for service in &plan.model.services {
        let machine = &plan.model[service.machine].name;
        for state in &service.states {
            if let Some(why) = needed(&state.path) {
                let what = format!("`{}` of `{}`", state.name, service.name);
                diagnostics.push(
                    finding(machine, &state.path, &what, &why, service.span)
                        .label(state.span, "the module declares it here")
                        .on(service.name.clone()),
                );
            }
        }
        for database in service.databases.iter().filter(|one| one.engine.is_on_disk()) {
            if let Some(why) = needed(&database.database) {
                let what = format!("a database of `{}`", service.name);
                diagnostics.push(
                    finding(machine, &database.database, &what, &why, service.span)
                        .label(database.span, "the module declares it here")
                        .on(service.name.clone()),
                );
            }
        }
        for file in &service.files {
            let ServiceFileTarget::Machine(path) = &file.target else { continue };
            if let Some(why) = kept_from_files(path) {
                let what = format!("`{}` of `{}`", file.name, service.name);
                let mut found = finding(machine, path, &what, &why, service.span)
                    .label(file.span, "the module installs it here")
                    .on(service.name.clone());
                if hides(path).is_some() {
                    found = found.help("give it a name that no program of the system has");
                }
                diagnostics.push(found);
            }
        }
        for unit in service.units.iter().filter(|unit| !unit.sections.is_empty()) {
            if let Some((why, help)) = replaces(unit).or_else(|| mounts_over(unit)) {
                let message = format!("unit `{}` of `{}` {why}", unit.name, service.name);
                diagnostics.push(
                    Diagnostic::new(&CODE, service.span, message)
                        .label(unit.span, "the module declares it here")
                        .help(help)
                        .on(service.name.clone()),
                );
            }
        }
        for container in &service.containers {
            for mount in container.mounts.iter().filter(|mount| mount.at == "/") {
                let message = format!(
                    "`{}` would see `{}` as its whole system",
                    container.name, mount.source
                );
                diagnostics.push(
                    Diagnostic::new(&CODE, service.span, message)
                        .label(mount.span, "mounted here")
                        .help("mount it below a folder, such as `/data`")
                        .on(service.name.clone()),
                );
            }
        }
    }
}

const SETTINGS: &str = "`/etc` holds the settings of the system's programs";

fn finding(machine: &str, path: &str, what: &str, why: &str, span: Span) -> Diagnostic {
    Diagnostic::new(&CODE, span, format!("{what} can't be at `{path}` on `{machine}`: {why}"))
        .help("choose a folder of its own, such as one below `/srv` or `/mnt`")
}

/// Says which unit of the system a unit of a module would replace, and what to write.
fn replaces(unit: &Unit) -> Option<(String, String)> {
    let why = of_system(&unit.name)?;
    let help = "give the unit a name of its own, or leave its sections out to start the system's";
    Some((format!("would replace that of the system, which {why}"), help.to_owned()))
}

/// Says why a unit that mounts something can't be there, and what to write.
fn mounts_over(unit: &Unit) -> Option<(String, String)> {
    unit.name.strip_suffix(".mount")?;
    let lines = unit.sections.iter().filter(|(section, _)| section == "Mount");
    let mut lines = lines.flat_map(|(_, lines)| lines);
    let (_, values) = lines.find(|(key, _)| key == "Where")?;
    let path = values.concat();
    if let Some(why) = needed(&path) {
        let help = "mount it in a folder of its own, such as one below `/srv` or `/mnt`";
        return Some((format!("can't mount at `{path}`: {why}"), help.to_owned()));
    }
    let wanted = mount_name(&path);
    (wanted != unit.name).then(|| {
        let why = format!("does not start: systemd wants the name `{wanted}` for `{path}`");
        (why, format!("call it `{wanted}`"))
    })
}

/// Returns whether a path is the folder of a volume that docker made, which a service may keep, or
/// is in it.
fn is_volume(path: &str) -> bool {
    let mut parts = path.strip_prefix("/var/lib/docker/volumes/").unwrap_or_default().split('/');
    parts.next().is_some_and(|name| !name.is_empty()) && parts.next() == Some("_data")
}

/// Returns why a machine needs a path itself, if it does.
pub fn needed(path: &str) -> Option<String> {
    if is_volume(path) {
        return None;
    }
    let below = |folder: &str| path == folder || is_below(path, folder);
    let above = |folder: &str| path == "/" || path == folder || is_below(folder, path);
    let of = |(folder, why): &(&str, &str)| format!("`{folder}` {why}");
    let all = || CLOSED.iter().chain(SHARED).chain(FILES);
    let inside = all().find(|(folder, _)| below(folder));
    let outside = all().chain(KEPT).find(|(folder, _)| above(folder));
    inside.or(outside).map(of)
}

/// Lists the places of files, and the folders of files, that no file of a module replaces.
pub fn closed_to_files() -> impl Iterator<Item = &'static str> {
    FILES.iter().chain(HOMES).chain(CLOSED).map(|(path, _)| *path)
}

/// Returns whether a file adds to a unit, or to a file of settings of systemd, and replaces none.
fn is_drop_in(path: &str) -> bool {
    let rest = path.strip_prefix("/etc/systemd/").unwrap_or_default();
    let of_unit = rest.strip_prefix("system/");
    let adds_to = of_unit.unwrap_or(rest).split_once(".d/");
    adds_to.is_some_and(|(name, file)| {
        let is_named = of_unit.is_some() || name.rsplit('.').next() == Some("conf");
        is_named && !name.contains('/') && !file.contains('/')
    })
}

/// Returns why no file of a module may be at a path, if so.
pub fn kept_from_files(path: &str) -> Option<String> {
    if let Some(program) = hides(path) {
        return Some(format!("root would run it in the place of the system's own `{program}`"));
    }
    let inside = |folder: &str| path == folder || is_below(path, folder);
    let open = OPEN.iter().any(|folder| is_below(path, folder))
        && !FILES.iter().any(|(folder, _)| inside(folder));
    if open || is_drop_in(path) {
        return None;
    }
    let closed = FILES.iter().chain(HOMES).chain(CLOSED).find(|(folder, _)| inside(folder));
    // A file in the place of a folder hides what is in it.
    let folders = || CLOSED.iter().chain(SHARED).chain(KEPT);
    let kept =
        closed.or_else(|| folders().find(|(folder, _)| path == *folder || is_below(folder, path)));
    kept.map(|(kept, why)| format!("`{kept}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::{kept_from_files, needed};

    #[test]
    fn a_module_replaces_no_file_of_the_system() {
        let kept = [
            "/etc/passwd",
            "/etc/sudoers.d/x",
            "/root/.ssh/authorized_keys",
            "/etc/apt/apt.conf.d/x",
            "/usr/bin/sh",
            "/etc/systemd/system/x.service",
            "/etc/ssh/sshd_config",
            "/etc",
            "/etc/labwright/trust",
            "/etc/labwright/secrets/x",
            "/etc/default/ufw",
            "/etc/nftables.conf",
            "/usr/local/sbin/docker",
            "/etc/alternatives/awk",
            "/usr/libexec/docker/cli-plugins/docker-compose",
            "/usr/local/lib/systemd/system/x.service",
            "/usr/local/lib/libc.so.6",
            "/etc/systemd/network/10-lan.network.d/x.conf",
            "/etc/systemd/x.d/y",
        ];
        for path in kept {
            assert!(kept_from_files(path).is_some(), "{path}");
        }
        let free = [
            "/etc/wireguard/wg0.conf",
            "/etc/labwright/x/y.conf",
            "/usr/local/lib/labwright/x/sync.sh",
            "/usr/local/sbin/x",
            "/usr/local/lib/labwright-databases/x.sh",
            "/etc/systemd/system/x.service.d/y.conf",
            "/etc/cron.d/x",
            "/etc/passwdqc.conf",
            "/etc/systemd/journald.conf.d/x.conf",
            "/etc/apt/sources.list.d/x.sources",
            "/etc/ssh/sshd_config.d/x.conf",
            "/usr/share/keyrings/x.gpg",
            "/etc/default/x",
        ];
        for path in free {
            assert_eq!(kept_from_files(path), None, "{path}");
        }
    }

    #[test]
    fn a_system_keeps_its_folders() {
        let kept = [
            "/",
            "/etc",
            "/usr",
            "/var",
            "/var/lib",
            "/var/lib/docker/volumes",
            "/var/lib/docker/volumes/cloud_data",
            "/var/lib/docker/volumes/_data",
            "/var/lib/labwright",
            "/proc/x",
            "/home",
            "/root",
            "/usr/local",
            "/boot/efi",
            "/usr/share/x",
            "/etc/sudoers.d",
            "/etc/ssl/certs",
            "/etc/apt/apt.conf.d/x",
            "/etc/passwd",
            "/var/lib/pve-cluster",
            "/var/spool",
            "/var/run/x",
            "/tmp/x",
        ];
        for path in kept {
            assert!(needed(path).is_some(), "{path}");
        }
        let free = [
            "/srv",
            "/mnt/media",
            "/var/lib/docker/volumes/cloud_data/_data",
            "/var/lib/docker/volumes/cloud_data/_data/cloud.db",
            "/media",
            "/opt/x",
            "/data",
            "/home/ada/films",
            "/etc/wireguard",
            "/var/lib/dockerish",
            "/var/lib/node_exporter/textfile",
            "/var/log/caddy",
            "/binary",
        ];
        for path in free {
            assert_eq!(needed(path), None, "{path}");
        }
    }
}
