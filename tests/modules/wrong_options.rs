//! Gives every option of every module values of many types, most of which are wrong: labwright
//! builds the lab or says what is wrong, whatever else it leaves out for that.

use labwright::compile;
use labwright::decl::types::Type;
use labwright::diag::{Diagnostic, Diagnostics, Severity};
use labwright::resolve::options::option_specs;
use labwright::source::{FileId, Layer, SourceFile, Sources};
use labwright::syntax::{self, Scalar};
use rayon::prelude::*;

use super::{PRELUDE, each_module, is_discontinued, lab_of};

/// A value of each type and shape.
const VALUES: &[&str] = &[
    r#""a b""#,
    r#""""#,
    r#""\n""#,
    r#""-x""#,
    r#""/""#,
    r#""/srv/x""#,
    r##"#"a"b'c;$(x)%\"#"##,
    "#true",
    "#null",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    "box",
    "nothing",
    "(secret)nothing",
    "(size)\"1GiB\"",
    "(duration)\"1d\"",
    "(cron)\"x\"",
    "(ref)opt.x",
    r#""::/0""#,
    "a=1",
    r#""x" "x""#,
    "",
];

/// Gives an option of the first service of a module another value.
fn with_option(lab: &str, module: &str, option: &str, value: &str) -> String {
    let document = syntax::parse(lab, FileId(0), &mut Diagnostics::default()).expect("a lab");
    let is_module = |scalar: &Scalar<'_>| matches!(scalar, Scalar::Text(text) if text == module);
    let named = |entry: &syntax::Entry<'_>| is_module(&entry.value.value);
    let service = document
        .nodes
        .iter()
        .find(|node| {
            node.name.value == "service"
                && (node.arguments.first().is_some_and(named)
                    || node.properties.iter().any(|property| named(&property.entry)))
        })
        .unwrap_or_else(|| panic!("the example of {module} has no {module}"));
    let (mut text, end) = (lab.to_owned(), service.span.end as usize);
    let given = service.children.iter().rev().filter(|child| child.name.value == option);
    for child in given {
        text.insert_str(child.span.start as usize, "/-");
    }
    let has_children = text[end..].trim_start_matches(' ').starts_with('{');
    if has_children {
        let at = end + text[end..].find('{').unwrap_or_default() + 1;
        text.insert_str(at, &format!("\n{option} {value}\n"));
    } else {
        text.insert_str(end, &format!(" {{\n{option} {value}\n}}"));
    }
    text
}

/// Checks a lab. Returns whether it has an error.
fn is_refused(text: String) -> bool {
    let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
    compile::check(&Sources::with_standard_library(vec![lab])).0.has_errors()
}

#[test]
fn wrong_values_of_options_break_nothing() {
    let (mut labs, mut given) = (Vec::new(), 0);
    each_module(|name, module| {
        if is_discontinued(module) {
            return;
        }
        let lab = lab_of(module);
        // Each option is given every other value, and the next one the others.
        for spec in option_specs(module) {
            let values = VALUES.iter().skip(given % 2).step_by(2);
            given += 1;
            labs.extend(values.map(|value| with_option(&lab, name, spec.name, value)));
        }
    });
    let refused = labs.par_iter().filter(|lab| is_refused((*lab).clone())).count();
    assert!(refused > labs.len() / 2, "only {refused} of {} are refused", labs.len());
    assert!(refused < labs.len(), "some values are right");
}

#[test]
fn what_an_option_leaves_out_is_not_looked_for() {
    // Without its image the container is left out, and with it the network that it joins.
    let service = "service qbittorrent on=box { data \"/srv/data\"; vpn gluetun; image \"a b\"; }";
    assert!(is_refused(format!("{PRELUDE}{service}\n")));
}

#[test]
fn an_exporter_needs_one_database() {
    let databases = "secret s
        service one module=vikunja on=box { url \"https://a.example.org/\"; secret-key (secret)s; \
            database postgres; database-password (secret)p; }
        service two module=vikunja on=box { url \"https://b.example.org/\"; secret-key (secret)s; \
            database postgres; database-password (secret)p; }\n";
    let found = |options: &str, databases: &str| {
        let exporter = format!("service postgres-exporter on=box {{ {options} }}\n");
        let service = format!("secret p\n{databases}{exporter}");
        let sources = Sources::with_standard_library(vec![SourceFile {
            path: "lab.kdl".into(),
            text: format!("{PRELUDE}{service}"),
            layer: Layer::Lab,
        }]);
        let (found, _) = compile::check(&sources);
        let errors = found.iter().filter(|found| found.severity() == Severity::Error);
        let said = |found: &Diagnostic| (found.code.name, found.help.clone().unwrap_or_default());
        errors.map(said).collect::<Vec<_>>()
    };
    let wants = |help: &str| vec![("unmet-need", help.to_owned())];
    let all = "password (secret)p";
    assert_eq!(found(all, ""), wants("add one, or check the option that names it"));
    let help = "write which one into `postgres-exporter`, such as `database one`";
    assert_eq!(found(all, databases), wants(help));
    for one in ["database one", "database two", "address \"192.168.1.5:5432\"; database one"] {
        assert_eq!(found(&format!("{all}; {one}"), databases), [], "{one}");
    }
    assert_eq!(found(&format!("{all}; address \"192.168.1.5:5432\""), ""), []);
}

#[test]
fn who_asks_a_program_by_its_name_needs_it() {
    let apps = "service sonarr on=box { data \"/srv/data\"; }\n";
    let found = |apps: &str, service: &str| {
        let sources = Sources::with_standard_library(vec![SourceFile {
            path: "lab.kdl".into(),
            text: format!("{PRELUDE}secret k\n{apps}{service}\n"),
            layer: Layer::Lab,
        }]);
        let (found, _) = compile::check(&sources);
        let errors = found.iter().filter(|found| found.severity() == Severity::Error);
        errors.map(|found| found.code.name).collect::<Vec<_>>()
    };
    let exporter = "service measures module=exportarr on=box { app sonarr; api-key (secret)k; }";
    let unpackerr = "service unpackerr on=box { data \"/srv/data\"; sonarr-key (secret)k; }";
    for service in [exporter, unpackerr] {
        assert_eq!(found("", service), ["unmet-need"], "{service}");
        assert_eq!(found(apps, service), Vec::<&str>::new(), "{service}");
    }
    // It may be anywhere.
    let elsewhere = unpackerr.replace("; }", "; sonarr \"http://192.168.1.9:8989\"; }");
    assert_eq!(found("", &elsewhere), Vec::<&str>::new());
}

#[test]
fn what_a_service_lacks_is_said_once_and_never_becomes_a_word() {
    let found = |lab: &str, services: &str| {
        let prelude = PRELUDE.replace(r#"domain "example.org"; email "me@example.org"; "#, lab);
        let (found, _) = compile::check(&Sources::with_standard_library(vec![SourceFile {
            path: "lab.kdl".into(),
            text: format!("{prelude}secret k\n{services}\n"),
            layer: Layer::Lab,
        }]));
        let errors = found.iter().filter(|found| found.severity() == Severity::Error);
        errors.map(|found| found.code.name).collect::<Vec<_>>()
    };
    let lldap = "service lldap on=box { admin-password (secret)k; key-seed (secret)k; \
                 session-key (secret)k; expose web to=lan; }";
    for service in [lldap, "service forgejo on=box", "service gitea on=box"] {
        assert_eq!(found("", service), ["assertion-failed"], "{service}");
    }
    let joins = r#"module joins version="1.0" {
        summary "Joins"
        container joins {
            image "docker.io/library/busybox:1.37"; health none="a stand-in"
            env MAIL (expr)"'mailto:' ~ lab.email"
        }
    }
    service joins on=box"#;
    assert_eq!(found("", joins), ["bad-module"]);
    assert_eq!(found(r#"email "me@example.org";"#, joins), Vec::<&str>::new());
}

/// The options of the library that take any text, each with what it is.
const ANY_TEXT: &[(&str, &str)] = &[
    ("restic repository", "an assertion says more of what is wrong"),
    ("wordpress config", "lines of PHP"),
];

#[test]
fn an_option_takes_what_its_program_does_and_nothing_else() {
    // A line break, an option, a character that hides, and something else than the type.
    let hostile = ["a\nb", "-x", "a\u{202e}b", "a\tb"];
    let real: &[(&str, &[&str])] = &[
        ("oauth2-proxy client-id", &["123-ab.apps.googleusercontent.com", "Iv1.8a61f9b3a7aba766"]),
        ("oauth2-proxy email-domain", &["*", "example.org"]),
        ("alertmanager smtp-user", &["me+alerts@example.org", "apikey", "LAN\\ada"]),
        ("ghost mail-user", &["postmaster@mg.example.org"]),
        ("gluetun proton-email", &["ada.b-c+vpn@proton.me"]),
        ("gluetun port-forwarding-command", &["/bin/sh -c 'wget -qO- http://a/?p={{PORT}}'"]),
        ("gluetun countries", &["Czech Republic"]),
        ("dashy title", &["Ada's \"home\" & more: 100% #1"]),
        ("lldap base-dn", &["dc=example,dc=org"]),
        ("rclone remote", &["box:Back ups/lab"]),
        ("rclone bandwidth", &["08:00,512k 12:00,10M off"]),
        ("recyclarr schedule", &["@daily", "0 4 * * *"]),
        ("minecraft operator", &["Notch_1", ".Bedrock"]),
        ("minecraft mod", &["fabric-api:0.1.1+1.21", "cloth-config?"]),
        ("minecraft game", &["1.21.8", "LATEST"]),
        ("adguard-home upstream", &["[/lan/]192.168.1.1", "quic://dns.example.org"]),
        ("homepage allowed-hosts", &["home.example.org,192.168.1.2:3000"]),
        ("node-exporter ignore-sensor", &["platform_nct6775_656/temp3"]),
        ("netdata claim-rooms", &["8a1c-2,9b3d-4"]),
        ("umami database-name", &["umami_2"]),
    ];
    let mut tried = 0;
    each_module(|name, module| {
        for spec in option_specs(module) {
            for spec in [std::slice::from_ref(&spec), &spec.fields].concat() {
                let option = format!("{name} {}", spec.name);
                let is_any = ANY_TEXT.iter().any(|(known, _)| *known == option);
                assert!(spec.kind != "text" || is_any, "`{option}` takes any text");
                let takes = |value: &str| spec.ty().read_text(value.into()).is_some();
                for (_, values) in real.iter().filter(|(known, _)| *known == option) {
                    for value in *values {
                        assert!(takes(value), "`{option}` does not take {value:?}");
                        tried += 1;
                    }
                    for value in hostile {
                        assert!(!takes(value), "`{option}` takes {value:?}");
                    }
                }
            }
        }
    });
    let all: usize = real.iter().map(|(_, values)| values.len()).sum();
    assert_eq!(tried, all, "an option has another name");
    // One that begins with a hyphen is a setting, and has one line.
    let takes = |kind: Type, value: &str| kind.read_text(value.into()).is_some();
    assert!(takes(Type::Setting, "--collector.systemd") && !takes(Type::Setting, "a\nb"));
}
