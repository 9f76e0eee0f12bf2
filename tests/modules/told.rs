//! What each program must be told behind a proxy.

/// Each application with its options, the port of its page, and the lines that it must have behind
/// a proxy. `@@` is the addresses from which that connects, `@ @` with blanks between them.
pub const TOLD: &[(&str, &str, &str, &[&str])] = &[
    (
        "paperless-ngx",
        "secret-key (secret)one; database-password (secret)one; admin-password (secret)one",
        "web",
        &[
            "PAPERLESS_URL: 'https://app.example.org'",
            "PAPERLESS_CSRF_TRUSTED_ORIGINS: 'https://app.example.org'",
            "PAPERLESS_ALLAUTH_TRUSTED_PROXY_COUNT: '1'",
        ],
    ),
    ("vaultwarden", "", "web", &["DOMAIN: 'https://app.example.org'", "IP_HEADER: 'X-Real-IP'"]),
    (
        "grafana",
        "admin-password (secret)one",
        "web",
        &["GF_SERVER_ROOT_URL: 'https://app.example.org'"],
    ),
    (
        "nextcloud",
        "admin-password (secret)one; database-password (secret)one; port web 8081",
        "web",
        &[
            "NEXTCLOUD_TRUSTED_DOMAINS: 'app.example.org'",
            "OVERWRITEPROTOCOL: 'https'",
            "OVERWRITECLIURL: 'https://app.example.org'",
            "TRUSTED_PROXIES: '@ @'",
        ],
    ),
    (
        "immich",
        "uploads \"/srv/photos\"; database-password (secret)one",
        "web",
        &["IMMICH_TRUSTED_PROXIES: '@@'"],
    ),
    (
        "forgejo",
        "port ssh 2022",
        "web",
        &[
            "FORGEJO__server__ROOT_URL: 'https://app.example.org/'",
            "FORGEJO__server__DOMAIN: 'app.example.org'",
            "FORGEJO__server__SSH_PORT: '2022'",
            "SSH_LISTEN_PORT: '2222'",
            "FORGEJO__security__REVERSE_PROXY_TRUSTED_PROXIES: '@@'",
        ],
    ),
    (
        "authentik",
        "secret-key (secret)one; database-password (secret)one",
        "web",
        &["AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS: '@@'"],
    ),
    ("navidrome", "library \"/srv/music\"", "web", &["ND_BASEURL: 'https://app.example.org'"]),
    (
        "homepage",
        "port web 3009",
        "web",
        &["HOMEPAGE_ALLOWED_HOSTS: 'app.example.org,192.168.1.2:3009'"],
    ),
    (
        "jellyfin",
        "library \"/srv/films\"",
        "web",
        &["JELLYFIN_PublishedServerUrl: 'https://app.example.org'"],
    ),
    ("prometheus", "", "web", &["--web.external-url=https://app.example.org"]),
    ("alertmanager", "", "web", &["--web.external-url=https://app.example.org"]),
    ("actual", "", "web", &["ACTUAL_TRUSTED_PROXIES: '@@'"]),
    (
        "bookstack",
        "app-key (secret)one; database-password (secret)one; database-root-password (secret)one",
        "web",
        &["APP_URL: 'https://app.example.org'", "APP_PROXIES: '@@'"],
    ),
    (
        "firefly-iii",
        "app-key (secret)one; database-password (secret)one",
        "web",
        &["APP_URL: 'https://app.example.org'", "TRUSTED_PROXIES: '@@'"],
    ),
    ("changedetection", "", "web", &["BASE_URL: 'https://app.example.org'", "USE_X_SETTINGS: '1'"]),
    ("freshrss", "", "web", &["TRUSTED_PROXY: '@ @'"]),
    (
        "gitea",
        "",
        "web",
        &[
            "GITEA__server__ROOT_URL: 'https://app.example.org/'",
            "GITEA__security__REVERSE_PROXY_TRUSTED_PROXIES: '@@'",
        ],
    ),
    ("guacamole", "database-password (secret)one", "web", &["REMOTE_IP_VALVE_ENABLED: 'true'"]),
    (
        "healthchecks",
        "secret-key (secret)one; database-password (secret)one",
        "web",
        &[
            "SITE_ROOT: 'https://app.example.org'",
            "SECURE_PROXY_SSL_HEADER: 'HTTP_X_FORWARDED_PROTO,https'",
        ],
    ),
    (
        "homebox",
        "",
        "web",
        &["HBOX_OPTIONS_HOSTNAME: 'app.example.org'", "HBOX_OPTIONS_TRUST_PROXY: 'true'"],
    ),
    (
        "joplin",
        "database-password (secret)one",
        "web",
        &["APP_BASE_URL: 'https://app.example.org'"],
    ),
    (
        "karakeep",
        "session-key (secret)one; search-key (secret)one",
        "web",
        &["NEXTAUTH_URL: 'https://app.example.org'"],
    ),
    (
        "linkwarden",
        "session-key (secret)one; database-password (secret)one",
        "web",
        &["NEXTAUTH_URL: 'https://app.example.org/api/v1/auth'"],
    ),
    ("mealie", "", "web", &["BASE_URL: 'https://app.example.org'"]),
    ("memos", "", "web", &["MEMOS_INSTANCE_URL: 'https://app.example.org'"]),
    (
        "n8n",
        "encryption-key (secret)one",
        "web",
        &[
            "N8N_HOST: 'app.example.org'",
            "N8N_PROXY_HOPS: '1'",
            "N8N_SECURE_COOKIE: 'true'",
            "N8N_WEBHOOK_URL: 'https://app.example.org/'",
        ],
    ),
    ("ntfy", "", "web", &["NTFY_BASE_URL: 'https://app.example.org'", "NTFY_BEHIND_PROXY: 'true'"]),
    (
        "oauth2-proxy",
        "issuer \"https://id.example.org\"; client-id one; \
         client-secret (secret)one; cookie-key (secret)one",
        "web",
        &["--trusted-proxy-ip=@@"],
    ),
    (
        "open-webui",
        "secret-key (secret)one; ollama \"http://192.168.1.3:11434\"",
        "web",
        &["WEBUI_URL: 'https://app.example.org'", "FORWARDED_ALLOW_IPS: '@@'"],
    ),
    (
        "photoprism",
        "originals \"/srv/photos\"; admin-password (secret)one; \
         database-password (secret)one; database-root-password (secret)one",
        "web",
        &["PHOTOPRISM_SITE_URL: 'https://app.example.org'", "PHOTOPRISM_TRUSTED_PROXY: '@@'"],
    ),
    (
        "pocket-id",
        "encryption-key (secret)one",
        "web",
        &["APP_URL: 'https://app.example.org'", "TRUST_PROXY: '@@'"],
    ),
    ("portainer", "admin-password (secret)one", "web", &["TRUSTED_ORIGINS: 'app.example.org'"]),
    (
        "romm",
        "library \"/srv/roms\"; auth-key (secret)one; \
         database-password (secret)one; database-root-password (secret)one",
        "web",
        &["ROMM_BASE_URL: 'https://app.example.org'"],
    ),
    ("searxng", "secret-key (secret)one", "web", &["SEARXNG_BASE_URL: 'https://app.example.org'"]),
    ("speedtest-tracker", "app-key (secret)one", "web", &["APP_URL: 'https://app.example.org'"]),
    (
        "tinyauth",
        "users (secret)one",
        "web",
        &["TINYAUTH_APPURL: 'https://app.example.org'", "TINYAUTH_AUTH_TRUSTEDPROXIES: '@@'"],
    ),
    (
        "transmission",
        "data \"/srv/data\"; user one; password (secret)one",
        "web",
        &["HOST_WHITELIST: 'app.example.org'"],
    ),
    ("trilium", "", "web", &["TRILIUM_NETWORK_TRUSTEDREVERSEPROXY: '@@'"]),
    (
        "vikunja",
        "secret-key (secret)one",
        "web",
        &[
            "VIKUNJA_SERVICE_PUBLICURL: 'https://app.example.org'",
            "VIKUNJA_SERVICE_IPEXTRACTIONMETHOD: 'xff'",
            "VIKUNJA_SERVICE_TRUSTEDPROXIES: '@@'",
        ],
    ),
    ("wg-easy", "", "web", &["INSECURE: 'false'"]),
    ("beszel", "", "web", &["APP_URL: 'https://app.example.org'"]),
    ("esphome", "password (secret)one", "web", &["ESPHOME_TRUSTED_DOMAINS: 'app.example.org'"]),
];
