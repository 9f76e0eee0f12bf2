//! Defines hosts, and the nodes in all machines.

use super::{Child, NAME, NodeSchema, keyed, many, once, optional, required};
use crate::decl::types::Type;

/// The nodes that every machine may contain.
pub static MACHINE_FIELDS: &[Child] = &[
    once(&OS),
    once(&ZONE),
    once(&CORES),
    once(&MEMORY),
    many(&ADDRESS),
    many(&SHARE),
    many(&SSH),
    once(&FIREWALL),
    once(&TAGS),
    once(&APPDATA),
    once(&CONTAINER_NETWORKS),
];

static HOST_FIELDS: &[Child] = &[
    once(&HARDWARE),
    once(&RESERVE),
    keyed(&GPU),
    keyed(&DEVICE),
    keyed(&DISK),
    keyed(&POOL),
    keyed(&EXPORT),
];

/// A bare-metal machine.
pub static HOST: NodeSchema = NodeSchema::new(
    "host",
    "Bare metal: a Proxmox host with guests, a Debian machine that runs services itself, or a box \
     that labwright knows but does not manage.",
    "host pve kind=proxmox version=\"8.4\" { address lan \"192.168.1.100\"; }",
)
.arguments(&[NAME])
.properties(&[
    required("kind", Type::Enum(&["proxmox", "debian", "unmanaged"]), "What it is."),
    optional("version", Type::Version, "The version of its system: `8.4` of Proxmox VE."),
    optional(
        "cluster",
        Type::Name,
        "The Proxmox cluster that it belongs to. The hosts of a cluster share one firewall, and \
         one set of guest ids.",
    ),
    optional(
        "arch",
        Type::Enum(&["amd64", "arm64"]),
        "Its processor's architecture. Default: `amd64`.",
    ),
])
.children(&[HOST_FIELDS, MACHINE_FIELDS]);

static HARDWARE: NodeSchema = NodeSchema::new(
    "hardware",
    "The machine's hardware.",
    "hardware \"Dell OptiPlex 7040\" cpu=\"Intel Core i5-6500\" cores=4 memory=(size)\"16GiB\"",
)
.arguments(&[required("model", Type::Text, "The model.")])
.properties(&[
    optional("cpu", Type::Text, "The processor."),
    optional("cores", Type::Between(1, 4096), "Its cores."),
    optional("memory", Type::Size, "Its memory."),
]);
static RESERVE: NodeSchema = NodeSchema::new(
    "reserve",
    "What the host keeps for itself: the hypervisor and the ZFS ARC.",
    "reserve memory=(size)\"2GiB\"",
)
.properties(&[
    required("memory", Type::Size, "The memory that guests don't get."),
    optional(
        "arc",
        Type::Size,
        "The part of it that ZFS may use as its cache, which the bundle sets. Default: half of it, \
         on a host with pools.",
    ),
]);
static GPU: NodeSchema = NodeSchema::new(
    "gpu",
    "A GPU, to use or to pass through.",
    "gpu igpu pci=\"0000:00:02.0\"",
)
.arguments(&[NAME])
.properties(&[
    optional("pci", Type::Pci, "Its PCI address, as `lspci -D` prints it."),
    optional(
        "rom",
        Type::Word,
        "The file with its ROM, in `/usr/share/kvm` of the host. The GPU of an AMD APU does not \
         start in a VM without one.",
    ),
]);
static DEVICE: NodeSchema = NodeSchema::new(
    "device",
    "A device that guests or services may get.",
    "device zigbee path=\"/dev/serial/by-id/usb-zigbee\"",
)
.arguments(&[NAME])
.properties(&[
    optional("path", Type::Device, "Its stable device node."),
    optional("pci", Type::Pci, "Its PCI address, as `lspci -D` prints it."),
]);
static DISK: NodeSchema = NodeSchema::new(
    "disk",
    "A disk.",
    "disk nvme device=\"/dev/disk/by-id/nvme-X\" size=(size)\"256GB\"",
)
.arguments(&[NAME])
.properties(&[
    required("device", Type::Disk, "Its stable device path, below `/dev/disk/by-id/`."),
    required("size", Type::Size, "Its size."),
]);
static POOL: NodeSchema = NodeSchema::new(
    "pool",
    "A ZFS pool.",
    "pool tank disk=hdd { dataset media quota=(size)\"250GiB\"; }",
)
.arguments(&[NAME])
.properties(&[
    required("disk", Type::Entity("disk"), "The disks it is made of.").list(),
    optional(
        "layout",
        Type::Enum(&["stripe", "mirror", "raidz", "raidz2"]),
        "How the disks are combined. Default: `stripe`.",
    ),
    optional("size", Type::Size, "The part of the disk that it takes. Default: the whole disk."),
    optional(
        "mountpoint",
        Type::Path,
        "Where it is mounted on its host. Default: `/` and its name.",
    ),
])
.children(&[&[keyed(&DATASET)]]);
static DATASET: NodeSchema = NodeSchema::new(
    "dataset",
    "A ZFS dataset.",
    "dataset photos quota=(size)\"100GiB\" recordsize=(size)\"1MiB\" backup=weekly",
)
.arguments(&[required("name", Type::Dataset, "Its name below the pool; `a/b` is nested.")])
.properties(&[
    optional("quota", Type::Size, "The most that it may hold, snapshots included."),
    optional("reservation", Type::Size, "The space reserved for it."),
    optional(
        "recordsize",
        Type::Size,
        "The record size: `1MiB` for media, `16KiB` for PostgreSQL. Default: ZFS' own, 128 KiB.",
    ),
    optional(
        "compression",
        Type::Enum(&["on", "off", "lz4", "zstd", "zle", "gzip"]),
        "The compression. Default: `lz4`.",
    ),
    optional(
        "backup",
        Type::Enum(&["hourly", "daily", "weekly", "monthly", "never"]),
        "How often its content is backed up.",
    ),
    optional("mountpoint", Type::Path, "Where it is mounted on its host. Default: below the pool."),
    optional(
        "owner",
        Type::Account,
        "The owner of its folder, `uid:gid`. Default: root; root inside of an unprivileged LXC \
         that it is bound into.",
    ),
])
.children(&[&[once(&SNAPSHOTS)]]);
static SNAPSHOTS: NodeSchema = NodeSchema::new(
    "snapshots",
    "How many snapshots of each age are kept.",
    "snapshots hourly=24 daily=7",
)
.properties(&[
    optional("hourly", Type::Between(0, 10_000), "Hourly ones."),
    optional("daily", Type::Between(0, 10_000), "Daily ones."),
    optional("weekly", Type::Between(0, 10_000), "Weekly ones."),
    optional("monthly", Type::Between(0, 10_000), "Monthly ones."),
]);
static EXPORT: NodeSchema = NodeSchema::new(
    "export",
    "A folder that the host exports by NFS, or by SMB from a server of its own.",
    "export media path=\"/volume1/media\"",
)
.arguments(&[NAME])
.properties(&[
    required("path", Type::Path, "The folder on the host."),
    optional("smb", Type::ShareName, "Its name for SMB. Default: the name in the lab."),
    optional("size", Type::Size, "Its size."),
    optional(
        "backup",
        Type::Enum(&["hourly", "daily", "weekly", "monthly", "never"]),
        "How often its content is backed up.",
    ),
]);

static OS: NodeSchema = NodeSchema::new("os", "The operating system.", "os debian-13").arguments(
    &[required("os", Type::Enum(&["debian-12", "debian-13", "ubuntu-24.04"]), "The system.")],
);
static ZONE: NodeSchema = NodeSchema::new(
    "zone",
    "The zone that the machine is in, if it is not its network's. It is then not trusted like \
     that network.",
    "zone dmz",
)
.arguments(&[required("zone", Type::Name, "The zone's name.")]);
static CORES: NodeSchema = NodeSchema::new("cores", "Processor cores.", "cores 2")
    .arguments(&[required("cores", Type::Between(1, 4096), "How many.")]);
static MEMORY: NodeSchema = NodeSchema::new("memory", "Main memory.", "memory (size)\"4GiB\"")
    .arguments(&[required("memory", Type::Size, "How much.")])
    .properties(&[optional(
        "least",
        Type::Size,
        "Of a VM: how much it keeps when its host is short of memory. Default: all of it.",
    )]);
static ADDRESS: NodeSchema = NodeSchema::new(
    "address",
    "An address; the first is the one that other machines use.",
    "address lan \"192.168.1.10\"",
)
.arguments(&[
    required("network", Type::Entity("network"), "The network."),
    required(
        "address",
        Type::Lease,
        "The address in it, or `dhcp` for a machine that nothing of the lab connects to by \
         address.",
    ),
])
.properties(&[
    optional("nic", Type::Interface, "The network interface, on bare metal."),
    optional(
        "bridge",
        Type::Interface,
        "On a host, the bridge that it makes; on a guest, the bridge that it joins. Default: the \
         host's.",
    ),
]);
static SHARE: NodeSchema = NodeSchema::new(
    "share",
    "A folder from elsewhere: a dataset of the host, or an export of another machine.",
    "share tank.media at=\"/mnt/media\" via=virtiofs",
)
.arguments(&[required(
    "source",
    Type::Entity("dataset or export"),
    "`POOL.DATASET` or `MACHINE.EXPORT`.",
)])
.properties(&[
    required("at", Type::Path, "The mount point."),
    optional(
        "via",
        Type::Enum(&["virtiofs", "nfs", "cifs", "mount-point", "local"]),
        "How the folder reaches the machine.",
    ),
    optional("read-only", Type::Bool, "Whether it is mounted read-only. Default: `#false`."),
    optional("user", Type::Word, "With `via=cifs`: the user that the server knows."),
    optional("password", Type::Secret, "With `via=cifs`: that user's password."),
    optional(
        "owner",
        Type::Account,
        "With `via=cifs`: who owns all files on this machine, by number. Default: root.",
    ),
]);
static SSH: NodeSchema = NodeSchema::new("ssh", "Who may log in by ssh.", "ssh from=lan")
    .properties(&[
        required("from", Type::Entity("zone"), "The zones.").list(),
        optional("port", Type::Port, "The port. Default: 22."),
    ]);
static FIREWALL: NodeSchema = NodeSchema::new(
    "firewall",
    "The firewall to write: `nftables`, or `ufw` for the machine's own ports with nftables for \
     published ones. Default: `nftables`.",
    "firewall ufw",
)
.arguments(&[required("backend", Type::Enum(&["ufw", "nftables", "none"]), "The backend.")]);
static TAGS: NodeSchema =
    NodeSchema::new("tags", "Words by which profiles select the machine.", "tags web arm")
        .rest(required("tag", Type::Name, "A tag."));
static APPDATA: NodeSchema = NodeSchema::new(
    "appdata",
    "The folder in which services keep their data. Default: the mount point of a dataset or \
     export named `appdata`, else `/srv/appdata`.",
    "appdata \"/mnt/appdata\"",
)
.arguments(&[required("path", Type::Path, "The folder.")])
.properties(&[optional(
    "backup",
    Type::Enum(&["hourly", "daily", "weekly", "monthly", "never"]),
    "How often its content is backed up, if it is on a disk of the machine. A dataset or an \
     export has a class of its own.",
)]);
static CONTAINER_NETWORKS: NodeSchema = NodeSchema::new(
    "container-networks",
    "The prefixes from which the networks of the machine's containers are taken, one IPv4 and one \
     IPv6. Default: a private prefix that none of the lab's networks overlaps.",
    "container-networks \"10.99.0.0/16\" \"fd99::/48\"",
)
.rest(required("prefix", Type::Cidr, "A prefix: IPv4 up to `/24`, IPv6 up to `/80`."));
