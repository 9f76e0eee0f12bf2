//! Drops findings that may only follow from other faults, so that one mistake is one finding.

use std::collections::BTreeSet;

use crate::check;
use crate::decl::codes::{MISSING_VALUE, UNKNOWN_NODE};
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

const fn is_no_part_of_a_name(character: char) -> bool {
    !(character.is_ascii_alphanumeric() || character == '-')
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
    let faulty = diagnostics.has_errors();
    let complete = diagnostics.take_complete();
    // What nobody understood may declare an entity.
    let misread = diagnostics.take_misread();
    let words = misread.iter().flat_map(|node| sources.text(*node).split(is_no_part_of_a_name));
    let declared: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
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
        // `tank.media` is declared as two names.
        let parts = sources.text(span).split(is_no_part_of_a_name);
        let may_be_declared = parts.into_iter().any(|part| declared.contains(part));
        is_inside || !(may_be_declared || blocks.iter().any(names))
    };
    let stranded: BTreeSet<String> = diagnostics
        .iter()
        .filter(|found| found.code.name == check::CONTAINER_WITHOUT_RUNTIME.name)
        .filter_map(|found| found.subject.clone())
        .collect();
    diagnostics.retain(|found| {
        let is = |code: &Code| found.code.name == code.name;
        // What a service lacks where it can't run, it may have where it can.
        let elsewhere = found.severity() != Severity::Error
            && found.subject.as_ref().is_some_and(|subject| stranded.contains(subject));
        let said = is(&MISSING_VALUE) && found.span.is_some_and(|span| complete.contains(&span));
        if elsewhere || said {
            return false;
        }
        if is(&resolve::codes::UNKNOWN_NAME) {
            return found.span.is_none_or(unknown_without_it);
        }
        let may_be_there =
            (unknown || !left_out.is_empty()) && check::ABSENCES.iter().any(|code| is(code));
        let may_be_used = (unknown || incomplete) && is(check::UNUSED_SECRET);
        let may_be_shared = faulty && is(check::MOUNT_WITHOUT_SOURCE);
        !may_be_there && !may_be_used && !may_be_shared
    });
}
