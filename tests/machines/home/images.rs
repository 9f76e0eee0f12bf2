//! Builds images for the lab: Debian's own programs where their behaviour matters, listeners
//! elsewhere.

use super::super::probe::peer;
use super::super::{Machine, Proto};
use std::path::Path;

const POSTGRES: &str = "/usr/lib/postgresql/17";
const PROMETHEUS: &str = r#"["/usr/bin/prometheus"]"#;
const NODE_EXPORTER: &str = r#"["/usr/bin/prometheus-node-exporter"]"#;

/// Installs on a machine what the other functions need.
pub fn prepare(machine: &Machine) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for file in [
        "machines/home/image.sh",
        "machines/home/postgres.sh",
        "machines/home/npm.sh",
        "emit/npm_api.py",
        "emit/npm_schema.json",
    ] {
        machine.copy_in(&tests.join(file), "/root/images");
    }
    machine.copy_in(&peer(), "/root/images");
}

/// Replaces images on a machine.
pub fn replace(machine: &Machine, references: &[String]) {
    prepare(machine);
    let python: String =
        ["attr", "attrs", "idna", "jsonschema", "jsonschema_specifications", "referencing", "rpds"]
            .iter()
            .map(|module| format!("/usr/lib/python3/dist-packages/{module} "))
            .collect();
    for reference in references {
        match name(reference) {
            "node-exporter" => image(
                machine,
                reference,
                NODE_EXPORTER,
                "/usr/bin/prometheus-node-exporter -- --change 'USER 65534'",
            ),
            "nginx-proxy-manager" => {
                let files = "/usr/bin/python3 /usr/bin/curl /usr/bin/jq \
                             /root/images/peer=/usr/bin/peer /root/images/npm.sh=/npm.sh \
                             /root/images/npm_api.py=/npm_api.py \
                             /root/images/npm_schema.json=/npm_schema.json \
                             /usr/bin/true=/usr/bin/check-health";
                let import = "-- --change 'STOPSIGNAL SIGKILL'";
                image(
                    machine,
                    reference,
                    r#"["/bin/sh", "/npm.sh"]"#,
                    &format!("{files} /usr/lib/python3.13 {python} {import}"),
                );
            }
            "prometheus" => image(
                machine,
                reference,
                PROMETHEUS,
                "/usr/bin/prometheus -- --change 'USER 65534'",
            ),
            "postgres" => image(
                machine,
                reference,
                r#"["/bin/sh", "/postgres.sh"]"#,
                &format!(
                    "{POSTGRES}/bin {POSTGRES}/lib /usr/share/postgresql/17 /usr/share/zoneinfo \
                     /usr/bin/setpriv /root/images/postgres.sh=/postgres.sh -- --change 'ENV \
                     PATH={POSTGRES}/bin:/usr/sbin:/usr/bin' --change 'STOPSIGNAL SIGINT'"
                ),
            ),
            "valkey" => {
                // The real image begins in this folder, and lets everybody in.
                let entry =
                    r#"["/bin/sh", "-c", "cd /data && exec \"$@\" --protected-mode no", "sh"]"#;
                image(machine, reference, entry, "/usr/bin/valkey-server /usr/bin/valkey-cli");
            }
            _ => listeners(machine, reference),
        }
    }
}

/// Replaces an image by a program that only listens.
fn listeners(machine: &Machine, reference: &str) {
    let ports: &[(Proto, u16)] = match name(reference) {
        "cadvisor" => &[(Proto::Tcp, 8080)],
        "grafana" => &[(Proto::Tcp, 3000)],
        "immich-server" => &[(Proto::Tcp, 2283)],
        "jellyfin" => &[(Proto::Tcp, 8096)],
        other => panic!("{other}: no stand-in for {reference}"),
    };
    machine.stand_in(reference, ports, &["/bin/sh"]);
}

fn image(machine: &Machine, reference: &str, entrypoint: &str, files: &str) {
    machine.sh(&format!("sh /root/images/image.sh {reference} '{entrypoint}' {files}"));
}

/// Returns the name in a reference: `grafana` of `docker.io/grafana/grafana:13.2.2`.
fn name(reference: &str) -> &str {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    last.split(':').next().unwrap_or(last)
}
