//! Asks the programs that people unpack a bundle with: all of them see the same files.

use std::process::Command;

use super::pack;
use crate::consumers;

#[test]
fn every_tar_lists_the_same() {
    let bundle = pack("intranet");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archive = folder.path().join(bundle.file_name());
    std::fs::write(&archive, &bundle.archive).expect("write");

    let listing = Command::new("tar").arg("-tzf").arg(&archive).output().expect("tar starts");
    assert!(listing.status.success() && listing.stderr.is_empty(), "{listing:?}");
    let listing = String::from_utf8(listing.stdout).expect("ascii names");
    assert_eq!(listing.lines().count(), 13);
    assert!(listing.lines().all(|line| line.starts_with(&format!("{}/", bundle.name))));
    consumers::tar_listings(&archive).expect("every other program reads it alike");
}

#[test]
fn what_is_unpacked_passes_sha256sum() {
    let bundle = pack("intranet");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archive = folder.path().join(bundle.file_name());
    std::fs::write(&archive, &bundle.archive).expect("write");
    let script = "tar -xzf \"$1\" -C \"$2\" && cd \"$2\"/*/ && sha256sum --strict -c SHA256SUMS";
    let output = Command::new("sh")
        .args(["-euc", script, "sh"])
        .arg(&archive)
        .arg(folder.path())
        .output()
        .expect("sh");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().filter(|line| line.ends_with(": OK")).count(), 10);
}
