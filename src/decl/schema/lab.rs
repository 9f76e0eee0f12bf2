//! Defines the nodes at the top of a file.

use super::guest::{LXC, VM};
use super::machine::HOST;
use super::module::MODULE;
use super::service::SERVICE;
use super::shared::{ALERT_PROPERTIES, ALERT_TEXTS, DOC};
use super::{Child, MACHINE_FIELDS, NAME, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

/// The nodes that are allowed at the top of a file.
pub static TOP: &[Child] = &[
    once(&EDITION),
    keyed(&LAB),
    keyed(&ADMIN),
    keyed(&NETWORK),
    keyed(&ROUTER),
    keyed(&HOST),
    keyed(&VM),
    keyed(&LXC),
    keyed(&SERVICE),
    keyed(&MODULE),
    keyed(&SECRET),
    keyed(&HOST_NAME),
    keyed(&PROFILE),
    many(&EXTEND),
    keyed(&ALERT),
    keyed(&DASHBOARD),
    many(&ACCEPT),
    many(&MOVED),
    many(&REMOVED),
];

/// The nodes that an active profile may contain besides settings of machines.
static PROFILE_ENTITIES: &[Child] = &[
    many(&EXTEND),
    keyed(&VM),
    keyed(&LXC),
    keyed(&SERVICE),
    keyed(&SECRET),
    keyed(&HOST_NAME),
    many(&ACCEPT),
    many(&REMOVED),
];

static EDITION: NodeSchema = NodeSchema::new(
    "edition",
    "The edition of the language that the lab is written in.",
    "edition 1",
)
.arguments(&[required("edition", Type::Integer, "The edition; 1 is the only one.")]);

static LAB: NodeSchema = NodeSchema::new(
    "lab",
    "The lab's name and settings.",
    "lab home version=\"2026.1\" { domain \"example.org\"; }",
)
.arguments(&[NAME])
.properties(&[required(
    "version",
    Type::Version,
    "The version of the release: numbers separated by dots, such as `2026.1.3`.",
)])
.children(&[&[once(&DOMAIN), once(&TIMEZONE), once(&EMAIL), many(&SELECT)]]);
static DOMAIN: NodeSchema =
    NodeSchema::new("domain", "The public domain of the lab.", "domain \"example.org\"")
        .arguments(&[required("domain", Type::Host, "A DNS name.")]);
static TIMEZONE: NodeSchema = NodeSchema::new(
    "timezone",
    "The IANA time zone of every machine. Default: `Etc/UTC`.",
    "timezone \"Europe/Brussels\"",
)
.arguments(&[required("timezone", Type::Timezone, "An IANA name.")]);
static EMAIL: NodeSchema = NodeSchema::new(
    "email",
    "The mail address that certificate authorities write to.",
    "email \"me@example.org\"",
)
.arguments(&[required("address", Type::Mail, "A mail address.")]);
static SELECT: NodeSchema = NodeSchema::new(
    "select",
    "Makes profiles active: the variant of the lab to build.",
    "select small",
)
.rest(required("profile", Type::Entity("profile"), "A profile's name."));

static ADMIN: NodeSchema = NodeSchema::new(
    "admin",
    "A person's account on every machine.",
    "admin ada { ssh-key \"ssh-ed25519 \
     AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada\"; }",
)
.arguments(&[required("name", Type::Name, "The account's name.")])
.children(&[&[many(&SSH_KEY)]]);
static SSH_KEY: NodeSchema = NodeSchema::new(
    "ssh-key",
    "A public key that may log in.",
    "ssh-key \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE \
     ada\"",
)
.arguments(&[required("key", Type::Text, "A line of `authorized_keys`.")]);

static NETWORK: NodeSchema = NodeSchema::new(
    "network",
    "A network of the lab. It is also the zone of its machines, unless they name another.",
    "network lan cidr=\"192.168.1.0/24\" gateway=\"192.168.1.1\"",
)
.arguments(&[NAME])
.properties(&[
    optional("cidr", Type::Cidr, "The prefix, IPv4 or IPv6."),
    optional("cidr6", Type::Cidr, "The IPv6 prefix of a network that has both."),
    optional("gateway", Type::Address, "The default gateway."),
    optional("gateway6", Type::Address, "The IPv6 gateway of a network that has both."),
    optional("dns", Type::Address, "The name servers.").list(),
    optional("vlan", Type::Between(1, 4094), "The VLAN tag."),
]);

static ROUTER: NodeSchema = NodeSchema::new(
    "router",
    "An unmanaged box between the lab and the internet. The port forwards that it needs are \
     derived and listed.",
    "router box on=lan address=\"192.168.1.1\"",
)
.arguments(&[NAME])
.properties(&[
    required("on", Type::Entity("network"), "The network that it is in."),
    required("address", Type::Address, "Its address there."),
]);

static SECRET: NodeSchema = NodeSchema::new(
    "secret",
    "The name of a value that the machines provide as a file. The value never enters the lab.",
    "secret admin-password",
)
.arguments(&[NAME])
.children(&[&[once(&DOC)]]);

static PROFILE: NodeSchema = NodeSchema::new(
    "profile",
    "Settings for many machines, and a variant of the lab. Its machine settings go to the \
     machines that `on` names and to those with one of the `tagged` tags. If it has neither, they \
     go to all machines when `lab` selects it. Its other nodes count only then.",
    "profile locked-down tagged=web { ssh from=admin-net; }",
)
.arguments(&[NAME])
.properties(&[
    optional("on", Type::Entity("machine"), "Machines that get the settings.").list(),
    optional("tagged", Type::Name, "Tags whose machines get the settings.").list(),
])
.children(&[MACHINE_FIELDS, PROFILE_ENTITIES]);

static EXTEND: NodeSchema = NodeSchema::new(
    "extend",
    "Adds to an entity from a second place; nothing else can. Its values are merged with the \
     entity's own. Two different values conflict, unless one is `(default)` or `(force)`.",
    "extend vm media { (force)memory \"16GiB\" reason=\"the new module\"; }",
)
.arguments(&[
    required(
        "kind",
        Type::Enum(&["lab", "admin", "network", "router", "host", "vm", "lxc", "service"]),
        "The kind of the entity.",
    ),
    required("name", Type::Name, "Its name."),
]);

static ALERT: NodeSchema = NodeSchema::new(
    "alert",
    "An alert rule in addition to those of the modules.",
    "alert DiskAlmostFull when=\"node_filesystem_avail_bytes < 1e9\" for=(duration)\"10m\" { \
     summary \"The disk is almost full\"; }",
)
.arguments(&[required("name", Type::Text, "The name, in CamelCase.")])
.properties(ALERT_PROPERTIES)
.children(&[ALERT_TEXTS]);

static DASHBOARD: NodeSchema = NodeSchema::new(
    "dashboard",
    "A Grafana dashboard in addition to those of the modules: a file of the lab, or one of \
     grafana.com.",
    "dashboard energy from=\"energy.json\"",
)
.arguments(&[NAME])
.properties(&[
    optional("id", Type::Between(1, i64::MAX), "The dashboard's id on grafana.com."),
    optional(
        "revision",
        Type::Between(1, i64::MAX),
        "The revision. Default: the newest one at the first download.",
    ),
    optional("sha256", Type::Sha256, "The SHA-256 of that revision, in hexadecimal."),
    optional(
        "from",
        Type::Text,
        "A file below the lab's `modules/` folder, as Grafana exports it; a template when its \
         name ends in `.j2`.",
    ),
]);

static HOST_NAME: NodeSchema = NodeSchema::new(
    "name",
    "A further host name for the lab's DNS servers. They already know each route's name, which \
     leads to its proxy, and each machine's (`NAME.DOMAIN`).",
    "name \"printer.example.org\" address=\"192.168.1.40\"",
)
.arguments(&[required("host", Type::Host, "The host name.")])
.properties(&[
    required("address", Type::Address, "The address that it leads to."),
    optional(
        "below",
        Type::Bool,
        "Whether every name below it leads there too. Default: `#false`.",
    ),
]);

static ACCEPT: NodeSchema = NodeSchema::new(
    "accept",
    "Says that a warning has been read and is accepted.",
    "accept backup-same-disk on=restic reason=\"until the second disk is here\"",
)
.arguments(&[required("code", Type::Text, "The finding's code.")])
.properties(&[
    optional(
        "on",
        Type::Text,
        "The entity that the finding is about. Without it, every finding of that code is accepted.",
    ),
    required("reason", Type::Text, "Why. The release records it."),
]);

static MOVED: NodeSchema = NodeSchema::new(
    "moved",
    "Says that an entity has a new name and keeps its data. What a service keeps in a folder with \
     its name below `appdata` stays there, so this node stays as long as the folder has the old \
     name. A machine takes bundles for its old name until somebody writes the new one into the \
     file that labctl names.",
    "moved service jelly to=jellyfin",
)
.arguments(&[
    required("kind", Type::Enum(&["host", "vm", "lxc", "service"]), "The kind of the entity."),
    required("from", Type::Name, "Its old name."),
])
.properties(&[required("to", Type::Name, "Its new name.")]);
static REMOVED: NodeSchema = NodeSchema::new(
    "removed",
    "Says that an entity was removed on purpose.",
    "removed service readarr reason=\"retired\"",
)
.arguments(&[
    required(
        "kind",
        Type::Enum(&["host", "vm", "lxc", "service", "dataset"]),
        "The kind of the entity.",
    ),
    required("name", Type::Text, "Its name."),
])
.properties(&[required("reason", Type::Text, "Why.")]);
