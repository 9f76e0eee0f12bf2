//! Writes the resolved lab for a person at a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cli::console::Console;
use crate::cli::human;
use crate::cli::table::Table;
use crate::model::Ports;
use crate::review::view::{Amount, CapacityView, LabView};

/// Writes the lab as tables.
pub fn write(lab: &LabView, console: &Console) -> String {
    let mut text = format!("{}\n", console.title(&format!("{} {}", lab.lab, lab.version)));
    let domain = lab.domain.as_deref().unwrap_or("no domain");
    let _ = writeln!(text, "{domain}, {}", lab.timezone);
    let sections = [
        ("Machines", machines(lab)),
        ("Zones", zones(lab)),
        ("Services", services(lab)),
        ("Images", images(lab)),
        ("Ports", ports(lab)),
        ("Flows", flows(lab)),
        ("Containers that meet", meets(lab)),
        ("Routes", routes(lab)),
        ("Capacity", capacity(&lab.capacity)),
        ("Backups", backups(lab)),
        ("Accepted", accepted(lab)),
    ];
    for (title, table) in sections {
        if !table.is_empty() {
            let _ = write!(text, "\n{}\n{}", console.title(title), table.layout(console.room, 2));
        }
    }
    text
}

fn machines(lab: &LabView) -> Table {
    let mut table = Table::new(["machine", "kind", "zone", "address", ">cores", ">memory", "on"]);
    for machine in &lab.machines {
        let host = machine.host.as_ref().zip(machine.id).map(|(host, id)| format!("{host} {id}"));
        table.row([
            machine.name.clone(),
            format!("{} {}", machine.kind, machine.system.as_deref().unwrap_or_default())
                .trim_end()
                .to_owned(),
            machine.zone.clone(),
            machine
                .addresses
                .iter()
                .map(|address| address.split('/').next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join(", "),
            machine.cores.map(|cores| cores.to_string()).unwrap_or_default(),
            machine.memory.map(human).unwrap_or_default(),
            host.unwrap_or_default(),
        ]);
    }
    table
}

fn zones(lab: &LabView) -> Table {
    let mut table = Table::new(["zone", "addresses", "but not"]);
    // A machine is a zone by itself, and machines are listed above.
    for zone in lab
        .zones
        .iter()
        .filter(|zone| !lab.machines.iter().any(|machine| machine.name == zone.name))
    {
        table.row([zone.name.clone(), zone.include.join(", "), zone.exclude.join(", ")]);
    }
    table
}

fn services(lab: &LabView) -> Table {
    let mut table = Table::new(["service", "module", "machine"]);
    for service in &lab.services {
        table.row([service.name.clone(), service.module.clone(), service.machine.clone()]);
    }
    table
}

fn images(lab: &LabView) -> Table {
    let mut images: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in &lab.services {
        for image in &service.images {
            images.entry(image).or_default().insert(&service.name);
        }
    }
    let mut table = Table::new(["image", "run by"]);
    for (image, services) in images {
        table.row([image.to_owned(), services.into_iter().collect::<Vec<_>>().join(", ")]);
    }
    table
}

fn ports(lab: &LabView) -> Table {
    let mut table = Table::new(["machine", ">port", "proto", "endpoint", "open to"]);
    for port in &lab.ports {
        let flows = lab.flows.iter().filter(|flow| {
            flow.to == port.machine
                && (flow.port, flow.last_port) == (port.port, port.last_port)
                && flow.proto == port.proto
        });
        let mut from: Vec<&str> = flows.map(|flow| flow.from.as_str()).collect();
        from.sort_unstable();
        from.dedup();
        let open = if from.is_empty() { "nobody".to_owned() } else { from.join(", ") };
        let endpoint = format!("{}.{}", port.service, port.endpoint);
        table.row([
            port.machine.clone(),
            written(port.port, port.last_port),
            port.proto.to_owned(),
            endpoint,
            open,
        ]);
    }
    table
}

fn flows(lab: &LabView) -> Table {
    let mut table = Table::new(["from", "to", ">port", "proto", "because of"]);
    for flow in &lab.flows {
        let reason = format!("{} ({})", flow.reason, flow.source);
        table.row([
            flow.from.clone(),
            flow.to.clone(),
            written(flow.port, flow.last_port),
            flow.proto.clone(),
            reason,
        ]);
    }
    table
}

fn meets(lab: &LabView) -> Table {
    let mut table = Table::new(["from", "to", "on", "because of"]);
    for meet in &lab.meets {
        let reason = format!("{} ({})", meet.reason, meet.source);
        table.row([meet.from.clone(), meet.to.clone(), meet.machine.clone(), reason]);
    }
    table
}

fn routes(lab: &LabView) -> Table {
    let mut table = Table::new(["host name", "leads to", "via", "from"]);
    for route in &lab.routes {
        table.row([
            route.host.clone(),
            format!("{}:{}", route.machine, route.port),
            route.via.clone(),
            route.from.join(", "),
        ]);
    }
    table
}

fn capacity(machines: &[CapacityView]) -> Table {
    let mut table = Table::new(["of", "what", ">total", ">reserved", ">promised", ">left"]);
    for machine in machines {
        let mut row = |what: String, amount: &Amount| {
            let left = amount.total.map(|total| {
                match total.checked_sub(amount.reserved.saturating_add(amount.promised)) {
                    Some(left) => human(left),
                    None => format!(
                        "-{}",
                        human(amount.reserved.saturating_add(amount.promised) - total)
                    ),
                }
            });
            let reserved =
                if amount.reserved == 0 { String::new() } else { human(amount.reserved) };
            let total = amount.total.map(human).unwrap_or_default();
            table.row([
                machine.machine.clone(),
                what,
                total,
                reserved,
                human(amount.promised),
                left.unwrap_or_default(),
            ]);
        };
        if let Some(memory) = &machine.memory {
            row("memory".to_owned(), memory);
        }
        for disk in &machine.disks {
            row(format!("disk {}", disk.name), &disk.amount);
        }
        for pool in &machine.pools {
            row(format!("pool {}", pool.pool.name), &pool.pool.amount);
        }
    }
    table
}

fn backups(lab: &LabView) -> Table {
    let mut table = Table::new(["by", "class", "schedule", "what", ">at most"]);
    for backup in &lab.backups {
        let schedule = |class| backup.schedule.get(class).cloned().unwrap_or_default();
        for source in &backup.sources {
            let size = source.size.map(human).unwrap_or_default();
            let what = if source.what.contains(&source.path) {
                source.what.clone()
            } else {
                format!("{} ({})", source.path, source.what)
            };
            table.row([
                backup.service.clone(),
                source.class.to_owned(),
                schedule(source.class),
                what,
                size,
            ]);
        }
        for dump in &backup.dumps {
            let what =
                format!("database {} of {} on {}", dump.database, dump.service, dump.machine);
            table.row([
                backup.service.clone(),
                dump.class.to_owned(),
                schedule(dump.class),
                what,
                String::new(),
            ]);
        }
    }
    table
}

fn accepted(lab: &LabView) -> Table {
    let mut table = Table::new(["finding", "on", "because"]);
    for accepted in &lab.accepted {
        table.row([accepted.code.clone(), accepted.on.clone(), accepted.reason.clone()]);
    }
    table
}

/// Writes a port, or several in a row.
fn written(first: u16, last: Option<u16>) -> String {
    Ports { first, last: last.unwrap_or(first) }.to_string()
}
