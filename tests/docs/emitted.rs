//! Asks docker-compose what it says to the examples of the language's page: each node of a
//! container or a module becomes something that it takes.

use std::collections::BTreeMap;

use rayon::prelude::*;

use labwright::compile;

use super::{blocks, lab_of, read};
use crate::trixie::{Room, text};

const SCRIPT: &str = r#"
for folder in /in/*; do
    docker-compose -f "$folder/compose.yaml" config -q 2>/tmp/said ||
        printf '%s: %s\n' "${folder##*/}" "$(cat /tmp/said)"
done
"#;

#[test]
fn docker_compose_takes_every_example_of_the_language() {
    let Some(room) = Room::new() else { return };
    let page = read("docs/language.md");
    let files: BTreeMap<usize, Vec<u8>> = blocks(&page, "kdl")
        .into_par_iter()
        .filter(|(_, info, _)| matches!(info.as_str(), "" | "in=container" | "in=module"))
        .filter_map(|(line, info, text)| {
            let sources = lab_of(&info, &text)?;
            // What does not build is reported by the test of all pages.
            let mut analyzed = compile::analyze(&sources);
            let plan = analyzed.check(&sources).plan?;
            let machines = compile::artifacts(&plan, &sources).ok()?;
            let mut files = machines.into_values().map(|machine| machine.files);
            let file = files.find_map(|mut files| files.remove("compose/compose.yaml"))?;
            Some((line, file.bytes))
        })
        .collect();
    assert!(files.len() > 100, "only {} examples have containers", files.len());
    let folder = tempfile::tempdir().expect("a folder");
    for (line, bytes) in files {
        let own = folder.path().join(line.to_string());
        std::fs::create_dir(&own).expect("a folder");
        std::fs::write(own.join("compose.yaml"), bytes).expect("a file");
    }
    let answer = room.show(folder.path(), "/in").sh(SCRIPT, &[]);
    let said = text(&answer.stdout);
    assert!(answer.status.success() && said.is_empty(), "{said}{}", text(&answer.stderr));
}
