//! Holds what documents, alerts and modules tell people to type against what there is: the verbs
//! and options of labctl, the units of systemd, and what `restore.sh` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::lab::compile_folder;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists the files with such texts. The generated references are made of others.
fn texts() -> BTreeMap<PathBuf, String> {
    let mut paths = vec![here().join("README.md")];
    for (folder, ending) in
        [("docs", ".md"), ("src/emit/prometheus/rules", ".yml"), ("src/emit/runbook", ".md.j2")]
    {
        let entries = std::fs::read_dir(here().join(folder)).expect("a folder");
        let found = entries.map(|entry| entry.expect("an entry").path());
        paths.extend(found.filter(|path| path.to_string_lossy().ends_with(ending)));
    }
    for module in std::fs::read_dir(here().join("modules/std")).expect("the modules") {
        paths.push(module.expect("a module").path().join("module.kdl"));
    }
    let text = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).expect("a text"));
    paths.into_iter().map(text).collect()
}

/// Lists the commands of a text: lines of code blocks, and words in backquotes.
fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
        } else if fence == Some("sh") || line.starts_with("    ") && fence.is_none() {
            let command = line.split(" #").next().unwrap_or_default();
            found.extend(command.split(['|', ';', '&']));
            found.extend(line.split('`').skip(1).step_by(2));
        } else if fence.is_none() {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found.into_iter().map(str::trim).collect()
}

/// Returns the words after the first ones of a command, if it begins with them.
fn after<'c>(command: &'c str, words: &str) -> Option<Vec<&'c str>> {
    let rest = command.strip_prefix(words)?.strip_prefix(' ')?;
    Some(rest.split_whitespace().collect())
}

#[test]
fn labctl_knows_what_people_are_told_to_type() {
    let main = here().join("src/emit/labctl/parts/main.sh");
    let main = std::fs::read_to_string(main).expect("the command line");
    let options: BTreeSet<&str> = main
        .split(|one: char| one.is_whitespace() || ")|".contains(one))
        .filter(|word| word.starts_with("--"))
        .collect();
    let mut typed = BTreeSet::new();
    for (path, text) in texts() {
        for command in commands(&text) {
            let Some(words) = after(command, "labctl") else { continue };
            for word in words {
                let known = match word.strip_prefix("--") {
                    // A value may follow its option.
                    Some(_) => options.contains(word.split('=').next().unwrap_or_default()),
                    None => true,
                };
                assert!(known, "{}: labctl has no {word}: {command}", path.display());
            }
            let verb = after(command, "labctl").and_then(|words| words.first().copied());
            let Some(verb) = verb.filter(|verb| !verb.starts_with('-')) else { continue };
            let known = main.contains(&format!("    {verb}) verb_"))
                || main.contains(&format!("{verb}) if"));
            assert!(known, "{}: labctl has no verb {verb}: {command}", path.display());
            typed.insert(verb.to_owned());
        }
    }
    for verb in ["apply", "confirm", "gc", "list", "plan", "rollback", "secrets", "status"] {
        assert!(typed.contains(verb), "no page types {verb}: {typed:?}");
    }
}

/// Units that the system or a package brings.
const OTHERS: &[&str] = &["sanoid.timer", "sanoid.service", "docker.service", "ssh.service"];

#[test]
fn the_units_that_people_are_told_to_look_at_are_emitted() {
    let mut units = BTreeSet::new();
    for lab in std::fs::read_dir(here().join("modules/labs")).expect("the labs") {
        let compiled = compile_folder(&lab.expect("a lab").path());
        let paths = compiled.machines.values().flat_map(|one| one.files.keys());
        units.extend(paths.filter_map(|path| path.strip_prefix("systemd/")).map(str::to_owned));
    }
    assert!(units.contains("restic-daily.timer"), "{units:?}");
    let mut seen = 0;
    for (path, text) in texts() {
        // The labels of an alert of backups name the service.
        let text = text.replace("{{ $labels.backup }}", "restic");
        for command in commands(&text) {
            let words = ["systemctl status", "systemctl start", "systemctl restart"]
                .into_iter()
                .find_map(|verb| after(command, verb))
                .or_else(|| after(command, "journalctl -u"));
            for unit in words.unwrap_or_default() {
                // What stands for any unit, or for one of a name that only the reader knows.
                if unit.starts_with(['-', '{', '}', '$']) || unit.contains(char::is_uppercase) {
                    continue;
                }
                let unit =
                    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
                let known = units.contains(&unit) || OTHERS.contains(&unit.as_str());
                assert!(known, "{}: there is no {unit}: {command}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 5, "{seen} units are named");
}

#[test]
fn restore_does_what_people_are_told_to_type() {
    let script = here().join("src/emit/backup/restore.sh.j2");
    let script = std::fs::read_to_string(script).expect("the script");
    let mut typed = BTreeSet::new();
    for (path, text) in texts() {
        for command in commands(&text) {
            let Some(words) = after(command, "./restore.sh") else { continue };
            let Some(verb) = words.first() else { continue };
            let known = script.contains(&format!("    {verb})"));
            assert!(known, "{}: restore.sh has no {verb}: {command}", path.display());
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(script.contains(option), "{}: {command}", path.display());
            }
            typed.insert((*verb).to_owned());
        }
    }
    assert_eq!(typed.into_iter().collect::<Vec<_>>(), ["database", "files", "find", "list"]);
}
