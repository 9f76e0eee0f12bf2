//! Services as they were made for a lab, to use them again in labs that differ in little from it.
//!
//! What a service becomes follows from its node, its module, what it sees of its machine and of the
//! lab, what surrounds it, and the files that it reads. Where all of that is the same, so is the
//! service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::instance::{Draft, Surroundings};
use super::options::{OptionSpec, option_specs};
use super::visible::{Home, Visible};
use crate::decl::layer::Lab;
use crate::decl::{Block, Value};
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
        !self.touched.iter().any(is_read) && self.remembered.visible.is_common(lab)
    }

    /// Returns a service as it was made before.
    pub fn draft<'s>(
        &self,
        block: &'s Block<'s>,
        module: &Block<'_>,
        surroundings: Surroundings<'_>,
    ) -> Option<Draft<'s>> {
        let Surroundings { lab: now, services, home, around, .. } = surroundings;
        let Remembered { lab, visible, drafts, takes } = self.remembered;
        let is_alike = |made: &&Made| made.home.is_alike(home) && made.around == *around;
        let kept = drafts.get(block.key())?.iter().find(is_alike)?;
        let find = |blocks: &'_ [Block<'_>], block: &Block<'_>| {
            let at = blocks.binary_search_by(|other| other.key().cmp(block.key())).ok()?;
            (blocks.get(at) == Some(block)).then_some(at)
        };
        find(&lab.services, block)?;
        let takes = takes.get(find(&lab.modules, module)?)?;
        let is_read = |file: &FileId| {
            let id = file;
            let file = self.sources.file(*file);
            let is_own = file.layer == Layer::Builtin && file.folder() == module.key();
            (is_own && !file.is_kdl()) || reads(&kept.service, *id)
        };
        let same_services = || services.iter().copied().eq(lab.services.iter().map(Block::key));
        let same_places = || visible.networks == now.networks && visible.zones == now.zones;
        let is_same = (!takes.service || same_services())
            && (!takes.place || same_places())
            && (!(takes.secret || kept.has_secret) || visible.secrets == now.secrets)
            && !self.touched.iter().any(is_read);
        is_same.then(|| Draft {
            service: Service { machine: home.id, ..kept.service.clone() },
            block,
            concrete: kept.concrete.clone(),
            network_services: kept.network_services.clone(),
        })
    }
}

/// What of the lab a module may look at besides what every module sees.
#[derive(Debug, Default)]
struct Takes {
    /// Whether it takes the name of a service.
    service: bool,
    /// Whether it takes the name of a network, a zone or a machine.
    place: bool,
    /// Whether it takes a secret.
    secret: bool,
}

impl Takes {
    fn of(module: &Block<'_>) -> Self {
        let mut takes = Self { secret: has_secret(module), ..Self::default() };
        for option in option_specs(module) {
            takes.add(&option);
        }
        takes
    }

    fn add(&mut self, option: &OptionSpec<'_>) {
        match option.kind {
            "service" => self.service = true,
            "network" | "zone" | "machine" => self.place = true,
            "secret" => self.secret = true,
            _ => {}
        }
        for field in &option.fields {
            self.add(field);
        }
    }
}

/// Returns whether a secret is named in a node.
fn has_secret(block: &Block<'_>) -> bool {
    fn is_secret(value: &Value<'_>) -> bool {
        match value {
            Value::Secret(_) => true,
            Value::List(values) => values.iter().any(|value| is_secret(&value.value)),
            _ => false,
        }
    }
    block.arguments.iter().any(|argument| is_secret(&argument.value))
        || block.properties.iter().any(|property| is_secret(&property.value.value))
        || block.children.iter().any(has_secret)
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
    /// What each of its modules looks at.
    takes: Vec<Takes>,
}

/// A service as it was made with something around it.
#[derive(Debug)]
struct Made {
    home: Home,
    around: Around,
    service: Service,
    /// Whether its node names a secret.
    has_secret: bool,
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
            has_secret: has_secret(draft.block),
            concrete: draft.concrete.iter().map(Block::to_static).collect(),
            network_services: draft.network_services.clone(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entry(draft.service.name.clone()).or_default().push(made);
    }

    /// Remembers them along with their lab, which comes to `model`.
    pub fn remembered<'s>(self, lab: Lab<'s>, model: &Model) -> Remembered<'s> {
        let drafts = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let takes = lab.modules.iter().map(Takes::of).collect();
        Remembered { visible: Visible::of(&lab, model), lab, drafts, takes }
    }
}
