//! Finds prefixes from which the networks of containers can't be taken.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::{LONGEST_4, LONGEST_6, Plan, overlapping};

/// Finds prefixes for networks of containers that are too small, or in use.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "container-prefix-unfit",
    Error,
    "networks of containers can't be taken from a prefix"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (id, machine) in plan.model.machines() {
        let finding = |span, message| Diagnostic::new(&CODE, span, message).on(&*machine.name);
        let mut seen = Vec::new();
        for prefix in &machine.container_prefixes {
            let is_v4 = prefix.value.addr().is_ipv4();
            let longest = if is_v4 { LONGEST_4 } else { LONGEST_6 };
            if prefix.value.prefix_len() > longest {
                let message = format!("{} is too small", prefix.value);
                let help = format!("choose one of at most `/{longest}`");
                diagnostics.push(finding(prefix.span, message).help(help));
            }
            if seen.contains(&is_v4) {
                let message = format!("`{}` has two prefixes of one family", machine.name);
                diagnostics.push(
                    finding(prefix.span, message).help("give it one IPv4 and one IPv6 prefix"),
                );
            }
            seen.push(is_v4);
            for network in overlapping(plan.model, &prefix.value) {
                let message = format!("{} overlaps `{}`", prefix.value, network.name);
                diagnostics.push(
                    finding(prefix.span, message)
                        .label(network.span, "the network")
                        .help("choose one that no network of the lab overlaps"),
                );
            }
        }
        for service in plan.machine(id).services.iter().map(|id| &plan.model[*id]) {
            for subnet in service.networks.iter().flat_map(|network| &network.subnets) {
                for network in overlapping(plan.model, &subnet.value) {
                    let message = format!("{} overlaps `{}`", subnet.value, network.name);
                    diagnostics.push(
                        Diagnostic::new(&CODE, service.span, message)
                            .label(subnet.span, "the module gives it to its containers")
                            .label(network.span, "the network")
                            .help("choose one that no network of the lab overlaps")
                            .on(service.name.clone()),
                    );
                }
            }
        }
        let networks = &plan.machine(id).networks;
        let mut subnets: Vec<_> =
            networks.list.iter().map(|network| (network.subnet, network)).collect();
        subnets.sort_by_key(|(subnet, _)| *subnet);
        for pair in subnets.windows(2) {
            let [(first, one), (second, other)] = pair else { continue };
            if first.contains(&second.network()) {
                let message = format!(
                    "{second} of network `{}` of containers is inside {first} of `{}`",
                    other.name, one.name
                );
                diagnostics.push(
                    finding(machine.span, message).help("give one of the networks another subnet"),
                );
            }
        }
        if let Some(first) = networks.left_out.first() {
            let place = machine.container_prefixes.first();
            let span = place.map_or(machine.span, |prefix| prefix.span);
            let count = networks.left_out.len();
            let message = format!(
                "there is no room for {count} networks of containers, such as that of `{first}`"
            );
            diagnostics.push(
                finding(span, message).help("give the machine a wider prefix, such as a `/12`"),
            );
        }
        let own = networks.list.iter().map(|network| network.subnet);
        let taken = own
            // Prefixes that the lab gives are compared above, at their own places.
            .filter(|_| machine.container_prefixes.is_empty())
            .find_map(|subnet| Some((subnet, overlapping(plan.model, &subnet).next()?)));
        if let Some((subnet, network)) = taken {
            let message =
                format!("no prefix is free for containers: {subnet} is in `{}`", network.name);
            diagnostics.push(
                finding(machine.span, message)
                    .label(network.span, "the network")
                    .help("say which part of it is free with `container-networks \"…\"`"),
            );
        }
    }
}
