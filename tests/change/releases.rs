//! Compares releases whose sources are not there.

use labwright::change::compare::{Input, compare};
use labwright::change::facts::Family;
use labwright::change::release;
use labwright::source::{Layer, SourceFile, Sources};

use super::line;

/// Builds a lab whose own module has a version and an image.
fn built(version: &str, tag: &str) -> Input {
    let file = |path: &str, layer, text: String| SourceFile { path: path.to_owned(), text, layer };
    let lab = r#"edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian {
    os debian-13
    address lan "192.168.1.10"
    appdata "/srv/appdata" backup=never
}
service notes on=box
"#;
    let module = format!(
        "edition 1\nmodule notes version=\"{version}\" {{ summary \"x\"; container notes {{ image \
         \"docker.io/library/busybox:{tag}\"; health none=\"x\"; }}; }}\n"
    );
    let sources = Sources::with_standard_library(vec![
        file("lab.kdl", Layer::Lab, lab.to_owned()),
        file("modules/notes/module.kdl", Layer::Site, module),
    ]);
    Input::Release(release::build(&sources).unwrap_or_else(|_| panic!("it is built")))
}

#[test]
fn the_version_of_a_module_is_named() {
    let lines = |was: &Input, is: &Input| {
        let comparison = compare(was, is).unwrap_or_else(|_| panic!("they are compared"));
        comparison.entries.iter().map(line).collect::<Vec<String>>()
    };
    let (old, new) = (built("1.0", "1.36"), built("1.1", "1.37"));
    let found = lines(&old, &new);
    let named = "module notes of notes: 1.0 -> 1.1 (modules/notes/module.kdl)";
    assert!(found.iter().any(|line| line.contains(named)), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("busybox:1.36")), "{found:#?}");
    // A version by itself changes no machine, and is named all the same.
    let found = lines(&old, &built("1.1", "1.36"));
    assert!(found.iter().any(|line| line.contains(named)), "{found:#?}");
    assert_eq!(lines(&old, &built("1.0", "1.36")), Vec::<String>::new());
}

#[test]
fn another_compiler_is_named_as_the_cause() {
    let Input::Release(mut old) = built("1.0", "1.36") else { panic!("a release") };
    "labwright 0.0.9".clone_into(&mut old.state.compiler);
    let Input::Release(mut new) = built("1.0", "1.36") else { panic!("a release") };
    let compiler = new.state.compiler.clone();
    // What another compiler writes otherwise is another digest of a file.
    for (key, digest) in &mut new.state.facts {
        if key.family == Family::Files && key.name == "firewall" {
            "other".clone_into(digest);
        }
    }
    let comparison = compare(&Input::Release(old), &Input::Release(new));
    let comparison = comparison.unwrap_or_else(|_| panic!("they are compared"));
    let found: Vec<String> = comparison.entries.iter().map(line).collect();
    let named = format!("(labwright 0.0.9 -> {compiler})");
    assert!(!found.is_empty() && found.iter().all(|line| line.ends_with(&named)), "{found:#?}");
}
