//! Finds units and files of modules that stop the machine, or what it needs.

use super::Rule;
use super::system_path::needed;
use super::units::of_system;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{OnChange, Service, ServiceFileTarget, Unit};
use crate::plan::Plan;
use crate::source::Span;

/// Finds what ends the machine's work, and what takes the place of a unit of the system under
/// another name.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("system-unit", Error, "a module stops the machine, or what the machine needs");

/// The units with which a machine stops, restarts, sleeps or leaves its work, without their suffix
/// and the `systemd-` before some of them.
const ENDS: &[&str] = &[
    "ctrl-alt-del",
    "emergency",
    "exit",
    "factory-reset",
    "final",
    "halt",
    "hibernate",
    "hybrid-sleep",
    "initrd-switch-root",
    "kexec",
    "poweroff",
    "reboot",
    "rescue",
    "runlevel0",
    "runlevel1",
    "runlevel6",
    "shutdown",
    "sigpwr",
    "sleep",
    "soft-reboot",
    "suspend",
    "suspend-then-hibernate",
    "system-update",
    "umount",
];

/// The settings by which a unit starts others, by their section.
const STARTING: &[(&str, &[&str])] = &[
    ("Unit", &["Wants", "Requires", "BindsTo", "Upholds", "OnFailure", "OnSuccess"]),
    ("Timer", &["Unit"]),
    ("Path", &["Unit"]),
    ("Socket", &["Service"]),
];

/// The settings by which systemd makes folders and gives them to a unit's user, with where they are
/// and the names that programs of the system have there. Those in `/run` are removed with the unit.
const MAKING: &[(&str, &str, &[&str])] = &[
    ("CacheDirectory", "/var/cache", &["apt", "debconf", "ldconfig", "man", "private"]),
    ("ConfigurationDirectory", "/etc", &[]),
    ("LogsDirectory", "/var/log", &["apt", "journal", "private"]),
    ("RuntimeDirectory", "/run", RUNTIME),
    ("StateDirectory", "/var/lib", &[]),
];

#[rustfmt::skip] // A table is read line by line.
const RUNTIME: &[&str] = &[
    "containerd", "credentials", "crond", "cryptsetup", "dbus", "docker", "initctl", "labwright",
    "lock", "log", "lxc", "mount", "netns", "network", "pve", "rpcbind", "shm", "sshd", "sudo",
    "systemd", "udev", "user",
];

/// The settings that say what becomes of the machine when a unit ends.
const ACTIONS: &[&str] =
    &["FailureAction", "SuccessAction", "StartLimitAction", "JobTimeoutAction"];

/// The beginnings of actions after which the machine does nothing more.
const ENDING: &[&str] = &["exit", "halt", "kexec", "poweroff", "reboot", "soft-reboot"];

/// The settings that say what becomes of other units when a unit starts another one.
const JOB_MODES: &[&str] = &["OnFailureJobMode", "OnSuccessJobMode"];

/// The settings of a socket by which systemd makes something in a folder.
const LISTENING: &[&str] = &[
    "ListenStream",
    "ListenDatagram",
    "ListenSequentialPacket",
    "ListenFIFO",
    "ListenSpecial",
    "ListenMessageQueue",
    "Symlinks",
];

/// The settings by which systemd writes to a file, or removes it when the unit stops.
const WRITING: &[&str] = &["PIDFile", "StandardOutput", "StandardError", "OpenFile"];

/// The beginnings of names on the bus that are those of the system. Of two units with one name,
/// systemd loads the first alone.
const BUS: &[&str] = &["org.debian.", "org.freedesktop."];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let mut report = |span: Span, message: String, help: &str| {
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(span, "the module declares it here")
                    .help(help)
                    .on(service.name.clone()),
            );
        };
        for unit in &service.units {
            if let Some((problem, help)) = problem(unit, service) {
                report(unit.span, format!("unit `{}` {problem}", unit.name), &help);
            }
        }
        for file in &service.files {
            let changed = match &file.on_change {
                OnChange::RestartUnit(unit) | OnChange::ReloadUnit(unit) => Some(unit),
                OnChange::Container | OnChange::Nothing => None,
            };
            if let Some(unit) = changed.filter(|unit| ends_work(unit)) {
                let message = format!(
                    "a change of `{}` of `{}` starts `{unit}`, which ends the machine's work",
                    file.name, service.name
                );
                report(file.span, message, "name the unit of the program that reads the file");
            }
            let ServiceFileTarget::Machine(path) = &file.target else { continue };
            if let Some((unit, why)) = dropped_in(path) {
                let message = format!(
                    "`{}` of `{}` changes `{unit}` of the system, which {why}",
                    file.name, service.name
                );
                report(file.span, message, "leave the units of the system as they are");
            }
        }
    }
}

/// Says what a unit does to the system, and what to do about it.
fn problem(unit: &Unit, service: &Service) -> Option<(String, String)> {
    if ends_work(&unit.name) {
        let why = format!("of `{}` ends the machine's work when it starts", service.name);
        return Some((why, "leave the unit out of the module".to_owned()));
    }
    // The settings of these names, each with a word of its value.
    let named = |section: &'static str, names: &'static [&'static str]| {
        let sections = unit.sections.iter().filter(move |(known, _)| known == section);
        let lines = sections.flat_map(|(_, lines)| lines);
        let lines = lines.filter(move |(name, _)| names.contains(&name.as_str()));
        lines.flat_map(|(name, values)| {
            let words = values.iter().flat_map(|value| value.split_whitespace());
            words.map(move |word| (name.as_str(), word))
        })
    };
    let without = |(name, word): (&str, &str)| format!("leave `{word}` out of `{name}`");
    let of = &service.name;
    let mut started = STARTING.iter().flat_map(|(section, names)| named(section, names));
    if let Some(line) = started.find(|(_, other)| ends_work(other)) {
        let why = format!("of `{of}` starts `{}`, which ends the machine's work", line.1);
        return Some((why, without(line)));
    }
    let actions = ["Unit", "Service"].into_iter().flat_map(|section| named(section, ACTIONS));
    let ends = |(_, action): &(&str, &str)| ENDING.iter().any(|word| action.starts_with(word));
    if let Some(line) = actions.into_iter().find(ends) {
        let why = format!("of `{of}` ends the machine's work, by its action `{}`", line.1);
        return Some((why, without(line)));
    }
    if let Some(line) = named("Unit", JOB_MODES).find(|(_, mode)| *mode == "isolate") {
        let why = format!("of `{of}` stops all others, by its mode `isolate`");
        return Some((why, without(line)));
    }
    if let Some((name, path, why)) = makes(unit) {
        let why = format!("of `{of}` would make `{path}` its own, by `{name}`: {why}");
        let help = format!("give the folder in `{name}` a name of the service's own");
        return Some((why, help));
    }
    // A unit stops when the machine does, and says so in this way.
    let mut stopped =
        named("Unit", &["Conflicts", "PropagatesStopTo"]).filter(|(_, other)| !ends_work(other));
    if let Some((line, why)) = stopped.find_map(|line| Some((line, of_system(line.1)?))) {
        let why = format!("of `{of}` stops `{}` of the system, which {why}", line.1);
        return Some((why, without(line)));
    }
    let mut required = named("Install", &["RequiredBy"]);
    if let Some((line, why)) = required.find_map(|line| Some((line, of_system(line.1)?))) {
        let why =
            format!("of `{of}` would keep `{}` from starting when it fails: it {why}", line.1);
        return Some((why, format!("name `{}` in `WantedBy` in place of `RequiredBy`", line.1)));
    }
    let mut made = named("Socket", LISTENING).filter(|(_, path)| path.starts_with('/'));
    if let Some((line, why)) = made.find_map(|line| Some((line, taken_in(line.1)?))) {
        let why = format!("of `{of}` would put its socket in the place of `{}`: {why}", line.1);
        return Some((
            why,
            format!("give the socket in `{}` a folder of the service's own", line.0),
        ));
    }
    let mut written = named("Service", WRITING);
    if let Some((line, why)) = written.find_map(|line| Some((line, writes(line)?))) {
        let does = if line.0 == "PIDFile" { "remove" } else { "write" };
        let why =
            format!("of `{of}` would {does} a file of the system, by its `{}`: {why}", line.0);
        return Some((why, format!("give `{}` a file of the service's own", line.0)));
    }
    let mut on_bus = named("Service", &["BusName"]);
    if let Some(line) = on_bus.find(|(_, name)| BUS.iter().any(|start| name.starts_with(start))) {
        let why = format!("of `{of}` takes the name `{}`, which is the system's", line.1);
        return Some((why, without(line)));
    }
    let mut taken = named("Install", &["Alias", "Also"]);
    if let Some((line, why)) = taken.find_map(|line| Some((line, of_system(line.1)?))) {
        let does = if line.0 == "Alias" { "takes the place of" } else { "would take with it" };
        let why = format!("of `{of}` {does} `{}` of the system, which {why}", line.1);
        return Some((why, without(line)));
    }
    None
}

/// Returns why a setting may not write to the file that it names, if it does.
fn writes((name, value): (&str, &str)) -> Option<String> {
    let path = match name {
        // A path that is no whole one is below `/run`.
        "PIDFile" if !value.starts_with('/') => return taken_in(&format!("/run/{value}")),
        "PIDFile" => value,
        "OpenFile" => {
            let mut parts = value.split(':');
            let path = parts.next()?;
            let options = parts.nth(1).unwrap_or_default();
            if options.split(',').any(|option| option == "read-only") {
                return None;
            }
            path
        }
        _ => {
            let (way, path) = value.split_once(':')?;
            ["file", "append", "truncate"].contains(&way).then_some(path)?
        }
    };
    taken_in(path)
}

/// Returns why nothing may be put at a path, where programs of the system have theirs.
fn taken_in(path: &str) -> Option<String> {
    let Some(rest) = ["/run/", "/var/run/"].iter().find_map(|run| path.strip_prefix(run)) else {
        return needed(path);
    };
    let first = rest.split('/').next().unwrap_or_default();
    let ending = [".sock", ".pid"].iter().find_map(|ending| first.strip_suffix(ending));
    let name = ending.unwrap_or(first);
    RUNTIME.contains(&name).then(|| format!("`/run/{first}` belongs to programs of the system"))
}

/// Returns a folder of the system that systemd would make for a unit, with the setting that says so
/// and why the system needs it.
fn makes(unit: &Unit) -> Option<(&str, String, String)> {
    let lines = unit.sections.iter().flat_map(|(_, lines)| lines);
    let mut made = lines.flat_map(|(key, values)| {
        let made = MAKING.iter().filter(move |(name, ..)| name == key);
        let words = values.iter().flat_map(|value| value.split_whitespace());
        // What follows a colon is a link to the folder.
        let folders = words.flat_map(|word| word.split(':')).filter(|folder| !folder.is_empty());
        let folders: Vec<&str> = folders.collect();
        made.flat_map(move |(name, above, taken)| {
            folders.clone().into_iter().map(move |folder| (*name, *above, *taken, folder))
        })
    });
    made.find_map(|(name, above, taken, folder)| {
        let path = format!("{above}/{folder}");
        let first = folder.split('/').next().unwrap_or_default();
        // All of `/run` is closed to what a machine keeps.
        let why = needed(&path).filter(|_| above != "/run");
        let of_others = || format!("`{above}/{first}` belongs to programs of the system");
        let why = why.or_else(|| taken.contains(&first).then(of_others))?;
        Some((name, path, why))
    })
}

/// Returns whether a machine does nothing more of use once a unit has started.
fn ends_work(unit: &str) -> bool {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    ENDS.contains(&stem.strip_prefix("systemd-").unwrap_or(stem))
}

/// Returns the unit of the system that a file adds settings to, and what the unit does.
fn dropped_in(path: &str) -> Option<(&str, &'static str)> {
    let rest = path.strip_prefix("/etc/systemd/system/")?;
    let unit = rest.split_once(".d/")?.0;
    // What is for a kind, such as `service.d`, is for each unit of it.
    let whole = (!unit.contains('.')).then_some("is every unit of that kind");
    Some((unit, whole.or_else(|| of_system(unit))?))
}

#[cfg(test)]
mod tests {
    use super::{dropped_in, ends_work, writes};

    #[test]
    fn units_that_end_the_work_are_known() {
        for unit in ["reboot.target", "systemd-poweroff.service", "emergency.service"] {
            assert!(ends_work(unit), "{unit}");
        }
        for unit in ["sleepy.service", "multi-user.target", "systemd-journald.service"] {
            assert!(!ends_work(unit), "{unit}");
        }
    }

    #[test]
    fn a_unit_writes_to_files_of_its_own() {
        let refused = [
            ("PIDFile", "/run/sshd.pid"),
            ("PIDFile", "docker.pid"),
            ("PIDFile", "/etc/passwd"),
            ("StandardOutput", "truncate:/etc/fstab"),
            ("StandardError", "append:/usr/bin/sh"),
            ("OpenFile", "/etc/shadow:x:truncate"),
        ];
        for line in refused {
            assert!(writes(line).is_some(), "{line:?}");
        }
        let own = [
            ("PIDFile", "/run/x/x.pid"),
            ("PIDFile", "x.pid"),
            ("StandardOutput", "journal"),
            ("StandardOutput", "append:/var/log/x.log"),
            ("OpenFile", "/etc/passwd:x:read-only"),
            ("OpenFile", "/srv/x"),
        ];
        for line in own {
            assert_eq!(writes(line), None, "{line:?}");
        }
    }

    #[test]
    fn settings_are_added_to_units_of_others_only() {
        let path = |unit: &str| format!("/etc/systemd/system/{unit}.d/x.conf");
        assert!(dropped_in(&path("ssh.service")).is_some());
        assert!(dropped_in(&path("docker.service")).is_some());
        assert!(dropped_in(&path("nut-server.service")).is_none());
        assert!(dropped_in("/etc/systemd/journald.conf.d/x.conf").is_none());
    }
}
