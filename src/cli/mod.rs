//! The command line, and the only code that writes to the disk.

pub mod folder;
pub mod interrupt;
pub mod output;
pub mod staging;
