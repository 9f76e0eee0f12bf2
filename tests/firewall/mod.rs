//! Checks the emitted firewall: its rules, and what it lets through.

mod hypervisor;
mod lab;
mod packets;
mod texts;
mod transition;
mod wire;
