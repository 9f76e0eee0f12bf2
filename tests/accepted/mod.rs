//! Passes every file of every lab to the program that reads it. Each lab is one test at the end of
//! this file.

use crate::consumers;
use std::fs;
use std::process::Command;

/// Builds a lab and checks every file of every bundle.
fn accepted(lab: &str) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let release = out.path().join("release");
    let built = Command::new(env!("CARGO_BIN_EXE_labwright"))
        .args(["build", &format!("{}/{lab}", env!("CARGO_MANIFEST_DIR")), "--out"])
        .arg(&release)
        .output()
        .expect("labwright starts");
    assert!(built.status.success(), "{lab}: {}", crate::trixie::text(&built.stderr));
    let mut refusals = Vec::new();
    for entry in fs::read_dir(&release).expect("a release").flatten() {
        let archive = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(folder) = name.strip_suffix(".tar.gz") else { continue };
        refusals.extend(consumers::tar_listings(&archive).err());
        let unpacked = Command::new("tar")
            .arg("-C")
            .arg(out.path())
            .arg("-xzf")
            .arg(&archive)
            .status()
            .expect("tar starts");
        assert!(unpacked.success(), "{name}");
        refusals.extend(consumers::bundle(&out.path().join(folder)).err());
    }
    assert!(refusals.is_empty(), "{lab}:\n{}", refusals.join("\n"));
}

#[test]
fn monitoring() {
    accepted("tests/cases/monitoring");
}

#[test]
fn media_server_home() {
    accepted("modules/labs/media-server-home");
}
