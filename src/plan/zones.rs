//! Computes the addresses of each zone.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Machine, Model, Zone, ZoneKind};

/// The addresses of a zone: everything in `include` that is not in `exclude`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneAddresses {
    /// Prefixes in the zone, IPv4 before IPv6. `internet` has `0.0.0.0/0` and `::/0`.
    pub include: Vec<IpNet>,
    /// Prefixes inside `include` that are not in the zone. They are always longer than the prefix
    /// around them.
    pub exclude: Vec<IpNet>,
}

impl ZoneAddresses {
    /// Returns whether an address is in the zone.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.include.iter().any(|prefix| prefix.contains(&address))
            && !self.exclude.iter().any(|prefix| prefix.contains(&address))
    }
}

/// Computes the addresses of every zone, by [`ZoneId`].
pub fn addresses(model: &Model) -> Vec<ZoneAddresses> {
    let mut zones: Vec<ZoneAddresses> =
        model.zones.iter().map(|zone| of_kind(zone, model)).collect();
    // One pass over the machines fills every zone that consists of machines, and excludes them from
    // their networks.
    for machine in &model.machines {
        let hosts: Vec<IpNet> =
            machine.addresses.iter().map(|address| IpNet::from(address.address)).collect();
        machine.own_zone.of_mut(&mut zones).include.extend(&hosts);
        // A machine that names no zone stays in that of its network.
        if !machine.names_zone {
            continue;
        }
        if model[machine.zone].kind == ZoneKind::Named {
            machine.zone.of_mut(&mut zones).include.extend(&hosts);
        }
        cut_out(machine, model, &mut zones);
    }
    for zone in &mut zones {
        zone.include.sort();
        zone.include.dedup();
        zone.exclude.sort();
        zone.exclude.dedup();
    }
    zones
}

fn of_kind(zone: &Zone, model: &Model) -> ZoneAddresses {
    match zone.kind {
        ZoneKind::Internet => ZoneAddresses {
            include: vec![
                IpNet::V4(ipnet::Ipv4Net::default()),
                IpNet::V6(ipnet::Ipv6Net::default()),
            ],
            exclude: model
                .networks
                .iter()
                .flat_map(|network| network.prefixes.iter().copied())
                .collect(),
        },
        ZoneKind::Network(id) => {
            ZoneAddresses { include: model[id].prefixes.clone(), exclude: Vec::new() }
        }
        ZoneKind::Named | ZoneKind::Machine(_) => ZoneAddresses::default(),
    }
}

fn cut_out(machine: &Machine, model: &Model, zones: &mut [ZoneAddresses]) {
    for address in &machine.addresses {
        let zone = model[address.network].zone;
        if zone != machine.zone {
            zone.of_mut(zones).exclude.push(IpNet::from(address.address));
        }
    }
}
