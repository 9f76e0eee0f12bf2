//! Keeps the servers of a lab, and the folders of them that its machine mounts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::kdl::{Line, line};
use super::names::Names;

/// What is around the machine that services are imported for.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The name of the lab, if it is there already.
    pub lab: Option<String>,
    /// The word that declares the machine.
    pub word: &'static str,
    /// The networks that it is in, with a prefix of each.
    pub networks: Vec<(String, IpNet)>,
    /// The machines of the lab.
    pub machines: Vec<KnownMachine>,
    /// The names that no new machine may have: those of machines and zones.
    pub names: Vec<String>,
    /// The mount points that the machine has.
    pub mounts: Vec<String>,
}

/// A machine of the lab.
#[derive(Debug, Clone, Default)]
pub struct KnownMachine {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its exports: their names and folders.
    pub exports: Vec<(String, String)>,
    /// Whether somebody else exports its folders, so that a new one need only be named.
    pub unmanaged: bool,
}

/// A folder of a server that the machine mounts.
#[derive(Debug)]
pub struct Export {
    /// The server's name.
    pub server: String,
    /// The export's name there.
    pub name: String,
    /// The mount point.
    pub at: String,
}

/// The shares that an import needs.
#[derive(Debug, Default)]
pub struct Shares {
    around: Surroundings,
    names: Names,
    mounts: Names,
    /// The exports to declare, by the name of the server.
    exports: BTreeMap<String, Vec<Line>>,
    /// The servers that the lab does not have yet.
    new: Vec<KnownMachine>,
    /// The shares of the machine.
    mounted: Vec<Line>,
    /// What is mounted already: the server, the folder, and where.
    known: Vec<(IpAddr, String, String)>,
}

impl Shares {
    /// Begins with what there is.
    pub fn new(around: Surroundings) -> Self {
        let (mut names, mut mounts) = (Names::default(), Names::default());
        around.names.iter().for_each(|name| names.reserve(name));
        let taken = around.mounts.iter().filter_map(|path| path.strip_prefix("/mnt/"));
        taken.for_each(|name| mounts.reserve(name));
        Self { around, names, mounts, ..Self::default() }
    }

    /// Returns the network of the machine that an address is in.
    pub fn network_of(&self, address: IpAddr) -> Option<&str> {
        let mut networks = self.around.networks.iter();
        networks.find(|(_, prefix)| prefix.contains(&address)).map(|(name, _)| name.as_str())
    }

    /// Lists the addresses of servers that the lab gets.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.new.iter().flat_map(|server| server.addresses.iter().copied())
    }

    /// Returns where the machine mounts a folder of a server already.
    pub fn mounted(&self, address: IpAddr, folder: &str) -> Option<&str> {
        let mut known = self.known.iter();
        let same = known.find(|(server, path, _)| *server == address && path == folder);
        same.map(|(.., at)| at.as_str())
    }

    /// Adds a share of the machine.
    pub fn add(&mut self, share: Line) {
        self.mounted.push(share);
    }

    /// Finds the export of a folder, or declares it and its server. `smb` is its name for SMB, and
    /// `wanted` what it may be called.
    pub fn export(
        &mut self,
        address: IpAddr,
        folder: &str,
        smb: Option<&str>,
        wanted: &str,
    ) -> Option<Export> {
        let (server, known) = self.server(address, folder)?;
        let at = format!("/mnt/{}", self.mounts.take(wanted));
        let name = known.unwrap_or_else(|| {
            let own = self.exports.entry(server.clone()).or_default();
            let mut names = Names::default();
            own.iter().filter_map(Line::first).for_each(|name| names.reserve(name));
            let name = names.take(wanted);
            let node = line("export").arg(name.as_str()).prop("path", folder);
            own.push(smb.into_iter().fold(node, |node, smb| node.prop("smb", smb)));
            name
        });
        self.known.push((address, folder.to_owned(), at.clone()));
        Some(Export { server, name, at })
    }

    /// Returns the name of a server, and whether it may get an export of that folder.
    fn server(&mut self, address: IpAddr, folder: &str) -> Option<(String, Option<String>)> {
        let all = self.around.machines.iter().chain(&self.new);
        let mut known = all.filter(|machine| machine.addresses.contains(&address));
        if let Some(machine) = known.next() {
            let export = machine.exports.iter().find(|(_, path)| path == folder);
            let export = export.map(|(name, _)| name.clone());
            let may = export.is_some() || machine.unmanaged;
            return may.then(|| (machine.name.clone(), export));
        }
        self.network_of(address)?;
        let name = self.names.take("nas");
        self.new.push(KnownMachine {
            name: name.clone(),
            addresses: vec![address],
            exports: Vec::new(),
            unmanaged: true,
        });
        Some((name, None))
    }

    /// Makes the nodes of all shares.
    /// `machine` is the one that mounts them.
    pub fn lines(self, machine: &str) -> Vec<Line> {
        let Self { around, mut exports, new, mounted, .. } = self;
        let mut lines = Vec::new();
        for server in &new {
            let mut node = line("host").arg(server.name.as_str()).prop("kind", "unmanaged");
            for address in &server.addresses {
                let mut networks = around.networks.iter();
                let network = networks.find(|(_, prefix)| prefix.contains(address));
                let network = network.map_or("lan", |(name, _)| name.as_str());
                node.add(line("address").arg(network).arg(address.to_string()));
            }
            let own = exports.remove(&server.name).unwrap_or_default();
            lines.push(node.children(own).comment(NAME_IT));
        }
        for (name, own) in exports {
            lines.push(line("extend").arg("host").arg(name.as_str()).children(own));
        }
        if !mounted.is_empty() {
            lines.push(line("extend").arg(around.word).arg(machine).children(mounted));
        }
        lines
    }
}

const NAME_IT: &str = "A server of the compose files, whose folders the machine mounts.";
