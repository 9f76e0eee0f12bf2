//! Checks which programs answer over IPv6, and that a port is published over no family in which
//! nothing listens behind it.

use std::collections::BTreeMap;

use labwright::model::Protocol;

use super::surroundings::{bundle, part, read};
use super::{each_example, of_module};

/// What is known of a program's listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listens {
    /// Over both families by itself.
    Both,
    /// Over both when it is told so.
    Told,
    /// Over IPv4 alone, and nothing that its image reads changes that.
    Four,
}

/// The programs that listen over both families by themselves, by what makes them do so.
const BOTH: &[(&str, &str)] = &[
    (
        "a listener of Go takes both families, also at 0.0.0.0",
        "adguard-home adguardhome-sync alertmanager alloy authelia authentik beszel \
         beszel-agent blackbox-exporter caddy cadvisor cloudflared crowdsec ddns-updater \
         dozzle exportarr filebrowser forgejo gitea gluetun gotify grafana headscale homebox \
         influxdb loki memos navidrome netbird node-exporter ntfy nut-exporter oauth2-proxy \
         ollama photoprism pocket-id portainer postgres-exporter prometheus registry scrutiny \
         smartctl-exporter snmp-exporter syncthing tailscale tinyauth traefik unpackerr \
         vikunja",
    ),
    (
        "a server of Node.js takes both families, where no host is set or it is `::`",
        "actual audiobookshelf dockge ghost homepage immich joplin linkwarden n8n seerr \
         uptime-kuma zigbee2mqtt",
    ),
    (
        "the image's nginx or Apache has a line for each family, or one for both",
        "bookstack cyberchef firefly-iii freshrss grocy heimdall homarr nextcloud \
         nginx-proxy-manager romm speedtest-tracker tandoor twofauth wallabag wordpress",
    ),
    ("Java listens on both", "guacamole komga minecraft stirling-pdf unifi-network"),
    ("Kestrel's `*` is both", "duplicati jackett kavita lidarr prowlarr radarr sonarr"),
    (
        "its own default, or that of its image, is both",
        "adminer bazarr calibre-web docker-socket-proxy garage home-assistant mariadb \
         mosquitto netdata openvpn paperless-ngx pihole postgres pve-exporter qbittorrent \
         sabnzbd searxng valkey wireguard",
    ),
    ("its source is closed, and people report that it listens on both", "emby"),
];

/// The programs that are told to, with their options, the file and the text that does so.
const TOLD: &[(&str, &str, &str, &str)] = &[
    ("changedetection", "", COMPOSE, "LISTEN_HOST: '::'"),
    ("code-server", "password (secret)one", COMPOSE, "CODE_SERVER_HOST: '::'"),
    ("dashy", "", COMPOSE, "HOST: '::'"),
    ("esphome", "password (secret)one", COMPOSE, "- '--address='"),
    (
        "healthchecks",
        "url \"https://a.org\"; secret-key (secret)one; database-password (secret)one",
        COMPOSE,
        "LISTEN_IPV6: '1'",
    ),
    (
        "jellyfin",
        "library \"/srv/films\"",
        "activate.d/40-app-network.sh",
        "element EnableIPv6 true",
    ),
    (
        "karakeep",
        "url \"https://a.org\"; session-key (secret)one; search-key (secret)one",
        COMPOSE,
        "HOSTNAME: '::'",
    ),
    (
        "jellystat",
        "session-key (secret)one; database-password (secret)one",
        COMPOSE,
        "JS_LISTEN_IP: '::'",
    ),
    (
        "lldap",
        "admin-password (secret)one; session-key (secret)one; key-seed (secret)one",
        COMPOSE,
        "LLDAP_LDAP_HOST: '::'",
    ),
    ("mealie", "url \"https://a.org\"", COMPOSE, "API_HOST: ''"),
    ("metube", "downloads \"/srv/videos\"", COMPOSE, "HOST: ''"),
    ("mongodb", "password (secret)one", COMPOSE, "- '--ipv6'"),
    ("node-red", "credential-key (secret)one", COMPOSE, "- 'uiHost=::'"),
    ("tdarr", "library \"/srv/films\"", COMPOSE, "serverDualStack: 'true'"),
    (
        "transmission",
        "data \"/srv/data\"; password (secret)one",
        "activate.d/40-app-downloads.sh",
        "\"rpc-bind-address\": \"::\"",
    ),
    ("umami", "app-key (secret)one; database-password (secret)one", COMPOSE, "HOSTNAME: '::'"),
    ("vaultwarden", "url \"https://a.org\"", COMPOSE, "ROCKET_ADDRESS: '::'"),
    ("wg-easy", "", COMPOSE, "HOST: '::'"),
];

const COMPOSE: &str = "compose/compose.yaml";

/// The programs that nothing which their images read makes listen on IPv6.
///
/// Plex has a setting for it, which a person turns on in its pages
/// (<https://support.plex.tv/hc/en-us/articles/200430283-Network>). Trilium listens at `0.0.0.0`
/// (<https://github.com/TriliumNext/Trilium/issues/3349>) or where it is told to; its image's
/// health check asks `http://HOST:PORT` with that address, so at `::` it would never be well.
const FOUR: &str =
    "flaresolverr frigate glances it-tools nzbget open-webui plex tautulli trilium wiki-js";

/// An address of the second family for the machine.
const WITH_IPV6: &str = "extend host box { address lan \"fd00:1::2\" nic=eth0; }\n";

/// Returns what is known of each program.
fn known() -> BTreeMap<&'static str, Listens> {
    let both = BOTH.iter().flat_map(|(_, names)| names.split_whitespace());
    let both = both.map(|name| (name, Listens::Both));
    let told = TOLD.iter().map(|(name, ..)| (*name, Listens::Told));
    let four = FOUR.split_whitespace().map(|name| (name, Listens::Four));
    let all: Vec<_> = both.chain(told).chain(four).collect();
    let known: BTreeMap<_, _> = all.iter().copied().collect();
    assert_eq!(known.len(), all.len(), "a program is in two places");
    known
}

#[test]
fn each_program_is_known_to_listen_where_its_port_is_published() {
    let known = known();
    each_example(|module, model| {
        let endpoints = &of_module(model, module).endpoints;
        let listens = known.get(module).copied();
        assert!(
            listens.is_some() || endpoints.is_empty(),
            "{module}: say in this test in which families it listens"
        );
        for endpoint in endpoints {
            let is_page = matches!(endpoint.protocol, Protocol::Http | Protocol::Https);
            let alone = listens == Some(Listens::Four) && is_page;
            assert_eq!(endpoint.ipv6, !alone, "{module}: {}", endpoint.name);
        }
    });
}

#[test]
fn a_program_is_told_to_listen_on_ipv6_where_its_machine_has_it() {
    for (module, options, file, line) in TOLD {
        let service = format!("service app module={module} on=box {{ {options}\n}}\n");
        let said = |lab: &str| {
            let (unpacked, compose) = bundle(lab);
            if *file == COMPOSE {
                part(&compose, "app").to_owned()
            } else {
                read_or(&unpacked, file)
            }
        };
        let with = said(&format!("{service}{WITH_IPV6}"));
        assert!(with.contains(line), "{module}: no {line} in\n{with}");
        let without = said(&service);
        // Transmission's image takes it back by itself where the kernel has no IPv6.
        assert!(*module == "transmission" || !without.contains(line), "{module}: {without}");
    }
}

fn read_or(unpacked: &tempfile::TempDir, file: &str) -> String {
    let path = unpacked.path().join("payload").join(file);
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_port_is_published_over_ipv4_alone_where_its_program_knows_no_more() {
    let services = "service tautulli on=box { expose web to=lan; }\nservice metube on=box { \
                    downloads \"/srv/videos\"; expose web to=lan; }\n";
    let (unpacked, compose) = bundle(&format!("{services}{WITH_IPV6}"));
    crate::consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    assert!(part(&compose, "tautulli").contains("- '0.0.0.0:8181:8181/tcp'"), "{compose}");
    assert!(part(&compose, "metube").contains("- '8081:8081/tcp'"), "{compose}");
    let rules = read(unpacked.path(), "firewall/nftables.nft");
    let of = |port: &str| {
        let rules = rules.lines().filter(|line| line.contains(port) && line.contains("accept"));
        rules.collect::<Vec<_>>()
    };
    assert!(of("8081").iter().any(|line| line.contains("ip6 saddr")), "{rules}");
    assert!(!of("8181").is_empty(), "{rules}");
    for rule in of("8181") {
        assert!(rule.contains("ct original ip daddr 192.168.1.2 "), "{rule}");
    }
}
