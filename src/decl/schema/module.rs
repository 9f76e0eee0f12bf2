//! Defines modules: the definitions of services.

use super::container::{CONTAINER, CONTAINER_NETWORK, SYSCTL};
use super::facts::MODULE_FACTS;
use super::shared::{ALERT_PROPERTIES, ALERT_TEXTS, DOC, HEALTH_WITHIN};
use super::system::{FILE, FOLDER, KERNEL_MODULE, PACKAGE, SCRIPT, UNIT, USES_DEVICE, USES_SECRET};
use super::{Child, NAME, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

const BACKUP_CLASSES: &[&str] = &["hourly", "daily", "weekly", "monthly", "never", "dump"];

/// The types that an option may have.
pub const OPTION_TYPES: &[&str] = &[
    "text",
    "name",
    "boolean",
    "integer",
    "number",
    "port",
    "size",
    "duration",
    "cron",
    "address",
    "cidr",
    "path",
    "image",
    "url",
    "host",
    "mail",
    "enum",
    "secret",
    "network",
    "zone",
    "machine",
    "service",
    "record",
    "device",
    "wireguard-key",
    "word",
    "host-port",
    "storage",
    "database-name",
    "pattern",
    "ssh-key",
    "line",
    "setting",
];

/// The roles in which the language itself knows services.
pub const ROLES: &[&str] = &[
    "prometheus",
    "grafana",
    "log-collector",
    "restic",
    "copy",
    "fail2ban",
    "dns",
    "node-exporter",
    "container-exporter",
    "blackbox-exporter",
    "database",
];

/// A module.
pub static MODULE: NodeSchema = NodeSchema::new(
    "module",
    "Defines a kind of service: its options, the state that it keeps, its containers or packages \
     and units, and what it provides. A site module with a built-in module's name overrides it \
     field by field.",
    "module echo version=\"1.0.0\" { summary \"Says it back\"; container echo { image \
     \"docker.io/library/busybox:1.37\"; }; }",
)
.arguments(&[NAME])
.properties(&[optional("version", Type::Text, "Its own version.")])
.children(&[MODULE_FACTS, MODULE_OPTIONS, MODULE_BODY]);

static MODULE_OPTIONS: &[Child] =
    &[keyed(&OPTION), keyed(&RENAMED), keyed(&RETIRED), many(&ASSERT)];

static MODULE_BODY: &[Child] = &[
    keyed(&STATE),
    keyed(&DATABASE),
    keyed(&CONTAINER),
    keyed(&CONTAINER_NETWORK),
    keyed(&PROVIDES),
    keyed(&FILE),
    keyed(&FOLDER),
    keyed(&SCRIPT),
    many(&PACKAGE),
    keyed(&UNIT),
    keyed(&SYSCTL),
    many(&KERNEL_MODULE),
    many(&USES_DEVICE),
    many(&USES_SECRET),
    keyed(&NEEDS),
    once(&ROLE),
    once(&PROXY),
    once(&FORWARD_AUTH),
    once(&GATEWAY),
    once(&REVERSIBLE),
    once(&HEALTH_WITHIN),
    keyed(&BY_HAND),
    keyed(&ALERT),
    keyed(&DASHBOARD),
    many(&WHEN),
];

static OPTION: NodeSchema = NodeSchema::new(
    "option",
    "An option of the module.",
    "option library type=path list=#true { required; doc \"Folders to show.\"; }",
)
.arguments(&[required("name", Type::Name, "Its name: the node's name in a `service`.")])
.properties(&[
    required("type", Type::Enum(OPTION_TYPES), "The type of its value."),
    optional("list", Type::Bool, "Whether it takes several values. Default: `#false`."),
])
.children(&[&[
    once(&REQUIRED),
    once(&DEFAULT),
    once(&VALUES),
    once(&DOC),
    once(&MERGE),
    keyed(&FIELD),
]]);
static REQUIRED: NodeSchema =
    NodeSchema::new("required", "Says that every service must set it.", "required");
static DEFAULT: NodeSchema = {
    let mut schema =
        NodeSchema::new("default", "The value if the service sets none.", "default none")
            .rest(required("value", Type::Given, "The value; several for a list."))
            .dynamic();
    schema.options = true;
    schema
};
static VALUES: NodeSchema = NodeSchema::new(
    "values",
    "The words of an `enum`.",
    "values none vaapi nvenc",
)
.rest(required("word", Type::Text, "A word."));
static MERGE: NodeSchema = NodeSchema::new(
    "merge",
    "How a list that is set in several places is merged. Default: `replace`.",
    "merge append",
)
.arguments(&[required(
    "how",
    Type::Enum(&["append", "replace"]),
    "`append` keeps the values of every place; `replace` only those of the strongest.",
)]);
static FIELD: NodeSchema = NodeSchema::new(
    "field",
    "A property of a `record` option.",
    "field daily type=integer { default 7; }",
)
.arguments(&[NAME])
.properties(&[required("type", Type::Enum(OPTION_TYPES), "The type of its value.")])
.children(&[&[once(&REQUIRED), once(&DEFAULT), once(&VALUES), once(&DOC)]]);
static RENAMED: NodeSchema =
    NodeSchema::new("renamed", "Says that an option has a new name.", "renamed media to=library")
        .arguments(&[NAME])
        .properties(&[required("to", Type::Name, "Its new name.")]);
static RETIRED: NodeSchema = NodeSchema::new(
    "retired",
    "Says that an option no longer exists, and what to write instead.",
    "retired workers \"set `resources` instead\"",
)
.arguments(&[NAME, required("note", Type::Text, "What to write instead.")]);
static ASSERT: NodeSchema = NodeSchema::new(
    "assert",
    "What must be true of every service of the module.",
    "assert (expr)\"opt.transcode == 'none' or machine.gpu\" \"needs a GPU\"",
)
.arguments(&[
    required("condition", Type::Expression, "The condition."),
    required("message", Type::Text, "What is wrong when it does not hold."),
])
.dynamic();

static STATE: NodeSchema = NodeSchema::new(
    "state",
    "A folder that the service keeps. If it is missing, it is made with this owner and mode.",
    "state config path=(f)\"{machine.appdata}/{service.name}/config\" owner=1000 group=1000",
)
.arguments(&[NAME])
.properties(&[
    required("path", Type::Path, "The folder on the machine."),
    optional(
        "backup",
        Type::Enum(BACKUP_CLASSES),
        "How often it is backed up. Default: like the folder that it is in. `dump`: only through \
         the dumps of its `database`.",
    ),
    optional("reason", Type::Text, "Why it is never backed up."),
    optional("owner", Type::Owner, "Its owner. Default: `root`."),
    optional("group", Type::Owner, "Its group. Default: `root`."),
    optional("mode", Type::Mode, "Its mode. Default: `0755`."),
    optional(
        "local-disk",
        Type::Bool,
        "Whether it holds a database that network file systems corrupt. Default: `#false`.",
    ),
    optional("what", Type::Line, "What it holds, for people."),
    optional(
        "live-copy",
        Type::Line,
        "With `local-disk` and without a `database`: why a copy that is made while the program \
         runs can be used.",
    ),
])
.dynamic();
static DATABASE: NodeSchema = NodeSchema::new(
    "database",
    "A database that a backup dumps first.",
    "database immich engine=postgres container=database user=immich state=database",
)
.arguments(&[required(
    "database",
    Type::Database,
    "The database's name; for sqlite, the path of its file on the machine; for a folder, its path.",
)])
.properties(&[
    required(
        "engine",
        Type::Enum(&["postgres", "mariadb", "sqlite", "folder"]),
        "The engine. `folder`: any other that survives a kill; it is copied while it is paused.",
    ),
    optional("container", Type::Name, "The container that runs it, or writes the folder."),
    optional("user", Type::Line, "The user to dump as."),
    optional(
        "state",
        Type::Name,
        "The state that holds its files. Default for sqlite and a folder: the state with it.",
    ),
    optional("optional", Type::Bool, "Whether it may be missing. Default: `#false`."),
    optional(
        "major",
        Type::Line,
        "The engine's major version, if the tag of the container's image does not name it. A \
         change of it can't be undone.",
    ),
])
.dynamic();

static REVERSIBLE: NodeSchema = NodeSchema::new(
    "reversible",
    "Says that an older version of the program reads what a newer one has written, so that \
     `labctl rollback` needs no dump to go back. Without it, a new image of a service that keeps \
     something is one-way: the new version may have migrated what it keeps.",
    "reversible \"certificates are files that every version reads\"",
)
.arguments(&[required("why", Type::Line, "Why that is so.")]);
static BY_HAND: NodeSchema = NodeSchema::new(
    "by-hand",
    "What a person must do once the service runs, because no bundle can. RUNBOOK.md of the machine \
     lists it, to be ticked off.",
    "by-hand routes \"approve its routes in the tailnet\" done=\"another device reaches the lab\"",
)
.arguments(&[NAME, required("what", Type::Line, "What to do, after the service's name.")])
.properties(&[optional("done", Type::Line, "How to see that it is done.")])
.children(&[&[many(&RUN)]])
.dynamic();
static RUN: NodeSchema = NodeSchema::new(
    "run",
    "A line to type for it, as root on the machine.",
    "run \"docker exec ntfy ntfy user add ada\"",
)
.arguments(&[required("line", Type::Line, "The line.")])
.dynamic();
static WHEN: NodeSchema = NodeSchema::new(
    "when",
    "Counts only when the condition holds.",
    "when (expr)\"opt.ml\" { container ml { image \"x/ml:1\"; }; }",
)
.arguments(&[required("condition", Type::Expression, "The condition.")])
.children(&[MODULE_BODY])
.dynamic();

static PROVIDES: NodeSchema = NodeSchema::new(
    "provides",
    "An endpoint: a port that the service listens on.",
    "provides web container=jellyfin port=8096 protocol=http",
)
.arguments(&[NAME])
.properties(&[
    optional("container", Type::Name, "The container that listens. Default: the machine itself."),
    required(
        "port",
        Type::Ports,
        "The port inside the container, or on the machine; `\"50000-50100\"` is several in a row.",
    ),
    optional(
        "protocol",
        Type::Enum(&["tcp", "udp", "http", "https"]),
        "The protocol. Default: `tcp`; `http` with `scrape` or `path`.",
    ),
    optional("path", Type::Line, "The path, for probes, scrapes and links."),
    optional("scrape", Type::Bool, "Whether Prometheus scrapes it. Default: `#false`."),
    optional("token", Type::Secret, "With `scrape`: the bearer token that it requires."),
    optional("user", Type::Text, "With `scrape` and `password`: the user's name. Default: empty."),
    optional("password", Type::Secret, "With `scrape`: the password that it requires."),
    optional("role", Type::Name, "The role that other services can need it by."),
    optional(
        "database",
        Type::Bool,
        "Whether it is a database's port, which no zone should reach. Default: `#false`.",
    ),
    optional(
        "follows",
        Type::Bool,
        "Whether the program listens on the port that a lab gives it on the machine, as programs \
         must that check the port in requests. Default: `#false`.",
    ),
    optional("ipv6", Type::Bool, "Whether it listens on IPv6 too. Default: `#true`."),
    optional(
        "admin",
        Type::Bool,
        "Whether it is for administration, which the internet should not reach. Default: `#false`.",
    ),
])
.dynamic();
static NEEDS: NodeSchema = NodeSchema::new(
    "needs",
    "Endpoints of other services that it connects to. The firewall rules at both ends are derived \
     from it.",
    "needs metrics role=prometheus container=grafana",
)
.arguments(&[required("name", Type::Name, "The name that templates use for them.")])
.properties(&[
    required("role", Type::Name, "The role that they must have."),
    optional(
        "service",
        Type::Entity("service"),
        "The one service whose endpoint it is. Default: every service of the lab that provides \
         the role.",
    ),
    optional(
        "container",
        Type::Name,
        "The container that connects. Default: the module's first; the machine when it has none.",
    ),
    optional("optional", Type::Bool, "Whether the lab may have none. Default: `#false`."),
    optional(
        "one-by",
        Type::Name,
        "The option that says which service, where several provide the role and it uses one.",
    ),
    optional(
        "same-machine",
        Type::Bool,
        "Whether only services of its own machine count. Default: `#false`.",
    ),
])
.dynamic();
static ROLE: NodeSchema = NodeSchema::new(
    "role",
    "A role that labwright itself knows. An emitter then writes the service's configuration. What \
     others connect to is the role of an endpoint: see `provides`.",
    "role prometheus",
)
.rest(required("role", Type::Enum(ROLES), "The role."));
static PROXY: NodeSchema = NodeSchema::new(
    "proxy",
    "Says that routes may go through the service.",
    "proxy caddy http=http https=https container=caddy",
)
.arguments(&[required(
    "program",
    Type::Enum(&["nginx-proxy-manager", "traefik", "caddy"]),
    "The program.",
)])
.properties(&[
    optional("http", Type::Name, "The endpoint that listens for http."),
    optional("https", Type::Name, "The endpoint that listens for https."),
    optional(
        "container",
        Type::Name,
        "The container that connects to the services. Default: the module's first.",
    ),
]);
static FORWARD_AUTH: NodeSchema = NodeSchema::new(
    "forward-auth",
    "Says how proxies ask the service who a user is, for routes with `auth=`. A proxy whose path \
     is missing can't ask it.",
    "forward-auth web caddy=\"/auth\" traefik=\"/auth\" { headers Remote-User Remote-Groups; }",
)
.arguments(&[required("endpoint", Type::Name, "The endpoint that proxies ask.")])
.properties(&[
    optional("caddy", Type::WebPath, "The path that Caddy asks."),
    optional("traefik", Type::WebPath, "The path that Traefik asks."),
    optional("nginx-proxy-manager", Type::WebPath, "The path that nginx-proxy-manager asks."),
    optional(
        "pages",
        Type::WebPath,
        "A folder of pages that every guarded host shows for it, such as those to log in.",
    ),
    optional(
        "sign-in",
        Type::WebPath,
        "With nginx-proxy-manager: the page of a guarded host that a stranger is sent to. The \
         address that they asked for is appended.",
    ),
    optional(
        "location",
        Type::Header,
        "With nginx-proxy-manager, instead of `sign-in`: the header of the answer that says where \
         to send a stranger.",
    ),
])
.children(&[&[once(&HEADERS)]]);
static HEADERS: NodeSchema = NodeSchema::new(
    "headers",
    "The headers that tell the guarded service who the user is. A visitor's own are dropped; \
     nginx-proxy-manager refuses a visitor who sends one, and passes none on.",
    "headers Remote-User Remote-Groups",
)
.rest(required("header", Type::Header, "A header."));
static GATEWAY: NodeSchema = NodeSchema::new(
    "gateway",
    "Says that the service carries the traffic of a network, as a VPN server does for its clients.",
    "gateway (ref)opt.clients reach=(ref)opt.reach",
)
.arguments(&[required("network", Type::Entity("network"), "The clients' network.")])
.properties(&[
    optional("reach", Type::Entity("zone"), "Zones whose every address the clients may reach.")
        .list(),
    optional(
        "masquerade",
        Type::Bool,
        "Whether connections of clients seem to come from the machine, where the other side has \
         no route back to them. Default: `#true`.",
    ),
])
.dynamic();
static ALERT: NodeSchema = NodeSchema::new(
    "alert",
    "An alert rule that the service brings.",
    "alert JellyfinDown when=\"up{job=\\\"jellyfin\\\"} == 0\" { summary \"Jellyfin is down\"; }",
)
.arguments(&[required("name", Type::Text, "The name, in CamelCase.")])
.properties(ALERT_PROPERTIES)
.children(&[ALERT_TEXTS])
.dynamic();
static DASHBOARD: NodeSchema = NodeSchema::new(
    "dashboard",
    "A Grafana dashboard that the service brings.",
    "dashboard loki from=\"loki.json.j2\"",
)
.arguments(&[NAME])
.properties(&[required("from", Type::Text, "The template, in the module's folder.")]);
