//! The codes of what goes wrong between the compiler and the disk.

use crate::diag::codes;

codes::define! {
    pub OUTPUT_NOT_OURS = "output-not-ours", Error,
        "the output folder holds something that no build wrote";
    pub OUTPUT_UNWRITABLE = "output-unwritable", Error, "the release can't be written";
    pub BUILD_INTERRUPTED = "build-interrupted", Error, "a signal stopped the build";
}
