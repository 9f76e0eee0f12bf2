//! The bundles of the lab of every exporter.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds the lab, once, and returns the folder that its bundles are unpacked in, each named after its machine.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let release = folder.path().join("release");
            let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/monitoring");
            run(Command::new(env!("CARGO_BIN_EXE_labwright")).arg("build").arg(lab).arg("--out").arg(&release));
            for machine in ["bare", "edge"] {
                let into = folder.path().join(machine);
                std::fs::create_dir_all(&into).expect("a folder");
                let archive = archive(&release, machine);
                run(Command::new("tar").arg("xzf").arg(archive).arg("--strip-components=2").arg("-C").arg(into));
            }
            folder
        })
        .path()
}

fn archive(release: &Path, machine: &str) -> PathBuf {
    let start = format!("monitoring-{machine}-");
    let entries = std::fs::read_dir(release).expect("the release").map(|entry| entry.expect("an entry"));
    let archive = entries.into_iter().find(|entry| entry.file_name().to_string_lossy().starts_with(&start));
    archive.expect("the machine's archive").path()
}

fn run(command: &mut Command) {
    let answer = command.output().expect("the program starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
}
