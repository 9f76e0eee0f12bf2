//! Gives lines their lanes between the columns. All lines of one kind from one place share a lane,
//! and lanes that don't overlap share a track.

use std::collections::BTreeMap;

use super::{Kind, Line, Mark, Place, Ports, Scene};

/// The places at which lines end, and their ports.
type Ends<'s> = Vec<(&'s Place, &'s Ports)>;

/// The lines of one kind and mark from one place.
#[derive(Debug)]
pub struct Lane<'s> {
    pub from: &'s Place,
    pub kind: Kind,
    pub mark: Mark,
    pub to: Ends<'s>,
}

/// Collects the lanes of a scene.
pub fn lanes(scene: &Scene) -> Vec<Lane<'_>> {
    let mut lanes: BTreeMap<(Kind, &Place, u8), Ends<'_>> = BTreeMap::new();
    for (Line { from, kind, to }, ports) in &scene.lines {
        lanes.entry((*kind, from, ports.mark as u8)).or_default().push((to, ports));
    }
    lanes
        .into_iter()
        .map(|((kind, from, _), to)| {
            let mark = to.first().map(|(_, ports)| ports.mark).unwrap_or_default();
            Lane { from, kind, mark, to }
        })
        .collect()
}

/// Returns the track of each span, and the number of tracks.
pub fn tracks(spans: &[(i32, i32)]) -> (Vec<i32>, i32) {
    let mut order: Vec<(i32, i32, usize)> =
        spans.iter().enumerate().map(|(index, (start, end))| (*start, *end, index)).collect();
    order.sort_unstable();
    let mut ends: Vec<i32> = Vec::new();
    let mut found: Vec<(usize, i32)> = Vec::new();
    for (start, end, index) in order {
        let free = ends.iter().position(|used| *used + 6 < start).unwrap_or(ends.len());
        if let Some(used) = ends.get_mut(free) {
            *used = end;
        } else {
            ends.push(end);
        }
        found.push((index, i32::try_from(free).unwrap_or(i32::MAX)));
    }
    found.sort_unstable();
    let count = i32::try_from(ends.len()).unwrap_or(i32::MAX);
    (found.into_iter().map(|(_, track)| track).collect(), count)
}
