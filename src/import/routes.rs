//! Converts the labels by which proxies find a container into `route`, for a proxy of the lab.

use std::collections::{BTreeMap, BTreeSet};

use super::kdl::{Line, line};
use super::ledger::{At, Fate};
use super::stack::{Around, Stack};
use super::streams::{self, Stream};
use super::variables::owner_name;
use super::way::Way;
use super::{ports, sites, traefik};
use crate::around::certificates::is_private;
use crate::model::ProxyProgram;
use crate::resolve::is_served;

/// The endpoints that a route of a container may lead to.
pub enum Endpoints<'s> {
    /// Those of a module in the making, which gets further ones.
    Making(&'s mut Stack),
    /// Those of a module of the library.
    Known {
        /// The service.
        service: String,
        /// The endpoints by name, each with its port, and whether it is UDP.
        all: Vec<(String, u16, bool)>,
    },
}

/// The beginnings of the labels that are about proxies.
const PROXIES: &[&str] = &["traefik.", "caddy.", "caddy_", "swag_"];

/// Returns whether a label is about a proxy, and so becomes a route or is lost where the lab has
/// one.
pub fn is_about_proxies(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    PROXIES.iter().any(|start| lower.starts_with(start)) || matches!(label, "caddy" | "swag")
}

fn is_middleware(label: &str) -> bool {
    label.to_ascii_lowercase().starts_with("traefik.http.middlewares.")
}

/// A container that routes lead to.
pub struct Target<'t, 's> {
    /// Its service in the compose file.
    pub service: &'t At<'t>,
    /// Its name in the module.
    pub container: &'t str,
    /// The endpoints that a route may lead to.
    pub endpoints: Endpoints<'s>,
    /// The nodes of the lab's service, which get the routes.
    pub settings: &'t mut Vec<Line>,
}

/// Converts the labels of a container. Returns those that are accounted for.
pub fn routes(mut target: Target<'_, '_>, around: &mut Around<'_>) -> BTreeSet<String> {
    let service = target.service;
    let mut taken = BTreeSet::new();
    let Some(via) = around.lab.via.clone() else { return taken };
    let all = service.get("labels");
    let known: BTreeMap<&str, At<'_>> = all.iter().flat_map(At::entries).collect();
    let labels: BTreeMap<&str, &str> =
        known.iter().map(|(name, at)| (*name, at.text().unwrap_or_default())).collect();
    let program = around.lab.program;
    let mut lost = Vec::new();
    let mut ways = traefik::ways(&labels, &around.lab.middlewares, program, &mut lost);
    let enabled = !labels.get("traefik.enable").is_some_and(|on| on.eq_ignore_ascii_case("false"));
    let streams = if enabled {
        streams::streams(&labels, &around.lab.entry_points, &mut lost)
    } else {
        Vec::new()
    };
    ways.extend(sites::caddy(&labels, service, program));
    ways.extend(sites::swag(&labels, service));
    let mut said: BTreeMap<String, (Fate, String)> = BTreeMap::new();
    for way in ways {
        add(way, &mut target, &via, &mut said, around);
    }
    for (label, why) in lost {
        said.insert(label, (Fate::Lost, why));
    }
    for stream in streams {
        let (fate, what) = open(&stream, &mut target, around);
        for label in &stream.labels {
            said.entry(label.clone()).or_insert((fate, what.clone()));
        }
    }
    for (name, at) in &known {
        if !is_about_proxies(name) {
            continue;
        }
        let (fate, what) = said.remove(*name).unwrap_or_else(|| {
            if !enabled || labels.len() == 1 && *name == "traefik.enable" {
                (Fate::Changed, "no route leads here".to_owned())
            } else if is_middleware(name) {
                (Fate::Changed, "a part of the routes that name it".to_owned())
            } else {
                (Fate::Lost, "no proxy of the lab reads it".to_owned())
            }
        });
        around.ledger.say(at, fate, what);
        taken.insert((*name).to_owned());
    }
    taken
}

/// Adds a route, and says what became of the labels that ask for it.
fn add(
    mut way: Way,
    target: &mut Target<'_, '_>,
    via: &str,
    said: &mut BTreeMap<String, (Fate, String)>,
    around: &mut Around<'_>,
) {
    let Target { service, container, endpoints, settings } = target;
    // Nginx Proxy Manager has its certificates of public authorities alone.
    let public = around.lab.program == Some(ProxyProgram::NginxProxyManager);
    let is_served = |host: &String| is_served(host) && !(public && is_private(host));
    if let Some(host) = way.hosts.iter().find(|host| !is_served(host)) {
        let why = if public && is_private(host) {
            format!("no public authority signs a certificate for `{host}`")
        } else {
            format!("`{host}` is no name that a proxy can serve")
        };
        for label in &way.labels {
            way.said.entry(label.clone()).or_insert((Fate::Lost, why.clone()));
        }
        way.hosts.retain(|host| is_served(host));
        if way.hosts.is_empty() {
            return say(way, "", said, around);
        }
    }
    let Some(endpoint) = endpoint(&way, container, endpoints) else {
        let what = format!(
            "`{}` does not say at which port it is reached: add a `provides` and a `route`",
            owner_name(service)
        );
        around.lab.findings.push((service.node.place, what));
        for label in way.labels {
            said.entry(label).or_insert((Fate::Lost, "its route has no endpoint".to_owned()));
        }
        return;
    };
    let zone = around.lab.zone.clone();
    let mut handling: Vec<Line> = std::mem::take(&mut way.lines).into_values().collect();
    if let Some(login) = way.login.take() {
        // Caddy has a blank where others have a colon; people make the lines anew anyway.
        let doc = format!(
            "the users who may log in, a line `NAME:HASH` for each (Caddy: `NAME HASH`); `{}` of \
             `{}`",
            login.label,
            owner_name(service)
        );
        let wanted = format!("{}-users", super::names::named(owner_name(service)));
        let secret = around.secrets.declare(&login.value, &wanted, login.place, &doc);
        handling.push(line("login").typed("secret", &secret));
    }
    let paths: Vec<(String, bool)> = if way.paths.is_empty() {
        vec![(String::new(), false)]
    } else {
        std::mem::take(&mut way.paths)
    };
    let free = |host: &&String, around: &Around<'_>| {
        paths.iter().all(|(path, _)| {
            let path = path.trim_end_matches('/');
            !around.lab.hosts.contains_key(&format!("{host}{path}"))
        })
    };
    let mut hosts: Vec<String> =
        way.hosts.iter().filter(|host| free(host, around)).cloned().collect();
    // A route has a name of its own. All names below one are further ones.
    hosts.sort_by_key(|host| host.starts_with("*."));
    if let Some(below) = hosts.first().filter(|host| host.starts_with("*.")) {
        let why = format!(
            "a route needs a name of its own: write `alias \"{below}\"` into one of `{}`",
            owner_name(service)
        );
        around.lab.findings.push((service.node.place, why.clone()));
        for label in &way.labels {
            way.said.entry(label.clone()).or_insert((Fate::Lost, why.clone()));
        }
        return say(way, "", said, around);
    }
    for (host, (path, _)) in hosts.iter().flat_map(|host| paths.iter().map(move |it| (host, it))) {
        let key = format!("{host}{}", path.trim_end_matches('/'));
        around.lab.hosts.insert(key, service.node.place);
    }
    let what = format!("a route through `{via}`, open to `{zone}`");
    if let Some((first, others)) = hosts.split_first() {
        let one = |line: &&mut Line| line.name() == "route" && line.first() == Some(first);
        let before = match endpoints {
            Endpoints::Making(stack) => stack.settings.as_mut_slice(),
            Endpoints::Known { .. } => &mut [],
        };
        let known = settings.iter_mut().chain(before).find(one);
        let plain = handling.is_empty() && others.is_empty();
        if let Some(known) = known {
            if plain && join(known, &endpoint, &paths) {
                return say(way, &what, said, around);
            }
            // What a route says of its proxy is said of all of its paths.
            let why = format!("another router of `{first}` leads to this service: join the two");
            around.lab.findings.push((service.node.place, why.clone()));
            for label in &way.labels {
                way.said.entry(label.clone()).or_insert((Fate::Lost, why.clone()));
            }
        } else {
            let mut node = line("route")
                .arg(first.as_str())
                .prop("to", endpoint.as_str())
                .prop("via", via)
                .prop("from", zone.as_str());
            for other in others {
                node.add(line("alias").arg(other.as_str()));
            }
            for (path, strip) in paths.iter().filter(|(path, _)| !path.is_empty()) {
                let path = line("path").arg(path.as_str());
                node.add(if *strip { path.prop_flag("strip", true) } else { path });
            }
            settings.push(node.children(handling));
        }
    }
    say(way, &what, said, around);
}

/// Lets a route lead further paths, to another endpoint of its service, if it says nothing else.
fn join(route: &mut Line, endpoint: &str, paths: &[(String, bool)]) -> bool {
    if !route.has_only(&["path"]) {
        return false;
    }
    if !route.has("path") {
        // So far, it led everything.
        route.add(line("path").arg("/"));
    }
    for (path, strip) in paths {
        let node = line("path").arg(if path.is_empty() { "/" } else { path.as_str() });
        let node = if route.text_of("to").as_deref() == Some(endpoint) {
            node
        } else {
            node.prop("to", endpoint)
        };
        route.add(if *strip { node.prop_flag("strip", true) } else { node });
    }
    true
}

/// Says what became of the labels of a way.
fn say(
    mut way: Way,
    what: &str,
    said: &mut BTreeMap<String, (Fate, String)>,
    around: &mut Around<'_>,
) {
    around.lab.findings.append(&mut way.elsewhere);
    for label in way.labels {
        let own = match way.said.remove(&label) {
            Some(own) => own,
            None if is_middleware(&label) => continue,
            None => (Fate::Changed, what.to_owned()),
        };
        said.entry(label).or_insert(own);
    }
}

/// Opens the port of the machine that a router leads on to a container.
fn open(stream: &Stream, target: &mut Target<'_, '_>, around: &mut Around<'_>) -> (Fate, String) {
    let Target { container, endpoints, settings, .. } = target;
    let key = (stream.outside, stream.udp);
    let transport = if stream.udp { "udp" } else { "tcp" };
    let owner = match endpoints {
        Endpoints::Making(stack) => stack.service.clone(),
        Endpoints::Known { service, .. } => service.clone(),
    };
    if let Some(other) = around.lab.ports.get(&key).filter(|other| **other != owner) {
        let why =
            format!("port {}/{transport} of the machine belongs to `{other}`", stream.outside);
        return (Fate::Lost, format!("{why}: the service itself would have it without a proxy"));
    }
    let name = match endpoints {
        Endpoints::Known { all, .. } => {
            let mut all = all.iter();
            let found = all.find(|(_, port, udp)| (*port, *udp) == (stream.inside, stream.udp));
            let Some((name, ..)) = found else {
                return (Fate::Lost, format!("its module has no endpoint at {}", stream.inside));
            };
            name.clone()
        }
        Endpoints::Making(stack) => stream_endpoint(stream, container, stack),
    };
    let zone = around.lab.zone.clone();
    let before: &[Line] = match endpoints {
        Endpoints::Making(stack) => &stack.settings,
        Endpoints::Known { .. } => &[],
    };
    let is = |line: &&Line, node: &str| line.name() == node && line.first() == Some(name.as_str());
    let known = settings.iter().chain(before).any(|line| is(&line, "expose"));
    if !known {
        if stream.outside != stream.inside {
            let port = i64::from(stream.outside);
            settings.push(line("port").arg(name.as_str()).number(port));
        }
        settings.push(line("expose").arg(name.as_str()).prop("to", zone.as_str()));
        around.lab.ports.insert(key, owner);
    }
    (Fate::Changed, format!("endpoint `{name}`, opened to `{zone}` without a proxy"))
}

/// Returns the endpoint of a module in the making that a router leads to, and makes it if there is
/// none.
fn stream_endpoint(stream: &Stream, container: &str, stack: &mut Stack) -> String {
    let own = |line: &&Line| {
        line.text_of("container").as_deref() == Some(container)
            && line.number_of("port") == Some(i128::from(stream.inside))
            && (line.text_of("protocol").as_deref() == Some("udp")) == stream.udp
    };
    if let Some(found) = stack.provides.iter().find(own) {
        return name_of(found);
    }
    let name = stack.endpoint_names.take(&ports::name_of(stream.inside, stream.udp));
    let node = line("provides")
        .arg(name.as_str())
        .prop("container", container)
        .prop_number("port", i64::from(stream.inside));
    stack.provides.push(if stream.udp { node.prop("protocol", "udp") } else { node });
    name
}

/// Returns the endpoint that a way leads to, and makes it if there is none.
fn endpoint(way: &Way, container: &str, endpoints: &mut Endpoints<'_>) -> Option<String> {
    let stack = match endpoints {
        Endpoints::Known { all, .. } => {
            let known: Vec<_> = all.iter().filter(|(.., udp)| !udp).collect();
            let found = match (way.port, known.as_slice()) {
                (Some(port), _) => known.iter().find(|(_, own, _)| *own == port),
                (None, [only]) => Some(only),
                _ => None,
            };
            return found.map(|(name, ..)| name.clone());
        }
        Endpoints::Making(stack) => stack,
    };
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
