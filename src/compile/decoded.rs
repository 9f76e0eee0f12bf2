//! The decoded files of a lab, kept to analyze many versions of it that differ in little.

use rayon::prelude::*;

use super::decoding::is_kdl;
use super::{Analyzed, analyze_blocks};
use crate::decl::{Block, decode, schema};
use crate::diag::Diagnostics;
use crate::source::{FileId, Layer, SourceFile, Sources};
use crate::syntax;

/// The blocks of every file of a lab.
#[derive(Debug)]
pub struct Decoded<'s> {
    files: Vec<DecodedFile<'s>>,
}

#[derive(Debug)]
struct DecodedFile<'s> {
    id: FileId,
    /// The blocks, or nothing when the file has a syntax error.
    blocks: Option<Vec<Block<'s>>>,
    findings: Diagnostics,
}

impl<'s> Decoded<'s> {
    /// Parses and decodes every KDL file, in parallel.
    pub fn new(sources: &'s Sources) -> Self {
        let files: Vec<_> = sources.files().filter(|(_, file)| is_kdl(file)).collect();
        Self { files: files.into_par_iter().map(|(id, file)| decode_file(id, file)).collect() }
    }

    /// Leaves out the built-in modules that `is_used` does not name.
    pub fn keep_modules(&mut self, sources: &Sources, is_used: impl Fn(&str) -> bool) {
        for file in &mut self.files {
            if sources.file(file.id).layer == Layer::Builtin {
                let blocks = file.blocks.iter_mut();
                blocks.for_each(|blocks| blocks.retain(|block| is_used(block.key())));
            }
        }
    }

    /// Lists the blocks of every file.
    pub fn blocks(&self) -> impl Iterator<Item = &Block<'s>> {
        self.files.iter().flat_map(|file| file.blocks.iter().flatten())
    }

    /// Layers and resolves `edited`: the sources that were decoded, but for the text of `files`.
    pub fn analyze(&self, edited: &Sources, files: &[FileId]) -> Analyzed {
        let mut diagnostics = Diagnostics::default();
        let (mut blocks, mut unread) = (Vec::new(), Vec::new());
        for decoded in &self.files {
            if files.contains(&decoded.id) {
                let file = decode_file(decoded.id, edited.file(decoded.id));
                diagnostics.append(file.findings);
                match file.blocks {
                    Some(more) => blocks.extend(more),
                    None => unread.push(file.id),
                }
            } else {
                blocks.extend(decoded.blocks.iter().flatten().cloned());
            }
        }
        analyze_blocks(blocks, unread, edited, diagnostics)
    }
}

fn decode_file(id: FileId, file: &SourceFile) -> DecodedFile<'_> {
    let mut findings = Diagnostics::default();
    let document = syntax::parse(&file.text, id, &mut findings);
    let blocks = document
        .map(|document| decode::nodes(document.nodes, "file", &[schema::TOP], file, &mut findings));
    DecodedFile { id, blocks, findings }
}
