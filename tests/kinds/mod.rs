//! Checks that what is emitted suits the kind of machine: what a hypervisor, a Linux container, a
//! NAS or a board lacks is provided, or said.

mod exporter;
mod packages;
