//! Resolves networks, zones, routers, and host names given by hand.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{codes, names};
use crate::decl::layer::Lab;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{HostName, MachineId, Network, NetworkId, Router, Zone, ZoneId, ZoneKind};
use crate::source::{Span, Spanned};

pub fn host_name(block: &Block<'_>, diagnostics: &mut Diagnostics) -> Option<HostName> {
    let written = block.property("address")?;
    let address = written.address()?;
    if address.is_unspecified() || address.is_multicast() {
        let message = format!("no name can lead to {address}");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, written.span, message)
                .help("name the address of one machine"),
        );
    }
    let host = block.argument(0)?;
    if host.text().is_some_and(|text| text.parse::<IpAddr>().is_ok()) {
        diagnostics.push(
            Diagnostic::new(
                &crate::decl::codes::WRONG_TYPE,
                host.span,
                "an address is no host name, and no server is asked for it",
            )
            .help("write a host name such as `\"printer.example.org\"`"),
        );
    }
    Some(HostName {
        host: host.string()?,
        address,
        below: block.property("below").and_then(Spanned::bool).unwrap_or(false),
        span: block.span,
    })
}

pub fn zones(lab: &Lab<'_>, diagnostics: &mut Diagnostics) -> Vec<Zone> {
    let mut zones: BTreeMap<String, (ZoneKind, Option<Span>)> = BTreeMap::new();
    zones.insert("internet".to_owned(), (ZoneKind::Internet, None));
    let networks = lab
        .networks
        .iter()
        .enumerate()
        .map(|(index, block)| (block, ZoneKind::Network(NetworkId::at(index))));
    let machines = lab
        .machines
        .iter()
        .enumerate()
        .map(|(index, block)| (block, ZoneKind::Machine(MachineId::at(index))));
    for (block, kind) in networks.chain(machines) {
        let name = block.key();
        let Some((_, first)) = zones.get(name) else {
            zones.insert(name.to_owned(), (kind, Some(block.key_span())));
            continue;
        };
        let finding = match first {
            Some(first) => Diagnostic::new(
                &codes::AMBIGUOUS_ZONE,
                block.key_span(),
                format!("`{name}` is the name of a network and of a machine"),
            )
            .label(*first, "the network")
            .help(
                "rename one of them: networks and machines are zones, and `from=` would not know \
                 which is meant",
            ),
            None => Diagnostic::new(
                &codes::AMBIGUOUS_ZONE,
                block.key_span(),
                format!("`{name}` is everything outside the networks of the lab"),
            )
            .help("choose another name"),
        };
        diagnostics.push(finding);
    }
    for zone in lab
        .machines
        .iter()
        .filter_map(|machine| machine.value("zone"))
        .filter(|zone| !zone.is_faulty())
    {
        let name = zone.text().unwrap_or_default();
        let (what, first) = match zones.get(name) {
            None => {
                zones.insert(name.to_owned(), (ZoneKind::Named, None));
                continue;
            }
            Some((ZoneKind::Network(_) | ZoneKind::Named, _)) => continue,
            Some((ZoneKind::Internet, _)) => ("everything outside the networks of the lab", None),
            Some((ZoneKind::Machine(_), first)) => ("a machine", *first),
        };
        let mut finding = Diagnostic::new(
            &codes::AMBIGUOUS_ZONE,
            zone.span,
            format!("`{name}` is {what}, not a zone for a machine"),
        )
        .help("choose another name for the zone");
        if let Some(first) = first {
            finding = finding.label(first, "the machine");
        }
        diagnostics.push(finding);
    }
    zones.into_iter().map(|(name, (kind, _))| Zone { name, kind }).collect()
}

/// The most name servers that the C library reads from `resolv.conf`, which is its `MAXNS`. The one
/// of Docker asks as many.
pub const MOST_SERVERS: usize = 3;

/// Finds a zone. Reports an unknown one.
pub fn zone(
    name: &Spanned<Value<'_>>,
    zones: &[Zone],
    diagnostics: &mut Diagnostics,
) -> Option<ZoneId> {
    names::find("zone", name, zones, |zone| &zone.name, diagnostics).map(ZoneId::at)
}

/// Finds a zone by a name that is known to exist.
pub fn zone_named(name: &str, zones: &[Zone]) -> ZoneId {
    ZoneId::at(zones.binary_search_by(|zone| zone.name.as_str().cmp(name)).unwrap_or_default())
}

/// Returns the prefix that a network is meant to have, if its gateway and all other addresses in it
/// are in another one of the same length.
fn prefix_meant(block: &Block<'_>, lab: &Lab<'_>) -> Option<IpNet> {
    let written = block.property("cidr")?.cidr()?;
    let gateway = block.property("gateway")?.address()?;
    if written.contains(&gateway) || !gateway.is_ipv4() {
        return None;
    }
    let meant = IpNet::new(gateway, written.prefix_len()).ok()?.trunc();
    let name = block.key();
    let of_machine = |node: &Block<'_>| node.argument(1).and_then(Spanned::address);
    let machines = lab.machines.iter().flat_map(|machine| machine.all("address"));
    let machines = machines.filter(|node| node.key() == name).filter_map(of_machine);
    let routers = lab.routers.iter().filter(|router| {
        router.property("on").and_then(Spanned::text).is_some_and(|network| network == name)
    });
    let of_router = |router: &Block<'_>| router.property("address")?.address();
    let mut others =
        machines.chain(routers.filter_map(of_router)).filter(IpAddr::is_ipv4).peekable();
    let agree = others.peek().is_some() && others.all(|other| meant.contains(&other));
    agree.then_some(meant)
}

pub fn network(
    block: &Block<'_>,
    lab: &Lab<'_>,
    zones: &[Zone],
    diagnostics: &mut Diagnostics,
) -> Network {
    let mut bad = |span, message: String, help: String| {
        diagnostics.push(Diagnostic::new(&codes::BAD_NETWORK, span, message).help(help));
    };
    let mut prefixes: Vec<IpNet> = Vec::new();
    for property in ["cidr", "cidr6"] {
        let Some((value, prefix)) =
            block.property(property).and_then(|value| Some((value, value.cidr()?)))
        else {
            continue;
        };
        if prefix != prefix.trunc() {
            bad(
                value.span,
                format!("`{prefix}` has host bits"),
                format!("write `\"{}\"`", prefix.trunc()),
            );
        }
        if let Some(why) = own_of_machines(prefix) {
            bad(
                value.span,
                format!("`{prefix}` can't be a network of the lab: {why}"),
                "write a prefix of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fd00::/8, or one \
                 that you have been given"
                    .to_owned(),
            );
        }
        let v4 = matches!(prefix, IpNet::V4(_));
        let meant = prefix_meant(block, lab).filter(|_| property == "cidr");
        if let Some(meant) = meant {
            bad(
                value.span,
                format!("no address of network `{}` is in {prefix}", block.key()),
                format!("write `\"{meant}\"`, in which they all are"),
            );
            prefixes.push(meant);
        } else if property == "cidr6" && v4 {
            bad(
                value.span,
                "`cidr6` is an IPv6 prefix".to_owned(),
                "write the IPv4 prefix as `cidr`".to_owned(),
            );
        } else if prefixes.iter().any(|other| matches!(other, IpNet::V4(_)) == v4) {
            bad(
                value.span,
                "the network has two prefixes of one family".to_owned(),
                "keep one".to_owned(),
            );
        } else {
            prefixes.push(prefix.trunc());
        }
    }
    if block.property("cidr").is_none()
        && block.property("cidr6").is_none()
        && !block.key().is_empty()
    {
        bad(
            block.span,
            format!("network `{}` has no prefix", block.key()),
            "add `cidr=…`, a prefix such as `\"192.168.1.0/24\"`".to_owned(),
        );
    }
    let mut gateways: Vec<IpAddr> = Vec::new();
    for property in ["gateway", "gateway6"] {
        let Some((value, gateway)) =
            block.property(property).and_then(|value| Some((value, value.address()?)))
        else {
            continue;
        };
        let no_machine = prefixes.iter().any(|prefix| is_end(prefix, gateway));
        if no_machine {
            bad(
                value.span,
                format!("the gateway {gateway} is no machine's address"),
                "name an address between the first and the last of the prefix".to_owned(),
            );
        } else if prefixes.is_empty()
            || prefixes.iter().any(|prefix| prefix.contains(&gateway))
            || is_link_local(gateway)
        {
            // IPv6 routers often announce only their link-local address, which is in no prefix of a
            // lab.
            gateways.push(gateway);
        } else {
            bad(
                value.span,
                format!("the gateway {gateway} is not in the network"),
                "name an address inside the prefix".to_owned(),
            );
        }
    }
    let servers = block.property("dns").map(Spanned::items).unwrap_or_default();
    for server in servers {
        let Some(address) = server.address() else { continue };
        if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
            bad(
                server.span,
                format!("{address} can't be the name server of a network"),
                "name an address that every machine of the network reaches".to_owned(),
            );
        }
    }
    if let Some(server) = servers.get(MOST_SERVERS) {
        bad(
            server.span,
            format!("no program asks more than {MOST_SERVERS} name servers"),
            format!("name at most {MOST_SERVERS}: `resolv.conf` takes no more"),
        );
    }
    Network {
        name: block.key().to_owned(),
        prefixes,
        gateways,
        dns: servers.iter().filter_map(Spanned::address).collect(),
        vlan: block.property("vlan").and_then(Spanned::number),
        zone: zone_named(block.key(), zones),
        span: block.key_span(),
    }
}

/// Reports networks that share a tag. A switch does not keep them apart. One inside the other is
/// meant to be a part of it, and those of two families are one network.
pub fn vlans(networks: &[Network], diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, bool), &Network> = BTreeMap::new();
    let mut networks: Vec<&Network> = networks.iter().collect();
    networks.sort_by_key(|network| network.span);
    for network in networks {
        let Some(vlan) = network.vlan else { continue };
        for prefix in &network.prefixes {
            let key = (vlan, prefix.addr().is_ipv4());
            let first = *taken.entry(key).or_insert(network);
            let within = |one: &IpNet| one.contains(prefix) || prefix.contains(one);
            if first.span != network.span && !first.prefixes.iter().any(within) {
                let message = format!(
                    "`{}` and `{}` both have the tag {vlan}, so no switch keeps them apart",
                    first.name, network.name
                );
                diagnostics.push(
                    Diagnostic::new(&codes::BAD_NETWORK, network.span, message)
                        .label(first.span, "the first")
                        .help("give one of them another `vlan=`"),
                );
                break;
            }
        }
    }
}

/// Returns why a prefix can't be a network between machines, if it can't.
pub fn own_of_machines(prefix: IpNet) -> Option<&'static str> {
    let within = |text: &str| text.parse::<IpNet>().is_ok_and(|kept| kept.contains(&prefix));
    if within("127.0.0.0/8") || within("::1/128") {
        Some("each machine has these addresses for itself")
    } else if within("169.254.0.0/16") || within("fe80::/10") {
        Some("machines give themselves these addresses")
    } else if prefix.prefix_len() == 0 {
        Some("it is every address that there is")
    } else if within("224.0.0.0/3") || within("ff00::/8") || within("0.0.0.0/8") {
        Some("no machine has such an address")
    } else {
        None
    }
}

/// Returns whether an address is that of the network itself, or reaches all of its machines.
fn is_end(prefix: &IpNet, address: IpAddr) -> bool {
    let wide = matches!(prefix, IpNet::V4(prefix) if prefix.prefix_len() < 31);
    wide && (address == prefix.network() || address == prefix.broadcast())
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.segments()[0] & 0xffc0 == 0xfe80)
}

pub fn router(
    block: &Block<'_>,
    networks: &[Network],
    diagnostics: &mut Diagnostics,
) -> Option<Router> {
    let network = names::find(
        "network",
        block.property("on")?,
        networks,
        |network| &network.name,
        diagnostics,
    )?;
    let address = block.property("address")?;
    let value = address.address()?;
    let (id, network) = (NetworkId::at(network), NetworkId::at(network).of(networks));
    let prefixes = &network.prefixes;
    if !prefixes.is_empty() && !prefixes.iter().any(|prefix| prefix.contains(&value)) {
        diagnostics.push(
            Diagnostic::new(
                &codes::ADDRESS_OUTSIDE_NETWORK,
                address.span,
                format!("{value} is not in network `{}`", network.name),
            )
            .label(network.span, "the network")
            .help("name its address inside the prefix, or the network that it is in"),
        );
    }
    Some(Router {
        name: block.key().to_owned(),
        network: id,
        address: value,
        span: block.key_span(),
    })
}
