//! Asks containers of a real machine whom they reach: those of their own service, and those of
//! another one only where the lab says so. Services come and go meanwhile.

use std::path::Path;

use super::{Machine, Proto, Rig};
use crate::emit::lab::{Lab, write};
use crate::trixie::text;

const LAB: &str = r#"
edition 1
lab home version="VERSION" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1" \
    dns="192.168.1.101,192.168.1.1"
host pve kind=proxmox version="8.4" { address lan "192.168.1.100" nic=eno1 bridge=vmbr0; }
vm box id=101 on=pve {
    os debian-13
    cores 2
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    address lan "fd00:1::101"
    ssh from=lan
}
"#;

const MODULE: &str = r#"
edition 1
module app version="1.0" {
    summary "A program with a database"
    container app {
        image "x/app:1.0"
        depends-on db healthy=#false
        health "/bin/check"
    }
    container db { image "x/db:1.0"; health "/bin/check"; }
    provides web container=app port=8000 protocol=http
    provides sql container=db port=5432 protocol=tcp database=#true
}
"#;

/// `three` connects to `one`, and nobody else to anybody.
const SERVICES: &str = r"
service one module=app on=box { port web 8001; expose web to=lan; }
service two module=app on=box { port web 8002; }
service three module=app on=box { port web 8003; link one; }
";

/// A name server, which the networks of the lab name.
const NAMES: &str = r#"
edition 1
module names version="1.0" {
    summary "A name server"
    container names { image "x/app:1.0"; health "/bin/check"; }
    provides dns container=names port=8000 protocol=tcp
}
"#;

/// A module with a network at a place of its own choice.
const PLACED: &str = r#"
edition 1
module NAME version="1.0" {
    summary "A program on a network with fixed addresses"
    container-network NAME subnet="10.77.5.0/24"
    container NAME {
        image "x/app:1.0"
        on-network NAME address="10.77.5.10"
        health "/bin/check"
    }
    provides web container=NAME port=8000 protocol=http
}
"#;

/// What a machine of a release runs that had one network for all containers, with that release's
/// prefixes.
const BEFORE: &str = r"
name: home
services:
  one: {image: 'x/app:1.0', container_name: one, labels: {labwright.lab: home}}
  two: {image: 'x/app:1.0', container_name: two, labels: {labwright.lab: home}}
networks:
  default:
    driver_opts: {com.docker.network.bridge.name: labwright0}
    enable_ipv6: true
    ipam: {config: [{subnet: 172.30.0.0/24}, {subnet: 'fdb2:cff6:6341::/64'}]}
";

/// Makes connections from containers, all at once, and prints those that could be made. Each
/// argument is a container, a name or an address, a port and an address family.
const CONNECT: &str = r#"
import concurrent.futures, os, socket, subprocess, sys

asked = [way.split(",") for way in sys.argv[1:]]
containers = sorted({way[0] for way in asked})
pids = ["docker", "inspect", "-f", "{{.State.Pid}}", *containers]
pids = subprocess.check_output(pids, text=True).split()

def enter(pid):
    os.unshare(os.CLONE_NEWNS)
    subprocess.check_call(["mount", "--make-rprivate", "/"])
    for file in ["/etc/resolv.conf", "/etc/hosts"]:
        names = f"/run/names.{pid}"
        with open(f"/proc/{pid}/root{file}") as theirs, open(names, "w") as ours:
            ours.write(theirs.read() + "options timeout:1 attempts:1\n")
        subprocess.check_call(["mount", "--bind", names, os.path.realpath(file)])
        os.unlink(names)
    os.setns(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY), os.CLONE_NEWNET)

def connects(way):
    family = socket.AF_INET6 if way[3] == "6" else socket.AF_INET
    try:
        for found in socket.getaddrinfo(way[1], int(way[2]), family, socket.SOCK_STREAM):
            with socket.socket(family) as one:
                one.settimeout(1)
                one.connect(found[4])
    except OSError:
        return False
    return True

for container, pid in zip(containers, pids):
    if os.fork() == 0:
        enter(pid)
        mine = [way for way in asked if way[0] == container]
        with concurrent.futures.ThreadPoolExecutor(len(mine)) as pool:
            for way, made in zip(mine, pool.map(connects, mine)):
                if made:
                    os.write(1, (",".join(way) + "\n").encode())
        os._exit(0)
if any([os.wait()[1] for _ in containers]):
    sys.exit(1)
"#;

/// What `SERVICES` run.
const CONTAINERS: [&str; 6] = ["one", "one-db", "two", "two-db", "three", "three-db"];

fn lab(version: &str, services: &str) -> Lab {
    write(&[
        ("lab.kdl", &LAB.replace("VERSION", version)),
        ("services.kdl", services),
        ("modules/app/module.kdl", MODULE),
        ("modules/names/module.kdl", NAMES),
        ("modules/old/module.kdl", &PLACED.replace("NAME", "old")),
        ("modules/new/module.kdl", &PLACED.replace("NAME", "new")),
    ])
}

fn apply(machine: &Machine, lab: &Lab) {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = lab.bundle("box", folder.path());
    machine.copy_in(&bundle, "/root");
    let name = bundle.file_name().expect("a name").to_string_lossy();
    machine.sh(&format!("labctl apply --confirm-within 0 /root/{name}"));
}

/// Describes a connection from a container to a name or an address, over a family.
fn way(from: &str, to: &str, port: u16, family: char) -> String {
    format!("{from},{to},{port},{family}")
}

/// Makes connections, and returns those that could be made.
fn made(machine: &Machine, ways: &[String]) -> Vec<String> {
    let words = ["python3", "-c", CONNECT].into_iter().chain(ways.iter().map(String::as_str));
    let answer = machine.exec(&words.collect::<Vec<_>>());
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    text(&answer.stdout).lines().map(str::to_owned).collect()
}

/// Returns whether a container connects to a host, by name or address, over a family.
fn connects(machine: &Machine, from: &str, to: &str, port: u16, family: char) -> bool {
    !made(machine, &[way(from, to, port, family)]).is_empty()
}

/// Lists the addresses that containers have on their networks.
fn addresses(machine: &Machine, containers: &[&str]) -> Vec<Vec<String>> {
    let all = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}";
    let found = machine.sh(&format!("docker inspect -f '{all}' {}", containers.join(" ")));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    found.lines().map(words).collect()
}

/// Lists the ways to everything that a container may reach of another one: any of its addresses.
fn every_way(machine: &Machine, from: &str, to: &str, port: u16) -> Vec<String> {
    let addresses = addresses(machine, &[to]).concat();
    assert!(addresses.len() >= 2, "{to}: {addresses:?}");
    let family = |address: &str| if address.contains(':') { '6' } else { '4' };
    addresses.iter().map(|address| way(from, address, port, family(address))).collect()
}

/// Checks who reaches whom while `SERVICES` run.
fn check(machine: &Machine) {
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for family in ['4', '6'] {
        for service in ["one", "two", "three"] {
            for name in ["db", &format!("{service}-db")] {
                open.push(way(service, name, 5432, family));
            }
            open.push(way(&format!("{service}-db"), "app", 8000, family));
        }
        open.push(way("three", "one", 8000, family)); // linked
        // By name.
        for (from, to) in [("two", "one"), ("one-db", "two"), ("three-db", "one"), ("one", "two")] {
            closed.push(way(from, to, 8000, family));
        }
    }
    for (from, to, port) in [
        ("two", "one", 8000),
        ("two", "one-db", 5432),
        ("three", "one-db", 5432),
        ("three-db", "one", 8000),
        ("three", "two", 8000),
        ("one", "two-db", 5432),
    ] {
        closed.extend(every_way(machine, from, to, port));
    }
    // Around, by the machine.
    closed.extend([way("two", "192.168.1.101", 8001, '4'), way("two", "fd00:1::101", 8001, '6')]);
    let mut made = made(machine, &[&open[..], &closed].concat());
    made.sort();
    open.sort();
    assert_eq!(made, open);
}

/// Returns the ids of containers, and when they were started.
fn running(machine: &Machine) -> String {
    let ids = "{{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}}";
    machine.sh(&format!("docker inspect -f '{ids}' {}", CONTAINERS.join(" ")))
}

fn networks(machine: &Machine) -> Vec<String> {
    let listed = machine.sh("docker network ls --format '{{.Name}}'");
    listed.lines().filter(|name| name.starts_with("home_")).map(str::to_owned).collect()
}

fn machine<'rig>(rig: &'rig Rig, lab: &Lab, payload: &Path) -> Machine<'rig> {
    lab.compiled().unpack("box", payload);
    let addresses = ["192.168.1.101", "fd00:1::101"];
    let machine = rig.machine("box", &addresses, &payload.join("cloud-init"));
    machine.stand_in("x/app:1.0", &[(Proto::Tcp, 8000)], &["/bin/check"]);
    machine.stand_in("x/db:1.0", &[(Proto::Tcp, 5432)], &["/bin/check"]);
    machine
}

#[test]
fn containers_meet_only_where_the_lab_says() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1").network("lan", "fd00:1::/64", "fd00:1::1");
    let first = lab("1.0", SERVICES);
    let payload = tempfile::tempdir().expect("a folder");
    let mut machine = machine(&rig, &first, payload.path());
    machine.sh(&format!(
        "cat >/root/before.yaml <<'END'\n{BEFORE}END\ndocker compose -f /root/before.yaml up -d"
    ));
    assert!(connects(&machine, "two", "one", 8000, '4'), "the network that there was");

    apply(&machine, &first);
    let wanted = ["home_one", "home_three", "home_three.one", "home_two"];
    assert_eq!(networks(&machine), wanted);
    check(&machine);
    let outside = rig.probe(&["192.168.1.50", "fd00:1::50"]);
    assert!(outside.tcp_open("192.168.1.101", 8001) && outside.tcp_open("fd00:1::101", 8001));

    // A service comes that two others have to meet, and goes again. A network takes the place of
    // another one.
    let before = running(&machine);
    let four = "service four module=app on=box { port web 8004; link one; link two; }\n\
                service placed module=old on=box\n";
    apply(&machine, &lab("1.1", &format!("{SERVICES}{four}")));
    assert!(connects(&machine, "four", "one", 8000, '4'));
    assert!(connects(&machine, "four", "two", 8000, '6'));
    assert_eq!(running(&machine), before, "nobody else was started anew");
    check(&machine);
    let names = "service placed module=new on=box\nservice names on=box { port dns 53; }\n";
    apply(&machine, &lab("1.2", &format!("{SERVICES}{names}")));
    // The name server of the machine is asked at the machine's address, and nothing else is.
    for container in ["two", "placed"] {
        assert!(connects(&machine, container, "192.168.1.101", 53, '4'), "{container}");
    }
    assert!(!outside.tcp_open("192.168.1.101", 53));
    assert!(addresses(&machine, &["placed"])[0].contains(&"10.77.5.10".to_owned()));
    assert_eq!(running(&machine), before);
    let mut others = networks(&machine);
    others.retain(|name| !name.starts_with("home_placed") && name != "home_names");
    assert_eq!(others, wanted);

    // A link that goes takes its network with it.
    apply(&machine, &lab("1.3", &SERVICES.replace("link one;", "")));
    assert!(made(&machine, &every_way(&machine, "three", "one", 8000)).is_empty());
    assert_eq!(running(&machine), before);
    machine.sh("labctl rollback --confirm-within 0");
    assert_eq!(running(&machine), before);
    check(&machine);

    machine.reboot();
    machine.sh("until [ \"$(docker ps --quiet | wc -l)\" = 8 ]; do sleep 0.2; done");
    check(&machine);

    // The place of the older release's network is still free, so a machine can go back to it.
    machine.sh("docker compose -f /root/before.yaml up -d --remove-orphans");
    assert!(connects(&machine, "two", "one", 8000, '6'), "the network that there was");
    apply(&machine, &lab("1.4", "\n"));
    assert_eq!(networks(&machine), [""; 0]);
}
