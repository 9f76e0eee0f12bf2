//! labctl, the tool of the machine: in every bundle, and on the machine where anybody finds it.

use super::{Context, Emitter};
use crate::artifact::{Artifacts, Kind};
use crate::diag::Diagnostics;
use crate::model::MachineKind;

/// Ships labctl.
pub const EMITTER: Emitter = Emitter { name: "labctl", emit };

/// Is the script.
pub const SCRIPT: &str = include_str!("labctl.sh");

/// Is where it stands on a machine.
pub const PATH: &str = "/usr/local/sbin/labctl";

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    if context.this().kind != MachineKind::Appliance {
        artifacts.install("labctl", Kind::Shell, SCRIPT, vec!["fixed by the emitter labctl".to_owned()], PATH, "0755");
    }
}
