//! Holds the programs that refuse private addresses against the option that lets them ask there.

use std::collections::BTreeSet;

use labwright::resolve::options::option_specs;
use labwright::source::Spanned;

use super::{PRELUDE, bundle_of, each_module};

/// Each module whose program refuses private addresses by itself, what its service needs besides,
/// and the line that lets it ask there.
const REFUSING: &[(&str, &str, &str)] = &[
    // `server/Server.js` of v2.36.0.
    ("audiobookshelf", "audiobooks \"/srv/audiobooks\"", "DISABLE_SSRF_REQUEST_FILTER: '1'"),
    // It ran, and said so: "resolves to a private/reserved IP address".
    ("changedetection", "", "ALLOW_IANA_RESTRICTED_ADDRESSES: 'true'"),
    // `services/webhook/deliver.go`, which Gitea and Forgejo share: without a list, `external`.
    (
        "forgejo",
        "host \"git.example.org\"",
        "FORGEJO__webhook__ALLOWED_HOST_LIST: 'external,private'",
    ),
    // `services/migrations/migrate.go`, likewise: else private addresses are in the list of those
    // that it refuses.
    ("gitea", "host \"tea.example.org\"", "GITEA__migrations__ALLOW_LOCALNETWORKS: 'true'"),
    // `core/shared/config/defaults.json` of the package at 6.45.0.
    (
        "ghost",
        "url \"https://blog.example.org\"; database-password (secret)one; \
         database-root-password (secret)one",
        "security__allowWebhookInternalIPs: 'true'",
    ),
    // Their sources refuse private addresses likewise.
    (
        "healthchecks",
        "url \"https://checks.example.org\"; secret-key (secret)one; \
         database-password (secret)one",
        "INTEGRATIONS_ALLOW_PRIVATE_IPS: 'True'",
    ),
    ("heimdall", "", "ALLOW_INTERNAL_REQUESTS: 'true'"),
    (
        "karakeep",
        "url \"https://keep.example.org\"; session-key (secret)one; search-key (secret)one",
        "CRAWLER_ALLOWED_INTERNAL_HOSTNAMES: '.'",
    ),
    // `packages/lib/ssrf.ts` of v2.16.1.
    (
        "linkwarden",
        "url \"https://links.example.org\"; session-key (secret)one; \
         database-password (secret)one",
        "ALLOW_PRIVATE_NETWORK_ACCESS: 'true'",
    ),
    // `internal/webhook/validate.go` of v0.30.0.
    ("memos", "", "MEMOS_ALLOW_PRIVATE_WEBHOOKS: 'true'"),
    // `app/main.py` of 2026.08.21.
    ("metube", "downloads \"/srv/videos\"", "ALLOW_PRIVATE_ADDRESSES: 'true'"),
    // `lib/private/Http/Client/Client.php`; a variable goes before its file
    // (`lib/private/Config.php`).
    (
        "nextcloud",
        "host \"cloud.example.org\"; admin-password (secret)one; database-password (secret)one",
        "NC_allow_local_remote_servers: '1'",
    ),
    // `config.py` of the package at 0.12.4.
    ("open-webui", "secret-key (secret)one", "ENABLE_LOCAL_WEB_FETCH: 'true'"),
    (
        "vikunja",
        "url \"https://tasks.example.org/\"; secret-key (secret)one",
        "VIKUNJA_OUTGOINGREQUESTS_ALLOWNONROUTABLEIPS: 'true'",
    ),
    // `src/http_client.rs` of 46d71107.
    (
        "vaultwarden",
        "url \"https://vault.example.org\"",
        "HTTP_REQUEST_BLOCK_NON_GLOBAL_IPS: 'false'",
    ),
];

#[test]
fn private_addresses_are_asked_where_the_lab_says_so_and_nowhere_else() {
    let compose = |and: &str| {
        let mut lab = format!("{PRELUDE}secret one\n");
        for (module, options, _) in REFUSING {
            lab.push_str(&format!("service {module} on=box {{\n{options}\n{and}\n}}\n"));
        }
        let path = bundle_of(&lab);
        let path = path.path().join("payload/compose/compose.yaml");
        std::fs::read_to_string(path).expect("a compose file")
    };
    let (asking, quiet) = (compose("internal-requests #true;"), compose(""));
    for (module, _, line) in REFUSING {
        assert!(asking.contains(line), "{module}: no {line} in\n{asking}");
        assert!(!quiet.contains(line), "{module}: {line} in\n{quiet}");
    }
    // Both read it from their settings, where a value of before stays unless another is said.
    for module in ["FORGEJO", "GITEA"] {
        for line in [
            format!("{module}__webhook__ALLOWED_HOST_LIST: 'external'"),
            format!("{module}__migrations__ALLOW_LOCALNETWORKS: 'false'"),
        ] {
            assert!(quiet.contains(&line), "no {line} in\n{quiet}");
        }
    }
    // Nextcloud's pages ask, and its regular jobs.
    assert_eq!(asking.matches("NC_allow_local_remote_servers").count(), 2);
}

/// The modules whose programs refuse private addresses, and have no setting for it, where somebody
/// may want what the lab has: each says so.
const REFUSING_ALWAYS: &[&str] = &[
    // `mealie/pkgs/safehttp/transport.py`; its messages go through Apprise.
    "mealie",
    // `downloadAndSaveLogoFromURL` in `backend/internal/service/oidc_service.go` of v2.14.0.
    "pocket-id",
    // `backend/utils/ssrf.py` of 5.2.0, behind every request for a cover.
    "romm",
    // `safe_request` in `cookbook/helper/HelperFunctions.py` of 2.6.12.
    "tandoor",
    // `app/Services/Traits/ValidatesUrls.php` of v8.0.1, which its `IconService` asks.
    "twofauth",
];

#[test]
fn who_refuses_private_addresses_whatever_the_lab_says_tells_it() {
    let mut telling = Vec::new();
    each_module(|name, module| {
        let doc = module.value("doc").and_then(Spanned::string).unwrap_or_default();
        if doc.contains("public addresses alone, and has no setting for others") {
            telling.push(name.to_owned());
        }
    });
    assert_eq!(telling, REFUSING_ALWAYS);
}

#[test]
fn every_module_that_can_ask_private_addresses_is_tried() {
    let mut having = BTreeSet::new();
    each_module(|name, module| {
        if option_specs(module).iter().any(|option| option.name == "internal-requests") {
            having.insert(name.to_owned());
        }
    });
    let tried = REFUSING.iter().map(|(module, ..)| (*module).to_owned()).collect();
    assert_eq!(having, tried);
}
