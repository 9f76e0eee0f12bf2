//! Modules: definitions of services.

use super::super::types::Type;
use super::lab::{ALERT_PROPERTIES, ALERT_TEXTS, DOC, SUMMARY};
use super::{Child, NAME, NodeSchema, keyed, many, once, optional, required};

const BACKUP_CLASSES: &[&str] = &["hourly", "daily", "weekly", "monthly", "never", "dump"];

/// Lists the words for what a file is; those of `manifest.json` that a module may emit.
pub const FILE_KINDS: &[&str] = &[
    "prometheus.config",
    "prometheus.rules",
    "alertmanager",
    "loki",
    "alloy",
    "grafana.provisioning",
    "grafana.dashboard",
    "traefik",
    "caddy",
    "fail2ban",
    "env",
    "ini",
    "json",
    "yaml",
    "shell",
    "markdown",
    "text",
];

/// Lists the types that an option may have.
pub const OPTION_TYPES: &[&str] = &[
    "text", "name", "boolean", "integer", "number", "port", "size", "duration", "cron", "address", "cidr", "path", "image", "url", "host",
    "mail", "enum", "secret", "network", "zone", "machine", "service", "record",
];

/// Lists what the language itself knows services as.
pub const ROLES: &[&str] = &[
    "prometheus",
    "alertmanager",
    "grafana",
    "loki",
    "log-collector",
    "restic",
    "fail2ban",
    "dns",
    "node-exporter",
    "container-exporter",
    "blackbox-exporter",
    "forward-auth",
    "database",
];

/// Describes a module.
pub static MODULE: NodeSchema = NodeSchema::new(
    "module",
    "Defines a kind of service: its options, what it keeps, its containers or packages and units, and what it provides. A site module of a \
     built-in one's name layers over it field by field.",
    "module echo version=\"1.0.0\" { summary \"Says it back\"; container echo { image \"docker.io/library/busybox:1.37\"; }; }",
)
.arguments(&[NAME])
.properties(&[optional("version", Type::Text, "Its own version.")])
.children(&[MODULE_FACTS, MODULE_BODY]);

static MODULE_FACTS: &[Child] = &[
    once(&SUMMARY),
    once(&HOMEPAGE),
    once(&DOC),
    once(&EXAMPLE),
    once(&FORMERLY),
    once(&DISCONTINUED),
    keyed(&OPTION),
    keyed(&RENAMED),
    keyed(&RETIRED),
    many(&ASSERT),
];

static MODULE_BODY: &[Child] = &[
    keyed(&STATE),
    keyed(&DATABASE),
    keyed(&CONTAINER),
    keyed(&PROVIDES),
    keyed(&FILE),
    keyed(&SCRIPT),
    many(&PACKAGE),
    keyed(&UNIT),
    keyed(&SYSCTL),
    many(&USES_SECRET),
    keyed(&NEEDS),
    once(&ROLE),
    once(&PROXY),
    once(&GATEWAY),
    keyed(&ALERT),
    keyed(&DASHBOARD),
    many(&WHEN),
];

static HOMEPAGE: NodeSchema = NodeSchema::new("homepage", "The project's page.", "homepage \"https://jellyfin.org\"")
    .arguments(&[required("url", Type::Url, "The page.")]);
static EXAMPLE: NodeSchema =
    NodeSchema::new("example", "KDL that shows the module in use; compiled in a test.", "example #\"service x on=box\"#")
        .arguments(&[required("kdl", Type::Text, "A `service` node; the machine is `box`, the zone `lan`, secrets are declared for it.")]);

static FORMERLY: NodeSchema = NodeSchema::new(
    "formerly",
    "Names that the module had before. A service that still uses one gets this module, and a warning that says the new name.",
    "formerly jellyseerr overseerr",
)
.rest(required("name", Type::Name, "A former name."));
static DISCONTINUED: NodeSchema = NodeSchema::new(
    "discontinued",
    "Says that the program is no more, so that no service can use the module.",
    "discontinued \"its images are gone since June 2025\" help=\"use y instead\"",
)
.arguments(&[required("why", Type::Text, "What happened, and when.")])
.properties(&[optional("help", Type::Text, "What to use now.")]);

static OPTION: NodeSchema =
    NodeSchema::new("option", "An option of the module.", "option library type=path list=#true { required; doc \"Folders to show.\"; }")
        .arguments(&[required("name", Type::Name, "Its name: the node's name in a `service`.")])
        .properties(&[
            required("type", Type::Enum(OPTION_TYPES), "The type of its value."),
            optional("list", Type::Bool, "Whether it takes several values. Default: `#false`."),
        ])
        .children(&[&[once(&REQUIRED), once(&DEFAULT), once(&VALUES), once(&DOC), once(&MERGE), keyed(&FIELD)]]);
static REQUIRED: NodeSchema = NodeSchema::new("required", "Says that every service must give it.", "required");
static DEFAULT: NodeSchema = {
    let mut schema = NodeSchema::new("default", "The value where the service gives none.", "default none")
        .rest(required("value", Type::Any, "The value; several for a list."))
        .dynamic();
    schema.options = true;
    schema
};
static VALUES: NodeSchema =
    NodeSchema::new("values", "The words of an `enum`.", "values none vaapi nvenc").rest(required("word", Type::Text, "A word."));
static MERGE: NodeSchema =
    NodeSchema::new("merge", "How values of a list from several places become one. Default: `replace`.", "merge append").arguments(&[
        required("how", Type::Enum(&["append", "replace"]), "`append`: all of them; `replace`: those of the strongest place."),
    ]);
static FIELD: NodeSchema = NodeSchema::new("field", "A property of a `record` option.", "field daily type=integer { default 7; }")
    .arguments(&[NAME])
    .properties(&[required("type", Type::Enum(OPTION_TYPES), "The type of its value.")])
    .children(&[&[once(&REQUIRED), once(&DEFAULT), once(&VALUES), once(&DOC)]]);
static RENAMED: NodeSchema = NodeSchema::new("renamed", "Says that an option has a new name.", "renamed media to=library")
    .arguments(&[NAME])
    .properties(&[required("to", Type::Name, "Its new name.")]);
static RETIRED: NodeSchema =
    NodeSchema::new("retired", "Says that an option is no more, and what to write now.", "retired workers \"set `resources` instead\"")
        .arguments(&[NAME, required("note", Type::Text, "What to write now.")]);
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
    "A folder that the service keeps; made with the owner and mode when it is not there.",
    "state config path=(f)\"{machine.appdata}/{service.name}/config\" owner=1000 group=1000",
)
.arguments(&[NAME])
.properties(&[
    required("path", Type::Path, "The folder on the machine."),
    optional("backup", Type::Enum(BACKUP_CLASSES), "How it is backed up. Default: as what it lies in. `dump`: only by its `database`."),
    optional("reason", Type::Text, "Why it is never backed up."),
    optional("owner", Type::Owner, "Its owner. Default: `root`."),
    optional("group", Type::Owner, "Its group. Default: `root`."),
    optional("mode", Type::Mode, "Its mode. Default: `0755`."),
    optional("local-disk", Type::Bool, "Whether a database lies in it that network file systems corrupt. Default: `#false`."),
])
.dynamic();
static DATABASE: NodeSchema = NodeSchema::new(
    "database",
    "A database that a backup dumps first.",
    "database immich engine=postgres container=database user=immich state=database major=\"14\"",
)
.arguments(&[required("database", Type::Text, "The database's name; for sqlite, the path of its file on the machine.")])
.properties(&[
    required("engine", Type::Enum(&["postgres", "mariadb", "sqlite"]), "The engine."),
    optional("container", Type::Name, "The container that runs it."),
    optional("user", Type::Text, "The user to dump as."),
    optional("state", Type::Name, "The state that holds its files."),
    optional("major", Type::Text, "The engine's major version; a change of it can't be undone."),
])
.dynamic();

/// Describes a container.
pub static CONTAINER: NodeSchema = NodeSchema::new(
    "container",
    "A container, run by compose.",
    "container web { image (ref)opt.image; mount (ref)state.config at=\"/config\"; }",
)
.arguments(&[required("name", Type::Name, "Its name; the first one goes by the service's name if it has the module's.")])
.children(&[CONTAINER_BODY]);

static CONTAINER_BODY: &[Child] = &[
    once(&IMAGE),
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
    many(&WHEN_IN_CONTAINER),
];

static IMAGE: NodeSchema = NodeSchema::new("image", "The image, with a tag that names a version.", "image (ref)opt.image")
    .arguments(&[required("image", Type::Image, "The reference.")])
    .dynamic();
static ENTRYPOINT: NodeSchema = NodeSchema::new("entrypoint", "Overrides the image's entry point.", "entrypoint \"/bin/tool\"")
    .rest(required("word", Type::Text, "A word of it."))
    .dynamic();
static COMMAND: NodeSchema =
    NodeSchema::new("command", "Words of the command line; several nodes follow one another.", "command \"--config=/etc/x.yml\"")
        .rest(required("word", Type::Text, "A word. One that is a list is several words."))
        .dynamic();
static USER: NodeSchema = NodeSchema::new("user", "The user, and the group after a colon.", "user \"1000:1000\"")
    .arguments(&[required("user", Type::Text, "A name or number.")])
    .dynamic();
static ENV: NodeSchema = NodeSchema::new("env", "An environment variable.", "env TZ (ref)lab.timezone")
    .arguments(&[
        required("name", Type::Text, "Its name."),
        required("value", Type::Any, "Its value, as the program sees it: labwright expands nothing in it."),
    ])
    .dynamic();
static SECRET: NodeSchema = NodeSchema::new(
    "secret",
    "A secret that the container reads, as a file below `/run/secrets`.",
    "secret (ref)opt.password file-variable=POSTGRES_PASSWORD_FILE",
)
.arguments(&[required("secret", Type::Secret, "The secret. Nothing: no secret is read.")])
.properties(&[
    optional("at", Type::Path, "Where the container sees it. Default: `/run/secrets/` and its name."),
    optional("file-variable", Type::Text, "The environment variable that names the file."),
    optional("value-variable", Type::Text, "The environment variable that holds the value, for programs that can't read a file."),
    optional("owner", Type::Owner, "Who must own the machine's file for the program to read it. Default: `root`."),
    optional("mode", Type::Mode, "Its mode. Default: `0400`."),
])
.dynamic();
static MOUNT: NodeSchema = NodeSchema::new(
    "mount",
    "A folder or file of the machine inside the container: a state, `service.config`, or a path. A list is mounted item by item.",
    "mount (ref)opt.library at=same read-only=#true",
)
.arguments(&[required("source", Type::Text, "A path; `volume:NAME` is a named volume.")])
.properties(&[
    required("at", Type::Text, "The path inside; `same`: as on the machine."),
    optional("read-only", Type::Bool, "Whether it can't be written. Default: `#false`."),
    optional("propagation", Type::Enum(&["rslave", "rshared", "rprivate"]), "The mount propagation."),
])
.dynamic();
static TMPFS: NodeSchema = NodeSchema::new("tmpfs", "A folder in memory.", "tmpfs \"/tmp\"")
    .arguments(&[required("path", Type::Path, "The path inside.")])
    .dynamic();
static DEVICE: NodeSchema =
    NodeSchema::new("device", "A device of the machine, by the same path inside.", "device \"/dev/dri/renderD128\"")
        .arguments(&[required("path", Type::Path, "The path.")])
        .dynamic();
static CAP_ADD: NodeSchema = NodeSchema::new("cap-add", "A capability more.", "cap-add NET_ADMIN")
    .rest(required("capability", Type::Text, "Its name without `CAP_`."))
    .dynamic();
static CAP_DROP: NodeSchema = NodeSchema::new("cap-drop", "A capability less.", "cap-drop ALL")
    .rest(required("capability", Type::Text, "Its name without `CAP_`."))
    .dynamic();
static SECURITY_OPTION: NodeSchema =
    NodeSchema::new("security-option", "An option of the container's confinement.", "security-option \"no-new-privileges:true\"")
        .arguments(&[required("option", Type::Text, "The option.")])
        .dynamic();
static GROUP: NodeSchema = NodeSchema::new("group", "A group more, by name in the image or number.", "group \"992\"")
    .arguments(&[required("group", Type::Owner, "The group.")])
    .dynamic();
static SYSCTL: NodeSchema = NodeSchema::new("sysctl", "A kernel setting.", "sysctl \"net.ipv4.ip_forward\" 1")
    .arguments(&[required("name", Type::Text, "Its name."), required("value", Type::Any, "Its value.")])
    .dynamic();
static EXTRA_HOST: NodeSchema =
    NodeSchema::new("extra-host", "A line of the container's hosts file.", "extra-host \"host.docker.internal:host-gateway\"")
        .arguments(&[required("line", Type::Text, "`NAME:ADDRESS`.")])
        .dynamic();
static NETWORK: NodeSchema =
    NodeSchema::new("network", "How the container is on the network. Default: `bridge`, the machine's compose network.", "network host")
        .arguments(&[required("mode", Type::Enum(&["bridge", "host", "none", "service"]), "The mode.")])
        .properties(&[optional(
            "service",
            Type::Entity("service"),
            "With mode `service`: the service whose first container's network it lives in.",
        )])
        .dynamic();
static HOST_PID: NodeSchema = NodeSchema::new("host-pid", "Whether it sees the machine's processes.", "host-pid #true")
    .arguments(&[required("host-pid", Type::Bool, "Whether it does.")]);
static PRIVILEGED: NodeSchema = NodeSchema::new("privileged", "Whether it may do everything.", "privileged #true").arguments(&[required(
    "privileged",
    Type::Bool,
    "Whether it may.",
)]);
static SHM_SIZE: NodeSchema = NodeSchema::new("shm-size", "The size of `/dev/shm`.", "shm-size (size)\"128MiB\"")
    .arguments(&[required("size", Type::Size, "The size.")])
    .dynamic();
static INIT: NodeSchema = NodeSchema::new("init", "Whether a tiny init reaps its processes.", "init #true").arguments(&[required(
    "init",
    Type::Bool,
    "Whether it does.",
)]);
static READ_ONLY: NodeSchema = NodeSchema::new("read-only", "Whether its root file system can't be written.", "read-only #true")
    .arguments(&[required("read-only", Type::Bool, "Whether it can't.")]);
static HEALTH: NodeSchema = NodeSchema::new(
    "health",
    "How its health is known: HTTP at an endpoint, a command inside, the image's own check, or not at all.",
    "health http=web path=\"/health\"",
)
.rest(optional("word", Type::Text, "A word of the command that is run inside."))
.properties(&[
    optional("http", Type::Name, "The endpoint that is asked over HTTP."),
    optional("path", Type::Text, "The path that is asked for. Default: `/`."),
    optional("image", Type::Bool, "Whether the image brings its own check."),
    optional("none", Type::Text, "Why nothing can be asked."),
    optional("interval", Type::Duration, "How often. Default: `30s`."),
    optional("timeout", Type::Duration, "How long an answer may take. Default: `10s`."),
    optional("retries", Type::Between(1, 1000), "How many failures make it unhealthy. Default: 3."),
    optional("start-period", Type::Duration, "How long it may take to start. Default: `60s`."),
])
.dynamic();
static DEPENDS_ON: NodeSchema = NodeSchema::new("depends-on", "A container that must run before.", "depends-on database healthy=#true")
    .arguments(&[required("container", Type::Name, "A container of the module.")])
    .properties(&[
        optional("healthy", Type::Bool, "Whether it must be healthy, not just started. Default: `#true`."),
        optional("restart", Type::Bool, "Whether its restart restarts this one. Default: `#false`."),
    ])
    .dynamic();
static STOP_GRACE: NodeSchema = NodeSchema::new("stop-grace", "How long it may take to stop.", "stop-grace (duration)\"2m\"")
    .arguments(&[required("time", Type::Duration, "The time.")])
    .dynamic();
static RELOAD: NodeSchema = NodeSchema::new(
    "reload",
    "The signal that makes it read its configuration again; without one it is recreated when a file of its service changes.",
    "reload HUP",
)
.arguments(&[required("signal", Type::Enum(&["HUP", "USR1", "USR2"]), "The signal.")]);
static LABEL: NodeSchema = NodeSchema::new("label", "A label.", "label \"diun.enable\" \"true\"")
    .arguments(&[required("name", Type::Text, "Its name."), required("value", Type::Any, "Its value.")])
    .dynamic();
static LIMITS: NodeSchema =
    NodeSchema::new("limits", "What it may use at the most, unless the service says otherwise.", "limits memory=(size)\"512MiB\"")
        .properties(&[optional("memory", Type::Size, "Memory."), optional("cpus", Type::Number, "Processors.")])
        .dynamic();

static WHEN_IN_CONTAINER: NodeSchema =
    NodeSchema::new("when", "Counts only when the condition holds.", "when (expr)\"opt.gpu\" { device \"/dev/dri\"; }")
        .arguments(&[required("condition", Type::Expression, "The condition.")])
        .children(&[CONTAINER_BODY])
        .dynamic();
static WHEN: NodeSchema =
    NodeSchema::new("when", "Counts only when the condition holds.", "when (expr)\"opt.ml\" { container ml { image \"x/ml:1\"; }; }")
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
    required("port", Type::Port, "The port inside the container, or on the machine."),
    optional("protocol", Type::Enum(&["tcp", "udp", "http", "https"]), "What is spoken. Default: `tcp`; `http` with `scrape` or `path`."),
    optional("path", Type::Text, "The path, for probes, scrapes and links."),
    optional("scrape", Type::Bool, "Whether Prometheus scrapes it. Default: `#false`."),
    optional("token", Type::Secret, "With `scrape`: the bearer token that it wants."),
    optional("user", Type::Text, "With `scrape` and `password`: the user's name. Default: empty."),
    optional("password", Type::Secret, "With `scrape`: the password that it wants."),
    optional("role", Type::Name, "What others may need it as."),
    optional("database", Type::Bool, "Whether it is a database's port, which no zone should reach. Default: `#false`."),
    optional("admin", Type::Bool, "Whether it is for administration, which the internet should not reach. Default: `#false`."),
])
.dynamic();
static FILE: NodeSchema = NodeSchema::new(
    "file",
    "A file that a template of the module's folder makes.",
    "file \"loki.yaml\" kind=loki from=\"loki.yaml.j2\" at=\"/etc/loki/loki.yaml\"",
)
.arguments(&[required("name", Type::Text, "Its name in the service's folder.")])
.properties(&[
    optional("kind", Type::Enum(FILE_KINDS), "Who reads it. Default: by its ending."),
    required("from", Type::Text, "The template, in the module's folder."),
    optional("at", Type::Path, "Where the container sees it."),
    optional("container", Type::Name, "The container. Default: the module's first."),
    optional("install", Type::Path, "Where on the machine it goes."),
    optional("restart", Type::Text, "The unit that is restarted when it changes."),
    optional("reload", Type::Text, "The unit that is reloaded when it changes."),
    optional("owner", Type::Owner, "Its owner on the machine. Default: `root`."),
    optional("group", Type::Owner, "Its group on the machine. Default: `root`."),
    optional("mode", Type::Mode, "Its mode on the machine. Default: `0644`."),
])
.dynamic();
static SCRIPT: NodeSchema = NodeSchema::new(
    "script",
    "A step of the bundle that a template makes: POSIX sh, idempotent.",
    "script pki phase=activate order=40 from=\"pki.sh.j2\"",
)
.arguments(&[NAME])
.properties(&[
    required("phase", Type::Enum(&["check", "activate", "health"]), "When it runs."),
    optional("order", Type::Between(0, 99), "Its place among the steps. Default: 40."),
    required("from", Type::Text, "The template, in the module's folder."),
])
.dynamic();
static PACKAGE: NodeSchema = NodeSchema::new("package", "Packages of the system.", "package restic sqlite3")
    .rest(required("name", Type::Text, "Debian's name."))
    .dynamic();
static UNIT: NodeSchema = NodeSchema::new(
    "unit",
    "A systemd unit: a package's, or ours when it has sections.",
    "unit \"openvpn-server@server.service\" action=enable-start",
)
.arguments(&[required("name", Type::Text, "Its name with its suffix.")])
.properties(&[optional("action", Type::Enum(&["enable-start", "enable", "install"]), "What to do with it. Default: `enable-start`.")])
.children(&[&[keyed(&SECTION)]])
.dynamic();
static SECTION: NodeSchema = NodeSchema::new("section", "A section of a unit.", "section Service { set ExecStart \"/usr/bin/tool\"; }")
    .arguments(&[required("name", Type::Enum(&["Unit", "Service", "Timer", "Install", "Mount", "Path", "Socket"]), "Its name.")])
    .children(&[&[many(&SET)]]);
static SET: NodeSchema = NodeSchema::new("set", "A line of the section.", "set Restart \"on-failure\"")
    .arguments(&[required("key", Type::Text, "The key."), required("value", Type::Any, "The value.")])
    .dynamic();
static USES_SECRET: NodeSchema =
    NodeSchema::new("uses-secret", "A secret that units or scripts of the machine read.", "uses-secret (ref)opt.password")
        .arguments(&[required("secret", Type::Secret, "The secret. Nothing: none is read.")])
        .properties(&[
            optional("owner", Type::Owner, "Who must own its file. Default: `root`."),
            optional("file-variable", Type::Text, "The environment variable by which a backup's scripts name the file."),
            optional("value-variable", Type::Text, "The environment variable by which a backup's scripts hand on the value."),
            optional("mode", Type::Mode, "Its mode. Default: `0400`."),
        ])
        .dynamic();
static NEEDS: NodeSchema = NodeSchema::new(
    "needs",
    "Endpoints of other services that it connects to; the flow is derived at both ends.",
    "needs metrics role=prometheus container=grafana",
)
.arguments(&[required("name", Type::Name, "The name that templates know them by.")])
.properties(&[
    required("role", Type::Name, "The role that they must have."),
    optional(
        "service",
        Type::Entity("service"),
        "The one service whose endpoint it is. Default: every service of the lab that provides the role.",
    ),
    optional("container", Type::Name, "The container that connects. Default: the module's first; the machine when it has none."),
    optional("optional", Type::Bool, "Whether the lab may have none. Default: `#false`."),
    optional("same-machine", Type::Bool, "Whether only services of its own machine count. Default: `#false`."),
])
.dynamic();
static ROLE: NodeSchema = NodeSchema::new(
    "role",
    "What the language itself knows the service as: an emitter then gives it its configuration.",
    "role prometheus",
)
.rest(required("role", Type::Enum(ROLES), "The role."));
static PROXY: NodeSchema =
    NodeSchema::new("proxy", "Says that routes may go through the service.", "proxy caddy http=http https=https container=caddy")
        .arguments(&[required("program", Type::Enum(&["nginx-proxy-manager", "traefik", "caddy"]), "The program.")])
        .properties(&[
            optional("http", Type::Name, "The endpoint that listens for http."),
            optional("https", Type::Name, "The endpoint that listens for https."),
            optional("container", Type::Name, "The container that connects onwards. Default: the module's first."),
        ]);
static GATEWAY: NodeSchema = NodeSchema::new(
    "gateway",
    "Says that the service carries the traffic of a network: a VPN server and its clients.",
    "gateway (ref)opt.clients reach=(ref)opt.reach",
)
.arguments(&[required("network", Type::Entity("network"), "The clients' network.")])
.properties(&[
    optional("reach", Type::Entity("zone"), "Zones whose every address the clients may reach.").list(),
    optional("masquerade", Type::Bool, "Whether clients appear as the machine where nobody knows a way back to them. Default: `#true`."),
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
static DASHBOARD: NodeSchema =
    NodeSchema::new("dashboard", "A Grafana dashboard that the service brings.", "dashboard loki from=\"loki.json.j2\"")
        .arguments(&[NAME])
        .properties(&[required("from", Type::Text, "The template, in the module's folder.")]);
