//! Knows which words of a proxy's own language have a place in a route, for `raw`.
//!
//! What the language of labs says itself, what leads visitors elsewhere or lets others in, and what
//! the proxy would refuse, has none: with a file that it refuses, a proxy serves no route at all.

use crate::diag::nearest;
use crate::model::{Data, ProxyProgram};

/// Headers that proxies decide themselves: where a request comes from, and how it is sent.
const OWN_REQUEST_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "forwarded",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Headers of answers that say how they are sent.
const OWN_RESPONSE_HEADERS: &[&str] =
    &["connection", "content-length", "date", "te", "trailer", "transfer-encoding", "upgrade"];

/// A fault of a word: what is wrong, and what to do.
pub type Fault = (String, &'static str);

/// The words of Caddy and nginx that have no place in a route, with what is wrong with each and
/// what to do instead.
type Misplaced = &'static [(&'static [&'static str], &'static str, &'static str)];

const CADDY: Misplaced = &[
    (
        &["reverse_proxy", "php_fastcgi", "file_server", "acme_server", "copy_response"],
        "answers in place of the service",
        "lead visitors to another service with a route of its own",
    ),
    (&["forward_auth"], "asks a service who visits", "say it with `auth=` in the route"),
    (&["basic_auth", "basicauth"], "has a password in it", "say it with `login` in the route"),
    (&["request_body"], "needs a block", "say it with `body-limit` in the route"),
    (
        &["handle", "handle_path", "handle_response", "intercept", "map", "route"],
        "needs a block",
        "write one directive with arguments",
    ),
    (
        &["bind", "handle_errors", "log", "tls"],
        "is for a whole site, not for a route",
        "leave it out",
    ),
    (
        &["import", "invoke"],
        "names what no file of the proxy has",
        "write the directives themselves",
    ),
];

const NGINX: Misplaced = &[
    (
        &[
            "alias",
            "autoindex",
            "dav_methods",
            "empty_gif",
            "fastcgi_pass",
            "flv",
            "grpc_pass",
            "index",
            "memcached_pass",
            "mp4",
            "proxy_pass",
            "random_index",
            "root",
            "scgi_pass",
            "stub_status",
            "try_files",
            "uwsgi_pass",
        ],
        "answers in place of the service",
        "lead visitors to another service with a route of its own",
    ),
    (
        &[
            "allow",
            "auth_basic",
            "auth_basic_user_file",
            "auth_request",
            "deny",
            "real_ip_header",
            "real_ip_recursive",
            "satisfy",
            "set_real_ip_from",
        ],
        "decides who may visit",
        "say it in the route: with `from=`, `allow`, `login` or `auth=`",
    ),
    (
        &["return"],
        "answers before it is known who may visit",
        "say it with `redirect` in the route",
    ),
    (
        &["client_max_body_size"],
        "is written by the route already",
        "say it with `body-limit` in the route",
    ),
    (&["proxy_http_version"], "is written by the route already", "leave it out"),
    (
        &["geo", "if", "limit_except", "location", "map", "server", "types", "upstream"],
        "needs a block",
        "write one directive with arguments",
    ),
    (
        &[
            "daemon",
            "events",
            "http",
            "listen",
            "load_module",
            "pid",
            "server_name",
            "ssl_certificate",
            "ssl_certificate_key",
            "ssl_protocols",
            "stream",
            "user",
            "worker_connections",
            "worker_processes",
        ],
        "is for the whole proxy, not for a route",
        "leave it out",
    ),
    (
        &["include", "limit_conn", "limit_req", "proxy_cache"],
        "names what no file of the proxy has",
        "leave it out",
    ),
    (
        &["access_log", "error_log", "proxy_store", "proxy_temp_path"],
        "writes files of the proxy",
        "leave it out",
    ),
];

/// The directives of Caddy that have a place in a route. A build with plugins has more.
/// Source: <https://caddyserver.com/docs/caddyfile/directives>.
#[rustfmt::skip] // A table is read line by line.
const CADDY_KNOWN: &[&str] = &[
    "abort", "encode", "error", "fs", "header", "log_append", "log_name", "log_skip", "method",
    "metrics", "push", "redir", "request_header", "respond", "rewrite", "root", "skip_log",
    "templates", "tracing", "try_files", "uri", "vars",
];

/// Returns whether a proxy decides a header itself. `kind` is `request-header` or
/// `response-header`.
pub fn decides_itself(program: ProxyProgram, kind: &str, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let of_request = kind == "request-header";
    let own = if of_request { OWN_REQUEST_HEADERS } else { OWN_RESPONSE_HEADERS };
    let of_nginx = program == ProxyProgram::NginxProxyManager && !of_request && lower == "server";
    own.contains(&lower.as_str()) || of_nginx
}

/// Returns what is wrong with a word of a proxy in a route.
pub fn fault(program: ProxyProgram, name: &str, value: &Data) -> Option<Fault> {
    match program {
        ProxyProgram::Caddy => misplaced(CADDY, name).or_else(|| caddy(name, value)),
        ProxyProgram::NginxProxyManager => misplaced(NGINX, name).or_else(|| nginx(name, value)),
        ProxyProgram::Traefik => traefik(name, value),
    }
}

fn misplaced(table: Misplaced, name: &str) -> Option<Fault> {
    let (_, why, help) = table.iter().find(|(names, ..)| names.contains(&name))?;
    Some((format!("`{name}` {why}"), *help))
}

/// Lists the values as text.
fn words(value: &Data) -> Vec<String> {
    let text = |one: &Data| {
        one.as_text().map_or_else(|| serde_json::json!(one).to_string(), str::to_owned)
    };
    value.items().iter().map(text).collect()
}

fn caddy(name: &str, value: &Data) -> Option<Fault> {
    // To Caddy, a brace alone opens or ends a block, with quotes around it or without.
    if let Some(brace) = words(value).iter().find(|word| ["{", "}", "{}"].contains(&word.as_str()))
    {
        let message = format!("`{brace}` alone is a part of a block to caddy");
        return Some((message, "write one directive with arguments"));
    }
    let known = CADDY_KNOWN.contains(&name);
    let near = nearest(name, CADDY_KNOWN.iter().copied()).filter(|_| !known)?;
    let message = format!("caddy has no directive `{name}`, only `{near}`");
    Some((message, "write it as the documentation of caddy does"))
}

fn nginx(name: &str, value: &Data) -> Option<Fault> {
    let flags = || {
        let lines = include_str!("nginx.txt").lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_whitespace)
    };
    let words = words(value);
    if name.ends_with("_block") {
        return Some((format!("`{name}` needs a block"), "write one directive with arguments"));
    }
    if flags().any(|flag| flag == name) {
        let right = matches!(&words[..], [one] if one == "on" || one == "off");
        let fault = || (format!("`{name}` is `on` or `off`"), "choose one of the two");
        return (!right).then(fault);
    }
    if name == "proxy_set_header"
        && let Some(header) = words.first().filter(|header| {
            decides_itself(ProxyProgram::NginxProxyManager, "request-header", header)
        })
    {
        let message = format!("the proxy decides the header `{header}` itself");
        return Some((message, "leave it out"));
    }
    let near = nearest(name, flags())?;
    let message = format!("nginx has no directive `{name}`, only `{near}`");
    // Names that differ in a word are others.
    (near.split('_').count() == name.split('_').count() && differs_little(name, near))
        .then_some((message, "write it as the documentation of nginx does"))
}

/// Returns whether only one word of two names differs, by a letter or two.
fn differs_little(name: &str, near: &str) -> bool {
    let mut differing = name.split('_').zip(near.split('_')).filter(|(a, b)| a != b);
    let (Some((a, b)), None) = (differing.next(), differing.next()) else { return false };
    a.len().abs_diff(b.len()) <= 1 && a.len() > 4 && a.get(..2) == b.get(..2)
}

/// Finds the kind of a setting of a middleware, by its names with dots between them. The names have
/// no case.
pub fn setting(middleware: &str, path: &str) -> Option<char> {
    settings(middleware).find_map(|(kind, known)| {
        let holds = known.ends_with('.')
            && path.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known));
        (holds || known.eq_ignore_ascii_case(path)).then_some(kind)
    })
}

fn settings(middleware: &str) -> impl Iterator<Item = (char, &'static str)> {
    let lines = include_str!("traefik.txt").lines().filter_map(|line| line.split_once(' '));
    let own = lines.filter(move |(name, _)| name.eq_ignore_ascii_case(middleware));
    own.flat_map(|(_, settings)| settings.split(' ')).filter_map(|setting| {
        let (kind, name) = setting.split_once(':')?;
        Some((kind.chars().next()?, name))
    })
}

fn traefik(name: &str, value: &Data) -> Option<Fault> {
    let elsewhere = match name.to_ascii_lowercase().as_str() {
        "basicauth" | "digestauth" => Some("say it with `login` in the route"),
        "chain" | "errors" | "plugin" => Some("a route names no others: write them themselves"),
        _ => None,
    };
    if let Some(help) = elsewhere {
        return Some((format!("`{name}` names what no file of the proxy has"), help));
    }
    if settings(name).next().is_none() {
        let message = format!("traefik has no middleware `{name}`");
        return Some((message, "write it as the documentation of traefik does"));
    }
    let Data::Record(record) = value else {
        let alone = ["compress", "contenttype"].contains(&name.to_ascii_lowercase().as_str());
        let right = alone && *value == Data::Bool(true);
        let fault = || (format!("`{name}` has settings"), "write its settings as children");
        return (!right).then(fault);
    };
    record.iter().find_map(|(key, value)| at(name, key, value))
}

/// Returns what is wrong with a setting, or with one that it holds.
fn at(middleware: &str, path: &str, value: &Data) -> Option<Fault> {
    if setting(middleware, &format!("{path}.")).is_some() && matches!(value, Data::Record(_)) {
        return None;
    }
    let Some(kind) = setting(middleware, path) else {
        let message = format!("`{middleware}` of traefik has no setting `{path}`");
        return Some((message, "write it as the documentation of traefik does"));
    };
    let words = words(value);
    let all = |fits: &dyn Fn(&str) -> bool| words.iter().all(|word| fits(word));
    let one = words.len() == 1 && !matches!(value, Data::Record(_));
    let right = match kind {
        'b' => one && all(&|word| ["true", "false"].contains(&word)),
        'n' => one && all(&|word| word.parse::<u64>().is_ok()),
        'd' => one && all(&is_duration),
        'c' => all(&|list| {
            list.split(',').map(str::trim).all(|one| {
                one.parse::<std::net::IpAddr>().is_ok() || one.parse::<ipnet::IpNet>().is_ok()
            })
        }),
        'l' => !matches!(value, Data::Record(_)),
        _ => one,
    };
    let what = match kind {
        'b' => "is true or false",
        'n' => "is a whole number",
        'd' => "is a time such as 10s",
        'c' => "is a list of addresses and prefixes",
        'l' => "is a list",
        _ => "is one text",
    };
    (!right).then(|| (format!("`{path}` of `{middleware}` {what}"), "write such a value"))
}

/// Returns whether text is a duration as Go writes it, or a number of seconds.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !one.is_ascii_digit() && one != '.');
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        if number.parse::<f64>().is_err() {
            return false;
        }
        let end = after.find(|one: char| one.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let alone = unit.is_empty() && number == text;
        if !alone && !["ns", "us", "µs", "ms", "s", "m", "h"].contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::{is_duration, setting};

    #[test]
    fn settings_are_found_in_any_case() {
        assert_eq!(setting("headers", "customresponseheaders.X-A"), Some('s'));
        assert_eq!(setting("RETRY", "Attempts"), Some('n'));
        assert_eq!(setting("retry", "attempts.x"), None);
        assert_eq!(setting("nosuch", "x"), None);
    }

    #[test]
    fn durations_are_read_as_go_does() {
        for right in ["10s", "1h30m", "500ms", "1.5h", "60"] {
            assert!(is_duration(right), "{right}");
        }
        for wrong in ["", "10x", "s", "1h 30m", "10 s", "1m5"] {
            assert!(!is_duration(wrong), "{wrong}");
        }
    }
}
