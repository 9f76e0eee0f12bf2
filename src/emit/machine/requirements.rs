//! Emits the script that says what a machine lacks, before anything is changed.

use serde::Serialize;

use super::TEMPLATES;
use crate::artifact::{Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::kind::Kind;
use crate::plan::{DeviceSource, NeededDevice};

const SCRIPT: &str = "machine/requirements.sh";

#[derive(Debug, Serialize)]
struct View<'p> {
    devices: Vec<DeviceView<'p>>,
    memory_limits: bool,
    nvidia: String,
    pci: &'p [(&'p str, &'p str, &'p str)],
    roms: &'p [(&'p str, &'p str)],
    volumes: Vec<VolumeView<'p>>,
    docker: &'p [&'p str],
}

#[derive(Debug, Serialize)]
struct DeviceView<'p> {
    path: &'p str,
    services: String,
    advice: String,
}

#[derive(Debug, Serialize)]
struct VolumeView<'p> {
    volume: &'p str,
    id: u32,
    guest: &'p str,
}

/// Adds the script, which `labctl plan` and `labctl apply` run, if there is anything to ask.
pub(super) fn emit(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let needs = &context.plan.machine(context.machine).requirements;
    let guests = &needs.guests;
    let view = View {
        devices: needs.devices.iter().map(device).collect(),
        memory_limits: needs.memory_limits,
        nvidia: needs.nvidia.join(", "),
        pci: &guests.pci,
        roms: &guests.roms,
        volumes: guests
            .volumes
            .iter()
            .map(|(volume, id, guest)| VolumeView { volume, id: *id, guest })
            .collect(),
        docker: &guests.docker,
    };
    if view.devices.is_empty()
        && !view.memory_limits
        && view.nvidia.is_empty()
        && view.pci.is_empty()
        && view.volumes.is_empty()
        && view.docker.is_empty()
    {
        return;
    }
    let Some(script) =
        TEMPLATES.write("requirements.sh.j2", &view, &context.this().name, diagnostics)
    else {
        return;
    };
    let origin = context.origin();
    artifacts.add(SCRIPT, Kind::Shell, script, origin.clone());
    artifacts.step(
        Slot::PLAN_REQUIREMENTS,
        "requirements",
        &[SCRIPT],
        &format!("exec sh {SCRIPT}\n"),
        origin.clone(),
    );
    let body = format!(
        "said=$(sh {SCRIPT})\nprintf '%s\\n' \"$said\"\n\
         if printf '%s\\n' \"$said\" | grep -q '^refused: '; then\n    exit 1\nfi\n"
    );
    artifacts.step(Slot::CHECK_REQUIREMENTS, "requirements", &[SCRIPT], &body, origin);
}

fn device<'p>(device: &NeededDevice<'p>) -> DeviceView<'p> {
    let advice = match device.source {
        DeviceSource::Host(host) => {
            format!("the bundle of {host} gives it to this guest, which must then start anew")
        }
        DeviceSource::Driver(packages) => format!(
            "the driver comes with {}: apt-get update, apt-get install {}, restart",
            packages.join(" and "),
            packages.join(" ")
        ),
        DeviceSource::Hardware => "it is the hardware's, or its driver is missing".to_owned(),
    };
    DeviceView { path: device.path, services: device.services.join(", "), advice }
}
