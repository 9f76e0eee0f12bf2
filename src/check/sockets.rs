//! Finds the ports on which systemd itself listens for units of the lab.

use std::net::IpAddr;

use crate::model::{Service, ServiceId, Transport, Unit};
use crate::plan::Plan;
use crate::source::Span;

/// A port of a machine on which a unit listens.
pub struct Socket<'p> {
    /// The service that the unit belongs to.
    pub service: ServiceId,
    /// The unit.
    pub unit: &'p str,
    /// The port.
    pub port: u16,
    /// How it is reached.
    pub transport: Transport,
    /// The address at which it is. Without one, it is at all of the machine's.
    pub address: Option<IpAddr>,
    /// The place of the unit's declaration.
    pub span: Span,
}

/// Lists the sockets of the lab's units.
pub fn sockets<'p>(plan: &Plan<'p>) -> Vec<Socket<'p>> {
    let of_service = |(id, service): (ServiceId, &'p Service)| {
        service.units.iter().flat_map(move |unit| of_unit(id, unit))
    };
    plan.model.services().flat_map(of_service).collect()
}

fn of_unit(service: ServiceId, unit: &Unit) -> impl Iterator<Item = Socket<'_>> {
    let sections = unit.sections.iter().filter(|(name, _)| name == "Socket");
    let lines = sections.flat_map(|(_, lines)| lines);
    lines.filter_map(move |(name, words)| {
        let transport = match name.as_str() {
            "ListenStream" => Transport::Tcp,
            "ListenDatagram" => Transport::Udp,
            _ => return None,
        };
        let (address, port) = place(words.first()?)?;
        let address = address.filter(|address| !address.is_unspecified());
        Some(Socket { service, unit: &unit.name, port, transport, address, span: unit.span })
    })
}

/// Reads a port, or an address and a port. A path is no port.
fn place(text: &str) -> Option<(Option<IpAddr>, u16)> {
    if let Ok(port) = text.parse() {
        return Some((None, port));
    }
    let (address, port) = text.rsplit_once(':')?;
    let address =
        address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    Some((Some(address.parse().ok()?), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn ports_are_read_as_systemd_does() {
        assert_eq!(place("8096"), Some((None, 8096)));
        assert_eq!(place("[::1]:22"), Some((Some("::1".parse().unwrap()), 22)));
        assert_eq!(place("127.0.0.1:80"), Some((Some("127.0.0.1".parse().unwrap()), 80)));
        assert_eq!(place("/run/x.sock"), None);
        assert_eq!(place("@abstract"), None);
    }
}
