//! Compiles a lab from the text in a test, and unpacks one machine's payload.

use super::lab::{Compiled, compile};

/// The beginning of every lab in these tests.
const LAB: &str = "edition 1\nlab home version=\"1.0.0\" { timezone \"Europe/Brussels\"; }\n\
    network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\" dns=\"192.168.1.1\"\n";

/// Compiles a lab of `text` and the `files` next to it.
pub fn compiled(text: &str, files: &[(&str, &str)]) -> Compiled {
    let lab = format!("{LAB}{text}");
    let compiled = compile(&[&[("lab.kdl", lab.as_str())], files].concat());
    assert!(compiled.findings.is_empty(), "{:?}", compiled.findings);
    compiled
}

/// Compiles a lab of `text` and the `files` next to it. Returns the payload of one machine.
pub fn payload(text: &str, files: &[(&str, &str)], machine: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    compiled(text, files).unpack(machine, folder.path());
    folder
}
