//! Describes how a container gets a secret.

use crate::model::SecretUse;

/// Returns whether a container gets a secret as a file.
pub(super) fn is_mounted(used: &SecretUse) -> bool {
    used.at.is_some() || used.file_variable.is_some() || used.value_variable.is_none()
}

/// Returns the name of a secret in the compose file. Programs that run as different users read
/// different copies of a secret.
pub(super) fn secret_key(name: &str, owner: &str) -> String {
    if owner == "root" { name.to_owned() } else { format!("{name}-of-{}", owner.replace(':', "-")) }
}
