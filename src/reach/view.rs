//! An answer as it is printed: names and places in the place of spans.

use serde::Serialize;

use super::{Answer, Link, Parsed, Verdict};
use crate::model::MachineId;
use crate::plan::{CidrSet, Plan};
use crate::source::{Sources, Span};

/// The version of this shape.
pub const FORMAT: &str = "labwright.reach/1";

/// The answers to a question.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswersView {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Whether any of the connections comes through.
    pub allowed: bool,
    /// What decides about the first that comes through, or about the first.
    pub chain: Vec<LinkView>,
    /// Every port that the question is about.
    pub connections: Vec<ConnectionView>,
    /// The folders through which the place in question gets at data of other zones, past every
    /// firewall.
    pub folders: Vec<FolderView>,
}

/// A folder that a machine shares with machines of other zones.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FolderView {
    /// The machine that mounts it.
    pub machine: String,
    /// The mount point there.
    pub at: String,
    /// The folder: `dataset tank/appdata`.
    pub folder: String,
    /// Whether the machine can only read.
    pub read_only: bool,
    /// The services of other zones that keep data there.
    pub of: Vec<String>,
    /// `machines.kdl:14`.
    pub source: String,
}

/// The answer for one port.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView {
    /// Where connections come from, as it was asked.
    pub from: String,
    /// The machine, host name or address.
    pub to: String,
    /// The port.
    pub port: u16,
    /// tcp or udp.
    pub proto: &'static str,
    /// What listens there, as far as the lab says.
    pub what: Option<String>,
    /// Whether a connection comes through.
    pub allowed: bool,
    /// The addresses that may, where others of the place may not.
    pub only: Vec<String>,
    /// What decides, in the order in which packets meet it.
    pub chain: Vec<LinkView>,
    /// What to write so that it comes through.
    pub to_allow: Option<AdviceView>,
}

/// Something on the way.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkView {
    /// The machine or router.
    pub at: String,
    /// What it is: `router`, `gateway`, `hypervisor`, `firewall`, `listener`, `route`, `network`.
    pub kind: &'static str,
    /// What it does.
    pub says: String,
    /// Whether it lets any connection through.
    pub passes: bool,
    /// The addresses that it lets through, where it stops others.
    pub only: Vec<String>,
    /// The emitted lines that say so.
    pub rules: Vec<RuleView>,
    /// The declarations that they come from.
    pub because: Vec<BecauseView>,
}

/// A line of an emitted file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleView {
    /// The machine in whose bundle the file is.
    pub machine: String,
    /// The file's path below `payload/`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
}

/// A declaration.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BecauseView {
    /// `services.kdl:14`.
    pub source: String,
    /// The text there: a node without its block, or a name.
    pub text: String,
}

/// What to write.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdviceView {
    /// `services.kdl:14`.
    pub source: String,
    /// The node.
    pub write: String,
    /// The node that it takes the place of; null for one more.
    pub instead_of: Option<String>,
    /// Why that may be unwise.
    pub unwise: Option<String>,
}

impl AnswersView {
    /// Describes answers.
    pub fn new(answers: &[Answer], sources: &Sources) -> Self {
        let mut parsed = Parsed::new();
        let connection = |answer| connection(answer, sources, &mut parsed);
        let connections: Vec<ConnectionView> = answers.iter().map(connection).collect();
        let decisive = connections.iter().find(|it| it.allowed).or(connections.first());
        Self {
            format: FORMAT,
            allowed: connections.iter().any(|connection| connection.allowed),
            chain: decisive.map(|it| it.chain.clone()).unwrap_or_default(),
            connections,
            folders: Vec::new(),
        }
    }

    /// Adds the folders that the machines of a place share with other zones. `from` is a machine,
    /// a service or a zone; of another place, nothing is known.
    pub fn add_folders(&mut self, from: &str, plan: &Plan<'_>, sources: &Sources) {
        let model = plan.model;
        let is_from = |id: MachineId| {
            let machine = &model[id];
            let runs =
                || plan.machine(id).services.iter().any(|service| model[*service].name == from);
            machine.name == from || model[machine.zone].name == from || runs()
        };
        for crossing in plan.crossings.iter().filter(|crossing| is_from(crossing.machine)) {
            let machine = &model[crossing.machine];
            let Some(share) = machine.shares.get(crossing.share as usize) else { continue };
            let mut of: Vec<String> =
                crossing.states.iter().map(|(service, _)| model[*service].name.clone()).collect();
            of.dedup();
            self.folders.push(FolderView {
                machine: machine.name.clone(),
                at: share.at.clone(),
                folder: crossing.store.name(model),
                read_only: share.read_only,
                of,
                source: sources.place(share.span),
            });
        }
    }
}

fn connection<'s>(
    answer: &Answer,
    sources: &'s Sources,
    parsed: &mut Parsed<'s>,
) -> ConnectionView {
    let edit = answer.advice.as_ref().and_then(|advice| {
        let edit = advice.wanted.edit(sources, parsed)?;
        Some(AdviceView {
            source: sources.place(edit.span),
            write: edit.node,
            instead_of: edit.instead_of,
            unwise: advice.unwise.clone(),
        })
    });
    ConnectionView {
        from: answer.from.clone(),
        to: answer.to.name.clone(),
        port: answer.to.port,
        proto: answer.to.transport.name(),
        what: answer.to.what.clone(),
        allowed: answer.verdict != Verdict::Closed,
        only: match &answer.verdict {
            Verdict::Partly(part) => prefixes(part),
            Verdict::Open | Verdict::Closed => Vec::new(),
        },
        chain: answer.chain.iter().map(|link| link_view(link, sources)).collect(),
        to_allow: edit,
    }
}

fn link_view(link: &Link, sources: &Sources) -> LinkView {
    LinkView {
        at: link.at.clone(),
        kind: link.kind.name(),
        says: link.says.clone(),
        passes: link.passes,
        only: link.only.as_ref().map(prefixes).unwrap_or_default(),
        rules: link
            .rules
            .iter()
            .map(|rule| RuleView {
                machine: rule.machine.clone(),
                file: rule.line.file.clone(),
                line: rule.line.number,
                text: rule.text.clone(),
            })
            .collect(),
        because: link.because.iter().map(|span| because(*span, sources)).collect(),
    }
}

fn because(span: Span, sources: &Sources) -> BecauseView {
    BecauseView { source: sources.place(span), text: sources.text(span).to_owned() }
}

/// Writes a set of addresses, a single one without its length.
fn prefixes(set: &CidrSet) -> Vec<String> {
    let written = |prefix: &ipnet::IpNet| {
        if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        }
    };
    set.prefixes().iter().map(written).collect()
}
