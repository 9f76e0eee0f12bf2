//! Converts published ports into endpoints, and what is open to everybody into `expose`.

use super::kdl::line;
use super::ledger::{At, Fate};
use super::stack::{Around, Stack};
use super::variables::owner_name;
use super::words::{self, Port};

/// The most ports of a range that become endpoints of their own.
const MOST: u16 = 32;

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
    let Some(list) = service.get("ports") else { return };
    let image = service.get("image").and_then(|image| image.text()).unwrap_or_default().to_owned();
    if around.project.manual.contains(owner_name(service)) {
        let what = "a container that a person starts is no endpoint; `--profile` makes it one";
        around.ledger.lost(&list, what);
        return;
    }
    let mode = service.get("network_mode").and_then(|mode| mode.text()).unwrap_or_default();
    for at in list.items() {
        if mode == "host" || mode == "none" || mode.starts_with("container:") {
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
        if read.count > MOST {
            let what = format!(
                "{} ports in a row; use `network host`, or an endpoint for each port in use",
                read.count
            );
            around.ledger.lost(&at, what);
            continue;
        }
        let mut said = Vec::new();
        let mut fate = Fate::Kept;
        for offset in 0..read.count {
            let one = |first: u16| first.checked_add(offset);
            let Some(inside) = one(read.inside) else { continue };
            let host = read.host.and_then(one);
            let (own, what) = endpoint(
                (&image, owner_name(service)),
                (&read, inside, host),
                (container, at.node.place),
                stack,
                around,
            );
            if own != Fate::Kept {
                fate = own;
            }
            if said.len() < 3 {
                said.push(what);
            }
        }
        around.ledger.say(&at, fate, said.join("; "));
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

/// Makes an endpoint of one port. Returns what becomes of it.
fn endpoint(
    (image, owner): (&str, &str),
    (read, inside, host): (&Port, u16, Option<u16>),
    (container, place): (&str, super::yaml::Place),
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Fate, String) {
    let database = words::is_backing(image);
    let admin = words::is_admin(image) || inside == 2375 || inside == 2376;
    let http = !read.udp && !database && (HTTP.contains(&inside) || (8000..9000).contains(&inside));
    let https = !read.udp && matches!(inside, 443 | 8443 | 9443);
    let wanted = if http { "web".to_owned() } else { name_of(inside, read.udp) };
    let taken = stack.endpoint_names.has(&wanted);
    let wanted = if taken && http { name_of(inside, read.udp) } else { wanted };
    let name = stack.endpoint_names.take(&wanted);
    let mut node = line("provides")
        .arg(name.as_str())
        .prop("container", container)
        .prop_number("port", i64::from(inside));
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
    } else if admin {
        node = node.prop_flag("admin", true);
    }
    stack.provides.push(node);
    let Some(host) = host else {
        let what =
            format!("endpoint `{name}`; compose chose its port anew each time, the lab none");
        return (Fate::Changed, what);
    };
    let key = (host, read.udp);
    if let Some(other) = around.lab.ports.get(&key) {
        let what = format!("endpoint `{name}`, not opened: port {host} belongs to `{other}`");
        around.lab.findings.push((place, format!("`{owner}`: {what}")));
        return (Fate::Changed, what);
    }
    let address = read.address.as_deref().unwrap_or("0.0.0.0");
    let open = matches!(address, "0.0.0.0" | "::" | "*");
    let local = address.starts_with("127.") || address == "::1" || address == "localhost";
    if open && database {
        let what = format!(
            "endpoint `{name}`, opened to nobody: it was open to everybody who reaches the \
             machine, and it is a database"
        );
        around.lab.findings.push((place, format!("`{owner}` published port {host}: {what}")));
        return (Fate::Changed, what);
    }
    if local {
        let what = format!("endpoint `{name}`, opened to nobody: only the machine itself had it");
        return (Fate::Changed, what);
    }
    around.lab.ports.insert(key, stack.service.clone());
    if host != inside {
        stack.settings.push(line("port").arg(name.as_str()).number(i64::from(host)));
    }
    let zone = around.lab.zone.clone();
    stack.settings.push(line("expose").arg(name.as_str()).prop("to", zone.as_str()));
    if admin {
        let what = format!(
            "endpoint `{name}`, opened to `{zone}`: whoever reaches it administers the machine"
        );
        around.lab.findings.push((place, format!("`{owner}` published port {host}: {what}")));
        return (Fate::Changed, what);
    }
    if !open {
        let what = format!("endpoint `{name}`, opened to `{zone}` on every address, not only one");
        return (Fate::Changed, what);
    }
    (Fate::Kept, format!("endpoint `{name}`, opened to `{zone}`"))
}

fn name_of(port: u16, udp: bool) -> String {
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
