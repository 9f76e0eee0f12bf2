//! The lab's own facts: its name, admins, secrets and accepted findings.

use crate::source::Span;

/// Is what `lab` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabInfo {
    /// The name; part of file names and of paths on the machines.
    pub name: String,
    /// The version of the release.
    pub version: String,
    /// The language's edition.
    pub edition: u32,
    /// The public domain, when there is one.
    pub domain: Option<String>,
    /// The IANA time zone.
    pub timezone: String,
    /// The address that certificate authorities and alerts write to.
    pub email: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a person's account on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The account's name.
    pub name: String,
    /// The public keys, as in `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is the name of a value that machines provide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name.
    pub name: String,
    /// What it is for.
    pub doc: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// Is a finding that the owner has read and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    /// The finding's code.
    pub code: String,
    /// The entity it is about.
    pub on: Option<String>,
    /// Why.
    pub reason: String,
    /// Where it is declared.
    pub span: Span,
}
