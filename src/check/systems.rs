//! Lists the ports that the system of a machine takes before any service does.

use crate::model::{Machine, MachineId, MachineKind, Transport};
use crate::plan::{FlowReason, Plan};
use crate::source::Span;

/// The ports of each machine's own system.
pub struct Systems(Vec<Vec<SystemPort>>);

/// A port that a program of the system has.
pub struct SystemPort {
    /// The port.
    pub port: u16,
    /// How it is reached.
    pub transport: Transport,
    /// The program.
    pub what: &'static str,
    /// What in the lab says that the program is there.
    pub span: Span,
}

/// What Proxmox has on each host. Source: "Ports used by Proxmox VE" in
/// <https://pve.proxmox.com/pve-docs/pve-admin-guide.html>, and `pvedaemon(8)`.
const PROXMOX: [(Transport, u16, &str); 5] = [
    (Transport::Tcp, 85, "the daemon of Proxmox"),
    (Transport::Tcp, 111, "rpcbind of Proxmox"),
    (Transport::Udp, 111, "rpcbind of Proxmox"),
    (Transport::Tcp, 3128, "the SPICE proxy of Proxmox"),
    (Transport::Tcp, 8006, "the web interface of Proxmox"),
];

/// The daemon of ssh.
pub const SSHD: &str = "sshd";
const NFS: &str = "the NFS server";

impl Systems {
    /// Lists them for each machine.
    pub fn new(plan: &Plan<'_>) -> Self {
        let mut all: Vec<Vec<SystemPort>> = plan.model.machines.iter().map(of_kind).collect();
        for flow in plan.flows.iter().filter(|flow| flow.reason == FlowReason::Share) {
            let Some(own) = all.get_mut(flow.to.0 as usize) else { continue };
            let (port, transport) = (flow.ports.first, flow.transport);
            if !own.iter().any(|known| known.port == port && known.what == NFS) {
                own.push(SystemPort { port, transport, what: NFS, span: flow.span });
            }
        }
        Self(all)
    }

    /// Returns those of one machine.
    pub fn of(&self, machine: MachineId) -> &[SystemPort] {
        self.0.get(machine.0 as usize).map_or(&[], Vec::as_slice)
    }
}

fn of_kind(machine: &Machine) -> Vec<SystemPort> {
    // Nothing decides where sshd of a machine listens that labwright does not manage.
    let known = !matches!(machine.kind, MachineKind::Appliance | MachineKind::Unmanaged);
    let ssh = machine.ssh.iter().filter(|_| known);
    let transport = Transport::Tcp;
    let mut ports: Vec<SystemPort> = ssh
        .map(|ssh| SystemPort { port: ssh.port, transport, what: SSHD, span: ssh.span })
        .collect();
    // Proxmox needs sshd, and the systems of guests come with it. One that nothing moves is on its
    // own port. A host that somebody installed by hand may have none.
    let brings_sshd =
        matches!(machine.kind, MachineKind::Proxmox | MachineKind::Vm | MachineKind::Lxc);
    if brings_sshd && machine.ssh.is_empty() {
        ports.push(SystemPort { port: 22, transport, what: SSHD, span: machine.span });
    }
    if machine.kind == MachineKind::Proxmox {
        let span = machine.span;
        let own = |(transport, port, what)| SystemPort { port, transport, what, span };
        ports.extend(PROXMOX.map(own));
    }
    ports
}
