//! Reads the routes of Traefik's dynamic configuration.
//!
//! labwright's own template writes it with two blanks for each level. No other YAML is understood
//! here.

use std::collections::BTreeMap;

use super::{File, ProxyRoute, Unreadable, everything, set_of};
use crate::plan::CidrSet;

/// Reads the file.
pub fn read(file: File<'_>) -> Result<Vec<ProxyRoute>, Unreadable> {
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut routers: BTreeMap<String, Router> = BTreeMap::new();
    let mut lists: BTreeMap<String, CidrSet> = BTreeMap::new();
    let mut servers: BTreeMap<String, String> = BTreeMap::new();
    for (line, text) in file.statements() {
        // `statements` trims the lines, but the indentation says to what a key belongs.
        let raw = file.text.lines().nth(line - 1).unwrap_or_default();
        let indent = raw.len() - raw.trim_start().len();
        path.retain(|(depth, _)| *depth < indent);
        let (key, value) = match text.split_once(": ") {
            Some((key, value)) => (key, value),
            None => (text.trim_end_matches(':'), ""),
        };
        path.push((indent, key.trim_matches('"').to_owned()));
        let keys: Vec<&str> = path.iter().map(|(_, key)| key.as_str()).collect();
        match keys[..] {
            ["http", "routers", name, key] => {
                let router = routers.entry(name.to_owned()).or_default();
                match key {
                    "rule" => {
                        router.line = line;
                        // The path of the service that authenticates users is not another host.
                        between(value, "(Path(`", "`)")
                            .unwrap_or_default()
                            .clone_into(&mut router.path);
                        let whole = !value.contains("PathPrefix(") || !router.path.is_empty();
                        let one = between(value, "Host(`", "`)").map(str::to_owned);
                        let below = between(value, "HostRegexp(`^[^.]+[.]", "$`)");
                        let below = below.map(|name| format!("*.{}", name.replace("[.]", ".")));
                        router.host = one.or(below).filter(|_| whole);
                    }
                    "middlewares" => router.middlewares = texts(value),
                    "service" => value.trim_matches('"').clone_into(&mut router.service),
                    _ => {}
                }
            }
            ["http", "middlewares", name, "ipAllowList", "sourceRange"] => {
                let mut set = CidrSet::default();
                for prefix in texts(value) {
                    set = CidrSet::union([&set, &set_of(file.prefix(line, &prefix)?)]);
                }
                lists.insert(name.to_owned(), set);
            }
            ["http", "services", name, "loadBalancer", "servers"] => {
                if let Some(url) = texts(value).pop() {
                    let upstream = url.rsplit("//").next().unwrap_or_default().to_owned();
                    servers.insert(name.to_owned(), upstream);
                }
            }
            _ => {}
        }
    }
    let mut routes = Vec::new();
    for router in routers.into_values() {
        let Some(host) = router.host else { continue };
        let mut allow = everything();
        for list in router.middlewares.iter().filter_map(|name| lists.get(name)) {
            allow = allow.intersection(list);
        }
        routes.push(ProxyRoute {
            host,
            path: router.path,
            allow,
            upstream: servers.get(&router.service).cloned().unwrap_or_default(),
            line: file.at(router.line),
        });
    }
    Ok(routes)
}

#[derive(Default)]
struct Router {
    line: usize,
    host: Option<String>,
    path: String,
    middlewares: Vec<String>,
    service: String,
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

/// Lists the texts in double quotes.
fn texts(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
