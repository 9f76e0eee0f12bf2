//! Converts published ports into endpoints, and what is open to everybody into `expose`.

use std::net::IpAddr;

use super::guests;
use super::kdl::{Line, line};
use super::lan;
use super::ledger::{At, Fate};
use super::library;
use super::stack::{Around, Stack};
use super::usual;
use super::variables::owner_name;
use super::words::{self, Port};
use crate::model::Ports;

/// The ports that usually speak http.
const HTTP: &[u16] = &[
    80, 81, 3000, 3001, 3333, 4000, 5000, 5001, 5055, 5601, 7878, 8989, 8686, 8787, 9696, 6767,
    8096, 8123, 9000, 9090, 9091, 9117, 2283, 6875, 9925, 1337, 2342, 4533, 7575,
];

/// Converts `ports` and `expose`.
pub fn ports(service: &At<'_>, container: &str, stack: &mut Stack, around: &mut Around<'_>) {
    if let Some(expose) = service.get("expose") {
        let what = "the containers of a machine reach each other's ports without it";
        around.ledger.changed(&expose, what);
    }
    let image = service.get("image").and_then(|image| image.text()).unwrap_or_default().to_owned();
    if around.project.manual.contains(owner_name(service)) {
        let what = "a container that a person starts is no endpoint; `--profile` makes it one";
        service.get("ports").iter().for_each(|list| around.ledger.lost(list, what));
        return;
    }
    let mode = service.get("network_mode").and_then(|mode| mode.text()).unwrap_or_default();
    for at in guests::published(service, around) {
        let own = at.path.starts_with(&format!("{}.", service.path));
        if own && (mode == "host" || mode == "none" || mode.starts_with("container:")) {
            let what = format!("compose ignores it with `network_mode: {mode}`");
            around.ledger.lost(&at, what);
            continue;
        }
        let read = match at.text() {
            Some(text) => words::port(text),
            None => long(&at, around),
        };
        let Some(read) = read else {
            around.ledger.lost(&at, "it is not a port that a lab can publish");
            continue;
        };
        let own = (image.as_str(), owner_name(service));
        let (fate, what) = endpoint(own, &read, (container, at.node.place), stack, around);
        guests::say(service, &at, fate, what, around);
    }
    // It was reached at every port.
    let on_lan = || service.get("ports").is_none() && !lan::addresses(service, around).is_empty();
    if mode == "host" || on_lan() {
        for (_, port, udp) in usual::endpoints(service, around) {
            let read = Port { address: None, host: Some(port), inside: port, count: 1, udp };
            let own = (image.as_str(), owner_name(service));
            let own = endpoint(own, &read, (container, service.node.place), stack, around);
            // In the machine's own network, nothing is published.
            if mode != "host" {
                let (path, what) = (format!("{}.ports", service.path), own.1);
                around.ledger.note(service.node.place, &path, Fate::Changed, &what);
            }
        }
    }
}

/// Reads the long form.
pub fn long(at: &At<'_>, around: &mut Around<'_>) -> Option<Port> {
    let text = |key: &str| at.get(key).and_then(|at| at.text()).map(str::to_owned);
    for key in ["mode", "name", "app_protocol"] {
        if let Some(at) = at.get(key) {
            around.ledger.lost(&at, "a lab has no use for it");
        }
    }
    let host = text("published").filter(|text| !text.is_empty());
    let address = text("host_ip").filter(|text| !text.is_empty());
    let address =
        address.map(|ip| if ip.contains(':') { format!("[{ip}]:") } else { format!("{ip}:") });
    let host = match (&address, host) {
        (_, Some(host)) => format!("{host}:"),
        (Some(_), None) => ":".to_owned(),
        (None, None) => String::new(),
    };
    let protocol = text("protocol").unwrap_or_else(|| "tcp".to_owned());
    words::port(&format!("{}{host}{}/{protocol}", address.unwrap_or_default(), text("target")?))
}

/// Writes a port as a number, and several in a row as text.
fn number(line: Line, ports: Ports) -> Line {
    match ports.more() {
        0 => line.number(i64::from(ports.first)),
        _ => line.arg(ports.to_string()),
    }
}

/// Makes an endpoint of a published port. Returns what becomes of it.
fn endpoint(
    (image, owner): (&str, &str),
    read: &Port,
    (container, place): (&str, super::yaml::Place),
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Fate, String) {
    let inside = read.inside;
    let single = read.count == 1;
    let row = read.inside_ports();
    let known = library::endpoints(image, around.library);
    let known = known.into_iter().map(|(_, endpoint)| endpoint);
    let known = known
        .filter(|endpoint| single && (endpoint.port, endpoint.udp) == (inside, read.udp))
        .min_by_key(|endpoint| endpoint.scraped);
    let database = known.map_or_else(|| words::is_backing(image), |endpoint| endpoint.database);
    let admin = words::is_admin(image, inside);
    let is_http = known.is_some_and(|endpoint| endpoint.protocol == Some("http"));
    let http = is_http
        || single
            && !read.udp
            && !database
            && (HTTP.contains(&inside) || (8000..9000).contains(&inside));
    let https = single && !read.udp && matches!(inside, 443 | 8443 | 9443);
    let named = || match (row.more(), read.udp) {
        (0, udp) => name_of(inside, udp),
        (_, true) => format!("ports-{row}-udp"),
        (_, false) => format!("ports-{row}"),
    };
    let wanted = match known {
        Some(endpoint) => endpoint.name.to_owned(),
        None if http => "web".to_owned(),
        None => named(),
    };
    let taken = stack.endpoint_names.has(&wanted);
    // A second page is called after what serves it.
    let wanted = match taken && http {
        true if container != stack.module && !stack.endpoint_names.has(container) => {
            container.to_owned()
        }
        true => name_of(inside, read.udp),
        false => wanted,
    };
    let name = stack.endpoint_names.take(&wanted);
    let mut node = line("provides").arg(name.as_str()).prop("container", container);
    node = match row.more() {
        0 => node.prop_number("port", i64::from(inside)),
        _ => node.prop("port", row.to_string()),
    };
    let protocol = match (read.udp, http, https) {
        (true, _, _) => Some("udp"),
        (_, true, _) => Some("http"),
        (_, _, true) => Some("https"),
        _ => None,
    };
    if let Some(protocol) = protocol {
        node = node.prop("protocol", protocol);
    }
    if database {
        node = node.prop_flag("database", true);
    } else if admin || known.is_some_and(|endpoint| endpoint.admin) {
        node = node.prop_flag("admin", true);
    }
    stack.provides.push(node);
    let Some(host) = read.host_ports() else {
        let what =
            format!("endpoint `{name}`; compose chose its port anew each time, the lab none");
        return (Fate::Changed, what);
    };
    let keys = || (host.first..=host.last).map(|port| (port, read.udp));
    if let Some((port, other)) =
        keys().find_map(|key| Some((key.0, around.lab.ports.get(&key)?.clone())))
    {
        let what = format!("endpoint `{name}`, not opened: port {port} belongs to `{other}`");
        around.lab.findings.push((place, format!("`{owner}`: {what}")));
        return (Fate::Changed, what);
    }
    if open_to_all(read) && database {
        let what = format!(
            "endpoint `{name}`, opened to nobody: it was open to everybody who reaches the \
             machine, and it is a database"
        );
        around.lab.findings.push((place, format!("`{owner}` published port {host}: {what}")));
        return (Fate::Changed, what);
    }
    around.lab.ports.extend(keys().map(|key| (key, stack.service.clone())));
    let moved = (host != row).then_some(host);
    if let Some(address) = loopback(read) {
        let node = line("port").arg(name.as_str());
        let node = moved.into_iter().fold(node, number);
        stack.settings.push(node.prop("address", address.as_str()));
        return (Fate::Kept, format!("endpoint `{name}`, for the machine itself"));
    }
    stack.settings.extend(moved.map(|host| number(line("port").arg(name.as_str()), host)));
    let zone = around.lab.zone.clone();
    stack.settings.push(line("expose").arg(name.as_str()).prop("to", zone.as_str()));
    if admin {
        let what = format!(
            "endpoint `{name}`, opened to `{zone}`: whoever reaches it administers {}",
            words::administered(image)
        );
        around.lab.findings.push((place, format!("`{owner}` published port {host}: {what}")));
        return (Fate::Changed, what);
    }
    if !open_to_all(read) {
        let what = format!(
            "endpoint `{name}`, opened to `{zone}` at every address; `port {name} address=` names \
             one of the machine"
        );
        return (Fate::Changed, what);
    }
    (Fate::Kept, format!("endpoint `{name}`, opened to `{zone}`"))
}

/// Returns whether a port was published at every address.
pub fn open_to_all(read: &Port) -> bool {
    matches!(read.address.as_deref().unwrap_or("0.0.0.0"), "0.0.0.0" | "::" | "*")
}

/// Returns the address of the machine itself at which a port was published, if it was one.
pub fn loopback(read: &Port) -> Option<String> {
    let address =
        read.address.as_deref().map(|it| if it == "localhost" { "127.0.0.1" } else { it });
    let address = address?.parse::<IpAddr>().ok().filter(IpAddr::is_loopback)?;
    Some(address.to_string())
}

/// Returns the usual name of an endpoint at a port.
pub fn name_of(port: u16, udp: bool) -> String {
    let name = match (port, udp) {
        (443 | 8443, false) => "https",
        (22 | 2222, false) => "ssh",
        (53, false) => "dns",
        (53, true) => "dns-udp",
        (1883, false) => "mqtt",
        (8883, false) => "mqtts",
        (25, false) => "smtp",
        (587, false) => "submission",
        (993, false) => "imaps",
        (143, false) => "imap",
        (445, false) => "smb",
        (51820, true) => "wireguard",
        (1900, true) => "ssdp",
        (5432, false) => "postgres",
        (3306, false) => "mysql",
        (6379, false) => "redis",
        (27017, false) => "mongo",
        _ if udp => return format!("port-{port}-udp"),
        _ => return format!("port-{port}"),
    };
    name.to_owned()
}
