//! Checks what a reader follows or types: links, commands, and their output as shown.

use std::collections::BTreeSet;

use labwright::cli::program;

use super::{blocks, pages, read};

/// Returns the lines outside blocks of code, without the text between backticks.
fn prose(page: &str) -> Vec<String> {
    let mut code = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            lines.push(line.split('`').step_by(2).collect::<Vec<_>>().join("`"));
        }
    }
    lines
}

/// Returns the anchors of a page's headings, as forges make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut code = false;
    let mut headings = BTreeSet::new();
    for line in page.lines() {
        code ^= line.trim_start().starts_with("```");
        if !code && line.starts_with('#') {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|character| character.is_alphanumeric() || "-_ ".contains(*character));
            headings.insert(
                kept.map(|character| if character == ' ' { '-' } else { character }).collect(),
            );
        }
    }
    headings
}

#[test]
fn every_link_leads_somewhere() {
    let mut lost = String::new();
    for page in pages() {
        let text = read(&page);
        let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in prose(&text)
            .iter()
            .flat_map(|line| line.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
        {
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                format!("{folder}/{path}").trim_start_matches('/').to_owned()
            };
            let there = super::root().join(&target).exists();
            if !there || !(anchor.is_empty() || anchors(&read(&target)).contains(anchor)) {
                lost.push_str(&format!("{page}: {link}\n"));
            }
        }
    }
    assert!(lost.is_empty(), "{lost}");
}

#[test]
fn every_command_that_a_page_shows_is_one() {
    let mut wrong = String::new();
    for page in pages() {
        for (line, _, text) in blocks(&read(&page), "sh") {
            for command in text.lines().filter(|command| command.starts_with("labwright ")) {
                let words = command
                    .split_whitespace()
                    .take_while(|word| !word.starts_with(['#', '|', '>', '<', '&', ';']));
                if let Err(error) = program().try_get_matches_from(words) {
                    wrong.push_str(&format!("{page}:{line}: {command}\n{error}\n"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_command_and_option_is_documented() {
    let page = read("docs/commands.md");
    for command in program().get_subcommands() {
        let name = command.get_name();
        assert!(
            page.contains(&format!("`labwright {name}")),
            "docs/commands.md does not name `{name}`"
        );
        for option in command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .filter(|option| *option != "help")
        {
            assert!(
                page.contains(&format!("--{option}")),
                "docs/commands.md does not name `{name} --{option}`"
            );
        }
    }
}

#[test]
fn the_first_lab_is_told_what_the_readme_shows() {
    let page = read("README.md");
    let [(_, _, lab), (_, _, accept)] = &blocks(&page, "kdl")[..] else {
        panic!("the readme has a lab, and a finding accepted")
    };
    let (_, after) = page.split_once("labwright check attic").expect("the tour checks its lab");
    let (_, told) = after.split_once("```text\n").expect("what it is told");
    let (told, _) = told.split_once("```").expect("the end of the block");
    let folder = tempfile::tempdir().expect("a folder");
    let check = || crate::cli::labwright(folder.path(), &["check", "attic"]).out;
    crate::cli::put(folder.path(), "attic/lab.kdl", lab.as_bytes());
    assert_eq!(check(), told);
    crate::cli::put(folder.path(), "attic/accepted.kdl", accept.as_bytes());
    assert_eq!(check(), "no findings, 1 accepted\n");
}
