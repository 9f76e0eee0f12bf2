//! Prepares a scene for the template: two drawings, one for wide pages and one for phones, and the
//! same in words.

use std::fmt::Write as _;

use serde::Serialize;

use super::lanes::from_each;
use super::layout::PlacedLane;
use super::{Drawing, Kind, Mark, Placed, Scene, Shape, layout};

/// The shapes, with the classes that show them.
const SHAPES: [(&str, Shape); 2] = [
    ("broad", Shape { width: 900, two_columns: true }),
    ("narrow", Shape { width: 340, two_columns: false }),
];

/// What `picture.html.j2` shows.
#[derive(Debug, Serialize)]
pub struct Picture {
    drawings: Vec<DrawingView>,
    /// The kinds of lines that appear, with their meanings.
    legend: Vec<(Kind, &'static str)>,
    grouped: Option<&'static str>,
    /// Whether two labs are compared.
    compared: bool,
    words: Vec<Words>,
}

#[derive(Debug, Serialize)]
struct DrawingView {
    class: &'static str,
    width: i32,
    height: i32,
    boxes: Vec<BoxView>,
    lanes: Vec<LaneView>,
}

#[derive(Debug, Serialize)]
struct BoxView {
    class: &'static str,
    mark: Mark,
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    text_x: i32,
    text_y: i32,
    label: String,
    note: String,
    /// The whole name, if the label is shorter.
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct LaneView {
    kind: Kind,
    mark: Mark,
    title: String,
    /// The points at which lines begin.
    begins: Vec<(i32, i32)>,
    path: String,
    dots: String,
    heads: String,
}

/// The lines of one kind from one place, in words.
#[derive(Debug, Serialize)]
struct Words {
    kind: Kind,
    mark: Mark,
    from: String,
    to: Vec<(String, Vec<String>)>,
}

/// Prepares a picture of a scene. Only names of the scene are in it, and the template escapes them.
pub fn picture(scene: Scene) -> Picture {
    let scene = scene.readable();
    let drawings: Vec<(&str, Drawing<'_>)> =
        SHAPES.iter().map(|(class, shape)| (*class, layout(&scene, *shape))).collect();
    let lanes = from_each(&scene);
    let words = lanes.iter().map(|lane| Words {
        kind: lane.kind,
        mark: lane.mark,
        from: lane.from.name().to_owned(),
        to: lane
            .to
            .iter()
            .map(|(place, ports)| (place.name().to_owned(), ports.ports.iter().cloned().collect()))
            .collect(),
    });
    let shown = |kind| scene.lines.keys().any(|line| line.kind == kind);
    Picture {
        words: words.collect(),
        legend: Kind::ALL.into_iter().filter(|(kind, _)| shown(*kind)).collect(),
        grouped: scene.grouped,
        compared: marked(&scene),
        drawings: drawings.iter().map(|(class, drawing)| drawing_view(class, drawing)).collect(),
    }
}

fn marked(scene: &Scene) -> bool {
    let marks = scene.zones.values().copied();
    let marks = marks.chain(scene.machines.values().map(|node| node.mark));
    let marks = marks.chain(scene.services.values().map(|node| node.mark));
    marks.chain(scene.lines.values().map(|ports| ports.mark)).any(|mark| mark != Mark::Same)
}

fn drawing_view(class: &'static str, drawing: &Drawing<'_>) -> DrawingView {
    DrawingView {
        class,
        width: drawing.width,
        height: drawing.height,
        boxes: drawing.boxes.iter().map(box_view).collect(),
        lanes: drawing.lanes.iter().map(lane_view).collect(),
    }
}

fn box_view(part: &Placed<'_>) -> BoxView {
    let label = part.label();
    BoxView {
        class: part.class,
        mark: part.mark,
        x: part.x,
        y: part.y,
        width: part.width,
        height: part.height,
        text_x: part.x + 8,
        text_y: part.y + part.head / 2 + 4,
        name: (label != part.name).then(|| part.name.to_owned()),
        label,
        note: part.note.clone(),
    }
}

fn lane_view(placed: &PlacedLane<'_>) -> LaneView {
    let (x, (start_x, start_y)) = (placed.x, placed.start);
    let (mut path, mut dots, mut heads) = (String::new(), String::new(), String::new());
    let heights = || placed.ends.iter().map(|end| end.1).chain([start_y]);
    let (top, bottom) = (heights().min().unwrap_or(start_y), heights().max().unwrap_or(start_y));
    // A line ends where its arrow begins.
    let back = |end_x: i32| if end_x < x { 6 } else { -6 };
    let short = if placed.lane.gathers { back(start_x) } else { 0 };
    let _ = write!(path, "M{} {start_y}H{x}M{x} {top}V{bottom}", start_x + short);
    let head = |end_x: i32, y: i32| format!("M{end_x} {y}l{} -3v6z", back(end_x));
    for (end_x, y) in &placed.ends {
        let short = if placed.lane.gathers { 0 } else { back(*end_x) };
        let _ = write!(path, "M{x} {y}H{}", end_x + short);
        // With round caps, SVG draws a line of no length as a dot.
        let _ = write!(dots, "M{x} {y}h0");
        if !placed.lane.gathers {
            heads += &head(*end_x, *y);
        }
    }
    let begins = if placed.lane.gathers {
        heads += &head(start_x, start_y);
        placed.ends.clone()
    } else {
        vec![placed.start]
    };
    let many: Vec<&str> = placed.lane.to.iter().map(|(place, _)| place.name()).collect();
    let (one, many) = (placed.lane.from.name().to_owned(), many.join(", "));
    let (from, to) = if placed.lane.gathers { (many, one) } else { (one, many) };
    let meaning = Kind::ALL
        .into_iter()
        .find(|(kind, _)| *kind == placed.lane.kind)
        .map_or("", |(_, meaning)| meaning);
    LaneView {
        kind: placed.lane.kind,
        mark: placed.lane.mark,
        title: format!("{meaning}: {from} to {to}"),
        begins,
        path,
        dots,
        heads,
    }
}
