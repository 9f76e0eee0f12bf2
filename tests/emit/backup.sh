# Sets a machine up for the tests of backups: a mounted repository, a password, files, two databases. Run by `sh -eu`.
B=/usr/local/lib/labwright/restic T=/var/lib/node_exporter/textfile files="/srv/app/it's \$HOME [1]*"
export RESTIC_REPOSITORY=/mnt/backup/repo RESTIC_PASSWORD_FILE=/etc/labwright/secrets/restic-password
# The mode that install.tsv gives them; a payload's folder in these tests has none.
cp -r "$B" /tmp/scripts && B=/tmp/scripts && chmod 755 "$B"/*.sh

mkdir -p /mnt/backup /etc/labwright/secrets /run/lock /run/systemd/system
mount -t tmpfs tmpfs /mnt/backup
echo correct >"$RESTIC_PASSWORD_FILE"
# An empty repository of restic's own making, but for its key: that is derived in no time, where half a second a call is usual.
mkdir -p /mnt/backup/repo/data /mnt/backup/repo/index /mnt/backup/repo/locks /mnt/backup/repo/snapshots
cp -r /repository/keys /mnt/backup/repo
base64 -d /repository/config.base64 >/mnt/backup/repo/config

mkdir -p "$files/cache \\ [a]*" "$files/cache" "$files/dir é " /srv/app/other
echo 1 >"$files/plain"
echo 2 >"$files/two  words"
echo 3 >"$files/-rf"
echo 4 >"$files/st*r?[x]\\ "
echo 5 >"$files/\$(reboot)\"'"
printf 6 >"$files/new
line"
printf 7 >"$files/$(printf 'not\377utf8')"
echo 8 >"$files/dir é /file"
echo no >"$files/cache \\ [a]*/no"
echo yes >"$files/cach_" # what the excluded name would match as a pattern
rmdir "$files/cache"
head -c 200000 /dev/urandom >"$files/random"
echo other >/srv/app/other/plain
sqlite3 '/srv/app/li te.db' 'PRAGMA journal_mode=wal; CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3)' >/dev/null
chown 1000:1000 '/srv/app/li te.db'
# As Plex has it: an index and a tokenizer of its own, which sqlite3 lacks.
sqlite3 /srv/app/plex.db 'CREATE TABLE titles(a TEXT); CREATE INDEX by_title ON titles(a)' \
    'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) INSERT INTO titles SELECT hex(randomblob(50)) FROM c' \
    'CREATE VIRTUAL TABLE words USING fts4(a, tokenize=simple)' "INSERT INTO words VALUES ('one two')" \
    '.dbconfig defensive off' 'PRAGMA writable_schema=ON' \
    "UPDATE sqlite_master SET sql = 'CREATE INDEX by_title ON titles(a COLLATE icu_root)' WHERE name = 'by_title'" \
    "UPDATE sqlite_master SET sql = replace(sql, 'simple', 'collating') WHERE name = 'words'" >/dev/null

# The container's programs are this machine's.
programs=$(echo /usr/lib/postgresql/*/bin)
export PGHOST=/tmp PATH="/opt/stand-ins:$programs:$PATH"
install -d -o postgres /tmp/cluster
runuser -u postgres -- "$programs/initdb" -D /tmp/cluster -A trust -U app >/dev/null
runuser -u postgres -- "$programs/pg_ctl" -D /tmp/cluster -o '-k /tmp -c listen_addresses= -c fsync=off' -l /tmp/cluster/log -w start >/dev/null
mkdir /opt/stand-ins
cat >/opt/stand-ins/docker <<'END'
#!/bin/sh
[ "$1 $2 $3" = 'exec -i app' ] || exit 64
shift 3
exec "$@"
END
chmod 755 /opt/stand-ins/docker
psql -qU app -d postgres -c 'CREATE DATABASE app'
psql -qU app -c "CREATE TABLE photos (id int, name text); INSERT INTO photos SELECT n, 'it''s \$' || n FROM generate_series(1, 1000) n"

# fails COMMAND...: it must end with an error, and what it says is kept.
fails() {
    if "$@" >/tmp/said 2>&1; then
        echo "it should have failed: $*" >&2
        cat /tmp/said >&2
        exit 1
    fi
}

# After a backup: sqlite3 can't judge the indexes of a program with an order of its own, and knows a torn file all the same.
plex_comes_back() {
    dump=/var/backups/labwright/restic/app-plex.db.sqlite
    fails sqlite3 "$dump" 'PRAGMA integrity_check'
    sqlite3 /srv/app/plex.db 'DROP TABLE titles'
    LABWRIGHT_CONFIRM=app-plex.db "$B/restore.sh" database app-plex.db
    [ "$(sqlite3 /srv/app/plex.db 'SELECT count(*) FROM titles')" = 1000 ]
    head -c $(($(stat -c %s "$dump") - 4000)) "$dump" >/tmp/short
    { head -c 12000 "$dump"; head -c 9000 /dev/zero; tail -c +21001 "$dump"; } >/tmp/holed
    for torn in short holed; do
        fails sh /usr/local/lib/labwright-databases/load.sh app-plex.db /tmp/$torn
    done
    [ "$(sqlite3 /srv/app/plex.db 'SELECT count(*) FROM titles')" = 1000 ]
}

# metric NAME CLASS VALUE: every sample of it has the value somewhere, and there is one.
metric() {
    sed -n "s/^labwright_backup_$1{backup=\"restic\"${2:+,class=\"$2\"}.*} //p" "$T"/*.prom | grep -qx "$3" || {
        echo "no labwright_backup_$1 of ${2:-all} is $3:" >&2
        grep -h "_$1" "$T"/*.prom >&2
        exit 1
    }
}
