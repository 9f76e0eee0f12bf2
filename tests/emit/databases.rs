//! Checks what follows from the image of a database: its folder, and what can't be undone.

use super::lab::compile;

const BOX: &str = r#"
    edition 1
    lab home version="1.0.0"
    network lan cidr="192.168.1.0/24"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata"
        ssh from=lan
    }
    secret key
    secret password
    accept state-without-backup reason="a test"
"#;

/// The services that have a `PostgreSQL` of their own, without its image.
const SERVICES: [(&str, &str); 4] = [
    ("authentik", "secret-key (secret)key; database-password (secret)password"),
    ("immich", "uploads \"/srv/photos\"; database-password (secret)password"),
    (
        "nextcloud",
        "host \"c.example.org\"; admin-password (secret)key; \
      database-password (secret)password",
    ),
    (
        "paperless-ngx",
        "secret-key (secret)key; database-password (secret)password; \
      admin-password (secret)password",
    ),
];

#[test]
fn the_folder_and_the_version_of_a_database_follow_its_image() {
    for (module, options) in SERVICES {
        for (image, folder, major) in [
            ("ghcr.io/example/postgres:18.1-bookworm", "/var/lib/postgresql", "18"),
            ("ghcr.io/example/postgres:17.11-bookworm", "/var/lib/postgresql/data", "17"),
            ("ghcr.io/example/pgvector:0.8.1-pg16", "/var/lib/postgresql/data", "16"),
        ] {
            let lab = format!(
                "{BOX}\nservice {module} on=box {{ {options}; database-image \"{image}\"; }}"
            );
            let compiled = compile(&[("lab.kdl", lab.as_str())]);
            let artifacts = &compiled.machines["box"];
            let compose = &artifacts.files["compose/compose.yaml"].bytes;
            let compose = String::from_utf8_lossy(compose);
            let mounts: Vec<&str> =
                compose.lines().filter(|line| line.contains("/var/lib/postgresql")).collect();
            let ends =
                mounts.iter().all(|line| line.trim_end_matches(['\'', '"']).ends_with(folder));
            assert!(mounts.len() == 1 && ends, "{module} with {image}: {mounts:?}");
            let fact =
                artifacts.one_way.iter().find(|fact| fact.key.starts_with("postgres-major "));
            assert_eq!(fact.map(|fact| fact.value.as_str()), Some(major), "{module} with {image}");
        }
    }
}
