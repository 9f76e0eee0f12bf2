//! Gives machines the addresses that services have for themselves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use super::codes;
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Address, MachineId, Model, Network, NetworkId};
use crate::source::{Span, Spanned};

/// Gives a service's machine the addresses that the service has for itself.
pub fn own_addresses(service: &Block<'_>, model: &mut Model, diagnostics: &mut Diagnostics) {
    let Some(node) = service.child("own-address") else { return };
    let on = service.property("on").and_then(Spanned::text).unwrap_or_default();
    let found = model.machines.iter().position(|machine| machine.name == on);
    // An unknown machine is reported where the service is made.
    let Some(id) = found.map(MachineId::at) else { return };
    for value in &node.arguments {
        let Some(address) = value.address() else { continue };
        let machine = &model[id];
        if let Some(lease) = &machine.lease {
            let network = &model[lease.network].name;
            let message = format!(
                "`{}` asks for its address by DHCP, and can't have {address} beside it",
                machine.name
            );
            diagnostics.push(
                Diagnostic::new(&codes::DHCP_OUT_OF_PLACE, lease.span, message)
                    .label(value.span, format!("`{}` has this one for itself", service.key()))
                    .help(format!("write its address: `address {network} \"…\"`"))
                    .on(machine.name.clone()),
            );
            continue;
        }
        let networks: BTreeSet<NetworkId> =
            machine.addresses.iter().map(|own| own.network).collect();
        let place = networks.iter().find_map(|network| {
            let mut prefixes = model[*network].prefixes.iter();
            Some((*network, *prefixes.find(|prefix| prefix.contains(&address))?))
        });
        let Some((network, prefix)) = place else {
            let known: Vec<String> = networks
                .iter()
                .flat_map(|network| &model[*network].prefixes)
                .map(ToString::to_string)
                .collect();
            diagnostics.push(
                Diagnostic::new(
                    &codes::ADDRESS_OUTSIDE_NETWORK,
                    value.span,
                    format!("{address} is in no network of `{}`", machine.name),
                )
                .label(machine.span, format!("its networks: {}", known.join(", ")))
                .help("choose an address that is in one of them"),
            );
            continue;
        };
        if is_end(address, prefix, value.span, &model[network], diagnostics) {
            continue;
        }
        if model[network].gateways.contains(&address) {
            let message = format!("{address} is the gateway of `{}`", model[network].name);
            diagnostics.push(
                Diagnostic::new(&codes::ADDRESS_OUTSIDE_NETWORK, value.span, message)
                    .label(model[network].span, "its machines ask this one for the way out")
                    .help("choose an address that nothing has"),
            );
            continue;
        }
        id.of_mut(&mut model.machines).addresses.push(Address {
            network,
            address,
            prefix: prefix.prefix_len(),
            nic: None,
            bridge: None,
            of_service: true,
            span: value.span,
        });
    }
}

/// Reports an address that stands for a whole network, so that no machine can have it.
pub fn is_end(
    address: IpAddr,
    prefix: IpNet,
    span: Span,
    network: &Network,
    diagnostics: &mut Diagnostics,
) -> bool {
    // A prefix with two addresses or one has neither a network address nor a broadcast address.
    if prefix.max_prefix_len() - prefix.prefix_len() < 2 {
        return false;
    }
    let what = match address {
        address if address == prefix.network() => match address {
            IpAddr::V4(_) => "is the network itself",
            // RFC 4291, 2.6.1.
            IpAddr::V6(_) => "is the address at which any router of the network answers",
        },
        address if address.is_ipv4() && address == prefix.broadcast() => "is the broadcast address",
        _ => return false,
    };
    diagnostics.push(
        Diagnostic::new(
            &codes::ADDRESS_OUTSIDE_NETWORK,
            span,
            format!("{address} {what}, so no machine can have it"),
        )
        .label(network.span, format!("the network is {prefix}"))
        .help("choose an address between the first and the last of the prefix"),
    );
    true
}
