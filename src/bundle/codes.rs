//! The codes of what can't be packed.

use crate::diag::codes;

codes::define! {
    pub UNPACKABLE = "bundle-unpackable", Error, "a machine's files can't be packed";
}
