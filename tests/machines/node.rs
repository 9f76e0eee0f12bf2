//! Makes nodes: machines as the network sees them, without the machine.
//!
//! A node is a network namespace with a root of its own. The real nft and ufw run in it, and ports
//! listen or are published as Docker does it. It is ready in a tenth of a second, so every port of
//! a lab can be probed from every zone.

use super::probe::peer;
use super::rig::{Rig, script};
use super::{Probe, Proto, printed};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A published port: protocol, the machine's port, the container's.
pub type Published = (Proto, u16, u16);

/// A machine's network: its addresses, its firewall, and listeners on its ports.
pub struct Node<'rig> {
    rig: &'rig Rig,
    name: String,
    root: String,
    listeners: RefCell<Vec<Child>>,
}

impl<'rig> Node<'rig> {
    pub(super) fn join(rig: &'rig Rig, name: &str, addresses: &[&str]) -> Self {
        rig.join(name, addresses);
        let root = rig.overlay(name).join("root").to_string_lossy().into_owned();
        let answer = rig.run("mount", &["-t", "proc", "proc", &format!("{root}/proc")]);
        assert!(answer.status.success(), "{name}: {answer:?}");
        Self { rig, name: name.to_owned(), root, listeners: RefCell::default() }
    }

    /// Runs a program of the node's root in its network.
    pub fn exec(&self, program: &[&str]) -> Output {
        let mut command = self.inside(&self.name);
        command.args(["env", "--ignore-environment", "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["chroot", &self.root]).args(program).output().expect("the program starts")
    }

    /// Runs an sh script and returns its output.
    ///
    /// # Panics
    /// When it fails.
    pub fn sh(&self, script: &str) -> String {
        printed(&self.name, script, &self.exec(&["sh", "-euc", script]))
    }

    /// Copies a file or a folder into a folder of the node.
    pub fn copy_in(&self, source: &Path, folder: &str) {
        let source = source.canonicalize().expect("a file to copy");
        let target = format!("{}{folder}/", self.root);
        let copy = r#"mkdir -p "$2" && cp -r "$1" "$2""#;
        let answer = self.rig.run("sh", &["-euc", copy, "sh", &source.to_string_lossy(), &target]);
        assert!(answer.status.success(), "{}: {folder}: {answer:?}", self.name);
    }

    /// Listens on ports of the node itself, like a program or a container with the host's network.
    pub fn listen(&self, ports: &[(Proto, u16)]) {
        self.serve(&self.name, ports);
    }

    /// Publishes ports of a container as Docker 26 does: with rules of its own for IPv4, and a
    /// listener on the machine for IPv6.
    pub fn publish(&self, ports: &[Published]) {
        let (name, container) = (&self.name, format!("{}-container", self.name));
        for words in [
            &*format!("netns add {container}"),
            &format!("-n {name} link add docker0 type bridge"),
            &format!("-n {name} link add docker1 type veth peer name eth0 netns {container}"),
            &format!("-n {name} link set docker1 master docker0 up"),
            &format!("-n {name} addr add 172.17.0.1/16 dev docker0"),
            &format!("-n {name} link set docker0 up"),
            &format!("-n {container} addr add 172.17.0.2/16 dev eth0"),
            &format!("-n {container} link set eth0 up"),
            &format!("-n {container} route add default via 172.17.0.1"),
        ] {
            self.rig.ip(words);
        }
        let (mut words, mut inner, mut outer) = (String::new(), Vec::new(), Vec::new());
        for (proto, machine_port, container_port) in ports {
            write!(words, " {}/{machine_port}/{container_port}", proto.name())
                .expect("a string grows");
            inner.push((*proto, *container_port));
            outer.push((*proto, *machine_port));
        }
        self.copy_in(&script("publish.sh"), "/usr/local/sbin");
        self.sh(&format!("publish.sh{words}"));
        self.serve(&container, &inner);
        self.serve(name, &outer);
    }

    /// Returns a probe from this node's own addresses.
    pub fn probe(&self) -> Probe {
        self.rig.probe_in(&self.name)
    }

    /// Starts a listener in a namespace and waits until it listens.
    fn serve(&self, namespace: &str, ports: &[(Proto, u16)]) {
        let mut command = self.inside(namespace);
        command
            .arg(peer())
            .arg("serve")
            .args(ports.iter().map(|(proto, port)| format!("{}/{port}", proto.name())));
        let mut listener = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the listener starts");
        let mut ready = String::new();
        BufReader::new(listener.stdout.as_mut().expect("its output"))
            .read_line(&mut ready)
            .expect("its word");
        assert_eq!(ready, "ready\n", "{namespace}: {ports:?}");
        self.listeners.borrow_mut().push(listener);
    }

    fn inside(&self, namespace: &str) -> Command {
        let mut command = self.rig.enter();
        command.args(["ip", "netns", "exec", namespace]);
        command
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        for listener in self.listeners.get_mut() {
            let _ = listener.kill();
            let _ = listener.wait();
        }
    }
}
