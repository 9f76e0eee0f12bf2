//! The ids of releases, made of digests.

use std::fmt::Write as _;

use crate::digest::sha256_hex;
use crate::source::{LOCK_FILE, Layer, Sources};

/// The version of this compiler, which is part of every input id.
pub const COMPILER: &str = concat!("labwright ", env!("CARGO_PKG_VERSION"));

/// The editions of the language that exist.
pub const EDITIONS: [u32; 1] = [1];

/// Returns whether `text` names a version of this compiler, older or newer.
pub fn is_compiler(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
    text.strip_prefix("labwright ").is_some_and(|version| {
        version.starts_with(|first: char| first.is_ascii_digit()) && version.bytes().all(is_plain)
    })
}

/// Returns the id of a release's content: the SHA-256 of one line `<machine> <content id>` for each
/// machine, sorted by name.
pub fn release_content_id<'m>(machines: impl IntoIterator<Item = (&'m str, &'m str)>) -> String {
    let mut lines: Vec<String> =
        machines.into_iter().map(|(name, content)| format!("{name} {content}\n")).collect();
    lines.sort_unstable();
    sha256_hex(lines.concat().as_bytes())
}

/// A file that the build read, as `release.json` lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The path below the lab's folder.
    pub path: String,
    /// The SHA-256 of its content, in hex.
    pub sha256: String,
}

/// Lists the files of the lab's folder that `sources` holds, sorted by path. Files of the standard
/// library are left out, because they belong to the compiler.
pub fn inputs(sources: &Sources) -> Vec<Input> {
    hashed(sources, |layer| layer != Layer::Builtin)
}

/// Returns the id of everything that decides a release: the format, the compiler, its standard
/// library, the files read, the lock.
///
/// Every part is a line that begins with its own word, so that no two different sets of parts read
/// the same.
pub fn input_id(release_format: &str, compiler: &str, sources: &Sources) -> String {
    let library = hashed(sources, |layer| layer == Layer::Builtin);
    id_of_parts(release_format, compiler, &library, &inputs(sources))
}

/// Returns the id of a release of this compiler that was made of the files `inputs`.
pub fn input_id_of(release_format: &str, compiler: &str, inputs: &[Input]) -> String {
    let library = Sources::with_standard_library(Vec::new());
    let library = hashed(&library, |layer| layer == Layer::Builtin);
    id_of_parts(release_format, compiler, &library, inputs)
}

fn id_of_parts(
    release_format: &str,
    compiler: &str,
    library: &[Input],
    inputs: &[Input],
) -> String {
    let mut text = format!("labwright.input/1\nformat {release_format}\ncompiler {compiler}\n");
    for (word, files) in [("library", library), ("input", inputs)] {
        for Input { path, sha256 } in files {
            let _ = writeln!(text, "{word} {sha256} {path}");
        }
    }
    let lock = inputs.iter().find(|input| input.path == LOCK_FILE);
    let _ = writeln!(text, "lock {}", lock.map_or("none", |lock| lock.sha256.as_str()));
    sha256_hex(text.as_bytes())
}

fn hashed(sources: &Sources, wanted: impl Fn(Layer) -> bool) -> Vec<Input> {
    let mut list: Vec<Input> = sources
        .files()
        .filter(|(_, file)| wanted(file.layer))
        .map(|(_, file)| Input {
            path: file.path.clone(),
            sha256: sha256_hex(file.text.as_bytes()),
        })
        .collect();
    list.sort_unstable();
    list
}

/// Returns the number by which a machine tells an older release from a newer one.
///
/// Only the first three numbers of the version count, six digits each, so that the whole stays
/// below 2^63, the largest number that sh can compare: `2025.11.3` becomes 2025000011000003.
pub fn sequence(version: &str) -> Result<u64, String> {
    const PART: u64 = 1_000_000;
    let mut numbers = version
        .split(|character: char| !character.is_ascii_digit())
        .filter(|digits| !digits.is_empty());
    let mut sequence = 0;
    for _ in 0..3 {
        let digits = numbers.next().unwrap_or("0");
        let number = digits.parse::<u64>().ok().filter(|number| *number < PART);
        sequence = sequence * PART
            + number.ok_or_else(|| {
                format!("the version `{version}` holds a number of more than six digits")
            })?;
    }
    Ok(sequence)
}
