//! Checks what people get wrong in their first lab: one mistake gives one finding, at the wrong
//! line.

use std::fmt::Write as _;

use labwright::compile;
use labwright::source::{Layer, SourceFile, Sources, Span};

use crate::cli::case;
use crate::snapshots::assert_snapshot;

/// Mistakes: the text in the lab, and its replacement. If the first text is empty, the second is
/// added.
pub const MISTAKES: &[(&str, &str)] = &[
    ("\"192.168.1.101\"", "192.168.1.101"),
    ("\"192.168.1.101\"", "\"192.168.1.101/24\""),
    ("\"192.168.1.101\"", "\"192.168.1.255\""),
    ("\"192.168.1.101\"", "\"192.168.1.2\""),
    ("address lan \"192.168.1.101\"", "address \"192.168.1.101\""),
    ("address lan \"192.168.1.101\"", ""),
    ("cidr=\"192.168.1.0/24\"", "cidr=\"192.168.1.0\""),
    ("cidr=\"192.168.1.0/24\"", "cidr=\"192.168.1.7\""),
    ("cidr=\"192.168.1.0/24\"", "cidr=\"192.168.1.0/33\""),
    ("cidr=\"192.168.1.0/24\"", "cidr=192.168.1.0/24"),
    ("memory (size)\"8GiB\"", "memory 8GiB"),
    ("memory (size)\"8GiB\"", "memory 8"),
    ("memory (size)\"8GiB\"", "memory \"8G\""),
    ("memory (size)\"8GiB\"", "memory \"0GiB\""),
    ("memory (size)\"8GiB\"", ""),
    ("cores 2", "cores -2"),
    ("cores 2", "cores two"),
    ("cores 2", "cores \"2\""),
    ("vm media id=101", "vm Media id=101"),
    ("vm media id=101", "vm \"my media\" id=101"),
    ("vm media id=101", "vm id=101"),
    ("vm media id=101", "vm media"),
    ("vm media id=101", "vm media id=5"),
    ("vm media id=101", "vm media id=\"101\""),
    ("id=101 on=pve", "id=101 on=pv"),
    ("kind=proxmox ", ""),
    ("kind=proxmox ", "kind=Proxmx "),
    ("os debian-13", "os debian-11"),
    ("os debian-13", "os debian 13"),
    ("os debian-13", ""),
    ("disk root size=(size)\"20GiB\"", ""),
    ("version=\"2026.1\"", "version=1.10"),
    ("domain \"example.org\"", "domain \"${DOMAIN}\""),
    ("domain \"example.org\"", "domain \"https://Example.org/\""),
    ("Europe/Brussels", "Europe/Bruxelles"),
    ("Europe/Brussels", "brussels"),
    ("cores=4 memory", "cores=4, memory"),
    ("to=web via=npm from=internet", "to=web via=npm from=internet, lan"),
    ("route \"media.example.org\"", "route \"*.example.org\""),
    ("expose web to=lan", "expose 8096 to=lan"),
    ("expose web to=lan", "expose web to=[lan]"),
    ("library \"/mnt/media\"", "libary \"/mnt/media\""),
    ("library \"/mnt/media\"", "library \"mnt/media\""),
    ("nginx-proxy-manager on=media", "nginx-proxy-manager on=medai"),
    ("nginx-proxy-manager on=media", "nginxproxymanager on=media"),
    ("expose admin to=lan", "expse admin to=lan"),
    ("password (secret)restic", "password \"hunter2\""),
    ("secret restic", ""),
    ("via=virtiofs", "via=virtio"),
    ("", "extend vm medai { tags quiet; }"),
    ("", "extend lxc media { tags quiet; }"),
    ("", "extend vm media { (override)memory \"4GiB\"; }"),
    ("", "extend vm media { (force)memory \"4GiB\" reason=\"\"; }"),
    ("", "extend pool tank { size \"1TB\"; }"),
    ("", "profile quiet tagged=nobody { tags quiet; }"),
    ("", "accept backup-same-disk on=restic"),
    ("", "moved service jelly to=jelyfin"),
    ("", "removed service jellyfin reason=\"no longer watched\""),
    ("", "dashboard energy"),
    ("", "vm bare id=102 on=pve"),
    ("", "module m { container m { image \"x/m:1\"; depends-on n; }; }; service m on=media"),
    (
        "",
        "module m { container m { image \"x/m:1\"; }; provides web container=n port=80; }; \
         service m on=media",
    ),
    (
        "",
        "module m { container m { image \"x/m:1\"; network service service=m; }; }; service m \
         on=media",
    ),
    ("password (secret)restic", "password (secret)restic; service more module=jellyfin on=media"),
    ("", "dashboard energy from=\"energy.json\""),
    // A name that the place does not know.
    ("memory (size)", "memory: (size)"),
    ("memory (size)", "RAM (size)"),
    ("os debian-13", "os: debian-13"),
    ("vm media", "guest media"),
    ("vm media", "VM media"),
    ("network lan", "net lan"),
    ("address lan \"192.168.1.101\"", "adress lan \"192.168.1.101\""),
    ("address lan \"192.168.1.101\"", "ip lan \"192.168.1.101\""),
    ("pool tank", "zpool tank"),
    ("dataset media", "datset media"),
    ("share tank.media", "mount tank.media"),
    ("secret restic\n", "secrets restic\n"),
    ("admin ada", "user ada"),
    ("ssh-key ", "sshkey "),
    ("ssh-key ", "key "),
    ("vm media id=101", "vm media vmid=101"),
    ("vm media id=101", "vm media ID=101"),
    ("id=101 on=pve", "id=101 node=pve"),
    ("id=101 on=pve", "id=101 server=pve"),
    ("expose web to=lan", "expose web from=lan"),
    ("service jellyfin on=", "service jellyfin at="),
    ("service npm module=", "service npm type="),
    ("tank.media at=", "tank.media to="),
    ("pool tank disk=", "pool tank disks="),
    ("dataset media quota=", "dataset media size="),
    ("network lan cidr=", "network lan subnet="),
    ("gateway=\"192.168.1.1\"", "gw=\"192.168.1.1\""),
    ("host pve kind=", "host pve type="),
    ("ssh from=lan", "ssh to=lan"),
    ("router box on=lan address=", "router box on=lan ip="),
    // A value without its name, or a name that has one.
    ("id=101 on=pve", "id: 101 on: pve"),
    ("id=101 on=pve", "101 pve"),
    ("vm media id=101 on=pve", "vm id=101 name=media on=pve"),
    ("vm media id=101", "vm media=101"),
    ("expose web to=lan", "expose web lan"),
    ("expose web to=lan", "expose web to lan"),
    ("expose web to=lan", "expose web=lan"),
    ("expose web to=lan", "expose web:lan"),
    ("tank.media at=", "tank.media "),
    ("network lan cidr=", "network lan "),
    ("network lan cidr=", "network lan="),
    ("kind=proxmox ", "proxmox "),
    ("disk root size=(size)", "disk root "),
    ("disk root size=(size)", "disk root (size)"),
    ("address lan \"192.168.1.101\"", "address lan=\"192.168.1.101\""),
    ("ssh from=lan", "ssh lan"),
    ("route \"media", "route host=\"media"),
    // What lacks its name or is wrong, and what uses it.
    ("expose web to=lan", "expose web/tcp to=lan"),
    ("expose web to=lan", "expose 8096/tcp to=lan"),
    ("pool tank disk=ssd", "pool disk=ssd"),
    ("pool tank disk=ssd", "pool Tank disk=ssd"),
    ("device=\"/dev/disk/by-id/nvme-Example\" ", ""),
    ("nvme-Example\" size=(size)\"500GB\"", "nvme-Example\" size=(size)\"500\""),
    ("cidr=\"192.168.1.0/24\"", "cidr=\"192.168.10.0/24\""),
    ("secret npm-admin-password\n", "secret npm_admin_password\n"),
    ("ssh-key \"ssh-ed25519 ", "ssh-key \"ssh-ed25519"),
    ("library \"/mnt/media\"", "media \"/mnt/media\""),
    ("repository \"/mnt/backups/r\"", "repo \"/mnt/backups/r\""),
    ("password (secret)restic", "pasword (secret)restic"),
    // What nobody understands is what seems to be missing.
    ("tank.media at=\"/mnt/media\"", "tank.media Foo=\"/mnt/media\""),
    ("host pve", "proxmox pve"),
    ("host pve kind=proxmox", "proxmox pve"),
    ("disk root size=", "rootdisk size="),
    ("address lan \"192.168.1.101\"", "ip \"192.168.1.101\""),
    ("address lan \"192.168.1.101\"", "address \"192.168.1.101\" lan"),
    ("expose web to=lan", "expose lan"),
    ("expose web to=lan", "expose web port=8096"),
    ("ssh from=lan", "ssh #true"),
    ("library \"/mnt/media\"", "- library \"/mnt/media\""),
    ("os debian-13", "- os debian-13"),
    ("", "module m { container m { image \"X/M:1\"; health none=\"x\"; }; }; service m on=media"),
    // What follows from a wrong kind or place.
    ("kind=proxmox", "kind=debian"),
    ("jellyfin on=media", "jellyfin on=pve"),
];

/// What is right, though it is near to a mistake of the table above.
const RIGHT: &[(&str, &str)] = &[
    ("kind=proxmox ", "\"kind\"=proxmox "),
    ("vm media id=101 on=pve", "vm id=101 media on=pve"),
    ("expose web to=lan", "expose to=lan web"),
    ("memory (size)\"8GiB\"", "memory \"8GiB\" least=\"4GiB\""),
    ("disk root size=(size)", "disk size size=(size)"),
    ("dataset media quota=", "dataset size quota=\"1GiB\"; dataset media quota="),
    ("", "router gateway on=lan address=\"192.168.1.9\""),
    ("", "extend vm media { (force)memory \"4GiB\" reason=\"less\"; }"),
    ("", "extend vm media kind=managed"),
    // Only one address tells of another prefix: it may be the wrong one.
    ("", "network guests cidr=\"192.168.7.0/24\" gateway=\"192.168.7.1\""),
    (
        "",
        "module m { summary \"x\"; option ram type=text { default \"x\"; }
         container m { image \"x/m:1\"; health none=\"x\"; env A \"a:b\"; env B (ref)opt.ram; }; }
         service m on=media { ram y; }",
    ),
];

#[test]
fn what_is_near_to_a_mistake_is_none() {
    let lab = std::fs::read_to_string(case("mistakes").join("lab.kdl")).expect("a lab");
    for (right, written) in RIGHT {
        let text = match *right {
            "" => format!("{lab}{written}\n"),
            right => lab.replace(right, written),
        };
        assert!(text.contains(written), "{right}");
        let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let found = compile::analyze(&sources).check(&sources).diagnostics;
        let told: Vec<_> = found.iter().map(|one| &one.message).collect();
        assert!(told.is_empty(), "{written}: {told:?}");
    }
}

#[test]
fn one_mistake_is_one_finding() {
    let lab = std::fs::read_to_string(case("mistakes").join("lab.kdl")).expect("a lab");
    let (mut shown, mut wrong) = (String::new(), String::new());
    for (right, written) in MISTAKES {
        assert!(lab.contains(right), "{right}");
        let text = if right.is_empty() {
            format!("{lab}{written}\n")
        } else {
            lab.replace(right, written)
        };
        let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let found = compile::analyze(&sources).check(&sources).diagnostics;
        let at = |span: Span| sources.line(span.file, span.start);
        let _ = writeln!(
            shown,
            "{}{written}",
            if right.is_empty() { String::new() } else { format!("{right}  →  ") }
        );
        for finding in &found {
            let line = finding.span.map(at).unwrap_or_default();
            let _ = writeln!(shown, "    {line} {}: {}", finding.code.name, finding.message);
            let _ = writeln!(shown, "        {}", finding.help.as_deref().unwrap_or("NO HELP"));
        }
        // A mistake on several lines gives one finding for each line.
        let places = if right.is_empty() { 1 } else { lab.matches(right).count() };
        if found.iter().count() != places {
            let _ = writeln!(wrong, "{right} → {written}: {} findings", found.iter().count());
        }
    }
    assert_snapshot("diagnostics", "mistakes", &shown);
    assert!(wrong.is_empty(), "{wrong}");
}
