//! Makes real backups with restic and `PostgreSQL`: data is lost and restored, and every part goes
//! missing once.

use std::path::Path;

use super::payload::payload;
use crate::consumers::{shellcheck, systemd_calendar, systemd_verify};
use crate::trixie::{Room, text};

/// Declares a machine with the service `app`, whose backup's repository is on a share. `keep` says
/// how long.
pub fn lab(share: &str, keep: &str) -> String {
    format!(
        r#"
    host nas kind=unmanaged {{ address lan "192.168.1.5"; export backups path="/volume1/backups"; }}
    host box kind=debian {{
        os debian-13
        address lan "192.168.1.10"
        share nas.backups at="{share}" via=nfs
        ssh from=lan
    }}
    secret restic-password
    service app on=box
    service restic on=box {{
        repository "{share}/repo"
        password (secret)restic-password
        keep {keep}
    }}
"#
    )
}

/// Declares the machine of most tests.
pub fn usual() -> String {
    lab("/mnt/backup", "last=1")
}

pub(super) const MODULE: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps files with names that scripts dislike"
        state files path="/srv/app/it's $HOME [1]*" backup=daily
        state other path="/srv/app/other" backup=weekly
        state cache path="/srv/app/it's $HOME [1]*/cache \\ [a]*" backup=never reason="a test"
        container app { image "docker.io/library/postgres:17.5"; health none="a test"; }
        database app engine=postgres container=app user=app
        database "/srv/app/li te.db" engine=sqlite
        database "/srv/app/plex.db" engine=sqlite
    }
"#;

/// Runs an sh script in a room with the scripts of the lab in `$B`, a password, a mounted
/// repository and a database.
pub(super) fn on_machine(script: &str) {
    let payload = payload(&usual(), &[("modules/app/module.kdl", MODULE)], "box");
    let Some(room) = Room::new() else { return };
    let setup = include_str!("backup.sh");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emit/repository");
    let room = room
        .show(&payload.path().join("backup"), "/usr/local/lib/labwright/restic")
        .show(&payload.path().join("databases"), "/usr/local/lib/labwright-databases")
        .show(&repository, "/repository");
    let answer = room.sh(&format!("{setup}\n{script}"), &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn every_script_is_sound() {
    let payload = payload(&usual(), &[("modules/app/module.kdl", MODULE)], "box");
    for name in ["backup", "check", "common", "drill", "dump", "restore"] {
        shellcheck(&payload.path().join(format!("backup/{name}.sh")))
            .expect("ShellCheck accepts it");
    }
    for name in ["list", "dump", "load"] {
        shellcheck(&payload.path().join(format!("databases/{name}.sh")))
            .expect("ShellCheck accepts it");
    }
}

#[test]
fn systemd_takes_the_units_and_their_times() {
    let payload = payload(&usual(), &[("modules/app/module.kdl", MODULE)], "box");
    let units = payload.path().join("systemd");
    let own = tempfile::tempdir().expect("a folder");
    let mut timers = 0;
    for unit in std::fs::read_dir(&units).expect("units") {
        let unit = unit.expect("a unit").path();
        let name = unit.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        if !name.starts_with("restic-") {
            continue;
        }
        let text = std::fs::read_to_string(&unit).expect("a unit");
        std::fs::write(own.path().join(&name), &text).expect("a copy");
        if let Some(time) = text.lines().find_map(|line| line.strip_prefix("OnCalendar=")) {
            systemd_calendar(time).expect("systemd understands it");
            timers += 1;
        }
    }
    assert_eq!(timers, 3, "daily, weekly and the check");
    systemd_verify(own.path()).expect("systemd accepts them");
}

#[test]
fn what_is_lost_comes_back() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        "$B/backup.sh" weekly
        "$B/backup.sh" daily # finds the repository
        # The last one:
        [ "$(restic snapshots --json --tag daily | grep -o '"short_id"' | wc -l)" = 1 ]
        ! restic ls latest --tag daily | grep -a cache || exit 1
        metric last_run_success daily 1; metric dump_success daily 1

        cp -a /srv/app /tmp/before
        rm -rf "/tmp/before/it's \$HOME [1]*/cache \\ [a]*"
        rm -rf "$files" /srv/app/other
        LABWRIGHT_CONFIRM="$files" "$B/restore.sh" files --in-place daily "$files"
        # The newest of all is daily:
        LABWRIGHT_CONFIRM=/srv/app/other "$B/restore.sh" files --in-place latest /srv/app/other ||
            [ $? = 1 ]
        LABWRIGHT_CONFIRM=/srv/app/other "$B/restore.sh" files --in-place weekly /srv/app/other
        diff -r /tmp/before /srv/app

        "$B/restore.sh" files daily "$files/st*r?[x]\\ " /tmp/out
        [ "$(find /tmp/out -type f | wc -l)" = 1 ]
        cmp "$files/st*r?[x]\\ " "/tmp/out$files/st*r?[x]\\ "

        psql -qU app -c 'DELETE FROM photos WHERE id > 10'
        LABWRIGHT_CONFIRM=app "$B/restore.sh" database app
        [ "$(psql -AtU app -c 'SELECT count(*) FROM photos')" = 1000 ]
        psql -qU app -d postgres -c 'DROP DATABASE app'
        echo app | "$B/restore.sh" database app daily
        [ "$(psql -AtU app -c "SELECT name FROM photos WHERE id = 7")" = "it's \$7" ]

        sqlite3 '/srv/app/li te.db' 'DELETE FROM t'
        LABWRIGHT_CONFIRM=app-li-te.db "$B/restore.sh" database app-li-te.db
        [ "$(sqlite3 '/srv/app/li te.db' 'SELECT count(*) FROM t')" = 3 ]
        [ "$(stat -c %u '/srv/app/li te.db')" = 1000 ]

        "$B/check.sh" --read-data
        metric check_success '' 1
        "$B/drill.sh"
        metric drill_success '' 1
        for file in "$T"/*.prom; do promtool check metrics <"$file"; done
        prometheus-node-exporter --web.listen-address=127.0.0.1:9199 --collector.disable-defaults \
            --collector.textfile \
            --collector.textfile.directory="$T" 2>/tmp/exporter &
        until curl -fs http://127.0.0.1:9199/metrics >/tmp/metrics; do kill -0 $!; done
        grep -qx 'node_textfile_scrape_error 0' /tmp/metrics
        weekly='{backup="restic",class="weekly"}'
        grep -q "^labwright_backup_last_success_timestamp_seconds$weekly " /tmp/metrics"#,
    );
}

#[test]
fn a_database_comes_back_as_it_was_without_what_a_newer_version_added() {
    on_machine(
        r#"
        psql -qU app -c 'CREATE EXTENSION cube; CREATE EXTENSION earthdistance;
            CREATE TABLE places (lat float, lon float); INSERT INTO places VALUES (50, 4);
            CREATE INDEX near ON places USING gist (ll_to_earth(lat, lon))'
        "$B/backup.sh" daily
        [ ! -e /srv/app/x ]

        # The next version of the program changes its tables, and adds one.
        psql -qU app -c 'ALTER TABLE photos RENAME name TO title; CREATE TABLE albums (id int)'
        LABWRIGHT_CONFIRM=app "$B/restore.sh" database app
        [ "$(psql -AtU app -c "SELECT name FROM photos WHERE id = 7")" = "it's \$7" ]
        [ "$(psql -AtU app -c "SELECT to_regclass('albums') IS NULL")" = t ]
        [ "$(psql -AtU app -c 'SELECT count(*) FROM places')" = 1 ]
        # What it replaced is there until the next time.
        [ "$(psql -AtU app -d app_before -c "SELECT title FROM photos WHERE id = 7")" = "it's \$7" ]

        # A dump that does not read changes nothing.
        head -c 3000 /var/backups/labwright/restic/app.dump >/tmp/torn
        fails sh /usr/local/lib/labwright-databases/load.sh app /tmp/torn
        [ "$(psql -AtU app -c 'SELECT count(*) FROM photos')" = 1000 ]

        # The file is in no snapshot. A new one has the owner of its folder.
        chown 1000 /srv/app; rm '/srv/app/li te.db'
        ! restic ls latest | grep -aF 'li te.db' | grep -v dumps || exit 1
        LABWRIGHT_CONFIRM=app-li-te.db "$B/restore.sh" database app-li-te.db
        [ "$(stat -c '%u %a' '/srv/app/li te.db')" = '1000 644' ]

        plex_comes_back"#,
    );
}

#[test]
fn a_database_that_is_written_all_the_time_is_dumped() {
    on_machine(
        r#"
        for mode in wal delete; do
            db='/srv/app/li te.db'
            sqlite3 "$db" "PRAGMA journal_mode=$mode" 'DROP TABLE IF EXISTS big' \
                'CREATE TABLE big(n, a); WITH RECURSIVE c(n) AS
                    (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000)
                INSERT INTO big SELECT n, randomblob(2000) FROM c'
            touch /tmp/write
            while [ -e /tmp/write ]; do
                sqlite3 "$db" '.timeout 30000' 'INSERT INTO t VALUES (4)'
            done &
            writer=$!
            mkdir -p /tmp/dumps
            timeout 60 sh /usr/local/lib/labwright-databases/dump.sh /tmp/dumps app-li-te.db
            rm /tmp/write
            wait $writer
            [ "$(sqlite3 /tmp/dumps/app-li-te.db.sqlite 'PRAGMA integrity_check')" = ok ]
            [ "$(sqlite3 /tmp/dumps/app-li-te.db.sqlite 'SELECT count(*) FROM big')" = 30000 ]
        done"#,
    );
}

const TWO_MACHINES: &str = r#"
    host nas kind=unmanaged {
        address lan "192.168.1.5"
        export appdata path="/volume1/appdata" backup=daily
        export backups path="/volume1/backups"
    }
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        share nas.backups at="/mnt/backup" via=nfs
        share nas.appdata at="/srv/all" via=nfs
        ssh from=lan
    }
    host edge kind=debian {
        os debian-13
        address lan "192.168.1.11"
        share nas.appdata at="/srv/app" via=nfs
        ssh from=lan
    }
    secret restic-password
    service app on=edge
    accept database-on-nfs reason="a test"
    service restic on=box {
        repository "/mnt/backup/repo"
        password (secret)restic-password
        schedule daily="30 3 * * *"
    }
"#;

const NEIGHBOUR: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps its database on a share"
        state data path="/srv/app/da ta"
        database "/srv/app/da ta/lite.db" engine=sqlite
        container app { image "docker.io/library/busybox:1.37"; health none="a test"; }
    }
"#;

#[test]
fn a_database_is_dumped_where_it_runs_when_another_machine_saves_it() {
    let files = [("modules/app/module.kdl", NEIGHBOUR)];
    let (edge, box_) =
        (payload(TWO_MACHINES, &files, "edge"), payload(TWO_MACHINES, &files, "box"));
    let read = |folder: &tempfile::TempDir, path: &str| {
        std::fs::read_to_string(folder.path().join(path)).expect(path)
    };
    assert!(
        read(&edge, "systemd/labwright-dumps-daily.timer")
            .contains("OnCalendar=*-*-* 01:30:00 Europe/Brussels"),
        "before the backup, and not at 02:30, which one day does not have"
    );
    assert_eq!(
        read(&box_, "backup/daily.dumps"),
        "/srv/all/labwright-dumps/edge/app-lite.db.sqlite\n"
    );
    let excluded = read(&box_, "backup/daily.excludes");
    for end in ["", "-wal", "-shm", "-journal"] {
        assert!(excluded.lines().any(|line| line == format!("/srv/all/da ta/lite.db{end}")));
    }
    shellcheck(&edge.path().join("databases/scheduled.sh")).expect("ShellCheck accepts it");
    let Some(room) = Room::new() else { return };
    let answer =
        room.show(&edge.path().join("databases"), "/usr/local/lib/labwright-databases").sh(
            r#"
            mkdir -p '/srv/app/da ta'
            sqlite3 '/srv/app/da ta/lite.db' 'PRAGMA journal_mode=wal; CREATE TABLE t(a)' >/dev/null
            sh /usr/local/lib/labwright-databases/scheduled.sh daily
            dump=/srv/app/labwright-dumps/edge/app-lite.db.sqlite
            [ "$(sqlite3 $dump 'SELECT count(*) FROM t')" = 0 ]
            metrics=/var/lib/node_exporter/textfile/labwright-dumps-daily.prom
            grep -q 'database="app-lite.db"} 1' $metrics
            promtool check metrics <$metrics
            rm '/srv/app/da ta/lite.db'
            ! sh /usr/local/lib/labwright-databases/scheduled.sh daily || exit 1
            grep -q 'database="app-lite.db"} 0' $metrics
            sh /usr/local/lib/labwright-databases/load.sh app-lite.db $dump
            [ "$(sqlite3 '/srv/app/da ta/lite.db' 'SELECT count(*) FROM t')" = 0 ]"#,
            &[],
        );
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

const MARIADB: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps its data in MariaDB"
        container app { image "docker.io/library/mariadb:11.8"; health none="a test"; }
        database "app-data" engine=mariadb container=app user=root
    }
"#;

#[test]
fn mariadb_comes_back() {
    let payload = payload(&usual(), &[("modules/app/module.kdl", MARIADB)], "box");
    for name in ["databases/dump", "databases/load", "backup/restore", "backup/drill"] {
        shellcheck(&payload.path().join(format!("{name}.sh"))).expect("ShellCheck accepts it");
    }
    let Some(room) = Room::new() else { return };
    let script = r#"
        B=/usr/local/lib/labwright/restic data=/tmp/data
        mkdir -p /mnt/backup /etc/labwright/secrets /run/lock /run/systemd/system /run/mysqld
        mount -t tmpfs tmpfs /mnt/backup
        echo correct >/etc/labwright/secrets/restic-password

        # The container's programs are this machine's, and its root has a password that only the
        # container knows.
        mkdir /opt/stand-ins
        cat >/opt/stand-ins/docker <<'END'
#!/bin/sh
[ "$1 $2 $3" = 'exec -i app' ] || exit 64
shift 3
MARIADB_ROOT_PASSWORD_FILE=/root-password exec "$@"
END
        chmod 755 /opt/stand-ins/docker
        PATH=/opt/stand-ins:$PATH
        echo "it's secret" >/root-password
        mariadb-install-db --user=root --datadir=$data --skip-test-db \
            --auth-root-authentication-method=normal >/dev/null
        mariadbd --user=root --datadir=$data --skip-networking --socket=/run/mysqld/mysqld.sock \
            2>/tmp/log &
        until mariadb -e 'SELECT 1' >/dev/null 2>&1; do kill -0 $!; sleep 0.1; done
        mariadb -e "ALTER USER root@localhost IDENTIFIED BY 'it''s secret'"
        ask() { MYSQL_PWD="it's secret" mariadb -N "$@"; }
        ask -e 'CREATE DATABASE `app-data`'
        ask app-data -e \
            "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'it''s \$1'), (2, 'é')"
        ask app-data -e 'CREATE FUNCTION twice(n int) RETURNS int RETURN 2 * n'

        sh "$B/backup.sh" daily
        ask app-data -e 'DELETE FROM t; DROP FUNCTION twice'
        LABWRIGHT_CONFIRM=app-app-data sh "$B/restore.sh" database app-app-data
        [ "$(ask app-data -e 'SELECT twice(a), b FROM t ORDER BY a')" = "$(printf '2	it'"'"'s $1
4	é')" ]
        ask -e 'DROP DATABASE `app-data`'
        LABWRIGHT_CONFIRM=app-app-data sh "$B/restore.sh" database app-app-data
        [ "$(ask app-data -e 'SELECT count(*) FROM t')" = 2 ]
        sh "$B/drill.sh"

        # A dump that fails is reported, and does not replace the good one.
        before=$(sha256sum /var/backups/labwright/restic/app-app-data.sql)
        echo wrong >/root-password
        ! sh "$B/backup.sh" daily >/tmp/said 2>&1 || exit 1
        grep -q 'FAILED: database app-app-data was not dumped' /tmp/said
        [ "$before" = "$(sha256sum /var/backups/labwright/restic/app-app-data.sql)" ]"#;
    let answer = room
        .show(&payload.path().join("backup"), "/usr/local/lib/labwright/restic")
        .show(&payload.path().join("databases"), "/usr/local/lib/labwright-databases")
        .sh(script, &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_question_that_is_not_answered_changes_nothing() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        echo changed >/srv/app/other/plain
        psql -qU app -c 'DELETE FROM photos'
        fails "$B/restore.sh" files --in-place daily "$files" </dev/null
        echo yes | fails "$B/restore.sh" database app
        [ "$(psql -AtU app -c 'SELECT count(*) FROM photos')" = 0 ]
        fails "$B/restore.sh" files daily /srv/app/nothing /tmp/out
        fails "$B/restore.sh" files daily relative /tmp/out
        [ ! -e /tmp/out ]"#,
    );
}

#[test]
fn what_fails_fails_loudly_and_the_rest_is_saved() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        before=$(cat "$T/labwright-backup-restic-daily.prom" |
            sed -n 's/^labwright_backup_last_success_timestamp_seconds.* //p')
        cp /var/backups/labwright/restic/app.dump /tmp/app.dump
        psql -qU app -d postgres -c 'ALTER DATABASE app RENAME TO gone'
        echo new >"$files/new"
        fails "$B/backup.sh" daily
        grep -q 'FAILED: database app was not dumped' /tmp/said
        metric last_run_success daily 0; metric dump_success daily 0
        [ "$before" = \
            "$(sed -n 's/^labwright_backup_last_success_timestamp_seconds.* //p' \
                "$T/labwright-backup-restic-daily.prom")" ]
        cmp /tmp/app.dump /var/backups/labwright/restic/app.dump # the last good one stays
        [ ! -e /var/backups/labwright/restic/.app.dump.partial ]
        restic dump latest "$files/new" | grep -qx new # everything else is saved
        # Nothing is forgotten:
        [ "$(restic snapshots --json --tag daily | grep -o '"short_id"' | wc -l)" = 2 ]
        psql -qU app -d postgres -c 'ALTER DATABASE gone RENAME TO app'

        mv "$files" /srv/moved
        fails "$B/backup.sh" daily
        grep -q 'FAILED: there is no' /tmp/said
        mv /srv/moved "$files"
        "$B/backup.sh" daily
        metric last_run_success daily 1"#,
    );
}

#[test]
fn nothing_is_written_below_a_mount_that_is_missing() {
    on_machine(
        r#"
        umount /mnt/backup
        fails "$B/backup.sh" daily
        [ -z "$(ls -A /mnt/backup)" ]
        # A unit's sandbox binds the folder onto itself, which makes it no mount of the
        # repository's.
        fails unshare --mount --propagation private sh -c \
            'mount --bind /mnt/backup /mnt/backup; "$0" daily' "$B/backup.sh"
        [ -z "$(ls -A /mnt/backup)" ]
        metric last_run_success daily 0
        fails "$B/check.sh"
        [ ! -e "$T/labwright-backup-restic-check.prom" ]
        mount -t tmpfs tmpfs /mnt/backup
        mkdir /mnt/backup/repo; echo x >/mnt/backup/repo/file
        fails "$B/backup.sh" daily
        grep -q 'is neither empty nor a repository' /tmp/said"#,
    );
}

#[test]
fn damage_and_another_password_are_noticed() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        pack=$(find /mnt/backup/repo/data -type f -size +8k | head -n 1)
        chmod 600 "$pack"; printf XXXX | dd of="$pack" bs=1 seek=100 conv=notrunc 2>/dev/null
        fails "$B/check.sh" --read-data
        metric check_success '' 0
        echo other >/etc/labwright/secrets/restic-password
        fails "$B/backup.sh" daily
        grep -qi 'wrong password' /tmp/said
        [ "$(ls /mnt/backup/repo/keys | wc -l)" = 1 ]"#,
    );
}

#[test]
fn two_classes_never_run_at_once() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        exec 8>/run/lock/labwright-backup-restic
        flock 8
        "$B/backup.sh" weekly >/tmp/weekly 2>&1 8>&- &
        until grep -qs 'another run is under way' /tmp/weekly; do kill -0 $!; done
        [ ! -e /var/lib/labwright-backup/restic/weekly.snapshot ]
        flock -u 8
        wait $!
        [ -e /var/lib/labwright-backup/restic/weekly.snapshot ]"#,
    );
}

#[test]
fn the_drill_notices_a_file_that_comes_back_different() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        # The same time, other bytes: as a disk that forgets.
        for file in "$files"/*; do
            [ ! -f "$file" ] || { touch -r "$file" /tmp/time; printf '?' |
                dd of="$file" bs=1 conv=notrunc 2>/dev/null; touch -r /tmp/time "$file"; }
        done
        fails "$B/drill.sh"
        metric drill_success '' 0
        grep -q 'came back different' /tmp/said"#,
    );
}

#[test]
fn on_a_rescue_system_folders_are_where_a_person_puts_them() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        cp -r /mnt/backup/repo /tmp/repo
        umount /mnt/backup
        cp -r /tmp/repo /mnt/backup/repo
        fails "$B/restore.sh" list
        rmdir /run/systemd/system
        "$B/restore.sh" files daily "$files" /tmp/out
        cmp "$files/plain" "/tmp/out$files/plain""#,
    );
}
