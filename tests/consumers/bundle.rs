//! Passes every file of a bundle to the program that its kind names.

use super::Verdict;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Checks every file of an unpacked bundle, and collects all refusals.
///
/// Units are read together, and fail2ban's files in the places where the bundle installs them,
/// because they refer to each other.
pub fn bundle(folder: &Path) -> Verdict {
    let manifest = fs::read(folder.join("manifest.json"))
        .map_err(|error| format!("manifest.json: {error}"))?;
    let manifest: serde_json::Value =
        serde_json::from_slice(&manifest).map_err(|error| format!("manifest.json: {error}"))?;
    let (mut units, mut fail2ban) = (Together::new(), Together::new());
    let [mut scripts, mut jsons, mut yamls] = [const { Vec::new() }; 3];
    let mut refusals = Vec::new();
    for file in manifest["files"].as_array().into_iter().flatten() {
        let word = |key: &str| file[key].as_str().unwrap_or_default();
        let path = folder.join(word("path"));
        if !WITH_OTHERS.contains(&word("kind")) && !is_new(word("kind"), &path) {
            continue;
        }
        let verdict = match word("kind") {
            "cloud-init.user-data" => super::cloud_init_user_data(&path),
            "cloud-init.network-config" => super::netplan(&path),
            "compose" => super::compose(&path),
            "shell" => keep(&mut scripts, path),
            "nftables" => super::nftables(&path),
            "pve-firewall" => super::pve_firewall(&path),
            "prometheus.config" => super::promtool_config(&path),
            "prometheus.rules" => super::promtool_rules(&path),
            "alertmanager" => super::amtool(&path),
            "caddy" => super::caddy(&path),
            "grafana.dashboard" | "json" => keep(&mut jsons, path),
            "loki" => super::loki(&path),
            "traefik" => super::traefik(&path),
            "alloy" => super::alloy(&path),
            "cloud-init.meta-data" | "grafana.provisioning" | "yaml" => keep(&mut yamls, path),
            "systemd.unit" => {
                // A mount's unit is named after its folder, with characters that a path in a bundle
                // can't have.
                let at = installed_at(&manifest, word("path")).unwrap_or(word("path"));
                units.add(&path, at.rsplit('/').next().unwrap_or_default())
            }
            "fail2ban" => match installed_at(&manifest, word("path"))
                .and_then(|at| at.strip_prefix("/etc/fail2ban/"))
            {
                Some(at) => fail2ban.add(&path, at),
                None => Err(format!("{}: not installed below /etc/fail2ban", word("path"))),
            },
            "env" | "ini" | "markdown" | "table" | "text" => Ok(()),
            kind => Err(format!("{}: nobody reads the kind `{kind}`", word("path"))),
        };
        refusals.extend(verdict.err());
    }
    refusals.extend(super::shellcheck_all(folder, &paths(&scripts)).err());
    refusals.extend(super::json_all(folder, &paths(&jsons)).err());
    refusals.extend(super::yaml_all(folder, &paths(&yamls)).err());
    refusals.extend(units.ask(super::systemd_verify).err());
    refusals.extend(fail2ban.ask(super::fail2ban).err());
    if refusals.is_empty() { Ok(()) } else { Err(refusals.join("\n")) }
}

#[expect(clippy::unnecessary_wraps, reason = "its calls stand in a table of verdicts")]
fn keep(list: &mut Vec<PathBuf>, path: PathBuf) -> Verdict {
    list.push(path);
    Ok(())
}

fn paths(files: &[PathBuf]) -> Vec<&Path> {
    files.iter().map(PathBuf::as_path).collect()
}

/// The kinds whose readers also read other files of the bundle.
const WITH_OTHERS: [&str; 5] =
    ["compose", "fail2ban", "prometheus.config", "pve-firewall", "systemd.unit"];

/// Returns whether this test has not checked a file with the same content before. The machines of a
/// lab have many files in common.
fn is_new(kind: &str, file: &Path) -> bool {
    static SEEN: Mutex<BTreeSet<(String, Vec<u8>)>> = Mutex::new(BTreeSet::new());
    let Ok(text) = fs::read(file) else { return true };
    SEEN.lock().expect("no test panics here").insert((kind.to_owned(), text))
}

fn installed_at<'m>(manifest: &'m serde_json::Value, path: &str) -> Option<&'m str> {
    let source = path.strip_prefix("payload/").unwrap_or(path);
    manifest["installs"].as_array()?.iter().find(|install| install["src"] == source)?["dst"]
        .as_str()
}

/// The files that one program reads together, in one folder.
struct Together {
    folder: tempfile::TempDir,
    any: bool,
}

impl Together {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), any: false }
    }

    fn add(&mut self, file: &Path, place: &str) -> Verdict {
        self.any = true;
        let place = self.folder.path().join(place);
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::copy(file, place).map(drop).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn ask(&self, consumer: impl Fn(&Path) -> Verdict) -> Verdict {
        if self.any { consumer(self.folder.path()) } else { Ok(()) }
    }
}

#[test]
fn tells_every_refusal_of_a_bundle() {
    if !super::available() {
        return;
    }
    let kinds = [
        ("payload/check.d/10-a.sh", "shell", "#!/bin/sh\necho $1\n"),
        ("payload/systemd/a.timer", "systemd.unit", "[Timer]\nOnCalendar=daily\n"),
        (
            "payload/systemd/a.service",
            "systemd.unit",
            "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/a\n",
        ),
        (
            "payload/fail2ban/jail.conf",
            "fail2ban",
            "[proxy]\nenabled = true\nfilter = nobody\nlogpath = /srv/log\n",
        ),
        ("payload/a.yaml", "yaml", "a: 1\na: 2\n"),
        ("payload/b.yaml", "yaml", "a: 1\n"),
        ("payload/c", "riddle", ""),
    ];
    let files: Vec<_> = kinds
        .iter()
        .map(|(path, kind, _)| serde_json::json!({"path": path, "kind": kind}))
        .collect();
    let installs =
        [serde_json::json!({"src": "fail2ban/jail.conf", "dst": "/etc/fail2ban/jail.d/lab.conf"})];
    let manifest = serde_json::json!({"files": files, "installs": installs}).to_string();
    let mut sample: Vec<_> = kinds.iter().map(|&(path, _, text)| (path, text)).collect();
    sample.push(("manifest.json", &manifest));
    let refusal = bundle(&super::Sample::new(&sample).path("")).expect_err("four files are wrong");
    for words in ["SC2086", "filter.d/nobody", "duplicate key 'a'", "`riddle`"] {
        assert!(refusal.contains(words), "`{words}` is missing in: {refusal}");
    }
    assert!(!refusal.contains("a.timer") && !refusal.contains("b.yaml"), "{refusal}");
}
