//! Converts how much a container of a module of the library may use.

use super::{Becoming, Misfit};
use crate::import::kdl::line;
use crate::import::ledger::{At, Fate};
use crate::import::words;

/// The keys that this converts.
pub(super) const KEYS: [&str; 3] = ["cpus", "deploy", "mem_limit"];

/// Converts all of [`KEYS`] that a container has.
pub(super) fn convert(service: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let deploy = service.get("deploy");
    let limits = deploy.as_ref().and_then(|at| at.get("resources")?.get("limits"));
    // Compose refuses two values of one limit, so where there are two, they are the same.
    let both = |key: &str, own: &str| {
        let moved = limits.as_ref().and_then(|limits| limits.get(key));
        [service.get(own).map(|at| (at, false)), moved.map(|at| (at, true))]
    };
    let mut node = line("resources");
    let mut known = 0;
    for (at, moved) in both("memory", "mem_limit").into_iter().flatten() {
        let size = at.text().and_then(words::size).filter(|it| it.is_multiple_of(1024));
        let size = size.ok_or("it has no option for this limit of memory")?;
        if known == 0 {
            node = node.prop_typed("memory", "size", &words::bytes(size));
        }
        known += 1;
        say(&at, moved, "resources", becoming);
    }
    let before = known;
    for (at, moved) in both("cpus", "cpus").into_iter().flatten() {
        let number = at.text().and_then(|text| text.parse::<f64>().ok());
        let number = number.filter(|number| (0.001..4096.0).contains(number));
        let number = number.ok_or("it has no option for this limit of processors")?;
        if known == before {
            node = node.prop_fraction("cpus", number);
            let whole = format!("{:.0}", number.ceil()).parse().unwrap_or(0);
            becoming.around.lab.cores = becoming.around.lab.cores.max(whole);
        }
        known += 1;
        say(&at, moved, "resources", becoming);
    }
    if known > 0 {
        becoming.draft.lines.push(becoming.of_container(node));
    }
    for (key, at) in deploy.iter().flat_map(At::entries) {
        match key {
            "resources" => {}
            "restart_policy" => becoming.say(&at, Fate::Changed, "as every container"),
            "replicas" if at.text() == Some("1") => {
                becoming.say(&at, Fate::Kept, "one container");
            }
            "replicas" => {
                becoming.say(&at, Fate::Lost, "a lab runs one container of each kind");
            }
            _ => becoming.say(&at, Fate::Lost, "it is for a swarm"),
        }
    }
    let reserved = deploy.and_then(|at| at.get("resources")?.get("reservations"));
    for (at, key) in [
        (limits.as_ref().and_then(|limits| limits.get("pids")), "pids_limit"),
        (reserved.as_ref().and_then(|reserved| reserved.get("memory")), "mem_reservation"),
    ] {
        let Some(at) = at else { continue };
        let own = key == "pids_limit" && becoming.container.block.child("pids").is_some();
        let text = at.text().filter(|_| !own).ok_or("it has no option for this limit")?;
        if service.get(key).is_none() {
            let node = becoming.raw(key);
            let node = match text.parse() {
                Ok(number) => node.number(number),
                Err(_) => node.arg(text),
            };
            becoming.draft.lines.push(node);
        }
        say(&at, true, &format!("raw compose.{key}"), becoming);
    }
    for (key, at) in reserved.iter().flat_map(At::entries) {
        match key {
            "memory" => {}
            "devices" => return Err("it has no option for devices in `deploy`".to_owned()),
            _ => becoming.say(&at, Fate::Lost, "a lab reserves no processors for a container"),
        }
    }
    Ok(())
}

fn say(at: &At<'_>, moved: bool, what: &str, becoming: &mut Becoming<'_, '_, '_>) {
    if moved {
        becoming.say(at, Fate::Changed, format!("{what}, which says the same without a swarm"));
    } else {
        becoming.say(at, Fate::Kept, what);
    }
}
