//! Parts of files that are the same in every release, deflated when labwright was compiled.

/// A part of a file with its deflated form.
#[derive(Debug)]
pub struct Constant {
    /// The name of the file.
    pub file: &'static str,
    /// The part: a whole file, or a line of one.
    pub bytes: &'static [u8],
    /// What `bundle/archive.rs` would deflate it to.
    pub deflated: &'static [u8],
}

macro_rules! constant {
    ($file:literal) => {
        Constant {
            file: $file,
            bytes: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".constant")),
            deflated: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".deflated")),
        }
    };
}

/// All of them, as the build script makes them.
pub static CONSTANTS: &[Constant] = &[constant!("labctl"), constant!("user-data")];
