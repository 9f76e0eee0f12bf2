//! Finds values that a list has twice.

use std::collections::BTreeMap;

use super::{Value, codes};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

/// Reports the values that a list has had before, and returns which of its items are new. Values
/// that only a service knows are all new.
pub fn report(values: &[Spanned<Value<'_>>], diagnostics: &mut Diagnostics) -> Vec<bool> {
    let mut firsts: BTreeMap<String, Span> = BTreeMap::new();
    let mut is_new = |item: &Spanned<Value<'_>>| {
        if item.value.is_dynamic() || item.is_faulty() {
            return true;
        }
        let first = *firsts.entry(format!("{:?}", item.value)).or_insert(item.span);
        if first == item.span {
            return true;
        }
        diagnostics.push(
            Diagnostic::new(&codes::DUPLICATE_VALUE, item.span, "this is in the list already")
                .label(first, "first here")
                .help("keep one of the two"),
        );
        false
    };
    values.iter().map(&mut is_new).collect()
}
