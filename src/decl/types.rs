//! Defines the types of the language's values, and reads scalars as values.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

use super::addresses::{is_host, is_host_port, is_image, is_mail, is_url};
use super::pattern::Pattern;
use super::{Value, docker_words, grammar, proxmox_words, ssh_key};
use crate::model::{Cron, Duration, Ports, Size};
use crate::syntax::Scalar;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// Text of one line that no program takes for an option.
    Line,
    /// The value of a setting: a number, or one line of text.
    Setting,
    /// The name of an environment variable.
    Variable,
    /// A key without blanks and `=`, such as that of a label.
    Key,
    /// A name and its address, as a line of a hosts file.
    HostLine,
    /// A SHA-256 in hexadecimal.
    Sha256,
    /// The name of a Debian package.
    Package,
    /// The name of a systemd unit, with its suffix.
    Unit,
    /// The name of a kernel setting.
    Sysctl,
    /// The name of a capability, without `CAP_`.
    Capability,
    /// A signal, by its name or number.
    Signal,
    /// The platform of an image.
    Platform,
    /// An option of a container's confinement.
    Confinement,
    /// The PCI address of a device.
    Pci,
    /// The name of a storage of Proxmox.
    Storage,
    /// A volume in a storage of Proxmox.
    Volume,
    /// The name of a share for SMB.
    ShareName,
    /// The path of a page, with a query at most.
    WebPath,
    /// The path of a page, without a query.
    WebPage,
    /// A path with all pages below it, without `/` at its end.
    WebFolder,
    /// The path of a page, or a URL.
    WebTarget,
    /// The name of a header of HTTP.
    Header,
    /// The path of a device.
    Device,
    /// The path of a disk that stays the same after a restart.
    Disk,
    /// A public key of `WireGuard`.
    WireguardKey,
    /// A user, or a user and a group with a colon between them.
    Account,
    /// The name of a network interface.
    Interface,
    /// The name of a dataset below its pool.
    Dataset,
    /// The name of a database, or the path of its file.
    Database,
    /// The name of a database.
    DatabaseName,
    /// A name: lower-case letters, digits and hyphens, beginning with a letter, at most 40
    /// characters.
    Name,
    /// A version: letters, digits, `.`, `_` and `-`. No number in it has more than six digits.
    Version,
    /// An IANA time zone that every supported system knows.
    Timezone,
    /// A word without blanks: an interface, a storage, a PCI address.
    Word,
    /// `#true` or `#false`.
    Bool,
    /// A whole number.
    Integer,
    /// A whole number between two limits, inclusive.
    Between(i64, i64),
    /// A number, which may have a fraction.
    Number,
    /// A number of processors, which may have a fraction. Docker refuses less than a hundredth.
    Processors,
    /// A port, 1 to 65535.
    Port,
    /// A port, or several in a row as text: `50000-50100`.
    Ports,
    /// `30GiB`.
    Size,
    /// `30d`.
    Duration,
    /// `30 4 * * *`.
    Cron,
    /// An IPv4 or IPv6 address.
    Address,
    /// An address, or `dhcp` for one that somebody else gives.
    Lease,
    /// A prefix such as `192.168.1.0/24`, with host bits of zero.
    Cidr,
    /// An absolute path without `..`.
    Path,
    /// A path in a container at which something may be mounted.
    Inside,
    /// A path in a container for a folder in memory, with its options after a colon.
    Tmpfs,
    /// A path of the machine that a file is installed at.
    Installed,
    /// A container image reference.
    Image,
    /// An http or https URL.
    Url,
    /// A DNS name.
    Host,
    /// A DNS name, or `*.` and a name for all that are directly below it.
    Hosts,
    /// A host or an address, and a port after a colon.
    HostPort,
    /// A mail address.
    Mail,
    /// A pattern of paths, as restic reads it.
    Pattern,
    /// A public key of ssh, without options before it.
    SshKey,
    /// A mode of a folder, four octal digits as text.
    Mode,
    /// A mode of a file, which gives nobody more than reading, writing and running.
    FileMode,
    /// A user or group: a name or a number.
    Owner,
    /// One of the words.
    Enum(&'static [&'static str]),
    /// The name of an entity of that kind.
    Entity(&'static str),
    /// The name of a service's endpoint.
    Endpoint,
    /// `(secret)name`.
    Secret,
    /// `(expr)"…"`.
    Expression,
    /// A scalar of any type but a secret, kept as it is.
    Any,
    /// The value of an option. The module knows its type.
    Given,
}

impl Type {
    /// Describes the type for messages and the reference.
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Setting => "a number or one line of text".into(),
            Self::Line => "one line of text that does not begin with `-`".into(),
            Self::Variable => {
                "the name of a variable such as `TZ` (letters, digits and `_.-`)".into()
            }
            Self::Key => "a key such as `diun.enable`, without blanks and `=`".into(),
            Self::HostLine => {
                "a name and an address such as `\"nas:192.168.1.5\"`, or `host-gateway` for the \
                 machine"
                    .into()
            }
            Self::Sha256 => "a SHA-256: 64 digits and letters from `a` to `f`".into(),
            Self::Package => "the name of a Debian package such as `restic`".into(),
            Self::Unit => "a unit with its suffix, such as `\"fail2ban.service\"`".into(),
            Self::Sysctl => "a kernel setting such as `\"net.ipv4.ip_forward\"`".into(),
            Self::Capability => "a capability such as `NET_ADMIN`".into(),
            Self::Signal => "a signal such as `SIGINT`".into(),
            Self::Platform => "a platform such as `\"linux/arm64\"`".into(),
            Self::Confinement => "an option of docker such as `\"no-new-privileges:true\"` or \
                 `\"seccomp=unconfined\"`"
                .into(),
            Self::Pci => "a PCI address such as `\"0000:00:02.0\"`".into(),
            Self::Storage => "the name of a storage such as `local-lvm`".into(),
            Self::Volume => "a volume such as `\"local:import/debian-13.qcow2\"`".into(),
            Self::ShareName => {
                "the name of a share: letters, digits and `._-`, and none that Samba has itself"
                    .into()
            }
            Self::WebPath => "the path of a page such as `\"/auth/check\"`".into(),
            Self::WebPage => "the path of a page such as `\"/start/page.html\"`".into(),
            Self::WebFolder => {
                "a path such as `\"/api\"`, with no `/` at its end, or `\"/\"` itself".into()
            }
            Self::WebTarget => {
                "a path such as `\"/web/\"`, or a URL such as `\"https://example.org\"`".into()
            }
            Self::Header => "the name of a header such as `Remote-User`".into(),
            Self::Device => "a device such as `\"/dev/dri/renderD128\"`".into(),
            Self::Disk => {
                "a path below `/dev/disk/by-id`: `/dev/sda` may be another disk after a restart"
                    .into()
            }
            Self::WireguardKey => {
                "a key as `wg pubkey` prints it: 43 letters, digits, `+` or `/`, then `=`".into()
            }
            Self::Account => "a user such as `\"1000:1000\"` or `\"www-data\"`".into(),
            Self::Interface => "a network interface such as `eth0`, at most 15 characters".into(),
            Self::Dataset => "the name of a dataset such as `photos` or `\"a/b\"`".into(),
            Self::Database => {
                "the name of a database (at most 50 letters, digits and `_.-`), or the path of its \
                 file"
                    .into()
            }
            Self::DatabaseName => {
                "the name of a database: at most 50 letters, digits and `_.-`".into()
            }
            Self::Name => "a name (lower-case letters, digits and hyphens)".into(),
            Self::Version => "a version such as `\"2026.1.3\"`".into(),
            Self::Timezone => "a time zone such as `\"Europe/Brussels\"`".into(),
            Self::Word => "a word without blanks: letters, digits and `._:/@+-`".into(),
            Self::Bool => "`#true` or `#false`".into(),
            Self::Integer => "a whole number".into(),
            Self::Between(least, i64::MAX) => format!("a whole number, at least {least}"),
            Self::Between(least, most) => format!("a whole number from {least} to {most}"),
            Self::Number => "a number".into(),
            Self::Processors => "a number of processors from 0.01 to 4096, such as `1.5`".into(),
            Self::Port => "a port from 1 to 65535".into(),
            Self::Ports => {
                "a port from 1 to 65535, or several in a row such as `\"50000-50100\"`".into()
            }
            Self::Size => "a size such as `(size)\"30GiB\"`".into(),
            Self::Duration => "a duration such as `(duration)\"30d\"`".into(),
            Self::Cron => "a schedule such as `(cron)\"30 4 * * *\"`".into(),
            Self::Address => "an address such as `\"192.168.1.10\"`".into(),
            Self::Lease => "an address such as `\"192.168.1.10\"`, or `dhcp`".into(),
            Self::Cidr => "a prefix such as `\"192.168.1.0/24\"`".into(),
            Self::Path => "an absolute path such as `\"/mnt/media\"`".into(),
            Self::Inside => {
                "a path inside such as `\"/data\"`, not in `/proc` and without `:`".into()
            }
            Self::Tmpfs => {
                "a path inside such as `\"/tmp\"`, and after it options such as `:size=64m`".into()
            }
            Self::Installed => {
                "an absolute path such as `\"/etc/x.conf\"`, of letters, digits and `._@:+-`".into()
            }
            Self::Image => "an image such as `\"docker.io/library/redis:8.2\"`".into(),
            Self::Url => "a URL such as `\"https://example.org\"`".into(),
            Self::Host => "a host name such as `\"media.example.org\"`".into(),
            Self::Hosts => {
                "a host name such as `\"media.example.org\"`, or `\"*.media.example.org\"` for all \
                 directly below it"
                    .into()
            }
            Self::HostPort => "a host and a port such as `\"mail.example.org:587\"`".into(),
            Self::Pattern => {
                "a pattern of paths such as `\"*.tmp\"`, as restic reads it, with `$$` for a `$`"
                    .into()
            }
            Self::SshKey => "the whole of an ssh public key such as `\"ssh-ed25519 AAAA…\"`".into(),
            Self::Mail => "a mail address such as `\"me@example.org\"`".into(),
            Self::Mode => "a mode such as `\"0750\"`".into(),
            Self::FileMode => "a file mode such as `\"0640\"`".into(),
            Self::Owner => "a user or group, by name or number".into(),
            Self::Enum(words) => format!(
                "one of {}",
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            ),
            Self::Entity(kind) => format!("the name of a {kind}"),
            Self::Endpoint => {
                "the name of an endpoint of the service's module, such as `web`".into()
            }
            Self::Secret => "a secret such as `(secret)admin-password`".into(),
            Self::Expression => "an expression such as `(expr)\"opt.x == 'y'\"`".into(),
            Self::Any | Self::Given => "a value".into(),
        }
    }

    /// Returns the annotation that a value of this type may carry.
    pub const fn annotation(self) -> Option<&'static str> {
        Some(match self {
            Self::Size => "size",
            Self::Duration => "duration",
            Self::Cron => "cron",
            Self::Secret => "secret",
            Self::Expression => "expr",
            Self::Address | Self::Lease => "address",
            Self::Cidr => "cidr",
            Self::Path => "path",
            Self::Image => "image",
            Self::Url => "url",
            Self::Host | Self::Hosts => "host",
            Self::Mode | Self::FileMode => "mode",
            Self::Entity(_) => "ref",
            _ => return None,
        })
    }

    /// Reads a scalar as a value of this type. Reports nothing if it does not fit.
    pub fn read<'s>(self, scalar: &Scalar<'s>) -> Option<Value<'s>> {
        match (self, scalar) {
            (_, Scalar::Text(text)) => self.read_text(text.clone()),
            (Self::Any | Self::Given, Scalar::Float(number)) => Some(Value::Float(*number)),
            (Self::Any | Self::Given, Scalar::Null) => Some(Value::Null),
            (Self::Any | Self::Given | Self::Bool, Scalar::Bool(value)) => {
                Some(Value::Bool(*value))
            }
            (
                Self::Any | Self::Given | Self::Setting | Self::Integer | Self::Number,
                Scalar::Integer(number),
            ) => Some(Value::Integer(i64::try_from(*number).ok()?)),
            (Self::Between(least, most), Scalar::Integer(number)) => {
                let number = i64::try_from(*number).ok()?;
                (least..=most).contains(&number).then_some(Value::Integer(number))
            }
            (Self::Number, Scalar::Float(number)) => {
                number.is_finite().then_some(Value::Float(*number))
            }
            (Self::Processors, Scalar::Float(number)) => {
                (0.01..=4096.0).contains(number).then_some(Value::Float(*number))
            }
            (Self::Processors, Scalar::Integer(number)) => {
                (1..=4096).contains(number).then_some(Value::Integer(i64::try_from(*number).ok()?))
            }
            (Self::Port | Self::Ports, Scalar::Integer(number)) => {
                (1..=65535).contains(number).then_some(Value::Integer(i64::try_from(*number).ok()?))
            }
            (Self::Owner | Self::Account, Scalar::Integer(number)) => {
                // To the kernel, the highest number of 32 bits means no user at all.
                (0..=4_294_967_294).contains(number).then(|| Value::Text(number.to_string().into()))
            }
            _ => None,
        }
    }

    /// Reads text as a value of this type.
    pub fn read_text(self, text: Cow<'_, str>) -> Option<Value<'_>> {
        let keep = |valid: bool, text| valid.then_some(Value::Text(text));
        match self {
            Self::Text | Self::Any | Self::Given | Self::Expression => {
                keep(grammar::is_text(&text), text)
            }
            Self::Line => keep(grammar::is_line(&text), text),
            Self::Setting => keep(grammar::is_setting(&text), text),
            Self::Variable => keep(grammar::is_variable(&text), text),
            Self::Key => keep(grammar::is_key(&text), text),
            Self::HostLine => keep(grammar::is_host_line(&text), text),
            Self::Sha256 => keep(
                text.len() == 64
                    && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                text,
            ),
            Self::Package => keep(grammar::is_package(&text), text),
            Self::Unit => keep(grammar::is_unit(&text), text),
            Self::Sysctl => keep(grammar::is_sysctl(&text), text),
            Self::Capability => keep(grammar::is_capability(&text), text),
            Self::Signal => keep(grammar::is_signal(&text), text),
            Self::Platform => keep(docker_words::is_platform(&text), text),
            Self::Confinement => keep(docker_words::is_confinement(&text), text),
            Self::Pci => keep(proxmox_words::is_pci(&text), text),
            Self::Storage => keep(proxmox_words::is_storage(&text), text),
            Self::Volume => keep(proxmox_words::is_volume(&text), text),
            Self::ShareName => keep(grammar::is_share_name(&text), text),
            Self::WebPath => keep(grammar::is_web_path(&text), text),
            Self::WebPage => keep(grammar::is_web_page(&text), text),
            Self::WebFolder => keep(grammar::is_web_folder(&text), text),
            Self::WebTarget => keep(grammar::is_web_path(&text) || is_url(&text), text),
            Self::Header => keep(grammar::is_header(&text), text),
            Self::Device => keep(grammar::is_device(&text), text),
            Self::Disk => keep(grammar::is_disk(&text), text),
            Self::WireguardKey => keep(grammar::is_wireguard_key(&text), text),
            Self::Account => keep(grammar::is_account(&text), text),
            Self::Interface => keep(grammar::is_interface(&text), text),
            Self::Dataset => keep(grammar::is_dataset(&text), text),
            Self::Database => keep(grammar::is_database(&text) || grammar::is_path(&text), text),
            Self::DatabaseName => keep(grammar::is_database(&text), text),
            Self::Name | Self::Endpoint => keep(is_name(&text), text),
            Self::Version => keep(is_version(&text), text),
            Self::Timezone => keep(is_timezone(&text), text),
            Self::Word => keep(is_word(&text), text),
            Self::Secret => is_reference(&text).then_some(Value::Secret(text)),
            Self::Entity(_) => keep(is_reference(&text), text),
            Self::Size => Size::parse(&text).filter(|size| size.0 > 0).map(Value::Size),
            Self::Duration => Duration::parse(&text).map(Value::Duration),
            Self::Cron => Cron::parse(&text).map(Value::Cron),
            Self::Lease if text == "dhcp" => Some(Value::Text(text)),
            Self::Address | Self::Lease => text.parse::<IpAddr>().ok().map(Value::Address),
            Self::Cidr => text.parse::<IpNet>().ok().map(Value::Cidr),
            Self::Path => keep(grammar::is_path(&text), text),
            Self::Inside => keep(grammar::is_inside(&text), text),
            Self::Tmpfs => keep(grammar::is_tmpfs(&text), text),
            Self::Installed => keep(grammar::is_installed(&text), text),
            Self::Image => keep(is_image(&text), text),
            Self::Url => keep(is_url(&text), text),
            Self::Host => keep(is_host(&text), text),
            Self::Hosts => {
                let below = text.strip_prefix("*.").map(|name| name.contains('.') && is_host(name));
                keep(below.unwrap_or_else(|| is_host(&text)), text)
            }
            Self::HostPort => keep(is_host_port(&text), text),
            Self::Mail => keep(is_mail(&text), text),
            Self::Pattern => keep(Pattern::parse(&text).is_some(), text),
            Self::SshKey => keep(ssh_key::fault(&text).is_none() && ssh_key::is_read(&text), text),
            Self::Mode | Self::FileMode => keep(
                text.len() == 4
                    && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
                    && (self == Self::Mode || text.starts_with('0')),
                text,
            ),
            Self::Owner => keep(grammar::is_owner(&text), text),
            Self::Ports => keep(Ports::parse(&text).is_some_and(|ports| ports.more() > 0), text),
            Self::Enum(words) => keep(words.contains(&text.as_ref()), text),
            Self::Integer
            | Self::Between(..)
            | Self::Number
            | Self::Processors
            | Self::Port
            | Self::Bool => None,
        }
    }
}

/// Returns whether text can be compared with the names of entities.
fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control)
}

/// The most characters of a name.
pub const LONGEST_NAME: usize = 40;

/// Returns whether text is a valid name of an entity.
pub fn is_name(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= LONGEST_NAME
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(valid)
        && !text.ends_with('-')
}

fn is_version(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    // Releases are ordered by the numbers of their versions, and each number has room for six
    // digits.
    let numbers = text.split(|character: char| !character.is_ascii_digit());
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= 40
        && text.bytes().all(valid)
        && numbers.map(str::len).all(|length| length <= 6)
}

/// Lists the time zones of Debian 13, sorted by byte: the names of its `tzdata`, version 2025b.
pub fn timezones() -> impl Iterator<Item = &'static str> {
    include_str!("timezones.txt").lines()
}

fn is_timezone(text: &str) -> bool {
    timezones().any(|zone| zone == text)
}

fn is_word(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte);
    !text.is_empty() && text.len() <= 200 && text.bytes().all(valid) && !text.starts_with('-')
}
