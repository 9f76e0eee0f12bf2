//! Dumps files of `SQLite` that no module knows, such as those of plug-ins, while a program writes
//! to them.

use super::backup::on_machine;

#[test]
fn files_of_sqlite_that_nothing_declares_are_dumped_and_come_back() {
    on_machine(
        r#"
        plug="$files/plug ins/it's [1].vscdb" name=app.sqlite-of-files
        dump=/var/backups/labwright/restic/$name.tar
        "$B/backup.sh" daily
        [ ! -e $dump ] # there is none yet

        mkdir "$files/plug ins"
        sqlite3 "$plug" 'PRAGMA journal_mode=wal' 'CREATE TABLE two(a, b, c)' \
            'INSERT INTO two VALUES (0, 0, randomblob(3000000))' >/dev/null
        chown -R 1000:1000 "$files/plug ins"
        chmod 0640 "$plug"
        # Not a whole database; of another size; what is never saved; what has a dump of its own.
        printf 'SQLite format 3\000' >"$files/broken.db"
        truncate -s 4096 "$files/broken.db"
        printf 'SQLite format 3\000.' >"$files/other"
        sqlite3 "$files/cache \\ [a]*/cached.db" 'CREATE TABLE t(a)'
        # A program that has it open, and writes both numbers again and again.
        touch /tmp/write
        while [ -e /tmp/write ]; do
            printf '%s\n' 'BEGIN; UPDATE two SET a = a + 1;' \
                'UPDATE two SET c = randomblob(3000000), b = b + 1; COMMIT;'
        done | sqlite3 -cmd '.timeout 30000' "$plug" &
        writer=$!
        until [ "$(sqlite3 "$plug" '.timeout 30000' 'SELECT a > 2 FROM two')" = 1 ]; do
            kill -0 $writer
        done
        "$B/backup.sh" daily >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
        grep -q "broken.db can't be dumped" /tmp/said
        rm /tmp/write
        wait $writer
        metric dump_success daily 1
        [ "$(tar -tf $dump)" = "./plug ins/it's [1].vscdb" ]
        "$B/drill.sh"

        # It is lost with all that is around it.
        rm -rf "$files/plug ins"
        LABWRIGHT_CONFIRM="$files" "$B/restore.sh" files --in-place daily "$files" >/tmp/said
        grep -q "load their dump too: ./restore.sh database $name" /tmp/said
        LABWRIGHT_CONFIRM=$name "$B/restore.sh" database $name
        said=$(sqlite3 "$plug" 'PRAGMA integrity_check' 'SELECT a = b FROM two')
        [ "$said" = "$(printf 'ok\n1')" ]
        [ "$(stat -c '%u %a' "$plug")" = '1000 640' ]
        # The dump alone is enough, below a folder that is there.
        rm -rf "$files/plug ins"
        sh /usr/local/lib/labwright-databases/load.sh $name $dump
        [ "$(sqlite3 "$plug" 'SELECT a = b FROM two')" = 1 ]
        [ "$(stat -c '%u %a' "$plug")" = '1000 640' ]
        [ "$(sh /usr/local/lib/labwright-databases/size.sh $name)" -gt 3000000 ]

        # One that is locked for good is a failure; when all have gone, so does their dump.
        { printf '%s\n' 'PRAGMA locking_mode=EXCLUSIVE;' 'BEGIN IMMEDIATE;' \
            'UPDATE two SET a = 0;' '.shell touch /tmp/locked'; sleep 300; } | sqlite3 "$plug" &
        until [ -e /tmp/locked ]; do sleep 0.1; done
        # Nobody waits for it half a minute here.
        cat >/opt/stand-ins/sqlite3 <<'END'
#!/bin/sh
case "$3" in .timeout*) exec /usr/bin/sqlite3 "$1" "$2" '.timeout 100' "$4" "$5" "$6" ;; esac
exec /usr/bin/sqlite3 "$@"
END
        chmod 755 /opt/stand-ins/sqlite3
        fails "$B/backup.sh" daily
        grep -q "can't be dumped: .*database is locked" /tmp/said
        metric dump_success daily 0
        kill $!
        rm -rf "$files/plug ins"
        "$B/backup.sh" daily
        [ ! -e $dump ]"#,
    );
}
