//! Imports compose files that few people write, and that some do.

use std::fs;

use serde_json::Value;

use super::{import, text};
use crate::cli::labwright;

/// Imports files into a lab that must build, and returns the facts with all that was written.
pub(super) fn built(folder: &str, files: &[(&str, &str)]) -> (Value, String) {
    let source = tempfile::tempdir().expect("a folder");
    let source = source.path().join(folder);
    for (path, content) in files {
        let path = source.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    let (made, run) = import(&source, &["--into", "home", "--at", "/opt/x", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let facts = run.json();
    assert_eq!(facts["errors"], serde_json::json!([]), "{}", run.out);
    let build = labwright(made.path(), &["build", "home", "--out", "release"]);
    assert_eq!(build.code, 0, "{}", build.all());
    let files = facts["files"].as_object().expect("files").values();
    let written = files.map(|file| text(file).to_owned()).collect();
    (facts, written)
}

pub(super) fn fate<'f>(facts: &'f Value, key: &str) -> &'f str {
    let keys = facts["projects"][0]["keys"].as_array().expect("keys");
    let entry = keys.iter().find(|entry| entry["key"] == key);
    text(&entry.unwrap_or_else(|| panic!("nothing is said of {key}"))["fate"])
}

#[test]
fn a_file_that_travels_links_what_it_names() {
    let compose = r#"services:
  prometheus:
    image: prom/prometheus:v3.0.1
    volumes: ["./prometheus.yml:/etc/prometheus/prometheus.yml:ro"]
  node: {image: "prom/node-exporter:v1.8.2", command: ["--path.rootfs=/host"]}
  app: {image: "ghcr.io/example/app:1.0", depends_on: [db], ports: ["80:80"]}
  db: {image: "ghcr.io/example/store:1.0"}
"#;
    let scrapes = "# http://never:80\nscrape_configs:\n  - job_name: all\n    static_configs:\n\
                   \x20     - targets: ['node:9100', 'db:9187']\n";
    let files = [("compose.yaml", compose), ("prometheus.yml", scrapes)];
    let (facts, written) = built("watch", &files);
    for wanted in ["link node", "link watch"] {
        assert!(written.contains(wanted), "{wanted}\n{written}");
    }
    let findings = facts["findings"].to_string();
    assert!(findings.contains("names the host `db`, which is `watch-db` in the lab"), "{findings}");
    assert!(facts["check"]["container-not-linked"].is_null(), "{}", facts["check"]);
}

#[test]
fn volumes_have_the_names_that_docker_gave_them() {
    let compose = "services: {a: {image: \"ghcr.io/example/a:1\", volumes: [\"v:/v\"]}}\nvolumes: \
                   {v: }\n";
    let (_, written) = built("My.Stack", &[("compose.yaml", compose)]);
    assert!(written.contains("/var/lib/docker/volumes/mystack_v/_data"), "{written}");
    let files = [("compose.yaml", compose), (".env", "COMPOSE_PROJECT_NAME=other\n")];
    let (_, written) = built("My.Stack", &files);
    assert!(written.contains("/var/lib/docker/volumes/other_v/_data"), "{written}");
}

#[test]
fn a_service_of_a_plug_in_is_left_out() {
    let compose = r#"services:
  db: {provider: {type: cloud, options: {type: mysql}}}
  app: {image: "ghcr.io/example/app:1.0", depends_on: [db]}
"#;
    let (facts, written) = built("plugged", &[("compose.yaml", compose)]);
    assert!(!written.contains("container db"), "{written}");
    assert_eq!(fate(&facts, "services.db.provider"), "lost");
    assert_eq!(fate(&facts, "services.app.depends_on.db"), "lost");
}

#[test]
fn a_secret_in_a_program_of_a_shell_is_missing_and_said() {
    let compose = r#"services:
  app:
    image: ghcr.io/example/app:1.0
    entrypoint: [/bin/tini, --]
    command: sh -c "exec app --token=${TOKEN}"
"#;
    let env = "TOKEN=\"abc def g7h8i9j0k1l2\"\n";
    let (facts, written) = built("shell", &[("compose.yaml", compose), (".env", env)]);
    assert!(!facts.to_string().contains("g7h8i9"), "a secret is written");
    assert!(!written.contains("command sh"), "{written}");
    assert_eq!(fate(&facts, "services.app.command"), "lost");
}

#[test]
fn a_database_in_a_volume_is_dumped() {
    let compose = r#"services:
  app:
    image: ghcr.io/example/app:1.0
    environment: {DB_FILE: /data/app.db}
    volumes: ["data:/data"]
volumes: {data: }
"#;
    let (_, written) = built("kept", &[("compose.yaml", compose)]);
    assert!(written.contains("database") && written.contains("engine=sqlite"), "{written}");
}

#[test]
fn a_nextcloud_with_mariadb_is_a_service_of_the_library() {
    let compose = r#"services:
  db:
    image: mariadb:11.4
    command: --transaction-isolation=READ-COMMITTED --log-bin=binlog --binlog-format=ROW
    restart: always
    volumes: ["db:/var/lib/mysql"]
    environment:
      - MYSQL_ROOT_PASSWORD=r00t-geheim
      - MYSQL_PASSWORD=pl0p-geheim
      - MYSQL_DATABASE=nextcloud
      - MYSQL_USER=nextcloud
  redis: {image: "redis:7-alpine", restart: always}
  app:
    image: nextcloud:34.0.3-apache
    ports: ["8080:80"]
    volumes: ["html:/var/www/html", "/mnt/tank/cloud:/var/www/html/data"]
    environment:
      MYSQL_PASSWORD: pl0p-geheim
      MYSQL_DATABASE: nextcloud
      MYSQL_USER: nextcloud
      MYSQL_HOST: db
      REDIS_HOST: redis
    depends_on: [db, redis]
    labels:
      traefik.enable: "true"
      traefik.http.routers.cloud.rule: Host(`cloud.example.org`)
volumes: {db: , html: }
"#;
    let source = tempfile::tempdir().expect("a folder");
    let path = source.path().join("cloud/compose.yaml");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, compose).expect("a file");
    let source = source.path().join("cloud");
    let arguments = ["--into", "home", "--via", "traefik", "--format", "json"];
    let (made, run) = import(&source, &arguments);
    assert_eq!(run.code, 0, "{}", run.all());
    let facts = run.json();
    let written = text(&facts["files"]["cloud.kdl"]);
    for line in [
        "module=nextcloud",
        "database mariadb",
        "cron #false",
        "mariadb-image \"mariadb:11.4\"",
        "files \"/mnt/tank/cloud\"",
        "state database path=\"/var/lib/docker/volumes/cloud_db/_data\"",
        "route \"cloud.example.org\"",
        "\"--log-bin=binlog\"",
    ] {
        assert!(written.contains(line), "{line}\n{written}\n{}", run.out);
    }
    assert!(!run.out.contains("geheim"), "a secret is written");
    let build = labwright(made.path(), &["build", "home", "--out", "release"]);
    assert_eq!(build.code, 0, "{}", build.all());
}

#[test]
fn what_a_module_mounts_otherwise_is_said_and_home_is_that_of_root() {
    let compose = r#"services:
  music:
    image: deluan/navidrome:0.64.0
    ports: ["4533:4533"]
    volumes: ["/mnt/music:/music", "${HOME}/navidrome:/data"]
"#;
    let (facts, written) = built("music", &[("compose.yaml", compose)]);
    assert!(written.contains("state data path=\"/root/navidrome\""), "{written}");
    assert!(written.contains("service music on=box module=navidrome"), "{written}");
    assert_eq!(fate(&facts, "services.music.volumes[0]"), "changed");
}

#[test]
fn a_folder_whose_env_names_its_files_is_one_project_of_them() {
    let service = |tag: &str| format!("services:\n  app:\n    image: ghcr.io/example/app:{tag}\n");
    let env = "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=base.yaml,parts/more.yaml\nTAG=1.2\n";
    let files = [
        (".env", env.to_owned()),
        ("base.yaml", service("1.0.0")),
        ("parts/more.yaml", service("${TAG}.3")),
        // Compose looks at neither of these.
        ("compose.yaml", service("7.0.0")),
        ("compose.override.yaml", service("8.0.0")),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let (facts, written) = built("stack", &files);
    assert_eq!(facts["projects"].as_array().map(Vec::len), Some(1), "{facts}");
    assert!(written.contains("\"ghcr.io/example/app:1.2.3\""), "{written}");
    assert_eq!(written.matches("ghcr.io/").count(), 1, "{written}");
}

#[test]
fn paths_out_of_the_folder_are_those_of_the_machine() {
    // Some people write `/home/NAME` out, on the machine and here.
    let here = std::env::temp_dir().join("other");
    let compose = format!(
        "services: {{app: {{image: \"ghcr.io/example/app:1\", volumes: [\"../shared:/shared\", \
         \"{}:/other\"], env_file: [../common.env]}}}}\n",
        here.display()
    );
    let files = [("cloud/compose.yaml", compose.as_str()), ("common.env", "COLOUR=blue\n")];
    let source = tempfile::tempdir().expect("a folder");
    for (path, content) in files {
        let path = source.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    for (at, shared) in [("/opt/stacks/cloud", "/opt/stacks/shared"), ("/cloud", "/shared")] {
        let flags = ["--into", "home", "--at", at, "--follow-links", "--format", "json"];
        let (_made, run) = import(&source.path().join("cloud"), &flags);
        assert_eq!(run.code, 0, "{}", run.all());
        let files = run.json()["files"].to_string();
        for wanted in [&format!("\\\"{shared}\\\""), "COLOUR blue", &here.display().to_string()] {
            assert!(files.contains(wanted), "{wanted}\n{files}");
        }
    }
}

/// A compose file of somebody else names a key of whoever imports it.
#[test]
fn files_out_of_the_named_folders_are_not_read() {
    let base = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = base.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("key.env", "COLOUR=sommerregen\n");
    write("key.yaml", "services: {o: {image: \"x/o:1\", environment: {COLOUR: sommerregen}}}\n");
    write("stacks/inside.env", "COLOUR=sommerregen\n");
    std::os::unix::fs::symlink("../key.env", base.path().join("stacks/link.env")).expect("a link");
    std::os::unix::fs::symlink("inside.env", base.path().join("stacks/near.env")).expect("a link");
    let key = base.path().join("key.env").display().to_string();
    let named = |rest: &str| format!("services: {{a: {{image: \"x/a:1\", {rest}}}}}\n");
    let config = |file: &str| {
        named("configs: [{source: s, target: /x}]") + &format!("configs: {{s: {{file: {file}}}}}\n")
    };
    // Each with what is said of it. A file that stays on the machine needs no reading.
    let link = "--follow-links";
    let stays = "which stays on the machine";
    let cases = [
        (named("env_file: ../key.env"), link),
        (named(&format!("env_file: {key}")), link),
        (named("env_file: link.env"), link),
        (named("").replace("services", "include: [../key.yaml]\nservices"), link),
        (named("").replace("image: \"x/a:1\"", "extends: {file: ../key.yaml, service: o}"), link),
        (config("../key.env"), stays),
        (config("link.env"), stays),
        (named("volumes: [\"../key.env:/etc/a.conf:ro\"]"), stays),
        (named("volumes: [\"./link.env:/etc/a.conf:ro\"]"), stays),
        (named("label_file: ../key.env"), "copy its labels"),
        (named("build: .."), link),
        (named("env_file: inside.env"), ""),
        (named("env_file: near.env"), ""),
        (config("near.env"), ""),
    ];
    for (compose, said) in &cases {
        write("stacks/compose.yaml", compose);
        let (_made, run) = import(&base.path().join("stacks"), &["--into", "home"]);
        let (_made, json) =
            import(&base.path().join("stacks"), &["--into", "home", "--format", "json"]);
        let told = run.all() + &json.all();
        assert_eq!(told.contains("sommerregen"), said.is_empty(), "{compose}{told}");
        assert!(told.contains(said), "{compose}{told}");
    }
    // What the caller names by itself is meant.
    write("stacks/compose.yaml", &named("environment: {COLOUR: \"${COLOUR}\"}"));
    let flags = ["--into", "home", "--env", &key, "--format", "json"];
    let (_made, run) = import(&base.path().join("stacks"), &flags);
    assert!(run.all().contains("sommerregen"), "{}", run.all());
}

#[test]
fn a_command_ends_where_compose_ends_it() {
    let compose = "services: {app: {image: \"ghcr.io/example/app:1\", command: \"serve \
                   --to=http://x/?a=b&c=d now\"}, web: {image: \"ghcr.io/example/web:1\", command: \
                   \"serve # 'a&b'\"}}\n";
    let (facts, written) = built("cut", &[("compose.yaml", compose)]);
    assert!(written.contains("command serve \"--to=http://x/?a=b\"\n"), "{written}");
    assert!(written.contains("command serve \"#\" \"a&b\"\n"), "{written}");
    let findings = facts["findings"].as_array().expect("findings");
    let cut: Vec<&Value> =
        findings.iter().filter(|it| text(&it["message"]).contains("ends this command")).collect();
    assert_eq!(cut.len(), 1, "{findings:?}");
}

#[test]
fn example_passwords_of_two_projects_are_two_secrets() {
    let compose = |name: &str| {
        format!(
            "services: {{{name}: {{image: \"ghcr.io/example/{name}:1\", environment: \
             {{DB_PASSWORD: changeme123}}}}}}\n"
        )
    };
    let (one, two) = (compose("one"), compose("two"));
    let files = [("one/compose.yaml", one.as_str()), ("two/compose.yaml", two.as_str())];
    let (facts, _) = built("all", &files);
    let secrets = facts["secrets"].as_array().expect("secrets");
    assert_eq!(secrets.len(), 2, "{secrets:?}");
}
