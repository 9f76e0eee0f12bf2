//! Reads the routes of a `Caddyfile`.

use super::{File, ProxyRoute, Unreadable, everything, set_of};
use crate::plan::CidrSet;

/// Reads the file.
pub fn read(file: File<'_>) -> Result<Vec<ProxyRoute>, Unreadable> {
    let mut routes: Vec<ProxyRoute> = Vec::new();
    let mut listed = CidrSet::default();
    for (line, text) in (1..).zip(file.text.lines()) {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            [host, "{"] if !text.starts_with(['\t', ' ', ':', '#']) => {
                listed = CidrSet::default();
                routes.push(ProxyRoute {
                    host: host.to_owned(),
                    allow: everything(),
                    upstream: String::new(),
                    line: file.at(line),
                });
            }
            ["@stranger", "not", "remote_ip", ref prefixes @ ..] => {
                for prefix in prefixes {
                    listed = CidrSet::union([&listed, &set_of(file.prefix(line, prefix)?)]);
                }
            }
            ["respond", "@stranger", "403"] => {
                if let Some(route) = routes.last_mut() {
                    route.allow = listed.clone();
                }
            }
            ["respond", "403"] => {
                if let Some(route) = routes.last_mut() {
                    route.allow = CidrSet::default();
                }
            }
            ["reverse_proxy", upstream] | ["reverse_proxy", upstream, "{"] => {
                if let Some(route) = routes.last_mut() {
                    upstream
                        .rsplit("//")
                        .next()
                        .unwrap_or(upstream)
                        .clone_into(&mut route.upstream);
                }
            }
            _ => {}
        }
    }
    Ok(routes)
}
