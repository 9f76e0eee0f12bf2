//! Checks that every code has a case: the smallest lab that raises it, with the output that its
//! writer sees.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use labwright::codes;

use crate::cli::{case, copy, files, labwright, put};
use crate::snapshots::assert_snapshot;

/// The only code that no folder can raise. `cli/failures.rs` sends the signal.
const ASKED_FOR: &str = "build-interrupted";

/// Makes what a repository can't contain. Returns nothing for codes that need no such thing.
fn make(code: &str, lab: &Path) -> Option<&'static str> {
    match code {
        "link-leaves-lab" => {
            symlink("/etc/hostname", lab.join("labwright.lock")).expect("a link");
        }
        "folder-read-twice" => symlink(".", lab.join("again")).expect("a link"),
        "output-not-ours" => put(lab, "outputs/demo/notes.txt", b"mine"),
        "output-unwritable" => return Some("lab.kdl/release"),
        "source-names-collide" => {
            put(lab, "hosts.kdl", b"");
            put(lab, "Hosts.kdl", b"");
        }
        // The file claims to be empty, but is not.
        "source-changed-while-read" => {
            symlink("/proc/version", lab.join("hosts.kdl")).expect("a link");
        }
        "source-not-a-file" => assert!(
            Command::new("mkfifo").arg(lab.join("pipe.kdl")).status().expect("mkfifo").success()
        ),
        "source-too-large" => {
            fs::File::create(lab.join("large.kdl"))
                .and_then(|file| file.set_len(17 << 20))
                .expect("a file");
        }
        "source-unreadable" => symlink("nowhere", lab.join("hosts.kdl")).expect("a link"),
        _ => return None,
    }
    Some("outputs/demo")
}

/// Returns the output for a person who builds the case.
fn told(code: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let stored: PathBuf = case("diagnostics").join(code);
    let out = make(code, folder.path());
    if out.is_some() {
        put(folder.path(), "lab.kdl", b"edition 1\n\nlab demo version=\"2026.1\"\n");
    } else {
        assert!(
            stored.is_dir(),
            "`{code}` has no case: add tests/cases/diagnostics/{code}/lab.kdl"
        );
        for (name, bytes) in files(&stored) {
            put(folder.path(), &name, &bytes);
        }
    }
    let mut arguments = vec!["build", "--out", out.unwrap_or("outputs/demo")];
    if code == "source-changed-while-read" {
        arguments.push("--follow-links");
    }
    labwright(folder.path(), &arguments).err
}

#[test]
fn every_code_is_raised_by_its_case() {
    for code in codes::all().filter(|code| code.name != ASKED_FOR) {
        let text = told(code.name);
        let head = format!("{}[{}]", code.severity.name(), code.name);
        assert!(text.contains(&head), "the case of `{}` does not raise it:\n{text}", code.name);
        // Of a hundred errors, the last ones are shown, with the remark that there are more.
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(60)..].join("\n");
        assert_snapshot("diagnostics", code.name, &(shown + "\n"));
    }
}

#[test]
fn every_case_is_that_of_a_code() {
    for name in crate::cli::names(&case("diagnostics")) {
        assert!(codes::find(&name).is_some(), "there is no code `{name}`");
    }
    assert!(codes::find(ASKED_FOR).is_some());
}

/// Lists the findings about a lab, one on each line.
fn found(lab: &Path) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let json = labwright(lab, &["check", "--format", "json"]).json();
    json.as_array()
        .expect("a list")
        .iter()
        .map(|found| format!("{}: {}", text(&found["code"]), text(&found["message"])))
        .collect()
}

/// A lab that was planned by hand: each mistake in the plan is found without a hint.
#[test]
fn a_plan_made_by_hand_is_seen_through() {
    let folder = copy("two-vms-as-planned");
    let lab = folder.path().join("two-vms-as-planned");
    let first = found(&lab);
    assert_snapshot("diagnostics", "first-plan", &first.join("\n"));

    let mend = |name: &str, wrong: &str, right: &str| {
        let text = fs::read_to_string(lab.join(name)).expect("a file");
        assert!(text.contains(wrong), "{wrong}");
        put(&lab, name, text.replace(wrong, right).as_bytes());
    };
    mend("hosts.kdl", "at=\"/mnt/postgres\"", "at=\"/mnt/postgres\" via=virtiofs");
    mend(
        "services.kdl",
        "machine-learning #false",
        "machine-learning #false; database-password (secret)postgres-password",
    );
    mend("lab.kdl", "secret ovh-dyndns", "secret ovh-dyndns\nsecret postgres-password");
    let second: Vec<String> =
        found(&lab).into_iter().filter(|found| !first.contains(found)).collect();
    assert_eq!(second, Vec::<String>::new(), "one fault hid another");
}

#[test]
fn what_is_said_often_does_not_hide_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lab =
        "edition 1\nlab demo version=\"1\"\nnetwork lan cidr=\"192.168.1.0/24\"\nhost box \
                   kind=debian { os debian-13; address lan \"192.168.1.10\"; }\n"
            .to_owned();
    for number in 1..=8 {
        lab += &format!(
            "service jellyfin-{number} module=jellyfin on=box {{ library \"/srv/{number}\"; port \
             web {}; }}\n",
            8100 + number
        );
    }
    lab += "secret unused\n";
    std::fs::write(folder.path().join("lab.kdl"), lab).expect("a file");
    let said = labwright(folder.path(), &["check"]).all();
    let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("no {words} in\n{said}"));
    assert_eq!(said.matches("warning[state-without-backup]").count(), 1, "{said}");
    assert!(at("warning[unused-secret]") < at("warning[state-without-backup]"), "{said}");
    let more = at("7 more of `state-without-backup`:");
    assert!(at("lab.kdl:12: no backup contains `config` of `jellyfin-8`") > more, "{said}");
    assert!(said.contains("9 warnings"), "{said}");
}
