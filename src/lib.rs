//! The labwright compiler: KDL sources in, one release of plain files for every machine out.

pub mod artifact;
pub mod bundle;
pub mod check;
pub mod cli;
pub mod codes;
pub mod compile;
pub mod decl;
pub mod diag;
pub mod digest;
pub mod disk;
pub mod emit;
pub mod format;
pub mod kind;
pub mod load;
pub mod model;
pub mod plan;
pub mod reach;
pub mod reference;
pub mod resolve;
pub mod review;
pub mod source;
pub mod syntax;

#[doc(inline)]
pub use compile::compile;
