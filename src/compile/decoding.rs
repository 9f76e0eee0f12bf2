//! Parses and decodes files, in parallel, and leaves out modules of the standard library that a lab
//! does not use.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::decl::{Block, decode, schema};
use crate::diag::Diagnostics;
use crate::source::{FileId, Layer, SourceFile, Sources, Spanned};
use crate::syntax;

/// Decodes every file. Also returns the files with syntax errors, of which nothing is decoded.
pub(super) fn all<'s>(
    sources: &'s Sources,
    diagnostics: &mut Diagnostics,
) -> (Vec<Block<'s>>, Vec<FileId>) {
    decode(sources.files().filter(|(_, file)| file.is_kdl()).collect(), diagnostics)
}

/// Decodes the lab's files, and of the standard library what the lab uses. For the lab, the result
/// is the same as that of [`all`].
pub(super) fn used<'s>(
    sources: &'s Sources,
    diagnostics: &mut Diagnostics,
) -> (Vec<Block<'s>>, Vec<FileId>) {
    let (mut library, own): (Vec<_>, Vec<_>) = sources
        .files()
        .filter(|(_, file)| file.is_kdl())
        .partition(|(_, file)| file.layer == Layer::Builtin);
    let (own, unread) = decode(own, diagnostics);
    let (mut used, mut defined) = (BTreeSet::new(), BTreeSet::new());
    add_modules(&own, &mut used, &mut defined);
    let folders: BTreeSet<&str> = library.iter().map(|(_, file)| file.folder()).collect();
    // A name without a folder is one that a module had formerly, or a mistake for which a module is
    // suggested. Only the modules tell.
    if used.iter().all(|name| folders.contains(name) || defined.contains(name)) {
        library.retain(|(_, file)| used.contains(file.folder()) || defined.contains(file.folder()));
    }
    let (mut blocks, _) = decode(library, diagnostics);
    blocks.extend(own);
    (blocks, unread)
}

/// Adds the names of the modules that services may use and of those that the lab defines itself.
fn add_modules<'b>(
    blocks: &'b [Block<'_>],
    used: &mut BTreeSet<&'b str>,
    defined: &mut BTreeSet<&'b str>,
) {
    for block in blocks {
        let module = block.property("module").and_then(Spanned::text);
        match block.schema.name {
            "service" => used.extend([module.unwrap_or(block.key())]),
            "extend" => used.extend(module),
            "module" => defined.extend([block.key()]),
            "profile" => add_modules(&block.children, used, defined),
            _ => {}
        }
    }
}

fn decode<'s>(
    files: Vec<(FileId, &'s SourceFile)>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Block<'s>>, Vec<FileId>) {
    let decoded: Vec<(Result<Vec<Block<'s>>, FileId>, Diagnostics)> = files
        .into_par_iter()
        .map(|(id, file)| {
            let mut found = Diagnostics::default();
            let document = syntax::parse(&file.text, id, &mut found).ok_or(id);
            let blocks = document.map(|document| {
                decode::nodes(document.nodes, "file", &[schema::TOP], file, &mut found)
            });
            (blocks, found)
        })
        .collect();
    let (mut blocks, mut unread) = (Vec::new(), Vec::new());
    for (result, found) in decoded {
        diagnostics.append(found);
        match result {
            Ok(more) => blocks.extend(more),
            Err(file) => unread.push(file),
        }
    }
    (blocks, unread)
}
