//! Converts the labels by which proxies find a container into `route`, for a proxy of the lab.

use std::collections::{BTreeMap, BTreeSet};

use super::kdl::{Line, line};
use super::ledger::At;
use super::stack::{Around, Stack};
use super::variables::owner_name;
use super::words;
use crate::decl::types::Type;

/// A way in that labels describe.
#[derive(Debug, Default, PartialEq, Eq)]
struct Way {
    /// The host names.
    hosts: Vec<String>,
    /// The port in the container, if the labels name one.
    port: Option<u16>,
    /// Whether the container speaks https.
    https: bool,
    /// What the proxy does besides, which a route does not.
    besides: Vec<String>,
    /// The labels that it is made of.
    labels: BTreeSet<String>,
}

/// Converts the labels of a container. Returns those that are part of a route.
pub fn routes(
    service: &At<'_>,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    let Some(via) = around.lab.via.clone() else { return taken };
    let all = service.get("labels");
    let labels: BTreeMap<&str, &str> = all
        .iter()
        .flat_map(At::entries)
        .map(|(name, at)| (name, at.text().unwrap_or_default()))
        .collect();
    let mut ways = traefik(&labels);
    ways.extend(caddy(&labels));
    ways.extend(swag(&labels, service));
    for way in ways {
        let hosts: Vec<&String> =
            way.hosts.iter().filter(|host| words::accepted(Type::Host, host)).collect();
        if hosts.is_empty() {
            continue;
        }
        let Some(endpoint) = endpoint(&way, container, stack) else {
            let what = format!(
                "`{}` does not say at which port it is reached: add a `provides` and a `route`",
                owner_name(service)
            );
            around.lab.findings.push((service.node.place, what));
            continue;
        };
        let zone = around.lab.zone.clone();
        for host in &hosts {
            if around.lab.hosts.insert((*host).clone()) {
                stack.settings.push(
                    line("route")
                        .arg(host.as_str())
                        .prop("to", endpoint.as_str())
                        .prop("via", via.as_str())
                        .prop("from", zone.as_str()),
                );
            }
        }
        if !way.besides.is_empty() {
            let what = format!(
                "the route of `{}` is without {}: say it in the proxy, if it matters",
                owner_name(service),
                way.besides.join(" and ")
            );
            around.lab.findings.push((service.node.place, what));
        }
        let what = format!("a route through `{via}`, open to `{zone}`");
        for (name, at) in all.iter().flat_map(At::entries) {
            if way.labels.contains(name) {
                around.ledger.changed(&at, what.clone());
                taken.insert(name.to_owned());
            }
        }
    }
    taken
}

/// Returns the endpoint that a way leads to, and makes it if there is none.
fn endpoint(way: &Way, container: &str, stack: &mut Stack) -> Option<String> {
    let own = |line: &&Line| line.text_of("container").as_deref() == Some(container);
    let tcp = |line: &&Line| line.text_of("protocol").as_deref() != Some("udp");
    let mut known = stack.provides.iter().filter(own).filter(tcp);
    let Some(port) = way.port else {
        let only = known.next()?;
        return known.next().is_none().then(|| name_of(only));
    };
    if let Some(found) = known.find(|line| line.number_of("port") == Some(i128::from(port))) {
        return Some(name_of(found));
    }
    let name = stack.endpoint_names.take("web");
    let protocol = if way.https { "https" } else { "http" };
    stack.provides.push(
        line("provides")
            .arg(name.as_str())
            .prop("container", container)
            .prop_number("port", i64::from(port))
            .prop("protocol", protocol),
    );
    Some(name)
}

fn name_of(endpoint: &Line) -> String {
    endpoint.first().unwrap_or_default().to_owned()
}

/// Reads the routers of Traefik.
fn traefik(labels: &BTreeMap<&str, &str>) -> Vec<Way> {
    if labels.get("traefik.enable").is_some_and(|on| on.eq_ignore_ascii_case("false")) {
        return Vec::new();
    }
    let mut ways: BTreeMap<&str, Way> = BTreeMap::new();
    for (name, value) in labels {
        let Some((router, key)) =
            name.strip_prefix("traefik.http.routers.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        let way = ways.entry(router).or_default();
        way.labels.insert((*name).to_owned());
        match key.to_ascii_lowercase().as_str() {
            "rule" => match hosts(value) {
                Some(hosts) => way.hosts = hosts,
                None => way.besides.push(format!("the rule `{value}`")),
            },
            "middlewares" => {
                let names = value.split(',').map(|name| name.split('@').next().unwrap_or(name));
                let names: Vec<&str> = names.map(str::trim).collect();
                // Every proxy of a lab leads http to https.
                let plain = |name: &&str| !name.contains("redirect");
                let names: Vec<String> =
                    names.into_iter().filter(plain).map(|name| format!("`{name}`")).collect();
                if !names.is_empty() {
                    way.besides.push(format!("the middlewares {}", names.join(", ")));
                }
            }
            _ => {}
        }
    }
    let port = |(name, value): (&&str, &&str)| {
        let rest = name.strip_prefix("traefik.http.services.")?;
        let (service, key) = rest.split_once('.')?;
        let key = key.to_ascii_lowercase();
        (key == "loadbalancer.server.port")
            .then(|| Some((service.to_owned(), value.trim().parse::<u16>().ok()?)))?
    };
    let ports: Vec<(String, u16)> = labels.iter().filter_map(port).collect();
    let https = labels.iter().any(|(name, value)| {
        name.to_ascii_lowercase().ends_with(".loadbalancer.server.scheme") && *value == "https"
    });
    let shared: BTreeSet<String> = labels
        .keys()
        .filter(|name| {
            **name == "traefik.enable"
                || **name == "traefik.docker.network"
                || name.starts_with("traefik.http.services.")
        })
        .map(|name| (*name).to_owned())
        .collect();
    let mut made = Vec::new();
    for (router, mut way) in ways {
        let wanted = labels.get(format!("traefik.http.routers.{router}.service").as_str());
        let named = |(service, _): &&(String, u16)| match wanted {
            Some(wanted) => service == wanted,
            None => service == router,
        };
        let found = ports.iter().find(named).or(match ports.as_slice() {
            [only] => Some(only),
            _ => None,
        });
        // A rule that no route can say leaves its labels as they are.
        if way.hosts.is_empty() {
            continue;
        }
        way.port = found.map(|(_, port)| *port);
        way.https = https;
        way.labels.extend(shared.iter().cloned());
        made.push(way);
    }
    made
}

/// Reads a rule that names hosts, and nothing else.
fn hosts(rule: &str) -> Option<Vec<String>> {
    let mut hosts = Vec::new();
    for part in rule.split("||") {
        let part = part.trim();
        let part = part.strip_prefix('(').and_then(|it| it.strip_suffix(')')).unwrap_or(part);
        let names = part.trim().strip_prefix("Host(")?.strip_suffix(')')?;
        for name in names.split(',') {
            let name = name.trim().trim_matches(['`', '"', '\'']);
            if !words::accepted(Type::Host, name) {
                return None;
            }
            hosts.push(name.to_owned());
        }
    }
    Some(hosts)
}

/// Reads the labels of caddy-docker-proxy.
fn caddy(labels: &BTreeMap<&str, &str>) -> Vec<Way> {
    let mut ways: BTreeMap<&str, Way> = BTreeMap::new();
    for (name, value) in labels {
        let (site, key) = name.split_once('.').unwrap_or((name, ""));
        let numbered =
            site.strip_prefix("caddy_").is_some_and(|number| number.parse::<u16>().is_ok());
        if site != "caddy" && !numbered {
            continue;
        }
        let way = ways.entry(site).or_default();
        way.labels.insert((*name).to_owned());
        match key.rsplit('.').next().unwrap_or_default() {
            "" => {
                let names = value.split([',', ' ']).map(|host| {
                    let host = host.trim();
                    host.split_once("://").map_or(host, |(_, host)| host).to_owned()
                });
                way.hosts = names.filter(|host| !host.is_empty()).collect();
            }
            "reverse_proxy" => {
                let inner = value.trim().trim_start_matches("{{").trim_end_matches("}}");
                let words: Vec<&str> = inner.split_whitespace().collect();
                way.https = words.contains(&"https");
                way.port = words.iter().find_map(|word| word.parse().ok());
                if words.first() != Some(&"upstreams") {
                    way.besides.push(format!("the address `{value}`"));
                }
            }
            other => way.besides.push(format!("`{other}`")),
        }
    }
    ways.into_values().filter(|way| !way.hosts.is_empty()).collect()
}

/// Reads the labels by which SWAG makes a proxy of its own, and the variables of nginx-proxy.
fn swag(labels: &BTreeMap<&str, &str>, service: &At<'_>) -> Vec<Way> {
    let mut ways = Vec::new();
    if labels.get("swag").is_some_and(|on| *on == "enable")
        && let Some(url) = labels.get("swag_url")
    {
        let own = |name: &&&str| **name == "swag" || name.starts_with("swag_");
        ways.push(Way {
            hosts: url
                .split([',', ' '])
                .filter(|host| !host.is_empty())
                .map(str::to_owned)
                .collect(),
            port: labels.get("swag_port").and_then(|port| port.parse().ok()),
            https: labels.get("swag_proto").is_some_and(|proto| *proto == "https"),
            besides: labels.get("swag_auth").map(|auth| format!("`{auth}`")).into_iter().collect(),
            labels: labels.keys().filter(own).map(|name| (*name).to_owned()).collect(),
        });
    }
    let environment = service.get("environment");
    let variable = |name: &str| environment.as_ref()?.get(name)?.text().map(str::to_owned);
    if let Some(hosts) = variable("VIRTUAL_HOST") {
        ways.push(Way {
            hosts: hosts.split(',').map(|host| host.trim().to_owned()).collect(),
            port: variable("VIRTUAL_PORT").and_then(|port| port.parse().ok()),
            https: variable("VIRTUAL_PROTO").is_some_and(|proto| proto == "https"),
            ..Way::default()
        });
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::{caddy, hosts, traefik};

    #[test]
    fn reads_rules_of_hosts_and_no_others() {
        for (rule, wanted) in [
            ("Host(`a.example.org`)", Some(vec!["a.example.org"])),
            ("Host(`a.org`, `b.org`) || Host(\"c.org\")", Some(vec!["a.org", "b.org", "c.org"])),
            ("(Host(`a.org`))", Some(vec!["a.org"])),
            ("Host(`a.org`) && PathPrefix(`/x`)", None),
            ("HostRegexp(`.*`)", None),
            ("", None),
        ] {
            let wanted = wanted.map(|hosts| hosts.into_iter().map(str::to_owned).collect());
            assert_eq!(hosts(rule), wanted, "{rule}");
        }
    }

    #[test]
    fn reads_routers_with_the_port_of_their_service() {
        let labels = [
            ("traefik.enable", "true"),
            ("traefik.http.routers.a.rule", "Host(`a.org`)"),
            ("traefik.http.routers.a.service", "one"),
            ("traefik.http.routers.b.rule", "Host(`b.org`) && Path(`/`)"),
            ("traefik.http.services.one.loadbalancer.server.port", "80"),
            ("traefik.http.services.two.loadbalancer.server.port", "81"),
        ];
        let ways = traefik(&labels.into_iter().collect());
        assert_eq!(ways.len(), 1);
        assert_eq!((ways[0].port, ways[0].hosts.as_slice()), (Some(80), &["a.org".to_owned()][..]));
        let labels =
            [("caddy", "https://a.org, b.org"), ("caddy.reverse_proxy", "{{upstreams 8080}}")];
        let ways = caddy(&labels.into_iter().collect());
        assert_eq!((ways[0].port, ways[0].hosts.len()), (Some(8080), 2));
    }
}
