//! Checks the files themselves: the program that reads each one accepts it, and the tables for
//! `labctl` are right.

use labwright::artifact::Artifacts;
use labwright::emit::firewall;
use labwright::kind::Kind;

use super::lab::{self, Lab};
use crate::consumers;
use crate::snapshots::assert_snapshot;

/// A little of everything that the files show.
const OPEN: &str = r"
extend host extranet { ssh from=lan; }
service road on=extranet { expose road to=internet; reach lan; }
service web module=door on=extranet { port tcp 443; expose tcp to=internet; }
service measured module=program on=extranet { port tcp 9100; port udp 9100; }
service asker on=extranet { of measured; }
service panel module=door on=nas { port tcp 9100; expose tcp to=intranet; }
";

fn emitted(machine: &str, backend: &str) -> Artifacts {
    Lab::new([backend; 3], OPEN).emit(machine, &firewall::EMITTER)
}

#[test]
fn every_file_is_accepted() {
    for backend in ["ufw", "nftables"] {
        for machine in ["extranet", "media"] {
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
            assert_eq!(script.exists(), backend == "ufw");
            if script.exists() {
                consumers::ufw(&script).unwrap();
            }
        }
    }
}

#[test]
fn the_unit_is_accepted_with_and_without_a_tunnel() {
    for machine in ["extranet", "media"] {
        let unit = lab::text(&emitted(machine, "ufw"), "systemd/labwright-firewall.service");
        assert_eq!(unit.contains("forward.sh"), machine == "extranet");
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
        &lab::text(&emitted("extranet", "nftables"), "firewall/nftables.nft"),
    );
}

#[test]
fn the_tables_name_who_what_and_why() {
    let artifacts = emitted("extranet", "ufw");
    assert_eq!(
        lab::text(&artifacts, "firewall/flows.tsv"),
        "containers of asker\ttcp\t9100\tneed measured.tcp\t10.210.160.112/28,\
         fdea:8031:6501:1::540e:0/112\t-\n\
         internet\ttcp\t443\texpose web.tcp\t0.0.0.0/0,::/0\t\
         10.8.0.0/24,192.168.1.0/24,2001:db8:1::/64,fd00:8::/64\n\
         internet\tudp\t1194\texpose road.road\t0.0.0.0/0,::/0\t\
         10.8.0.0/24,192.168.1.0/24,2001:db8:1::/64,fd00:8::/64\n\
         lan\ttcp\t22\tssh\t192.168.1.0/24,2001:db8:1::/64\t192.168.1.111/32,2001:db8:1::111/128\n"
    );
    assert_eq!(
        lab::text(&artifacts, "firewall/router-forwards.tsv"),
        "box\ttcp\t443\t192.168.1.111\texpose web.tcp\n\
         box\tudp\t1194\t192.168.1.111\texpose road.road\n"
    );
}

#[test]
fn an_unmanaged_machine_gets_its_flows_and_nothing_else() {
    assert_eq!(
        emitted("nas", "none").files.into_keys().collect::<Vec<_>>(),
        ["firewall/flows.tsv"]
    );
}
