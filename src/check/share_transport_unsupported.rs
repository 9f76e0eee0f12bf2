//! Finds folders that the hypervisor can't pass to a guest in the declared way.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Machine, MachineKind, ShareSource, ShareTransport};
use crate::plan::Plan;

/// Finds shares with a transport that the host or the guest does not support.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "share-transport-unsupported",
    Error,
    "a share's transport does not exist between these machines"
);

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    // A guest with an invalid host or id has no guest data here.
    let known = |machine: &Machine| {
        machine.guest.is_some() || !matches!(machine.kind, MachineKind::Vm | MachineKind::Lxc)
    };
    for (id, machine) in model.machines().filter(|(_, machine)| known(machine)) {
        for share in &machine.shares {
            let own_host = match (&share.source, &machine.guest) {
                (ShareSource::Dataset(dataset), Some(guest)) => {
                    (dataset.machine == guest.host).then(|| &model[guest.host])
                }
                _ => None,
            };
            let fault = match (share.via, machine.kind, own_host) {
                (ShareTransport::Virtiofs, MachineKind::Vm, Some(host)) => {
                    host.version.as_deref().filter(|version| is_older(version, (8, 4))).map(
                        |version| format!("Proxmox VE {version} does not have virtiofs; 8.4 does"),
                    )
                }
                (ShareTransport::Virtiofs, ..) => Some(
                    "virtiofs passes a folder of the Proxmox host into one of its own VMs"
                        .to_owned(),
                ),
                (ShareTransport::Nfs, MachineKind::Lxc, _)
                    if machine.guest.as_ref().is_some_and(|guest| guest.unprivileged) =>
                {
                    Some("an unprivileged LXC can't mount NFS".to_owned())
                }
                (ShareTransport::Cifs, MachineKind::Lxc, _)
                    if machine.guest.as_ref().is_some_and(|guest| guest.unprivileged) =>
                {
                    Some("an unprivileged LXC can't mount SMB".to_owned())
                }
                (ShareTransport::Cifs, ..) => {
                    let server = &model[share.source.machine()];
                    let served = matches!(share.source, ShareSource::Export(..))
                        && matches!(server.kind, MachineKind::Unmanaged | MachineKind::Appliance);
                    (!served).then(|| format!("labwright sets up no SMB on `{}`", server.name))
                }
                (ShareTransport::Local, ..) if share.source.machine() != id => Some(format!(
                    "`via=local` is for a folder of `{}` itself, and this one is on `{}`",
                    machine.name,
                    model[share.source.machine()].name
                )),
                (ShareTransport::MountPoint, MachineKind::Lxc, Some(_))
                | (ShareTransport::Nfs | ShareTransport::Local, ..) => None,
                (ShareTransport::MountPoint, ..) => Some(
                    "a mount point passes a folder of the Proxmox host into one of its own LXCs"
                        .to_owned(),
                ),
            };
            if let Some(fault) = fault {
                diagnostics.push(
                    Diagnostic::new(&CODE, share.span, fault)
                        .label(
                            machine.span,
                            format!("`{}` is of kind {}", machine.name, machine.kind.name()),
                        )
                        .help(match (machine.kind, own_host.is_some()) {
                            (MachineKind::Lxc, true) => "write `via=mount-point`",
                            (MachineKind::Lxc, false) => {
                                "share a dataset of its own host by `via=mount-point`, or use a VM"
                            }
                            _ => {
                                "write `via=nfs`, or choose the transport that the machine's kind \
                                 has"
                            }
                        })
                        .on(machine.name.clone()),
                );
            }
        }
    }
}

/// Returns whether a version comes before another.
pub(super) fn is_older(version: &str, than: (u32, u32)) -> bool {
    let mut parts = version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    parts.next().is_some_and(|major| (major, parts.next().unwrap_or(0)) < than)
}
