//! Sets up the lab at home: two machines on the LAN, a laptop next to them, a phone on the road,
//! and the ISP's router in between.

use super::super::{Machine, Node, Rig};
use super::lab::{Lab, Release};
use super::truth::{Asked, Place, STRAY_CONTAINER, STRAY_PROGRAM};
use super::{clock, images};
use crate::trixie::text;
use std::path::Path;

pub const EXTRANET: &str = "192.168.1.111";
pub const INTRANET: &str = "192.168.1.101";
pub const LAPTOP: &str = "192.168.1.50";
const LAPTOP_V6: &str = "2001:db8:1::50";
const EXTRANET_V6: &str = "2001:db8:1::111";
const INTRANET_V6: &str = "2001:db8:1::101";
/// The ISP's router as the internet sees it.
pub const BOX: &str = "203.0.113.1";

/// The secrets that the operator knows and the lab does not.
pub const SECRETS: [(&str, &str, &str); 5] = [
    (EXTRANET, "npm-admin-password", "npm's \"secret\""),
    (EXTRANET, "ovh-dyndns", "ovh"),
    (INTRANET, "grafana-password", "grafana"),
    (INTRANET, "postgres-password", "post gres'$x"),
    (INTRANET, "restic-password", "restic"),
];

pub struct World<'rig> {
    pub rig: &'rig Rig,
    pub lab: Lab,
    pub first: Release,
    pub extranet: Machine<'rig>,
    pub intranet: Machine<'rig>,
    pub laptop: Node<'rig>,
    pub phone: Node<'rig>,
    /// Whether the lab itself gives its machines IPv6. Otherwise they get it from the router alone.
    dual: bool,
}

/// Makes the networks of everything else.
pub fn networks(rig: &Rig) {
    rig.network("lan", "192.168.1.0/24", "192.168.1.1").network(
        "lan",
        "2001:db8:1::/64",
        "2001:db8:1::1",
    );
    rig.network("internet", "203.0.113.0/24", BOX).network(
        "internet",
        "2001:db8:f::/64",
        "2001:db8:f::1",
    );
}

impl<'rig> World<'rig> {
    /// Boots the lab's machines from what it emits.
    pub fn boot(rig: &'rig Rig, change: impl FnOnce(&Lab), dual: bool) -> Self {
        networks(rig);
        let laptop = rig.node("laptop", &[LAPTOP, "2001:db8:1::50"]);
        let phone = rig.node("phone", &["203.0.113.9", "2001:db8:f::9"]);
        laptop.sh("mkdir -m 700 -p /root/.ssh && ssh-keygen -q -t ed25519 -N '' -C operator -f \
                   /root/.ssh/id");
        laptop.copy_in(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines/home/laptop.sh"),
            "/root",
        );

        let mut lab = Lab::new();
        let key = laptop.sh("cat /root/.ssh/id.pub");
        lab.change(
            "lab.kdl",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE \
             operator",
            key.trim_end(),
        );
        // A test can't wait half a minute.
        lab.change(
            "services.kdl",
            "retention (duration)\"30d\"",
            "retention (duration)\"30d\"\n    scrape-interval (duration)\"2s\"",
        );
        change(&lab);
        let first = clock("build the first release", || lab.release());
        let start = |name: &str, addresses: &[&str]| {
            Machine::start(rig, name, addresses, &first.unpack(name).join("cloud-init"))
        };
        let [extranet, intranet] = clock("boot", || {
            let machines = [
                start("extranet", &[EXTRANET, EXTRANET_V6]),
                start("intranet", &[INTRANET, INTRANET_V6]),
            ];
            machines.iter().for_each(Machine::wait_until_up);
            machines
        });
        let world = Self { rig, lab, first, extranet, intranet, laptop, phone, dual };
        world.after_boot();
        clock("images", || {
            images::replace(&world.extranet, &world.first.images("extranet"));
            images::replace(&world.intranet, &world.first.images("intranet"));
        });
        world.forward_ports();
        world
    }

    /// Restarts both machines and waits until everything is as before.
    pub fn reboot(&mut self) {
        Machine::reboot_together([&mut self.extranet, &mut self.intranet]);
        self.after_boot();
        self.connect_phone();
        self.wait_until_well();
    }

    /// Gives the machines what real ones get from hardware and the router, and what the lab doesn't
    /// know about.
    pub fn after_boot(&self) {
        for (machine, v6) in [(&self.extranet, EXTRANET_V6), (&self.intranet, INTRANET_V6)] {
            if !self.dual {
                machine.sh(&format!(
                    "ip addr add {v6}/64 dev eth0 nodad; ip route add default via 2001:db8:1::1"
                ));
            }
            machine.sh("echo 'c /dev/kmsg 0600 root root - 1:11' >/etc/tmpfiles.d/rig.conf
                 systemd-tmpfiles --create /etc/tmpfiles.d/rig.conf");
        }
    }

    /// Starts a program and a container on every machine that the lab doesn't know about.
    pub fn stray(&self) {
        for machine in [&self.extranet, &self.intranet] {
            machine.stand_in(
                "stray",
                &[
                    (super::super::Proto::Tcp, STRAY_CONTAINER),
                    (super::super::Proto::Udp, STRAY_CONTAINER),
                ],
                &[],
            );
            machine.sh(&format!(
                "cp /root/images/peer /usr/local/bin/
                 printf '[Service]\\nExecStart=/usr/local/bin/peer serve tcp/{STRAY_PROGRAM} \
                 udp/{STRAY_PROGRAM}\\n[Install]\\nWantedBy=multi-user.target\\n' \
                     >/etc/systemd/system/stray.service
                 systemctl enable --quiet --now stray
                 docker run --quiet --detach --restart always --name stray -p \
                 {STRAY_CONTAINER}:{STRAY_CONTAINER} \
                     -p {STRAY_CONTAINER}:{STRAY_CONTAINER}/udp stray"
            ));
        }
    }

    /// Sets up on the ISP's router what the lab lists for it.
    fn forward_ports(&self) {
        let list = std::fs::read_to_string(
            self.first.unpack("extranet").join("firewall/router-forwards.tsv"),
        )
        .expect("the list");
        let mut rules =
            "add table ip box; add chain ip box pre { type nat hook prerouting priority dstnat; };"
                .to_owned();
        for line in list.lines() {
            let [_, proto, port, to, _] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            rules += &format!(
                " add rule ip box pre iifname br-internet ip daddr {BOX} {proto} dport {port} \
                 dnat to {to};"
            );
        }
        let answer = self.rig.run("chroot", &[&self.rig.root.to_string_lossy(), "nft", &rules]);
        assert!(answer.status.success(), "{rules}: {}", text(&answer.stderr));
    }

    /// Runs an sh script on the laptop with the functions of laptop.sh, and returns its output.
    pub fn operator(&self, script: &str) -> String {
        self.laptop.sh(&format!(". /root/laptop.sh; {script}"))
    }

    /// Copies a release's archives to the laptop and returns their paths: extranet's and
    /// intranet's.
    pub fn hand_over(&self, release: &Release) -> [String; 2] {
        ["extranet", "intranet"].map(|machine| {
            let archive = release.archive(machine);
            self.laptop.copy_in(&archive, "/root");
            format!("/root/{}", archive.file_name().expect("a name").to_string_lossy())
        })
    }

    /// Sets every secret over ssh. None is an argument of a program on the machine.
    pub fn set_secrets(&self, archives: &[String; 2]) {
        for (address, name, value) in SECRETS {
            let archive = &archives[usize::from(address == INTRANET)];
            let value = value.replace('\'', r"'\''");
            self.operator(&format!(
                "bring {address} {archive}; printf %s '{value}' | on {address} 'sudo labctl \
                 secrets set {name} /tmp/{}'",
                archive.rsplit('/').next().unwrap_or_default()
            ));
        }
    }

    /// Applies bundles on both machines at once. A new login confirms each.
    pub fn apply(&self, archives: &[String; 2]) -> [String; 2] {
        let [extranet, intranet] = archives;
        let done = self.laptop.exec(&[
            "sh",
            "-c",
            &format!(
                ". /root/laptop.sh
             apply {EXTRANET} {extranet} >/root/extranet 2>&1 & first=$!
             apply {INTRANET} {intranet} >/root/intranet 2>&1 & second=$!
             status=0
             wait $first || status=1
             wait $second || status=1
             exit $status"
            ),
        ]);
        let said =
            ["extranet", "intranet"].map(|machine| self.laptop.sh(&format!("cat /root/{machine}")));
        if !done.status.success() {
            let containers = "docker ps --all; for name in $(docker ps --all --format \
                              '{{.Names}}'); do docker logs --tail 5 $name 2>&1; done";
            let [extranet, intranet] =
                [&self.extranet, &self.intranet].map(|machine| machine.sh(containers));
            panic!("{}{extranet}\n{}{intranet}", said[0], said[1]);
        }
        for line in said
            .iter()
            .flat_map(|said| said.lines())
            .filter(|line| line.contains(" s)") && !line.contains("(0 s)"))
        {
            eprintln!("           {line}");
        }
        said
    }

    /// Builds the lab in its current state and copies its archives to the laptop.
    pub fn release(&mut self) -> [String; 2] {
        let release = self.lab.release();
        self.hand_over(&release)
    }

    /// Lists the containers of both machines by name and id.
    pub fn containers(&self) -> Vec<String> {
        let list =
            "docker ps --all --no-trunc --format '{{.Names}} {{.ID}}' | grep -v '^stray ' | sort";
        [&self.extranet, &self.intranet]
            .iter()
            .flat_map(|machine| machine.sh(list).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    /// Waits until the containers of both machines are up and, if they have a health check,
    /// healthy.
    pub fn wait_until_well(&self) {
        for machine in [&self.extranet, &self.intranet] {
            machine.sh("tries=600
                 until [ -z \"$(docker ps --all --format '{{.Names}} {{.Status}}' | grep -v ' Up \
                 .*(healthy)$' | grep -v ' Up [^(]*$')\" ]; do
                     tries=$((tries - 1)); [ $tries -gt 0 ] || { docker ps --all; exit 1; }
                     sleep 0.2
                 done");
        }
    }

    /// Waits until the lab's Prometheus has an answer to a query.
    pub fn wait_for_query(&self, query: &str) {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        self.intranet.sh(&format!(
            "ask() {{
                docker exec prometheus wget -qO- \"http://127.0.0.1:9090/api/v1/query?query=$1\"
            }}
             tries=300
             until ask {encoded} | grep -q '\"value\"'; do
                 tries=$((tries - 1)); [ $tries -gt 0 ] || {{ ask up; ask ALERTS; exit 1; }}
                 sleep 0.2
             done"
        ));
    }

    /// Connects the phone to the VPN with the profile that the server made for it.
    pub fn connect_phone(&self) {
        let profile = self.extranet.sh("cat /mnt/appdata/openvpn/pki/clients/phone.ovpn");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(
            folder.path().join("phone.ovpn"),
            profile.replace("remote vpn.elmzn.be", &format!("remote {BOX}")),
        )
        .expect("a file");
        self.phone.copy_in(&folder.path().join("phone.ovpn"), "/root");
        self.phone.sh("mkdir -p /dev/net; [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
             [ ! -e /root/vpn.pid ] || kill $(cat /root/vpn.pid)
             rm -f /root/vpn.log
             openvpn --config /root/phone.ovpn --daemon --log /root/vpn.log --writepid /root/vpn.pid
             tries=300
             until grep -q 'Initialization Sequence Completed' /root/vpn.log; do
                 tries=$((tries - 1)); [ $tries -gt 0 ] || { cat /root/vpn.log; exit 1; }
                 sleep 0.1
             done");
    }

    /// Lists the places to probe from.
    pub fn places(&self) -> Vec<Place> {
        // An address of a network that the lab does not name counts as the internet.
        let v6 = |zone| Some(if self.dual { zone } else { "internet" });
        let place =
            |name, probe, zone_v4, zone_v6, words| Place { name, probe, zone_v4, zone_v6, words };
        let internet = self.rig.probe(&["203.0.113.77", "2001:db8:f::77"]);
        let (extranet, intranet) = (self.extranet.probe(), self.intranet.probe());
        let outside = ["203.0.113.77", "2001:db8:f::77"];
        let (at_extranet, at_intranet) = ([EXTRANET, EXTRANET_V6], [INTRANET, INTRANET_V6]);
        vec![
            place("internet", internet, Some("internet"), Some("internet"), outside),
            place("lan", self.laptop.probe(), Some("lan"), v6("lan"), [LAPTOP, LAPTOP_V6]),
            place("vpn", self.phone.probe(), Some("tunnel"), None, ["tunnel"; 2]),
            place("extranet", extranet, Some("extranet"), v6("extranet"), at_extranet),
            place("intranet", intranet, Some("intranet"), v6("intranet"), at_intranet),
        ]
    }

    /// Lists the machines to probe.
    pub fn asked(&self) -> [Asked<'_, 'rig>; 2] {
        [
            Asked { name: "extranet", machine: &self.extranet, v4: EXTRANET, v6: EXTRANET_V6 },
            Asked { name: "intranet", machine: &self.intranet, v4: INTRANET, v6: INTRANET_V6 },
        ]
    }
}
