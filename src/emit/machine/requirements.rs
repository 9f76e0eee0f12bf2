//! Emits the script that says what a machine lacks, before anything is changed.

use serde::Serialize;

use super::TEMPLATES;
use crate::artifact::{Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::kind::Kind;
use crate::model::FirewallBackend;
use crate::plan::{DeviceSource, Guard, NeededDevice, NeededStorage};

const SCRIPT: &str = "machine/requirements.sh";

#[derive(Debug, Serialize)]
struct View<'p> {
    devices: Vec<DeviceView<'p>>,
    memory_limits: bool,
    nvidia: String,
    /// Whether ufw guards a machine with containers.
    ufw_and_docker: bool,
    pci: &'p [(&'p str, &'p str, &'p str)],
    roms: &'p [(&'p str, &'p str)],
    volumes: Vec<VolumeView<'p>>,
    docker: &'p [&'p str],
    disks: &'p [(&'p str, &'p str)],
    /// The paths that containers mount and the bundle does not make, with their services.
    unmade: Vec<(&'p str, String)>,
    /// Whether the machine has guests.
    hypervisor: bool,
    version: Option<&'p str>,
    vms: bool,
    bridges: Vec<(&'p str, &'p str)>,
    storages: Vec<StorageView<'p>>,
    ids: Vec<IdView<'p>>,
    fetched: Vec<FetchedView<'p>>,
}

#[derive(Debug, Serialize)]
struct StorageView<'p> {
    name: &'p str,
    contents: Vec<&'static str>,
    snippets: bool,
    gibibytes: u64,
}

#[derive(Debug, Serialize)]
struct IdView<'p> {
    id: u32,
    name: &'p str,
    tool: &'static str,
}

#[derive(Debug, Serialize)]
struct FetchedView<'p> {
    id: u32,
    url: &'p str,
    file: &'p str,
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
        // If Docker keeps its rules in nftables, ufw drops what they let through.
        ufw_and_docker: context.plan.guard(context.machine) == Guard::Own(FirewallBackend::Ufw)
            && context.services().any(|(_, service)| !service.containers.is_empty()),
        pci: &guests.pci,
        roms: &guests.roms,
        volumes: guests
            .volumes
            .iter()
            .map(|(volume, id, guest)| VolumeView { volume, id: *id, guest })
            .collect(),
        docker: &guests.docker,
        disks: &needs.disks,
        unmade: needs.unmade.iter().map(|one| (one.path, one.services.join(", "))).collect(),
        hypervisor: !guests.ids.is_empty(),
        version: context.this().version.as_deref(),
        vms: guests.ids.iter().any(|(.., container)| !container),
        bridges: guests.bridges.iter().map(|(bridge, guest)| (*bridge, *guest)).collect(),
        storages: guests.storages.iter().map(|(name, needed)| storage(name, *needed)).collect(),
        ids: guests
            .ids
            .iter()
            .map(|(id, name, container)| IdView {
                id: *id,
                name,
                tool: if *container { "pct" } else { "qm" },
            })
            .collect(),
        // Behind a guest of its own, `guests.sh` waits for the internet itself.
        fetched: if context.planned().router_guest.is_some() {
            Vec::new()
        } else {
            guests.fetched.iter().map(fetched).collect()
        },
    };
    if view.devices.is_empty()
        && view.disks.is_empty()
        && view.unmade.is_empty()
        && !view.hypervisor
        && !view.memory_limits
        && view.nvidia.is_empty()
        && !view.ufw_and_docker
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
    // The script only reports, and also succeeds when it refuses something. The check must fail
    // then, and still show the notes.
    let body = format!(
        "said=$(sh {SCRIPT})\nprintf '%s\\n' \"$said\"\n\
         if printf '%s\\n' \"$said\" | grep -q '^refused: '; then\n    exit 1\nfi\n"
    );
    artifacts.step(Slot::CHECK_REQUIREMENTS, "requirements", &[SCRIPT], &body, origin);
}

fn storage(name: &str, needed: NeededStorage) -> StorageView<'_> {
    let contents =
        [(needed.images, "images"), (needed.root_folders, "rootdir"), (needed.templates, "vztmpl")];
    StorageView {
        name,
        contents: contents.into_iter().filter(|(used, _)| *used).map(|(_, name)| name).collect(),
        snippets: needed.snippets,
        gibibytes: needed.size.gibibytes(),
    }
}

fn fetched(one: &(u32, Option<(String, String)>)) -> FetchedView<'_> {
    let (id, image) = one;
    let (url, file) = image
        .as_ref()
        // A container is made from a template, which `pveam` fetches from this server.
        .map_or(("http://download.proxmox.com/", ""), |(url, file)| (url.as_str(), file.as_str()));
    FetchedView { id: *id, url, file }
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
