//! Codes of what goes wrong between the compiler and the disk.

use crate::diag::{Code, Severity};

/// Lists the codes of this folder.
pub static CODES: &[&Code] = &[&OUTPUT_NOT_OURS, &OUTPUT_UNWRITABLE, &BUILD_INTERRUPTED];

pub(super) static OUTPUT_NOT_OURS: Code = Code {
    name: "output-not-ours",
    severity: Severity::Error,
    summary: "the output folder holds something that no build wrote",
    explain: "A build replaces the release that stands in its output folder, whole and in one step. A folder that is no release, or a release with other files in it, may be somebody's work, so nothing in it is touched.\n\nMove what is yours elsewhere, or name another folder:\n\n```sh\nlabwright build --out release\n```",
};

pub(super) static OUTPUT_UNWRITABLE: Code = Code {
    name: "output-unwritable",
    severity: Severity::Error,
    summary: "the release can't be written",
    explain: "The disk is full or failing, or the folder may not be written to. A release is written beside its place and takes it in one step: what was there before is as it was, and nothing half-written is left.\n\nMake room, or name a folder that you may write to with `--out`, then run the command again.",
};

pub(super) static BUILD_INTERRUPTED: Code = Code {
    name: "build-interrupted",
    severity: Severity::Error,
    summary: "the build was told to stop",
    explain: "Ctrl-C, or a signal from whoever started the build. The release takes its place in one step at the very end, so what was there before is as it was.\n\nRun the command again.",
};
