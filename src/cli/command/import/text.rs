//! Prints what an import did, for people.

use std::fmt::Write as _;

use super::{Location, Outcome, Remark};
use crate::cli::console::Console;
use crate::cli::table::Table;
use crate::diag::one_line;
use crate::import::Fate;

pub(super) fn write(outcome: &Outcome, console: &Console) -> String {
    let mut text = String::new();
    if !outcome.faults.is_empty() {
        let _ = writeln!(text, "{}", console.title("Compose refuses this"));
        remarks(&outcome.faults, &mut text);
        return text;
    }
    for project in &outcome.projects {
        let count = |fate| project.keys.iter().filter(|key| key.fate == fate).count();
        let _ = writeln!(
            text,
            "{}: {} kept, {} changed, {} lost",
            console.title(&one_line(&project.name)),
            count(Fate::Kept),
            count(Fate::Changed),
            count(Fate::Lost),
        );
        let mut table = Table::new(["line", "key", "is", "what it becomes, or why it is lost"]);
        for key in &project.keys {
            let fate = match key.fate {
                Fate::Kept => "kept",
                Fate::Changed => "changed",
                Fate::Lost => "lost",
            };
            table.row([
                place(&key.place),
                one_line(&key.path).into_owned(),
                fate.to_owned(),
                one_line(&key.what).into_owned(),
            ]);
        }
        text.push_str(&table.layout(console.room, 2));
        remarks(&project.remarks, &mut text);
        text.push('\n');
    }
    if !outcome.findings.is_empty() {
        let _ = writeln!(text, "{}", console.title("To look at"));
        remarks(&outcome.findings, &mut text);
        text.push('\n');
    }
    if !outcome.secrets.is_empty() {
        let _ = writeln!(text, "{}", console.title("Secrets to set on the machine"));
        let mut table = Table::new(["command", "is", "written in"]);
        for secret in &outcome.secrets {
            table.row([
                secret.command.clone(),
                one_line(&secret.what).into_owned(),
                place(&secret.place),
            ]);
        }
        text.push_str(&table.layout(console.room, 2));
        text.push('\n');
    }
    let checked: Vec<String> =
        outcome.check.iter().map(|(code, count)| format!("{count} {code}")).collect();
    if !checked.is_empty() {
        let _ = writeln!(text, "{}", console.title("What `labwright check` will say"));
        let _ = writeln!(text, "  {}\n", checked.join(", "));
    }
    if let Some(folder) = &outcome.written {
        let _ = writeln!(text, "{} {}", console.title("Written to"), one_line(folder));
        for path in outcome.files.keys() {
            let _ = writeln!(text, "  {}", one_line(path));
        }
    } else {
        let title = "Nothing is written; `--into LAB` writes this";
        let _ = writeln!(text, "{}", console.title(title));
        for (path, content) in &outcome.files {
            let _ = writeln!(text, "\n{}\n", one_line(path));
            for line in content.lines() {
                let _ = writeln!(text, "{}", one_line(line));
            }
        }
    }
    text
}

fn remarks(list: &[Remark], text: &mut String) {
    for remark in list {
        let _ = writeln!(text, "  {}: {}", place(&remark.place), one_line(&remark.message));
    }
}

fn place(place: &Location) -> String {
    format!("{}:{}", one_line(&place.file), place.line)
}
