//! Moves a machine with three compose projects into a lab, as `docs/moving-in.md` says: one stack
//! at a time, and back again. What the programs keep in a folder, in a volume of docker and in a
//! database must be there all along.

use std::fs;
use std::path::Path;

use super::{Machine, Rig};
use crate::cli::labwright;

/// The files of the machine in `/opt/stacks`.
const STACKS: &[(&str, &str)] = &[
    (
        "site/compose.yaml",
        r#"services:
  site:
    image: example.org/site:1.0
    ports: ["8001:8000"]
    volumes: ["./html:/data"]
    restart: unless-stopped
"#,
    ),
    ("site/html/index.html", "a page of the site\n"),
    (
        "notes/compose.yaml",
        r#"services:
  notes:
    image: example.org/site:1.0
    ports: ["8002:8000"]
    volumes: ["notes:/data"]
    healthcheck: {test: ["CMD", "/usr/bin/true"]}
    restart: unless-stopped
volumes:
  notes:
"#,
    ),
    (
        "cloud/compose.yaml",
        r#"services:
  app:
    image: example.org/cloud:1.0
    ports: ["8003:8000"]
    environment:
      PGHOST: db
      PGUSER: cloud
      PGDATABASE: cloud
      PGPASSWORD: ${DB_PASSWORD}
    depends_on: [db]
    healthcheck: {test: ["CMD", "/usr/bin/true"]}
    restart: unless-stopped
  db:
    image: docker.io/library/postgres:17.6-bookworm
    environment:
      POSTGRES_USER: cloud
      POSTGRES_DB: cloud
      POSTGRES_PASSWORD: ${DB_PASSWORD}
      POSTGRES_INITDB_ARGS: --no-sync
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD", "/usr/bin/true"]}
    restart: unless-stopped
volumes:
  db:
"#,
    ),
    ("cloud/.env", "DB_PASSWORD=it-is-4-secret\n"),
];

/// Shows a folder, and notes each start in it.
const SITE: &str = "echo started >>/data/starts\nexec httpd -f -p 8000 -h /data\n";

/// Shows what is in its database.
const CLOUD: &str = r#"
ask() { psql --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --command="$1"; }
mkdir -p /tmp/www
until ask 'CREATE TABLE IF NOT EXISTS entry (name text)'; do sleep 0.2; done
httpd -p 8000 -h /tmp/www
while :; do
    ask 'SELECT name FROM entry ORDER BY name' >/tmp/www/next &&
        mv /tmp/www/next /tmp/www/index.html
    sleep 0.2
done
"#;

/// Starts PostgreSQL with the password of a variable, in a folder that need not be its own yet, as
/// the official image can.
const POSTGRES: &str = r#"
printf %s "$POSTGRES_PASSWORD" >/tmp/given
install -d -o 999 -g 999 -m 700 /var/lib/postgresql/data
export POSTGRES_PASSWORD_FILE=/tmp/given
exec sh /postgres.sh
"#;

fn images(machine: &Machine<'_>) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines/home");
    for file in ["image.sh", "postgres.sh"] {
        machine.copy_in(&tests.join(file), "/root/images");
    }
    let scripts = tempfile::tempdir().expect("a folder");
    for (name, text) in [("site.sh", SITE), ("cloud.sh", CLOUD), ("given.sh", POSTGRES)] {
        fs::write(scripts.path().join(name), text).expect("a script");
        machine.copy_in(&scripts.path().join(name), "/root/images");
    }
    machine.sh(r#"cd /root/images
        server=/usr/lib/postgresql/17
        stop='STOPSIGNAL SIGKILL'
        sh image.sh docker.io/library/postgres:17.6-bookworm '["/bin/sh", "/given.sh"]' \
            $server/bin $server/lib /usr/share/postgresql/17 /usr/share/zoneinfo \
            /usr/bin/setpriv /root/images/postgres.sh=/postgres.sh \
            /root/images/given.sh=/given.sh -- \
            --change "ENV PATH=$server/bin:/usr/sbin:/usr/bin" --change 'STOPSIGNAL SIGINT'
        sh image.sh example.org/site:1.0 '["/bin/sh", "/site.sh"]' \
            /root/images/site.sh=/site.sh -- --change "$stop"
        sh image.sh example.org/cloud:1.0 '["/bin/sh", "/cloud.sh"]' \
            /root/images/cloud.sh=/cloud.sh $server/bin/psql=/usr/bin/psql -- --change "$stop""#);
}

/// The machine, and the computer of the person who moves it.
struct Move<'rig> {
    machine: Machine<'rig>,
    computer: tempfile::TempDir,
}

impl Move<'_> {
    /// Imports one more stack, and builds the lab. Returns the bundle's path on the machine.
    fn bring(&self, stack: &str) -> String {
        let (from, at) = (format!("stacks/{stack}"), format!("/opt/stacks/{stack}"));
        let folder = self.computer.path();
        let imported =
            labwright(folder, &["import", "compose", &from, "--at", &at, "--into", "home"]);
        assert_eq!(imported.code, 0, "{}", imported.all());
        // Until the last stack has moved, no firewall closes the ports of the others.
        let lab = folder.join("home/lab.kdl");
        let text = fs::read_to_string(&lab).expect("the lab");
        let (with, without) = ("ssh from=lan\n    firewall none\n", "ssh from=lan\n");
        let text = text.replace(with, without);
        let text = if stack == "cloud" { text } else { text.replace(without, with) };
        fs::write(&lab, text).expect("the lab");
        let release = format!("release-{stack}");
        let built = labwright(folder, &["build", "home", "--out", &release]);
        assert_eq!(built.code, 0, "{}", built.all());
        let bundle = fs::read_dir(folder.join(release))
            .expect("the release")
            .map(|entry| entry.expect("a file").path())
            .find(|path| path.to_string_lossy().ends_with(".tar.gz"))
            .expect("a bundle");
        self.machine.copy_in(&bundle, "/root");
        format!("/root/{}", bundle.file_name().expect("a name").to_string_lossy())
    }

    /// Takes a stack over: its containers go, those of the lab come.
    fn take_over(&self, stack: &str, bundle: &str) {
        let early = self.machine.exec(&["labctl", "apply", bundle, "--confirm-within", "0"]).status;
        assert_eq!(early.code(), Some(3), "the old containers write to the folders still");
        assert!(self.project(stack).contains("running"), "and nothing was changed");
        self.machine.sh(&format!(
            "docker compose -p {stack} -f /opt/stacks/{stack}/compose.yaml down
            labctl apply {bundle} --confirm-within 0"
        ));
        assert_eq!(self.project(stack), "");
    }

    /// Returns the states of the containers of a compose project.
    fn project(&self, stack: &str) -> String {
        self.machine.sh(&format!(
            "docker ps --all --filter label=com.docker.compose.project={stack} --format \
             '{{{{.Names}}}} {{{{.State}}}}'"
        ))
    }

    fn up(&self, stack: &str) {
        self.machine
            .sh(&format!("docker compose -p {stack} -f /opt/stacks/{stack}/compose.yaml up -d"));
    }

    /// Waits until a page of the machine is this text.
    fn shows(&self, address: &str, wanted: &str) {
        let ask = ["curl", "--silent", "--max-time", "2", address];
        for _ in 0..1500 {
            let answer = self.machine.exec(&ask);
            if answer.status.success() && answer.stdout == wanted.as_bytes() {
                return;
            }
            super::pause();
        }
        let answer = self.machine.exec(&ask);
        panic!("{address}: {answer:?}\n{}", self.machine.sh("docker ps --all"));
    }

    fn write(&self, container: &str, name: &str) {
        let psql = "psql --quiet --username=cloud --dbname=cloud --command";
        let insert = format!("INSERT INTO entry VALUES ('{name}')");
        self.machine.sh(&format!("docker exec {container} {psql} \"{insert}\""));
    }
}

#[test]
fn three_stacks_move_in_one_by_one_and_back_with_their_data() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let seed = tempfile::tempdir().expect("a folder");
    fs::write(seed.path().join("user-data"), "#cloud-config\n{}\n").expect("user-data");
    fs::write(seed.path().join("meta-data"), "instance-id: box\nlocal-hostname: box\n")
        .expect("meta-data");
    let machine = rig.machine("box", &["192.168.1.10"], seed.path());
    let script = seed.path().join("labctl");
    fs::write(&script, labwright::emit::labctl::SCRIPT).expect("labctl");
    machine.copy_in(&script, "/root");
    machine.sh("install -m 755 /root/labctl /usr/local/sbin/labctl");
    images(&machine);

    let computer = tempfile::tempdir().expect("a folder");
    for (path, text) in STACKS {
        let path = computer.path().join("stacks").join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file of a stack");
    }
    machine.copy_in(&computer.path().join("stacks"), "/opt");
    let this = Move { machine, computer };
    let (site, notes, cloud) = (
        "http://192.168.1.10:8001/",
        "http://192.168.1.10:8002/starts",
        "http://192.168.1.10:8003/",
    );
    for stack in ["site", "notes", "cloud"] {
        this.up(stack);
    }
    this.shows(site, "a page of the site\n");
    this.shows(notes, "started\n");
    this.shows(cloud, "");
    this.write("cloud-db-1", "a before");
    this.shows(cloud, "a before\n");

    // One stack at a time; the others go on as they are.
    let first = this.bring("site");
    let outside = rig.probe(&["192.168.1.50"]);
    let open = |ports: [u16; 3]| ports.map(|port| outside.tcp_open("192.168.1.10", port));
    this.take_over("site", &first);
    this.shows(site, "a page of the site\n");
    this.machine.sh("docker exec site sh -c 'echo changed >/data/index.html'");
    this.shows(site, "changed\n");
    this.shows(notes, "started\n");
    this.shows(cloud, "a before\n");

    let second = this.bring("notes");
    this.take_over("notes", &second);
    this.shows(notes, "started\nstarted\n");
    assert_eq!(open([8001, 8002, 8003]), [true; 3], "what has not moved yet is open, too");

    let third = this.bring("cloud");
    let missing = this.machine.exec(&["labctl", "secrets", &third]);
    assert!(
        String::from_utf8_lossy(&missing.stdout).contains("cloud-pgpassword"),
        "what is missing is said: {missing:?}"
    );
    this.machine
        .sh(&format!("printf %s it-is-4-secret | labctl secrets set cloud-pgpassword {third}"));
    this.take_over("cloud", &third);
    this.shows(cloud, "a before\n");
    this.write("cloud-db", "b in the lab");
    this.shows(cloud, "a before\nb in the lab\n");
    this.shows(site, "changed\n");
    this.shows(notes, "started\nstarted\n");
    assert_eq!(open([8001, 8002, 8003]), [true; 3]);

    // Back, one by one: the old project finds what was written since.
    // It says that the database is no longer the lab's, and wants to be told that this is meant.
    let asked = this.machine.exec(&["labctl", "rollback", "--confirm-within", "0"]).status;
    assert_eq!(asked.code(), Some(3));
    this.machine.sh("labctl rollback --allow-one-way --confirm-within 0");
    this.up("cloud");
    this.shows(cloud, "a before\nb in the lab\n");
    this.shows(notes, "started\nstarted\n");
    let id = first.rsplit('-').next().unwrap_or_default().trim_end_matches(".tar.gz");
    this.machine.sh(&format!("labctl rollback {id} --confirm-within 0"));
    this.up("notes");
    this.shows(notes, "started\nstarted\nstarted\n");
    this.machine.sh("docker compose -p home down
        docker network ls --quiet --filter label=labwright.lab=home | xargs -r docker network rm");
    this.up("site");
    this.shows(site, "changed\n");
    assert_eq!(
        this.machine.sh("docker ps --format '{{.Names}}' | sort"),
        "cloud-app-1\ncloud-db-1\nnotes-notes-1\nsite-site-1\n"
    );
}
