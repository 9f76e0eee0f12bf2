//! Checks what labctl is told about the data of services: who writes it, what is saved before an
//! image changes, and how long a service may take to become healthy.

use std::process::Command;

use super::lab::{Compiled, compile};

const MODULE: &str = r#"
edition 1
module app version="1.0" {
    summary "Keeps things"
    option reads type=boolean { default #false; doc "Whether an older version reads everything."; }
    state files path=(f)"{machine.appdata}/{service.name}/files"
    state cache path=(f)"{machine.appdata}/{service.name}/cache" backup=never reason="made anew"
    state tables path="/tank/tables" backup=dump local-disk=#true
    database shop engine=postgres container=database user=shop state=tables
    database (f)"{state.files}/app.db" engine=sqlite
    when (expr)"opt.reads" {
        reversible "it only appends"
        health-within "20m"
    }
    container app { image "x/app:1"; mount (ref)state.files at="/files"; health pgrep app; }
    container worker { image "x/app:1"; depends-on database; health image=#true; }
    container thumbnails {
        image "x/thumbnails:1"
        mount (ref)state.cache at="/cache"
        health none="it has no port"
    }
    container database {
        image "docker.io/library/postgres:17.6"
        mount (ref)state.tables at="/var/lib/postgresql/data"
        health pg_isready
    }
    provides web container=app port=80 protocol=http
}
"#;

fn lab(service: &str) -> Compiled {
    let lab = format!(
        r#"
edition 1
lab home version="2025.1" {{ domain "example.org"; timezone "Europe/Brussels"; }}
admin ada {{
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian {{
    os debian-13
    hardware "a box" cores=4 memory=(size)"8GiB"
    address lan "192.168.1.10"
    ssh from=lan
    disk data device="/dev/disk/by-id/nvme-data" size=(size)"1TB"
    pool tank disk=data {{ dataset tables; }}
}}
{service}
"#
    );
    compile(&[("lab.kdl", &lab), ("modules/app/module.kdl", MODULE)])
}

#[test]
fn labctl_knows_who_writes_what_is_kept_and_what_can_be_saved() {
    let plain = lab("service app on=box { expose web to=lan; }");
    assert_eq!(
        plain.text("box", "kept/writers.tsv"),
        "app\tapp\tone-way\napp\tapp-database\tone-way\napp\tapp-worker\tone-way\n",
        "the worker uses the database; the thumbnails are made anew"
    );
    assert_eq!(
        plain.text("box", "kept/databases.tsv"),
        "app\tapp-app.db\tapp-app.db.sqlite\tsqlite\t-\t/srv/appdata/app/files/app.db\tneeded\n\
         app\tapp-shop\tapp-shop.dump\tpostgres\tapp-database\t-\tneeded\n\
         app\tapp.sqlite-of-files\tapp.sqlite-of-files.tar\tundeclared\t-\t\
         /srv/appdata/app/files\toptional\n"
    );
    assert_eq!(
        plain.text("box", "kept/places.tsv"),
        "app\tdataset\ttank/tables\t/tank/tables\napp\tfolder\t-\t/srv/appdata/app/files\n"
    );
    let reads = lab("service app on=box { reads #true; expose web to=lan; }");
    assert!(reads.text("box", "kept/writers.tsv").contains("app\tapp\treversible\n"));
}

#[test]
fn a_service_has_its_own_time_to_become_healthy() {
    let reads = lab("service app on=box { reads #true; expose web to=lan; }");
    let compose = reads.text("box", "compose/compose.yaml");
    assert_eq!(compose.matches("start_period: '1200s'").count(), 3, "{compose}");
    // The lab overrules the module.
    let own = lab("service app on=box { reads #true; health-within \"5s\"; expose web to=lan; }");
    let script = own.text("box", "health.d/20-containers.sh");
    assert!(script.contains("well app-worker 5\n"), "{script}");
    assert!(own.text("box", "health.d/30-endpoints.sh").contains(" 5\n"));

    // A container that starts is waited for as long as its service has time, and no longer.
    let stubs = tempfile::tempdir().expect("a folder");
    let docker = stubs.path().join("docker");
    let says = "#!/bin/sh\n\
        for name in app app-worker app-thumbnails app-database; do\n\
            echo \"$name ${STATE:-Up 20 seconds (health: starting)}\"\n\
        done\n";
    std::fs::write(&docker, says).expect("docker");
    std::fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    // All containers are on their networks.
    std::fs::create_dir(stubs.path().join("compose")).expect("a folder");
    std::fs::write(stubs.path().join("compose/networks.sh"), "exit 0\n").expect("a script");
    let told = |script: &str, seconds: &str, state: &str| {
        let status = Command::new("sh")
            .current_dir(stubs.path())
            .args(["-c", script])
            .env("PATH", format!("{}:/usr/bin:/bin", stubs.path().display()))
            .env("STATE", state)
            .env("LABWRIGHT_HEALTH_SECONDS", seconds)
            .env("LABWRIGHT_HEALTH_TIMEOUT", "300")
            .stderr(std::process::Stdio::null())
            .status();
        status.expect("sh starts").code()
    };
    let ask = |script: &str, seconds: &str| told(script, seconds, "");
    let plain = lab("service app on=box { expose web to=lan; }");
    let plain = plain.text("box", "health.d/20-containers.sh");
    let long = reads.text("box", "health.d/20-containers.sh");
    assert_eq!([ask(script, "4"), ask(script, "5")], [Some(75), Some(70)]);
    assert_eq!([ask(plain, "299"), ask(plain, "300")], [Some(75), Some(70)]);
    assert_eq!([ask(long, "1199"), ask(long, "1200")], [Some(75), Some(70)]);
    let crashed = |seconds: &str| told(long, seconds, "Restarting (1) 4 seconds ago");
    assert_eq!([crashed("299"), crashed("300")], [Some(75), Some(70)], "it migrates nothing");
}
