//! Derives the kernel's settings on a machine: those of its services, and forwarding for the
//! networks that it carries.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::model::{Model, Service, ServiceId};

/// The kernel's settings of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelSettings<'m> {
    /// The values, by name.
    pub values: BTreeMap<&'m str, &'m str>,
    /// Whether it forwards IPv6. It must then be set to listen to the routers of its own networks,
    /// because a machine that forwards takes itself for a router and ignores them.
    pub forwards_v6: bool,
    /// The services that need a setting.
    pub services: Vec<ServiceId>,
}

/// Collects the settings of a machine. Only the families of the networks that it carries are
/// forwarded.
pub fn settings<'m>(model: &'m Model, services: &[ServiceId]) -> KernelSettings<'m> {
    let mut settings = KernelSettings::default();
    for id in services {
        let service = &model[*id];
        let own = service.sysctls.iter().map(|one| (one.name.as_str(), one.value.as_str()));
        settings.values.extend(own);
        settings.values.extend(forwarding(model, service));
        let (v4, v6) = families(model, service);
        settings.forwards_v6 |= v6;
        if v4 || v6 || !service.sysctls.is_empty() {
            settings.services.push(*id);
        }
    }
    settings
}

/// Lists the settings by which a machine forwards what a service carries.
pub fn forwarding<'m>(
    model: &Model,
    service: &Service,
) -> impl Iterator<Item = (&'m str, &'m str)> + use<'m> {
    let (v4, v6) = families(model, service);
    let v4 = v4.then_some(("net.ipv4.ip_forward", "1"));
    v4.into_iter().chain(v6.then_some(("net.ipv6.conf.all.forwarding", "1")))
}

/// Returns whether a service carries a network with IPv4, and with IPv6.
pub fn families(model: &Model, service: &Service) -> (bool, bool) {
    let network = service.gateway.as_ref().map(|gateway| &model[gateway.network]);
    let prefixes = || network.iter().flat_map(|network| &network.prefixes);
    (
        prefixes().any(|prefix| matches!(prefix, IpNet::V4(_))),
        prefixes().any(|prefix| matches!(prefix, IpNet::V6(_))),
    )
}
