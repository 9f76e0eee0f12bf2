//! Defines what a module brings onto the machine itself: files, scripts, packages and units.

use super::{NAME, NodeSchema, keyed, many, optional, required};
use crate::decl::types::Type;

/// The kinds of files that a module may emit, as in `manifest.json`.
const FILE_KINDS: &[&str] = &[
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

pub(super) static FILE: NodeSchema = NodeSchema::new(
    "file",
    "A file made from a template in the module's folder.",
    "file \"loki.yaml\" kind=loki from=\"loki.yaml.j2\" at=\"/etc/loki/loki.yaml\"",
)
.arguments(&[required("name", Type::Text, "Its name in the service's folder.")])
.properties(&[
    optional(
        "kind",
        Type::Enum(FILE_KINDS),
        "The kind of file, which decides how values are escaped. Default: by its extension.",
    ),
    required("from", Type::Text, "The template, in the module's folder."),
    optional("at", Type::Inside, "Where the container sees it."),
    optional("container", Type::Name, "The container. Default: the module's first."),
    optional("install", Type::Installed, "The path that it is installed at on the machine."),
    optional("restart", Type::Unit, "The unit that is restarted when it changes."),
    optional("reload", Type::Unit, "The unit that is reloaded when it changes."),
    optional("owner", Type::Owner, "Its owner on the machine. Default: `root`."),
    optional("group", Type::Owner, "Its group on the machine. Default: `root`."),
    optional("mode", Type::FileMode, "Its mode on the machine. Default: `0644`."),
])
.dynamic();
pub(super) static FOLDER: NodeSchema = NodeSchema::new(
    "folder",
    "A folder below the module's own, with all files in it, but for those whose names begin with \
     a dot. They travel in the bundle, and the container sees them read-only.",
    "folder conf from=\"conf.d\" at=\"/etc/nginx/conf.d\"",
)
.arguments(&[NAME])
.properties(&[
    required("from", Type::Line, "The folder, below the module's."),
    required("at", Type::Inside, "Where the container sees it."),
    optional("container", Type::Name, "The container. Default: the module's first."),
    optional("owner", Type::Owner, "The owner of its files on the machine. Default: `root`."),
    optional("group", Type::Owner, "Their group. Default: like the owner."),
    optional("mode", Type::FileMode, "Their mode. Default: `0644`."),
])
.dynamic();
pub(super) static SCRIPT: NodeSchema = NodeSchema::new(
    "script",
    "A step of the bundle, made from a template: an idempotent POSIX shell script.",
    "script pki phase=activate order=40 from=\"pki.sh.j2\"",
)
.arguments(&[NAME])
.properties(&[
    required("phase", Type::Enum(&["check", "activate", "health"]), "When it runs."),
    optional("order", Type::Between(0, 99), "Its place among the steps. Default: 40."),
    required("from", Type::Text, "The template, in the module's folder."),
])
.dynamic();
pub(super) static PACKAGE: NodeSchema =
    NodeSchema::new("package", "Packages of the system.", "package restic sqlite3")
        .rest(required("name", Type::Package, "Debian's name."))
        .dynamic();
pub(super) static UNIT: NodeSchema = NodeSchema::new(
    "unit",
    "A systemd unit. One without sections comes from a package.",
    "unit \"openvpn-server@server.service\" action=enable-start",
)
.arguments(&[required("name", Type::Unit, "Its name with its suffix.")])
.properties(&[optional(
    "action",
    Type::Enum(&["enable-start", "enable", "install"]),
    "What to do with it. Default: `enable-start`.",
)])
.children(&[&[keyed(&SECTION)]])
.dynamic();
static SECTION: NodeSchema = NodeSchema::new(
    "section",
    "A section of a unit.",
    "section Service { set ExecStart \"/usr/bin/tool\"; }",
)
.arguments(&[required(
    "name",
    Type::Enum(&["Unit", "Service", "Timer", "Install", "Mount", "Path", "Socket"]),
    "Its name.",
)])
.children(&[&[many(&SET)]]);
static SET: NodeSchema =
    NodeSchema::new("set", "A line of the section.", "set ExecStart \"/usr/bin/tool\" \"--quiet\"")
        .arguments(&[required("key", Type::Variable, "The key.")])
        .rest(required(
            "value",
            Type::Any,
            "The value. Of a command, such as `ExecStart`, each word by itself; of `Environment`, \
             each assignment.",
        ))
        .dynamic();
pub(super) static USES_SECRET: NodeSchema = NodeSchema::new(
    "uses-secret",
    "A secret that units or scripts of the machine read.",
    "uses-secret (ref)opt.password",
)
.arguments(&[required(
    "secret",
    Type::Secret,
    "The secret. If it is an option without a value, none is read.",
)])
.properties(&[
    optional("owner", Type::Owner, "The owner that its file must have. Default: `root`."),
    optional(
        "file-variable",
        Type::Variable,
        "The environment variable in which a backup's scripts pass the file's path.",
    ),
    optional(
        "value-variable",
        Type::Variable,
        "The environment variable in which a backup's scripts pass the value.",
    ),
    optional("mode", Type::FileMode, "Its mode. Default: `0400`."),
    optional(
        "first-start",
        Type::Enum(&["person", "nothing"]),
        "Says that its value counts at the first start alone, and what becomes of a new one, as \
         for the `secret` of a container.",
    ),
    super::container::ADVICE,
])
.dynamic();
pub(super) static USES_DEVICE: NodeSchema = NodeSchema::new(
    "uses-device",
    "A device that a program on the machine itself uses. An LXC is given `/dev/net/tun`; any other \
     must be passed through to it. The device of a container is a `device` in the container.",
    "uses-device \"/dev/net/tun\"",
)
.arguments(&[required("path", Type::Device, "The path.")])
.dynamic();
pub(super) static KERNEL_MODULE: NodeSchema = NodeSchema::new(
    "kernel-module",
    "A module that the kernel must load. The host of an LXC loads it for the LXC.",
    "kernel-module wireguard",
)
.rest(required("name", Type::Name, "Its name, as `modprobe` takes it."))
.dynamic();
