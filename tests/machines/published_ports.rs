//! Checks the rig against the fact that the whole project depends on: ufw does not close what
//! Docker publishes, but a table of our own before Docker's does. Machines and nodes must answer
//! alike.

use super::Answer::{Open, Silent};
use super::probe::Target;
use super::{Answer, Proto, Rig, tcp, udp};
use std::fs;

const UFW: &str = "ufw default deny incoming
ufw allow proto tcp from 192.168.1.0/24 to any port 8096
ufw allow proto tcp from fd00:1::/64 to any port 22
ufw --force enable
";

const USER_DATA: &str = "#cloud-config
packages: [docker.io, ufw]
mounts:
  - [media, /mnt/media, virtiofs, 'defaults,nofail', '0', '0']
  - ['192.168.1.10:/export/photos', /mnt/photos, nfs, 'nofail,_netdev', '0', '0']
write_files:
  - path: /root/ufw.sh
    content: |
      ";

const NETWORK_CONFIG: &str = "version: 2
ethernets:
  lan:
    match: {macaddress: 'bc:24:11:00:00:65'}
    set-name: ens18
    addresses: [192.168.1.101/24, 'fd00:1::101/64']
    routes: [{to: default, via: 192.168.1.1}]
";

const TABLE: &str = "table inet lab {
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    ct status dnat meta l4proto tcp ct original proto-dst 8096 ip saddr 192.168.1.0/24 accept
    ct status dnat ct state established,related accept
    ct status dnat drop
  }
}
";

const ADDRESSES: [&str; 2] = ["192.168.1.101", "fd00:1::101"];

/// The targets, with their answers under ufw alone and with the table. For IPv6 Docker listens
/// itself instead of rewriting packets, and ufw sees that.
fn expected() -> [(Target, Answer, Answer); 6] {
    let [v4, v6] = ADDRESSES;
    [
        (tcp(v4, 8096), Open, Open),
        (tcp(v4, 5432), Open, Silent),
        (udp(v4, 1900), Open, Silent),
        (tcp(v4, 22), Silent, Silent),
        (tcp(v6, 22), Open, Open),
        (tcp(v6, 5432), Silent, Silent),
    ]
}

/// Probes from the LAN and from outside, before and after `load` loads the table.
fn check(rig: &Rig, load: impl FnOnce()) {
    let (lan, internet) = (rig.probe(&["192.168.1.50", "fd00:1::50"]), rig.probe(&["203.0.113.9"]));
    let asked = expected().map(|(target, _, _)| target);
    assert_eq!(lan.ask(&asked), expected().map(|(_, alone, _)| alone), "ufw alone");
    assert!(internet.tcp_open("192.168.1.101", 5432), "ufw alone, from outside");
    load();
    // All at once, since each waits for answers that do not come.
    std::thread::scope(|scope| {
        let outside = scope.spawn(|| internet.tcp_open("192.168.1.101", 8096));
        let udp = scope.spawn(|| lan.udp_open("192.168.1.101", 1900));
        assert_eq!(lan.ask(&asked), expected().map(|(_, _, table)| table), "with the table");
        assert!(!outside.join().expect("an answer"), "with the table, from outside");
        assert!(!udp.join().expect("an answer"));
    });
    let page = lan.exec(&["curl", "-sf", "http://192.168.1.101:8096/health"]);
    assert_eq!(crate::trixie::text(&page.stdout), "OK\n");
}

fn rig() -> Option<Rig> {
    let rig = Rig::new()?;
    rig.network("lan", "192.168.1.0/24", "192.168.1.1").network("lan", "fd00:1::/64", "fd00:1::1");
    rig.network("internet", "203.0.113.0/24", "203.0.113.1");
    Some(rig)
}

#[test]
fn on_a_node() {
    let Some(rig) = rig() else { return };
    let node = rig.node("intranet", &ADDRESSES);
    node.listen(&[(Proto::Tcp, 22)]);
    node.sh(UFW);
    node.publish(&[(Proto::Tcp, 8096, 8096), (Proto::Udp, 1900, 1900), (Proto::Tcp, 5432, 5432)]);
    check(&rig, || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("lab.nft"), TABLE).expect("a table");
        node.copy_in(&folder.path().join("lab.nft"), "/etc");
        node.sh("nft -f /etc/lab.nft");
    });
    assert!(node.probe().tcp_open("192.168.1.101", 22), "the node itself");
}

#[test]
fn on_a_machine() {
    let Some(rig) = rig() else { return };
    let seed = tempfile::tempdir().expect("a temporary folder");
    let user_data = format!(
        "{USER_DATA}{}\nruncmd: [[sh, -eu, /root/ufw.sh]]\n",
        UFW.trim_end().replace('\n', "\n      ")
    );
    fs::write(seed.path().join("user-data"), user_data).expect("user-data");
    fs::write(seed.path().join("meta-data"), "instance-id: intranet\nlocal-hostname: intranet\n")
        .expect("meta-data");
    fs::write(seed.path().join("network-config"), NETWORK_CONFIG).expect("network-config");
    let mut machine = rig.machine("intranet", &ADDRESSES, seed.path());
    machine.sh("ip -br link show dev ens18 | grep -q bc:24:11:00:00:65");

    machine.stand_in("jellyfin/jellyfin:10.11.11", &[(Proto::Tcp, 8096), (Proto::Udp, 1900)], &[]);
    machine.stand_in("postgres:17", &[(Proto::Tcp, 5432)], &[]);
    machine.sh(
        "docker run -d --restart always -p 8096:8096 -p 1900:1900/udp jellyfin/jellyfin:10.11.11
        docker run -d --restart always -p 5432:5432 postgres:17",
    );
    check(&rig, || {
        let table = seed.path().join("lab.nft");
        fs::write(&table, TABLE).expect("a table");
        machine.copy_in(&table, "/etc");
        machine.sh("nft -f /etc/lab.nft");
    });
    assert!(machine.probe().tcp_open("192.168.1.101", 22), "the machine itself");

    // Nothing loads the table at boot, but written files stay.
    machine.sh("echo kept >/mnt/media/file");
    machine.reboot();
    machine
        .sh("grep -q kept /mnt/media/file; mountpoint /mnt/photos; docker ps | grep -q postgres");
    let lan = rig.probe(&["192.168.1.50", "fd00:1::50"]);
    assert_eq!(lan.ask(&[tcp("192.168.1.101", 5432), tcp("192.168.1.101", 22)]), [Open, Silent]);
    machine.cut_power();
    machine.sh("ufw status | grep -q 8096");
}
