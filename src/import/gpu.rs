//! Converts the GPUs of a container: `deploy.resources.reservations.devices` and `gpus`.

use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::Around;
use super::words;
use crate::decl::types::Type;

/// The parts of NVIDIA's driver that compose can name.
const CAPABILITIES: &[&str] = &["compute", "utility", "video", "graphics", "display", "compat32"];

/// The devices of GPUs and the like, and the words that a lab has for them.
pub const ACCELERATORS: &[(&str, &str)] =
    &[("/dev/dri/renderD128", "dri"), ("/dev/apex_0", "coral"), ("/dev/hailo0", "hailo")];

/// Converts `gpus`, which is short for what `deploy` says.
pub fn gpus(service: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let at = service.get("gpus")?;
    around.ledger.changed(&at, "gpu, which compose gets in the long form, by `deploy`");
    if at.text() == Some("all") {
        return Some(line("gpu").arg("nvidia"));
    }
    let items = at.items();
    let Some((first, others)) = items.split_first() else {
        around.ledger.lost(&at, "it names no GPU");
        return None;
    };
    for other in others {
        around.ledger.lost(other, "a container reserves GPUs once");
    }
    device(first, true, around)
}

/// Converts the devices that `deploy` reserves.
pub fn reserved(at: &At<'_>, around: &mut Around<'_>) -> Option<Line> {
    let mut made = None;
    for item in at.items() {
        let gpu = capabilities(&item).any(|name| name == "gpu");
        if made.is_some() {
            around.ledger.lost(&item, "a container reserves GPUs once");
        } else if gpu || item.get("driver").is_some_and(|at| at.text() == Some("nvidia")) {
            made = device(&item, false, around);
        } else {
            around.ledger.lost(&item, "a lab reserves no such device; name it with `device`");
        }
    }
    made
}

fn capabilities<'n>(item: &At<'n>) -> impl Iterator<Item = &'n str> {
    let list = item.get("capabilities");
    let items: Vec<At<'n>> = list.iter().flat_map(At::items).collect();
    items.into_iter().filter_map(|at| at.text())
}

fn device(item: &At<'_>, short: bool, around: &mut Around<'_>) -> Option<Line> {
    let driver = item.get("driver");
    match driver.as_ref().map(|at| at.text().unwrap_or_default()) {
        None | Some("nvidia") => {}
        Some(_) => {
            let why = "a lab knows GPUs of NVIDIA by this; name another with `device`";
            around.ledger.lost(item, why);
            return None;
        }
    }
    let mut node = line("gpu").arg("nvidia");
    let count = item.get("count");
    match count.as_ref().and_then(At::text) {
        // To docker, -1 is all of them.
        None | Some("all" | "-1") => {}
        Some(text) => {
            let Some(count) = text.parse::<i64>().ok().filter(|count| (1..=64).contains(count))
            else {
                around.ledger.lost(item, "it is not a number of GPUs");
                return None;
            };
            node = node.prop_number("count", count);
        }
    }
    let ids = item.get("device_ids");
    let ids: Vec<&str> = ids.iter().flat_map(At::items).filter_map(|at| at.text()).collect();
    let plain = |id: &&str| words::accepted(Type::Word, id) && !id.contains(',');
    if !ids.is_empty() && ids.iter().all(plain) {
        node = node.prop("ids", ids.join(","));
    }
    let parts: Vec<&str> = capabilities(item).filter(|name| CAPABILITIES.contains(name)).collect();
    if !parts.is_empty() {
        node = node.prop("capabilities", parts.join(","));
    }
    let all = capabilities(item).all(|name| name == "gpu" || CAPABILITIES.contains(&name));
    let other = item.entries().any(|(key, _)| key == "options");
    if all && !other && !short && driver.is_some() {
        around.ledger.kept(item, "gpu nvidia");
    } else {
        around.ledger.changed(item, "gpu nvidia, without what a lab has nothing for");
    }
    Some(node)
}
