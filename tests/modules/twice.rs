//! Holds what modules tell people against what they declare: a port, a folder or a container that
//! stands in both must be derived, so that the text is right where the lab says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{library, names};

/// Paths in texts that are no folder of a container: pages, files elsewhere, or examples.
const OTHER_PATHS: &[&str] = &[
    "/",
    "/admin",
    "/app/pocket-id",
    "/caddy/pki/authorities/local/root.crt",
    "/dev/",
    "/etc/openvpn/server.conf",
    "/ghost",
    "/if/flow/initial-setup/",
    "/oauth2/callback",
    "/pve?target=ADDRESS&cluster=1&node=1",
    "/setup",
    "/snmp?target=ADDRESS&module=if_mib",
    "/srv/",
    "/ups_metrics?ups=NAME",
    "/usr/share/keyrings/",
    "/var/log/",
    "/web",
];

/// Returns the sentences of a module: its quoted text with a blank in it, without expressions, and
/// without what is between the braces of formatted text.
fn sentences(module: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in module.replace("\\\n", "\u{1}").lines() {
        let statement = statement.trim_start();
        let commands = ["example", "command", "health", "assert", "//", "keywords"];
        if commands.iter().any(|word| statement.starts_with(word)) {
            continue;
        }
        let mut pieces = statement.split('"');
        let mut before = pieces.next().unwrap_or_default();
        while let (Some(text), Some(after)) = (pieces.next(), pieces.next()) {
            if text.contains(' ') && !before.ends_with("(expr)") {
                found.push(without_braces(&text.replace('\u{1}', " ")));
            }
            before = after;
        }
    }
    found
}

fn without_braces(text: &str) -> String {
    let mut outside = true;
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '{' => outside = false,
            // Where a value was, no word joins what is around it.
            '}' => {
                outside = true;
                out.push('…');
            }
            _ if outside => out.push(character),
            _ => {}
        }
    }
    out
}

/// Returns what follows each `before` in a text, up to the first of `ends`.
fn following<'t>(text: &'t str, before: &'t str, ends: &'t [char]) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split(ends).next().unwrap_or_default()).collect()
}

fn each_sentence(mut look: impl FnMut(&str, &str, &str)) {
    for name in names() {
        let path = library().join(&name).join("module.kdl");
        let module = std::fs::read_to_string(path).expect("a module.kdl");
        for sentence in sentences(&module) {
            look(&name, &module, &sentence);
        }
    }
}

#[test]
fn no_text_has_a_port_of_its_own() {
    let (mut texts, mut faults) = (0, Vec::<String>::new());
    each_sentence(|name, module, sentence| {
        texts += 1;
        let ports: BTreeSet<&str> =
            following(module, " port=", &[' ', '\n', '}']).into_iter().collect();
        for word in sentence.split(|character: char| !character.is_ascii_digit()) {
            // Others ask for names at 53, and prove them at 80, wherever the program listens.
            let others = ["53", "80", "443"].contains(&word);
            if ports.contains(word) && !others {
                faults.push(format!("{name} has an endpoint at {word}: {sentence}"));
            }
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(texts > 500, "{texts} texts");
}

#[test]
fn the_containers_and_folders_of_texts_are_those_of_the_module() {
    let (mut paths, mut faults) = (0, Vec::<String>::new());
    each_sentence(|name, module, sentence| {
        for verb in ["exec", "restart", "stop", "start", "logs"] {
            for rest in following(sentence, &format!("docker {verb} "), &['`']) {
                // After the options, of which `-u` has a value.
                let rest = rest.replace("-u git ", "");
                if rest.split(' ').find(|word| !word.starts_with('-')) != Some("…") {
                    faults.push(format!("{name} names a container: {sentence}"));
                }
            }
        }
        let mounts = following(module, " at=\"", &['"']);
        for code in sentence.split('`').skip(1).step_by(2).filter(|code| code.starts_with('/')) {
            paths += 1;
            let code = code.split(' ').next().unwrap_or_default();
            let other = OTHER_PATHS.iter().any(|path| {
                code == *path || (path.ends_with('/') && path.len() > 1 && code.starts_with(path))
            });
            let mounted = mounts.iter().any(|mount| code.starts_with(*mount));
            if !mounted && !other {
                faults.push(format!("{name} mounts nothing at {code}: {sentence}"));
            }
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    assert!(paths > 20, "{paths} paths");
}

/// The tag of the image says it, also of the image that a lab names.
#[test]
fn no_database_has_a_major_version_of_its_own() {
    for name in names() {
        let path = library().join(&name).join("module.kdl");
        let module = std::fs::read_to_string(path).expect("a module.kdl");
        assert!(!module.contains(" major="), "{name}");
    }
}

/// Returns the files of the repository below a folder that people read, or that texts are made of.
fn files_of_people(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            files_of_people(&path, found);
        } else if ["kdl", "md", "j2", "sh"].contains(&ending) {
            found.push(path);
        }
    }
}

/// What a person types today must be what runs tomorrow: without a version, an image is another
/// one at each pull.
#[test]
fn a_command_to_type_names_the_image_that_the_module_has() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut usual = BTreeMap::new();
    for name in names() {
        let path = library().join(&name).join("module.kdl");
        let module = std::fs::read_to_string(path).expect("a module.kdl");
        for image in following(&module, "default \"", &['"']) {
            if let Some((repository, tag)) = image.rsplit_once(':') {
                usual.insert(repository.to_owned(), tag.to_owned());
            }
        }
    }
    let (mut typed, mut files) = (0, Vec::new());
    for folder in ["docs", "modules", "src"] {
        files_of_people(&here.join(folder), &mut files);
    }
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a file");
        for command in following(&text, "docker run ", &['`', '"', '\n']) {
            typed += 1;
            let image = command.split(' ').find(|word| word.contains('/') || word.contains('{'));
            let image = image.unwrap_or_else(|| panic!("{}: {command}", path.display()));
            if image.starts_with('{') {
                continue; // the lab's own
            }
            let (repository, tag) = image.rsplit_once(':').unwrap_or((image, ""));
            let known = usual.get(repository).map(String::as_str);
            assert_eq!(Some(tag), known, "{}: {command}", path.display());
        }
    }
    assert!(typed >= 2, "{typed} commands");
}
