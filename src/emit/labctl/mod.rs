//! Emits labctl, the tool on the machine. Every bundle contains it, and it is installed in a fixed
//! place on the machine.

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::MachineKind;

/// The emitter of labctl.
pub const EMITTER: Emitter = Emitter { name: "labctl", emit };

/// Concatenates the named files of `parts/` into one script.
macro_rules! script {
    ($first:literal $($part:literal)*) => {
        concat!(include_str!(concat!("parts/", $first, ".sh")) $(, "\n", include_str!(concat!("parts/", $part, ".sh")))*)
    };
}

/// The script: one file on the machine, one part for each concern here. The order matters only for
/// `start`, which sets variables that all functions use, and for `main`, which runs them.
pub const SCRIPT: &str = script! {
    "start"
    // Functions that all others use.
    "talk" "machine" "lock" "state" "json"
    // What a bundle is, and whether it can be trusted.
    "archive" "trust"
    // What a bundle would change, and what prevents that.
    "changes" "login" "preflight"
    // The change itself and its reversal.
    "journal" "arm" "steps" "files" "firewall" "change" "revert"
    // The commands.
    "plan" "apply" "confirm" "rollback" "status" "list" "verify" "gc" "secrets"
    "main"
};

/// The path of labctl on a machine.
pub const PATH: &str = "/usr/local/sbin/labctl";

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    if context.this().kind != MachineKind::Appliance {
        artifacts.install("labctl", Kind::Shell, SCRIPT, EMITTER.fixed(), PATH, "0755");
    }
}
