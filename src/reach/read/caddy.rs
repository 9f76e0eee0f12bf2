//! Reads the routes of a `Caddyfile`.

use super::{File, ProxyRoute, Unreadable, everything, set_of};
use crate::plan::CidrSet;

/// The path that marks a `handle` block which is not a route.
const PAGES: &str = "@pages";

/// Reads the file.
pub fn read(file: File<'_>) -> Result<Vec<ProxyRoute>, Unreadable> {
    let mut routes: Vec<ProxyRoute> = Vec::new();
    let mut listed = CidrSet::default();
    let mut next = String::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words[..] {
            [host, "{"] if !text.starts_with(['\t', ' ', ':', '#']) => {
                listed = CidrSet::default();
                routes.push(ProxyRoute {
                    host: host.to_owned(),
                    path: String::new(),
                    allow: everything(),
                    upstream: String::new(),
                    line: file.at(line),
                });
            }
            [matcher, "path", path, ..] if matcher.starts_with("@path") => {
                path.clone_into(&mut next);
            }
            ["handle", .., "{"] => {
                // The pages of the authentication service do not lead to another service.
                if words.get(1).is_some_and(|matcher| matcher.starts_with("@pages")) {
                    PAGES.clone_into(&mut next);
                }
                listed = CidrSet::default();
                if let Some(site) = routes.iter().rev().find(|route| route.path.is_empty()).cloned()
                {
                    let path = std::mem::take(&mut next);
                    let line = file.at(line);
                    routes.push(ProxyRoute { path, line, allow: everything(), ..site });
                }
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
            ["redir", to, "301"] => {
                if let Some(route) = routes.last_mut() {
                    // The redirect keeps the path, so only the name says where it leads.
                    to.trim_end_matches("{uri}").clone_into(&mut route.upstream);
                }
            }
            _ => {}
        }
    }
    routes.retain(|route| !route.upstream.is_empty() && route.path != PAGES);
    Ok(routes)
}
