//! Plants mistakes that people make into labs.

use std::ops::Range;
use std::path::Path;

use labwright::diag::Diagnostics;
use labwright::source::{FileId, Layer, SourceFile};
use labwright::syntax::{self, Node, Scalar};

use super::{Lab, Mistaken, is_kdl, own_files};
use crate::cli::case;
use crate::diagnostics::mistakes::MISTAKES;

/// Returns the lab of the usual mistakes, once with each.
pub fn by_hand() -> Vec<Mistaken> {
    let lab = std::fs::read_to_string(case("mistakes").join("lab.kdl")).expect("a lab");
    MISTAKES
        .iter()
        // The rest of the lab still names it as it was.
        .filter(|(_, written)| !written.contains("my media"))
        .map(|(right, written)| {
            let text = if right.is_empty() {
                format!("{lab}{written}\n")
            } else {
                lab.replace(right, written)
            };
            let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
            let what = format!("{right} → {written}");
            // This one means to open more than the lab does.
            let of = if written.ends_with(", lan") { "" } else { "mistakes" };
            Mistaken { of: of.to_owned(), what, lab: vec![file] }
        })
        .collect()
}

/// A place of a file, and what a person may write there by mistake.
struct Mistake {
    range: Range<usize>,
    text: String,
}

/// Leaves out a letter in the middle of a word.
fn misspelled(word: &str) -> Option<String> {
    let at = word.len() / 2;
    let long = word.len() > 4 && word.is_char_boundary(at) && word.is_char_boundary(at + 1);
    let letter = word.as_bytes().get(at).is_some_and(u8::is_ascii_alphabetic);
    (long && letter).then(|| format!("{}{}", &word[..at], &word[at + 1..]))
}

fn mistakes(text: &str, node: &Node<'_>, list: &mut Vec<Mistake>) {
    let range = |span: labwright::source::Span| span.start as usize..span.end as usize;
    let mut plant = |range: Range<usize>, text: Option<String>| {
        list.extend(text.map(|text| Mistake { range, text }));
    };
    plant(range(node.name.span), misspelled(&node.name.value));
    let values = node.arguments.iter().chain(node.properties.iter().map(|one| &one.entry));
    for (index, entry) in values.enumerate() {
        let place = range(entry.value.span);
        let written = text[place.clone()].to_owned();
        match &entry.value.value {
            Scalar::Text(value) if written.starts_with('"') => {
                plant(place.clone(), Some(format!("“{value}”")));
                plant(place.clone(), Some(format!("'{value}'")));
                let plain = !value.contains(['{', '}', '"', '=', ';', '(', ')', '`', '\\']);
                plant(place.clone(), plain.then(|| value.to_string()));
                if node.arguments.len() > 1 && index < node.arguments.len() - 1 {
                    plant(place.end..place.end, Some(",".to_owned()));
                }
                if let Some((first, second)) =
                    value.split_once(',').filter(|_| !value.contains(' '))
                {
                    plant(place, Some(format!("\"{first}\",\"{second}\"")));
                }
            }
            Scalar::Text(value) if !written.starts_with('#') => {
                plant(place.clone(), misspelled(value));
                plant(place.clone(), Some(value.to_uppercase()));
                if value.contains(',') {
                    plant(place.clone(), Some(value.replace(',', ", ")));
                    plant(place, Some(format!("[{}]", value.replace(',', ", "))));
                }
            }
            Scalar::Integer(_) => plant(place, Some(format!("\"{written}\""))),
            Scalar::Bool(value) => plant(place, Some(value.to_string())),
            _ => {}
        }
    }
    for property in &node.properties {
        plant(range(property.name.span), misspelled(&property.name.value));
    }
    for child in &node.children {
        mistakes(text, child, list);
    }
}

/// Returns the labs of the library, by name.
pub fn labs() -> impl Iterator<Item = (String, Lab)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs");
    crate::cli::names(&folder).into_iter().map(move |name| {
        let lab = own_files(&folder.join(&name)).expect("the lab can be read");
        (name, lab)
    })
}

/// Returns the labs of the library, each time with one mistake.
pub fn in_labs() -> Vec<Mistaken> {
    let mut mistaken = Vec::new();
    for (start, (name, lab)) in labs().enumerate() {
        let mut planted = Vec::new();
        for (index, file) in lab.iter().enumerate().filter(|(_, file)| is_kdl(file)) {
            let document = syntax::parse(&file.text, FileId(0), &mut Diagnostics::default());
            let mut list = Vec::new();
            for node in &document.expect("a shipped lab").nodes {
                mistakes(&file.text, node, &mut list);
            }
            planted.extend(list.into_iter().map(|mistake| (index, mistake)));
        }
        for (index, mistake) in planted.into_iter().skip(start).step_by(STEP) {
            let mut lab = lab.clone();
            let old = lab[index].text[mistake.range.clone()].to_owned();
            let line = lab[index].text[..mistake.range.start].lines().count();
            lab[index].text.replace_range(mistake.range, &mistake.text);
            let place = format!("{name}/{}:{line}", lab[index].path);
            let what = format!("{place} {old} → {}", mistake.text);
            mistaken.push(Mistaken { of: name.clone(), what, lab });
        }
    }
    mistaken
}

/// Only every so many mistakes are made, since each is a lab to compile.
const STEP: usize = 29;
