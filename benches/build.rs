//! Measures a build, stage by stage and as a whole process, and compares it with the floor: the
//! same files ready-made, only hashed, archived, deflated and written.
//!
//! `cargo bench --bench build -- 1 100 1000` sets other numbers of machines. Put TMPDIR on a RAM
//! disk, or the disk is measured.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "measures time, and writes where a release goes"
)]

mod lab;
mod measure;

use std::collections::BTreeMap;

use labwright::artifact::Artifacts;
use labwright::bundle::{Identity, Packer};
use labwright::compile::{self, Discard};
use labwright::disk::interrupt::Interrupt;
use labwright::disk::output::ReleaseWriter;
use labwright::source::Sources;
use measure::{Spent, Volume};
use rayon::prelude::*;

/// The most machines whose files are in memory at once.
const MOST_AT_ONCE: usize = 1_000;

fn main() {
    let given: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![1, 10, 100, 1_000, 10_000] } else { given };
    for machines in sizes {
        println!("\n{machines} machines");
        measure::head();
        let floors = stages(machines);
        process(machines, floors);
    }
}

/// Measures each stage on its own, on one thread, then the whole of it and the floor on one and on
/// two. Returns what the floors took; there are none where the files of all machines at once would
/// take more memory than a build ever does.
fn stages(machines: usize) -> Option<[Spent; 2]> {
    let sources = lab::sources(machines);
    let kdl: u64 = sources.files().map(|(_, file)| file.text.len() as u64).sum();
    let read = |_: &_| Volume { read: kdl, written: 0 };
    let pools = [threads(1), threads(2)];
    let ready = pools[0].install(|| {
        let mut analyzed =
            measure::run_keeping("parse to resolve", machines, || compile::analyze(&sources), read);
        let checked = measure::run_keeping(
            "plan and check",
            machines,
            || analyzed.check(&sources),
            |_| Volume { read: kdl, written: 0 },
        );
        let plan = checked.plan.expect("the generated lab has no error");
        let emit = || compile::artifacts(&plan, &sources).expect("no machine has a finding");
        let volume = |made: &_| Volume { read: size(made), written: 0 };
        (machines <= MOST_AT_ONCE).then(|| measure::run_keeping("emit", machines, emit, volume))
    });
    for (pool, name) in pools.iter().zip(["compile, 1 thread", "compile, 2 threads"]) {
        pool.install(|| measure::run(name, machines, || whole(&sources, kdl)));
    }
    let ready = ready?;
    let floors = pools
        .iter()
        .zip(["floor, 1 thread", "floor, 2 threads"])
        .map(|(pool, name)| pool.install(|| measure::run(name, machines, || floor(&ready))));
    let [one, two] = floors.collect::<Vec<_>>()[..] else { unreachable!("two pools") };
    Some([one, two])
}

/// Compiles a lab in memory, and keeps nothing.
fn whole(sources: &Sources, kdl: u64) -> Volume {
    let compiled = labwright::compile(sources, Discard::open);
    compiled.release.expect("the generated lab has no error");
    Volume { read: kdl, written: 0 }
}

/// Returns the size of all files of all machines.
fn size(machines: &BTreeMap<String, Artifacts>) -> u64 {
    let files = machines.values().flat_map(|artifacts| artifacts.files.values());
    files.map(|file| file.bytes.len() as u64).sum()
}

fn threads(number: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(number).build().expect("threads")
}

/// Packs and writes ready-made files as a build does.
fn floor(ready: &BTreeMap<String, Artifacts>) -> Volume {
    let base = tempfile::tempdir().expect("a temporary folder");
    let writer =
        ReleaseWriter::new(&base.path().join("release"), &Interrupt::default()).expect("it starts");
    let packer = Packer::new();
    let written = ready
        .par_iter()
        .map(|(machine, artifacts)| {
            let identity = Identity {
                lab: "bench".to_owned(),
                machine: machine.clone(),
                version: "2026.1".to_owned(),
            };
            let bundle = packer.pack(&identity, artifacts).expect("it packs");
            let length = bundle.archive.len() as u64;
            writer.add_bundle(&bundle).expect("it is written");
            length
        })
        .sum();
    writer.finish(b"{}\n").expect("it is written");
    Volume { read: size(ready), written }
}

/// Measures whole builds, the process from its start to its end, on one thread and on two, and
/// compares them with the floors.
fn process(machines: usize, floors: Option<[Spent; 2]>) {
    let base = tempfile::tempdir().expect("a temporary folder");
    let folder = base.path().join("lab");
    let mut kdl = 0;
    for (path, text) in lab::files(machines) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        kdl += text.len() as u64;
        std::fs::write(path, text).expect("a file");
    }
    for (index, threads) in ["1", "2"].into_iter().enumerate() {
        let name =
            format!("whole process, {threads} thread{}", if threads == "1" { "" } else { "s" });
        let spent = measure::process(&name, machines, kdl, || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_labwright"));
            command
                .arg("build")
                .arg(&folder)
                .arg("--out")
                .arg(base.path().join("release"))
                .env("RAYON_NUM_THREADS", threads);
            command
        });
        if let Some(floors) = floors {
            spent.compare(floors[index]);
        }
    }
}
