//! Builds labs whose names can join to the same ones, and counts what comes out: nothing is lost.

use std::collections::BTreeSet;

use labwright::bundle::read::read_archive;
use labwright::source::{Layer, SourceFile};
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::Config;

use super::{boxed, build};

/// Names of services, some of which are the beginning of others.
const SERVICES: &[&str] = &["m", "m-of", "m-web", "m-web-of", "of-web", "web"];

/// Names within services, which complete some of those to others.
const INSIDE: &[&str] = &["data", "of-data", "of-web-data", "web", "web-data", "web-of-data"];

/// Names of databases, which may contain any character.
const DATABASES: &[&str] = &["a.b", "a-b", "data", "of-data", "web-data"];

/// Users of secrets, some of which are called like secrets.
const OWNERS: &[&str] = &["1000", "data", "root", "web"];

const SECRETS: &[&str] = &["data", "data-of-1000", "data-of-web", "web"];

const LAB: &str = r#"
secret restic-password
service restic on=box {
    repository "sftp:ada@backup.example.org:/restic"
    password (secret)restic-password
}
service prometheus on=box
"#;

/// The parts of a service, each as names from the lists above.
#[derive(Debug, Clone)]
struct Parts {
    service: &'static str,
    volumes: Vec<&'static str>,
    databases: Vec<&'static str>,
    endpoints: Vec<&'static str>,
    secrets: Vec<(&'static str, &'static str)>,
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(names, 0..3)
}

fn parts(service: &'static str) -> impl Strategy<Value = Parts> {
    let owner = prop::sample::select(OWNERS);
    (some(INSIDE), some(DATABASES), some(INSIDE), some(SECRETS), owner).prop_map(
        move |(volumes, databases, endpoints, secrets, owner)| Parts {
            service,
            volumes,
            databases,
            endpoints,
            secrets: secrets.into_iter().map(|secret| (secret, owner)).collect(),
        },
    )
}

fn services() -> impl Strategy<Value = Vec<Parts>> {
    subsequence(SERVICES, 2..4)
        .prop_flat_map(|names| names.into_iter().map(parts).collect::<Vec<_>>())
}

/// Writes a module and the service that is made of it.
fn kdl(port: usize, parts: &Parts) -> String {
    let name = parts.service;
    let mut container = String::new();
    for volume in &parts.volumes {
        container += &format!("        mount \"volume:{volume}\" at=\"/{volume}\"\n");
    }
    for (secret, owner) in &parts.secrets {
        container +=
            &format!("        secret {secret} owner=\"{owner}\" at=\"/secret/{secret}\"\n");
    }
    let mut rest = String::new();
    for database in &parts.databases {
        rest += &format!(
            "    database \"{database}\" engine=postgres container={name} user=x state=data\n"
        );
    }
    for (index, endpoint) in parts.endpoints.iter().enumerate() {
        let port = 7000 + 10 * port + index;
        rest += &format!("    provides {endpoint} container={name} port={port} scrape=#true\n");
    }
    format!(
        "module {name} {{\n    summary \"Notes\"\n    state data path=(f)\"{{machine.appdata}}/\
         {{service.name}}\" backup=dump\n    container {name} {{\n        image \
         \"docker.io/library/postgres:17.2\"\n{container}    }}\n{rest}}}\n"
    )
}

fn file(path: &str, text: String, layer: Layer) -> SourceFile {
    SourceFile { path: path.to_owned(), text, layer }
}

/// Builds a lab and returns the content of the emitted files, if it has no errors.
fn files(services: &[Parts]) -> Result<impl Fn(&str) -> String, String> {
    let mut lab = boxed(r#"appdata "/srv/appdata" backup=daily"#) + LAB;
    for secret in SECRETS {
        lab += &format!("secret {secret}\n");
    }
    let mut files = Vec::new();
    for (index, parts) in services.iter().enumerate() {
        let name = parts.service;
        lab += &format!("service {name} on=box\n");
        files.push(file(&format!("modules/{name}/module.kdl"), kdl(index, parts), Layer::Site));
    }
    files.push(file("lab.kdl", lab, Layer::Lab));
    let bundles = build(files)?;
    let (name, archive) = bundles.into_iter().next().expect("the bundle of the only machine");
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    Ok(move |path: &str| {
        let found = contents.files.iter().find(|(name, _)| name.ends_with(path));
        found.map_or_else(String::new, |(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    })
}

/// Returns the words after `before` in every line that has it.
fn words<'t>(text: &'t str, before: &str) -> BTreeSet<&'t str> {
    text.lines()
        .filter_map(|line| line.split_once(before)?.1.split([' ', '\'', ';']).next())
        .collect()
}

/// Lists the keys in a section of a compose file.
fn section<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let head = format!("\n{name}:\n");
    let section = text.split_once(&head).map_or("", |(_, rest)| rest);
    let lines = section.lines().take_while(|line| line.starts_with(' '));
    lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "))
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn joined_names_lose_nothing(services in services()) {
        let file = match files(&services) {
            Ok(file) => file,
            Err(said) => {
                prop_assert!(said.contains("-name-twice"), "{said}");
                return Ok(());
            }
        };
        let count = |of: fn(&Parts) -> usize| services.iter().map(of).sum::<usize>();
        let list = file("payload/databases/list.sh");
        let databases = list.lines().filter(|line| line.contains(") service=")).count();
        prop_assert_eq!(databases, count(|parts| parts.databases.len()), "{}", list);
        let compose = file("payload/compose/compose.yaml");
        let volumes = section(&compose, "volumes").count();
        prop_assert_eq!(volumes, count(|parts| parts.volumes.len()), "{}", compose);
        let config = file("payload/prometheus/prometheus.yml");
        let jobs = words(&config, "job_name: '");
        let scraped = count(|parts| parts.endpoints.len());
        let own = jobs.iter().filter(|job| **job == "prometheus").count();
        prop_assert_eq!(jobs.len() - own, scraped, "{}", config);
        let listed: BTreeSet<_> = services.iter().flat_map(|parts| &parts.secrets).collect();
        prop_assert_eq!(section(&compose, "secrets").count(), listed.len(), "{}", compose);
    }
}

#[test]
fn names_that_meet_are_refused_and_others_are_not() {
    let service = |service, database| Parts {
        service,
        volumes: Vec::new(),
        databases: vec![database],
        endpoints: Vec::new(),
        secrets: Vec::new(),
    };
    let said = |services: &[Parts]| files(services).err().unwrap_or_default();
    let met = said(&[service("m", "web-data"), service("m-web", "data")]);
    assert!(met.contains("joined-name-twice") && met.contains("`m-web-data`"), "{met}");
    let met = said(&[Parts { databases: vec!["a b", "a-b"], ..service("m", "data") }]);
    assert!(met.contains("joined-name-twice") && met.contains("`m-a-b`"), "{met}");
    assert_eq!(said(&[service("m", "web-data"), service("web", "data")]), "");
}

#[test]
fn a_node_under_a_condition_takes_the_place_of_another() {
    let module = r#"module m version="1" {
    summary "x"
    container m {
        image "docker.io/library/postgres:17.2"
        health none="x"
        mount (ref)state.data at="/data"
        env PORT (ref)port.web
        env OUTER (ref)outer.web
    }
    state data path="/srv/one" backup=never reason="x"
    provides web container=m port=80 protocol=http
    when (expr)"true" {
        state data path="/srv/two" backup=never reason="x"
        provides web container=m port=81 protocol=http
    }
}
"#;
    let lab = boxed("") + "service m on=box { expose web to=lan; }\n";
    let files = vec![
        file("modules/m/module.kdl", format!("edition 1\n{module}"), Layer::Site),
        file("lab.kdl", lab, Layer::Lab),
    ];
    let (name, archive) = build(files).expect("it is built").remove(0);
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    for (path, bytes) in &contents.files {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("/srv/one"), "{path}: {text}");
    }
    let compose = String::from_utf8_lossy(&contents.files["payload/compose/compose.yaml"]);
    for line in ["source: '/srv/two'", "PORT: '81'", "OUTER: '81'", "0.0.0.0:81:81/tcp"] {
        assert!(compose.contains(line), "{line}: {compose}");
    }
}
