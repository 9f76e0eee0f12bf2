//! Finds environment variables that a program does not read, or no longer reads.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Data};
use crate::plan::Plan;

/// Finds variables that guides recommend and that have no effect.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "variable-without-effect",
    Warning,
    "an environment variable that the program does not read"
);

/// A variable without effect.
struct Variable {
    name: &'static str,
    instead: &'static str,
}

/// The path that contains the images of Immich.
const IMMICH: &str = "immich-app/";

/// The variables, by name. Source: <https://docs.immich.app/install/environment-variables> and
/// <https://immich.app/blog/v3-migration>.
static VARIABLES: &[Variable] = &[
    Variable {
        name: "IMMICH_MACHINE_LEARNING_PING_TIMEOUT",
        instead: "it was removed in Immich 3; remove it here too",
    },
    Variable {
        name: "IMMICH_MACHINE_LEARNING_WORKERS",
        instead: "set `MACHINE_LEARNING_WORKERS` of the machine learning container, or limit its \
                  processors with `resources`",
    },
    Variable {
        name: "IMMICH_SERVER_URL",
        instead: "it was removed in Immich 1; remove it here too",
    },
    Variable {
        name: "IMMICH_THUMBNAIL_WORKERS",
        instead: "set the concurrency of the job in Immich's administration, or limit its \
                  processors with `resources`",
    },
    Variable { name: "IMMICH_WEB_URL", instead: "it was removed in Immich 1; remove it here too" },
    Variable {
        name: "MACHINE_LEARNING_PRELOAD__CLIP",
        instead: "write `MACHINE_LEARNING_PRELOAD__CLIP__TEXTUAL` and `…__VISUAL`",
    },
    Variable {
        name: "MACHINE_LEARNING_PRELOAD__FACIAL_RECOGNITION",
        instead: "write `MACHINE_LEARNING_PRELOAD__FACIAL_RECOGNITION__DETECTION` and \
                  `…__RECOGNITION`",
    },
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for container in
            service.containers.iter().filter(|container| container.repository().starts_with(IMMICH))
        {
            let names = names(container);
            for variable in VARIABLES.iter().filter(|variable| names.contains(&variable.name)) {
                diagnostics.push(
                    Diagnostic::new(
                        &CODE,
                        service.span,
                        format!("`{}` has no effect on `{}`", variable.name, container.name),
                    )
                    .label(container.span, "this container gets it")
                    .help(variable.instead)
                    .on(service.name.clone()),
                );
            }
        }
    }
}

/// Lists the variables of a container, including those of `raw compose.environment`.
fn names(container: &Container) -> Vec<&str> {
    let mut names: Vec<&str> =
        container.environment.iter().map(|variable| variable.name.as_str()).collect();
    match container.raw.get("environment") {
        Some(Data::Text(line)) => names.extend(line.split('=').next()),
        Some(Data::List(lines)) => {
            names.extend(lines.iter().filter_map(|line| line.as_text()?.split('=').next()));
        }
        _ => {}
    }
    names
}
