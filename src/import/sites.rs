//! Reads the labels of caddy-docker-proxy and of SWAG, and the variables of nginx-proxy.

use std::collections::BTreeMap;

use super::kdl::line;
use super::ledger::At;
use super::middlewares::{body_limit, header};
use super::way::{Login, Way};
use super::words;
use crate::decl::types::Type;
use crate::model::ProxyProgram;

/// Reads the labels of caddy-docker-proxy.
pub fn caddy(
    labels: &BTreeMap<&str, &str>,
    service: &At<'_>,
    program: Option<ProxyProgram>,
) -> Vec<Way> {
    let mut ways: BTreeMap<&str, Way> = BTreeMap::new();
    let place = service.get("labels").map(|at| at.node.place).unwrap_or_default();
    for (name, value) in labels {
        let (site, key) = name.split_once('.').unwrap_or((name, ""));
        let numbered =
            site.strip_prefix("caddy_").is_some_and(|number| number.parse::<u16>().is_ok());
        if site != "caddy" && !numbered {
            continue;
        }
        let way = ways.entry(site).or_default();
        way.labels.insert((*name).to_owned());
        // A number before a directive says in which order it is written.
        let words: Vec<&str> = key
            .split('.')
            .map(|word| match word.split_once('_') {
                Some((number, rest)) if number.parse::<u16>().is_ok() => rest,
                _ => word,
            })
            .collect();
        match words[..] {
            [""] => way.hosts = hosts(value, way, name),
            ["reverse_proxy"] => {
                // caddy-docker-proxy fills in `{{upstreams https 8080}}`.
                let inner = value.trim().trim_start_matches("{{").trim_end_matches("}}");
                let words: Vec<&str> = inner.split_whitespace().collect();
                way.https = words.contains(&"https");
                way.port = words.iter().find_map(|word| word.parse().ok());
                if words.first() != Some(&"upstreams") {
                    way.lose(name, "a route leads to this container, and to no other address");
                }
            }
            ["header", field] if !value.is_empty() => {
                set(way, name, field, value.trim_matches('"'), program);
            }
            ["header"] => match value.split_once(' ') {
                Some((field, value)) => {
                    set(way, name, field, value.trim().trim_matches('"'), program);
                }
                None => set(way, name, value, "", program),
            },
            ["basicauth" | "basic_auth", user] => {
                let value = format!("{user} {value}");
                way.login = Some(Login { value, place, label: (*name).to_owned() });
                way.change(name, "`login` of the route, with a secret");
            }
            ["request_body", "max_size"] => match words::size(value) {
                Some(size) if size > 0 => {
                    way.handling(body_limit(size), "body-limit");
                    way.change(name, "`body-limit` of the route");
                }
                _ => way.lose(name, "it is not a size"),
            },
            ["redir"] => redirect(way, name, value, program),
            ["encode"] => way.change(name, "the proxy decides what it compresses"),
            ["tls"] if *value == "internal" => {
                way.change(name, "`certificates internal` of the proxy");
            }
            ["reverse_proxy", "header_up" | "transport", ..] => {
                way.change(
                    name,
                    "the lab's proxies say who visits, and take any certificate inside",
                );
            }
            _ => way.lose(name, "a route can't say it: write it as `raw`"),
        }
    }
    ways.into_values().filter(|way| !way.hosts.is_empty()).collect()
}

fn hosts(value: &str, way: &mut Way, label: &str) -> Vec<String> {
    let names = value.split([',', ' ']).map(str::trim).filter(|host| !host.is_empty());
    let mut hosts = Vec::new();
    for name in names {
        let host = name.split_once("://").map_or(name, |(_, host)| host);
        let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
        if words::accepted(Type::Hosts, &host) {
            hosts.push(host);
        } else {
            way.lose(label, format!("`{name}` is not the name of one host"));
        }
    }
    hosts
}

fn set(way: &mut Way, label: &str, field: &str, value: &str, program: Option<ProxyProgram>) {
    let (name, value) = match field.strip_prefix('-') {
        Some(name) => (name, ""),
        // Caddy's `+` adds a value, `?` sets a missing one, and `>` waits until the answer is
        // written.
        None => (field.trim_start_matches(['+', '?', '>']), value),
    };
    match header("response-header", name, value, program) {
        Ok(line) => {
            way.handling(line, name);
            way.change(label, "`response-header` of the route");
        }
        Err(why) => way.lose(label, why),
    }
}

fn redirect(way: &mut Way, label: &str, value: &str, program: Option<ProxyProgram>) {
    let words: Vec<&str> = value.split_whitespace().collect();
    let (path, to, permanent) = match words[..] {
        [path, to] => (path, to, false),
        [path, to, how] => (path, to, matches!(how, "301" | "308" | "permanent")),
        _ => return way.lose(label, "a route sends on visitors of a path"),
    };
    let signs = crate::resolve::handling::meaning_in(program.unwrap_or(ProxyProgram::Caddy), to);
    let fits = words::accepted(Type::WebPage, path) && words::accepted(Type::WebTarget, to);
    if !fits || signs.is_some() || path == to {
        return way.lose(label, "a route sends on visitors of a path to a path or a URL");
    }
    let node = line("redirect").arg(path).prop("to", to);
    way.handling(if permanent { node.prop_flag("permanent", true) } else { node }, path);
    way.change(label, "`redirect` of the route");
}

/// Reads the labels by which SWAG makes a proxy of its own, and the variables of nginx-proxy.
pub fn swag(labels: &BTreeMap<&str, &str>, service: &At<'_>) -> Vec<Way> {
    let mut ways = Vec::new();
    if labels.get("swag").is_some_and(|on| *on == "enable")
        && let Some(url) = labels.get("swag_url")
    {
        let mut way = Way {
            port: labels.get("swag_port").and_then(|port| port.parse().ok()),
            https: labels.get("swag_proto").is_some_and(|proto| *proto == "https"),
            ..Way::default()
        };
        way.hosts = hosts(url, &mut way, "swag_url");
        for name in labels.keys().filter(|name| **name == "swag" || name.starts_with("swag_")) {
            way.labels.insert((*name).to_owned());
            match *name {
                "swag" | "swag_url" | "swag_port" | "swag_proto" => {}
                "swag_auth" => way.lose(name, "write `auth=` in the route"),
                _ => way.lose(name, "a route can't say it: write it as `raw`"),
            }
        }
        ways.push(way);
    }
    let environment = service.get("environment");
    let variable = |name: &str| environment.as_ref()?.get(name)?.text().map(str::to_owned);
    if let Some(hosts) = variable("VIRTUAL_HOST") {
        ways.push(Way {
            hosts: hosts
                .split(',')
                .map(|host| host.trim().to_ascii_lowercase())
                .filter(|host| words::accepted(Type::Hosts, host))
                .collect(),
            port: variable("VIRTUAL_PORT").and_then(|port| port.parse().ok()),
            https: variable("VIRTUAL_PROTO").is_some_and(|proto| proto == "https"),
            ..Way::default()
        });
    }
    ways.retain(|way| !way.hosts.is_empty());
    ways
}

#[cfg(test)]
mod tests {
    use super::caddy;
    use crate::import::ledger::{At, Fate};
    use crate::import::yaml::Node;

    #[test]
    fn reads_sites_with_what_caddy_does_there() {
        let labels = [
            ("caddy", "https://a.org, b.org"),
            ("caddy.1_reverse_proxy", "{{upstreams 8080}}"),
            ("caddy.header.X-Frame-Options", "DENY"),
            ("caddy.header.-Server", "\"\""),
            ("caddy.redir", "/ /web/"),
            ("caddy.import", "snippet"),
        ];
        let node = Node::default();
        let ways = caddy(&labels.into_iter().collect(), &At::new("services.a", &node), None);
        assert_eq!((ways[0].port, ways[0].hosts.len()), (Some(8080), 2));
        let about: Vec<&str> = ways[0].lines.keys().map(String::as_str).collect();
        assert_eq!(
            about,
            ["redirect /", "response-header server", "response-header x-frame-options"]
        );
        assert_eq!(ways[0].said["caddy.import"].0, Fate::Lost);
    }
}
