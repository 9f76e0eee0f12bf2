//! Defines the nodes and properties that a lab and its modules have in common.

use super::{Child, Field, NodeSchema, once, optional, required};
use crate::decl::types::Type;

/// The purpose of something.
pub static DOC: NodeSchema =
    NodeSchema::new("doc", "What it is for, for human readers.", "doc \"What it is for.\"")
        .arguments(&[required("text", Type::Text, "The text.")]);

/// The time that a service has to become healthy.
pub static HEALTH_WITHIN: NodeSchema = NodeSchema::new(
    "health-within",
    "How long the service may take to become healthy after a change, for example because a new \
     version migrates its database first. Until then its containers do not count as unhealthy, \
     and `labctl` does not go back. Default: five minutes.",
    "health-within (duration)\"30m\"",
)
.arguments(&[required("time", Type::Duration, "The time.")])
.dynamic();

/// The texts of an alert.
pub static ALERT_TEXTS: &[Child] = &[once(&SUMMARY), once(&DESCRIPTION)];

static DESCRIPTION: NodeSchema = NodeSchema::new(
    "description",
    "What it means and what to do about it. Here and in the summary, Prometheus' templates work: \
     `{{ $labels.machine }}`, `{{ printf \"%.2f\" $value }}`, `{{ $externalLabels.lab }}`. Braces \
     that it could not parse are escaped and print as they are.",
    "description \"Free some space.\"",
)
.arguments(&[required("text", Type::Text, "The text.")]);

/// The condition of an alert.
pub static ALERT_PROPERTIES: &[Field] = &[
    required("when", Type::Text, "The PromQL expression."),
    optional("for", Type::Duration, "How long it must hold. Default: `5m`."),
    optional(
        "severity",
        Type::Enum(&["critical", "warning", "info"]),
        "How bad it is. Default: `warning`.",
    ),
];

/// The description of something, in one line.
pub static SUMMARY: NodeSchema =
    NodeSchema::new("summary", "What it is, in one line.", "summary \"Media server\"")
        .arguments(&[required("text", Type::Text, "The line.")]);

/// A value of a key that the language does not model.
pub const RAW_VALUE: Field = required("value", Type::Any, "The value; several are a list.");
