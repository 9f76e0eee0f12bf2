//! Checks that what a program of the machine would misread, or could not work with, is refused at
//! its line, and that what looks like it is not.

use std::fmt::Write as _;

use labwright::compile;
use labwright::diag::Severity;
use labwright::source::{Layer, SourceFile, Sources, Span};

const PREAMBLE: &str = include_str!("preamble.kdl");

#[rustfmt::skip] // A table is read line by line.
/// Lines, each with the error that it must raise. Without a code it must raise none.
const LINES: &[(&str, &str)] = &[
    (r#"extend host box { share pve.x at="/" via=nfs; }"#, "system-path"),
    (r#"extend host box { share pve.x at="/etc" via=nfs; }"#, "system-path"),
    (r#"extend host box { share pve.x at="/etc/x" via=nfs; }"#, "system-path"),
    (r#"extend host box { share pve.x at="/usr/share/x" via=nfs; }"#, "system-path"),
    (r#"extend host box { share pve.x at="/srv/x" via=nfs; }"#, ""),
    (r#"service jellyfin on=box { library "/a, /b"; }"#, "wrong-option"),
    (r#"service jellyfin on=box { library "/a,/b"; }"#, "wrong-option"),
    (r#"service jellyfin on=box { library "/a" "/b, c"; }"#, ""),
    (r#"extend host pve { disk b device="/dev/sdb" size="1TB"; }"#, "wrong-type"),
    (r#"extend host pve { disk b device="/dev/disk/by-path/pci-1" size="1TB"; }"#, ""),
    (STICK_TWICE, "device-twice"),
    (r#"service home-assistant on=box { device "/dev/ttyUSB0"; }"#, ""),
    (r#"service home-assistant on=box { device "/dev/ttyUSB0:/dev/mem"; }"#, "wrong-option"),
    (r#"host o kind=debian { os debian-13
address lan "192.168.1.30"; appdata "/etc"; }"#, "system-path"),
    (r#"extend host pve { disk c device="/dev/disk/by-id/c" size="1TB"
pool mirrored disk=c; }"#, "pool-impossible"),
    (r#"extend host pve { disk c device="/dev/disk/by-id/c" size="1TB"
pool log disk=c; }"#, "pool-impossible"),
    (r#"extend host pve { disk c device="/dev/disk/by-id/c" size="1TB"
pool logs disk=c; }"#, ""),
    (r"extend host box { ssh from=lan; }
service uptime-kuma on=box { port web 22; expose web to=lan; }", "host-port-twice"),
    (r"extend host box { ssh from=lan port=2222; }
service uptime-kuma on=box { port web 22; expose web to=lan; }", ""),
    (SOCKET_TWICE, "host-port-twice"),
    (r#"service uptime-kuma on=box { image "x/y:1@sha256:zz"; }"#, "wrong-option"),
    (r#"service uptime-kuma on=box { image "x/Y:1"; }"#, "wrong-option"),
    (r#"service uptime-kuma on=box { image "h.example.org:5000/x/y_z:1.2"; }"#, ""),
    (r#"network loop cidr="127.0.0.0/8""#, "bad-network"),
    (r#"network many cidr="224.0.0.0/4""#, "bad-network"),
    (r#"network own cidr="10.9.0.0/24" gateway="10.9.0.255""#, "bad-network"),
    (r#"network own cidr="10.9.0.0/24" gateway="10.9.0.254""#, ""),
    (r#"network own cidr="10.9.0.0/24" dns="127.0.0.1""#, "bad-network"),
    (r#"network own cidr="10.9.0.0/24" dns="9.9.9.9,0.0.0.0""#, "bad-network"),
    (r#"network own cidr="10.9.0.0/24" dns="9.9.9.9, 10.9.0.2""#, ""),
    ("admin daemon", "wrong-type"),
    (r#"service caddy on=box { certificates internal; }
service uptime-kuma on=box { route "192.168.1.10" to=web via=caddy from=lan; }"#, "wrong-type"),
    (r#"repository "sftp:-oProxyCommand=x:/b""#, "assertion-failed"),
    (r"service uptime-kuma on=box { resources cpus=0; }", "wrong-type"),
    (r"service uptime-kuma on=box { resources cpus=-1; }", "wrong-type"),
    (r"service uptime-kuma on=box { resources cpus=0.001; }", "wrong-type"),
    (r"service uptime-kuma on=box { resources cpus=99999999; }", "wrong-type"),
    (r"service uptime-kuma on=box { resources cpus=0.01; }", ""),
    (r#"repository "-r/x""#, "assertion-failed"),
    (r#"repository "--help""#, "assertion-failed"),
    (r#"repository "/mnt/-x""#, ""),
    (r#"repository "sftp:a@-oProxyCommand=x:/b""#, "assertion-failed"),
    (r#"extend host pve { gpu g pci="0000:00:02.0"
device g pci="0000:00:03.0"; }"#, "duplicate-name"),
    (GPU_TWICE, "device-twice"),
    (r#"host shares kind=unmanaged { address lan "192.168.1.31"
export a path="/a" smb=S backup=never
export b path="/b" smb=s backup=never; }"#, "joined-name-twice"),
    (r#"service r module=restic on=box { repository "/mnt/r"; password (secret)restic-password; }
service r-dump module=restic on=box { repository "/mnt/s"; password (secret)restic-password; }"#,
        "joined-name-twice"),
    (r#"service r module=restic on=box { repository "/mnt/r"; password (secret)restic-password; }
service s module=restic on=box { repository "/mnt/s"; password (secret)restic-password; }"#, ""),
    (r#"service uptime-kuma on=box { health-within "292277026596y"; }"#, "wrong-type"),
    (r#"service uptime-kuma on=box { health-within "100y"; }"#, ""),
    (r#"extend host box { container-networks "127.0.0.0/16"; }"#, "bad-network"),
    (r#"extend host box { container-networks "10.99.0.0/16"; }"#, ""),
    (r#"dashboard d id=1860 sha256="zz""#, "wrong-type"),
    (r#"service uptime-kuma on=box { route "u.example.org" to=web via=caddy from=internet {
redirect "/a" to="https://u.example.org/a"; }; }
service caddy on=box { expose http to=internet; }"#, "route-beyond-proxy"),
    (r#"service uptime-kuma on=box { route "u.example.org" to=web via=caddy from=internet {
redirect "/a" to="https://v.example.org/a"; }; }
service caddy on=box { expose http to=internet; }"#, ""),
    (r#"extend host box { export all path="/etc/ssh" backup=never; }"#, "system-path"),
    ("admin systemd-network", "wrong-type"),
    ("admin dora", ""),
    (r#"service uptime-kuma on=box { own-address "192.168.1.1"; }"#, "address-outside-network"),
    (r#"vm x id=200 on=pve { os debian-13; memory "8MiB"; disk root size="8GiB"
address lan "192.168.1.200"; }"#, "guest-too-small"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB" least="2GiB"; disk root size="8GiB"
address lan "192.168.1.200"; }"#, "guest-too-small"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="1GiB"
address lan "192.168.1.200"; }"#, "guest-too-small"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB" least="512MiB"; disk root size="8GiB"
address lan "192.168.1.200"; }"#, ""),
    (SLOT_TWICE, "device-twice"),
    (r#"admin bob {
ssh-key "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}"#, "wrong-type"),
    (r#"admin bob {
ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampl ada"
}"#, "wrong-type"),
    (r#"admin bob {
ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE"
}"#, ""),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; bios ovmf;
address lan "192.168.1.200"; }"#, ""),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; features nesting;
address lan "192.168.1.200"; }"#, "unknown-node"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; privileged #true;
address lan "192.168.1.200"; }"#, "unknown-node"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
boot #true wait="30s";
address lan "192.168.1.200"; }"#, "unknown-node"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
boot #true order=1 wait="30s";
address lan "192.168.1.200"; }"#, ""),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; 
address lan "192.168.1.200" nic=eth0; }"#, "unknown-node"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
image "debian.qcow2";
address lan "192.168.1.200"; }"#, "wrong-type"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
image "local:vztmpl/debian.tar.zst";
address lan "192.168.1.200"; }"#, "wrong-type"),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
image "local:iso/debian.iso";
address lan "192.168.1.200"; }"#, ""),
    (r#"vm x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; storage "no/such";
address lan "192.168.1.200"; }"#, "wrong-type"),
    (r#"lxc x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"; bios ovmf;
address lan "192.168.1.200"; }"#, "unknown-node"),
    (r#"lxc x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
image "local:import/debian.qcow2";
address lan "192.168.1.200"; }"#, "wrong-type"),
    (r#"lxc x id=200 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
image "local:vztmpl/debian.tar.zst"; features nesting;
address lan "192.168.1.200"; }"#, ""),
    (r#"extend host pve { gpu g pci="zz"; }"#, "wrong-type"),
    (r#"extend host pve { gpu g pci="0000:00:02.9"; }"#, "wrong-type"),
    (r#"extend host pve { device h path="/etc/passwd"; }"#, "wrong-type"),
    (r#"extend host pve { disk b device="/dev/disk/by-uuid/b" size="1TB"; }"#, "wrong-type"),
    (r#"extend host pve { disk b device="/dev/disk/by-id/nvme-A-part1" size="1TB"
}"#, "device-twice"),
    (r#"extend host pve { disk b device="/dev/disk/by-id/nvme-B-part1" size="1TB"
disk c device="/dev/disk/by-id/nvme-B-part2" size="1TB"; }"#, ""),
    (r#"extend host pve { disk b device="/dev/disk/by-id/b" size="1TB"
pool two disk=b mountpoint="/tank"; }"#, "mount-twice"),
    (r#"extend host pve { disk b device="/dev/disk/by-id/b" size="1TB"; pool two disk=b {
dataset a mountpoint="/data" backup=never; dataset c mountpoint="/data" backup=never; }
}"#, "mount-twice"),
    (r#"extend host pve { export a path="/tank/y" smb="a/b" backup=never; }"#, "wrong-type"),
    (r#"extend host pve { export a path="/tank/y" smb=homes backup=never; }"#, "wrong-type"),
    (r#"host p kind=proxmox version="8.4" {
address lan "192.168.1.3" nic=eno1 bridge=eno1; }"#, "wrong-type"),
    (r#"host p kind=proxmox version="8.4" {
address lan "192.168.1.3" nic=lo bridge=vmbr0; }"#, "wrong-type"),
    (r#"network own cidr="10.1.0.0/24"
host p kind=proxmox version="8.4" { address lan "192.168.1.3" nic=eno1 bridge=vmbr0
address own "10.1.0.2" nic=eno1 bridge=vmbr1; }"#, "wrong-type"),
    (r#"network own cidr="10.1.0.0/24"
host p kind=proxmox version="8.4" { address lan "192.168.1.3" nic=eno1 bridge=vmbr0
address own "10.1.0.2" nic=eno2 bridge=vmbr1; }"#, ""),
    (r#"network own cidr="10.1.0.0/24" vlan=10
network more cidr="10.2.0.0/24" vlan=10"#, "bad-network"),
    (r#"network own cidr="10.1.0.0/24" vlan=10
network more cidr="fd01::/64" vlan=10"#, ""),
    (r#"network own cidr="::/0""#, "bad-network"),
    (r#"name "x.example.org" address="0.0.0.0""#, "wrong-type"),
    (r#"name "1.2.3.4" address="192.168.1.99""#, "wrong-type"),
    (r"moved service a to=restic
moved service b to=restic", "conflicting-values"),
];

const SLOT_TWICE: &str = r#"extend host pve { gpu g pci="0000:00:02.0"
device h pci="00:02"; }
extend vm media { passthrough g; }
vm other id=102 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
address lan "192.168.1.102"; passthrough h; }"#;

const GPU_TWICE: &str = r#"extend host pve { gpu g pci="0000:00:02.0"
device h pci="0000:00:02.0"; }
extend vm media { passthrough g; }
vm other id=102 on=pve { os debian-13; memory "1GiB"; disk root size="8GiB"
address lan "192.168.1.102"; passthrough h; }"#;

const SOCKET_TWICE: &str = r#"module m { unit "m.socket" action=install {
section Socket { set ListenStream 8096; }; }
unit "m.service" action=install { section Service { set ExecStart "/bin/t"; }; }; }
service m on=box
service jellyfin on=box { library "/a"; expose web to=lan; }"#;

const STICK_TWICE: &str = r#"module m { container m { image "x/m:1"; device "/dev/ttyUSB0"; }; }
service m on=box
service n module=m on=box"#;

/// The first of two peers of `WireGuard`. The second follows.
const PEER: &str = r#"network tunnel cidr="10.9.0.0/24"
secret wg
service wireguard on=box {
    clients tunnel
    address "10.9.0.1"
    private-key (secret)wg
    peer public-key="xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=" address="10.9.0.2"
"#;

const PEERS: &[(&str, &str)] = &[
    (
        r#"peer public-key="xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=" address="10.9.0.3""#,
        "assertion-failed",
    ),
    (
        r#"peer public-key="TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=" address="10.9.0.2""#,
        "assertion-failed",
    ),
    (
        r#"peer public-key="TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWX" address="10.9.0.3""#,
        "wrong-option",
    ),
    (r#"peer public-key="TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=" address="10.9.0.3""#, ""),
];

#[rustfmt::skip] // A table is read line by line.
/// What a module of the lab's own may not say.
const IN_MODULES: &[(&str, &str)] = &[
    (r#"package "-oDPkg::Pre-Invoke::=touch /x""#, "wrong-type"),
    (r#"package "a b""#, "wrong-type"),
    (r#"package (f)"-{service.name}""#, "bad-module"),
    (r#"package "libc6-dev" "g++""#, ""),
    (r#"unit "--root=/x""#, "wrong-type"),
    (r#"unit "ssh""#, "wrong-type"),
    (r#"unit "wg-quick@wg0.service""#, ""),
    (r#"file "x" from="t.j2" install="/etc/x.conf" restart="--all""#, "wrong-type"),
    (r#"file "x" from="t.j2" install="/etc/passwd""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/sudoers.d/x""#, "system-path"),
    (r#"file "x" from="t.j2" install="/root/.ssh/authorized_keys""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/ssh.service""#, "system-path"),
    (r#"unit "ssh.service"; file "x" from="t.j2" install="/etc/x.conf" restart=ssh.service"#, ""),
    (r#"state data path="/" backup=never reason="none""#, "system-path"),
    (r#"state data path="/var/lib/docker" backup=never reason="none""#, "system-path"),
    (r#"state data path="/etc/sudoers.d" backup=never reason="none""#, "system-path"),
    (r#"state data path="/etc/passwd" backup=never reason="none""#, "system-path"),
    (r#"state data path="/etc/wireguard" backup=never reason="none""#, ""),
    (r#"state data path="/srv/x" backup=never reason="none""#, ""),
    (r#"container c { image "x/c:1"; env "A=B" "x"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; env "A\nB" "x"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; env A "x\ny"; }"#, ""),
    (r#"container c { image "x/c:1"; label "a=b" "x"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; cap-add "NET_ADMIN\n"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; extra-host "a:1.2.3.4\nb:1.2.3.4"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="/"; }"#, "system-path"),
    (r#"container c { image "x/c:1"; extra-host "a"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; extra-host "a b:1.2.3.4"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; extra-host "a:b"; }"#, "wrong-type"),
    (
        r#"container c { image "x/c:1"; extra-host "a:1.2.3.4" "b:fd00::1" "c:host-gateway"; }"#,
        "unexpected-argument",
    ),
    (r#"container c { image "x/c:1"; extra-host "a:1.2.3.4"; extra-host "b:fd00::1"; }"#, ""),
    (r#"container c { image "x/c:1"; extra-host "c=host-gateway"; }"#, ""),
    (r#"container c { image "x/c:1"; every "0 0 30 2 *"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; every "0 0 31 4,6 *"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; every "0 0 29 2 *"; }"#, ""),
    (r#"container c { image "x/c:1"; once; restart always; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; once; restart on-failure; }"#, ""),
    (r#"container c { image "x/c:1"; gpu nvidia count=1 ids="0"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; gpu dri count=1; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; network host; on-network default; }"#, "bad-module"),
    (
        r#"container c { image "x/c:1"; on-network default alias=d; }
container d { image "x/c:1"; }"#,
        "bad-module",
    ),
    (
        r#"container c { image "x/c:1"; on-network default alias=e; }
container d { image "x/c:1"; on-network default alias=e; }"#,
        "bad-module",
    ),
    (
        r#"container-network n subnet="10.77.5.0/24"
container c { image "x/c:1"; on-network n address="10.77.5.1"; }"#,
        "bad-module",
    ),
    (
        r#"container-network n subnet="10.77.5.0/24"
container c { image "x/c:1"; on-network n address="10.77.5.255"; }"#,
        "bad-module",
    ),
    (
        r#"container-network n subnet="10.77.5.0/24"
container c { image "x/c:1"; on-network n address="10.77.5.9"; }
container d { image "x/c:1"; on-network n address="10.77.5.9"; }"#,
        "bad-module",
    ),
    (
        r#"container-network n subnet="10.77.5.0/24"
container c { image "x/c:1"; on-network n address="10.77.5.9"; }
container d { image "x/c:1"; on-network n address="10.77.5.10"; }"#,
        "",
    ),
    (
        r#"container-network n subnet="127.5.0.0/24"
container c { image "x/c:1"; on-network n; }"#,
        "bad-module",
    ),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="/x"; tmpfs "/x"; }"#, "mount-twice"),
    (
        r#"container c { image "x/c:1"; mount "/srv/x" at="/x"; mount "/srv/x" at="/x"; }"#,
        "mount-twice",
    ),
    (
        r#"container c { image "x/c:1"; secret restic-password at="/x"; tmpfs "/x"; }"#,
        "mount-twice",
    ),
    (
        r#"container c { image "x/c:1"; secret restic-password value-variable=X; env X 1; }"#,
        "settings-disagree",
    ),
    (r#"container c { image "x/c:1"; secret restic-password value-variable=X; env Y 1; }"#, ""),
    (
        r#"container c { image "x/c:1"
secret restic-password value-variable=X first-start=nothing; }
uses-secret restic-password value-variable=X first-start=nothing"#,
        "",
    ),
    (
        r#"container thing { image "x/c:1"
secret restic-password value-variable=X first-start=nothing; }
uses-secret restic-password value-variable=X first-start=nothing"#,
        "joined-name-twice",
    ),
    (
        r#"container c { image "x/c:1"; }
proxy caddy http=nothing"#,
        "bad-module",
    ),
    (
        r#"container c { image "x/c:1"; }
provides web container=c port=80 protocol=http
forward-auth wen caddy="/a""#,
        "bad-module",
    ),
    (
        r#"file "x" from="t.j2" install="/opt/x"
file "y" from="t.j2" install="/opt/x/y""#,
        "file-written-twice",
    ),
    (
        r#"file "x" from="t.j2" at="/x"; file "x/y" from="t.j2" at="/y"
container c { image "x/c:1"; }"#,
        "file-written-twice",
    ),
    (r#"file "x" from="t.j2" install="/etc/labwright/trust""#, "system-path"),
    (r#"database "/etc" engine=folder"#, "system-path"),
    (r#"container c { image "x/c:1"; user "-x"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; summary "a\u{202e}b"; }"#, "unknown-node"),
    (r#"sysctl "a\nb" 1"#, "wrong-type"),
    (r#"sysctl "a=b" 1"#, "wrong-type"),
    (r#"database "x" engine=mariadb user="-x""#, "wrong-type"),
    (r#"database "-x" engine=mariadb user="x""#, "wrong-type"),
    (r#"database "dbname=x" engine=postgres user="x""#, "wrong-type"),
    (r#"database "postgres://x" engine=postgres user="x""#, "wrong-type"),
    (r#"database "a`b" engine=mariadb user="x""#, "wrong-type"),
    (r#"database "a b" engine=mariadb user="x""#, "wrong-type"),
    (r#"database "/srv/x.db" engine=mariadb user="x""#, "bad-module"),
    (r"database x engine=sqlite", "bad-module"),
    (r#"package "openssh-server-""#, "wrong-type"),
    (r#"state data path="/tmp/x" backup=never reason="none""#, "system-path"),
    (r#"state data path="/var/run/x" backup=never reason="none""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/default/ufw""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/nftables.conf""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/localtime""#, "system-path"),
    (r#"file "x" from="t.j2" install="/opt/$(id)""#, "wrong-type"),
    (r#"file "x" from="t.j2" install="/opt/x" mode="4755""#, "wrong-type"),
    (r#"container c { image "x/c:1"; cap-add NET_ADMN; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; stop-signal FOO; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; stop-signal SIGQUIT; }"#, ""),
    (r#"container c { image "x/c:1"; ulimit nofle soft=1 hard=2; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; user "4294967295"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; tmpfs "/"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; tmpfs "/x:bind"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; tmpfs "/x:size=64m,mode=1777"; }"#, ""),
    (r#"container c { image "x/c:1"; mount "volume:a/b" at="/x"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; mount "/srv/a" at="/x:ro"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; mount "/srv/a" at="/proc/sys"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; secret restic-password at="/proc/x"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; secret restic-password mode="4755"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; sysctl vm.swappiness 1; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; network host; sysctl net.ipv4.ip_forward 1
}"#, "bad-module"),
    (r#"container c { image "x/c:1"; sysctl net.ipv4.ip_forward 1; sysctl kernel.shmmax 1
}"#, ""),
    (
        r#"container c { image "x/c:1"; device "/dev/a" at="/dev/x"
device "/dev/b" at="/dev/x"; }"#,
        "mount-twice",
    ),
    (
        r#"container c { image "x/c:1"; network none; }
provides web container=c port=80"#,
        "bad-module",
    ),
    (r#"doc "a\u{202e}b""#, "wrong-type"),
    (r#"doc "a\u{1b}[31mb""#, "wrong-type"),
    (r#"container c { image "x/c:1"; health "curl -f http://localhost"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; health "CMD"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; health "CMD-SHELL" "curl -f http://localhost"; }"#, ""),
    (r#"container c { image "x/c:1"; platform "linux/sparc"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; platform "linux/arm/v7"; }"#, ""),
    (r#"container c { image "x/c:1"; dns "0.0.0.0"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; dns "224.0.0.1"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; dns "127.0.0.1"; }"#, ""),
    (r#"container c { image "x/c:1"; security-option "foo"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; security-option "seccomp=unconfined"; }"#, ""),
    (r#"container c { image "x/c:1"; logging bogus; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; logging json-file { set "max-size" "lots"; }
}"#, "bad-module"),
    (r#"container c { image "x/c:1"; logging none { set "max-size" "1m"; }; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; logging syslog { set "syslog-address" "192.168.1.5"; }
}"#, "bad-module"),
    (r#"container c { image "x/c:1"; logging "grafana/loki-docker-driver:3.0" {
set "loki-url" "http://x"; }; }"#, ""),
    (r#"container c { image "x/c:1"; ulimit nofile 5 soft=1 hard=6; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; cap-add NET_ADMIN; cap-drop NET_ADMIN; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; cap-add NET_ADMIN; cap-drop ALL; }"#, ""),
    (r#"container c { image "x/c:1"; tmpfs "/x:size=5k5"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; tmpfs "/x:ro,rw"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; group "5"; group "5"; }"#, ""),
    (r#"container c { image "x/c:1"; sysctl net.ipv4.ip_forward "yes please"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; health http=web; }
provides web container=c port=53 protocol=udp"#, "bad-module"),
    (r#"container c { image "x/c:1"; health http=web path="no-slash"; }
provides web container=c port=80 protocol=http"#, "wrong-type"),
    (r#"container c { image "x/c:1"; health http=web path="/a?b=c"; }
provides web container=c port=80 protocol=http"#, ""),
    (r#"container c { image "x/c:1"; health http=web; }
container d { image "x/d:1"; }
provides web container=d port=80 protocol=http"#, "bad-module"),
    (r#"sysctl net.ipv4.ip_forward "yes""#, "bad-module"),
    (r"sysctl vm.swappiness 900", "bad-module"),
    (r#"sysctl kernel.core_pattern "|/usr/bin/x""#, ""),
];

/// Returns the errors of a lab, each with the line that it points at.
pub fn errors(text: &str, module: &str) -> Vec<(&'static str, String)> {
    findings(text, module, Severity::Error)
}

pub fn findings(text: &str, module: &str, severity: Severity) -> Vec<(&'static str, String)> {
    let file = |path: &str, text: &str, layer| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer,
    };
    let module = format!("module thing {{\nsummary \"Thing\"\n{module}\n}}\n");
    let sources = Sources::with_standard_library(vec![
        file("lab.kdl", text, Layer::Lab),
        file("modules/thing/module.kdl", &module, Layer::Site),
        file("modules/thing/t.j2", "\n", Layer::Site),
        file("modules/thing/run.sh", "#!/bin/sh\n", Layer::Site),
    ]);
    let line = |span: Span| {
        let line = sources.line(span.file, span.start);
        sources.file(span.file).text.lines().nth(line).unwrap_or_default().trim().to_owned()
    };
    let (found, _) = compile::check(&sources);
    let found = found.iter().filter(|found| found.severity() == severity);
    found.map(|found| (found.code.name, found.span.map(line).unwrap_or_default())).collect()
}

#[test]
fn what_a_program_would_misread_is_refused() {
    let lab = PREAMBLE.replace("    pool tank disk=ssd {", "    export x path=\"/tank/x\"\n$0");
    let lab = lab.replace("$0", "    pool tank disk=ssd {");
    let own = r#"repository "sftp:ada@backup.example.org:/restic""#;
    let in_lab = LINES.iter().map(|(line, code)| {
        let replaces = line.starts_with("repository");
        let lab = if replaces { lab.replace(own, line) } else { format!("{lab}{line}\n") };
        (lab, "", *line, *code)
    });
    let peers =
        PEERS.iter().map(|(line, code)| (format!("{lab}{PEER}    {line}\n}}\n"), "", *line, *code));
    let thing = format!("{lab}service thing on=box\n");
    let in_modules = IN_MODULES.iter().map(|(line, code)| (thing.clone(), *line, *line, *code));
    let mut wrong = String::new();
    for (text, module, line, code) in in_lab.chain(peers).chain(in_modules) {
        let found = errors(&text, module);
        let as_expected = match &found[..] {
            [] => code.is_empty(),
            [(own, at)] => *own == code && (line.contains(at) || at.starts_with("service ")),
            _ => false,
        };
        if !as_expected {
            let _ = writeln!(wrong, "{line}\n    expected `{code}`, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
