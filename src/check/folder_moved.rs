//! Finds folders that a program no longer uses.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::image::postgres_data;
use crate::model::{Container, Data, Service};
use crate::plan::Plan;

/// Finds mounts at a folder that the image no longer uses.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "folder-moved",
    Warning,
    "something is mounted at a folder that the program no longer uses"
);

/// A move of a program to another folder.
struct Move {
    repository: &'static str,
    from: &'static str,
    now: &'static str,
}

/// The known moves. Source: <https://docs.immich.app/install/environment-variables>, which names
/// the current folder.
static MOVES: &[Move] = &[Move {
    repository: "immich-app/immich-server",
    from: "/usr/src/app/upload",
    now: "it keeps them in `/data`, where the module mounts `uploads`; remove this mount",
}];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        for container in &service.containers {
            postgres(service, container, diagnostics);
            let image = container.repository();
            let Some(moved) = MOVES.iter().find(|moved| moved.repository == image) else {
                continue;
            };
            let mounted = container
                .mounts
                .iter()
                .find(|mount| mount.at == moved.from)
                .map(|mount| mount.span);
            let by_hand = match container.raw.get("volumes") {
                Some(Data::List(lines)) => lines
                    .iter()
                    .filter_map(Data::as_text)
                    .any(|line| line.split(':').nth(1) == Some(moved.from)),
                _ => false,
            };
            let raw = service
                .raw
                .iter()
                .find(|raw| by_hand && raw.value == "compose.volumes")
                .map(|raw| raw.span);
            let Some(span) = mounted.or(raw) else { continue };
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    span,
                    format!("`{}` no longer keeps anything in `{}`", container.name, moved.from),
                )
                .help(moved.now)
                .on(service.name.clone()),
            );
        }
    }
}

/// Finds a folder for `PostgreSQL` that its version does not use. The data is then in a volume
/// without a name, or the program does not start.
fn postgres(service: &Service, container: &Container, diagnostics: &mut Diagnostics) {
    let Some(folder) = postgres_data(&container.image.value) else { return };
    let other =
        ["/var/lib/postgresql", "/var/lib/postgresql/data"].into_iter().find(|one| *one != folder);
    let at =
        |path: Option<&str>| container.mounts.iter().find(|mount| Some(mount.at.as_str()) == path);
    // With `PGDATA`, the data is in the folder that the variable names.
    let moved = container.environment.iter().any(|variable| variable.name == "PGDATA");
    let Some(mount) = at(other).filter(|_| !moved && at(Some(folder)).is_none()) else { return };
    let message = format!("`{}` keeps nothing in `{}`", container.name, mount.at);
    diagnostics.push(
        Diagnostic::new(&CODE, mount.span, message)
            .label(service.span, format!("`{}`", container.image.value))
            .help(format!(
                "this version of PostgreSQL keeps its data in `{folder}`; a module says \
                 `at=(expr)\"opt.image | postgres_data\"`"
            ))
            .on(service.name.clone()),
    );
}
