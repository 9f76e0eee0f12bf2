//! Emits what starts containers anew that Docker leaves down, or in a network whose owner has
//! started anew.

use serde::Serialize;

use super::Member;
use super::steps::TEMPLATES;
use crate::artifact::{Artifact, Artifacts};
use crate::diag::{Diagnostic, Diagnostics};
use crate::emit::{Context, unit_file};
use crate::format::VALUE_NOT_WRITABLE;
use crate::kind::Kind;
use crate::model::{NetworkMode, UnitAction};

/// The script on the machine.
const SCRIPT: &str = "/usr/local/lib/labwright/again.sh";

#[derive(Debug, Serialize)]
struct View<'p> {
    project: &'p str,
    joined: Vec<Joined<'p>>,
}

#[derive(Debug, Serialize)]
struct Joined<'p> {
    container: &'p str,
    owner: &'p str,
}

/// Adds the script and its timer, if a container of the machine is one that stays.
pub(super) fn add(
    context: &Context<'_>,
    members: &[Member<'_>],
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    // Compose restarts dependent containers only after its own actions. When Docker restarts a
    // crashed owner, the others stay in a network that leads nowhere.
    let joined = members.iter().filter_map(|(_, container)| match &container.network {
        NetworkMode::Container(owner) => Some(Joined { container: &container.name, owner }),
        _ => None,
    });
    let view = View { project: &context.model().lab.name, joined: joined.collect() };
    let stays = members.iter().any(|(_, container)| container.restart != "no");
    if !(stays && context.this().kind.is_managed()) {
        return;
    }
    let machine = &context.this().name;
    let Some(text) = TEMPLATES.write("again.sh.j2", &view, machine, diagnostics) else { return };
    let origin = context.origin();
    let script = Artifact::new(Kind::Shell, text, origin.clone());
    artifacts.install("compose/again.sh", script, SCRIPT, "0755");
    let description = "Starts containers that Docker gave up".to_owned();
    let service = [
        ("Unit", vec![("Description", description.clone())]),
        (
            "Service",
            vec![
                ("Type", "oneshot".to_owned()),
                ("ExecStart", SCRIPT.to_owned()),
                // A run that finds nothing to do leaves no line in the journal.
                ("LogLevelMax", "notice".to_owned()),
                ("SyslogLevel", "notice".to_owned()),
            ],
        ),
    ];
    let timer = [
        ("Unit", vec![("Description", description)]),
        ("Timer", vec![("OnBootSec", "2min".to_owned()), ("OnUnitInactiveSec", "1min".to_owned())]),
        ("Install", vec![("WantedBy", "timers.target".to_owned())]),
    ];
    let mut unit = |name: &str, action, text: Result<String, String>| match text {
        Ok(text) => artifacts.unit(name, action, text, origin.clone(), Vec::new()),
        Err(why) => diagnostics.push(
            Diagnostic::lab(&VALUE_NOT_WRITABLE, format!("`{name}` can't be written: {why}"))
                .on(machine),
        ),
    };
    unit("labwright-containers.service", UnitAction::Install, unit_file::write(service));
    unit("labwright-containers.timer", UnitAction::EnableStart, unit_file::write(timer));
}
