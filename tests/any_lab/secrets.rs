//! Checks that a secret's name is never written where its value belongs: whatever would write it
//! there is an error that says what to write instead.

use labwright::compile::{self, Memory};
use labwright::diag::{Format, Severity, Style, render};
use labwright::source::{Layer, SourceFile, Sources};

/// The name of the secret; nothing else in the lab contains it.
const NAME: &str = "door-code";

fn lab(module: &str, template: &str, service: &str) -> Sources {
    let file = |path: &str, layer, text: String| SourceFile { path: path.to_owned(), text, layer };
    Sources::with_standard_library(vec![
        file(
            "lab.kdl",
            Layer::Lab,
            format!("{}\nservice thing on=box {{ {service} }}\n", include_str!("secrets.kdl")),
        ),
        file(
            "modules/thing/module.kdl",
            Layer::Site,
            format!(
                "edition 1\nmodule thing version=\"1.0\" {{ summary \"Thing\"; option pw \
                 type=secret; option word type=text;\n{module}\n}}\n"
            ),
        ),
        file("modules/thing/t.j2", Layer::Site, template.to_owned()),
    ])
}

/// Returns the errors of a lab in words; fails when a bundle holds the name.
fn errors(sources: &Sources) -> Vec<String> {
    let (found, _) = compile::check(sources);
    let errors: Vec<String> = found
        .iter()
        .filter(|found| found.severity() == Severity::Error)
        .map(|found| {
            format!(
                "{}: {} ({})",
                found.code.name,
                found.message,
                found.help.as_deref().unwrap_or_default()
            )
        })
        .collect();
    let compiled = labwright::compile(sources, Memory::open);
    assert_eq!(
        compiled.release.is_err(),
        !errors.is_empty(),
        "{}",
        render(&found, sources, Format::Text, Style::default())
    );
    errors
}

const IMAGE: &str = "image \"docker.io/library/busybox:1.37\"; health none=\"an example\"";

#[test]
fn no_sink_takes_the_name_of_a_secret_for_its_value() {
    let container = |inside: &str| format!("container thing {{ {IMAGE}; {inside} }}");
    let unit = |value: &str| {
        format!(
            "unit \"thing.service\" action=install {{ section Service {{ \
             set ExecStart {value}; }}; }}"
        )
    };
    let file = format!("{}; file \"a.txt\" from=\"t.j2\"", container(""));
    let sinks = [
        (container("env PASSWORD (secret)door-code"), "", ""),
        (container("label a (f)\"x {opt.pw}\""), "", "pw (secret)door-code"),
        (container("command (f)\"pg://u:{opt.pw}@db/x\""), "", "pw (secret)door-code"),
        (container("raw compose.annotations { a (ref)opt.pw; }"), "", "pw (secret)door-code"),
        (container("logging local { set a (ref)opt.pw; }"), "", "pw (secret)door-code"),
        (container("env PASSWORD (expr)\"opt.pw ~ 'x'\""), "", "pw (secret)door-code"),
        (container("env PASSWORD (expr)\"opt.pw|upper\""), "", "pw (secret)door-code"),
        (container("env PASSWORD (expr)\"[opt.pw]|join(',')\""), "", "pw (secret)door-code"),
        (container("label a (ref)opt.pw"), "", "pw (secret)door-code"),
        // The letters of the name say nothing about those of the value.
        (container("env LONG (expr)\"opt.pw|length\""), "", "pw (secret)door-code"),
        (container("env SAME (expr)\"opt.pw == 'door-code'\""), "", "pw (secret)door-code"),
        (container("env HAS (expr)\"'door' in opt.pw\""), "", "pw (secret)door-code"),
        (container("env MORE (expr)\"opt.pw > 'a'\""), "", "pw (secret)door-code"),
        (container("env IS (expr)\"opt.pw is string\""), "", "pw (secret)door-code"),
        (container("env PARTS (expr)\"opt.pw|split('-')|length\""), "", "pw (secret)door-code"),
        (container("env LIST (expr)\"opt.pw|list|length\""), "", "pw (secret)door-code"),
        (file.clone(), "{{ opt.pw|length }}\n", "pw (secret)door-code"),
        (file.clone(), "{% if 'door' in opt.pw %}y{% endif %}\n", "pw (secret)door-code"),
        (file.clone(), "{% if opt.pw is startingwith 'd' %}y{% endif %}\n", "pw (secret)door-code"),
        (container("command \"run\" (ref)opt.pw"), "", "pw (secret)door-code"),
        (container("sysctl net.ipv4.ip_forward (ref)opt.pw"), "", "pw (secret)door-code"),
        (container("mount \"/srv\" at=(ref)opt.pw"), "", "pw (secret)door-code"),
        (
            "container thing { image (ref)opt.pw; health none=\"x\"; }".to_owned(),
            "",
            "pw (secret)door-code",
        ),
        (unit("(ref)opt.pw"), "", "pw (secret)door-code"),
        (
            format!("{}; sysctl vm.swappiness (ref)opt.pw", container("")),
            "",
            "pw (secret)door-code",
        ),
        (format!("{}; package (ref)opt.pw", container("")), "", "pw (secret)door-code"),
        (file.clone(), "{{ opt.pw }}\n", "pw (secret)door-code"),
        (file.clone(), "{{ 'x' ~ opt.pw ~ 'y' }}\n", "pw (secret)door-code"),
        (container("env WORD (ref)opt.word"), "", "word (secret)door-code"),
        (container(""), "", "raw compose.hostname (secret)door-code"),
        (container(""), "", "raw compose.labels { a (secret)door-code; }"),
        (container(""), "", "raw compose.environment A=(secret)door-code"),
        (container("raw compose.annotations { a { b (secret)door-code; }; }"), "", ""),
    ];
    for (module, template, service) in sinks {
        let errors = errors(&lab(&module, template, service));
        assert!(!errors.is_empty(), "{module} with {template:?} and {service} is built");
        assert!(
            errors.iter().any(|error| error.contains("secret")),
            "{module} with {template:?} and {service} says {errors:#?}"
        );
    }
}

#[test]
fn a_secret_is_passed_on_as_a_secret() {
    let good = [
        ("secret (ref)opt.pw value-variable=\"PASSWORD\"", ""),
        ("secret (ref)opt.pw file-variable=\"PASSWORD_FILE\"", ""),
        ("secret (expr)\"opt.pw\" value-variable=\"PASSWORD\"", ""),
        ("env PASSWORD (ref)opt.pw", ""),
        ("env PASSWORD (f)\"pg://u:{opt.pw}@db/x\"", ""),
        (
            "env HAS (expr)\"'yes' if opt.pw else 'no'\"; secret (ref)opt.pw value-variable=\"P\"",
            "",
        ),
    ];
    for (inside, template) in good {
        let module = format!("container thing {{ {IMAGE}; {inside} }}");
        let sources = lab(&module, template, "pw (secret)door-code");
        assert_eq!(errors(&sources), Vec::<String>::new(), "{inside}");
        let compiled = labwright::compile(&sources, Memory::open);
        let release = compiled.release.expect("it is built");
        assert!(release.index.secrets.iter().any(|secret| secret.name == NAME), "{inside}");
    }
}

/// A password that somebody types where a secret's name belongs is in no format of the findings, so
/// it is in no log of a CI run.
#[test]
fn a_password_typed_by_mistake_is_not_repeated() {
    let module = format!("container thing {{ {IMAGE}; secret (ref)opt.pw value-variable=\"P\" }}");
    let mistakes = [
        "pw \"hunter2 is mine\"",
        "pw (secret)\"hunter2\"",
        "pw \"a\\nhunter2\"",
        "pw 8472001",
        "pw \"x\" \"hunter2\"",
    ];
    let labs = mistakes.map(|service| lab(&module, "", service)).into_iter();
    let declared = ["secret pw \"hunter2\"", "secret pw value=\"hunter2\""];
    let declared = declared.map(|text| {
        let file = SourceFile {
            path: "more.kdl".to_owned(),
            text: format!("{text}\n"),
            layer: Layer::Lab,
        };
        let known = lab(&module, "", "pw (secret)door-code");
        let own =
            known.files().map(|(_, file)| file.clone()).filter(|file| file.layer != Layer::Builtin);
        Sources::with_standard_library(own.chain([file]).collect())
    });
    for sources in labs.chain(declared) {
        let (found, _) = compile::check(&sources);
        assert!(found.has_errors());
        for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
            let text = render(&found, &sources, format, Style::default());
            assert!(!text.contains("hunter2") && !text.contains("8472001"), "{text}");
        }
    }
}
