//! Things that are about ports, found by port.

use std::collections::BTreeMap;

use crate::model::{Ports, Transport};

/// Things in an order. Those about one port are found without looking at those about others.
#[derive(Debug)]
pub struct ByPort<T> {
    all: Vec<T>,
    /// The places in `all` of what is about one port.
    one: BTreeMap<(Transport, u16), Vec<usize>>,
    /// The places of the others, with the ports that they are about, if not about all.
    others: Vec<(usize, Option<(Transport, Ports)>)>,
}

impl<T> Default for ByPort<T> {
    fn default() -> Self {
        Self { all: Vec::new(), one: BTreeMap::new(), others: Vec::new() }
    }
}

impl<T> ByPort<T> {
    /// Takes things over in their order; `ports` says which ports one is about.
    pub fn new(all: impl IntoIterator<Item = T>, ports: impl Fn(&T) -> (Transport, Ports)) -> Self {
        let mut made = Self::default();
        for thing in all {
            let ports = ports(&thing);
            made.push(thing, Some(ports));
        }
        made
    }

    /// Adds one that is about ports, or about all where it names none.
    pub fn push(&mut self, thing: T, ports: Option<(Transport, Ports)>) {
        let place = self.all.len();
        self.all.push(thing);
        match ports {
            Some((transport, ports)) if ports.first == ports.last => {
                self.one.entry((transport, ports.first)).or_default().push(place);
            }
            ports => self.others.push((place, ports)),
        }
    }

    /// Lists everything.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter()
    }

    /// Lists what is about a port, in its order.
    pub fn at(&self, transport: Transport, port: u16) -> impl Iterator<Item = &T> + use<'_, T> {
        let is_about = |ports: &Option<(Transport, Ports)>| {
            ports.is_none_or(|(of, ports)| of == transport && ports.contains(port))
        };
        let others = self.others.iter().filter(|(_, ports)| is_about(ports));
        let one = self.one.get(&(transport, port)).into_iter().flatten();
        let mut places: Vec<usize> = one.chain(others.map(|(place, _)| place)).copied().collect();
        places.sort_unstable();
        places.into_iter().filter_map(|place| self.all.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::ByPort;
    use crate::model::{Ports, Transport};

    #[test]
    fn what_is_about_a_port_comes_in_its_order() {
        let ports = |text: &str| Ports::parse(text).expect("ports");
        let list = [
            ("web", Some((Transport::Tcp, ports("80")))),
            ("media", Some((Transport::Tcp, ports("79-90")))),
            ("quic", Some((Transport::Udp, ports("80")))),
            ("any", None),
            ("also", Some((Transport::Tcp, ports("80")))),
        ];
        let mut by_port = ByPort::default();
        for (name, ports) in list {
            by_port.push(name, ports);
        }
        let at = |transport, port| -> Vec<&str> { by_port.at(transport, port).copied().collect() };
        assert_eq!(at(Transport::Tcp, 80), ["web", "media", "any", "also"]);
        assert_eq!(at(Transport::Udp, 80), ["quic", "any"]);
        assert_eq!(at(Transport::Tcp, 90), ["media", "any"]);
        assert_eq!(at(Transport::Tcp, 1), ["any"]);
        assert_eq!(by_port.iter().count(), 5);
    }
}
