//! Takes databases of two engines across a change of their schema and back, with the
//! power cut in the middle: before the new version starts, after it has migrated, and while a dump
//! is loaded. Programs and data must belong together afterwards, and nothing that was written may
//! be lost.

use std::path::Path;

use super::{Machine, Rig};
use crate::emit::lab::write;

const LAB: &str = r#"
edition 1
lab home version="2025.VERSION.0" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
secret photos-password
host box kind=debian {
    os debian-13
    hardware "a box" cores=4 memory=(size)"8GiB"
    address lan "192.168.1.10"
    ssh from=lan
}
service aaa on=box
service notes on=box { version "VERSION"; }
service photos on=box { version "VERSION"; password (secret)photos-password; }
"#;

/// Holds a change wherever a file in `/run` asks for it. A power cut takes the file away.
const HOLD: &str = r#"
edition 1
module aaa version="1.0" {
    summary "Waits"
    script start phase=activate order=60 from="start.sh.j2"
    script health phase=health order=40 from="health.sh.j2"
}
"#;
const HOLD_START: &str = "while [ -e /run/hold-start ]; do sleep 0.1; done\n";
const HOLD_HEALTH: &str = "[ ! -e /run/hold-health ]\n";

const NOTES: &str = r#"
edition 1
module notes version="1.0" {
    summary "Keeps notes in SQLite"
    option version type=text { required; doc "The version."; }
    state data path=(f)"{machine.appdata}/notes" local-disk=#true
    database (f)"{state.data}/notes.db" engine=sqlite
    container notes {
        image (f)"example.org/notes:{opt.version}"
        mount (ref)state.data at="/data"
        health test "-e" "/tmp/ready"
    }
}
"#;

const PHOTOS: &str = r#"
edition 1
module photos version="1.0" {
    summary "Keeps pictures in PostgreSQL"
    option version type=text { required; doc "The version."; }
    option password type=secret { required; doc "The password of its database."; }
    state database path=(f)"{machine.appdata}/photos" backup=dump \
        owner=999 group=999 mode="0700" local-disk=#true
    database photos engine=postgres container=database user=photos state=database
    container photos {
        image (f)"example.org/photos:{opt.version}"
        env PGHOST (ref)container.database
        secret (ref)opt.password file-variable=PASSWORD_FILE
        depends-on database
        health test "-e" "/tmp/ready"
    }
    container database {
        image "docker.io/library/postgres:17.6-bookworm"
        env POSTGRES_USER photos
        env POSTGRES_DB photos
        env POSTGRES_INITDB_ARGS "--no-sync"
        secret (ref)opt.password file-variable=POSTGRES_PASSWORD_FILE
        mount (ref)state.database at="/var/lib/postgresql/data"
        health pg_isready "--host=127.0.0.1" "--username=photos" "--dbname=photos"
    }
    provides database container=database port=5432 database=#true role=postgres
}
"#;

/// A program whose second version renames a column. Its first can't read what the second wrote, and
/// says so in a table.
const PROGRAM: &str = r#"
version=$1
run() {
    if [ -n "${PGHOST:-}" ]; then
        PGUSER=photos PGDATABASE=photos PGPASSWORD=$(cat "$PASSWORD_FILE") \
            psql --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 --command="$1"
    else
        sqlite3 -bail /data/notes.db '.timeout 5000' "$1"
    fi
}
until run 'CREATE TABLE IF NOT EXISTS schema (version int);
    CREATE TABLE IF NOT EXISTS refused (version int);'; do
    sleep 0.2
done
schema=$(run 'SELECT version FROM schema')
case $version,$schema in
1,) run 'BEGIN; CREATE TABLE entry (name text); INSERT INTO schema VALUES (1); COMMIT;' ;;
2,1) run "BEGIN; ALTER TABLE entry RENAME COLUMN name TO title;
    ALTER TABLE entry ADD COLUMN album text DEFAULT 'none';
    UPDATE schema SET version = 2; COMMIT;" ;;
1,1 | 2,2) ;;
*)
    run "INSERT INTO refused VALUES ($version)"
    exit 1
    ;;
esac || exit 1
touch /tmp/ready
exec sleep 2147483
"#;

struct Programs<'rig> {
    machine: Machine<'rig>,
}

impl Programs<'_> {
    fn photos(&self, statement: &str) -> String {
        let psql = "docker exec photos-database psql --quiet --no-align --tuples-only \
                    --set=ON_ERROR_STOP=1 --username=photos --dbname=photos";
        self.machine.sh(&format!("{psql} --command=\"{statement}\""))
    }

    fn notes(&self, statement: &str) -> String {
        self.machine.sh(&format!(
            "sqlite3 -bail /srv/appdata/notes/notes.db '.timeout 5000' \"{statement}\""
        ))
    }

    fn both(&self, statement: &str) {
        self.photos(statement);
        self.notes(statement);
    }

    /// Fails unless both programs run this version, on data of the same version with these entries.
    fn assert_at(&self, version: u32, entries: &[&str]) {
        let column = if version == 1 { "name" } else { "title" };
        let all = format!("SELECT {column} FROM entry ORDER BY 1");
        let wanted: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        for (name, ask) in
            [("photos", Self::photos as fn(&Self, &str) -> String), ("notes", Self::notes)]
        {
            let image = "docker inspect --format '{{.Config.Image}} {{.State.Running}}'";
            let runs = self.machine.sh(&format!("{image} {name}"));
            assert_eq!(runs.trim_end(), format!("example.org/{name}:{version} true"));
            assert_eq!(ask(self, "SELECT version FROM schema").trim_end(), version.to_string());
            assert_eq!(ask(self, &all), wanted, "{name}");
            assert_eq!(
                ask(self, "SELECT version FROM refused"),
                "",
                "{name} saw what it can't read"
            );
        }
        self.machine.sh("labctl verify");
    }

    /// Starts a call of labctl that something holds.
    fn start(&self, arguments: &str) {
        self.machine.sh(&format!("setsid labctl {arguments} >/root/told 2>&1 </dev/null &"));
    }

    /// Waits until the shell's test holds, for a minute.
    fn wait(&self, test: &str) {
        let wait = format!(
            "left=300; until {test}; do left=$((left - 1)); [ \"$left\" -gt 0 ] || exit 1
            sleep 0.2; done"
        );
        assert!(
            self.machine.exec(&["sh", "-c", &wait]).status.success(),
            "{test}: {}",
            self.machine.sh("cat /root/told; cat /var/lib/labwright/home/log")
        );
    }

    fn cut_power(&mut self) {
        self.machine.cut_power();
        self.wait("[ ! -e /var/lib/labwright/home/pending ]");
        self.wait(
            "[ \"$(docker ps --filter health=healthy --format '{{.Names}}' | sort | xargs)\" = \
             'notes photos photos-database' ]",
        );
    }

    /// Returns what was dumped as `name` (`left`, `reverted-1`) of a version, in words of SQL.
    fn dumped(&self, version: u32, name: &str) -> String {
        self.machine.sh(&format!(
            "id=$(labctl list | awk '$2 == \"2025.{version}.0\" {{ print $1 }}')
            dumps=/var/lib/labwright/home/dumps/$id
            docker exec -i photos-database pg_restore --file=- <\"$dumps/photos/{name}/photos.dump\"
            sqlite3 \"$dumps/notes/{name}/notes-notes.db.sqlite\" .dump"
        ))
    }
}

fn images(machine: &Machine<'_>) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines/home");
    for file in ["image.sh", "postgres.sh"] {
        machine.copy_in(&tests.join(file), "/root/images");
    }
    let program = tempfile::tempdir().expect("a folder");
    std::fs::write(program.path().join("program.sh"), PROGRAM).expect("the program");
    machine.copy_in(&program.path().join("program.sh"), "/root/images");
    machine.sh(r#"
        cd /root/images
        server=/usr/lib/postgresql/17
        sh image.sh docker.io/library/postgres:17.6-bookworm '["/bin/sh", "/postgres.sh"]' \
            $server/bin $server/lib /usr/share/postgresql/17 /usr/share/zoneinfo \
            /usr/bin/setpriv /root/images/postgres.sh=/postgres.sh -- \
            --change "ENV PATH=$server/bin:/usr/sbin:/usr/bin" --change 'STOPSIGNAL SIGINT'
        entry() { echo "[\"/bin/sh\", \"/program.sh\", \"$1\"]"; }
        program=/root/images/program.sh=/program.sh
        stop='STOPSIGNAL SIGKILL'
        sh image.sh example.org/photos:1 "$(entry 1)" $program $server/bin/psql=/usr/bin/psql \
            -- --change "$stop"
        sh image.sh example.org/notes:1 "$(entry 1)" $program /usr/bin/sqlite3 -- --change "$stop"
        for name in photos notes; do
            printf 'FROM example.org/%s:1\nENTRYPOINT %s\n' $name "$(entry 2)" |
                docker build --quiet --tag example.org/$name:2 -
        done
        # Stops where the dump of PostgreSQL is loaded, after that of SQLite.
        install -m 755 /dev/stdin /usr/local/bin/docker <<'END'
#!/bin/sh
case "$*" in
*pg_restore*--file=-*)
    if [ -e /run/hold-load ]; then
        touch /run/loading
        while [ -e /run/hold-load ]; do sleep 0.1; done
    fi
    ;;
esac
exec /usr/bin/docker "$@"
END
        "#);
}

/// Builds the bundle of a version of the lab on the machine, and returns its path.
fn bring(machine: &Machine<'_>, version: u32) -> String {
    let lab = write(&[
        ("lab.kdl", &LAB.replace("VERSION", &version.to_string())),
        ("modules/aaa/module.kdl", HOLD),
        ("modules/aaa/start.sh.j2", HOLD_START),
        ("modules/aaa/health.sh.j2", HOLD_HEALTH),
        ("modules/notes/module.kdl", NOTES),
        ("modules/photos/module.kdl", PHOTOS),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = lab.bundle("box", folder.path());
    machine.copy_in(&bundle, "/root");
    format!("/root/{}", bundle.file_name().expect("a name").to_string_lossy())
}

#[test]
fn programs_and_their_data_go_forward_and_back_together() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let seed = tempfile::tempdir().expect("a folder");
    std::fs::write(seed.path().join("user-data"), "#cloud-config\n{}\n").expect("user-data");
    std::fs::write(seed.path().join("meta-data"), "instance-id: box\nlocal-hostname: box\n")
        .expect("meta-data");
    let machine = rig.machine("box", &["192.168.1.10"], seed.path());
    let script = seed.path().join("labctl");
    std::fs::write(&script, labwright::emit::labctl::SCRIPT).expect("labctl");
    machine.copy_in(&script, "/root");
    machine.sh("install -m 755 /root/labctl /usr/local/sbin/labctl");
    images(&machine);
    let (first, second) = (bring(&machine, 1), bring(&machine, 2));
    let mut this = Programs { machine };
    this.machine.sh(&format!(
        "printf %s \"it's\" | labctl secrets set photos-password {first}
        labctl apply {first} --confirm-within 0"
    ));
    this.both("INSERT INTO entry VALUES ('a first')");
    this.assert_at(1, &["a first"]);

    // The power fails between the dump and the start of the new version.
    let apply = format!("apply {second} --confirm-within 0");
    this.machine.sh("touch /run/hold-start");
    this.start(&apply);
    this.wait("grep -q '^data touched' /var/lib/labwright/home/pending");
    assert_eq!(this.machine.sh("docker ps --format '{{.Names}}'"), "photos-database\n");
    this.cut_power();
    this.assert_at(1, &["a first"]);

    // It fails after the new version has migrated its data and somebody has used it.
    this.machine.sh("touch /run/hold-health");
    this.start(&apply);
    this.wait("grep -q '^state checking' /var/lib/labwright/home/pending");
    this.both("INSERT INTO entry (title) VALUES ('b lost and found')");
    this.cut_power();
    this.assert_at(1, &["a first"]);
    let aside = this.dumped(2, "reverted-2");
    assert_eq!(aside.matches("b lost and found").count(), 2, "{aside}");

    // Nothing fails.
    this.both("INSERT INTO entry VALUES ('c before')");
    this.machine.sh(&format!("labctl {apply}"));
    this.both("INSERT INTO entry (title) VALUES ('d after')");
    this.assert_at(2, &["a first", "c before", "d after"]);
    let refused = this.machine.exec(&["labctl", "rollback", "--confirm-within", "0"]);
    assert_eq!(refused.status.code(), Some(3));

    // The power fails on the way back, when SQLite is back already and PostgreSQL is loading.
    this.machine.sh("touch /run/hold-load");
    this.start("rollback --with-data --confirm-within 0");
    this.wait("[ -e /run/loading ]");
    this.cut_power();
    this.assert_at(2, &["a first", "c before", "d after"]);

    this.machine.sh("labctl rollback --with-data --confirm-within 0");
    this.assert_at(1, &["a first", "c before"]);
    let left = this.dumped(2, "left");
    assert_eq!(left.matches("d after").count(), 2, "{left}");
}
