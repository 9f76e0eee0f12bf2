//! Makes new inputs from those of a corpus.

/// A generator of numbers that look random, the same for the same seed (`SplitMix64`).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

/// Returns an input with some changes.
pub fn mutate(corpus: &[Vec<u8>], words: &[&str], random: &mut Random) -> Vec<u8> {
    let mut input = random.pick(corpus).clone();
    for _ in 0..=random.below(4) {
        change(&mut input, corpus, words, random);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(40)).min(input.len());
    let part = at.min(end)..end;
    match random.below(8) {
        0 => drop(input.drain(part)),
        1 if !words.is_empty() => {
            let word = random.pick(words).as_bytes().to_vec();
            drop(input.splice(at..at, word));
        }
        2 if !words.is_empty() => {
            let word = random.pick(words).as_bytes().to_vec();
            drop(input.splice(part, word));
        }
        3 => {
            let copy = input[part].repeat(1 + random.below(3));
            drop(input.splice(at..at, copy));
        }
        // Many times the same: what nests or grows.
        4 => {
            let copy = input[part].repeat(1 << random.below(10));
            drop(input.splice(at..at, copy));
        }
        5 => {
            let other = random.pick(corpus);
            let from = random.below(other.len());
            let to = (from + random.below(200)).min(other.len());
            drop(input.splice(at..at, other[from..to].to_vec()));
        }
        6 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte = u8::try_from(random.below(256)).unwrap_or(0);
            }
        }
    }
}
