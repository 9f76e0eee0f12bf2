//! Groups machines until a picture is readable.

use std::collections::BTreeMap;

use super::{Line, MachineNode, Mark, Place, Ports, Scene};

/// The most machines that are shown with their services.
const MACHINES: usize = 40;
/// The most services that are shown.
const SERVICES: usize = 240;
/// The most groups that are shown.
const GROUPS: usize = 80;

impl Scene {
    /// Groups machines, by host or by zone, if there are too many to show each.
    #[must_use]
    pub fn readable(self) -> Self {
        if self.machines.len() <= MACHINES && self.services.len() <= SERVICES {
            return self;
        }
        let by_host = self.grouped_by(|name, node| match &node.host {
            Some(host) => format!("{} on {host}", node.zone),
            None => name.to_owned(),
        });
        if by_host.machines.len() <= GROUPS {
            return Self { grouped: Some("Guests are grouped by host and zone."), ..by_host };
        }
        let by_zone = self.grouped_by(|_, node| format!("all of {}", node.zone));
        Self { grouped: Some("Machines are grouped by zone."), ..by_zone }
    }

    fn grouped_by(&self, group: impl Fn(&str, &MachineNode) -> String) -> Self {
        let groups: BTreeMap<&str, String> =
            self.machines.iter().map(|(name, node)| (name.as_str(), group(name, node))).collect();
        let group_of = |machine: &str| groups.get(machine).cloned().unwrap_or_default();
        let mut scene = Self { zones: self.zones.clone(), ..Self::default() };
        for (name, node) in &self.machines {
            let group = group_of(name);
            let host = node.host.as_ref().filter(|host| group_of(host) == **host).cloned();
            let joined = scene.machines.entry(group).or_insert_with(|| MachineNode {
                host,
                count: 0,
                ..node.clone()
            });
            joined.count += node.count;
            if joined.count > 1 {
                joined.note = format!("{} machines", joined.count);
            }
            // A group of new and of old machines is neither new nor gone.
            if joined.mark != node.mark {
                joined.mark = Mark::Same;
            }
        }
        let place = |place: &Place| match place {
            Place::Zone(name) => Place::Zone(name.clone()),
            Place::Machine(name) => Place::Machine(group_of(name)),
            Place::Service(name) => Place::Machine(
                self.services.get(name).map(|node| group_of(&node.machine)).unwrap_or_default(),
            ),
        };
        for (line, ports) in &self.lines {
            let (from, to) = (place(&line.from), place(&line.to));
            if from == to {
                continue;
            }
            let joined = scene
                .lines
                .entry(Line { from, kind: line.kind, to })
                .or_insert_with(|| Ports { mark: ports.mark, ..Ports::default() });
            joined.ports.extend(ports.ports.iter().cloned());
            if joined.mark != ports.mark {
                joined.mark = Mark::Same;
            }
        }
        scene
    }
}
