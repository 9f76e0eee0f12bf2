//! Takes files of the sources into the lab, where they travel to the machine in its bundle.

use super::files::{FileKind, file_name};
use super::kdl::line;
use super::stack::{Around, Stack};

/// The largest file that becomes part of a lab, in bytes.
const LARGEST: usize = 64 << 10;

/// Takes a file that a container only reads into the module. Returns its name there, or nothing if
/// it stays on the machine: it can't be read, has a secret in it, or is not text.
pub fn file(
    source: &str,
    at: &str,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Option<String> {
    if around.files.kind(source) != FileKind::File {
        return None;
    }
    let text = around.files.read(source).ok()?;
    text_file(file_name(source), &text, (at, container), stack, around)
}

/// Takes a text into the module as a file.
pub fn text_file(
    wanted: &str,
    text: &str,
    (at, container): (&str, &str),
    stack: &mut Stack,
    around: &Around<'_>,
) -> Option<String> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    // A bundle holds text only, and no secret.
    if text.len() > LARGEST || text.contains(control) || around.secrets.hides(text) {
        return None;
    }
    let plain: String = wanted
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let plain = plain.trim_start_matches(['.', '-']);
    // A template would be filled in, and KDL would be read as a part of the lab.
    let other = [".j2", ".kdl"].into_iter().any(|end| plain.ends_with(end));
    let plain = if plain.is_empty() || other { format!("{plain}.txt") } else { plain.to_owned() };
    let free = |name: &str| !stack.files.iter().any(|(known, _)| known == name);
    let numbered = (2..100).map(|number| format!("{number}-{plain}"));
    let name = std::iter::once(plain.clone()).chain(numbered).find(|name| free(name))?;
    stack.provides.push(
        line("file")
            .arg(name.as_str())
            .prop("kind", "text")
            .prop("from", name.as_str())
            .prop("at", at)
            .prop("container", container),
    );
    stack.files.push((name.clone(), text.to_owned()));
    Some(name)
}
