//! Finds shares that give a machine the data of services in another zone.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds shares of machines that strangers come closer to than to the data's own machine.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "share-across-zones",
    Warning,
    "a machine can reach the data of another zone, past every firewall"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for crossing in plan.crossings.iter().filter(|crossing| crossing.exposed) {
        let machine = &model[crossing.machine];
        let Some(share) = machine.shares.get(crossing.share as usize) else { continue };
        let may = if share.read_only { "reads" } else { "reads and writes" };
        let mut owners: Vec<&str> =
            crossing.states.iter().map(|(service, _)| model[*service].name.as_str()).collect();
        // A service may keep several states in the share.
        owners.dedup();
        let (zone, all) = (&model[machine.zone].name, owners.len());
        let mut named: Vec<String> =
            owners.iter().take(3).map(|name| format!("`{name}`")).collect();
        if all > 3 {
            named.push(format!("{} more", all - 3));
        }
        let last = named.pop().unwrap_or_default();
        let named =
            if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) };
        let message = format!(
            "`{}`, in the zone `{zone}`, {may} what {named} {} in {}",
            machine.name,
            if all == 1 { "keeps" } else { "keep" },
            crossing.store.name(model)
        );
        let mut diagnostic = Diagnostic::new(&CODE, share.span, message);
        if let Some((service, _)) = crossing.states.first() {
            let owner = &model[model[*service].machine];
            let caption = format!("runs in the zone `{}`", model[owner.zone].name);
            diagnostic = diagnostic.label(model[*service].span, caption);
        }
        diagnostics.push(
            diagnostic
                .help("give each zone a dataset or an export of its own")
                .on(machine.name.clone()),
        );
    }
}
