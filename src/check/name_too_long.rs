//! Finds names that leave no room for the paths of a bundle.

use super::Rule;
use crate::decl::types::is_name;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds machines whose name is too long together with the lab's.
pub static RULE: Rule = Rule { code: &CODE, check };

/// The greatest length of both names. It leaves 49 bytes of the 100 that every tar supports for the
/// path below `payload/`.
const LONGEST: usize = 28;

static CODE: Code =
    codes::code!("name-too-long", Error, "the lab's name and a machine's are too long together");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let lab = &plan.model.lab;
    // Invalid names are already reported.
    for machine in plan.model.machines.iter().filter(|machine| is_name(&machine.name)) {
        let length = lab.name.len() + machine.name.len();
        if length > LONGEST {
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    machine.span,
                    format!(
                        "`{}` and `{}` have {length} characters together",
                        lab.name, machine.name
                    ),
                )
                .label(lab.span, "the lab's name is the other part")
                .help(format!("both may have {LONGEST} characters together: shorten one of them"))
                .on(machine.name.clone()),
            );
        }
    }
}
