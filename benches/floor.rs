//! The floor of a build: the files are ready, and are only hashed, archived, deflated and written.
//!
//! No build can be faster than this; how far a build is from it is what the compiler itself costs.
//! `cargo bench --bench floor -- 1000` takes another number of machines.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures time, and writes where a release goes")]

mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use labwright::artifact::{Artifacts, Kind, Phase};
use labwright::bundle::{Identity, Packer, ids};
use labwright::cli::interrupt::Interrupt;
use labwright::cli::output::ReleaseWriter;
use measure::Volume;
use rayon::prelude::*;

fn main() {
    let machines = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    measure::head();
    for (name, shared) in [("own files alone", false), ("with labctl and a dashboard", true)] {
        let ready: Vec<(Identity, Artifacts)> = (0..machines).map(|index| machine(index, shared)).collect();
        measure::run(&format!("{name}, plain libraries"), machines, || plain(&ready));
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            measure::run(&format!("{name}, {threads} thread{}", if threads == 1 { "" } else { "s" }), machines, || {
                pool.install(|| floor(&ready))
            });
        }
    }
}

fn size(artifacts: &Artifacts) -> u64 {
    artifacts.files.values().map(|file| file.bytes.len() as u64).sum()
}

/// Packs and writes as a build does.
fn floor(ready: &[(Identity, Artifacts)]) -> Volume {
    let base = tempfile::tempdir().expect("a temporary folder");
    let writer = ReleaseWriter::new(&base.path().join("release"), &Interrupt::default()).expect("it starts");
    let packer = Packer::new();
    let written = ready
        .par_iter()
        .map(|(identity, artifacts)| {
            let bundle = packer.pack(identity, artifacts).expect("it packs");
            let length = bundle.archive.len() as u64;
            writer.add_bundle(bundle).expect("it is written");
            length
        })
        .sum();
    writer.finish(b"{}\n").expect("it is written");
    Volume { read: ready.iter().map(|(_, artifacts)| size(artifacts)).sum(), written }
}

/// Does the least that makes such archives, one machine after another with nothing kept between them.
fn plain(ready: &[(Identity, Artifacts)]) -> Volume {
    let base = tempfile::tempdir().expect("a temporary folder");
    let mut volume = Volume::default();
    for (identity, artifacts) in ready {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut tar = tar::Builder::new(gzip);
        let mut sums = BTreeMap::new();
        for (path, file) in &artifacts.files {
            sums.insert(path, ids::sha256_hex(&file.bytes));
            let mut header = tar::Header::new_ustar();
            header.set_size(file.bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, file.bytes.as_slice()).expect("memory");
        }
        let archive = tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory");
        let mut file = std::fs::File::create(base.path().join(&identity.machine)).expect("a file");
        file.write_all(&archive).expect("it is written");
        volume.read += size(artifacts);
        volume.written += archive.len() as u64;
    }
    volume
}

/// Makes a machine with the files that a small one has; with `shared` also those that are the same everywhere.
fn machine(index: usize, shared: bool) -> (Identity, Artifacts) {
    let identity = Identity { lab: "bench".to_owned(), machine: format!("vm{index:05}"), version: "1.0.0".to_owned() };
    let mut artifacts = Artifacts::default();
    let origin = || vec![format!("vm vm{index:05}"), "service jellyfin".to_owned()];
    let address = format!("10.{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255);
    artifacts.add("compose/compose.yaml", Kind::Compose, compose(index), origin());
    artifacts.add("firewall/nftables.nft", Kind::Nftables, firewall(index), origin());
    artifacts.add("cloud-init/user-data", Kind::CloudInitUserData, text(900, index as u64, "runcmd"), origin());
    artifacts.add(
        "cloud-init/meta-data",
        Kind::CloudInitMetaData,
        format!("instance-id: vm{index}\nlocal-hostname: vm{index}\n"),
        origin(),
    );
    artifacts.add("cloud-init/network-config", Kind::CloudInitNetworkConfig, format!("version: 2\naddresses: [{address}/8]\n"), origin());
    artifacts.add("RUNBOOK.md", Kind::Markdown, text(1500, index as u64 + 7, "machine"), origin());
    artifacts.install(
        "systemd/dump.service",
        Kind::SystemdUnit,
        "[Service]\nType=oneshot\n",
        origin(),
        "/etc/systemd/system/dump.service",
        "0644",
    );
    artifacts.step(Phase::Check, 10, "firewall", &[], "nft -c -f firewall/nftables.nft\n", origin());
    artifacts.step(Phase::Activate, 30, "firewall", &["firewall/"], "nft -f firewall/nftables.nft\n", origin());
    artifacts.step(Phase::Activate, 50, "compose", &["compose/"], "docker compose -f compose/compose.yaml up -d\n", origin());
    artifacts.step(Phase::Health, 50, "compose", &[], "docker compose -f compose/compose.yaml ps\n", origin());
    if shared {
        artifacts.add("labctl", Kind::Shell, text(45_000, 1, "echo"), vec!["fixed by the emitter labctl".to_owned()]);
        artifacts.add("grafana/node.json", Kind::GrafanaDashboard, text(60_000, 2, "panel"), origin());
    }
    (identity, artifacts)
}

fn compose(index: usize) -> String {
    let mut text = String::from("services:\n");
    for (offset, name) in ["jellyfin", "sonarr", "radarr", "prowlarr", "grafana", "node-exporter"].into_iter().enumerate() {
        let port = 8000 + (index * 7 + offset * 131) % 9000;
        let _ = write!(
            text,
            "  {name}:\n    image: \"ghcr.io/example/{name}:{}.{offset}.1\"\n    restart: \"unless-stopped\"\n    ports:\n      - \
             \"{port}:{port}/tcp\"\n    volumes:\n      - \"/srv/{name}/config:/config\"\n    environment:\n      TZ: \"Europe/Brussels\"\n",
            index % 40
        );
    }
    text
}

fn firewall(index: usize) -> String {
    let mut text = String::from("table inet labwright {\n  chain input {\n");
    for rule in 0..12 {
        let _ =
            writeln!(text, "    ip saddr 10.{}.0.0/16 tcp dport {} accept", (index + rule) % 256, 1024 + (index * 31 + rule * 977) % 60000);
    }
    text.push_str("  }\n}\n");
    text
}

/// Makes so many bytes of words and numbers that pack about as well as configuration does.
fn text(length: usize, seed: u64, word: &str) -> String {
    const WORDS: [&str; 16] = [
        "service",
        "volume",
        "restart",
        "network",
        "address",
        "interval",
        "target",
        "container",
        "backup",
        "dataset",
        "unit",
        "enabled",
        "secret",
        "owner",
        "config",
        "health",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ =
            writeln!(text, "  {word}-{}: {} {}", WORDS[(state >> 60) as usize], WORDS[(state >> 40 & 15) as usize], state >> 44 & 0xfff);
    }
    text
}
