//! Drops findings that may only follow from other faults, so that one mistake is one finding.

use crate::check;
use crate::decl::codes::UNKNOWN_NODE;
use crate::decl::{Block, layer};
use crate::diag::{Code, Diagnostics, Severity};
use crate::model::Model;
use crate::resolve;
use crate::source::{FileId, Sources, Span};

/// Drops findings that may only be consequences of unreadable files: findings about names that
/// occur in one of them, findings about the lab as a whole, and warnings.
pub(super) fn leave_out_consequences(
    sources: &Sources,
    unread: &[FileId],
    diagnostics: &mut Diagnostics,
) {
    let may_declare =
        |name: &str| unread.iter().any(|file| sources.file(*file).text.contains(name));
    // `tank.media` is declared as two names.
    let may_follow = |text: &str| text.trim_matches('"').split('.').any(may_declare);
    diagnostics.retain(|found| {
        let elsewhere = check::SATISFIED_ELSEWHERE.iter().any(|code| code.name == found.code.name);
        let own = |span: Span| {
            unread.contains(&span.file) || !(elsewhere || may_follow(sources.text(span)))
        };
        found.severity() == Severity::Error && found.span.is_some_and(own)
    });
}

/// Lists the services that are declared but have an error that keeps them out of the model.
pub(super) fn left_out(lab: &layer::Lab<'_>, model: &Model) -> Vec<Span> {
    let has = |name: &str| {
        model.services.binary_search_by(|service| service.name.as_str().cmp(name)).is_ok()
    };
    lab.services.iter().filter(|block| !has(block.key())).map(extent).collect()
}

/// Returns the place of a block including all its children.
fn extent(block: &Block<'_>) -> Span {
    let own = block.children.iter().map(extent).filter(|below| below.file == block.span.file);
    Span {
        end: own.map(|below| below.end).chain([block.span.end]).max().unwrap_or_default(),
        ..block.span
    }
}

/// Drops findings that something is missing or unused, if a part of the lab that is left out or
/// incomplete may provide or use it.
pub(super) fn leave_out_absences(
    sources: &Sources,
    left_out: &[Span],
    model: Option<&Model>,
    diagnostics: &mut Diagnostics,
) {
    // Nobody knows what a node of an unknown kind would have declared.
    let unknown = diagnostics.iter().any(|found| found.code.name == UNKNOWN_NODE.name);
    let incomplete =
        model.is_some_and(|model| model.services.iter().any(|service| service.incomplete));
    let mut blocks = left_out.to_vec();
    blocks.sort_unstable();
    let unknown_without_it = |span: Span| {
        // Services do not overlap, so the last that begins before a place is the one around it.
        let before =
            blocks.partition_point(|block| (block.file, block.start) <= (span.file, span.start));
        let around = before.checked_sub(1).and_then(|last| blocks.get(last));
        let is_inside =
            around.is_some_and(|block| block.file == span.file && span.start < block.end);
        let names = |block: &Span| sources.text(*block).contains(sources.text(span));
        is_inside || !blocks.iter().any(names)
    };
    diagnostics.retain(|found| {
        let is = |code: &Code| found.code.name == code.name;
        if is(&resolve::codes::UNKNOWN_NAME) {
            return found.span.is_none_or(unknown_without_it);
        }
        let may_be_there =
            (unknown || !left_out.is_empty()) && check::ABSENCES.iter().any(|code| is(code));
        let may_be_used = (unknown || incomplete) && is(check::UNUSED_SECRET);
        !may_be_there && !may_be_used
    });
}
