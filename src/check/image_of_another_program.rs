//! Finds services whose image is of another program than the module's.

use super::{Rule, about_image};
use crate::diag::{Code, Diagnostics, codes};
use crate::model::image::repository_and_tag;
use crate::plan::Plan;

/// Finds images that neither the module's default nor its name resembles.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "image-of-another-program",
    Warning,
    "a service runs an image of another program than its module's"
);

/// Words in the names of images that say nothing of a program.
const COMMON: &[&str] = &["app", "docker", "server", "the", "project", "official", "linux"];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for service in &plan.model.services {
        let Some(usual) = service.usual_image.as_deref() else { continue };
        let Some(image) = service.option("image").as_text() else { continue };
        // If the lab does not set the image, it is the module's own default.
        if !service.option_spans.contains_key("image") || is_alike(image, usual, &service.module) {
            continue;
        }
        let reads = |container: &&crate::model::Container| container.image.value == image;
        let Some(container) = service.containers.iter().find(reads) else { continue };
        let message = format!(
            "`{}` runs `{}`, but its module is for `{}`",
            service.name,
            repository_and_tag(image).0,
            repository_and_tag(usual).0
        );
        diagnostics.push(about_image(&CODE, service, container, message).help(
            "the module's arguments, variables, folders and health check are those of its own \
             program; use a module for the other one, or `accept` this if both are the same",
        ));
    }
}

/// Returns whether two images may be of one program: their names or the module's share a word.
fn is_alike(image: &str, usual: &str, module: &str) -> bool {
    let (repository, usual) = (repository_and_tag(image).0, repository_and_tag(usual).0);
    let program = |repository: &str| repository.rsplit('/').next().unwrap_or_default().to_owned();
    let (own, wanted) = (program(repository), program(usual));
    // The name may be the owner's: `vaultwarden/server`.
    let names = [wanted.as_str(), module];
    repository == usual
        || words(&own).any(|word| names.iter().any(|name| words(name).any(|one| one == word)))
        || words(module).any(|word| {
            own.contains(word) || repository.split('/').any(|part| part == word || part == module)
        })
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['-', '_', '.']).filter(|word| word.len() > 1 && !COMMON.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_alike;

    #[test]
    fn images_of_one_program_are_alike() {
        let alike = [
            ("lscr.io/linuxserver/jellyfin:10.11", "docker.io/jellyfin/jellyfin:10.11", "jellyfin"),
            ("vaultwarden/server:1.35", "ghcr.io/dani-garcia/vaultwarden:1.35", "vaultwarden"),
            ("hotio/qbittorrent:5", "lscr.io/linuxserver/qbittorrent:5", "qbittorrent"),
            ("jacobalberty/unifi:9", "linuxserver/unifi-network-application:9", "unifi-network"),
            (
                "home-assistant/home-assistant:1",
                "ghcr.io/linuxserver/homeassistant:1",
                "home-assistant",
            ),
            ("tailscale/tailscale:1", "ghcr.io/tailscale/tailscale:1", "tailscale"),
        ];
        for (image, usual, module) in alike {
            assert!(is_alike(image, usual, module), "{image}");
        }
        assert!(!is_alike("grafana/promtail:3.5.0", "docker.io/grafana/alloy:v1.11", "alloy"));
        assert!(!is_alike("library/mysql:8", "docker.io/library/mariadb:11", "mariadb"));
        assert!(!is_alike("plexinc/pms-docker:1", "jellyfin/jellyfin:10", "jellyfin"));
    }
}
