//! Checks the release folder: its content, and that `verify` notices every change to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use labwright::artifact::Slot;
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
use labwright::plan::secret_path;

use super::{artifacts, identity};

/// The connections to either machine.
const FLOWS: &str = "lan\ttcp\t443\texpose proxy.https\t192.168.1.0/24\t-\n\
                     lan\ttcp\t80\troute npm.http\t192.168.1.0/24\t-\n\
                     lan\ttcp\t8096\texpose jellyfin.web\t192.168.1.0/24\t-\n";

pub const MACHINES: [&str; 2] = ["intranet", "extranet"];

pub fn facts() -> ReleaseFacts {
    let flow = |to: &str, port, reason: &str| Flow {
        from: "lan".to_owned(),
        to: to.to_owned(),
        last_port: None,
        port,
        proto: "tcp".to_owned(),
        reason: reason.to_owned(),
        source: "lab.kdl:1".to_owned(),
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
        // What no lab makes is refused.
        artifacts.files.remove("empty.txt");
        artifacts.one_way.clear();
        if machine == "extranet" {
            artifacts.files.remove("compose/compose.yaml");
            artifacts.images.clear();
        } else {
            let row = "jellyfin\tjellyfin/jellyfin:10.11.11\taaaa\n";
            let origin = vec!["service jellyfin".to_owned()];
            artifacts.add("compose/containers.tsv", Kind::Table, row, origin);
        }
        artifacts.secrets[0].path = secret_path("grafana-password", "472");
        let timer = || vec!["service jellyfin".to_owned()];
        artifacts.add("systemd/units.tsv", Kind::Table, "dump.timer\tenable-start\n", timer());
        artifacts.step(
            Slot::UNITS,
            "dump.timer",
            &["systemd/dump.timer"],
            "systemctl enable --quiet dump.timer\nsystemctl restart dump.timer\n",
            timer(),
        );
        artifacts.add("firewall/flows.tsv", Kind::Table, FLOWS, vec!["zone lan".to_owned()]);
        let (name, other) = match machine {
            "intranet" => ("extranet", "192.168.1.111"),
            _ => ("intranet", "192.168.1.101"),
        };
        artifacts.add(
            "reach/connections.tsv",
            Kind::Table,
            [443, 80, 8096].map(|port| format!("open\t{other}\t{port}\t{name}\tweb\n")).concat(),
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
    let index = ReleaseIndex::new(facts(), bundles).expect("the same machines");
    writer.add_review(&super::forged_review::of(&index))?;
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
    home-extranet-b71283440004.tar.gz
    home-intranet-c90cb3bc1435.tar.gz
    release.json
    review/bring-up.html
    review/report.html
    review/services.tsv
    review/summary.md
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
      "contentId": "a9645263174ab40bb422b0f3863a8551f9ca1e2cbc1b887fbc1c0d704b02ed79",
      "edition": 1,
      "flows": [
        {
          "from": "lan",
          "port": 80,
          "proto": "tcp",
          "reason": "route",
          "source": "lab.kdl:1",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 443,
          "proto": "tcp",
          "reason": "expose",
          "source": "lab.kdl:1",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 8096,
          "proto": "tcp",
          "reason": "expose",
          "source": "lab.kdl:1",
          "to": "extranet"
        },
        {
          "from": "lan",
          "port": 80,
          "proto": "tcp",
          "reason": "route",
          "source": "lab.kdl:1",
          "to": "intranet"
        },
        {
          "from": "lan",
          "port": 443,
          "proto": "tcp",
          "reason": "expose",
          "source": "lab.kdl:1",
          "to": "intranet"
        },
        {
          "from": "lan",
          "port": 8096,
          "proto": "tcp",
          "reason": "expose",
          "source": "lab.kdl:1",
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
          "archive": "home-extranet-b71283440004.tar.gz",
          "contentId": "b71283440004d6c5bb5422e8a563d8aba75211631e0d2b49092ecad297359a04",
          "kind": "vm",
          "sha256": "71afab3d8812b04c014e4e012c22c833a96364f267034b8eff52fdf0f957d41e"
        },
        "intranet": {
          "addresses": [
            "192.168.1.101"
          ],
          "archive": "home-intranet-c90cb3bc1435.tar.gz",
          "contentId": "c90cb3bc143553dab31869262f7cb6171b75503b39172058ad72d0289bc9389b",
          "kind": "vm",
          "sha256": "149aa002083c2d7d2fa40482d66162a1c6aa2d37af363428bf87c65686df524c"
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
          "path": "/etc/labwright/secrets/472/grafana-password"
        },
        {
          "machine": "intranet",
          "mode": "0400",
          "name": "grafana-password",
          "owner": "472",
          "path": "/etc/labwright/secrets/472/grafana-password"
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
