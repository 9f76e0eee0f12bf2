//! Reads the labels by which Traefik finds a container.

use std::collections::{BTreeMap, BTreeSet};

use super::middlewares::{Middlewares, apply};
use super::way::Way;
use super::words;
use crate::decl::types::Type;
use crate::model::ProxyProgram;

/// Entry points that every proxy of a lab has, by their usual names.
const USUAL: &[&str] = &["http", "https", "web", "websecure", "web-secure", "web_secure"];

/// Reads the routers of a container. `lost` gets the labels that no route can say, with the reason.
pub fn ways(
    labels: &BTreeMap<&str, &str>,
    middlewares: &Middlewares,
    program: Option<ProxyProgram>,
    lost: &mut Vec<(String, String)>,
) -> Vec<Way> {
    if labels.get("traefik.enable").is_some_and(|on| on.eq_ignore_ascii_case("false")) {
        return Vec::new();
    }
    let mut routers: BTreeMap<&str, Vec<(String, &str, &str)>> = BTreeMap::new();
    for (name, value) in labels {
        let lower = name.to_ascii_lowercase();
        let prefix = "traefik.http.routers.";
        if let Some((router, key)) =
            lower.strip_prefix(prefix).and_then(|_| name.get(prefix.len()..)?.split_once('.'))
        {
            routers.entry(router).or_default().push((key.to_ascii_lowercase(), name, value));
        }
    }
    let services = Services::of(labels);
    let mut made: Vec<Way> = Vec::new();
    for (router, keys) in routers {
        let get = |key: &str| keys.iter().find(|(name, ..)| name == key).map(|(_, _, it)| *it);
        let label = |key: &str| keys.iter().find(|(name, ..)| name == key).map(|(_, it, _)| *it);
        let Some(rule) = get("rule") else {
            for (_, name, _) in &keys {
                lost.push(((*name).to_owned(), "its router has no rule".to_owned()));
            }
            continue;
        };
        let read = match Rule::read(rule) {
            Ok(read) => read,
            Err(why) => {
                for (key, name, _) in &keys {
                    let why = if key == "rule" { why } else { "its router's rule can't be said" };
                    lost.push(((*name).to_owned(), why.to_owned()));
                }
                continue;
            }
        };
        let mut way = Way {
            hosts: read.hosts,
            paths: read.paths.into_iter().map(|path| (path, false)).collect(),
            labels: keys.iter().map(|(_, name, _)| (*name).to_owned()).collect(),
            ..Way::default()
        };
        way.labels.extend(services.labels.iter().cloned());
        for name in labels.keys() {
            if name.to_ascii_lowercase().starts_with("traefik.http.middlewares.") {
                way.labels.insert((*name).to_owned());
            }
        }
        if read.exact {
            way.change(label("rule").unwrap_or_default(), "a route, with all below its path");
        }
        if read.pattern {
            let what = "a route for names as they are written, or for all directly below one";
            way.change(label("rule").unwrap_or_default(), what);
        }
        for entry in get("entrypoints").unwrap_or_default().split(',').map(str::trim) {
            if !entry.is_empty() && !USUAL.contains(&entry.to_ascii_lowercase().as_str()) {
                let why = format!("the entry point `{entry}` is none of the lab's proxy");
                way.lose(label("entrypoints").unwrap_or_default(), why);
            }
        }
        if let Some(names) = get("middlewares") {
            apply(names, label("middlewares").unwrap_or_default(), middlewares, program, &mut way);
        }
        let (port, https) = services.of_router(router, get("service"));
        (way.port, way.https) = (port, https);
        // Often one router leads http to the https of another one.
        let twin = made.iter_mut().find(|made| {
            made.hosts == way.hosts
                && made
                    .paths
                    .iter()
                    .map(|(path, _)| path)
                    .eq(way.paths.iter().map(|(path, _)| path))
        });
        match twin {
            Some(twin) => merge(twin, way),
            None => made.push(way),
        }
    }
    made
}

/// Joins two routers of one rule.
fn merge(twin: &mut Way, other: Way) {
    twin.labels.extend(other.labels);
    for (about, line) in other.lines {
        twin.lines.entry(about).or_insert(line);
    }
    for (label, said) in other.said {
        twin.said.entry(label).or_insert(said);
    }
    twin.login = twin.login.take().or(other.login);
    twin.port = twin.port.or(other.port);
    twin.https |= other.https;
    for ((_, strip), (_, other)) in twin.paths.iter_mut().zip(other.paths) {
        *strip |= other;
    }
    twin.elsewhere.extend(other.elsewhere);
}

/// The services of Traefik that labels define.
struct Services {
    ports: Vec<(String, u16)>,
    https: bool,
    labels: BTreeSet<String>,
}

impl Services {
    fn of(labels: &BTreeMap<&str, &str>) -> Self {
        let mut services = Self { ports: Vec::new(), https: false, labels: BTreeSet::new() };
        for (name, value) in labels {
            let lower = name.to_ascii_lowercase();
            if matches!(lower.as_str(), "traefik.enable" | "traefik.docker.network") {
                services.labels.insert((*name).to_owned());
            }
            let Some((service, key)) =
                lower.strip_prefix("traefik.http.services.").and_then(|rest| rest.split_once('.'))
            else {
                continue;
            };
            match key {
                "loadbalancer.server.port" => {
                    if let Ok(port) = value.trim().parse() {
                        services.ports.push((service.to_owned(), port));
                    }
                }
                "loadbalancer.server.scheme" => {
                    services.https |= value.eq_ignore_ascii_case("https");
                }
                "loadbalancer.passhostheader" => {}
                _ => continue,
            }
            services.labels.insert((*name).to_owned());
        }
        services
    }

    fn of_router(&self, router: &str, wanted: Option<&str>) -> (Option<u16>, bool) {
        let wanted = wanted.map(|name| name.split('@').next().unwrap_or(name));
        let named =
            |(service, _): &&(String, u16)| service.eq_ignore_ascii_case(wanted.unwrap_or(router));
        // Traefik takes the only service of a container for a router that names none.
        let only = match self.ports.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let found = self.ports.iter().find(named).or(only);
        (found.map(|(_, port)| *port), self.https)
    }
}

/// A rule that a route can say: hosts, and paths below them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rule {
    hosts: Vec<String>,
    paths: Vec<String>,
    /// Whether it is about paths and not about what is below them.
    exact: bool,
    /// Whether it has an expression for names.
    pattern: bool,
}

const OTHER_RULE: &str = "a route leads hosts and paths, and no other rule";
const OTHER_PATTERN: &str =
    "a route leads a name or all names directly below one, and no other expression";

impl Rule {
    /// Reads a rule, or returns why no route can say it.
    fn read(rule: &str) -> Result<Self, &'static str> {
        let mut read = Self::default();
        for part in split(rule, "&&").ok_or(OTHER_RULE)? {
            let mut of_hosts = None;
            for matcher in split(bare(part), "||").ok_or(OTHER_RULE)? {
                let (name, rest) = bare(matcher).split_once('(').ok_or(OTHER_RULE)?;
                let name = name.trim();
                let is_host = match name {
                    "Host" | "HostRegexp" => true,
                    "PathPrefix" | "Path" => false,
                    _ => return Err(OTHER_RULE),
                };
                // One part is about hosts or about paths, and each of the two is said once.
                if *of_hosts.get_or_insert(is_host) != is_host {
                    return Err(OTHER_RULE);
                }
                read.exact |= name == "Path";
                read.pattern |= name == "HostRegexp";
                for value in rest.trim().strip_suffix(')').ok_or(OTHER_RULE)?.split(',') {
                    let value = value.trim().trim_matches(['`', '"', '\'']);
                    if name == "HostRegexp" {
                        read.hosts.push(of_pattern(value).ok_or(OTHER_PATTERN)?);
                    } else if is_host {
                        let host = value.to_ascii_lowercase();
                        words::accepted(Type::Host, &host).then_some(()).ok_or(OTHER_RULE)?;
                        read.hosts.push(host);
                    } else {
                        let path =
                            if value.len() > 1 { value.trim_end_matches('/') } else { value };
                        words::accepted(Type::WebFolder, path).then_some(()).ok_or(OTHER_RULE)?;
                        read.paths.push(path.to_owned());
                    }
                }
            }
        }
        read.paths.sort();
        read.paths.dedup();
        read.hosts.dedup();
        // A route without a host would be for every host of the proxy.
        if read.hosts.is_empty() { Err(OTHER_RULE) } else { Ok(read) }
    }
}

/// Reads an expression for one name or for all names directly below one, as `*.NAME`. Version 2 of
/// Traefik writes such a part as `{name:expression}`, and version 3 as it is.
fn of_pattern(pattern: &str) -> Option<String> {
    let text = pattern.strip_prefix('^').unwrap_or(pattern);
    let text = text.strip_suffix('$').unwrap_or(text);
    let below = [".+", ".*", r"\w+", r"[\w-]+"].iter().find_map(|any| text.strip_prefix(any));
    let below = below.or_else(|| {
        let (_, rest) = text.strip_prefix('{')?.split_once('}')?;
        Some(rest)
    });
    let below = below.or_else(|| {
        let (_, rest) = text.strip_prefix('[')?.split_once(']')?;
        rest.strip_prefix(['+', '*'])
    });
    let below = below.or_else(|| {
        let (inside, rest) = text.strip_prefix('(')?.split_once(')')?;
        let inside = inside.strip_prefix("?:").unwrap_or(inside);
        let plain = matches!(inside, ".+" | ".*" | r"[^.]+" | r"[^\.]+" | "[a-z0-9-]+");
        plain.then_some(rest)
    });
    let literal = |text: &str| text.replace(r"\.", ".").replace("[.]", ".").replace(r"\-", "-");
    let host = match below {
        Some(rest) => format!("*{}", literal(rest)),
        None => literal(text),
    };
    let host = host.to_ascii_lowercase();
    words::accepted(Type::Hosts, &host).then_some(host)
}

/// Takes the parentheses around a whole text off.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match inner {
        // No rule has this sign in it. Only the parentheses are tested.
        Some(inner) if split(inner, "\0").is_some() => bare(inner),
        _ => text,
    }
}

/// Splits a text at a sign outside of parentheses, or returns nothing if these are not closed.
fn split<'t>(text: &'t str, sign: &str) -> Option<Vec<&'t str>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            _ if depth == 0 && index >= start && text.get(index..)?.starts_with(sign) => {
                parts.push(text.get(start..index)?);
                start = index + sign.len();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (depth == 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::{Rule, ways};
    use crate::import::middlewares::Middlewares;

    fn read(rule: &str) -> Option<(String, String)> {
        Rule::read(rule).ok().map(|rule| (rule.hosts.join(" "), rule.paths.join(" ")))
    }

    #[test]
    fn reads_rules_of_hosts_and_paths_and_no_others() {
        for (rule, wanted) in [
            ("Host(`a.example.org`)", Some(("a.example.org", ""))),
            ("Host(`a.org`, `b.org`) || Host(\"c.org\")", Some(("a.org b.org c.org", ""))),
            ("(Host(`A.org`))", Some(("a.org", ""))),
            ("Host(`a.org`) && PathPrefix(`/x/`)", Some(("a.org", "/x"))),
            ("(Host(`a.org`) || Host(`b.org`)) && (PathPrefix(`/x`) || PathPrefix(`/y`))", {
                Some(("a.org b.org", "/x /y"))
            }),
            ("Host(`a.org`) && Path(`/`)", Some(("a.org", "/"))),
            ("Host(`a.org`) || PathPrefix(`/x`)", None),
            ("Host(`a.org`) && !PathPrefix(`/x`)", None),
            ("Host(`a.org`) && Headers(`X`, `y`)", None),
            ("PathPrefix(`/x`)", None),
            ("HostRegexp(`^[^.]+\\.a\\.org$`)", Some(("*.a.org", ""))),
            ("HostRegexp(`^(.+)[.]A.org$`)", Some(("*.a.org", ""))),
            ("HostRegexp(`{sub:[a-z]+}.a.org`) && PathPrefix(`/x`)", Some(("*.a.org", "/x"))),
            ("Host(`a.org`) || HostRegexp(`[a-z0-9-]+\\.a\\.org`)", Some(("a.org *.a.org", ""))),
            ("HostRegexp(`^a\\.org$`)", Some(("a.org", ""))),
            ("HostRegexp(`^(a|b)\\.org$`)", None),
            ("HostRegexp(`^[^.]+\\.[a-z]+\\.org$`)", None),
            ("HostRegexp(`.+\\.org`)", None),
            ("HostRegexp(`.*`)", None),
            ("Host(`a.org`", None),
            ("))((", None),
            ("", None),
        ] {
            let wanted = wanted.map(|(hosts, paths)| (hosts.to_owned(), paths.to_owned()));
            assert_eq!(read(rule), wanted, "{rule}");
        }
    }

    #[test]
    fn reads_routers_with_the_port_of_their_service() {
        let labels = [
            ("traefik.enable", "true"),
            ("traefik.http.routers.a.rule", "Host(`a.org`)"),
            ("traefik.http.routers.a.service", "one"),
            ("traefik.http.routers.b.rule", "HostRegexp(`(b|c).org`)"),
            ("traefik.http.services.one.loadbalancer.server.port", "80"),
            ("traefik.http.services.two.loadbalancer.server.port", "81"),
        ];
        let mut lost = Vec::new();
        let ways = ways(&labels.into_iter().collect(), &Middlewares::new(), None, &mut lost);
        assert_eq!(ways.len(), 1);
        assert_eq!((ways[0].port, ways[0].hosts.as_slice()), (Some(80), &["a.org".to_owned()][..]));
        let lost: Vec<&str> = lost.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(lost, ["traefik.http.routers.b.rule"]);
    }
}
