//! Checks what programs are told about what surrounds them: the address that people open, the
//! proxies that speak for visitors, the port on the machine, and folders that are shares.

use std::path::Path;

use super::told::TOLD;
use super::{PRELUDE, bundle_of};
use crate::trixie::{Room, text};

const SECRETS: &str = "
secret proxy-admin-password
secret edge-admin-password
secret one
";

/// Declares services on `box` with routes through a proxy on the same machine, or on another one.
pub(super) fn bundle(services: &str) -> (tempfile::TempDir, String) {
    let prelude = PRELUDE.replace(
        r#"network lan cidr="192.168.1.0/24" gateway="192.168.1.1""#,
        r#"network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1""#,
    );
    let lab = format!(
        r#"{prelude}{SECRETS}
host far kind=debian {{
    os debian-13
    address lan "192.168.1.10" nic=eth0
    address lan "fd00:1::10" nic=eth0
    ssh from=lan
}}
host nas kind=unmanaged {{
    address lan "192.168.1.9"
    export scans path="/export/scans"
}}
extend host box {{ share nas.scans at="/mnt/scans" via=nfs; }}
service proxy module=nginx-proxy-manager on=box {{ dns-provider ovh; dns-credentials (secret)one; }}
service edge module=nginx-proxy-manager on=far {{ dns-provider ovh; dns-credentials (secret)one; }}
{services}
"#
    );
    let unpacked = bundle_of(&lab);
    let compose = read(unpacked.path(), "compose/compose.yaml");
    (unpacked, compose)
}

pub(super) fn read(unpacked: &Path, path: &str) -> String {
    std::fs::read_to_string(unpacked.join("payload").join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns a container's part of the compose file.
pub(super) fn part<'t>(compose: &'t str, container: &str) -> &'t str {
    let head = format!("\n  {container}:\n");
    let start = compose.find(&head).unwrap_or_else(|| panic!("no {container} in\n{compose}"));
    let rest = &compose[start + head.len()..];
    let ends = |line: &str| !line.starts_with("   ");
    let length = rest.split_inclusive('\n').take_while(|line| !ends(line)).map(str::len).sum();
    &rest[..length]
}

/// Returns the prefix of the network whose name ends like this, or with a further container.
fn subnet(unpacked: &Path, ending: &str) -> String {
    let table = read(unpacked, "compose/networks.tsv");
    let rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let is_it = |row: &Vec<&str>| {
        row[0] == "network"
            && row[1].split_once(ending).is_some_and(|(_, rest)| !rest.contains('.'))
    };
    let mut found = rows.filter(is_it);
    let row = found.next().unwrap_or_else(|| panic!("no network {ending} in\n{table}"));
    assert!(found.next().is_none(), "several networks {ending} in\n{table}");
    row[3].to_owned()
}

pub(super) fn app(module: &str, options: &str, endpoint: &str, via: &str) -> String {
    format!(
        "service app-{module} module={module} on=box {{ {options}\nroute \"app.example.org\" \
         to={endpoint} via={via} from=lan; }}"
    )
}

#[test]
fn every_program_knows_the_address_that_people_open_and_its_proxy() {
    for (module, options, endpoint, told) in TOLD {
        for via in ["proxy", "edge"] {
            let (unpacked, compose) = bundle(&app(module, options, endpoint, via));
            let part = part(&compose, &format!("app-{module}"));
            // A proxy of the same machine connects from the network on which it meets the service,
            // one of another machine from that machine's addresses.
            let asks = told.iter().any(|line| line.contains('@'));
            let (proxy, joined) = if via == "proxy" && asks {
                let meeting = subnet(unpacked.path(), &format!("_proxy.app-{module}"));
                (meeting.clone(), meeting)
            } else {
                ["192.168.1.10/32,fd00:1::10/128", "192.168.1.10/32 fd00:1::10/128"]
                    .map(str::to_owned)
                    .into()
            };
            for line in *told {
                let line = line.replace("@@", &proxy).replace("@ @", &joined);
                assert!(part.contains(&line), "{module} via {via}: no {line} in\n{part}");
            }
        }
    }
}

/// Their images' own configurations believe every private address.
#[test]
fn an_apache_takes_the_word_of_the_proxies_of_the_lab_alone() {
    let passwords = "database-password (secret)one";
    for (module, options) in [
        ("nextcloud", format!("host \"app.example.org\"; admin-password (secret)one; {passwords}")),
        ("wordpress", format!("{passwords}; database-root-password (secret)one")),
    ] {
        let (unpacked, compose) = bundle(&app(module, &options, "web", "edge"));
        let part = part(&compose, &format!("app-{module}"));
        assert!(part.contains("/etc/apache2/conf-available/remoteip.conf"), "{part}");
        let file = read(unpacked.path(), &format!("app-{module}/remoteip.conf"));
        let believed: Vec<&str> = file.lines().filter(|line| line.starts_with("Remote")).collect();
        assert_eq!(
            believed,
            [
                "RemoteIPHeader X-Forwarded-For",
                "RemoteIPInternalProxy 192.168.1.10/32",
                "RemoteIPInternalProxy fd00:1::10/128"
            ]
        );
        let alone = format!("service app-{module} module={module} on=box {{ {options}\n}}");
        let (unpacked, _) = bundle(&alone);
        let file = read(unpacked.path(), &format!("app-{module}/remoteip.conf"));
        assert!(!file.contains("\nRemote"), "{file}");
    }
}

/// It answers with an error whom fewer proxies report than it is told.
#[test]
fn tandoor_counts_no_proxy_that_some_visitors_pass_by() {
    let options = "secret-key (secret)one; database-password (secret)one";
    let alone = format!("service app-tandoor module=tandoor on=box {{ {options}\n}}");
    let both = app("tandoor", &format!("{options}; expose web to=lan"), "web", "edge");
    for lab in [alone, both] {
        let (_unpacked, compose) = bundle(&lab);
        let part = part(&compose, "app-tandoor");
        assert!(part.contains("ALLAUTH_TRUSTED_PROXY_COUNT: '1'"), "{part}");
    }
}

/// It ran: with the list, the page that is opened at the port itself gets no events.
#[test]
fn esphome_hears_those_who_open_its_port_next_to_its_route() {
    let both = app("esphome", "password (secret)one; expose web to=lan", "web", "proxy");
    let (_unpacked, compose) = bundle(&both);
    let part = part(&compose, "app-esphome");
    assert!(!part.contains("ESPHOME_TRUSTED_DOMAINS"), "{part}");
}

/// The programs that can't do without a name that people use.
const REQUIRE_A_NAME: &[&str] =
    &["vaultwarden", "nextcloud", "forgejo", "gitea", "n8n", "pocket-id", "tinyauth"];

#[test]
fn a_module_without_a_route_trusts_no_proxy() {
    for (module, options, ..) in TOLD {
        if REQUIRE_A_NAME.contains(module) {
            continue;
        }
        let (_unpacked, compose) =
            bundle(&format!("service app-{module} module={module} on=box {{ {options}\n}}"));
        let part = part(&compose, &format!("app-{module}"));
        for word in ["app.example.org", "10.21", "fd00:", "external-url", "https://app"] {
            assert!(!part.contains(word), "{module}: {word} in\n{part}");
        }
    }
}

/// It asks for nothing else that a route decides.
#[test]
fn a_module_of_the_lab_that_asks_for_its_page_alone_follows_its_route() {
    let module = r#"module own version="1.0.0" {
    container own {
        image "docker.io/library/busybox:1.37"
        health none="a test"
        env PAGE (ref)page.web
    }
    provides web container=own port=80 protocol=http
}
"#;
    let (_unpacked, compose) = bundle(&format!("{module}{}", app("own", "", "web", "edge")));
    let part = part(&compose, "app-own");
    assert!(part.contains("PAGE: 'https://app.example.org'"), "{part}");
}

#[test]
fn a_program_without_a_route_is_opened_at_its_machine() {
    for (module, options, told) in [
        (
            "bookstack",
            "app-key (secret)one; database-password (secret)one; \
             database-root-password (secret)one",
            "APP_URL: 'http://192.168.1.2:8123'",
        ),
        ("ntfy", "", "NTFY_BASE_URL: 'http://192.168.1.2:8123'"),
        ("ntfy", "", "NTFY_BEHIND_PROXY: 'false'"),
        ("wg-easy", "", "INSECURE: 'true'"),
        ("freshrss", "", "TRUSTED_PROXY: '0'"),
        ("guacamole", "database-password (secret)one", "REMOTE_IP_VALVE_ENABLED: 'false'"),
        ("pocket-id", "url \"https://id.lan\"; encryption-key (secret)one", "TRUST_PROXY: 'false'"),
        ("mealie", "url \"https://food.lan\"", "BASE_URL: 'https://food.lan'"),
    ] {
        let (_unpacked, compose) = bundle(&format!(
            "service app module={module} on=box {{ {options}\nport web 8123; expose web to=lan; }}"
        ));
        let part = part(&compose, "app");
        assert!(part.contains(told), "{module}: no {told} in\n{part}");
    }
}

#[test]
fn home_assistant_trusts_the_proxy_where_it_really_comes_from() {
    for via in ["proxy", "edge"] {
        let (unpacked, compose) = bundle(&app("home-assistant", "", "web", via));
        let proxies = if via == "proxy" {
            format!("[\"{}\"]", subnet(unpacked.path(), "_proxy"))
        } else {
            r#"["192.168.1.10/32","fd00:1::10/128"]"#.to_owned()
        };
        assert!(part(&compose, "app-home-assistant").contains("network_mode: 'host'"));
        let http = read(unpacked.path(), "app-home-assistant/labwright-http.yaml");
        let wanted = format!("use_x_forwarded_for: true\ntrusted_proxies: {proxies}\n");
        assert!(http.ends_with(&wanted), "{via}: {http}");
        let first = read(unpacked.path(), "app-home-assistant/configuration.yaml");
        for line in [
            "automation: !include automations.yaml",
            "script: !include scripts.yaml",
            "scene: !include scenes.yaml",
        ] {
            assert!(first.contains(line), "{first}");
        }
    }
    let (unpacked, _) = bundle("service home-assistant on=box");
    let http = read(unpacked.path(), "home-assistant/labwright-http.yaml");
    assert!(http.ends_with("\n{}\n"), "{http}");
}

#[test]
fn the_port_of_qbittorrent_its_variable_and_its_check_are_one() {
    let data = "data \"/srv/data\"; port web 8090";
    let gluetun = "service gluetun on=box { provider protonvpn; private-key (secret)one; }\n";
    for (before, options) in [("", data.to_owned()), (gluetun, format!("{data}; vpn gluetun"))] {
        let (_unpacked, compose) = bundle(&format!(
            "{before}service qbittorrent on=box {{ {options}; expose web to=lan; }}"
        ));
        let own = part(&compose, "qbittorrent");
        assert!(own.contains("WEBUI_PORT: '8090'"), "{own}");
        assert!(own.contains("127.0.0.1:8090/"), "the check asks the same port\n{own}");
        let publisher = if before.is_empty() { own } else { part(&compose, "gluetun") };
        assert!(publisher.contains("8090:8090/tcp"), "{publisher}");
    }
}

/// Proton's servers are for members to see: without an account, gluetun's update only fails.
#[test]
fn gluetun_updates_the_servers_of_proton_with_an_account_alone() {
    for (options, updates) in [
        ("provider protonvpn", false),
        ("provider protonvpn; proton-email \"a@example.org\"; proton-password (secret)one", true),
        ("provider mullvad; addresses \"10.64.0.2/32\"", true),
    ] {
        let (_unpacked, compose) =
            bundle(&format!("service gluetun on=box {{ private-key (secret)one; {options}\n}}"));
        let own = part(&compose, "gluetun");
        assert_eq!(own.contains("UPDATER_PERIOD"), updates, "{own}");
    }
}

/// What a program tells its peers is what they find open.
#[test]
fn peers_are_told_the_port_that_is_open_to_them() {
    for (module, options, variable) in [
        ("qbittorrent", "", "TORRENTING_PORT"),
        ("transmission", "password (secret)one", "PEERPORT"),
    ] {
        let (_unpacked, compose) = bundle(&format!(
            "service app module={module} on=box {{ data \"/srv/data\"; {options}\n\
             port peers 50555; port peers-udp 50555\nexpose peers to=internet\n\
             expose peers-udp to=internet; }}"
        ));
        let own = part(&compose, "app");
        assert!(own.contains(&format!("{variable}: '50555'")), "{own}");
        assert!(own.contains("50555:50555/tcp") && own.contains("50555:50555/udp"), "{own}");
    }
}

#[test]
fn paperless_looks_into_a_share_by_itself() {
    let service = |consume: &str| {
        let options = format!(
            "secret-key (secret)one; database-password (secret)one; admin-password (secret)one\n\
             consume \"{consume}\""
        );
        let (_unpacked, compose) =
            bundle(&format!("service paperless-ngx on=box {{ {options}\n}}"));
        part(&compose, "paperless-ngx").to_owned()
    };
    assert!(service("/mnt/scans/in").contains("PAPERLESS_CONSUMER_POLLING_INTERVAL: '30'"));
    assert!(!service("/mnt/scansion").contains("POLLING"), "that is no share");
    assert!(!service("/srv/scans").contains("POLLING"), "inotify is enough on its own disk");
}

#[test]
fn containers_have_ipv6_where_their_machine_has_it() {
    let app = "service navidrome on=box { library \"/srv/music\"; expose web to=lan; }";
    let (_unpacked, compose) = bundle(app);
    assert!(compose.contains("- '0.0.0.0:4533:4533/tcp'"), "no family whose visitors get lost");
    assert!(!compose.contains("enable_ipv6"), "{compose}");

    let with = format!(
        "{app}\nextend host box {{ address lan \"fd00:1::2\" nic=eth0; }}\nservice other \
         module=navidrome on=box {{ library \"/srv/music\"; port web 4534\nroute \
         \"app.example.org\" to=web via=proxy from=lan; }}"
    );
    let (unpacked, compose) = bundle(&with);
    crate::consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    assert!(compose.contains("- '4533:4533/tcp'"), "{compose}");
    assert!(compose.contains("enable_ipv6: true"), "{compose}");
    let subnet = compose.lines().find(|line| line.contains("subnet: 'fd")).expect("a prefix");
    assert!(subnet.ends_with(":0/112'"), "{subnet}");
    let engine = read(unpacked.path(), "compose/docker-ipv6.conf");
    assert!(engine.contains("--ip6tables"), "{engine}");
}

#[test]
fn a_container_in_a_network_that_is_left_over_starts_anew() {
    let (unpacked, compose) = bundle(
        "service gluetun on=box { provider protonvpn; private-key (secret)one; }\nservice \
         qbittorrent on=box { data \"/srv/data\"; vpn gluetun; }",
    );
    assert!(part(&compose, "qbittorrent").contains("/proc/net/dev"), "a dead network is unhealthy");
    let Some(room) = Room::new() else { return };
    let answer = again(room, &unpacked).sh(
        &format!(
            r#"{DOCKER}
        # Both in one network, as when they started.
        sleep 60 & echo $! >/tmp/gluetun
        sleep 60 & echo $! >/tmp/qbittorrent
        sh /again.sh
        echo together
        # gluetun has started anew.
        unshare --net sleep 60 & echo $! >/tmp/gluetun
        until [ "$(readlink /proc/$(cat /tmp/gluetun)/ns/net)" != "$(readlink /proc/self/ns/net)" ]
        do sleep 0.05; done
        sh /again.sh
        # One that does not run is in no network.
        echo 0 >/tmp/qbittorrent
        sh /again.sh
        cat /tmp/calls"#
        ),
        &[],
    );
    assert_eq!(
        text(&answer.stdout),
        "together\nqbittorrent is in a network that gluetun left: restarted\nrestart qbittorrent\n",
        "{}",
        text(&answer.stderr)
    );
}

#[test]
fn what_docker_could_not_start_is_started_when_it_can_be() {
    let (unpacked, _) = bundle("service navidrome on=box { library \"/srv/music\"; }");
    let timer = read(unpacked.path(), "systemd/labwright-containers.timer");
    assert!(timer.contains("OnBootSec=2min"), "{timer}");
    let Some(room) = Room::new() else { return };
    // What Docker says of each, as it does after a power cut (moby/moby#39559, #28211).
    let answer = again(room, &unpacked).sh(
        &format!(
            r#"{DOCKER}
        {{
            echo '/late "unless-stopped" "error while creating mount: no such file \u003ca\u003e"'
            echo '/joins "always" "cannot join network of a non running container: 4f3a"'
            echo '/stopped "unless-stopped" ""'
            echo '/ended "no" ""'
            echo '/by-hand "no" "no such device"'
            echo '/gives-up "on-failure" "listen tcp 192.168.8.150:53: cannot assign"'
            echo '/still-not "unless-stopped" "no such device"'
        }} >/tmp/down
        echo still-not >/tmp/fails
        sh /again.sh
        sort /tmp/calls
        echo 'locked:'
        : >/tmp/calls
        mkdir -p /run/lock
        for lock in /run/labwright.lock /run/lock/labwright-databases /run/lock/labwright-restore
        do
            flock "$lock" sh /again.sh
        done
        cat /tmp/calls
        : >/tmp/down
        sh /again.sh"#
        ),
        &[],
    );
    assert_eq!(
        text(&answer.stdout),
        "late is started; before, it could not: \"error while creating mount: no such file \
         \\u003ca\\u003e\"\njoins is started; before, it could not: \"cannot join network of a non \
         running container: 4f3a\"\ngives-up is started; before, it could not: \"listen tcp \
         192.168.8.150:53: cannot assign\"\nstart /gives-up\nstart /joins\nstart /late\n\
         start /still-not\nlocked:\n",
        "{}",
        text(&answer.stderr)
    );
}

/// Shows the room what starts containers anew.
fn again(room: Room, unpacked: &tempfile::TempDir) -> Room {
    room.show(&unpacked.path().join("payload/compose/again.sh"), "/again.sh")
}

/// A Docker that knows the processes and the states of containers from files.
const DOCKER: &str = r#"mkdir /stubs
        cat >/stubs/docker <<'END'
#!/bin/sh
case $1 in
inspect) case $3 in *Error*) cat /tmp/down ;; *) cat "/tmp/$4" ;; esac ;;
ps) [ ! -s /tmp/down ] || echo 4f3a ;;
restart | start)
    echo "$*" >>/tmp/calls
    ! grep -qxF "${2#/}" /tmp/fails 2>/dev/null
    ;;
esac
END
        chmod +x /stubs/docker
        export PATH=/stubs:$PATH"#;
