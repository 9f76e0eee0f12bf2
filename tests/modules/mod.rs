//! Checks the standard library: every module describes itself, and its example becomes files that
//! their readers accept.

mod containers;
mod databases;
mod dyndns;
mod first_start;
mod handling;
mod listens;
mod logins;
mod members;
mod nightly;
mod own_settings;
mod private_addresses;
mod probes;
mod programs;
mod proxies;
mod sources;
mod surroundings;
mod told;
mod twice;
mod visitors;
mod wrong_options;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use labwright::compile::analyze;
use labwright::decl::{Block, decode, schema};
use labwright::diag::{Diagnostics, Severity};
use labwright::load::read_lab;
use labwright::model::{Database, Model, Service, StateBackup};
use labwright::reference::modules::describe;
use labwright::source::{FileId, Layer, SourceFile, Spanned};
use labwright::syntax;
use rayon::prelude::*;

use crate::consumers;
use crate::release::forged::{built_from, verify};

/// A module whose program a test replaces by one that says what it is sent.
const ECHO: &str = r#"
module echo version="1.0" {
    summary "Says what it is sent"
    container echo { image "docker.io/library/busybox:1.37"; health none="a stand-in"; }
    provides web container=echo port=4533 protocol=http
}
"#;

/// The lab around the examples, without the secrets that they name.
const PRELUDE: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; email "me@example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
router isp on=lan address="192.168.1.1"
host box kind=debian {
    os debian-13
    cores 8
    memory "64GiB"
    gpu igpu
    address lan "192.168.1.2" nic=eth0
    ssh from=lan
}
host pve kind=proxmox version="9.1" { address lan "192.168.1.3" nic=eno1 bridge=vmbr0; }
"#;

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/std")
}

fn names() -> BTreeSet<String> {
    let entries = std::fs::read_dir(library())
        .expect("the standard library")
        .map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Passes every module's node to `look`.
fn each_module(mut look: impl FnMut(&str, &Block<'_>)) {
    for name in names() {
        let text = std::fs::read_to_string(library().join(&name).join("module.kdl"))
            .expect("a module.kdl");
        let mut found = Diagnostics::default();
        let file = SourceFile { path: format!("{name}/module.kdl"), text, layer: Layer::Builtin };
        let document = syntax::parse(&file.text, FileId(0), &mut found).unwrap_or_default();
        let blocks = decode::nodes(document.nodes, "file", &[schema::TOP], &file, &mut found);
        assert_eq!(found.count(Severity::Error), 0, "{name}: {found:?}");
        let modules: Vec<&Block<'_>> =
            blocks.iter().filter(|block| block.schema.name != "edition").collect();
        // A lab decodes only the folders that it names.
        let [module] = modules[..] else { panic!("{name} is not one module") };
        assert_eq!((module.schema.name, module.key()), ("module", name.as_str()));
        look(&name, module);
    }
}

fn is_discontinued(module: &Block<'_>) -> bool {
    module.child("discontinued").is_some()
}

fn example(module: &Block<'_>) -> String {
    module
        .value("example")
        .and_then(Spanned::string)
        .unwrap_or_else(|| panic!("{} has no example", module.key()))
}

/// Writes the lab of a module's example, which names everything that the module requires.
fn lab_of(module: &Block<'_>) -> String {
    let services = example(module);
    let secrets: BTreeSet<&str> = services
        .split("(secret)")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|character: char| !(character.is_ascii_alphanumeric() || character == '-'))
                .next()
        })
        .collect();
    let secrets: String = secrets.iter().map(|secret| format!("secret {secret}\n")).collect();
    format!("{PRELUDE}{secrets}{services}\n")
}

/// Compiles the examples of all modules, each in a lab of its own.
fn each_example(mut look: impl FnMut(&str, &Model)) {
    each_module(|name, module| {
        if is_discontinued(module) {
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("lab.kdl"), lab_of(module)).expect("the lab");
        let sources =
            read_lab(folder.path()).unwrap_or_else(|_| panic!("{name}: its lab can be read"));
        let mut analyzed = analyze(&sources);
        let checked = analyzed.check(&sources);
        let errors: Vec<String> = checked
            .diagnostics
            .iter()
            .filter(|one| one.code.severity == Severity::Error)
            .map(|one| format!("{}: {}", one.code.name, one.message))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        look(name, &analyzed.model.expect("a lab"));
    });
}

fn of_module<'m>(model: &'m Model, module: &str) -> &'m Service {
    model
        .services
        .iter()
        .find(|service| service.module == module)
        .unwrap_or_else(|| panic!("the example of {module} has no {module}"))
}

#[test]
fn every_module_and_option_says_what_it_is() {
    each_module(|name, module| {
        assert!(
            module.child("summary").is_some() && module.child("homepage").is_some(),
            "{name} lacks a summary or a homepage"
        );
        for option in
            module.all("option").chain(module.all("option").flat_map(|option| option.all("field")))
        {
            assert!(option.child("doc").is_some(), "{name}: `{}` has no doc", option.key());
        }
    });
}

#[test]
fn every_example_compiles() {
    each_example(|name, model| {
        let _ = of_module(model, name);
    });
}

#[test]
fn every_module_says_what_it_is_for() {
    each_module(|name, module| {
        assert!(module.child("category").is_some(), "{name} has no category");
        let called = module.child("keywords").is_some() || is_discontinued(module);
        assert!(called, "{name} has no keywords: what do people call it?");
    });
}

/// A tag that names a version contains a digit. `latest`, `stable` and `release` contain none.
#[test]
fn every_image_is_pinned() {
    each_example(|name, model| {
        for container in &of_module(model, name).containers {
            let image = &container.image.value;
            let (repository, tag) = image.rsplit_once(':').unwrap_or((image, ""));
            assert!(
                tag.bytes().any(|byte| byte.is_ascii_digit()),
                "{name}: {image} names no version"
            );
            let registry = repository.split('/').next().unwrap_or_default();
            assert!(registry.contains('.'), "{name}: {image} leaves the registry to the machine");
        }
    });
}

#[test]
fn every_container_tells_its_health_or_why_not() {
    each_example(|name, model| {
        for container in &of_module(model, name).containers {
            assert!(
                container.health.is_some(),
                "{name}: nothing tells whether {} is well",
                container.name
            );
        }
    });
}

/// A state that is left out of backups has a reason.
#[test]
fn every_state_that_is_not_backed_up_says_why() {
    each_example(|name, model| {
        for state in &of_module(model, name).states {
            if let labwright::model::StateBackup::Never(reason) = &state.backup {
                assert!(
                    !reason.is_empty(),
                    "{name}: `{}` is never backed up, and nobody knows why",
                    state.name
                );
            }
        }
    });
}

/// Others name a container in their settings, so its name is told before anything is built.
#[test]
fn a_container_is_called_as_its_module_says() {
    let mut told = BTreeMap::new();
    each_module(|name, module| {
        told.insert(name.to_owned(), describe(module).containers);
    });
    each_example(|name, model| {
        let service = of_module(model, name);
        let told: Vec<String> =
            told[name].iter().map(|told| told.replace("{service.name}", &service.name)).collect();
        for container in &service.containers {
            assert!(told.contains(&container.name), "{name}: {} of {told:?}", container.name);
        }
        let first = service.containers.first().map(|container| container.name.as_str());
        assert!(first.is_none_or(|first| first == service.name), "{name}: {first:?}");
    });
}

#[test]
fn every_example_becomes_files_that_their_readers_accept() {
    let mut labs = Vec::new();
    each_module(|name, module| {
        if !is_discontinued(module) {
            labs.push((name.to_owned(), lab_of(module)));
        }
    });
    let ask = |(name, lab): &(String, String)| {
        let unpacked = bundle_of(lab);
        keep(unpacked.path(), |path| !NOT_OF_MODULES.iter().any(|folder| path.starts_with(folder)));
        let refusal = consumers::bundle(unpacked.path()).err();
        refusal.or_else(|| broken_toml(unpacked.path())).map(|words| format!("{name}: {words}"))
    };
    let refused: Vec<String> = labs.par_iter().filter_map(ask).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn every_example_makes_a_release_that_verify_calls_sound() {
    let mut labs = Vec::new();
    each_module(|name, module| {
        if !is_discontinued(module) {
            labs.push((name.to_owned(), lab_of(module)));
        }
    });
    let wrong: Vec<String> = labs
        .par_iter()
        .filter_map(|(name, lab)| {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("lab.kdl"), lab).expect("the lab");
            let sources =
                read_lab(folder.path()).unwrap_or_else(|_| panic!("{name}: its lab can be read"));
            let problems = verify(&built_from(&sources));
            (!problems.is_empty()).then(|| format!("{name}: {problems:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns what is wrong with a file of TOML, which has no kind of its own.
fn broken_toml(unpacked: &Path) -> Option<String> {
    let manifest = std::fs::read_to_string(unpacked.join("manifest.json")).expect("the manifest");
    if !manifest.contains(".toml\"") {
        return None;
    }
    let python = "import glob, tomllib\nfor name in glob.glob('/in/payload/**/*.toml', \
                  recursive=True):\n    tomllib.load(open(name, 'rb'))";
    let script = format!("python3 - <<'END'\n{python}\nEND");
    let answer = crate::trixie::Room::new()?.show(unpacked, "/in").sh(&script, &[]);
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    (!answer.status.success()).then_some(said)
}

/// The files in the bundle of any machine, which other tests check.
const NOT_OF_MODULES: &[&str] = &[
    "payload/backup/",
    "payload/labctl",
    "payload/cloud-init/",
    "payload/firewall/",
    "payload/check.d/",
    "payload/health.d/",
];

/// Removes files from a bundle's manifest.
fn keep(unpacked: &Path, wanted: impl Fn(&str) -> bool) {
    let path = unpacked.join("manifest.json");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    let mut manifest: serde_json::Value =
        serde_json::from_str(&text).expect("the manifest is JSON");
    manifest["files"]
        .as_array_mut()
        .expect("files")
        .retain(|file| file["path"].as_str().is_some_and(&wanted));
    std::fs::write(path, manifest.to_string()).expect("the manifest");
}

/// Builds a lab of one file, and unpacks the bundle of `box`.
fn bundle_of(lab: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, release, unpacked) = (
        folder.path().join("lab"),
        folder.path().join("release"),
        tempfile::tempdir().expect("a folder"),
    );
    std::fs::create_dir(&source).expect("a folder");
    std::fs::write(source.join("lab.kdl"), lab).expect("the lab");
    run(Command::new(env!("CARGO_BIN_EXE_labwright"))
        .arg("build")
        .arg(&source)
        .arg("--out")
        .arg(&release));
    let mut entries = std::fs::read_dir(&release)
        .expect("the release")
        .map(|entry| entry.expect("an entry").path());
    let archive =
        entries.find(|path| path.to_string_lossy().contains("-box-")).expect("the bundle");
    run(Command::new("tar")
        .arg("xzf")
        .arg(archive)
        .arg("--strip-components=1")
        .arg("-C")
        .arg(unpacked.path()));
    unpacked
}

/// A condition that is a reference used to be read as never true.
#[test]
fn a_condition_may_be_an_option() {
    let alloy = |journal: &str| {
        format!("{PRELUDE} service loki on=box; service alloy on=box {{ {journal} }}")
    };
    let compose = |lab: &str| {
        std::fs::read_to_string(bundle_of(lab).path().join("payload/compose/compose.yaml"))
            .expect("compose.yaml")
    };
    assert!(compose(&alloy("")).contains("source: '/var/log'"), "the journal is read by default");
    assert!(
        !compose(&alloy("journal #false")).contains("/var/log"),
        "and not where the lab says so"
    );
}

/// The secret that a target asks for is in Prometheus' files, not in the lab's text.
#[test]
fn a_target_that_wants_credentials_gets_them_from_files() {
    let lab = format!(
        "{PRELUDE} secret token; secret key; service prometheus on=box; service home-assistant \
         on=box {{ metrics-token (secret)token; }}; service uptime-kuma on=box {{ metrics-key \
         (secret)key; }}"
    );
    let unpacked = bundle_of(&lab);
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let read = |path: &str| {
        std::fs::read_to_string(unpacked.path().join("payload").join(path)).expect("a file")
    };
    let config = read("prometheus/prometheus.yml");
    assert!(
        config.contains("  authorization:\n    credentials_file: '/run/secrets/token'\n"),
        "{config}"
    );
    assert!(
        config.contains("  basic_auth:\n    username: ''\n    password_file: '/run/secrets/key'\n"),
        "{config}"
    );
    let compose = read("compose/compose.yaml");
    assert!(
        compose.contains("source: 'token-of-65534'")
            && compose.contains("file: '/etc/labwright/secrets/65534/key'"),
        "{compose}"
    );
}

fn run(command: &mut Command) {
    let answer = command.output().expect("the program starts");
    assert!(
        answer.status.success(),
        "{}{}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    );
}

#[test]
fn a_port_on_the_machines_own_network_moves_the_program() {
    let lab = format!(
        "{PRELUDE}secret key\nnetwork tunnel cidr=\"10.8.0.0/24\"\n\
         service node-exporter on=box {{ port metrics 9200; }}\n\
         service tailscale on=box {{ clients tunnel; auth-key (secret)key; port tunnel 41700; }}\n\
         service openvpn on=box \
         {{ clients tunnel; host \"vpn.example.org\"; client me; port tunnel 1195; }}\n"
    );
    let compiled = crate::emit::lab::compile(&[("lab.kdl", &lab)]);
    let compose = compiled.text("box", "compose/compose.yaml");
    assert!(
        compose.contains("'--web.listen-address=:9200'") && compose.contains("'--port=41700'"),
        "{compose}"
    );
    assert!(compiled.text("box", "openvpn/server.conf").contains("\nport 1195\n"));
}

#[test]
fn every_state_is_saved_by_a_means_that_is_sound() {
    let (mut dumps, mut plain) = (0, 0);
    let copied = std::cell::RefCell::new(Vec::new());
    each_example(|name, model| {
        for service in &model.services {
            for state in &service.states {
                let here = format!("{name}: {}", state.name);
                let databases = || {
                    let of_state =
                        |one: &&Database| one.state.as_deref() == Some(state.name.as_str());
                    service.databases.iter().filter(|one| one.is_declared()).filter(of_state)
                };
                match &state.backup {
                    StateBackup::Never(why) => assert!(!why.is_empty(), "{here}: why never?"),
                    StateBackup::Dump => {
                        assert!(databases().count() > 0, "{here}: no database is dumped");
                    }
                    _ if state.local_disk
                        && state.live_copy.is_none()
                        && databases().count() == 0 =>
                    {
                        copied.borrow_mut().push(here);
                    }
                    _ => {}
                }
            }
            for database in service.databases.iter().filter(|one| one.is_declared()) {
                let state =
                    service.states.iter().find(|state| database.state == Some(state.name.clone()));
                let state = state.unwrap_or_else(|| panic!("{name}: {} is nowhere", database.name));
                assert!(state.local_disk, "{name}: NFS would corrupt {}", database.name);
            }
        }
    });
    each_module(|_, module| {
        for part in &module.children {
            dumps += usize::from(part.schema.name == "database");
            plain += usize::from(part.schema.name == "state");
        }
    });
    assert_eq!(copied.into_inner(), Vec::<String>::new(), "a running database is copied");
    assert!(dumps > 20 && plain > 40, "{dumps} databases, {plain} states");
}
