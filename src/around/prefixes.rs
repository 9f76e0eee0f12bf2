//! The prefixes from which the networks of a machine's containers are taken, and their places in
//! them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::digest::sha256_hex;
use crate::model::{MachineId, Model, Network};

/// The addresses of the smallest network: those of two containers that meet.
pub const UNIT: u32 = 8;

/// The length of its prefix.
const UNIT_LENGTH: u8 = 29;

/// The length of every IPv6 prefix. The bits before are the number of the first IPv4 unit.
const LENGTH_6: u8 = 112;

/// The longest prefix from which IPv6 prefixes may be taken.
pub const LONGEST_6: u8 = 80;

/// The longest prefix from which IPv4 prefixes may be taken.
pub const LONGEST_4: u8 = 24;

/// Prefixes for networks of containers. Docker gives away none of them by itself, except parts of
/// the last. The first one that overlaps no network of the lab is used. It is wide because the
/// wider it is, the rarer do two networks want the same place in it; routes exist only for what is
/// in use.
const DEFAULTS: &[Ipv4Net] = &[
    Ipv4Net::new_assert(Ipv4Addr::new(10, 208, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 112, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 48, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 192, 0), 18),
];

/// What a machine's networks of containers are taken from.
#[derive(Debug, Clone, Copy)]
pub struct Prefixes {
    v4: Ipv4Net,
    v6: Option<Ipv6Net>,
}

impl Prefixes {
    /// Finds the prefixes of a machine.
    pub fn of(model: &Model, machine: MachineId) -> Self {
        let machine = &model[machine];
        let given = || machine.container_prefixes.iter().map(|prefix| prefix.value);
        let given4 = given().find_map(|prefix| match prefix {
            IpNet::V4(prefix) if prefix.prefix_len() <= LONGEST_4 => Some(prefix.trunc()),
            _ => None,
        });
        let given6 = given().find_map(|prefix| match prefix {
            IpNet::V6(prefix) if prefix.prefix_len() <= LONGEST_6 => Some(prefix.trunc()),
            _ => None,
        });
        let free = |prefix: &&Ipv4Net| !is_taken(model, IpNet::V4(**prefix));
        let default4 = || DEFAULTS.iter().find(free).or(DEFAULTS.first()).copied();
        let has_6 = machine.has_ipv6();
        Self {
            v4: given4.or_else(default4).unwrap_or_default(),
            v6: given6.or_else(|| default6(model)).filter(|_| has_6),
        }
    }

    /// Returns whether networks have IPv6.
    pub const fn has_6(self) -> bool {
        self.v6.is_some()
    }

    /// Returns the prefixes of a network that takes some units from one on.
    pub fn place(self, unit: u32, units: u32) -> Option<(IpNet, Option<IpNet>)> {
        let length = UNIT_LENGTH.checked_sub(u8::try_from(units.checked_ilog2()?).ok()?)?;
        let first = u32::from(self.v4.network()).checked_add(unit.checked_mul(UNIT)?)?;
        let subnet = Ipv4Net::new(Ipv4Addr::from(first), length).ok()?;
        let subnet6 = self.v6.and_then(|prefix| {
            let first = u128::from(prefix.network()) | u128::from(unit) << (128 - LENGTH_6);
            Ipv6Net::new(Ipv6Addr::from(first), LENGTH_6).ok()
        });
        Some((IpNet::V4(subnet), subnet6.map(IpNet::V6)))
    }
}

/// Finds a unique local prefix for the networks of a lab's containers, made from its name.
///
/// It is the second of its `/48`: in the first, older releases had one network for all containers
/// of a machine. Docker refuses networks that overlap, and a machine must be able to go back to
/// such a release.
fn default6(model: &Model) -> Option<Ipv6Net> {
    (0..8).find_map(|attempt| {
        let hash = sha256_hex(format!("{} {attempt}", model.lab.name).as_bytes());
        let group = |from: usize, to: usize| hash.get(from..to);
        let text = format!("fd{}:{}:{}:1::/64", group(0, 2)?, group(2, 6)?, group(6, 10)?);
        let prefix = text.parse::<Ipv6Net>().ok()?;
        (!is_taken(model, IpNet::V6(prefix))).then_some(prefix)
    })
}

/// Returns the networks of the lab that overlap a prefix.
pub fn overlapping<'m>(model: &'m Model, prefix: &IpNet) -> impl Iterator<Item = &'m Network> {
    let prefix = *prefix;
    let overlaps =
        move |other: &IpNet| prefix.contains(&other.network()) || other.contains(&prefix.network());
    model.networks.iter().filter(move |network| network.prefixes.iter().any(overlaps))
}

fn is_taken(model: &Model, prefix: IpNet) -> bool {
    overlapping(model, &prefix).next().is_some()
}

/// The part of a machine's prefix in which a network lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Networks of services.
    Services,
    /// Networks on which proxies meet what routes lead to.
    Routes,
    /// All others.
    Others,
}

/// The units of a prefix that are in use.
#[derive(Debug)]
pub struct Room {
    /// The number of units.
    units: u32,
    /// The first unit of each network, with the first one after it.
    taken: BTreeMap<u32, u32>,
    /// The parts without a place for a network of some units. None becomes free again.
    full: Vec<(Part, u32)>,
}

impl Room {
    /// Makes the room of prefixes, with nothing in it.
    pub fn new(prefixes: Prefixes) -> Self {
        let bits = UNIT_LENGTH.saturating_sub(prefixes.v4.prefix_len()).min(29);
        Self { units: 1 << bits, taken: BTreeMap::new(), full: Vec::new() }
    }

    fn part(&self, part: Part) -> Range<u32> {
        match part {
            Part::Services => 0..self.units / 2,
            Part::Routes => self.units / 2..self.units / 4 * 3,
            Part::Others => self.units / 4 * 3..self.units,
        }
    }

    /// Finds a place for a network of some units, a power of two. It depends on the network's name
    /// alone, unless one that comes before it wants the same place: then it is the next one that is
    /// free.
    pub fn take(&mut self, part: Part, name: &str, units: u32) -> Option<u32> {
        if self.full.contains(&(part, units)) {
            return None;
        }
        let (of, part) = (part, self.part(part));
        let places = (part.end - part.start).checked_div(units)?;
        let digest = sha256_hex(name.as_bytes());
        let wanted = u32::from_str_radix(digest.get(..8)?, 16).ok()?.checked_rem(places)?;
        let mut order = (wanted..places).chain(0..wanted);
        let start = order.find_map(|place| {
            let start = part.start + place * units;
            // Networks do not overlap, so of those that begin before the end of this one, the last
            // ends last.
            let before = self.taken.range(..start + units).next_back();
            before.is_none_or(|(_, end)| *end <= start).then_some(start)
        });
        let Some(start) = start else {
            self.full.push((of, units));
            return None;
        };
        self.taken.insert(start, start + units);
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Part, Prefixes, Room};

    fn places(prefix: &str, names: &[String]) -> BTreeMap<String, Option<u32>> {
        let mut room = Room::new(Prefixes { v4: prefix.parse().expect("a prefix"), v6: None });
        names.iter().map(|name| (name.clone(), room.take(Part::Others, name, 1))).collect()
    }

    #[test]
    fn a_newcomer_hardly_ever_moves_another_network() {
        let names: Vec<String> = (0..100).map(|number| format!("traefik.app-{number}")).collect();
        let before = places("10.208.0.0/12", &names);
        let moved = |newcomer: &usize| {
            let mut more = names.clone();
            more.insert(0, format!("newcomer.app-{newcomer}"));
            let after = places("10.208.0.0/12", &more);
            before.iter().any(|(name, place)| after.get(name) != Some(place))
        };
        assert!((0..100).filter(moved).count() < 3);
    }

    #[test]
    fn no_two_networks_share_a_place_and_a_full_prefix_has_no_more() {
        let names: Vec<String> = (0..20).map(|number| format!("a.b-{number}")).collect();
        let places = places("10.9.0.0/24", &names);
        let used: BTreeSet<u32> = places.values().flatten().copied().collect();
        assert_eq!(used, (24..32).collect());
        assert_eq!(places.values().flatten().count(), 8);
    }

    #[test]
    fn prefixes_of_both_families_follow_from_the_place() {
        let v6 = Some("fd99:1:2::/48".parse().expect("a prefix"));
        let prefixes = Prefixes { v4: "10.208.0.0/12".parse().expect("a prefix"), v6 };
        let (v4, v6) = prefixes.place(0x1_2344, 2).expect("a place");
        assert_eq!(v4.to_string(), "10.217.26.32/28");
        assert_eq!(v6.expect("IPv6").to_string(), "fd99:1:2::1:2344:0/112");
    }
}
