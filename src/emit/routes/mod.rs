//! Emits the routes to networks behind other machines of the lab, which a unit keeps. cloud-init
//! sets a machine's network up only once, and bare metal and hypervisors don't have it.

use super::{Context, Emitter, unit_file};
use crate::artifact::Artifacts;
use crate::diag::{Diagnostic, Diagnostics};
use crate::format::VALUE_NOT_WRITABLE;
use crate::model::UnitAction;

/// The emitter of static routes.
pub const EMITTER: Emitter = Emitter { name: "routes", folders: &[], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let routes = &context.planned().static_routes;
    if routes.is_empty() {
        return;
    }
    let words = |verb: &'static str| {
        routes
            .iter()
            .map(move |route| format!("/usr/sbin/ip route {verb} {} via {}", route.to, route.via))
    };
    // Without `RemainAfterExit`, systemd would run the stop commands right after the start
    // commands.
    let mut service = vec![("Type", "oneshot".to_owned()), ("RemainAfterExit", "yes".to_owned())];
    // Unlike `add`, `replace` succeeds where cloud-init has set the route up already.
    service.extend(words("replace").map(|command| ("ExecStart", command)));
    service.extend(words("del").map(|command| ("ExecStop", format!("-{command}"))));
    let online = "network-online.target".to_owned();
    let unit = unit_file::write([
        (
            "Unit",
            vec![
                ("Description", "Ways to networks behind other machines".to_owned()),
                ("Wants", online.clone()),
                ("After", online),
            ],
        ),
        ("Service", service),
        ("Install", vec![("WantedBy", "multi-user.target".to_owned())]),
    ]);
    match unit {
        Ok(text) => artifacts.unit(
            "labwright-routes.service",
            UnitAction::EnableStart,
            text,
            context.origin(),
            Vec::new(),
        ),
        Err(why) => {
            let message =
                format!("the static routes of `{}` can't be written: {why}", context.this().name);
            diagnostics
                .push(Diagnostic::lab(&VALUE_NOT_WRITABLE, message).on(&context.this().name));
        }
    }
}
