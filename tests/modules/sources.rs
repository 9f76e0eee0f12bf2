//! Holds the modules against what the sources of their programs say beyond variables.

use labwright::model::Data;

use super::{PRELUDE, bundle_of, each_example, of_module};

/// What the sources of programs ask for in their files.
const ASKED_IN_FILES: &[(&str, &str, &str)] = &[
    // It ends when its folder has a registration too (`FromRegistration` in
    // `internal/pkg/config/registration.go` of 09d484ee), so it looks where none can be.
    (
        "forgejo-runner on=box {
            url \"https://a.org\"; uuid \"42025d3d-66fc-4e13-9974-8a8f1edb5c3c\"
            token (secret)one
        }
        secret one",
        "forgejo-runner/config.yaml",
        "  file: /etc/forgejo-runner/registration\n",
    ),
    // Each job has a network of its own (`ensureNetworkName` in `act/runner/run_context.go` of
    // 0988a0cb; go-gitea/gitea#31648), from where Docker and the firewall let nothing through to
    // the runner's container. A step that uses the cache waits for it (actions/cache#1403).
    (
        "forgejo-runner on=box {
            url \"https://a.org\"; uuid \"42025d3d-66fc-4e13-9974-8a8f1edb5c3c\"
            token (secret)one
        }
        secret one",
        "forgejo-runner/config.yaml",
        "wait for it in vain.\n  enabled: false\n",
    ),
    (
        "gitea-runner on=box { url \"https://a.org\"; registration-token (secret)one; }
        secret one",
        "gitea-runner/config.yaml",
        "wait for it in vain.\n  enabled: false\n",
    ),
    // Cloudflare's protocol and, from 3.11 on, dyndns2 note the address of `usev4`; the others that
    // of `use` alone, and would send it at each look (`nic_NAME_update` of v3.10.0 and 3.11.2).
    (
        "ddclient on=box { zone-name \"a.org\"; protocol dyndns2; password (secret)one; }
        secret one",
        "ddclient/ddclient.conf",
        "usev4=webv4, webv4=ipify-ipv4\nprotocol=dyndns2\n",
    ),
    (
        "ddclient on=box { zone-name \"a.org\"; protocol gandi; password (secret)one; }
        secret one",
        "ddclient/ddclient.conf",
        "use=web, web=ipify-ipv4\nprotocol=gandi\nzone=a.org\n",
    ),
    // Otherwise a power cut may break the file of a node that has no others to copy it from
    // (`doc/book/reference-manual/configuration.md` of f04af18).
    (
        "garage on=box {
            data \"/srv/objects\"; rpc-secret (secret)one; admin-token (secret)one
            metrics-token (secret)one
        }
        secret one",
        "garage/garage.toml",
        "metadata_fsync = true\n",
    ),
    // The file of users is a secret of the lab, which nothing in the container can write
    // (`authentication_backend` in `config.template.yml` of v4.39.20).
    (
        "authelia on=box {
            domain \"example.org\"; host \"auth.example.org\"; users (secret)one
            session-key (secret)one; storage-key (secret)one; reset-key (secret)one
            expose web to=lan
        }
        secret one",
        "authelia/configuration.yml",
        "  password_change:\n    disable: true\n",
    ),
    // It ends at any other word (`envbool` in `hc/settings.py` of v4.3).
    (HEALTHCHECKS, "compose/compose.yaml", "REGISTRATION_OPEN: 'False'\n"),
    // go2rtc asks a server of the internet for the address of its container otherwise
    // (`docker/main/rootfs/usr/local/go2rtc/create_config.py` of v0.17.2).
    (
        FRIGATE,
        "compose/compose.yaml",
        "FRIGATE_GO2RTC_WEBRTC_CANDIDATE_INTERNAL: '192.168.1.2:8556'\n",
    ),
    // It reads files whose names begin like its variables (`frigate/config/env.py`).
    (FRIGATE, "compose/compose.yaml", "target: '/run/secrets/FRIGATE_RTSP_PASSWORD'\n"),
    // It reads each setting from a file too (`internal/configuration/sources/secrets/reader.go` of
    // v3.41.1).
    (
        "gluetun on=box {
            provider protonvpn; private-key (secret)one; proton-email \"a@example.org\"
            proton-password (secret)one
        }
        secret one",
        "compose/compose.yaml",
        "UPDATER_PROTONVPN_PASSWORD_SECRETFILE: '/run/secrets/one'\n",
    ),
    // A file that is mounted by itself stays the old one when logrotate makes another; a folder is
    // not read (`setupTailForFile` in `pkg/acquisition/modules/file/run.go` of v1.7.8).
    (CROWDSEC, "compose/compose.yaml", "source: '/var/log'\n"),
    (CROWDSEC, "compose/compose.yaml", "source: '/srv/logs'\n"),
    // It watches no folder in which it finds nothing at its start (`Configure` in `config.go`).
    (CROWDSEC, "crowdsec/lab.yaml", "force_inotify: true\nfilenames:\n"),
    // The lines of a program are for its own parser.
    (
        CROWDSEC,
        "crowdsec/lab.yaml",
        "---\nsource: file\nforce_inotify: true\nfilename: \"/srv/logs/*.log\"\nlabels:\n  \
         type: \"caddy\"\n",
    ),
];

const HEALTHCHECKS: &str = "healthchecks on=box {
    url \"https://checks.example.org\"; secret-key (secret)one; database-password (secret)one
}
secret one";

const FRIGATE: &str = "frigate on=box {
    recordings \"/srv/recordings\"; camera-password (secret)one; port webrtc 8556
}
secret one";

const CROWDSEC: &str = "crowdsec on=box {
    log \"/var/log/auth.log\"
    program-log path=\"/srv/logs/*.log\" type=caddy
}";

#[test]
fn garage_in_a_lab_without_a_domain_answers_to_names_of_its_own() {
    let garage = "service garage on=box {
        data \"/srv/objects\"; rpc-secret (secret)one; admin-token (secret)one
        metrics-token (secret)one
    }
    secret one\n";
    let settings = |prelude: &str| {
        let bundle = bundle_of(&format!("{prelude}{garage}"));
        let text = std::fs::read_to_string(bundle.path().join("payload/garage/garage.toml"));
        text.expect("the settings")
    };
    let without = settings(&PRELUDE.replace(r#"domain "example.org";"#, ""));
    assert_eq!(without.matches("root_domain").count(), 1, "{without}");
    assert!(without.contains("root_domain = \".web.garage.localhost\"\n"), "{without}");
    let with = settings(PRELUDE);
    assert!(with.contains("root_domain = \".s3.example.org\"\n"), "{with}");
    assert!(with.contains("root_domain = \".web.example.org\"\n"), "{with}");
}

#[test]
fn debian_writes_the_log_of_logins_for_who_reads_it() {
    let packages = |crowdsec: &str, os: &str| {
        let prelude = PRELUDE.replacen("debian-13", os, 1);
        let bundle = bundle_of(&format!("{prelude}service crowdsec on=box {{ {crowdsec}; }}\n"));
        let path = bundle.path().join("payload/activate.d/10-packages.sh");
        std::fs::read_to_string(path).expect("the packages")
    };
    let logins = r#"log "/var/log/auth.log""#;
    assert!(packages(logins, "debian-13").contains(" rsyslog "));
    // Ubuntu has it.
    assert!(!packages(logins, "ubuntu-24.04").contains("rsyslog"));
    let others = r#"log "/var/log/remote/*.log""#;
    assert!(!packages(others, "debian-13").contains("rsyslog"));
}

#[test]
fn what_the_sources_of_programs_ask_for_is_in_their_files() {
    for (service, file, line) in ASKED_IN_FILES {
        let bundle = bundle_of(&format!("{PRELUDE}service {service}\n"));
        let text = std::fs::read_to_string(bundle.path().join("payload").join(file));
        let text = text.expect("a file");
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[test]
fn whoever_lets_everybody_register_is_told_to_end_that() {
    each_example(|module, model| {
        let service = of_module(model, module);
        for option in ["registration", "signups"] {
            // Here the administrator lets each one in.
            if module == "open-webui" || service.option(option) != &Data::Bool(true) {
                continue;
            }
            let wanted = format!("turn `{option}` off in the lab");
            let mut steps = service.by_hand.iter();
            assert!(steps.any(|step| step.what.contains(&wanted)), "{module}: {wanted}");
        }
    });
}
