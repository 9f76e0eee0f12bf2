//! Finds networks and addresses that the program of a VPN can't work with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Data, Network, Service};
use crate::plan::Plan;

/// Finds networks of clients that a VPN's machine has an address in or another VPN gives out, that
/// `OpenVPN` refuses, and addresses of `WireGuard` that are not in the network.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!("vpn-network-unfit", Error, "a VPN can't have such addresses");

/// The lengths of prefixes that `OpenVPN` gives to clients.
const LENGTHS_4: std::ops::RangeInclusive<u8> = 16..=29;
const LENGTHS_6: std::ops::RangeInclusive<u8> = 64..=124;

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let mut given: BTreeMap<_, &Service> = BTreeMap::new();
    for service in &plan.model.services {
        let is_own = ["openvpn", "wireguard"].contains(&service.module.as_str());
        let is_mesh = ["tailscale", "netbird"].contains(&service.module.as_str());
        let known = is_own || is_mesh;
        let Some(gateway) = service.gateway.as_ref().filter(|_| known) else { continue };
        let (network, machine) = (&plan.model[gateway.network], &plan.model[service.machine]);
        let mut report = |span, message: String, help: String| {
            let found = Diagnostic::new(&CODE, span, message).help(help);
            diagnostics.push(found.label(network.span, "the network").on(service.name.clone()));
        };
        let span = service.option_span("clients");
        let own = "give the clients a network of their own";
        let is_inside =
            |address: &IpAddr| network.prefixes.iter().any(|prefix| prefix.contains(address));
        if let Some(own_address) =
            machine.addresses.iter().map(|own| own.address).find(|own| is_inside(own))
        {
            let message = format!(
                "`{}` has {own_address} in `{}`, so it can't be the network of a tunnel too",
                machine.name, network.name
            );
            report(span, message, own.to_owned());
        }
        // Several machines may be in one mesh.
        if is_mesh {
            continue;
        }
        if let Some(first) = given.insert(gateway.network, service) {
            let message = format!(
                "`{}` and `{}` both give out addresses of `{}`",
                first.name, service.name, network.name
            );
            report(span, message, own.to_owned());
        }
        if service.module == "openvpn" {
            for prefix in network.prefixes.iter().filter(|prefix| !is_of_openvpn(prefix)) {
                let message = format!("OpenVPN can't give out addresses of {prefix}");
                let lengths = if prefix.addr().is_ipv4() { LENGTHS_4 } else { LENGTHS_6 };
                let help = format!(
                    "give the network a prefix from `/{}` to `/{}`",
                    lengths.start(),
                    lengths.end()
                );
                report(span, message, help);
            }
        } else {
            addresses(service, network, &mut report);
        }
    }
}

fn is_of_openvpn(prefix: &IpNet) -> bool {
    let lengths = if prefix.addr().is_ipv4() { LENGTHS_4 } else { LENGTHS_6 };
    lengths.contains(&prefix.prefix_len())
}

/// Reports addresses of the server and its peers that nothing in the network can have, and peers
/// with the server's. `WireGuard` would lead whatever it is given into the tunnel.
fn addresses(
    service: &Service,
    network: &Network,
    report: &mut impl FnMut(crate::source::Span, String, String),
) {
    let address = |data: &Data| data.as_text().and_then(|text| text.parse::<IpAddr>().ok());
    let Data::List(own) = service.option("address") else { return };
    let own: BTreeSet<IpAddr> = own.iter().filter_map(address).collect();
    let peers = match service.option("peer") {
        Data::List(peers) => peers.as_slice(),
        _ => &[],
    };
    let peers = peers.iter().filter_map(|peer| match peer {
        Data::Record(fields) => fields.get("address").and_then(address),
        _ => None,
    });
    let choose = || {
        let prefixes: Vec<String> = network.prefixes.iter().map(ToString::to_string).collect();
        format!("choose another address of {}", prefixes.join(" or "))
    };
    let spans = service.option_spans.get("peer").map(Vec::as_slice).unwrap_or_default();
    let server = own.iter().map(|own| ("address", *own, service.option_span("address")));
    let peers = (0..).zip(peers).map(|(at, peer)| {
        ("peer", peer, spans.get(at).copied().unwrap_or_else(|| service.option_span("peer")))
    });
    for (option, address, span) in server.chain(peers) {
        let whose = if option == "peer" { "a peer's" } else { "the server's" };
        let inside = network.prefixes.iter().find(|prefix| prefix.contains(&address));
        let message = match inside {
            None => format!("{whose} address {address} is not in `{}`", network.name),
            Some(prefix) if is_end(prefix, address) => {
                format!("{whose} address {address} is that of the network, not of a machine")
            }
            Some(_) if option == "peer" && own.contains(&address) => {
                format!("a peer has the server's own address {address}")
            }
            Some(_) => continue,
        };
        report(span, message, choose());
    }
}

/// Returns whether an address is that of the network itself, or reaches all in it.
fn is_end(prefix: &IpNet, address: IpAddr) -> bool {
    let has_ends = prefix.max_prefix_len() - prefix.prefix_len() > 1;
    has_ends
        && (address == prefix.network() || (address.is_ipv4() && address == prefix.broadcast()))
}
