//! Makes entries of changed facts. A fact that follows from another one of the same cause belongs
//! to the entry of that one, and facts that read alike are one entry.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::Cause;
use super::class::Class;
use super::edits::Place;
use super::facts::{Family, Key};
use super::follows::Draft;
use super::relation::{Causes, Parents};
use super::remounted::remounted;
use super::state::FileName;

/// Folds what follows from something else into it.
pub(super) fn fold(drafts: Vec<Draft>) -> Vec<Draft> {
    let (files, facts): (Vec<Draft>, Vec<Draft>) =
        drafts.into_iter().partition(|draft| draft.key.family == Family::Files);
    let causes = Causes::of(facts.iter().chain(&files));
    let mut facts = remounted(facts, &causes);
    let mut above = Parents::of(&facts, &causes);
    let parents: Vec<Option<usize>> = (0..facts.len()).map(|index| above.parent(index)).collect();
    let mut moved: Vec<(usize, BTreeSet<FileName>)> = Vec::new();
    for (index, draft) in facts.iter().enumerate() {
        if let Some(root) = root(&parents, index) {
            moved.push((root, draft.files.clone()));
        }
    }
    for (root, files) in moved {
        if let Some(draft) = facts.get_mut(root) {
            draft.files.extend(files);
        }
    }
    let mut parents = parents.into_iter();
    facts.retain(|_| parents.next().flatten().is_none());
    // Ports come first: an entry of several clients no longer says which of them had which port.
    let facts = ports(facts, &causes);
    let mut facts = alike(facts);
    let left = attach(files, &mut facts, &causes);
    facts.extend(left);
    facts
}

/// Follows folds to the fact that the entry shows.
fn root(parents: &[Option<usize>], index: usize) -> Option<usize> {
    let mut at = parents.get(index).copied().flatten()?;
    // The bound ends the walk even if two rules of `follows` lead to each other.
    for _ in 0..parents.len() {
        match parents.get(at).copied().flatten() {
            Some(above) => at = above,
            None => break,
        }
    }
    Some(at)
}

/// Joins a port that is closed and one that is opened for the same clients of the same endpoint.
fn ports(drafts: Vec<Draft>, causes: &Causes) -> Vec<Draft> {
    let mut gone: BTreeMap<(String, String, String), Vec<Draft>> = BTreeMap::new();
    let mut kept = Vec::new();
    let name = |draft: &Draft, answers: &Option<String>| {
        (draft.key.machine.clone(), draft.key.name.clone(), answers.clone().unwrap_or_default())
    };
    for draft in drafts {
        if draft.key.family == Family::Flow && draft.is.is_none() {
            gone.entry(name(&draft, &draft.was)).or_default().push(draft);
        } else {
            kept.push(draft);
        }
    }
    for draft in &mut kept {
        if draft.key.family != Family::Flow || draft.was.is_some() {
            continue;
        }
        let before = gone.get_mut(&name(draft, &draft.is)).and_then(Vec::pop);
        let number = causes.number(&draft.cause);
        let related = |before: &Draft| causes.related(causes.number(&before.cause), number);
        if let Some(before) = before.filter(related) {
            let Key { machine, name, .. } = &draft.key;
            let answers = draft.is.clone().unwrap_or_default();
            draft.said.subject = format!("{name} to {answers} on {machine}");
            draft.said.was = Some(before.key.part.clone());
            draft.said.is = Some(draft.key.part.clone());
            // The same clients reach the same endpoint, so this ranks after ports that are really
            // opened.
            draft.said.rank = 3;
            // The same port at fewer addresses lets in less.
            if is_part(&draft.key.part, &before.key.part) {
                draft.said.class = Class::AccessClosed;
            }
        }
    }
    kept.extend(gone.into_values().flatten());
    kept
}

/// Says whether a port is one or some of another: at some addresses alone, or a shorter row.
fn is_part(port: &str, of: &str) -> bool {
    let parts = |port: &str| {
        let (ports, at) = port.split_once(" at ").unwrap_or((port, ""));
        let (ports, transport) = ports.split_once('/')?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let row: (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        let at: Vec<String> = at.split(" at ").map(str::to_owned).collect();
        Some((row, transport.to_owned(), at))
    };
    let (Some((row, transport, at)), Some((all, other, everywhere))) = (parts(port), parts(of))
    else {
        return false;
    };
    let is_everywhere = everywhere.iter().all(String::is_empty);
    transport == other
        && all.0 <= row.0
        && row.1 <= all.1
        && (is_everywhere || at.iter().all(|at| everywhere.contains(at)))
}

/// Joins entries that differ in who comes from where alone.
fn alike(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut groups: BTreeMap<_, Vec<(String, Draft)>> = BTreeMap::new();
    let mut kept = Vec::new();
    for draft in drafts {
        let from = match draft.key.family {
            Family::Flow => draft.key.name.clone(),
            Family::RouteAccess => draft.key.part.clone(),
            _ => {
                kept.push(draft);
                continue;
            }
        };
        let rest = draft.said.subject.strip_prefix(&from).unwrap_or(&draft.said.subject).to_owned();
        let way = format!("{:?}{:?}", draft.said.was, draft.said.is);
        let key = (draft.key.family, format!("{rest}{way}"), draft.cause.clone(), rest);
        groups.entry(key).or_default().push((from, draft));
    }
    let joined = groups.into_iter().filter_map(|((.., rest), drafts)| one_of(&rest, drafts));
    kept.extend(joined);
    kept
}

/// Makes one entry of several that end in `rest`, each with who comes.
fn one_of(rest: &str, drafts: Vec<(String, Draft)>) -> Option<Draft> {
    let mut drafts = drafts.into_iter();
    let (_, mut first) = drafts.next()?;
    let who = first.said.subject.strip_suffix(rest).unwrap_or_default();
    let mut who = vec![who.to_owned()];
    let mut known: BTreeSet<Place> = first.places.iter().cloned().collect();
    for (from, draft) in drafts {
        who.push(from);
        // The joined entry is as bad as the worst of its parts.
        first.said.rank = first.said.rank.min(draft.said.rank);
        first.files.extend(draft.files);
        let places = draft.places.into_iter().filter(|place| known.insert(place.clone()));
        first.places.extend(places);
    }
    first.said.subject = format!("{}{rest}", who.join(", "));
    Some(first)
}

/// The entries that explain the files of one cause.
struct Explained {
    by: Vec<usize>,
    by_machine: BTreeMap<String, Vec<usize>>,
    /// Whether they account for all edits.
    whole: bool,
}

impl Explained {
    fn of(cause: &Cause, entries: &[Draft], causes: &Causes, numbers: &[usize]) -> Self {
        let own = causes.number(cause);
        let (mut by, mut by_machine) = (Vec::new(), BTreeMap::<String, Vec<usize>>::new());
        let mut edits: BTreeSet<usize> = BTreeSet::new();
        let mut seen: BTreeMap<usize, bool> = BTreeMap::new();
        for (at, (entry, number)) in entries.iter().zip(numbers).enumerate() {
            let is_new = !seen.contains_key(number);
            let related = seen.entry(*number).or_insert_with(|| causes.related(*number, own));
            // Unknown causes are equal to each other, but that does not relate what they are causes
            // of.
            if !*related || matches!(entry.cause, Cause::Unknown) {
                continue;
            }
            by.push(at);
            by_machine.entry(entry.key.machine.clone()).or_default().push(at);
            if is_new {
                edits.extend(entry.cause.edits());
            }
        }
        let whole = !by.is_empty() && cause.edits().iter().all(|edit| edits.contains(edit));
        Self { by, by_machine, whole }
    }
}

/// Gives files to the entries that explain them. Returns the others, as one entry for each cause.
fn attach(files: Vec<Draft>, entries: &mut [Draft], causes: &Causes) -> Vec<Draft> {
    let numbers: Vec<usize> = entries.iter().map(|entry| causes.number(&entry.cause)).collect();
    let mut left: BTreeMap<Cause, Vec<Draft>> = BTreeMap::new();
    let mut known: BTreeMap<usize, Explained> = BTreeMap::new();
    for draft in files {
        let explained = known
            .entry(causes.number(&draft.cause))
            .or_insert_with(|| Explained::of(&draft.cause, entries, causes, &numbers));
        // If there are entries about the same machine, they explain the files best.
        let here = explained.by_machine.get(&draft.key.machine);
        for at in here.unwrap_or(&explained.by) {
            if let Some(entry) = entries.get_mut(*at) {
                entry.files.extend(draft.files.iter().cloned());
            }
        }
        // If the entries account for only some of the edits, the files still need an entry for the
        // rest.
        if !explained.whole {
            left.entry(draft.cause.clone()).or_default().push(draft);
        }
    }
    left.into_values().filter_map(join).collect()
}

/// Joins groups of files of one cause to one entry that names the most telling of them.
fn join(mut drafts: Vec<Draft>) -> Option<Draft> {
    drafts.sort_by_key(|draft| (weight(&draft.key.name), draft.key.clone()));
    let mut drafts = drafts.into_iter();
    let mut first = drafts.next()?;
    let mut others = 0;
    if let Some((machine, path)) = first.files.first() {
        // A folder is a file's name only where it is that of a service.
        first.said.subject = format!("{path} of {machine}");
        others = first.files.len() - 1;
    }
    for draft in drafts {
        others += draft.files.len();
        first.files.extend(draft.files);
    }
    if others > 0 {
        let files = if others == 1 { "file" } else { "files" };
        first.said.subject = format!("{} and {others} more {files}", first.said.subject);
        first.said.effect = match first.said.effect {
            "is different" => "are different",
            "is new" => "are new",
            "is gone" => "are gone",
            other => other,
        };
    }
    Some(first)
}

/// Says how little a group of files tells.
fn weight(group: &str) -> u8 {
    match group {
        "RUNBOOK.md" => 9,
        "install.tsv" | "one-way.tsv" | "secrets.required" => 8,
        _ if group.starts_with("health.d") || group.starts_with("check.d") => 7,
        _ if group.starts_with("plan.d") || group.starts_with("activate.d") => 6,
        "cloud-init" | "labctl" | "machine" => 5,
        _ if group.starts_with("proxmox/cloud-init") => 5,
        "compose" | "firewall" | "storage" => 3,
        _ => 1,
    }
}
