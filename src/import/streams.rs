//! Reads the labels by which Traefik leads connections that are no web pages. Such a router leads
//! all that comes to one port, so it becomes an open port.

use std::collections::BTreeMap;

use super::yaml::Node;

/// The entry points of Traefik, by name: the port of the machine, and whether it is UDP.
pub type EntryPoints = BTreeMap<String, (u16, bool)>;

/// Learns the entry points that a container's command line or variables define.
pub fn learn(service: &Node, points: &mut EntryPoints) {
    let command = service.get("command");
    let words = command.into_iter().flat_map(|node| node.items().iter().chain([node]));
    let words = words.filter_map(Node::scalar).flat_map(str::split_whitespace);
    let set = words.filter_map(|word| {
        let (name, value) = word.trim_start_matches('-').split_once('=')?;
        Some((name.to_ascii_lowercase(), value))
    });
    let variables = service.get("environment").map(Node::entries).unwrap_or_default().iter();
    let variables = variables.filter_map(|(name, value)| {
        let name = name.strip_prefix("TRAEFIK_")?.to_ascii_lowercase().replace('_', ".");
        Some((name, value.scalar()?))
    });
    for (name, value) in set.chain(variables) {
        let name = name.strip_prefix("entrypoints.").and_then(|it| it.strip_suffix(".address"));
        let (address, protocol) = value.trim_matches('"').split_once('/').unwrap_or((value, "tcp"));
        let port = address.trim_matches('"').rsplit(':').next().and_then(|it| it.parse().ok());
        if let (Some(name), Some(port)) = (name, port) {
            points.entry(name.to_owned()).or_insert((port, protocol == "udp"));
        }
    }
}

/// A port of a container that a router leads to.
#[derive(Debug, PartialEq, Eq)]
pub struct Stream {
    /// The port in the container.
    pub inside: u16,
    /// The port of the machine.
    pub outside: u16,
    /// Whether it is UDP.
    pub udp: bool,
    /// The labels that say so.
    pub labels: Vec<String>,
}

/// Reads the routers of a container. `lost` gets the labels that are no open port, with the reason.
pub fn streams(
    labels: &BTreeMap<&str, &str>,
    points: &EntryPoints,
    lost: &mut Vec<(String, String)>,
) -> Vec<Stream> {
    let mut made = Vec::new();
    for (kind, udp) in [("tcp", false), ("udp", true)] {
        let of_kind = |part: &str| {
            let prefix = format!("traefik.{kind}.{part}.");
            let mut found: BTreeMap<String, Vec<(String, String, &str)>> = BTreeMap::new();
            for (label, value) in labels {
                let lower = label.to_ascii_lowercase();
                let rest = lower.strip_prefix(&prefix).and_then(|rest| rest.split_once('.'));
                if let Some((name, key)) = rest {
                    let entry = (key.to_owned(), (*label).to_owned(), *value);
                    found.entry(name.to_owned()).or_default().push(entry);
                }
            }
            found
        };
        let (routers, services) = (of_kind("routers"), of_kind("services"));
        for (router, keys) in &routers {
            let get = |key: &str| keys.iter().find(|one| one.0 == key).map(|one| one.2);
            let wanted = get("service").and_then(|name| name.split('@').next());
            let named = services.get(&wanted.unwrap_or(router).to_ascii_lowercase());
            // Traefik takes the only service of a container for a router that names none.
            let only = || services.values().next().filter(|_| services.len() == 1);
            let service = named.or_else(|| if wanted.is_none() { only() } else { None });
            let inside = service.and_then(|keys| {
                let port = keys.iter().find(|one| one.0 == "loadbalancer.server.port")?;
                port.2.trim().parse().ok()
            });
            let read = match (open(get, udp), inside) {
                (Err(why), _) => Err(why),
                (Ok(_), None) => {
                    Err("no label says at which port the container listens".to_owned())
                }
                (Ok(names), Some(inside)) => ports(&names, udp, points).map(|all| (all, inside)),
            };
            let own = keys.iter().chain(service.into_iter().flatten()).map(|one| one.1.clone());
            let own: Vec<String> = own.collect();
            match read {
                Err(why) => lost.extend(own.into_iter().map(|label| (label, why.clone()))),
                Ok((all, inside)) => made.extend(all.into_iter().map(|outside| Stream {
                    inside,
                    outside,
                    udp,
                    labels: own.clone(),
                })),
            }
        }
    }
    made
}

/// Returns the names of a router's entry points, if it leads all that comes there.
fn open<'l>(get: impl Fn(&str) -> Option<&'l str>, udp: bool) -> Result<Vec<String>, String> {
    let rule: String =
        get("rule").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let all = matches!(
        rule.to_ascii_lowercase().as_str(),
        "hostsni(`*`)" | "hostsni('*')" | "hostsni(\"*\")"
    );
    if !udp && !all {
        return Err("only a proxy tells several names at one port apart: a route is for web \
                    pages, and other programs have a port each"
            .to_owned());
    }
    let encrypted = |key: &str| get(key).is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let passes = get("tls.passthrough").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !passes && ["tls", "tls.certresolver", "tls.options"].into_iter().any(encrypted) {
        return Err("no proxy of the lab takes TLS off for other programs: the program itself \
                    needs the certificate"
            .to_owned());
    }
    let names = get("entrypoints").unwrap_or_default().split(',').map(str::trim);
    Ok(names.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect())
}

/// Returns the ports of entry points.
fn ports(names: &[String], udp: bool, points: &EntryPoints) -> Result<Vec<u16>, String> {
    if names.is_empty() {
        return Err("it names no entry point: open the endpoint with `expose`".to_owned());
    }
    let port = |name: &String| match points.get(name) {
        Some((port, of_udp)) if *of_udp == udp => Ok(*port),
        _ => Err(format!(
            "no file says which port the entry point `{name}` is: open the endpoint with `expose`"
        )),
    };
    names.iter().map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::{EntryPoints, streams};

    #[test]
    fn reads_routers_that_lead_a_whole_port() {
        let points = EntryPoints::from([
            ("mqtt".to_owned(), (1883, false)),
            ("game".to_owned(), (2456, true)),
        ]);
        let labels = [
            ("traefik.tcp.routers.broker.rule", "HostSNI(`*`)"),
            ("traefik.tcp.routers.broker.entrypoints", "mqtt"),
            ("traefik.tcp.services.broker.loadbalancer.server.port", "1884"),
            ("traefik.tcp.routers.sql.rule", "HostSNI(`db.example.org`)"),
            ("traefik.tcp.routers.sql.service", "broker"),
            ("traefik.udp.routers.game.entrypoints", "game"),
            ("traefik.udp.services.game.loadbalancer.server.port", "2456"),
            ("traefik.udp.routers.other.entrypoints", "mqtt"),
        ];
        let mut lost = Vec::new();
        let made = streams(&labels.into_iter().collect(), &points, &mut lost);
        let made: Vec<_> = made.iter().map(|it| (it.inside, it.outside, it.udp)).collect();
        assert_eq!(made, [(1884, 1883, false), (2456, 2456, true)]);
        let lost: Vec<&str> = lost.iter().map(|(label, _)| label.as_str()).collect();
        assert!(lost.contains(&"traefik.tcp.routers.sql.rule"), "{lost:?}");
        assert!(lost.contains(&"traefik.udp.routers.other.entrypoints"), "{lost:?}");
    }
}
