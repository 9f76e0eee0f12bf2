//! Asks the programs that people unpack a bundle with: all of them see the same files.

use std::path::Path;
use std::process::Command;

use super::pack;

const PYTHON: &str = "import sys,tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.name)";

/// Lists the archive with one program, or nothing when this machine does not have it.
fn list(archive: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).arg(archive).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.expect("the program starts"),
    };
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).expect("ascii names"))
}

#[test]
fn every_tar_lists_the_same() {
    let bundle = pack("intranet");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archive = folder.path().join(bundle.file_name());
    std::fs::write(&archive, &bundle.archive).expect("write");

    let gnu =
        list(&archive, "tar", &["-tzf"]).expect("every machine that runs these tests has a tar");
    assert_eq!(gnu.lines().count(), 13);
    assert!(gnu.lines().all(|line| line.starts_with(&format!("{}/", bundle.name))));
    for (program, arguments) in [
        ("busybox", ["tar", "-tzf"].as_slice()),
        ("bsdtar", &["-tf"]),
        ("python3", &["-c", PYTHON]),
    ] {
        match list(&archive, program, arguments) {
            Some(listing) => assert_eq!(listing, gnu, "{program}"),
            None => assert!(option_env!("CI").is_none(), "{program} is missing"),
        }
    }
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
