//! Defines how the processes of a container run: their place, their terminal, their limits.

use super::{Child, NodeSchema, keyed, once, optional, required};
use crate::decl::types::Type;

/// The nodes about the processes of a container.
pub static PROCESS: &[Child] = &[
    once(&HOSTNAME),
    once(&WORKING_DIR),
    once(&TTY),
    once(&STDIN),
    once(&STOP_SIGNAL),
    once(&PULL_POLICY),
    once(&PLATFORM),
    once(&RUNTIME),
    once(&PIDS),
    keyed(&ULIMIT),
    once(&CPU_SHARES),
    once(&DNS),
    keyed(&GPU),
];

static HOSTNAME: NodeSchema = NodeSchema::new(
    "hostname",
    "The host name that its programs see. Default: a part of the container's id.",
    "hostname \"mail.example.org\"",
)
.arguments(&[required("host", Type::Host, "The host name.")])
.dynamic();
static WORKING_DIR: NodeSchema = NodeSchema::new(
    "working-dir",
    "The folder that its program starts in. Default: the image's.",
    "working-dir \"/srv\"",
)
.arguments(&[required("path", Type::Path, "The path inside.")])
.dynamic();
static TTY: NodeSchema = NodeSchema::new("tty", "Whether it has a terminal.", "tty #true")
    .arguments(&[required("tty", Type::Bool, "Whether it has.")]);
static STDIN: NodeSchema =
    NodeSchema::new("stdin", "Whether its standard input stays open.", "stdin #true")
        .arguments(&[required("stdin", Type::Bool, "Whether it does.")]);
static STOP_SIGNAL: NodeSchema = NodeSchema::new(
    "stop-signal",
    "The signal that stops it. Default: the image's.",
    "stop-signal SIGINT",
)
.arguments(&[required("signal", Type::Signal, "The signal.")])
.dynamic();
static PULL_POLICY: NodeSchema = NodeSchema::new(
    "pull-policy",
    "When docker asks the registry for the image. Default: `missing`.",
    "pull-policy always",
)
.arguments(&[required("policy", Type::Enum(&["always", "missing", "never"]), "When it does.")]);
static PLATFORM: NodeSchema = NodeSchema::new(
    "platform",
    "The platform of the image, if it is not the machine's.",
    "platform \"linux/amd64\"",
)
.arguments(&[required("platform", Type::Platform, "The system and the processor.")])
.dynamic();
static RUNTIME: NodeSchema =
    NodeSchema::new("runtime", "The runtime of docker that starts it.", "runtime nvidia")
        .arguments(&[required("runtime", Type::Word, "Its name in docker's configuration.")])
        .dynamic();
static PIDS: NodeSchema =
    NodeSchema::new("pids", "The most processes that it may have.", "pids 200")
        .arguments(&[required("number", Type::Between(1, 4_194_304), "How many.")])
        .dynamic();
/// The limits that docker knows. Source:
/// <https://github.com/docker/go-units/blob/master/ulimit.go>.
pub const ULIMITS: &[&str] = &[
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];
static ULIMIT: NodeSchema = NodeSchema::new(
    "ulimit",
    "A limit of each of its processes: one number for both limits, or each by its name.",
    "ulimit nofile soft=1024 hard=65536",
)
.arguments(&[
    required("name", Type::Enum(ULIMITS), "The limit."),
    optional("limit", Type::Between(-1, i64::MAX), "Both limits; -1 means no limit."),
])
.properties(&[
    optional("soft", Type::Between(-1, i64::MAX), "The limit that a program may raise itself."),
    optional("hard", Type::Between(-1, i64::MAX), "The limit that it can't raise."),
])
.dynamic();
static CPU_SHARES: NodeSchema = NodeSchema::new(
    "cpu-shares",
    "Its share of the processors when they are busy. Default: 1024.",
    "cpu-shares 512",
)
.arguments(&[required("shares", Type::Between(2, 262_144), "The share.")])
.dynamic();
static DNS: NodeSchema = NodeSchema::new(
    "dns",
    "The name servers that it asks about names outside of docker. Default: the machine's.",
    "dns \"9.9.9.9\" \"1.1.1.1\"",
)
.rest(required("address", Type::Address, "An address."))
.dynamic();
static GPU: NodeSchema = NodeSchema::new(
    "gpu",
    "Gives it GPUs, or processors for neural networks. The machine is asked for them before \
     anything changes.",
    "gpu nvidia count=1",
)
.arguments(&[required(
    "kind",
    Type::Enum(&["nvidia", "dri", "coral", "coral-usb", "hailo"]),
    "`nvidia`: those of NVIDIA, by the container toolkit. `dri`: that of Intel or AMD, \
     `/dev/dri/renderD128`. `coral`, `coral-usb` and `hailo`: `/dev/apex_0`, `/dev/bus/usb` and \
     `/dev/hailo0`. The container's user is in the group that such a device has on the machine.",
)])
.properties(&[
    optional("count", Type::Between(1, 64), "With `nvidia`: how many. Default: all."),
    optional(
        "ids",
        Type::Word,
        "With `nvidia`: those with these numbers or UUIDs, instead of a count.",
    )
    .list(),
    optional(
        "capabilities",
        Type::Enum(&["compute", "utility", "video", "graphics", "display", "compat32"]),
        "With `nvidia`: what else it uses of the driver. Default: what the image says. With \
         `dri`, `compute` adds `/dev/kfd`, which AMD's ROCm needs.",
    )
    .list(),
    optional(
        "device",
        Type::Device,
        "The device, if it is another one: `/dev/dri` is all of them.",
    ),
])
.dynamic();
