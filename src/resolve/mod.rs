//! Turns names into ids and modules into concrete services: the lab that checks and plans read.
//!
//! After this stage nothing is looked up by name. What can't be resolved is reported and left out,
//! so that later checks still see the rest.

// An earlier fault may have emptied any list.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod accounts;
mod builds;
pub mod circles;
pub mod codes;
mod compose_schema;
mod container_faults;
mod containers;
mod definition;
mod endpoints;
mod evaluate;
mod files;
mod given;
mod guests;
pub mod handling;
mod history;
mod instance;
mod lab;
mod link;
mod machines;
mod monitoring;
mod names;
mod networks;
pub mod options;
mod own_addresses;
mod part_faults;
mod parts;
mod past;
mod process;
pub mod proxy_words;
mod raw;
mod read;
mod routes;
mod running;
mod scope;
mod service_networks;
mod services;
mod shares;
mod start;
mod storage;
mod texts;
mod units;
mod views;
mod visible;

pub use names::compose_name;
pub use past::Remembered;
pub use routes::is_served;

use crate::decl::layer::Lab;
use crate::diag::Diagnostics;
use crate::model::Model;
use crate::source::{FileId, Sources};
use past::{Kept, Past};

/// Resolves a lab.
pub fn resolve(lab: &Lab<'_>, sources: &Sources, diagnostics: &mut Diagnostics) -> Model {
    with_past(lab, sources, Past::None, diagnostics)
}

/// Resolves a lab that differs in little from a remembered one: in the text of the files `touched`
/// at most.
pub fn resolve_again(
    lab: &Lab<'_>,
    sources: &Sources,
    (remembered, touched): (&Remembered<'_>, &[FileId]),
    diagnostics: &mut Diagnostics,
) -> Model {
    with_past(lab, sources, Past::of(remembered, touched, sources), diagnostics)
}

/// Resolves a lab and keeps its services, for labs that differ in little from it.
pub fn remember<'s>(lab: Lab<'s>, sources: &Sources) -> Remembered<'s> {
    let kept = Kept::default();
    let model = with_past(&lab, sources, Past::Kept(&kept), &mut Diagnostics::default());
    kept.remembered(lab, &model)
}

fn with_past(
    lab: &Lab<'_>,
    sources: &Sources,
    past: Past<'_>,
    diagnostics: &mut Diagnostics,
) -> Model {
    let mut model = lab::resolve(lab, sources, diagnostics);
    machines::resolve(lab, &mut model, diagnostics);
    services::resolve(lab, sources, past, &mut model, diagnostics);
    history::resolve(lab, diagnostics);
    model
}
