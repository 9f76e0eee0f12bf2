//! What the emitters write whatever a lab declares, and why: one sentence for each kind of line.
//!
//! `labwright why` shows the sentence where no declaration decides what a line says.

use std::sync::LazyLock;

/// A kind of line that an emitter fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// The path of the file below `payload/`; a star matches any text.
    pub path: &'static str,
    /// The beginning of the line without its indent. An empty text is any line.
    pub line: &'static str,
    /// The file that writes it, below `src/`.
    pub source: &'static str,
    /// The reason, as one sentence without a final stop.
    pub why: &'static str,
}

/// Finds why a line is as it is.
pub fn reason(path: &str, line: &str) -> Option<&'static Fixed> {
    let line = line.trim_start();
    FIXED.iter().find(|fixed| line.starts_with(fixed.line) && matches(fixed.path, path))
}

/// Returns whether `path` is what `pattern` says, in which a star is any text.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == path };
    let Some(rest) = path.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
}

/// The lines, the most special first. Each row of the table is a [`Fixed`], its fields in order.
pub static FIXED: LazyLock<Vec<Fixed>> = LazyLock::new(|| {
    let row = |row: &'static str| {
        let mut cells = row.split('\t');
        let mut cell = || cells.next().unwrap_or_default();
        Fixed { path: cell(), line: cell(), source: cell(), why: cell() }
    };
    include_str!("fixed.tsv").lines().map(row).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        assert!(matches("activate.d/*-compose.sh", "activate.d/60-compose.sh"));
        assert!(matches("*.sh", "a/b.sh"));
        assert!(!matches("*.sh", "a/b.sh.txt"));
        assert!(!matches("a", "b"));
    }
}
