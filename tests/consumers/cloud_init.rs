//! Asks cloud-init's own schema, in trixie's version. Older versions accept a mistyped top-level
//! key.

use super::{Verdict, ask};
use std::path::Path;

/// Asks cloud-init to check a user-data file. A deprecated key counts as a refusal.
pub fn cloud_init_user_data(file: &Path) -> Verdict {
    ask(
        file,
        r#"
answer=$(cloud-init schema -c "$1" 2>&1) || { echo "$answer"; exit 1; }
case $answer in *eprecat*) echo "$answer"; exit 1 ;; esac
"#,
    )
}

#[test]
fn refuses_a_mistyped_key() {
    let good =
        "#cloud-config\nmounts: [[media, /mnt/media, virtiofs, 'defaults,nofail', '0', '0']]\n";
    let bad = "#cloud-config\npackagess: [ufw]\n";
    super::tells_apart("user-data", good, bad, "packagess", cloud_init_user_data);
}

#[test]
fn refuses_a_deprecated_key() {
    let good = "#cloud-config\npackage_update: true\n";
    let bad = "#cloud-config\napt_update: true\n";
    super::tells_apart("user-data", good, bad, "apt_update", cloud_init_user_data);
}
