//! Reads the rules that `ufw.sh` makes ufw hold.

use std::net::IpAddr;

use super::{ByPort, File, Unreadable, set_of};
use crate::model::{Ports, Transport};
use crate::plan::CidrSet;

/// The rules of a machine. Refusals come before what they are cut out of, and what no rule is about
/// stays out.
#[derive(Debug, Default)]
pub struct Rules(ByPort<Rule>);

#[derive(Debug)]
struct Rule {
    line: usize,
    text: String,
    allows: bool,
    transport: Transport,
    ports: Ports,
    interface: Option<String>,
    source: CidrSet,
    to: Option<IpAddr>,
}

/// A rule that let some addresses in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The addresses.
    pub from: CidrSet,
    /// The line.
    pub line: usize,
    /// The rule.
    pub text: String,
}

impl Rules {
    /// Reads the script: its list of rules, and that all else is denied.
    pub fn read(file: File<'_>) -> Result<Self, Unreadable> {
        let mut rules = Vec::new();
        let mut inside = false;
        for (line, text) in file.statements() {
            match text {
                "cat <<'RULES'" => inside = true,
                "RULES" => inside = false,
                rule if inside => rules.push(read(file, line, rule)?),
                _ => {}
            }
        }
        // The script sets the policy only if it is another one, hence the `||`.
        if inside || !file.text.contains("|| ufw default deny incoming\n") {
            return Err(file.fault(0, "does not deny what no rule lets in"));
        }
        Ok(Self(ByPort::new(rules, |rule: &Rule| (rule.transport, rule.ports))))
    }

    /// Lists which of the addresses are let in, by which rule; `interface` is where they come in,
    /// as far as it matters.
    pub fn send(
        &self,
        from: &CidrSet,
        to: IpAddr,
        (transport, port): (Transport, u16),
        interface: Option<&str>,
    ) -> Vec<Passed> {
        let is_about = |rule: &&Rule| {
            let comes_by = |name: &str| interface.is_some_and(|interface| named(interface, name));
            rule.to.is_none_or(|address| address == to)
                && rule.interface.as_deref().is_none_or(comes_by)
        };
        // `ufw.sh` prepends refusals, so ufw meets them before what our rules allow.
        let rules = || self.0.at(transport, port).filter(is_about);
        let denied = rules().filter(|rule| !rule.allows);
        let mut left = from.clone();
        for rule in denied {
            left = left.difference(&rule.source);
        }
        let mut passed = Vec::new();
        for rule in rules().filter(|rule| rule.allows) {
            let matched = left.intersection(&rule.source);
            if !matched.is_empty() {
                left = left.difference(&matched);
                passed.push(Passed { from: matched, line: rule.line, text: rule.text.clone() });
            }
        }
        passed
    }

    /// Lists the ports that rules name.
    pub fn ports(&self) -> impl Iterator<Item = (Transport, Ports)> {
        self.0.iter().map(|rule| (rule.transport, rule.ports))
    }
}

fn read(file: File<'_>, line: usize, text: &str) -> Result<Rule, Unreadable> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (rule, to) = match words[..] {
        [verdict, transport, port, interface, source] => {
            ([verdict, transport, port, interface, source], None)
        }
        [verdict, transport, port, interface, source, to] => {
            ([verdict, transport, port, interface, source], Some(to))
        }
        _ => return Err(file.fault(line, "is not a rule of five or six words")),
    };
    let [verdict, transport, port, interface, source] = rule;
    let to = match to {
        Some(word) => Some(
            word.parse().map_err(|_| file.fault(line, format!("`{word}` is not an address")))?,
        ),
        None => None,
    };
    let allows = match verdict {
        "allow" => true,
        "deny" => false,
        _ => return Err(file.fault(line, format!("`{verdict}` is not a verdict"))),
    };
    Ok(Rule {
        line,
        text: text.to_owned(),
        allows,
        transport: file.transport(line, transport)?,
        ports: file.ports(line, port)?,
        interface: (interface != "-").then(|| interface.to_owned()),
        source: set_of(file.prefix(line, source)?),
        to,
    })
}

/// Returns whether an interface has a name, which may end in `+`.
fn named(interface: &str, name: &str) -> bool {
    match name.strip_suffix('+') {
        Some(beginning) => interface.starts_with(beginning),
        None => interface == name,
    }
}
