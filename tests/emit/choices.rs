//! Chooses the database of programs that can use several: what the machine gets for each choice,
//! and that what was dumped comes back.

use super::lab::{Compiled, compile};
use crate::trixie::{Room, text};

const BOX: &str = r#"
    edition 1
    lab home version="1.0.0" { domain "example.org"; email "ada@example.org"; }
    network lan cidr="192.168.1.0/24"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata"
        ssh from=lan
    }
    secret key
    secret password
    secret root
    accept state-without-backup reason="a test"
    accept unused-secret reason="a test"
"#;

/// The modules with a choice, what else they require, and the databases besides MariaDB.
const MODULES: [(&str, &str, &[&str]); 12] = [
    (
        "authelia",
        "domain \"example.org\"; host \"a.example.org\"; users (secret)key; \
         session-key (secret)key; storage-key (secret)key; reset-key (secret)key",
        &["sqlite", "postgres"],
    ),
    ("firefly-iii", "url \"https://a.example.org\"; app-key (secret)key", &["postgres"]),
    ("forgejo", "host \"a.example.org\"", &["sqlite", "postgres"]),
    ("gitea", "host \"a.example.org\"", &["sqlite", "postgres"]),
    ("healthchecks", "url \"https://a.example.org\"; secret-key (secret)key", &["postgres"]),
    ("nextcloud", "host \"a.example.org\"; admin-password (secret)key", &["postgres"]),
    ("paperless-ngx", "secret-key (secret)key; admin-password (secret)key", &["postgres"]),
    ("photoprism", "originals \"/srv/photos\"; admin-password (secret)key", &["sqlite"]),
    ("romm", "library \"/srv/roms\"; auth-key (secret)key", &["postgres"]),
    ("speedtest-tracker", "app-key (secret)key", &["sqlite", "postgres"]),
    ("vikunja", "url \"https://a.example.org\"; secret-key (secret)key", &["sqlite", "postgres"]),
    ("wiki-js", "", &["postgres"]),
];

fn service(module: &str, rest: &str) -> Compiled {
    compile(&[("lab.kdl", &format!("{BOX}\nservice {module} on=box {{ {rest}; }}"))])
}

#[test]
fn each_choice_of_a_database_is_one_database_with_its_dump() {
    for (module, required, others) in MODULES {
        for chosen in others.iter().chain(&["mariadb"]) {
            let root =
                if *chosen == "mariadb" { "database-root-password (secret)root" } else { "" };
            let password =
                if *chosen == "sqlite" { "" } else { "database-password (secret)password" };
            let choice = format!("database {chosen}");
            let parts = [required, choice.as_str(), password, root];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let compiled = service(module, &parts.join("; "));
            let which = format!("{module} with {chosen}");
            assert!(compiled.findings.is_empty(), "{which}: {:?}", compiled.findings);
            let list = compiled.text("box", "databases/list.sh");
            let undeclared = list.matches(" engine=undeclared ").count();
            let engines = list.matches(" engine=").count() - undeclared;
            assert!(engines == 1 && list.contains(&format!("engine={chosen} ")), "{which}\n{list}");
            let compose = compiled.text("box", "compose/compose.yaml");
            for (image, engine) in [("/postgres:", "postgres"), ("/mariadb:", "mariadb")] {
                assert_eq!(compose.contains(image), *chosen == engine, "{which}: {image}");
            }
            // Another program's data lies elsewhere, so no server starts with it.
            for word in ["postgres", "mariadb"].iter().filter(|word| *word != chosen) {
                let folder = format!("/srv/appdata/{module}/{word}");
                assert!(!compose.contains(&folder), "{which}: {folder}");
            }
            let folder = tempfile::tempdir().expect("a folder");
            compiled.unpack("box", folder.path());
            if crate::consumers::available() {
                crate::consumers::compose(&folder.path().join("compose"))
                    .unwrap_or_else(|words| panic!("{which}: {words}"));
            }
        }
    }
}

/// A MariaDB as the container has it: its root's password is in the file that a variable names.
const NEXTCLOUD: &str = r#"
    data=/tmp/data
    mkdir -p /run/mysqld /stand-ins
    cat >/stand-ins/docker <<'END'
#!/bin/sh
[ "$1 $2 $3" = 'exec -i nextcloud-database' ] || exit 64
shift 3
MARIADB_ROOT_PASSWORD_FILE=/run/secrets/root exec "$@"
END
    chmod 755 /stand-ins/docker
    PATH=/stand-ins:$PATH
    mkdir -p /run/secrets && echo hunter2 >/run/secrets/root
    mariadb-install-db --user=root --datadir=$data --skip-test-db \
        --auth-root-authentication-method=normal >/dev/null
    mariadbd --user=root --datadir=$data --skip-networking --socket=/run/mysqld/mysqld.sock \
        $options 2>/tmp/log &
    until mariadb -e 'SELECT 1' >/dev/null 2>&1; do kill -0 $!; sleep 0.1; done
    mariadb -e "ALTER USER root@localhost IDENTIFIED BY 'hunter2'"
    ask() { MYSQL_PWD=hunter2 mariadb -N "$@"; }
    [ "$(ask -e 'SELECT @@transaction_isolation')" = READ-COMMITTED ]
    ask -e 'CREATE DATABASE nextcloud'
    ask nextcloud -e 'CREATE TABLE oc_share (id int, path text)'
    ask nextcloud -e "INSERT INTO oc_share VALUES (1, 'é')"
    cd /payload/databases
    sh dump.sh /dumps nextcloud
    ask nextcloud -e 'DROP TABLE oc_share; CREATE TABLE oc_new (id int)'
    sh load.sh nextcloud /dumps/nextcloud.sql
    [ "$(ask nextcloud -e 'SELECT * FROM oc_share')" = "$(printf '1\té')" ]
    [ -z "$(ask nextcloud -e "SHOW TABLES LIKE 'oc_new'")" ]
"#;

#[test]
fn a_nextcloud_on_mariadb_is_dumped_and_comes_back() {
    let compiled = service(
        "nextcloud",
        "host \"a.example.org\"; database mariadb; database-password (secret)password; \
         database-root-password (secret)root",
    );
    let compose = compiled.text("box", "compose/compose.yaml");
    assert!(compose.contains("MARIADB_ROOT_PASSWORD_FILE: '/run/secrets/root'"), "{compose}");
    let options = "--transaction-isolation=READ-COMMITTED";
    assert!(compose.contains(&format!("- '{options}'")), "{compose}");
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let Some(room) = Room::new() else { return };
    let script = format!("set -eu\noptions={options}\n{NEXTCLOUD}");
    let answer = room.show(folder.path(), "/payload").sh(&script, &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}
