//! A lab as it comes out of one build, for comparison.

use std::collections::BTreeMap;

use super::facts::files::File;
use super::facts::{self, Collector, Facts, Renames, group_of};
use crate::bundle::{self, ids::COMPILER};
use crate::compile;
use crate::diag::Diagnostics;
use crate::digest::sha256_hex;
use crate::review::picture::Scene;
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
    /// The picture of the lab; a release has none.
    pub scene: Option<Box<Scene>>,
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
        let mut facts = facts::facts(plan, &checked.diagnostics, &checked.accepted, renames);
        let mut state = Self {
            lab: plan.model.lab.name.clone(),
            version: plan.model.lab.version.clone(),
            compiler: COMPILER.to_owned(),
            scene: Some(Box::new(Scene::of(plan).renamed(renames.names()))),
            ..Self::default()
        };
        for (machine, artifacts) in &bundles {
            let files = artifacts.files.iter().map(|(path, file)| (path.as_str(), &*file.bytes));
            // Owners, modes and what can't be undone are in these alone.
            let tables = bundle::tables(artifacts);
            let tables = tables.iter().flatten().map(|(path, text)| (*path, text.as_bytes()));
            state.add_files(machine, files.chain(tables), &mut facts);
        }
        state.facts = facts.finish();
        Ok(state)
    }

    /// Counts the machines.
    pub fn machines(&self) -> usize {
        let names = self.files.keys().map(|(machine, _)| machine);
        names.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Adds the files of a bundle by their paths below `payload/`, and collects what they say.
    pub(super) fn add_files<'f>(
        &mut self,
        machine: &str,
        files: impl Iterator<Item = (&'f str, &'f [u8])>,
        facts: &mut Collector<'_>,
    ) {
        let hashed: Vec<(&str, &[u8], String)> =
            files.map(|(path, bytes)| (path, bytes, sha256_hex(bytes))).collect();
        let said = hashed.iter().map(|(path, bytes, digest)| File { path, bytes, digest });
        // Facts have the new name, so that a machine that was renamed is compared with itself.
        let new_name = facts.machine(machine).to_owned();
        facts::files::collect(&new_name, said, facts);
        for (path, _, digest) in hashed {
            let name = (new_name.clone(), path.to_owned());
            self.groups.insert(name.clone(), group_of(path).to_owned());
            self.files.insert(name, digest);
        }
    }
}
