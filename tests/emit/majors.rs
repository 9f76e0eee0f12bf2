//! Moves a database from one major version of PostgreSQL to another, as `docs/operating.md` says:
//! between the one of Debian 12, on the machine at hand, and the one of Debian 13.

use std::path::Path;

use super::lab::{Compiled, compile};
use crate::left_out::left_out;
use crate::trixie::{Room, text};

const LAB: &str = r#"
    edition 1
    lab home version="1.0.0"
    network lan cidr="192.168.1.0/24"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata"
        ssh from=lan
    }
"#;

const MODULE: &str = r#"
    edition 1
    module links version="1.0.0" {
        summary "Links"
        option database-image type=image { default "docker.io/library/postgres:15.14-bookworm"; }
        state database path=(f)"{machine.appdata}/{service.name}/database" local-disk=#true
        container links { image "ghcr.io/example/links:1.0.0"; health none="a stand-in"; }
        container database {
            image (ref)opt.database-image
            mount (ref)state.database at="/var/lib/postgresql/data"
            health none="a stand-in"
        }
        database links engine=postgres container=database user=links state=database
    }
"#;

fn lab(service: &str) -> Compiled {
    compile(&[("lab.kdl", LAB), ("links.kdl", service), ("modules/links/module.kdl", MODULE)])
}

/// The server of Debian 12, in a root of its own. Its data is in memory.
const OLD: &str = "/usr/lib/postgresql/15/bin/postgres";

/// Starts both servers, and has `docker exec` lead to the one whose number is in `/major`.
const SERVERS: &str = r#"
    mount -t tmpfs -o mode=1777 tmpfs /bookworm/tmp
    mount --bind /dev /bookworm/dev
    mkdir /stand-ins
    cat >/stand-ins/docker <<'END'
#!/bin/sh
[ "$1 $2 $3" = 'exec -i links-database' ] || exit 64
shift 3
exec "/on-$(cat /major)" "$@"
END
    as='setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C PGHOST=/tmp'
    for major in 15 17; do
        root=/
        [ "$major" = 17 ] || root=/bookworm
        cat >/on-$major <<END
#!/bin/sh
exec chroot $root $as PATH=/usr/lib/postgresql/$major/bin:/usr/bin:/bin "\$@"
END
    done
    chmod 755 /stand-ins/docker /on-15 /on-17
    export PATH="/stand-ins:$PATH"
    start() {
        /on-$1 pg_ctl --pgdata=/tmp/data --log=/tmp/log --wait start --options=' \
            -c listen_addresses= -c unix_socket_directories=/tmp' >/dev/null
    }
    for major in 15 17; do
        /on-$major initdb --username=links --auth=trust --encoding=UTF8 \
            --pgdata=/tmp/data >/dev/null
        start $major
        /on-$major createdb --username=links links
    done
    ask() {
        docker exec -i links-database \
            psql --username=links -AtXq -v ON_ERROR_STOP=1 -c "$1" links
    }
    count() { ask 'SELECT count(*) FROM link'; }
"#;

/// The words of the document, and what must hold between them.
const MOVE: &str = r#"
    echo 15 >/major
    ask "CREATE TABLE link (id serial PRIMARY KEY, url text NOT NULL UNIQUE);
        CREATE FUNCTION plain(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(\$1)';
        CREATE INDEX link_plain ON link (plain(url));
        INSERT INTO link (url)
            SELECT 'https://Example.org/' || n FROM generate_series(1, 1000) AS n"
    mkdir -p /var/tmp/move && sh /payload/one/databases/dump.sh /var/tmp/move links

    echo 17 >/major
    [ "$(ask 'SHOW server_version_num' | cut -c1-2)" = 17 ]
    sh /payload/two/databases/load.sh links /var/tmp/move/*.dump
    [ "$(count)" = 1000 ]
    [ "$(ask "SELECT id FROM link WHERE plain(url) = 'https://example.org/7'")" = 7 ]
    [ "$(ask "INSERT INTO link (url) VALUES ('https://example.org/new') RETURNING id")" = 1001 ]

    # The way back: the old version has its old data, and takes no dump of the new one.
    rm -r /var/tmp/move && sh /payload/two/databases/dump.sh /var/tmp/move links
    echo 15 >/major
    [ "$(count)" = 1000 ]
    if sh /payload/one/databases/load.sh links /var/tmp/move/*.dump; then exit 1; fi
    [ "$(count)" = 1000 ]
    echo done
"#;

#[test]
fn a_database_moves_to_another_major_and_its_old_one_stays() {
    let one = lab("service links on=box\n");
    let two = lab("service links on=box {
            database-image \"docker.io/library/postgres:17.6-bookworm\"
            state database path=\"/srv/appdata/links/database-17\"
        }");
    // labctl refuses the change unless it is told that there is no way back.
    let major = |compiled: &Compiled| {
        let all = &compiled.machines["box"].one_way;
        let fact = all.iter().find(|fact| fact.key.starts_with("postgres-major "));
        fact.map(|fact| (fact.key.clone(), fact.value.clone())).expect("a fact")
    };
    let (before, after) = (major(&one), major(&two));
    assert_eq!((before.0 == after.0, before.1.as_str(), after.1.as_str()), (true, "15", "17"));

    let Some(room) = Room::new() else { return };
    if !Path::new(OLD).exists() {
        return left_out("there is no PostgreSQL 15 of Debian 12");
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, compiled) in [("one", &one), ("two", &two)] {
        compiled.unpack("box", &folder.path().join(name));
    }
    let room = room.show(folder.path(), "/payload").show(Path::new("/"), "/bookworm");
    let answer = room.sh(&format!("{SERVERS}{MOVE}"), &[]);
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(answer.status.success() && said.contains("done"), "{said}");
    assert!(said.contains("unsupported version"), "{said}");
}
