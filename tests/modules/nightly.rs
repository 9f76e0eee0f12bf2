//! Runs programs of `PyPI` and npm with what their modules emit. They are too large to install
//! for every run of the tests: `./test nightly` installs and runs them.

use std::path::PathBuf;

use super::programs::with_shown;
use crate::left_out::left_out;

/// What the scripts need besides.
const HELPERS: &str = r#"
    PATH=/opt/nightly/node/bin:$PATH
    # jar: the cookies of curl's jar as one header, which goes to any host.
    jar() {
        sed 's/^#HttpOnly_//' /tmp/jar |
            awk -F '\t' 'NF == 7 { printf "%s%s=%s", sep, $6, $7; sep = "; " }'
    }
    # upgrades ORIGIN URL: the status of a request for a web socket at `lab.example.org`, from a
    # page of that origin.
    upgrades() {
        curl -s -o /dev/null -w '%{http_code}' -m 2 -H "Cookie: $(jar)" -H 'Host: lab.example.org' \
            -H "Origin: $1" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
            -H 'Sec-WebSocket-Version: 13' -H "Sec-WebSocket-Key: $(printf %022d 0)==" "$2" || :
    }
    # hidden NAME: the value of a form's hidden field.
    hidden() { sed -n "s/.*name=\"$1\" value=\"\([^\"]*\)\".*/\1/p" | head -n 1; }
    as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
"#;

/// Runs a script on a machine with the payload of a lab of these services, and the programs.
fn run(services: &str, script: &str) {
    let Some(folder) = std::env::var_os("LABWRIGHT_NIGHTLY").map(PathBuf::from) else {
        left_out("its programs are not installed: run ./test nightly");
        return;
    };
    with_shown(services, &format!("{HELPERS}\n{script}"), &[(&folder, "/opt/nightly")]);
}

/// The image starts it in this way (linuxserver/docker-calibre-web at 0.6.27-ls397).
#[test]
fn calibre_web_knows_its_first_password_and_keeps_its_databases_where_they_are_saved() {
    run(
        "service calibre-web on=box { library \"/srv/books\"; expose web to=lan; }",
        r#"
        environment calibre-web >/tmp/environment
        . /tmp/environment
        mkdir -p /config /books
        chown 1000:1000 /config /books
        cd /config
        HOME=/config CALIBRE_DBPATH=/config PYTHONPATH=/opt/nightly/pypi/calibreweb \
            as_user python3 -c 'import calibreweb; calibreweb.main()' >/tmp/log 2>&1 &
        soon healthy calibre-web || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:8083/login
        token=$(curl -s -c /tmp/jar $page | hidden csrf_token)
        log_in() {
            status -b /tmp/jar -c /tmp/jar -d "csrf_token=$token&username=admin&password=$1" $page
        }
        [ "$(log_in wrong)" = 401 ]
        [ "$(log_in admin123)" = 302 ]
        for name in app gdrive; do sqlite3 /config/$name.db 'PRAGMA integrity_check'; done
        "#,
    );
}

#[test]
fn changedetection_asks_a_private_address_only_where_the_lab_says_so() {
    for (option, expected) in [("", "no"), ("internal-requests #true;", "yes")] {
        run(
            &format!("service changedetection on=box {{ expose web to=lan; {option} }}"),
            &CHANGEDETECTION.replace("EXPECTED", expected),
        );
    }
}

const CHANGEDETECTION: &str = r#"
    environment changedetection >/tmp/environment
    . /tmp/environment
    # The image calls it so.
    ln -s /usr/bin/python3 /usr/local/bin/python
    mkdir -p /datastore /srv/pages
    echo hello >/srv/pages/page
    (cd /srv/pages && exec python3 -m http.server 8000 --bind 127.0.0.1 >/tmp/served 2>&1) &
    PYTHONPATH=/opt/nightly/pypi/changedetection-io \
        python3 -c 'import changedetectionio; changedetectionio.main()' -d /datastore \
        >/tmp/log 2>&1 &
    soon healthy changedetection || { tail -n 30 /tmp/log; exit 1; }
    soon test -s /datastore/changedetection.json
    page=http://127.0.0.1:5000/api/v1/watch
    key=$(jq -r .settings.application.api_access_token /datastore/changedetection.json)
    watch=$(curl -s -H "x-api-key: $key" -H 'Content-Type: application/json' \
        -d '{"url": "http://127.0.0.1:8000/page"}' $page | jq -r .uuid)
    is_checked() {
        curl -s -H "x-api-key: $key" "$page/$watch" >/tmp/said
        jq -e '.last_checked > 0' /tmp/said
    }
    soon is_checked || { tail -n 30 /tmp/log; exit 1; }
    asked=no
    ! grep -q 'GET /page' /tmp/served || asked=yes
    [ "$asked" = EXPECTED ] || { cat /tmp/said; exit 1; }
"#;

#[test]
fn esphome_lets_in_whom_it_knows_and_hears_pages_of_its_route_alone() {
    run(
        "secret esphome-password
        service proxy module=caddy on=box
        service esphome on=box {
            password (secret)esphome-password
            route \"lab.example.org\" to=web via=proxy from=lan
        }",
        r#"
        environment esphome >/tmp/environment
        . /tmp/environment
        export PASSWORD="it's \$HOME" PYTHONPATH=/opt/nightly/pypi/esphome
        mkdir -p /config
        python3 - >/tmp/start <<'END'
import shlex, yaml
services = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"]
print("exec python3 -m esphome", shlex.join(services["esphome"]["command"]))
END
        sh /tmp/start >/tmp/log 2>&1 &
        soon healthy esphome || { tail -n 30 /tmp/log; exit 1; }
        page=http://127.0.0.1:6052
        token=$(curl -s -c /tmp/jar $page/login | hidden _xsrf)
        log_in() {
            status -b /tmp/jar -c /tmp/jar --data-urlencode "_xsrf=$token" \
                --data-urlencode "username=$1" --data-urlencode "password=$2" $page/login
        }
        [ "$(log_in esphome wrong)" = 401 ]
        [ "$(log_in other "$PASSWORD")" = 401 ]
        [ "$(upgrades https://lab.example.org $page/events)" = 401 ]
        [ "$(log_in esphome "$PASSWORD")" = 302 ]
        [ "$(upgrades https://lab.example.org $page/events)" = 101 ]
        [ "$(upgrades https://other.example.net $page/events)" = 403 ]
        "#,
    );
}

/// The image starts it with these words, as the user that compose says.
#[test]
fn code_server_lets_in_whom_its_password_lets_in_and_hears_pages_of_its_route_alone() {
    run(
        "secret code-password
        service proxy module=caddy on=box
        service code-server on=box {
            password (secret)code-password
            route \"lab.example.org\" to=web via=proxy from=lan
        }",
        r#"
        environment code-server >/tmp/environment
        . /tmp/environment
        export PASSWORD="it's \$HOME"
        mkdir -p "$HOME"
        chown 1000:1000 "$HOME"
        cd "$HOME"
        as_user node /opt/nightly/npm/code-server/node_modules/code-server/out/node/entry.js \
            --bind-addr 0.0.0.0:8080 . >/tmp/log 2>&1 &
        soon healthy code-server || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:8080
        [ "$(status $page/)" = 302 ]
        log_in() { status -c /tmp/jar --data-urlencode "password=$1" -d base=. $page/login; }
        # It shows its page again.
        [ "$(log_in wrong)" = 200 ]
        [ "$(log_in "$PASSWORD")" = 302 ]
        [ "$(status -b /tmp/jar -L $page/)" = 200 ]
        socket="$page/?reconnectionToken=1&reconnection=false&skipWebSocketFrames=false"
        [ "$(upgrades https://lab.example.org "$socket")" = 101 ]
        [ "$(upgrades https://other.example.net "$socket")" = 403 ]
        # What it installs is in the folder that is saved.
        soon test -d /home/coder/.local/share/code-server/extensions
        "#,
    );
}

#[test]
fn node_red_encrypts_with_the_key_of_the_lab_once_its_settings_read_it() {
    run(
        "secret node-red-key
        service node-red on=box { credential-key (secret)node-red-key; expose web to=lan; }",
        r#"
        environment node-red >/tmp/environment
        . /tmp/environment
        export NODE_RED_CREDENTIAL_SECRET="it's \$HOME"
        mkdir -p /data
        chown 1000:1000 /data
        page=http://127.0.0.1:1880
        start() {
            setpriv --reuid 1000 --regid 1000 --clear-groups \
                node /opt/nightly/npm/node-red/node_modules/node-red/red.js --userDir /data \
                >/tmp/log 2>&1 &
            program=$!
            soon curl -fs -o /dev/null $page/ || { cat /tmp/log; exit 1; }
        }
        start
        grep -q 'system-generated key' /tmp/log
        kill "$program"; wait "$program" || :
        # What the runbook asks for.
        line=$(grep -o 'credentialSecret: process[A-Za-z_.]*' /payload/RUNBOOK.md | head -n 1)
        sed -i "s/module.exports = {/&\n    $line,/" /data/settings.js
        start
        ! grep -q 'system-generated key' /tmp/log || exit 1
        flow='[{"id": "a", "type": "tab"}, {"id": "b", "type": "mqtt-broker", "broker": "x",
            "credentials": {"user": "ada", "password": "right"}}]'
        [ "$(status -H 'Content-Type: application/json' -d "$flow" $page/flows)" = 204 ]
        # AES with the digest of the key, and the first block for a beginning.
        cat >/tmp/read.js <<'END'
const crypto = require("crypto"), text = require("/data/flows_cred.json").$
const key = crypto.createHash("sha256").update(process.env.NODE_RED_CREDENTIAL_SECRET).digest()
const cipher = crypto.createDecipheriv("aes-256-ctr", key, Buffer.from(text.slice(0, 32), "hex"))
const said = JSON.parse(cipher.update(text.slice(32), "base64", "utf8") + cipher.final("utf8"))
if (said.b.password !== "right") process.exit(1)
END
        soon node /tmp/read.js
        "#,
    );
}

#[test]
fn actual_lets_in_whom_its_password_lets_in() {
    run(
        "service actual on=box { expose web to=lan; }",
        r#"
        environment actual >/tmp/environment
        . /tmp/environment
        mkdir -p /data
        cd /opt/nightly/npm/@actual-app/sync-server/node_modules/@actual-app/sync-server
        node build/app.js >/tmp/log 2>&1 &
        soon healthy actual || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:5006
        say() {
            curl -s -H 'Content-Type: application/json' -d "$2" "$page/account/$1" | jq -r .status
        }
        [ "$(say bootstrap '{"password": "right"}')" = ok ]
        [ "$(say login '{"loginMethod": "password", "password": "wrong"}')" = error ]
        [ "$(say login '{"loginMethod": "password", "password": "right"}')" = ok ]
        # Nobody chooses it again.
        [ "$(say bootstrap '{"password": "other"}')" = error ]
        curl -fs 'http://[::1]:5006/health'
        sqlite3 /data/server-files/account.sqlite 'PRAGMA integrity_check'
        "#,
    );
}

#[test]
fn n8n_encrypts_with_the_key_of_the_lab_and_says_the_address_that_people_open() {
    run(
        "secret n8n-key
        service proxy module=caddy on=box
        service n8n on=box {
            encryption-key (secret)n8n-key
            route \"lab.example.org\" to=web via=proxy from=lan
        }",
        r#"
        environment n8n >/tmp/environment
        . /tmp/environment
        mkdir -p /home/node/.n8n /run/secrets
        printf '%s' "it's \$HOME" >/run/secrets/n8n-key
        chown -R 1000:1000 /home/node /run/secrets
        HOME=/home/node as_user node /opt/nightly/npm/n8n/node_modules/n8n/bin/n8n \
            >/tmp/log 2>&1 &
        page=http://127.0.0.1:5678
        # Its first start makes the tables of its database. Before they are there, it is not well.
        soon healthy n8n || soon healthy n8n || soon healthy n8n || { cat /tmp/log; exit 1; }
        [ "$(status $page/rest/settings)" = 200 ] || { tail -n 5 /tmp/log; exit 1; }
        curl -s $page/metrics | grep -q '^n8n_version_info'
        curl -s -D /tmp/said -c /tmp/jar -o /dev/null -H 'Content-Type: application/json' -d '{
            "email": "ada@example.org", "firstName": "Ada", "lastName": "L",
            "password": "RightPassword1"}' $page/rest/owner/setup
        # A browser sends it back over https alone.
        grep -qi '^Set-Cookie: n8n-auth=.*; Secure' /tmp/said || { cat /tmp/said; exit 1; }
        curl -s -H "Cookie: $(jar)" $page/rest/settings |
            jq -e '.data.urlBaseWebhook == "https://lab.example.org/"'
        jq -e --arg key "it's \$HOME" '.encryptionKey == null or .encryptionKey == $key' \
            /home/node/.n8n/config
        mkdir -p /srv/appdata
        ln -s /home/node/.n8n /srv/appdata/n8n
        name=$(sed -n 's/^ *\([^ ]*\)) service=n8n .*/\1/p' /payload/databases/list.sh)
        sh /payload/databases/dump.sh /dumps $name
        sqlite3 /dumps/*.sqlite "SELECT email FROM user" | grep -qx ada@example.org
        "#,
    );
}
