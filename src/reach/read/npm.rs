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
                allowed(file, list)?
            }
        };
        for name in &host.payload.domain_names {
            let quoted = format!("\"{name}\"");
            let mut lines = (2..).zip(file.text.lines().zip(file.text.lines().skip(1)));
            let line = lines.find(|(_, (before, line))| {
                before.contains("\"domain_names\"") && line.trim() == quoted
            });
            read.push(ProxyRoute {
                host: name.clone(),
                allow: allow.clone(),
                upstream: format!("{}:{}", host.payload.forward_host, host.payload.forward_port),
                line: file.at(line.map_or(0, |(line, _)| line)),
            });
        }
    }
    Ok(read)
}

/// Returns who is allowed: nginx goes through the list in order, and denies who is not in it.
fn allowed(file: File<'_>, list: &AccessList) -> Result<CidrSet, Unreadable> {
    let mut left = everything();
    let mut allowed = CidrSet::default();
    for client in &list.clients {
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
