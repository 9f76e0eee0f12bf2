//! Converts the labels by which proxies find a container into `route`, for a proxy of the lab.

use std::collections::{BTreeMap, BTreeSet};

use super::kdl::{Line, line};
use super::ledger::{At, Fate};
use super::stack::{Around, Stack};
use super::variables::owner_name;
use super::way::Way;
use super::{sites, traefik};

/// The endpoints that a route of a container may lead to.
pub enum Endpoints<'s> {
    /// Those of a module in the making, which gets further ones.
    Making(&'s mut Stack),
    /// Those of a module of the library, by name with their ports.
    Known(Vec<(String, u16)>),
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

/// Converts the labels of a container. Returns those that are accounted for, and the service's
/// nodes.
pub fn routes(
    service: &At<'_>,
    container: &str,
    endpoints: &mut Endpoints<'_>,
    settings: &mut Vec<Line>,
    around: &mut Around<'_>,
) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    let Some(via) = around.lab.via.clone() else { return taken };
    let all = service.get("labels");
    let known: BTreeMap<&str, At<'_>> = all.iter().flat_map(At::entries).collect();
    let labels: BTreeMap<&str, &str> =
        known.iter().map(|(name, at)| (*name, at.text().unwrap_or_default())).collect();
    let program = around.lab.program;
    let mut lost = Vec::new();
    let mut ways = traefik::ways(&labels, &around.lab.middlewares, program, &mut lost);
    ways.extend(sites::caddy(&labels, service, program));
    ways.extend(sites::swag(&labels, service));
    let mut said: BTreeMap<String, (Fate, String)> = BTreeMap::new();
    for way in ways {
        add(way, service, container, &via, endpoints, settings, &mut said, around);
    }
    for (label, why) in lost {
        said.insert(label, (Fate::Lost, why));
    }
    let enabled = !labels.get("traefik.enable").is_some_and(|on| on.eq_ignore_ascii_case("false"));
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

#[expect(clippy::too_many_arguments, reason = "they are what surrounds one route")]
fn add(
    mut way: Way,
    service: &At<'_>,
    container: &str,
    via: &str,
    endpoints: &mut Endpoints<'_>,
    settings: &mut Vec<Line>,
    said: &mut BTreeMap<String, (Fate, String)>,
    around: &mut Around<'_>,
) {
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
            !around.lab.hosts.contains(&format!("{host}{path}"))
        })
    };
    let hosts: Vec<String> = way.hosts.iter().filter(|host| free(host, around)).cloned().collect();
    for (host, (path, _)) in hosts.iter().flat_map(|host| paths.iter().map(move |it| (host, it))) {
        around.lab.hosts.insert(format!("{host}{}", path.trim_end_matches('/')));
    }
    let what = format!("a route through `{via}`, open to `{zone}`");
    if let Some((first, others)) = hosts.split_first() {
        let one = |line: &Line| line.name() == "route" && line.first() == Some(first);
        let before = match endpoints {
            Endpoints::Making(stack) => stack.settings.as_slice(),
            Endpoints::Known(_) => &[],
        };
        let known = settings.iter().chain(before).any(one);
        if known {
            // A service has one route for a host, which can't be told apart by its paths.
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
    around.lab.findings.append(&mut way.elsewhere);
    for label in way.labels {
        let own = match way.said.remove(&label) {
            Some(own) => own,
            None if is_middleware(&label) => continue,
            None => (Fate::Changed, what.clone()),
        };
        said.entry(label).or_insert(own);
    }
}

/// Returns the endpoint that a way leads to, and makes it if there is none.
fn endpoint(way: &Way, container: &str, endpoints: &mut Endpoints<'_>) -> Option<String> {
    let stack = match endpoints {
        Endpoints::Known(known) => {
            let found = match (way.port, known.as_slice()) {
                (Some(port), _) => known.iter().find(|(_, own)| *own == port),
                (None, [only]) => Some(only),
                _ => None,
            };
            return found.map(|(name, _)| name.clone());
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
