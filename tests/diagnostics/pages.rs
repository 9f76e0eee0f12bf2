//! Every page shows a wrong form, which raises its code and nothing else, and a right form, which
//! raises nothing.
//!
//! The word after a block's language says which form the block belongs to: `wrong`, `right` or
//! `both`. The word after that names the file that it fills. `preamble.kdl` completes the lab,
//! unless its KDL begins with `edition`. Blocks of `sh` run in the folder of the preamble: the
//! right ones after the wrong ones, since they mend what those did. A page that can show neither
//! has a paragraph that begins with [`NOT_SHOWN`], and says why.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use labwright::codes;
use labwright::diag::Code;

use crate::cli::put;

const PREAMBLE: &str = include_str!("preamble.kdl");

/// Begins the paragraph of a page without examples.
const NOT_SHOWN: &str = "No example: ";

/// A block of code of a page.
struct Block<'p> {
    language: &'p str,
    form: &'p str,
    file: &'p str,
    text: String,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut words = info.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let (language, form, file) = (word(), word(), word());
        let text = lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
        blocks.push(Block { language, form, file, text: text + "\n" });
    }
    blocks
}

/// Returns the entities of the preamble that an example does not declare itself.
fn preamble(example: &str) -> String {
    let name = |entity: &str| entity.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let declared: Vec<String> = example.lines().map(name).collect();
    PREAMBLE
        .split("\n\n")
        .filter(|entity| !declared.contains(&name(entity)))
        .map(|entity| format!("{}\n\n", entity.trim_end()))
        .collect()
}

/// Writes the lab of one form of a page.
fn write(folder: &Path, blocks: &[Block<'_>], form: &str) {
    let mut example = String::new();
    for block in blocks.iter().filter(|block| block.language != "sh") {
        match block.file {
            _ if block.form != form && block.form != "both" => {}
            "" => example.push_str(&block.text),
            file => put(folder, file, block.text.as_bytes()),
        }
    }
    if example.starts_with("edition ") {
        put(folder, "lab.kdl", example.as_bytes());
    } else {
        put(folder, "lab.kdl", preamble(&example).as_bytes());
        put(folder, "example.kdl", example.as_bytes());
    }
}

/// Runs a script in a lab's folder, and returns what a person sees.
fn run(folder: &Path, script: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_labwright"));
    let programs = program.parent().expect("the program is in a folder").display();
    let output = Command::new("sh")
        .args(["-ec", script])
        .env_clear()
        .env("PATH", format!("{programs}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .current_dir(folder)
        .output()
        .expect("sh runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Checks one form of a page, and returns what a person sees.
fn told(code: &Code, form: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = blocks(code.explain);
    write(folder.path(), &blocks, form);
    let script = |form: &str| -> String {
        let own = blocks.iter().filter(|block| block.language == "sh" && block.form == form);
        own.map(|block| block.text.as_str()).collect()
    };
    let wrong = script("wrong");
    if wrong.is_empty() {
        // It makes every file too, and writes none.
        return run(folder.path(), "labwright check");
    }
    let first = run(folder.path(), &wrong);
    if form == "wrong" { first } else { run(folder.path(), &script(form)) }
}

/// Lists the codes of the findings that were printed, each once.
fn raised(told: &str) -> Vec<&str> {
    let mut codes: Vec<&str> = told
        .lines()
        .filter(|line| ["error[", "warning[", "advice["].iter().any(|kind| line.starts_with(kind)))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Lists the pages with examples.
fn shown() -> impl Iterator<Item = &'static Code> {
    let not_shown =
        |code: &&Code| code.explain.split("\n\n").any(|part| part.starts_with(NOT_SHOWN));
    codes::all().filter(move |code| !not_shown(code))
}

#[test]
fn every_page_has_a_wrong_and_a_right_form() {
    let mut faults = String::new();
    for code in shown() {
        let lines: Vec<&str> = code.explain.lines().collect();
        for (form, word) in [("wrong", "Wrong"), ("right", "Right")] {
            let first = lines.iter().position(|line| {
                line.starts_with("```") && line.split(' ').nth(1).is_some_and(|own| own == form)
            });
            // A reader tells the forms apart by the paragraph before each.
            let Some(at) = first else {
                let _ = writeln!(faults, "{}: no {form} form", code.name);
                continue;
            };
            let before = lines[..at].join("\n");
            let paragraph = before.trim_end().rsplit("\n\n").next().unwrap_or_default();
            if !paragraph.starts_with(word) || !paragraph.ends_with(':') {
                let _ = writeln!(faults, "{}: the {form} form follows {paragraph:?}", code.name);
            }
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

/// A terminal of 80 columns shows blocks indented by four, and wraps only the rest.
#[test]
fn a_page_has_no_wide_line() {
    for code in codes::all() {
        let mut in_block = false;
        for line in code.explain.lines() {
            in_block ^= line.starts_with("```");
            let widest = if in_block { 76 } else { 100 };
            assert!(line.chars().count() <= widest, "{}: {line}", code.name);
        }
    }
}

#[test]
fn the_wrong_form_of_a_page_raises_its_code_alone() {
    let mut faults = String::new();
    for code in shown() {
        let told = told(code, "wrong");
        if raised(&told) != [code.name] {
            let _ = writeln!(faults, "{} raises {:?}:\n{told}", code.name, raised(&told));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn the_right_form_of_a_page_raises_nothing() {
    let mut faults = String::new();
    for code in shown() {
        let told = told(code, "right");
        if !raised(&told).is_empty() || !told.contains("no findings") {
            let _ = writeln!(faults, "{} raises {:?}:\n{told}", code.name, raised(&told));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}
