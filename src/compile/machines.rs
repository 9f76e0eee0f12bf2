//! Runs the last stages, machine by machine: emits the files and packs the bundle.

use std::collections::BTreeMap;
use std::convert::Infallible;

use rayon::prelude::*;

use super::Sink;
use crate::artifact::Artifacts;
use crate::bundle::codes::UNPACKABLE;
use crate::bundle::release::Packed;
use crate::bundle::{self, BundleError, Identity, Packer};
use crate::diag::{Diagnostic, Diagnostics};
use crate::emit::{self, Context, Emitter, Shared};
use crate::model::MachineId;
use crate::plan::Plan;
use crate::source::Sources;

/// The reason why bundles can't be made.
pub(super) enum Failure<E> {
    /// The lab is at fault: a template of one of its own modules fails, or a path is too long.
    Findings(Diagnostics),
    /// The sink failed.
    Sink(E),
}

/// Returns the files of every machine, by the machine's name.
pub fn artifacts(
    plan: &Plan<'_>,
    sources: &Sources,
) -> Result<BTreeMap<String, Artifacts>, Diagnostics> {
    each_machine(plan, sources, |_, artifacts| Ok(artifacts)).map_err(Failure::<Infallible>::found)
}

/// Returns the files of one machine that some emitters write, or nothing if the lab has no machine
/// of that name.
pub fn artifacts_of<'e>(
    plan: &Plan<'_>,
    sources: &Sources,
    name: &str,
    emitters: impl IntoIterator<Item = &'e Emitter>,
) -> Option<Result<Artifacts, Diagnostics>> {
    let (machine, _) = plan.model.machines().find(|(_, machine)| machine.name == name)?;
    let shared = Shared::default();
    let context = Context { plan, machine, sources, shared: &shared };
    Some(emit_files(&context, emitters).map_err(Failure::<Infallible>::found))
}

/// Finds faults that only emitting shows: in the templates of the lab's own modules, and in paths
/// that no archive can contain.
pub fn check_templates(plan: &Plan<'_>, sources: &Sources) -> Diagnostics {
    each_machine(plan, sources, |_, _| Ok(()))
        .err()
        .map(Failure::<Infallible>::found)
        .unwrap_or_default()
}

/// Makes the bundle of every machine without findings and passes it to `sink`.
pub(super) fn bundles<S: Sink>(
    plan: &Plan<'_>,
    sources: &Sources,
    sink: &S,
) -> Result<BTreeMap<String, Packed>, Failure<S::Error>> {
    let packer = Packer::new();
    each_machine(plan, sources, |context, artifacts| {
        let bundle = packer
            .pack(&identity(context), &artifacts)
            .map_err(|error| Failure::Findings(unpackable(context, &error)))?;
        sink.take(bundle).map_err(Failure::Sink)
    })
}

impl Failure<Infallible> {
    fn found(self) -> Diagnostics {
        match self {
            Self::Findings(found) => found,
            Self::Sink(never) => match never {},
        }
    }
}

/// Emits the files of each machine, on any thread, and makes something of them with `use_files`.
fn each_machine<T: Send, E: Send>(
    plan: &Plan<'_>,
    sources: &Sources,
    use_files: impl Fn(&Context<'_>, Artifacts) -> Result<T, Failure<E>> + Sync,
) -> Result<BTreeMap<String, T>, Failure<E>> {
    let shared = Shared::default();
    let machines: Vec<MachineId> = plan.model.machines().map(|(machine, _)| machine).collect();
    let results: Vec<(String, Result<T, Failure<E>>)> = machines
        .into_par_iter()
        .map(|machine| {
            let context = Context { plan, machine, sources, shared: &shared };
            let made = emit_files(&context, emit::emitters())
                .and_then(|artifacts| use_files(&context, artifacts));
            (context.this().name.clone(), made)
        })
        .collect();
    let mut all = BTreeMap::new();
    let mut findings = Diagnostics::default();
    for (name, result) in results {
        match result {
            Ok(made) => {
                all.insert(name, made);
            }
            Err(Failure::Findings(found)) => findings.append(found),
            Err(failure) => return Err(failure),
        }
    }
    if findings.is_empty() {
        return Ok(all);
    }
    findings.finish();
    Err(Failure::Findings(findings))
}

/// Emits one machine's files, or returns what is wrong with them.
fn emit_files<'e, E>(
    context: &Context<'_>,
    emitters: impl IntoIterator<Item = &'e Emitter>,
) -> Result<Artifacts, Failure<E>> {
    let mut found = Diagnostics::default();
    let artifacts = emit::emit_by(emitters, context, &mut found);
    // Files with one path are reported, and can't be packed either.
    let apart = artifacts.clashes().is_empty();
    if apart && let Err(error) = bundle::check(&identity(context), &artifacts) {
        found.append(unpackable(context, &error));
    }
    if found.has_errors() { Err(Failure::Findings(found)) } else { Ok(artifacts) }
}

fn unpackable(context: &Context<'_>, error: &BundleError) -> Diagnostics {
    let mut found = Diagnostics::default();
    let text = error.to_string();
    let help = if text.contains("the limit is") {
        "shorten the name of the lab, the machine or the service"
    } else {
        "change what the message names: a service of this machine, or its module, brings it"
    };
    let finding = Diagnostic::new(&UNPACKABLE, context.this().span, text);
    found.push(finding.help(help).on(&error.whose));
    found
}

fn identity(context: &Context<'_>) -> Identity {
    let lab = &context.model().lab;
    Identity {
        lab: lab.name.clone(),
        machine: context.this().name.clone(),
        version: lab.version.clone(),
    }
}
