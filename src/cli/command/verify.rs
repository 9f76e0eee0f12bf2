//! `labwright verify`: checks that a release is complete, contains nothing else, and is consistent.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::lab::{FollowLinks, Format as Findings, Lab};
use super::{Format, json, reproduce};
use crate::bundle::ids;
use crate::bundle::release::{INDEX, ReleaseIndex};
use crate::bundle::signature::AllowedSigners;
use crate::bundle::verify::verify_release;
use crate::cli::Exit;
use crate::cli::console::Console;
use crate::compile::{Compiled, Discard, compile};
use crate::diag::one_line;
use crate::disk::folder;

/// Verifies a release: every hash and every archive, with no file missing or left over
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The folder of the release
    release: PathBuf,
    /// Require a signature next to every archive and next to `SHA256SUMS`, by a key in FILE (the
    /// allowed signers of ssh-keygen(1))
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// Build the release of LAB again, and compare every byte
    #[arg(long, value_name = "LAB")]
    lab: Option<PathBuf>,
    #[command(flatten)]
    links: FollowLinks,
    /// The format of the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    release: String,
    sound: bool,
    signed: bool,
    rebuilt: bool,
    lab: Option<String>,
    version: Option<String>,
    content_id: Option<String>,
    #[serde(skip)]
    compiler: Option<String>,
    machines: Vec<String>,
    problems: Vec<String>,
}

impl Verify {
    pub fn run(self, console: &Console) -> io::Result<Exit> {
        let names = match folder::list(&self.release) {
            Ok(names) => names,
            Err(error) => {
                console.error(
                    &format!("can't read `{}`: {error}", self.release.display()),
                    "name the folder of a release",
                );
                return Ok(Exit::Outside);
            }
        };
        let signers = match self.signers.as_deref().map(allowed_signers).transpose() {
            Ok(signers) => signers,
            Err(error) => {
                let file = self.signers.unwrap_or_default();
                console.error(
                    &format!("can't read `{}`: {error}", file.display()),
                    "name a file with lines like `ada ssh-ed25519 AAAA…`",
                );
                return Ok(Exit::Outside);
            }
        };
        let mut problems = verify_release(&names, signers.as_ref(), |name| {
            folder::read(&self.release, name).map_err(|error| error.to_string())
        });
        if let Some(lab) = &self.lab {
            let lab = Lab::at(lab.clone(), self.links);
            let sources = match lab.read() {
                Ok(sources) => sources,
                Err(unread) => return Ok(lab.report_unread(&unread, Findings::Text, console)),
            };
            match compile(&sources, Discard::open) {
                Compiled { release: Ok(made), .. } => {
                    let differ = reproduce::standing(&made, &self.release);
                    problems.extend(differ.iter().map(|it| format!("compared with the lab: {it}")));
                }
                Compiled { release: Err(_), findings, .. } => {
                    lab.report(&findings, &sources, Findings::Text, console);
                    problems.push(
                        "compared with the lab: it has errors, so nothing can be built".to_owned(),
                    );
                }
            }
        }
        let index: Option<ReleaseIndex> = folder::read(&self.release, INDEX)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let index = index.as_ref();
        let verified = Verified {
            release: self.release.display().to_string(),
            sound: problems.is_empty(),
            // With signers, a missing or wrong signature is a problem.
            signed: signers.is_some() && problems.is_empty(),
            rebuilt: self.lab.is_some() && problems.is_empty(),
            lab: index.map(|index| index.lab.clone()),
            version: index.map(|index| index.version.clone()),
            content_id: index.map(|index| index.content_id.clone()),
            compiler: index.map(|index| index.compiler.clone()),
            machines: index
                .map(|index| index.machines.keys().cloned().collect())
                .unwrap_or_default(),
            problems,
        };
        Console::result(&if self.format == Format::Json {
            json(&verified)?
        } else {
            verified.text(console)
        })?;
        Ok(if verified.sound { Exit::Fine } else { Exit::Findings })
    }
}

impl Verified {
    fn text(&self, console: &Console) -> String {
        let name = match (&self.lab, &self.version) {
            (Some(lab), Some(version)) if self.sound => format!("{lab} {version}"),
            _ => self.release.clone(),
        };
        let title = console.title(&name);
        if self.sound {
            let content = self.content_id.as_deref().unwrap_or_default();
            let count = self.machines.len();
            let machines = if count == 1 { "1 machine" } else { &format!("{count} machines") };
            let text = format!(
                "{title} is complete: {machines}, every file matches `SHA256SUMS`\n\n\
                 content   {content}\n"
            );
            return text + &self.trust();
        }
        let lines: String =
            self.problems.iter().map(|problem| format!("  {}\n", one_line(problem))).collect();
        format!("{title} is not a sound release:\n\n{lines}")
    }
}

impl Verified {
    /// Says what is known about who made the release, and what is taken on trust.
    fn trust(&self) -> String {
        let mut text = String::new();
        match (self.signed, self.rebuilt) {
            (false, false) => text.push_str(
                "origin    unknown: anybody can write a complete release; `--signers` asks for \
                 signatures, `--lab` builds it again\n",
            ),
            (true, _) => text.push_str(
                "signed    by allowed keys: what every machine receives, the index and the \
                 review\n",
            ),
            (false, true) => {}
        }
        if self.rebuilt {
            text.push_str("rebuilt   from the lab: every byte is the same\n");
        } else if !self.signed {
            text.push_str(UNPROVED);
        }
        if let Some(other) = self.compiler.as_deref().filter(|own| *own != ids::COMPILER) {
            // The index has no other characters there.
            text += &format!(
                "compiler  {other}, not {}: the `inputId` can't be compared\n",
                ids::COMPILER
            );
        }
        text
    }
}

/// What nothing in a release contradicts.
const UNPROVED: &str = "unproved  what the machines run and install, what the review and the \
                        runbooks say,\n          which findings are accepted, and which lines of \
                        the lab a file or a connection comes from;\n          what routers must \
                        forward, which folders labctl names before an update, and which\n          \
                        closed ports it tries\n";

#[expect(
    clippy::disallowed_methods,
    reason = "who is trusted is said by the caller, not by the release"
)]
fn allowed_signers(path: &Path) -> Result<AllowedSigners, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    AllowedSigners::parse(&text)
}
