//! Emits what a machine reads at its first boot: account and keys, packages, mounts, network,
//! labctl. Its bundle does everything later.

mod network;
mod packed;
mod user_data;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::Artifacts;
use crate::diag::Diagnostics;
use crate::format;
use crate::kind::Kind;

/// The emitter of `cloud-init/`, for machines whose system labwright sets up. The hypervisor's
/// bundle carries a copy of the files.
pub const EMITTER: Emitter = Emitter { name: "cloud-init", folders: &["cloud-init"], emit };

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct MetaData<'p> {
    instance_id: String,
    local_hostname: &'p str,
}

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, _: &mut Diagnostics) {
    let machine = context.this();
    if !machine.kind.is_managed() {
        return;
    }
    let origin = context.origin();
    // The id must never change. To cloud-init, another id means another machine, which gets new ssh
    // host keys.
    let guest = machine.guest.as_ref().map_or_else(String::new, |guest| format!("-{}", guest.id));
    let meta_data = MetaData {
        instance_id: format!("{}-{}{guest}", context.model().lab.name, machine.name),
        local_hostname: &machine.name,
    };
    artifacts.add(
        "cloud-init/meta-data",
        Kind::CloudInitMetaData,
        format::yaml(&meta_data),
        origin.clone(),
    );
    artifacts.add(
        "cloud-init/user-data",
        Kind::CloudInitUserData,
        user_data::write(context),
        origin.clone(),
    );
    let networks =
        machine.networks().map(|network| format!("network {}", context.model()[network].name));
    let origin = networks.chain(origin).collect();
    artifacts.add(
        "cloud-init/network-config",
        Kind::CloudInitNetworkConfig,
        network::write(context),
        origin,
    );
}
