//! Finds what would lose, or would no longer be sound, if something was written into it.

use std::path::Path;

use super::folder;
use super::staging::OutputError;
use crate::load::real_path;
use crate::review::snapshot::{PAGE, PAGE_TEXT};

/// Refuses a folder inside of a release, of a tree of `snapshot` or of git's own files.
pub(super) fn unless_inside(target: &Path) -> Result<(), OutputError> {
    let real = real_path(target);
    let owner = real.ancestors().skip(1).find_map(|above| {
        let page = || Some(folder::read(above, PAGE).ok()?.as_slice() == PAGE_TEXT.as_bytes());
        let what = if above.file_name().is_some_and(|name| name == ".git") {
            "it belongs to git"
        } else if folder::is_release(above) {
            "it is a release of its own, which is complete as it is"
        } else if page() == Some(true) {
            "`labwright snapshot` writes it anew, and removes what is not its own"
        } else {
            return None;
        };
        Some((above, what))
    });
    match owner {
        None => Ok(()),
        Some((above, what)) => {
            let why = format!("it is inside of `{}`, and {what}", above.display());
            Err(OutputError::refused(target, &why, "name a folder outside of it"))
        }
    }
}
