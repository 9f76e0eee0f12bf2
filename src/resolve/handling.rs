//! Resolves what a proxy does with the requests of a route.

use std::collections::BTreeMap;

use super::visible::Secrets;
use super::{codes, proxy_words, raw, read};
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Data, Duration, Handling, HeaderChange, Model, ProxyProgram, RateLimit, RawHandling, Redirect,
};
use crate::source::{Span, Spanned};

/// Reads what a route's proxy does on the way. What that proxy can't do is reported.
pub fn handling(
    node: &Block<'_>,
    program: ProxyProgram,
    model: &Model,
    diagnostics: &mut Diagnostics,
) -> Handling {
    let mut reader = Reader { program, diagnostics };
    let mut redirects: Vec<Redirect> =
        node.all("redirect").filter_map(|block| reader.redirect(block)).collect();
    redirects.sort();
    let host = node.argument(0).and_then(Spanned::text).unwrap_or_default();
    reader.circles(node, host, &redirects);
    Handling {
        allow: allowed(node),
        login: node.child("login").and_then(|block| {
            let report = |span, message, diagnostics: &mut Diagnostics| {
                let help = "declare `secret NAME` and write `(secret)NAME` here: a lab never \
                            holds the value itself";
                let found = Diagnostic::new(&codes::UNDECLARED_SECRET, span, message).help(help);
                diagnostics.push(found.conceal(span));
            };
            let used = read::secret(block, &Secrets::of(model), &report, reader.diagnostics)?;
            Some(used.secret)
        }),
        rate: node.child("rate-limit").and_then(|block| reader.rate(block)),
        body: node.value("body-limit").and_then(Spanned::size),
        request_headers: reader.headers(node, "request-header"),
        response_headers: reader.headers(node, "response-header"),
        redirects,
        raw: node.all("raw").filter_map(|block| reader.raw(block)).collect(),
    }
}

fn allowed(node: &Block<'_>) -> Vec<ipnet::IpNet> {
    let list = node.child("allow").map(|block| block.arguments.as_slice()).unwrap_or_default();
    let mut list: Vec<_> = list.iter().filter_map(Spanned::cidr).collect();
    list.sort();
    list.dedup();
    list
}

/// Returns the signs of a text that mean something else to a proxy. They can't be written in
/// another way.
pub fn meaning_in(program: ProxyProgram, text: &str) -> Option<&'static str> {
    match program {
        // nginx fills in variables, and has no way to escape a `$`.
        ProxyProgram::NginxProxyManager => text.contains('$').then_some("`$`"),
        ProxyProgram::Caddy => text.contains(['{', '}', '`']).then_some("braces and back quotes"),
        // Traefik reads its files as templates of Go.
        ProxyProgram::Traefik => text.contains("{{").then_some("`{{`"),
    }
}

struct Reader<'d> {
    program: ProxyProgram,
    diagnostics: &'d mut Diagnostics,
}

impl Reader<'_> {
    fn report(&mut self, span: Span, message: String, help: impl Into<String>) {
        let found = Diagnostic::new(&codes::ROUTE_BEYOND_PROXY, span, message).help(help);
        self.diagnostics.push(found);
    }

    fn rate(&mut self, block: &Block<'_>) -> Option<RateLimit> {
        if self.program != ProxyProgram::Traefik {
            let message = format!("{} can't count requests", self.program.name());
            let help = "remove the `rate-limit`, or lead the route through a service of module \
                        traefik";
            self.report(block.span, message, help);
            return None;
        }
        let requests = block.argument(0)?.number()?;
        let per = block.property("per").and_then(Spanned::duration).map_or(1, |time| time.0.max(1));
        let burst = block.property("burst").and_then(Spanned::number).unwrap_or(requests);
        Some(RateLimit { requests, per: Duration(per), burst })
    }

    fn headers(&mut self, node: &Block<'_>, kind: &str) -> Vec<HeaderChange> {
        // The names of headers have no case.
        let mut found: BTreeMap<String, HeaderChange> = BTreeMap::new();
        for block in node.all(kind) {
            let Some(name) = block.argument(0).and_then(Spanned::string) else { continue };
            let lower = name.to_ascii_lowercase();
            if proxy_words::decides_itself(self.program, kind, &name) {
                let message = format!("{} decides `{name}` itself", self.program.name());
                self.report(block.span, message, format!("remove the `{kind}` of `{name}`"));
                continue;
            }
            if found.contains_key(&lower) {
                let message = format!("`{name}` is set twice");
                self.report(block.span, message, "remove one of the two");
                continue;
            }
            let value = match block.argument(1) {
                Some(value) if value.is_faulty() => continue,
                Some(value) => Some(read::plain(value)),
                None => None,
            };
            if let (Some(text), Some(given)) = (&value, block.argument(1))
                && !self.takes(text, given.span)
            {
                continue;
            }
            found.insert(lower, HeaderChange { name, value });
        }
        found.into_values().collect()
    }

    fn redirect(&mut self, block: &Block<'_>) -> Option<Redirect> {
        let to = block.property("to")?;
        let target = to.string()?;
        let path = block.argument(0)?.string()?;
        if target == path {
            let message = format!("`{path}` is sent on to itself");
            self.report(to.span, message, "name another path");
            return None;
        }
        let permanent = block.property("permanent").and_then(Spanned::bool) == Some(true);
        self.takes(&target, to.span).then_some(Redirect { path, to: target, permanent })
    }

    /// Reports redirects that lead back to where they begin.
    fn circles(&mut self, node: &Block<'_>, host: &str, redirects: &[Redirect]) {
        let own = |to: &str| {
            let rest = to.strip_prefix("https://").or_else(|| to.strip_prefix("http://"));
            let path = rest.map_or(Some(to), |rest| rest.strip_prefix(host))?;
            let path = if path.is_empty() { "/" } else { path };
            path.starts_with('/').then(|| path.to_owned())
        };
        let next: BTreeMap<&str, String> =
            redirects.iter().filter_map(|one| Some((&*one.path, own(&one.to)?))).collect();
        // The walk on which each path was met first. Whoever meets a path of the same walk again
        // has gone in a circle.
        let mut met: BTreeMap<&str, usize> = BTreeMap::new();
        for (walk, block) in node.all("redirect").enumerate() {
            let mut at = block.argument(0).and_then(Spanned::text);
            while let Some((path, to)) = at.and_then(|path| next.get_key_value(path)) {
                match met.insert(path, walk) {
                    None => at = Some(to),
                    Some(first) if first == walk => {
                        let message = format!("`{path}` is sent on until it comes back");
                        self.report(block.span, message, "name another path");
                        break;
                    }
                    Some(_) => break,
                }
            }
        }
    }

    /// Returns whether the proxy takes a text as it is.
    fn takes(&mut self, text: &str, span: Span) -> bool {
        let Some(sign) = meaning_in(self.program, text) else { return true };
        let message =
            format!("a value with {sign} means something else to {}", self.program.name());
        self.report(span, message, "leave it out, or let the service itself say it");
        false
    }

    fn raw(&mut self, block: &Block<'_>) -> Option<RawHandling> {
        let prefix = match self.program {
            ProxyProgram::NginxProxyManager => "nginx.",
            ProxyProgram::Traefik => "traefik.",
            ProxyProgram::Caddy => "caddy.",
        };
        let key = block.argument(0)?;
        let text = key.text()?;
        let is_name = |name: &&str| {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !name.is_empty() && name.len() <= 60 && name.bytes().all(valid)
        };
        let Some(name) = text.strip_prefix(prefix).filter(is_name) else {
            let message = format!("`{text}` is not for {}", self.program.name());
            self.report(key.span, message, format!("begin it with `{prefix}`"));
            return None;
        };
        if raw::has_fault(block) || raw::holds_secret(block, self.diagnostics) {
            return None;
        }
        let value = raw::value(block);
        let is_plain =
            |value: &Data| !matches!(value, Data::Record(_) | Data::List(_) | Data::Secret(_));
        let fits = match self.program {
            ProxyProgram::Traefik => !serde_json::json!(value).to_string().contains("{{"),
            _ => block.children.is_empty() && value.items().iter().all(is_plain),
        };
        if !fits {
            let message = format!("{} can't be given this by a route", self.program.name());
            let help = match self.program {
                ProxyProgram::Traefik => "leave out the signs `{{`",
                _ => "write one directive with arguments, and no block",
            };
            self.report(block.span, message, help);
            return None;
        }
        if let Some((message, help)) = proxy_words::fault(self.program, name, &value) {
            self.report(block.span, message, help);
            return None;
        }
        let text = |value: &Data| {
            value.as_text().map_or_else(|| serde_json::json!(value).to_string(), str::to_owned)
        };
        let value = match self.program {
            ProxyProgram::Traefik => value,
            _ => Data::List(value.items().iter().map(|one| Data::Text(text(one))).collect()),
        };
        Some(RawHandling { name: name.to_owned(), value })
    }
}
