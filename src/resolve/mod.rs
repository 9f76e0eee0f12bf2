//! Names to ids, modules to concrete services: the lab that checks and plans read.
//!
//! After this stage nothing is looked up by name. What can't be resolved is reported and left out,
//! so that later checks still see the rest.

pub mod codes;
mod evaluate;
mod history;
mod instance;
mod lab;
mod machines;
mod names;
pub mod options;
mod parts;
mod raw;
mod services;

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
