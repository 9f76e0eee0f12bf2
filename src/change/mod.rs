//! What a change does to a lab: the difference of two states, in classes, worst first, each entry
//! with the edit it comes from.
//!
//! Pure, like everything below `cli/`. A state is built from sources ([`state::State::build`]) or
//! read from a release ([`release::read`]); [`compare::compare`] makes a [`compare::Comparison`]
//! of two, which `text`, `json`, `markdown` and `html` write.

pub mod cause;
pub mod class;
pub mod compare;
pub mod edits;
pub mod facts;
mod fold;
mod follows;
pub mod html;
pub mod json;
pub mod likely;
pub mod lines;
pub mod markdown;
mod relation;
pub mod release;
mod remounted;
mod say;
pub mod state;
mod tags;
pub mod text;
mod weigh;
