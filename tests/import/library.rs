//! Imports what modules of the library run, in the forms that people have, and what such modules
//! can't say.

use super::awkward::{built, fate};

/// Says that the containers become services of the library, with these lines.
fn adopted(folder: &str, compose: &str, lines: &[&str]) -> serde_json::Value {
    let (facts, written) = built(folder, &[("compose.yaml", compose)]);
    assert!(!written.contains("\nmodule "), "{written}\n{}", facts["projects"]);
    for line in lines {
        assert!(written.contains(line), "{line}\n{written}");
    }
    assert!(!facts.to_string().contains("geheim"), "a secret is written");
    facts
}

#[test]
fn a_tunnel_is_the_library_s_however_its_token_is_given() {
    for (command, rest) in [
        ("tunnel --no-autoupdate run --token t0ken-geheim-1", ""),
        ("tunnel run --token=t0ken-geheim-1", ""),
        ("tunnel run", "environment: [TUNNEL_TOKEN=t0ken-geheim-1]"),
    ] {
        let compose = format!(
            "services:\n  tunnel:\n    image: cloudflare/cloudflared:2026.8.2\n    \
             command: {command}\n    {rest}\n"
        );
        adopted("edge", &compose, &["module=cloudflared", "token (secret)tunnel-token"]);
    }
    // With an address of its own, it is not the module's; the token is still one variable.
    let compose = "services:\n  tunnel:\n    image: cloudflare/cloudflared:2026.8.2\n    command: \
                   tunnel --metrics localhost:9 run --token t0ken-geheim-1\n    environment: \
                   [TUNNEL_TOKEN=t0ken-geheim-1]\n";
    let (_, written) = built("edge", &[("compose.yaml", compose)]);
    assert_eq!(written.matches("value-variable=TUNNEL_TOKEN").count(), 1, "{written}");
}

#[test]
fn each_database_of_a_program_is_the_library_s() {
    let romm = r#"services:
  romm:
    image: rommapp/romm:5.2.0
    environment:
      DB_HOST: romm-db
      DB_NAME: romm
      DB_USER: romm-user
      DB_PASSWD: pl0p-geheim
      DB_PORT: 5432
      ROMM_DB_DRIVER: postgresql
      ROMM_AUTH_SECRET_KEY: k3y-geheim
    volumes: ["./library:/romm/library", "./assets:/romm/assets"]
    depends_on: [romm-db]
  romm-db:
    image: postgres:16
    environment: {POSTGRES_USER: romm-user, POSTGRES_DB: romm, POSTGRES_PASSWORD: pl0p-geheim}
    volumes: ["./db:/var/lib/postgresql/data"]
"#;
    let lines = [
        "database postgres",
        "database-user romm-user",
        "postgres-image \"postgres:16\"",
        "state database path=\"/opt/x/db\"",
    ];
    adopted("romm", romm, &lines);
    let photos = r#"services:
  photos:
    image: photoprism/photoprism:260601
    user: "1000:33"
    environment:
      PHOTOPRISM_DATABASE_DRIVER: sqlite
      PHOTOPRISM_ADMIN_PASSWORD: pl0p-geheim
    volumes:
      - type: bind
        source: /mnt/photos
        target: /photoprism/originals
      - ./storage:/photoprism/storage
    network_mode: bridge
"#;
    let lines = ["database sqlite", "gid 33", "originals \"/mnt/photos\""];
    adopted("photos", photos, &lines);
    for (connection, image, variable, word) in [
        ("pgsql", "postgres:17", "POSTGRES_", "postgres"),
        ("mysql", "mariadb:11", "MARIADB_", "mariadb"),
    ] {
        let root = if word == "mariadb" { "MARIADB_ROOT_PASSWORD: r00t-geheim, " } else { "" };
        let name = if word == "mariadb" { "DATABASE" } else { "DB" };
        let at = if word == "mariadb" { "/var/lib/mysql" } else { "/var/lib/postgresql/data" };
        let compose = format!(
            r#"services:
  speed:
    image: lscr.io/linuxserver/speedtest-tracker:1.13.11
    environment: {{DB_CONNECTION: {connection}, DB_HOST: db, DB_DATABASE: speedtest_tracker,
      DB_USERNAME: speedy, DB_PASSWORD: pl0p-geheim, APP_KEY: "base64:geheim+geheim"}}
    volumes: ["./config:/config"]
    depends_on: [db]
  db:
    image: {image}
    environment: {{{root}{variable}{name}: speedtest_tracker, {variable}USER: speedy,
      {variable}PASSWORD: pl0p-geheim}}
    volumes: ["./db:{at}"]
"#
        );
        let database = format!("database {word}");
        let kept = "state database path=\"/opt/x/db\"";
        adopted("speed", &compose, &[&database, "database-user speedy", kept]);
    }
}

#[test]
fn a_secret_that_no_file_has_is_asked_for_unless_the_program_has_one() {
    let compose = "services: {tasks: {image: \"vikunja/vikunja:2.5.0\", environment: \
                   {VIKUNJA_SERVICE_PUBLICURL: \"https://tasks.example.org/\"}}}\n";
    let facts = adopted("tasks", compose, &["module=vikunja", "(secret)tasks-secret-key"]);
    let findings = facts["findings"].to_string();
    assert!(findings.contains("give the machine `secret-key` of `tasks`"), "{findings}");
    // This one has made an account with a password already.
    let compose = "services: {portainer: {image: \"portainer/portainer-ce:2.27.0\"}}\n";
    let (facts, written) = built("docker", &[("compose.yaml", compose)]);
    assert!(written.contains("\nmodule own-portainer"), "{written}");
    let said = facts["projects"][0]["remarks"].to_string();
    assert!(said.contains("its option `admin-password` has no value here"), "{said}");
}

#[test]
fn what_a_person_starts_is_not_started_again_by_docker() {
    let compose = "services: {tool: {image: \"ghcr.io/example/tool:1\", profiles: [tools], \
                   restart: always}}\n";
    let (facts, written) = built("tool", &[("compose.yaml", compose)]);
    assert!(written.contains("manual") && !written.contains("restart always"), "{written}");
    assert_eq!(fate(&facts, "services.tool.restart"), "changed");
}

#[test]
fn a_container_in_the_network_of_another_is_never_part_of_its_service() {
    let compose = r#"services:
  app: {image: "ghcr.io/example/app:1", depends_on: [store]}
  relay: {image: "ghcr.io/example/relay:1", network_mode: "service:app", depends_on: [store]}
  store: {image: "ghcr.io/example/store:1"}
"#;
    let (_, written) = built("photos", &[("compose.yaml", compose)]);
    assert!(written.contains("module relay") && written.contains("vpn photos"), "{written}");
}

#[test]
fn services_are_not_called_like_folders_of_every_bundle() {
    let compose = "services: {backup: {image: \"ghcr.io/example/a:1\"}, storage: {image: \
                   \"ghcr.io/example/b:1\"}}\n";
    let (_, written) = built("home", &[("compose.yaml", compose)]);
    for service in ["service home-backup", "service home-storage"] {
        assert!(written.contains(service), "{service}\n{written}");
    }
}

#[test]
fn the_variables_of_a_shell_are_those_of_root_in_the_folder_of_the_project() {
    let compose = "services: {app: {image: \"ghcr.io/example/app:1\", volumes: \
                   [\"${PWD}/data:/data\"], environment: {HERE: \"$PWD/x\", WHO: \"$USER\"}}}\n";
    let (_, written) = built("app", &[("compose.yaml", compose)]);
    for line in ["path=\"/opt/x/data\"", "env HERE \"/opt/x/x\"", "env WHO root"] {
        assert!(written.contains(line), "{line}\n{written}");
    }
}

#[test]
fn the_last_of_several_mounts_at_one_place_is_mounted() {
    let compose = "services: {app: {image: \"ghcr.io/example/app:1\", volumes: [\"/mnt/a:/data\", \
                   \"/mnt/b:/data/\"]}}\n";
    let (facts, written) = built("app", &[("compose.yaml", compose)]);
    assert!(written.contains("/mnt/b") && !written.contains("\"/mnt/a"), "{written}");
    assert_eq!(fate(&facts, "services.app.volumes[0]"), "lost");
}

#[test]
fn programs_keep_folders_of_their_own_names() {
    let compose = |service: &str, image: &str, folders: &str| {
        format!(
            "services: {{{service}: {{image: \"lscr.io/linuxserver/{image}\", environment: {{PUID: \
             1000, PGID: 1000}}, volumes: [\"./config:/config\", {folders}]}}}}\n"
        )
    };
    // All are in one folder, so that a finished download can be linked into the library.
    let both =
        compose("sonarr", "sonarr:4.0.19", "\"/mnt/media/tv:/tv\", \"/mnt/media/dl:/downloads\"");
    let lines = ["data \"/mnt/media\"", "raw \"compose.volumes\" \"/mnt/media/tv:/tv\""];
    let facts = adopted("series", &both, &lines);
    let findings = facts["findings"].to_string();
    assert!(findings.contains("also sees all of `/mnt/media` as `/data`"), "{findings}");
    let one = compose("radarr", "radarr:6.3.0", "\"/mnt/films:/movies\"");
    let lines = ["data \"/mnt/films\"", "raw \"compose.volumes\" \"/mnt/films:/movies\""];
    let facts = adopted("films", &one, &lines);
    assert!(!facts["findings"].to_string().contains("also sees"), "{}", facts["findings"]);
    // Nothing but the root is above these, and this folder has the program's own settings in it.
    for folders in ["\"/tv:/tv\", \"/downloads:/downloads\"", "\"./tv:/tv\", \"./dl:/downloads\""] {
        let (_, written) =
            built("series", &[("compose.yaml", &compose("sonarr", "sonarr:4.0.19", folders))]);
        assert!(written.contains("\nmodule own-sonarr"), "{written}");
    }
}

#[test]
fn limits_of_a_swarm_and_chosen_profiles_are_the_library_s_too() {
    let compose = r#"services:
  uptime-kuma:
    image: louislam/uptime-kuma:2.1.3
    profiles: [all]
    volumes: ["./data:/app/data"]
    deploy:
      replicas: 1
      resources:
        limits: {memory: 512M, cpus: "1.5", pids: 100}
        reservations: {memory: 64M, cpus: "0.1"}
  vpn:
    image: ghcr.io/wg-easy/wg-easy:15.3.0
    sysctls: [net.ipv4.ip_forward=1, net.ipv4.conf.all.src_valid_mark=1]
    cap_add: [NET_ADMIN, SYS_MODULE]
    volumes: ["./wg:/etc/wireguard", "/lib/modules:/lib/modules:ro"]
    environment: {INIT_HOST: vpn.example.org}
"#;
    let env = "COMPOSE_PROFILES=all\n";
    let (facts, written) = built("watch", &[("compose.yaml", compose), (".env", env)]);
    for line in [
        "service uptime-kuma on=box {",
        "module=wg-easy",
        "resources memory=(size)\"512MiB\" cpus=1.5",
        "raw \"compose.pids_limit\" 100",
        "raw \"compose.mem_reservation\" \"64M\"",
    ] {
        assert!(written.contains(line), "{line}\n{written}\n{}", facts["projects"]);
    }
    assert_eq!(fate(&facts, "services.uptime-kuma.deploy.resources.limits.cpus"), "changed");
    assert_eq!(fate(&facts, "services.uptime-kuma.deploy.resources.reservations.cpus"), "lost");
    assert_eq!(fate(&facts, "services.uptime-kuma.profiles"), "changed");
}

#[test]
fn immich_keeps_the_user_and_name_of_its_database() {
    // As its own documentation has it.
    let compose = r#"services:
  immich-server:
    image: ghcr.io/immich-app/immich-server:${IMMICH_VERSION:-release}
    volumes: ["${UPLOAD_LOCATION}:/data", "/etc/localtime:/etc/localtime:ro"]
    env_file: [.env]
    ports: ["2283:2283"]
    depends_on: [redis, database]
    restart: always
  immich-machine-learning:
    image: ghcr.io/immich-app/immich-machine-learning:${IMMICH_VERSION:-release}
    volumes: ["model-cache:/cache"]
    env_file: [.env]
    restart: always
  redis:
    image: docker.io/valkey/valkey:8-bookworm
    restart: always
  database:
    image: ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0
    environment:
      POSTGRES_PASSWORD: ${DB_PASSWORD}
      POSTGRES_USER: ${DB_USERNAME}
      POSTGRES_DB: ${DB_DATABASE_NAME}
      POSTGRES_INITDB_ARGS: "--data-checksums"
    volumes: ["${DB_DATA_LOCATION}:/var/lib/postgresql/data"]
    shm_size: 128mb
    restart: always
volumes: {model-cache: }
"#;
    let env = "UPLOAD_LOCATION=./library\nDB_DATA_LOCATION=./postgres\nIMMICH_VERSION=v3.1.0\n\
               DB_PASSWORD=pl0p-geheim\nDB_USERNAME=postgres\nDB_DATABASE_NAME=photos\n";
    let (facts, written) = built("immich-app", &[("compose.yaml", compose), (".env", env)]);
    assert!(!written.contains("\nmodule "), "{written}\n{}", facts["projects"]);
    for line in [
        "database-user postgres",
        "database-name photos",
        "uploads \"/opt/x/library\"",
        "database-folder \"/opt/x/postgres\"",
        "state models path=\"/var/lib/docker/volumes/immich-app_model-cache/_data\"",
        "raw \"compose.volumes\" \"/etc/localtime:/etc/localtime:ro\"",
    ] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    assert!(!written.contains("machine-learning #false"), "{written}");
    assert!(!facts.to_string().contains("geheim"), "a secret is written");
}

#[test]
fn data_of_a_database_at_another_place_is_no_module_s() {
    // PostgreSQL 18 keeps its data elsewhere, so this folder is none that it reads.
    let compose = "services: {db: {image: \"postgres:18.1\", environment: {POSTGRES_USER: u, \
                   POSTGRES_DB: d, POSTGRES_PASSWORD: pl0p-geheim}, volumes: \
                   [\"./db:/var/lib/postgresql/data\"]}}\n";
    let (facts, written) = built("base", &[("compose.yaml", compose)]);
    assert!(written.contains("\nmodule "), "{written}");
    let said = facts["projects"][0]["remarks"].to_string();
    assert!(said.contains("is elsewhere than at"), "{said}");
}

#[test]
fn a_program_listens_where_its_variable_says() {
    let compose = "services: {qbit: {image: \"lscr.io/linuxserver/qbittorrent:5.1.4\", ports: \
                   [\"8081:8081\", \"6881:6881\", \"6881:6881/udp\"], environment: \
                   {WEBUI_PORT: 8081, PUID: 1000, PGID: 1000}, volumes: [\"./config:/config:Z\", \
                   \"/mnt/dl:/downloads\"]}}\n";
    let lines = ["port web 8081", "expose web to=lan", "expose peers to=lan", "expose peers-udp"];
    let facts = adopted("dl", compose, &lines);
    let files = facts["files"].to_string();
    assert!(!files.contains("WEBUI_PORT") && !files.contains("listen-port"), "{files}");
    assert_eq!(fate(&facts, "services.qbit.volumes[0]"), "changed");
}

#[test]
fn a_database_keeps_its_user_and_name_in_an_address_and_in_files() {
    let links = r#"services:
  linkwarden:
    image: ghcr.io/linkwarden/linkwarden:v2.16.1
    environment: {DATABASE_URL: "postgres://me:pl0p-geheim@db:5432/links",
      NEXTAUTH_URL: "https://links.example.org/api/v1/auth", NEXTAUTH_SECRET: s0me-geheim}
    volumes: ["./data:/data/data"]
    depends_on: [db]
  db:
    image: postgres:16-alpine
    environment: {POSTGRES_USER: me, POSTGRES_DB: links, POSTGRES_PASSWORD: pl0p-geheim}
    volumes: ["./pg:/var/lib/postgresql/data"]
"#;
    let lines = ["database-user me", "database-name links", "(secret)links-database-password"];
    adopted("links", links, &lines);
    let login = r#"x-login: &login
  AUTHENTIK_POSTGRESQL__HOST: db
  AUTHENTIK_POSTGRESQL__USER: ak
  AUTHENTIK_POSTGRESQL__NAME: logins
  AUTHENTIK_POSTGRESQL__PASSWORD: pl0p-geheim
  AUTHENTIK_SECRET_KEY: k3y-geheim
services:
  server: {image: "ghcr.io/goauthentik/server:2026.8.3", command: server, environment: *login}
  worker:
    image: ghcr.io/goauthentik/server:2026.8.3
    command: worker
    environment: {<<: *login}
    depends_on: [server, db]
  db:
    image: postgres:16-alpine
    environment: {POSTGRES_USER: ak, POSTGRES_DB: logins, POSTGRES_PASSWORD: pl0p-geheim}
    volumes: ["pg:/var/lib/postgresql/data"]
volumes: {pg: }
"#;
    adopted(
        "login",
        login,
        &["database-user ak", "database-name logins", "(secret)login-secret-key"],
    );
    // Another host than the container, or a password in a file of its own, is not the module's.
    for (from, to) in [("@db:", "@far:"), ("pl0p-geheim@", "pl%20p@")] {
        let (_, written) = built("links", &[("compose.yaml", &links.replace(from, to))]);
        assert!(written.contains("\nmodule "), "{written}");
    }
}
