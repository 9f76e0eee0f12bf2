//! Collects what a picture shows from a plan.

use std::collections::BTreeMap;

use super::{Kind, Line, MachineNode, Mark, Place, Scene, ServiceNode};
use crate::model::{MachineId, ServiceId, ShareSource, StateBackup, ZoneKind};
use crate::plan::store::{Store, is_below};
use crate::plan::{Coverage, Flow, FlowReason, FlowSource, Plan};

impl Scene {
    /// Collects everything in a lab.
    pub fn of(plan: &Plan<'_>) -> Self {
        let model = plan.model;
        let mut scene = Self::default();
        for machine in &model.machines {
            let node = MachineNode {
                host: machine.guest.as_ref().map(|guest| model[guest.host].name.clone()),
                zone: model[machine.zone].name.clone(),
                note: machine.kind.name().to_owned(),
                count: 1,
                mark: Mark::Same,
            };
            scene.machines.insert(machine.name.clone(), node);
        }
        for service in &model.services {
            let machine = model[service.machine].name.clone();
            let node = ServiceNode { machine, mark: Mark::Same };
            scene.services.insert(service.name.clone(), node);
        }
        for flow in &plan.flows {
            scene.add_flow(plan, flow);
        }
        let service = |id: ServiceId| Place::Service(model[id].name.clone());
        for route in &plan.routes {
            let endpoint = model.endpoint(route.endpoint);
            let port = format!("{}/{}", endpoint.ports(), endpoint.protocol.transport().name());
            scene.add(service(route.via), Kind::Proxy, service(route.service), Some(port));
            if let Some(auth) = &route.auth {
                scene.add(service(route.via), Kind::Proxy, service(auth.endpoint.service), None);
            }
        }
        for scrape in &plan.scrapes {
            let to = service(scrape.endpoint.service);
            scene.add(service(scrape.by), Kind::Scrape, to, None);
        }
        for (id, needing) in model.services() {
            for link in &needing.links {
                scene.add(service(id), Kind::Need, service(link.to), None);
            }
            let needed = needing.needs.iter().flat_map(|need| &need.endpoints);
            let linked = needing.links.iter().flat_map(|link| &link.endpoints);
            for endpoint in needed.chain(linked) {
                let port = model.endpoint(*endpoint);
                let port = format!("{}/{}", port.port, port.protocol.transport().name());
                scene.add(service(id), Kind::Need, service(endpoint.service), Some(port));
            }
        }
        let machine = |id: MachineId| Place::Machine(model[id].name.clone());
        for (id, mounting) in model.machines() {
            for share in &mounting.shares {
                if let ShareSource::Export(exporter, _) = &share.source {
                    scene.add(machine(id), Kind::Need, machine(*exporter), Some("nfs".to_owned()));
                }
            }
        }
        scene.add_backups(plan);
        scene
    }

    fn add(&mut self, from: Place, kind: Kind, to: Place, port: Option<String>) {
        // A service's use of itself is not a connection.
        if from != to {
            self.lines.entry(Line { from, kind, to }).or_default().ports.extend(port);
        }
    }

    /// Adds a flow from a zone. Those between services are known better from their declarations.
    fn add_flow(&mut self, plan: &Plan<'_>, flow: &Flow) {
        let FlowSource::Zone(zone) = flow.from else { return };
        let between_services = matches!(
            flow.reason,
            FlowReason::Proxy
                | FlowReason::Scrape
                | FlowReason::Need
                | FlowReason::Link
                | FlowReason::Share
        );
        if between_services {
            return;
        }
        let model = plan.model;
        let name = model[zone].name.clone();
        let kind = if plan.is_internet(zone) { Kind::Internet } else { Kind::Zone };
        let from = if let ZoneKind::Machine(machine) = model[zone].kind {
            Place::Machine(model[machine].name.clone())
        } else {
            self.zones.insert(name.clone(), Mark::Same);
            Place::Zone(name)
        };
        let to = flow.endpoint.map_or_else(
            || Place::Machine(model[flow.to].name.clone()),
            |endpoint| Place::Service(model[endpoint.service].name.clone()),
        );
        let port = format!("{}/{}", flow.ports, flow.transport.name());
        self.add(from, kind, to, Some(port));
    }

    /// Adds a line from each backup to the services whose state it saves.
    fn add_backups(&mut self, plan: &Plan<'_>) {
        let model = plan.model;
        let mut saved: BTreeMap<Store, Vec<(ServiceId, &str)>> = BTreeMap::new();
        for backup in &plan.backups {
            for source in &backup.sources {
                let (store, _) = Store::at(model, model[backup.service].machine, &source.path);
                saved.entry(store).or_default().push((backup.service, &source.path));
            }
            for dump in &backup.dumps {
                let (from, to) = (&model[backup.service].name, &model[dump.service].name);
                let to = Place::Service(to.clone());
                self.add(Place::Service(from.clone()), Kind::Backup, to, None);
            }
        }
        // State that is saved by a dump has its line from the dumps above.
        let states = plan.states.iter().filter(|state| {
            state.coverage == Coverage::Saved && state.state.backup != StateBackup::Dump
        });
        for state in states {
            let by = saved.get(&state.store).into_iter().flatten().filter(|(_, path)| {
                !matches!(state.store, Store::Local(_)) || is_below(&state.state.path, path)
            });
            for (by, _) in by {
                let (from, to) = (&model[*by].name, &model[state.service].name);
                let to = Place::Service(to.clone());
                self.add(Place::Service(from.clone()), Kind::Backup, to, None);
            }
        }
    }
}
