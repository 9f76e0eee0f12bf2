//! Writes values in compose's own notations.

use crate::model::Size;

/// Writes text so that compose does not replace variables in it.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Writes a size with a unit that docker knows. All its units are powers of 1024.
pub(super) fn size(size: Size) -> String {
    let units = [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
    let (factor, unit) =
        units.into_iter().find(|(factor, _)| size.0.is_multiple_of(*factor)).unwrap_or((1, "b"));
    format!("{}{unit}", size.0 / factor)
}
