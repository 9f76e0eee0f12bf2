//! Services as they were made for a lab, to use them again in labs that differ in little from it.
//!
//! What a service becomes follows from its node, its module, what it sees of its machine and of the
//! lab, what surrounds it, and the files that it reads. Where all of that is the same, so is the
//! service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::instance::Draft;
use super::options::option_specs;
use super::visible::{Home, Visible};
use crate::decl::Block;
use crate::decl::layer::Lab;
use crate::model::{Around, Model, Service};
use crate::source::{FileId, Layer, Sources, Spanned};

/// What is known of services that were made before.
#[derive(Clone, Copy)]
pub enum Past<'p> {
    /// Nothing.
    None,
    /// Nothing, but services are kept as they are made.
    Kept(&'p Kept),
    /// The services of another lab.
    Used(Used<'p>),
}

/// A remembered lab, and what is not as it was.
#[derive(Clone, Copy)]
pub struct Used<'p> {
    remembered: &'p Remembered<'p>,
    touched: &'p [FileId],
    sources: &'p Sources,
}

impl<'p> Past<'p> {
    /// Uses a remembered lab, of which the text of the files `touched` may be another.
    pub const fn of(
        remembered: &'p Remembered<'p>,
        touched: &'p [FileId],
        sources: &'p Sources,
    ) -> Self {
        Self::Used(Used { remembered, touched, sources })
    }

    /// Returns what is of use for a lab of which services see `lab`.
    pub fn fitting(self, lab: &Visible) -> Self {
        match self {
            Self::Used(used) if !used.fits(lab) => Self::None,
            past => past,
        }
    }
}

impl Used<'_> {
    fn fits(&self, lab: &Visible) -> bool {
        // A file of the lab may be read by any service.
        let is_read = |file: &FileId| {
            let file = self.sources.file(*file);
            file.layer != Layer::Builtin && !file.is_kdl()
        };
        !self.touched.iter().any(is_read) && self.remembered.visible == *lab
    }

    /// Returns a service as it was made before.
    pub fn draft<'s>(
        &self,
        block: &'s Block<'s>,
        module: &Block<'_>,
        names: &[&str],
        (home, around): (&Home, &Around),
    ) -> Option<Draft<'s>> {
        let Remembered { lab, drafts, .. } = self.remembered;
        let is_alike = |made: &&Made| made.home == *home && made.around == *around;
        let kept = drafts.get(block.key())?.iter().find(is_alike)?;
        let find = |blocks: &'_ [Block<'_>], block: &Block<'_>| {
            let at = blocks.binary_search_by(|other| other.key().cmp(block.key()));
            at.is_ok_and(|at| blocks.get(at) == Some(block))
        };
        let is_read = |file: &FileId| {
            let id = file;
            let file = self.sources.file(*file);
            let is_own = file.layer == Layer::Builtin && file.folder() == module.key();
            (is_own && !file.is_kdl()) || reads(&kept.service, *id)
        };
        let services = || names.iter().copied().eq(lab.services.iter().map(Block::key));
        let is_same = (!takes_service(module) || services())
            && find(&lab.services, block)
            && find(&lab.modules, module)
            && !self.touched.iter().any(is_read);
        is_same.then(|| Draft {
            service: kept.service.clone(),
            block,
            concrete: kept.concrete.clone(),
            network_services: kept.network_services.clone(),
        })
    }
}

/// Returns whether a module has an option that takes the name of a service.
fn takes_service(module: &Block<'_>) -> bool {
    option_specs(module).iter().any(|option| option.kind == "service")
}

/// Returns whether a service has a file, whatever it is for.
fn reads(service: &Service, file: FileId) -> bool {
    let files = service.files.iter().map(|file| file.template.file);
    let scripts = service.scripts.iter().map(|script| script.template.file);
    let boards = service.dashboards.iter().filter_map(|board| Some(board.template.as_ref()?.file));
    let builds = service.containers.iter().filter_map(|container| container.build.as_ref());
    let builds = builds.flat_map(|build| &build.files).map(|(_, file)| *file);
    files.chain(scripts).chain(boards).chain(builds).any(|own| own == file)
}

/// A lab, resolved, with its services before they know of each other.
#[derive(Debug)]
pub struct Remembered<'s> {
    lab: Lab<'s>,
    /// What its services see of it.
    visible: Visible,
    drafts: BTreeMap<String, Vec<Made>>,
}

/// A service as it was made with something around it.
#[derive(Debug)]
struct Made {
    home: Home,
    around: Around,
    service: Service,
    concrete: Vec<Block<'static>>,
    network_services: Vec<(String, Spanned<String>)>,
}

/// Services without a finding, kept as they are made.
#[derive(Debug, Default)]
pub struct Kept(Mutex<BTreeMap<String, Vec<Made>>>);

impl Kept {
    /// Adds a service.
    pub fn add(&self, draft: &Draft<'_>, home: &Home, around: &Around) {
        let made = Made {
            home: home.clone(),
            around: around.clone(),
            service: draft.service.clone(),
            concrete: draft.concrete.iter().map(Block::to_static).collect(),
            network_services: draft.network_services.clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(draft.service.name.clone()).or_default().push(made);
    }

    /// Remembers them along with their lab, which comes to `model`.
    pub fn remembered<'s>(self, lab: Lab<'s>, model: &Model) -> Remembered<'s> {
        let drafts = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Remembered { visible: Visible::of(model), lab, drafts }
    }
}
