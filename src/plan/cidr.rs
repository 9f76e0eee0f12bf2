//! Sets of addresses as CIDRs: exact unions and differences, and the shortest lists that packet
//! filters read.

use std::net::IpAddr;

use ipnet::IpNet;

/// A set of addresses as sorted, disjoint prefixes, as few as possible.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CidrSet(Vec<IpNet>);

/// A set for a packet filter: an address is in it if a prefix of `allow` contains it and none of
/// `deny` does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessList {
    /// The allowed prefixes.
    pub allow: Vec<IpNet>,
    /// The prefixes inside `allow` that are excluded.
    pub deny: Vec<IpNet>,
}

impl CidrSet {
    /// Makes the set of everything in `include` but not in `exclude`.
    pub fn new(include: &[IpNet], exclude: &[IpNet]) -> Self {
        let mut left = Vec::new();
        for prefix in IpNet::aggregate(&include.iter().map(IpNet::trunc).collect()) {
            cut(prefix, exclude, &mut left);
        }
        left.sort_unstable();
        Self(left)
    }

    /// Returns the set without any address.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Returns the union of sets.
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s Self>) -> Self {
        let all: Vec<IpNet> = sets.into_iter().flat_map(|set| set.0.iter().copied()).collect();
        Self::new(&all, &[])
    }

    /// Returns what is in this set but not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::new(&self.0, &other.0)
    }

    /// Returns what is in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// Lists the prefixes, IPv4 before IPv6.
    pub fn prefixes(&self) -> &[IpNet] {
        &self.0
    }

    /// Returns whether an address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(&address))
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the shortest list of allowed and excluded prefixes for the set.
    ///
    /// Excluded prefixes never overlap the set, so the list has the same meaning in any order, as
    /// long as they come first.
    pub fn access_list(&self) -> AccessList {
        let mut list = AccessList::default();
        for everything in ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse::<IpNet>().ok()) {
            let inside: Vec<IpNet> =
                self.0.iter().filter(|prefix| everything.contains(*prefix)).copied().collect();
            // A single prefix is the whole list. What is left of everything else does not matter.
            if inside.len() <= 1 {
                list.allow.extend(inside);
                continue;
            }
            let (part, _) = shortest(everything, &inside);
            list.allow.extend(part.allow);
            list.deny.extend(part.deny);
        }
        list
    }
}

/// Adds to `left` what remains of `prefix` without `exclude`.
fn cut(prefix: IpNet, exclude: &[IpNet], left: &mut Vec<IpNet>) {
    if exclude.iter().any(|hole| hole.contains(&prefix)) {
        return;
    }
    let holes: Vec<IpNet> = exclude.iter().filter(|hole| prefix.contains(*hole)).copied().collect();
    if holes.is_empty() {
        left.push(prefix);
        return;
    }
    for half in halves(prefix) {
        cut(half, &holes, left);
    }
}

/// Finds the shortest list for the part of a set in `prefix`, and the part of `prefix` that is not
/// in the set.
fn shortest(prefix: IpNet, inside: &[IpNet]) -> (AccessList, Vec<IpNet>) {
    let mut outside = Vec::new();
    if inside.len() <= 1 {
        cut(prefix, inside, &mut outside);
        return (AccessList { allow: inside.to_vec(), deny: Vec::new() }, outside);
    }
    let parts: Vec<Vec<IpNet>> = halves(prefix)
        .map(|half| inside.iter().filter(|member| half.contains(*member)).copied().collect())
        .collect();
    let mut list = AccessList::default();
    for (half, part) in halves(prefix).zip(&parts) {
        let (part, without) = shortest(half, part);
        list.allow.extend(part.allow);
        list.deny.extend(part.deny);
        outside.extend(without);
    }
    // A prefix that covers both halves can only be shorter if both contain something.
    if parts.iter().all(|part| !part.is_empty())
        && 1 + outside.len() < list.allow.len() + list.deny.len()
    {
        list = AccessList { allow: vec![prefix], deny: outside.clone() };
    }
    (list, outside)
}

/// Splits a prefix in two. A single address has no halves.
fn halves(prefix: IpNet) -> impl Iterator<Item = IpNet> {
    prefix.subnets(prefix.prefix_len() + 1).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|net| net.parse().expect("a prefix")).collect()
    }

    fn list(include: &str, exclude: &str) -> (String, String) {
        let join =
            |nets: &[IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let list = CidrSet::new(&nets(include), &nets(exclude)).access_list();
        (join(&list.allow), join(&list.deny))
    }

    #[test]
    fn cuts_exactly() {
        let set = CidrSet::new(&nets("192.168.1.0/29"), &nets("192.168.1.3/32"));
        assert_eq!(set.prefixes(), nets("192.168.1.0/31 192.168.1.2/32 192.168.1.4/30"));
        assert!(CidrSet::new(&nets("10.0.0.0/8"), &nets("0.0.0.0/0")).is_empty());
        assert_eq!(
            CidrSet::new(&nets("10.0.0.0/9 10.128.0.0/9 10.1.0.0/16"), &[]).prefixes(),
            nets("10.0.0.0/8")
        );
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(
            list("192.168.1.0/24", "192.168.1.111/32"),
            ("192.168.1.0/24".into(), "192.168.1.111/32".into())
        );
        assert_eq!(
            list("0.0.0.0/0 ::/0", "192.168.1.0/24 10.8.0.0/24"),
            ("0.0.0.0/0 ::/0".into(), "10.8.0.0/24 192.168.1.0/24".into())
        );
        assert_eq!(
            list("10.1.0.0/24 10.2.0.0/24", ""),
            ("10.1.0.0/24 10.2.0.0/24".into(), String::new())
        );
    }

    proptest::proptest! {
        /// Compares with the plain definition, address by address, in a small part of both
        /// families.
        #[test]
        fn agrees_with_the_definition(
            include in proptest::collection::vec((0u8..=255, 24u8..=32), 0..6),
            exclude in proptest::collection::vec((0u8..=255, 24u8..=32), 0..6),
            other in proptest::collection::vec((0u8..=255, 24u8..=32), 0..4),
            v6: bool,
        ) {
            let address = |last: u8| -> IpAddr {
                if v6 {
                    format!("2001:db8::{last:x}").parse().expect("v6")
                } else {
                    IpAddr::from([10, 0, 0, last])
                }
            };
            let prefixes = |list: &[(u8, u8)]| -> Vec<IpNet> {
                list.iter()
                    .map(|(last, length)| {
                        let length = if v6 { length + 96 } else { *length };
                        IpNet::new(address(*last), length).expect("a prefix").trunc()
                    })
                    .collect()
            };
            let (include, exclude) = (prefixes(&include), prefixes(&exclude));
            let other = prefixes(&other);
            let one = CidrSet::new(&include, &exclude);
            let both = CidrSet::union([&one, &CidrSet::new(&other, &[])]);
            let shared = one.intersection(&CidrSet::new(&other, &[]));
            let list = both.access_list();
            let holds = |nets: &[IpNet], address: IpAddr| {
                nets.iter().any(|net| net.contains(&address))
            };
            for last in 0..=255 {
                let address = address(last);
                let wanted = holds(&include, address) && !holds(&exclude, address);
                proptest::prop_assert_eq!(one.contains(address), wanted);
                proptest::prop_assert_eq!(
                    shared.contains(address),
                    wanted && holds(&other, address)
                );
                let wanted = wanted || holds(&other, address);
                proptest::prop_assert_eq!(both.contains(address), wanted);
                let allowed = holds(&list.allow, address) && !holds(&list.deny, address);
                proptest::prop_assert_eq!(allowed, wanted);
            }
            proptest::prop_assert!(list.allow.len() + list.deny.len() <= both.prefixes().len());
            for (index, prefix) in both.prefixes().iter().enumerate() {
                let later = &both.prefixes()[index + 1..];
                proptest::prop_assert!(
                    later.iter().all(|other| !other.contains(prefix) && !prefix.contains(other))
                );
            }
        }
    }
}
