//! Finds what would lose, or would no longer be sound, if something was written into it.

use std::path::Path;

use super::folder;
use super::staging::OutputError;
use crate::load::real_path;
use crate::review::snapshot::{PAGE, PAGE_TEXT};

/// Refuses a folder that replaces what is there, inside of a release, of a tree of `snapshot` or of
/// git's own files.
pub(super) fn unless_inside(target: &Path) -> Result<(), OutputError> {
    let real = real_path(target);
    unless_owned(target, real.parent().into_iter().flat_map(Path::ancestors))
}

/// Refuses to add files to such a folder, or to one inside of it.
pub(super) fn unless_in(folder: &Path) -> Result<(), OutputError> {
    unless_owned(folder, real_path(folder).ancestors())
}

fn unless_owned<'p>(
    target: &Path,
    mut folders: impl Iterator<Item = &'p Path>,
) -> Result<(), OutputError> {
    let owner = folders.find_map(|above| {
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
