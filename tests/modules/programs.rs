//! Runs programs of Debian with the files and the variables that their modules emit for them, and
//! looks for what a person relies on.

use std::path::Path;

use super::{PRELUDE, bundle_of};
use crate::trixie::{Room, text};

/// What a script needs to use the payload as Docker would.
const HELPERS: &str = r#"
    # file NAME: a file of a service in the payload.
    file() { find /payload -name "$1" -type f | head -n 1; }
    # environment CONTAINER: the variables of a container, as lines of sh.
    environment() {
        python3 - "$1" <<'END'
import shlex, sys, yaml
service = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"][sys.argv[1]]
for name, value in (service.get("environment") or {}).items():
    print(f"export {name}={shlex.quote(str(value))}")
END
    }
    # healthy CONTAINER: asks its health check, as Docker does.
    healthy() {
        python3 - "$1" <<'END'
import subprocess, sys, yaml
test = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"][sys.argv[1]]
test = [word.replace("$$", "$") for word in test["healthcheck"]["test"]]
words = ["sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:]
sys.exit(subprocess.run(words, stdout=subprocess.DEVNULL).returncode)
END
    }
    # sealed CONTAINER COMMAND...: runs it with no more to write to than the container has.
    sealed() {
        mkdir -p /box
        : >/tmp/places
        python3 - "$1" >/tmp/seal <<'END'
import sys, yaml
service = yaml.safe_load(open("/payload/compose/compose.yaml"))["services"][sys.argv[1]]
if service.get("read_only"):
    print("mount -o remount,ro,bind /box")
for place in service.get("tmpfs") or []:
    place = place.split(":")[0]
    print(f"mkdir -p {place}", file=open("/tmp/places", "a"))
    print(f"mount -t tmpfs -o mode=1777 tmpfs /box{place}")
END
        . /tmp/places
        mount --rbind / /box
        . /tmp/seal
        shift
        chroot /box "$@"
    }
    # soon COMMAND...: within half a minute, it succeeds.
    soon() {
        tries=0
        until "$@" >/tmp/soon 2>&1; do
            tries=$((tries + 1))
            [ "$tries" -lt 150 ] || { echo "never: $*"; cat /tmp/soon; return 1; }
            sleep 0.2
        done
    }
    status() { curl --silent --output /dev/null --write-out '%{http_code}' "$@"; }
"#;

/// Runs a script on a machine with the payload of a lab of these services.
pub fn with(services: &str, script: &str) {
    with_shown(services, script, &[]);
}

/// The same, with further folders.
pub fn with_shown(services: &str, script: &str, shown: &[(&Path, &str)]) {
    let Some(mut room) = Room::new() else { return };
    for (folder, place) in shown {
        room = room.show(folder, place);
    }
    let bundle = bundle_of(&format!("{PRELUDE}{services}\n"));
    let room = room.show(&bundle.path().join("payload"), "/payload");
    let answer = room.sh(&format!("{HELPERS}\n{script}"), &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn mosquitto_lets_in_whom_it_knows_and_keeps_what_is_retained() {
    with(
        "secret mosquitto-passwords
        service mosquitto on=box { passwords (secret)mosquitto-passwords; expose mqtt to=lan; }",
        r#"
        install -D -m 644 "$(file mosquitto.conf)" /mosquitto/config/mosquitto.conf
        mkdir -p /mosquitto/data /run/secrets
        mosquitto_passwd -b -c /run/secrets/mosquitto-passwords ada 'pass word' 2>/dev/null
        chown -R 1883:1883 /mosquitto/data /run/secrets/mosquitto-passwords
        start() {
            setpriv --reuid 1883 --regid 1883 --clear-groups \
                mosquitto -c /mosquitto/config/mosquitto.conf >/tmp/log 2>&1 &
            program=$!
            soon ncat -z 127.0.0.1 1883
        }
        start
        as_ada() { "$@" -u ada -P 'pass word'; }
        as_ada mosquitto_pub -t house/door -m open --retain
        ! mosquitto_pub -t house/door -m forged 2>/dev/null || exit 1
        ! mosquitto_pub -u ada -P other -t house/door -m forged 2>/dev/null || exit 1
        [ "$(as_ada mosquitto_sub -t house/door -C 1 -W 10)" = open ]
        kill "$program"; wait "$program" || :
        start
        [ "$(as_ada mosquitto_sub -t house/door -C 1 -W 10)" = open ]
        "#,
    );
}

/// The image's start passes these two variables on, and leaves a configuration as it is
/// (linuxserver/docker-qbittorrent).
#[test]
fn qbittorrent_answers_at_the_port_that_people_open() {
    with(
        "service qbittorrent on=box { data \"/srv/data\"; port web 8090; expose web to=lan; }",
        r#"
        environment qbittorrent >/tmp/environment
        . /tmp/environment
        [ "$WEBUI_PORT" = 8090 ]
        sh /payload/activate.d/*downloads*
        ln -s /srv/appdata/qbittorrent/config /config
        HOME=/config XDG_CONFIG_HOME=/config XDG_DATA_HOME=/config qbittorrent-nox \
            --webui-port="$WEBUI_PORT" --torrenting-port="$TORRENTING_PORT" >/tmp/log 2>&1 &
        soon healthy qbittorrent
        [ "$(status --header 'Host: box.example.org:8090' http://127.0.0.1:8090/)" = 200 ]
        # So the port inside must be the one outside.
        [ "$(status --header 'Host: box.example.org:8080' http://127.0.0.1:8090/)" = 401 ]
        soon grep -qi ":$(printf %04X "$TORRENTING_PORT") .* 0A " /proc/net/tcp
        # What it downloads is where the other programs look for it.
        page=http://127.0.0.1:8090/api/v2
        password=$(sed -n 's/.*temporary password.*: //p' /tmp/log)
        curl -s -o /dev/null -c /tmp/cookie -d "username=admin&password=$password" $page/auth/login
        curl -s -b /tmp/cookie $page/app/preferences |
            jq -e '.save_path == "/data/downloads/complete" and .temp_path_enabled'
        "#,
    );
}

/// The image's variables, and its health check, are those of its Dockerfile (syncthing/syncthing).
#[test]
fn syncthing_keeps_its_identity_and_answers_to_the_name_of_a_route() {
    with(
        "service syncthing on=box { folder \"/srv/documents\"; expose web to=lan; \
         expose sync to=lan; }",
        r#"
        grep -q "target: '/var/syncthing'" /payload/compose/compose.yaml
        mkdir -p /var/syncthing /srv/documents
        start() {
            HOME=/var/syncthing STHOMEDIR=/var/syncthing/config STGUIADDRESS=0.0.0.0:8384 \
                STNOUPGRADE=1 syncthing serve --no-browser >/tmp/log 2>&1 &
            program=$!
            soon curl -fkLsS -m 2 127.0.0.1:8384/rest/noauth/health
        }
        start
        soon ncat -z 127.0.0.1 22000
        # A proxy asks with the name that people open.
        [ "$(status --header 'Host: sync.example.org' http://127.0.0.1:8384/)" = 200 ]
        identity=$(sha256sum </var/syncthing/config/cert.pem)
        kill "$program"; wait "$program" || :
        start
        [ "$(sha256sum </var/syncthing/config/cert.pem)" = "$identity" ]
        "#,
    );
}

/// Pi-hole's own server is dnsmasq with more in it, and reads the same file.
#[test]
fn dnsmasq_answers_the_names_of_the_lab_and_those_below() {
    with(
        "secret pihole-password
        name \"apps.example.org\" address=\"192.168.1.40\" below=#true
        name \"one.apps.example.org\" address=\"192.168.1.41\"
        name \"printer.example.org\" address=\"192.168.1.42\"
        service pihole on=box { admin-password (secret)pihole-password; expose dns to=lan; }",
        r#"
        dnsmasq --no-daemon --no-resolv --no-hosts --user=root --port=5353 \
            --listen-address=127.0.0.1 --bind-interfaces \
            --conf-file="$(file labwright.conf)" >/tmp/log 2>&1 &
        cat >/ask.py <<'END'
import socket, struct, sys
query = struct.pack(">HHHHHH", 1, 0x100, 1, 0, 0, 0)
for label in sys.argv[1].split("."):
    query += bytes([len(label)]) + label.encode()
query += struct.pack(">BHH", 0, 1, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
    asked.settimeout(5)
    asked.sendto(query, ("127.0.0.1", 5353))
    answer = asked.recv(512)
print(socket.inet_ntoa(answer[-4:]) if struct.unpack(">H", answer[6:8])[0] else "nothing")
END
        soon python3 /ask.py box.example.org
        leads() {
            found=$(python3 /ask.py "$1")
            [ "$found" = "$2" ] || { echo "$1: $found"; exit 1; }
        }
        leads box.example.org 192.168.1.2
        leads printer.example.org 192.168.1.42
        leads below.printer.example.org nothing
        leads apps.example.org 192.168.1.40
        leads two.apps.example.org 192.168.1.40
        leads three.two.apps.example.org 192.168.1.40
        # The nearest name wins.
        leads one.apps.example.org 192.168.1.41
        leads other.example.net nothing
        "#,
    );
}

#[test]
fn a_mariadb_is_dumped_and_comes_back() {
    with(
        "secret one\nsecret two
        service mariadb on=box { password (secret)one; root-password (secret)two; }",
        r#"
        mkdir -p /run/mysqld /run/secrets /opt/stand-ins
        mariadb-install-db --user=root --datadir=/tmp/maria --skip-test-db \
            --auth-root-authentication-method=normal >/dev/null
        mariadbd --user=root --datadir=/tmp/maria --skip-networking \
            --socket=/run/mysqld/mysqld.sock >/tmp/log 2>&1 &
        soon mariadb -e 'SELECT 1'
        mariadb -e "CREATE DATABASE app; ALTER USER 'root'@'localhost' IDENTIFIED BY 'it''s'"
        # What the image's variables say, which only the container knows.
        printf "it's" >/run/secrets/two
        export MARIADB_ROOT_PASSWORD_FILE=/run/secrets/two
        printf '#!/bin/sh\n[ "$1 $2 $3" = "exec -i mariadb" ] || exit 64\nshift 3\nexec "$@"\n' \
            >/opt/stand-ins/docker
        chmod 755 /opt/stand-ins/docker
        PATH=/opt/stand-ins:$PATH
        sql() { MYSQL_PWD="it's" mariadb -N app -e "$1"; }
        sql "CREATE TABLE kept (name TEXT); INSERT INTO kept VALUES ('it''s \$HOME'), ('é')"

        cd /payload/databases
        [ "$(sh size.sh mariadb-app)" -gt 0 ]
        sh dump.sh /dumps mariadb-app
        sql 'DROP TABLE kept; CREATE TABLE newer (a INT)'
        sh load.sh mariadb-app /dumps/mariadb-app.sql
        [ "$(sql 'SELECT name FROM kept ORDER BY name DESC LIMIT 1')" = "it's \$HOME" ] ||
            [ "$(sql 'SELECT count(*) FROM kept')" = 2 ]
        # Nothing stays of what another version made.
        [ "$(sql 'SHOW TABLES')" = kept ]
        "#,
    );
}

#[test]
fn a_peer_of_wireguard_reaches_the_machine_and_a_stranger_does_not() {
    let Some(room) = Room::new() else { return };
    let keys = room.sh(
        "for who in server peer stranger; do
            key=$(wg genkey); echo \"$key\"; printf %s \"$key\" | wg pubkey
        done",
        &[],
    );
    let keys = text(&keys.stdout);
    let keys: Vec<&str> = keys.lines().collect();
    let [server, server_public, peer, peer_public, stranger, _] = keys[..] else {
        panic!("{keys:?}")
    };
    let lab = format!(
        "network tunnel cidr=\"10.9.0.0/24\"\nsecret wireguard-key
        service wireguard on=box {{
            clients tunnel
            address \"10.9.0.1\"
            private-key (secret)wireguard-key
            peer public-key=\"{peer_public}\" address=\"10.9.0.2\"
            expose tunnel to=internet
        }}"
    );
    let script = r#"
        install -D -m 600 "$(file labwright.conf)" /etc/wireguard/labwright.conf
        secret=$(sed -n 's/^PostUp = wg set %i private-key //p' /etc/wireguard/labwright.conf)
        install -d "${secret%/*}"
        printf '%s\n' SERVER >"$secret"
        # Another computer, next to this one.
        mkdir -p /run/netns
        ip netns add away
        ip link add near type veth peer name far
        ip link set far netns away
        ip address add 203.0.113.1/24 dev near
        ip link set near up
        ip -n away link set lo up
        ip -n away address add 203.0.113.2/24 dev far
        ip -n away link set far up
        export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go LOG_LEVEL=error
        wg-quick up labwright >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
        # arrives KEY: whether somebody with this key reaches the machine through the tunnel.
        arrives() {
            cat >/etc/wireguard/client.conf <<END
[Interface]
PrivateKey = $1
Address = 10.9.0.2/24
[Peer]
PublicKey = PUBLIC
AllowedIPs = 10.9.0.0/24
Endpoint = 203.0.113.1:51820
END
            chmod 600 /etc/wireguard/client.conf
            ip netns exec away wg-quick up client >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
            arrived=0
            ip netns exec away ping -c 3 -i 0.2 -W 1 10.9.0.1 >/dev/null || arrived=1
            ip netns exec away wg-quick down client >/dev/null 2>&1
            return "$arrived"
        }
        ! arrives STRANGER || exit 1
        arrives PEER
    "#;
    let script = script
        .replace("SERVER", server)
        .replace("PUBLIC", server_public)
        .replace("STRANGER", stranger)
        .replace("PEER", peer);
    with(&lab, &script);
}

/// Lines as Jellyfin (its documentation of fail2ban) and Seerr (`server/logger.ts` and
/// `server/routes/auth.ts` at 8726cc1) write them, each with the address that must be banned.
const REFUSED_LOGINS: &[(&str, &str, &str)] = &[
    (
        "jellyfin",
        "[2026-11-27 18:00:01.000 +01:00] [INF] [20] \
         Jellyfin.Server.Implementations.Users.UserManager: Authentication request for \"ada\" has \
         been denied (IP: \"203.0.113.1\").",
        "203.0.113.1",
    ),
    (
        "jellyfin",
        "[2026-11-27 18:00:02.000 +01:00] [INF] [21] \
         Jellyfin.Server.Implementations.Users.UserManager: Authentication request for \"ada\" has \
         been denied (IP: \"2001:db8::5\").",
        "2001:db8::5",
    ),
    // Whoever chooses a name does not choose who is banned.
    (
        "jellyfin",
        "[2026-11-27 18:00:03.000 +01:00] [INF] [22] \
         Jellyfin.Server.Implementations.Users.UserManager: Authentication request for \"a\" has \
         been denied (IP: \"192.0.2.7\").\" has been denied (IP: \"203.0.113.3\").",
        "203.0.113.3",
    ),
    (
        "seerr",
        "2026-11-27T18:00:01.000Z [warn][API]: Failed sign-in attempt using invalid Seerr password \
         {\"ip\":\"203.0.113.4\",\"email\":\"ada@example.org\",\"userId\":1}",
        "203.0.113.4",
    ),
    // It listens on IPv6, where an address of IPv4 has this form.
    (
        "seerr",
        "2026-11-27T18:00:02.000Z [warn][API]: Failed sign-in attempt using invalid Seerr password \
         {\"ip\":\"::ffff:203.0.113.5\",\"email\":\"x@example.org\"}",
        "203.0.113.5",
    ),
    (
        "seerr",
        "2026-11-27T18:00:03.000Z [warn][Auth]: Failed login attempt from user with incorrect \
         Jellyfin credentials {\"account\":{\"ip\":\"203.0.113.6\",\"email\":\"a {\\\"account\\\":\
         {\\\"ip\\\":\\\"192.0.2.8\\\"\",\"password\":\"__REDACTED__\"}}",
        "203.0.113.6",
    ),
];

/// Lines that ban nobody.
const OTHER_LINES: &[(&str, &str)] = &[
    (
        "jellyfin",
        "[2026-11-27 18:00:04.000 +01:00] [INF] [20] \
         Jellyfin.Server.Implementations.Users.UserManager: Authentication request for \"ada\" has \
         succeeded.",
    ),
    (
        "seerr",
        "2026-11-27T18:00:04.000Z [info][API]: Sign-in attempt from Jellyfin user with access to \
         the media server; creating new Seerr user {\"ip\":\"203.0.113.9\"}",
    ),
];

#[test]
fn refused_logins_of_jellyfin_and_seerr_are_seen_and_nothing_else() {
    let mut logs = String::new();
    for (jail, line) in REFUSED_LOGINS
        .iter()
        .map(|(jail, line, _)| (jail, line))
        .chain(OTHER_LINES.iter().map(|(jail, line)| (jail, line)))
    {
        logs.push_str(&format!("cat >>/{jail}.log <<'LINE'\n{line}\nLINE\n"));
    }
    for jail in ["jellyfin", "seerr"] {
        let expected: Vec<&str> = REFUSED_LOGINS
            .iter()
            .filter(|(of, ..)| *of == jail)
            .map(|(.., address)| *address)
            .collect();
        logs.push_str(&format!("expect {jail} '{}'\n", expected.join(" ")));
    }
    with(
        "service fail2ban on=box
        service jellyfin on=box { library \"/srv/films\"; expose web to=internet; }
        service seerr on=box { expose web to=internet; }",
        &format!(
            r#"
            cp "$(file labwright.local)" /etc/fail2ban/jail.d/
            sed -n 's/^logpath = //p' /etc/fail2ban/jail.d/labwright.local | while read -r log; do
                install -D /dev/null "$(printf %s "$log" | sed 's/\*/x/')"
            done
            fail2ban-client -d >/tmp/jails
            # expect JAIL ADDRESSES: what the expressions of the jail find in its log.
            expect() {{
                python3 - "$1" >/tmp/filter.conf <<'END'
import ast, sys
found = []
for line in open("/tmp/jails"):
    row = ast.literal_eval(line)
    if row[1:3] == [sys.argv[1], "addfailregex"]:
        found += row[3] if isinstance(row[3], list) else [row[3]]
print("[Definition]\nfailregex = " + "\n            ".join(found))
END
                found=$(fail2ban-regex --out ip "/$1.log" /tmp/filter.conf | tr '\n' ' ')
                [ "$found" = "$2 " ] || {{ echo "$1: $found"; cat /tmp/filter.conf; exit 1; }}
            }}
            {logs}"#
        ),
    );
}
