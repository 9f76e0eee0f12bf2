//! Asks why lines of emitted files are there, and holds the answers against the lab itself: what is
//! named changes the line.

mod again;
mod command;
mod complete;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use labwright::artifact::Artifacts;
use labwright::compile;
use labwright::emit::fixed::{FIXED, reason};
use labwright::load::read_lab;
use labwright::review::snapshot;
use labwright::source::{Layer, SourceFile, Sources, Span};
use labwright::why::answer::Explainer;
use labwright::why::edit::{Edit, Workbench, apply};
use labwright::why::find::Target;
use labwright::why::question::read;
use labwright::why::reason::{Line, Reason, Role};
use labwright::why::unused::unused;

const LABS: [&str; 4] =
    ["media-server-home", "media-server-single", "media-automation", "blackbox"];

fn lab(name: &str) -> Sources {
    read_lab(&root().join("modules/labs").join(name)).expect("the lab can be read")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Builds a lab, and lists the modules that its services use and the names of its services.
fn build(sources: &Sources) -> (BTreeMap<String, Artifacts>, BTreeSet<String>, BTreeSet<String>) {
    let mut analyzed = compile::analyze(sources);
    let plan = analyzed.check(sources).plan.expect("a lab without errors");
    let machines = compile::artifacts(&plan, sources).expect("files that can be emitted");
    let services = &plan.model.services;
    let modules = services.iter().map(|service| service.module.clone()).collect();
    let names = services.iter().map(|service| service.name.clone()).collect();
    (machines, modules, names)
}

/// Returns a file of the lab with `edits`, built from nothing; none if the file is gone.
fn edited(sources: &Sources, edits: &[Edit], machine: &str, path: &str) -> Option<String> {
    let (sources, _) = apply(sources, edits);
    let (machines, ..) = build(&sources);
    let bytes = snapshot::file(machines.get(machine)?, path)?;
    Some(String::from_utf8(bytes).expect("text"))
}

fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|other| *other == line).count()
}

/// Checks that each edit that proves an answer takes the line away.
fn assert_true(sources: &Sources, target: &Target, lines: &[Line]) {
    for line in lines {
        let place = format!("{}/{}:{}", target.machine, target.path, line.number);
        assert!(
            !line.reasons.is_empty() || line.fixed.is_some(),
            "{place} has no answer: {}",
            line.text
        );
        for reason in &line.reasons {
            let is = edited(sources, &reason.proof, &target.machine, &target.path);
            let left = is.map_or(0, |text| count(&text, &line.text));
            assert!(
                left < count(&target.text, &line.text),
                "{place} does not change with {} ({:?}): {}",
                reason.declaration,
                reason.proof,
                line.text
            );
        }
    }
}

/// What no declaration decides has a reason, on every line of every lab; the files of services are
/// written in the templates of their modules.
#[test]
fn every_line_that_an_emitter_fixes_has_a_reason() {
    let mut gaps = Vec::new();
    for name in LABS {
        let sources = lab(name);
        let (machines, _, services) = build(&sources);
        for (machine, artifacts) in &machines {
            for path in snapshot::paths(artifacts).expect("paths") {
                let bytes = snapshot::file(artifacts, &path).expect("a file");
                let text = String::from_utf8(bytes).expect("emitted files are text");
                // A file of a module has the name of its service in its path.
                let of_service = |path: &str| services.iter().any(|name| path.contains(name));
                for line in text.lines().filter(|_| !of_service(&path)) {
                    if reason(&path, line).is_none() {
                        gaps.push(format!("{machine}/{path}: {line}"));
                    }
                }
            }
        }
    }
    assert!(gaps.is_empty(), "{gaps:#?}");
}

#[test]
fn every_reason_names_a_file_of_ours_and_is_one_sentence() {
    for fixed in FIXED.iter() {
        assert!(root().join("src").join(fixed.source).is_file(), "{fixed:?}");
        assert!(!fixed.why.ends_with('.') && !fixed.why.contains(". "), "{fixed:?}");
    }
}

/// Lists all lines of all files.
fn targets(machines: &BTreeMap<String, Artifacts>) -> Vec<Target> {
    machines
        .iter()
        .flat_map(|(machine, artifacts)| {
            let paths = snapshot::paths(artifacts).expect("paths");
            let targets =
                paths.into_iter().filter_map(|path| Target::of(machine, &path, artifacts));
            targets
                .flat_map(|target| {
                    let lines = 1..=target.wanted.len();
                    lines
                        .map(|line| target.clone().at(Some(line)).expect("a line"))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Asks about lines all over a lab, and checks that each line changes with what is named. With
/// `LABWRIGHT_WHY_STEP=1` it asks about each of them.
fn sample(name: &str, step: usize) {
    let given = std::env::var("LABWRIGHT_WHY_STEP").ok().and_then(|step| step.parse().ok());
    let step: usize = given.unwrap_or(step);
    let sources = lab(name);
    let (machines, modules, _) = build(&sources);
    let explainer = Explainer::new(&sources, &modules);
    let lines = targets(&machines);
    for target in lines.iter().skip(step / 2).step_by(step) {
        assert_true(&sources, target, &explainer.explain(target));
    }
}

// A prime number of lines between two that are asked about falls on every kind of file.

#[test]
fn what_is_named_changes_the_line_in_a_lab_of_three_machines() {
    sample("media-server-home", 2003);
}

#[test]
fn what_is_named_changes_the_line_in_a_lab_of_one_server() {
    sample("media-server-single", 2003);
}

#[test]
fn what_is_named_changes_the_line_in_a_lab_of_one_machine() {
    sample("media-automation", 2003);
}

#[test]
fn what_is_named_changes_the_line_in_a_large_lab() {
    sample("blackbox", 6007);
}

/// Finds a line of a file and explains it.
fn explained(sources: &Sources, file: &str, text: &str) -> Line {
    let (machines, modules, _) = build(sources);
    let question = read(file, &machines).expect("a file of the lab");
    let artifacts = &machines[&question.machine];
    let target = Target::of(&question.machine, &question.path, artifacts).expect("a file");
    let number = target.text.lines().position(|line| line.contains(text)).expect("the line") + 1;
    let target = target.at(Some(number)).expect("a line");
    let lines = Explainer::new(sources, &modules).explain(&target);
    assert_true(sources, &target, &lines);
    lines.into_iter().next().expect("an answer")
}

fn names(line: &Line) -> Vec<&str> {
    line.reasons.iter().map(|reason| reason.declaration.as_str()).collect()
}

#[test]
fn a_default_and_the_option_that_wins_over_it_are_both_named() {
    let sources = lab("media-server-home");
    let line =
        explained(&sources, "intranet/compose/compose.yaml", "--storage.tsdb.retention.time");
    let option = line
        .reasons
        .iter()
        .find(|reason| reason.declaration == "service prometheus / retention")
        .unwrap_or_else(|| panic!("{:?}", names(&line)));
    let lost: Vec<&str> = option.lost.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(lost, ["module prometheus / option retention / default"]);
}

/// A unit that a share brings is there for the share, and not for the machine alone.
#[test]
fn the_part_that_brings_a_file_is_named() {
    let sources = lab("media-server-home");
    let line = explained(&sources, "extranet/systemd/mnt-appdata.mount", "[Unit]");
    assert!(names(&line).iter().any(|name| name.starts_with("vm extranet / share")), "{line:?}");
    let line = explained(&sources, "extranet/firewall/ufw.sh", "cat <<");
    assert!(names(&line).contains(&"vm extranet / firewall ufw"), "{line:?}");
    // Everything else of a machine has nothing to do with its runbook as such.
    let line = explained(&sources, "extranet/RUNBOOK.md", "as root:");
    assert!(names(&line).iter().all(|name| !name.contains(" / ")), "{line:?}");
}

/// Adds a file to a lab.
fn with(sources: &Sources, path: &str, layer: Layer, text: &str) -> Sources {
    let own = sources.files().map(|(_, file)| file).filter(|file| file.layer != Layer::Builtin);
    let mut files: Vec<SourceFile> = own.cloned().collect();
    files.push(SourceFile { path: path.into(), text: text.into(), layer });
    Sources::with_standard_library(files)
}

#[test]
fn a_profile_that_loses_is_named() {
    let text = "profile small on=intranet { (default)memory (size)\"1GiB\"; }\n";
    let sources = with(&lab("media-server-home"), "profiles.kdl", Layer::Lab, text);
    let line = explained(&sources, "pve/proxmox/guests.sh", "memory 12288");
    let decides = |reason: &&Reason| reason.declaration == "vm intranet / memory";
    let reason = line.reasons.iter().find(decides).unwrap_or_else(|| panic!("{:?}", names(&line)));
    let lost: Vec<&str> = reason.lost.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(lost, ["profile small / memory"]);
}

#[test]
fn a_module_of_the_lab_that_loses_is_named() {
    let text = "module prometheus version=\"1.0.0\" { option retention type=duration \
                { default \"45d\"; }; }\n";
    let path = "modules/prometheus/module.kdl";
    let sources = with(&lab("media-server-home"), path, Layer::Site, text);
    let line =
        explained(&sources, "intranet/compose/compose.yaml", "--storage.tsdb.retention.time");
    let decides = |reason: &&Reason| reason.declaration == "service prometheus / retention";
    let reason = line.reasons.iter().find(decides).unwrap_or_else(|| panic!("{:?}", names(&line)));
    let lost: Vec<(Layer, &str)> = reason
        .lost
        .iter()
        .map(|(span, what)| (sources.file(span.file).layer, what.as_str()))
        .collect();
    assert_eq!(lost, [(Layer::Site, "module prometheus / option retention / default")]);
}

/// Without the GPU there can be no Jellyfin, but the firmware is there for the GPU alone.
#[test]
fn what_something_else_requires_is_named_too() {
    let sources = lab("media-server-home");
    let line = explained(&sources, "intranet/cloud-init/user-data", "non-free-firmware");
    let named = names(&line);
    assert!(named.contains(&"vm intranet / passthrough igpu"), "{named:?}");
    assert!(named.contains(&"vm intranet / os debian-13"), "{named:?}");
    assert!(!named.contains(&"service jellyfin"), "{named:?}");
}

/// Most names of a lab are no zones, so those that are come first.
#[test]
fn the_zone_that_may_come_in_decides_the_rule() {
    let sources = lab("media-server-home");
    let line = explained(&sources, "extranet/firewall/ufw.sh", "allow tcp 22 - 192.168.1.0/24");
    assert!(names(&line).contains(&"vm extranet / ssh from="), "{:?}", names(&line));
}

#[test]
fn what_an_emitter_fixes_says_why() {
    let sources = lab("media-automation");
    let line = explained(&sources, "homelab/compose/compose.yaml", "driver: 'json-file'");
    assert!(line.fixed.is_some_and(|fixed| fixed.why.contains("disks don't fill")), "{line:?}");
}

/// With another name of the machine, all of its files are gone. That decides no line.
#[test]
fn a_line_that_is_the_same_in_every_lab_is_not_decided_by_a_name() {
    let line = explained(&lab("media-server-home"), "intranet/labctl", "# labctl");
    assert!(line.fixed.is_some(), "{line:?}");
    assert!(line.reasons.iter().all(|reason| reason.role == Role::Needs), "{line:?}");
}

#[test]
fn a_path_is_found_however_it_is_written() {
    let (machines, ..) = build(&lab("media-server-home"));
    let asked = |text: &str| read(text, &machines).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let question = asked("intranet/prometheus/prometheus.yml:3");
    for text in [
        "intranet/payload/prometheus/prometheus.yml:3",
        "snapshots/media-server-home/intranet/prometheus/prometheus.yml.snap:3",
        "./snapshots/intranet/prometheus/prometheus.yml:3",
        "intranet/etc/labwright/services/prometheus/prometheus.yml:3",
        "media-server-home-intranet-0123456789ab/payload/prometheus/prometheus.yml:3",
    ] {
        assert_eq!(asked(text), question, "{text}");
    }
    assert_eq!(asked("intranet/labctl").path, "labctl");
    let user_data = asked("pve/proxmox/cloud-init/101/user-data:9");
    for text in [
        "pve/var/lib/vz/snippets/labwright-101-user-data.yaml:9",
        "media-server-home-pve-0123456789ab/payload/proxmox/cloud-init/101/user-data:9",
        "snapshots/pve/proxmox/cloud-init/101/user-data:9",
    ] {
        assert_eq!(asked(text), user_data, "{text}");
    }
    assert_eq!(asked("pve/etc/pve/firewall/101.fw:9").path, "proxmox/firewall/101.fw");
    let inline = asked("intranet/etc/apt/sources.list.d/firmware.sources");
    assert_eq!(inline.path, "cloud-init/user-data");
    let text = snapshot::file(&machines["intranet"], &inline.path).expect("it is there");
    let text = String::from_utf8(text).expect("text");
    let at = inline.line.expect("its line") - 1;
    assert!(text.lines().nth(at).is_some_and(|line| line.contains("non-free-firmware")), "{at}");
    let help = |text: &str| read(text, &machines).expect_err("no such file").help;
    assert_eq!(help("intrnet/compose/compose.yaml"), "did you mean `intranet`?");
    assert_eq!(
        help("intranet/compose/compose.yml"),
        "did you mean `intranet/compose/compose.yaml`?"
    );
    assert!(help("intranet/manifest.json").contains("payload/"));
}

/// They are not asked about.
#[test]
fn what_describes_a_module_is_in_no_file() {
    let sources = lab("media-automation");
    let (_, modules, _) = build(&sources);
    let bench = Workbench::new(&sources, &modules);
    let used = |file: &SourceFile| file.is_kdl() && modules.contains(file.folder());
    let files = sources.files().filter(|(_, file)| file.layer == Layer::Builtin && used(file));
    let describing: Vec<Edit> = files
        .flat_map(|(id, file)| {
            let lines = file.text.split_inclusive('\n').scan(0_usize, |at, line| {
                let start = *at + line.len() - line.trim_start().len();
                *at += line.len();
                Some((start, line.trim_start()))
            });
            let names = ["category ", "doc ", "example ", "keywords "];
            lines.filter(move |(_, line)| names.iter().any(|name| line.starts_with(name))).map(
                move |(start, _)| {
                    let start = u32::try_from(start).expect("a small file");
                    Edit::leave_out(Span::new(id, start, start))
                },
            )
        })
        .collect();
    assert!(describing.len() > 100, "{}", describing.len());
    let normal = bench.state().expect("a lab that builds");
    assert_eq!(bench.differs(&describing, &normal, None), Some(false));
}

#[test]
fn a_declaration_without_effect_is_listed_and_no_other() {
    let text = |more: &str| {
        format!(
            r#"edition 1
lab attic version="1" {{ domain "example.org"; }}
admin ada {{
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian {{
    os debian-13
    hardware "x" cores=2 memory=(size)"2GiB"
    address lan "192.168.1.10"
    ssh from=lan
}}
{more}"#
        )
    };
    let found = |more: &str| {
        let text = text(more);
        let file = SourceFile { path: "lab.kdl".into(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let (_, modules, _) = build(&sources);
        let found = unused(&Explainer::new(&sources, &modules));
        found.into_iter().map(|unused| unused.declaration).collect::<Vec<_>>()
    };
    let before = found("");
    let after = found("profile spare { memory (size)\"1GiB\"; }\n");
    assert!(!before.iter().any(|name| name.starts_with("network")), "{before:?}");
    assert!(after.contains(&"profile spare".to_owned()), "{after:?}");
}
