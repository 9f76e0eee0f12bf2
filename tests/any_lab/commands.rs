//! Checks that the work of commands grows with what they read: compose files, releases with many
//! files, locks and findings that are accepted.
//!
//! Work is the processor time that the shell counts for the program, the least of several runs.
//! Counting steps would need a counter in every loop, and none in a loop that is forgotten; the
//! loops that are forgotten are what this looks for.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::growth::{MOST, growth};

/// How many times as much is read the second time.
const TIMES: usize = 8;

/// The lab around what grows.
const LAB: &str = "edition 1\nlab demo version=\"1\"\n\
    network lan cidr=\"192.168.0.0/16\" gateway=\"192.168.0.1\" dns=\"192.168.0.1\"\n\
    host box kind=debian { os debian-13; address lan \"192.168.0.9\"; appdata \"/srv/a\" \
    backup=never; }\n";

/// Something that grows: its name, how many make a little work, what prepares a folder with that
/// many, and the command.
type Case = (&'static str, usize, fn(&Path, usize), &'static [&'static str]);

const IMPORT: &[&str] = &["import", "compose", "compose.yaml"];

const CASES: &[Case] = &[
    (
        "services of a compose file",
        60,
        |at, count| {
            compose(at, count, "", |it| format!("  s{it}:\n    image: busybox:1.37\n"));
        },
        IMPORT,
    ),
    (
        "ports of a compose file",
        800,
        |at, count| {
            compose(at, count, &under("ports"), |it| format!("      - \"{0}:{0}\"\n", it + 1000));
        },
        IMPORT,
    ),
    (
        "variables of a compose file",
        1500,
        |at, count| {
            compose(at, count, &under("environment"), |it| format!("      A{it}: ${{B{it}:-x}}\n"));
        },
        IMPORT,
    ),
    (
        "labels of a compose file",
        1500,
        |at, count| {
            compose(at, count, &under("labels"), |it| format!("      a{it}: b\n"));
        },
        IMPORT,
    ),
    (
        "mounts of a compose file",
        800,
        |at, count| {
            compose(at, count, &under("volumes"), |it| format!("      - ./a{it}:/b{it}\n"));
        },
        IMPORT,
    ),
    (
        "containers with images of their own",
        100,
        |at, count| {
            module(
                at,
                &many(count, |it| {
                    let image = format!("docker.io/library/b{it}:1.37");
                    format!("container c{it} {{ image \"{image}\"; health none=\"x\"; }}\n")
                }),
            );
            let digest = "0".repeat(64);
            let lock = many(count, |it| {
                format!("image \"docker.io/library/b{it}:1.37\" digest=\"sha256:{digest}\"\n")
            });
            write(at, "labwright.lock", &lock);
        },
        &["check"],
    ),
    (
        "variables of a file",
        1500,
        |at, count| {
            write(at, "v.env", &many(count, |it| format!("A{it}=v{it}\n")));
            compose(at, 1, "", |_| {
                "  s:\n    image: busybox:1.37\n    env_file: v.env\n".to_owned()
            });
        },
        IMPORT,
    ),
    (
        "passwords of a compose file",
        400,
        |at, count| {
            compose(at, count, &under("environment"), |it| {
                format!("      A{it}_PASSWORD: hunter{it}x\n")
            });
        },
        IMPORT,
    ),
    (
        "lines of a value of .env",
        20_000,
        |at, count| {
            write(at, ".env", &format!("A=\"{}\"\n", "x\n".repeat(count)));
            compose(at, 1, "", |_| "  s:\n    image: busybox:1.37\n".to_owned());
        },
        IMPORT,
    ),
    (
        "findings that are accepted",
        1000,
        |at, count| {
            let lines =
                many(count, |it| format!("accept unpinned-image on=\"s{it}\" reason=\"x\"\n"));
            write(at, "lab.kdl", &(LAB.to_owned() + &lines));
        },
        &["check"],
    ),
    ("open and closed ports of a machine", 200, ports, &["reach", "lan", "box"]),
    ("ports that zones reach", 200, ports, &["reach", "--matrix"]),
    ("files of a lab that is built", 400, files, &["build", "--out", "out"]),
    ("files of a tree for reviewers", 400, files, &["snapshot", "--out", "tree"]),
    (
        "files of a release",
        400,
        |at, count| {
            files(at, count);
            run(at, &["build", "--out", "out"]);
        },
        &["verify", "out"],
    ),
    (
        "files that differ",
        100,
        |at, count| {
            files(&at.join("before"), count);
            files(&at.join("after"), count);
            for it in 0..count {
                write(at, &format!("after/modules/m/conf/{it}.conf"), "other\n");
            }
        },
        &["diff", "before", "after"],
    ),
];

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

fn under(key: &str) -> String {
    format!("  s:\n    image: busybox:1.37\n    {key}:\n")
}

fn compose(at: &Path, count: usize, start: &str, one: impl Fn(usize) -> String) {
    write(at, "compose.yaml", &format!("services:\n{start}{}", many(count, one)));
}

fn module(at: &Path, nodes: &str) {
    write(at, "lab.kdl", &format!("{LAB}service m on=box\n"));
    let module = format!("edition 1\nmodule m version=\"1\" {{\nsummary \"x\"\n{nodes}}}\n");
    write(at, "modules/m/module.kdl", &module);
}

/// Writes a service that opens every other one of its ports.
fn ports(at: &Path, count: usize) {
    let container = "container m { image \"docker.io/library/busybox:1.37\"; health none=\"x\"; }";
    let provided = many(count, |it| format!("provides p{it} container=m port={}\n", 1000 + it));
    module(at, &format!("{container}\n{provided}"));
    let opened = many(count / 2, |it| format!("expose p{} to=lan\n", 2 * it));
    write(at, "lab.kdl", &format!("{LAB}service m on=box {{\n{opened}}}\n"));
}

fn files(at: &Path, count: usize) {
    let container = "container m { image \"docker.io/library/busybox:1.37\"; health none=\"x\"; }";
    module(at, &format!("{container}\nfolder conf from=\"conf\" at=\"/conf\"\n"));
    for it in 0..count {
        write(at, &format!("modules/m/conf/{it}.conf"), "x\n");
    }
}

fn write(at: &Path, name: &str, text: &str) {
    let path = at.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// Runs a command, and returns the processor time of the program itself in seconds.
fn run(at: &Path, arguments: &[&str]) -> f64 {
    let output = Command::new("sh")
        .args(["-c", "\"$@\" >said 2>&1 || exit; times", "sh", env!("CARGO_BIN_EXE_labwright")])
        .args(arguments)
        .current_dir(at)
        .output()
        .expect("sh runs");
    let said = || fs::read_to_string(at.join("said")).unwrap_or_default();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    // The second line is about what the shell ran: `0m1.230000s 0m0.040000s`.
    let line = shown.lines().nth(1).unwrap_or_else(|| panic!("{arguments:?}: {:.500}", said()));
    let seconds = |text: &str| -> f64 {
        let (minutes, rest) = text.split_once('m').expect("minutes");
        let number = |text: &str| text.trim_end_matches('s').parse::<f64>().expect("a number");
        number(minutes) * 60.0 + number(rest)
    };
    // The time of the system depends on the disk.
    line.split_whitespace().next().map_or(0.0, seconds)
}

/// Returns the seconds that a case takes in a fresh folder.
fn work((_, _, prepare, command): &Case, count: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path(), count);
    run(folder.path(), command)
}

#[test]
fn work_of_commands_grows_with_what_they_read() {
    let mut wrong = String::new();
    for case in CASES {
        let (name, few, ..) = case;
        let ratio = growth(*few, TIMES, |count| work(case, count).max(0.01));
        println!("{name}: {ratio:.2}");
        if ratio >= MOST {
            let _ = writeln!(wrong, "{name}: {ratio:.1} times too much");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
