//! What the command prints, at 80 columns and as JSON.

use std::path::Path;
use std::process::Command;

use labwright::reach::{Files, LinkKind, Verdict};

use super::{with_plan, written};
use crate::cli::Run;

const HOME: &str = "modules/labs/media-server-home";

/// Runs `labwright reach` in the repository.
fn reach(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labwright"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("COLUMNS", "80");
    command.arg("reach").args(arguments).output().expect("the program runs").into()
}

fn home(arguments: &[&str]) -> Run {
    reach(&[arguments, &["--lab", HOME]].concat())
}

#[test]
fn a_person_reads_it_at_80_columns() {
    let questions: [&[&str]; 10] = [
        &["lan", "intranet:8096"],
        &["tunnel", "jellyfin:web"],
        &["internet", "jellyfin:web"],
        &["internet", "media.elmzn.be"],
        &["internet", "grafana.elmzn.be"],
        &["extranet", "intranet:22"],
        &["lan", "extranet:9100"],
        &["jellyfin", "immich:web"],
        &["tunnel"],
        &["--matrix"],
    ];
    let mut text = String::new();
    for question in questions {
        let run = home(question);
        assert_eq!(run.code, 0, "{}", run.all());
        text += &format!("$ labwright reach {}\n{}\n", question.join(" "), run.out);
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    crate::snapshots::assert_snapshot("cli", "reach", &text);
}

#[test]
fn a_program_reads_it_as_json() {
    let run = home(&["internet", "jellyfin:web", "--format", "json"]);
    crate::snapshots::assert_snapshot("cli", "reach-json", &run.out);
    let answer = run.json();
    assert_eq!(
        (&answer["format"], &answer["allowed"]),
        (&"labwright.reach/1".into(), &false.into())
    );
    let answer = home(&["lan", "jellyfin:web", "--format", "json"]).json();
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["chain"].as_array().map(Vec::len), Some(3));
    let matrix = home(&["--matrix", "--format", "json"]).json();
    let connections = matrix["connections"].as_array().expect("a list");
    assert!(connections.len() > 30 && connections.iter().all(|it| it["allowed"] == true));
}

#[test]
fn a_refusal_is_an_answer_and_fails_only_where_asked() {
    assert_eq!(home(&["internet", "intranet:22"]).code, 0);
    assert_eq!(home(&["internet", "intranet:22", "--exit-code"]).code, 1);
    assert_eq!(home(&["lan", "intranet:22", "--exit-code"]).code, 0);
}

#[test]
fn unknown_words_are_wrong_use_and_a_name_like_them_is_told() {
    for (arguments, wanted) in [
        (["laan", "intranet"], "did you mean `lan`?"),
        (["lan", "intranett"], "did you mean `intranet`?"),
        (["lan", "jellyfin:wbe"], "did you mean `web`?"),
        (["lan", "media.elmzn.bee"], "did you mean `media.elmzn.be`?"),
        (["lan", "intranet:70000"], "`70000` is not a port"),
        (["lan", "intranet:22/sctp"], "`22/sctp` is not a port"),
        (["\u{1b}[31mlan", "intranet"], "`\\u{1b}[31mlan` is not a zone"),
    ] {
        let run = home(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.all());
        assert!(run.says(wanted), "{arguments:?}: {}", run.err);
        assert!(!run.err.contains('\u{1b}'), "{arguments:?}");
    }
    assert_eq!(reach(&[]).code, 2);
    assert_eq!(reach(&["--matrix", "lan"]).code, 2);
}

/// Every host name of nginx-proxy-manager is found at its line, the further ones too.
#[test]
fn a_further_name_of_a_route_has_its_line() {
    let lab = "edition 1\nlab small version=\"1\" { timezone \"UTC\"; }\n\
        network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
        secret npm-admin-password\n\
        host box kind=debian { os debian-13; address lan \"192.168.1.10\"; appdata \"/srv\"; }\n\
        service npm module=nginx-proxy-manager on=box\n\
        service it-tools on=box { route \"a.example.org\" to=web via=npm from=lan {\n\
        alias \"b.example.org\"; alias \"c.example.org\"; }; }\n";
    let sources = written(lab);
    with_plan(&sources, |plan| {
        for name in ["a.example.org", "b.example.org", "c.example.org"] {
            let answers = Files::new(plan, &sources).reach("lan", name).expect("an answer");
            let links = answers.iter().flat_map(|answer| &answer.chain);
            let rules: Vec<_> = links
                .filter(|link| link.kind == LinkKind::Route)
                .flat_map(|link| &link.rules)
                .collect();
            assert!(!rules.is_empty(), "{name}: {answers:?}");
            assert!(rules.iter().all(|rule| rule.line.number > 0), "{name}: {rules:?}");
        }
    });
}

/// What stays within a guest does not pass the firewall of its host.
#[test]
fn a_container_reaches_its_own_machine_if_that_has_no_firewall() {
    let lab = |firewall: &str| {
        written(&format!(
            "edition 1\nlab small version=\"1\" {{ timezone \"UTC\"; }}\n\
            network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
            host pve kind=proxmox version=\"8.4\" {{\n\
            address lan \"192.168.1.2\" nic=eno1 bridge=vmbr0; }}\n\
            vm box id=101 on=pve {{ os debian-13; cores 1; memory (size)\"1GiB\"\n\
            address lan \"192.168.1.10\"\n\
            disk root size=(size)\"8GiB\"; appdata \"/srv\"; firewall {firewall}; }}\n\
            service it-tools on=box {{ expose web to=lan; }}\nservice node-exporter on=box\n"
        ))
    };
    for (firewall, open) in [("none", true), ("nftables", false)] {
        let sources = lab(firewall);
        with_plan(&sources, |plan| {
            let answers =
                Files::new(plan, &sources).reach("it-tools", "box:9100").expect("answers");
            let is_open = answers.iter().all(|answer| answer.verdict != Verdict::Closed);
            assert_eq!(is_open, open, "{firewall}: {answers:?}");
            let links = answers.iter().flat_map(|answer| &answer.chain);
            assert!(links.clone().all(|link| link.kind != LinkKind::Hypervisor), "{answers:?}");
        });
    }
}

/// A container on internal networks alone gets to nobody but those on them.
#[test]
fn nothing_leads_out_of_an_internal_network() {
    let module = |internal: &str| {
        format!(
            "module tool version=\"1.0.0\" {{ summary \"x\"\ncontainer-network inside {internal}\n\
            container tool {{ image \"docker.io/library/busybox:1.37.0\"; on-network inside\n\
            health none=\"x\"; }}; }}\n"
        )
    };
    let lab = "edition 1\nlab small version=\"1\" { timezone \"UTC\"; }\n\
        network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
        host box kind=debian { os debian-13; address lan \"192.168.1.10\"; ssh from=lan; }\n\
        host nas kind=debian { os debian-13; address lan \"192.168.1.11\"; ssh from=lan; }\n\
        service tool on=box\n";
    for (internal, open) in [("", true), ("internal=#true", false)] {
        let sources = written(&format!("{lab}{}", module(internal)));
        with_plan(&sources, |plan| {
            for to in ["internet", "nas:22"] {
                let answers = Files::new(plan, &sources).reach("tool", to).expect("an answer");
                let is_open = answers.iter().all(|answer| answer.verdict == Verdict::Open);
                assert_eq!(is_open, open, "{internal} {to}: {answers:?}");
                assert!(answers.iter().all(|answer| answer.advice.is_none()), "{answers:?}");
            }
        });
    }
}

/// A port that is published over IPv4 alone is open to nobody over IPv6.
#[test]
fn a_program_without_ipv6_is_reached_over_ipv4() {
    let sources = written(
        "edition 1\nlab small version=\"1\" { timezone \"UTC\"; }\n\
        network lan cidr=\"192.168.1.0/24\" cidr6=\"fd00:1::/64\" gateway=\"192.168.1.1\"\n\
        host box kind=debian { os debian-13; ssh from=lan\n\
        address lan \"192.168.1.10\"; address lan \"fd00:1::10\"; }\n\
        secret one\nmodule own version=\"1\" { summary \"x\"\n\
        container own { image \"docker.io/library/busybox:1.37.0\"; health none=\"x\"; }\n\
        provides web container=own port=80 protocol=http ipv6=#false; }\n\
        service own on=box { expose web to=lan; }\n\
        service both module=memos on=box { expose web to=lan; }\n",
    );
    with_plan(&sources, |plan| {
        let files = Files::new(plan, &sources);
        let over_ipv6 = |to: &str| {
            let answers = files.reach("lan", to).expect("answers");
            answers.iter().any(|answer| match &answer.verdict {
                Verdict::Open => true,
                Verdict::Partly(open) => {
                    open.prefixes().iter().any(|prefix| prefix.addr().is_ipv6())
                }
                Verdict::Closed => false,
            })
        };
        assert!(over_ipv6("both"));
        assert!(!over_ipv6("box:80"));
        let answers = files.reach("lan", "own").expect("answers");
        assert!(answers.iter().all(|answer| answer.verdict != Verdict::Closed), "{answers:?}");
    });
}

/// Text that would steer a terminal or a page does not get there, and no typed password does.
#[test]
fn hostile_text_is_inert() {
    let folder = tempfile::tempdir().expect("a folder");
    let lab = "edition 1\nlab small version=\"1\" { timezone \"UTC\"; }\n\
        network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
        network guests cidr=\"192.168.2.0/24\" gateway=\"192.168.2.1\" dns=\"192.168.2.1\"\n\
        secret pw\n\
        host box kind=debian { os debian-13; address lan \"192.168.1.10\"; appdata \"/srv\"; }\n\
        accept state-without-backup reason=\"a test\"\n\
        service gotify on=box { admin-password PASSWORD; expose web to=lan; }\n";
    let place = folder.path().to_string_lossy().into_owned();
    let ask = |password: &str, to: &str, more: &[&str]| {
        let text = lab.replace("PASSWORD", password);
        std::fs::write(Path::new(folder.path()).join("lab.kdl"), text).expect("write");
        let run = reach(&[&["guests", to, "--lab", &place], more].concat());
        let inert = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(run.all().chars().all(inert), "{:?}", run.all());
        assert!(!run.all().contains("hunter2"), "{}", run.all());
        run
    };
    for more in [&[][..], &["--format", "json"]] {
        let run = ask("(secret)pw", "gotify:web", more);
        assert_eq!(run.code, 0, "{}", run.all());
        let refused = if more.is_empty() { "may not connect" } else { "\"allowed\": false" };
        assert!(run.says(refused), "{}", run.all());
        assert_eq!(ask("\"hunter2\"", "gotify:web", more).code, 1);
        for word in ["\u{1b}[31mbox", "b\u{202e}ox", "box:\u{7}", "<script>"] {
            assert_eq!(ask("(secret)pw", word, more).code, 2, "{word:?}");
        }
    }
}

/// A machine that asks for its address is somewhere in its network: what the network reaches there
/// is open, and it reaches what the whole network does.
#[test]
fn a_machine_whose_address_nobody_knows_is_somewhere_in_its_network() {
    let sources = written(
        "edition 1
        lab home version=\"1\"
        network lan cidr=\"192.168.1.0/24\"
        network guests cidr=\"192.168.2.0/24\"
        router isp on=lan address=\"192.168.1.1\"
        host box kind=debian {
            os debian-13
            address lan \"192.168.1.10\"
            ssh from=lan
        }
        host shed kind=debian { os debian-13; address lan dhcp nic=eno1; ssh from=lan; }
        service it-tools on=shed { expose web to=lan; }
        service hidden module=it-tools on=box { port web 8080; expose web to=guests; }",
    );
    with_plan(&sources, |plan| {
        let files = Files::new(plan, &sources);
        for (from, to, verdict) in [
            ("lan", "it-tools:web", Verdict::Open),
            ("guests", "it-tools:web", Verdict::Closed),
            ("internet", "it-tools:web", Verdict::Closed),
            ("shed", "box:22", Verdict::Open),
            ("it-tools", "box:22", Verdict::Open),
            ("shed", "hidden:web", Verdict::Closed),
        ] {
            let answers = files.reach(from, to).expect("an answer");
            assert_eq!(answers[0].verdict, verdict, "{from} {to}: {:?}", answers[0].chain);
        }
    });
}
