//! Finds processor limits that are above what the machine has.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds containers that may use more processors than their machine has. Docker refuses to make
/// them ("range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available").
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "cpus-above-machine",
    Error,
    "a container may use more processors than its machine has"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let machine = &plan.model[service.machine];
        let Some(cores) = machine.cores else { continue };
        for container in &service.containers {
            let Some(cpus) = container.resources.millicpus else { continue };
            // Limits are in thousandths of a processor.
            if cpus.value <= cores.saturating_mul(1000) {
                continue;
            }
            let have = if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
            let message = format!(
                "`{}` may use {} processors, but `{}` has {have}",
                container.name,
                f64::from(cpus.value) / 1000.0,
                machine.name,
            );
            diagnostics.push(
                Diagnostic::new(&CODE, cpus.span, message)
                    .label(machine.span, format!("`{}` has {have}", machine.name))
                    .help("lower the limit, or give the machine more cores")
                    .on(service.name.clone()),
            );
        }
    }
}
