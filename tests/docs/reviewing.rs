//! The walk through changes in docs/reviewing.md: each section changes the lab in a repository of
//! its own, and its commands print what the page says.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{read, root, up_to_date};

const PAGE: &str = "docs/reviewing.md";

fn run(folder: &Path, line: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_labwright")).parent().expect("a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .expect("sh runs");
    String::from_utf8(output.stdout).expect("text")
}

/// Makes a repository of the lab with its snapshots.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let lab = root().join("modules/labs/media-server-home");
    for entry in fs::read_dir(lab).expect("the lab") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("a copy");
    }
    let git = "git -c user.name=ada -c user.email=ada@example.org -c init.defaultBranch=main";
    run(
        folder.path(),
        &format!(
            "labwright snapshot >/dev/null && git init -q . && git add . && {git} commit -qm lab"
        ),
    );
    folder
}

/// Replaces the lines of a diff that begin with `-` by those that begin with `+`.
fn change(folder: &Path, file: &str, diff: &str) {
    let side = |sign: char| -> String {
        diff.lines()
            .filter_map(|line| line.strip_prefix(sign))
            .map(|line| format!("{line}\n"))
            .collect()
    };
    let text = fs::read_to_string(folder.join(file)).expect("a source");
    let (was, is) = (side('-'), side('+'));
    assert_eq!(text.matches(&was).count(), 1, "{file} has {was:?} once");
    fs::write(folder.join(file), text.replacen(&was, &is, 1)).expect("it is written");
}

/// Runs each command of a block, and returns the block with what the commands print.
fn console(folder: &Path, block: &str) -> String {
    block
        .lines()
        .filter(|line| line.starts_with("$ "))
        .map(|line| format!("{line}\n{}", run(folder, &line[2..])))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn docs_reviewing_shows_what_the_commands_print() {
    let page = read(PAGE);
    let mut made = String::new();
    for section in page.split_inclusive("\n## ") {
        let folder = repository();
        let mut rest = section;
        while let Some((before, after)) = rest.split_once("\n```") {
            let (info, after) = after.split_once('\n').expect("a block");
            let (block, after) = after.split_once("```").expect("its end");
            made.push_str(&format!("{before}\n```{info}\n"));
            match info.split_once(' ') {
                Some(("diff", file)) => {
                    change(folder.path(), file, block);
                    made.push_str(block);
                }
                _ if info == "console" => {
                    let text = console(folder.path(), block);
                    made.push_str(&text);
                    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
                }
                _ => made.push_str(block),
            }
            made.push_str("```");
            rest = after;
        }
        made.push_str(rest);
    }
    up_to_date(PAGE, &made);
}
