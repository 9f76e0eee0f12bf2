//! Why a line of an emitted file is there: the declarations that it changes with.
//!
//! Nothing is threaded through the emitters. A lab is built in milliseconds, so each part of its
//! sources that could decide a line is changed, and the line is a consequence of those that change
//! it. What is found is true by construction, whatever an emitter does.

pub mod along;
pub mod answer;
pub mod candidate;
pub mod candidates;
mod causes;
mod defaults;
pub mod edit;
pub mod find;
pub mod json;
mod lines;
mod lost;
mod mentions;
mod others;
mod parts;
mod place;
pub mod question;
pub mod reason;
mod shrink;
mod template;
pub mod text;
pub mod unused;
