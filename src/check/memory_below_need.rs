//! Finds memory limits that are too low for a program.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Size;
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
    for service in &plan.model.services {
        for container in &service.containers {
            let Some(limit) = &container.resources.memory else { continue };
            if limit.value < LEAST {
                let message = format!(
                    "`{}` may use only {}, and Docker refuses less than {LEAST}",
                    container.name, limit.value
                );
                diagnostics.push(
                    Diagnostic::new(&CODE, limit.span, message)
                        .label(service.span, "the service")
                        .help("raise the limit")
                        .on(service.name.clone()),
                );
                continue;
            }
            let process = &container.process;
            let swap = process.memory_swap.filter(|swap| *swap < limit.value);
            let reserved = process.memory_reservation.filter(|kept| *kept > limit.value);
            let beside = swap
                .map(|swap| format!("{swap} of memory and swap together is less"))
                .or_else(|| reserved.map(|kept| format!("the {kept} that it keeps are more")));
            if let Some(beside) = beside {
                let message = format!(
                    "`{}` may use {}, and {beside}, which Docker refuses",
                    container.name, limit.value
                );
                diagnostics.push(
                    Diagnostic::new(&CODE, limit.span, message)
                        .label(service.span, "the service")
                        .help("change one of the two")
                        .on(service.name.clone()),
                );
                continue;
            }
            let name = container.repository();
            let Some(need) =
                NEEDS.iter().find(|need| need.repository == name && limit.value < need.memory)
            else {
                continue;
            };
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    limit.span,
                    format!(
                        "`{}` needs {} to start, but may use only {}",
                        container.name, need.memory, limit.value
                    ),
                )
                .label(service.span, "the service")
                .help(format!(
                    "raise the limit, or use a program that needs less; see {}",
                    need.source
                ))
                .on(service.name.clone()),
            );
        }
    }
}
