//! Emits what brings nginx-proxy-manager in line with the routes. It has no configuration file, so
//! a script calls its API.
//!
//! `routes.json` is the desired state, `reconcile.sh` compares and changes inside the container,
//! `provision.sh` starts that.

mod places;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ipnet::IpNet;
use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Proxy, ProxyProgram, Service, ServiceId};
use crate::plan::{Certificate, RoutePlan, secret_path};

/// The emitter for every nginx-proxy-manager of the machine.
pub const EMITTER: Emitter = Emitter { name: "npm", folders: &[], emit };

/// The port of the API inside the container if the module declares none.
const API_PORT: u16 = 81;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("provision.sh.j2", include_str!("provision.sh.j2")),
        ("places.nginx.j2", include_str!("places.nginx.j2")),
    ])
});

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    for (id, service) in context.services() {
        let Some(proxy) =
            service.proxy.as_ref().filter(|proxy| proxy.program == ProxyProgram::NginxProxyManager)
        else {
            continue;
        };
        emit_service(context, id, service, proxy, artifacts, diagnostics);
    }
}

fn emit_service(
    context: &Context<'_>,
    id: ServiceId,
    service: &Service,
    proxy: &Proxy,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let model = context.model();
    // The API needs a password. The module requires one, so a missing one is already reported.
    let (Some(container), Some(password)) = (&proxy.container, service.secrets.first()) else {
        return;
    };
    let machine = &context.this().name;
    let mark = format!("{}/{}", model.lab.name, service.name);
    let domain = model.lab.domain.as_deref().unwrap_or("localhost.localdomain");
    let script = Provision {
        password: secret_path(&model[password.secret].name, &password.owner),
        container,
        api: format!(
            "http://127.0.0.1:{}/api",
            service.endpoint("admin").map_or(API_PORT, |endpoint| endpoint.port)
        ),
        email: service
            .option("admin-email")
            .as_text()
            .map(str::to_owned)
            .or_else(|| model.lab.email.clone())
            .unwrap_or_else(|| format!("admin@{domain}")),
        mark: &mark,
    };
    let Some(script) = TEMPLATES.write("provision.sh.j2", &script, machine, diagnostics) else {
        return;
    };
    let Some(routes) = Routes::of(context, id, &mark, diagnostics) else { return };

    let origin = vec![format!("service {}", service.name)];
    let mut routes_origin = origin.clone();
    routes_origin.extend(
        context
            .plan
            .routes
            .iter()
            .filter(|route| route.via == id)
            .map(|route| format!("service {}", model[route.service].name)),
    );
    routes_origin.sort();
    routes_origin.dedup();
    let mut add = |name: &str, kind, text: &str, origin, mode| {
        let destination = format!("{}/{name}", service.config_folder());
        artifacts.install(
            &format!("{}/{name}", service.name),
            Artifact::new(kind, text, origin),
            &destination,
            mode,
        );
    };
    add("routes.json", Kind::Json, &format::json(&routes), routes_origin, "0644");
    add("reconcile.sh", Kind::Shell, include_str!("reconcile.sh"), EMITTER.fixed(), "0755");
    add("provision.sh", Kind::Shell, &script, origin.clone(), "0755");
    let folder = format!("{}/", service.name);
    let body = format!("exec sh {}\n", format::shell_word(&format!("{folder}provision.sh")));
    artifacts.step(
        Slot::PROVISION,
        &format!("provision-{}", service.name),
        &[&folder],
        &body,
        origin,
    );
}

#[derive(Serialize)]
struct Provision<'p> {
    password: String,
    container: &'p str,
    api: String,
    email: String,
    mark: &'p str,
}

/// The service that knows the users of a host, and how it is asked.
#[derive(Serialize, Clone, PartialEq, Eq)]
struct Gate<'p> {
    /// Its address, with a scheme.
    url: &'p str,
    path: &'p str,
    pages: Option<&'p str>,
    sign_in: Option<&'p str>,
    /// The variable that holds where to send a stranger.
    location: Option<String>,
    /// The variables of the headers that say who a user is, which no visitor may send.
    claims: Vec<String>,
}

/// The desired state of nginx-proxy-manager.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Routes {
    /// The DNS provider that proves the ownership of names.
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_provider: Option<String>,
    access_lists: Vec<AccessList>,
    hosts: Vec<Host>,
}

/// The body of `POST /nginx/access-lists`.
#[derive(Serialize)]
struct AccessList {
    name: String,
    satisfy_any: bool,
    pass_auth: bool,
    items: [(); 0],
    clients: Vec<Client>,
}

#[derive(Serialize, Clone, PartialEq, Eq)]
struct Client {
    address: String,
    directive: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Host {
    /// The name of the access list, or nothing if anyone may use the route.
    access_list: Option<String>,
    /// The names of the certificate to request from a public authority, or nothing if none is
    /// requested.
    certificate: Option<[String; 1]>,
    payload: ProxyHost,
}

/// The body of `POST /nginx/proxy-hosts`, without the ids that only the installation knows.
#[derive(Serialize)]
struct ProxyHost {
    domain_names: [String; 1],
    forward_scheme: &'static str,
    forward_host: String,
    forward_port: u16,
    allow_websocket_upgrade: bool,
    block_exploits: bool,
    caching_enabled: bool,
    hsts_enabled: bool,
    hsts_subdomains: bool,
    trust_forwarded_proto: bool,
    enabled: bool,
    advanced_config: String,
    meta: BTreeMap<&'static str, String>,
}

impl Routes {
    /// Describes the routes of a proxy. Returns nothing when a value can't be written, which is
    /// reported.
    fn of(
        context: &Context<'_>,
        via: ServiceId,
        mark: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let dns_provider = context.model()[via].option("dns-provider").as_text().map(str::to_owned);
        let mut routes = Self { dns_provider, ..Self::default() };
        let all: Vec<&RoutePlan> =
            context.plan.routes.iter().filter(|route| route.via == via).collect();
        for of_host in all.chunk_by(|one, other| one.host == other.host) {
            // The longest path comes first, so the last route is the one for the whole name, if
            // there is one.
            let Some(&route) = of_host.last() else { continue };
            let plain = of_host.len() == 1
                && route.path.is_empty()
                && route.leads_to.is_none()
                && route.handling.is_plain();
            // Its own `location /` tells programs what a visitor states in `X-Forwarded-For`, so
            // every host has one of ours, which says who may use it. Its page shows the list.
            let access_list = (plain && !route.public).then(|| access_list(context, route, mark));
            let name = access_list.as_ref().map(|list| list.name.clone());
            let advanced_config = places::write(context, of_host, diagnostics)?;
            routes.access_lists.extend(access_list);
            routes.hosts.push(Host {
                access_list: name,
                certificate: certificate(context, route),
                payload: ProxyHost {
                    domain_names: [route.host.to_ascii_lowercase()],
                    forward_scheme: route.upstream_protocol.scheme(),
                    forward_host: route.upstream.host_in_url(),
                    forward_port: route.upstream.port,
                    allow_websocket_upgrade: true,
                    block_exploits: false,
                    caching_enabled: false,
                    hsts_enabled: false,
                    hsts_subdomains: false,
                    trust_forwarded_proto: false,
                    enabled: true,
                    advanced_config,
                    // `reconcile.sh` removes only hosts with this mark, so that those made by hand
                    // stay.
                    meta: BTreeMap::from([("labwright", mark.to_owned())]),
                },
            });
        }
        routes.access_lists.sort_by(|one, other| one.name.cmp(&other.name));
        routes.access_lists.dedup_by(|one, other| one.name == other.name);
        Some(routes)
    }
}

/// Makes the list of who may use a route. nginx applies the first line that matches, and
/// nginx-proxy-manager ends the list with `deny all`.
fn access_list(context: &Context<'_>, route: &RoutePlan, mark: &str) -> AccessList {
    let mut zones: Vec<&str> =
        route.from.iter().map(|zone| context.model()[*zone].name.as_str()).collect();
    zones.sort_unstable();
    AccessList {
        // Access lists have no `meta`, so `reconcile.sh` knows ours by the beginning of their
        // names.
        name: format!("labwright {mark}: {}", zones.join(", ")),
        satisfy_any: false,
        pass_auth: false,
        items: [],
        clients: clients(context, route),
    }
}

/// Lists who may use a route, for nginx.
fn clients(context: &Context<'_>, route: &RoutePlan) -> Vec<Client> {
    let list = context.plan.visitors(route).access_list();
    let lines = |prefixes: &[IpNet], directive| {
        prefixes.iter().map(|prefix| (*prefix, directive)).collect::<Vec<_>>()
    };
    let mut prefixes = lines(&list.deny, "deny");
    prefixes.extend(lines(&list.allow, "allow"));
    // The most specific prefix decides. If a prefix is both allowed and denied, it is denied.
    prefixes.sort_by_key(|(prefix, directive)| {
        (std::cmp::Reverse(prefix.prefix_len()), *directive == "allow", *prefix)
    });
    let mut clients: Vec<_> = prefixes
        .into_iter()
        .map(|(prefix, directive)| Client { address: prefix.to_string(), directive })
        .collect();
    if clients.is_empty() {
        // A list without lines would let everyone in.
        clients.push(Client { address: "all".to_owned(), directive: "deny" });
    }
    clients
}

/// Returns the names of the requested certificate. With proof by DNS, one certificate covers all
/// names below the lab's domain.
fn certificate(context: &Context<'_>, route: &RoutePlan) -> Option<[String; 1]> {
    let host = route.host.to_ascii_lowercase();
    let domain = context.model().lab.domain.as_deref().unwrap_or_default();
    // A wildcard in a certificate stands for exactly one label.
    let below =
        || host.strip_suffix(domain)?.strip_suffix('.').filter(|label| !label.contains('.'));
    match route.certificate {
        Certificate::PublicByDns if below().is_some() => Some([format!("*.{domain}")]),
        // The authority proves all names below one by DNS alone.
        Certificate::Public if route.above().is_some() => None,
        Certificate::PublicByDns | Certificate::Public => Some([host]),
        Certificate::Nobody | Certificate::Proxy => None,
    }
}

/// Who is asked about the users of a route.
enum Asked<'p> {
    Nobody,
    /// A service that can't be reached or has no answer for this proxy.
    InVain,
    Gate(Gate<'p>),
}

fn gate<'p>(context: &Context<'p>, route: &'p RoutePlan) -> Asked<'p> {
    let Some(auth) = &route.auth else { return Asked::Nobody };
    let service = context.model()[auth.endpoint.service].forward_auth.as_ref();
    let (Some(url), Some(path), Some(service)) = (&auth.url, &auth.path, service) else {
        return Asked::InVain;
    };
    // nginx keeps a header of an answer in a variable of its name.
    let variable = |header: &String| header.to_ascii_lowercase().replace('-', "_");
    Asked::Gate(Gate {
        url,
        path,
        pages: service.pages.as_deref(),
        sign_in: service.sign_in.as_deref(),
        location: service.location.as_ref().map(variable),
        claims: service.headers.iter().map(variable).collect(),
    })
}
