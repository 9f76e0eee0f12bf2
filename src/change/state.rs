//! A lab as it comes out of one build, for comparison.

use std::collections::BTreeMap;

use super::facts::{self, Facts, Renames, group_of};
use crate::bundle::ids::COMPILER;
use crate::compile;
use crate::diag::Diagnostics;
use crate::digest::sha256_hex;
use crate::source::Sources;

/// A file of a bundle: its machine and its path below `payload/`.
pub type FileName = (String, String);

/// What is compared of one state.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The lab's name.
    pub lab: String,
    /// The lab's version.
    pub version: String,
    /// The compiler's version.
    pub compiler: String,
    /// The facts.
    pub facts: Facts,
    /// The SHA-256 of each file of each bundle.
    pub files: BTreeMap<FileName, String>,
    /// Where each file is listed in [`State::facts`], as the name of its group.
    pub groups: BTreeMap<FileName, String>,
}

impl State {
    /// Builds a lab; its findings when one of them is an error.
    pub fn build(sources: &Sources, renames: &Renames) -> Result<Self, Diagnostics> {
        let mut analyzed = compile::analyze(sources);
        let checked = analyzed.check(sources);
        let Some(plan) = &checked.plan else { return Err(checked.diagnostics) };
        let bundles = compile::artifacts(plan, sources)?;
        let facts = facts::facts(plan, &bundles, &checked.diagnostics, &checked.accepted, renames);
        let mut state = Self {
            lab: plan.model.lab.name.clone(),
            version: plan.model.lab.version.clone(),
            compiler: COMPILER.to_owned(),
            facts,
            ..Self::default()
        };
        for (machine, artifacts) in &bundles {
            for (path, file) in &artifacts.files {
                state.add_file(machine, path, &file.bytes);
            }
        }
        Ok(state)
    }

    /// Counts the machines.
    pub fn machines(&self) -> usize {
        let names = self.files.keys().map(|(machine, _)| machine);
        names.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Adds a file of a bundle.
    pub(super) fn add_file(&mut self, machine: &str, path: &str, bytes: &[u8]) {
        let name = (machine.to_owned(), path.to_owned());
        self.groups.insert(name.clone(), group_of(path).to_owned());
        self.files.insert(name, sha256_hex(bytes));
    }
}
