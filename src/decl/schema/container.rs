//! Defines the containers of a module.

use super::process::PROCESS;
use super::running::RUNNING;
use super::{Child, Field, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

/// A container.
pub static CONTAINER: NodeSchema = NodeSchema::new(
    "container",
    "A container, run by compose.",
    "container web { image (ref)opt.image; mount (ref)state.config at=\"/config\"; }",
)
.arguments(&[required(
    "name",
    Type::Name,
    "Its name. A container with the module's name gets the name of the service.",
)])
.children(&[RUNNING, PROCESS, CONTAINER_BODY]);

static CONTAINER_BODY: &[Child] = &[
    once(&IMAGE),
    once(&BUILD),
    once(&ENTRYPOINT),
    many(&COMMAND),
    once(&USER),
    keyed(&ENV),
    many(&SECRET),
    many(&MOUNT),
    many(&TMPFS),
    many(&DEVICE),
    many(&CAP_ADD),
    many(&CAP_DROP),
    many(&SECURITY_OPTION),
    many(&GROUP),
    keyed(&SYSCTL),
    many(&EXTRA_HOST),
    once(&NETWORK),
    keyed(&ON_NETWORK),
    once(&HOST_PID),
    once(&PRIVILEGED),
    once(&SHM_SIZE),
    once(&INIT),
    once(&READ_ONLY),
    once(&HEALTH),
    many(&DEPENDS_ON),
    once(&STOP_GRACE),
    once(&RELOAD),
    keyed(&LABEL),
    once(&LIMITS),
    many(&RAW),
    many(&WHEN_IN_CONTAINER),
];

static IMAGE: NodeSchema =
    NodeSchema::new("image", "The image, with a tag that names a version.", "image (ref)opt.image")
        .arguments(&[required("image", Type::Image, "The reference.")])
        .dynamic();
static BUILD: NodeSchema = NodeSchema::new(
    "build",
    "Builds the image on the machine, in place of `image`, from a folder of the module with a \
     Dockerfile. All files of the folder travel in the bundle, but for those whose names begin \
     with a dot, `.dockerignore` among them. When one of them changes, the image is built anew, \
     and the one before stays for a way back.",
    "build site target=prod { arg VERSION \"1.2\"; }",
)
.arguments(&[required("folder", Type::Line, "The folder, next to `module.kdl`.")])
.properties(&[
    optional("dockerfile", Type::Line, "The Dockerfile's path there. Default: `Dockerfile`."),
    optional("target", Type::Word, "The stage to build. Default: the last."),
])
.children(&[&[keyed(&ARG)]])
.dynamic();
static ARG: NodeSchema =
    NodeSchema::new("arg", "An argument of the Dockerfile.", "arg VERSION \"1.2\"")
        .arguments(&[
            required("name", Type::Variable, "Its name."),
            required("value", Type::Any, "Its value."),
        ])
        .dynamic();
static ENTRYPOINT: NodeSchema =
    NodeSchema::new("entrypoint", "Overrides the image's entry point.", "entrypoint \"/bin/tool\"")
        .rest(required("word", Type::Text, "A word of the entry point.").secrets())
        .dynamic();
static COMMAND: NodeSchema = NodeSchema::new(
    "command",
    "Words of the command line. Several nodes are joined in order. Where the container has an \
     `entrypoint`, both may have secrets in them: a shell of the image puts them in. Whoever may \
     list the machine's processes sees them then.",
    "command \"--config=/etc/x.yml\"",
)
.rest(required("word", Type::Text, "A word. One that is a list is several words.").secrets())
.dynamic();
static USER: NodeSchema =
    NodeSchema::new("user", "The user, and the group after a colon.", "user \"1000:1000\"")
        .arguments(&[required("user", Type::Account, "A name or number.")])
        .dynamic();
static ENV: NodeSchema =
    NodeSchema::new("env", "An environment variable.", "env TZ (ref)lab.timezone")
        .arguments(&[
            required("name", Type::Variable, "Its name."),
            required(
                "value",
                Type::Any,
                "Its value, exactly as the program sees it. An `(f)` may have secrets in it: the \
                 machine puts them in.",
            )
            .secrets(),
        ])
        .properties(&[
            optional(
                "first-start",
                Type::Enum(&["command", "person", "nothing"]),
                "Says that its value counts at the first start alone, and what becomes of a new \
                 one, as for a `secret`.",
            ),
            CHANGE,
            ADVICE,
            optional(
                "encode",
                Type::Enum(&["url", "none"]),
                "How secrets in the value are written: for `url`, everything but letters, digits \
                 and `-._~` in percent signs. Default: `url` if the value begins like a URL, else \
                 `none`.",
            ),
        ])
        .dynamic();
/// What makes a new value known to the program.
const CHANGE: Field = optional(
    "change",
    Type::Text,
    "With `first-start=command`: a line for the container's shell, which reads the new value from \
     its standard input.",
);
/// What a person must do about a new value.
pub(super) const ADVICE: Field =
    optional("advice", Type::Text, "With `first-start=person`: what a person must do.");
static SECRET: NodeSchema = NodeSchema::new(
    "secret",
    "A secret that the container reads, as a file below `/run/secrets`.",
    "secret (ref)opt.password file-variable=POSTGRES_PASSWORD_FILE",
)
.arguments(&[required(
    "secret",
    Type::Secret,
    "The secret. If it is an option without a value, no secret is read.",
)])
.properties(&[
    optional(
        "at",
        Type::Inside,
        "The path inside the container. Default: `/run/secrets/` and the secret's name.",
    ),
    optional("file-variable", Type::Variable, "The environment variable that names the file."),
    optional(
        "value-variable",
        Type::Variable,
        "The environment variable that holds the value, for programs that can't read a file.",
    ),
    optional(
        "owner",
        Type::Owner,
        "The owner that the file must have on the machine, so that the program can read it. \
         Default: `root`.",
    ),
    optional("mode", Type::FileMode, "Its mode. Default: `0400`."),
    optional(
        "first-start",
        Type::Enum(&["postgres", "mariadb", "command", "person", "nothing"]),
        "Says that its value counts at the first start alone, and what becomes of a new one: it is \
         set in the database, a `command` hands it over, or a `person` must do something first. \
         `nothing` is for keys that open an account once.",
    ),
    CHANGE,
    ADVICE,
])
.dynamic();
static MOUNT: NodeSchema = NodeSchema::new(
    "mount",
    "A folder or file of the machine that the container sees: a state, `service.config`, or a \
     path. Each item of a list is mounted.",
    "mount (ref)opt.library at=same read-only=#true",
)
.arguments(&[required("source", Type::Text, "A path; `volume:NAME` is a named volume.")])
.properties(&[
    required("at", Type::Text, "The path inside; `same` is the path on the machine."),
    optional("read-only", Type::Bool, "Whether it is mounted read-only. Default: `#false`."),
    optional(
        "propagation",
        Type::Enum(&["rslave", "rshared", "rprivate"]),
        "The mount propagation.",
    ),
])
.dynamic();
static TMPFS: NodeSchema = NodeSchema::new("tmpfs", "A folder in memory.", "tmpfs \"/tmp\"")
    .arguments(&[required(
        "path",
        Type::Tmpfs,
        "The path inside; after a colon, its `size`, `mode` and the like, as docker writes them.",
    )])
    .dynamic();
static DEVICE: NodeSchema = NodeSchema::new(
    "device",
    "A device of the machine.",
    "device \"/dev/serial/by-id/usb-zigbee\" at=\"/dev/ttyUSB0\"",
)
.arguments(&[required("path", Type::Device, "The path on the machine.")])
.properties(&[optional("at", Type::Device, "The path inside. Default: the same.")])
.dynamic();
static CAP_ADD: NodeSchema =
    NodeSchema::new("cap-add", "Adds a Linux capability.", "cap-add NET_ADMIN")
        .rest(required("capability", Type::Capability, "Its name without `CAP_`."))
        .dynamic();
static CAP_DROP: NodeSchema =
    NodeSchema::new("cap-drop", "Drops a Linux capability.", "cap-drop ALL")
        .rest(required("capability", Type::Capability, "Its name without `CAP_`."))
        .dynamic();
static SECURITY_OPTION: NodeSchema = NodeSchema::new(
    "security-option",
    "An option of the container's confinement.",
    "security-option \"no-new-privileges:true\"",
)
.arguments(&[required("option", Type::Confinement, "The option.")])
.dynamic();
static GROUP: NodeSchema = NodeSchema::new(
    "group",
    "A further group of the container's user: a number, or a name from the image.",
    "group \"992\"",
)
.arguments(&[required("group", Type::Owner, "The group.")])
.dynamic();
/// A kernel setting, of a container or of the machine.
pub(super) static SYSCTL: NodeSchema =
    NodeSchema::new("sysctl", "A kernel setting.", "sysctl \"net.ipv4.ip_forward\" 1")
        .arguments(&[
            required("name", Type::Sysctl, "Its name."),
            required("value", Type::Setting, "Its value."),
        ])
        .dynamic();
static EXTRA_HOST: NodeSchema = NodeSchema::new(
    "extra-host",
    "A line of the container's hosts file.",
    "extra-host \"host.docker.internal:host-gateway\"",
)
.arguments(&[required("line", Type::HostLine, "`NAME:ADDRESS`.")])
.dynamic();
static NETWORK: NodeSchema = NodeSchema::new(
    "network",
    "How the container joins the network. Default: `bridge`, the network of its service.",
    "network host",
)
.arguments(&[required("mode", Type::Enum(&["bridge", "host", "none", "service"]), "The mode.")])
.properties(&[optional(
    "service",
    Type::Entity("service"),
    "With mode `service`: the service whose first container shares its network with this one.",
)])
.dynamic();
static ON_NETWORK: NodeSchema = NodeSchema::new(
    "on-network",
    "A network of the service that the container is on. Without any, it is on `default`, with all \
     containers of the service that name none.",
    "on-network default alias=\"postgres\"",
)
.arguments(&[required("network", Type::Name, "`default`, or the name of a `container-network`.")])
.properties(&[
    optional("alias", Type::Name, "Further names that it has there.").list(),
    optional(
        "address",
        Type::Address,
        "Its addresses there, one IPv4 and one IPv6, in the prefixes of the network. Default: \
         Docker chooses.",
    )
    .list(),
])
.dynamic();
/// A network of a service.
pub(super) static CONTAINER_NETWORK: NodeSchema = NodeSchema::new(
    "container-network",
    "A network for some of the service's containers; `default` is the one that all are on which \
     name none.",
    "container-network backend internal=#true",
)
.arguments(&[required("name", Type::Name, "Its name.")])
.properties(&[
    optional(
        "internal",
        Type::Bool,
        "Whether nothing leads out of it: neither to the machine's network nor to the internet. \
         Default: `#false`.",
    ),
    optional(
        "subnet",
        Type::Cidr,
        "Its prefixes, one IPv4 and one IPv6, for containers with fixed addresses. Default: taken \
         from those of the machine.",
    )
    .list(),
])
.dynamic();
static HOST_PID: NodeSchema =
    NodeSchema::new("host-pid", "Whether it sees the machine's processes.", "host-pid #true")
        .arguments(&[required("host-pid", Type::Bool, "Whether it does.")]);
static PRIVILEGED: NodeSchema =
    NodeSchema::new("privileged", "Whether it may do everything.", "privileged #true")
        .arguments(&[required("privileged", Type::Bool, "Whether it may.")]);
static SHM_SIZE: NodeSchema =
    NodeSchema::new("shm-size", "The size of `/dev/shm`.", "shm-size (size)\"128MiB\"")
        .arguments(&[required("size", Type::Size, "The size.")])
        .dynamic();
static INIT: NodeSchema =
    NodeSchema::new("init", "Whether a tiny init reaps its processes.", "init #true")
        .arguments(&[required("init", Type::Bool, "Whether it does.")]);
static READ_ONLY: NodeSchema =
    NodeSchema::new("read-only", "Whether its root file system is read-only.", "read-only #true")
        .arguments(&[required("read-only", Type::Bool, "Whether it is.")]);
static HEALTH: NodeSchema = NodeSchema::new(
    "health",
    "How its health is checked: HTTP at an endpoint, a command inside, the image's own check, or \
     not at all.",
    "health http=web path=\"/health\"",
)
.rest(optional("word", Type::Text, "A word of the command that is run inside."))
.properties(&[
    optional("http", Type::Name, "The endpoint to request over HTTP."),
    optional("path", Type::WebPath, "The path to request. Default: `/`."),
    optional("image", Type::Bool, "Whether the image brings its own check."),
    optional("none", Type::Text, "Why its health can't be checked."),
    optional("interval", Type::Duration, "How often it is checked. Default: `30s`."),
    optional("timeout", Type::Duration, "How long an answer may take. Default: `10s`."),
    optional(
        "retries",
        Type::Between(1, 1000),
        "How many failures in a row make it unhealthy. Default: 3.",
    ),
    optional("start-period", Type::Duration, "How long it may take to start. Default: `60s`."),
])
.dynamic();
static DEPENDS_ON: NodeSchema = NodeSchema::new(
    "depends-on",
    "A container that must start first.",
    "depends-on database healthy=#true",
)
.arguments(&[
    required("container", Type::Name, "A container of the module."),
    optional(
        "until",
        Type::Enum(&["completed"]),
        "`completed`: it must have ended, with the exit code 0. It is one with `once`.",
    ),
])
.properties(&[
    optional(
        "healthy",
        Type::Bool,
        "Whether it must be healthy, not just started. Default: `#true`.",
    ),
    optional(
        "restart",
        Type::Bool,
        "Whether this one restarts when that one does. Default: `#false`.",
    ),
])
.dynamic();
static STOP_GRACE: NodeSchema =
    NodeSchema::new("stop-grace", "How long it may take to stop.", "stop-grace (duration)\"2m\"")
        .arguments(&[required("time", Type::Duration, "The time.")])
        .dynamic();
static RELOAD: NodeSchema = NodeSchema::new(
    "reload",
    "The signal that makes it reload its configuration. Without one, it is recreated when a file \
     of its service changes.",
    "reload HUP",
)
.arguments(&[required("signal", Type::Enum(&["HUP", "USR1", "USR2"]), "The signal.")]);
static LABEL: NodeSchema = NodeSchema::new("label", "A label.", "label \"diun.enable\" \"true\"")
    .arguments(&[
        required("name", Type::Key, "Its name."),
        required("value", Type::Any, "Its value."),
    ])
    .dynamic();
static LIMITS: NodeSchema = NodeSchema::new(
    "limits",
    "The most that it may use, unless the service says otherwise.",
    "limits memory=(size)\"512MiB\"",
)
.properties(&[
    optional("memory", Type::Size, "Memory."),
    optional("cpus", Type::Processors, "Processors."),
    optional("memory-swap", Type::Size, "Memory and swap together."),
    optional("memory-reservation", Type::Size, "What it keeps when memory is scarce."),
])
.dynamic();

static RAW: NodeSchema = {
    let mut schema = NodeSchema::new(
        "raw",
        "Sets a key of compose that the language does not model. Children are names with values; \
         those called `-` are the items of a list. Every review marks it.",
        "raw compose.oom_score_adj -500",
    )
    .arguments(&[required("key", Type::Text, "`compose.KEY`.")])
    .rest(required("value", Type::Any, "The value; several are a list."))
    .dynamic();
    schema.options = true;
    schema
};
static WHEN_IN_CONTAINER: NodeSchema = NodeSchema::new(
    "when",
    "Counts only when the condition holds.",
    "when (expr)\"opt.gpu\" { device \"/dev/dri\"; }",
)
.arguments(&[required("condition", Type::Expression, "The condition.")])
.children(&[RUNNING, PROCESS, CONTAINER_BODY])
.dynamic();
