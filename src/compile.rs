//! The stages in order: sources to a checked lab, and a checked lab to the bundles of its machines.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::artifact::Artifacts;
use crate::bundle::release::{self, Accepted, MachineFacts, Packed, ReleaseFacts};
use crate::bundle::{Bundle, Identity, Packer, ids};
use crate::decl::{Block, decode, layer, schema};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity, codes};
use crate::emit::{self, Context, Shared};
use crate::model::{MachineId, Model};
use crate::plan::{FlowSource, Plan, build::plan};
use crate::source::{FileId, Sources, Span};
use crate::{check, resolve, syntax};

/// Is the version of this compiler; part of every input id.
pub const COMPILER: &str = concat!("labwright ", env!("CARGO_PKG_VERSION"));

/// Is a lab after `resolve`, and what there is to say about it so far.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The lab; nothing when it could not even be read.
    pub model: Option<Model>,
    diagnostics: Diagnostics,
    /// Files with syntax errors.
    unread: Vec<FileId>,
    /// Machines and services that are declared and have an error because of which they are not in
    /// the model.
    left_out: Vec<Span>,
}

/// Is a lab after `check`.
#[derive(Debug)]
pub struct Checked<'m> {
    /// The lab, with all that follows from it; nothing when a finding is an error.
    pub plan: Option<Plan<'m>>,
    /// Findings that the lab accepts, sorted.
    pub accepted: Vec<Accepted>,
    /// What is left to say.
    pub diagnostics: Diagnostics,
}

/// Parses, decodes, layers and resolves a lab.
pub fn resolve(sources: &Sources) -> Resolved {
    let mut diagnostics = Diagnostics::default();
    let (blocks, unread) = decode_all(sources, &mut diagnostics);
    let Some(lab) = layer::layer(blocks, &mut diagnostics) else {
        return Resolved { diagnostics, unread, ..Resolved::default() };
    };
    let model = resolve::resolve(&lab, sources, &mut diagnostics);
    Resolved { left_out: left_out(&lab, &model), model: Some(model), diagnostics, unread }
}

impl Resolved {
    /// Returns a lab that could not be read, and why.
    pub fn unreadable(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, ..Self::default() }
    }

    /// Plans and checks the lab; takes what there is to say along.
    pub fn check(&mut self, sources: &Sources) -> Checked<'_> {
        let mut diagnostics = std::mem::take(&mut self.diagnostics);
        let plan = self.model.as_ref().map(plan);
        let accepted = plan.as_ref().map_or_else(Vec::new, |plan| {
            check::check(plan, &mut diagnostics);
            check::accept::accept(plan.model, &mut diagnostics)
        });
        if !self.unread.is_empty() {
            leave_out_consequences(sources, &self.unread, &mut diagnostics);
        }
        leave_out_absences(sources, &self.left_out, self.model.as_ref(), &mut diagnostics);
        diagnostics.finish();
        Checked { plan: plan.filter(|_| !diagnostics.has_errors()), accepted, diagnostics }
    }
}

/// Takes back what may only follow from files that can't be read: findings about names that stand
/// in one of them, about the lab as a whole, and warnings.
fn leave_out_consequences(sources: &Sources, unread: &[FileId], diagnostics: &mut Diagnostics) {
    let may_declare =
        |name: &str| unread.iter().any(|file| sources.file(*file).text.contains(name));
    // `tank.media` is declared as two names.
    let may_follow = |text: &str| text.trim_matches('"').split('.').any(may_declare);
    diagnostics.retain(|found| {
        let unnamed = check::UNNAMED.iter().any(|code| code.name == found.code.name);
        let own = |span: Span| {
            unread.contains(&span.file) || !(unnamed || may_follow(sources.text(span)))
        };
        found.severity() == Severity::Error && found.span.is_some_and(own)
    });
}

/// Lists the services that are declared and have an error because of which they are not in the
/// model.
fn left_out(lab: &layer::Lab<'_>, model: &Model) -> Vec<Span> {
    let has = |name: &str| {
        model.services.binary_search_by(|service| service.name.as_str().cmp(name)).is_ok()
    };
    lab.services.iter().filter(|block| !has(block.key())).map(extent).collect()
}

/// Returns the place of a block with all its children.
fn extent(block: &Block<'_>) -> Span {
    let own = block.children.iter().map(extent).filter(|below| below.file == block.span.file);
    Span {
        end: own.map(|below| below.end).chain([block.span.end]).max().unwrap_or_default(),
        ..block.span
    }
}

/// Takes back findings that something is not there, or not used, where what is left out or not all
/// here may be or use it.
fn leave_out_absences(
    sources: &Sources,
    left_out: &[Span],
    model: Option<&Model>,
    diagnostics: &mut Diagnostics,
) {
    let incomplete =
        model.is_some_and(|model| model.services.iter().any(|service| service.incomplete));
    let unknown_without_it = |span: Span| {
        let inside = |block: &Span| {
            block.file == span.file && (block.start..block.end).contains(&span.start)
        };
        let names = |block: &Span| sources.text(*block).contains(sources.text(span));
        left_out.iter().any(inside) || !left_out.iter().any(names)
    };
    diagnostics.retain(|found| {
        let is = |code: &Code| found.code.name == code.name;
        if is(&resolve::codes::UNKNOWN_NAME) {
            return found.span.is_none_or(unknown_without_it);
        }
        let may_be_there = !left_out.is_empty() && check::ABSENCES.iter().any(|code| is(code));
        let may_be_used = incomplete && is(check::UNUSED_SECRET);
        !may_be_there && !may_be_used
    });
}

/// Parses and decodes every KDL file; files are independent of one another, so each has a turn on
/// any thread. Returns the files with syntax errors too, of which nothing is decoded.
fn decode_all<'s>(
    sources: &'s Sources,
    diagnostics: &mut Diagnostics,
) -> (Vec<Block<'s>>, Vec<FileId>) {
    let files: Vec<_> = sources.files().filter(|(_, file)| is_kdl(&file.path)).collect();
    let decoded: Vec<(Result<Vec<Block<'s>>, FileId>, Diagnostics)> = files
        .into_par_iter()
        .map(|(id, file)| {
            let mut found = Diagnostics::default();
            let document = syntax::parse(&file.text, id, &mut found).ok_or(id);
            let blocks = document.map(|document| {
                decode::nodes(document.nodes, "file", &[schema::TOP], file, &mut found)
            });
            (blocks, found)
        })
        .collect();
    let (mut blocks, mut unread) = (Vec::new(), Vec::new());
    for (result, found) in decoded {
        diagnostics.append(found);
        match result {
            Ok(more) => blocks.extend(more),
            Err(file) => unread.push(file),
        }
    }
    (blocks, unread)
}

fn is_kdl(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == "kdl")
}

/// Defines every module that `sources` know: the standard library's, and the lab's own over them.
pub fn modules<'s>(sources: &'s Sources, diagnostics: &mut Diagnostics) -> Vec<Block<'s>> {
    let (blocks, _) = decode_all(sources, diagnostics);
    layer::join_modules(
        blocks.into_iter().filter(|block| block.schema.name == "module").collect(),
        diagnostics,
    )
}

codes::define! {
    pub UNPACKABLE = "bundle-unpackable", Error, "a machine's files can't be packed";
}

/// Emits one machine's files, or says what is wrong with them.
fn emit_files(context: &Context<'_>) -> Result<Artifacts, Diagnostics> {
    let mut found = Diagnostics::default();
    let artifacts = emit::emit(context, &mut found);
    if let Err(error) = crate::bundle::check(&identity(context), &artifacts) {
        let help = "shorten the name of the lab, the machine or the service";
        found.push(
            Diagnostic::new(&UNPACKABLE, context.this().span, error.to_string())
                .help(help)
                .on(error.whose),
        );
    }
    if found.has_errors() { Err(found) } else { Ok(artifacts) }
}

fn identity(context: &Context<'_>) -> Identity {
    let lab = &context.model().lab;
    Identity {
        lab: lab.name.clone(),
        machine: context.this().name.clone(),
        version: lab.version.clone(),
    }
}

/// Finds what only emitting shows: faults in the templates of the lab's own modules, paths that no
/// archive can hold.
pub fn check_templates(plan: &Plan<'_>, sources: &Sources) -> Diagnostics {
    let shared = Shared::default();
    let machines: Vec<MachineId> = plan.model.machines().map(|(machine, _)| machine).collect();
    let found: Vec<Diagnostics> = machines
        .into_par_iter()
        .map(|machine| {
            emit_files(&Context { plan, machine, sources, shared: &shared })
                .err()
                .unwrap_or_default()
        })
        .collect();
    let mut all = Diagnostics::default();
    for found in found {
        all.append(found);
    }
    all.finish();
    all
}

/// Makes every machine's bundle and hands each to `write` from the thread that made it, so that
/// none is kept.
///
/// Findings of this stage come from templates of the lab's own modules; a machine that has one is
/// not written.
pub fn bundles<E: Send>(
    plan: &Plan<'_>,
    sources: &Sources,
    write: impl Fn(Bundle) -> Result<Packed, E> + Sync,
) -> Result<BTreeMap<String, Packed>, Failure<E>> {
    let packer = Packer::new();
    let shared = Shared::default();
    let machines: Vec<(usize, &str)> = plan
        .model
        .machines
        .iter()
        .enumerate()
        .map(|(index, machine)| (index, machine.name.as_str()))
        .collect();
    let results: Vec<Result<(String, Packed), Failure<E>>> = machines
        .into_par_iter()
        .map(|(index, name)| {
            let context = Context { plan, machine: MachineId::at(index), sources, shared: &shared };
            let artifacts = emit_files(&context).map_err(Failure::Findings)?;
            let bundle = packer
                .pack(&identity(&context), &artifacts)
                .map_err(|error| Failure::Bundle(error.to_string()))?;
            Ok((name.to_owned(), write(bundle).map_err(Failure::Write)?))
        })
        .collect();
    let mut packed = BTreeMap::new();
    let mut findings = Diagnostics::default();
    for result in results {
        match result {
            Ok((name, bundle)) => {
                packed.insert(name, bundle);
            }
            Err(Failure::Findings(found)) => findings.append(found),
            Err(failure) => return Err(failure),
        }
    }
    if findings.is_empty() {
        return Ok(packed);
    }
    findings.finish();
    Err(Failure::Findings(findings))
}

/// Says why bundles could not be made.
#[derive(Debug)]
pub enum Failure<E> {
    /// The lab is at fault.
    Findings(Diagnostics),
    /// A file can't be part of a bundle.
    Bundle(String),
    /// The bundle could not be written.
    Write(E),
}

/// Gathers what the release's index says of the lab as a whole.
pub fn facts(plan: &Plan<'_>, sources: &Sources, accepted: Vec<Accepted>) -> ReleaseFacts {
    let model = plan.model;
    let zone = |from: FlowSource, to: MachineId| match from {
        FlowSource::Zone(id) => model[id].name.clone(),
        FlowSource::Containers => model[to].name.clone(),
    };
    ReleaseFacts {
        lab: model.lab.name.clone(),
        version: model.lab.version.clone(),
        edition: model.lab.edition,
        compiler: COMPILER.to_owned(),
        input_id: ids::input_id(release::FORMAT, COMPILER, sources),
        inputs: ids::inputs(sources),
        machines: model
            .machines
            .iter()
            .map(|machine| {
                let addresses =
                    machine.addresses.iter().map(|address| address.address.to_string()).collect();
                (
                    machine.name.clone(),
                    MachineFacts { addresses, kind: machine.kind.name().to_owned() },
                )
            })
            .collect(),
        flows: plan
            .flows
            .iter()
            .map(|flow| release::Flow {
                from: zone(flow.from, flow.to),
                port: flow.port,
                proto: flow.transport.name().to_owned(),
                reason: flow.reason.name().to_owned(),
                source: sources.place(flow.span),
                to: model[flow.to].name.clone(),
            })
            .collect(),
        routes: plan
            .routes
            .iter()
            .map(|route| release::Route {
                from: route.from.iter().map(|zone| model[*zone].name.clone()).collect(),
                host: route.host.clone(),
                machine: model[model[route.service].machine].name.clone(),
                port: route.upstream.port,
                via: model[route.via].name.clone(),
            })
            .collect(),
        scrapes: plan
            .targets()
            .map(|(job, target)| release::Scrape { job: job.to_owned(), target })
            .collect(),
        accepted,
    }
}
