//! Emits the machine's own firewall: one access model, written for nftables and ufw.
//!
//! nftables always guards the ports that containers publish and the traffic that clients of a
//! network send through the machine, because ufw sees neither. The programs on the machine itself
//! are guarded by ufw or by nftables, as the lab chooses.

mod view;

use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{FirewallBackend, MachineKind, UnitAction};
use crate::plan::{Clients, ContainerNetwork, FlowSource, Guard, Opening};

pub use view::host_or_prefix;

const NFTABLES: &str = "firewall/nftables.nft";
const UFW: &str = "firewall/ufw.sh";
const FORWARD: &str = "firewall/forward.sh";

/// The emitter of the machine's own firewall.
pub const EMITTER: Emitter = Emitter { name: "firewall", folders: &["firewall"], emit };

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("nftables.nft", include_str!("nftables.nft.j2")),
        ("ufw.sh", include_str!("ufw.sh.j2")),
        ("forward.sh", include_str!("forward.sh.j2")),
    ])
});

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    if context.this().kind == MachineKind::Appliance {
        return;
    }
    let openings = &context.planned().openings;
    let origin = origin(context, openings);
    for (path, rows) in [
        ("firewall/flows.tsv", flows(context, openings)),
        ("firewall/router-forwards.tsv", router_forwards(context)),
    ] {
        if !rows.is_empty() {
            artifacts.add(path, Kind::Table, rows.concat(), origin.clone());
        }
    }
    match context.plan.guard(context.machine) {
        Guard::Own(backend) => {
            let _reported = guard(context, openings, backend, &origin, artifacts, diagnostics);
        }
        // labctl removes a table of nftables without a step.
        Guard::Nothing if context.this().kind.is_managed() => {
            artifacts.step(
                Slot::NETWORK,
                "no-firewall",
                &[UFW],
                // labctl counts a removed input as changed. So this runs when the bundle before had
                // rules of ufw.
                include_str!("none.sh"),
                EMITTER.fixed(),
            );
        }
        Guard::Nothing | Guard::Proxmox => {}
    }
}

/// Adds the rules, the unit that loads them at boot, and the steps. If a value can't be written,
/// reports that and adds nothing.
fn guard(
    context: &Context<'_>,
    openings: &[Opening],
    backend: FirewallBackend,
    origin: &[String],
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let machine = &context.this().name;
    let clients = &context.planned().clients;
    let view = view::nft(context, openings, clients, backend == FirewallBackend::Nftables);
    let rules = TEMPLATES.write("nftables.nft", &view, machine, diagnostics)?;
    artifacts.install(
        NFTABLES,
        Artifact::new(Kind::Nftables, rules, origin.to_vec()),
        "/etc/labwright/firewall/nftables.nft",
        "0644",
    );

    let mut inputs = vec![NFTABLES];
    let mut activate = vec![format!("nft -f {NFTABLES}\n")];
    let mut unit = include_str!("labwright-firewall.service").to_owned();
    if !clients.is_empty() {
        let forward = TEMPLATES.write(
            "forward.sh",
            &ForwardView::new(context, clients),
            machine,
            diagnostics,
        )?;
        artifacts.install(
            FORWARD,
            Artifact::new(Kind::Shell, forward, origin.to_vec()),
            "/etc/labwright/firewall/forward.sh",
            "0755",
        );
        // A oneshot unit runs its commands in order, so packets are let through only after the
        // rules that decide about them are loaded.
        unit = unit
            .replace("ExecReload=", "ExecStart=/etc/labwright/firewall/forward.sh\nExecReload=");
        inputs.push(FORWARD);
        activate.push(format!("sh {FORWARD}\n"));
    }
    artifacts.unit(
        "labwright-firewall.service",
        UnitAction::EnableStart,
        unit,
        EMITTER.fixed(),
        Vec::new(),
    );
    if backend == FirewallBackend::Ufw {
        let rules =
            TEMPLATES.write("ufw.sh", &view::ufw(context, openings), machine, diagnostics)?;
        artifacts.add(UFW, Kind::Shell, rules, origin.to_vec());
        inputs.push(UFW);
        activate.push(format!("sh {UFW}\n"));
    } else {
        activate.push(UFW_OFF.to_owned());
    }
    artifacts.step(Slot::CHECK_FIREWALL, "firewall", &[NFTABLES], CHECK, EMITTER.fixed());
    artifacts.step(Slot::NETWORK, "firewall", &inputs, &activate.concat(), EMITTER.fixed());
    artifacts.step(
        Slot::HEALTH_SYSTEM,
        "firewall",
        &[],
        "nft list table inet labwright >/dev/null\n",
        EMITTER.fixed(),
    );
    Some(())
}

/// Turns ufw off after nftables has taken over. With both active, ufw would still refuse what
/// nftables opens.
const UFW_OFF: &str = "if command -v ufw >/dev/null \
                       && ufw status | grep -q '^Status: active'; then\n    \
                       ufw --force disable\nfi\n";

/// Asks nft to check the rules without changing anything. It does nothing if nft is missing,
/// because the first bundle of a machine may install it later.
const CHECK: &str = "command -v nft >/dev/null || exit 0\nnft -c -f firewall/nftables.nft\n";

/// Lists the declarations that open the machine's ports.
fn origin(context: &Context<'_>, openings: &[Opening]) -> Vec<String> {
    let mut origin = context.origin();
    for flow in context.plan.inbound(context.machine) {
        origin.extend(
            flow.endpoint
                .map(|endpoint| format!("service {}", context.model()[endpoint.service].name)),
        );
    }
    for opening in openings {
        if let FlowSource::Zone(zone) = opening.from {
            origin.push(format!("zone {}", context.model()[zone].name));
        }
    }
    origin.sort();
    origin.dedup();
    origin
}

/// Writes a table of flows: from, protocol, port, reasons, allowed prefixes, prefixes excluded from
/// them.
fn flows(context: &Context<'_>, openings: &[Opening]) -> Vec<String> {
    let join = |prefixes: &[ipnet::IpNet]| {
        let words: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(",") }
    };
    let mut rows: Vec<String> = openings
        .iter()
        .map(|opening| {
            let (include, exclude) = match opening.from {
                FlowSource::Zone(zone) => {
                    let addresses = context.plan.zone(zone);
                    (join(&addresses.include), join(&addresses.exclude))
                }
                FlowSource::Containers(service) => {
                    let own = context.plan.own_networks(service);
                    let subnets: Vec<_> = own.flat_map(ContainerNetwork::subnets).collect();
                    (join(&subnets), "-".to_owned())
                }
                FlowSource::Neighbours(machine) => {
                    let all = context.plan.machine(machine).networks.list.iter();
                    let subnets: Vec<_> = all.flat_map(ContainerNetwork::subnets).collect();
                    (join(&subnets), "-".to_owned())
                }
            };
            let from = context.plan.source_name(opening.from);
            format!(
                "{from}\t{}\t{}\t{}\t{include}\t{exclude}\n",
                opening.transport.name(),
                opening.ports,
                opening.reasons.join(", ")
            )
        })
        .collect();
    rows.sort_unstable();
    rows
}

/// Writes a table of what routers must forward to this machine: router, protocol, port, address,
/// reason.
fn router_forwards(context: &Context<'_>) -> Vec<String> {
    let mut rows: Vec<String> = context
        .plan
        .forwards_to(context.machine)
        .into_iter()
        .map(|forward| {
            let router = &context.model().router(forward.router).name;
            format!(
                "{router}\t{}\t{}\t{}\t{}\n",
                forward.transport.name(),
                forward.ports,
                forward.address,
                forward.reason
            )
        })
        .collect();
    rows.sort_unstable();
    rows
}

#[derive(Debug, Serialize)]
struct ForwardView {
    clients: Vec<ForwardClients>,
}

#[derive(Debug, Serialize)]
struct ForwardClients {
    tables: &'static str,
    prefix: String,
}

impl ForwardView {
    fn new(context: &Context<'_>, clients: &[Clients]) -> Self {
        let prefixes =
            clients.iter().flat_map(|clients| &context.model()[clients.network].prefixes);
        let clients = prefixes.map(|prefix| ForwardClients {
            tables: if prefix.addr().is_ipv4() { "iptables" } else { "ip6tables" },
            prefix: prefix.trunc().to_string(),
        });
        Self { clients: clients.collect() }
    }
}
