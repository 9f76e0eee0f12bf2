//! Finds environment variables that a program does not read, or no longer reads: those that guides
//! recommend, those that the image of a database does not know, and misspelt ones.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes, suggest};
use crate::model::{Container, Service};
use crate::plan::Plan;
use crate::source::Span;

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

/// The variables of the images that make databases, by repository and beginning. Sources:
/// <https://hub.docker.com/_/postgres>, <https://hub.docker.com/_/mongo>.
static OF_DATABASES: &[(&str, &str, &[&str])] = &[
    (
        "postgres",
        "POSTGRES_",
        &[
            "POSTGRES_DB",
            "POSTGRES_DB_FILE",
            "POSTGRES_HOST_AUTH_METHOD",
            "POSTGRES_INITDB_ARGS",
            "POSTGRES_INITDB_ARGS_FILE",
            "POSTGRES_INITDB_WALDIR",
            "POSTGRES_PASSWORD",
            "POSTGRES_PASSWORD_FILE",
            "POSTGRES_USER",
            "POSTGRES_USER_FILE",
        ],
    ),
    (
        "mongo",
        "MONGO_",
        &[
            "MONGO_INITDB_DATABASE",
            "MONGO_INITDB_ROOT_PASSWORD",
            "MONGO_INITDB_ROOT_PASSWORD_FILE",
            "MONGO_INITDB_ROOT_USERNAME",
            "MONGO_INITDB_ROOT_USERNAME_FILE",
        ],
    ),
];

/// The folder with scripts of one's own, which may read any variable.
const OWN_SCRIPTS: &str = "/docker-entrypoint-initdb.d";

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for container in &service.containers {
            unknown_to_database(service, container, diagnostics);
            misspelt(service, container, diagnostics);
        }
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

/// Reports variables that the image of a database does not know.
fn unknown_to_database(service: &Service, container: &Container, diagnostics: &mut Diagnostics) {
    let of_image = OF_DATABASES.iter().find(|(image, ..)| *image == container.repository());
    let Some((_, beginning, known)) = of_image else { return };
    if container.mounts.iter().any(|mount| mount.at.starts_with(OWN_SCRIPTS)) {
        return;
    }
    let unknown = |name: &str| name.starts_with(beginning) && !known.contains(&name);
    let of_module = container.environment.iter().map(|one| (one.name.as_str(), service.span));
    for (name, span) in of_module.chain(added(container)).filter(|(name, _)| unknown(name)) {
        let message = format!("the image of `{}` does not know `{name}`", container.name);
        let help = suggest(name, known.iter().copied(), || {
            "leave it out, or mount a script of your own that reads it into \
             /docker-entrypoint-initdb.d"
                .to_owned()
        });
        diagnostics.push(
            Diagnostic::new(&CODE, span, message)
                .label(container.span, "this container gets it")
                .help(help)
                .on(service.name.clone()),
        );
    }
}

/// Reports variables that `raw` adds and that differ from one of the module's by a slip of the
/// fingers.
fn misspelt(service: &Service, container: &Container, diagnostics: &mut Diagnostics) {
    let own = || {
        let secrets = container.secrets.iter().flat_map(|used| {
            [used.file_variable.as_deref(), used.value_variable.as_deref()].into_iter().flatten()
        });
        container.environment.iter().map(|variable| variable.name.as_str()).chain(secrets)
    };
    for (name, span) in added(container) {
        if own().any(|known| known == name) {
            continue;
        }
        // Short names are often alike, and names that differ in a number are meant to.
        let letters = |text: &str| text.replace(|one: char| one.is_ascii_digit(), "");
        let meant = own().find(|known| {
            known.len() >= 8 && letters(known) != letters(name) && is_slip(name, known)
        });
        let Some(meant) = meant else { continue };
        let message = format!("`{}` of `{}` looks like `{meant}`", name, container.name);
        diagnostics.push(
            Diagnostic::new(&CODE, span, message)
                .label(container.span, "this container gets it")
                .help(format!(
                    "the module sets `{meant}` itself, from an option; correct the name, or set \
                     that option"
                ))
                .on(service.name.clone()),
        );
    }
}

/// Returns whether one name is the other with one letter more, less, other or exchanged.
fn is_slip(name: &str, known: &str) -> bool {
    strsim::damerau_levenshtein(name, known) == 1
}

/// Lists the variables that `raw compose.environment` adds, with their places.
fn added(container: &Container) -> impl Iterator<Item = (&str, Span)> {
    container.raw_environment.iter().map(|variable| (variable.name.as_str(), variable.span))
}

/// Lists the variables of a container, including those of `raw compose.environment`.
fn names(container: &Container) -> Vec<&str> {
    let mut names: Vec<&str> =
        container.environment.iter().map(|variable| variable.name.as_str()).collect();
    names.extend(added(container).map(|(name, _)| name));
    names
}
