//! Defines services: instances of modules.

use super::route::ROUTE;
use super::shared::{HEALTH_WITHIN, RAW_VALUE};
use super::{Child, NAME, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

/// An instance of a module.
pub static SERVICE: NodeSchema =
    {
        let mut schema = NodeSchema::new(
        "service",
        "An instance of a module on a machine. Besides the nodes below, it takes the module's \
         options, each as a node: `labwright modules NAME` lists them.",
        "service media module=jellyfin on=intranet { library \"/mnt/media\"; expose web to=lan; }",
    )
    .arguments(&[NAME])
    .properties(&[
        required("on", Type::Entity("machine"), "The machine that it runs on."),
        optional("module", Type::Entity("module"), "The module. Default: the one with the \
                                                    service's name."),
    ])
    .children(&[SERVICE_FIELDS]);
        schema.options = true;
        schema
    };

static SERVICE_FIELDS: &[Child] = &[
    many(&EXPOSE),
    keyed(&ROUTE),
    many(&LINK),
    keyed(&PORT),
    once(&OWN_ADDRESS),
    keyed(&STATE),
    once(&HEALTH_WITHIN),
    many(&RESOURCES),
    many(&RAW),
];

static EXPOSE: NodeSchema =
    NodeSchema::new("expose", "Opens an endpoint to zones, directly.", "expose web to=lan,tunnel")
        .arguments(&[required("endpoint", Type::Endpoint, "What is opened.")])
        .properties(&[required("to", Type::Entity("zone"), "The zones that may reach it.").list()]);
static LINK: NodeSchema = NodeSchema::new(
    "link",
    "Lets the service connect to another one, where nothing else says that it does: neither the \
     module's needs, nor a route, nor a scrape. Containers of different services can't connect to \
     each other without a reason. On another machine, its firewall is opened to this one.",
    "link jellyfin",
)
.arguments(&[required("service", Type::Entity("service"), "The service that it connects to.")])
.properties(&[
    optional(
        "endpoint",
        Type::Endpoint,
        "The one endpoint that it connects to. Default: all but databases, or all if it has \
         nothing else.",
    ),
    optional("container", Type::Name, "The container that connects. Default: the module's first."),
]);
static PORT: NodeSchema = NodeSchema::new(
    "port",
    "Gives an endpoint another port on the machine, or publishes it at some of the machine's \
     addresses alone.",
    "port web 3001 address=\"127.0.0.1\"",
)
.arguments(&[
    required("endpoint", Type::Endpoint, "What gets the port."),
    optional(
        "port",
        Type::Ports,
        "The port on the machine. An endpoint of several ports gets as many in a row. Default: \
         the module's.",
    ),
])
.properties(&[optional(
    "address",
    Type::Address,
    "The addresses of the machine at which a container's port is published. `127.0.0.1` and `::1` \
     are for programs on the machine itself, whom no firewall keeps out. Default: all addresses, \
     if something connects to it.",
)
.list()]);
static OWN_ADDRESS: NodeSchema = NodeSchema::new(
    "own-address",
    "Gives the service addresses that nothing else has, in networks of its machine. The machine \
     takes them too, and the ports of the service's containers are published there and nowhere \
     else. `SERVICE.DOMAIN` leads there.",
    "own-address \"192.168.1.53\"",
)
.rest(required("address", Type::Address, "The addresses."));
static STATE: NodeSchema = NodeSchema::new(
    "state",
    "Says where a state of the module is kept: a folder that is there already, such as one that \
     another program's containers used before. If it is missing, it is made.",
    "state config path=\"/opt/stacks/jellyfin/config\" backup=daily",
)
.arguments(&[required("name", Type::Name, "The state's name in the module.")])
.properties(&[
    optional("path", Type::Path, "The folder on the machine. Default: the module's."),
    optional(
        "backup",
        Type::Enum(&["hourly", "daily", "weekly", "monthly", "never"]),
        "How often it is backed up. Default: as the module says.",
    ),
    optional("reason", Type::Text, "Why it is never backed up."),
]);
static RESOURCES: NodeSchema = NodeSchema::new(
    "resources",
    "The most that a container may use.",
    "resources memory=(size)\"2GiB\" cpus=1.5",
)
.properties(&[
    optional("memory", Type::Size, "Memory."),
    optional("cpus", Type::Processors, "Processors."),
    optional("container", Type::Name, "The container. Default: the module's first."),
]);
static RAW: NodeSchema = {
    let mut schema = NodeSchema::new(
        "raw",
        "Sets a key that the language does not model: `compose.KEY` of a container, or \
         `unit.SECTION.KEY` of a systemd unit. In a key with several values (`environment`, \
         `volumes`), it adds to those that labwright writes. Children are names with values; \
         those called `-` are the items of a list. Every review marks it.",
        "raw compose.oom_score_adj -500",
    )
    .arguments(&[required("key", Type::Text, "`compose.KEY` or `unit.SECTION.KEY`.")])
    .rest(RAW_VALUE)
    .properties(&[
        optional("container", Type::Name, "The container. Default: the module's first."),
        optional("unit", Type::Unit, "The unit. Default: the module's first."),
    ]);
    schema.options = true;
    schema
};

/// The value of a module's option. Its name and type can be anything, because the module defines
/// them.
pub static OPTION_VALUE: NodeSchema = {
    let mut schema =
        NodeSchema::new("OPTION", "A value of an option of the module.", "library \"/mnt/media\"")
            .rest(optional("value", Type::Given, "The value; several for a list."));
    schema.options = true;
    schema.dynamic = true;
    schema
};
