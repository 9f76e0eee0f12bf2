//! Emits the addresses that services have for themselves, which a unit keeps. cloud-init gives a
//! machine its own at the first boot alone.

use serde::Serialize;

use super::{EMITTER, TEMPLATES};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::kind::Kind;
use crate::model::UnitAction;

const SCRIPT: &str = "machine/addresses.sh";

/// labctl removes files in the order of their names, so the unit is stopped while its script is
/// still there.
const INSTALLED: &str = "/usr/local/lib/labwright/addresses.sh";

const UNIT: &str = "labwright-addresses.service";

#[derive(Debug, Serialize)]
struct View {
    addresses: Vec<AddressView>,
}

#[derive(Debug, Serialize)]
struct AddressView {
    address: String,
    beside: String,
}

/// Adds the script, its unit, and the steps that refuse and add addresses.
pub(super) fn emit(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let own = context.planned().own_addresses.iter();
    let addresses: Vec<AddressView> = own
        .map(|own| AddressView { address: own.address.to_string(), beside: own.beside.to_string() })
        .collect();
    if addresses.is_empty() {
        return;
    }
    let view = View { addresses };
    let Some(text) = TEMPLATES.write("addresses.sh.j2", &view, &context.this().name, diagnostics)
    else {
        return;
    };
    let mut origin = context.origin();
    let owners = context.services().filter(|(_, service)| !service.own_addresses.is_empty());
    origin.extend(owners.map(|(_, service)| format!("service {}", service.name)));
    artifacts.install(SCRIPT, Artifact::new(Kind::Shell, text, origin.clone()), INSTALLED, "0755");
    let unit = include_str!("labwright-addresses.service");
    artifacts.unit(UNIT, UnitAction::Enable, unit, EMITTER.fixed(), Vec::new());
    let check = format!("exec sh {SCRIPT} check\n");
    artifacts.step(Slot::CHECK_REQUIREMENTS, "addresses", &[SCRIPT], &check, origin.clone());
    // The unit is started by this step: containers are published at the addresses right after it.
    let start = format!("systemctl start {UNIT}\nexec sh {SCRIPT} apply\n");
    artifacts.step(Slot::NETWORK, "addresses", &[SCRIPT], &start, origin);
}
