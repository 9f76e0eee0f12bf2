//! The decoded files of a lab, kept to analyze many versions of it that differ in little.

use std::sync::Arc;

use rayon::prelude::*;

use super::partly::decode_again;
use super::{Analyzed, analyze_blocks};
use crate::decl::{Block, decode, layer, schema};
use crate::diag::Diagnostics;
use crate::resolve::{self, Remembered};
use crate::source::{FileId, Layer, SourceFile, Sources};
use crate::syntax;

/// The blocks of every file of a lab.
#[derive(Debug)]
pub struct Decoded<'s> {
    sources: &'s Sources,
    files: Vec<DecodedFile<'s>>,
    /// The lab as it was resolved, unless it has an error.
    remembered: Option<Remembered<'s>>,
}

#[derive(Debug, Clone)]
struct DecodedFile<'s> {
    id: FileId,
    /// The blocks, or nothing when the file has a syntax error.
    blocks: Option<Arc<Vec<Block<'s>>>>,
    findings: Diagnostics,
}

impl<'s> Decoded<'s> {
    /// Parses and decodes the KDL files of the lab, and of the built-in modules those that
    /// `is_used` names, in parallel.
    pub fn new(sources: &'s Sources, is_used: impl Fn(&str) -> bool) -> Self {
        let is_wanted = |file: &SourceFile| {
            file.is_kdl() && (file.layer != Layer::Builtin || is_used(file.folder()))
        };
        let files: Vec<_> = sources.files().filter(|(_, file)| is_wanted(file)).collect();
        let files: Vec<_> = files.into_par_iter().map(|(id, file)| decode_file(id, file)).collect();
        Self::of(files, sources)
    }

    /// Decodes `edited`: the sources that were decoded, but for the text of `files`, and with no
    /// built-in module that `is_used` does not name.
    pub fn within<'e>(
        &self,
        edited: &'e Sources,
        files: &[FileId],
        is_used: impl Fn(&str) -> bool,
    ) -> Decoded<'e>
    where
        's: 'e,
    {
        let is_wanted = |decoded: &&DecodedFile<'s>| {
            let file = edited.file(decoded.id);
            file.layer != Layer::Builtin || is_used(file.folder())
        };
        let decode = |decoded: &DecodedFile<'s>| {
            if files.contains(&decoded.id) {
                decode_file(decoded.id, edited.file(decoded.id))
            } else {
                decoded.clone()
            }
        };
        let files = self.files.iter().filter(is_wanted).map(decode).collect();
        Decoded::of(files, edited)
    }

    /// Lists the blocks of every file.
    pub fn blocks(&self) -> impl Iterator<Item = &Block<'s>> {
        self.files.iter().filter_map(|file| file.blocks.as_deref()).flatten()
    }

    /// Layers and resolves `edited`: the sources that were decoded, but for the text of `files`,
    /// unless that has an error already.
    pub fn analyze(&self, edited: &Sources, files: &[FileId]) -> Analyzed {
        let mut diagnostics = Diagnostics::default();
        let touched = self
            .files
            .iter()
            .map(|file| files.contains(&file.id).then(|| self.again(file, edited.file(file.id))));
        let mut touched: Vec<Option<DecodedFile<'_>>> = touched.collect();
        for file in touched.iter_mut().flatten() {
            diagnostics.append(std::mem::take(&mut file.findings));
        }
        if diagnostics.has_errors() {
            return Analyzed { diagnostics, ..Analyzed::default() };
        }
        let mut blocks = Vec::new();
        for (decoded, touched) in self.files.iter().zip(touched) {
            match touched.map(|file| file.blocks) {
                Some(own) => blocks.extend(own.into_iter().flat_map(Arc::unwrap_or_clone)),
                None => blocks.extend(decoded.blocks.iter().flat_map(|own| own.iter().cloned())),
            }
        }
        analyze_blocks(blocks, Vec::new(), edited, (self.remembered.as_ref(), files), diagnostics)
    }

    /// Decodes a file with another text.
    fn again<'e>(&self, decoded: &DecodedFile<'s>, file: &'e SourceFile) -> DecodedFile<'e>
    where
        's: 'e,
    {
        let was = &self.sources.file(decoded.id).text;
        let blocks = decoded.blocks.as_deref().filter(|_| decoded.findings.is_empty());
        let again = blocks.and_then(|blocks| decode_again(blocks, was, (decoded.id, file)));
        again.map_or_else(
            || decode_file(decoded.id, file),
            |blocks| DecodedFile {
                id: decoded.id,
                blocks: Some(Arc::new(blocks)),
                findings: Diagnostics::default(),
            },
        )
    }

    /// Resolves the lab of some files.
    fn of(files: Vec<DecodedFile<'s>>, sources: &'s Sources) -> Self {
        let decoded = Self { sources, files, remembered: None };
        let mut diagnostics = Diagnostics::default();
        let lab = layer::layer(decoded.blocks().cloned().collect(), &mut diagnostics);
        let lab = lab.filter(|_| !diagnostics.has_errors());
        Self { remembered: lab.map(|lab| resolve::remember(lab, sources)), ..decoded }
    }
}

fn decode_file(id: FileId, file: &SourceFile) -> DecodedFile<'_> {
    let mut findings = Diagnostics::default();
    let document = syntax::parse(&file.text, id, &mut findings);
    let blocks = document
        .map(|document| decode::nodes(document.nodes, "file", &[schema::TOP], file, &mut findings));
    DecodedFile { id, blocks: blocks.map(Arc::new), findings }
}
