//! One line for a person about each fact that changed, and the class it belongs to.

use std::collections::BTreeSet;

use super::class::Class;
use super::facts::{Family, Key};
use super::tags::is_downgrade;
use super::weigh::{alarm, number, saved, seconds, size, strength, widens};
use crate::plan::may_hold_secret;

/// What is said of a fact that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The class.
    pub class: Class,
    /// How bad it is among its class; 0 is worst.
    pub rank: u8,
    /// What it is about: `config of jellyfin`.
    pub subject: String,
    /// What it was, in words, or nothing if the value is a digest.
    pub was: Option<String>,
    /// What it is.
    pub is: Option<String>,
    /// What the change means, if the old and the new value don't show it.
    pub effect: &'static str,
}

/// Says what the change of one fact means. An image that is `one_way` may migrate what its service
/// keeps.
pub fn say(key: &Key, was: Option<&str>, is: Option<&str>, one_way: bool) -> Said {
    let Key { family, machine, name, part } = key;
    let (gained, lost) = (was.is_none(), is.is_none());
    let on = |text: &str| {
        if machine.is_empty() { text.to_owned() } else { format!("{text} on {machine}") }
    };
    let both = |subject: String, class: Class, rank: u8| Said {
        class,
        rank,
        subject,
        was: was.map(str::to_owned),
        is: is.map(str::to_owned),
        effect: "",
    };
    // What was and is say in words where the value itself is `yes` or a digest.
    let words = |said: Said, absent: &str, present: &str| {
        let word = |value: Option<&str>| Some(value.map_or(absent, |_| present).to_owned());
        Said { was: word(was), is: word(is), ..said }
    };
    let effect = |said: Said, effect: &'static str| Said { was: None, is: None, effect, ..said };
    let opened = |opens: bool| if opens { Class::AccessOpened } else { Class::AccessClosed };
    let of = |what: &str| if what.is_empty() { String::new() } else { format!(" of {what}") };
    let worse = |is_worse: bool| u8::from(!is_worse);
    let data = |subject: String, is_worse: bool, is_better: bool| {
        let class = if is_better && !is_worse { Class::Kept } else { Class::Data };
        both(subject, class, worse(is_worse))
    };
    let (weaker, stronger) = (strength(is) < strength(was), strength(is) > strength(was));
    let (fewer, more) = (number(is) < number(was), number(is) > number(was));
    match family {
        Family::Flow => {
            let internet = u8::from(name != "internet");
            let answers = is.or(was).unwrap_or_default();
            let said =
                both(format!("{name} to {machine} {part}, {answers}"), opened(!lost), internet);
            words(said, "closed", "open")
        }
        Family::Outgoing => {
            let (less, more) = difference(was.unwrap_or_default(), is.unwrap_or_default());
            // Of many machines only some are named, so what is not known to be less may be more.
            let opens = gained || !lost && (!more.is_empty() || less.is_empty());
            let said = both(format!("{machine} to other machines"), opened(opens), 3);
            let some = |text: String| (!text.is_empty()).then_some(text);
            or_absent(Said { was: some(less), is: some(more), ..said }, "nothing")
        }
        Family::RouteAccess => {
            let service = is.or(was).unwrap_or_default();
            let said = both(format!("{part} to {name}, {service}"), opened(!lost), 2);
            words(said, "refused", "allowed")
        }
        Family::RouteAuth => {
            let said = both(format!("who authenticates users of {name}"), opened(!gained), 1);
            or_absent(said, "nobody")
        }
        Family::RouteHidden => {
            words(both(format!("{part} of {name}"), opened(lost), 3), "open", "hidden")
        }
        Family::RouteHandling => {
            let guards = matches!(part.as_str(), "addresses" | "login" | "rate limit");
            // Other addresses and other users are others who get in.
            let class = if guards { opened(!gained) } else { Class::Names };
            let said = both(format!("{part} of {name}"), class, 2);
            // `facts/access.rs` keeps digests of these.
            match (gained, lost) {
                _ if !may_hold_secret(part) => or_absent(said, "none"),
                (true, _) => effect(said, "is new"),
                (_, true) => effect(said, "is gone"),
                _ => effect(said, "has another value"),
            }
        }
        Family::ContainerNetwork => {
            let leads = |value: Option<&str>| value == Some("leads out");
            let class = match (leads(was), leads(is)) {
                _ if gained || lost => Class::Restarts,
                (false, true) => Class::AccessOpened,
                _ => Class::AccessClosed,
            };
            or_absent(both(format!("network {part} of {}", on(name)), class, 3), "none")
        }
        Family::OnNetwork => {
            let said = both(format!("{} is on its network {part}", on(name)), opened(!lost), 3);
            words(said, "no", "yes")
        }
        Family::Through => {
            let said = both(format!("the network of {}", on(name)), opened(!gained), 3);
            or_absent(said, "its own")
        }
        Family::Zone => {
            let widened = !gained && (lost || widens(was.unwrap_or(""), is.unwrap_or("")));
            // A zone by itself opens nothing; what may come from it does.
            let class = if gained || lost { Class::Names } else { opened(widened) };
            or_absent(both(format!("the addresses of {name}"), class, 3), "none")
        }
        Family::Forward => {
            let said =
                both(format!("clients of {name} through {machine} to {part}"), opened(!lost), 1);
            words(said, "closed", "open")
        }
        Family::Login => {
            words(both(format!("{name} may come in with {part}"), opened(!lost), 1), "no", "yes")
        }
        Family::Guard => {
            let class = match (was, is) {
                (Some(_), Some("nothing")) => Class::AccessOpened,
                (Some("nothing"), Some(_)) => Class::AccessClosed,
                _ => Class::Restarts,
            };
            or_absent(both(format!("what guards {machine}"), class, 1), "nothing")
        }
        Family::State => or_absent(data(format!("{part} of {name}"), lost, gained), "not kept"),
        Family::Saved => {
            let said = data(format!("backup of {part} of {name}"), weaker, stronger);
            or_absent(said, "nothing to save")
        }
        Family::Dataset => {
            let said = data(format!("dataset {name} on {machine}"), lost, gained);
            or_absent(said, "not declared")
        }
        Family::StoreSaved => {
            or_absent(data(format!("backup of {name} on {machine}"), weaker, stronger), "none")
        }
        Family::Snapshots => {
            let said = data(format!("{part} snapshots of {name}"), fewer, more);
            or_absent(said, "none")
        }
        Family::Pool => {
            or_absent(data(format!("pool {name} on {machine}"), !gained, gained), "none")
        }
        Family::Share => or_absent(data(format!("{name} on {machine}"), !gained, false), "nothing"),
        Family::Export => {
            let said = data(format!("export {name} of {machine}"), !gained, false);
            or_absent(said, "not exported")
        }
        Family::Repository => {
            let said = data(format!("where {name} saves to"), !gained, gained);
            or_absent(said, "nowhere")
        }
        Family::BackupRun => {
            let what = if part == "check" { "check" } else { "run" };
            let part = if part == "check" { "" } else { part };
            let stops = lost || is == Some("never");
            let subject = format!("{part} {what} of {name}").trim_start().to_owned();
            let said = data(subject, stops, gained || was == Some("never"));
            or_absent(said, "never")
        }
        Family::BackupSource => {
            // `facts/data.rs` writes the folders that a backup leaves out after this word.
            let weaker = weaker || is.is_some_and(|is| is.contains(" without "));
            let said = data(format!("{part} in {name}"), weaker, stronger);
            let words = |value: Option<&str>, other| value.map(|value| saved(value, other));
            or_absent(Said { was: words(was, is), is: words(is, was), ..said }, "not saved")
        }
        Family::Copied => {
            let said = data(format!("where {name} copies {part}"), !gained, gained);
            or_absent(said, "nowhere")
        }
        Family::Keep => {
            or_absent(data(format!("{part} backups kept by {name}"), fewer, more), "none")
        }
        Family::Retention => {
            let sooner = match part.as_str() {
                "retention-size" => size(is) < size(was) || was.is_none(),
                _ => seconds(is) < seconds(was) || was.is_none(),
            };
            let what = if part == "retention-size" { "how much" } else { "how long" };
            let said = data(format!("{what} {name} keeps"), sooner, !sooner);
            or_absent(said, "no limit")
        }
        Family::Dump => {
            or_absent(data(format!("dump of {part} by {name}"), weaker, stronger), "none")
        }
        Family::Database => {
            let said = data(format!("database {part} of {name}"), !gained, gained);
            let said = or_absent(said, "none");
            // Data written for one major version is not read by another. A file and a folder have
            // no version here: they are copied as they are.
            let is_versioned = |value: Option<&str>| value.is_some_and(|value| value.contains(' '));
            let is_one_way = is_versioned(was) && is_versioned(is);
            if is_one_way { Said { effect: "one way", ..said } } else { said }
        }
        Family::GuestDisk => {
            let smaller = size(is) < size(was);
            let class = if smaller { Class::Data } else { Class::Restarts };
            or_absent(both(format!("disk {name} of {machine}"), class, worse(smaller)), "none")
        }
        Family::Secret => {
            let said = both(format!("secret {name} on {machine}"), Class::Secrets, worse(!lost));
            if lost {
                // `facts/containers.rs` writes the file's owner and mode after this.
                let readers = was.and_then(|was| was.split(" (owner").next()).map(str::to_owned);
                return or_absent(Said { was: readers, ..said }, "gone");
            }
            if gained {
                return or_absent(said, "not on it");
            }
            let (was, is) = other_readers(was.unwrap_or_default(), is.unwrap_or_default());
            or_absent(Said { was, is, ..said }, "by others alone")
        }
        Family::Privilege => {
            let said = both(format!("{} has {part}", on(name)), Class::Privileges, worse(!lost));
            words(said, "no", "yes")
        }
        Family::Mount => {
            let said = both(format!("{} and {part}", on(name)), Class::Privileges, worse(!lost));
            or_absent(said, "does not see it")
        }
        Family::RunsAs => {
            // If the container is new or gone as a whole, its user is not a change of what it may
            // do.
            let class = if gained || lost { Class::Restarts } else { Class::Privileges };
            let root = matches!(is, Some("0" | "root" | "0:0"));
            or_absent(both(format!("{} runs as", on(name)), class, worse(root)), "nobody")
        }
        Family::Hardening => {
            let said = both(format!("{} has {part}", on(name)), Class::Privileges, worse(lost));
            words(said, "no", "yes")
        }
        Family::Mode => both(format!("owner and mode of {}", on(name)), Class::Privileges, 1),
        Family::Installed => {
            let said = both(on(&format!("{part} {name}")), Class::Restarts, 4);
            let absent = match part.as_str() {
                "package" => "not asked for",
                "kernel module" => "not loaded",
                _ => "not set",
            };
            or_absent(said, absent)
        }
        // `compare` never asks.
        Family::OneWay | Family::Inside => both(on(name), Class::Images, 1),
        Family::Passthrough => {
            let said = both(format!("{machine} has {name}"), Class::Privileges, worse(!lost));
            let effect = if part == "vm" { "after its next start" } else { "" };
            Said { effect, ..words(said, "no", "yes") }
        }
        Family::Raw => {
            let said = both(format!("{name} sets {part} by raw"), Class::Privileges, worse(!lost));
            words(said, "no", "yes")
        }
        Family::Machine => {
            let said = or_absent(both(format!("machine {machine}"), Class::Restarts, 0), "none");
            // `facts/machines.rs` writes where a guest is after this word.
            let guest = |value: Option<&str>| value.is_some_and(|value| value.contains(" on "));
            if guest(was) && guest(is) {
                let effect = "made anew: what is on its disks stays with the old one";
                Said { class: Class::Data, effect, ..said }
            } else {
                said
            }
        }
        Family::System => {
            or_absent(both(format!("system of {machine}"), Class::Restarts, 1), "none")
        }
        Family::Shape => {
            let said = both(format!("{name} of {machine}"), Class::Restarts, 1);
            let said = or_absent(said, "not said");
            // A container gets more or less while it runs; of a host, it is a fact.
            let waits = part == "vm" && !gained && !lost;
            if waits { Said { effect: "after its next start", ..said } } else { said }
        }
        Family::Service => or_absent(both(format!("service {name}"), Class::Restarts, 1), "none"),
        Family::Module => {
            or_absent(both(format!("module {part} of {name}"), Class::Restarts, 5), "none")
        }
        Family::Runs => {
            let said = both(format!("when {} runs", on(name)), Class::Restarts, 2);
            or_absent(said, "always")
        }
        Family::Container => {
            let said = both(format!("container {}", on(name)), Class::Restarts, 2);
            match (gained, lost) {
                (true, _) => effect(said, "is created"),
                (_, true) => Said { rank: 1, ..effect(said, "is removed") },
                _ => effect(said, "is created anew"),
            }
        }
        Family::Unit => {
            let said = both(format!("unit {}", on(name)), Class::Restarts, 3);
            match (gained, lost) {
                (true, _) => effect(said, "is new"),
                (_, true) => effect(said, "is removed"),
                _ => effect(said, "is restarted"),
            }
        }
        Family::Image => {
            let said = both(format!("image of {}", on(name)), Class::Images, 1);
            let said = or_absent(said, "none");
            match (was, is) {
                (Some(was), Some(is)) if is_downgrade(was, is) && one_way => Said {
                    class: Class::Data,
                    effect: "a downgrade, which may not read newer data",
                    ..said
                },
                (Some(was), Some(is)) if is_downgrade(was, is) => {
                    Said { rank: 0, effect: "a downgrade", ..said }
                }
                (Some(_), Some(_)) if one_way => {
                    Said { effect: "one-way: what it keeps is saved before", ..said }
                }
                _ => said,
            }
        }
        Family::Room => {
            // `facts/machines.rs` ends the value with these words.
            let over = is.is_some_and(|is| is.ends_with("more than there is"));
            or_absent(both(format!("{name} of {machine}"), Class::Capacity, worse(over)), "unknown")
        }
        Family::Limit => {
            or_absent(both(format!("{part} of {}", on(name)), Class::Capacity, 2), "no limit")
        }
        Family::Layout => {
            let said = both(format!("{part} of {}", on(name)), Class::Capacity, 3);
            Said { effect: "for what is written from then on", ..or_absent(said, "not said") }
        }
        Family::Scrape => {
            let what = if name == "probe" {
                format!("probe of {part}")
            } else {
                format!("measurements of {name} {part}").trim_end().to_owned()
            };
            or_absent(both(what, Class::Monitoring, worse(lost)), "not taken")
        }
        Family::Alert => {
            let said = both(format!("alert {name}{}", of(part)), Class::Monitoring, 0);
            let plain = |value: Option<&str>| {
                // `facts/monitoring.rs` writes the digest of the expression last.
                let value = value.and_then(|value| value.split_once(", expression "));
                value.map(|(plain, _)| plain.to_owned())
            };
            let (was, is) = (plain(was), plain(is));
            if was == is {
                return effect(said, "has another expression");
            }
            let rank = worse(lost || alarm(is.as_deref()) < alarm(was.as_deref()));
            or_absent(Said { rank, was, is, ..said }, "none")
        }
        Family::Receiver => {
            let said = both(format!("alerts of {name} by {part}"), Class::Monitoring, worse(lost));
            // `facts/monitoring.rs` keeps digests: who knows an address can read along.
            match (gained, lost) {
                (false, false) => effect(said, "have another receiver"),
                _ => words(said, "sent to nobody", "sent"),
            }
        }
        Family::Dashboard => {
            or_absent(both(format!("dashboard {name}"), Class::Monitoring, worse(lost) + 1), "none")
        }
        Family::Logs => or_absent(
            both(format!("logs of {machine}"), Class::Monitoring, worse(lost)),
            "stay there",
        ),
        Family::Host => {
            or_absent(both(name.clone(), Class::Names, worse(!gained)), "leads nowhere")
        }
        Family::Address => or_absent(
            both(format!("{machine} in {name}"), Class::Names, worse(!gained)),
            "no address",
        ),
        Family::Network => {
            or_absent(both(format!("{part} of {name}"), Class::Names, worse(!gained)), "none")
        }
        Family::Lab => or_absent(both(format!("{name} of the lab"), Class::Names, 2), "none"),
        Family::Name => {
            let what = if machine.is_empty() {
                format!("service {name}")
            } else {
                format!("machine {machine}")
            };
            or_absent(both(format!("name of {what}"), Class::Names, 3), "none")
        }
        Family::Finding => {
            let about = if part.is_empty() { name.clone() } else { format!("{name} on {part}") };
            let said = both(about, Class::Findings, worse(!lost));
            match (gained, lost) {
                (true, _) => effect(said, "is new"),
                (_, true) => effect(said, "is gone"),
                _ => effect(said, "has other words"),
            }
        }
        Family::Accepted => {
            let about = if part.is_empty() { name.clone() } else { format!("{name} on {part}") };
            let said = both(about, Class::Findings, worse(!lost) + 1);
            match (gained, lost) {
                (true, _) => effect(said, "is now accepted"),
                (_, true) => effect(said, "is no longer accepted"),
                _ => effect(said, "is accepted for another reason"),
            }
        }
        Family::Files => {
            let said = both(format!("{name} of {machine}"), Class::Restarts, 6);
            let said = match (gained, lost) {
                (true, _) => effect(said, "is new"),
                (_, true) => effect(said, "is gone"),
                _ => effect(said, "is different"),
            };
            Said { class: class_of_files(name), ..said }
        }
    }
}

/// Returns what a machine may no longer connect to, and what it may connect to now:
/// `pve 22/tcp 8006/tcp, nas 445/tcp`.
fn difference(was: &str, is: &str) -> (String, String) {
    let only = |text: &str, other: &str| {
        let ports = |machine: &str| -> BTreeSet<String> {
            let others = other.split(", ").filter_map(|part| part.split_once(' '));
            let own = others.filter(|(name, _)| *name == machine);
            own.flat_map(|(_, ports)| ports.split(' ').map(str::to_owned)).collect()
        };
        let parts = text.split(", ").filter_map(|part| {
            let (machine, listed) = part.split_once(' ')?;
            let known = ports(machine);
            let new: Vec<&str> = listed.split(' ').filter(|port| !known.contains(*port)).collect();
            (!new.is_empty()).then(|| format!("{machine} {}", new.join(" ")))
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    (only(was, is), only(is, was))
}

/// The word before those that read a secret; `facts/containers.rs` writes it.
const READ_BY: &str = "read by ";

/// Returns who read a secret and who reads it now, without those of whom both say the same.
fn other_readers(was: &str, is: &str) -> (Option<String>, Option<String>) {
    let parts = |text: &str| -> Vec<String> {
        let parts = text.strip_prefix(READ_BY).unwrap_or(text).split(", read by ");
        parts.map(str::to_owned).collect()
    };
    let (old, new) = (parts(was), parts(is));
    let only = |own: &[String], other: &[String]| {
        let own: Vec<String> = own.iter().filter(|part| !other.contains(part)).cloned().collect();
        (!own.is_empty()).then(|| format!("{READ_BY}{}", own.join(", ")))
    };
    (only(&old, &new), only(&new, &old))
}

/// Returns the class of files that nothing else of the same cause speaks of.
fn class_of_files(group: &str) -> Class {
    match group {
        "prometheus" | "grafana" | "loki" | "alloy" | "alertmanager" => Class::Monitoring,
        "backup" => Class::Data,
        // People read it, and no program does.
        "RUNBOOK.md" => Class::Names,
        _ => Class::Restarts,
    }
}

/// Puts a word where there was or is nothing.
fn or_absent(said: Said, absent: &str) -> Said {
    let word = |value: Option<String>| Some(value.unwrap_or_else(|| absent.to_owned()));
    Said { was: word(said.was), is: word(said.is), ..said }
}
