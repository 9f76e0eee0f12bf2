//! Which file and line a person means: as it is on the machine, in the bundle or in `snapshots/`.

use std::collections::BTreeMap;

use crate::artifact::Artifacts;
use crate::diag::{nearest, one_line};
use crate::review::snapshot;

/// Where a machine's bundle has its user-data.
const USER_DATA: &str = "cloud-init/user-data";

/// A file of a machine, and a line of it if one is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The machine.
    pub machine: String,
    /// The path below `payload/`, as `snapshots/` has it.
    pub path: String,
    /// The line, from 1.
    pub line: Option<usize>,
}

/// The reason why a question has no answer, with advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub problem: String,
    /// What to ask instead.
    pub help: String,
}

/// Reads a question about the files of `machines`.
pub fn read(text: &str, machines: &BTreeMap<String, Artifacts>) -> Result<Question, Wrong> {
    let (asked, line) = match text.rsplit_once(':') {
        Some((path, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (path, Some(digits.parse().unwrap_or(usize::MAX)))
        }
        _ => (text, None),
    };
    let parts: Vec<&str> = asked.split('/').collect();
    let mut closest = None;
    for (at, part) in parts.iter().enumerate() {
        // The root folder of a bundle is named LAB-MACHINE-CONTENT.
        let named =
            |machine: &&String| machine.as_str() == *part || part.contains(&format!("-{machine}-"));
        let Some(machine) = machines
            .keys()
            .find(|machine| machine.as_str() == *part)
            .or_else(|| machines.keys().find(named))
        else {
            continue;
        };
        let Some(artifacts) = machines.get(machine) else { continue };
        let rest = parts.get(at + 1..).unwrap_or_default().join("/");
        let paths = snapshot::paths(artifacts).unwrap_or_default();
        if let Some(path) = find(&rest, artifacts, &paths) {
            return Ok(Question { machine: machine.clone(), path, line });
        }
        // All of such a file is one line.
        if let Some(at) = first_boot(&rest, artifacts) {
            let path = USER_DATA.to_owned();
            return Ok(Question { machine: machine.clone(), path, line: Some(at) });
        }
        closest.get_or_insert((machine, rest, paths));
    }
    if asked.ends_with("labctl.sh")
        && let Some((machine, _)) =
            machines.iter().find(|(_, artifacts)| artifacts.files.contains_key("labctl"))
    {
        return Ok(Question { machine: machine.clone(), path: "labctl".to_owned(), line });
    }
    Err(match closest {
        Some((machine, rest, paths)) => no_file(machine, &rest, &paths),
        None => no_machine(&parts, machines),
    })
}

/// Finds a path below `payload/`, however it is written.
fn find(rest: &str, artifacts: &Artifacts, paths: &[String]) -> Option<String> {
    let rest = rest.trim_start_matches('/');
    let without = |text: &str| text.strip_suffix(".snap").map(str::to_owned);
    for written in [Some(rest.to_owned()), without(rest)].into_iter().flatten() {
        let below = written.split_once("payload/").map(|(_, below)| below.to_owned());
        for path in [below, Some(written.clone())].into_iter().flatten() {
            if paths.contains(&path) {
                return Some(path);
            }
        }
        let installed = artifacts
            .installs
            .iter()
            .find(|install| install.destination.trim_start_matches('/') == written);
        if let Some(install) = installed {
            return Some(install.source.clone());
        }
        let packed = format!("{USER_DATA}.d/{written}");
        if paths.contains(&packed) {
            return Some(packed);
        }
        // A Proxmox host keeps what its guests start with under such a name, see `emit/guests`.
        let name = written.rsplit('/').next().unwrap_or_default();
        let snippet = name.strip_prefix("labwright-").and_then(|name| name.strip_suffix(".yaml"));
        if let Some((id, what)) = snippet.and_then(|name| name.split_once('-')) {
            let path = format!("proxmox/cloud-init/{id}/{what}");
            if paths.contains(&path) {
                return Some(path);
            }
        }
        // What a step copies, such as the rules for Proxmox, keeps its name and its folder's.
        let mut copied =
            paths.iter().filter(|path| tail(path).is_some_and(|end| tail(&written) == Some(end)));
        if let (Some(path), None) = (copied.next(), copied.next()) {
            return Some(path.clone());
        }
    }
    None
}

/// Returns the line of the user-data that holds a file which cloud-init writes at the first boot.
fn first_boot(rest: &str, artifacts: &Artifacts) -> Option<usize> {
    let text = snapshot::file(artifacts, USER_DATA)?;
    let text = String::from_utf8_lossy(&text);
    let rest = rest.trim_start_matches('/');
    let mut lines = text.lines().map(str::trim).zip(1..).skip_while(|(line, _)| {
        let path = line.strip_prefix("- path: ").map(|path| path.trim_matches('\''));
        path.is_none_or(|path| path.trim_start_matches('/') != rest)
    });
    lines.find(|(line, _)| line.starts_with("content: ")).map(|(_, at)| at)
}

/// Returns the last folder and the name of a path.
fn tail(path: &str) -> Option<&str> {
    let (folder, _) = path.rsplit_once('/')?;
    path.get(folder.rfind('/').map_or(0, |at| at + 1)..)
}

fn no_file(machine: &str, rest: &str, paths: &[String]) -> Wrong {
    let rest = rest.trim_start_matches('/').trim_end_matches(".snap");
    let problem = format!("`{machine}` has no file `{}`", one_line(rest));
    if ["BUNDLE", "SHA256SUMS", "manifest.json"].contains(&rest) {
        let help = "it is made from the files below `payload/`: ask about one of those".to_owned();
        return Wrong { problem, help };
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let near = nearest(rest, paths.iter().map(String::as_str)).map(str::to_owned);
    let near = near.or_else(|| paths.iter().find(|path| name(path) == name(rest)).cloned());
    let near = near.or_else(|| {
        let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
        let name = nearest(&name(rest), names.iter().map(String::as_str))?;
        paths.iter().find(|path| path.ends_with(name)).cloned()
    });
    let help = match near {
        Some(near) => format!("did you mean `{machine}/{}`?", one_line(&near)),
        None => "`labwright snapshot` writes every file of every machine".to_owned(),
    };
    Wrong { problem, help }
}

fn no_machine(parts: &[&str], machines: &BTreeMap<String, Artifacts>) -> Wrong {
    let first = parts.iter().find(|part| !part.is_empty() && **part != ".").copied();
    let first = first.unwrap_or_default();
    let names: Vec<&str> = machines.keys().map(String::as_str).collect();
    let help = match nearest(first, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write MACHINE/PATH; the machines are {}", names.join(", ")),
    };
    Wrong { problem: format!("`{}` names no machine of the lab", one_line(first)), help }
}
