//! Changes each file of each bundle of a real release, and makes every hash right again, as a
//! forger would: `verify` refuses what contradicts another file, and the list names all others.

use std::collections::{BTreeMap, BTreeSet};

use labwright::artifact::Artifacts;
use labwright::bundle::release::{INDEX, Packed, ReleaseIndex, Secret};
use labwright::bundle::{Identity, Packer, ids};
use labwright::compile;
use rayon::prelude::*;

use super::forged::{Files, built, sources, varied, verify, with_sums};

/// The files that say what a machine does, or tell people of it. Nothing in a release contradicts
/// another one: only `--signers` and `--lab` cover them. A name ends at its `*`.
const ALONE: &[(&str, &str)] = &[
    ("RUNBOOK.md", "it is for people"),
    ("activate.d/*", "a step of labctl"),
    ("backup/*", "what a backup does"),
    ("check.d/*", "a check of labctl"),
    ("cloud-init/*", "what a machine begins with"),
    ("compose/again.sh", "what starts what Docker gave up"),
    ("compose/compose.yaml", "what containers run; names, images and networks are compared"),
    ("compose/containers.tsv", "digests of what a container is made from"),
    ("compose/networks.sh", "what makes networks"),
    ("compose/networks.tsv", "networks that labctl makes"),
    ("databases/*", "what dumps a database"),
    ("ddclient/*", "the configuration of a service"),
    ("fail2ban/*", "the configuration of a service"),
    ("firewall/forward.sh", "what Docker's own filters let through"),
    ("firewall/nftables.nft", "the firewall; its ports are compared"),
    ("firewall/ufw.sh", "the firewall; its rules are compared"),
    ("first-start/*", "what carries new values to programs"),
    ("grafana/*", "the configuration of a service"),
    ("health.d/*", "a check of labctl"),
    ("kept/places.tsv", "where services keep their state; the services are compared"),
    ("kept/writers.tsv", "whether an older version reads it; the databases are compared"),
    ("labctl", "it is the same in every release, and a machine has its own"),
    ("machine/*", "the settings of the system"),
    ("npm/*", "the configuration of a service"),
    ("openvpn/*", "the configuration of a service"),
    ("plan.d/*", "a preview of labctl"),
    ("prometheus/*", "the configuration of a service; what is scraped is compared"),
    ("proxmox/*", "what makes guests, pools and the firewall of a hypervisor"),
    ("reach/connections.tsv", "the closed ports that labctl tries; what is open is compared"),
    ("systemd/*", "a unit; the table of units is compared with the steps and what is installed"),
];

const LINES: &[(&str, &str, &str)] = &[
    ("firewall/flows.tsv", "containers of", "they come by their own bridge"),
    ("firewall/flows.tsv", "expose npm.http", "another line lets the same addresses in"),
    ("firewall/flows.tsv", "expose openvpn.tunnel", "it lists more than the rules let in"),
    ("firewall/flows.tsv", "tunnel\ttcp\t22", "a hypervisor's firewall is that of its cluster"),
];

pub fn release() -> (Files, BTreeMap<String, Artifacts>) {
    let sources = sources();
    let mut analyzed = compile::analyze(&sources);
    let checked = analyzed.check(&sources);
    let plan = checked.plan.as_ref().expect("a lab without errors");
    (built(), compile::artifacts(plan, &sources).expect("its files"))
}

/// Writes the release with other files of one machine, with all that is listed of them.
pub fn forged(
    files: &Files,
    index: &ReleaseIndex,
    machine: &str,
    [former, artifacts]: [&Artifacts; 2],
) -> Option<Files> {
    let identity = Identity {
        lab: index.lab.clone(),
        machine: machine.to_owned(),
        version: index.version.clone(),
    };
    let bundle = Packer::new().pack(&identity, artifacts).ok()?;
    let (mut files, mut index) = (files.clone(), index.clone());
    let entry = index.machines.get_mut(machine)?;
    files.remove(&entry.archive);
    let packed = Packed::from(&bundle);
    entry.archive.clone_from(&packed.archive);
    entry.content_id.clone_from(&packed.content_id);
    entry.sha256.clone_from(&packed.sha256);
    index.images.retain(|image| {
        !former
            .images
            .iter()
            .any(|own| (&own.reference, &own.service) == (&image.reference, &image.service))
    });
    index.images.extend(packed.images);
    index.secrets.retain(|secret| secret.machine != machine);
    index.secrets.extend(packed.secrets.into_iter().map(|secret| Secret::on(machine, secret)));
    let mut index = index.in_order();
    let ids = index.machines.iter().map(|(name, own)| (name.as_str(), own.content_id.as_str()));
    let former = std::mem::replace(&mut index.content_id, ids::release_content_id(ids));
    files.insert(packed.archive, bundle.archive);
    // The files for reviewers name the content.
    for (name, bytes) in files.iter_mut().filter(|(name, _)| name.starts_with("review/")) {
        let text = String::from_utf8(bytes.clone()).unwrap_or_else(|_| panic!("{name} is text"));
        *bytes = text.replace(&former, &index.content_id).into_bytes();
    }
    files.insert(INDEX.to_owned(), index.to_json().ok()?);
    Some(with_sums(files))
}

/// Lists the lines of a file that say something, each with its number.
fn lines(text: &str) -> Vec<usize> {
    let says = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    };
    let all: Vec<usize> =
        text.lines().enumerate().filter(|(_, line)| says(line)).map(|(at, _)| at).collect();
    // Of a long file, the first, some between and the last.
    let step = all.len().div_ceil(3).max(1);
    all.iter().step_by(step).chain(all.last()).copied().collect()
}

#[test]
fn each_file_of_a_bundle_is_held_against_the_others() {
    let (files, machines) = release();
    assert_eq!(verify(&files), Vec::<String>::new());
    let index: ReleaseIndex = serde_json::from_slice(&files[INDEX]).expect("an index");
    let is_alone = |path: &str| {
        ALONE.iter().any(|(name, _)| match name.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == *name,
        })
    };
    let mut tries = Vec::new();
    for (machine, artifacts) in &machines {
        for (path, artifact) in &artifacts.files {
            let text = String::from_utf8_lossy(&artifact.bytes).into_owned();
            let at = if path.strip_suffix(".tsv").is_some() {
                (0..text.lines().count()).collect()
            } else {
                lines(&text)
            };
            tries.extend(at.into_iter().map(|at| (machine, path, text.clone(), at)));
        }
    }
    let unnoticed: BTreeSet<(String, String)> = tries
        .par_iter()
        .filter_map(|(machine, path, text, at)| {
            let changed: String = text
                .lines()
                .enumerate()
                .map(|(line, text)| if line == *at { varied(text) } else { text.to_owned() } + "\n")
                .collect();
            let mut artifacts = machines[*machine].clone();
            artifacts.files.get_mut(*path)?.bytes = changed.into_bytes();
            let files = forged(&files, &index, machine, [&machines[*machine], &artifacts])?;
            let line = text.lines().nth(*at).unwrap_or_default();
            verify(&files).is_empty().then(|| ((*path).clone(), line.to_owned()))
        })
        .collect();
    let allowed = |(path, line): &&(String, String)| {
        is_alone(path) || LINES.iter().any(|(of, part, _)| path == of && line.contains(part))
    };
    let wrong: Vec<_> = unnoticed.iter().filter(|found| !allowed(found)).collect();
    assert!(wrong.is_empty(), "{} are not noticed: {wrong:#?}", wrong.len());
    // A file that something contradicts leaves the list.
    for (name, _) in ALONE {
        let start = name.trim_end_matches('*');
        let any = |(path, _): &(String, String)| path.starts_with(start);
        assert!(unnoticed.iter().any(any), "`{name}` is covered");
    }
}

#[test]
fn no_container_hides_from_the_table_of_images() {
    let (files, machines) = release();
    let index: ReleaseIndex = serde_json::from_slice(&files[INDEX]).expect("an index");
    let (machine, artifacts) = machines
        .iter()
        .find(|(_, own)| own.files.contains_key("compose/compose.yaml"))
        .expect("a machine with containers");
    let forge = |path: &str, change: &dyn Fn(&str) -> String| {
        let mut artifacts = artifacts.clone();
        let file = artifacts.files.get_mut(path).expect("the file is there");
        file.bytes = change(&String::from_utf8_lossy(&file.bytes)).into_bytes();
        let both = [&machines[machine], &artifacts];
        verify(&forged(&files, &index, machine, both).expect("it packs"))
    };
    assert!(!forge("compose/containers.tsv", &|_| String::new()).is_empty(), "an empty table");
    for hidden in ["{image: evil}", "{image: evil} # :", "\n    'image': evil"] {
        let service = format!("services:\n  hidden: {hidden}\n");
        let found = forge("compose/compose.yaml", &|text| text.replace("services:\n", &service));
        assert!(!found.is_empty(), "`{hidden}` is not noticed");
    }
}

/// A forger empties or leaves out each table.
#[test]
fn no_table_is_emptied_or_left_out() {
    let (files, machines) = release();
    let index: ReleaseIndex = serde_json::from_slice(&files[INDEX]).expect("an index");
    let tables = |(_, path): &(&String, &String)| path.strip_suffix(".tsv").is_some();
    let all = machines
        .iter()
        .flat_map(|(machine, own)| own.files.keys().map(move |path| (machine, path)));
    let (mut tried, mut passed) = (BTreeSet::new(), BTreeSet::new());
    for (machine, path) in all.filter(tables) {
        for left_out in [false, true] {
            let mut artifacts = machines[machine].clone();
            if left_out {
                artifacts.files.remove(path);
            } else {
                artifacts.files.get_mut(path).expect("it is there").bytes.clear();
            }
            let both = [&machines[machine], &artifacts];
            let forged = forged(&files, &index, machine, both).expect("it packs");
            if !left_out && machines[machine].files[path].bytes.is_empty() {
                continue;
            }
            tried.insert(path.as_str());
            if verify(&forged).is_empty() {
                passed.insert((path.as_str(), left_out));
            }
        }
    }
    // What is compared with nothing else is as good as what a lab without it has.
    assert_eq!(passed, UNPROVED.iter().map(|path| (*path, true)).collect());
    for table in ["kept/databases.tsv", "kept/writers.tsv", "reach/connections.tsv"] {
        assert!(tried.contains(table), "no `{table}`");
    }
}

/// The tables that nothing contradicts when they are not there at all.
const UNPROVED: &[&str] = &["firewall/router-forwards.tsv", "kept/places.tsv"];
