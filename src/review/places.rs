//! Where declarations stand, as people look them up: `services.kdl:14`.

use std::collections::BTreeMap;

use crate::source::{FileId, Sources, Span};

/// Knows where the lines of every file begin, since a page names thousands of places.
pub(super) struct Places<'s> {
    sources: &'s Sources,
    lines: BTreeMap<FileId, Vec<usize>>,
}

impl<'s> Places<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        let starts = |text: &str| text.match_indices('\n').map(|(index, _)| index + 1).collect();
        Self { sources, lines: sources.files().map(|(id, file)| (id, starts(&file.text))).collect() }
    }

    pub(super) fn of(&self, span: Span) -> String {
        let before = self.lines.get(&span.file).map_or(0, |starts| starts.partition_point(|start| *start <= span.start as usize));
        format!("{}:{}", self.sources.file(span.file).path, before + 1)
    }
}
