//! Codes of what goes wrong between the compiler and the disk.

use crate::diag::codes;

codes::define! {
    /// Something stands in the place of the release that no build wrote.
    pub(super) OUTPUT_NOT_OURS = "output-not-ours", Error, "the output folder holds something that no build wrote",
        "A build replaces the release that stands in its output folder, whole and in one step. A folder that is no release, or a release with other files in it, may be somebody's work, so nothing in it is touched.\n\nMove what is yours elsewhere, or name another folder:\n\n```sh\nlabwright build --out release\n```";

    /// The disk does not take the release.
    pub(super) OUTPUT_UNWRITABLE = "output-unwritable", Error, "the release can't be written",
        "The disk is full or failing, or the folder may not be written to. A release is written beside its place and takes it in one step: what was there before is as it was, and nothing half-written is left.\n\nMake room, or name a folder that you may write to with `--out`, then run the command again.";

    /// A signal ended the build.
    pub(super) BUILD_INTERRUPTED = "build-interrupted", Error, "the build was told to stop",
        "Ctrl-C, or a signal from whoever started the build. The release takes its place in one step at the very end, so what was there before is as it was.\n\nRun the command again.";
}
