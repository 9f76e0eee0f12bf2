//! Checks of all modules at once: what a program writes is declared, and belongs to it; the
//! containers of one program know the same; and what only a person can do is said.

use std::collections::{BTreeMap, BTreeSet};

use labwright::model::{Container, Environment, Service};
use labwright::reference::modules::describe;

use super::{PRELUDE, bundle_of, each_example, each_module, of_module};
use crate::consumers::shellcheck;
use crate::trixie::{Room, text};

/// Folders that programs write to and that are no state of theirs, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    ("code-server", "folders of others, which a person edits there"),
    ("duplicati", "where its backups go"),
    ("rclone", "the folder of the machine's metrics"),
    ("syncthing", "folders of others, which it keeps in step"),
];

/// Returns whether a path is the machine's own, which no program keeps anything in.
fn is_of_the_system(path: &str) -> bool {
    path == "/"
        || ["/dev", "/proc", "/run", "/sys", "/etc", "/var/run", "/var/lib/docker"].iter().any(
            |folder| {
                path.strip_prefix(folder)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            },
        )
}

/// Returns the user that a container writes as, if its module says which.
fn user(container: &Container) -> Option<u32> {
    let named = ["PUID", "PLEX_UID", "USERMAP_UID", "USER_UID"];
    let variable = container.environment.iter().find(|one| named.contains(&&*one.name));
    let number = variable.map(|one| &*one.value).or(container.user.as_deref())?;
    number.split(':').next()?.parse().ok()
}

/// Variables that one container of a program needs alone, with the reason.
const ALONE: &[(&str, &str, &str)] = &[
    ("authentik", "AUTHENTIK_LISTEN__", "the worker has no visitors"),
    ("firefly-iii", "TRUSTED_PROX", "nobody visits the one that waits for its time"),
    ("nextcloud", "NEXTCLOUD_", "they count at the first start"),
    ("nextcloud", "POSTGRES_", "they count at the first start"),
    ("nextcloud", "PHP_UPLOAD_LIMIT", "nobody uploads there"),
    ("nextcloud", "APACHE_BODY_LIMIT", "nobody uploads there"),
];

/// Notes the folders that a service writes to and that are no state of it.
fn elsewhere(service: &Service, found: &mut BTreeSet<String>) {
    let within = |path: &str| service.states.iter().any(|state| path.starts_with(&*state.path));
    for mount in service.containers.iter().flat_map(|container| &container.mounts) {
        let source = &*mount.source;
        let own = source.starts_with('/') && !is_of_the_system(source);
        if own && !mount.read_only && !within(source) {
            let listed = ELSEWHERE.iter().any(|(name, _)| *name == service.module);
            assert!(listed, "{} writes to {source}, which is no state", service.module);
            found.insert(service.module.clone());
        }
    }
}

/// Checks who owns what a service writes to. A folder that is missing is made with the owner of its
/// state: `root`, unless the module says another.
fn owners(service: &Service) -> usize {
    let mut seen = 0;
    for container in &service.containers {
        let Some(user) = user(container).filter(|user| *user != 0) else { continue };
        for mount in container.mounts.iter().filter(|mount| !mount.read_only) {
            let state = service.states.iter().find(|state| state.path == mount.source);
            let Some(state) = state else { continue };
            assert_eq!(state.owner, user.to_string(), "{}: {}", service.module, state.path);
            seen += 1;
        }
    }
    seen
}

/// Checks that the containers of one program know the same: one that does what must be done
/// regularly keeps its locks where the others do, and knows the address that people open.
fn twins(service: &Service) -> bool {
    let mut by_image: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in &service.containers {
        by_image.entry(&container.image.value).or_default().push(container);
    }
    let mut any = false;
    for twins in by_image.values() {
        let [first, others @ ..] = twins.as_slice() else { continue };
        for (other, one) in
            others.iter().flat_map(|other| first.environment.iter().map(move |one| (other, one)))
        {
            any = true;
            let excused = |(of, name, _): &(&str, &str, &str)| {
                *of == service.module && one.name.starts_with(name)
            };
            let same = |two: &&Environment| two.name == one.name && two.value == one.value;
            assert!(
                ALONE.iter().any(excused) || other.environment.iter().any(|two| same(&two)),
                "{}: {} does not know {}",
                service.module,
                other.name,
                one.name
            );
        }
    }
    any
}

#[test]
fn what_programs_write_is_declared_and_theirs_and_known_to_their_twins() {
    let (mut away, mut owned, mut doubled) = (BTreeSet::new(), 0, Vec::new());
    each_example(|module, model| {
        let service = of_module(model, module);
        elsewhere(service, &mut away);
        owned += owners(service);
        if twins(service) {
            doubled.push(module.to_owned());
        }
    });
    assert!(owned > 40, "only {owned} folders have an owner");
    assert_eq!(doubled, ["authentik", "firefly-iii", "nextcloud", "wallabag"]);
    // The examples of the others have no such folder.
    assert_eq!(away, BTreeSet::from(["syncthing".to_owned()]));
}

/// What a doc says of a first visit is a step that RUNBOOK.md must list.
#[test]
fn what_only_a_person_can_do_is_a_step() {
    let words = ["first account", "first page", "first visit", "must be approved", "docker exec"];
    let mut steps = 0;
    each_module(|name, module| {
        let module = describe(module);
        let doc = module.doc.unwrap_or_default().to_lowercase();
        let told: Vec<&&str> = words.iter().filter(|word| doc.contains(**word)).collect();
        assert!(told.is_empty(), "{name}: its doc has a step: {told:?}");
        steps += module.by_hand.len();
    });
    assert!(steps > 60, "only {steps} steps");
}

#[test]
fn a_vaultwarden_says_how_people_get_an_account() {
    for (options, told) in [
        ("", "nobody can make an account"),
        ("admin-token (secret)key", "invite each person"),
        ("signups #true", "then turn it off in the lab"),
        ("signups #true; admin-token (secret)key", "then turn it off in the lab"),
    ] {
        let service =
            format!("vaultwarden on=box {{ url \"https://vault.example.org\"; {options}\n}}");
        let bundle = bundle_of(&format!("{PRELUDE}secret key\nservice {service}\n"));
        let runbook = std::fs::read_to_string(bundle.path().join("payload/RUNBOOK.md"));
        let runbook = runbook.expect("a runbook");
        let told_of = |text: &&str| runbook.contains(text);
        let all =
            ["nobody can make an account", "invite each person", "then turn it off in the lab"];
        assert_eq!(all.iter().copied().filter(told_of).collect::<Vec<_>>(), [told], "{options}");
    }
}

const TAILNET: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
network tailnet cidr="100.64.0.0/10"
host box kind=debian { os debian-13; address lan "192.168.1.2"; appdata "/srv"; ssh from=lan; }
accept state-without-backup reason="a test"
secret key
service tailscale on=box { clients tailnet; auth-key (secret)key; exit-node #EXIT; reach internet; }
"#;

/// Tailscale reads most of what it is told when the machine joins.
#[test]
fn a_machine_becomes_an_exit_node_after_it_has_joined() {
    let bundles = ["#false", "#true"].map(|exit| bundle_of(&TAILNET.replace("#EXIT", exit)));
    let scripts = bundles.each_ref().map(|one| one.path().join("payload/first-start/carry.sh"));
    for script in &scripts {
        shellcheck(script).expect("ShellCheck accepts it");
    }
    let Some(room) = Room::new() else { return };
    let room = room.show(&scripts[0], "/before.sh").show(&scripts[1], "/after.sh");
    let answer = room.sh(
        r#"set -eu
        export LABWRIGHT_STATE=/var/lib/labwright/home PATH=/opt/stand-ins:$PATH
        mkdir -p $LABWRIGHT_STATE /etc/labwright/secrets /opt/stand-ins
        echo one >/etc/labwright/secrets/key
        cat >/opt/stand-ins/docker <<'END'
#!/bin/sh
case "$1" in
    inspect) echo true ;;
    exec) shift 3; exec "$@" ;;
esac
END
        printf '#!/bin/sh\necho "$*" >>/calls\n' >/opt/stand-ins/tailscale
        chmod 755 /opt/stand-ins/*
        run() { sh "$1" before; sh "$1" after; }
        run /before.sh; run /before.sh
        [ ! -e /calls ]
        run /after.sh
        run /before.sh
        sed 's/--netfilter-mode=nodivert --snat-subnet-routes=false //' /calls >/seen
        printf -- '--socket=/tmp/tailscaled.sock set --advertise-exit-node=%s\n' true false |
            diff - /seen"#,
        &[],
    );
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

/// Forgejo has a key in its source for who gives it none.
#[test]
fn forgejo_gets_a_key_before_its_first_start_and_keeps_the_one_that_it_has() {
    let bundle = bundle_of(
        r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
host box kind=debian { os debian-13; address lan "192.168.1.2"; appdata "/srv"; ssh from=lan; }
accept state-without-backup reason="a test"
service forgejo on=box { host "git.example.org"; expose web to=lan; }
"#,
    );
    let payload = bundle.path().join("payload");
    let compose = std::fs::read_to_string(payload.join("compose/compose.yaml")).expect("compose");
    assert!(compose.contains("FORGEJO__security__SECRET_KEY__FILE: '/data/secret-key'"));
    let steps = std::fs::read_dir(payload.join("activate.d")).expect("steps");
    let mut steps = steps.filter_map(Result::ok).map(|one| one.path());
    let script = steps.find(|path| path.to_string_lossy().contains("forgejo-key")).expect("a step");
    shellcheck(&script).expect("ShellCheck accepts it");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&script, "/key.sh").sh(
        r#"set -eu
        folder=/srv/forgejo
        fresh() { rm -rf $folder; mkdir -p $folder/gitea/conf; }
        fresh; sh /key.sh
        grep -qxE '[0-9a-f]{64}' $folder/secret-key
        [ "$(stat -c '%a %u' $folder/secret-key)" = '600 1000' ]
        cp $folder/secret-key /first; sh /key.sh; cmp /first $folder/secret-key
        fresh; printf '[security]\nINSTALL_LOCK = true\nSECRET_KEY =\n' >$folder/gitea/conf/app.ini
        sh /key.sh; [ "$(cat $folder/secret-key)" = '!#@FDEWREWR&*(' ]
        fresh; printf '[security]\nSECRET_KEY = own;key\n' >$folder/gitea/conf/app.ini
        sh /key.sh; [ "$(cat $folder/secret-key)" = 'own;key' ]"#,
        &[],
    );
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}
