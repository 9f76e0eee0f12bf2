//! The comparison of two states.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::{Cause, Finder};
use super::class::Class;
use super::edits::{Documents, Edit, Edits, Place};
use super::facts::{Facts, Family, Key, Renames};
use super::fold::fold;
use super::follows::Draft;
use super::likely::{Likely, likely};
use super::release;
use super::say::say;
use super::state::{FileName, State};
use crate::diag::Diagnostics;
use crate::diag::hidden::without_chance;
use crate::diag::suspect::is_surely_secret;
use crate::review::picture::Scene;
use crate::source::Sources;

/// What is compared.
#[derive(Debug)]
pub enum Input {
    /// The sources of a lab.
    Sources(Sources),
    /// A release, which comes without sources.
    Release(release::Release),
}

/// Says why two states can't be compared: what is wrong with the sources of one of them.
#[derive(Debug)]
pub struct Fault {
    /// Whether it is the new state.
    pub new: bool,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

/// What a state is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// The lab.
    pub lab: String,
    /// Its version.
    pub version: String,
    /// The compiler.
    pub compiler: String,
}

/// One line of what a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The class.
    pub class: Class,
    /// How bad it is among its class; 0 is worst.
    pub rank: u8,
    /// The machine; empty for what concerns the lab.
    pub machine: String,
    /// What it is about.
    pub subject: String,
    /// What it was.
    pub was: Option<String>,
    /// What it is.
    pub is: Option<String>,
    /// What the change means.
    pub effect: &'static str,
    /// Where it comes from.
    pub cause: Cause,
    /// The lines of that.
    pub places: Vec<Place>,
    /// The files of bundles that differ because of it.
    pub files: BTreeSet<FileName>,
    /// The facts that it is about.
    pub key: Key,
}

/// Which machines a change touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machines {
    /// Those whose bundles differ.
    pub changed: Vec<String>,
    /// Those that are new.
    pub added: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// How many stay as they are.
    pub same: usize,
}

/// What a change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The old state.
    pub was: Title,
    /// The new state.
    pub is: Title,
    /// The machines.
    pub machines: Machines,
    /// The entries, worst first.
    pub entries: Vec<Entry>,
    /// The edits, by file.
    pub edits: Vec<Edit>,
    /// The edits that change nothing, by index.
    pub idle: Vec<usize>,
    /// What likely has another name, though no `moved` says so.
    pub likely: Vec<Likely>,
    /// The picture of both states together, if their sources are there.
    pub scene: Option<Scene>,
}

impl Comparison {
    /// Says whether anything differs that is more than cosmetic.
    pub fn differs(&self) -> bool {
        !self.entries.is_empty()
    }
}

/// Compares two states.
pub fn compare(was: &Input, is: &Input) -> Result<Comparison, Fault> {
    match (was, is) {
        (Input::Sources(was), Input::Sources(is)) => sources(was, is),
        (was, is) => releases(was, is),
    }
}

/// Builds both labs, and with some edits as often as it takes to know where each difference comes
/// from.
pub fn sources(was: &Sources, is: &Sources) -> Result<Comparison, Fault> {
    let documents = Documents::parse(was, is);
    let (old, new, renames) = states(was, is, &documents)?;
    let keys = changed(&old.facts, &new.facts);
    let fine = Edits::find(was, is, &documents, false);
    let mut finder = Finder::new(&fine, &renames, &old, &new, keys.clone());
    if finder.is_complete() {
        return Ok(explained(finder, &fine, keys, &old, &new));
    }
    // Where the order of nodes counts in a way that edits don't know, whole declarations do.
    let coarse = Edits::find(was, is, &documents, true);
    let mut finder = Finder::new(&coarse, &renames, &old, &new, keys.clone());
    // There is nothing coarser than this, so what it can't explain is reported as unexplained.
    finder.is_complete();
    Ok(explained(finder, &coarse, keys, &old, &new))
}

/// Builds both labs. What `moved` names has its new name in both.
pub fn states(
    was: &Sources,
    is: &Sources,
    documents: &Documents<'_>,
) -> Result<(State, State, Renames), Fault> {
    let mut renames = documents.renames();
    let (old, new) = rayon::join(|| State::build(was, &renames), || State::build(is, &renames));
    let mut old = old.map_err(|diagnostics| Fault { new: false, diagnostics })?;
    let new = new.map_err(|diagnostics| Fault { new: true, diagnostics })?;
    renames.settle(&old.facts, &new.facts);
    old.facts = renames.applied(old.facts);
    Ok((old, new, renames))
}

fn explained(
    mut finder: Finder<'_>,
    edits: &Edits<'_>,
    keys: Vec<Key>,
    old: &State,
    new: &State,
) -> Comparison {
    let causes =
        if edits.list.is_empty() { vec![Cause::Unknown; keys.len()] } else { finder.causes() };
    let acting: BTreeSet<usize> = causes.iter().flat_map(Cause::edits).copied().collect();
    let mut drafts = Vec::new();
    for (index, (key, cause)) in keys.into_iter().zip(causes).enumerate() {
        // A file's line is that of its edits; other facts show what the file says.
        let places = if key.family == Family::Files {
            finder.own_places(&cause)
        } else {
            finder.places(index, &cause)
        };
        drafts.push(draft(key, cause, places, old, new));
    }
    let idle = (0..edits.list.len()).filter(|edit| !acting.contains(edit)).collect();
    finish(drafts, edits.list.clone(), idle, old, new)
}

fn draft(key: Key, cause: Cause, places: Vec<Place>, old: &State, new: &State) -> Draft {
    let value = |facts: &Facts| facts.get(&key).cloned();
    let (was, is) = (value(&old.facts), value(&new.facts));
    let migrates = Key { family: Family::OneWay, ..key.clone() };
    let one_way = new.facts.contains_key(&migrates);
    let said = say(&key, was.as_deref(), is.as_deref(), one_way);
    let files =
        if key.family == Family::Files { differing(&key, old, new) } else { BTreeSet::new() };
    Draft { key, was, is, cause, places, said, files }
}

/// Lists the files of a group that differ.
fn differing(key: &Key, old: &State, new: &State) -> BTreeSet<FileName> {
    let of_group = |state: &'_ State| -> Vec<FileName> {
        // The empty path sorts before every other path of the machine.
        let first = (key.machine.clone(), String::new());
        let own =
            state.groups.range(first..).take_while(|((machine, _), _)| *machine == key.machine);
        own.filter(|(_, group)| **group == key.name).map(|(name, _)| name.clone()).collect()
    };
    let names = of_group(old).into_iter().chain(of_group(new));
    names.filter(|name| old.files.get(name) != new.files.get(name)).collect()
}

fn changed(was: &Facts, is: &Facts) -> Vec<Key> {
    let keys: BTreeSet<&Key> = was.keys().chain(is.keys()).collect();
    let differs = |key: &&Key| match (was.get(*key), is.get(*key)) {
        // Which of several programs answers on an open port is said by other facts.
        (Some(_), Some(_)) if matches!(key.family, Family::Flow | Family::RouteAccess) => false,
        // What a machine that stays where it is may connect to is said by the ports.
        (Some(old), Some(new)) if key.family == Family::Outgoing => {
            let inside = Key { family: Family::Inside, ..(*key).clone() };
            old != new && was.get(&inside) != is.get(&inside)
        }
        // A new file and one that is gone are said by what they belong to.
        (None, _) | (_, None) if key.family == Family::Mode => false,
        (was, is) => !matches!(key.family, Family::OneWay | Family::Inside) && was != is,
    };
    keys.into_iter().filter(differs).cloned().collect()
}

fn finish(
    drafts: Vec<Draft>,
    mut edits: Vec<Edit>,
    idle: Vec<usize>,
    old: &State,
    new: &State,
) -> Comparison {
    for edit in &mut edits {
        if let Some(shown) = without_chance(&edit.node) {
            edit.node = shown;
        }
    }
    let mut entries: Vec<Entry> = fold(drafts).into_iter().map(entry).collect();
    entries.sort_by(|a, b| {
        (a.class, a.rank, &a.machine, &a.subject).cmp(&(b.class, b.rank, &b.machine, &b.subject))
    });
    // The sources of releases, which may have a `moved`, are not there.
    let likely = if edits.is_empty() { Vec::new() } else { likely(&old.facts, &new.facts) };
    Comparison {
        was: title(old),
        is: title(new),
        machines: machines(old, new),
        entries,
        edits,
        idle,
        likely,
        scene: old
            .scene
            .as_ref()
            .zip(new.scene.as_ref())
            .map(|(old, new)| Scene::compared(old, new)),
    }
}

fn entry(draft: Draft) -> Entry {
    let Draft { key, cause, places, said, files, .. } = draft;
    let class = if cause == Cause::Unknown { Class::Unexplained } else { said.class };
    Entry {
        class,
        rank: said.rank,
        machine: key.machine.clone(),
        subject: without_chance(&said.subject).unwrap_or(said.subject),
        was: said.was.map(without_secret),
        is: said.is.map(without_secret),
        effect: said.effect,
        cause,
        places,
        files,
        key,
    }
}

/// Hides what looks like a secret, which somebody may have pasted where none belongs.
fn without_secret(text: String) -> String {
    if is_surely_secret(&text) {
        return "***".to_owned();
    }
    without_chance(&text).unwrap_or(text)
}

fn title(state: &State) -> Title {
    Title {
        lab: state.lab.clone(),
        version: state.version.clone(),
        compiler: state.compiler.clone(),
    }
}

fn machines(old: &State, new: &State) -> Machines {
    let by_machine = |state: &State| {
        let mut machines: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for ((machine, path), digest) in &state.files {
            machines.entry(machine.clone()).or_default().push((path.clone(), digest.clone()));
        }
        machines
    };
    let (was, is) = (by_machine(old), by_machine(new));
    let mut machines = Machines::default();
    for (name, files) in &is {
        match was.get(name) {
            None => machines.added.push(name.clone()),
            Some(before) if before == files => machines.same += 1,
            Some(_) => machines.changed.push(name.clone()),
        }
    }
    machines.removed = was.into_keys().filter(|name| !is.contains_key(name)).collect();
    machines
}

/// Compares what releases say; sources are built first, and then say as much.
fn releases(was: &Input, is: &Input) -> Result<Comparison, Fault> {
    let release = |input: &Input, new: bool| match input {
        Input::Sources(sources) => {
            release::build(sources).map_err(|diagnostics| Fault { new, diagnostics })
        }
        Input::Release(release) => Ok(release.clone()),
    };
    let (old, new) = (release(was, false)?, release(is, true)?);
    let because = release::because(&old, &new);
    let keys = changed(&old.state.facts, &new.state.facts);
    let drafts = keys
        .into_iter()
        .map(|key| {
            let cause = because.of(&key);
            draft(key, cause, Vec::new(), &old.state, &new.state)
        })
        .collect();
    Ok(finish(drafts, Vec::new(), Vec::new(), &old.state, &new.state))
}
