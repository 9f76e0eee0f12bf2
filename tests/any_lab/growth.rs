//! Checks that the work grows with the lab, and not with its square: twenty times the nodes take
//! about twenty times the work, for every node of the language.
//!
//! Work is the processor time of the one thread that does it. That counts nothing else that the
//! machine does, and the least of several runs counts.

use labwright::compile;
use labwright::decl::schema::NodeSchema;
use labwright::source::Sources;
use rustix::time::{ClockId, clock_gettime};

use super::tables::{Place, lab, numbered, places};

const FEW: usize = 1_000;
const TIMES: usize = 20;

/// How much more than [`TIMES`] as much work is still in proportion: sorting, and what a larger
/// memory costs. What compares each node with each other takes more than twice as much.
const MOST: f64 = 1.6;

/// Returns the seconds of processor time that checking a lab takes.
fn work(place: &Place, count: usize) -> f64 {
    let nodes: Vec<String> = (0..count).map(|number| numbered(place.node, number)).collect();
    let sources = Sources::with_standard_library(lab(place, &nodes.join("\n")));
    let seconds = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
        let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
        seconds
    };
    let start = seconds();
    drop(compile::check(&sources));
    seconds() - start
}

/// Returns how much more work many nodes take than in proportion to a few.
fn growth(place: &Place) -> f64 {
    // A machine is worth hundreds of other nodes.
    let few = if work(place, 100) > 0.05 { FEW / 20 } else { FEW };
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let ratio = |_| work(place, few * TIMES) / work(place, few) / TIMES as f64;
    let mut least = f64::INFINITY;
    for attempt in 0..4 {
        least = least.min(ratio(attempt));
        if least < MOST {
            break;
        }
    }
    println!("{}: {least:.2}", place.name());
    least
}

/// Asserts that the work is in proportion for every node below those with the names.
fn grows_with_the_lab(outer: impl Fn(&str) -> bool + Sync + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let of = |place: &Place| outer(place.around.first().unwrap_or(&place.node).name);
    let wrong: Vec<String> = pool.install(|| {
        // A node that several others share is the same work in each.
        let mut seen: Vec<&NodeSchema> = Vec::new();
        let mut places: Vec<Place> = places();
        // A machine or a service is worth thousands of other nodes; `benches/` has many of them.
        places.retain(|place| !ENTITIES.contains(&place.name().as_str()));
        places.retain(|place| {
            let is_new = !seen.iter().any(|node| std::ptr::eq(*node, place.node));
            seen.extend(is_new.then_some(place.node));
            is_new
        });
        let ratios = places.into_iter().filter(of).map(|place| (growth(&place), place));
        let wrong = ratios.filter(|(ratio, _)| *ratio >= MOST);
        wrong.map(|(ratio, place)| format!("{}: {ratio:.1} times too much", place.name())).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ENTITIES: [&str; 4] = ["host", "vm", "lxc", "service"];
const MACHINES: [&str; 3] = ["host", "vm", "lxc"];

#[test]
fn work_grows_with_the_machines() {
    grows_with_the_lab(|outer| MACHINES.contains(&outer));
}

#[test]
fn work_grows_with_the_services() {
    grows_with_the_lab(|outer| outer == "service");
}

#[test]
fn work_grows_with_the_modules() {
    grows_with_the_lab(|outer| outer == "module");
}

#[test]
fn work_grows_with_the_rest_of_the_lab() {
    grows_with_the_lab(|outer| {
        !MACHINES.contains(&outer) && outer != "service" && outer != "module"
    });
}
