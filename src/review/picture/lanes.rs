//! Gives lines their lanes between the columns. All lines of one kind from one place share a lane,
//! as do those of many places to a single one. Lanes that don't overlap share a track.

use std::collections::BTreeMap;

use super::{Kind, Line, Mark, Place, Ports, Scene};

/// The places at which lines end, and their ports.
type Ends<'s> = Vec<(&'s Place, &'s Ports)>;

/// The lines of one kind and mark from one place, or to one place.
#[derive(Debug)]
pub struct Lane<'s> {
    /// The one place.
    pub from: &'s Place,
    pub kind: Kind,
    pub mark: Mark,
    /// The many places.
    pub to: Ends<'s>,
    /// Whether the lines begin at the many places, and end at the one.
    pub gathers: bool,
}

/// The number of lines to one place from which on they share a lane.
const MANY: usize = 3;

/// Collects the lanes of a scene.
pub fn lanes(scene: &Scene) -> Vec<Lane<'_>> {
    let (single, mut lanes): (Vec<_>, Vec<_>) =
        from_each(scene).into_iter().partition(|lane| lane.to.len() == 1);
    let mut gathered: BTreeMap<(Kind, &Place, u8), Vec<Lane<'_>>> = BTreeMap::new();
    for lane in single {
        if let Some((to, _)) = lane.to.first() {
            gathered.entry((lane.kind, to, lane.mark as u8)).or_default().push(lane);
        }
    }
    for ((kind, place, _), group) in gathered {
        if group.len() < MANY {
            lanes.extend(group);
            continue;
        }
        let mark = group.first().map(|lane| lane.mark).unwrap_or_default();
        let ends =
            group.iter().flat_map(|lane| lane.to.iter().map(|(_, ports)| (lane.from, *ports)));
        lanes.push(Lane { from: place, kind, mark, to: ends.collect(), gathers: true });
    }
    lanes.sort_by_key(|lane| (lane.kind, lane.from, lane.mark as u8, lane.gathers));
    lanes
}

/// Collects the lines of a scene by the place that they begin at.
pub fn from_each(scene: &Scene) -> Vec<Lane<'_>> {
    let mut lanes: BTreeMap<(Kind, &Place, u8), Ends<'_>> = BTreeMap::new();
    for (Line { from, kind, to }, ports) in &scene.lines {
        lanes.entry((*kind, from, ports.mark as u8)).or_default().push((to, ports));
    }
    lanes
        .into_iter()
        .map(|((kind, from, _), to)| {
            let mark = to.first().map(|(_, ports)| ports.mark).unwrap_or_default();
            Lane { from, kind, mark, to, gathers: false }
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
        // Lines on one track need a gap, or they would look like a single line.
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
