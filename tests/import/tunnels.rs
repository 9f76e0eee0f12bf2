//! Imports containers that use the network of a tunnel, whose ports the tunnel publishes.

use super::awkward::{built, fate};

#[test]
fn ports_of_a_tunnel_are_endpoints_of_those_behind_it() {
    let compose = r#"services:
  gluetun:
    image: qmcgaw/gluetun:v3.40
    container_name: tunnel
    cap_add: [NET_ADMIN]
    devices: [/dev/net/tun:/dev/net/tun]
    ports: ["8888:8888/tcp", "8085:8085", "6881:6881/udp", "19696:9696", "5030:5030"]
    environment: {VPN_SERVICE_PROVIDER: mullvad, VPN_TYPE: wireguard,
      WIREGUARD_PRIVATE_KEY: geheim, WIREGUARD_ADDRESSES: "10.64.222.21/32,fc00::2/128"}
  qbittorrent:
    image: lscr.io/linuxserver/qbittorrent:5.0.4
    network_mode: service:gluetun
    environment: [PUID=1000, PGID=1000, WEBUI_PORT=8085]
    volumes: [./qbittorrent:/config, /mnt/data:/data]
  prowlarr:
    image: lscr.io/linuxserver/prowlarr:2.5.2
    network_mode: container:tunnel
    volumes: [./prowlarr:/config]
  slskd: {image: "slskd/slskd:0.23", network_mode: "service:gluetun"}
"#;
    let (facts, written) = built("vpn", &[("compose.yaml", compose)]);
    assert_eq!(written.matches("\nmodule ").count(), 1, "{written}");
    for line in [
        "addresses \"10.64.222.21/32\" \"fc00::2/128\"",
        "port web 8085",
        "port web 19696",
        "container=slskd port=5030",
    ] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    assert_eq!(written.matches("vpn gluetun").count(), 3, "{written}");
    assert_eq!(written.matches("expose ").count(), 3, "{written}");
    // Its own proxy is off, and peers come through the tunnel.
    let fates = [0, 1, 2, 3, 4].map(|at| fate(&facts, &format!("services.gluetun.ports[{at}]")));
    assert_eq!(fates, ["lost", "changed", "lost", "changed", "changed"]);
    assert!(!facts["findings"].to_string().contains("is not opened"), "{}", facts["findings"]);
}

#[test]
fn a_port_that_either_of_two_may_have_stays_a_finding() {
    let compose = r#"services:
  gluetun:
    image: qmcgaw/gluetun:v3.40
    ports: ["8888:8888", "7000:7000"]
    environment: {VPN_SERVICE_PROVIDER: mullvad, HTTPPROXY: "on", WIREGUARD_PRIVATE_KEY: geheim}
  one: {image: "ghcr.io/example/one:1", network_mode: "service:gluetun"}
  two: {image: "ghcr.io/example/two:1", network_mode: "service:gluetun"}
"#;
    let (facts, written) = built("vpn", &[("compose.yaml", compose)]);
    for line in ["http-proxy #true", "expose http-proxy to=lan"] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    let findings = facts["findings"].to_string();
    assert!(findings.contains("port 7000 is not opened"), "{findings}");
}

#[test]
fn a_variable_that_a_module_sets_at_times_only_is_not_the_module_s_alone() {
    let compose = |more: &str| {
        format!(
            "services: {{tunnel: {{image: \"qmcgaw/gluetun:v3.40\", environment: \
             {{VPN_SERVICE_PROVIDER: protonvpn, WIREGUARD_PRIVATE_KEY: geheim, {more}}}}}}}\n"
        )
    };
    for (more, line) in [
        ("VPN_PORT_FORWARDING: \"on\"", "port-forwarding #true"),
        ("VPN_PORT_FORWARDING: \"off\"", "\"VPN_PORT_FORWARDING=off\""),
        ("SERVER_COUNTRIES: \"Belgium, The Netherlands\"", "countries Belgium \"The Netherlands\""),
        // Nothing that the option takes.
        ("WIREGUARD_ADDRESSES: 10.0.0", "\"WIREGUARD_ADDRESSES=10.0.0\""),
    ] {
        let (facts, written) = built("vpn", &[("compose.yaml", &compose(more))]);
        assert!(written.contains(line) && !written.contains("\nmodule "), "{line}\n{written}");
        let name = more.split(':').next().unwrap_or_default();
        assert_eq!(fate(&facts, &format!("services.tunnel.environment.{name}")), "kept");
    }
}

#[test]
fn what_one_person_starts_may_wait_for_another() {
    let compose = r#"services:
  tunnel: {image: "ghcr.io/example/tunnel:1", profiles: [vpn]}
  relay: {image: "ghcr.io/example/relay:1", network_mode: "service:tunnel", profiles: [vpn]}
"#;
    let (_, written) = built("relay", &[("compose.yaml", compose)]);
    assert_eq!(written.matches("manual\n").count(), 2, "{written}");
}
