//! What has had several names, one after another.

use std::collections::BTreeMap;

/// Finds the last name of everything that has a next one. Names that have become one another have
/// none of their own: each has one of the others.
///
/// Each step is made once, however long the rows of names are.
pub fn last_names<T: Ord + Copy>(next: &BTreeMap<T, T>) -> BTreeMap<T, T> {
    let mut last: BTreeMap<T, T> = BTreeMap::new();
    for (first, to) in next {
        let (mut row, mut at) = (vec![*first], *to);
        let end = loop {
            match (last.get(&at), next.get(&at)) {
                (Some(known), _) => break *known,
                // A row that is longer than there are names has led back into itself.
                (None, Some(to)) if row.len() <= next.len() => {
                    row.push(at);
                    at = *to;
                }
                _ => break at,
            }
        };
        last.extend(row.into_iter().map(|name| (name, end)));
    }
    last
}

#[cfg(test)]
mod tests {
    use super::last_names;
    use std::collections::BTreeMap;

    #[test]
    fn a_row_of_names_leads_to_the_last_one() {
        let next = BTreeMap::from([("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")]);
        let last = last_names(&next);
        assert_eq!(last, BTreeMap::from([("a", "d"), ("b", "d"), ("c", "d"), ("x", "y")]));
    }

    #[test]
    fn names_that_became_one_another_come_to_an_end() {
        assert_eq!(last_names(&BTreeMap::from([("a", "b"), ("b", "a")])).len(), 2);
        assert_eq!(last_names(&BTreeMap::from([("a", "a")])), BTreeMap::from([("a", "a")]));
    }
}
