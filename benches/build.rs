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

use std::path::Path;

use labwright::artifact::Artifacts;
use labwright::bundle::{Identity, Packer};
use labwright::decl::{Block, decode, layer, schema};
use labwright::diag::Diagnostics;
use labwright::disk::interrupt::Interrupt;
use labwright::disk::output::ReleaseWriter;
use labwright::emit::{self, Context, Shared};
use labwright::model::MachineId;
use labwright::plan::plan;
use labwright::source::{SourceFile, Sources};
use labwright::{check, resolve, syntax};
use measure::Volume;
use rayon::prelude::*;

fn main() {
    let given: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![1, 10, 100, 1_000, 10_000] } else { given };
    for machines in sizes {
        println!("\n{machines} machines");
        measure::head();
        stages(machines);
        process(machines);
    }
}

/// Measures each stage on its own, on one thread, then packing on one and on two.
fn stages(machines: usize) {
    let sources = lab::sources(machines);
    let kdl: u64 = sources.files().map(|(_, file)| file.text.len() as u64).sum();
    let read = Volume { read: kdl, written: 0 };
    let one = threads(1);
    one.install(|| {
        let mut found = Diagnostics::default();
        let documents =
            measure::run_keeping("parse", machines, read, || parse(&sources, &mut found));
        let blocks: Vec<Block<'_>> = measure::run_keeping("decode", machines, read, || {
            let decode = |(document, file)| {
                decode::nodes(document, "file", &[schema::TOP], file, &mut found)
            };
            documents.into_iter().flat_map(decode).collect()
        });
        let lab =
            measure::run_keeping("layer", machines, read, || layer::layer(blocks, &mut found))
                .expect("a lab");
        let model = measure::run_keeping("resolve", machines, read, || {
            resolve::resolve(&lab, &sources, &mut found)
        });
        let plan = measure::run_keeping("plan", machines, read, || plan(&model));
        measure::run_keeping("check", machines, read, || check::check(&plan, &mut found));
        assert!(!found.has_errors(), "the generated lab is at fault: {found:?}");
        let shared = Shared::default();
        let emit = |index: usize| {
            let context = Context {
                plan: &plan,
                machine: MachineId::at(index),
                sources: &sources,
                shared: &shared,
            };
            emit::emit(&context, &mut Diagnostics::default())
        };
        // The floor needs all files at once. For ten thousand machines they take more memory than a
        // build ever uses.
        let kept = model.machines.len().min(1_100);
        let ready: Vec<(Identity, Artifacts)> = measure::run_keeping("emit", kept, read, || {
            (0..kept).map(|index| (identity(&model.machines[index].name), emit(index))).collect()
        });
        measure::run("floor, 1 thread", kept, || floor(&ready));
        threads(2).install(|| measure::run("floor, 2 threads", kept, || floor(&ready)));
    });
}

fn parse<'s>(
    sources: &'s Sources,
    found: &mut Diagnostics,
) -> Vec<(Vec<syntax::Node<'s>>, &'s SourceFile)> {
    let kdl = sources.files().filter(|(_, file)| {
        Path::new(&file.path).extension().is_some_and(|extension| extension == "kdl")
    });
    kdl.map(|(id, file)| (syntax::parse(&file.text, id, found).unwrap_or_default().nodes, file))
        .collect()
}

fn identity(machine: &str) -> Identity {
    Identity { lab: "bench".to_owned(), machine: machine.to_owned(), version: "2026.1".to_owned() }
}

fn threads(number: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(number).build().expect("threads")
}

/// Packs and writes ready-made files as a build does.
fn floor(ready: &[(Identity, Artifacts)]) -> Volume {
    let base = tempfile::tempdir().expect("a temporary folder");
    let writer =
        ReleaseWriter::new(&base.path().join("release"), &Interrupt::default()).expect("it starts");
    let packer = Packer::new();
    let written = ready
        .par_iter()
        .map(|(identity, artifacts)| {
            let bundle = packer.pack(identity, artifacts).expect("it packs");
            let length = bundle.archive.len() as u64;
            writer.add_bundle(&bundle).expect("it is written");
            length
        })
        .sum();
    writer.finish(b"{}\n").expect("it is written");
    let size = |artifacts: &Artifacts| {
        artifacts.files.values().map(|file| file.bytes.len() as u64).sum::<u64>()
    };
    Volume { read: ready.iter().map(|(_, artifacts)| size(artifacts)).sum(), written }
}

/// Measures whole builds: the process from its start to its end, on one thread and on two.
fn process(machines: usize) {
    let base = tempfile::tempdir().expect("a temporary folder");
    let folder = base.path().join("lab");
    let mut kdl = 0;
    for (path, text) in lab::files(machines) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        kdl += text.len() as u64;
        std::fs::write(path, text).expect("a file");
    }
    for threads in ["1", "2"] {
        let name =
            format!("whole process, {threads} thread{}", if threads == "1" { "" } else { "s" });
        measure::process(&name, machines, kdl, || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_labwright"));
            command
                .arg("build")
                .arg(&folder)
                .arg("--out")
                .arg(base.path().join("release"))
                .env("RAYON_NUM_THREADS", threads);
            command
        });
    }
}
