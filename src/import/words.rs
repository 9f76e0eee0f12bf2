//! Reads the small notations of compose: durations, sizes, ports, command lines, images.

use std::borrow::Cow;

use crate::decl::types::Type;
use crate::model::Ports;

/// Returns whether the language accepts a text as a value of a type.
pub fn accepted(ty: Type, text: &str) -> bool {
    ty.read_text(Cow::Borrowed(text)).is_some()
}

/// A published port, or one that only other containers reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The address of the machine that it is bound to.
    pub address: Option<String>,
    /// The first port of the machine, if compose names one.
    pub host: Option<u16>,
    /// The first port in the container.
    pub inside: u16,
    /// How many ports follow each other.
    pub count: u16,
    /// Whether it is UDP.
    pub udp: bool,
}

impl Port {
    /// Returns the ports in the container.
    pub const fn inside_ports(&self) -> Ports {
        Ports::row(self.inside, self.count.saturating_sub(1))
    }

    /// Returns the ports of the machine, if compose names some.
    pub fn host_ports(&self) -> Option<Ports> {
        Some(Ports::row(self.host?, self.count.saturating_sub(1)))
    }
}

/// Reads `[ADDRESS:][HOST:]PORT[/PROTOCOL]`.
pub fn port(text: &str) -> Option<Port> {
    let (places, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let udp = match protocol.to_ascii_lowercase().as_str() {
        "tcp" => false,
        "udp" => true,
        _ => return None,
    };
    let (rest, inside) = places.rsplit_once(':').unwrap_or(("", places));
    let (inside, count) = range(inside)?;
    let (address, host) = match rest.rsplit_once(':') {
        Some((address, host)) => (Some(address), host),
        None => (None, rest),
    };
    let address = address
        .map(|address| address.trim_start_matches('[').trim_end_matches(']').to_owned())
        .filter(|address| !address.is_empty());
    let host = if host.is_empty() { None } else { Some(range(host)?) };
    // A range of the machine for one port of the container means: any of them.
    let host = host.filter(|(_, hosts)| *hosts == count || count == 1).map(|(first, _)| first);
    Some(Port { address, host, inside, count, udp })
}

/// Reads `8000` or `8000-8010` as the first port and the number of ports.
pub fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.trim().split_once('-').unwrap_or((text.trim(), text.trim()));
    let first: u16 = first.parse().ok().filter(|port| *port > 0)?;
    let last: u16 = last.parse().ok()?;
    let count = last.checked_sub(first)?.checked_add(1)?;
    Some((first, count))
}

/// Reads a duration such as `1m30s` as milliseconds.
pub fn duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match rest.get(..letters)? {
            "ns" => 0.000_001,
            "us" | "µs" => 0.001,
            "ms" => 1.0,
            "s" => 1000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "w" => 604_800_000.0,
            _ => return None,
        };
        total += number * factor;
        rest = rest.get(letters..)?;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is neither negative nor too large"
    )]
    (0.0..1e15).contains(&total).then_some(total.round() as u64)
}

/// Writes a whole number of seconds as a lab does.
pub fn seconds(seconds: u64) -> String {
    match seconds {
        0 => "0s".to_owned(),
        hours if hours.is_multiple_of(3600) => format!("{}h", hours / 3600),
        minutes if minutes.is_multiple_of(60) => format!("{}m", minutes / 60),
        seconds => format!("{seconds}s"),
    }
}

/// Reads a size such as `512m` as bytes. All units of compose are powers of 1024.
pub fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text.get(..digits)?.parse().ok()?;
    let factor = match text.get(digits..)?.trim() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1_048_576.0,
        "g" | "gb" | "gib" => 1_073_741_824.0,
        "t" | "tb" | "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is neither negative nor too large"
    )]
    (1.0..1e15).contains(&bytes).then_some(bytes.round() as u64)
}

/// Writes a size as a lab does.
pub fn bytes(bytes: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fits = units.into_iter().find(|(factor, _)| bytes.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{bytes}B"), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

/// An image's name and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The whole name, with its registry: `docker.io/library/redis`.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// Whether a digest pins it.
    pub digest: bool,
}

/// Reads an image reference.
pub fn image(text: &str) -> Image {
    let (name, digest) = match text.split_once('@') {
        Some((name, _)) => (name, true),
        None => (text, false),
    };
    let (path, tag) = match name.rsplit_once(':') {
        // After the port of a registry comes a `/`, and after a tag none.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
        _ => (name, None),
    };
    let first = path.split('/').next().unwrap_or_default();
    // Docker takes a first part for a registry only if it looks like a host.
    let has_registry = path.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let repository = match (has_registry, path.contains('/')) {
        (true, _) => path.replace("index.docker.io/", "docker.io/"),
        (false, true) => format!("docker.io/{path}"),
        (false, false) => format!("docker.io/library/{path}"),
    };
    Image { repository, tag, digest }
}

impl Image {
    /// Returns whether nothing says which version it is.
    pub fn is_unpinned(&self) -> bool {
        !self.digest && self.tag.as_deref().is_none_or(|tag| tag == "latest")
    }

    /// Returns the name without its registry and owner.
    pub fn short(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }
}

/// The images of databases, caches and queues, by the last part of their names: what runs only for
/// the sake of a program.
#[rustfmt::skip] // A table is read line by line.
const BACKING: &[&str] = &[
    "postgres", "postgresql", "mysql", "mariadb", "redis", "valkey", "mongo", "mongodb",
    "memcached",
    "rabbitmq", "elasticsearch", "opensearch", "clickhouse", "clickhouse-server", "zookeeper",
    "kafka", "influxdb", "couchdb", "cassandra", "dragonfly", "keydb", "timescaledb",
    "timescaledb-ha", "postgis", "pgvector", "pgvecto-rs", "meilisearch", "typesense", "qdrant",
    "nats", "etcd", "mssql", "server-mysql", "percona", "percona-server", "ferretdb", "surrealdb",
    "redis-stack", "redis-stack-server", "neo4j", "arangodb", "cockroach", "couchbase", "solr",
    "docker-postgres", "spilo", "vectorchord-postgres", "mysql-server",
];

/// The images that do a part of the work of one program, each with that program's.
const PARTS: &[(&str, &str)] = &[
    ("immich-machine-learning", "immich-server"),
    ("guacd", "guacamole"),
    ("gotenberg", "paperless-ngx"),
    ("tika", "paperless-ngx"),
    ("alpine-chrome", "karakeep"),
    ("karakeep-chrome", "karakeep"),
];

/// Returns whether an image does a part of the work of another one.
pub fn is_part_of(image: &str, other: &str) -> bool {
    PARTS.contains(&(self::image(image).short(), self::image(other).short()))
}

/// Returns whether an image is a database, a cache or a queue.
pub fn is_backing(image: &str) -> bool {
    let read = self::image(image);
    BACKING.contains(&read.short())
}

/// The images whose pages administer the machine or a database.
#[rustfmt::skip] // A table is read line by line.
const ADMIN: &[&str] = &[
    "portainer", "portainer-ce", "portainer-ee", "adminer", "phpmyadmin", "pgadmin4", "dockge",
    "docker-socket-proxy", "socket-proxy", "dozzle", "yacht", "komodo-core", "mongo-express",
    "redis-commander", "redisinsight", "cloudbeaver", "code-server", "webtop", "guacamole",
    "nginx-proxy-manager", "arcane", "dockhand", "webssh2", "wetty",
];

/// Returns whether what an image serves at a port is for administration.
pub fn is_admin(image: &str, port: u16) -> bool {
    let read = self::image(image);
    // At its other ports are the pages of others.
    let serves = read.short() == "nginx-proxy-manager" && port != 81;
    // Docker's own API listens at these two ports.
    ADMIN.contains(&read.short()) && !serves || port == 2375 || port == 2376
}

/// The images of `ADMIN` that reach databases alone.
#[rustfmt::skip] // A table is read line by line.
const DATABASE_ADMIN: &[&str] = &[
    "adminer", "phpmyadmin", "pgadmin4", "mongo-express", "redis-commander", "redisinsight",
    "cloudbeaver",
];

/// Says what somebody administers who reaches the pages of an image.
pub fn administered(image: &str) -> &'static str {
    if DATABASE_ADMIN.contains(&self::image(image).short()) { "databases" } else { "the machine" }
}

/// The images that serve the pages of others, or act on all containers, and wait for none.
#[rustfmt::skip] // A table is read line by line.
const FRONT: &[&str] = &[
    "traefik", "caddy", "caddy-docker-proxy", "swag", "nginx", "nginx-proxy-manager", "haproxy",
    "envoy", "homepage", "homarr", "dashy", "heimdall", "watchtower", "diun", "autoheal",
    "cloudflared", "uptime-kuma", "organizr", "flame", "nginx-proxy", "acme-companion",
];

/// Returns whether an image serves the pages of others, as a proxy or a dashboard does.
pub fn is_front(image: &str) -> bool {
    FRONT.contains(&self::image(image).short())
}

/// The proxies that lead where settings of their own say, which no compose file has.
const LEADING: &[&str] = &["nginx-proxy-manager", "swag", "cloudflared"];

/// Returns whether an image may have pages: it is no database, and no door to Docker.
pub fn has_pages(image: &str) -> bool {
    !is_backing(image) && !self::image(image).short().ends_with("socket-proxy")
}

/// Returns whether an image is a proxy that leads where settings of its own say.
pub fn is_leading(image: &str) -> bool {
    LEADING.contains(&self::image(image).short())
}

/// Where registries keep copies of each other's images.
const HOSTS: &[&str] = &[
    "docker.io/library/",
    "public.ecr.aws/docker/library/",
    "mirror.gcr.io/library/",
    "docker.io/",
    "mirror.gcr.io/",
    "lscr.io/",
    "ghcr.io/",
    "quay.io/",
    "codeberg.org/",
    "code.forgejo.org/",
    "data.forgejo.org/",
    "docker.n8n.io/",
];

/// Images that a project also publishes under another name, as its own documents say.
const COPIES: &[(&str, &str)] = &[
    ("dani-garcia/vaultwarden", "vaultwarden/server"),
    ("docker.gitea.com/gitea", "gitea/gitea"),
    ("grafana/grafana-oss", "grafana/grafana"),
    ("homeassistant/home-assistant", "home-assistant/home-assistant"),
    ("paperlessngx/paperless-ngx", "paperless-ngx/paperless-ngx"),
    ("steveiliop56/tinyauth", "tinyauthapp/tinyauth"),
];

/// Returns whether two names mean the same image.
pub fn same_image(one: &str, two: &str) -> bool {
    let plain = |name: &str| {
        let host = HOSTS.iter().find_map(|host| name.strip_prefix(host));
        let name = host.unwrap_or(name).to_ascii_lowercase();
        let copied = COPIES.iter().find(|(copy, _)| *copy == name);
        copied.map_or(name, |(_, first)| (*first).to_owned())
    };
    plain(one) == plain(two)
}

/// Returns whether an image is Redis, or Valkey, which speaks to the same programs.
pub fn is_redis(repository: &str) -> bool {
    matches!(repository.rsplit('/').next(), Some("redis" | "valkey"))
}

#[cfg(test)]
mod tests {
    use super::{Port, duration, image, port, size};

    #[test]
    fn reads_ports() {
        let read = |text: &str| {
            let Port { address, host, inside, count, udp } = port(text)?;
            Some(format!("{address:?} {host:?} {inside} {count} {udp}").replace("None", "-"))
        };
        for (text, wanted) in [
            ("80", "- - 80 1 false"),
            ("8080:80", "- Some(8080) 80 1 false"),
            ("127.0.0.1:8080:80/udp", "Some(\"127.0.0.1\") Some(8080) 80 1 true"),
            ("[::1]:80:80", "Some(\"::1\") Some(80) 80 1 false"),
            ("3000-3005:3000-3005", "- Some(3000) 3000 6 false"),
            ("127.0.0.1::80", "Some(\"127.0.0.1\") - 80 1 false"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(read("8080:http"), None);
        assert_eq!(read("90000:80"), None);
    }

    #[test]
    fn reads_durations_sizes_and_images() {
        assert_eq!(duration("1m30s"), Some(90_000));
        assert_eq!(duration("500ms"), Some(500));
        assert_eq!(duration("x"), None);
        assert_eq!(size("1.5g"), Some(1_610_612_736));
        assert_eq!(size("512M"), Some(536_870_912));
        assert_eq!(image("redis").repository, "docker.io/library/redis");
        assert_eq!(image("lscr.io/linuxserver/x:1.2").short(), "x");
        assert!(image("ghcr.io:443/a/b").is_unpinned());
    }
}
