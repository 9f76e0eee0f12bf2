//! Converts how much memory and how many processors a container may use.

use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::Around;
use super::words;

/// Converts memory and processors.
pub fn limits(service: &At<'_>, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(at) = service.get("shm_size") {
        match at.text().and_then(words::size).filter(|size| size.is_multiple_of(1024)) {
            Some(size) => {
                lines.push(line("shm-size").typed("size", &words::bytes(size)));
                around.ledger.kept(&at, "shm-size");
            }
            None => around.ledger.lost(&at, "it is not a size"),
        }
    }
    let deploy_resources = service.get("deploy").and_then(|at| at.get("resources"));
    let deploy = deploy_resources.as_ref().and_then(|at| at.get("limits"));
    let memory =
        deploy.as_ref().and_then(|at| at.get("memory")).or_else(|| service.get("mem_limit"));
    let cpus = deploy.as_ref().and_then(|at| at.get("cpus")).or_else(|| service.get("cpus"));
    let swarm = deploy.is_some();
    let say = |at: &At<'_>, around: &mut Around<'_>| {
        if swarm {
            around.ledger.changed(at, "limits, which say the same without a swarm");
        } else {
            around.ledger.kept(at, "limits");
        }
    };
    let mut node = line("limits");
    let mut any = false;
    if let Some(at) = memory {
        match at.text().and_then(words::size).filter(|size| size.is_multiple_of(1024)) {
            Some(size) => {
                node = node.prop_typed("memory", "size", &words::bytes(size));
                any = true;
                say(&at, around);
            }
            None => around.ledger.lost(&at, "it is not a size that a lab accepts"),
        }
    }
    if let Some(at) = cpus {
        let number = at.text().and_then(|text| text.parse::<f64>().ok());
        match number.filter(|number| (0.001..4096.0).contains(number)) {
            Some(number) => {
                node = node.prop_fraction("cpus", number);
                let whole = format!("{:.0}", number.ceil()).parse().unwrap_or(0);
                around.lab.cores = around.lab.cores.max(whole);
                any = true;
                say(&at, around);
            }
            None => around.ledger.lost(&at, "it is not a number that a lab accepts"),
        }
    }
    let reserved = deploy_resources.as_ref().and_then(|at| at.get("reservations"));
    let reserved = reserved.and_then(|at| at.get("memory"));
    let others = [
        (service.get("memswap_limit"), "memory-swap", false),
        (service.get("mem_reservation"), "memory-reservation", false),
        (reserved.filter(|_| service.get("mem_reservation").is_none()), "memory-reservation", true),
    ];
    for (at, name, moved) in others {
        let Some(at) = at else { continue };
        match at.text().and_then(words::size).filter(|size| size.is_multiple_of(1024)) {
            Some(size) => {
                node = node.prop_typed(name, "size", &words::bytes(size));
                any = true;
                if moved {
                    around.ledger.changed(&at, "limits, which say the same without a swarm");
                } else {
                    around.ledger.kept(&at, "limits");
                }
            }
            None => around.ledger.lost(&at, "it is not a size that a lab accepts"),
        }
    }
    if any {
        lines.push(node);
    }
    lines
}
