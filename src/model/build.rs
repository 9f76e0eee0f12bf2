//! Images that are built on the machine.

use crate::source::{FileId, Span, Spanned};

/// An image that is built on the machine from files of the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The files of its folder, each with its path there, sorted.
    pub files: Vec<(String, FileId)>,
    /// The path of the Dockerfile in the folder.
    pub dockerfile: String,
    /// The stage of the Dockerfile that is built, if it is not the last.
    pub target: Option<String>,
    /// The arguments of the Dockerfile, sorted by name.
    pub arguments: Vec<(String, String)>,
    /// The images that it begins with, or copies from, each with its place in the Dockerfile.
    pub bases: Vec<Spanned<String>>,
    /// The place of its declaration.
    pub span: Span,
}
