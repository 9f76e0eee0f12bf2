//! Emits the table of a machine's networks of containers, and the script that keeps those that
//! compose does not make.
//!
//! A container meets those of other services on networks that labctl makes, because compose would
//! make a container anew for every service that comes or goes.

use serde::Serialize;

use super::networks::by_compose;
use super::steps::TEMPLATES;
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::kind::Kind;

/// The table of networks, and of the containers on each.
const TABLE: &str = "compose/networks.tsv";

/// The script that reads it.
const SCRIPT: &str = "compose/networks.sh";

#[derive(Debug, Serialize)]
struct View<'p> {
    project: &'p str,
}

/// Adds the table and the script.
pub(super) fn add(
    context: &Context<'_>,
    origin: &[String],
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let project = &context.model().lab.name;
    let mut table = String::new();
    let mut row = |cells: &[&str]| {
        table.push_str(&cells.join("\t"));
        table.push('\n');
    };
    for network in &context.planned().networks.list {
        let name = format!("{project}_{}", network.name);
        let subnets: Vec<String> = network.subnets().map(|subnet| subnet.to_string()).collect();
        let internal = if network.internal { "true" } else { "false" };
        let maker = if by_compose(network) { "compose" } else { "labctl" };
        row(&["network", &name, &network.interface, &subnets.join(" "), internal, maker]);
        for member in &network.members {
            // sh reads several tabs in a row as one, so no cell may be empty.
            let aliases =
                if member.aliases.is_empty() { "-".to_owned() } else { member.aliases.join(",") };
            let maker = if member.by_compose { "compose" } else { "labctl" };
            let joining = if member.shared { "restart" } else { "run" };
            row(&["member", &name, &member.container, &aliases, maker, joining]);
        }
    }
    artifacts.add(TABLE, Kind::Table, table, origin.to_vec());
    let machine = &context.this().name;
    if let Some(text) = TEMPLATES.write("networks.sh.j2", &View { project }, machine, diagnostics) {
        artifacts.add(SCRIPT, Kind::Shell, text, origin.to_vec());
    }
}
