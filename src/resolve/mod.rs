//! Turns names into ids and modules into concrete services: the lab that checks and plans read.
//!
//! After this stage nothing is looked up by name. What can't be resolved is reported and left out,
//! so that later checks still see the rest.

// An earlier fault may have emptied any list.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

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
mod parts;
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

pub use names::compose_name;
pub use routes::is_served;

use crate::decl::layer::Lab;
use crate::diag::Diagnostics;
use crate::model::Model;
use crate::source::Sources;

/// Resolves a lab.
pub fn resolve(lab: &Lab<'_>, sources: &Sources, diagnostics: &mut Diagnostics) -> Model {
    let mut model = lab::resolve(lab, sources, diagnostics);
    machines::resolve(lab, &mut model, diagnostics);
    services::resolve(lab, sources, &mut model, diagnostics);
    history::resolve(lab, diagnostics);
    model
}
