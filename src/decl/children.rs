//! The children of a node.

use std::ops::Deref;
use std::sync::Arc;

use super::Block;

/// The children of a node, in the order written. Copies share them until one is changed, so that a
/// large node is copied and compared in no time.
#[derive(Debug, Clone, Default)]
pub struct Children<'s>(Option<Arc<Vec<Block<'s>>>>);

impl<'s> Children<'s> {
    /// Returns them to be changed.
    pub fn to_mut(&mut self) -> &mut Vec<Block<'s>> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl<'s> Deref for Children<'s> {
    type Target = [Block<'s>];

    fn deref(&self) -> &[Block<'s>] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<'s> From<Vec<Block<'s>>> for Children<'s> {
    fn from(blocks: Vec<Block<'s>>) -> Self {
        Self((!blocks.is_empty()).then(|| Arc::new(blocks)))
    }
}

impl<'b, 's> IntoIterator for &'b Children<'s> {
    type Item = &'b Block<'s>;
    type IntoIter = std::slice::Iter<'b, Block<'s>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'s> IntoIterator for Children<'s> {
    type Item = Block<'s>;
    type IntoIter = std::vec::IntoIter<Block<'s>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter()
    }
}

impl PartialEq for Children<'_> {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.0, &other.0) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        is_same || **self == **other
    }
}
