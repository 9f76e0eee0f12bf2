//! Finds memory limits that are too low for a program.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Container, Size};
use crate::plan::Plan;

/// Finds containers whose limit is below what their program needs to start.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "memory-below-need",
    Warning,
    "a container may use less memory than its program needs"
);

/// The memory that a program needs, by its own documentation.
struct Need {
    repository: &'static str,
    memory: Size,
    source: &'static str,
}

const GIB: u64 = 1 << 30;

/// The least memory that Docker lets a container have. Source:
/// <https://docs.docker.com/engine/containers/resource_constraints/>.
const LEAST: Size = Size(6 << 20);

/// The needs, by repository.
static NEEDS: &[Need] = &[
    Need {
        repository: "bitwarden/mssql",
        memory: Size(2 * GIB),
        source: "https://bitwarden.com/help/install-on-premise-linux/",
    },
    Need {
        repository: "mssql/server",
        memory: Size(2 * GIB),
        source: "https://learn.microsoft.com/sql/linux/sql-server-linux-setup#system",
    },
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (service, container) in plan.model.containers() {
        let limit = container.resources.memory.as_ref();
        let span = limit.map_or(container.span, |limit| limit.span);
        let found = match limit {
            Some(limit) => unfit(container, limit.value),
            None => container.process.memory_swap.map(|swap| {
                let what = format!(
                    "may use {swap} of memory and swap together, which Docker refuses without a \
                     limit of memory"
                );
                (what, "add `memory=` to its limits, or leave `memory-swap=` out".to_owned())
            }),
        };
        let Some((what, help)) = found else { continue };
        let message = format!("`{}` {what}", container.name);
        diagnostics.push(
            Diagnostic::new(&CODE, span, message)
                .label(service.span, "the service")
                .help(help)
                .on(service.name.clone()),
        );
    }
}

/// Returns what is wrong with a limit, and what to do.
fn unfit(container: &Container, limit: Size) -> Option<(String, String)> {
    if limit < LEAST {
        let what = format!("may use only {limit}, and Docker refuses less than {LEAST}");
        return Some((what, "raise the limit".to_owned()));
    }
    let process = &container.process;
    let swap = process.memory_swap.filter(|swap| *swap < limit);
    let reserved = process.memory_reservation.filter(|kept| *kept > limit);
    let beside = swap
        .map(|swap| format!("{swap} of memory and swap together is less"))
        .or_else(|| reserved.map(|kept| format!("the {kept} that it keeps are more")));
    if let Some(beside) = beside {
        let what = format!("may use {limit}, and {beside}, which Docker refuses");
        return Some((what, "change one of the two".to_owned()));
    }
    let name = container.repository();
    let need = NEEDS.iter().find(|need| need.repository == name && limit < need.memory)?;
    let what = format!("needs {} to start, but may use only {limit}", need.memory);
    let help = format!("raise the limit, or use a program that needs less; see {}", need.source);
    Some((what, help))
}
