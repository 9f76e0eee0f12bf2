//! Imports compose files as people do, and holds what comes out against what went in.

mod awkward;
mod equal;
mod hostile;
mod known;
mod library;
mod schema;
mod secrets;
mod tunnels;
mod ways;
mod wider;

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
        // What is a secret became one, and nothing else is taken for one.
        assert_eq!(made.facts["check"]["typed-secret"], Value::Null, "{name}");
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
    fs::create_dir_all(folder.path().join("home/modules/own-registry")).expect("a folder");
    let there = folder.path().join("home/modules/own-registry/module.kdl");
    fs::write(&there, "// mine\n").expect("a file");
    let source = case("import/registry");
    let source = source.to_str().expect("text");
    let run = labwright(folder.path(), &["import", "compose", source, "--into", "home"]);
    assert_eq!(run.code, 3, "{}", run.all());
    assert_eq!(fs::read_to_string(&there).expect("it"), "// mine\n");
    assert!(!folder.path().join("home/lab.kdl").exists());
    // A new lab gets a proxy that there is a module for.
    let arguments = ["import", "compose", source, "--into", "new", "--via", "npm"];
    let run = labwright(folder.path(), &arguments);
    assert_eq!(run.code, 2, "{}", run.all());
    assert!(run.says("a new lab gets one of these: nginx-proxy-manager, traefik, caddy"));
    assert!(!folder.path().join("new").exists());
}

#[test]
fn faults_are_reported_with_their_lines_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("a/compose.yaml", "services:\n  web:\n    image: ${NONE:?it is needed}\n"),
        ("b/compose.yaml", "services:\n  web: [\n"),
        ("c/compose.yaml", "services:\n  web: {image: x, extends: nobody}\n"),
        ("d/compose.yaml", "include: [./none.yaml]\nservices: {web: {image: x}}\n"),
        ("e/compose.yaml", "include: [{path: more.yml, env_file: [none.env, /dev/null]}]\n"),
        ("e/more.yml", "services: {web: {image: x}}\n"),
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
        "e/compose.yaml:1: its `env_file` `none.env` can't be read",
    ] {
        assert!(run.says(wanted), "{wanted}: {}", run.out);
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
      homepage.group: Tools
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
    labels: ["traefik.http.routers.part.rule=HostRegexp(`^(x|y).example.org$`)"]
  below:
    image: ghcr.io/example/below:2.0.1
    labels:
      - "traefik.http.routers.below.rule=Host(`b.example.org`)
        || HostRegexp(`^[^.]+\\.b\\.example\\.org$$`)"
      - traefik.http.services.below.loadbalancer.server.port=80
  any:
    image: ghcr.io/example/any:2.0.1
    labels:
      - "traefik.http.routers.any.rule=HostRegexp(`{name:[a-z]+}.any.example.org`)"
      - traefik.http.services.any.loadbalancer.server.port=80
  wide:
    image: ghcr.io/example/wide:2.0.1
    labels:
      caddy: "*.wide.example.org, wide.example.org"
      caddy.reverse_proxy: "{{upstreams 8080}}"
"#;
    let source = folder.path().join("compose.yaml");
    fs::write(&source, compose).expect("a file");
    let (folder, run) = import(&source, &["--into", "home", "--via", "caddy"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.says("the middleware `login@file` is in no label"), "{}", run.out);
    for said in [
        "a route leads a name or all names directly below one, and no other expression",
        "a route needs a name of its own: write `alias \"*.any.example.org\"` into one of `any`",
    ] {
        assert!(run.says(said), "{said}: {}", run.out);
    }
    let lab = folder.path().join("home");
    let entries = fs::read_dir(&lab).expect("the lab").map(|entry| entry.expect("a file").path());
    let files = entries.filter(|path| path.extension().is_some_and(|end| end == "kdl"));
    let services: String =
        files.map(|path| fs::read_to_string(path).expect("it is written")).collect();
    for line in [
        "route \"whoami.example.org\" to=web via=caddy from=lan {",
        "alias \"who.example.org\"",
        "route \"app.example.org\" to=web via=caddy from=lan",
        "route \"old.example.org\" to=web via=caddy from=lan",
        "route \"b.example.org\" to=web via=caddy from=lan {",
        "alias \"*.b.example.org\"",
        "route \"wide.example.org\" to=web via=caddy from=lan {",
        "alias \"*.wide.example.org\"",
        "service caddy on=box",
    ] {
        assert!(services.contains(line), "{line}\n{services}");
    }
    assert!(!services.contains("x.example.org"), "{services}");
    let module = fs::read_to_string(lab.join("modules/whoami/module.kdl")).expect("a module");
    assert!(module.contains("label other stays") && !module.contains("label traefik"), "{module}");
    let module = fs::read_to_string(lab.join("modules/part/module.kdl")).expect("a module");
    assert!(
        module.contains("routers.part.rule is lost") && !module.contains("label traefik"),
        "{module}"
    );
    let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
    assert_eq!(built.code, 0, "{}", built.all());
}

/// Labels of Traefik as people write them: chains, rules of headers, what another container
/// defines, routers that only lead to https, and what no route can say.
const MIDDLEWARES: &str = r#"services:
  edge:
    image: ghcr.io/example/edge:1.0
    labels:
      traefik.http.middlewares.secure.headers.frameDeny: "true"
      traefik.http.middlewares.secure.headers.stsSeconds: "31536000"
      traefik.http.middlewares.secure.headers.stsIncludeSubdomains: "true"
      traefik.http.middlewares.secure.headers.accessControlMaxAge: "100"
      traefik.http.middlewares.home.ipallowlist.sourcerange: 192.168.1.0/24, 127.0.0.1
      traefik.http.middlewares.all.chain.middlewares: secure,limit,home@docker
      traefik.http.middlewares.limit.ratelimit.average: "100"
      traefik.http.middlewares.limit.ratelimit.burst: "50"
  app:
    image: ghcr.io/example/app:2.0.1
    labels:
      - traefik.enable=true
      - traefik.http.routers.app-http.rule=Host(`app.example.org`)
      - traefik.http.routers.app-http.entrypoints=web
      - traefik.http.routers.app-http.middlewares=https-only
      - traefik.http.middlewares.https-only.redirectscheme.scheme=https
      - traefik.http.routers.app.rule=Host(`app.example.org`)
      - traefik.http.routers.app.entrypoints=websecure
      - traefik.http.routers.app.tls.certresolver=le
      - traefik.http.routers.app.middlewares=all@docker,users,size,again,sso
      - traefik.http.middlewares.users.basicauth.users=ada:$$apr1$$W6lhZuV1$$KnQ1hir.9NnyKgbZVMma.1
      - traefik.http.middlewares.size.buffering.maxRequestBodyBytes=1048576
      - traefik.http.middlewares.again.retry.attempts=4
      - traefik.http.middlewares.sso.forwardauth.address=http://authelia:9091/api
      - traefik.http.routers.v.rule=Host(`api.example.org`)&&(PathPrefix(`/v1`)||PathPrefix(`/v2`))
      - traefik.http.routers.v.middlewares=cut
      - traefik.http.middlewares.cut.stripprefix.prefixes=/v1
      - traefik.http.middlewares.spare.addprefix.prefix=/x
      - traefik.http.services.app.loadbalancer.server.port=8080
      - traefik.http.services.app.loadbalancer.sticky.cookie=true
      - traefik.tcp.routers.db.rule=HostSNI(`*`)
"#;

#[test]
fn middlewares_become_what_a_route_says_or_are_lost_with_their_line() {
    for (via, more) in [("caddy", 1), ("nginx-proxy-manager", 1), ("traefik", 0)] {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("compose.yaml");
        fs::write(&source, MIDDLEWARES).expect("a file");
        let arguments = ["--into", "home", "--via", via, "--format", "json"];
        let (folder, run) = import(&source, &arguments);
        assert_eq!(run.code, 0, "{}", run.all());
        assert!(!run.out.contains("KnQ1hir"), "a secret is written\n{}", run.out);
        let facts = run.json();
        assert_eq!(facts["errors"], serde_json::json!([]), "{via}");
        let files = facts["files"].as_object().expect("files").iter();
        let services = files.filter(|(path, _)| !path.starts_with("modules/"));
        let lab: String = services.map(|(_, content)| text(content)).collect();
        for line in [
            "route \"app.example.org\" to=web",
            "allow \"192.168.1.0/24\" \"127.0.0.1/32\"",
            "body-limit (size)\"1MiB\"",
            "login (secret)app-users",
            "response-header X-Frame-Options DENY",
            "response-header Strict-Transport-Security \"max-age=31536000; includeSubDomains\"",
            "route \"api.example.org\" to=web",
            "path \"/v1\" strip=#true",
            "path \"/v2\"",
        ] {
            assert!(lab.contains(line), "{via}: {line}\n{lab}");
        }
        let counted = lab.contains("rate-limit 100 burst=50");
        let raw = lab.contains("raw \"traefik.retry\" {");
        assert_eq!((counted, raw), (via == "traefik", via == "traefik"), "{lab}");
        let keys = facts["projects"][0]["keys"].as_array().expect("keys");
        let lost: Vec<(&str, u64)> = keys
            .iter()
            .filter(|key| key["fate"] == "lost" && text(&key["key"]).contains("traefik."))
            .map(|key| {
                let path = text(&key["key"]);
                let start = path.find("traefik.").unwrap_or_default();
                (&path[start..], key["line"].as_u64().expect("a line"))
            })
            .collect();
        let mut wanted = vec![
            ("traefik.http.middlewares.sso.forwardauth.address", 28),
            ("traefik.http.services.app.loadbalancer.sticky.cookie", 34),
            ("traefik.tcp.routers.db.rule", 35),
        ];
        if more == 1 {
            wanted.insert(0, ("traefik.http.middlewares.again.retry.attempts", 27));
        }
        assert_eq!(lost, wanted, "{via}");
        let elsewhere: Vec<u64> = facts["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter(|found| text(&found["message"]).contains("is lost"))
            .map(|found| found["line"].as_u64().expect("a line"))
            .collect();
        let wanted: &[u64] = if more == 1 { &[8, 11, 12] } else { &[8] };
        assert_eq!(elsewhere, wanted, "{via}: {}", facts["findings"]);
        let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
        assert_eq!(built.code, 0, "{}", built.all());
    }
}

/// A stack with a proxy of its own, and two containers that share a host name.
const OWN_PROXY: &str = r#"services:
  traefik:
    image: docker.io/library/traefik:v3.1
    command: --providers.docker=true
    ports: ["80:80", "443:443"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
  app:
    image: ghcr.io/example/app:2.0.1
    depends_on: [render]
    labels:
      - traefik.http.routers.app.rule=Host(`app.example.org`)
      - traefik.http.services.app.loadbalancer.server.port=8080
  render:
    image: ghcr.io/example/render:2.0.1
    labels:
      - traefik.http.routers.render.rule=Host(`app.example.org`) && PathPrefix(`/print`)
      - traefik.http.services.render.loadbalancer.server.port=3000
"#;

#[test]
fn a_stack_with_its_own_proxy_leaves_its_name_to_that_of_the_lab() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("compose.yaml");
    fs::write(&source, OWN_PROXY).expect("a file");
    let arguments = ["--into", "home", "--via", "traefik", "--format", "json"];
    let (folder, run) = import(&source, &arguments);
    assert_eq!(run.code, 0, "{}", run.all());
    let facts = run.json();
    assert_eq!(facts["errors"], serde_json::json!([]), "{}", run.out);
    assert!(text(&facts["files"]["lab.kdl"]).contains("service traefik on=box"), "{}", run.out);
    let routes = facts["files"]
        .as_object()
        .expect("files")
        .values()
        .map(|content| text(content).matches("route \"app.example.org\"").count())
        .sum::<usize>();
    assert_eq!(routes, 1, "{}", run.out);
    let lab: String = facts["files"].as_object().expect("files").values().map(text).collect();
    assert!(lab.contains("path \"/\"") && lab.contains("path \"/print\" to=web-2"), "{lab}");
    let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
    assert_eq!(built.code, 0, "{}", built.all());
}
