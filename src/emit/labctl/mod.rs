//! Emits labctl, the tool on the machine. Every bundle contains it, and it is installed in a fixed
//! place on the machine.

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts};
use crate::diag::Diagnostics;
use crate::kind::Kind;
use crate::model::MachineKind;

/// The emitter of labctl.
pub const EMITTER: Emitter = Emitter { name: "labctl", folders: &["labctl"], emit };

/// The script: one file on the machine, which the build script joins from `parts/`.
pub const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/labctl.sh"));

/// The script as cloud-init unpacks it: gzip in base64, made when labwright is compiled.
pub const PACKED: &str = include_str!(concat!(env!("OUT_DIR"), "/labctl.gz.b64"));

/// The path of labctl on a machine.
pub const PATH: &str = "/usr/local/sbin/labctl";

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    if context.this().kind != MachineKind::Appliance {
        artifacts.install(
            "labctl",
            Artifact::new(Kind::Shell, SCRIPT, EMITTER.fixed()),
            PATH,
            "0755",
        );
    }
}
