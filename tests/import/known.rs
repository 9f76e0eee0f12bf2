//! Checks what an import makes of the library's knowledge of a program.

use super::awkward::{built, fate};
use super::text;

/// What an import makes of one stack, with the places of secrets and findings.
const HOUSE: &str = r#"services:
  jellyfin:
    image: jellyfin/jellyfin:10.10.7
    network_mode: host
    volumes: ["/srv/jellyfin:/config", "/mnt/media:/media"]
  matter:
    image: ghcr.io/home-assistant-libs/python-matter-server:8.0
    network_mode: host
  mealie:
    image: ghcr.io/mealie-recipes/mealie:v3.1.0
    ports: ["9925:9000"]
    environment: {OIDC_CLIENT_ID: mealie, OIDC_CLIENT_SECRET: 8fJ2kd93JDkso93jdk29}
    volumes: ["./mealie:/app/data"]
  freshrss:
    image: freshrss/freshrss:1.24.3
    environment: {CRON_MIN: '2,32'}
    volumes: ["./rss:/var/www/FreshRSS/data"]
"#;

#[test]
fn the_library_says_where_a_program_listens_that_a_module_of_its_own_runs() {
    let (facts, written) = built("house", &[("compose.yaml", HOUSE)]);
    // The firewall would let nobody to it.
    assert!(written.contains("provides web container=own-jellyfin port=8096"), "{written}");
    assert_eq!(written.matches("expose web to=lan").count(), 2, "{written}");
    let findings = facts["findings"].to_string();
    assert!(findings.contains("where it usually listens are opened (`web`)"), "{findings}");
    assert!(findings.contains("`matter` uses the machine's network: say with `provides`"));
}

#[test]
fn a_secret_without_an_option_is_added_to_the_library_s_module() {
    let (facts, written) = built("house", &[("compose.yaml", HOUSE)]);
    assert!(written.contains("oidc-client-secret (secret)mealie-oidc-client-secret"), "{written}");
    let added = text(&facts["files"]["modules/mealie/module.kdl"]);
    let node = "secret (ref)opt.oidc-client-secret value-variable=OIDC_CLIENT_SECRET";
    assert!(added.contains(node) && !added.contains("image"), "{added}");
    assert_eq!(fate(&facts, "services.mealie.environment.OIDC_CLIENT_ID"), "kept");
    let older = HOUSE.replace("mealie:v3.1.0", "mealie:v2.3.0");
    assert!(built("house", &[("compose.yaml", &older)]).1.contains("module own-mealie"));
    assert!(!written.contains("8fJ2kd93JDkso93jdk29"));
    // What a lab says of the module already stays, so the next one is of its own.
    let (made, run) = super::import(&super::case("import/jobs"), &["--into", "home"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let lab = made.path().join("home");
    std::fs::create_dir_all(lab.join("modules/mealie")).expect("a folder");
    // However the declaration is written.
    let quoted = added.replacen("module mealie", "module #\"mealie\"#", 1);
    std::fs::write(lab.join("modules/mealie/module.kdl"), quoted).expect("a file");
    let source = made.path().join("more");
    std::fs::create_dir(&source).expect("a folder");
    let more = HOUSE.replace("OIDC_CLIENT_SECRET", "LDAP_QUERY_PASSWORD");
    std::fs::write(source.join("compose.yaml"), more).expect("a file");
    let more = ["import", "compose", "more", "--into", "home", "--format", "json"];
    let run = super::labwright(made.path(), &more);
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.out.contains("modules/own-mealie/module.kdl"), "{}", run.out);
}

#[test]
fn a_variable_of_a_program_with_a_folder_of_data_is_no_database_s() {
    let (_, written) = built("house", &[("compose.yaml", HOUSE)]);
    assert!(written.contains(r#"raw "compose.environment" "CRON_MIN=2,32""#), "{written}");
}

#[test]
fn only_the_folder_of_a_database_needs_a_disk_of_the_machine() {
    let compose = r#"services:
  db:
    image: mysql:8.0
    environment: {MYSQL_ROOT_PASSWORD: one, MYSQL_DATABASE: shop}
    volumes:
      - ./data:/var/lib/mysql
      - ./init:/docker-entrypoint-initdb.d
      - ./copies:/backups
  web: {image: "ghcr.io/example/shop:1", ports: ["8000:80"], depends_on: [db]}
  phpmyadmin: {image: "phpmyadmin:5", ports: ["8081:80"], depends_on: [db]}
"#;
    let (facts, written) = built("shop", &[("compose.yaml", compose)]);
    assert_eq!(written.matches("local-disk=#true").count(), 1, "{written}");
    assert!(written.contains("first-scripts \"/opt/x/init\""), "{written}");
    assert!(written.contains("state copies path=\"/opt/x/copies\""), "{written}");
    assert!(written.contains("provides phpmyadmin container=phpmyadmin"), "{written}");
    assert!(facts["findings"].to_string().contains("whoever reaches it administers databases"));
}

#[test]
fn a_proxy_is_linked_to_services_of_other_projects_on_its_networks() {
    let apart = |rest: &str| format!("{rest}\nnetworks: {{edge: {{external: true}}}}\n");
    let npm = "services: {npm: {image: 'jc21/nginx-proxy-manager:2.15.1', networks: [edge]}}";
    let notes = "services:\n  notes: {image: 'ghcr.io/example/notes:1', networks: [edge], \
                 container_name: memo}\n  notes-db: {image: 'postgres:17.11', networks: [edge]}";
    let alone = "services: {alone: {image: 'ghcr.io/example/alone:1', networks: [own]}}\nnetworks: \
                 {own: {}}\n";
    let files = [
        ("notes/compose.yaml", &*apart(notes)),
        ("npm/compose.yaml", &*apart(npm)),
        ("alone/compose.yaml", alone),
    ];
    let (facts, _) = built("stacks", &files);
    let npm = text(&facts["files"]["npm.kdl"]);
    assert_eq!(npm.matches("    link ").count(), 1, "{npm}");
    assert!(npm.contains("    link notes\n"), "{npm}");
    let findings = facts["findings"].to_string();
    assert!(findings.contains("only the settings of `npm` say where it leads"), "{findings}");
    assert!(findings.contains("`memo` is `notes`"), "{findings}");
}

#[test]
fn a_host_name_in_a_certificate_stays() {
    let compose = "services:
  mail: {image: 'ghcr.io/docker-mailserver/docker-mailserver:14.0', hostname: mail.example.com}
  page:
    image: roundcube/roundcubemail:1.6.9-apache
    environment: {ROUNDCUBEMAIL_DEFAULT_HOST: 'ssl://mail.example.com'}
";
    let (_, written) = built("mails", &[("compose.yaml", compose)]);
    assert!(written.contains("\"ssl://mail.example.com\""), "{written}");
    assert!(written.contains("link mail\n"), "{written}");
}

#[test]
fn what_a_module_has_as_the_compose_file_has_it_is_the_module_s() {
    let compose = "services:
  glances:
    image: nicolargo/glances:4.5.5
    network_mode: host
    pid: host
    environment: {GLANCES_OPT: -w}
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock:ro
      - /etc/passwd:/host/etc/passwd:ro
  navidrome:
    image: deluan/navidrome:0.53.3
    user: 1001:1001
    volumes: ['./navidrome:/data', '/mnt/music:/music:ro']
  wallabag:
    image: wallabag/wallabag:2.6.14
    environment: {SYMFONY__ENV__DOMAIN_NAME: 'https://read.example.org', SYMFONY__ENV__SECRET: one}
    volumes: ['./read:/var/www/wallabag/data']
";
    let (facts, written) = built("tools", &[("compose.yaml", compose)]);
    assert_eq!(facts["projects"][0]["remarks"], serde_json::json!([]), "{written}");
    assert!(!written.contains("docker.sock") && written.contains("/host/etc/passwd"), "{written}");
    assert!(written.contains("uid 1001") && written.contains("service wallabag on=box"));
    // Its ports were reached: it is in the network of the machine.
    assert_eq!(written.matches("expose web to=lan").count(), 1, "{written}");
}
