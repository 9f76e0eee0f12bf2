//! Converts Traefik's middlewares into what a route says of its proxy.

use std::collections::BTreeMap;

use super::kdl::{Line, line};
use super::ledger::Fate;
use super::way::{Login, Setting, Way};
use super::words;
use super::yaml::Place;
use crate::decl::types::Type;
use crate::model::ProxyProgram;
use crate::resolve::handling::meaning_in;
use crate::resolve::proxy_words::{decides_itself, setting as setting_of};

/// The middlewares that labels define: by name, the settings by their names in small letters.
pub type Middlewares = BTreeMap<String, BTreeMap<String, Setting>>;

/// The most middlewares that a chain goes through.
const LONGEST: usize = 40;

/// Learns the middlewares that the labels of a container define.
pub fn learn<'l>(
    labels: impl Iterator<Item = (&'l str, &'l str, Place)>,
    middlewares: &mut Middlewares,
) {
    for (label, value, place) in labels {
        let lower = label.to_ascii_lowercase();
        let Some((name, key)) =
            lower.strip_prefix("traefik.http.middlewares.").and_then(|rest| rest.split_once('.'))
        else {
            continue;
        };
        middlewares.entry(name.to_owned()).or_default().entry(key.to_owned()).or_insert(Setting {
            label: label.to_owned(),
            value: value.to_owned(),
            place,
        });
    }
}

/// Adds the middlewares that a router names to its way.
pub fn apply(
    names: &str,
    label: &str,
    all: &Middlewares,
    program: Option<ProxyProgram>,
    way: &mut Way,
) {
    let mut left: Vec<String> = named(names);
    // They are taken from the end, and the first must come first.
    left.reverse();
    let mut seen = 0;
    while let Some(name) = left.pop() {
        seen += 1;
        let (plain, provider) = name.split_once('@').unwrap_or((&name, "docker"));
        let Some(settings) = all.get(&plain.to_ascii_lowercase()) else {
            // Every proxy of a lab leads http to https.
            if !plain.contains("redirect") || provider == "docker" {
                let why = format!("the middleware `{name}` is in no label that was read");
                way.lose(label, why);
            }
            continue;
        };
        if let Some(chain) = settings.get("chain.middlewares") {
            way.change(&chain.label, "the middlewares that it names");
            let mut more = named(&chain.value);
            more.reverse();
            // A chain may lead back to itself.
            if seen < LONGEST {
                left.extend(more);
            }
            continue;
        }
        middleware(settings, label, program, way);
    }
}

fn named(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn middleware(
    settings: &BTreeMap<String, Setting>,
    label: &str,
    program: Option<ProxyProgram>,
    way: &mut Way,
) {
    let mut more: BTreeMap<&str, Vec<(&str, &Setting)>> = BTreeMap::new();
    for (key, setting) in settings {
        let (kind, key) = key.split_once('.').unwrap_or((key, ""));
        more.entry(kind).or_default().push((key, setting));
    }
    for (kind, settings) in more {
        let get = |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, it)| *it);
        match kind {
            "redirectscheme" => all(&settings, way, Fate::Changed, "every proxy does it by itself"),
            "headers" => headers(&settings, program, way),
            "stripprefix" => strip(&settings, way),
            "basicauth" => login(&settings, way),
            "ipallowlist" | "ipwhitelist" => allow(&settings, way),
            "ratelimit" if program == Some(ProxyProgram::Traefik) => rate(&settings, way),
            "ratelimit" => {
                all(&settings, way, Fate::Lost, "only a proxy of module traefik counts requests");
            }
            "buffering" => body(&settings, way),
            "compress" => {
                all(&settings, way, Fate::Changed, "the proxy decides what it compresses");
            }
            "forwardauth" => {
                let why = "write `auth=` in the route, with a service that authenticates users";
                all(&settings, way, Fate::Lost, why);
            }
            _ if program == Some(ProxyProgram::Traefik) && way.takes_raw(kind) => {
                raw(kind, &settings, way);
            }
            _ => all(&settings, way, Fate::Lost, "a route can't say it: write it as `raw`"),
        }
        if get("").is_some() && kind.is_empty() {
            way.lose(label, "it names no middleware");
        }
    }
}

fn all(settings: &[(&str, &Setting)], way: &mut Way, fate: Fate, why: &str) {
    for (_, setting) in settings {
        way.say(setting, fate, why);
    }
}

/// Converts header rules, and the options that are short for some.
fn headers(settings: &[(&str, &Setting)], program: Option<ProxyProgram>, way: &mut Way) {
    let get = |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, it)| *it);
    for (key, setting) in settings {
        let value = setting.value.trim();
        let on = value.eq_ignore_ascii_case("true");
        let label = setting.label.rsplit('.').next().unwrap_or_default();
        let made: Option<(&str, &str, String)> = match *key {
            "framedeny" if on && get("customframeoptionsvalue").is_none() => {
                Some(("response-header", "X-Frame-Options", "DENY".to_owned()))
            }
            "customframeoptionsvalue" => {
                Some(("response-header", "X-Frame-Options", value.to_owned()))
            }
            "contenttypenosniff" if on => {
                Some(("response-header", "X-Content-Type-Options", "nosniff".to_owned()))
            }
            "browserxssfilter" if on => {
                Some(("response-header", "X-XSS-Protection", "1; mode=block".to_owned()))
            }
            "custombrowserxssvalue" => {
                Some(("response-header", "X-XSS-Protection", value.to_owned()))
            }
            "referrerpolicy" => Some(("response-header", "Referrer-Policy", value.to_owned())),
            "permissionspolicy" => {
                Some(("response-header", "Permissions-Policy", value.to_owned()))
            }
            "contentsecuritypolicy" => {
                Some(("response-header", "Content-Security-Policy", value.to_owned()))
            }
            "stsseconds" => {
                let mut text = format!("max-age={value}");
                for (option, word) in
                    [("stsincludesubdomains", "; includeSubDomains"), ("stspreload", "; preload")]
                {
                    if get(option).is_some_and(|it| it.value.eq_ignore_ascii_case("true")) {
                        text.push_str(word);
                    }
                }
                Some(("response-header", "Strict-Transport-Security", text))
            }
            "stsincludesubdomains" | "stspreload" => {
                way.say(setting, Fate::Changed, "a part of `Strict-Transport-Security`");
                continue;
            }
            "sslredirect"
            | "ssltemporaryredirect"
            | "sslhost"
            | "sslforcehost"
            | "forcestsheader" => {
                way.say(setting, Fate::Changed, "every proxy does it by itself");
                continue;
            }
            _ if !on && value.eq_ignore_ascii_case("false") => {
                way.say(setting, Fate::Changed, "it is off");
                continue;
            }
            key if key.starts_with("customrequestheaders.") => {
                Some(("request-header", label, value.to_owned()))
            }
            key if key.starts_with("customresponseheaders.") => {
                Some(("response-header", label, value.to_owned()))
            }
            _ => None,
        };
        let Some((kind, name, value)) = made else {
            way.say(setting, Fate::Lost, "a route can't say it");
            continue;
        };
        match header(kind, name, &value, program) {
            Ok(line) => {
                way.handling(line, name);
                way.say(setting, Fate::Changed, &format!("`{kind}` of the route"));
            }
            Err(why) => way.say(setting, Fate::Lost, &why),
        }
    }
}

/// Makes the line that sets a header, or says why the proxy can't.
pub fn header(
    kind: &str,
    name: &str,
    value: &str,
    program: Option<ProxyProgram>,
) -> Result<Line, String> {
    let program = program.unwrap_or(ProxyProgram::Caddy);
    if !words::accepted(Type::Header, name) {
        return Err("it is not the name of a header".to_owned());
    }
    if decides_itself(program, kind, name) {
        return Err("the proxy decides this header itself".to_owned());
    }
    if value.is_empty() {
        return Ok(line(kind).arg(name));
    }
    if !words::accepted(Type::Setting, value) {
        return Err("a header is one line".to_owned());
    }
    if let Some(signs) = meaning_in(program, value) {
        return Err(format!("{} takes {signs} in it for something else", program.name()));
    }
    Ok(line(kind).arg(name).arg(value))
}

fn strip(settings: &[(&str, &Setting)], way: &mut Way) {
    for (key, setting) in settings {
        if *key != "prefixes" {
            way.say(setting, Fate::Changed, "a path without `/` at its end is led, too");
            continue;
        }
        let mut missing = Vec::new();
        for prefix in named(&setting.value) {
            let plain = prefix.trim_end_matches('/');
            let mut found = false;
            for (path, strip) in &mut way.paths {
                if path == plain {
                    *strip = true;
                    found = true;
                }
            }
            if !found && !plain.is_empty() {
                missing.push(format!("`{prefix}`"));
            }
        }
        if missing.is_empty() {
            way.say(setting, Fate::Changed, "`strip` of the route's `path`");
        } else {
            let why = format!("the rule leads no path {}", missing.join(", "));
            way.say(setting, Fate::Lost, &why);
        }
    }
}

fn login(settings: &[(&str, &Setting)], way: &mut Way) {
    for (key, setting) in settings {
        match *key {
            "users" | "usersfile" => {
                let value = if *key == "users" { setting.value.clone() } else { String::new() };
                way.login =
                    Some(Login { value, place: setting.place, label: setting.label.clone() });
                way.say(setting, Fate::Changed, "`login` of the route, with a secret");
            }
            _ => way.say(setting, Fate::Changed, "as `login` does it"),
        }
    }
}

fn allow(settings: &[(&str, &Setting)], way: &mut Way) {
    for (key, setting) in settings {
        if *key != "sourcerange" {
            let why = "labwright takes the address that a connection comes from";
            way.say(setting, Fate::Lost, why);
            continue;
        }
        let mut node = line("allow");
        let mut any = false;
        let mut wrong = Vec::new();
        for range in named(&setting.value) {
            let whole = if range.contains('/') {
                range.clone()
            } else {
                format!("{range}/{}", if range.contains(':') { 128 } else { 32 })
            };
            match whole.parse::<ipnet::IpNet>() {
                Ok(prefix) => {
                    node = node.arg(prefix.trunc().to_string());
                    any = true;
                }
                Err(_) => wrong.push(format!("`{range}`")),
            }
        }
        if any && wrong.is_empty() {
            way.handling(node, "allow");
            way.say(setting, Fate::Changed, "`allow` of the route");
        } else {
            let why = format!("{} are no addresses", wrong.join(", "));
            way.say(setting, Fate::Lost, &why);
        }
    }
}

fn rate(settings: &[(&str, &Setting)], way: &mut Way) {
    let get = |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, it)| *it);
    let number = |key: &str| {
        let number = get(key)?.value.trim().parse::<i64>().ok()?;
        (1..=1_000_000).contains(&number).then_some(number)
    };
    let Some(average) = number("average") else {
        return all(settings, way, Fate::Lost, "a rate is a number of requests, at least 1");
    };
    let mut node = line("rate-limit").number(average);
    if let Some(burst) = number("burst") {
        node = node.prop_number("burst", burst);
    } else {
        // Traefik's default. A route without `burst` would take the whole rate.
        node = node.prop_number("burst", 1);
    }
    if let Some(period) = get("period") {
        let digits = |c: char| c.is_ascii_digit();
        let text = period.value.trim();
        let plain = if text.chars().all(digits) { format!("{text}s") } else { text.to_owned() };
        if crate::model::Duration::parse(&plain).is_some_and(|time| time.0 > 0) {
            node = node.prop_typed("per", "duration", &plain);
        } else {
            return all(settings, way, Fate::Lost, "a time is whole seconds, at least one");
        }
    }
    way.handling(node, "rate-limit");
    for (key, setting) in settings {
        if matches!(*key, "average" | "burst" | "period") {
            way.say(setting, Fate::Changed, "`rate-limit` of the route");
        } else {
            way.say(setting, Fate::Lost, "requests are counted by the visitor's address");
        }
    }
}

fn body(settings: &[(&str, &Setting)], way: &mut Way) {
    for (key, setting) in settings {
        let size = setting.value.trim().parse::<u64>().ok().filter(|size| *size > 0);
        match (*key, size) {
            ("maxrequestbodybytes", Some(size)) => {
                way.handling(body_limit(size), "body-limit");
                way.say(setting, Fate::Changed, "`body-limit` of the route");
            }
            ("maxrequestbodybytes", None) => way.say(setting, Fate::Changed, "any size"),
            _ => way.say(setting, Fate::Lost, "a route can't say it"),
        }
    }
}

/// Makes the line that limits uploads.
pub fn body_limit(bytes: u64) -> Line {
    line("body-limit").typed("size", &crate::model::Size(bytes).to_string())
}

/// Hands a middleware to Traefik as it is.
fn raw(kind: &str, settings: &[(&str, &Setting)], way: &mut Way) {
    let mut tree = Tree::default();
    for (key, setting) in settings {
        if setting.value.contains("{{")
            || !crate::import::words::accepted(Type::Any, &setting.value)
        {
            way.say(setting, Fate::Lost, "Traefik would take it for a template");
            continue;
        }
        if setting_of(kind, key).is_none() {
            way.say(setting, Fate::Lost, "a route can't say it");
            continue;
        }
        // The words of the label, of which only the first ones are known in small letters.
        let written: Vec<&str> = setting.label.split('.').collect();
        let count = key.split('.').count();
        let words = written.get(written.len().saturating_sub(count)..).unwrap_or_default();
        tree.add(words, &setting.value);
        way.say(setting, Fate::Changed, "`raw` of the route");
    }
    let node = line("raw").arg(format!("traefik.{kind}")).children(tree.lines());
    way.handling(node, kind);
}

#[derive(Default)]
struct Tree(BTreeMap<String, Tree>, Option<String>);

impl Tree {
    fn add(&mut self, words: &[&str], value: &str) {
        match words {
            [] => self.1 = Some(value.to_owned()),
            [first, rest @ ..] => {
                self.0.entry((*first).to_owned()).or_default().add(rest, value);
            }
        }
    }

    fn lines(self) -> Vec<Line> {
        self.0
            .into_iter()
            .map(|(name, tree)| {
                let node = line(&name);
                match &tree.1 {
                    Some(value) => match value.parse::<i64>() {
                        Ok(number) => node.number(number),
                        Err(_) if value == "true" || value == "false" => node.flag(value == "true"),
                        Err(_) => node.arg(value.as_str()),
                    },
                    None => node.children(tree.lines()),
                }
            })
            .collect()
    }
}
