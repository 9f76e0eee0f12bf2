//! Checks the shipped labs: no finding is open, and each emitted file matches its snapshot.
//! `accepted` asks the programs that read the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use labwright::artifact::{Artifacts, SHARED_FOLDERS};
use labwright::bundle::read::read_archive;
use labwright::bundle::release::{Machine, ReleaseIndex};
use labwright::compile::{self, Memory};
use labwright::diag::Diagnostics;
use labwright::emit::{Context, EMITTERS, RUNNERS, Shared};
use labwright::load::read_lab;
use labwright::plan::Plan;
use labwright::review::snapshot::snapshot;
use labwright::source::Sources;

use crate::cli::{files, labwright};
use crate::snapshots::assert_snapshot;

fn folder(lab: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs").join(lab)
}

/// Builds a lab and returns each machine's archive with its name.
fn archives(lab: &Path) -> BTreeMap<String, (String, Vec<u8>)> {
    let sources = read_lab(lab).expect("the lab can be read");
    let compiled = labwright::compile(&sources, Memory::open);
    let open: Vec<String> = compiled
        .findings
        .iter()
        .map(|found| format!("{}: {}", found.code.name, found.message))
        .collect();
    assert_eq!(
        open,
        Vec::<String>::new(),
        "a shipped lab answers every finding, by what it says or by an `accept`"
    );
    let release = compiled.release.expect("it is built");
    let mut kept: BTreeMap<String, Vec<u8>> = release
        .sink
        .bundles()
        .into_iter()
        .map(|bundle| (bundle.file_name(), bundle.archive))
        .collect();
    let archive = |(machine, packed): (String, Machine)| {
        let bytes = kept.remove(&packed.archive).unwrap_or_default();
        (machine, (packed.archive, bytes))
    };
    release.index.machines.into_iter().map(archive).collect()
}

/// Compares every file with its snapshot, and fails on a snapshot without a file. The tree is the
/// one that `labwright snapshot` writes.
fn lab(name: &str) {
    let sources = read_lab(&folder(name)).expect("the lab can be read");
    let mut analyzed = compile::analyze(&sources);
    let plan = analyzed.check(&sources).plan.expect("a lab without errors");
    let machines = compile::artifacts(&plan, &sources).expect("files that can be emitted");
    for (machine, artifacts) in &machines {
        for (path, file) in &artifacts.files {
            assert_ne!(file.origin, Vec::<String>::new(), "{machine}/{path} has no origin");
        }
    }
    check_folders(&plan, &sources);
    let mut emitted = BTreeSet::new();
    for (path, bytes) in snapshot(&machines).expect("a tree") {
        // labctl is a source file itself, and the page is the same for every lab.
        let Some((folder, file)) = path.rsplit_once('/') else { continue };
        let text = String::from_utf8(bytes).expect("emitted files are text");
        assert_snapshot(&format!("{name}/{folder}"), file, &text);
        emitted.insert(format!("{path}.snap"));
    }
    let kept = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name));
    // What insta proposes is there after a failure, until somebody decides.
    let kept = kept.keys().filter(|path| !path.ends_with(".snap.new"));
    let stale: Vec<&String> = kept.filter(|path| !emitted.contains(*path)).collect();
    assert_eq!(stale, Vec::<&String>::new(), "snapshots of files that nothing emits any more");
}

/// Checks that each emitter writes only to the folders that it names, so that no service can have
/// the name of one.
fn check_folders(plan: &Plan<'_>, sources: &Sources) {
    let shared = Shared::default();
    let is_service = |name: &str| plan.model.services.iter().any(|service| service.name == name);
    for (machine, _) in plan.model.machines() {
        let context = Context { plan, machine, sources, shared: &shared };
        let mut artifacts = Artifacts::default();
        for emitter in EMITTERS.iter().chain(RUNNERS) {
            let before: BTreeSet<String> = artifacts.files.keys().cloned().collect();
            (emitter.emit)(&context, &mut artifacts, &mut Diagnostics::default());
            for path in artifacts.files.keys().filter(|path| !before.contains(*path)) {
                let top = path.split('/').next().unwrap_or_default();
                assert!(
                    emitter.folders.iter().chain(SHARED_FOLDERS).any(|folder| *folder == top)
                        || is_service(top),
                    "the emitter {} writes {path}, but does not name `{top}`",
                    emitter.name
                );
            }
        }
    }
}

/// Checks every threshold of the plan from both sides.
#[test]
fn the_alerts_of_blackbox_keep_to_its_plan() {
    let mut archives = archives(&folder("blackbox"));
    let (name, archive) = archives.remove("control-tower").expect("the machine of Prometheus");
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    let folder = tempfile::tempdir().expect("a folder");
    let rules = &contents.files["payload/prometheus/rules/lab.yml"];
    std::fs::write(folder.path().join("lab.yml"), rules).expect("the rules");
    let tests = include_str!("blackbox-alerts.yml");
    std::fs::write(folder.path().join("tests.yml"), tests).expect("the tests");
    for alert in std::str::from_utf8(rules)
        .expect("text")
        .split("alert: '")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next())
    {
        assert!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} is tested by nothing");
    }
    crate::consumers::promtool_test_rules(&folder.path().join("tests.yml"))
        .expect("every alert fires and keeps still when it should");
}

/// Checks that the variants that `lab.kdl` does not select have no open finding either, and can be
/// built.
#[test]
fn every_variant_of_blackbox_is_whole() {
    const SELECTED: &str = "select immich-on-media productivity-on-lxc";
    for variant in [
        "immich-on-nas productivity-on-lxc",
        "immich-on-media productivity-on-pi",
        "immich-on-nas productivity-on-pi",
    ] {
        let copy = tempfile::tempdir().expect("a folder");
        for file in std::fs::read_dir(folder("blackbox")).expect("the lab") {
            let file = file.expect("a file");
            let text = std::fs::read_to_string(file.path()).expect("a source");
            std::fs::write(
                copy.path().join(file.file_name()),
                text.replace(SELECTED, &format!("select {variant}")),
            )
            .expect("a copy");
        }
        let archives = archives(copy.path());
        let runs = |machine: &str, service: &str| {
            let (name, archive) = &archives[machine];
            let contents = read_archive(name, archive).expect("our own archive can be read");
            let compose = String::from_utf8_lossy(&contents.files["payload/compose/compose.yaml"]);
            compose.contains(&format!("container_name: '{service}'"))
        };
        assert_eq!(runs("cargo", "immich"), variant.contains("immich-on-nas"));
        assert_eq!(runs("control-tower", "paperless-ngx"), variant.contains("productivity-on-pi"));
    }
}

/// Returns the job and target of every scrape in a `prometheus.yml`, which we write one per line.
fn scraped(config: &str) -> BTreeSet<(String, String)> {
    let quoted = |line: &str, key: &str| {
        line.trim()
            .strip_prefix(key)?
            .trim()
            .strip_prefix('\'')?
            .strip_suffix('\'')
            .map(str::to_owned)
    };
    let (_, jobs) = config.split_once("scrape_configs:").expect("it scrapes");
    let mut job = String::new();
    let mut found = BTreeSet::new();
    let mut lines = jobs.lines().peekable();
    while let Some(line) = lines.next() {
        job = quoted(line, "- job_name:").unwrap_or(job);
        if line.trim() == "- targets:" {
            while let Some(target) = lines.peek().and_then(|line| quoted(line, "-")) {
                found.insert((job.clone(), target));
                lines.next();
            }
        }
    }
    found
}

#[test]
fn the_index_lists_all_that_prometheus_asks() {
    for name in ["blackbox", "media-server-single"] {
        let release = tempfile::tempdir().expect("a folder");
        let out = release.path().join("release");
        let build = labwright(&folder(name), &["build", "--out", out.to_str().expect("text")]);
        assert_eq!(build.code, 0, "{build:?}");
        let index: ReleaseIndex =
            serde_json::from_slice(&std::fs::read(out.join("release.json")).expect("the index"))
                .expect("JSON");
        let listed: BTreeSet<(String, String)> =
            index.scrapes.into_iter().map(|scrape| (scrape.job, scrape.target)).collect();
        let mut asked = BTreeSet::new();
        for machine in index.machines.values() {
            let bytes = std::fs::read(out.join(&machine.archive)).expect("the archive");
            let contents =
                read_archive(&machine.archive, &bytes).expect("our own archive can be read");
            let config = contents.files.get("payload/prometheus/prometheus.yml");
            asked.extend(
                config
                    .into_iter()
                    .flat_map(|config| scraped(std::str::from_utf8(config).expect("text"))),
            );
        }
        assert!(asked.iter().any(|(job, _)| job == "probe:routes"), "{asked:?}");
        assert_eq!(listed, asked);
    }
}

#[test]
fn media_server_home() {
    lab("media-server-home");
}

#[test]
fn media_server_single() {
    lab("media-server-single");
}

#[test]
fn media_automation() {
    lab("media-automation");
}

#[test]
fn blackbox() {
    lab("blackbox");
}
