//! Holds the page that says what each module was tested by: complete, of the modules' versions, and
//! with tests that exist.

use std::collections::BTreeMap;
use std::path::Path;

use super::read;

/// Returns the rows of the page by module: version, by, day, what was seen, test.
fn rows() -> BTreeMap<String, Vec<String>> {
    let page = read("docs/trust.md");
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    page.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = cells(line);
            (cells.remove(0).replace('`', ""), cells)
        })
        .collect()
}

#[test]
fn each_module_says_what_it_was_tested_by() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/std");
    let mut modules: Vec<String> = std::fs::read_dir(library)
        .expect("the modules")
        .map(|entry| entry.expect("a module").file_name().to_string_lossy().into_owned())
        .collect();
    modules.sort();
    let rows = rows();
    assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), modules);
    for (module, cells) in &rows {
        let [_, by, day, seen, test] = &cells[..] else { panic!("{module}: {cells:?}") };
        assert!(["run", "reader", "source", "document"].contains(&by.as_str()), "{module}: {by}");
        assert!(day.len() == 10 && day.starts_with("20"), "{module}: {day}");
        assert!(by == "document" || (!seen.is_empty() && !test.is_empty()), "{module}: {cells:?}");
    }
}

#[test]
fn the_versions_are_those_of_the_modules() {
    for (module, cells) in rows() {
        let text = read(&format!("modules/std/{module}/module.kdl"));
        let defaults = text.lines().zip(text.lines().skip(1)).filter_map(|(line, next)| {
            let image = line.contains("type=image {").then(|| next.split('"').nth(1))??;
            image.rsplit_once(':').map(|(_, tag)| format!("`{tag}`"))
        });
        for tag in defaults {
            assert!(cells[0].contains(&tag), "{module} is {tag} now; was it tested again?");
        }
    }
}

#[test]
fn what_runs_each_night_is_what_the_page_says() {
    let page: String = rows().into_values().map(|cells| cells.join(" ")).collect();
    for line in read("tests/nightly/programs").lines().filter(|line| !line.starts_with('#')) {
        let [_, name, version] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(page.contains(version), "the page has no {name} {version}");
    }
}

#[test]
fn the_tests_exist() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &std::fs::read_to_string(path).expect("a source file");
            }
        }
    }
    for (module, cells) in rows() {
        for test in cells[4].split(", ").filter(|test| !test.is_empty()) {
            let name = test.replace('`', "");
            assert!(sources.contains(&format!("fn {name}(")), "{module}: no test {name}");
        }
    }
}
