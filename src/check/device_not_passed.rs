//! Finds devices that a Linux container is not given.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Guest, MachineKind};
use crate::plan::{Plan, TUN};

/// Finds services in an LXC that use a device which nothing passes to it.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code = codes::code!(
    "device-not-passed",
    Error,
    "a service in an LXC uses a device that the LXC does not get"
);

/// The devices that every LXC has.
const USUAL: &[&str] =
    &["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, machine) in model.machines() {
        let guest = machine.guest.as_ref().filter(|_| machine.kind == MachineKind::Lxc);
        let Some(guest) = guest else { continue };
        for service in plan.machine(id).services.iter().map(|service| &model[*service]) {
            let inside = service.containers.iter().flat_map(|container| &container.devices);
            for device in inside.chain(&service.devices) {
                let path = device.path.as_str();
                // The bundle of the host gives `/dev/net/tun` to each LXC that uses it.
                if path == TUN || USUAL.contains(&path) || is_given(guest, path) {
                    continue;
                }
                let message = format!(
                    "`{}` uses `{path}`, which `{}` does not get",
                    service.name, machine.name
                );
                diagnostics.push(
                    Diagnostic::new(&CODE, service.span, message)
                        .label(machine.span, "an LXC has no device but those that it is given")
                        .label(device.span, "the module uses it here")
                        .help(format!(
                            "write `device NAME path=\"{path}\"` in host `{}`, and `passthrough \
                             NAME` in `{}`",
                            model[guest.host].name, machine.name
                        ))
                        .on(service.name.clone()),
                );
            }
        }
    }
}

fn is_given(guest: &Guest, path: &str) -> bool {
    path == "/dev/fuse" && guest.features.iter().any(|feature| feature == "fuse")
        || guest.passthrough.iter().any(|device| {
            device.path.as_deref() == Some(path) || device.gpu && path.starts_with("/dev/dri/")
        })
}
