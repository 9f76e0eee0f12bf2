//! Checks the layout of the picture: that boxes lie inside each other or apart, that texts fit, and
//! that no line runs through a text.

use std::path::Path;

use labwright::compile::analyze;
use labwright::load::read_lab;
use labwright::plan::plan;
use labwright::review::picture::{
    Drawing, Kind, Line, MachineNode, Mark, Place, Placed, Ports, Scene, ServiceNode, Shape, layout,
};

const SHAPES: [Shape; 2] =
    [Shape { width: 900, two_columns: true }, Shape { width: 340, two_columns: false }];

/// Makes a lab of one host for ten guests, with three services on each, a proxy and a Prometheus.
fn generated(machines: usize) -> Scene {
    let mut scene = Scene::default();
    scene.zones.insert("internet".to_owned(), Mark::Same);
    let service = |number: usize, name: &str| Place::Service(format!("{name}-{number}"));
    for number in 0..machines {
        let host = (number % 10 != 0).then(|| format!("machine-{}", number / 10 * 10));
        let zone = if number % 3 == 1 { "dmz" } else { "lan" }.to_owned();
        let node = MachineNode { host, zone, note: "vm".to_owned(), count: 1, mark: Mark::Same };
        scene.machines.insert(format!("machine-{number}"), node);
        for name in ["web", "metrics", "a-service-whose-name-is-longer-than-any-box-of-a-phone"] {
            let machine = format!("machine-{number}");
            let node = ServiceNode { machine, mark: Mark::Same };
            scene.services.insert(format!("{name}-{number}"), node);
        }
        let mut add =
            |from, kind, to| scene.lines.insert(Line { from, kind, to }, Ports::default());
        add(Place::Zone("internet".to_owned()), Kind::Internet, service(number / 10 * 10, "web"));
        add(service(0, "web"), Kind::Proxy, service(number, "web"));
        add(service(0, "metrics"), Kind::Scrape, service(number, "metrics"));
        add(Place::Machine(format!("machine-{number}")), Kind::Need, service(0, "web"));
    }
    scene
}

fn apart(one: (i32, i32), other: (i32, i32)) -> bool {
    one.1 <= other.0 || other.1 <= one.0
}

fn within(inner: (i32, i32), outer: (i32, i32)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

fn spans(part: &Placed<'_>) -> [(i32, i32); 2] {
    [(part.x, part.x + part.width), (part.y, part.y + part.height)]
}

fn text(part: &Placed<'_>) -> [(i32, i32); 2] {
    let middle = part.y + part.head / 2;
    [(part.x + 8, part.x + 8 + part.text_width()), (middle - 6, middle + 6)]
}

/// Lists what is wrong with a drawing.
fn faults(drawing: &Drawing<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, one) in drawing.boxes.iter().enumerate() {
        let mut say = |what: &str| faults.push(format!("{} {}: {what}", one.class, one.name));
        let ([x, y], [text_x, text_y]) = (spans(one), text(one));
        if !within(x, (0, drawing.width)) || !within(y, (0, drawing.height)) {
            say("outside of the picture");
        }
        if !within(text_x, x) || !within(text_y, y) {
            say("its text leaves it");
        }
        for other in &drawing.boxes[index + 1..] {
            let [other_x, other_y] = spans(other);
            let nested = within(other_x, x) && within(other_y, y);
            if !nested && !apart(x, other_x) && !apart(y, other_y) {
                say(&format!("overlaps {}", other.name));
            }
            if !apart(text_x, other_x) && !apart(text_y, other_y) {
                say(&format!("its text is under {}", other.name));
            }
        }
        for lane in &drawing.lanes {
            let ends = lane.ends.iter().chain([&lane.start]);
            let heights = || ends.clone().map(|end| end.1);
            let lane_y = (heights().min().unwrap(), heights().max().unwrap());
            if text_x.0 < lane.x && lane.x < text_x.1 && !apart(text_y, lane_y) {
                say("a lane runs through its text");
            }
            for (end, y) in ends {
                let branch = (lane.x.min(*end), lane.x.max(*end));
                if text_y.0 < *y && *y < text_y.1 && !apart(text_x, branch) {
                    say("a line runs through its text");
                }
            }
        }
    }
    faults
}

#[test]
fn boxes_and_texts_of_generated_labs_do_not_overlap() {
    for machines in [1, 4, 12, 40, 200, 1000] {
        let scene = generated(machines).readable();
        assert_eq!(scene.grouped.is_some(), machines > 40, "{machines} machines");
        for shape in SHAPES {
            let drawing = layout(&scene, shape);
            assert_eq!(faults(&drawing), Vec::<String>::new(), "{machines} machines, {shape:?}");
        }
    }
}

#[test]
fn boxes_and_texts_of_the_labs_do_not_overlap() {
    for name in ["blackbox", "media-automation", "media-server-home", "media-server-single"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs").join(name);
        let sources = read_lab(&folder).expect("the lab can be read");
        let model = analyze(&sources).model.expect("it resolves");
        let scene = Scene::of(&plan(&model));
        for shape in SHAPES {
            let drawing = layout(&scene, shape);
            assert_eq!(faults(&drawing), Vec::<String>::new(), "{name}, {shape:?}");
            let services = drawing.boxes.iter().filter(|part| part.class == "service").count();
            assert_eq!(services, model.services.len(), "{name} shows every service");
            let ends: usize = drawing.lanes.iter().map(|lane| lane.ends.len()).sum();
            assert_eq!(ends, scene.lines.len(), "{name} shows every line");
        }
    }
}

#[test]
fn an_overlap_is_found() {
    let scene = generated(4);
    let mut drawing = layout(&scene, SHAPES[0]);
    drawing.boxes.last_mut().expect("a box").y -= 10;
    assert_ne!(faults(&drawing), Vec::<String>::new());
}

#[test]
fn a_comparison_marks_what_is_new_and_what_is_gone() {
    let (old, mut new) = (generated(4), generated(5));
    new.services.remove("web-1");
    let both = Scene::compared(&old, &new);
    assert_eq!(both.machines["machine-4"].mark, Mark::New);
    assert_eq!(both.machines["machine-3"].mark, Mark::Same);
    assert_eq!(both.services["web-1"].mark, Mark::Gone);
    assert_eq!(Scene::compared(&old, &old), old);
}
