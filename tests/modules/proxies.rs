//! Checks the proxies' configurations: who gets in, where routes lead, who authenticates first, and
//! a certificate authority of the machine's own.

use std::path::Path;

use super::{ECHO, PRELUDE, bundle_of};
use crate::consumers;
use crate::trixie::{Room, text};

/// Declares a proxy of a module, with a route of each kind through it.
fn lab(proxy: &str) -> String {
    format!(
        r#"{PRELUDE}
secret authentik-key
secret authentik-database
network guests cidr="192.168.2.0/24"
host nas kind=unmanaged {{ address lan "192.168.1.9"; }}
service proxy on=box {{ {proxy} }}
service authentik on=box {{
    secret-key (secret)authentik-key
    database-password (secret)authentik-database
}}
service navidrome on=box {{
    library "/srv/music"
    route "music.example.org" to=web via=proxy from=internet,lan,guests
}}
service flaresolverr on=box {{
    route "solver.example.org" to=web via=proxy from=lan auth=authentik
}}
service panel on=nas {{
    route "nas.example.org" to=web via=proxy from=lan,guests
}}
module panel version="1.0" {{
    summary "Speaks https with a certificate of its own making"
    container panel {{ image "docker.io/library/busybox:1.37"; health none="a stand-in"; }}
    provides web container=panel port=9443 protocol=https
}}
"#
    )
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join("payload").join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the text after a line up to the next one that is not indented deeper.
fn part<'t>(file: &'t str, head: &str) -> &'t str {
    let start = file.find(head).unwrap_or_else(|| panic!("no `{head}` in\n{file}"));
    let depth = file[..start].rsplit('\n').next().unwrap_or_default().len();
    let ends = |line: &str| line.len() - line.trim_start().len() <= depth;
    let length: usize = head.len()
        + file[start + head.len()..]
            .split_inclusive('\n')
            .enumerate()
            .take_while(|(index, line)| *index == 0 || !ends(line))
            .map(|(_, line)| line.len())
            .sum::<usize>();
    &file[start..start + length]
}

#[test]
fn traefik_follows_the_routes() {
    let unpacked =
        bundle_of(&lab("").replace("service proxy on=box", "service proxy module=traefik on=box"));
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let routes = read(unpacked.path(), "proxy/dynamic/routes.yaml");
    assert!(
        part(&routes, "\"zones-music_example_org\":").contains("[\"0.0.0.0/0\",\"::/0\"]"),
        "{routes}"
    );
    assert!(
        part(&routes, "\"zones-nas_example_org\":")
            .contains("[\"192.168.1.0/24\",\"192.168.2.0/24\"]"),
        "{routes}"
    );
    assert!(
        routes.contains(
            "rule: \"Host(`solver.example.org`) && PathPrefix(`/outpost.goauthentik.io/`)\""
        ),
        "{routes}"
    );
    assert!(
        part(&routes, "\"users-solver_example_org\":\n      forwardAuth")
            .contains("\"http://authentik:9000/outpost.goauthentik.io/auth/traefik\"")
    );
    assert!(
        routes
            .contains("middlewares: [\"zones-solver_example_org\", \"users-solver_example_org\", "),
        "{routes}"
    );
    assert!(
        routes.contains(
            "servers: [{url: \"https://192.168.1.9:9443\"}]\n        serversTransport: \
             \"any-certificate\""
        ),
        "{routes}"
    );
    assert!(routes.contains("certResolver: \"acme\""), "{routes}");
    assert!(
        routes.contains("rule: \"Host(`music.example.org`) && !Path(`/metrics`)\""),
        "measurements are for Prometheus alone\n{routes}"
    );
}

#[test]
fn caddy_follows_the_routes() {
    let unpacked =
        bundle_of(&lab("").replace("service proxy on=box", "service proxy module=caddy on=box"));
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let file = read(unpacked.path(), "proxy/Caddyfile");
    let site = |host: &str| {
        file.split("\n# ")
            .find(|site| site.contains(&format!("\n{host} {{")))
            .expect("a site")
            .to_owned()
    };
    assert!(!site("music.example.org").contains("@stranger"), "{file}");
    assert!(
        site("nas.example.org").contains("@stranger not remote_ip 192.168.1.0/24 192.168.2.0/24"),
        "{file}"
    );
    assert!(site("nas.example.org").contains("tls_insecure_skip_verify"), "{file}");
    assert!(
        site("music.example.org").contains("respond /metrics 404"),
        "measurements are for Prometheus alone\n{file}"
    );
    assert!(!site("solver.example.org").contains("/metrics"), "{file}");
    let solver = site("solver.example.org");
    assert!(solver.contains("forward_auth http://authentik:9000 {"), "{file}");
    assert!(
        solver.find("respond @stranger 403") < solver.find("forward_auth"),
        "strangers are turned away first\n{file}"
    );
}

#[test]
fn an_authority_of_its_own_signs_until_nothing_changes() {
    let Some(room) = Room::new() else { return };
    let home = lab("certificates internal").replace("example.org", "home.arpa");
    let unpacked =
        bundle_of(&home.replace("service proxy on=box", "service proxy module=traefik on=box"));
    let answer = room.show(&unpacked.path().join("payload/proxy"), "/in").sh(
        r#"set -eu
        mkdir -p /srv/appdata/proxy/certificates
        sh /in/certificates.sh
        cd /srv/appdata/proxy/certificates
        openssl verify -CAfile ca.crt -purpose sslserver -verify_hostname music.home.arpa server.crt
        [ "$(stat -c %a ca.key server.key | sort -u)" = 600 ]
        before=$(sha256sum ca.crt server.crt)
        sh /in/certificates.sh
        [ "$(sha256sum ca.crt server.crt)" = "$before" ]
        echo DNS:other >names
        authority=$(sha256sum ca.crt)
        sh /in/certificates.sh
        [ "$(sha256sum ca.crt)" = "$authority" ]
        [ "$(sha256sum ca.crt server.crt)" != "$before" ]
        ! ls | grep -q new"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn the_start_page_shows_what_labels_say() {
    let labelled = lab("").replace("service proxy on=box", "service proxy module=caddy on=box")
        + r#"
service homepage on=box { expose web to=lan; }
extend service navidrome {
    raw compose.labels "homepage.group=Music" "homepage.name=Records" "homepage.weight=1"
}
"#;
    let unpacked = bundle_of(&labelled);
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let tiles = read(unpacked.path(), "homepage/services.yaml");
    let music = part(&tiles, "- \"Music\":");
    assert!(music.contains("- \"Records\":") && music.contains("music.example.org"), "{tiles}");
    let nas = part(&tiles, "- \"nas\":");
    assert!(nas.contains("- \"nas.example.org\":"), "{tiles}");
    assert!(!part(&tiles, "- \"box\":").contains("music"), "{tiles}");
}

/// All names below one lead to the proxy: in what answers the house's questions, and in what the
/// proxy listens to.
#[test]
fn all_names_below_one_lead_to_the_proxy() {
    for (proxy, file, said) in [
        (
            "module=traefik { certificates acme; challenge dns; dns-provider ovh; dns-credentials \
             (secret)ovh-token; email \"me@example.org\"; }",
            "proxy/dynamic/routes.yaml",
            "HostRegexp(`^[^.]+[.]apps[.]example[.]org$`)",
        ),
        (
            "module=caddy { dns-provider ovh; dns-token (secret)ovh-token; }",
            "proxy/Caddyfile",
            "*.apps.example.org {",
        ),
        (
            "module=nginx-proxy-manager { dns-provider ovh; dns-credentials (secret)ovh-token; }",
            "proxy/routes.json",
            "*.apps.example.org",
        ),
    ] {
        let lab = format!(
            "{PRELUDE}
            secret ovh-token
            secret dns-admin
            secret proxy-admin-password
            service proxy on=box {proxy}
            service pihole on=box {{ port web 8053; admin-password (secret)dns-admin; }}
            service echo on=box {{
                route \"apps.example.org\" to=web via=proxy from=lan {{
                    alias \"*.apps.example.org\"
                }}
            }}
            {ECHO}"
        );
        let unpacked = bundle_of(&lab);
        let written = read(unpacked.path(), file);
        assert!(written.contains(said), "{proxy}: {written}");
        let names = read(unpacked.path(), "pihole/dnsmasq/labwright.conf");
        assert!(names.contains("/apps.example.org/"), "{proxy}: {names}");
        if proxy.contains("traefik") {
            let domains = "domains: [{\"main\":\"*.apps.example.org\"}]";
            assert!(written.contains(domains), "{written}");
        }
    }
}
