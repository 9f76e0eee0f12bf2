//! Imports what leads to containers: addresses of the LAN, routers that share a host name, routers
//! of TCP and UDP.

use std::fs;

use super::{import, text};
use crate::cli::labwright;

/// Imports a compose file into a new lab, and builds it. Returns the lab's files as one text, and
/// what was printed.
fn imported(compose: &str, arguments: &[&str]) -> (String, serde_json::Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("compose.yaml");
    fs::write(&source, compose).expect("a file");
    let arguments = [&["--into", "home", "--format", "json"], arguments].concat();
    let (folder, run) = import(&source, &arguments);
    assert_eq!(run.code, 0, "{}", run.all());
    let facts = run.json();
    assert_eq!(facts["errors"], serde_json::json!([]), "{}", run.out);
    let built = labwright(folder.path(), &["build", "home", "--out", "release"]);
    assert_eq!(built.code, 0, "{}", built.all());
    let files = facts["files"].as_object().expect("files").values();
    (files.map(text).collect::<Vec<_>>().join("\n"), facts)
}

fn lost(facts: &serde_json::Value) -> Vec<String> {
    let keys = facts["projects"][0]["keys"].as_array().expect("keys").iter();
    let lost = keys.filter(|key| key["fate"] == "lost");
    lost.map(|key| format!("{}: {}", text(&key["key"]), text(&key["what"]))).collect()
}

#[test]
fn routers_of_one_host_become_one_route_with_paths() {
    let compose = r"services:
  app:
    image: ghcr.io/example/app:2.0.1
    labels:
      - traefik.http.routers.app.rule=Host(`app.example.org`)
      - traefik.http.routers.app.service=app
      - traefik.http.services.app.loadbalancer.server.port=8080
      - traefik.http.routers.api.rule=Host(`app.example.org`) && PathPrefix(`/api`)
      - traefik.http.routers.api.service=api
      - traefik.http.services.api.loadbalancer.server.port=9090
      - traefik.http.routers.old.rule=Host(`app.example.org`) && PathPrefix(`/old`)
      - traefik.http.routers.old.service=app
";
    let (lab, facts) = imported(compose, &["--via", "traefik"]);
    for line in [
        "route \"app.example.org\" to=web via=traefik from=lan {",
        "path \"/\"",
        "path \"/api\"",
        "path \"/old\"",
    ] {
        assert!(lab.contains(line), "{line}\n{lab}");
    }
    // One path of the three leads to another endpoint than the route does.
    assert_eq!(lab.matches(" to=web-2").count() + lab.matches(" to=web\n").count(), 2, "{lab}");
    assert_eq!(lost(&facts), Vec::<String>::new());
}

#[test]
fn hosts_that_no_proxy_can_serve_are_lost() {
    let compose = r#"services:
  app:
    image: ghcr.io/example/app:1
    environment: {VIRTUAL_HOST: localhost}
    labels:
      traefik.http.routers.app.rule: Host(`localhost`)
      traefik.http.routers.both.rule: Host(`localhost`) || Host(`app.example.org`)
      traefik.http.services.app.loadbalancer.server.port: "80"
"#;
    let (written, facts) = imported(compose, &["--via", "traefik"]);
    assert!(written.contains("route \"app.example.org\""), "{written}");
    assert!(!written.contains("route localhost"), "{written}");
    let lost = lost(&facts).join("\n");
    assert!(lost.contains("`localhost` is no name that a proxy can serve"), "{lost}");
}

#[test]
fn routers_of_tcp_and_udp_become_open_ports() {
    let compose = r"services:
  edge:
    image: traefik:v3.6
    command:
      - --entrypoints.mqtt.address=:1883
      - --entryPoints.game.address=:2456/udp
      - --entrypoints.sql.address=:5432
  broker:
    image: ghcr.io/example/broker:1.0.0
    labels:
      - traefik.tcp.routers.broker.rule=HostSNI(`*`)
      - traefik.tcp.routers.broker.entrypoints=mqtt
      - traefik.tcp.services.broker.loadbalancer.server.port=1884
  game:
    image: ghcr.io/example/game:1.0.0
    labels:
      traefik.udp.routers.game.entrypoints: game
      traefik.udp.services.game.loadbalancer.server.port: 2456
      traefik.tcp.routers.named.rule: HostSNI(`game.example.org`)
      traefik.tcp.routers.named.entrypoints: sql
      traefik.tcp.routers.nowhere.rule: HostSNI(`*`)
      traefik.tcp.routers.nowhere.entrypoints: unknown
      traefik.tcp.routers.nowhere.service: here
      traefik.tcp.services.here.loadbalancer.server.port: 99
";
    let (lab, facts) = imported(compose, &["--via", "caddy"]);
    for line in [
        "provides port-1884 container=broker port=1884",
        "port port-1884 1883",
        "expose port-1884 to=lan",
        "provides port-2456-udp container=game port=2456 protocol=udp",
        "expose port-2456-udp to=lan",
    ] {
        assert!(lab.contains(line), "{line}\n{lab}");
    }
    let lost = lost(&facts);
    for why in [
        "traefik.tcp.routers.named.rule: only a proxy tells several names at one port apart",
        "traefik.tcp.routers.nowhere.rule: no file says which port the entry point `unknown` is",
    ] {
        assert!(lost.iter().any(|line| line.contains(why)), "{why}\n{lost:#?}");
    }
    assert!(!lab.contains("port=99"), "{lab}");
}

#[test]
fn an_address_of_the_lan_stays_the_service_s_own() {
    let compose = "services:
  dns:
    image: ghcr.io/example/dns:1.0.0
    ports: [\"53:53/udp\"]
    networks: {lan: {ipv4_address: 10.7.0.53}, other: {}}
  hub:
    image: ghcr.io/example/hub:1.0.0
    networks: {lan: {ipv4_address: 10.7.0.10}}
  far:
    image: ghcr.io/example/far:1.0.0
    networks: {far: {ipv4_address: 10.8.0.9}}
networks:
  other:
  lan: {driver: macvlan, ipam: {config: [{subnet: 10.7.0.0/24, gateway: 10.7.0.254}]}}
  far: {driver: ipvlan, ipam: {config: [{subnet: 10.8.0.0/24}]}}
";
    let (lab, facts) = imported(compose, &[]);
    for line in [
        "network lan cidr=\"10.7.0.0/24\" gateway=\"10.7.0.254\" dns=\"10.7.0.254\"",
        // The first free address: another one has 10.7.0.10.
        "address lan \"10.7.0.11\"",
        "own-address \"10.7.0.53\"",
        "own-address \"10.7.0.10\"",
        "expose dns-udp to=lan",
    ] {
        assert!(lab.contains(line), "{line}\n{lab}");
    }
    assert!(lab.contains("service far on=box\n"), "{lab}");
    let lost = lost(&facts);
    assert!(lost.iter().any(|line| line.contains("the machine has no network with 10.8.0.9")));
    let found = facts["findings"].as_array().expect("findings").iter();
    let found: Vec<&str> = found.map(|found| text(&found["message"])).collect();
    let wanted = "`hub` was reached at every port of 10.7.0.10";
    assert!(found.iter().any(|found| found.contains(wanted)), "{found:#?}");
}

/// A lab with a NAS that exports one of two folders.
const LAB: &str = r#"edition 1
lab home version="1.0.0" { domain "example.org"; timezone "Etc/UTC"; }
network lan cidr="192.168.7.0/24" gateway="192.168.7.1" dns="192.168.7.1"
host box kind=debian { os debian-13; address lan "192.168.7.10"; ssh from=lan; }
host store kind=unmanaged { address lan "192.168.7.5"; export films path="/volume1/films"; }
"#;

#[test]
fn shares_of_a_server_that_the_lab_knows_are_its_exports() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("lab")).expect("a folder");
    fs::write(folder.path().join("lab/lab.kdl"), LAB).expect("a file");
    let source = crate::cli::case("import/shares");
    let source = source.to_str().expect("text");
    let arguments = ["import", "compose", source, "--into", "lab", "--format", "json"];
    let run = labwright(folder.path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.all());
    let facts = run.json();
    assert_eq!(facts["errors"], serde_json::json!([]), "{}", run.out);
    let servers = text(&facts["files"]["servers.kdl"]);
    for line in [
        "extend host store {",
        "export shows path=\"/shows\" smb=shows",
        "extend host box {",
        "share \"store.films\" at=\"/mnt/films\" via=nfs read-only=#true",
        "share \"store.shows\" at=\"/mnt/shows\" via=cifs user=media \
         password=(secret)store-password owner=\"1000:1000\"",
    ] {
        assert!(servers.contains(line), "{line}\n{servers}");
    }
    assert!(!run.out.contains("hunter2"), "{}", run.out);
}

#[test]
fn a_proxy_signs_private_names_itself_and_no_module_of_the_library_is_lost() {
    let compose = |host: &str| {
        format!(
            "services: {{tv: {{image: \"lscr.io/linuxserver/sonarr:4.0.19\", volumes: \
             [\"./c:/config\", \"/mnt/data:/data\"], labels: \
             {{\"traefik.http.routers.tv.rule\": \"Host(`{host}`)\"}}}}}}\n"
        )
    };
    for via in ["caddy", "traefik"] {
        let (written, facts) = imported(&compose("tv.home.lan"), &["--via", via]);
        assert!(written.contains("module=sonarr") && !written.contains("\nmodule "), "{written}");
        assert!(written.contains("certificates internal"), "{written}");
        assert_eq!(facts["errors"], serde_json::json!([]), "{facts}");
        let (written, _) = imported(&compose("tv.example.org"), &["--via", via]);
        assert!(!written.contains("certificates internal"), "{written}");
    }
    // This proxy is no authority.
    let (written, facts) = imported(&compose("tv.home.lan"), &["--via", "nginx-proxy-manager"]);
    assert!(written.contains("module=sonarr") && !written.contains("    route "), "{written}");
    assert!(lost(&facts).join(" ").contains("no public authority signs"), "{facts}");
}

#[test]
fn a_folder_for_an_hour_is_taken_for_one_that_stays() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let source = folder.path().join("tv");
    fs::create_dir(&source).expect("a folder");
    let compose = "services: {tv: {image: \"lscr.io/linuxserver/sonarr:4.0.19\", volumes: \
                   [\"./c:/config\", \"/mnt/data:/data\"]}}\n";
    fs::write(source.join("compose.yaml"), compose).expect("a file");
    for (more, path, said) in [
        ([].as_slice(), "/opt/stacks/tv/c", true),
        (["--at", "/srv/x"].as_slice(), "/srv/x/c", false),
    ] {
        let (_made, run) = import(&source, &[&["--format", "json"], more].concat());
        let facts = run.json();
        let written = facts["files"].to_string();
        assert!(written.contains(path) && written.contains("module=sonarr"), "{written}");
        let findings = facts["findings"].to_string();
        assert_eq!(findings.contains("is taken for"), said, "{findings}");
    }
}
