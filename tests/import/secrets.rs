//! No value of a secret gets into any file or output.

use std::fs;

use crate::cli::labwright;

/// A project whose every secret contains the word `Hidden`.
const FILES: &[(&str, &str)] = &[
    (
        "compose.yaml",
        r#"
services:
  web:
    image: example/web:1
    command: ["serve", "--password=Hidden-1a", "--api-key", "Hidden-2a", "--name", "web"]
    environment:
      - DB_PASSWORD=${DB_PASSWORD}
      - DATABASE_URL=postgres://app:Hidden-3a@db:5432/app?sslmode=disable
      - BROKER=amqp://app:${DB_PASSWORD}@queue/
      - JAVA_OPTS=-Xmx1g -Ddb.password=Hidden-4a
      - SECOND=prefix ${DB_PASSWORD} suffix
      - CONFIG={"token":"Hidden-5a"}
      - "KEY=-----BEGIN PRIVATE KEY-----\nHidden-6a\n-----END PRIVATE KEY-----"
      - FALLBACK_TOKEN=${UNSET:-Hidden-7a}
    env_file: [web.env]
    healthcheck:
      test: ["CMD-SHELL", "curl -H 'Authorization: Bearer Hidden-8abc' http://localhost/"]
    labels:
      auth.users: "me:$$2y$$05$$Hidden-9a"
      note.password: Hidden-10a
      note.seen: "${DB_PASSWORD}"
    volumes: ["./${DB_PASSWORD}:/data"]
    hostname: ${DB_PASSWORD}
    extra_hosts: ["x:1.2.3.4"]
    build: {context: ., args: {NPM_TOKEN: Hidden-11a}}
    annotations: {a.token: "${DB_PASSWORD}"}
    logging: {driver: splunk, options: {splunk-token: Hidden-12a}}
    entrypoint: ["sh", "-c", "run --secret Hidden-13a --port 80"]
  db:
    image: postgres:16
    command: postgres -c password=Hidden-14a
    environment: {POSTGRES_PASSWORD: "${DB_PASSWORD}", POSTGRES_USER: app}
    secrets: [token]
  cache:
    image: redis:7
    command: redis-server --requirepass Hidden-15a
    healthcheck: {test: ["CMD", "redis-cli", "-a", "Hidden-24a", "ping"]}
  shop:
    image: mariadb:11
    command: mariadb -uroot -pHidden-25a
    healthcheck: {test: mysqladmin ping -u root -pHidden-26a}
  poll:
    image: example/poll:1
    command: ["curl", "-u", "ada:Hidden-27a", "http://localhost"]
    healthcheck: {test: ["CMD", "check", "--token", "Hidden-28a"]}
x-note: Hidden-16a
secrets: {token: {environment: DB_PASSWORD}, other: {file: ./Hidden-17a}}
configs: {c: {content: "password: Hidden-18a"}}
"#,
    ),
    (".env", "DB_PASSWORD=Hidden-19a\nOTHER_TOKEN=Hidden-20a\n"),
    (
        "web.env",
        "API_TOKEN=Hidden-21a\nSMTP_PASS='Hidden-22a'\nURL=redis://:Hidden-23a@cache:6379\n",
    ),
];

#[test]
fn no_secret_is_written_or_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("app")).expect("a folder");
    for (name, text) in FILES {
        fs::write(folder.path().join("app").join(name), text).expect("a file");
    }
    for format in ["text", "json"] {
        for into in [None, Some(format!("home-{format}"))] {
            let mut arguments = vec!["import", "compose", "app", "--format", format];
            if let Some(into) = &into {
                arguments.extend(["--into", into]);
            }
            let run = labwright(folder.path(), &arguments);
            assert_eq!(run.code, 0, "{}", run.all());
            let hidden = run.all();
            let seen: Vec<&str> = hidden.lines().filter(|line| line.contains("Hidden")).collect();
            assert!(seen.is_empty(), "{seen:#?}");
        }
    }
    let home = folder.path().join("home-text");
    let mut waiting = vec![home.clone()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).expect("a folder").map(|it| it.expect("it").path()));
        } else {
            let text = fs::read_to_string(&path).expect("text");
            assert!(!text.contains("Hidden"), "{}: {text}", path.display());
        }
    }
    assert_eq!(labwright(folder.path(), &["build", "home-text", "--out", "release"]).code, 0);

    // What compose is told of a broken file does not repeat its text either.
    fs::write(folder.path().join("app/compose.yaml"), "services:\n  a: 'Hidden-24a\n  b: \"x\n")
        .expect("a file");
    let run = labwright(folder.path(), &["import", "compose", "app"]);
    assert_eq!(run.code, 1);
    assert!(!run.all().contains("Hidden"), "{}", run.all());
}
