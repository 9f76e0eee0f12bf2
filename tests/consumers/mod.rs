//! Asks the programs that read the emitted files whether they accept them.
//!
//! Each consumer has one file. Each function takes emitted files, and returns the consumer's own
//! words when it refuses them. Where the consumers can't run (see [`crate::trixie`]), every
//! function accepts and says that it did not ask. The tests of each file have a sample that must be
//! refused, because a check that can't fail proves nothing.

mod archive;
mod bundle;
mod caddy;
mod cloud_init;
mod compose;
mod fail2ban;
mod monitoring;
mod netplan;
mod nftables;
mod nginx;
mod pve_firewall;
mod restic;
mod schemas;
mod shellcheck;
mod structured;
mod systemd;
mod ufw;

#[allow(unused_imports, reason = "not every consumer is asked by other tests at all times")]
pub use self::{
    archive::tar_listings,
    bundle::bundle,
    caddy::caddy,
    cloud_init::cloud_init_user_data,
    compose::{compose, compose_config},
    fail2ban::fail2ban,
    monitoring::{amtool, promtool_config, promtool_rules, promtool_test_rules},
    netplan::netplan,
    nftables::nftables,
    nginx::nginx,
    pve_firewall::pve_firewall,
    restic::{RoundTrip, restic},
    schemas::{alloy, loki, traefik},
    shellcheck::{shellcheck, shellcheck_all},
    structured::{json, json_all, json_schema, yaml, yaml_all},
    systemd::{systemd_calendar, systemd_verify},
    ufw::ufw,
};
pub use crate::trixie::available;

use crate::trixie::{Room, text};
use std::path::Path;
use std::process::Output;

/// The answer of a consumer: nothing, or its own words when it refuses.
pub type Verdict = Result<(), String>;

/// The place where a consumer finds the folder of the file.
const PLACE: &str = "/in";

/// Runs an sh script in a room that sees the folder of `file` (or `file` itself if it is a folder)
/// in `/in`.
///
/// `$1` is the file's path in the room.
fn ask(file: &Path, script: &str) -> Verdict {
    ask_for(file, script, refusal)
}

/// Does the same as [`ask`] for many files below a folder, in one room. `$@` are their paths there.
fn ask_all(folder: &Path, files: &[&Path], script: &str) -> Verdict {
    let Some(room) = Room::new().filter(|_| !files.is_empty()) else { return Ok(()) };
    let inside: Vec<String> = files
        .iter()
        .map(|file| {
            format!(
                "{PLACE}/{}",
                file.strip_prefix(folder).expect("a file of the folder").display()
            )
        })
        .collect();
    let answer =
        room.show(folder, PLACE).sh(script, &inside.iter().map(String::as_str).collect::<Vec<_>>());
    refusal(&answer).map_or(Ok(()), |words| Err(format!("{}: refused: {words}", folder.display())))
}

/// Does the same as [`ask`] for a consumer that exits with 0 on a fault and reports it only on
/// stderr.
fn ask_strictly(file: &Path, script: &str) -> Verdict {
    ask_for(file, script, |answer| {
        refusal(answer).or_else(|| (!answer.stderr.is_empty()).then(|| words(answer)))
    })
}

fn ask_for(file: &Path, script: &str, refusal: impl Fn(&Output) -> Option<String>) -> Verdict {
    let Some(room) = Room::new() else { return Ok(()) };
    let (folder, inside) = if file.is_dir() {
        (file, PLACE.to_owned())
    } else {
        let name = file.file_name().expect("a file has a name").to_string_lossy();
        (file.parent().expect("a file has a folder"), format!("{PLACE}/{name}"))
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let answer = room.show(folder, PLACE).sh(script, &[&inside]);
    refusal(&answer).map_or(Ok(()), |words| Err(format!("{}: refused: {words}", file.display())))
}

/// Returns the consumer's words if it failed.
fn refusal(answer: &Output) -> Option<String> {
    (!answer.status.success()).then(|| words(answer))
}

fn words(answer: &Output) -> String {
    format!("{}\n{}{}", answer.status, text(&answer.stdout), text(&answer.stderr))
}

/// A folder of sample files for the consumers' own tests.
struct Sample(tempfile::TempDir);

impl Sample {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a sample's folder");
            std::fs::write(path, text).expect("a sample's file");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

/// Asserts that a consumer accepts the first text under `name`, and refuses the second with `words`
/// in its answer.
fn tells_apart(
    name: &str,
    good: &str,
    bad: &str,
    words: &str,
    consumer: impl Fn(&Path) -> Verdict,
) {
    if !available() {
        return;
    }
    consumer(&Sample::new(&[(name, good)]).path(name)).expect("the good sample is accepted");
    let refusal =
        consumer(&Sample::new(&[(name, bad)]).path(name)).expect_err("the bad sample is refused");
    assert!(refusal.contains(words), "`{words}` is missing in: {refusal}");
}
