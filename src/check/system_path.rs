//! Finds shares, states, datasets and installed files at paths that a machine needs itself.

use super::Rule;
use super::places::{CLOSED, FILES, HOMES, KEPT, OPEN, SHARED};
use super::programs::hides;
use super::units::of_system;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{MachineKind, ServiceFileTarget, Unit};
use crate::plan::store::is_below;
use crate::plan::{Plan, mount_name};
use crate::source::Span;

/// Finds folders and files of the lab at, above or below those of the system.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("system-path", Error, "a folder is where the machine keeps what it needs");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for machine in &plan.model.machines {
        let mut look = |path: &str, what: String, span: Span| {
            // What is mounted in a folder of settings hides those that a program has there.
            let settings = || is_below(path, "/etc").then(|| SETTINGS.to_owned());
            let at = path == STORAGES || is_below(path, STORAGES);
            let storages = || {
                (machine.kind == MachineKind::Proxmox && at)
                    .then(|| format!("Proxmox mounts its storages in `{STORAGES}`"))
            };
            if let Some(why) = needed(path).or_else(settings).or_else(storages) {
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

/// Where Proxmox mounts storages. Source: `PVE/Storage/NFSPlugin.pm`, and its siblings.
const STORAGES: &str = "/mnt/pve";

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
    let path = unit.mount_point()?;
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
            "/etc/default/docker",
            "/etc/polkit-1/rules.d/x.rules",
            "/etc/security/access.conf",
            "/etc/ssl/openssl.cnf",
            "/usr/local/libexec/docker/cli-plugins/docker-compose",
            "/usr/local/share/polkit-1/rules.d/x.rules",
            "/usr/share/perl5/Debconf/Db.pm",
            "/usr/share/x/y",
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
            "/etc/dbus-1/system.d/x.conf",
            "/etc/security/limits.d/x.conf",
            "/etc/ssl/certs/x.pem",
            "/etc/udev/rules.d/70-x.rules",
            "/usr/local/share/ca-certificates/x.crt",
            "/usr/local/share/x/y",
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
