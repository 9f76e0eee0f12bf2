//! Holds the facts against each other that stand in several templates, modules and documents: our
//! own folders on a machine, locks and files of measurements. One that is renamed in one place only
//! is another one there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use labwright::model::Engine;

/// Our own folders, locks and files on a machine. Each is spelled like this wherever it stands.
const OWN: &[&str] = &[
    "/etc/labwright",
    "/run/labwright",
    "/run/labwright-addresses",
    "/run/lock/labwright-backup-",
    "/run/lock/labwright-databases",
    "/run/lock/labwright-restore",
    "/usr/local/lib/labwright",
    "/usr/local/lib/labwright-databases",
    "/var/backups/labwright",
    "/var/cache/labwright",
    "/var/cache/labwright-backup",
    "/var/lib/labwright",
    "/var/lib/labwright-backup",
    "/var/lib/labwright-sync",
    "/var/lib/node_exporter/textfile",
];

/// Where a system keeps such folders.
const PLACES: &[&str] = &[
    "/etc/",
    "/run/lock/",
    "/run/",
    "/usr/local/lib/",
    "/var/backups/",
    "/var/cache/",
    "/var/lib/node_exporter/",
    "/var/lib/",
];

fn read(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.insert(path, text);
        }
    }
}

fn texts() -> BTreeMap<PathBuf, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for folder in ["docs", "modules/std", "src"] {
        read(&here.join(folder), &mut found);
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter == '-'
}

#[test]
fn our_folders_and_locks_are_spelled_alike_everywhere() {
    let mut found: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, text) in texts() {
        for place in PLACES {
            for (at, _) in text.match_indices(place) {
                let name = text.get(at + place.len()..).unwrap_or_default();
                let name: String = name.chars().take_while(|one| is_of_name(*one)).collect();
                let is_ours = name.starts_with("labwright") || place.ends_with("exporter/");
                if is_ours && !name.is_empty() {
                    let own = format!("{place}{name}");
                    found.entry(own).or_default().insert(path.clone());
                }
            }
        }
    }
    let spelled: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(spelled, OWN);
    // Who starts containers waits for who brings their data back, and for who dumps it.
    for lock in ["/run/lock/labwright-databases", "/run/lock/labwright-restore"] {
        let takers = &found[lock];
        assert!(takers.iter().any(|path| path.ends_with("compose/again.sh.j2")), "{takers:?}");
        assert_eq!(takers.len(), 2, "{takers:?}");
    }
}

/// What is no longer done leaves no measurement behind, so each kind of such files is known to the
/// step that cleans up.
#[test]
fn measurements_that_are_written_are_cleaned_up() {
    let texts = texts();
    let cleans = texts.iter().find(|(path, _)| path.ends_with("emit/machine/textfile.sh.j2"));
    let (cleaner, cleans) = cleans.expect("the step");
    let mut kinds = BTreeSet::new();
    for (path, text) in &texts {
        let is_script = path.extension().is_some_and(|ending| ending == "j2");
        for line in
            text.lines().filter(|line| is_script && path != cleaner && line.contains(".prom"))
        {
            for rest in line.split("/labwright-").skip(1) {
                let kind: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
                // The machine's own measures are made wherever anything is.
                if kind != "measures" {
                    assert!(cleans.contains(&format!("labwright-{kind}-*")), "{kind}");
                    kinds.insert(kind);
                }
            }
        }
    }
    let expected = ["backup", "dumps", "sync", "vzdump"].map(str::to_owned);
    assert_eq!(kinds, BTreeSet::from(expected));
}

/// labctl refuses a table with a kind of database that it does not know.
#[test]
fn labctl_knows_every_kind_of_database() {
    let mut kinds = Engine::ALL.map(Engine::name);
    kinds.sort_unstable();
    let known = format!("$4 ~ /^({})$/", kinds.join("|"));
    let (_, table) = texts()
        .into_iter()
        .find(|(path, _)| path.ends_with("labctl/parts/tables.sh"))
        .expect("what reads the tables");
    assert!(table.contains(&known), "{known}");
}
