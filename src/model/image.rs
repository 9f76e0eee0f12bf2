//! What the reference of an image says about its program.

use super::Engine;

/// Splits an image reference into the repository, without registry and `library/`, and the tag.
pub fn repository_and_tag(image: &str) -> (&str, &str) {
    let name = image.split('@').next().unwrap_or(image);
    let (path, tag) = match name.rsplit_once(':') {
        // A `:` before a `/` begins the port of a registry.
        Some((path, tag)) if !tag.contains('/') => (path, tag),
        _ => (name, ""),
    };
    let path = match path.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) => rest,
        _ => path,
    };
    (path.strip_prefix("library/").unwrap_or(path), tag)
}

/// Returns whether a reference names a version or a digest, so that it always means the same image.
pub fn is_pinned(image: &str) -> bool {
    // The part after the last `/` has no port of a registry, so its `:` begins the tag.
    let name = image.rsplit('/').next().unwrap_or(image);
    // A tag without a digit, such as `latest`, names no version.
    image.contains('@')
        || name
            .split_once(':')
            .is_some_and(|(_, tag)| tag.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Returns the major version of a database server that an image runs: `18` of `postgres:18.1`,
/// `17` of `pgvector:0.8.1-pg17`, `11.8` of `mariadb:11.8.2`. Returns nothing if the tag names
/// none.
pub fn database_major(engine: Engine, image: &str) -> Option<String> {
    let (repository, tag) = repository_and_tag(image);
    let program = repository.rsplit('/').next().unwrap_or(repository);
    let mut parts = tag.split('-');
    match engine {
        Engine::Postgres => {
            let named = parts.clone().find_map(|part| part.strip_prefix("pg").and_then(numbers));
            // Images with extensions have a version of their own.
            let own = parts.next().filter(|_| program.starts_with("postg")).and_then(numbers);
            let (major, _) = named.or(own)?;
            Some(major.to_owned())
        }
        Engine::Mariadb => {
            let (major, minor) = parts.next().and_then(numbers)?;
            Some(minor.map_or_else(|| major.to_owned(), |minor| format!("{major}.{minor}")))
        }
        Engine::Sqlite | Engine::Folder | Engine::Undeclared => None,
    }
}

/// Splits the beginning of a version into its first two numbers.
fn numbers(version: &str) -> Option<(&str, Option<&str>)> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut parts = version.split('.');
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let major = parts.next().filter(|part| number(part))?;
    Some((major, parts.next().filter(|part| number(part))))
}

/// Returns the folder in which an image of `PostgreSQL` keeps its data: version 18 has one above
/// that of older ones. Returns nothing if the tag names no version.
///
/// Source: <https://hub.docker.com/_/postgres>, under `PGDATA`.
pub fn postgres_data(image: &str) -> Option<&'static str> {
    let major: u32 = database_major(Engine::Postgres, image)?.parse().ok()?;
    Some(if major >= 18 { "/var/lib/postgresql" } else { "/var/lib/postgresql/data" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_known_whatever_registry_it_comes_from() {
        for image in [
            "docker.io/library/postgres:13.2",
            "postgres:13.2",
            "mirror.example:5000/library/postgres:13.2@sha256:0",
        ] {
            assert_eq!(repository_and_tag(image), ("postgres", "13.2"));
        }
        assert_eq!(repository_and_tag("lscr.io/linuxserver/readarr"), ("linuxserver/readarr", ""));
    }

    #[test]
    fn the_major_version_of_a_database_comes_from_its_image() {
        for (image, major) in [
            ("docker.io/library/postgres:18.1-bookworm", Some("18")),
            ("postgres:17", Some("17")),
            ("ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0", Some("14")),
            ("docker.io/pgvector/pgvector:pg17", Some("17")),
            ("pgvector/pgvector:0.8.1-pg18-trixie", Some("18")),
            ("timescale/timescaledb:2.17.2-pg16", Some("16")),
            ("timescale/timescaledb:2.17.2", None),
            ("postgis/postgis:17-3.5", Some("17")),
            ("postgres:latest", None),
            ("postgres@sha256:0", None),
        ] {
            assert_eq!(database_major(Engine::Postgres, image).as_deref(), major, "{image}");
        }
        for (image, major) in [
            ("mariadb:11.8.2-noble", Some("11.8")),
            ("mariadb:12", Some("12")),
            ("mariadb:lts", None),
        ] {
            assert_eq!(database_major(Engine::Mariadb, image).as_deref(), major, "{image}");
        }
    }

    #[test]
    fn the_data_of_postgres_lies_where_its_version_keeps_it() {
        assert_eq!(postgres_data("postgres:18.1-bookworm"), Some("/var/lib/postgresql"));
        assert_eq!(postgres_data("postgres:17.11-bookworm"), Some("/var/lib/postgresql/data"));
        assert_eq!(postgres_data("postgres:alpine"), None);
    }
}
