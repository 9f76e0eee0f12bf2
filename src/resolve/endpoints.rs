//! Reads the endpoints of a service: their ports, protocols and credentials, and the proxy that
//! listens on them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::names::{self, compose_name};
use super::visible::Secrets;
use super::{codes, files};
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{
    Around, Credentials, Data, Door, Endpoint, ForwardAuth, Ports, Protocol, Proxy, ProxyProgram,
    Service,
};
use crate::source::{Sources, Spanned};

/// The `port` nodes of a service, by the endpoint that each is about. Of two, the first counts.
struct Given<'b, 's>(BTreeMap<&'b str, &'b Block<'s>>);

impl<'b, 's> Given<'b, 's> {
    fn of(service: &'b Block<'s>) -> Self {
        let mut nodes = BTreeMap::new();
        for node in service.all("port") {
            nodes.entry(node.key()).or_insert(node);
        }
        Self(nodes)
    }

    /// Returns the port that the service sets for an endpoint.
    fn port(&self, endpoint: &str) -> Option<&'b Spanned<Value<'s>>> {
        self.0.get(endpoint).and_then(|node| node.argument(1))
    }

    /// Returns the addresses that the service sets for an endpoint.
    fn address(&self, endpoint: &str) -> Option<&'b Spanned<Value<'s>>> {
        self.0.get(endpoint).and_then(|node| node.property("address"))
    }
}

/// Lists the addresses that a service has for itself.
pub fn own_addresses(service: &Block<'_>) -> Vec<Spanned<IpAddr>> {
    let values = service.child("own-address").map(|node| node.arguments.iter());
    let read = |value: &Spanned<Value<'_>>| Some(Spanned::new(value.address()?, value.span));
    values.into_iter().flatten().filter_map(read).collect()
}

/// Lists the addresses at which an endpoint is published: those that the service sets for it, or
/// the service's own for a port of a container.
fn published_at(
    service: &Block<'_>,
    given: &Given<'_, '_>,
    endpoint: &Block<'_>,
    on_machine: &BTreeSet<&str>,
) -> Vec<IpAddr> {
    let given = given.address(endpoint.key());
    let container = endpoint.property("container").and_then(Spanned::text);
    let contained = container.is_some_and(|container| !on_machine.contains(container));
    let mut addresses: Vec<IpAddr> = match given {
        Some(given) => given.items().iter().filter_map(Spanned::address).collect(),
        None if contained => {
            let ipv6 = knows_ipv6(endpoint);
            let own = own_addresses(service).into_iter().map(|own| own.value);
            own.filter(|address| ipv6 || address.is_ipv4()).collect()
        }
        None => Vec::new(),
    };
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Returns whether the program of an endpoint listens on IPv6 too.
fn knows_ipv6(endpoint: &Block<'_>) -> bool {
    endpoint.property("ipv6").and_then(Spanned::bool) != Some(false)
}

/// Reads a port, or several in a row.
fn read_ports(value: &Spanned<Value<'_>>) -> Option<Ports> {
    value.number().map(Ports::one).or_else(|| Ports::parse(value.text()?))
}

/// Returns the ports that an endpoint's program listens on, and those on the machine. Both are the
/// same on the machine's own network, and for a program that must know the ports on the machine.
fn ports_of(
    given: &Given<'_, '_>,
    endpoint: &Block<'_>,
    on_machine: &BTreeSet<&str>,
) -> Option<(Ports, Ports)> {
    let port = endpoint.property("port").and_then(read_ports)?;
    // Another number of ports is reported where the endpoints are read.
    let host_port = given
        .port(endpoint.key())
        .and_then(read_ports)
        .filter(|given| given.more() == port.more())
        .unwrap_or(port);
    let on_machine = endpoint
        .property("container")
        .and_then(Spanned::text)
        .is_none_or(|container| on_machine.contains(container));
    let follows = endpoint.property("follows").and_then(Spanned::bool) == Some(true);
    Some((if on_machine || follows { host_port } else { port }, host_port))
}

/// Lists the containers that are on the machine's own network.
fn on_machine<'b>(parts: &'b [Block<'_>]) -> BTreeSet<&'b str> {
    let mut names = BTreeSet::new();
    for part in parts {
        match part.schema.name {
            "when" => names.append(&mut on_machine(&part.children)),
            "container" if part.value("network").and_then(Spanned::text) == Some("host") => {
                names.insert(part.key());
            }
            _ => {}
        }
    }
    names
}

/// Lists the port that the program of each endpoint listens on, and its port on the machine, for
/// use in the module.
pub fn ports(service: &Block<'_>, concrete: &[Block<'_>], others: &[Block<'_>]) -> [Data; 2] {
    let (on_machine, given) = (on_machine(others), Given::of(service));
    let list = |side: fn((Ports, Ports)) -> Ports| {
        let provided = concrete.iter().filter(|block| block.schema.name == "provides");
        let port = |block: &Block<'_>| {
            let port = side(ports_of(&given, block, &on_machine)?);
            let port = match port.more() {
                0 => Data::Integer(i64::from(port.first)),
                _ => Data::Text(port.to_string()),
            };
            Some((block.key().to_owned(), port))
        };
        Data::Record(provided.filter_map(port).collect())
    };
    [list(|ports| ports.0), list(|ports| ports.1)]
}

/// Lists the address at which people open each page: that of its first route, else the machine's
/// address and port, for use in the module.
pub fn pages(
    service: &Block<'_>,
    concrete: &[Block<'_>],
    others: &[Block<'_>],
    address: Option<IpAddr>,
    around: &Around,
) -> Data {
    let (on_machine, given) = (on_machine(others), Given::of(service));
    let provided = concrete.iter().filter(|block| block.schema.name == "provides");
    let mut pages = BTreeMap::new();
    let open = provided.filter_map(|block| Some((block, ports_of(&given, block, &on_machine)?)));
    for ((block, (_, port)), endpoint) in open.zip(0..) {
        let Some(scheme @ ("http" | "https")) = block.property("protocol").and_then(Spanned::text)
        else {
            continue;
        };
        let door = around.doors.iter().find(|door| door.endpoint == endpoint);
        let bound = published_at(service, &given, block, &on_machine);
        let bound = bound.into_iter().find(|address| !address.is_loopback());
        let address = bound.or(address);
        let on_machine = || Some(format!("{scheme}://{}", SocketAddr::new(address?, port.first)));
        let page = door.map(Door::url).or_else(on_machine);
        pages.insert(block.key().to_owned(), page.map_or(Data::None, Data::Text));
    }
    Data::Record(pages)
}

/// Reports ports that a service sets but the module does not pass to the program. On the machine's
/// own network the program would still listen on its usual port.
pub fn fixed_ports(
    block: &Block<'_>,
    service: &Service,
    module: &Block<'_>,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) {
    let given = Given::of(block);
    for endpoint in service.endpoints.iter().filter(|endpoint| endpoint.port == endpoint.host_port)
    {
        let Some(given) = given.port(&endpoint.name) else { continue };
        let name = &endpoint.name;
        let names =
            [format!("port.{name}"), format!("port['{name}']"), format!("endpoints.{name}.port")];
        let provided = find_endpoint(module, &endpoint.name);
        let usual = provided.and_then(|provided| provided.property("port")).and_then(read_ports);
        if usual == Some(endpoint.ports()) || names_any(module, &names, sources) {
            continue;
        }
        let message = format!(
            "`{}` uses the machine's own network, and its module can't move `{}`",
            block.key(),
            endpoint.name
        );
        let found = Diagnostic::new(&codes::FIXED_PORT, given.span, message);
        let found = provided
            .into_iter()
            .fold(found, |found, provided| found.label(provided.span, "it listens here"));
        diagnostics
            .push(found.help("remove the `port`; a module moves a program by `{port.NAME}`"));
    }
}

fn find_endpoint<'b, 's>(block: &'b Block<'s>, name: &str) -> Option<&'b Block<'s>> {
    block.children.iter().find_map(|child| match child.schema.name {
        "when" => find_endpoint(child, name),
        "provides" => (child.key() == name).then_some(child),
        _ => None,
    })
}

/// Returns whether a module's values or templates contain one of these names.
fn names_any(block: &Block<'_>, names: &[String], sources: &Sources) -> bool {
    let has = |text: &str| names.iter().any(|name| text.contains(name.as_str()));
    let value = |value: &Spanned<Value<'_>>| match &value.value {
        Value::Reference(text) | Value::Format(text) | Value::Expression(text) => has(text),
        _ => false,
    };
    block.arguments.iter().any(value)
        || block.properties.iter().any(|property| value(&property.value))
        || files::template_file(block, sources).is_some_and(|file| has(&sources.file(file).text))
        || block.children.iter().any(|child| names_any(child, names, sources))
}

pub fn endpoints(
    service: &Block<'_>,
    concrete: &[Block<'_>],
    module: &str,
    name: &str,
    secrets: &Secrets,
    diagnostics: &mut Diagnostics,
) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    let (on_machine, nodes) = (on_machine(concrete), Given::of(service));
    for block in concrete.iter().filter(|block| block.schema.name == "provides") {
        let Some((port, host_port)) = ports_of(&nodes, block, &on_machine) else { continue };
        let flag = |name: &str| block.property(name).and_then(Spanned::bool).unwrap_or(false);
        let text = |name: &str| block.property(name).and_then(Spanned::string);
        let protocol = match text("protocol").as_deref() {
            Some("udp") => Protocol::Udp,
            Some("http") => Protocol::Http,
            Some("https") => Protocol::Https,
            // Metrics and paths exist in HTTP alone.
            None if flag("scrape") || block.property("path").is_some() => Protocol::Http,
            _ => Protocol::Tcp,
        };
        let given = nodes.port(block.key());
        if let Some(other) =
            given.filter(|given| read_ports(given).is_some_and(|given| given.more() != port.more()))
        {
            let own = match port.more() {
                0 => "one port".to_owned(),
                more => format!("{} ports in a row", u32::from(more) + 1),
            };
            let message = format!("`{}` is {own}, and gets another number of them", block.key());
            diagnostics.push(
                Diagnostic::new(&codes::PORTS_DISAGREE, other.span, message)
                    .label(block.span, format!("the module has {port}"))
                    .help(ports_help(block.key(), read_ports(other), port))
                    .on(name),
            );
        }
        let address = nodes.address(block.key());
        let container = text("container");
        endpoints.push(Endpoint {
            name: block.key().to_owned(),
            container: container.map(|container| compose_name(module, name, &container)),
            port: port.first,
            host_port: host_port.first,
            more: port.more(),
            addresses: published_at(service, &nodes, block, &on_machine),
            ipv6: knows_ipv6(block),
            protocol,
            path: text("path"),
            scrape: flag("scrape"),
            credentials: credentials(block, secrets),
            role: text("role"),
            database: flag("database"),
            admin: flag("admin"),
            span: given.or(address).map_or(block.span, |given| given.span),
        });
    }
    let known: BTreeSet<&str> = endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
    for node in service.all("port") {
        if let Some(key) = node.argument(0).filter(|_| !known.contains(node.key())) {
            let names = endpoints.iter().map(|endpoint| endpoint.name.as_str());
            let what = format!("endpoint of `{}` named", service.key());
            names::unknown(&codes::UNKNOWN_NAME, &what, node.key(), key, names, diagnostics);
        }
    }
    endpoints
}

/// Says which ports fit, beginning with the first one that was given.
fn ports_help(endpoint: &str, given: Option<Ports>, wanted: Ports) -> String {
    let first = given.map_or(wanted.first, |given| given.first);
    // The row must not go past the last port there is.
    let first = first.min(u16::MAX - wanted.more());
    match wanted.more() {
        0 => format!("write `port {endpoint} {first}`"),
        more => format!("write `port {endpoint} \"{}\"`", Ports::row(first, more)),
    }
}

/// Reads the credentials that an endpoint requires. Where the option is read, it is checked that
/// the secret exists.
fn credentials(block: &Block<'_>, secrets: &Secrets) -> Option<Credentials> {
    let secret = |property: &str| secrets.id(block.property(property).and_then(Spanned::secret)?);
    let user = || block.property("user").and_then(Spanned::string).unwrap_or_default();
    secret("token")
        .map(Credentials::Token)
        .or_else(|| Some(Credentials::Password { user: user(), password: secret("password")? }))
}

pub fn forward_auth(block: &Block<'_>, service: &Service) -> Option<ForwardAuth> {
    let text = |property: &str| block.property(property).and_then(Spanned::string);
    let endpoint = service.endpoints.iter().position(|endpoint| endpoint.name == block.key())?;
    Some(ForwardAuth {
        endpoint: u32::try_from(endpoint).ok()?,
        paths: ProxyProgram::ALL
            .into_iter()
            .filter_map(|program| Some((program, text(program.name())?)))
            .collect(),
        pages: text("pages").map(|path| path.trim_end_matches('/').to_owned()),
        sign_in: text("sign-in"),
        location: text("location"),
        headers: block
            .all("headers")
            .flat_map(|headers| headers.arguments.iter().filter_map(Spanned::string))
            .collect(),
    })
}

pub fn proxy(block: &Block<'_>, service: &Service) -> Option<Proxy> {
    let index = |property: &str| {
        let name = block.property(property).and_then(Spanned::text)?;
        service
            .endpoints
            .iter()
            .position(|endpoint| endpoint.name == name)
            .and_then(|index| u32::try_from(index).ok())
    };
    let container = block
        .property("container")
        .and_then(Spanned::text)
        .map(|name| compose_name(&service.module, &service.name, name));
    Some(Proxy {
        program: ProxyProgram::ALL.into_iter().find(|program| program.name() == block.key())?,
        http: index("http"),
        https: index("https"),
        container: container
            .or_else(|| service.containers.first().map(|container| container.name.clone())),
    })
}
