//! A lab written in a test, compiled, and one machine's payload as a folder.

use super::lab::compile;

/// What every lab of these tests begins with.
const LAB: &str = "edition 1\nlab home version=\"1.0.0\" { timezone \"Europe/Brussels\"; }\n\
    network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n";

/// Compiles a lab of `text` and the `files` beside it; returns the payload of one machine.
pub fn payload(text: &str, files: &[(&str, &str)], machine: &str) -> tempfile::TempDir {
    let lab = format!("{LAB}{text}");
    let compiled = compile(&[&[("lab.kdl", lab.as_str())], files].concat());
    assert!(compiled.findings.is_empty(), "{:?}", compiled.findings);
    let folder = tempfile::tempdir().expect("a temporary folder");
    compiled.unpack(machine, folder.path());
    folder
}
