//! The standard library, as the binary holds it.

use super::{Layer, SourceFile};

/// Pairs each path below `modules/std` with its text; the build script lists them.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/standard_library.rs"));

/// Returns the files of the standard library.
pub fn files() -> impl Iterator<Item = SourceFile> {
    FILES.iter().map(|(path, text)| SourceFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
        layer: Layer::Builtin,
    })
}
