//! Checks bundles and releases: what is packed, what is read, what is refused.

mod disk;
mod folder;
pub mod forged;
mod forged_files;
mod forged_lists;
mod forged_review;
mod hostile;
mod index;
mod pack;
mod readers;
mod signed;

use labwright::artifact::{Artifact, Artifacts, ImageUse, OneWay, RequiredSecret, Slot};
use labwright::bundle::{Bundle, Identity, Packer};
use labwright::kind::Kind;

pub fn identity(machine: &str) -> Identity {
    Identity {
        lab: "home".to_owned(),
        machine: machine.to_owned(),
        version: "2025.11.3".to_owned(),
    }
}

/// Returns the files of a small machine with one of everything: scripts, tables, a big file, each
/// list.
pub fn artifacts() -> Artifacts {
    let mut artifacts = Artifacts::default();
    let origin = || vec!["service jellyfin".to_owned(), "machine intranet".to_owned()];
    artifacts.add(
        "labctl",
        Kind::Shell,
        "#!/bin/sh\necho labctl\n".repeat(1000),
        vec!["fixed by the emitter labctl".to_owned()],
    );
    artifacts.add(
        "compose/compose.yaml",
        Kind::Compose,
        "services:\n  jellyfin:\n    image: \"jellyfin/jellyfin:10.11.11\"\n",
        origin(),
    );
    artifacts.add("RUNBOOK.md", Kind::Markdown, "# intranet\n", origin());
    artifacts.add("empty.txt", Kind::Text, "", origin());
    artifacts.install(
        "systemd/dump.timer",
        Artifact::new(Kind::SystemdUnit, "[Timer]\n", origin()),
        "/etc/systemd/system/dump.timer",
        "0644",
    );
    artifacts.install(
        "backup/backup.sh",
        Artifact::new(Kind::Shell, "#!/bin/sh\n", origin()),
        "/usr/local/sbin/backup",
        "0755",
    );
    artifacts.step(Slot::UNITS, "compose", &["compose/"], "docker compose up -d\n", origin());
    artifacts.secrets.push(RequiredSecret {
        name: "grafana-password".to_owned(),
        path: "/etc/labwright/secrets/grafana-password".to_owned(),
        owner: "472".to_owned(),
        mode: "0400".to_owned(),
    });
    artifacts.images.push(ImageUse {
        reference: "jellyfin/jellyfin:10.11.11".to_owned(),
        digest: None,
        service: "jellyfin".to_owned(),
    });
    artifacts.one_way.push(OneWay {
        key: "postgres-major immich".to_owned(),
        value: "14".to_owned(),
        what: "the data directory is written for one major version".to_owned(),
    });
    artifacts
}

pub fn pack(machine: &str) -> Bundle {
    Packer::new().pack(&identity(machine), &artifacts()).expect("the machine packs")
}
