//! Reads the addresses of the LAN that containers have by macvlan or ipvlan.

use std::net::IpAddr;

use super::kdl::line;
use super::ledger::At;
use super::project::Project;
use super::stack::{Around, Stack};
use super::usual;
use super::variables::owner_name;

/// What becomes of an address that the service has for itself.
pub const KEPT: &str = "`own-address`: the machine has it too, and the service's ports are there";

/// Returns whether a network of compose is that of the LAN.
pub fn is_lan(project: &Project, network: &str) -> bool {
    let networks = project.top.get("networks");
    let driver = networks.and_then(|all| all.get(network)?.get("driver")?.scalar());
    matches!(driver, Some("macvlan" | "ipvlan"))
}

/// Reads the fixed addresses that a container has in networks of the LAN. `Err` says why an address
/// can't be the service's own.
pub fn addresses<'n>(
    service: &At<'n>,
    around: &Around<'_>,
) -> Vec<(At<'n>, Result<IpAddr, String>)> {
    let networks = service.get("networks");
    let networks = networks.iter().flat_map(At::entries);
    let on_lan = networks.filter(|(network, _)| is_lan(around.project, network));
    let keys = on_lan.flat_map(|(_, at)| {
        ["ipv4_address", "ipv6_address"].into_iter().filter_map(move |key| at.get(key))
    });
    let mut found: Vec<(At<'n>, Result<IpAddr, String>)> = Vec::new();
    for at in keys {
        let Some(address) = at.text().and_then(|text| text.parse::<IpAddr>().ok()) else {
            continue;
        };
        let known = around.lab.shares.network_of(address).is_some();
        let read = known.then_some(address).ok_or_else(|| {
            format!(
                "the machine has no network with {address}: declare it, give the machine an \
                 address there, and write `own-address \"{address}\"`"
            )
        });
        found.push((at, read));
    }
    found
}

/// Converts the addresses of the LAN that a container has for itself.
pub fn convert(service: &At<'_>, stack: &mut Stack, around: &mut Around<'_>) {
    for (at, found) in addresses(service, around) {
        let address = match found {
            Ok(address) => address,
            Err(why) => {
                let finding = format!("`{}` had an address: {why}", owner_name(service));
                around.lab.findings.push((at.node.place, finding));
                around.ledger.lost(&at, why);
                continue;
            }
        };
        if stack.addresses.iter().any(|own| own.is_ipv4() == address.is_ipv4()) {
            let why = "another container of the service has one already";
            around.ledger.lost(&at, why);
            continue;
        }
        stack.addresses.push(address);
        let mut lines = stack.settings.iter_mut();
        match lines.find(|line| line.name() == "own-address") {
            Some(line) => line.extend(&address.to_string()),
            None => stack.settings.push(line("own-address").arg(address.to_string())),
        }
        around.ledger.changed(&at, KEPT);
        if service.get("ports").is_none() {
            let finding = format!(
                "`{}` was reached at every port of {address}: {}",
                owner_name(service),
                usual::told(service, around)
            );
            around.lab.findings.push((at.node.place, finding));
        }
    }
}
