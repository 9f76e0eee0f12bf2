//! Checks that what the real programs refuse, or silently do otherwise than the lab says, is an
//! error at its line, and that its neighbours are not.

use std::fmt::Write as _;

use labwright::compile;
use labwright::diag::Severity;
use labwright::source::{Layer, SourceFile, Sources};

use super::refused::{errors, findings};

const PREAMBLE: &str = include_str!("preamble.kdl");

/// A module that is not looked at.
const THING: &str = "container thing { image \"x/thing:1\"; health none=\"x\"; }";

/// A timer with times.
const TIMER: &str = r#"unit "t.timer" { section Timer { set OnCalendar "TIMES"; }
section Install { set WantedBy timers.target; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/true"; }; }"#;

/// Times, each with whether systemd 257 or cron ever comes to them.
const TIMES: &[(&str, bool)] = &[
    ("*-02-30", false),
    ("*-02-30 04:00", false),
    ("Mon *-02-31", false),
    ("*-04,06-31 04:00:00", false),
    ("*-04..06-31", true),
    ("*-*-31", true),
    ("*-02-29", true),
    ("*-02-29,30", true),
    ("2027-02-29", false),
    ("2028-02-29", true),
    ("2020-01-01", false),
    ("2020..2040-01-01", true),
    ("*-02-28/2", true),
    ("*-02-30/1", false),
    ("*-02~29", true),
    ("*-02~30", false),
    ("02-30", false),
    ("02-28", true),
    // The first of January 2027 is a Friday.
    ("Mon 2027-01-01", false),
    ("Fri 2027-01-01", true),
    ("Mon,Tue 2027-01-01..03", false),
    ("Mon,Tue 2027-01-01..04", true),
    ("Mon 2027-*-01", true),
    ("Mon *-02-29", true),
    ("Sat..Tue 10:00", false),
    ("Sat,Sun,Mon..Tue 10:00", true),
    ("*:*/5", false),
    ("*:0/5", true),
    ("*:0/60", false),
    ("*:30/45", false),
    ("1..5/100:00", true),
    ("*:00:60", false),
    ("27-01-01", true),
];

/// Schedules of cron, each with whether it says what it does.
const SCHEDULES: &[(&str, bool)] = &[
    ("*/70 * * * *", false),
    ("*/60 * * * *", true),
    ("0 */25 * * *", false),
    ("0 */24 * * *", true),
    ("0 0 */32 * *", false),
    ("0 0 31 2,4 *", false),
    ("0 0 31 2,5 *", true),
];

#[rustfmt::skip] // A table is read line by line.
/// Lines of a module, each with the code of its error. CONTAINER is the beginning of one.
const IN_MODULES: &[(&str, &str)] = &[
    // libnetwork's resolver asks three servers: `maxExtDNS`.
    (r#"CONTAINER; dns "1.1.1.1" "1.0.0.1" "9.9.9.9" "8.8.8.8"; }"#,
        "bad-module"),
    (r#"CONTAINER; dns "1.1.1.1" "1.0.0.1" "9.9.9.9"; }"#, ""),
    // setrlimit(2): EPERM above fs.nr_open.
    (r"CONTAINER; ulimit nofile -1; }", "bad-module"),
    (r"CONTAINER; ulimit nofile 99999999999; }", "bad-module"),
    (r"CONTAINER; ulimit nofile 1048576; }", ""),
    (r"CONTAINER; ulimit memlock -1; }", ""),
    // Docker: 0 means the default.
    (r#"container c { image "x/c:1"; health "true" interval="0s"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; health "true" timeout="0s"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; health "true" start-period="0s" interval="1s"; }"#, ""),
    (r#"CONTAINER; mount "/srv/x" at="/dev"; }"#, "bad-module"),
    (r#"CONTAINER; mount "/srv/x" at="/sys"; }"#, "bad-module"),
    (r#"CONTAINER; mount "/sys" at="/sys" read-only=#true; }"#, ""),
    (r#"CONTAINER; mount "/srv/x" at="/dev/x"; }"#, ""),
    // runc: not a directory.
    (r#"CONTAINER; secret (secret)restic-password at="/etc"; }"#,
        "bad-module"),
    (r#"CONTAINER
secret (secret)restic-password at="/run/secrets"; }"#, "bad-module"),
    (r#"CONTAINER; secret (secret)restic-password mode="0200"; }"#,
        "bad-module"),
    (r#"CONTAINER; }; file "x" from="t.j2" at="/usr/lib""#,
        "bad-module"),
    (r#"CONTAINER; }; file "x" from="t.j2" at="/usr/lib/x""#, ""),
    (r#"state a path="/srv/a" mode="0644" backup=never reason="x""#, "bad-module"),
    (r#"state a path="/srv/a" mode="0000" backup=never reason="x""#, "bad-module"),
    (r#"state a path="/srv/a" mode="0711" backup=never reason="x""#, ""),
    (r#"CONTAINER; }
provides m container=c port=80 scrape=#true path="metrics""#, "bad-module"),
    (r"CONTAINER; }
provides m container=c port=80 scrape=#true protocol=udp", "bad-module"),
    (r#"CONTAINER; }
provides m container=c port=80 scrape=#true path="/metrics?x=1""#, ""),
    // Docker 28: no available address.
    (r#"CONTAINER; on-network b; }
container-network b subnet="10.99.0.0/31""#, "bad-module"),
    (r#"CONTAINER; on-network b; }
container-network b subnet="10.99.0.0/32""#, "bad-module"),
    (r#"CONTAINER; on-network b; }
container-network b subnet="10.99.0.0/29""#, ""),
];

/// A Proxmox host with these lines.
fn host(lines: &str) -> String {
    format!(
        "host second kind=proxmox version=\"8.4\" {{\nhardware NUC cores=4 memory=\"16GiB\"
address lan \"192.168.1.3\" nic=eno1 bridge=vmbr0
disk a device=\"/dev/disk/by-id/nvme-A2\" size=\"1TB\"
disk b device=\"/dev/disk/by-id/nvme-B2\" size=\"1TB\"
disk c device=\"/dev/disk/by-id/nvme-C2\" size=\"2TB\"\n{lines}\n}}\n"
    )
}

/// A pool of a host with these datasets.
fn pool(datasets: &str) -> String {
    host(&format!("pool t disk=a {{\n{datasets}\n}}"))
}

fn in_labs() -> Vec<(String, &'static str)> {
    let deep = |parts: usize| format!("dataset \"{}\" backup=never", ["a"].repeat(parts).join("/"));
    let routed = |name: &str| {
        format!(
            "service caddy on=box {{ expose https to=lan; certificates internal; }}
service jellyfin on=box {{ library \"/srv/f\"
route \"{name}\" to=web via=caddy from=lan\n}}\n"
        )
    };
    let lxc = |size: &str| {
        format!(
            "lxc c id=105 on=pve {{ os debian-13; memory \"1GiB\"; address lan \"192.168.1.105\"
disk root size=\"{size}\"\n}}\n"
        )
    };
    let six = |address: &str| {
        format!(
            "network six cidr=\"fd00:1::/64\"
lxc c id=105 on=pve {{ os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"
address six \"{address}\" bridge=vmbr0\n}}\n"
        )
    };
    let wireguard = |own: &str, peer: &str| {
        format!(
            "network tunnel cidr=\"10.9.0.0/24\"\nsecret wg
service wireguard on=box {{ clients tunnel; address \"{own}\"; private-key (secret)wg
peer public-key=\"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\" address=\"{peer}\"\n}}\n"
        )
    };
    let openvpn = |prefix: &str| {
        format!(
            "network tunnel cidr=\"{prefix}\"
service openvpn on=box {{ clients tunnel; client a; host \"v.example.org\"; }}\n"
        )
    };
    let vpn = |machine: &str| {
        format!(
            "secret key
service gluetun on={machine} {{ provider mullvad; private-key (secret)key
addresses \"10.64.0.1/32\"; }}
service sonarr on=box {{ data \"/srv/data\"; vpn gluetun; }}\n"
        )
    };
    let passed = |gpu: &str| {
        format!("extend host pve {{ {gpu}; }}\nextend vm media {{ passthrough igpu; }}\n")
    };
    let containers =
        |prefix: &str| format!("extend vm media {{ container-networks \"{prefix}\"; }}\n");
    let dns = |servers: &str| format!("network more cidr=\"10.1.0.0/24\" dns=\"{servers}\"\n");
    vec![
        // resolv.conf(5): MAXNS.
        (dns("1.1.1.1,1.0.0.1,9.9.9.9,8.8.8.8"), "bad-network"),
        (dns("1.1.1.1,1.0.0.1,9.9.9.9"), ""),
        (host("pool local disk=a {}"), "pool-impossible"),
        (host("pool local-lvm disk=a {}"), "pool-impossible"),
        (host("pool locals disk=a {}"), ""),
        // zpool(8): mirror contains devices of different sizes.
        (host("pool m disk=a,c layout=mirror {}"), "pool-impossible"),
        (host("pool m disk=a,c layout=mirror size=\"900GB\" {}"), ""),
        (host("pool m disk=a,b layout=mirror {}"), ""),
        (host("pool m disk=a,c {}"), ""),
        // zfs(4): zfs_max_dataset_nesting.
        (pool(&deep(50)), "pool-impossible"),
        (pool(&deep(20)), ""),
        (pool("dataset vm-101-disk-0 backup=never"), "pool-impossible"),
        (pool("dataset subvol-9-x backup=never"), "pool-impossible"),
        (pool("dataset vm-images backup=never"), ""),
        (pool("dataset \"a@b\" backup=never"), "wrong-type"),
        // zfsprops(7): size is greater than available space.
        (
            pool(
                "dataset a quota=\"1GiB\" backup=never
dataset \"a/b\" reservation=\"2GiB\" backup=never",
            ),
            "pool-impossible",
        ),
        (
            pool(
                "dataset a quota=\"1GiB\" backup=never
dataset ab reservation=\"2GiB\" backup=never",
            ),
            "",
        ),
        (routed("films.example.123"), "wrong-type"),
        (routed("films.4.example.org"), ""),
        (lxc("100MiB"), "guest-too-small"),
        (lxc("8GiB"), ""),
        (six("fd00:1::"), "address-outside-network"),
        (six("fd00:1::ffff"), ""),
        (wireguard("10.9.0.1", "10.9.0.2"), ""),
        (wireguard("10.9.0.1", "10.9.0.1"), "vpn-network-unfit"),
        (wireguard("10.9.0.1", "10.8.0.2"), "vpn-network-unfit"),
        (wireguard("10.9.0.1", "10.9.0.0"), "vpn-network-unfit"),
        (wireguard("10.9.0.1", "10.9.0.255"), "vpn-network-unfit"),
        (wireguard("10.9.0.1", "fd00::2"), "vpn-network-unfit"),
        (wireguard("10.9.1.1", "10.9.0.2"), "vpn-network-unfit"),
        // openvpn(8), 2.6: `--server` and `--server-ipv6`.
        (openvpn("10.9.0.0/30"), "vpn-network-unfit"),
        (openvpn("10.9.0.0/29"), ""),
        (openvpn("10.9.0.0/16"), ""),
        (openvpn("10.8.0.0/15"), "vpn-network-unfit"),
        (openvpn("fd09::/125"), "vpn-network-unfit"),
        (openvpn("fd09::/124"), ""),
        (openvpn("fd09::/63"), "vpn-network-unfit"),
        // Both of the machine's cards would lead to one prefix.
        (openvpn("10.9.0.0/24").replace("clients tunnel", "clients lan"), "vpn-network-unfit"),
        (
            wireguard("10.9.0.1", "10.9.0.2")
                + "service w module=wireguard on=media { clients tunnel; address \"10.9.0.3\"
private-key (secret)wg; }",
            "vpn-network-unfit",
        ),
        // docker-compose: depends on undefined service.
        (vpn("media"), "wrong-kind"),
        (vpn("box"), ""),
        (host("device stick"), "missing-value"),
        (host("device stick path=\"/dev/serial/by-id/usb-x\""), ""),
        (host("device card pci=\"0000:01:00.0\""), ""),
        (passed("gpu igpu"), "passthrough-without-device"),
        (passed("gpu igpu pci=\"0000:00:02.0\""), ""),
        (containers("10.99.0.1/16"), "bad-network"),
        (containers("8.8.0.0/16"), "bad-network"),
        (containers("10.0.0.0/7"), "bad-network"),
        (containers("172.32.0.0/16"), "bad-network"),
        (containers("172.31.0.0/16"), ""),
        (containers("100.64.0.0/16"), ""),
        (containers("2001:db8::/48"), ""),
    ]
}

#[test]
fn what_the_programs_refuse_is_an_error() {
    let thing = format!("{PREAMBLE}service thing on=box\n");
    let times = TIMES.iter().map(|(times, comes)| {
        (thing.clone(), TIMER.replace("TIMES", times), if *comes { "" } else { "bad-module" })
    });
    let schedules = SCHEDULES.iter().map(|(times, right)| {
        let container = format!(
            "container c {{ image \"x/c:1\"; health none=\"x\"\nevery (cron)\"{times}\"; }}"
        );
        (thing.clone(), container, if *right { "" } else { "wrong-type" })
    });
    let container = r#"container c { image "x/c:1"; health none="x""#;
    let in_modules = IN_MODULES
        .iter()
        .map(|(line, code)| (thing.clone(), line.replace("CONTAINER", container), *code));
    let in_labs = in_labs()
        .into_iter()
        .map(|(lines, code)| (format!("{PREAMBLE}{lines}"), String::new(), code));
    let mut wrong = String::new();
    for (text, module, code) in times.chain(schedules).chain(in_modules).chain(in_labs) {
        let found = errors(&text, &module);
        let as_expected = match &found[..] {
            [] => code.is_empty(),
            [(own, _)] => *own == code,
            _ => false,
        };
        if !as_expected {
            let own = text.strip_prefix(PREAMBLE).unwrap_or_default();
            let _ = writeln!(wrong, "{own}{module}\n    expected `{code}`, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_mount_in_a_read_only_folder_is_found_where_nothing_can_make_its_place() {
    let thing = format!("{PREAMBLE}service thing on=box\n");
    let found = |mounts: &str| {
        let module = format!("container c {{ image \"x/c:1\"; health none=\"x\"\n{mounts}\n}}");
        let found = findings(&thing, &module, Severity::Warning);
        found.iter().any(|(code, _)| *code == "mount-below-read-only")
    };
    let outer = r#"mount "/srv/a" at="/data" read-only=#true"#;
    assert!(found(&format!("{outer}\nmount \"/srv/b\" at=\"/data/b\"")));
    // Its place is there, in the folder itself.
    assert!(!found(&format!("{outer}\nmount \"/srv/a/b\" at=\"/data/b\"")));
    assert!(!found(&format!("{outer}\nmount \"/srv/b\" at=\"/data2\"")));
    assert!(!found("mount \"/srv/a\" at=\"/data\"\nmount \"/srv/b\" at=\"/data/b\""));
}

#[test]
fn names_that_no_server_is_asked_for_are_found() {
    let found = |domain: &str, lines: &str| {
        let text = PREAMBLE.replace("domain \"example.org\"", &format!("domain \"{domain}\""));
        let found = findings(&format!("{text}{lines}"), "", Severity::Warning);
        let found = found.into_iter().filter(|(code, _)| *code == "name-leads-elsewhere");
        found.map(|(_, line)| line).collect::<Vec<_>>()
    };
    let name = |host: &str| format!("name \"{host}\" address=\"192.168.1.99\"");
    let route = "service caddy on=box { expose https to=lan; certificates internal; }
service jellyfin on=box {
library \"/srv/films\"
route \"films.local\" to=web via=caddy from=lan
}";
    for host in ["tv.local", "tv.home.local", "tv.localhost", "tv.onion", "tv.invalid"] {
        assert_eq!(found("example.org", &name(host)), [name(host)], "{host}");
    }
    for host in ["tv.home.arpa", "tv.lan", "tv.internal", "tv.test", "local.example.org"] {
        assert!(found("example.org", &name(host)).is_empty(), "{host}");
    }
    let domain = |domain: &str| format!("domain \"{domain}\"");
    assert_eq!(found("home.local", ""), [domain("home.local")]);
    // What is below the domain is wrong for its reason.
    assert_eq!(found("home.local", &name("tv.home.local")), [domain("home.local")]);
    assert_eq!(found("local", route), [domain("local")]);
    assert_eq!(found("example.org", route), ["route \"films.local\" to=web via=caddy from=lan"]);
    assert!(found("home.arpa", &name("tv.home.arpa")).is_empty());
}

#[test]
fn what_is_left_out_with_another_state_is_in_no_backup() {
    let thing = format!("{PREAMBLE}service thing on=box\n");
    let lost = |states: &str| {
        let found = findings(&thing, states, Severity::Warning);
        found.iter().any(|(code, _)| *code == "state-without-backup")
    };
    let cache = r#"state cache path="/srv/appdata/x/a" backup=never reason="made again""#;
    for (path, is_lost) in [
        ("/srv/appdata/x/a", true),
        ("/srv/appdata/x/a/b/c", true),
        ("/srv/appdata/x", false),
        ("/srv/appdata/x/ab", false),
    ] {
        for class in ["", "backup=daily"] {
            let state = format!("{cache}\nstate data path=\"{path}\" {class}");
            assert_eq!(lost(&state), is_lost, "{path} {class}");
        }
    }
    let never = format!("{cache}\nstate data path=\"/srv/appdata/x/a/b\" backup=never reason=x");
    assert!(!lost(&never));
}

#[test]
fn a_port_that_help_names_is_free() {
    let jellyfin = |name: &str, port: u16| {
        format!(
            "service {name} module=jellyfin on=box {{ library \"/{name}\"; expose web to=lan
port web {port}; }}\n"
        )
    };
    let twice = |port| jellyfin("a", port) + &jellyfin("b", port);
    for (lines, free) in [
        (twice(8096), 8097),
        (twice(8096) + &jellyfin("c", 8097), 8098),
        (twice(8096) + "extend host box { ssh from=lan port=8097; }", 8098),
        // There is none above it.
        (twice(65535), 1024),
        (twice(65535) + &jellyfin("c", 1024), 1025),
    ] {
        let text = format!("{PREAMBLE}{lines}");
        let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let (found, _) = compile::check(&Sources::with_standard_library(vec![lab]));
        let found: Vec<_> =
            found.iter().filter(|found| found.code.name == "host-port-twice").collect();
        let [found] = found[..] else { panic!("{lines}: {found:?}") };
        let help = found.help.as_deref().unwrap_or_default();
        assert!(help.ends_with(&format!("`port web {free}`")), "{lines}: {help}");
    }
}

#[test]
fn sshd_has_its_port_where_the_system_brings_it() {
    for (machine, port, ssh, is_taken) in [
        ("media", 22, "", true),
        ("media", 2222, "", false),
        ("media", 22, "extend vm media { ssh from=lan; }", true),
        ("media", 22, "extend vm media { ssh from=lan port=2222; }", false),
        // A host that somebody installed may have none.
        ("box", 22, "", false),
    ] {
        let service = format!(
            "service logs module=dozzle on={machine} {{ port web {port}; expose web to=lan; }}"
        );
        let found = errors(&format!("{PREAMBLE}{ssh}\n{service}\n"), THING);
        let taken = found.iter().any(|(code, _)| *code == "host-port-twice");
        assert_eq!(taken, is_taken, "{service} {ssh}: {found:?}");
    }
}

#[test]
fn names_that_a_database_keeps_for_itself_are_refused() {
    let postgres = "service postgres on=box { password (secret)restic-password; LINE; }";
    let mariadb = "service mariadb on=box { password (secret)restic-password
root-password (secret)restic-password; LINE; }";
    let adguard = "service adguard-home on=box { admin-password (secret)restic-password; LINE; }";
    for (service, line, is_right) in [
        (postgres, "database template0", false),
        (postgres, "database template", true),
        (postgres, "user public", false),
        (postgres, "user published", true),
        (mariadb, "database mysql", false),
        (mariadb, "database mysql-app", true),
        (adguard, "upstream \"tls://\"", false),
        (adguard, "upstream \"9.9.9.9:\"", false),
        (adguard, "upstream \"fd00::\"", true),
        (adguard, "upstream \"9.9.9.9:53\" \"tls://dns.quad9.net\"", true),
    ] {
        let found = errors(&format!("{PREAMBLE}{}\n", service.replace("LINE", line)), THING);
        let refused = found.iter().any(|(code, _)| *code == "assertion-failed");
        assert_eq!(!refused, is_right, "{line}: {found:?}");
    }
}

#[test]
fn a_folder_that_a_module_may_make_by_itself_is_not_missed() {
    let thing = format!("{PREAMBLE}service thing on=media\n");
    let found = |rest: &str| {
        let container =
            r#"container c { image "x/c:1"; health none="x"; mount "/opt/x" at="/x"; }"#;
        let module = format!("{container}\n{rest}");
        let found = findings(&thing, &module, Severity::Warning);
        found.iter().any(|(code, _)| *code == "mount-without-source")
    };
    assert!(found(""));
    assert!(found(r#"script run from="run.sh" phase=health"#));
    assert!(!found(r#"script run from="run.sh""#));
    assert!(!found("package x-data"));
    assert!(!found(
        r#"unit "opt-x.mount" { section Mount { set What "/dev/x"; set Where "/opt/x"; }
section Install { set WantedBy multi-user.target; }; }"#
    ));
    assert!(!found(r#"state x path="/opt/x" backup=never reason="x""#));
}
