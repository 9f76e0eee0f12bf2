//! The lab's own facts: its name, admins, secrets and accepted findings.

use crate::source::{Span, Spanned};

/// The content of the `lab` node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabInfo {
    /// The name, which is a part of file names and of paths on the machines.
    pub name: String,
    /// The version of the release.
    pub version: String,
    /// The language's edition.
    pub edition: u32,
    /// The public domain, if there is one.
    pub domain: Option<String>,
    /// The place of the domain, or of the lab.
    pub domain_span: Span,
    /// The IANA time zone.
    pub timezone: String,
    /// The address that certificate authorities and alerts write to.
    pub email: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A person's account on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The account's name.
    pub name: String,
    /// The public keys, as in `authorized_keys`.
    pub ssh_keys: Vec<Spanned<String>>,
    /// The place of its declaration.
    pub span: Span,
}

/// The name of a value that machines provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// Its purpose.
    pub doc: Option<String>,
    /// The place of its declaration.
    pub span: Span,
}

/// A finding that the owner accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    /// The finding's code.
    pub code: String,
    /// The place of the code.
    pub code_span: Span,
    /// The entity that the finding is about.
    pub on: Option<String>,
    /// The reason.
    pub reason: String,
    /// The place of its declaration.
    pub span: Span,
}
