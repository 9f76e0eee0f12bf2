//! Checks findings and facts in every format.

use serde_json::Value;

use crate::left_out::left_out;

use super::{case, copy, labwright, program, put};

fn findings(command: &str, format: &str) -> String {
    let run = labwright(&case("."), &[command, "wrong", "--format", format]);
    assert_eq!(run.code, 1);
    let (findings, other) =
        if command == "check" { (run.out, run.err) } else { (run.err, run.out) };
    assert_eq!(other, "", "{command}: results go one way, findings of a build the other");
    findings
}

#[test]
fn every_error_of_every_file_is_reported_at_once() {
    for command in ["check", "build"] {
        let json: Vec<Value> = serde_json::from_str(&findings(command, "json")).expect("JSON");
        let told: Vec<String> = json
            .iter()
            .map(|found| {
                format!(
                    "{}:{} {}",
                    found["file"].as_str().expect("a file"),
                    found["line"],
                    found["code"].as_str().expect("a code")
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "wrong/machines.kdl:2 wrong-type",
                "wrong/machines.kdl:3 unknown-name",
                "wrong/services.kdl:1 unknown-name",
                "wrong/services.kdl:1 unknown-name",
                "wrong/syntax.kdl:2 unclosed-string",
            ]
        );
        for found in &json {
            for field in ["severity", "message", "column", "labels", "help"] {
                assert!(!found[field].is_null(), "{field}: {found}");
            }
        }
    }
}

#[test]
fn paths_lead_to_the_files_from_where_the_program_runs() {
    let folder = copy("wrong");
    let place = |at: &str, lab: &str| {
        let run = labwright(&folder.path().join(at), &["check", lab, "--format", "json"]);
        run.json()[0]["file"].as_str().expect("a file").to_owned()
    };
    assert_eq!(place("wrong", "."), "machines.kdl");
    assert_eq!(place("", "wrong"), "wrong/machines.kdl");
    assert_eq!(place("", "./wrong/"), "wrong/machines.kdl");
    assert_eq!(place("wrong", "../wrong"), "../wrong/machines.kdl");
    let absolute = folder.path().join("wrong");
    assert_eq!(
        place("", absolute.to_str().expect("text")),
        absolute.join("machines.kdl").to_str().expect("text")
    );
}

#[test]
fn sarif_and_annotations_say_the_same() {
    for command in ["check", "build"] {
        let sarif: Value = serde_json::from_str(&findings(command, "sarif")).expect("JSON");
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(sarif["runs"][0]["results"].as_array().expect("results").len(), 5);
        let github = findings(command, "github");
        assert_eq!(
            github.lines().filter(|line| line.starts_with("::error file=wrong/")).count(),
            5,
            "{github}"
        );
    }
}

#[test]
fn a_lab_without_findings_is_an_empty_list() {
    let check = labwright(&case("."), &["check", "tiny", "--format", "json"]);
    assert_eq!((check.code, check.json()), (0, Value::Array(Vec::new())));
    assert_eq!(labwright(&case("."), &["check", "tiny", "--format", "github"]).out, "");
}

#[test]
fn facts_are_json_where_asked() {
    let folder = copy("tiny");
    let facts = |arguments: &[&str]| {
        let run = labwright(folder.path(), &[arguments, &["--format", "json"]].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run.json()
    };
    let built = facts(&["build", "tiny", "--out", "release"]);
    let verified = facts(&["verify", "release"]);
    let compared = facts(&["build", "tiny", "--out", "release", "--check"]);
    assert_eq!(built["contentId"], verified["contentId"]);
    assert_eq!(built["contentId"], compared["contentId"]);
    assert_eq!(verified["sound"], true);
    assert_eq!(built["machines"]["box"]["addresses"][0], "192.168.1.10");
    let archive = folder
        .path()
        .join("release")
        .join(built["machines"]["box"]["archive"].as_str().expect("a name"));
    assert_eq!(built["machines"]["box"]["size"], archive.metadata().expect("the archive").len());

    let shown = facts(&["show", "tiny"]);
    assert_eq!(shown["machines"][0]["name"], "box");
    assert_eq!(shown["ports"][0]["port"], 8080);
    assert_eq!(facts(&["explain", "unknown-name"])["severity"], "error");
    assert!(facts(&["explain"]).as_array().expect("a list").len() > 50);
    assert_eq!(facts(&["modules", "--lab", "tiny", "echo"])["options"][0]["name"], "greeting");
    // What other containers call them, and `docker logs` too.
    let names = [
        "{service.name}",
        "{service.name}-machine-learning",
        "{service.name}-valkey",
        "{service.name}-database",
    ];
    let containers = facts(&["modules", "immich"])["containers"].clone();
    let known = containers.as_array().expect("a list");
    assert!(names.iter().all(|name| known.iter().any(|one| one == name)), "{containers}");
    assert!(
        facts(&["modules"])
            .as_array()
            .expect("a list")
            .iter()
            .any(|module| module["name"] == "jellyfin")
    );
}

#[test]
fn what_only_follows_from_an_error_is_not_told() {
    let folder = copy("tiny");
    let lab = folder.path().join("tiny");
    let told = || {
        let run = labwright(&lab, &["check", "--format", "json"]);
        let codes: Vec<String> = run
            .json()
            .as_array()
            .expect("a list")
            .iter()
            .map(|found| found["code"].as_str().expect("a code").to_owned())
            .collect();
        codes
    };
    // A proxy without its password is left out of the model. The routes through it and the secret
    // that it reads must not be reported because of that.
    let proxy = "secret token\nservice npm module=nginx-proxy-manager on=box { admin-password \
                 (secret)tokn; email (secret)token; }\n\
                 extend service echo { route \"a.example.org\" to=web via=npm from=lan; }\n";
    put(&lab, "proxy.kdl", proxy.as_bytes());
    assert!(
        !told().contains(&"unknown-name".to_owned())
            && !told().contains(&"unused-secret".to_owned()),
        "{:?}",
        told()
    );
    // A file that can't be read may declare the machine.
    put(&lab, "proxy.kdl", b"");
    let machines = std::fs::read_to_string(lab.join("machines.kdl")).expect("a file");
    put(&lab, "machines.kdl", machines.replace("\"192.168.1.10\"", "192.168.1.10").as_bytes());
    assert_eq!(told(), ["unquoted-text"]);
}

/// Runs the program at a terminal of 80 columns.
fn at_a_terminal(environment: &[(&str, &str)], arguments: &str) -> Option<String> {
    let program = program(&case("."));
    let line = format!("stty cols 80; {} {arguments}", program.get_program().display());
    let mut script = std::process::Command::new("script");
    script
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().copied())
        .current_dir(case("."));
    let output =
        script.args(["-qec", &line, "/dev/null"]).stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|error| left_out(&format!("`script` does not start: {error}")));
    output.ok().map(|output| String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn what_was_typed_controls_no_terminal_among_colours() {
    // Octal escapes of `printf`: a title for the window, and an erased screen.
    for typed in [r"\033]0;other\007", r"\033[2J"] {
        for place in ["", "explain ", "check --format "] {
            let arguments = format!("{place}\"$(printf 'x{typed}')\"");
            let Some(shown) = at_a_terminal(&[], &arguments) else { return };
            assert!(shown.contains("error"), "{shown:?}");
            for hostile in ["\u{1b}]", "\u{7}", "\u{1b}[2J"] {
                assert!(!shown.contains(hostile), "{arguments}: {shown:?}");
            }
        }
    }
    let harmless = at_a_terminal(&[], "biuld").expect("it ran before");
    assert!(harmless.contains("\u{1b}["), "{harmless:?}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    for arguments in ["check wrong", "build wrong", "show tiny"] {
        let Some(plain) = at_a_terminal(&[("NO_COLOR", "1")], arguments) else { return };
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let colored = at_a_terminal(&[], arguments).expect("it ran before");
        assert!(colored.contains("\u{1b}["), "{colored}");
        let pipe = labwright(&case("."), &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(
            plain.replace("\r\n", "\n"),
            pipe.all(),
            "a pipe is 80 columns wide and has no colours"
        );
    }
}
