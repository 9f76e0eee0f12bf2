//! Defines when a container runs, and what becomes of its output.

use super::{Child, NodeSchema, keyed, once, optional, required};
use crate::decl::types::Type;

/// The nodes about when a container runs.
pub static RUNNING: &[Child] =
    &[once(&ONCE), once(&MANUAL), once(&EVERY), once(&RESTART), once(&LOGGING)];

static ONCE: NodeSchema = NodeSchema::new(
    "once",
    "Says that it ends by itself, as a migration does. It runs whenever the containers of its \
     machine change, and must end with the exit code 0; any other fails the change.",
    "once",
);
static MANUAL: NodeSchema = NodeSchema::new(
    "manual",
    "Says that only a person starts it, with `docker compose run --rm NAME` in the folder of the \
     machine's compose file. The machine's runbook has the line.",
    "manual",
);
static EVERY: NodeSchema = NodeSchema::new(
    "every",
    "Runs it at these times, by a systemd timer, until it ends. The time zone is the lab's. On a \
     machine whose system labwright does not manage, a person installs the timer.",
    "every (cron)\"30 2 * * *\"",
)
.arguments(&[required("times", Type::Cron, "The times.")])
.dynamic();
static RESTART: NodeSchema = NodeSchema::new(
    "restart",
    "What docker does when it ends. Default: `unless-stopped`; `no` with `once`, `manual` or \
     `every`.",
    "restart on-failure retries=3",
)
.arguments(&[required(
    "policy",
    Type::Enum(&["no", "always", "on-failure", "unless-stopped"]),
    "The policy.",
)])
.properties(&[optional(
    "retries",
    Type::Between(1, 1000),
    "With `on-failure`: how often docker tries again. Default: without an end.",
)]);
static LOGGING: NodeSchema = NodeSchema::new(
    "logging",
    "Where docker writes what it prints. Default: `json-file`, three files of 10 MB.",
    "logging syslog { set \"syslog-address\" \"udp://192.168.1.5:514\"; }",
)
.arguments(&[required("driver", Type::Word, "The driver.")])
.children(&[&[keyed(&SET)]])
.dynamic();
static SET: NodeSchema =
    NodeSchema::new("set", "An option of the driver.", "set \"max-size\" \"50m\"")
        .arguments(&[
            required("name", Type::Key, "Its name."),
            required("value", Type::Any, "Its value."),
        ])
        .dynamic();
