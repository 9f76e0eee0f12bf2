//! What the command prints, at 80 columns and as JSON.

use std::path::Path;
use std::process::Command;

use crate::cli::Run;

const HOME: &str = "modules/labs/media-server-home";

/// Runs `labwright reach` in the repository.
fn reach(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labwright"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().env("COLUMNS", "80");
    command.arg("reach").args(arguments).output().expect("the program runs").into()
}

fn home(arguments: &[&str]) -> Run {
    reach(&[arguments, &["--lab", HOME]].concat())
}

#[test]
fn a_person_reads_it_at_80_columns() {
    let questions: [&[&str]; 10] = [
        &["lan", "intranet:8096"],
        &["tunnel", "jellyfin:web"],
        &["internet", "jellyfin:web"],
        &["internet", "media.elmzn.be"],
        &["internet", "grafana.elmzn.be"],
        &["extranet", "intranet:22"],
        &["lan", "extranet:9100"],
        &["jellyfin", "immich:web"],
        &["tunnel"],
        &["--matrix"],
    ];
    let mut text = String::new();
    for question in questions {
        let run = home(question);
        assert_eq!(run.code, 0, "{}", run.all());
        text += &format!("$ labwright reach {}\n{}\n", question.join(" "), run.out);
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    crate::snapshots::assert_snapshot("cli", "reach", &text);
}

#[test]
fn a_program_reads_it_as_json() {
    let run = home(&["internet", "jellyfin:web", "--format", "json"]);
    crate::snapshots::assert_snapshot("cli", "reach-json", &run.out);
    let answer = run.json();
    assert_eq!(
        (&answer["format"], &answer["allowed"]),
        (&"labwright.reach/1".into(), &false.into())
    );
    let answer = home(&["lan", "jellyfin:web", "--format", "json"]).json();
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["chain"].as_array().map(Vec::len), Some(3));
    let matrix = home(&["--matrix", "--format", "json"]).json();
    let connections = matrix["connections"].as_array().expect("a list");
    assert!(connections.len() > 30 && connections.iter().all(|it| it["allowed"] == true));
}

#[test]
fn a_refusal_is_an_answer_and_fails_only_where_asked() {
    assert_eq!(home(&["internet", "intranet:22"]).code, 0);
    assert_eq!(home(&["internet", "intranet:22", "--exit-code"]).code, 1);
    assert_eq!(home(&["lan", "intranet:22", "--exit-code"]).code, 0);
}

#[test]
fn unknown_words_are_wrong_use_and_a_name_like_them_is_told() {
    for (arguments, wanted) in [
        (["laan", "intranet"], "did you mean `lan`?"),
        (["lan", "intranett"], "did you mean `intranet`?"),
        (["lan", "jellyfin:wbe"], "did you mean `web`?"),
        (["lan", "media.elmzn.bee"], "did you mean `media.elmzn.be`?"),
        (["lan", "intranet:70000"], "`70000` is not a port"),
        (["lan", "intranet:22/sctp"], "`22/sctp` is not a port"),
        (["\u{1b}[31mlan", "intranet"], "`\\u{1b}[31mlan` is not a zone"),
    ] {
        let run = home(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.all());
        assert!(run.err.contains(wanted), "{arguments:?}: {}", run.err);
        assert!(!run.err.contains('\u{1b}'), "{arguments:?}");
    }
    assert_eq!(reach(&[]).code, 2);
    assert_eq!(reach(&["--matrix", "lan"]).code, 2);
}

/// Text that would steer a terminal or a page does not get there, and no typed password does.
#[test]
fn hostile_text_is_inert() {
    let folder = tempfile::tempdir().expect("a folder");
    let lab = "edition 1\nlab small version=\"1\" { timezone \"UTC\"; }\n\
        network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n\
        network guests cidr=\"192.168.2.0/24\" gateway=\"192.168.2.1\" dns=\"192.168.2.1\"\n\
        secret pw\n\
        host box kind=debian { os debian-13; address lan \"192.168.1.10\"; appdata \"/srv\"; }\n\
        accept state-without-backup reason=\"a test\"\n\
        service gotify on=box { admin-password PASSWORD; expose web to=lan; }\n";
    let place = folder.path().to_string_lossy().into_owned();
    let ask = |password: &str, to: &str, more: &[&str]| {
        let text = lab.replace("PASSWORD", password);
        std::fs::write(Path::new(folder.path()).join("lab.kdl"), text).expect("write");
        let run = reach(&[&["guests", to, "--lab", &place], more].concat());
        let inert = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(run.all().chars().all(inert), "{:?}", run.all());
        assert!(!run.all().contains("hunter2"), "{}", run.all());
        run
    };
    for more in [&[][..], &["--format", "json"]] {
        let run = ask("(secret)pw", "gotify:web", more);
        assert_eq!(run.code, 0, "{}", run.all());
        let refused = if more.is_empty() { "may not connect" } else { "\"allowed\": false" };
        assert!(run.out.contains(refused), "{}", run.all());
        assert_eq!(ask("\"hunter2\"", "gotify:web", more).code, 1);
        for word in ["\u{1b}[31mbox", "b\u{202e}ox", "box:\u{7}", "<script>"] {
            assert_eq!(ask("(secret)pw", word, more).code, 2, "{word:?}");
        }
    }
}
