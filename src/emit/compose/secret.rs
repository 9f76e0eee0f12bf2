//! Describes how a container gets a secret.

use crate::model::SecretUse;

/// Returns whether a container gets a secret as a file.
pub(super) fn is_mounted(used: &SecretUse) -> bool {
    used.at.is_some()
        || used.file_variable.is_some()
        || (used.value_variable.is_none() && !used.in_text)
}
