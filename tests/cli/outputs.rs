//! Compares what the commands print with snapshots.

use super::{Run, case, copy, labwright, program, steady};
use crate::snapshots::assert_snapshot;

#[test]
fn help() {
    let mut text = labwright(&case("."), &["--help"]).out;
    for command in
        ["build", "check", "verify", "show", "snapshot", "explain", "modules", "completions", "man"]
    {
        text.push_str(&format!("\n$ labwright {command} --help\n"));
        text.push_str(&labwright(&case("."), &[command, "--help"]).out);
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_snapshot("cli", "help", &text);
}

#[test]
fn check() {
    assert_snapshot("cli", "check", &labwright(&case("."), &["check", "tiny"]).out);
    assert_snapshot("cli", "check-wrong", &labwright(&case("."), &["check", "wrong"]).out);
}

#[test]
fn build_and_verify() {
    let folder = copy("tiny");
    let build = labwright(&folder.path().join("tiny"), &["build"]);
    // The size of an archive changes as often as its hash, and neither belongs into this snapshot.
    let sizes = build.out.lines().map(|line| {
        line.split_once(" KiB").map_or(line, |_| "  box      debian  192.168.1.10  FILES  SIZE")
    });
    assert_snapshot("cli", "build", &steady(&(sizes.collect::<Vec<_>>().join("\n") + "\n")));
    let check = labwright(&folder.path().join("tiny"), &["build", "--check"]);
    assert_snapshot("cli", "build-check", &steady(&check.out));
    let verify = labwright(folder.path(), &["verify", "tiny/outputs/tiny-2026.1"]);
    assert_snapshot("cli", "verify", &steady(&verify.out));
    let rebuilt =
        |lab: &str| labwright(folder.path(), &["verify", "tiny/outputs/tiny-2026.1", "--lab", lab]);
    assert_snapshot("cli", "verify-rebuilt", &steady(&rebuilt("tiny").out));
    super::put(folder.path(), "tiny/modules/echo/more.txt", b"changed");
    let other = rebuilt("tiny");
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.says("`release.json` has different bytes"), "{other:?}");
    assert_snapshot("cli", "verify-other-lab", &steady(&other.out));
    let wrong = rebuilt(case("wrong").to_str().expect("text"));
    assert_eq!(wrong.code, 1, "a lab with errors makes no release");
    assert!(wrong.err.contains("error["), "{wrong:?}");
    assert!(wrong.says("compared with the lab: it has errors"), "{wrong:?}");
    assert_eq!(rebuilt("nowhere").code, 3);
    std::fs::remove_file(folder.path().join("tiny/modules/echo/more.txt")).expect("remove");
    super::put(folder.path(), "tiny/outputs/tiny-2026.1/notes.txt", b"mine");
    let verify = labwright(folder.path(), &["verify", "tiny/outputs/tiny-2026.1"]);
    assert_snapshot("cli", "verify-unsound", &steady(&verify.out));
    let check = labwright(&folder.path().join("tiny"), &["build", "--check"]);
    assert_snapshot("cli", "build-check-different", &steady(&check.out));
}

#[test]
fn show() {
    let text = labwright(&case("."), &["show", "tiny"]).out;
    assert_snapshot("cli", "show", &text);
    assert_snapshot(
        "cli",
        "show-json",
        &labwright(&case("."), &["show", "tiny", "--format", "json"]).out,
    );
}

#[test]
fn show_lists_the_containers_that_meet() {
    let home = case("../../modules/labs/media-server-home");
    let text = labwright(&home, &["show"]).out;
    assert!(text.contains("\nContainers that meet\n"), "{text}");
    let shown = labwright(&home, &["show", "--format", "json"]).json();
    let meets = shown["meets"].as_array().expect("a list").clone();
    let found = meets.iter().find(|meet| meet["from"] == "grafana").expect("a meeting");
    assert_eq!((&found["to"], &found["machine"]), (&"prometheus.web".into(), &"intranet".into()));
    let source = found["source"].as_str().expect("a place");
    assert!(found["reason"] == "need" && source.starts_with("services.kdl:"), "{found}");
}

#[test]
fn show_fits_a_terminal_for_every_lab() {
    for lab in std::fs::read_dir(case("../../modules/labs")).expect("the labs") {
        let lab = lab.expect("an entry").path();
        if lab.join("lab.kdl").exists() {
            let run = Run::from(
                program(&lab).arg("show").env("COLUMNS", "80").output().expect("the program runs"),
            );
            assert_eq!(run.code, 0, "{run:?}");
            assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{}", run.out);
            let shown = labwright(&lab, &["show", "--format", "json"]).json();
            for machine in shown["machines"].as_array().expect("a list") {
                let name = machine["name"].as_str().expect("a name");
                assert!(run.out.contains(&format!("\n  {name} ")), "{name} is cut: {}", run.out);
            }
        }
    }
}

#[test]
fn a_row_is_a_line_in_a_pipe() {
    let run = labwright(&case("../../modules/labs/blackbox"), &["show"]);
    assert!(
        run.out.lines().any(|line| line.chars().count() > 80),
        "nothing here is wide: {}",
        run.out
    );
    assert!(
        !run.out.lines().any(|line| line.starts_with("   ")),
        "a row goes on in a second line: {}",
        run.out
    );
}

#[test]
fn modules() {
    assert_snapshot(
        "cli",
        "modules-echo",
        &labwright(&case("."), &["modules", "--lab", "tiny", "echo"]).out,
    );
    assert_snapshot(
        "cli",
        "modules-echo-json",
        &labwright(&case("."), &["modules", "--lab", "tiny", "echo", "--format", "json"]).out,
    );
    for module in
        labwright(&case("."), &["modules", "--format", "json"]).json().as_array().expect("a list")
    {
        let name = module["name"].as_str().expect("a name");
        let page = labwright(&case("."), &["modules", name]).out;
        let (text, _) = page.split_once("\nExample\n").unwrap_or((&page, ""));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80 || !line.trim().contains(' ')),
            "{page}"
        );
    }
}

#[test]
fn modules_are_found_by_what_people_call_them() {
    for (words, wanted) in [
        (&["mqtt"] as &[&str], &["mosquitto", "zigbee2mqtt"] as &[&str]),
        (&["open", "webui"], &["open-webui"]),
        (&["wiki.js"], &["wiki-js"]),
        (&["minio"], &["garage"]),
        (&["rss"], &["freshrss"]),
        (&["ssl"], &["caddy", "nginx-proxy-manager", "traefik"]),
        (&["object", "storage"], &["garage"]),
        (&["log", "aggregation"], &["loki"]),
        (&["meal", "planner"], &["mealie", "tandoor"]),
        (&["overseerr"], &["seerr"]),
        (&["blog"], &["ghost", "wordpress"]),
        (&["phpmyadmin"], &["adminer"]),
        (&["mysql"], &["adminer", "mariadb"]),
        (&["cameras"], &["frigate"]),
        (&["password manager"], &["vaultwarden"]),
        (&["the", "ai"], &["ollama", "open-webui"]),
    ] {
        let arguments: Vec<&str> = ["modules"].iter().chain(words).copied().collect();
        let run = labwright(&case("."), &arguments);
        let names: Vec<&str> =
            run.out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, wanted, "{words:?}: {}", run.all());
    }
    // Registries are no words of an image, and what only a long text says comes last.
    assert!(!labwright(&case("."), &["modules", "docker"]).out.contains("actual"));
    assert_eq!(labwright(&case("."), &["modules", "no", "such", "thing"]).code, 2);
}

#[test]
fn explain() {
    assert_snapshot("cli", "explain", &labwright(&case("."), &["explain", "output-not-ours"]).out);
}

#[test]
fn man() {
    let page = labwright(&case("."), &["man", "build"]).out;
    assert!(page.starts_with(".ie"), "{page}");
    let version = format!("\"labwright {}\" labwright", env!("CARGO_PKG_VERSION"));
    for word in [
        "labwright\\-build",
        "\\fBlabwright build\\fR",
        "\\-\\-out",
        "\\-\\-check",
        "sarif",
        "EXIT STATUS",
        &version,
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
}

/// What a page names can be read.
#[test]
fn each_manual_page_that_one_refers_to_is_there() {
    let mut open = vec![String::from("labwright")];
    let mut seen = 0;
    while let Some(name) = open.pop() {
        let words: Vec<&str> = ["man"].into_iter().chain(name.split('-').skip(1)).collect();
        let run = labwright(&case("."), &words);
        assert_eq!(run.code, 0, "{}", run.all());
        assert!(run.out.contains(&format!(".TH {name} 1 ")), "{}", run.out);
        let pages = run.out.lines().filter_map(|line| line.strip_suffix("(1)"));
        open.extend(pages.map(|name| name.replace("\\-", "-")));
        seen += 1;
    }
    assert!(seen > 13, "{seen}");
}

#[test]
fn shells_complete_codes_and_modules() {
    for shell in ["bash", "zsh"] {
        let script = labwright(&case("."), &["completions", shell]).out;
        assert!(["unknown-name", "jellyfin"].iter().all(|name| script.contains(name)), "{script}");
    }
}
