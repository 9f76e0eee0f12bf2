//! Checks that the work grows with the lab, and not with its square: twenty times the nodes take
//! about twenty times the work, for every node of the language.
//!
//! Work is the processor time of the one thread that does it. That counts nothing else that the
//! machine does, and the least of several runs counts.

use labwright::compile::{self, Discard};
use labwright::decl::schema::NodeSchema;
use labwright::source::{Layer, SourceFile, Sources};
use rustix::time::{ClockId, clock_gettime};

use super::tables::{Place, lab, numbered, places};

const FEW: usize = 1_000;
const TIMES: usize = 20;

/// How much more work than in proportion is still no fault: sorting, and what a larger memory
/// costs. What compares each node with each other takes more than twice as much.
pub(super) const MOST: f64 = 1.6;

/// Returns the processor time of this thread so far.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

/// Returns the seconds of processor time that checking a lab takes.
fn work(place: &Place, count: usize) -> f64 {
    let nodes: Vec<String> = (0..count).map(|number| numbered(place.node, number)).collect();
    let sources = Sources::with_standard_library(lab(place, &nodes.join("\n")));
    let start = seconds();
    drop(compile::check(&sources));
    seconds() - start
}

/// Returns how much more work `times` as many take than in proportion to `few`.
///
/// What others do on the machine makes many dearer than a few, since they share its caches. That
/// ends where both are too many for a cache, and a square does not: when many seem too dear, four
/// times as many are held against them.
pub(super) fn growth(few: usize, times: usize, work: impl Fn(usize) -> f64) -> f64 {
    let least = |few: usize, times: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let ratio = |_: usize| work(few * times) / work(few) / times as f64;
        let mut least = f64::INFINITY;
        for attempt in 0..4 {
            least = least.min(ratio(attempt));
            if least < MOST {
                break;
            }
        }
        least
    };
    let ratio = least(few, times);
    if ratio < MOST { ratio } else { least(few * times, 4) }
}

/// Returns how much more work many nodes take than in proportion to a few.
fn growth_of_nodes(place: &Place) -> f64 {
    // A machine is worth hundreds of other nodes.
    let few = if work(place, 100) > 0.05 { FEW / 20 } else { FEW };
    let ratio = growth(few, TIMES, |count| work(place, count));
    println!("{}: {ratio:.2}", place.name());
    ratio
}

/// Asserts that the work is in proportion for every node below those with the names.
fn grows_with_the_lab(outer: impl Fn(&str) -> bool + Sync + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let of = |place: &Place| outer(place.around.first().unwrap_or(&place.node).name);
    let wrong: Vec<String> = pool.install(|| {
        // A node that several others share is the same work in each.
        let mut seen: Vec<&NodeSchema> = Vec::new();
        let mut places: Vec<Place> = places();
        places.retain(|place| !ENTITIES.contains(&place.name().as_str()));
        places.retain(|place| {
            let is_new = !seen.iter().any(|node| std::ptr::eq(*node, place.node));
            seen.extend(is_new.then_some(place.node));
            is_new
        });
        let ratios = places.into_iter().filter(of).map(|place| (growth_of_nodes(&place), place));
        let wrong = ratios.filter(|(ratio, _)| *ratio >= MOST);
        wrong.map(|(ratio, place)| format!("{}: {ratio:.1} times too much", place.name())).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ENTITIES: [&str; 4] = ["host", "vm", "lxc", "service"];
const MACHINES: [&str; 3] = ["host", "vm", "lxc"];

/// A whole machine or service is worth hundreds of other nodes.
const FEW_ENTITIES: usize = 25;

/// Writes the declaration of an entity with what a real one has.
fn entity(kind: &str, number: usize) -> String {
    let (high, low) = (number / 250 + 2, number % 250 + 1);
    let address = format!("address lan \"192.168.{high}.{low}\"");
    match kind {
        "host" => format!(
            "host h{number} kind=debian {{ os debian-13; {address}; ssh from=lan; appdata \
             \"/srv/a\" backup=never; }}"
        ),
        "vm" | "lxc" => format!(
            "{kind} g{number} id={} on=pve {{ os debian-13; memory \"1GiB\"; disk root \
             size=\"8GiB\"; {address}; ssh from=lan; }}",
            number + 200
        ),
        _ => format!(
            "host s{number} kind=debian {{ os debian-13; {address}; appdata \"/srv/a\" \
             backup=never; }}\nservice uptime-kuma-{number} module=uptime-kuma on=s{number} {{ \
             expose web to=lan; }}\nservice node-{number} module=node-exporter on=s{number}"
        ),
    }
}

/// Returns the seconds of processor time that building a lab with many entities takes.
fn work_of_entities(kind: &str, count: usize) -> f64 {
    let nodes: Vec<String> = (0..count).map(|number| entity(kind, number)).collect();
    let text = format!("{WIDE}{}\n", nodes.join("\n"));
    let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
    let sources = Sources::with_standard_library(vec![file]);
    let start = seconds();
    let release = labwright::compile(&sources, Discard::open).release;
    let took = seconds() - start;
    assert!(release.is_ok(), "{kind} is not built");
    took
}

const WIDE: &str = r#"edition 1
lab demo version="1"
network lan cidr="192.168.0.0/16" gateway="192.168.0.1" dns="192.168.0.1"
host pve kind=proxmox version="8.4" {
    hardware "x" cores=512 memory="64TiB"
    address lan "192.168.0.2" nic=eno1 bridge=vmbr0
    disk ssd device="/dev/disk/by-id/nvme-A" size="900TB"
    pool tank disk=ssd size="900TB"
}
service prometheus on=pve-services
host pve-services kind=debian {
    os debian-13
    address lan "192.168.0.3"
    appdata "/srv/a" backup=never
}
"#;

#[test]
fn work_grows_with_whole_machines_and_services() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let wrong: Vec<String> = pool.install(|| {
        let ratios = ENTITIES.map(|kind| {
            let ratio = growth(FEW_ENTITIES, 8, |count| work_of_entities(kind, count));
            println!("{kind}: {ratio:.2}");
            (kind, ratio)
        });
        let wrong = ratios.into_iter().filter(|(_, ratio)| *ratio >= MOST);
        wrong.map(|(kind, ratio)| format!("{kind}: {ratio:.1} times too much")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A lab with many of something, each of which the compiler follows to the end.
type Many = (&'static str, fn(usize) -> Vec<SourceFile>);

const MANY: &[Many] = &[
    ("middlewares of a route", |count| {
        let nodes = many(count, |it| {
            let next = it + 1;
            format!(
                "redirect \"/r{it}\" to=\"/r{next}\"; request-header X-A{it} v\n\
                 response-header X-B{it} v"
            )
        });
        in_lab(&format!("{PROXY}{ROUTE} {{ {nodes} }}; }}"), "")
    }),
    ("paths of a route", |count| {
        let nodes = many(count, |it| format!("path \"/p{it}\""));
        in_lab(&format!("{PROXY}{ROUTE} {{ {nodes} }}; }}"), "")
    }),
    ("routes", |count| {
        let routes =
            many(count, |it| format!("route \"h{it}.example.org\" to=web via=caddy from=lan"));
        in_lab(&format!("{PROXY}{routes}; }}"), "")
    }),
    ("containers that are built and run at times", |count| {
        let containers = many(count, |it| {
            format!(
                "container c{it} {{ build site; health none=\"x\"; gpu dri; every \"0 4 * * *\"\n\
                 on-network default alias=\"n{it}\"; mount \"/srv/x\" at=\"/x\"\n\
                 env A 1 first-start=nothing; }}"
            )
        });
        let mut files = in_lab("service m on=box", &containers);
        files.push(SourceFile {
            path: "modules/m/site/Dockerfile".to_owned(),
            text: "FROM docker.io/library/busybox:1.37\n".to_owned(),
            layer: Layer::Site,
        });
        files
    }),
    ("files of a folder", |count| {
        let folder = format!("{CONTAINER}\nfolder conf from=\"conf\" at=\"/conf\"");
        let mut files = in_lab("service m on=box", &folder);
        files.extend((0..count).map(|it| SourceFile {
            path: format!("modules/m/conf/{it}.conf"),
            text: "x\n".to_owned(),
            layer: Layer::Site,
        }));
        files
    }),
    ("links", |count| {
        let services = many(count, |it| {
            let (next, port) = (it ^ 1, 9000 + it);
            format!("service s{it} module=m on=box {{ link s{next}; port web {port}; }}")
        });
        in_lab(&services, &format!("{CONTAINER}\nprovides web container=m port=80"))
    }),
    ("shares by SMB", |count| {
        let exports =
            many(count, |it| format!("export e{it} path=\"/v/{it}\" smb=E{it} backup=never"));
        let shares = many(count, |it| {
            format!("share nas.e{it} at=\"/mnt/{it}\" via=cifs user=u password=(secret)pw")
        });
        let nas = format!("host nas kind=unmanaged {{ address lan \"192.168.0.5\"; {exports} }}");
        in_lab(&format!("secret pw\n{nas}\nextend host box {{ {shares} }}"), "")
    }),
];

const PROXY: &str = "service caddy on=box { certificates internal; }\n\
                     service uptime-kuma on=box { ";

const ROUTE: &str = "route \"x.example.org\" to=web via=caddy from=lan";

const CONTAINER: &str =
    "container m { image \"docker.io/library/busybox:1.37\"; health none=\"x\"; }";

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join("\n")
}

fn in_lab(nodes: &str, module: &str) -> Vec<SourceFile> {
    let host = "host box kind=debian { os debian-13; address lan \"192.168.0.9\"\n\
                appdata \"/srv/a\" backup=never; }";
    let file = |path: &str, text, layer| SourceFile { path: path.to_owned(), text, layer };
    let mut files = vec![file("lab.kdl", format!("{WIDE}{host}\n{nodes}\n"), Layer::Lab)];
    if !module.is_empty() {
        let text = format!("edition 1\nmodule m version=\"1\" {{\nsummary \"x\"\n{module}\n}}\n");
        files.push(file("modules/m/module.kdl", text, Layer::Site));
    }
    files
}

#[test]
fn work_grows_with_parts_that_are_followed_to_the_end() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let wrong: Vec<String> = pool.install(|| {
        let work = |make: fn(usize) -> Vec<SourceFile>, count| {
            let sources = Sources::with_standard_library(make(count));
            let start = seconds();
            let release = labwright::compile(&sources, Discard::open).release;
            let took = seconds() - start;
            (took, release.is_ok())
        };
        let ratios = MANY.iter().map(|(name, make)| {
            // `s1` links with `s0`, so the number of services is even.
            let (few, times) = (60, 8);
            let (_, built) = work(*make, few);
            assert!(built, "{name} are not built");
            let ratio = growth(few, times, |count| work(*make, count).0);
            println!("{name}: {ratio:.2}");
            (*name, ratio)
        });
        let wrong = ratios.filter(|(_, ratio)| *ratio >= MOST);
        wrong.map(|(name, ratio)| format!("{name}: {ratio:.1} times too much")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

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
