//! What to write for a refused connection opens it, and what is unwise about it is said.

use std::collections::BTreeSet;

use labwright::model::ZoneKind;
use labwright::reach::{Edit, Files, Parsed, Verdict};
use labwright::source::{Layer, SourceFile, Sources};

use super::{LABS, lab, with_plan, written};

/// Returns the lab with one place of it changed.
fn edited(sources: &Sources, edit: &Edit) -> Sources {
    let files = sources.files().filter(|(_, file)| file.layer != Layer::Builtin);
    let files = files.map(|(id, file)| {
        let mut file: SourceFile = file.clone();
        if id == edit.span.file {
            let range = edit.span.start as usize..edit.span.end as usize;
            file.text.replace_range(range, &edit.text);
        }
        file
    });
    Sources::with_standard_library(files.collect())
}

fn is_allowed(sources: &Sources, from: &str, to: &str) -> bool {
    with_plan(sources, |plan| {
        let answers = Files::new(plan, sources).reach(from, to).expect("an answer");
        answers.iter().all(|answer| answer.verdict == Verdict::Open)
    })
}

/// Every kind of refusal of every lab, from every kind of place: the edit is made, and the
/// connection comes through.
#[test]
fn what_is_written_opens_what_was_refused() {
    let (mut tried, mut kinds) = (0, BTreeSet::new());
    for name in LABS {
        let sources = lab(name);
        let edits: Vec<(String, String, Edit)> = with_plan(&sources, |plan| {
            let files = Files::new(plan, &sources);
            let zones = plan.model.zones.iter();
            let networks = zones
                .filter(|zone| !matches!(zone.kind, ZoneKind::Machine(_)))
                .map(|zone| &*zone.name);
            let machines = plan.model.machines.iter().map(|machine| &*machine.name).take(2);
            let mut edits = Vec::new();
            for from in networks.chain(machines) {
                let answers = files.reach_all(from).expect("answers");
                for answer in answers.iter().filter(|answer| answer.verdict == Verdict::Closed) {
                    let Some(advice) = &answer.advice else { continue };
                    let edit = advice
                        .wanted
                        .edit(&sources, &mut Parsed::new())
                        .expect("a place in the lab's files");
                    let is_route = plan.routes.iter().any(|route| route.host == answer.to.name);
                    let to = if is_route { answer.to.name.clone() } else { answer.to.to_string() };
                    edits.push((from.to_owned(), to, edit));
                }
            }
            edits
        });
        // One of each kind: what is written, whether it is new, and from where.
        let mut seen = BTreeSet::new();
        for (from, to, edit) in edits {
            let kind = edit.node.split(' ').next().unwrap_or_default().to_owned();
            if !seen.insert((from.clone(), kind.clone(), edit.instead_of.is_some())) {
                continue;
            }
            let after = edited(&sources, &edit);
            assert!(is_allowed(&after, &from, &to), "{name}: {from} -> {to}: {edit:?}");
            tried += 1;
            kinds.insert((kind, edit.instead_of.is_some()));
        }
    }
    assert!(tried > 20, "{tried} edits");
    let kinds: Vec<_> = kinds.iter().map(|(kind, more)| (kind.as_str(), *more)).collect();
    assert_eq!(
        kinds,
        [("expose", false), ("expose", true), ("reach", false), ("route", true), ("ssh", true)]
    );
}

/// What no `expose` opens: a folder of another machine, and places behind a gateway.
#[test]
fn a_share_and_a_gateway_are_opened_by_nodes_of_their_own() {
    const LAB: &str = concat!(
        r#"edition 1
lab small version="1" { domain "example.org"; timezone "UTC"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
network iot cidr="192.168.2.0/24" gateway="192.168.2.1" dns="192.168.2.1"
network tunnel cidr="10.8.0.0/24"
secret wg
host nas kind=unmanaged { address lan "192.168.1.5"; }
host pve kind=proxmox version="8.4" {
    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    disk ssd device="/dev/disk/by-id/nvme-A" size="1TB"
    pool tank disk=ssd { dataset media; }
}
host box kind=debian {
    os debian-13
    address lan "192.168.1.10"
    share tank.media at="/mnt/media" via=nfs
}
host pi kind=debian { os debian-13; address lan "192.168.1.20"; }
service wireguard on=box {
    clients tunnel; address "10.8.0.1"; private-key (secret)wg; REACH
    peer public-key="xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=" "#,
        r#"address="10.8.0.2"
    expose tunnel to=internet
}
"#
    );
    for (reach, from, to, node, unwise) in [
        ("", "pi", "pve:2049", "share tank.media at=\"/mnt/media\" via=nfs", "reads and writes"),
        ("", "tunnel", "nas:445", "reach lan", "every address of lan"),
        ("reach iot;", "tunnel", "nas:445", "reach iot lan", "every address of lan"),
        ("", "tunnel", "192.168.2.77:80", "reach iot", "every address of iot"),
        ("", "tunnel", "1.1.1.1:443", "reach internet", "every address of internet"),
    ] {
        let sources = written(&LAB.replace("REACH", reach));
        assert!(!is_allowed(&sources, from, to), "{from} -> {to}");
        let (edit, warning) = with_plan(&sources, |plan| {
            let answers = Files::new(plan, &sources).reach(from, to).expect("an answer");
            let advice = answers[0].advice.clone().expect("advice");
            (
                advice.wanted.edit(&sources, &mut Parsed::new()).expect("an edit"),
                advice.unwise.unwrap_or_default(),
            )
        });
        assert_eq!(edit.node, node, "{from} -> {to}");
        assert!(warning.contains(unwise), "{from} -> {to}: {warning}");
        assert!(is_allowed(&edited(&sources, &edit), from, to), "{from} -> {to}: {edit:?}");
    }
}

const START: &str = concat!(
    r#"edition 1
lab small version="1" { domain "example.org"; timezone "UTC"; }
admin ada { ssh-key "#,
    r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
network guests cidr="192.168.2.0/24" gateway="192.168.2.1" dns="192.168.2.1"
host box kind=debian { os debian-13; address lan "192.168.1.10"; ssh from="lan"; }
"#
);

/// The same node in every way that people write it.
#[test]
fn the_edit_fits_how_the_file_is_written() {
    for (service, wanted) in [
        ("service uptime-kuma on=box", "service uptime-kuma on=box { expose web to=guests; }"),
        ("service uptime-kuma on=box {}", "service uptime-kuma on=box { expose web to=guests;}"),
        ("service uptime-kuma on=box { expose web to=lan; }", "expose web to=lan,guests;"),
        ("service uptime-kuma on=box { expose web to=\"lan\"; }", "expose web to=\"lan,guests\";"),
        (
            "service uptime-kuma on=box { expose web to=#\"lan\"#; }",
            "expose web to=guests; expose web to=#\"lan\"#;",
        ),
        (
            "service uptime-kuma on=box {\n    resources memory=(size)\"1GiB\"\n}",
            "{\n    expose web to=guests\n    resources",
        ),
    ] {
        let sources = written(&format!("{START}{service}\n"));
        let edit = with_plan(&sources, |plan| {
            let answers =
                Files::new(plan, &sources).reach("guests", "uptime-kuma:web").expect("an answer");
            let advice = answers[0].advice.clone().expect("advice");
            advice.wanted.edit(&sources, &mut Parsed::new()).expect("an edit")
        });
        let after = edited(&sources, &edit);
        let (_, file) = after.files().find(|(_, file)| file.path == "lab.kdl").expect("the lab");
        assert!(file.text.contains(wanted), "{service}: {}", file.text);
        assert!(is_allowed(&after, "guests", "uptime-kuma:web"), "{service}");
    }
}

#[test]
fn a_warning_is_said_where_it_belongs_and_nowhere_else() {
    let unwise = |from: &str, to: &str| {
        let sources = lab("media-server-home");
        with_plan(&sources, |plan| {
            let answers = Files::new(plan, &sources).reach(from, to).expect("an answer");
            answers[0].advice.clone().expect("advice").unwise
        })
    };
    let says = |from, to, words: &str| {
        let unwise = unwise(from, to).unwrap_or_default();
        assert!(unwise.contains(words), "{from} -> {to}: {unwise}");
    };
    says("internet", "intranet:22", "try to log in");
    says("internet", "extranet:81", "administration");
    says("internet", "intranet:8096", "through npm as media.elmzn.be already");
    says("internet", "intranet:3000", "a `route` puts a proxy before it");
    says("extranet", "intranet:22", "the internet reaches extranet");
    says("192.168.1.50", "intranet:9100", "all of lan");
    says("tunnel", "immich:database", "a database");
    assert_eq!(unwise("tunnel", "extranet:81"), None);
}
