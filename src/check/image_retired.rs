//! Finds programs that are retired, renamed, past the end of their life, or incompatible with
//! others.

use super::{Rule, about_image};
use crate::diag::{Code, Diagnostics, codes};
use crate::model::Container;
use crate::plan::Plan;

/// Finds containers whose image should not be started any more.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "image-retired",
    Warning,
    "an image was retired or renamed, or its program has reached the end of its life"
);

/// A notice about an image.
struct Advisory {
    /// The repository without its registry. A slash at its end means every repository below it.
    repository: &'static str,
    /// The tags that it applies to.
    tags: fn(&str) -> bool,
    /// Whether it applies only to a container that talks to Docker.
    to_docker: bool,
    /// The date, as far as the source says it.
    since: &'static str,
    /// What happened.
    what: &'static str,
    /// What to do.
    instead: &'static str,
    /// The page that says so.
    source: &'static str,
}

const fn any(_: &str) -> bool {
    true
}

const fn all_tags(
    repository: &'static str,
    since: &'static str,
    what: &'static str,
    instead: &'static str,
    source: &'static str,
) -> Advisory {
    Advisory { repository, tags: any, to_docker: false, since, what, instead, source }
}

const fn old_portainer(repository: &'static str) -> Advisory {
    let (what, instead, source) = PORTAINER;
    let (tags, since) = (is_old_portainer, "2025-11-10");
    Advisory { repository, tags, to_docker: true, since, what, instead, source }
}

/// Reports versions of a program whose client of Docker is from before Docker 25.
const fn old_client(
    repository: &'static str,
    tags: fn(&str) -> bool,
    instead: &'static str,
    source: &'static str,
) -> Advisory {
    let what = "it asks Docker in version 1.43 of its API or below, and Docker 29.0 to 29.2 answer \
                none below 1.44";
    Advisory { repository, tags, to_docker: true, since: "2025-11-10", what, instead, source }
}

const READARR: (&str, &str, &str) = (
    "Readarr is retired: its metadata is gone, and its images with it",
    "look after books with another program",
    "https://github.com/Readarr/Readarr",
);
const SEERR: (&str, &str, &str) = (
    "Overseerr and Jellyseerr have become one program, Seerr",
    "use the module `seerr`, which takes over the configuration folder of either",
    "https://docs.seerr.dev/migration-guide",
);

const PORTAINER: (&str, &str, &str) = (
    "it asks Docker in version 1.41 of its API, and Docker 29.0 to 29.2 answer none below 1.44",
    "use Portainer 2.33.5 or later of its long-term releases, or 2.36.0 or later",
    "https://github.com/portainer/portainer/issues/12934",
);

/// The notices, by repository.
static ADVISORIES: &[Advisory] = &[
    old_client(
        "amir20/dozzle",
        |tag| numbers(tag).is_some_and(|version| version < [6, 1, 1]),
        "use Dozzle 6.1.1 or later, or the module `dozzle`",
        "https://github.com/amir20/dozzle/issues/4265",
    ),
    all_tags(
        "bitnami/",
        "2025-08-28",
        "Bitnami's public images are no longer updated, and those of older versions have moved \
         away",
        "use the program's own image",
        "https://github.com/bitnami/containers/issues/83267",
    ),
    all_tags(
        "bitwarden/self-host",
        "2025-12-10",
        "the unified image is now called Bitwarden Lite",
        "use `ghcr.io/bitwarden/lite`, or the module `vaultwarden`",
        "https://github.com/bitwarden/server/issues/2480",
    ),
    all_tags(
        "cadvisor/cadvisor",
        "2025-06-05",
        "cAdvisor's images have moved: gcr.io has none newer than 0.52",
        "use `ghcr.io/google/cadvisor`, or the module `cadvisor`",
        "https://github.com/google/cadvisor/releases",
    ),
    all_tags(
        "containrrr/watchtower",
        "2025-12-17",
        "Watchtower is archived and does not work with current versions of Docker",
        "use the module `diun`, which reports new versions and leaves updates to a release",
        "https://github.com/containrrr/watchtower",
    ),
    old_client(
        "crazymax/diun",
        |tag| numbers(tag).is_some_and(|version| version < [4, 27, 0]),
        "use Diun 4.27.0 or later, or the module `diun`",
        "https://github.com/crazy-max/diun/issues/1539",
    ),
    all_tags("fallenbagel/jellyseerr", "2026-02-14", SEERR.0, SEERR.1, SEERR.2),
    Advisory {
        repository: "google/cadvisor",
        tags: |tag| numbers(tag).is_some_and(|version| version < [0, 54, 0]),
        to_docker: false,
        since: "2025-11-10",
        what: "it asks Docker in version 1.41 of its API and looks for images where Docker 29 \
               keeps none, so it measures no container there",
        instead: "use `ghcr.io/google/cadvisor:0.54.0` or later, or the module `cadvisor`",
        source: "https://github.com/google/cadvisor/issues/3749",
    },
    all_tags(
        "grafana/agent",
        "2025-11-01",
        "Grafana Agent has reached the end of its life",
        "use the module `alloy`",
        "https://grafana.com/docs/loki/latest/setup/migrate/migrate-to-alloy/",
    ),
    all_tags(
        "grafana/promtail",
        "2026-03-02",
        "Promtail has reached the end of its life",
        "use the module `alloy`",
        "https://grafana.com/docs/loki/latest/send-data/promtail/",
    ),
    all_tags("hotio/overseerr", "2026-02-14", SEERR.0, SEERR.1, SEERR.2),
    all_tags("hotio/readarr", "2025-06-27", READARR.0, READARR.1, READARR.2),
    Advisory {
        repository: "immich-app/postgres",
        tags: |tag| !tag.contains("vectorchord"),
        to_docker: false,
        since: "2026-06-09",
        what: "Immich 3 needs VectorChord in its database, which this image lacks",
        instead: "use a tag with `vectorchord` in it, and first read Immich's page about the \
                  migration",
        source: "https://immich.app/blog/v3-migration",
    },
    all_tags("linuxserver/overseerr", "2026-02-14", SEERR.0, SEERR.1, SEERR.2),
    all_tags("linuxserver/readarr", "2025-06-27", READARR.0, READARR.1, READARR.2),
    all_tags(
        "minio/minio",
        "2025-10-15",
        "MinIO no longer publishes images of its free edition, and removed those on Docker Hub in \
         September 2026",
        "build the image yourself, or use another store",
        "https://github.com/minio/minio/issues/21647",
    ),
    old_portainer("portainer/agent"),
    old_portainer("portainer/portainer-ce"),
    old_portainer("portainer/portainer-ee"),
    Advisory {
        repository: "postgres",
        tags: |tag| version(tag).is_some_and(|major| major <= 13),
        to_docker: false,
        since: "2025-11-13",
        what: "PostgreSQL 13 and older have reached the end of their life",
        instead: "dump the database, and restore it in a newer version",
        source: "https://www.postgresql.org/support/versioning/",
    },
    all_tags("sctx/overseerr", "2026-02-14", SEERR.0, SEERR.1, SEERR.2),
    all_tags(
        "tensorchord/pgvecto-rs",
        "2026-06-09",
        "pgvecto.rs is no longer developed, and Immich 3 refuses it",
        "use `ghcr.io/immich-app/postgres` with a tag of VectorChord, and first read Immich's page \
         about the migration",
        "https://immich.app/blog/v3-migration",
    ),
    Advisory {
        repository: "traefik",
        tags: |tag| {
            numbers(tag).is_some_and(|version| {
                version < [2, 11, 31] || ([3, 0, 0]..[3, 6, 1]).contains(&version)
            })
        },
        to_docker: true,
        since: "2025-11-10",
        what: "it asks Docker in version 1.24 of its API, and Docker 29 answers none below 1.40",
        instead: "use Traefik 3.6.1 or later, or 2.11.31 or later",
        source: "https://github.com/traefik/traefik/issues/12253",
    },
];

/// Returns the three numbers of a version: 3, 6 and 0 of `v3.6`.
fn numbers(tag: &str) -> Option<[u32; 3]> {
    // What follows a hyphen is a variant, such as `-alpine`, and not a part of the version.
    let version = tag.strip_prefix('v').unwrap_or(tag).split('-').next()?;
    let mut parts = version.split('.').map(str::parse::<u32>);
    let major = parts.next()?.ok()?;
    // A tag without its last numbers is the newest of those that it leaves open.
    let mut next = || parts.next().map_or(Some(u32::MAX), Result::ok);
    Some([major, next()?, next()?])
}

/// Returns whether a version of Portainer is from before Docker 29.
fn is_old_portainer(tag: &str) -> bool {
    numbers(tag)
        .is_some_and(|version| version < [2, 33, 5] || ([2, 34, 0]..[2, 36, 0]).contains(&version))
}

/// Returns whether a container talks to the machine's Docker.
fn talks_to_docker(container: &Container) -> bool {
    container.mounts.iter().any(|mount| mount.source.ends_with("/docker.sock"))
        || container.environment.iter().any(|variable| variable.name == "DOCKER_HOST")
}

/// Returns the number that a tag begins with.
fn version(tag: &str) -> Option<u32> {
    tag.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for (service, container) in plan.model.containers() {
        let (repository, tag) = (container.repository(), container.tag());
        let fits = |advisory: &&Advisory| {
            let inside =
                advisory.repository.ends_with('/') && repository.starts_with(advisory.repository);
            (inside || advisory.repository == repository)
                && (advisory.tags)(tag)
                && (!advisory.to_docker || talks_to_docker(container))
        };
        let Some(advisory) = ADVISORIES.iter().find(fits) else { continue };
        let message = format!("`{}`: {}", container.image.value, advisory.what);
        diagnostics.push(
            about_image(&CODE, service, container, message)
                .caption(format!("since {}", advisory.since))
                .help(format!("{}; see {}", advisory.instead, advisory.source)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::ADVISORIES;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let old = |tag| ADVISORIES.iter().any(|one| one.repository == "traefik" && (one.tags)(tag));
        assert!(old("v3.6.0") && old("v3.5") && old("2.11.30") && old("v2.10.7"));
        assert!(!old("v3.6.1") && !old("v3.7") && !old("v3") && !old("v2.11.31") && !old("v2.11"));
    }

    #[test]
    fn versions_that_docker_29_refuses_are_old() {
        let old = |repository: &str, tag: &str| {
            ADVISORIES.iter().any(|one| one.repository == repository && (one.tags)(tag))
        };
        for tag in ["2.33.4", "2.33.4-alpine", "2.21.5", "2.34.0", "2.35.0"] {
            assert!(old("portainer/portainer-ce", tag), "{tag}");
        }
        for tag in ["2.33.5", "2.33", "2.36.0", "2.39.1-alpine", "lts", "latest"] {
            assert!(!old("portainer/portainer-ce", tag), "{tag}");
        }
        for (repository, last, first) in
            [("amir20/dozzle", "v6.1.0", "v6.1.1"), ("crazymax/diun", "4.26.0", "4.27.0")]
        {
            assert!(old(repository, last) && !old(repository, first), "{repository}");
            assert!(!old(repository, "latest"), "{repository}");
        }
        assert!(old("google/cadvisor", "v0.53.0") && old("google/cadvisor", "v0.33.0"));
        assert!(!old("google/cadvisor", "v0.54.0") && !old("google/cadvisor", "0.60.5"));
    }

    #[test]
    fn advisories_are_sorted_dated_and_have_a_source() {
        assert!(ADVISORIES.windows(2).all(|pair| pair[0].repository < pair[1].repository));
        for advisory in ADVISORIES {
            let day: Vec<u32> =
                advisory.since.split('-').filter_map(|part| part.parse().ok()).collect();
            assert!(
                matches!(day[..], [2020..2100, 1..=12, 1..=31]),
                "{}: {}",
                advisory.repository,
                advisory.since
            );
            assert!(advisory.source.starts_with("https://"), "{}", advisory.repository);
        }
    }
}
