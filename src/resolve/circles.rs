//! Finds what leads back to itself, in one walk over all that leads anywhere.

/// Lists the circles of a graph: those of its points from which a way leads back to them, each
/// circle with all of its points, in ascending order. `next` are the points that each leads to.
pub fn circles(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut walk = Walk { states: vec![State::default(); next.len()], ..Walk::default() };
    for start in 0..next.len() {
        walk.from(start, next);
    }
    walk.found.sort();
    walk.found
}

/// What Tarjan's algorithm knows of a point.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// When the walk came to it first, from 1.
    met: usize,
    /// The earliest point that it leads back to.
    low: usize,
    is_open: bool,
}

#[derive(Default)]
struct Walk {
    states: Vec<State>,
    met: usize,
    /// The points that are met and not yet part of anything.
    open: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Walk {
    /// Walks on from a point. Without recursion, since a chain may be as long as the lab.
    fn from(&mut self, start: usize, next: &[Vec<usize>]) {
        let mut way: Vec<(usize, usize)> = Vec::new();
        way.extend(self.meet(start).then_some((start, 0)));
        while let Some((at, done)) = way.last_mut() {
            let (point, targets) = (*at, next.get(*at).map(Vec::as_slice).unwrap_or_default());
            if let Some(target) = targets.get(*done).copied() {
                *done += 1;
                if self.meet(target) {
                    way.push((target, 0));
                } else if self.state(target).is_open {
                    self.lower(point, self.state(target).met);
                }
                continue;
            }
            way.pop();
            if let Some((above, _)) = way.last().copied() {
                self.lower(above, self.state(point).low);
            }
            if self.state(point).low == self.state(point).met {
                self.close(point, targets);
            }
        }
    }

    fn state(&self, point: usize) -> State {
        self.states.get(point).copied().unwrap_or_default()
    }

    /// Returns whether a point is met for the first time.
    fn meet(&mut self, point: usize) -> bool {
        let Some(state) = self.states.get_mut(point).filter(|state| state.met == 0) else {
            return false;
        };
        self.met += 1;
        *state = State { met: self.met, low: self.met, is_open: true };
        self.open.push(point);
        true
    }

    fn lower(&mut self, point: usize, low: usize) {
        if let Some(state) = self.states.get_mut(point) {
            state.low = state.low.min(low);
        }
    }

    /// Takes out what leads back to a point, and no further back.
    fn close(&mut self, point: usize, targets: &[usize]) {
        let mut circle = Vec::new();
        while let Some(one) = self.open.pop() {
            if let Some(state) = self.states.get_mut(one) {
                state.is_open = false;
            }
            circle.push(one);
            if one == point {
                break;
            }
        }
        if circle.len() > 1 || targets.contains(&point) {
            circle.sort_unstable();
            self.found.push(circle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn finds_each_circle_once() {
        let next = [vec![1], vec![2, 4], vec![0, 3], vec![], vec![5], vec![4], vec![6, 0]];
        assert_eq!(circles(&next), [vec![0, 1, 2], vec![4, 5], vec![6]]);
        assert_eq!(circles(&[vec![1, 2], vec![3], vec![3], vec![]]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_long_chain_ends() {
        let last = 200_000;
        let mut next: Vec<Vec<usize>> = (0..last).map(|at| vec![at + 1]).collect();
        next.push(Vec::new());
        assert!(circles(&next).is_empty());
        next.push(vec![last + 1, 0]);
        assert_eq!(circles(&next), [vec![last + 1]]);
    }
}
