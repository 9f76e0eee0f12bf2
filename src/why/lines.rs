//! Which lines of a file are gone or changed in another version of it.

use std::collections::BTreeMap;

/// Returns the lines of `was`, from 0, that `is` has no more: neither in their place nor elsewhere.
///
/// Of equal lines, those that kept their neighbours are the ones that stayed.
pub fn gone(was: &[&str], is: &[&str]) -> Vec<usize> {
    let mut pairs = Pairs { was, is, kept: vec![false; was.len()], used: vec![false; is.len()] };
    pairs.match_range((0, was.len()), (0, is.len()));
    pairs.match_moved();
    let gone = pairs.kept.iter().enumerate().filter(|(_, kept)| !**kept);
    gone.map(|(line, _)| line).collect()
}

struct Pairs<'l> {
    was: &'l [&'l str],
    is: &'l [&'l str],
    kept: Vec<bool>,
    used: Vec<bool>,
}

type Range = (usize, usize);

impl Pairs<'_> {
    fn pair(&mut self, old: usize, new: usize) {
        if let (Some(kept), Some(used)) = (self.kept.get_mut(old), self.used.get_mut(new)) {
            (*kept, *used) = (true, true);
        }
    }

    /// Pairs equal lines of two ranges: those at both ends, then those between lines that are there
    /// once on both sides.
    fn match_range(&mut self, (mut from, mut to): Range, (mut start, mut end): Range) {
        while from < to && start < end && self.was.get(from) == self.is.get(start) {
            self.pair(from, start);
            (from, start) = (from + 1, start + 1);
        }
        while from < to && start < end && self.was.get(to - 1) == self.is.get(end - 1) {
            self.pair(to - 1, end - 1);
            (to, end) = (to - 1, end - 1);
        }
        if from == to || start == end {
            return;
        }
        let anchors = self.anchors((from, to), (start, end));
        if anchors.is_empty() {
            return;
        }
        for (old, new) in anchors {
            self.pair(old, new);
            // The ranges before an anchor end in it, so the recursion works on less each time.
            self.match_range((from, old), (start, new));
            (from, start) = (old + 1, new + 1);
        }
        self.match_range((from, to), (start, end));
    }

    /// Finds lines that both ranges have once, in the same order on both sides.
    fn anchors(&self, (from, to): Range, (start, end): Range) -> Vec<(usize, usize)> {
        let mut places: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
        for old in from..to {
            if let Some(line) = self.was.get(old) {
                places.entry(line).or_default()[0].push(old);
            }
        }
        for new in start..end {
            if let Some(line) = self.is.get(new) {
                places.entry(line).or_default()[1].push(new);
            }
        }
        let mut once: Vec<(usize, usize)> = places
            .values()
            .filter_map(|[old, new]| match (old.as_slice(), new.as_slice()) {
                ([old], [new]) => Some((*old, *new)),
                _ => None,
            })
            .collect();
        once.sort_unstable();
        longest_rise(&once)
    }

    /// Pairs what is left over by content alone: a line that moved says the same.
    fn match_moved(&mut self) {
        let mut free: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (new, used) in self.used.iter().enumerate().rev().filter(|(_, used)| !**used) {
            let _: &bool = used;
            if let Some(line) = self.is.get(new) {
                free.entry(line).or_default().push(new);
            }
        }
        for old in 0..self.was.len() {
            let left = self.kept.get(old) == Some(&false);
            let line = self.was.get(old).filter(|_| left);
            if let Some(new) = line.and_then(|line| free.get_mut(line)).and_then(Vec::pop) {
                self.pair(old, new);
            }
        }
    }
}

/// Returns the longest part of `pairs` in which the second numbers rise as the first ones do.
fn longest_rise(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |index: usize| pairs.get(index).map_or(0, |pair| pair.1);
    for (index, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| second(*end) < pair.1);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut rise = Vec::new();
    let mut next = ends.last().copied();
    while let Some(index) = next {
        rise.extend(pairs.get(index).copied());
        next = before.get(index).copied().flatten();
    }
    rise.reverse();
    rise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_gone_when_it_is_nowhere() {
        assert_eq!(gone(&["a", "b", "c"], &["a", "x", "c"]), [1]);
        assert_eq!(gone(&["a", "b", "c"], &["c", "a", "b"]), [0_usize; 0], "moved is not gone");
        assert_eq!(gone(&["a"], &[]), [0]);
        assert_eq!(gone(&[], &["a"]), [0_usize; 0]);
    }

    #[test]
    fn of_equal_lines_the_one_with_lost_neighbours_is_gone() {
        let was = ["one:", "  same", "two:", "  same", "three:", "  same"];
        let is = ["one:", "  same", "three:", "  same"];
        assert_eq!(gone(&was, &is), [2, 3]);
    }
}
