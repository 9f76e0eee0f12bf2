//! The rig proves itself on the fact that the whole project turns on: ufw does not close what Docker publishes, a
//! table of our own ahead of Docker's does.

use super::Answer::{Open, Silent};
use super::{Proto, Rig, tcp, udp};
use std::fs;

const USER_DATA: &str = "#cloud-config
packages: [docker.io, ufw]
mounts:
  - [media, /mnt/media, virtiofs, 'defaults,nofail', '0', '0']
  - ['192.168.1.10:/export/photos', /mnt/photos, nfs, 'nofail,_netdev', '0', '0']
runcmd:
  - ufw default deny incoming
  - ufw allow proto tcp from 192.168.1.0/24 to any port 8096
  - ufw allow proto tcp from fd00:1::/64 to any port 22
  - ufw --force enable
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

#[test]
fn ufw_leaves_a_published_port_open_and_our_own_table_closes_it() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1").network("lan", "fd00:1::/64", "fd00:1::1");
    rig.network("internet", "203.0.113.0/24", "203.0.113.1");
    let seed = tempfile::tempdir().expect("a temporary folder");
    fs::write(seed.path().join("user-data"), USER_DATA).expect("user-data");
    fs::write(seed.path().join("meta-data"), "instance-id: intranet\nlocal-hostname: intranet\n").expect("meta-data");
    fs::write(seed.path().join("network-config"), NETWORK_CONFIG).expect("network-config");
    let mut machine = rig.machine("intranet", &["192.168.1.101", "fd00:1::101"], seed.path());

    machine.stand_in("jellyfin/jellyfin:10.11.11", &[(Proto::Tcp, 8096), (Proto::Udp, 1900)], &[]);
    machine.stand_in("postgres:17", &[(Proto::Tcp, 5432)], &[]);
    machine.sh("docker run -d --restart always -p 8096:8096 -p 1900:1900/udp jellyfin/jellyfin:10.11.11
        docker run -d --restart always -p 5432:5432 postgres:17");
    machine.sh("ip -br link show dev ens18 | grep -q bc:24:11:00:00:65");
    let lan = rig.probe(&["192.168.1.50", "fd00:1::50"]);
    let internet = rig.probe(&["203.0.113.9"]);
    let (address, v6) = ("192.168.1.101", "fd00:1::101");
    // Over IPv6, Docker listens itself instead of rewriting packets: that, ufw does see.
    let asked = [tcp(address, 8096), tcp(address, 5432), udp(address, 1900), tcp(address, 22), tcp(v6, 22), tcp(v6, 5432)];

    assert_eq!(lan.ask(&asked), [Open, Open, Open, Silent, Open, Silent], "ufw alone");
    assert!(internet.tcp_open(address, 5432), "ufw alone, from outside");

    let table = seed.path().join("lab.nft");
    fs::write(&table, TABLE).expect("a table");
    machine.copy_in(&table, "/etc");
    machine.sh("nft -f /etc/lab.nft");
    assert_eq!(lan.ask(&asked), [Open, Silent, Silent, Silent, Open, Silent], "with our own table");
    assert!(!internet.tcp_open(address, 8096), "with our own table, from outside");
    assert!(!lan.udp_open(address, 1900));
    assert!(machine.probe().tcp_open("192.168.1.101", 22), "the machine itself");
    assert_eq!(crate::trixie::text(&lan.exec(&["curl", "-sf", "http://192.168.1.101:8096/health"]).stdout), "OK\n");

    machine.sh("echo kept >/mnt/media/file; mountpoint /mnt/photos");
    machine.reboot();
    machine.sh("grep -q kept /mnt/media/file; mountpoint /mnt/photos");
    machine.sh("docker ps --format '{{.Image}}' | grep -q postgres");
    assert_eq!(lan.ask(&asked)[..2], [Open, Open], "a table that nobody loads at boot is gone");
    machine.cut_power();
    machine.sh("ufw status | grep -q 8096");
}
