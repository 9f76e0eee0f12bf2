//! Changes each entry of each list of a bundle's manifest, the kinds and the origins, and makes
//! every hash right again, as a forger would: `verify` refuses it, or the list says why it can't.

use std::collections::BTreeSet;

use labwright::artifact::{Artifact, Artifacts};
use labwright::bundle::mode_of;
use labwright::bundle::release::{INDEX, ReleaseIndex};
use labwright::kind::Kind;
use rayon::prelude::*;

use super::forged::{varied, verify};
use super::forged_files::{forged, release};

/// What nothing in a release contradicts: only `--signers` and `--lab` cover it.
const UNCOVERED: &[(&str, &str)] = &[
    ("installs", "what is installed is what the machine gets, not a summary of it"),
    ("installs.destination", "as above; places that the machine needs are refused"),
    ("installs.group", "as above"),
    ("installs.mode", "as above; what gives more than reading, writing and running is refused"),
    ("installs.owner", "as above"),
    ("installs.source", "as above"),
    ("kind", "what a module says of its file; files of labwright's own have one kind"),
    ("origin", "another declaration of the lab"),
    ("secrets.mode", "what the machine is asked for; programs read the file as its owner"),
];

/// What a forger does to a bundle, with the name of what is changed.
type Change = (String, Box<dyn Fn(&mut Artifacts) + Send + Sync>);

fn change(name: &str, of: impl Fn(&mut Artifacts) + Send + Sync + 'static) -> Change {
    (name.to_owned(), Box::new(of))
}

fn vary(text: &mut String) {
    *text = varied(text);
}

fn set(text: &mut String, to: &str) {
    to.clone_into(text);
}

/// Lists changes of every entry of the lists.
fn changes(artifacts: &Artifacts) -> Vec<Change> {
    let mut all = Vec::new();
    for at in 0..artifacts.images.len() {
        all.push(change("images", move |own| drop(own.images.remove(at))));
        all.push(change("images.service", move |own| vary(&mut own.images[at].service)));
        all.push(change("images.reference", move |own| vary(&mut own.images[at].reference)));
        let digest = Some(format!("sha256:{}", "0".repeat(64)));
        all.push(change("images.digest", move |own| own.images[at].digest.clone_from(&digest)));
    }
    for at in 0..artifacts.secrets.len() {
        all.push(change("secrets", move |own| drop(own.secrets.remove(at))));
        all.push(change("secrets.name", move |own| vary(&mut own.secrets[at].name)));
        all.push(change("secrets.path", move |own| vary(&mut own.secrets[at].path)));
        all.push(change("secrets.owner", move |own| vary(&mut own.secrets[at].owner)));
        all.push(change("secrets.mode", move |own| set(&mut own.secrets[at].mode, "0444")));
    }
    for at in 0..artifacts.one_way.len() {
        all.push(change("one_way", move |own| drop(own.one_way.remove(at))));
        all.push(change("one_way.key", move |own| vary(&mut own.one_way[at].key)));
        all.push(change("one_way.value", move |own| vary(&mut own.one_way[at].value)));
        all.push(change("one_way.what", move |own| vary(&mut own.one_way[at].what)));
    }
    // Of many, the first, some between and the last.
    for at in (0..artifacts.installs.len()).step_by(15).chain([artifacts.installs.len() - 1]) {
        all.push(change("installs", move |own| drop(own.installs.remove(at))));
        all.push(change("installs.destination", move |own| {
            own.installs[at].destination = format!("/srv/x{at}");
        }));
        all.push(change("installs.group", move |own| set(&mut own.installs[at].group, "adm")));
        all.push(change("installs.owner", move |own| set(&mut own.installs[at].owner, "adm")));
        all.push(change("installs.mode", move |own| set(&mut own.installs[at].mode, "0600")));
        all.push(change("installs.source", move |own| {
            own.installs[at].source = own.installs[at / 2].source.clone();
        }));
    }
    for path in artifacts.files.keys().step_by(5) {
        let of = |path: &str| {
            let path = path.to_owned();
            move |own: &mut Artifacts, set: &dyn Fn(&mut Artifact)| {
                own.files.get_mut(&path).into_iter().for_each(set);
            }
        };
        let kind = of(path);
        all.push(change("kind", move |own| {
            kind(own, &|file| {
                file.kind = if file.kind == Kind::Text { Kind::Yaml } else { Kind::Text };
            });
        }));
        let origin = of(path);
        all.push(change("origin", move |own| {
            origin(own, &|file| file.origin = vec!["service npm".to_owned()]);
        }));
        let nobody = of(path);
        all.push(change("origin of nobody", move |own| {
            nobody(own, &|file| file.origin = vec!["service nobody".to_owned()]);
        }));
    }
    all
}

#[test]
fn each_list_of_a_manifest_is_held_against_the_files() {
    let (files, machines) = release();
    let index: ReleaseIndex = serde_json::from_slice(&files[INDEX]).expect("an index");
    let tries: Vec<_> = machines
        .iter()
        .flat_map(|(machine, former)| changes(former).into_iter().map(move |it| (machine, it)))
        .collect();
    let unnoticed: BTreeSet<&str> = tries
        .par_iter()
        .filter(|(machine, (_, of))| {
            let former = &machines[*machine];
            let mut artifacts = former.clone();
            of(&mut artifacts);
            artifacts != *former
                && forged(&files, &index, machine, [former, &artifacts])
                    .is_some_and(|files| verify(&files).is_empty())
        })
        .map(|(_, (name, _))| name.as_str())
        .collect();
    let expected: BTreeSet<&str> = UNCOVERED.iter().map(|(name, _)| *name).collect();
    assert_eq!(unnoticed, expected);
}

/// Asserts that a bundle is refused after a change.
fn refused(changes: impl IntoIterator<Item = (String, impl Fn(&mut Artifacts))>) {
    let (files, machines) = release();
    let index: ReleaseIndex = serde_json::from_slice(&files[INDEX]).expect("an index");
    let former = &machines["intranet"];
    let sound = changes.into_iter().filter_map(|(what, of)| {
        let mut artifacts = former.clone();
        of(&mut artifacts);
        let files = forged(&files, &index, "intranet", [former, &artifacts])?;
        verify(&files).is_empty().then_some(what)
    });
    let sound: Vec<String> = sound.collect();
    assert!(sound.is_empty(), "called sound: {sound:?}");
}

#[test]
fn nothing_is_installed_over_what_a_machine_needs() {
    let places = [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/sudoers.d/x",
        "/root/.ssh/authorized_keys",
        "/home/ada/.ssh/authorized_keys",
        "/var/lib/labwright/x",
        "/var/lib/dpkg/status",
        "/etc/labwright/trust",
        "/etc/labwright/secrets/x",
        "/etc/systemd/system/ssh.service",
        "/etc/systemd/system/multi-user.target.wants/x.service",
        "/dev/sda",
        "/proc/sys/kernel/core_pattern",
        "/sys/x",
        "/run/x",
        "/bin/sh",
        "/usr/bin/sh",
        "/lib/x",
        "/usr",
        "/etc",
        // The folder, and a place below the file, of another one that is installed.
        "/usr/local/lib/labwright/restic",
        "/usr/local/lib/labwright/restic/common.sh/x",
    ];
    refused(places.map(|place| {
        let of = move |own: &mut Artifacts| own.installs[0].destination = place.to_owned();
        (place.to_owned(), of)
    }));
}

#[test]
fn no_file_is_at_a_place_that_nothing_writes_to() {
    let places = [
        "x",
        ".hidden",
        "a/b/c",
        "install.tsv.bak",
        "activate.d/99-x.txt",
        "activate.d/x.sh",
        "activate.d/99/x.sh",
        "check.d/x",
        "compose/.env",
        "systemd/x.txt",
        "evil/x.conf",
    ];
    refused(places.map(|place| {
        let of = move |own: &mut Artifacts| {
            let kind = if mode_of(place) == 0o755 { Kind::Shell } else { Kind::Text };
            own.add(place, kind, "x\n", vec!["vm intranet".to_owned()]);
        };
        (place.to_owned(), of)
    }));
}

#[test]
fn no_text_of_a_bundle_hides_what_it_says() {
    let hidden = ["\u{202e}", "\u{1b}[31m", "\u{200b}", "\u{feff}", "\u{85}"];
    refused(hidden.iter().flat_map(|sign| {
        let of = move |change: fn(&mut Artifacts, &str)| {
            (format!("{sign:?}"), move |own: &mut Artifacts| change(own, sign))
        };
        [
            of(|own, sign| own.one_way[0].what += sign),
            of(|own, sign| own.secrets[0].name += sign),
            of(|own, sign| own.images[0].service += sign),
            of(|own, sign| {
                let file = own.files.get_mut("compose/compose.yaml").expect("the file");
                file.origin = vec![format!("service npm{sign}")];
            }),
            of(|own, sign| {
                let file = own.files.get_mut("RUNBOOK.md").expect("the file");
                file.bytes.extend(sign.bytes());
            }),
            of(|own, sign| {
                let file = own.files.get_mut("kept/places.tsv").expect("the file");
                file.bytes.extend(sign.bytes());
            }),
        ]
    }));
}
