//! Generates labs of any size: hosts with fifty guests each, six services on every guest, flows
//! between them.
//!
//! The modules are the generator's own, so that results stay comparable when the standard library
//! changes.

use std::fmt::Write as _;

use labwright::source::{Layer, SourceFile, Sources};

const GUESTS: usize = 50;

/// Returns the files of a lab with so many guests.
pub fn files(machines: usize) -> Vec<(String, String)> {
    let mut files = vec![
        ("lab.kdl".to_owned(), head(machines)),
        ("modules/bench.kdl".to_owned(), MODULES.to_owned()),
    ];
    files.push(("modules/page.yaml.j2".to_owned(), TEMPLATE.to_owned()));
    for host in 0..machines.div_ceil(GUESTS) {
        let guests = (host * GUESTS)..((host + 1) * GUESTS).min(machines);
        let mut text = String::new();
        let _ = write!(
            text,
            "host host{host} kind=proxmox version=\"8.4\" {{\n    hardware \"rack {host}\" \
             cores=64 memory=(size)\"512GiB\"\n    address lan \"10.{}.{}.1\" nic=eno1 \
             bridge=vmbr0\n    disk ssd device=\"/dev/disk/by-id/nvme-{host}\" \
             size=(size)\"4TB\"\n    pool tank disk=ssd {{\n        dataset appdata \
             quota=(size)\"1TiB\" backup=daily\n        dataset media quota=(size)\"2TiB\" \
             backup=weekly\n    }}\n}}\n",
            host >> 8 & 255,
            host & 255,
        );
        for guest in guests {
            write_guest(&mut text, guest, host, machines);
        }
        files.push((format!("rack{host:04}.kdl"), text));
    }
    files
}

/// Returns the sources of the lab.
pub fn sources(machines: usize) -> Sources {
    let file = |(path, text): (String, String)| {
        let layer = if path.starts_with("modules/") { Layer::Site } else { Layer::Lab };
        SourceFile { path, text, layer }
    };
    Sources::with_standard_library(files(machines).into_iter().map(file).collect())
}

fn head(machines: usize) -> String {
    format!(
        "edition 1\nlab bench version=\"2026.1\" \
         {{ domain \"example.org\"; timezone \"Europe/Brussels\"; }}\n\
         admin operator \
         {{ ssh-key \"ssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE op\"; }}\n\
         network lan cidr=\"10.0.0.0/8\" gateway=\"10.255.255.254\" \
         dns=\"10.255.255.254\"\nsecret store-password\n\
         // {machines} guests\n"
    )
}

fn write_guest(text: &mut String, guest: usize, host: usize, machines: usize) {
    let id = 100 + guest % GUESTS;
    let next = (guest + 1) % machines;
    let _ = write!(
        text,
        "vm vm{guest} id={id} on=host{host} {{\n    os debian-13\n    cores 4\n    memory \
         (size)\"8GiB\"\n    disk root size=(size)\"20GiB\"\n    \
         address lan \"10.{}.{}.{}\"\n    share tank.appdata at=\"/mnt/appdata\" \
         via=virtiofs\n    ssh from=lan\n}}\n\
         service web{guest} module=bench-web on=vm{guest} {{\n    title \"Machine {guest}\"\n    \
         workers {}\n    backend store{next}\n    \
         expose web to=lan\n    route \"web{guest}.example.org\" to=web via=edge{guest} \
         from=lan\n}}\n\
         service api{guest} module=bench-web on=vm{guest} {{\n    title \"Interface \
         {guest}\"\n    backend store{guest}\n    port web 8081\n    \
         expose web to=vm{next}\n}}\n\
         service store{guest} module=bench-store on=vm{guest} {{ password \
         (secret)store-password; }}\n\
         service cache{guest} module=bench-cache on=vm{guest} {{ resources \
         memory=(size)\"256MiB\" cpus=0.5; }}\n\
         service edge{guest} module=bench-edge on=vm{guest} {{ expose https to=lan; }}\n\
         service node{guest} module=bench-exporter on=vm{guest} {{ expose metrics to=vm0; }}\n",
        64 + (host >> 8 & 63),
        host & 255,
        10 + guest % GUESTS,
        1 + guest % 8,
    );
}

const TEMPLATE: &str =
    "title: {{ opt.title }}\nworkers: {{ opt.workers }}\naddress: {{ machine.address }}\n";

const MODULES: &str = r#"edition 1
module bench-web version="1" {
    summary "A web server"
    option title type=text { required; doc "What it is called."; }
    option workers type=integer { default 2; doc "How many."; }
    option backend type=service { required; doc "Its store."; }
    option image type=image { default "docker.io/library/nginx:1.29.3"; }
    state data path=(f)"{machine.appdata}/{service.name}" owner=101
    container bench-web {
        image (ref)opt.image
        env TZ (ref)lab.timezone
        env BACKEND (ref)opt.backend
        env WORKERS (ref)opt.workers
        mount (ref)state.data at="/data"
        when (expr)"opt.workers > 4" { tmpfs "/tmp"; }
        health http=web path="/health"
    }
    file "page.yaml" from="page.yaml.j2" at="/etc/page.yaml"
    provides web container=bench-web port=8080 protocol=http
    needs store role=bench-store service=(ref)opt.backend
    assert (expr)"opt.workers > 0" "needs a worker"
}
module bench-store version="1" {
    summary "A database"
    option password type=secret { required; doc "The password."; }
    state data path=(f)"{machine.appdata}/{service.name}" owner=999 backup=dump local-disk=#true
    container bench-store {
        image "docker.io/library/postgres:17.6"
        secret (ref)opt.password file-variable=POSTGRES_PASSWORD_FILE
        mount (ref)state.data at="/var/lib/postgresql/data"
        health "pg_isready" "-U" "postgres"
        shm-size (size)"128MiB"
    }
    database store engine=postgres container=bench-store user=postgres state=data major="17"
    provides sql container=bench-store port=5432 role=bench-store database=#true
}
module bench-cache version="1" {
    summary "A cache"
    container bench-cache { image "docker.io/valkey/valkey:8.1.4"; health "valkey-cli" "ping"; }
    provides cache container=bench-cache port=6379
}
module bench-edge version="1" {
    summary "A proxy"
    state data path=(f)"{machine.appdata}/{service.name}" backup=never reason="made again"
    container bench-edge {
        image "docker.io/library/caddy:2.10.2"
        mount (ref)state.data at="/data"
    }
    provides http container=bench-edge port=80 protocol=http
    provides https container=bench-edge port=443 protocol=https
    proxy caddy http=http https=https
}
module bench-exporter version="1" {
    summary "An exporter"
    container bench-exporter {
        image "quay.io/prometheus/node-exporter:v1.10.2"
        network host
        mount "/" at="/host" read-only=#true propagation=rslave
    }
    provides metrics container=bench-exporter port=9100 scrape=#true
}
"#;
