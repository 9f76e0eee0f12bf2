//! Finds admins who can't log in anywhere.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds admins without a key.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("admin-without-key", Warning, "an admin can't log in");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for admin in plan.model.admins.iter().filter(|admin| admin.ssh_keys.is_empty()) {
        let message = format!("`{}` can't log in: the account has no key", admin.name);
        diagnostics.push(
            Diagnostic::new(&CODE, admin.span, message)
                .help("give the account the line of a public key: `ssh-key \"ssh-ed25519 …\"`")
                .on(admin.name.clone()),
        );
    }
}
