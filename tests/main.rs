//! The only integration test binary, with a folder or file for each concern. `tests/README.md`
//! describes them.
#![expect(clippy::disallowed_methods, reason = "tests set up and look at real folders")]

mod accepted;
mod any_lab;
mod change;
mod cli;
mod consumers;
mod diagnostics;
mod docs;
mod emit;
mod firewall;
mod import;
mod kinds;
mod labctl;
mod labs;
mod left_out;
mod machines;
mod modules;
mod reach;
mod release;
mod review;
mod small_disk;
mod snapshots;
mod source;
mod stubs;
mod syntax;
mod trixie;
mod why;
