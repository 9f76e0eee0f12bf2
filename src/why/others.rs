//! Other values that could stand in the place of one, of the type that the schema gives it.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::key;
use crate::decl::schema::Field;
use crate::decl::types::{Type, is_name};
use crate::syntax::{Entry, Node, Scalar};

/// The most values that are tried in one place.
const MOST: usize = 6;

/// The most names that are tried where the lab has others of them, as those of services that are
/// no proxies.
const STRANGE: usize = 2;

/// The names of a lab's entities.
#[derive(Debug, Default)]
pub struct Names {
    /// The names, each with the nodes that begin with it: `vm`, `network`.
    nodes: BTreeMap<String, BTreeSet<String>>,
    /// The names in the properties of a name, such as `via`.
    properties: BTreeMap<String, BTreeSet<String>>,
}

impl Names {
    /// Adds the names at and below a node.
    pub fn collect(&mut self, node: &Node<'_>) {
        if let Some(name) = key(node).filter(|name| is_name(name)) {
            self.add(name, &node.name.value);
            if node.name.value == "pool" {
                for inner in node.children.iter().filter_map(key) {
                    self.add(&format!("{name}.{inner}"), "pool");
                }
            }
        }
        for property in &node.properties {
            if let Some(text) = property.entry.value.value.as_text() {
                let names = self.properties.entry(property.name.value.to_string()).or_default();
                names.extend(text.split(',').map(str::to_owned));
            }
        }
        node.children.iter().for_each(|child| self.collect(child));
    }

    /// Adds the name that a node begins with.
    fn add(&mut self, name: &str, node: &str) {
        self.nodes.entry(name.to_owned()).or_default().insert(node.to_owned());
    }

    /// Lists the names that may stand in a field: first those that the lab has in fields of the
    /// same name.
    fn fitting_in(&self, ty: Type, field: &str) -> Vec<String> {
        let Some(used) = self.properties.get(field) else { return self.fitting(ty) };
        let (mut found, strange): (Vec<String>, Vec<String>) =
            self.fitting(ty).into_iter().partition(|name| used.contains(name));
        let most = if found.is_empty() { MOST } else { STRANGE };
        found.extend(strange.into_iter().take(most));
        found
    }

    /// Lists the names that may stand where `ty` is wanted, those that fit best first.
    fn fitting(&self, ty: Type) -> Vec<String> {
        let nodes: &[&'static str] = match ty {
            Type::Entity("zone") => &["zone", "network", "clients", "host", "vm", "lxc"],
            Type::Entity("machine") => &["host", "vm", "lxc"],
            Type::Entity("gpu or device") => &["gpu", "device"],
            Type::Entity("dataset or export") => &["pool", "export"],
            Type::Entity(node) => &[node],
            Type::Secret => &["secret"],
            _ => return self.nodes.keys().cloned().collect(),
        };
        let of = |node: &'static str| {
            let named = self.nodes.iter().filter(move |(_, nodes)| nodes.contains(node));
            named.map(|(name, _)| name.clone())
        };
        let mut found: Vec<String> = Vec::new();
        // Every lab has this zone.
        let always = (ty == Type::Entity("zone")).then(|| "internet".to_owned());
        for name in always.into_iter().chain(nodes.iter().copied().flat_map(of)) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
        found
    }
}

/// Returns another type that takes the values of an option of type `ty`.
pub fn other_type(ty: &str) -> Option<&'static str> {
    const NO_TEXT: [&str; 11] = [
        "boolean", "integer", "number", "port", "size", "duration", "secret", "network", "zone",
        "machine", "service",
    ];
    match ty {
        "text" => Some("line"),
        _ if NO_TEXT.contains(&ty) => None,
        _ => Some("text"),
    }
}

/// Returns other values for `entry`, which is in `field`, as KDL, with their annotations. `names`
/// lists the names of the lab's entities.
pub fn others(entry: &Entry<'_>, field: &Field, names: &Names) -> Vec<String> {
    let Field { ty, list, .. } = *field;
    let annotation = entry.annotation.as_ref().map(|annotation| annotation.value.as_ref());
    let mut found = match (annotation, &entry.value.value) {
        (Some("ref"), _) if !matches!(ty, Type::Entity(_)) => any_value(ty),
        (Some("expr"), Scalar::Text(_)) => {
            let mut found = vec!["(expr)\"1 == 2\"".to_owned(), "(expr)\"1 == 1\"".to_owned()];
            found.extend(any_value(ty));
            found
        }
        (Some("f"), Scalar::Text(text)) => {
            let mut found: Vec<String> =
                edited_texts(text).iter().map(|text| format!("(f){}", quoted(text))).collect();
            found.extend(any_value(ty));
            found
        }
        (annotation, Scalar::Text(text)) => {
            let mark = annotation.map_or_else(String::new, |name| format!("({name})"));
            let texts = if list {
                lists(text, field, names)
            } else {
                texts(text, annotation, field, names)
            };
            texts.iter().map(|text| format!("{mark}{}", quoted(text))).collect()
        }
        (_, Scalar::Bool(value)) => vec![format!("#{}", !value)],
        (_, Scalar::Integer(number)) => {
            [number + 1, number - 1, number + 7, number * 2].map(|number| number.to_string()).into()
        }
        (_, Scalar::Float(number)) => {
            vec![format!("{:?}", number + 1.0), format!("{:?}", number / 2.0)]
        }
        (_, Scalar::Null) => vec!["#true".to_owned(), "1".to_owned(), "\"other\"".to_owned()],
    };
    found.truncate(MOST);
    found
}

/// Writes text as a KDL string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // KDL allows some invisible characters only as escapes.
            ' ' | '!'..='~' => quoted.push(character),
            character if character.is_alphanumeric() => quoted.push(character),
            character => quoted.extend(character.escape_unicode()),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns values of a type, for a place that takes a name or an expression.
pub fn any_value(ty: Type) -> Vec<String> {
    let values: &[&str] = match ty {
        Type::Bool => &["#true", "#false"],
        Type::Integer | Type::Number | Type::Port | Type::Ports | Type::Between(..) => {
            &["4321", "3", "1"]
        }
        Type::Processors => &["0.7", "2"],
        Type::Size => &["(size)\"3GiB\""],
        Type::Duration => &["(duration)\"77s\""],
        Type::Cron => &["(cron)\"7 7 * * *\""],
        Type::Address | Type::Lease => &["\"192.0.2.77\""],
        Type::Path | Type::Inside | Type::Tmpfs => &["\"/other\""],
        Type::Image => &["\"docker.io/library/other:7.7\""],
        Type::Url => &["\"https://other.example.org\""],
        Type::Host | Type::Hosts => &["\"other.example.org\""],
        Type::Mode | Type::FileMode => &["\"0604\""],
        Type::Signal => &["SIGWINCH"],
        Type::Installed => &["\"/opt/other\""],
        Type::Owner => &["4321"],
        Type::Enum(words) => {
            return words.iter().map(|word| quoted(word)).collect();
        }
        Type::Any => &["\"other\"", "77", "#true", "#false"],
        _ => &["\"other\""],
    };
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn lists(text: &str, field: &Field, names: &Names) -> Vec<String> {
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    let without = |left: usize| {
        let kept = items.iter().enumerate().filter(|(index, _)| *index != left);
        kept.map(|(_, item)| *item).collect::<Vec<_>>().join(",")
    };
    let mut found = Vec::new();
    if items.len() > 1 {
        found.extend((0..items.len()).map(without));
    }
    for (index, item) in items.iter().enumerate() {
        for other in texts(item, None, field, names) {
            let mut changed = items.clone();
            if items.contains(&other.as_str()) {
                continue;
            }
            if let Some(place) = changed.get_mut(index) {
                *place = &other;
                found.push(changed.join(","));
            }
        }
    }
    found
}

fn texts(text: &str, annotation: Option<&str>, field: &Field, names: &Names) -> Vec<String> {
    let by_annotation = match annotation {
        Some("size") => Some(Type::Size),
        Some("duration") => Some(Type::Duration),
        Some("cron") => Some(Type::Cron),
        Some("secret") => Some(Type::Secret),
        Some("image") => Some(Type::Image),
        Some("path") => Some(Type::Path),
        _ => None,
    };
    let ty = by_annotation.unwrap_or(field.ty);
    match ty {
        Type::Any => like(text, names),
        Type::Enum(words) => {
            words.iter().filter(|word| **word != text).map(|word| (*word).to_owned()).collect()
        }
        Type::Size | Type::Duration => numbers(text),
        Type::Cron => vec!["7 7 * * *".to_owned(), "8 8 1 * *".to_owned()],
        Type::Address | Type::Lease | Type::Cidr => addresses(text),
        Type::Image => images(text),
        Type::Host | Type::Hosts | Type::Mail => vec![format!("other.{text}"), format!("x{text}")],
        Type::Mode => vec!["0604".to_owned(), "0700".to_owned()],
        Type::Owner => vec!["4321".to_owned()],
        Type::Timezone => vec!["Asia/Tokyo".to_owned()],
        Type::Version | Type::Word => {
            let mut found = numbers(text);
            found.push(format!("{text}x"));
            found
        }
        Type::Entity(_) | Type::Secret | Type::Endpoint => {
            let fitting = names.fitting_in(ty, field.name).into_iter();
            fitting.filter(|name| name != text).collect()
        }
        Type::Expression => vec!["1 == 2".to_owned(), "1 == 1".to_owned()],
        _ => edited_texts(text),
    }
}

/// Returns texts that look like `text`, whatever it is.
fn like(text: &str, names: &Names) -> Vec<String> {
    if text.parse::<std::net::IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok() {
        return addresses(text);
    }
    let mut found = edited_texts(text);
    if text.contains('/') && text.contains(':') && !text.contains("//") {
        found.splice(0..0, images(text));
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        found.splice(0..0, numbers(text));
    }
    if text.contains('.') {
        found.push(format!("other.{text}"));
    }
    // The words of an option that takes one of a few.
    found.extend(["none", "all"].map(str::to_owned));
    if names.nodes.contains_key(text) {
        found.extend(names.nodes.keys().filter(|name| *name != text).cloned());
    }
    found
}

fn edited_texts(text: &str) -> Vec<String> {
    let mut found = vec![format!("{text}x")];
    // A placeholder or a bracket may be at the end, and a flag or a path at the beginning.
    if let Some(at) = text.rfind(|character: char| character.is_ascii_alphanumeric()) {
        let (head, tail) = text.split_at(at);
        found.push(format!("{head}x{tail}"));
    }
    let numbered = numbers(text);
    found.extend(numbered);
    found
}

/// Returns texts with another first number.
fn numbers(text: &str) -> Vec<String> {
    let Some(start) = text.find(|character: char| character.is_ascii_digit()) else {
        return Vec::new();
    };
    let (head, rest) = text.split_at(start);
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    let Ok(number) = digits.parse::<u64>() else { return Vec::new() };
    [number.checked_add(1), number.checked_sub(1), number.checked_mul(2)]
        .into_iter()
        .flatten()
        .filter(|other| *other != number)
        .map(|number| format!("{head}{number}{tail}"))
        .collect()
}

fn images(text: &str) -> Vec<String> {
    let (name, tag) = match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (text, "latest"),
    };
    vec![format!("{name}:{tag}-other"), format!("{name}-other:{tag}")]
}

fn addresses(text: &str) -> Vec<String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok()),
        None => (text, None),
    };
    if let Some(length) = length {
        let lengths = [length.checked_sub(1), length.checked_add(1), length.checked_sub(8)];
        let nets = lengths.into_iter().flatten().filter_map(|length| {
            let net = format!("{address}/{length}").parse::<ipnet::IpNet>().ok()?;
            Some(net.trunc().to_string())
        });
        let mut found: Vec<String> = nets.collect();
        if let Some((head, _)) =
            address.rsplit_once('.').and_then(|(head, _)| head.rsplit_once('.'))
        {
            found.push(format!("{head}.77.0/{length}"));
        }
        return found;
    }
    let cut =
        if address.contains(':') { address.rsplit_once(':') } else { address.rsplit_once('.') };
    let between = if address.contains(':') { ":" } else { "." };
    let last = |(head, _): (&str, &str)| ["77", "78"].map(|last| format!("{head}{between}{last}"));
    cut.map(last).into_iter().flatten().filter(|other| other != text).collect()
}
