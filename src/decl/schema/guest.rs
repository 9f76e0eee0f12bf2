//! Defines the guests of a Proxmox host.

use super::{Child, Field, MACHINE_FIELDS, NAME, NodeSchema, keyed, once, optional, required};
use crate::decl::types::Type;

static GUEST_PROPERTIES: &[Field] = &[
    required("id", Type::Between(100, 999_999_999), "The guest's id."),
    required("on", Type::Entity("host"), "The Proxmox host that it runs on."),
    optional(
        "kind",
        Type::Enum(&["managed", "appliance"]),
        "`appliance`: created, but labwright does not manage its system. Default: `managed`.",
    ),
];

static GUEST_FIELDS: &[Child] =
    &[keyed(&DISK), keyed(&PASSTHROUGH), once(&IMAGE), once(&STORAGE), once(&BOOT)];
static VM_FIELDS: &[Child] = &[once(&BIOS)];
static LXC_FIELDS: &[Child] = &[once(&FEATURES), once(&PRIVILEGED)];

/// A virtual machine.
pub static VM: NodeSchema = NodeSchema::new(
    "vm",
    "A virtual machine of a Proxmox host.",
    "vm media id=101 on=pve { os debian-13; cores 2; memory \"4GiB\"; disk root size=\"20GiB\"; \
     address lan \"192.168.1.101\"; }",
)
.arguments(&[NAME])
.properties(GUEST_PROPERTIES)
.children(&[GUEST_FIELDS, VM_FIELDS, MACHINE_FIELDS]);

/// A Linux container.
pub static LXC: NodeSchema = NodeSchema::new(
    "lxc",
    "A Linux container of a Proxmox host, unprivileged by default.",
    "lxc dns id=200 on=pve { os debian-13; cores 1; memory \"1GiB\"; disk root size=\"8GiB\"; \
     address lan \"192.168.1.53\"; }",
)
.arguments(&[NAME])
.properties(GUEST_PROPERTIES)
.children(&[GUEST_FIELDS, LXC_FIELDS, MACHINE_FIELDS]);

static DISK: NodeSchema = NodeSchema::new(
    "disk",
    "A disk of the guest; the first is its root disk.",
    "disk root size=(size)\"20GiB\"",
)
.arguments(&[NAME])
.properties(&[
    required("size", Type::Size, "Its size."),
    optional("storage", Type::Storage, "The host's storage for it. Default: the guest's."),
]);
static PASSTHROUGH: NodeSchema = NodeSchema::new(
    "passthrough",
    "A device or GPU of the host that the guest gets for itself.",
    "passthrough igpu",
)
.arguments(&[required("device", Type::Entity("gpu or device"), "Its name on the host.")]);
static IMAGE: NodeSchema = NodeSchema::new(
    "image",
    "The image or template that it is made from. Default: the one of its system.",
    "image \"local:import/debian-13.qcow2\"",
)
.arguments(&[required("image", Type::Volume, "A volume of the host.")]);
static STORAGE: NodeSchema =
    NodeSchema::new("storage", "The host's storages.", "storage local-lvm snippets=local")
        .arguments(&[required(
            "disks",
            Type::Storage,
            "The storage for disks. Default: `local-lvm`.",
        )])
        .properties(&[optional(
            "snippets",
            Type::Storage,
            "The storage that may hold snippets. Default: `local`.",
        )]);
static BOOT: NodeSchema =
    NodeSchema::new("boot", "Whether and when it starts with the host.", "boot #true order=1")
        .arguments(&[required(
            "on-boot",
            Type::Bool,
            "Whether it starts with the host. Default: `#true`.",
        )])
        .properties(&[
            optional("order", Type::Between(0, 10_000), "Its place in the start order."),
            optional(
                "wait",
                Type::Duration,
                "With `order`: how long the next guest waits after it.",
            ),
        ]);
static BIOS: NodeSchema = NodeSchema::new(
    "bios",
    "The firmware of a VM: `ovmf` is UEFI without Secure Boot, which Home Assistant OS and others \
     need. It counts when the VM is made. Default: `seabios`.",
    "bios ovmf",
)
.arguments(&[required("bios", Type::Enum(&["seabios", "ovmf"]), "The firmware.")]);
static FEATURES: NodeSchema = NodeSchema::new(
    "features",
    "What an LXC may do. Default: `nesting keyctl`, which Docker needs.",
    "features nesting keyctl",
)
.rest(required("feature", Type::Enum(&["nesting", "keyctl", "fuse"]), "A feature."));
static PRIVILEGED: NodeSchema = NodeSchema::new(
    "privileged",
    "Whether root in an LXC is root on the host. Default: `#false`.",
    "privileged #false",
)
.arguments(&[required("privileged", Type::Bool, "Whether it is.")]);
