//! Emits what starts containers anew that Docker leaves down, or in a network whose owner has
//! started anew.

use serde::Serialize;

use super::Member;
use super::steps::TEMPLATES;
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::emit::recurring::Recurring;
use crate::model::NetworkMode;

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
    let script = Recurring {
        name: "labwright-containers",
        description: "Starts containers that Docker gave up",
        file: "compose/again.sh",
        path: "/usr/local/lib/labwright/again.sh",
        first: "2min",
        again: "1min",
    };
    script.add(text, context, artifacts, diagnostics);
}
