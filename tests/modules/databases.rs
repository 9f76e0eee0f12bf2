//! Checks which files of `SQLite` each program is known to keep: a copy of one that is written to
//! is broken, so each is dumped. Where their names aren't known, the whole folder is saved while
//! the program stands still.

use std::collections::BTreeMap;

use labwright::model::Engine;

use super::{each_example, of_module};

/// The files of `SQLite` below a program's folders, as its source or the program itself names
/// them; `docs/trust.md` says where that was read. One that may be missing has a question mark.
/// A folder that is saved whole is a `/`.
const FILES: &[(&str, &str)] = &[
    ("audiobookshelf", "absdatabase.sqlite"),
    ("authelia", "db.sqlite3"),
    ("bazarr", "db/bazarr.db"),
    ("beszel", "auxiliary.db?, data.db"),
    ("calibre-web", "app.db, gdrive.db?, metadata.db"),
    ("crowdsec", "crowdsec.db"),
    ("dockge", "dockge.db"),
    ("duplicati", "/"),
    (
        "emby",
        "data/activitylog.db?, data/authentication.db?, data/displaypreferences.db?, \
         data/library.db, data/playback_reporting.db?, data/users.db?",
    ),
    ("forgejo", "gitea/gitea.db"),
    ("frigate", "frigate.db"),
    ("gitea", "gitea/gitea.db"),
    ("gotify", "gotify.db"),
    ("grafana", "grafana.db"),
    ("grocy", "data/grocy.db"),
    ("headscale", "db.sqlite"),
    ("homarr", "db/db.sqlite"),
    ("heimdall", "www/app.sqlite"),
    ("home-assistant", "home-assistant_v2.db, zigbee.db?"),
    ("homebox", "homebox.db"),
    (
        "jellyfin",
        "data/introskipper/introskipper.db?, data/jellyfin.db, data/library.db?, \
         data/playback_reporting.db?",
    ),
    ("karakeep", "db.db, queue.db?"),
    ("kavita", "kavita.db"),
    ("komga", "database.sqlite, tasks.sqlite?"),
    ("lidarr", "lidarr.db, logs.db?"),
    ("lldap", "users.db"),
    ("mealie", "mealie.db"),
    ("memos", "memos_prod.db"),
    ("n8n", "database.sqlite"),
    ("navidrome", "navidrome.db"),
    ("nginx-proxy-manager", "database.sqlite"),
    ("ntfy", "auth.db, cache.db"),
    ("open-webui", "vector_db/chroma.sqlite3?, webui.db"),
    ("pihole", "gravity.db, pihole-FTL.db?"),
    (
        "plex",
        "Library/Application Support/Plex Media Server/Plug-in \
         Support/Databases/com.plexapp.plugins.library.blobs.db?, Library/Application \
         Support/Plex Media Server/Plug-in Support/Databases/com.plexapp.plugins.library.db",
    ),
    ("pocket-id", "pocket-id.db"),
    ("prowlarr", "logs.db?, prowlarr.db"),
    ("radarr", "logs.db?, radarr.db"),
    ("sabnzbd", "admin/history1.db"),
    ("scrutiny", "scrutiny.db"),
    ("seerr", "db/db.sqlite3"),
    ("sonarr", "logs.db?, sonarr.db"),
    ("speedtest-tracker", "database.sqlite"),
    ("tautulli", "tautulli.db"),
    ("tinyauth", "tinyauth.db"),
    ("trilium", "document.db"),
    ("twofauth", "database.sqlite"),
    ("uptime-kuma", "kuma.db"),
    ("vaultwarden", "db.sqlite3"),
    ("vikunja", "vikunja.db"),
    ("wallabag", "db/wallabag.sqlite"),
    ("wg-easy", "wg-easy.db"),
    ("actual", "/"),
    ("filebrowser", "/"),
    ("freshrss", "/"),
    ("garage", "/"),
    ("influxdb", "/"),
    ("minecraft", "/"),
    ("mongodb", "/"),
    ("portainer", "/"),
    ("tdarr", "/"),
    ("unifi-network", "/"),
    ("valkey", "/"),
];

#[test]
fn each_file_of_sqlite_that_a_program_keeps_is_dumped() {
    let found = std::cell::RefCell::new(BTreeMap::new());
    each_example(|name, model| {
        let service = of_module(model, name);
        let mut files: Vec<String> = service
            .databases
            .iter()
            .filter(|database| matches!(database.engine, Engine::Sqlite | Engine::Folder))
            .map(|database| {
                let state = database.state.as_deref().unwrap_or_default();
                let state = service.states.iter().find(|one| one.name == state);
                let state = state.unwrap_or_else(|| panic!("{name}: {}", database.name));
                let file = database.database.strip_prefix(&*state.path).unwrap_or_default();
                let may_be_missing = if database.optional { "?" } else { "" };
                let whole = if database.engine == Engine::Folder { "/" } else { "" };
                format!("{}{whole}{may_be_missing}", file.trim_start_matches('/'))
            })
            .collect();
        files.sort();
        if !files.is_empty() {
            found.borrow_mut().insert(name.to_owned(), files.join(", "));
        }
    });
    let known: BTreeMap<String, String> =
        FILES.iter().map(|(name, files)| ((*name).to_owned(), (*files).to_owned())).collect();
    assert_eq!(found.into_inner(), known);
}
