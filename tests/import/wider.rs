//! Imports what modules of the library say in part, and what volumes hold in part.

use super::awkward::{built, fate};

#[test]
fn a_part_of_a_volume_is_mounted_and_not_all_of_it() {
    let compose = r"services:
  web:
    image: ghcr.io/example/web:1
    volumes:
      - {type: volume, source: data, target: /etc/web.conf, volume: {subpath: conf/web.conf}}
      - {type: volume, source: data, target: /srv, volume: {nocopy: true}}
      - {type: volume, source: data, target: /out, volume: {subpath: ../../x}}
volumes: {data: {}}
";
    let (facts, written) = built("site", &[("compose.yaml", compose)]);
    let folder = "/var/lib/docker/volumes/site_data/_data";
    let line = format!("mount \"{folder}/conf/web.conf\" at=\"/etc/web.conf\"");
    assert!(written.contains(&line) && written.contains("mount (ref)state.data at=\"/srv\""));
    let fates = [0, 1, 2].map(|at| fate(&facts, &format!("services.web.volumes[{at}]")));
    assert_eq!(fates, ["changed", "changed", "lost"], "{written}");
}

#[test]
fn folders_in_memory_and_lists_add_to_those_of_the_module() {
    let compose = r#"services:
  frigate:
    image: ghcr.io/blakeblackshear/frigate:0.17.2
    shm_size: 512mb
    memswap_limit: 3g
    tmpfs: [/run, "/tmp/cache:size=1g"]
    volumes:
      - ./config:/config
      - ./media:/media/frigate
      - {type: tmpfs, target: /tmp/cache, tmpfs: {size: 1000000000}}
      - {type: tmpfs, target: /tmp/more, tmpfs: {size: 1000000000}}
"#;
    let (facts, written) = built("nvr", &[("compose.yaml", compose)]);
    assert!(!written.contains("\nmodule "), "{written}\n{}", facts["projects"]);
    for line in ["- \"/run\"", "- \"/tmp/more:size=1000000000\"", "compose.memswap_limit"] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    assert_eq!(fate(&facts, "services.frigate.volumes[2]"), "changed");
}

#[test]
fn a_port_that_the_module_moves_its_program_to_is_that_of_the_compose_file() {
    let compose = "services: {files: {image: \"filebrowser/filebrowser:v2.63.23\", ports: \
                   [\"8090:80\"], user: \"1000:1000\", volumes: [\"/srv/files:/srv\"]}}\n";
    let (facts, written) = built("files", &[("compose.yaml", compose)]);
    for line in ["module=filebrowser", "port web 8090", "expose web to=lan"] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    assert_eq!(fate(&facts, "services.files.ports[0]"), "changed");
    // Where the image listens at that port, another is none of the module's.
    let compose = "services: {wiki: {image: \"ghcr.io/gethomepage/homepage:v1.9.0\", ports: \
                   [\"8090:80\"]}}\n";
    let (_, written) = built("wiki", &[("compose.yaml", compose)]);
    assert!(!written.contains("expose web"), "{written}");
}

#[test]
fn a_secret_that_only_another_container_reads_is_no_reason_for_a_module_of_its_own() {
    let compose = r#"services:
  server:
    image: ghcr.io/immich-app/immich-server:v3.1.0
    environment: {DB_HOSTNAME: db, DB_USERNAME: me, DB_PASSWORD: geheim-1, REDIS_HOSTNAME: redis}
    volumes: [./photos:/data]
    depends_on: [db, redis, learning]
  learning:
    image: ghcr.io/immich-app/immich-machine-learning:v3.1.0
    environment: {DB_PASSWORD: geheim-1}
    volumes: [./models:/cache]
  redis: {image: "valkey/valkey:8"}
  db:
    image: ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0
    environment: {POSTGRES_USER: me, POSTGRES_DB: immich, POSTGRES_PASSWORD: geheim-1}
    volumes: [./db:/var/lib/postgresql/data]
"#;
    let (facts, written) = built("photos", &[("compose.yaml", compose)]);
    assert!(!written.contains("\nmodule "), "{written}\n{}", facts["projects"]);
    assert_eq!(fate(&facts, "services.learning.environment.DB_PASSWORD"), "lost");
}

#[test]
fn names_of_middlewares_are_no_secrets_and_long_comments_go_on_below() {
    let compose = r#"services:
  web:
    image: ghcr.io/example/web:1
    labels:
      traefik.http.middlewares.token-secure.chain.middlewares: one,two
      traefik.http.middlewares.login.basicauth.users: "me:$$apr1$$geheim"
      homepage.widget.key: abc-geheim
"#;
    let (facts, written) = built("web", &[("compose.yaml", compose)]);
    let fate = |label: &str| fate(&facts, &format!("services.web.labels.{label}")).to_owned();
    assert_eq!(fate("traefik.http.middlewares.token-secure.chain.middlewares"), "kept");
    assert_eq!(fate("traefik.http.middlewares.login.basicauth.users"), "lost");
    assert_eq!(fate("homepage.widget.key"), "lost");
    let longest = written.lines().filter(|line| line.trim_start().starts_with("//"));
    assert!(longest.map(|line| line.chars().count()).max() <= Some(100), "{written}");
}

#[test]
fn a_module_in_the_network_of_the_machine_has_no_other_port_than_its_own() {
    let compose = |port: &str| {
        format!(
            "services: {{ha: {{image: \"ghcr.io/home-assistant/home-assistant:2026.9\", volumes: \
             [\"./config:/config\"], ports: [\"{port}:8123\"]}}}}\n"
        )
    };
    let (facts, written) = built("ha", &[("compose.yaml", &compose("8123"))]);
    assert!(written.contains("module=home-assistant"), "{written}\n{}", facts["projects"]);
    assert_eq!(fate(&facts, "services.ha.ports[0]"), "changed");
    let (_, written) = built("ha", &[("compose.yaml", &compose("80"))]);
    assert!(written.contains("\nmodule ") && written.contains("port web 80"), "{written}");
}

#[test]
fn a_file_that_a_search_passes_over_is_said() {
    let one =
        |name: &str| format!("services:\n  {name}: {{image: \"ghcr.io/example/{name}:1\"}}\n");
    let (web, more, base) = (one("web"), one("more"), one("base"));
    let main = format!("{web}  sub: {{extends: {{file: base.yml, service: base}}}}\n");
    let files =
        [("compose.yaml", main.as_str()), ("compose.more.yaml", &more), ("base.yml", &base)];
    let (facts, _) = built("stack", &files);
    let findings = facts["findings"].as_array().expect("findings");
    let unread: Vec<&serde_json::Value> =
        findings.iter().filter(|it| it["message"].to_string().contains("was not read")).collect();
    assert_eq!(unread.len(), 1, "{unread:?}");
    assert!(unread[0]["file"].to_string().contains("compose.more.yaml"), "{unread:?}");
    // Alone, with names of their own, they are all read.
    let (facts, _) = built("stack", &[("web.yml", &web), ("more.yml", &more)]);
    assert!(!facts["findings"].to_string().contains("was not read"), "{facts}");
}

#[test]
fn an_image_that_a_project_also_publishes_elsewhere_is_the_library_s() {
    for (image, module, rest) in [
        ("homeassistant/home-assistant:stable", "home-assistant", "network_mode: host"),
        (
            "ghcr.io/dani-garcia/vaultwarden:1.37.3",
            "vaultwarden",
            "environment: {DOMAIN: \"https://vault.example.org\"}",
        ),
        (
            "public.ecr.aws/docker/library/mongo:8.0.29",
            "mongodb",
            "environment: {MONGO_INITDB_ROOT_USERNAME: root, MONGO_INITDB_ROOT_PASSWORD: geheim}",
        ),
    ] {
        let compose = format!("services:\n  it:\n    image: {image}\n    {rest}\n");
        let (facts, written) = built("copies", &[("compose.yaml", &compose)]);
        let told = &facts["projects"][0];
        assert!(written.contains(&format!("module={module}")), "{image}: {told}\n{written}");
    }
    // A program of another name in the same place is another one.
    let compose = "services:\n  it:\n    image: ghcr.io/someone/home-assistant:1\n";
    let (facts, written) = built("copies", &[("compose.yaml", compose)]);
    let library = &facts["projects"][0]["library"];
    assert_eq!(library, &serde_json::json!({}), "{written}");
}

#[test]
fn a_program_whose_settings_follow_the_lab_keeps_its_own_and_it_is_said() {
    let compose = "services:\n  dns:\n    image: adguard/adguardhome:v0.107.79\n    volumes: \
                   [./conf:/opt/adguardhome/conf]\n  web:\n    image: nginx:1.29\n";
    let (facts, written) = built("house", &[("compose.yaml", compose)]);
    let said = "the library's module `adguard-home` runs this image with settings that follow the";
    assert!(written.contains(said), "{written}");
    assert_eq!(facts["projects"][0]["remarks"].as_array().map(Vec::len), Some(1), "{facts}");
    // Nobody calls the program by the name of its own module.
    assert!(written.contains("summary \"dns, as its compose file has it\""), "{written}");
}

#[test]
fn a_proxy_with_routes_of_its_own_is_linked_to_what_it_leads_to() {
    let compose = "services:
  npm:
    image: jc21/nginx-proxy-manager:2.15.1
    ports: ['80:80', '443:443', '81:81']
    networks: [front]
  notes: {image: ghcr.io/example/notes:1, networks: [front, back]}
  notes-db: {image: 'postgres:17.11', networks: [back]}
  other: {image: ghcr.io/example/other:1, networks: [back]}
networks: {front: {}, back: {}}
";
    let (facts, written) = built("edge", &[("compose.yaml", compose)]);
    let npm = written.split("service npm").nth(1).and_then(|rest| rest.split("\nservice").next());
    let npm = npm.expect("the proxy");
    assert!(npm.contains("link notes\n") && !npm.contains("link other"), "{written}");
    let findings = facts["findings"].to_string();
    assert!(findings.contains("only the settings of `npm` say where it leads"), "{findings}");
    // Only what administers it is for administrators.
    assert_eq!(findings.matches("administers the machine").count(), 1, "{findings}");
    // A proxy alone leads to nobody here.
    let (facts, written) = built(
        "edge",
        &[("compose.yaml", "services: {npm: {image: 'jc21/nginx-proxy-manager:2.15.1'}}")],
    );
    assert!(!written.contains("link "), "{written}");
    assert!(!facts["findings"].to_string().contains("where it leads"));
}

#[test]
fn names_end_with_whole_words_and_say_nothing_twice() {
    let compose = "services:
  authelia:
    image: ghcr.io/example/authelia:1
    environment: {AUTHELIA_STORAGE_ENCRYPTION_KEY: geheim-qwertyuiop-1234}
";
    let (_, written) = built("login", &[("compose.yaml", compose)]);
    assert!(written.contains("secret authelia-storage-encryption-key {"), "{written}");
    assert!(written.contains("option authelia-storage-encryption type=secret"), "{written}");
}

#[test]
fn what_a_program_keeps_for_itself_is_a_state_wherever_it_is() {
    let compose = "services:
  app:
    image: ghcr.io/example/app:1
    environment: {DB_HOST: db}
    volumes: ['/data/app/own:/var/lib/app', '/data/media:/media']
    depends_on: [db]
  db:
    image: postgres:17.11
    environment: {POSTGRES_USER: app, POSTGRES_DB: app, POSTGRES_PASSWORD: geheim-qwertyuiop}
    volumes: ['/data/app/db:/var/lib/postgresql/data']
";
    let (_, written) = built("app", &[("compose.yaml", compose)]);
    for line in ["state own path=\"/data/app/own\"", "database app engine=postgres"] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    // What it shows to others is not its own.
    assert!(written.contains("media \"/data/media\"") && !written.contains("state media"));
}
