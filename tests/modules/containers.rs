//! Runs programs as their containers run: with their variables, their commands, and no more places
//! to write to than they have.

use super::programs::with;
use super::{PRELUDE, bundle_of, each_example, of_module};

/// A host of Proxmox, with the answers of its API to whoever shows the token.
const PROXMOX: &str = r#"
import http.server, json, ssl
from urllib.parse import urlsplit

ANSWERS = {
    "version": {"version": "9.0.3", "release": "9.0", "repoid": "1"},
    "cluster/status": [{"type": "node", "id": "node/pve", "name": "pve", "online": 1, "local": 1,
        "nodeid": 0, "level": "", "ip": "127.0.0.1"}],
    "cluster/resources": [
        {"id": "node/pve", "type": "node", "node": "pve", "status": "online", "cpu": 0.1,
         "maxcpu": 4, "mem": 1, "maxmem": 2, "disk": 1, "maxdisk": 2, "uptime": 9},
        {"id": "qemu/100", "type": "qemu", "vmid": 100, "name": "box", "node": "pve",
         "status": "running", "template": 0, "cpu": 0.5, "maxcpu": 2, "mem": 1024, "maxmem": 2048,
         "disk": 0, "maxdisk": 10, "uptime": 60, "netin": 1, "netout": 1, "diskread": 1,
         "diskwrite": 1}],
    "nodes": [{"node": "pve", "status": "online", "id": "node/pve", "type": "node", "level": ""}],
    "nodes/pve/qemu": [{"vmid": 100, "name": "box", "status": "running"}],
    "nodes/pve/qemu/100/config": {"onboot": 1},
    "nodes/pve/subscription": {"status": "notfound"},
}

class Api(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "PVEAPIToken=prometheus@pve!prometheus=right"
        path = urlsplit(self.path).path.removeprefix("/api2/json/").strip("/")
        said = json.dumps({"data": ANSWERS.get(path, [])}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *words): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 8006), Api)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tmp/pve.crt", "/tmp/pve.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[test]
fn pve_exporter_measures_a_host_that_knows_its_token() {
    with(
        "secret pve-token
        service pve-exporter on=box { token (secret)pve-token; expose web to=lan; }",
        &format!(
            r#"
            environment pve-exporter >/tmp/environment
            . /tmp/environment
            export PVE_TOKEN_VALUE=right PYTHONPATH=/opt/wheels
            openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=pve -days 2 \
                -keyout /tmp/pve.key -out /tmp/pve.crt 2>/dev/null
            cat >/tmp/pve.py <<'END'
{PROXMOX}
END
            python3 /tmp/pve.py >/tmp/pve 2>&1 &
            sealed pve-exporter python3 -m pve_exporter >/tmp/log 2>&1 &
            soon healthy pve-exporter || {{ cat /tmp/log; exit 1; }}
            curl -s 'http://127.0.0.1:9221/pve?target=127.0.0.1&cluster=1&node=1' >/tmp/said
            for line in 'pve_up{{id="node/pve"}} 1.0' 'pve_up{{id="qemu/100"}} 1.0' \
                'pve_onboot_status{{id="qemu/100",node="pve",type="qemu"}} 1.0'; do
                grep -qxF "$line" /tmp/said ||
                    {{ echo "no $line"; cat /tmp/said /tmp/log; exit 1; }}
            done
            "#
        ),
    );
}

#[test]
fn snmp_exporter_measures_a_device_by_the_community_that_its_module_names() {
    // Debian's exporter comes without a configuration. This is the part of the image's own that the
    // module's description leans on: `if_mib`, and a community by default.
    with(
        "service snmp-exporter on=box",
        r#"
        printf 'agentaddress udp:127.0.0.1:161\nrocommunity public 127.0.0.1\n' >/tmp/snmpd.conf
        snmpd -f -C -c /tmp/snmpd.conf -Lf /tmp/snmpd &
        cat >/tmp/snmp.yml <<'END'
auths:
  public_v2: {community: public, version: 2, security_level: noAuthNoPriv}
modules:
  if_mib:
    walk: [1.3.6.1.2.1.2.2.1.2, 1.3.6.1.2.1.2.2.1.8]
    metrics:
      - name: ifOperStatus
        oid: 1.3.6.1.2.1.2.2.1.8
        type: gauge
        indexes: [{labelname: ifIndex, type: gauge}]
        lookups:
          - labels: [ifIndex]
            labelname: ifDescr
            oid: 1.3.6.1.2.1.2.2.1.2
            type: DisplayString
END
        sealed snmp-exporter prometheus-snmp-exporter --config.file=/tmp/snmp.yml >/tmp/log 2>&1 &
        soon healthy snmp-exporter
        measures() {
            curl -s 'http://127.0.0.1:9116/snmp?target=127.0.0.1&module=if_mib' >/tmp/said
            grep -q '^ifOperStatus{.*ifDescr="lo"' /tmp/said
        }
        soon measures || { cat /tmp/said /tmp/log; exit 1; }
        "#,
    );
}

/// What the image's start makes of the variables is that of linuxserver/docker-transmission at
/// 9e6226f.
#[test]
fn transmission_lets_in_whom_it_knows_and_downloads_to_where_others_look() {
    with(
        "secret transmission-password
        service proxy module=caddy on=box
        service transmission on=box {
            data \"/srv/data\"
            password (secret)transmission-password
            listen-port 50123
            route \"torrents.example.org\" to=web via=proxy from=lan
        }",
        r#"
        environment transmission >/tmp/environment
        . /tmp/environment
        sh /payload/activate.d/*downloads*
        ln -s /srv/appdata/transmission/config /config
        mkdir -p /data/downloads
        jq --arg user "$USER" --arg hosts "$HOST_WHITELIST" --argjson port "$PEERPORT" '. + {
            "rpc-authentication-required": true, "rpc-username": $user, "rpc-password": "right",
            "rpc-whitelist-enabled": false, "rpc-host-whitelist-enabled": true,
            "rpc-host-whitelist": $hosts, "peer-port": $port}' /config/settings.json >/tmp/settings
        cp /tmp/settings /config/settings.json
        transmission-daemon -g /config -f >/tmp/log 2>&1 &
        soon ncat -z 127.0.0.1 9091
        soon ncat -z ::1 9091
        page=http://127.0.0.1:9091/transmission/rpc
        # It wants the session's number first, from those that it knows.
        [ "$(status -u admin:right $page)" = 409 ]
        [ "$(status -u admin:wrong $page)" = 401 ]
        [ "$(status $page)" = 401 ]
        [ "$(status -u admin:right --header 'Host: torrents.example.org' $page)" = 409 ]
        # Where it wants a password, it answers to every name, so also to the machine's own.
        [ "$(status -u admin:right --header 'Host: box.example.org' $page)" = 409 ]
        number=$(curl -s -u admin:right -D - -o /dev/null $page |
            sed -n 's/\r$//; s/^X-Transmission-Session-Id: //p')
        curl -s -u admin:right -H "X-Transmission-Session-Id: $number" \
            -d '{"method": "session-get"}' $page >/tmp/said
        jq -e '.arguments | .["download-dir"] == "/data/downloads/complete" and
            .["incomplete-dir"] == "/data/downloads/incomplete" and
            .["peer-port"] == 50123' /tmp/said
        "#,
    );
}

/// The image starts it as its user, with the words of the command (`ENTRYPOINT ["ntfy"]`).
#[test]
fn ntfy_lets_in_whom_it_knows_and_keeps_its_databases_where_they_are_saved() {
    with(
        "service proxy module=caddy on=box
        service ntfy on=box { route \"ntfy.example.org\" to=web via=proxy from=lan; }",
        r#"
        environment ntfy >/tmp/environment
        . /tmp/environment
        mkdir -p /var/lib/ntfy
        chown 1000:1000 /var/lib/ntfy
        as_user() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
        as_user ntfy serve >/tmp/log 2>&1 &
        soon healthy ntfy || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:8080
        [ "$(status -d hello $page/alerts)" = 403 ]
        NTFY_PASSWORD=right as_user ntfy user add ada
        as_user ntfy access ada alerts rw
        [ "$(status -u ada:wrong -d hello $page/alerts)" = 401 ]
        [ "$(status -u ada:right -d hello $page/alerts)" = 200 ]
        [ "$(status -u ada:right -d hello $page/others)" = 403 ]
        curl -s -u ada:right "$page/alerts/json?poll=1" | grep -q '"message":"hello"'
        for name in auth cache; do sqlite3 /var/lib/ntfy/$name.db 'PRAGMA integrity_check'; done
        # What is attached stays in the folder too. Phones are told the address that people open.
        curl -s -u ada:right -T /tmp/environment -H 'Filename: notes' $page/alerts |
            grep -q '"url":"https://ntfy.example.org/file/'
        [ "$(ls /var/lib/ntfy/attachments | wc -l)" = 1 ]
        curl -s http://127.0.0.1:9090/metrics | grep -q '^ntfy_messages_published_success 2$'
        "#,
    );
}

/// The image's start is that of linuxserver/docker-nzbget at v26.2-ls254.
#[test]
fn nzbget_lets_in_whom_it_knows() {
    with(
        "secret nzbget-password
        service nzbget on=box {
            data \"/srv/data\"
            password (secret)nzbget-password
            expose web to=lan
        }",
        r#"
        environment nzbget >/tmp/environment
        . /tmp/environment
        mkdir -p /config
        sed -e 's|^MainDir=.*|MainDir=/config|' -e 's|^AuthorizedIP=.*|AuthorizedIP=127.0.0.1|' \
            -e 's|^WebDir=.*|WebDir=/usr/share/nzbget/webui|' \
            /usr/share/nzbget/nzbget.conf >/config/nzbget.conf
        nzbget -s -c /config/nzbget.conf -o OutputMode=log -o ControlUsername=$NZBGET_USER \
            -o ControlPassword=right >/tmp/log 2>&1 &
        soon healthy nzbget || { cat /tmp/log; exit 1; }
        page=http://192.168.1.2:6789/jsonrpc/version
        ip address add 192.168.1.2/32 dev lo
        [ "$(status -u nzbget:right $page)" = 200 ]
        [ "$(status -u nzbget:wrong $page)" = 401 ]
        [ "$(status $page)" = 401 ]
        "#,
    );
}

/// What the image adds to this start is in its source alone.
#[test]
fn glances_shows_processes_to_whom_its_password_lets_in() {
    with(
        "secret glances-password
        service glances on=box { password (secret)glances-password; expose web to=lan; }",
        r#"
        environment glances >/tmp/environment
        . /tmp/environment
        export PYTHONPATH=/opt/wheels
        mkdir -p /root/.config/glances
        cat >/tmp/password.py <<'END'
from glances.password import GlancesPassword
word = GlancesPassword()
print(word.hash_password(word.get_hash("right")))
END
        # The option's value, as its description says.
        grep -q "target: '/root/.config/glances/glances.pwd'" /payload/compose/compose.yaml
        python3 /tmp/password.py >/root/.config/glances/glances.pwd
        python3 -m glances $GLANCES_OPT >/tmp/log 2>&1 </dev/null &
        soon healthy glances || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:61208
        for at in / /api/4/processlist; do
            [ "$(status $page$at)" = 401 ]
            [ "$(status -u glances:wrong $page$at)" = 401 ]
            [ "$(status -u glances:right $page$at)" = 200 ]
        done
        "#,
    );
}

/// The file is what the module leans on of the image's (distribution/distribution-library-image).
#[test]
fn a_registry_takes_images_of_whom_it_knows_and_keeps_them_where_they_are_saved() {
    with(
        "secret registry-users
        service registry on=box { users (secret)registry-users; expose web to=lan; }",
        r#"
        cat >/tmp/config.yml <<'END'
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ':5000', debug: {addr: ':5001', prometheus: {enabled: true, path: /metrics}}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
END
        environment registry >/tmp/environment
        . /tmp/environment
        mkdir -p /run/secrets /var/lib/registry
        # As `htpasswd -nbB` writes it.
        perl -e 'print "ada:", crypt("right", q($2y$05$abcdefghijklmnopqrstuu)), "\n"' \
            >/run/secrets/registry-users
        docker-registry serve /tmp/config.yml >/tmp/log 2>&1 &
        soon healthy registry || { cat /tmp/log; exit 1; }
        page=http://127.0.0.1:5000/v2
        [ "$(status $page/)" = 401 ]
        [ "$(status -u ada:wrong $page/)" = 401 ]
        [ "$(status -X POST $page/app/blobs/uploads/)" = 401 ]
        digest=sha256:$(printf layer | sha256sum | cut -c 1-64)
        [ "$(printf layer | status -u ada:right -T - -X PUT "$(curl -s -u ada:right -D - \
            -o /dev/null -X POST $page/app/blobs/uploads/ | tr -d '\r' |
            sed -n 's/^Location: //p')&digest=$digest")" = 201 ]
        [ "$(curl -s -u ada:right $page/app/blobs/$digest)" = layer ]
        grep -rqx layer /var/lib/registry
        # What its scrape asks.
        curl -s http://127.0.0.1:5001/metrics | grep -q '^registry_http_requests_total'
        "#,
    );
}

#[test]
fn a_valkey_inside_a_service_runs_with_what_its_container_may_write() {
    with(
        "secret one
        service searxng on=box { secret-key (secret)one; }",
        r#"
        python3 - >/tmp/start <<'END'
import shlex, yaml
cache = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"]["searxng-valkey"]
print("cd /data && exec", shlex.join(cache["command"]))
END
        sealed searxng-valkey setpriv --reuid 999 --regid 999 --clear-groups \
            sh -c "$(cat /tmp/start)" >/tmp/log 2>&1 &
        soon healthy searxng-valkey || { cat /tmp/log; exit 1; }
        # What is in memory alone is saved nowhere: a save that fails stops every write.
        [ -z "$(valkey-cli config get save | sed -n 2p)" ]
        # It writes its file, which only its own folder takes.
        [ "$(valkey-cli save)" = OK ]
        "#,
    );
}

#[test]
fn a_valkey_with_a_password_refuses_who_does_not_show_it() {
    with(
        "secret cache
        service cache module=valkey on=box { password (secret)cache; }",
        r#"
        mkdir -p /run/secrets /data
        export LABWRIGHT_WORD_0="it's \$HOME"
        printf %s "$LABWRIGHT_WORD_0" >/run/secrets/password
        printf '#!/bin/sh\nexec "$@"\n' >/usr/local/bin/docker-entrypoint.sh
        chmod 0755 /usr/local/bin/docker-entrypoint.sh
        python3 - >/tmp/start <<'END'
import yaml
cache = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"]["cache"]
print("cd /data &&", cache["entrypoint"][2].replace("$$", "$"))
END
        sh /tmp/start >/tmp/log 2>&1 &
        soon healthy cache || { cat /tmp/log; exit 1; }
        valkey-cli ping | grep -q NOAUTH
        valkey-cli -a wrong ping 2>&1 | grep -q NOAUTH
        ! grep -rqs requirepass /proc/[0-9]*/cmdline
        export REDISCLI_AUTH="$LABWRIGHT_WORD_0"
        [ "$(valkey-cli config get maxmemory | tail -n 1)" = 268435456 ]
        # What it took is there again after a restart.
        valkey-cli set kept yes
        valkey-cli shutdown
        wait
        sh /tmp/start >/tmp/log 2>&1 &
        soon healthy cache || { cat /tmp/log; exit 1; }
        [ "$(valkey-cli get kept)" = yes ]
        "#,
    );
}

/// What the sources of programs ask for, and their documents do not say.
const ASKED: &[(&str, &str)] = &[
    // `lib/util/onboarding.ts` of 2.12.1: without it, a page that anybody can fill in comes first.
    (
        "zigbee2mqtt on=box {
            serial \"tcp://192.168.1.30:6638\"
            broker \"mqtt://192.168.1.2:1883\"
        }",
        "Z2M_ONBOARD_NO_SERVER: '1'",
    ),
    // kingpin takes an empty variable for none, so only the flag empties the list.
    ("nut-exporter on=box { server \"192.168.1.1\"; }", "- '--nut.vars_enable='"),
    // `docker_start.sh` of v1.7.8 ends when rsync can't set the folder's time.
    ("crowdsec on=box { log \"/var/log/auth.log\"; }", "target: '/etc/crowdsec/acquis.d/lab.yaml'"),
    // `server/setup-database.js` of 2.5.3: otherwise its first page asks which one.
    ("uptime-kuma on=box", "UPTIME_KUMA_DB_TYPE: 'sqlite'"),
    // Version 26.9.0 has its script for it in another folder than the versions before.
    ("actual on=box", "fetch('http://127.0.0.1:5006/health')"),
    // `lifecycle/container/compose.yml` of 2026.2.2.
    (
        "authentik on=box { secret-key (secret)one; database-password (secret)one; }\nsecret one",
        "shm_size: '512m'",
    ),
    // Its labels count at every start in its file alone (`internal/app/cmd/daemon.go`).
    (
        "gitea-runner on=box { url \"https://a.org\"; registration-token (secret)one; }\n\
         secret one",
        "CONFIG_FILE: '/etc/gitea-runner/config.yaml'",
    ),
    // The registration's token, which its start takes out of what jobs see (`scripts/run.sh` of
    // v0.6.1).
    (
        "gitea-runner on=box { url \"https://a.org\"; registration-token (secret)one; }\n\
         secret one",
        "GITEA_RUNNER_REGISTRATION_TOKEN_FILE: '/run/secrets/one'",
    ),
    // Its start writes `localhost` into the settings otherwise (`docker/root/etc/s6/gitea/setup`),
    // and people are told to clone from there.
    (
        "forgejo on=box { host \"git.example.org\"; }",
        "FORGEJO__server__SSH_DOMAIN: 'git.example.org'",
    ),
    (
        "gitea on=box { host \"git.example.org\"; ssh-host \"box.example.org\"; }",
        "GITEA__server__SSH_DOMAIN: 'box.example.org'",
    ),
    // Each other version refuses an index otherwise (`check_version` in v1.41.0 and v1.50.0 of
    // Meilisearch, where the variable has another name).
    (
        "karakeep on=box { session-key (secret)one; search-key (secret)one; expose web to=lan; }\n\
         secret one",
        "MEILI_EXPERIMENTAL_DUMPLESS_UPGRADE: 'true'",
    ),
    (
        "karakeep on=box { session-key (secret)one; search-key (secret)one; expose web to=lan; }\n\
         secret one",
        "MEILI_UPGRADE_DB: 'true'",
    ),
    // A journal is in memory alone on a Raspberry Pi, and a path must be named in a container
    // (grafana/alloy#5161 and #6800).
    ("loki on=box\nservice alloy on=box", "target: '/run/log'"),
    // It ends without one (`run` in `backend/app/api/main.go` of v0.26.2).
    (
        "homebox on=box { api-key-pepper (secret)one; expose web to=lan; }\nsecret one",
        "/etc/labwright/env/homebox.env",
    ),
    // It answers to its own name alone, which `fetch` of Node 20.20 replaces.
    (
        "joplin on=box { url \"https://notes.example.org\"; database-password (secret)one; }\n\
         secret one",
        "require('http').get({ host: '127.0.0.1', port: 22300, path: '/api/ping', headers: ",
    ),
    // It ends without a time server (`main` in `packages/server/src/app.ts` of db966f919).
    (
        "joplin on=box { url \"https://notes.example.org\"; database-password (secret)one; }\n\
         secret one",
        "MAX_TIME_DRIFT: '0'",
    ),
    // Its Apache takes 1 GiB at once otherwise (`34/apache/Dockerfile` of nextcloud/docker at
    // 4de1eed).
    (
        "nextcloud on=box { host \"a.org\"; admin-password (secret)one; database-password \
         (secret)one; }\nsecret one",
        "APACHE_BODY_LIMIT: '0'",
    ),
    // Its page of the status waits for GitHub (`server/routes/index.ts` of f74306ed).
    ("seerr on=box", "http://127.0.0.1:5055/api/v1/settings/public"),
    // Its dashboard learns of devices by mDNS (`esphome/dashboard/core.py` of 2026.6.5).
    ("esphome on=box { password (secret)one; port web 6053; }\nsecret one", "network_mode: 'host'"),
    ("esphome on=box { password (secret)one; port web 6053; }\nsecret one", "- '--port=6053'"),
    // It ran: `/version` leads to the login, and so would say of any other program that it is well.
    ("esphome on=box { password (secret)one; }\nsecret one", "http://127.0.0.1:6052/login"),
    // Since 5.118, who gets no code by mail can't log in (`core/shared/config/defaults.json`).
    (
        "ghost on=box { database-password (secret)one; database-root-password (secret)one; \
         expose web to=lan; }\nsecret one",
        "security__staffDeviceVerification: 'false'",
    ),
    // Its entry point reads them from files (`docker/init_scripts/docker-entrypoint.sh` of 5.2.0).
    (
        "romm on=box { library \"/srv/roms\"; auth-key (secret)one; database-password (secret)one;
         database-root-password (secret)one; }\nsecret one",
        "ROMM_AUTH_SECRET_KEY_FILE: '/run/secrets/one'",
    ),
    // It reads each setting from a file too (`readConfigValuesFromFiles` of v2.5.0).
    (
        "vikunja on=box { secret-key (secret)one; expose web to=lan; }\nsecret one",
        "VIKUNJA_SERVICE_SECRET_FILE: '/run/secrets/one'",
    ),
];

#[test]
fn what_the_sources_of_programs_ask_for_is_emitted() {
    for (service, line) in ASKED {
        let bundle = bundle_of(&format!("{PRELUDE}service {service}\n"));
        let path = bundle.path().join("payload/compose/compose.yaml");
        let compose = std::fs::read_to_string(path).expect("a compose file");
        assert!(compose.contains(line), "no {line} in\n{compose}");
    }
}

#[test]
fn who_has_no_capabilities_can_read_the_secrets() {
    each_example(|module, model| {
        for container in &of_module(model, module).containers {
            let powerless = container.cap_drop.iter().any(|name| name == "ALL")
                && !container.cap_add.iter().any(|name| name == "DAC_OVERRIDE");
            for used in &container.secrets {
                let in_file = used.value_variable.is_none() && !used.in_text;
                let user = container.user.as_deref().unwrap_or("0").split(':').next();
                assert!(
                    !powerless || !in_file || user == Some(&used.owner),
                    "{module}: {} runs as {user:?} without capabilities, and reads a file of {}",
                    container.name,
                    used.owner
                );
            }
        }
    });
}
