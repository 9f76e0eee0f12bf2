//! Puts text that tries to break the syntax around it into every place of a lab that takes text.

use std::collections::BTreeSet;
use std::ops::Range;

use labwright::bundle::read::read_archive;
use labwright::diag::Diagnostics;
use labwright::source::{FileId, SourceFile};
use labwright::syntax::{self, Node};

use super::{build, faults, shipped};
use crate::consumers;

/// The replacements for each quoted text: KDL source, quotes included.
const HOSTILE: &[&str] = &[
    r##"#"a"b'c"#"##,
    r#""a\nb: c\n- d""#,
    r#""$(touch /tmp/labwright-was-here) `id` ${HOME} $$""#,
    r#""{{ 7 * 7 }} {% raw %} {# x #}""#,
    r#""%n %h %% %s""#,
    r#""!!python/object:x &a *a | > # - ? [] {}""#,
    r#""'; drop \\ table x; --""#,
    r#""</script><img src=x>|a|""#,
    r#""ünïcödé ✓ 日本""#,
    r#""-rf --help""#,
];

/// Finds the quoted texts of a file, as byte ranges in order.
fn texts(file: &SourceFile) -> Vec<Range<usize>> {
    fn walk(nodes: &[Node<'_>], ranges: &mut Vec<Range<usize>>) {
        for node in nodes {
            // An alert's expression is not text: Prometheus runs it.
            let properties =
                node.properties.iter().filter(|property| property.name.value != "when");
            let values = node.arguments.iter().chain(properties.map(|property| &property.entry));
            ranges.extend(
                values.map(|entry| entry.value.span.start as usize..entry.value.span.end as usize),
            );
            walk(&node.children, ranges);
        }
    }
    let document =
        syntax::parse(&file.text, FileId(0), &mut Diagnostics::default()).expect("a shipped lab");
    let mut ranges = Vec::new();
    walk(&document.nodes, &mut ranges);
    ranges.retain(|range| {
        file.text[range.clone()].ends_with(['"', '#']) && file.text[range.clone()].contains('"')
    });
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// A quoted text of a lab.
struct Place {
    file: usize,
    /// Its range in the lab as shipped.
    range: Range<usize>,
    /// The replacements still to try, by index in [`HOSTILE`]. When none is left, the original text
    /// stays.
    tries: Vec<usize>,
}

/// Puts hostile texts into their places. Returns the lab, and the new range of each text.
fn replaced(files: &[SourceFile], places: &[Place]) -> (Vec<SourceFile>, Vec<Range<usize>>) {
    let mut lab = files.to_vec();
    for file in &mut lab {
        file.text.clear();
    }
    let mut now = Vec::new();
    for (index, (file, to)) in files.iter().zip(&mut lab).enumerate() {
        let mut copied = 0;
        for place in places.iter().filter(|place| place.file == index) {
            to.text.push_str(&file.text[copied..place.range.start]);
            let start = to.text.len();
            to.text.push_str(
                place.tries.last().map_or(&file.text[place.range.clone()], |text| HOSTILE[*text]),
            );
            now.push(start..to.text.len());
            copied = place.range.end;
        }
        to.text.push_str(&file.text[copied..]);
    }
    (lab, now)
}

/// Replaces every text of the lab by a hostile one, if its place accepts any of three.
///
/// All are replaced at once. An error says where it is, and that place gets another text until
/// there are no errors.
fn poisoned(files: &[SourceFile], from: usize) -> (Vec<SourceFile>, usize) {
    let mut places: Vec<Place> = Vec::new();
    for (file, source) in files.iter().enumerate() {
        for range in texts(source) {
            let tries = (0..3).map(|turn| (from + places.len() + turn) % HOSTILE.len()).collect();
            places.push(Place { file, range, tries });
        }
    }
    loop {
        let (lab, now) = replaced(files, &places);
        let faults = faults(&lab);
        if faults.is_empty() {
            return (lab, places.iter().filter(|place| !place.tries.is_empty()).count());
        }
        let open = |place: &usize, file: usize| {
            places[*place].file == file && !places[*place].tries.is_empty()
        };
        let touched = |(file, span): &(usize, Range<usize>)| {
            (0..places.len()).find(|place| {
                open(place, *file) && span.start < now[*place].end && now[*place].start < span.end
            })
        };
        // A finding may point at the name of the node around a text, so the next text is tried.
        let next = |(file, span): &(usize, Range<usize>)| {
            (0..places.len()).find(|place| open(place, *file) && now[*place].start >= span.start)
        };
        let blamed = |fault: &Vec<(usize, Range<usize>)>| {
            fault.iter().find_map(touched).or_else(|| fault.iter().find_map(next))
        };
        let wrong: BTreeSet<usize> = faults.iter().filter_map(blamed).collect();
        assert!(!wrong.is_empty(), "nothing that was put in is to blame: {faults:?}");
        for place in wrong {
            places[place].tries.pop();
        }
    }
}

#[test]
fn no_text_leaves_its_place() {
    let mut refusals = Vec::new();
    for (lab, from) in [("media-server-home", 0), ("blackbox", HOSTILE.len() / 2)] {
        let (lab, places) = poisoned(&shipped(lab), from);
        // Some places accept any text: the hardware's name, options that are text, the reasons of
        // `accept`.
        assert!(places >= 5, "only {places} places take hostile text");
        for (name, archive) in build(lab).expect("it has just been emitted") {
            let contents = read_archive(&name, &archive).expect("our own archive can be read");
            let root = tempfile::tempdir().expect("a folder");
            for (path, bytes) in &contents.files {
                let to = root.path().join(path);
                std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
                std::fs::write(&to, bytes).expect("a file");
            }
            if consumers::available() {
                refusals.extend(
                    consumers::bundle(root.path())
                        .err()
                        .map(|refusal| format!("{name}: {refusal}")),
                );
            }
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
    assert!(!std::path::Path::new("/tmp/labwright-was-here").exists(), "a value was run");
}
