//! Writes the plan as files, machine by machine: one folder per target, registered in [`EMITTERS`].
//!
//! Emitters compute nothing, because what they need is in the [`Plan`]. Text is written by a
//! serializer or by a template whose escaping follows the kind of file (`format`), never by joining
//! strings.

// An earlier fault may have emptied any list.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod backup;
pub mod cloud_init;
pub mod compose;
pub mod databases;
pub mod firewall;
pub mod first_start;
pub mod fixed;
pub mod grafana;
pub mod guests;
pub mod kept;
pub mod labctl;
pub mod machine;
pub mod npm;
pub mod prometheus;
pub mod proxmox_firewall;
pub mod reach;
pub mod recurring;
pub mod routes;
pub mod runbook;
pub mod service_files;
pub mod storage;
pub mod unit_file;
pub mod units;

use std::collections::BTreeSet;

use crate::artifact::{Artifacts, Clash, Origin, SHARED_FOLDERS};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::{Machine, MachineId, Model, Service, ServiceId};
use crate::plan::{MachinePlan, Plan};
use crate::source::Sources;

pub use service_files::Shared;

codes::define! {
    FILE_WRITTEN_TWICE = "file-written-twice", Error, "two different files have one path";
}

/// The input of an emitter.
#[derive(Debug, Clone, Copy)]
pub struct Context<'p> {
    /// The lab with everything derived from it.
    pub plan: &'p Plan<'p>,
    /// The machine whose bundle is made.
    pub machine: MachineId,
    /// The files that contain the templates.
    pub sources: &'p Sources,
    /// Data that is the same for every machine and made at most once in a build.
    pub shared: &'p Shared,
}

impl<'p> Context<'p> {
    /// Returns the lab.
    pub fn model(&self) -> &'p Model {
        self.plan.model
    }

    /// Returns the machine.
    pub fn this(&self) -> &'p Machine {
        &self.plan.model[self.machine]
    }

    /// Returns the plan of the machine.
    pub fn planned(&self) -> &'p MachinePlan<'p> {
        self.plan.machine(self.machine)
    }

    /// Lists the machine's services.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &'p Service)> + use<'p> {
        let model = self.plan.model;
        self.plan.machine(self.machine).services.iter().map(move |id| (*id, &model[*id]))
    }

    /// Returns the machine as an origin.
    pub fn origin(&self) -> Vec<String> {
        vec![format!("{} {}", self.this().kind.name(), self.this().name)]
    }
}

/// An emitter: a folder below this one.
#[derive(Debug)]
pub struct Emitter {
    /// Its name, which origins show.
    pub name: &'static str,
    /// The folders of the payload, and the files next to them, that it writes, apart from those
    /// of services and the [`SHARED_FOLDERS`]. Several emitters may write to one folder.
    pub folders: &'static [&'static str],
    /// Adds its files for one machine.
    pub emit: fn(&Context<'_>, &mut Artifacts, &mut Diagnostics),
}

impl Emitter {
    /// Returns the origin of a file that contains nothing of the lab.
    pub fn fixed(&self) -> Vec<Origin> {
        vec![format!("fixed by the emitter {}", self.name)]
    }
}

/// The emitters that depend on the plan alone. Order does not matter, because each writes its own
/// files.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub const EMITTERS: &[Emitter] = &[
    backup::EMITTER,
    cloud_init::EMITTER,
    databases::EMITTER,
    firewall::EMITTER,
    first_start::EMITTER,
    grafana::EMITTER,
    guests::EMITTER,
    kept::EMITTER,
    labctl::EMITTER,
    machine::EMITTER,
    npm::EMITTER,
    prometheus::EMITTER,
    proxmox_firewall::EMITTER,
    reach::EMITTER,
    routes::EMITTER,
    runbook::EMITTER,
    service_files::EMITTER,
    storage::EMITTER,
];

/// The emitters that run what the others wrote. They also depend on its bytes, to restart whatever
/// reads a changed file.
pub const RUNNERS: &[Emitter] = &[compose::EMITTER, units::EMITTER];

/// Returns the folders of a payload, and the files next to them, that belong to no service.
pub fn own_folders() -> BTreeSet<&'static str> {
    emitters().flat_map(|emitter| emitter.folders).chain(SHARED_FOLDERS).copied().collect()
}

/// Lists the emitters, those that run what others wrote last.
pub fn emitters() -> impl Iterator<Item = &'static Emitter> {
    EMITTERS.iter().chain(RUNNERS)
}

/// Makes all files of one machine.
pub fn emit(context: &Context<'_>, diagnostics: &mut Diagnostics) -> Artifacts {
    emit_by(emitters(), context, diagnostics)
}

/// Makes the files of one machine that some of the emitters write. A runner needs the emitters of
/// what it runs.
pub fn emit_by<'e>(
    emitters: impl IntoIterator<Item = &'e Emitter>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Artifacts {
    let mut artifacts = Artifacts::default();
    for emitter in emitters {
        (emitter.emit)(context, &mut artifacts, diagnostics);
    }
    artifacts.installs.sort();
    artifacts.secrets.sort();
    artifacts.images.sort();
    artifacts.one_way.sort();
    artifacts.units.sort();
    for clash in artifacts.clashes() {
        diagnostics.push(written_twice(context, &clash));
    }
    artifacts
}

/// Reports two files with one path, at the service that the second one is of.
fn written_twice(context: &Context<'_>, clash: &Clash) -> Diagnostic {
    let [first, second] = clash.origins.each_ref().map(|origins| {
        let of = |service: &&Service| origins.contains(&format!("service {}", service.name));
        context.services().map(|(_, service)| service).find(of)
    });
    let machine = context.this();
    let span = second.or(first).map_or(machine.span, |service| service.span);
    let message = format!("two different files of `{}` would be `{}`", machine.name, clash.path);
    let mut finding = Diagnostic::new(&FILE_WRITTEN_TWICE, span, message)
        .help("give one of them another name or place");
    if let Some(first) = first.filter(|first| first.span != span) {
        finding = finding.label(first.span, "the first belongs to this");
    }
    finding.on(second.or(first).map_or(&machine.name, |service| &service.name))
}
