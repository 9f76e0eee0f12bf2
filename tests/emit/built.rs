//! Compiles the lab with every exporter.

use std::path::Path;
use std::sync::OnceLock;

use super::lab::compile_folder;

/// Compiles the lab once, and returns the folder of its payloads, each named after its machine.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<tempfile::TempDir> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let compiled = compile_folder(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/monitoring"),
            );
            assert_eq!(compiled.findings, Vec::<String>::new());
            let folder = tempfile::tempdir().expect("a folder");
            for machine in compiled.machines.keys() {
                compiled.unpack(machine, &folder.path().join(machine));
            }
            folder
        })
        .path()
}
