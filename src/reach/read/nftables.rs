//! Reads `nftables.nft` and sends connections through it, as the kernel does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{ByPort, File, Unreadable, set_of};
use crate::model::{Ports, Transport};
use crate::plan::CidrSet;

/// The table `labwright` of a machine.
#[derive(Debug, Default)]
pub struct Rules {
    sets: BTreeMap<String, CidrSet>,
    chains: BTreeMap<String, Chain>,
}

#[derive(Debug, Default)]
struct Chain {
    hook: Option<String>,
    drops: bool,
    rules: ByPort<Rule>,
}

#[derive(Debug)]
struct Rule {
    line: usize,
    text: String,
    tests: Vec<Test>,
    verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Accept,
    Drop,
    Goto(String),
    Masquerade,
}

/// A condition on a connection.
#[derive(Debug)]
enum Test {
    /// Never true of the first packet of a connection over tcp or udp from a port of no server.
    Never,
    /// The address family.
    V6(bool),
    Transport(Transport),
    /// The port before Docker rewrote it.
    OriginalPort(Ports),
    /// The address before Docker rewrote it.
    OriginalDestination(IpAddr),
    Port(Ports),
    /// The addresses it comes from; the other way round: those it does not come from.
    Source(Addresses, bool),
    /// The address it goes to.
    Destination(Addresses, bool),
    /// The interface it comes in by; the other way round: one that it does not come in by.
    From(String, bool),
    To(String, bool),
    Rewritten,
}

#[derive(Debug)]
enum Addresses {
    Set(String),
    Prefix(CidrSet),
}

/// Connections that differ in nothing but the address they come from.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'c> {
    /// The address they go to.
    pub to: IpAddr,
    /// tcp or udp.
    pub transport: Transport,
    /// The port that the client asked for.
    pub port: u16,
    /// The interface they come in by, as far as it matters: a network of containers.
    pub from: Option<&'c str>,
    /// The interface they leave by.
    pub onto: Option<&'c str>,
    /// Whether Docker rewrote where they go.
    pub rewritten: bool,
}

impl Connection<'_> {
    /// Makes connections that come in and leave by any interface.
    pub const fn new(to: IpAddr, transport: Transport, port: u16) -> Self {
        Self { to, transport, port, from: None, onto: None, rewritten: false }
    }
}

/// A rule that let some of the connections through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The addresses that it let through.
    pub from: CidrSet,
    /// Its line.
    pub line: usize,
    /// Its text.
    pub text: String,
    /// Whether they appear as the machine from here on.
    pub masquerade: bool,
}

impl Rules {
    /// Reads the file.
    pub fn read(file: File<'_>) -> Result<Self, Unreadable> {
        let mut rules = Self::default();
        // The chain or set that is open.
        let (mut chain, mut set): (Option<String>, Option<String>) = (None, None);
        for (line, text) in file.statements() {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            match words[..] {
                ["set", name, "{"] if chain.is_none() => {
                    rules.sets.insert(name.to_owned(), CidrSet::default());
                    set = Some(name.to_owned());
                }
                ["type" | "flags", ..] | ["elements", "=", "{"] if set.is_some() => {}
                ["chain", name, "{"] => {
                    rules.chains.insert(name.to_owned(), Chain::default());
                    chain = Some(name.to_owned());
                }
                ["}"] if chain.is_some() => chain = None,
                // The end of the elements, of the set, and of the table.
                ["}"]
                | ["table", "inet", "labwright", ..]
                | ["delete", "table", "inet", "labwright"] => {}
                [element] if set.is_some() => {
                    let prefix = file.prefix(line, element.trim_end_matches(','))?;
                    let known = set.as_ref().and_then(|name| rules.sets.get_mut(name));
                    if let Some(known) = known {
                        *known = CidrSet::union([&*known, &set_of(prefix)]);
                    }
                }
                _ => {
                    let open = chain.as_ref().and_then(|name| rules.chains.get_mut(name));
                    let open = open.ok_or_else(|| file.fault(line, "is in no chain"))?;
                    open.add(file, line, text, &words)?;
                }
            }
            // The closing braces of elements, sets and the table look alike, so a chain ends the
            // last set.
            if matches!(words[..], ["chain", ..]) {
                set = None;
            }
        }
        rules.check(file)?;
        Ok(rules)
    }

    /// Refuses rules that name what is not there.
    fn check(&self, file: File<'_>) -> Result<(), Unreadable> {
        for rule in self.chains.values().flat_map(|chain| chain.rules.iter()) {
            if let Verdict::Goto(chain) = &rule.verdict
                && !self.chains.contains_key(chain)
            {
                return Err(file.fault(rule.line, format!("there is no chain `{chain}`")));
            }
            for test in &rule.tests {
                if let Test::Source(Addresses::Set(set), _)
                | Test::Destination(Addresses::Set(set), _) = test
                    && !self.sets.contains_key(set)
                {
                    return Err(file.fault(rule.line, format!("there is no set `{set}`")));
                }
            }
        }
        Ok(())
    }

    /// Says whether there is a chain at a hook.
    pub fn guards(&self, hook: &str) -> bool {
        self.chains.values().any(|chain| chain.hook.as_deref() == Some(hook))
    }

    /// Sends connections from `from`, addresses of one family, through the chain at a hook; lists
    /// what came through by which rule. Line 0 means the policy of the chain.
    pub fn send(&self, hook: &str, from: &CidrSet, connection: Connection<'_>) -> Vec<Passed> {
        let start = self.chains.values().find(|chain| chain.hook.as_deref() == Some(hook));
        let mut passed = Vec::new();
        let Some(start) = start else {
            return passed;
        };
        // A `goto` never comes back, so what is left of a chain that was gone to meets the policy
        // of the chain at the hook. No way is longer than the list of chains.
        let mut waiting = vec![(start, from.clone())];
        for _ in 0..=self.chains.len() {
            let mut next = Vec::new();
            for (chain, mut left) in waiting.drain(..) {
                for rule in chain.rules.at(connection.transport, connection.port) {
                    let matched = self.matched(rule, &left, connection);
                    if matched.is_empty() {
                        continue;
                    }
                    left = left.difference(&matched);
                    match &rule.verdict {
                        Verdict::Drop => {}
                        Verdict::Goto(name) => {
                            next.extend(self.chains.get(name).map(|chain| (chain, matched)));
                        }
                        verdict => passed.push(Passed {
                            from: matched,
                            line: rule.line,
                            text: rule.text.clone(),
                            masquerade: *verdict == Verdict::Masquerade,
                        }),
                    }
                }
                if !start.drops && !left.is_empty() {
                    let text = "policy accept".to_owned();
                    passed.push(Passed { from: left, line: 0, text, masquerade: false });
                }
            }
            waiting = next;
        }
        passed
    }

    /// Returns the addresses of `left` whose connections a rule is about.
    fn matched(&self, rule: &Rule, left: &CidrSet, connection: Connection<'_>) -> CidrSet {
        // Most rules are about other ports, which takes no set to see.
        if !rule.tests.iter().all(|test| self.holds(test, connection)) {
            return CidrSet::default();
        }
        let mut matched = left.clone();
        for test in &rule.tests {
            if let Test::Source(addresses, within) = test {
                let set = self.addresses(addresses);
                matched = if *within { matched.intersection(set) } else { matched.difference(set) };
            }
        }
        matched
    }

    /// Returns whether a test holds for connections, wherever they come from.
    fn holds(&self, test: &Test, connection: Connection<'_>) -> bool {
        match test {
            Test::Never => false,
            Test::V6(wanted) => *wanted == connection.to.is_ipv6(),
            Test::Transport(wanted) => *wanted == connection.transport,
            Test::OriginalPort(ports) => ports.contains(connection.port),
            Test::OriginalDestination(address) => *address == connection.to,
            // After Docker's rewriting the port is the container's, and no rule may look at it.
            Test::Port(ports) => !connection.rewritten && ports.contains(connection.port),
            Test::Source(..) => true,
            Test::Destination(addresses, within) => {
                self.addresses(addresses).contains(connection.to) == *within
            }
            Test::From(name, is) => connection.from.is_some_and(|from| named(from, name)) == *is,
            Test::To(name, is) => connection.onto.is_some_and(|onto| named(onto, name)) == *is,
            Test::Rewritten => connection.rewritten,
        }
    }

    fn addresses<'s>(&'s self, addresses: &'s Addresses) -> &'s CidrSet {
        static NOBODY: CidrSet = CidrSet::none();
        match addresses {
            Addresses::Set(name) => self.sets.get(name).unwrap_or(&NOBODY),
            Addresses::Prefix(set) => set,
        }
    }

    /// Lists the ports that rules name.
    pub fn ports(&self) -> Vec<(Transport, Ports)> {
        let rules = self.chains.values().filter(|chain| !chain.is_for_clients());
        let mut ports = Vec::new();
        for rule in rules.flat_map(|chain| chain.rules.iter()) {
            let never = rule.tests.iter().any(|test| matches!(test, Test::Never));
            ports.extend(rule.ports().filter(|_| !never));
        }
        ports
    }
}

impl Rule {
    /// Returns the ports that it is about; nothing for one that is about all.
    fn ports(&self) -> Option<(Transport, Ports)> {
        let transport = self.tests.iter().find_map(|test| match test {
            Test::Transport(transport) => Some(*transport),
            _ => None,
        });
        let port = self.tests.iter().find_map(|test| match test {
            Test::Port(port) | Test::OriginalPort(port) => Some(*port),
            _ => None,
        });
        transport.zip(port)
    }
}

/// Returns whether an interface has a name, which may end in `*`.
fn named(interface: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(beginning) => interface.starts_with(beginning),
        None => interface == name,
    }
}

impl Chain {
    /// Says whether its rules are about other machines.
    fn is_for_clients(&self) -> bool {
        self.rules
            .iter()
            .flat_map(|rule| &rule.tests)
            .any(|test| matches!(test, Test::Destination(..)))
    }

    fn add(
        &mut self,
        file: File<'_>,
        line: usize,
        text: &str,
        words: &[&str],
    ) -> Result<(), Unreadable> {
        if let ["type", _, "hook", hook, ..] = words {
            self.hook = Some((*hook).to_owned());
            self.drops = if text.ends_with("policy drop;") {
                true
            } else if text.ends_with("policy accept;") {
                false
            } else {
                return Err(file.fault(line, "has no policy"));
            };
            return Ok(());
        }
        let (verdict, tests) = match words {
            [tests @ .., "goto", chain] => (Verdict::Goto((*chain).to_owned()), tests),
            [tests @ .., "accept"] => (Verdict::Accept, tests),
            [tests @ .., "drop"] => (Verdict::Drop, tests),
            [tests @ .., "masquerade"] => (Verdict::Masquerade, tests),
            _ => return Err(file.fault(line, "ends in no verdict that is known here")),
        };
        let mut rule = Rule { line, text: text.to_owned(), tests: Vec::new(), verdict };
        let mut rest = tests;
        while !rest.is_empty() {
            rest = test(file, line, rest, &mut rule.tests)?;
        }
        let ports = rule.ports();
        self.rules.push(rule, ports);
        Ok(())
    }
}

/// Reads the test at the beginning of `words`; returns what follows it.
fn test<'w, 't>(
    file: File<'_>,
    line: usize,
    words: &'w [&'t str],
    tests: &mut Vec<Test>,
) -> Result<&'w [&'t str], Unreadable> {
    let v6 = |word: &str| word == "ip6";
    Ok(match words {
        // Connections are new, come from another machine and from a port of no server.
        ["ct", "state", "established,related" | "invalid", rest @ ..]
        | ["udp", "sport", _, rest @ ..]
        | ["iifname", "\"lo\"", rest @ ..] => {
            tests.push(Test::Never);
            rest
        }
        ["icmp" | "icmpv6", "type", "{", rest @ ..] => {
            tests.push(Test::Never);
            let end = rest.iter().position(|word| *word == "}");
            let end = end.ok_or_else(|| file.fault(line, "a list without an end"))?;
            rest.get(end + 1..).unwrap_or_default()
        }
        // This occurs only in rules about icmpv6, which never match tcp or udp.
        ["ip6", "hoplimit", _, rest @ ..] => rest,
        ["meta", "l4proto", transport, "ct", "original", "proto-dst", port, rest @ ..] => {
            tests.push(Test::Transport(file.transport(line, transport)?));
            tests.push(Test::OriginalPort(file.ports(line, port)?));
            rest
        }
        ["ct", "original", "ip" | "ip6", "daddr", address, rest @ ..] => {
            tests.push(Test::OriginalDestination(file.prefix(line, address)?.addr()));
            rest
        }
        ["meta", "nfproto", family @ ("ipv4" | "ipv6"), rest @ ..] => {
            tests.push(Test::V6(*family == "ipv6"));
            rest
        }
        [transport @ ("tcp" | "udp"), "dport", port, rest @ ..] => {
            tests.push(Test::Transport(file.transport(line, transport)?));
            tests.push(Test::Port(file.ports(line, port)?));
            rest
        }
        [family @ ("ip" | "ip6"), end @ ("saddr" | "daddr"), rest @ ..] => {
            tests.push(Test::V6(v6(family)));
            let (within, name, rest) = match rest {
                ["!=", name, rest @ ..] => (false, name, rest),
                [name, rest @ ..] => (true, name, rest),
                [] => return Err(file.fault(line, "an address is missing")),
            };
            let addresses = match name.strip_prefix('@') {
                Some(set) => Addresses::Set(set.to_owned()),
                None => Addresses::Prefix(set_of(file.prefix(line, name)?)),
            };
            tests.push(if *end == "saddr" {
                Test::Source(addresses, within)
            } else {
                Test::Destination(addresses, within)
            });
            rest
        }
        [end @ ("iifname" | "oifname"), name, rest @ ..] => {
            let (is, name, rest) = match (name, rest) {
                (&"!=", [name, rest @ ..]) => (false, name, rest),
                _ => (true, name, rest),
            };
            let name = name.trim_matches('"').to_owned();
            tests.push(if *end == "iifname" { Test::From(name, is) } else { Test::To(name, is) });
            rest
        }
        ["ct", "status", "dnat", rest @ ..] => {
            tests.push(Test::Rewritten);
            rest
        }
        _ => return Err(file.fault(line, format!("`{}` is not known here", words.join(" ")))),
    })
}
