//! Imports compose files as people do, and holds what comes out against what went in.

mod equal;
mod hostile;
mod schema;
mod secrets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Run, case, labwright};
use crate::snapshots::assert_snapshot;

/// The folders with samples: each has compose files, as people have them.
fn samples() -> Vec<String> {
    let entries = fs::read_dir(case("import")).expect("the samples");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a sample").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// An import, and the lab that it wrote.
struct Made {
    folder: TempDir,
    /// What the command printed with `--format json`.
    facts: Value,
}

impl Made {
    fn lab(&self) -> PathBuf {
        self.folder.path().join("home")
    }
}

/// Imports what is in a folder. On the machine, the files are in `/opt/stacks/NAME`.
fn import(source: &Path, arguments: &[&str]) -> (TempDir, Run) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = source.to_str().expect("text");
    let mut all = vec!["import", "compose", source];
    all.extend(arguments);
    let run = labwright(folder.path(), &all);
    (folder, run)
}

fn made(source: &Path) -> Made {
    let name = source.file_name().expect("a name").to_string_lossy();
    let at = format!("/opt/stacks/{name}");
    let (folder, run) = import(source, &["--into", "home", "--at", &at, "--format", "json"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{name}");
    Made { folder, facts: run.json() }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn samples_become_labs_that_build() {
    for name in samples() {
        let source = case("import").join(&name);
        let made = made(&source);
        assert_eq!(made.facts["errors"], serde_json::json!([]), "{name}");
        let run = labwright(made.folder.path(), &["build", "home", "--out", "release"]);
        assert_eq!(run.code, 0, "{name}: {}", run.all());
        let mut shown = String::new();
        for (path, content) in made.facts["files"].as_object().expect("files") {
            let written = fs::read_to_string(made.lab().join(path)).expect("it is written");
            assert_eq!(written, text(content), "{name}: {path}");
            shown.push_str(&format!("=== {path}\n{written}\n"));
        }
        let at = format!("/opt/stacks/{name}");
        // The width of the report follows the paths, which must not be those of a checkout.
        let folder = tempfile::tempdir().expect("a folder");
        let copied = Command::new("cp").arg("-r").arg(&source).arg(folder.path()).status();
        assert!(copied.expect("cp starts").success());
        let run = labwright(folder.path(), &["import", "compose", &name, "--at", &at]);
        let (report, _) = run.out.split_once("Nothing is written").expect("the end of the report");
        shown.push_str(&format!("=== what is printed\n{report}"));
        assert_snapshot("import", &name, &shown);
    }
}

#[test]
fn what_is_written_stays_the_same_however_often() {
    let source = case("import/signoz");
    let (one, two) = (made(&source), made(&source));
    assert_eq!(one.facts["files"], two.facts["files"]);
}

#[test]
fn a_lab_that_exists_is_added_to() {
    let made = made(&case("import/immich"));
    let compose = case("import/frigate");
    let lab = made.lab();
    let lab = lab.to_str().expect("text");
    let add = |arguments: &[&str]| import(&compose, &[&["--into", lab], arguments].concat()).1;
    let run = add(&[]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(labwright(made.folder.path(), &["check", "home"]).code, 0);
    let services = fs::read_to_string(made.lab().join("frigate.kdl")).expect("its services");
    assert!(services.contains("service frigate on=box"), "{services}");

    // The names are taken now, so that a second import makes others.
    let run = add(&[]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(made.lab().join("modules/frigate-frigate/module.kdl").exists(), "{}", run.all());
    assert_eq!(add(&["--on", "nobody"]).code, 2);
    assert_eq!(add(&["--zone", "nowhere"]).code, 2);
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("home/modules/registry")).expect("a folder");
    let there = folder.path().join("home/modules/registry/module.kdl");
    fs::write(&there, "// mine\n").expect("a file");
    let source = case("import/registry");
    let source = source.to_str().expect("text");
    let run = labwright(folder.path(), &["import", "compose", source, "--into", "home"]);
    assert_eq!(run.code, 3, "{}", run.all());
    assert_eq!(fs::read_to_string(&there).expect("it"), "// mine\n");
    assert!(!folder.path().join("home/lab.kdl").exists());
}

#[test]
fn faults_are_reported_with_their_lines_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("a/compose.yaml", "services:\n  web:\n    image: ${NONE:?it is needed}\n"),
        ("b/compose.yaml", "services:\n  web: [\n"),
        ("c/compose.yaml", "services:\n  web: {image: x, extends: nobody}\n"),
        ("d/compose.yaml", "include: [./none.yaml]\nservices: {web: {image: x}}\n"),
    ];
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    let run = labwright(folder.path(), &["import", "compose", ".", "--into", "home"]);
    assert_eq!(run.code, 1);
    for wanted in [
        "a/compose.yaml:3: the variable `NONE` must have a value",
        "b/compose.yaml:2: it is not YAML",
        "c/compose.yaml:2: there is no service `nobody` to extend",
        "d/none.yaml:1: it can't be read",
    ] {
        assert!(run.out.contains(wanted), "{wanted}: {}", run.out);
    }
    assert!(!folder.path().join("home").exists());
    assert_eq!(labwright(folder.path(), &["import", "compose", "nowhere"]).code, 3);
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    assert_eq!(labwright(folder.path(), &["import", "compose", "empty"]).code, 2);
}

#[test]
fn labels_for_proxies_become_routes_of_a_proxy_of_the_lab() {
    let folder = tempfile::tempdir().expect("a folder");
    let compose = r#"services:
  whoami:
    image: traefik/whoami:v1.10
    labels:
      traefik.enable: "true"
      traefik.http.routers.whoami.rule: Host(`whoami.example.org`) || Host(`who.example.org`)
      traefik.http.routers.whoami.middlewares: login@file
      traefik.http.services.whoami.loadbalancer.server.port: "80"
      other: stays
  app:
    image: ghcr.io/example/app:2.0.1
    ports: ["8080:8080"]
    labels: {caddy: app.example.org, caddy.reverse_proxy: "{{upstreams 8080}}"}
  old:
    image: ghcr.io/example/old:2.0.1
    environment: {VIRTUAL_HOST: old.example.org, VIRTUAL_PORT: "9000"}
  part:
    image: ghcr.io/example/part:2.0.1
    labels: ["traefik.http.routers.part.rule=Host(`x.example.org`) && PathPrefix(`/p`)"]
"#;
    let source = folder.path().join("compose.yaml");
    fs::write(&source, compose).expect("a file");
    let (folder, run) = import(&source, &["--into", "home", "--via", "caddy"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.out.contains("without the middlewares `login`"), "{}", run.out);
    let lab = folder.path().join("home");
    let entries = fs::read_dir(&lab).expect("the lab").map(|entry| entry.expect("a file").path());
    let files = entries.filter(|path| path.extension().is_some_and(|end| end == "kdl"));
    let services: String =
        files.map(|path| fs::read_to_string(path).expect("it is written")).collect();
    for line in [
        "route \"whoami.example.org\" to=web via=caddy from=lan",
        "route \"who.example.org\" to=web via=caddy from=lan",
        "route \"app.example.org\" to=web via=caddy from=lan",
        "route \"old.example.org\" to=web via=caddy from=lan",
        "service caddy on=box",
    ] {
        assert!(services.contains(line), "{line}\n{services}");
    }
    assert!(!services.contains("x.example.org"), "{services}");
    let module = fs::read_to_string(lab.join("modules/whoami/module.kdl")).expect("a module");
    assert!(module.contains("label other stays") && !module.contains("label traefik"), "{module}");
    let module = fs::read_to_string(lab.join("modules/part/module.kdl")).expect("a module");
    assert!(
        module.contains("traefik.http.routers.part.rule") && !module.contains("// compose"),
        "{module}"
    );
    let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
    assert_eq!(built.code, 0, "{}", built.all());
}
