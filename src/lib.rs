//! The labwright compiler: KDL sources in, one release of plain files for every machine out.
//!
//! [`compile()`] is the whole of it. A lab goes through these stages, each a function from one type
//! to the next that adds its findings to [`diag::Diagnostics`] and never stops at the first:
//!
//! 1. [`load`] reads the lab's folder into [`source::Sources`]; nothing after it touches the disk.
//! 2. [`syntax`] parses each file into nodes, with a [`source::Span`] on everything.
//! 3. [`decl`] decodes nodes into typed blocks by one schema table, then layers the lab's own
//!    modules over those of the standard library and applies profiles.
//! 4. [`mod@resolve`] replaces names by ids and fills in defaults; the result is a
//!    [`model::Model`].
//! 5. [`plan`] derives what follows: zones, flows, ports, scrapes, routes, backups, capacity.
//! 6. [`check`] runs the rules over the plan. With an error, compilation ends here.
//! 7. [`emit`] makes each machine's files, as [`artifact::Artifacts`]; [`mod@format`] writes every
//!    value so that none can break out of its place.
//! 8. [`bundle`] hashes and packs the files, and makes the index of the release; [`mod@review`]
//!    makes the report.
//!
//! The core is pure: the same sources give the same bytes. The disk, the terminal and the
//! environment belong to [`load`], [`disk`] and [`cli`]. `ARCHITECTURE.md` draws which room may use
//! which.

pub mod around;
pub mod artifact;
pub mod bundle;
pub mod change;
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
pub mod import;
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
pub mod why;

#[doc(inline)]
pub use compile::compile;
