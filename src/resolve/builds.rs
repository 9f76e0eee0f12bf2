//! Reads which images the machine builds, and what their Dockerfiles begin with.

use std::collections::{BTreeMap, BTreeSet};

use super::files::files_below;
use super::read::{Report, plain, text};
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::digest::{sha256_hex, short};
use crate::model::Build;
use crate::source::{FileId, Sources, Span, Spanned};

/// Reads the node `build` of a container.
pub fn build(
    block: &Block<'_>,
    sources: &Sources,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Build> {
    let from = block.argument(0)?.string()?;
    let (folder, files) = files_below(&from, block, sources, report, diagnostics);
    let dockerfile = text(block, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let Some((_, id)) = files.iter().find(|(name, _)| *name == dockerfile) else {
        report(block.span, format!("there is no file `{folder}{dockerfile}`"), diagnostics);
        return None;
    };
    let mut arguments: Vec<(String, String)> = block
        .all("arg")
        .filter_map(|arg| Some((arg.key().to_owned(), plain(arg.argument(1)?))))
        .collect();
    arguments.sort();
    Some(Build {
        bases: bases(*id, &sources.file(*id).text, &arguments),
        dockerfile,
        target: text(block, "target"),
        arguments,
        files,
        span: block.span,
    })
}

/// Names the image of a build. The name follows from all that it is made of, so that a change makes
/// another image and the one before stays.
pub fn image(container: &str, build: &Build, sources: &Sources) -> String {
    let mut summary = Vec::new();
    // Each part is hashed by itself, so that no text can move from one into the next unnoticed.
    let mut add = |part: &str| {
        summary.extend(sha256_hex(part.as_bytes()).into_bytes());
        summary.push(b'\n');
    };
    add(&build.dockerfile);
    add(build.target.as_deref().unwrap_or_default());
    for (name, value) in &build.arguments {
        add(name);
        add(value);
    }
    for (name, file) in &build.files {
        add(name);
        add(&sources.file(*file).text);
    }
    format!("labwright.local/{container}:1-{}", short(&sha256_hex(&summary)))
}

/// Lists the images that a Dockerfile begins with or copies from.
fn bases(file: FileId, text: &str, given: &[(String, String)]) -> Vec<Spanned<String>> {
    let mut arguments: BTreeMap<&str, &str> = BTreeMap::new();
    let mut stages: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    let mut begun = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (at, words) = (start, line.split_ascii_whitespace().collect::<Vec<_>>());
        start += line.len();
        let Some((instruction, words)) = words.split_first() else { continue };
        let place = || {
            let number = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
            Span::new(file, number(at), number(at + line.trim_end().len()))
        };
        match instruction.to_ascii_uppercase().as_str() {
            // Only arguments before the first `FROM` count in one.
            "ARG" if !begun => {
                for word in words {
                    let (name, value) = word.split_once('=').unwrap_or((word, ""));
                    let given = given.iter().find(|(known, _)| known == name);
                    let value = given.map_or(value, |(_, value)| value.as_str());
                    arguments.insert(name, value.trim_matches(['"', '\'']));
                }
            }
            "FROM" => {
                begun = true;
                let mut words = words.iter().filter(|word| !word.starts_with("--"));
                let Some(image) = words.next() else { continue };
                let image = filled(image, &arguments);
                // `scratch` is the empty image, and never pulled. Docker ignores the case of a
                // stage's name.
                if image != "scratch" && !stages.contains(&image.to_ascii_lowercase()) {
                    found.push(Spanned::new(image, place()));
                }
                if words.next().is_some_and(|word| word.eq_ignore_ascii_case("as")) {
                    stages.extend(words.next().map(|name| name.to_ascii_lowercase()));
                }
            }
            "COPY" => {
                let from = words.iter().find_map(|word| word.strip_prefix("--from="));
                let Some(image) = from else { continue };
                let image = filled(image, &arguments);
                // Docker also takes the number of a stage here.
                let is_stage = stages.contains(&image.to_ascii_lowercase())
                    || image.bytes().all(|byte| byte.is_ascii_digit());
                if !is_stage {
                    found.push(Spanned::new(image, place()));
                }
            }
            _ => {}
        }
    }
    found
}

/// Puts the values of arguments into the name of an image, as docker does.
fn filled(word: &str, arguments: &BTreeMap<&str, &str>) -> String {
    let mut filled = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let (name, end) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, end)) => (inner, end),
            None => after.split_at(after.find(|letter| !is_name(letter)).unwrap_or(after.len())),
        };
        let (name, default) = name.split_once(":-").unwrap_or((name, ""));
        let value = arguments.get(name).copied().filter(|value| !value.is_empty());
        filled.push_str(value.unwrap_or(default));
        rest = end;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_dockerfile_are_found() {
        let text = "# syntax=docker/dockerfile:1\nARG NODE=22\nARG BASE\n\
                    FROM --platform=linux/amd64 node:${NODE}-alpine AS build\n\
                    FROM ${BASE:-debian:13} as run\nFROM scratch\nFROM build\n\
                    COPY --from=build /a /b\nCOPY --from=0 /a /b\n  copy --from=caddy /a /b\n";
        let given = [("NODE".to_owned(), "24.1".to_owned())];
        let found = bases(FileId(0), text, &given);
        let names: Vec<&str> = found.iter().map(|base| base.value.as_str()).collect();
        assert_eq!(names, ["node:24.1-alpine", "debian:13", "caddy"]);
        let span = found[2].span;
        assert!(text[span.start as usize..span.end as usize].ends_with("/a /b"));
    }
}
