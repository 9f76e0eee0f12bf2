//! Checks the files themselves: the program that reads each one accepts it, and the tables for
//! `labctl` are right.

use labwright::artifact::Artifacts;
use labwright::emit::firewall;
use labwright::kind::Kind;
use labwright::model::{FirewallBackend, MachineId, Transport};
use labwright::plan::{Arrival, FlowSource, ForwardTarget};

use super::lab::{self, EXTRANET, INTRANET, MEDIA, NAS};
use crate::consumers;
use crate::snapshots::assert_snapshot;

fn emitted(machine: MachineId, backend: FirewallBackend) -> Artifacts {
    let model = lab::model([backend; 3]);
    let zone = FlowSource::Zone;
    let flows = vec![
        lab::flow(EXTRANET, Transport::Tcp, 22, Arrival::Host, zone(lab::LAN)),
        lab::flow(EXTRANET, Transport::Tcp, 443, Arrival::Published, zone(lab::INTERNET)),
        lab::flow(EXTRANET, Transport::Udp, 1194, Arrival::Host, zone(lab::INTERNET)),
        lab::flow(EXTRANET, Transport::Tcp, 9100, Arrival::Host, FlowSource::Containers),
        lab::flow(NAS, Transport::Tcp, 9100, Arrival::Host, zone(lab::own_zone(INTRANET))),
    ];
    let through = lab::Through(vec![ForwardTarget::Zone(lab::LAN)]);
    let plan = lab::plan(&model, flows, through, &[(EXTRANET, "172.30.0.0/24")]);
    lab::emit(&plan, machine, &firewall::EMITTER)
}

#[test]
fn every_file_is_accepted() {
    for backend in [FirewallBackend::Ufw, FirewallBackend::Nftables] {
        for machine in [EXTRANET, MEDIA] {
            let artifacts = emitted(machine, backend);
            let folder = tempfile::tempdir().expect("a temporary folder");
            for (path, file) in &artifacts.files {
                let path = folder.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("write");
                std::fs::write(&path, &file.bytes).expect("write");
                match file.kind {
                    Kind::Nftables => consumers::nftables(&path),
                    Kind::Shell => consumers::shellcheck(&path),
                    _ => Ok(()),
                }
                .unwrap();
            }
            let script = folder.path().join("firewall/ufw.sh");
            assert_eq!(script.exists(), backend == FirewallBackend::Ufw);
            if script.exists() {
                consumers::ufw(&script).unwrap();
            }
        }
    }
}

#[test]
fn the_unit_is_accepted_with_and_without_a_tunnel() {
    for machine in [EXTRANET, MEDIA] {
        let unit = lab::text(
            &emitted(machine, FirewallBackend::Ufw),
            "systemd/labwright-firewall.service",
        );
        assert_eq!(unit.contains("forward.sh"), machine == EXTRANET);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("labwright-firewall.service");
        std::fs::write(&path, unit).expect("write");
        consumers::systemd_verify(&path).unwrap();
    }
}

#[test]
fn the_rules_of_a_gateway() {
    assert_snapshot(
        "firewall",
        "gateway",
        &lab::text(&emitted(EXTRANET, FirewallBackend::Nftables), "firewall/nftables.nft"),
    );
}

#[test]
fn the_tables_name_who_what_and_why() {
    let artifacts = emitted(EXTRANET, FirewallBackend::Ufw);
    assert_eq!(
        lab::text(&artifacts, "firewall/flows.tsv"),
        "containers\ttcp\t9100\texpose\t172.30.0.0/24\t-\n\
         internet\ttcp\t443\texpose\t0.0.0.0/0,::/0\t\
         192.168.1.0/24,2001:db8:1::/64,10.8.0.0/24,fd00:8::/64\n\
         internet\tudp\t1194\texpose\t0.0.0.0/0,::/0\t\
         192.168.1.0/24,2001:db8:1::/64,10.8.0.0/24,fd00:8::/64\n\
         lan\ttcp\t22\tssh\t192.168.1.0/24,2001:db8:1::/64\t192.168.1.111/32,2001:db8:1::111/128\n"
    );
    assert_eq!(
        lab::text(&artifacts, "firewall/router-forwards.tsv"),
        "box\ttcp\t443\t192.168.1.111\texpose\nbox\tudp\t1194\t192.168.1.111\texpose\n"
    );
}

#[test]
fn an_unmanaged_machine_gets_its_flows_and_nothing_else() {
    assert_eq!(
        emitted(NAS, FirewallBackend::None).files.into_keys().collect::<Vec<_>>(),
        ["firewall/flows.tsv"]
    );
}
