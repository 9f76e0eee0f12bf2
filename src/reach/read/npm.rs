//! Reads the routes of nginx-proxy-manager: `routes.json`.

use ipnet::IpNet;
use serde::Deserialize;

use super::{File, ProxyRoute, Unreadable, everything};
use crate::plan::CidrSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Routes {
    access_lists: Vec<AccessList>,
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct AccessList {
    name: String,
    clients: Vec<Client>,
}

#[derive(Deserialize)]
struct Client {
    address: String,
    directive: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Host {
    access_list: Option<String>,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    domain_names: Vec<String>,
    forward_host: String,
    forward_port: u16,
    enabled: bool,
    advanced_config: String,
}

/// Reads the file.
pub fn read(file: File<'_>) -> Result<Vec<ProxyRoute>, Unreadable> {
    let routes: Routes = serde_json::from_str(file.text)
        .map_err(|error| file.fault(error.line(), error.to_string()))?;
    let mut read = Vec::new();
    for host in routes.hosts.iter().filter(|host| host.payload.enabled) {
        let allow = match &host.access_list {
            None => everything(),
            Some(name) => {
                let list =
                    routes.access_lists.iter().find(|list| list.name == *name).ok_or_else(
                        || file.fault(0, format!("there is no access list `{name}`")),
                    )?;
                allowed(file, &list.clients)?
            }
        };
        for name in &host.payload.domain_names {
            let line = file.at(line_of(file.text, name));
            let places = places(file, &host.payload.advanced_config)?;
            if !places.is_empty() {
                let whole = |place: Place| ProxyRoute {
                    host: name.clone(),
                    path: place.path,
                    allow: place.allow,
                    upstream: place.upstream,
                    line: line.clone(),
                };
                read.extend(places.into_iter().map(whole));
                continue;
            }
            read.push(ProxyRoute {
                host: name.clone(),
                path: String::new(),
                allow: allow.clone(),
                upstream: format!("{}:{}", host.payload.forward_host, host.payload.forward_port),
                line,
            });
        }
    }
    Ok(read)
}

/// Finds the line of a host name. The JSON reader keeps no line numbers, so the text is searched
/// for it.
fn line_of(text: &str, name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    let mut is_inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        match line.trim().trim_end_matches(',') {
            key if key.starts_with("\"domain_names\"") => is_inside = true,
            "]" => is_inside = false,
            entry if is_inside && entry == quoted => return number,
            _ => {}
        }
    }
    0
}

/// A path of a host whose whole server labwright writes.
struct Place {
    path: String,
    allow: CidrSet,
    upstream: String,
}

/// Reads the places of a server, or nothing if nginx-proxy-manager writes them.
fn places(file: File<'_>, text: &str) -> Result<Vec<Place>, Unreadable> {
    let mut places: Vec<Place> = Vec::new();
    let mut clients: Vec<Client> = Vec::new();
    let mut open: Option<Place> = None;
    let mut host = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.trim_end_matches(';').split_ascii_whitespace().collect();
        match words[..] {
            ["location", path, "{"] | ["location", "^~", path, "{"] => {
                clients.clear();
                let path = path.trim_end_matches('/').to_owned();
                let own = path.is_empty() || line.contains("^~");
                open = own.then(|| Place { path, allow: everything(), upstream: String::new() });
            }
            // A place with a path has a `^~` location too, so exact locations are not read.
            ["location", ..] => open = None,
            [directive @ ("allow" | "deny"), address] => clients
                .push(Client { address: address.to_owned(), directive: directive.to_owned() }),
            ["set", "$labwright_upstream", name] => name.clone_into(&mut host),
            ["proxy_pass", to] => {
                if let Some(place) = &mut open {
                    let port = to.rsplit(':').next().unwrap_or_default();
                    let port = port.trim_end_matches("$request_uri");
                    place.upstream = format!("{host}:{port}");
                }
            }
            ["try_files", _, "@labwright_other_name"] => {
                if let Some(place) = &mut open {
                    // The redirect is in a named location further down, so its target is filled in
                    // there.
                    "@".clone_into(&mut place.upstream);
                }
            }
            ["return", "301", to] => {
                for place in places.iter_mut().filter(|place| place.upstream == "@") {
                    to.trim_end_matches("$request_uri").clone_into(&mut place.upstream);
                }
            }
            ["}"] => {
                let Some(mut place) = open.take().filter(|place| !place.upstream.is_empty()) else {
                    continue;
                };
                if !clients.is_empty() {
                    place.allow = allowed(file, &clients)?;
                }
                places.push(place);
            }
            _ => {}
        }
    }
    Ok(places)
}

/// Returns who is allowed: nginx goes through the list in order, and denies who is not in it.
fn allowed(file: File<'_>, clients: &[Client]) -> Result<CidrSet, Unreadable> {
    let mut left = everything();
    let mut allowed = CidrSet::default();
    for client in clients {
        let set = if client.address == "all" {
            everything()
        } else {
            let prefix: IpNet = file.prefix(0, &client.address)?;
            super::set_of(prefix)
        };
        let matched = left.intersection(&set);
        left = left.difference(&set);
        match client.directive.as_str() {
            "allow" => allowed = CidrSet::union([&allowed, &matched]),
            "deny" => {}
            other => return Err(file.fault(0, format!("`{other}` is not a directive"))),
        }
    }
    Ok(allowed)
}
