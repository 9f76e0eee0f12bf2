//! Defines routes, and what the proxy does on the way.

use super::shared::RAW_VALUE;
use super::{Field, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

/// A host name that leads to an endpoint.
pub static ROUTE: NodeSchema = NodeSchema::new(
    "route",
    "Leads a host name to an endpoint through a proxy. The zones may reach the proxy, and the \
     proxy may reach the endpoint. Nothing else is opened.",
    "route \"media.example.org\" to=web via=npm from=internet,lan",
)
.arguments(&[required("host", Type::Host, "The host name.")])
.properties(&[
    required("to", Type::Endpoint, "What of the service visitors reach."),
    required("via", Type::Entity("service"), "The proxy."),
    required("from", Type::Entity("zone"), "The zones that may use it.").list(),
    optional("auth", Type::Entity("service"), "The service that authenticates users first."),
])
.children(&[&[
    keyed(&ALIAS),
    keyed(&PATH),
    once(&ALLOW),
    once(&LOGIN),
    once(&RATE_LIMIT),
    once(&BODY_LIMIT),
    keyed(&REQUEST_HEADER),
    keyed(&RESPONSE_HEADER),
    keyed(&REDIRECT),
    many(&RAW),
]]);

static ALIAS: NodeSchema = NodeSchema::new(
    "alias",
    "A further host name of the route, or all names directly below one. A name that has a route of \
     its own keeps it. The certificate of a `*.` name is proved by DNS.",
    "alias \"www.example.org\" redirect=#true",
)
.arguments(&[required("host", Type::Hosts, "The host name.")])
.properties(&[optional(
    "redirect",
    Type::Bool,
    "Whether visitors are sent on to the route's own host name. Default: `#false`.",
)]);
static PATH: NodeSchema = NodeSchema::new(
    "path",
    "Leads only this path, and what is below it. With several, each is led; without any, all \
     paths are. Services may share a host name if their paths differ; the longest one decides.",
    "path \"/api\" strip=#true",
)
.arguments(&[required("path", Type::WebFolder, "The path, or `/` for all others.")])
.properties(&[
    optional("to", Type::Endpoint, "The endpoint. Default: the route's."),
    optional(
        "strip",
        Type::Bool,
        "Whether the service gets the request without this part of its path. Default: `#false`.",
    ),
]);
static ALLOW: NodeSchema = NodeSchema::new(
    "allow",
    "Of the zones in `from`, only these addresses may use the route.",
    "allow \"192.168.1.0/28\"",
)
.rest(required("prefix", Type::Cidr, "A prefix."));
static LOGIN: NodeSchema = NodeSchema::new(
    "login",
    "Asks for a name and a password, as browsers do by themselves (HTTP basic authentication). \
     The service does not get to see them.",
    "login (secret)app-users",
)
.arguments(&[required(
    "users",
    Type::Secret,
    "The users: a line `NAME:HASH` for each, as `htpasswd -B` writes them. Caddy reads `NAME \
     HASH`.",
)]);
static RATE_LIMIT: NodeSchema = NodeSchema::new(
    "rate-limit",
    "Refuses an address that sends more requests than this. Traefik only: the others can't count \
     them.",
    "rate-limit 100 per=(duration)\"1m\" burst=50",
)
.arguments(&[required("requests", Type::Between(1, 1_000_000), "The requests.")])
.properties(&[
    optional("per", Type::Duration, "The time that they are counted in. Default: `1s`."),
    optional(
        "burst",
        Type::Between(1, 1_000_000),
        "How many may come at once. Default: as many as `requests`.",
    ),
]);
static BODY_LIMIT: NodeSchema = NodeSchema::new(
    "body-limit",
    "Refuses uploads that are larger. Default: any size.",
    "body-limit (size)\"10MiB\"",
)
.arguments(&[required("size", Type::Size, "The size.")]);
static REQUEST_HEADER: NodeSchema = NodeSchema::new(
    "request-header",
    "Sets a header of the requests that the service gets.",
    "request-header X-Script-Name \"/app\"",
)
.arguments(HEADER);
static RESPONSE_HEADER: NodeSchema = NodeSchema::new(
    "response-header",
    "Sets a header of the answers that visitors get.",
    "response-header X-Frame-Options \"SAMEORIGIN\"",
)
.arguments(HEADER);
static HEADER: &[Field] = &[
    required("name", Type::Header, "The header."),
    optional("value", Type::Setting, "Its value. Without one, the header is removed."),
];
static REDIRECT: NodeSchema = NodeSchema::new(
    "redirect",
    "Sends visitors of one path on to another.",
    "redirect \"/\" to=\"/web/\"",
)
.arguments(&[required("path", Type::WebPage, "The path, and no other below it.")])
.properties(&[
    required("to", Type::WebTarget, "A path of the same host name, or a URL."),
    optional(
        "permanent",
        Type::Bool,
        "Whether browsers may remember it for good. Default: `#false`.",
    ),
]);
static RAW: NodeSchema = {
    let mut schema = NodeSchema::new(
        "raw",
        "Adds what the language does not model, in the words of the proxy: `caddy.DIRECTIVE` and \
         `nginx.DIRECTIVE` with their arguments, `traefik.MIDDLEWARE` with its settings as \
         children. Every review marks it.",
        "raw traefik.compress { excludedContentTypes { - \"text/event-stream\"; }; }",
    )
    .arguments(&[required("key", Type::Text, "The proxy and the directive or middleware.")])
    .rest(RAW_VALUE);
    schema.options = true;
    schema
};
