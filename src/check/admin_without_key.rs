//! Finds admins who can't log in anywhere.

use super::Rule;
use crate::decl::ssh_key::is_read;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds admins without a key, and keys that OpenSSH does not read.
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
    for admin in &plan.model.admins {
        for key in admin.ssh_keys.iter().filter(|key| !key.is_empty() && !is_read(key)) {
            let message = format!("sshd does not read this key of `{}`", admin.name);
            diagnostics.push(
                Diagnostic::new(&CODE, key.span, message)
                    .caption("something stands between its end and the comment")
                    .help("paste a whole line of `id_ed25519.pub`, as `ssh-keygen` writes it")
                    .on(admin.name.clone()),
            );
        }
    }
}
