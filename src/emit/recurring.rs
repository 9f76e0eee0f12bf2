//! Emits scripts that systemd runs again and again, each by a timer of its own.

use super::{Context, unit_file};
use crate::artifact::{Artifact, Artifacts};
use crate::diag::{Diagnostic, Diagnostics};
use crate::format::VALUE_NOT_WRITABLE;
use crate::kind::Kind;
use crate::model::UnitAction;

/// A script that runs for the first time when the machine has been up for a while, and then at the
/// same distance from the end of each run.
#[derive(Debug)]
pub struct Recurring<'r> {
    /// The name of its units, without their ending.
    pub name: &'r str,
    /// What it does, for people.
    pub description: &'r str,
    /// The script below `payload/`.
    pub file: &'r str,
    /// The script on the machine.
    pub path: &'r str,
    /// How long after the start of the machine it runs first, as systemd writes it.
    pub first: &'r str,
    /// How long after a run it runs again, as systemd writes it.
    pub again: &'r str,
}

impl Recurring<'_> {
    /// Adds the script, which is `text`, and its units.
    pub fn add(
        &self,
        text: String,
        context: &Context<'_>,
        artifacts: &mut Artifacts,
        diagnostics: &mut Diagnostics,
    ) {
        let origin = context.origin();
        let script = Artifact::new(Kind::Shell, text, origin.clone());
        artifacts.install(self.file, script, self.path, "0755");
        let about = || ("Unit", vec![("Description", self.description.to_owned())]);
        let service = [
            about(),
            (
                "Service",
                vec![
                    ("Type", "oneshot".to_owned()),
                    ("ExecStart", self.path.to_owned()),
                    // A run that finds nothing to do leaves no line in the journal.
                    ("LogLevelMax", "notice".to_owned()),
                    ("SyslogLevel", "notice".to_owned()),
                ],
            ),
        ];
        let timer = [
            about(),
            (
                "Timer",
                vec![
                    ("OnBootSec", self.first.to_owned()),
                    ("OnUnitInactiveSec", self.again.to_owned()),
                ],
            ),
            ("Install", vec![("WantedBy", "timers.target".to_owned())]),
        ];
        let mut unit = |ending: &str, action, text: Result<String, String>| {
            let name = format!("{}.{ending}", self.name);
            match text {
                Ok(text) => artifacts.unit(&name, action, text, origin.clone(), Vec::new()),
                Err(why) => diagnostics.push(
                    Diagnostic::lab(
                        &VALUE_NOT_WRITABLE,
                        format!("`{name}` can't be written: {why}"),
                    )
                    .on(&context.this().name),
                ),
            }
        };
        unit("service", UnitAction::Install, unit_file::write(service));
        unit("timer", UnitAction::EnableStart, unit_file::write(timer));
    }
}
