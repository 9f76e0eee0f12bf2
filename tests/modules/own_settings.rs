//! Checks what scripts write into settings that programs keep themselves: what the lab says is
//! there, what a person set stays, and a second run changes nothing.

use super::surroundings::{app, bundle};
use crate::trixie::{Room, text};

/// Where Home Assistant keeps its settings since 2026.8, as it writes them.
const STORE: &str = r#"{
  "version": 2,
  "minor_version": 2,
  "key": "http",
  "data": {
    "stable": {
      "server_port": 8124,
      "use_x_forwarded_for": true,
      "trusted_proxies": [
        "10.0.0.0/24"
      ],
      "cors_allowed_origins": [
        "https://cast.home-assistant.io"
      ],
      "created_at": "2026-08-05T10:00:00+00:00",
      "error": null
    },
    "pending": null,
    "yaml_migration_done": true
  }
}
"#;

/// Since version 2026.8, `http:` of the configuration is taken over once, on trial.
#[test]
fn home_assistant_keeps_which_proxies_the_lab_trusts() {
    let script = |service: &str| {
        let (unpacked, _) = bundle(service);
        let steps = unpacked.path().join("payload/activate.d");
        let found = std::fs::read_dir(steps).expect("steps").filter_map(Result::ok);
        let mut found =
            found.filter(|one| one.file_name().to_string_lossy().contains("configuration.sh"));
        let path = found.next().expect("the module's script").path();
        crate::consumers::shellcheck(&path).expect("ShellCheck accepts it");
        (unpacked, path)
    };
    let routed = app("home-assistant", "", "web", "edge");
    let older = "image \"example.org:5000/ha:2026.7.4\"; metrics-token (secret)one";
    let older = app("home-assistant", older, "web", "edge");
    let alone = "service app-home-assistant module=home-assistant on=box";
    let scripts = [&*routed, &*older, alone].map(script);
    let Some(room) = Room::new() else { return };
    let store = tempfile::tempdir().expect("a folder");
    std::fs::write(store.path().join("http"), STORE).expect("a file");
    let [(first, now), (_older, before), (_alone, alone)] = &scripts;
    let room = room
        .show(
            &first.path().join("payload/app-home-assistant"),
            "/etc/labwright/services/app-home-assistant",
        )
        .show(store.path(), "/stored")
        .show(now, "/now.sh")
        .show(before, "/before.sh")
        .show(alone, "/alone.sh");
    let answer = room.sh(
        r#"set -eu
        mkdir -p /stubs
        printf '#!/bin/sh\n[ "$1" != ps ] || echo 1\necho "$1" >>/calls\n' >/stubs/docker
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH
        folder=/srv/appdata/app-home-assistant/config
        settings=$folder/configuration.yaml store=$folder/.storage/http
        fresh() { rm -rf "$folder" /calls; mkdir -p "$folder/.storage"; }
        calls() { [ "$(tr '\n' ' ' </calls)" = "$1" ] || { cat /calls; exit 1; }; : >/calls; }
        no() { if "$@"; then echo "unexpected: $*"; exit 1; fi; }
        # says EXPRESSION: asks the store, as JSON.
        says() { python3 -c 'import json, sys
data = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), data' "$store" "$1"; }
        proxies='["192.168.1.10/32", "fd00:1::10/128"]'
        ours='http: !include labwright-http.yaml'

        # The first start: Home Assistant fills in what is missing.
        fresh; sh /now.sh
        no grep -q '^http' "$settings"
        says 'data["version"] == 1 and data["key"] == "http"'
        says "data['data'] == {'use_x_forwarded_for': True, 'trusted_proxies': $proxies}"

        # Its own settings afterwards: what else a person set there stays.
        cp /stored/http "$store"; : >/calls
        sh /now.sh; calls 'ps stop start '
        says "data['data']['stable']['trusted_proxies'] == $proxies"
        says 'data["data"]["stable"]["server_port"] == 8124 and data["data"]["yaml_migration_done"]'
        says 'len(data["data"]["stable"]) == 6'
        sh /now.sh; calls ''
        # The lab trusts nobody any more.
        sh /alone.sh; calls 'ps stop start '
        says '"trusted_proxies" not in data["data"]["stable"] and len(data["data"]["stable"]) == 4'
        # Nor does it take away whom only a person trusts.
        fresh; sh /alone.sh; cp /stored/http "$store"; sh /alone.sh
        cmp /stored/http "$store"

        # An older version reads its configuration, and a newer one continues from there.
        fresh; sh /before.sh
        grep -qx "$ours" "$settings"
        [ ! -e "$store" ]
        printf '{\n  "version": 1,\n  "data": {}\n}\n' >"$store"
        sh /now.sh
        no grep -q '^http' "$settings"
        says "data['data']['trusted_proxies'] == $proxies"

        # Settings of a person, which are taken over first.
        fresh; printf 'http:\n  server_port: 8124\n' >"$settings"
        sh /before.sh 2>&1 | grep -q 'lacks the line prometheus:'
        echo prometheus: >>"$settings"
        sh /before.sh 2>/said; no grep 'line prometheus:' /said
        sh /now.sh 2>/said
        grep -q 'takes http: of' /said
        [ ! -e "$store" ]
        cp /stored/http "$store"; sh /now.sh
        says "data['data']['stable']['trusted_proxies'] == $proxies"
        "#,
        &[],
    );
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(answer.status.success(), "{said}");
}

#[test]
fn jellyfin_learns_of_its_proxies_once() {
    let service = app("jellyfin", "library \"/srv/films\"", "web", "edge");
    let (unpacked, _) = bundle(&service);
    let steps = unpacked.path().join("payload/activate.d");
    let Some(room) = Room::new() else { return };
    // As Jellyfin writes it: empty at first, then with an element on each line.
    let answer = room.show(&steps, "/steps").sh(
        r#"mkdir -p /stubs
        printf '#!/bin/sh\n[ "$1" != ps ] || echo jellyfin\necho "$1" >>/tmp/calls\n' >/stubs/docker
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH
        folder=/srv/appdata/app-jellyfin/config/config
        for proxies in '<KnownProxies />' '<KnownProxies>
    <string>192.168.1.10/32</string>
    <string>fd00:1::10/128</string>
  </KnownProxies>' '<KnownProxies>
    <string>10.0.0.1</string>
  </KnownProxies>'; do
            mkdir -p $folder
            {
                printf '<NetworkConfiguration>\n  <A>1</A>\n'
                printf '  %s\n  <B>2</B>\n</NetworkConfiguration>\n' "$proxies"
            } >$folder/network.xml
            sh /steps/*-app-jellyfin-network.sh
            sh /steps/*-app-jellyfin-network.sh
            tr -d ' \n' <$folder/network.xml
            echo
            tr '\n' ' ' </tmp/calls
            echo
            : >/tmp/calls
        done
        rm $folder/network.xml
        sh /steps/*-app-jellyfin-network.sh
        grep -c '<KnownProxies><string>192.168.1.10/32</string><string>fd00:1::10/128</string>' \
            $folder/network.xml"#,
        &[],
    );
    let all = "<NetworkConfiguration><A>1</A><KnownProxies><string>192.168.1.10/32</string><string>\
               fd00:1::10/128</string></KnownProxies><B>2</B></NetworkConfiguration>";
    let changed = "ps stop start ";
    assert_eq!(
        text(&answer.stdout),
        format!("{all}\n{changed}\n{all}\n\n{all}\n{changed}\n1\n"),
        "{}",
        text(&answer.stderr)
    );

    // It answers over IPv6 only where it is told to.
    let address = "extend host box { address lan \"fd00:1::2\" nic=eth0; }";
    let (unpacked, _) = bundle(&format!("{service}\n{address}"));
    let steps = unpacked.path().join("payload/activate.d");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&steps, "/steps").sh(
        r#"mkdir -p /stubs
        printf '#!/bin/sh\n[ "$1" != ps ] || echo jellyfin\necho "$1" >>/tmp/calls\n' >/stubs/docker
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH
        folder=/srv/appdata/app-jellyfin/config/config
        sh /steps/*-app-jellyfin-network.sh
        tr -d ' \n' <$folder/network.xml
        echo
        printf '<NetworkConfiguration>\n  <EnableIPv6>false</EnableIPv6>\n' >$folder/network.xml
        printf '  <KnownProxies />\n</NetworkConfiguration>\n' >>$folder/network.xml
        sh /steps/*-app-jellyfin-network.sh
        sh /steps/*-app-jellyfin-network.sh
        tr -d ' \n' <$folder/network.xml
        echo
        tr '\n' ' ' </tmp/calls"#,
        &[],
    );
    let known = "<KnownProxies><string>192.168.1.10/32</string><string>fd00:1::10/128</string>\
                 </KnownProxies>";
    let on = "<EnableIPv6>true</EnableIPv6>";
    assert_eq!(
        text(&answer.stdout),
        format!(
            "<?xmlversion=\"1.0\"encoding=\"utf-8\"?><NetworkConfiguration>{known}{on}\
             </NetworkConfiguration>\n<NetworkConfiguration>{on}{known}\
             </NetworkConfiguration>\n{changed}"
        ),
        "{}",
        text(&answer.stderr)
    );
}

#[test]
fn sabnzbd_answers_to_each_name_of_its_routes() {
    let (unpacked, _) = bundle(&app("sabnzbd", "data \"/srv/data\"", "web", "edge"));
    let steps = unpacked.path().join("payload/activate.d");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&steps, "/steps").sh(
        r#"set -eu
        mkdir -p /stubs
        printf '#!/bin/sh\n[ "$1" != ps ] || echo 1\necho "$1" >>/calls\n' >/stubs/docker
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH
        settings=/srv/appdata/app-sabnzbd/config/sabnzbd.ini
        has() { grep -qx "$1" "$settings" || { cat "$settings"; exit 1; }; }
        sh /steps/*-app-sabnzbd-downloads.sh
        has 'host_whitelist = app.example.org,'
        has 'download_dir = /data/downloads/incomplete'
        # As it writes them: a name of a person's own stays.
        for known in 'nas,' 'nas, other' '""' ','; do
            printf '[misc]\nport = 8080\nhost_whitelist = %s\n[logging]\n' "$known" >"$settings"
            : >/calls
            sh /steps/*-app-sabnzbd-downloads.sh
            [ "$(tr '\n' ' ' </calls)" = 'ps stop start ' ]
            cat "$settings"
            : >/calls
            sh /steps/*-app-sabnzbd-downloads.sh
            [ ! -s /calls ]
        done"#,
        &[],
    );
    let with = |names: &str| {
        format!("[misc]\nhost_whitelist = {names}app.example.org,\nport = 8080\n[logging]\n")
    };
    let wanted = [with("nas,"), with("nas,other,"), with(""), with("")].concat();
    assert_eq!(text(&answer.stdout), wanted, "{}", text(&answer.stderr));
}

#[test]
fn seerr_takes_the_word_of_its_proxy_from_its_first_start_on() {
    let (unpacked, compose) = bundle(&app("seerr", "", "web", "edge"));
    assert!(compose.contains("seerr"), "{compose}");
    let steps = unpacked.path().join("payload/activate.d");
    let step = |name: &str| {
        let found = std::fs::read_dir(&steps).expect("steps").filter_map(Result::ok);
        let mut names = found.map(|one| one.file_name().to_string_lossy().into_owned());
        names.find(|file| file.contains(name)).unwrap_or_else(|| panic!("no {name}"))
    };
    assert!(step("app-seerr-proxies") > step("compose.sh"), "it runs once Seerr does");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&steps, "/steps").sh(
        r#"set -eu
        mkdir -p /stubs
        printf '#!/bin/sh\n[ "$1" != ps ] || echo 1\necho "$1" >>/calls\n' >/stubs/docker
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH
        folder=/srv/appdata/app-seerr/config
        mkdir -p $folder
        (
            sleep 1
            printf '{\n "network": {\n  "trustProxy": false\n }\n}\n' >$folder/new
            mv $folder/new $folder/settings.json
        ) &
        sh /steps/*-app-seerr-proxies.sh
        jq -e .network.trustProxy $folder/settings.json >/dev/null
        sh /steps/*-app-seerr-proxies.sh
        tr '\n' ' ' </calls"#,
        &[],
    );
    assert_eq!(text(&answer.stdout), "ps stop start ", "{}", text(&answer.stderr));
}

/// gluetun's command, as in the lab media-automation. The image's start passes a port on only where
/// it is told one.
#[test]
fn qbittorrent_keeps_the_port_that_gluetun_tells_it() {
    super::programs::with(
        "service gluetun on=box { provider protonvpn; private-key (secret)one; }\nsecret one\n\
         service qbittorrent on=box { data \"/srv/data\"; vpn gluetun; forwarded-port #true; }",
        r#"
        environment qbittorrent >/tmp/environment
        . /tmp/environment
        folder=/srv/appdata/qbittorrent/config
        settings=$folder/qBittorrent/qBittorrent.conf
        mkdir -p "${settings%/*}"
        # One that has run before, and whose settings a person changed.
        printf '[Preferences]\nWebUI\\LocalHostAuth=true\nWebUI\\Port=8080\n' >"$settings"
        sh /payload/activate.d/*downloads*
        cp "$settings" /tmp/first
        sh /payload/activate.d/*downloads*
        cmp "$settings" /tmp/first
        grep -qx 'WebUI\\Port=8080' "$settings"
        ln -s $folder /config
        begin() {
            HOME=/config XDG_CONFIG_HOME=/config XDG_DATA_HOME=/config qbittorrent-nox \
                --confirm-legal-notice --webui-port="$WEBUI_PORT" \
                ${TORRENTING_PORT+--torrenting-port=${TORRENTING_PORT}} >/tmp/log 2>&1 &
            program=$!
            soon curl -fsS -o /dev/null http://127.0.0.1:8080/
        }
        port() { curl -fsS http://127.0.0.1:8080/api/v2/app/preferences | jq .listen_port; }
        begin
        curl -fsS --data 'json={"listen_port":41234}' \
            http://127.0.0.1:8080/api/v2/app/setPreferences
        [ "$(port)" = 41234 ]
        # Others are not of its network.
        ip address add 192.0.2.9/32 dev lo
        [ "$(status http://192.0.2.9:8080/api/v2/app/preferences)" = 403 ]
        kill "$program"; wait "$program" || :
        begin
        [ "$(port)" = 41234 ]
        "#,
    );
}
