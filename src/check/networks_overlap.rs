//! Finds networks that share addresses.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::Plan;

/// Finds networks whose prefixes overlap.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("networks-overlap", Error, "two networks share addresses");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let mut prefixes: Vec<_> = plan
        .model
        .networks
        .iter()
        .flat_map(|network| network.prefixes.iter().map(move |prefix| (*prefix, network)))
        .collect();
    // In this order, by first address and with wider ones first, an overlapping prefix comes after
    // one that contains it.
    prefixes.sort_by_key(|(prefix, _)| (prefix.network(), prefix.prefix_len()));
    let mut widest: Option<(ipnet::IpNet, &crate::model::Network)> = None;
    for (prefix, network) in prefixes {
        match widest {
            Some((outer, first)) if outer.contains(&prefix) => diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    network.span,
                    format!("{prefix} of `{}` is inside {outer} of `{}`", network.name, first.name),
                )
                .label(first.span, "the other network")
                .help("make the prefixes disjoint")
                .on(network.name.clone()),
            ),
            _ => widest = Some((prefix, network)),
        }
    }
}
