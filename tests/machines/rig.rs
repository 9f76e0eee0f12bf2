//! Sets up a rig: networks with a router between them, which machines and probes are connected to.

use super::machine::own_mac_address;
use super::{Machine, Node, Probe};
use crate::trixie;
use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A network of a rig: a bridge, on which the rig itself is the gateway.
pub(super) struct Network {
    pub(super) bridge: String,
    pub(super) prefix: u8,
    pub(super) gateway: IpAddr,
    address: IpAddr,
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr, prefix: u8| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()).checked_shr(u32::from(32 - prefix)),
            IpAddr::V6(v6) => v6.to_bits().checked_shr(u32::from(128 - prefix)),
        };
        address.is_ipv4() == self.address.is_ipv4()
            && bits(address, self.prefix) == bits(self.address, self.prefix)
    }
}

/// The connection of a namespace to its network.
pub(super) struct Plug {
    pub(super) addresses: Vec<String>,
    pub(super) mac: Option<String>,
}

/// Namespaces in which machines run. Everything in a rig ends when it is dropped, or when its
/// process dies.
pub struct Rig {
    supervisor: Child,
    pub(super) root: &'static Path,
    networks: RefCell<Vec<Network>>,
    ports: Cell<u32>,
}

impl Rig {
    /// Starts an empty rig; `None` when this machine has no trixie root.
    pub fn new() -> Option<Self> {
        let root = trixie::root()?;
        let mut supervisor = Command::new(script("supervise.sh"))
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/machines/supervise.sh starts");
        let mut ready = String::new();
        BufReader::new(supervisor.stdout.take().expect("its output"))
            .read_line(&mut ready)
            .expect("its word");
        assert_eq!(ready, "ready\n", "the rig's namespaces cannot be made");
        let rig = Self { supervisor, root, networks: RefCell::default(), ports: Cell::default() };
        remove_cgroups(|owner| !Path::new("/proc").join(owner).exists());
        Some(rig)
    }

    /// Adds a network with a CIDR and the gateway's address in it. The same name with another CIDR
    /// adds a second family.
    pub fn network(&self, name: &str, cidr: &str, gateway: &str) -> &Self {
        let (address, prefix) = cidr.split_once('/').expect("ADDRESS/PREFIX");
        let bridge = format!("br-{name}");
        if self.networks.borrow().iter().all(|network| network.bridge != bridge) {
            // Otherwise a bridge takes the lowest MAC address of its ports, a new one as they come
            // and go, and others on the network send to the old one until they ask again.
            let mac = own_mac_address(gateway);
            self.ip(&format!("link add {bridge} address {mac} type bridge"));
            self.ip(&format!("link set {bridge} up"));
        }
        self.ip(&format!("addr add {gateway}/{prefix} dev {bridge}{}", at_once(gateway)));
        self.networks.borrow_mut().push(Network {
            bridge,
            prefix: prefix.parse().expect("a prefix"),
            gateway: gateway.parse().expect("a gateway"),
            address: address.parse().expect("an address"),
        });
        self
    }

    /// Boots a machine with the files of `seed` (`user-data`, `meta-data`, perhaps
    /// `network-config`) for cloud-init, on the network that holds its addresses, and waits until
    /// it is up.
    ///
    /// Without a `network-config` in the seed, one with `addresses` is written.
    pub fn machine(&self, name: &str, addresses: &[&str], seed: &Path) -> Machine<'_> {
        Machine::boot(self, name, addresses, seed)
    }

    /// Adds a node: a machine's network without the machine, which is ready at once. It is enough
    /// for tests of packets alone.
    pub fn node(&self, name: &str, addresses: &[&str]) -> Node<'_> {
        Node::join(self, name, addresses)
    }

    /// Adds a probe with these addresses, at most one for each family.
    pub fn probe(&self, addresses: &[&str]) -> Probe {
        let name = format!("probe-{}", addresses[0].replace([':', '.'], "-"));
        if self.run("test", &["-e", &format!("/run/netns/{name}")]).status.success() {
            return self.probe_in(&name);
        }
        self.join(&name, addresses);
        self.probe_in(&name)
    }

    /// Returns a probe in an existing namespace.
    pub(super) fn probe_in(&self, namespace: &str) -> Probe {
        Probe::new(self.nsenter(), self.root, namespace)
    }

    /// Makes a network namespace with these addresses and their networks' gateways.
    pub(super) fn join(&self, name: &str, addresses: &[&str]) {
        self.plug(
            name,
            &Plug {
                addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
                mac: None,
            },
        );
        for text in addresses {
            self.with_network(text.parse().expect("an address"), |network| {
                self.ip(&format!(
                    "-n {name} addr add {text}/{} dev eth0{}",
                    network.prefix,
                    at_once(text)
                ));
                self.ip(&format!("-n {name} route add default via {}", network.gateway));
            });
        }
    }

    /// Makes a root for a machine, in memory over the trixie root. Returns the folder that contains
    /// it.
    pub(super) fn overlay(&self, name: &str) -> PathBuf {
        let home = self.root.join("mnt").join(name);
        let make = r#"
            mkdir -p "$2/upper" "$2/work" "$2/root"
            mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
        "#;
        let answer = self.run(
            "sh",
            &["-euc", make, "sh", &self.root.to_string_lossy(), &home.to_string_lossy()],
        );
        assert!(answer.status.success(), "{name}: {}", trixie::text(&answer.stderr));
        home
    }

    /// Makes a network namespace with one interface, `eth0`, on the network of these addresses.
    /// Returns the name of the router's end.
    pub(super) fn plug(&self, name: &str, plug: &Plug) -> String {
        let bridge = self.with_network(plug.addresses[0].parse().expect("an address"), |network| {
            network.bridge.clone()
        });
        // An interface's name has at most 15 characters, so the router's end has a number as its
        // name.
        let port = format!("port{}", self.ports.replace(self.ports.get() + 1));
        self.ip(&format!("netns add {name}"));
        self.ip(&format!("link add {port} type veth peer name eth0 netns {name}"));
        self.ip(&format!("link set {port} master {bridge} up"));
        self.ip(&format!("-n {name} link set lo up"));
        if let Some(mac) = &plug.mac {
            self.ip(&format!("-n {name} link set eth0 address {mac}"));
        }
        self.ip(&format!("-n {name} link set eth0 up"));
        port
    }

    /// Removes a namespace with everything that was set in it, and the router's end of its
    /// interface.
    pub(super) fn unplug(&self, name: &str, port: &str) {
        // The kernel removes a namespace some time after nothing uses it any more. Until then its
        // interface answers on the bridge. A successor with the same MAC address would find its
        // link-local address taken, and systemd-networkd would wait for one in vain.
        self.ip(&format!("link delete {port}"));
        self.ip(&format!("netns delete {name}"));
    }

    pub(super) fn with_network<T>(&self, address: IpAddr, look: impl FnOnce(&Network) -> T) -> T {
        let networks = self.networks.borrow();
        look(
            networks
                .iter()
                .find(|network| network.holds(address))
                .unwrap_or_else(|| panic!("no network holds {address}")),
        )
    }

    /// Runs iproute2 in the rig and returns its output.
    pub(super) fn ip(&self, arguments: &str) -> String {
        let answer = self.run("ip", &arguments.split(' ').collect::<Vec<_>>());
        assert!(answer.status.success(), "ip {arguments}: {}", trixie::text(&answer.stderr));
        trixie::text(&answer.stdout)
    }

    /// Runs a program in the rig's mounts and in the router's network. It ends with the rig at the
    /// latest.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = self.enter();
        command
            .arg(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    /// Starts a program in the rig, with its output in a file.
    pub(super) fn spawn(&self, program: &Path, arguments: &[&str], console: &Path) -> Child {
        let output = fs::File::create(console).expect("the console's file");
        let mut command = self.enter();
        command.arg(program).args(arguments);
        command
            .stdin(Stdio::null())
            .stderr(output.try_clone().expect("the console"))
            .stdout(output);
        command.spawn().expect("nsenter starts")
    }

    pub(super) fn enter(&self) -> Command {
        let [program, arguments @ ..] = &self.nsenter()[..] else { unreachable!("nsenter") };
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// The words that run a command in the rig.
    fn nsenter(&self) -> Vec<String> {
        let first = only_child(self.supervisor.id()).expect("the rig's first process");
        vec![
            "nsenter".to_owned(),
            format!("--target={first}"),
            "--mount".to_owned(),
            "--net".to_owned(),
            "--pid".to_owned(),
        ]
    }

    pub(super) fn cgroup(&self, machine: &str) -> String {
        format!("{CGROUP}{}.{machine}", self.supervisor.id())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The rig ends when its input is closed.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        let own = self.supervisor.id().to_string();
        remove_cgroups(|owner| owner == own);
    }
}

/// Returns the words that make an address usable at once. Otherwise IPv6 first checks whether it is
/// taken.
fn at_once(address: &str) -> &'static str {
    if address.contains(':') { " nodad" } else { "" }
}

const CGROUP: &str = "labwright-rig.";

/// Removes the cgroups of rigs that `chosen` selects by their process. cgroups are the only things
/// that outlive the rig's processes.
fn remove_cgroups(chosen: impl Fn(&str) -> bool) {
    let top = Path::new("/sys/fs/cgroup");
    for hierarchy in [top.to_owned()].into_iter().chain(folders(top)) {
        for cgroup in folders(&hierarchy) {
            let name = cgroup
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let owner = name.strip_prefix(CGROUP).and_then(|rest| rest.split('.').next());
            if owner.is_some_and(&chosen) {
                remove_tree(&cgroup);
            }
        }
    }
}

/// Removes a cgroup after those below it. The files in it are the kernel's and disappear with it.
fn remove_tree(cgroup: &Path) {
    for below in folders(cgroup) {
        remove_tree(&below);
    }
    // The kernel may not have finished with the last process.
    for _ in 0..50 {
        if fs::remove_dir(cgroup).is_ok() || !cgroup.exists() {
            return;
        }
        super::pause();
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Returns the first child of a process, once it has one.
pub(super) fn only_child(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_ascii_whitespace().next()?.parse().ok()
}

/// Returns one of this folder's files.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines").join(name)
}

/// Writes to a program's input and closes it.
pub(super) fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("its input");
    std::thread::scope(|scope| {
        // A program that ends early closes its input, which is not an error here.
        scope.spawn(move || pipe.write_all(input));
        child.wait_with_output().expect("its output")
    })
}

#[test]
fn a_router_keeps_its_mac_address() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let link = || rig.ip("-brief link show br-lan").split_whitespace().nth(2).map(str::to_owned);
    let before = link();
    for (number, low) in (1..5).rev().enumerate() {
        let mac = Some(format!("02:00:00:00:00:{low:02x}"));
        let plug = Plug { addresses: vec!["192.168.1.10".to_owned()], mac };
        let port = rig.plug(&format!("box{number}"), &plug);
        rig.ip(&format!("link set {port} address 02:00:00:00:01:{low:02x}"));
        assert_eq!(link(), before);
    }
}

#[test]
fn an_interface_that_comes_back_finds_its_address_free() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let plug = Plug {
        addresses: vec!["192.168.1.10".to_owned()],
        mac: Some(own_mac_address("192.168.1.10")),
    };
    let port = rig.plug("box", &plug);
    // A program that still uses the namespace keeps the kernel from removing it.
    let mut user = rig.enter();
    user.args(["ip", "netns", "exec", "box", "sh", "-c", "echo ready; exec sleep 60"]);
    let mut user = user.stdout(Stdio::piped()).spawn().expect("nsenter starts");
    let mut ready = String::new();
    BufReader::new(user.stdout.take().expect("its output")).read_line(&mut ready).expect("a word");
    assert_eq!(ready, "ready\n");
    for port in [Some(port), None] {
        let checked = (0..500).find_map(|_| {
            super::pause();
            let address = rig.ip("-n box -6 addr show dev eth0 scope link");
            let done = address.contains("dadfailed") || !address.contains("tentative");
            (address.contains("fe80::") && done).then_some(address)
        });
        let address = checked.expect("the kernel ends its search for others with the address");
        assert!(!address.contains("dadfailed"), "{address}");
        if let Some(port) = port {
            rig.unplug("box", &port);
            rig.plug("box", &plug);
        }
    }
    let _ = user.kill();
    let _ = user.wait();
}
