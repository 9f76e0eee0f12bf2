//! Checks the release folder: its content, and that `verify` notices every change to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use labwright::artifact::{ImageUse, RequiredSecret};
use labwright::bundle::Packer;
use labwright::bundle::ids::Input;
use labwright::bundle::release::{
    Flow, MachineFacts, Packed, ReleaseFacts, ReleaseIndex, Route, Scrape,
};
use labwright::bundle::verify::verify_release;
use labwright::diag::Accepted;
use labwright::disk::folder;
use labwright::disk::interrupt::Interrupt;
use labwright::disk::output::ReleaseWriter;
use labwright::disk::staging::OutputError;
use labwright::kind::Kind;

use super::{artifacts, identity};

/// The connections to either machine.
const FLOWS: &str = "lan\ttcp\t443\texpose proxy.https\t192.168.1.0/24\t-\n\
                     lan\ttcp\t80\troute npm.http\t192.168.1.0/24\t-\n\
                     lan\ttcp\t8096\texpose jellyfin.web\t192.168.1.0/24\t-\n";

const MACHINES: [&str; 2] = ["intranet", "extranet"];

pub fn facts() -> ReleaseFacts {
    let flow = |to: &str, port, reason: &str| Flow {
        from: "lan".to_owned(),
        to: to.to_owned(),
        last_port: None,
        port,
        proto: "tcp".to_owned(),
        reason: reason.to_owned(),
        source: "service jellyfin".to_owned(),
    };
    let machine =
        |address: &str| MachineFacts { addresses: vec![address.to_owned()], kind: "vm".to_owned() };
    ReleaseFacts {
        lab: "home".to_owned(),
        version: "2025.11.3".to_owned(),
        edition: 1,
        compiler: "labwright 0.0.9".to_owned(),
        input_id: "1".repeat(64),
        inputs: vec![Input { path: "lab.kdl".to_owned(), sha256: "2".repeat(64) }],
        machines: MACHINES
            .iter()
            .zip(["192.168.1.101", "192.168.1.111"])
            .map(|(name, ip)| ((*name).to_owned(), machine(ip)))
            .collect(),
        flows: MACHINES
            .iter()
            .flat_map(|to| {
                [flow(to, 8096, "expose"), flow(to, 443, "expose"), flow(to, 80, "route")]
            })
            .collect(),
        routes: vec![Route {
            host: "media.elmzn.be".to_owned(),
            machine: "intranet".to_owned(),
            port: 8096,
            via: "npm".to_owned(),
            from: vec!["lan".to_owned()],
        }],
        scrapes: vec![Scrape {
            job: "jellyfin".to_owned(),
            target: "192.168.1.101:8096".to_owned(),
        }],
        accepted: vec![Accepted {
            code: "image-tag-floats".to_owned(),
            on: "service immich".to_owned(),
            reason: "pinned by the lock".to_owned(),
        }],
    }
}

/// Writes the release of both machines into `target`.
pub fn write(target: &Path, interrupt: &Interrupt) -> Result<(), OutputError> {
    let writer = ReleaseWriter::new(target, interrupt)?;
    let packer = Packer::new();
    let mut bundles: BTreeMap<String, Packed> = BTreeMap::new();
    for machine in MACHINES {
        let mut artifacts = artifacts();
        artifacts.add("firewall/flows.tsv", Kind::Table, FLOWS, vec!["zone lan".to_owned()]);
        artifacts.add(
            "reach/connections.tsv",
            Kind::Table,
            "open\t192.168.1.111\t443\textranet\tproxy.https\n",
            vec!["vm extranet".to_owned()],
        );
        artifacts.add(
            "prometheus/prometheus.yml",
            Kind::PrometheusConfig,
            "scrape_configs:\n- job_name: 'jellyfin'\n  static_configs:\n  - targets:\n    - \
             '192.168.1.101:8096'\n",
            vec!["service prometheus".to_owned()],
        );
        let (address, route) = match machine {
            "intranet" => ("192.168.1.101", ""),
            _ => ("192.168.1.111", "route\tmedia.elmzn.be\tintranet\t8096\tnpm\tlan\n"),
        };
        artifacts.add(
            "reach/index.tsv",
            Kind::Table,
            format!("kind\tvm\naddress\t{address}\n{route}"),
            vec!["vm extranet".to_owned()],
        );
        let bundle = packer.pack(&identity(machine), &artifacts).expect("it packs");
        bundles.insert(machine.to_owned(), writer.add_bundle(&bundle)?);
    }
    writer
        .add_review(&BTreeMap::from([("report.html".to_owned(), b"<!doctype html>\n".to_vec())]))?;
    let index = ReleaseIndex::new(facts(), bundles).expect("the same machines");
    writer.finish(&index.to_json().expect("json"))
}

pub fn verify(target: &Path) -> Vec<String> {
    let names = folder::list(target).expect("a folder");
    verify_release(&names, None, |name| {
        folder::read(target, name).map_err(|error| error.to_string())
    })
}

#[test]
fn a_release_is_what_the_contract_says() {
    let base = tempfile::tempdir().expect("a temporary folder");
    let target = base.path().join("home-2025.11.3");
    write(&target, &Interrupt::default()).expect("it is written");
    let listing: Vec<String> = folder::list(&target).expect("a folder").into_iter().collect();
    insta::assert_snapshot!(listing.join("\n"), @r#"
    SHA256SUMS
    home-extranet-1a3bf8d5e632.tar.gz
    home-intranet-fa56f2dd6a2d.tar.gz
    release.json
    review/report.html
    "#);
    insta::assert_snapshot!(std::fs::read_to_string(target.join("release.json")).expect("the \
        index"), @r#"
    {
      "accepted": [
        {
          "code": "image-tag-floats",
          "on": "service immich",
          "reason": "pinned by the lock"
        }
      ],
      "compiler": "labwright 0.0.9",
      "contentId": "9ba160043e48b770e02570060be3e1db2919813712a55cc1ab8eeadd42aa852b",
      "edition": 1,
      "flows": [
        {
          "from": "lan",
          "port": 80,
          "proto": "tcp",
          "reason": "route",
          "source": "service jellyfin",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 443,
          "proto": "tcp",
          "reason": "expose",
          "source": "service jellyfin",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 8096,
          "proto": "tcp",
          "reason": "expose",
          "source": "service jellyfin",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 80,
          "proto": "tcp",
          "reason": "route",
          "source": "service jellyfin",
          "to": "intranet"
        },
        {
          "from": "lan",
          "port": 443,
          "proto": "tcp",
          "reason": "expose",
          "source": "service jellyfin",
          "to": "intranet"
        },
        {
          "from": "lan",
          "port": 8096,
          "proto": "tcp",
          "reason": "expose",
          "source": "service jellyfin",
          "to": "intranet"
        }
      ],
      "format": "labwright.release/1",
      "images": [
        {
          "digest": null,
          "ref": "jellyfin/jellyfin:10.11.11",
          "service": "jellyfin"
        }
      ],
      "inputId": "1111111111111111111111111111111111111111111111111111111111111111",
      "inputs": [
        {
          "path": "lab.kdl",
          "sha256": "2222222222222222222222222222222222222222222222222222222222222222"
        }
      ],
      "lab": "home",
      "machines": {
        "extranet": {
          "addresses": [
            "192.168.1.111"
          ],
          "archive": "home-extranet-1a3bf8d5e632.tar.gz",
          "contentId": "1a3bf8d5e63287d6cb22d52521f28c3d99c04f35ae741306b48b5dcf4b2bbcb4",
          "kind": "vm",
          "sha256": "a754843f367ac91cf87d02b8065b883547730408b8dd3b14df18aa4accdfa21b"
        },
        "intranet": {
          "addresses": [
            "192.168.1.101"
          ],
          "archive": "home-intranet-fa56f2dd6a2d.tar.gz",
          "contentId": "fa56f2dd6a2da9b3431216f21d90a7d8365637219e7bca7569a911681613ab68",
          "kind": "vm",
          "sha256": "9fb0859bdc5889b3f5cce7f67ef4830489464f75300950979755191f7149c808"
        }
      },
      "routes": [
        {
          "from": [
            "lan"
          ],
          "host": "media.elmzn.be",
          "machine": "intranet",
          "port": 8096,
          "via": "npm"
        }
      ],
      "scrapes": [
        {
          "job": "jellyfin",
          "target": "192.168.1.101:8096"
        }
      ],
      "secrets": [
        {
          "machine": "extranet",
          "mode": "0400",
          "name": "grafana-password",
          "owner": "472",
          "path": "/etc/labwright/secrets/grafana-password"
        },
        {
          "machine": "intranet",
          "mode": "0400",
          "name": "grafana-password",
          "owner": "472",
          "path": "/etc/labwright/secrets/grafana-password"
        }
      ],
      "version": "2025.11.3"
    }
    "#);
    assert_eq!(verify(&target), Vec::<String>::new());
    let sums = std::process::Command::new("sha256sum")
        .args(["--strict", "-c", "SHA256SUMS"])
        .current_dir(&target)
        .output()
        .expect("sha256sum");
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));
}

#[test]
fn the_lists_of_the_index_are_sorted_by_what_names_their_elements_first() {
    let mut facts = facts();
    let flow = |from: &str, to: &str, port| Flow {
        from: from.to_owned(),
        to: to.to_owned(),
        port,
        ..facts.flows[0].clone()
    };
    let flows = vec![
        flow("lan", "b", 22),
        flow("lan", "a", 443),
        flow("lan", "a", 80),
        flow("dmz", "z", 1),
        flow("lan", "a", 80),
    ];
    let route = |host: &str, from: &str| Route {
        host: host.to_owned(),
        from: vec![from.to_owned()],
        ..facts.routes[0].clone()
    };
    let routes = vec![route("b.example", "internet"), route("a.example", "lan")];
    facts.flows = flows;
    facts.routes = routes;
    let mut artifacts = artifacts();
    for (name, path) in [("b", "/1"), ("a", "/2")] {
        let first = artifacts.secrets[0].clone();
        artifacts.secrets.push(RequiredSecret {
            name: name.to_owned(),
            path: path.to_owned(),
            ..first
        });
    }
    for (reference, digest) in [("b:1", None), ("a:1", Some("sha256:00".to_owned()))] {
        artifacts.images.push(ImageUse {
            reference: reference.to_owned(),
            digest,
            service: "x".to_owned(),
        });
    }
    let packed = |name: &&str| {
        (
            (*name).to_owned(),
            Packed::from(&Packer::new().pack(&identity(name), &artifacts).expect("it packs")),
        )
    };
    let index =
        ReleaseIndex::new(facts, MACHINES.iter().map(packed).collect()).expect("the same machines");
    let flows: Vec<(&str, &str, u16)> =
        index.flows.iter().map(|flow| (flow.from.as_str(), flow.to.as_str(), flow.port)).collect();
    assert_eq!(flows, [("dmz", "z", 1), ("lan", "a", 80), ("lan", "a", 443), ("lan", "b", 22)]);
    assert_eq!(
        index.routes.iter().map(|route| route.host.as_str()).collect::<Vec<_>>(),
        ["a.example", "b.example"]
    );
    assert_eq!(
        index.images.iter().map(|image| image.reference.as_str()).collect::<Vec<_>>(),
        ["a:1", "b:1", "jellyfin/jellyfin:10.11.11"]
    );
    let secrets: Vec<(&str, &str)> = index
        .secrets
        .iter()
        .map(|secret| (secret.name.as_str(), secret.machine.as_str()))
        .collect();
    let each = |name| MACHINES.map(|machine| (name, machine)).into_iter().rev();
    assert_eq!(
        secrets,
        each("a").chain(each("b")).chain(each("grafana-password")).collect::<Vec<_>>()
    );
}

#[test]
fn the_index_is_sorted_by_key_and_needs_every_machine() {
    let packed = |name: &str| {
        let bundle = Packer::new().pack(&identity(name), &artifacts()).expect("it packs");
        (name.to_owned(), Packed::from(&bundle))
    };
    let index = ReleaseIndex::new(facts(), MACHINES.iter().map(|name| packed(name)).collect())
        .expect("the same machines");
    let text = String::from_utf8(index.to_json().expect("json")).expect("text");
    let value: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(format!("{}\n", serde_json::to_string_pretty(&value).expect("json")), text);
    assert_eq!(index.folder(), "home-2025.11.3");

    let missing = ReleaseIndex::new(facts(), BTreeMap::from([packed("intranet")]))
        .expect_err("one is missing");
    assert_eq!(missing.to_string(), "the bundle of `extranet`: it was not built");
    let stray = ReleaseIndex::new(facts(), ["intranet", "extranet", "nas"].map(packed).into())
        .expect_err("one too many");
    assert_eq!(stray.to_string(), "the bundle of `nas`: the lab has no such machine");
}

/// Writes a release, lets `change` damage it, and returns the problems that verify finds.
fn after(change: impl FnOnce(&Path)) -> String {
    let base = tempfile::tempdir().expect("a temporary folder");
    let target = base.path().join("release");
    write(&target, &Interrupt::default()).expect("it is written");
    change(&target);
    verify(&target).join("\n").replace(&base.path().display().to_string(), "BASE")
}

fn archive_of(target: &Path, machine: &str) -> String {
    let names: BTreeSet<String> = folder::list(target).expect("a folder");
    names.into_iter().find(|name| name.contains(&format!("-{machine}-"))).expect("the archive")
}

/// Changes text in a file, and updates the hashes as an attacker would.
fn forge(target: &Path, name: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(target.join(name)).expect("the file");
    assert!(text.contains(from), "{name} holds `{from}`");
    std::fs::write(target.join(name), text.replacen(from, to, 1)).expect("write");
    let sums: Vec<String> = folder::list(target)
        .expect("a folder")
        .into_iter()
        .filter(|name| name != "SHA256SUMS")
        .map(|name| {
            format!(
                "{}  {name}\n",
                labwright::digest::sha256_hex(&folder::read(target, &name).expect("read"))
            )
        })
        .collect();
    std::fs::write(target.join("SHA256SUMS"), sums.concat()).expect("write");
}

#[test]
fn verify_notices_every_change() {
    let changes = [
        after(|target| std::fs::write(target.join("extra.txt"), "x").expect("write")),
        after(|target| {
            std::fs::remove_file(target.join(archive_of(target, "intranet"))).expect("remove");
        }),
        after(|target| std::fs::remove_file(target.join("review/report.html")).expect("remove")),
        after(|target| std::fs::remove_file(target.join("release.json")).expect("remove")),
        after(|target| {
            std::fs::write(target.join("review/report.html"), "<script>").expect("write");
        }),
        after(|target| {
            let archive = target.join(archive_of(target, "intranet"));
            let bytes = std::fs::read(&archive).expect("read");
            std::fs::write(&archive, &bytes[..bytes.len() - 9]).expect("write");
        }),
        after(|target| std::fs::write(target.join("SHA256SUMS"), "nonsense\n").expect("write")),
        after(|target| std::fs::write(target.join("release.json"), "{}\n").expect("write")),
        after(|target| std::fs::create_dir(target.join("empty")).expect("a folder")),
        after(|target| {
            std::os::unix::fs::symlink("release.json", target.join("link")).expect("a link");
        }),
        after(|target| {
            std::fs::rename(target.join("review/report.html"), target.join("../report.html"))
                .expect("rename");
            std::os::unix::fs::symlink("../../report.html", target.join("review/report.html"))
                .expect("a link");
        }),
        after(|target| {
            let sums = std::fs::read_to_string(target.join("SHA256SUMS")).expect("read");
            std::fs::write(target.join("SHA256SUMS"), sums.replace('\n', "\r\n")).expect("write");
        }),
    ];
    crate::snapshots::assert_snapshot("release", "sums-changed", &changes.join("\n---\n"));
}

#[test]
fn verify_notices_a_release_that_was_put_together_with_new_hashes() {
    let forged = |from: &'static str, to: &'static str| {
        after(move |target| forge(target, "release.json", from, to))
    };
    let problems = [
        forged("\"contentId\": \"", "\"contentId\": \"0"),
        forged("release/1", "release/2"),
        forged("\"kind\": \"vm\"", "\"kind\": \"vm\", \"sponsor\": \"x\""),
        forged("\"name\": \"grafana-password\"", "\"name\": \"grafana-passw0rd\""),
        forged("\"ref\": \"jellyfin/jellyfin:10.11.11\"", "\"ref\": \"evil/jellyfin:10.11.11\""),
        forged("\"version\": \"2025.11.3\"", "\"version\": \"2025.11.4\""),
        forged("\"edition\": 1", "\"edition\":  1"),
        forged("\"to\": \"extranet\"", "\"to\": \"somewhere\""),
        forged("\"port\": 443", "\"port\": 444"),
        forged("\"reason\": \"expose\"", "\"reason\": \"need\""),
        forged("\"edition\": 1", "\"edition\": 99"),
        forged("\"compiler\": \"labwright 0.0.9\"", "\"compiler\": \"\\u001b[2J\""),
        forged("\"compiler\": \"labwright 0.0.9\"", "\"compiler\": \"a stranger\""),
        forged("\"192.168.1.101\"", "\"192.168.1.999\""),
        forged("\"192.168.1.111\"", "\"192.168.1.112\""),
        forged("\"target\": \"192.168.1.101", "\"target\": \"192.168.1.102"),
        forged("\"via\": \"npm\"", "\"via\": \"other\""),
        forged("        \"lan\"\n", "        \"internet\"\n"),
        forged("\"kind\": \"vm\"", "\"kind\": \"toaster\""),
        forged("\"kind\": \"vm\"", "\"kind\": \"lxc\""),
        forged("\"host\": \"media.", "\"host\": \"medea."),
        forged(
            "\"machine\": \"intranet\",\n      \"port\": 8096",
            "\"machine\": \"extranet\",\n      \"port\": 8096",
        ),
        after(|target| {
            let sums = std::fs::read_to_string(target.join("SHA256SUMS")).expect("read");
            let itself = format!("{}  SHA256SUMS\n", "0".repeat(64));
            std::fs::write(target.join("SHA256SUMS"), itself + &sums).expect("write");
        }),
        after(|target| {
            std::fs::write(target.join("extra.txt"), "x").expect("write");
            forge(target, "release.json", "lan", "lan");
        }),
        after(|target| {
            let (one, other) = (archive_of(target, "intranet"), archive_of(target, "extranet"));
            forge(target, "release.json", &one, "ONE");
            forge(target, "release.json", &other, &one);
            forge(target, "release.json", "ONE", &other);
        }),
        after(|target| {
            let one = archive_of(target, "intranet");
            std::fs::rename(target.join(&one), target.join(one.replace("intranet", "nas")))
                .expect("rename");
            forge(target, "release.json", "lan", "lan");
        }),
    ];
    let text = problems.join("\n---\n");
    assert!(problems.iter().all(|problem| !problem.is_empty()), "{text}");
    crate::snapshots::assert_snapshot("release", "index-changed", &text);
}
