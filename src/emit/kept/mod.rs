//! Emits the tables by which labctl knows what a new image may change beyond repair, and what to
//! save before.

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::plan::joined::{dump_file, dump_name};
use crate::plan::{Kept, KeptIn};

/// The emitter of `kept/`.
pub const EMITTER: Emitter = Emitter { name: "kept", folders: &["kept"], emit };

/// The rows of the three tables.
#[derive(Debug, Default)]
struct Tables {
    writers: Vec<[String; 3]>,
    databases: Vec<[String; 7]>,
    places: Vec<[String; 4]>,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    let mut tables = Tables::default();
    let mut origin = Vec::new();
    for kept in &context.planned().kept {
        origin.push(format!("service {}", context.model()[kept.service].name));
        tables.add(context, kept);
    }
    origin.sort();
    add(artifacts, "writers", &tables.writers, &origin);
    add(artifacts, "databases", &tables.databases, &origin);
    add(artifacts, "places", &tables.places, &origin);
}

fn add<const N: usize>(
    artifacts: &mut Artifacts,
    name: &str,
    rows: &[[String; N]],
    origin: &[String],
) {
    if rows.is_empty() {
        return;
    }
    let mut rows = rows.to_vec();
    rows.sort();
    let text: String = rows.iter().flat_map(|row| [row.join("\t"), "\n".to_owned()]).collect();
    artifacts.add(format!("kept/{name}.tsv"), Kind::Table, text, origin.to_vec());
}

impl Tables {
    fn add(&mut self, context: &Context<'_>, kept: &Kept<'_>) {
        let service = &context.model()[kept.service];
        let way = if service.reversible.is_some() { "reversible" } else { "one-way" };
        for writer in &kept.writers {
            self.writers.push([service.name.clone(), (*writer).to_owned(), way.to_owned()]);
        }
        for database in &service.databases {
            self.databases.push([
                service.name.clone(),
                dump_name(database),
                dump_file(database),
                database.engine.name().to_owned(),
                // sh reads several tabs in a row as one, so no cell may be empty.
                database.container.clone().unwrap_or_else(|| "-".to_owned()),
                if database.engine.is_on_disk() {
                    database.database.clone()
                } else {
                    "-".to_owned()
                },
                if database.optional { "optional" } else { "needed" }.to_owned(),
            ]);
        }
        for (state, place) in &kept.states {
            let (how, place) = match place {
                KeptIn::Dataset(dataset) => ("dataset", dataset.clone()),
                KeptIn::DatasetOf(dataset, machine) => {
                    ("elsewhere", format!("{dataset} of {machine}"))
                }
                KeptIn::Folder => ("folder", "-".to_owned()),
            };
            self.places.push([service.name.clone(), how.to_owned(), place, state.path.clone()]);
        }
    }
}
