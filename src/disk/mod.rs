//! Writes releases to the disk, and reads their folders back.
//!
//! A release is written next to its place and moved there in one step. Nothing is overwritten that
//! no build wrote.

mod above;
pub mod addition;
pub mod codes;
pub mod folder;
pub mod interrupt;
pub mod output;
pub mod staging;
pub mod tree;
