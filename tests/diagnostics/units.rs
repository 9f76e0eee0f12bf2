//! Checks that units of a module are refused where systemd would ignore a line of them or refuse
//! them whole, and nowhere else. systemd is asked about each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rayon::prelude::*;

use super::refused::errors;
use crate::consumers;
use crate::trixie::Room;

const PREAMBLE: &str = include_str!("preamble.kdl");

#[rustfmt::skip] // A table is read line by line.
/// The settings of a `t.service` that starts `/bin/true`, by its section, which systemd refuses.
const WRONG: &[(&str, &str)] = &[
    ("Service", "Type=onshot"),
    ("Service", "Restart=sometimes"),
    ("Service", "RestartSec=x"),
    ("Service", "TimeoutStartSec=1x"),
    ("Service", "Exec=/bin/true"),
    ("Service", "Environment=x"),
    ("Service", "User=no/such"),
    ("Service", "KillMode=all"),
    ("Service", "WorkingDirectory=x"),
    ("Service", "MemoryMax=lots"),
    ("Service", "CPUQuota=2"),
    ("Service", "TasksMax=many"),
    ("Service", "ProtectSystem=yup"),
    ("Service", "ProtectHome=strict"),
    ("Service", "PrivateTmp=maybe"),
    ("Service", "NoNewPrivileges=perhaps"),
    ("Service", "RemainAfterExit=maybe"),
    ("Service", "Nice=99"),
    ("Service", "OOMScoreAdjust=5000"),
    ("Service", "UMask=abc"),
    ("Service", "LimitNOFILE=abc"),
    ("Service", "KillSignal=FOO"),
    ("Service", "EnvironmentFile=x.env"),
    ("Service", "RuntimeDirectory=/run/x"),
    ("Service", "RuntimeDirectoryMode=rwx"),
    ("Service", "ReadWritePaths=srv"),
    ("Service", "Slice=x.service"),
    ("Service", "Slice=%p.service"),
    ("Service", "IOWeight=0"),
    ("Service", "NotifyAccess=some"),
    ("Service", "OnCalendar=daily"),
    ("Unit", "After=network"),
    ("Unit", "Wants=docker"),
    ("Unit", "ConditionPathExist=/x"),
    ("Unit", "StartLimitBurst=x"),
    ("Unit", "StartLimitAction=restart"),
    ("Unit", "RequiresMountsFor=srv"),
    ("Unit", "OnFailureJobMode=x"),
    ("Install", "After=x.service"),
];

#[rustfmt::skip] // A table is read line by line.
/// Settings that `systemd-analyze verify` says nothing about, and that come to nothing.
const SILENT: &[(&str, &str)] = &[
    ("Service", "StandardOutput=file"),
    ("Service", "AmbientCapabilities=NET_ADMIN"),
    ("Service", "CapabilityBoundingSet=CAP_NET_ADMN"),
    ("Install", "WantedBy=multi-user"),
];

#[rustfmt::skip] // A table is read line by line.
/// Settings of such a service that systemd takes.
const RIGHT: &[(&str, &str)] = &[
    ("Service", "Type=notify-reload"),
    ("Service", "Restart=on-abnormal"),
    ("Service", "RestartSec=1min 30s"),
    ("Service", "TimeoutSec=infinity"),
    ("Service", "WorkingDirectory=~"),
    ("Service", "WorkingDirectory=%h"),
    ("Service", "User=%p"),
    ("Service", "EnvironmentFile=-%E/x.env"),
    ("Service", "ReadWritePaths=%S/x /srv"),
    ("Service", "StandardOutput=file:%h/x"),
    ("Service", "Slice=%p.slice"),
    ("Unit", "After=x-%p.service"),
    ("Service", "WorkingDirectory=-/srv"),
    ("Service", "MemoryMax=50%"),
    ("Service", "MemoryHigh=1.5G"),
    ("Service", "CPUQuota=250%"),
    ("Service", "ProtectSystem=strict"),
    ("Service", "ProtectHome=read-only"),
    ("Service", "LimitNOFILE=1024:65536"),
    ("Service", "LimitCPU=1h"),
    ("Service", "KillSignal=SIGRTMIN+3"),
    ("Service", "EnvironmentFile=-/etc/default/x"),
    ("Service", "StandardOutput=append:/var/log/x.log"),
    ("Service", "CapabilityBoundingSet=~CAP_SYS_ADMIN CAP_CHOWN"),
    ("Service", "ReadWritePaths=-/srv +/var/lib/x"),
    ("Service", "RuntimeDirectory=a b/c"),
    ("Service", "SystemCallFilter=@system-service"),
    ("Service", "IPAddressDeny=any"),
    ("Service", "X-Other=1"),
    ("Unit", "After=dev-sda.device -.mount a.scope"),
    ("Unit", "ConditionPathExists=!/x"),
    ("Unit", "StartLimitIntervalSec=0"),
    ("Install", "WantedBy=multi-user.target"),
];

#[rustfmt::skip] // A table is read line by line.
/// Whole units, each with the unit next to it, and whether they can be.
const WHOLE: &[(&str, &str, bool)] = &[
    ("t.timer", "[Timer]\nOnCalendar=bogus", false),
    ("t.timer", "[Timer]\nOnCalendar=*-*-* 25:00:00", false),
    ("t.timer", "[Timer]\nOnCalendar=30 4 * * *", false),
    ("t.timer", "[Timer]\nOnUnitActiveSec=5 bananas", false),
    ("t.timer", "[Timer]\nPersistent=yes", false),
    ("t.timer", "[Timer]\nOnCalendar=daily\nUnit=x", false),
    ("t.timer", "[Timer]\nOnCalendar=Mon..Fri *-*-* 02:30 Europe/Brussels", true),
    ("t.timer", "[Timer]\nOnBootSec=5min\nOnUnitActiveSec=1h", true),
    ("t.timer", "[Service]\nExecStart=/bin/true", false),
    ("t.service", "[Unit]\nDescription=x", false),
    ("t.service", "[Service]\nType=oneshot", false),
    ("t.service", "[Service]\nExecStart=/bin/true\nExecStart=/bin/false", false),
    ("t.service", "[Service]\nType=oneshot\nExecStart=/bin/true\nExecStart=/bin/false", true),
    ("t.service", "[Service]\nType=oneshot\nRestart=always\nExecStart=/bin/true", false),
    ("t.service", "[Service]\nType=oneshot\nRestart=on-failure\nExecStart=/bin/true", true),
    ("t.service", "[Service]\nType=dbus\nExecStart=/bin/true", false),
    ("t.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/bin/true", true),
    ("t.service", "[Service]\nExecStart=/bin/true\n[Timer]\nOnCalendar=daily", false),
    ("t.socket", "[Socket]\nListenStream=99999999", false),
    ("t.socket", "[Socket]\nListenStream=[::1]:80", true),
    ("t.socket", "[Socket]\nBacklog=5", false),
    ("t.path", "[Path]\nPathExists=x", false),
    ("t.path", "[Path]\nMakeDirectory=yes", false),
    ("t.path", "[Path]\nPathChanged=/srv/x", true),
    ("srv-x.mount", "[Mount]\nType=ext4", false),
    ("srv-x.mount", "[Mount]\nWhat=/dev/x", true),
    ("srv-x.mount", "[Mount]\nWhat=/dev/x\nWhere=/srv/x\nType=ext4", true),
];

/// A unit that another one starts.
const STARTED: (&str, &str) = ("t.service", "[Service]\nType=oneshot\nExecStart=/bin/true");

/// Writes a unit as a module does.
fn kdl(name: &str, unit: &str) -> String {
    let mut text = format!("unit \"{name}\" action=install {{\n");
    let mut open = false;
    for line in unit.lines() {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let _ = writeln!(text, "{}section {section} {{", if open { "}\n" } else { "" });
            open = true;
        } else if let Some((key, value)) = line.split_once('=') {
            let _ = writeln!(text, "set {key} \"{value}\"");
        }
    }
    text + "}\n}\n"
}

/// Asks systemd about a unit, next to the one that it starts.
fn asked(name: &str, unit: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, unit) in [STARTED, (name, unit)] {
        std::fs::write(folder.path().join(name), format!("{unit}\n")).expect("a unit");
    }
    consumers::systemd_verify(folder.path())
}

#[test]
fn units_are_refused_where_systemd_refuses_them() {
    let service = |section: &str, line: &str| match section {
        "Service" => format!("[Service]\nExecStart=/bin/true\n{line}"),
        _ => format!("[{section}]\n{line}\n[Service]\nExecStart=/bin/true"),
    };
    let of = |table: &'static [(&str, &str)], right| {
        table.iter().map(move |(section, line)| ("t.service", service(section, line), right))
    };
    let whole = WHOLE.iter().map(|(name, unit, right)| (*name, (*unit).to_owned(), *right));
    let all: Vec<_> =
        of(WRONG, false).chain(of(SILENT, false)).chain(of(RIGHT, true)).chain(whole).collect();
    let lab = format!("{PREAMBLE}service thing on=box\n");
    let wrong: String = all
        .par_iter()
        .map(|(name, unit, right)| {
            let beside = if *name == STARTED.0 { String::new() } else { kdl(STARTED.0, STARTED.1) };
            let found = errors(&lab, &(kdl(name, unit) + &beside));
            let answer = asked(name, unit);
            let ours = match &found[..] {
                [] => *right,
                [(code, at)] => !right && *code == "bad-module" && !at.is_empty(),
                _ => false,
            };
            let silent = SILENT.iter().any(|(_, line)| unit.contains(line));
            let theirs = answer.is_ok() == (*right || silent) || !consumers::available();
            if ours && theirs {
                return String::new();
            }
            format!("{name}: {unit}\n    expected {right}, found {found:?}, systemd: {answer:?}\n")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong}");
}

/// The sections whose settings are held against a table.
const SECTIONS: &[&str] = &["Unit", "Service", "Socket", "Mount", "Timer", "Path", "Install"];

#[test]
fn the_table_of_settings_has_those_of_systemd() {
    let Some(room) = Room::new() else { return };
    // As the first process of its namespace, systemd would take itself for an init.
    let dump = room.sh("/usr/lib/systemd/systemd --dump-configuration-items | cat", &[]);
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let read = |text: &str, split: fn(&str) -> Vec<&str>| {
        let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut section = String::new();
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else {
                let names = split(line).into_iter().map(str::to_owned);
                sections.entry(section.clone()).or_default().extend(names);
            }
        }
        sections
    };
    let theirs = read(&String::from_utf8_lossy(&dump.stdout), |line| {
        line.split_once('=').map(|(name, _)| name).into_iter().collect()
    });
    let table = include_str!("../../src/resolve/units/settings.txt");
    let ours = read(table, |line| line.split(' ').skip(1).collect());
    for section in SECTIONS {
        let shared = ["Service", "Socket", "Mount"].contains(section).then_some("Process");
        let own = [Some(*section), shared].into_iter().flatten();
        let mut own: Vec<&String> = own.flat_map(|section| &ours[section]).collect();
        let mut theirs: Vec<&String> = theirs[*section].iter().collect();
        own.sort();
        theirs.sort();
        theirs.dedup();
        assert_eq!(own, theirs, "[{section}]");
    }
}

/// Calendar expressions, and whether they are ones.
#[rustfmt::skip] // A table is read line by line.
const CALENDARS: &[(&str, bool)] = &[
    ("daily", true), ("Weekly", true), ("*-*-* 04:00:00", true), ("Mon..Fri", true),
    ("Mon,Wed,Fri 18:00", true), ("*-*-1,15", true), ("05-03", true), ("*:0/15", true),
    ("2026-12-24", true), ("@1700000000", true), ("*-02~03", true), ("Sat *-*~7 04:00 UTC", true),
    ("00..08/2:30:15.5", true), ("*-*-* 04:00:00 Europe/Brussels", true), ("Mon *-*-1..7", true),
    ("bogus", false), ("*-*-* 25:00:00", false), ("*-13-* 03:00:00", false), ("12:61", false),
    ("Mno *-*-*", false), ("fortnightly", false), ("30 4 * * *", false), ("*-*-32", false),
    ("3", false), ("daily 04:00", false), ("04:00 Europe/Nowhere", false), ("1:2:3:4", false),
    ("*-*-* 04:00:00 Mon", false), ("8..4:00", false),
];

#[test]
fn calendars_are_read_as_systemd_reads_them() {
    for (text, right) in CALENDARS {
        let unit = format!("[Timer]\nOnCalendar={text}");
        let module = kdl("t.timer", &unit) + &kdl(STARTED.0, STARTED.1);
        let lab = format!("{PREAMBLE}service thing on=box\n");
        assert_eq!(errors(&lab, &module).is_empty(), *right, "{text}");
        if consumers::available() {
            assert_eq!(consumers::systemd_calendar(text).is_ok(), *right, "systemd: {text}");
        }
    }
}
