//! A lab made by hand: what the firewall's emitters read of a plan, and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use labwright::artifact::Artifacts;
use labwright::diag::Diagnostics;
use labwright::emit::{Context, Emitter, Shared};
use labwright::model::{
    Address, Arch, FirewallBackend, Gateway, LabInfo, Machine, MachineId, MachineKind, Model,
    Network, NetworkId, Os, Resources, Router, Service, ServiceId, Transport, Zone, ZoneId,
    ZoneKind,
};
use labwright::plan::{
    Arrival, Bridge, Flow, FlowReason, FlowSource, Forward, ForwardTarget, MachinePlan, Plan,
    StaticRoute, ZoneAddresses, ZoneLists,
};
use labwright::source::{FileId, Sources, Span};

pub const INTERNET: ZoneId = ZoneId(0);
pub const LAN: ZoneId = ZoneId(1);
pub const TUNNEL: ZoneId = ZoneId(2);
pub const DMZ: ZoneId = ZoneId(3);

pub const EXTRANET: MachineId = MachineId(0);
pub const INTRANET: MachineId = MachineId(1);
pub const MEDIA: MachineId = MachineId(2);
/// Unmanaged: no firewall of ours, and no way back to the tunnel.
pub const NAS: MachineId = MachineId(3);
pub const MACHINES: [MachineId; 4] = [EXTRANET, INTRANET, MEDIA, NAS];

const FIRST_OWN_ZONE: u32 = 4;

/// The zone that is one machine.
pub fn own_zone(machine: MachineId) -> ZoneId {
    ZoneId(FIRST_OWN_ZONE + machine.0)
}

pub const NOWHERE: Span = Span::new(FileId(0), 0, 0);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn nets(text: &str) -> Vec<IpNet> {
    text.split_whitespace().map(|net| net.parse().expect("a prefix")).collect()
}

/// Makes the model: extranet stands in the LAN's prefixes but not in its zone, and is the way to
/// the tunnel.
pub fn model(backends: [FirewallBackend; 3]) -> Model {
    let network = |name: &str, prefixes: &str, zone| Network {
        name: name.to_owned(),
        prefixes: nets(prefixes),
        gateways: Vec::new(),
        dns: Vec::new(),
        vlan: None,
        zone,
        span: NOWHERE,
    };
    let zone = |name: &str, kind| Zone { name: name.to_owned(), kind };
    let names = ["extranet", "intranet", "media", "nas"];
    let mut zones = vec![
        zone("internet", ZoneKind::Internet),
        zone("lan", ZoneKind::Network(NetworkId(0))),
        zone("tunnel", ZoneKind::Network(NetworkId(1))),
        zone("dmz", ZoneKind::Named),
    ];
    zones.extend(MACHINES.map(|id| zone(names[id.0 as usize], ZoneKind::Machine(id))));
    let [extranet, intranet, media] = backends;
    Model {
        lab: LabInfo {
            name: "lab".to_owned(),
            version: "1".to_owned(),
            edition: 1,
            domain: None,
            timezone: "UTC".to_owned(),
            email: None,
            span: NOWHERE,
        },
        admins: Vec::new(),
        networks: vec![
            network("lan", "192.168.1.0/24 2001:db8:1::/64", LAN),
            network("tunnel", "10.8.0.0/24 fd00:8::/64", TUNNEL),
        ],
        zones,
        routers: vec![Router {
            name: "box".to_owned(),
            network: NetworkId(0),
            address: ip("192.168.1.1"),
            span: NOWHERE,
        }],
        machines: vec![
            machine("extranet", 111, EXTRANET, MachineKind::Vm, DMZ, extranet),
            machine("intranet", 101, INTRANET, MachineKind::Vm, LAN, intranet),
            machine("media", 102, MEDIA, MachineKind::Debian, LAN, media),
            machine("nas", 103, NAS, MachineKind::Unmanaged, LAN, FirewallBackend::None),
        ],
        services: vec![gateway()],
        secrets: Vec::new(),
        names: Vec::new(),
        alerts: Vec::new(),
        dashboards: Vec::new(),
        accepts: Vec::new(),
    }
}

fn machine(
    name: &str,
    last: u8,
    id: MachineId,
    kind: MachineKind,
    zone: ZoneId,
    firewall: FirewallBackend,
) -> Machine {
    let address = |text: String, prefix| Address {
        network: NetworkId(0),
        address: ip(&text),
        prefix,
        nic: None,
        bridge: None,
        span: NOWHERE,
    };
    Machine {
        name: name.to_owned(),
        kind,
        os: kind.is_managed().then_some(Os::Debian13),
        arch: Arch::Amd64,
        version: None,
        cluster: None,
        hardware: None,
        cores: None,
        memory: None,
        reserve: None,
        arc: None,
        guest: None,
        addresses: vec![
            address(format!("192.168.1.{last}"), 24),
            address(format!("2001:db8:1::{last}"), 64),
        ],
        zone,
        own_zone: own_zone(id),
        names_zone: zone != LAN,
        ssh: Vec::new(),
        firewall,
        disks: Vec::new(),
        gpus: Vec::new(),
        devices: Vec::new(),
        pools: Vec::new(),
        shares: Vec::new(),
        exports: Vec::new(),
        appdata: "/srv".to_owned(),
        appdata_backup: None,
        span: NOWHERE,
    }
}

/// Makes the service that carries the tunnel.
fn gateway() -> Service {
    Service {
        name: "openvpn".to_owned(),
        module: "openvpn".to_owned(),
        module_version: "1".to_owned(),
        summary: String::new(),
        homepage: None,
        machine: EXTRANET,
        options: BTreeMap::new(),
        option_spans: BTreeMap::new(),
        incomplete: false,
        roles: Vec::new(),
        endpoints: Vec::new(),
        states: Vec::new(),
        databases: Vec::new(),
        containers: Vec::new(),
        files: Vec::new(),
        packages: Vec::new(),
        units: Vec::new(),
        sysctls: Vec::new(),
        kernel_modules: Vec::new(),
        devices: Vec::new(),
        secrets: Vec::new(),
        scripts: Vec::new(),
        needs: Vec::new(),
        gateway: Some(Gateway {
            network: NetworkId(1),
            reach: Vec::new(),
            masquerade: true,
            span: NOWHERE,
        }),
        forward_auth: None,
        proxy: None,
        backup: None,
        exposes: Vec::new(),
        routes: Vec::new(),
        around: labwright::model::Around::default(),
        resources: Resources::default(),
        alerts: Vec::new(),
        dashboards: Vec::new(),
        raw: Vec::new(),
        span: NOWHERE,
    }
}

/// Opens a port for a reason that does not matter to packets.
pub fn flow(
    to: MachineId,
    transport: Transport,
    port: u16,
    arrival: Arrival,
    from: FlowSource,
) -> Flow {
    let reason = if port == 22 { FlowReason::Ssh } else { FlowReason::Expose };
    Flow { to, port, transport, from, arrival, reason, endpoint: None, span: NOWHERE }
}

/// Lets the tunnel's clients through extranet.
pub struct Through(pub Vec<ForwardTarget>);

/// Makes the plan; a machine with a bridge gets the interface `lw0`.
pub fn plan<'m>(
    model: &'m Model,
    mut flows: Vec<Flow>,
    through: Through,
    bridges: &[(MachineId, &str)],
) -> Plan<'m> {
    flows.sort();
    let own = |machine: &Machine| {
        machine.addresses.iter().map(|address| IpNet::from(address.address)).collect::<Vec<_>>()
    };
    let dmz = own(&model[EXTRANET]);
    let set = |include: Vec<IpNet>, exclude: Vec<IpNet>| ZoneAddresses { include, exclude };
    let everywhere: Vec<IpNet> =
        model.networks.iter().flat_map(|network| network.prefixes.clone()).collect();
    let mut zones = vec![
        set(nets("0.0.0.0/0 ::/0"), everywhere),
        set(model.networks[0].prefixes.clone(), dmz.clone()),
        set(model.networks[1].prefixes.clone(), Vec::new()),
        set(dmz, Vec::new()),
    ];
    zones.extend(model.machines.iter().map(|machine| set(own(machine), Vec::new())));
    let mut machines = vec![MachinePlan::default(); model.machines.len()];
    for (index, flow) in flows.iter().enumerate() {
        machines[flow.to.0 as usize].inbound.push(u32::try_from(index).expect("few flows"));
    }
    for (machine, subnet) in bridges {
        machines[machine.0 as usize].bridge = Some(Bridge {
            interface: "lw0".to_owned(),
            subnet: subnet.parse().expect("a prefix"),
            subnet6: None,
        });
    }
    machines[0].services = vec![ServiceId(0)];
    machines[0].forwards =
        through.0.into_iter().map(|to| Forward { from: NetworkId(1), to }).collect();
    for knows in [INTRANET, MEDIA] {
        machines[knows.0 as usize].static_routes = model.networks[1]
            .prefixes
            .iter()
            .map(|prefix| {
                let via = model[EXTRANET]
                    .addresses
                    .iter()
                    .find(|way| way.address.is_ipv4() == prefix.addr().is_ipv4());
                StaticRoute { to: *prefix, via: via.expect("an address of each family").address }
            })
            .collect();
    }
    let mut plan = Plan {
        model,
        zones,
        lists: ZoneLists::default(),
        flows,
        scrapes: Vec::new(),
        routes: Vec::new(),
        backups: Vec::new(),
        dump_jobs: Vec::new(),
        states: Vec::new(),
        machines,
        measured: BTreeMap::new(),
    };
    plan.derive_access();
    plan
}

/// Lets one emitter write one machine's files.
pub fn emit(plan: &Plan<'_>, machine: MachineId, emitter: &Emitter) -> Artifacts {
    let (sources, shared) = (Sources::default(), Shared::default());
    let (mut artifacts, mut diagnostics) = (Artifacts::default(), Diagnostics::default());
    (emitter.emit)(
        &Context { plan, machine, sources: &sources, shared: &shared },
        &mut artifacts,
        &mut diagnostics,
    );
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    artifacts
}

/// Returns the text of an emitted file.
pub fn text(artifacts: &Artifacts, path: &str) -> String {
    let file = artifacts.files.get(path).unwrap_or_else(|| panic!("no {path}"));
    String::from_utf8(file.bytes.clone()).expect("text")
}
