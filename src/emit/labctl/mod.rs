//! labctl, the tool of the machine: in every bundle, and on the machine where anybody finds it.

use super::{Context, Emitter};
use crate::artifact::{Artifacts, Kind};
use crate::diag::Diagnostics;
use crate::model::MachineKind;

/// Ships labctl.
pub const EMITTER: Emitter = Emitter { name: "labctl", emit };

/// Joins the named files of `parts/` into one script.
macro_rules! script {
    ($first:literal $($part:literal)*) => {
        concat!(include_str!(concat!("parts/", $first, ".sh")) $(, "\n", include_str!(concat!("parts/", $part, ".sh")))*)
    };
}

/// Is the script: one file for the machine, one part for each concern here. Functions know each
/// other whatever their order; only `start`, which sets what all of them use, and `main`, which
/// runs, have their places.
pub const SCRIPT: &str = script! {
    "start"
    // What everything uses.
    "talk" "machine" "lock" "state" "json"
    // What a bundle is, and whether to believe it.
    "archive" "trust"
    // What it would change, and what is in the way.
    "changes" "login" "preflight"
    // The change itself and the way back.
    "journal" "arm" "steps" "files" "firewall" "change" "revert"
    // The verbs.
    "plan" "apply" "confirm" "rollback" "status" "list" "verify" "gc" "secrets"
    "main"
};

/// Is where it stands on a machine.
pub const PATH: &str = "/usr/local/sbin/labctl";

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    if context.this().kind != MachineKind::Appliance {
        artifacts.install("labctl", Kind::Shell, SCRIPT, EMITTER.fixed(), PATH, "0755");
    }
}
