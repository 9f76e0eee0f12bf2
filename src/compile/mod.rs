//! The whole pipeline on one page: sources in, a release out.
//!
//! [`compile`] runs every stage. The stages are also here one by one, for a caller that wants to
//! stop in between: [`analyze`] and [`Analyzed::check`] give a [`Checked`] lab with its [`Plan`],
//! which [`artifacts`] turns into the files of every machine.

mod consequences;
mod decoded;
mod decoding;
mod machines;
mod partly;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use crate::bundle::Bundle;
use crate::bundle::facts::facts;
use crate::bundle::release::{Packed, ReleaseIndex};
use crate::decl::{Block, layer};
use crate::diag::{Accepted, Diagnostic, Diagnostics};
use crate::model::Model;
use crate::plan::{Plan, plan};
use crate::resolve::Remembered;
use crate::review::review;
use crate::source::{FileId, Sources, Span};
use crate::{bundle, check, codes, emit, resolve};

pub use decoded::Decoded;
pub use machines::{artifacts, artifacts_of, check_templates};

/// A place that takes the bundles of a release, each as soon as it is made and from the thread that
/// made it, so that a release of any size needs little memory.
pub trait Sink: Sync {
    /// The reason why a bundle can't be taken.
    type Error: Send;

    /// Takes a bundle and returns what the index says about it.
    fn take(&self, bundle: Bundle) -> Result<Packed, Self::Error>;
}

/// A sink that keeps every bundle in memory.
#[derive(Debug, Default)]
pub struct Memory {
    bundles: Mutex<Vec<Bundle>>,
}

impl Memory {
    /// Opens an empty one; [`compile`] calls this with the lab's plan.
    pub fn open(_: &Plan<'_>) -> Result<Self, Infallible> {
        Ok(Self::default())
    }

    /// Returns the bundles, sorted by name.
    pub fn bundles(self) -> Vec<Bundle> {
        // A `push` happens or does not, so the list is whole even if a thread panicked.
        let mut bundles = self.bundles.into_inner().unwrap_or_else(PoisonError::into_inner);
        bundles.sort_by(|a, b| a.name.cmp(&b.name));
        bundles
    }
}

impl Sink for Memory {
    type Error = Infallible;

    fn take(&self, bundle: Bundle) -> Result<Packed, Infallible> {
        let packed = Packed::from(&bundle);
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner).push(bundle);
        Ok(packed)
    }
}

/// A sink that keeps nothing: the index has the hashes of everything.
#[derive(Debug)]
pub struct Discard;

impl Discard {
    /// Opens it; [`compile`] calls this with the lab's plan.
    pub fn open(_: &Plan<'_>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

impl Sink for Discard {
    type Error = Infallible;

    fn take(&self, bundle: Bundle) -> Result<Packed, Infallible> {
        Ok(Packed::from(&bundle))
    }
}

/// The result of a compilation.
#[derive(Debug)]
pub struct Compiled<S: Sink> {
    /// The findings, sorted, without those that the lab accepts.
    pub findings: Diagnostics,
    /// The release, or the reason why there is none.
    pub release: Result<Release<S>, Stop<S::Error>>,
}

/// The reason why a compilation makes no release.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop<E> {
    /// A finding is an error.
    Findings,
    /// The sink failed.
    Sink(E),
}

/// A release; its archives are in the sink.
#[derive(Debug)]
pub struct Release<S> {
    /// The index.
    pub index: ReleaseIndex,
    /// The index as it is written to `release.json`.
    pub json: Vec<u8>,
    /// What reviewers read, by the names below `review/`.
    pub review: BTreeMap<String, Vec<u8>>,
    /// The number of files and the size in bytes of each machine's archive.
    pub sizes: BTreeMap<String, (usize, u64)>,
    /// The sink with the archives.
    pub sink: S,
}

/// Compiles a lab. `open` opens the sink once the lab is known to have no error.
///
/// ```
/// use labwright::compile::Memory;
/// use labwright::source::{Layer, SourceFile, Sources};
///
/// let text = r#"
/// edition 1
/// lab attic version="2026.1" { domain "example.org"; timezone "Europe/Brussels"; }
/// admin ada {
///     ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE"
/// }
/// network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
/// host box kind=debian {
///     os debian-13
///     hardware "Intel NUC" cores=4 memory=(size)"16GiB"
///     address lan "192.168.1.10"
///     ssh from=lan
/// }
/// "#;
/// let file = SourceFile { path: "lab.kdl".into(), text: text.into(), layer: Layer::Lab };
/// let sources = Sources::with_standard_library(vec![file]);
///
/// let compiled = labwright::compile(&sources, Memory::open);
/// assert!(compiled.findings.is_empty());
/// let release = compiled.release.expect("the lab has no error");
/// assert_eq!(release.index.lab, "attic");
/// let bundles = release.sink.bundles();
/// assert!(bundles[0].file_name().starts_with("attic-box-"));
/// ```
pub fn compile<S: Sink>(
    sources: &Sources,
    open: impl FnOnce(&Plan<'_>) -> Result<S, S::Error>,
) -> Compiled<S> {
    let mut analyzed = analyze(sources);
    let Checked { plan, accepted, diagnostics: mut findings } = analyzed.check(sources);
    let Some(plan) = plan else { return Compiled { findings, release: Err(Stop::Findings) } };
    let release = release(&plan, sources, &mut findings, accepted, open);
    Compiled { findings, release }
}

/// Returns every finding about a lab, and what the lab accepts.
pub fn check(sources: &Sources) -> (Diagnostics, Vec<Accepted>) {
    let mut analyzed = analyze(sources);
    let Checked { plan, accepted, mut diagnostics } = analyzed.check(sources);
    if let Some(plan) = plan {
        diagnostics.append(check_templates(&plan, sources));
        diagnostics.finish();
    }
    (diagnostics, accepted)
}

/// A lab after `resolve`, and the findings so far.
#[derive(Debug, Default)]
pub struct Analyzed {
    /// The lab; none when no block of it can be used.
    pub model: Option<Model>,
    diagnostics: Diagnostics,
    /// Files with syntax errors.
    unread: Vec<FileId>,
    /// Services that are declared but have an error that keeps them out of the model.
    left_out: Vec<Span>,
}

/// A lab after `check`.
#[derive(Debug)]
pub struct Checked<'m> {
    /// The plan of the lab, or nothing if a finding is an error.
    pub plan: Option<Plan<'m>>,
    /// The findings that the lab accepts, sorted.
    pub accepted: Vec<Accepted>,
    /// The other findings, sorted.
    pub diagnostics: Diagnostics,
}

/// Parses, decodes, layers and resolves a lab.
pub fn analyze(sources: &Sources) -> Analyzed {
    let mut diagnostics = Diagnostics::default();
    let (blocks, unread) = decoding::used(sources, &mut diagnostics);
    analyze_blocks(blocks, unread, sources, (None, &[]), diagnostics)
}

/// Layers and resolves the blocks of a lab. One may be remembered from which it differs in the text
/// of some files.
fn analyze_blocks(
    blocks: Vec<Block<'_>>,
    unread: Vec<FileId>,
    sources: &Sources,
    (remembered, touched): (Option<&Remembered<'_>>, &[FileId]),
    mut diagnostics: Diagnostics,
) -> Analyzed {
    let Some(lab) = layer::layer(blocks, &mut diagnostics) else {
        return Analyzed { diagnostics, unread, ..Analyzed::default() };
    };
    let model = match remembered {
        Some(past) => resolve::resolve_again(&lab, sources, (past, touched), &mut diagnostics),
        None => resolve::resolve(&lab, sources, &mut diagnostics),
    };
    let left_out = consequences::left_out(&lab, &model);
    Analyzed { model: Some(model), diagnostics, unread, left_out }
}

impl Analyzed {
    /// Returns whether a finding so far is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.has_errors()
    }

    /// Returns the findings so far.
    pub fn into_diagnostics(self) -> Diagnostics {
        self.diagnostics
    }

    /// Plans and checks the lab, and takes the findings so far.
    pub fn check(&mut self, sources: &Sources) -> Checked<'_> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        let plan = self.model.as_ref().map(plan);
        let accepted = plan.as_ref().map_or_else(Vec::new, |plan| {
            check::check(plan, &emit::own_folders(), &mut diagnostics);
            check::accept::accept(plan.model, codes::all, &mut diagnostics)
        });
        self.finish(sources, &mut diagnostics);
        Checked { plan: plan.filter(|_| !diagnostics.has_errors()), accepted, diagnostics }
    }

    /// Plans the lab and looks for errors alone; the findings besides them are not all there are.
    pub fn errors(&mut self, sources: &Sources) -> Diagnostics {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        if let Some(plan) = self.model.as_ref().map(plan) {
            check::errors(&plan, &emit::own_folders(), &mut diagnostics);
            check::accept::accept(plan.model, codes::all, &mut diagnostics);
        }
        self.finish(sources, &mut diagnostics);
        diagnostics
    }

    /// Drops findings that only follow from others, and sorts the rest.
    fn finish(&self, sources: &Sources, diagnostics: &mut Diagnostics) {
        if !self.unread.is_empty() {
            consequences::leave_out_consequences(sources, &self.unread, diagnostics);
        }
        let model = self.model.as_ref();
        consequences::leave_out_absences(sources, &self.left_out, model, diagnostics);
        diagnostics.finish();
    }
}

/// Defines every module that `sources` hold: the standard library's, with the lab's own over them.
pub fn modules<'s>(sources: &'s Sources, diagnostics: &mut Diagnostics) -> Vec<Block<'s>> {
    let (blocks, _) = decoding::all(sources, diagnostics);
    let modules = blocks.into_iter().filter(|block| block.schema.name == "module").collect();
    layer::join_modules(modules, diagnostics)
}

/// Emits and packs every machine, and makes the index and what reviewers read.
fn release<S: Sink>(
    plan: &Plan<'_>,
    sources: &Sources,
    findings: &mut Diagnostics,
    accepted: Vec<Accepted>,
    open: impl FnOnce(&Plan<'_>) -> Result<S, S::Error>,
) -> Result<Release<S>, Stop<S::Error>> {
    let sink = open(plan).map_err(Stop::Sink)?;
    let mut packed = match machines::bundles(plan, sources, &sink) {
        Ok(packed) => packed,
        Err(machines::Failure::Sink(error)) => return Err(Stop::Sink(error)),
        Err(machines::Failure::Findings(found)) => {
            findings.append(found);
            findings.finish();
            return Err(Stop::Findings);
        }
    };
    let one_way = packed
        .iter_mut()
        .map(|(name, packed)| (name.clone(), std::mem::take(&mut packed.one_way)))
        .collect();
    let sizes =
        packed.iter().map(|(name, packed)| (name.clone(), (packed.files, packed.size))).collect();
    let made = ReleaseIndex::new(facts(plan, sources, accepted), packed)
        .and_then(|index| Ok((index.to_json()?, index)))
        .map_err(|error| error.to_string())
        .and_then(|(json, index)| {
            Ok((review(plan, sources, &index, findings, &one_way)?, json, index))
        });
    match made {
        Ok((review, json, index)) => Ok(Release { index, json, review, sizes, sink }),
        Err(problem) => {
            findings.push(
                Diagnostic::lab(&bundle::codes::UNPACKABLE, problem)
                    .help("shorten the name that it shows"),
            );
            Err(Stop::Findings)
        }
    }
}
