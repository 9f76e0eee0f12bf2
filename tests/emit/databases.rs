//! Checks what follows from the image of a database: its folder, and what can't be undone.

use super::lab::compile;

const BOX: &str = r#"
    edition 1
    lab home version="1.0.0"
    network lan cidr="192.168.1.0/24"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata"
        ssh from=lan
    }
    secret key
    secret password
    accept state-without-backup reason="a test"
"#;

/// The services that have a `PostgreSQL` of their own, without its image.
const SERVICES: [(&str, &str); 4] = [
    ("authentik", "secret-key (secret)key; database-password (secret)password"),
    ("immich", "uploads \"/srv/photos\"; database-password (secret)password"),
    (
        "nextcloud",
        "host \"c.example.org\"; admin-password (secret)key; \
      database-password (secret)password",
    ),
    (
        "paperless-ngx",
        "secret-key (secret)key; database-password (secret)password; \
      admin-password (secret)password",
    ),
];

#[test]
fn the_folder_and_the_version_of_a_database_follow_its_image() {
    for (module, options) in SERVICES {
        for (image, folder, major) in [
            ("ghcr.io/example/postgres:18.1-bookworm", "/var/lib/postgresql", "18"),
            ("ghcr.io/example/postgres:17.11-bookworm", "/var/lib/postgresql/data", "17"),
            ("ghcr.io/example/pgvector:0.8.1-pg16", "/var/lib/postgresql/data", "16"),
        ] {
            let lab = format!(
                "{BOX}\nservice {module} on=box {{ {options}; database-image \"{image}\"; }}"
            );
            let compiled = compile(&[("lab.kdl", lab.as_str())]);
            let artifacts = &compiled.machines["box"];
            let compose = &artifacts.files["compose/compose.yaml"].bytes;
            let compose = String::from_utf8_lossy(compose);
            let mounts: Vec<&str> =
                compose.lines().filter(|line| line.contains("/var/lib/postgresql")).collect();
            let ends =
                mounts.iter().all(|line| line.trim_end_matches(['\'', '"']).ends_with(folder));
            assert!(mounts.len() == 1 && ends, "{module} with {image}: {mounts:?}");
            let fact =
                artifacts.one_way.iter().find(|fact| fact.key.starts_with("postgres-major "));
            assert_eq!(fact.map(|fact| fact.value.as_str()), Some(major), "{module} with {image}");
        }
    }
}

/// A program that writes to SQLite all the time, as the process of a container whose folder is
/// dumped, and a stand-in for Docker that lets it stand still as Docker does.
///
/// The program keeps its last thousand rows only. Without that, each dump takes longer than the
/// one before, more is written meanwhile, and a slow machine runs out of disk.
const WRITER: &str = r#"
    mkdir -p /srv/appdata/freshrss/data/users/ada /stand-ins
    cat >/writer.py <<'END'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA journal_mode=wal")
database.execute("CREATE TABLE entry (n INTEGER PRIMARY KEY, text TEXT)")
n = 0
while True:
    database.execute("INSERT INTO entry VALUES (?, ?)", (n, "x" * 3000))
    database.execute("DELETE FROM entry WHERE n <= ?", (n - 1000,))
    database.commit()
    n += 1
END
    python3 /writer.py /srv/appdata/freshrss/data/users/ada/db.sqlite &
    writer=$!
    cat >/stand-ins/docker <<END
#!/bin/sh
case \$1 in
    inspect) cat /state ;;
    pause) kill -STOP $writer && echo 'true true' >/state ;;
    unpause) kill -CONT $writer && echo 'true false' >/state ;;
    *) exit 64 ;;
esac
echo "\$1 \$2" >>/calls
END
    echo 'true false' >/state
    chmod 755 /stand-ins/docker
    export PATH="/stand-ins:$PATH"
    newest() { sqlite3 "$1/users/ada/db.sqlite" 'SELECT coalesce(max(n), 0) FROM entry'; }
    until [ "$(newest /srv/appdata/freshrss/data 2>/dev/null || echo 0)" -gt 50 ]; do
        sleep 0.1
    done
    cd /payload/databases
"#;

/// Runs a script on a machine with the writer, and returns what it says.
fn beside_the_writer(script: &str) -> Option<String> {
    let lab = format!("{BOX}\nservice freshrss on=box");
    let folder = tempfile::tempdir().expect("a folder");
    compile(&[("lab.kdl", lab.as_str())]).unpack("box", folder.path());
    for name in ["dump", "load", "size"] {
        let script = folder.path().join(format!("databases/{name}.sh"));
        crate::consumers::shellcheck(&script).expect("ShellCheck accepts it");
    }
    let room = crate::trixie::Room::new()?.show(folder.path(), "/payload");
    let answer = room.sh(&format!("{WRITER}\nset -x\n{script}"), &[]);
    let said = crate::trixie::text(&answer.stdout) + &crate::trixie::text(&answer.stderr);
    assert!(answer.status.success(), "{said}");
    Some(said)
}

#[test]
fn a_folder_is_copied_while_its_program_stands_still_and_comes_back_whole() {
    beside_the_writer(
        r#"
        data=/srv/appdata/freshrss/data
        ln -s users "$data/link"
        [ "$(sh size.sh freshrss-data)" -gt 100000 ]
        for round in 1 2 3 4 5; do
            sh dump.sh /dumps freshrss-data
            rm -rf /copy; mkdir /copy; tar -xf /dumps/freshrss-data.tar -C /copy
            [ "$(sqlite3 /copy/users/ada/db.sqlite 'PRAGMA integrity_check')" = ok ]
            [ "$(newest /copy)" -gt 50 ]
        done
        grep -cx 'pause freshrss' /calls
        # It goes on.
        before=$(newest "$data"); until [ "$(newest "$data")" -gt "$before" ]; do sleep 0.1; done

        # Stopped, as before a restore or a new image.
        kill -KILL "$writer"; echo 'false false' >/state; rm /calls
        wait "$writer" || :
        saved=$(newest /copy)
        echo new >"$data/new"
        sh load.sh freshrss-data /dumps/freshrss-data.tar
        [ "$(newest "$data")" = "$saved" ]
        [ -L "$data/link" ] && [ ! -e "$data/new" ]
        grep -qx new "$data/.labwright-before/new"
        # What was there before is no part of the next dump, nor is a half of a dump loaded.
        sh dump.sh /dumps freshrss-data
        ! tar -tf /dumps/freshrss-data.tar | grep labwright || exit 1
        head -c 20000 /dumps/freshrss-data.tar >/dumps/half
        ! sh load.sh freshrss-data /dumps/half 2>/said || exit 1
        grep -q 'is not whole' /said
        [ "$(newest "$data")" = "$saved" ]
        ! grep -q pause /calls || exit 1
        "#,
    );
}

#[test]
fn a_program_goes_on_when_its_dump_fails() {
    beside_the_writer(
        r#"
        mkdir /dumps; mount -t tmpfs -o size=64k tmpfs /dumps
        ! sh dump.sh /dumps freshrss-data || exit 1
        [ "$(cat /state)" = 'true false' ]
        [ -z "$(ls -A /dumps)" ]
        kill -KILL "$writer"
        "#,
    );
}

/// A timer's dump, one before a new image, and one by hand may meet.
#[test]
fn a_dump_or_a_load_waits_until_another_one_is_done() {
    beside_the_writer(
        r#"
        for round in 1 2 3; do
            rm -f /calls
            sh dump.sh /one freshrss-data & one=$!
            sh dump.sh /two freshrss-data
            wait $one
            # Neither lets the program go on while the other one copies.
            [ "$(grep -v inspect /calls | tr '\n' ' ')" = \
                'pause freshrss unpause freshrss pause freshrss unpause freshrss ' ]
            for dump in /one /two; do
                rm -rf /copy; mkdir /copy; tar -xf $dump/freshrss-data.tar -C /copy
                [ "$(sqlite3 /copy/users/ada/db.sqlite 'PRAGMA integrity_check')" = ok ]
            done
        done

        # A third one is told why it waits.
        rm /calls
        flock /run/lock/labwright-databases sh -c ': >/held; until [ -e /go ]; do sleep 0.1; done' &
        until [ -e /held ]; do sleep 0.1; done
        sh dump.sh /one freshrss-data 2>/said & one=$!
        sh load.sh freshrss-data /two/freshrss-data.tar 2>/said-too & two=$!
        until grep -q 'waiting for it' /said && grep -q 'waiting for it' /said-too; do
            sleep 0.1
        done
        [ ! -e /calls ]
        kill -KILL "$writer"; echo 'false false' >/state
        : >/go
        wait $one; wait $two
        "#,
    );
}
