//! Reads which containers are on which network: `networks.tsv`.

use std::collections::BTreeMap;

use super::{File, Line, Unreadable};

/// The containers on each network.
#[derive(Debug, Default)]
pub struct Networks {
    members: BTreeMap<String, Vec<(String, Line)>>,
}

impl Networks {
    /// Reads the table.
    pub fn read(file: File<'_>) -> Result<Self, Unreadable> {
        let mut networks = Self::default();
        for (line, text) in (1..).zip(file.text.lines()) {
            match text.split('\t').collect::<Vec<_>>()[..] {
                ["network", name, _interface, _subnets, _internal, "compose" | "labctl"] => {
                    networks.members.entry(name.to_owned()).or_default();
                }
                ["member", name, container, _aliases, "compose" | "labctl", "run" | "restart"] => {
                    // The table lists each network before its members.
                    let members = networks.members.get_mut(name);
                    let members = members
                        .ok_or_else(|| file.fault(line, format!("there is no network `{name}`")))?;
                    members.push((container.to_owned(), file.at(line)));
                }
                _ => return Err(file.fault(line, "is neither a network nor a container on one")),
            }
        }
        Ok(networks)
    }

    /// Finds a network that two containers share: its name, and the lines that put them there.
    pub fn between(&self, one: &str, other: &str) -> Option<(&str, [&Line; 2])> {
        self.members.iter().find_map(|(name, members)| {
            let line = |wanted: &str| {
                members.iter().find(|(container, _)| container == wanted).map(|(_, line)| line)
            };
            Some((name.as_str(), [line(one)?, line(other)?]))
        })
    }
}
