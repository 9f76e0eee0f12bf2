//! Checks what becomes of values that count at the first start alone: each module says it, and real
//! databases take new passwords.

use labwright::model::FirstStart;

use super::{bundle_of, each_example, of_module};
use crate::consumers::shellcheck;
use crate::trixie::{Room, text};

/// Variables of the images of databases, which read them when they make one.
const OF_DATABASES: &[&str] = &[
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "POSTGRES_INITDB_ARGS",
    "MARIADB_USER",
    "MARIADB_DATABASE",
    "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD",
    "MYSQL_USER",
    "MYSQL_DATABASE",
    "MYSQL_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "MONGO_INITDB_ROOT_USERNAME",
    "MONGO_INITDB_ROOT_PASSWORD",
];

/// Words in the names of variables that are often read at the first start alone.
const SUSPECTS: &[&str] = &[
    "ADMIN",
    "INITIAL",
    "INIT_",
    "AUTHKEY",
    "CLAIM",
    "REGISTRATION_TOKEN",
    "APP_KEY",
    "ENCRYPTION_KEY",
    "CREDENTIAL_SECRET",
];

/// Variables that look like it, and are read at every start.
const EVERY_START: &[&str] = &[
    // Vaultwarden and Garage keep these in no database.
    "ADMIN_TOKEN",
    "GARAGE_ADMIN_TOKEN",
    // It names the file of a secret, which says it itself.
    "TS_AUTHKEY",
    // The flag of a behaviour, not a value that is kept.
    "MARIADB_AUTO_UPGRADE",
    "ADMIN_EMAIL",
];

/// Returns the name of a variable without what says that it names a file.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("FILE__").unwrap_or(name);
    let name = name.strip_suffix("_SECRETFILE").or(name.strip_suffix("_FILE")).unwrap_or(name);
    name.trim_end_matches('_')
}

#[test]
fn each_value_that_counts_once_says_what_becomes_of_a_new_one() {
    each_example(|module, model| {
        for container in &of_module(model, module).containers {
            let makes_databases = ["postgres", "mariadb", "mysql", "mongo"]
                .iter()
                .any(|engine| container.repository().contains(engine));
            let counts_once = |name: &str| {
                let name = plain(name);
                let suspect = SUSPECTS.iter().any(|word| name.contains(word));
                !EVERY_START.contains(&name)
                    && (suspect || (makes_databases && OF_DATABASES.contains(&name)))
            };
            let secrets = container.secrets.iter().filter_map(|used| {
                let name = used.file_variable.as_ref().or(used.value_variable.as_ref())?;
                Some((name, &used.first_start))
            });
            let variables = container
                .environment
                .iter()
                .map(|variable| (&variable.name, &variable.first_start));
            for (name, first_start) in secrets.chain(variables) {
                assert!(
                    !counts_once(name) || first_start.is_some(),
                    "{module}: {name} counts at the first start alone, and nothing says so"
                );
                let empty = match first_start {
                    Some(FirstStart::Command(words) | FirstStart::Person(words)) => {
                        words.is_empty()
                    }
                    _ => false,
                };
                assert!(!empty, "{module}: nothing says what becomes of a new {name}");
            }
        }
    });
}

const LAB: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
host box kind=debian { os debian-13; address lan "192.168.1.2"; appdata "/srv"; ssh from=lan; }
accept state-without-backup reason="a test"
accept admin-exposed reason="a test"
secret postgres
secret user
secret root
secret admin
service postgres on=box { user ada; database app; password (secret)postgres; }
service mariadb on=box { password (secret)user; root-password (secret)root; }
service portainer on=box { admin-password (secret)admin; expose web to=lan; }
"#;

/// Runs a script on a machine with databases, where `docker exec` runs what it is told.
fn on_machine(script: &str) {
    on_machine_of(LAB, script);
}

/// Does so on the machine of another lab.
fn on_machine_of(lab: &str, script: &str) {
    let unpacked = bundle_of(lab);
    let payload = unpacked.path().join("payload");
    let carry = payload.join("first-start/carry.sh");
    shellcheck(&carry).expect("ShellCheck accepts it");
    let Some(room) = Room::new() else { return };
    let setup = r#"
        export LABWRIGHT_STATE=/var/lib/labwright/home S=/etc/labwright/secrets
        mkdir -p $LABWRIGHT_STATE $S /opt/stand-ins
        export PATH=/opt/stand-ins:$PATH
        echo true >/running
        cat >/opt/stand-ins/docker <<'END'
#!/bin/sh
case "$1" in
    inspect) cat /running ;;
    exec) shift 3; exec "$@" ;;
    *) exit 64 ;;
esac
END
        chmod 755 /opt/stand-ins/docker
        for name in postgres user root admin; do printf 'first-%s\n' $name >$S/$name; done
        carry() { sh /payload/first-start/carry.sh "$@"; }
        fails() {
            if "$@" >/said 2>&1; then echo "it should have failed: $*" >&2; exit 1; fi
        }
    "#;
    let room = room.show(&payload, "/payload");
    let answer = room.sh(&format!("{setup}\n{script}"), &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_new_password_of_a_postgresql_is_set_in_the_database() {
    on_machine(
        r#"
        programs=$(echo /usr/lib/postgresql/*/bin)
        export PGHOST=/tmp
        PATH=$PATH:$programs
        install -d -o postgres /tmp/cluster
        printf first-postgres >/tmp/pw
        chown postgres /tmp/pw
        runuser -u postgres -- "$programs/initdb" -D /tmp/cluster -U ada --pwfile=/tmp/pw \
            --auth-local=trust --auth-host=scram-sha-256 >/dev/null
        runuser -u postgres -- "$programs/pg_ctl" -D /tmp/cluster -w start -l /tmp/cluster/log \
            -o '-k /tmp -c listen_addresses=127.0.0.1 -c fsync=off' >/dev/null
        enters() {
            PGPASSWORD=$1 psql -h 127.0.0.1 -U ada -d postgres -Atc 'SELECT 1' >/dev/null 2>&1
        }
        mariadb() { cat >/dev/null; } # The other database has no new value here.

        carry before; carry after
        enters first-postgres
        [ -z "$(carry plan)" ]
        # The note holds no value, and is root's alone.
        ! grep -r first- $LABWRIGHT_STATE || exit 1
        [ "$(stat -c %a $LABWRIGHT_STATE/first-start)" = 600 ]

        printf '%s\n' "it's \\ \"new\" \$HOME :user" >$S/postgres
        carry plan | grep -q 'postgres is told the new postgres/POSTGRES_PASSWORD_FILE'
        carry check
        carry before | grep -q '^note: postgres knows'
        enters "it's \\ \"new\" \$HOME :user"
        ! enters first-postgres || exit 1
        [ -z "$(carry plan)" ]
        carry after

        # It does not run while the old containers do, and is told once it has begun.
        echo third >$S/postgres
        echo false >/running
        carry before
        ! enters third || exit 1
        carry after
        enters third"#,
    );
}

#[test]
fn new_passwords_of_a_mariadb_are_set_in_the_database() {
    on_machine(
        r#"
        data=/tmp/maria
        mkdir -p /run/mysqld
        mariadb-install-db --user=root --datadir=$data --skip-test-db \
            --auth-root-authentication-method=normal >/dev/null
        mariadbd --user=root --datadir=$data --skip-networking \
            --socket=/run/mysqld/mysqld.sock >/tmp/mariadb.log 2>&1 &
        until mariadb -e 'SELECT 1' >/dev/null 2>&1; do kill -0 $!; done
        mariadb <<'END'
CREATE DATABASE app;
CREATE USER 'app'@'%' IDENTIFIED BY 'first-user';
GRANT ALL ON app.* TO 'app'@'%';
CREATE USER 'root'@'%' IDENTIFIED BY 'first-root';
ALTER USER 'root'@'localhost' IDENTIFIED BY 'first-root';
END
        # A container that runs still has the files of its start.
        cp -r $S /old
        export MARIADB_ROOT_PASSWORD_FILE=/old/root
        enters() { MYSQL_PWD=$2 mariadb --user="$1" -e 'SELECT 1' >/dev/null 2>&1; }

        carry before
        printf '%s' "it's \\ \"new\"" >$S/user
        echo second-root >$S/root
        carry before
        enters app "it's \\ \"new\""
        enters root second-root
        ! enters app first-user || exit 1
        ! enters root first-root || exit 1
        carry after
        [ -z "$(carry plan)" ]"#,
    );
}

#[test]
fn what_only_a_person_can_change_is_refused_until_it_is_done() {
    on_machine(
        r#"
        carry check; carry before; carry after
        echo another >$S/admin
        fails carry check
        grep -q "change the administrator's password in Portainer first" /said
        grep -q -e --allow-one-way /said
        carry plan | grep -q '^refused: portainer/admin is new'
        LABWRIGHT_ALLOW_ONE_WAY=1 carry check
        LABWRIGHT_ALLOW_ONE_WAY=1 carry before
        LABWRIGHT_ALLOW_ONE_WAY=1 carry after
        carry check
        [ -z "$(carry plan)" ]"#,
    );
}

const PAPERLESS: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
host box kind=debian { os debian-13; address lan "192.168.1.2"; appdata "/srv"; ssh from=lan; }
accept state-without-backup reason="a test"
secret key
secret admin
service paperless-ngx on=box {
    secret-key (secret)key
    database-password (secret)key
    admin-password (secret)admin
}
"#;

/// Paperless is a program of Django, whose `manage.py` reads the command. The key and the password
/// of the database are among the variables that the image's `with-contenv` hands on.
#[test]
fn a_new_password_of_paperless_reaches_its_administrator() {
    on_machine_of(
        PAPERLESS,
        r#"
        mkdir -p /command /contenv /usr/src/paperless/src
        cd /usr/src/paperless/src
        cat >manage.py <<'END'
import os, sys
from django.conf import settings
settings.configure(SECRET_KEY=os.environ["PAPERLESS_SECRET_KEY"], USE_TZ=True,
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/tmp/users"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
END
        cat >/command/with-contenv <<'END'
#!/bin/sh
export PAPERLESS_SECRET_KEY=key PAPERLESS_ADMIN_USER=admin
exec "$@"
END
        printf '#!/bin/sh\n[ "$1" = paperless ] || exit 64\nshift\nexec "$@"\n' \
            >/command/s6-setuidgid
        chmod 755 /command/*
        django() { /command/with-contenv python3 manage.py "$@"; }
        django migrate >/dev/null
        django shell -c 'from django.contrib.auth.models import User
User.objects.create_superuser("admin", "", "first-admin")'
        enters() {
            PASSWORD=$1 django shell -c 'import os, sys
from django.contrib.auth import authenticate
sys.exit(not authenticate(username="admin", password=os.environ["PASSWORD"]))'
        }

        carry before; carry after
        enters first-admin
        printf '%s\n' "it's \\ \"new\" \$HOME" >$S/admin
        carry before | grep -q '^note: paperless-ngx knows'
        enters "it's \\ \"new\" \$HOME"
        ! enters first-admin || exit 1
        [ -z "$(carry plan)" ]"#,
    );
}
