//! Gives every part of a scene a place: two columns of boxes, or one, and between them the lanes of
//! the lines. Everything is in whole pixels.

use std::collections::BTreeMap;

use super::lanes::{Lane, lanes, tracks};
use super::width::{fit, width};
use super::{Kind, MachineNode, Mark, Place, Scene};

/// The size of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The width in pixels.
    pub width: i32,
    /// Whether boxes are on both sides of the lanes, not only left of them.
    pub two_columns: bool,
}

/// A drawing: boxes, outermost first, and the lines between them.
#[derive(Debug)]
pub struct Drawing<'s> {
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    /// The boxes.
    pub boxes: Vec<Placed<'s>>,
    /// The lines.
    pub lanes: Vec<PlacedLane<'s>>,
}

/// A box with its text in the first line.
#[derive(Debug)]
pub struct Placed<'s> {
    /// What it is: `zone`, `area`, `host`, `machine` or `service`.
    pub class: &'static str,
    /// The name.
    pub name: &'s str,
    /// A few words after the name.
    pub note: String,
    /// Whether it is new or gone.
    pub mark: Mark,
    /// The left edge.
    pub x: i32,
    /// The upper edge.
    pub y: i32,
    /// The width.
    pub width: i32,
    /// The height.
    pub height: i32,
    /// The height of the line with the text.
    pub head: i32,
    /// The space for the text.
    pub room: i32,
}

/// The lines of one kind from one place.
#[derive(Debug)]
pub struct PlacedLane<'s> {
    /// What they are.
    pub lane: Lane<'s>,
    /// The horizontal position of the lane.
    pub x: i32,
    /// The point at which they begin.
    pub start: (i32, i32),
    /// The points at which they end.
    pub ends: Vec<(i32, i32)>,
}

const GAP: i32 = 8;
const PAD: i32 = 8;
const ROW: i32 = 22;
const HEAD: i32 = 24;
/// The distance of two lines that end at the same box.
const STEP: i32 = 5;
/// The space between the lanes and the boxes.
const MARGIN: i32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
}

/// A box whose vertical place is known. The insets are those from the outer edge of its column and
/// from the lanes.
struct Block<'s> {
    class: &'static str,
    name: &'s str,
    note: String,
    mark: Mark,
    side: Side,
    outer: i32,
    inner: i32,
    y: i32,
    height: i32,
    head: i32,
}

/// The place at which the lines of a box end.
struct Anchor {
    block: usize,
    middle: i32,
}

/// The space around a box, and the side that it must be on.
#[derive(Clone, Copy)]
struct Within {
    side: Option<Side>,
    outer: i32,
    inner: i32,
}

/// A box without anything in it.
struct Row<'s> {
    place: Place,
    class: &'static str,
    name: &'s str,
    note: String,
    mark: Mark,
}

struct Layout<'s> {
    scene: &'s Scene,
    two_columns: bool,
    guests: BTreeMap<&'s str, Vec<&'s str>>,
    services: BTreeMap<&'s str, Vec<(&'s str, Mark)>>,
    notes: BTreeMap<&'s str, String>,
    /// The number of lines at each place.
    ends: BTreeMap<Place, i32>,
    blocks: Vec<Block<'s>>,
    anchors: BTreeMap<Place, Anchor>,
    left: i32,
    right: i32,
}

/// Lays out a scene.
pub fn layout(scene: &Scene, shape: Shape) -> Drawing<'_> {
    let lanes = lanes(scene);
    let mut layout = Layout::new(scene, shape.two_columns, &lanes);
    layout.place_everything();
    layout.draw(shape.width, lanes)
}

impl<'s> Layout<'s> {
    fn new(scene: &'s Scene, two_columns: bool, lanes: &[Lane<'s>]) -> Self {
        let mut layout = Self {
            scene,
            two_columns,
            guests: BTreeMap::new(),
            services: BTreeMap::new(),
            notes: BTreeMap::new(),
            ends: BTreeMap::new(),
            blocks: Vec::new(),
            anchors: BTreeMap::new(),
            left: 1,
            right: 1,
        };
        for (name, node) in &scene.machines {
            if let Some(host) = layout.host(node) {
                layout.guests.entry(host).or_default().push(name);
            }
        }
        for (name, node) in &scene.services {
            layout.services.entry(&node.machine).or_default().push((name, node.mark));
        }
        let mut opened: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (line, ports) in &scene.lines {
            if let (Kind::Internet | Kind::Zone, Place::Service(service)) = (line.kind, &line.to) {
                let ports = ports.ports.iter().map(|port| port.trim_end_matches("/tcp"));
                opened.entry(service).or_default().extend(ports);
            }
        }
        for (service, mut ports) in opened {
            ports.sort_unstable_by_key(|port| (port.len(), *port));
            ports.dedup();
            layout.notes.insert(service, ports.join(", "));
        }
        for lane in lanes {
            *layout.ends.entry(lane.from.clone()).or_default() += 1;
            for (place, _) in &lane.to {
                *layout.ends.entry((*place).clone()).or_default() += 1;
            }
        }
        layout
    }

    fn host(&self, node: &'s MachineNode) -> Option<&'s str> {
        let host = node.host.as_deref()?;
        // A guest whose host is not drawn is a box of its own, and so does one of a host that is a
        // guest, so that boxes are never deeper than this.
        self.scene.machines.get(host).is_some_and(|host| host.host.is_none()).then_some(host)
    }

    fn place_everything(&mut self) {
        let scene = self.scene;
        let whole = Within { side: None, outer: 1, inner: 0 };
        let mut zones: Vec<_> = scene.zones.iter().collect();
        // The internet comes first, as it is what a reader must see.
        zones.sort_by_key(|(name, _)| (*name != "internet", *name));
        for (name, mark) in zones {
            let place = Place::Zone(name.clone());
            let within = Within { side: Some(self.shorter()), ..whole };
            let class = if name == "internet" { "zone internet" } else { "zone" };
            let row = Row { place, class, name, note: String::new(), mark: *mark };
            self.row(row, within);
            self.advance(within, GAP - 4);
        }
        self.level(GAP);
        let mut areas: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, node) in &scene.machines {
            if self.host(node).is_none() {
                areas.entry(&node.zone).or_default().push(name);
            }
        }
        for (zone, machines) in areas {
            self.area(zone, &machines, whole);
            self.level(GAP);
        }
    }

    fn area(&mut self, zone: &'s str, machines: &[&'s str], within: Within) {
        let index = self.open("area", zone, within);
        self.advance(within, HEAD);
        for machine in machines {
            self.machine(machine, deeper(within));
        }
        self.close(index, within);
    }

    fn machine(&mut self, name: &'s str, within: Within) {
        let Some(node) = self.scene.machines.get(name) else { return };
        let Some(guests) = self.guests.remove(name) else {
            return self.leaf("machine", name, node, within);
        };
        let index = self.open("host", name, within);
        self.head(index, name, node, within);
        let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for guest in guests {
            let zone = self.scene.machines.get(guest).map_or("", |guest| guest.zone.as_str());
            if zone == node.zone {
                self.machine(guest, deeper(within));
            } else {
                zones.entry(zone).or_default().push(guest);
            }
        }
        for (zone, guests) in zones {
            let inside = deeper(within);
            let side = inside.side.unwrap_or_else(|| self.shorter());
            self.area(zone, &guests, Within { side: Some(side), ..inside });
            self.advance(Within { side: Some(side), ..inside }, GAP);
        }
        self.close(index, within);
        self.advance(within, GAP);
    }

    fn leaf(&mut self, class: &'static str, name: &'s str, node: &'s MachineNode, within: Within) {
        let within = Within { side: Some(within.side.unwrap_or_else(|| self.shorter())), ..within };
        let index = self.open(class, name, within);
        self.head(index, name, node, within);
        self.close(index, within);
        self.advance(within, GAP);
    }

    /// Places what is at the top of a machine's box: its name, and its services.
    fn head(&mut self, index: usize, name: &'s str, node: &'s MachineNode, within: Within) {
        let place = Place::Machine(name.to_owned());
        let height = HEAD.max(self.height(&place));
        let top = self.top(within);
        if let Some(block) = self.blocks.get_mut(index) {
            (block.head, block.mark) = (height, node.mark);
            block.note.clone_from(&node.note);
        }
        self.anchors.insert(place, Anchor { block: index, middle: top + height / 2 });
        self.advance(within, height);
        let services = self.services.remove(name).unwrap_or_default();
        for (service, mark) in services {
            let inside = deeper(within);
            let side = inside.side.unwrap_or_else(|| self.shorter());
            let inside = Within { side: Some(side), ..inside };
            let note = self.notes.get(service).cloned().unwrap_or_default();
            let place = Place::Service(service.to_owned());
            self.row(Row { place, class: "service", name: service, note, mark }, inside);
            self.advance(inside, 3);
        }
    }

    fn row(&mut self, row: Row<'s>, within: Within) {
        let Row { place, class, name, note, mark } = row;
        let height = self.height(&place);
        let index = self.open(class, name, within);
        if let Some(block) = self.blocks.get_mut(index) {
            (block.head, block.height, block.mark, block.note) = (height, height, mark, note);
            self.anchors.insert(place, Anchor { block: index, middle: block.y + height / 2 });
        }
        self.advance(within, height);
    }

    fn height(&self, place: &Place) -> i32 {
        ROW.max(self.ends.get(place).copied().unwrap_or_default() * STEP + 9)
    }

    fn shorter(&self) -> Side {
        if self.two_columns && self.right < self.left { Side::Right } else { Side::Left }
    }

    fn top(&self, within: Within) -> i32 {
        match within.side {
            Some(Side::Left) => self.left,
            Some(Side::Right) => self.right,
            _ => self.left.max(self.right),
        }
    }

    fn advance(&mut self, within: Within, by: i32) {
        let y = self.top(within) + by;
        if within.side != Some(Side::Right) {
            self.left = y;
        }
        if within.side != Some(Side::Left) {
            self.right = y;
        }
    }

    fn level(&mut self, by: i32) {
        let both = Within { side: None, outer: 0, inner: 0 };
        self.advance(both, by);
    }

    fn open(&mut self, class: &'static str, name: &'s str, within: Within) -> usize {
        let y = self.top(within);
        self.advance(within, 0);
        self.blocks.push(Block {
            class,
            name,
            note: String::new(),
            mark: Mark::Same,
            side: within.side.unwrap_or(Side::Both),
            outer: within.outer,
            inner: within.inner,
            y,
            height: 0,
            head: HEAD,
        });
        self.blocks.len() - 1
    }

    fn close(&mut self, index: usize, within: Within) {
        self.advance(within, PAD - 3);
        let bottom = self.top(within);
        if let Some(block) = self.blocks.get_mut(index) {
            block.height = bottom - block.y;
        }
    }

    fn draw(self, whole: i32, lanes: Vec<Lane<'s>>) -> Drawing<'s> {
        let height = self.left.max(self.right) + 1;
        let mut used: BTreeMap<&Place, i32> = BTreeMap::new();
        // The vertical places of the ends of each lane, its start first.
        let mut drawn = Vec::new();
        for lane in lanes {
            let mut point = |place: &'s Place| {
                let anchor = self.anchors.get(place)?;
                let count = self.ends.get(place).copied().unwrap_or(1);
                let slot = used.entry(place).or_default();
                let y = anchor.middle - (count - 1) * STEP / 2 + *slot * STEP;
                *slot += 1;
                // Lines from both sides never lie on each other: each side has its own rows.
                let right =
                    self.blocks.get(anchor.block).is_some_and(|block| block.side == Side::Right);
                let y = if right { y / STEP * STEP + 2 } else { (y + 2) / STEP * STEP };
                Some((anchor.block, y))
            };
            let Some(start) = point(lane.from) else { continue };
            let ends: Vec<(usize, i32)> = lane.to.iter().filter_map(|(to, _)| point(to)).collect();
            drawn.push((lane, start, ends));
        }
        let spans: Vec<(i32, i32)> = drawn
            .iter()
            .map(|(_, start, ends)| {
                let heights = || ends.iter().map(|end| end.1).chain([start.1]);
                (heights().min().unwrap_or_default(), heights().max().unwrap_or_default())
            })
            .collect();
        let (tracks, count) = tracks(&spans);
        let most = if self.two_columns { 200 } else { 110 };
        let pitch = (most / count.max(1)).clamp(2, 9);
        let gutter = (count - 1).max(0) * pitch + MARGIN * 2;
        let column = (whole - gutter) / if self.two_columns { 2 } else { 1 };
        let boxes: Vec<Placed<'s>> =
            self.blocks.into_iter().map(|block| block.placed(whole, column, gutter)).collect();
        let at = |(index, y): (usize, i32), lane: i32| {
            let x = boxes.get(index).map_or(0, |part| part.facing(lane, column));
            (x, y)
        };
        let lanes = drawn.into_iter().zip(tracks).map(|((lane, start, ends), track)| {
            let x = column + MARGIN + track * pitch;
            let ends = ends.into_iter().map(|end| at(end, x)).collect();
            PlacedLane { lane, x, start: at(start, x), ends }
        });
        Drawing { width: whole, height, lanes: lanes.collect(), boxes }
    }
}

const fn deeper(within: Within) -> Within {
    // A box over both columns has the lanes inside it, so nothing is inset from them.
    let inner = if within.side.is_some() { within.inner + PAD } else { within.inner };
    Within { outer: within.outer + PAD, inner, ..within }
}

impl<'s> Block<'s> {
    fn placed(self, whole: i32, column: i32, gutter: i32) -> Placed<'s> {
        let (x, right) = match self.side {
            Side::Left => (self.outer, column - self.inner),
            Side::Right => (column + gutter + self.inner, whole - self.outer),
            Side::Both => (self.outer, whole - self.outer),
        };
        // The text of a box over both columns must stay clear of the lanes.
        let end = if self.side == Side::Both { column } else { right };
        let room = end - x - 2 * PAD;
        // The names of machines are bold, and so up to a tenth wider.
        let note_fits = width(self.name) * 11 / 10 + 10 + width(&self.note) <= room;
        Placed {
            class: self.class,
            name: self.name,
            note: if note_fits { self.note } else { String::new() },
            mark: self.mark,
            x,
            y: self.y,
            width: right - x,
            height: self.height,
            head: self.head,
            room,
        }
    }
}

impl Placed<'_> {
    /// Returns the name as it is written, shortened to its room.
    pub fn label(&self) -> String {
        fit(self.name, self.room * 10 / 11).into_owned()
    }

    /// Returns the space that the text takes at most.
    pub fn text_width(&self) -> i32 {
        let note = if self.note.is_empty() { 0 } else { 10 + width(&self.note) };
        width(&self.label()) * 11 / 10 + note
    }

    /// Returns where a line from a lane ends.
    fn facing(&self, lane: i32, column: i32) -> i32 {
        let right = self.x + self.width;
        if right > lane && self.x < column {
            // The lane is inside the box: the line ends at the name.
            (self.x + PAD + self.text_width() + 6).min(column)
        } else if self.x > lane {
            self.x
        } else {
            right
        }
    }
}
