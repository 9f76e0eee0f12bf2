//! Text that tries to leave its place, in every place of a lab that takes text.

use labwright::bundle::read::read_archive;
use labwright::source::SourceFile;

use super::{build, emit, shipped};
use crate::consumers;

/// What to write instead of each quoted text: KDL source, quotes included.
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

/// Finds the quoted texts of a file, as byte ranges.
fn texts(file: &SourceFile) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = None;
    let mut comment = false;
    for (index, character) in file.text.char_indices() {
        match (character, start) {
            ('\n', _) => comment = false,
            ('/', None) if file.text[index..].starts_with("//") => comment = true,
            ('"', None) if !comment => start = Some(index),
            ('"', Some(from)) => {
                ranges.push(from..index + 1);
                start = None;
            }
            _ => {}
        }
    }
    ranges
}

/// Replaces every text of the lab that may be replaced without an error, each by the next hostile text that its place takes.
fn poisoned(files: &[SourceFile], from: usize) -> (Vec<SourceFile>, usize) {
    let mut lab = files.to_vec();
    let mut places = 0;
    for index in 0..lab.len() {
        // From the end, so that earlier ranges stay right.
        for range in texts(&lab[index]).into_iter().rev() {
            let before = lab[index].text.clone();
            // A place that takes text takes one of any three; others have a type that refuses them all.
            let taken = (0..3).any(|turn| {
                lab[index].text.replace_range(range.clone(), HOSTILE[(from + places + turn) % HOSTILE.len()]);
                let taken = emit(lab.clone()).is_ok();
                if !taken {
                    lab[index].text.clone_from(&before);
                }
                taken
            });
            places += usize::from(taken);
        }
    }
    (lab, places)
}

#[test]
fn no_text_leaves_its_place() {
    let mut refusals = Vec::new();
    for (lab, from) in [("media-server-home", 0), ("blackbox", HOSTILE.len() / 2)] {
        let (lab, places) = poisoned(&shipped(lab), from);
        // The hardware's name, options that are text, the reasons of `accept`: some places take any text.
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
                refusals.extend(consumers::bundle(root.path()).err().map(|refusal| format!("{name}: {refusal}")));
            }
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
    assert!(!std::path::Path::new("/tmp/labwright-was-here").exists(), "a value was run");
}
