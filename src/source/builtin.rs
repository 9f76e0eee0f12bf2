//! Provides the standard library, which is part of the binary.

use super::{Layer, SourceFile};

/// The text of each path below `modules/std`. The build script lists them.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/standard_library.rs"));

/// Returns the files of the standard library.
pub fn files() -> impl Iterator<Item = SourceFile> {
    FILES.iter().map(|(path, text)| SourceFile {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
        layer: Layer::Builtin,
    })
}
