//! Declares the servers whose folders volumes of docker mount, so that the machine mounts them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::files::join;
use super::kdl::line;
use super::project::Project;
use super::shares::Export;
use super::stack::Around;
use super::words;
use super::yaml::{Node, Place};
use crate::decl::types::Type;

/// A folder of a server that a volume of docker mounts.
struct Volume {
    /// The name or address of the server.
    host: String,
    folder: String,
    smb: bool,
    user: Option<String>,
    /// The password, or nothing if no option names one.
    password: Option<String>,
    owner: Option<String>,
    read_only: bool,
    place: Place,
}

/// Reads the server of a volume from its options.
fn volume(source: &str, around: &Around<'_>) -> Option<Volume> {
    let node = around.project.top.get("volumes")?.get(source)?;
    let options = node.get("driver_opts")?;
    let text = |key: &str| options.get(key).and_then(Node::scalar);
    let device = text("device").filter(|device| !around.secrets.hides(device))?;
    let words: Vec<&str> = text("o").unwrap_or_default().split(',').map(str::trim).collect();
    let named = |name: &str| {
        let mut found = words.iter().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        found.next().map(str::to_owned)
    };
    let number = |name: &str| named(name).filter(|text| text.parse::<u32>().is_ok());
    let smb = matches!(text("type")?, "cifs" | "smb3");
    let (host, folder) = match text("type")? {
        "nfs" | "nfs4" => device.rsplit_once(':').unwrap_or(("", device)),
        "cifs" | "smb3" => device.trim_start_matches('/').split_once('/')?,
        _ => return None,
    };
    let host = named("addr").or_else(|| named("ip")).unwrap_or_else(|| host.to_owned());
    let folder = join("/", folder);
    words::accepted(Type::Path, &folder).then(|| Volume {
        host: host.trim_matches(['[', ']']).to_owned(),
        folder,
        smb,
        user: named("username").or_else(|| named("user")),
        password: named("password").or_else(|| named("pass")),
        owner: number("uid").zip(number("gid")).map(|(uid, gid)| format!("{uid}:{gid}")),
        read_only: words.contains(&"ro"),
        place: node.place,
    })
}

/// Returns the folder at which the machine mounts a volume of a server, and declares the share. It
/// must be known where the server is, and, for SMB, as whom the machine logs in.
pub fn mounted(source: &str, around: &mut Around<'_>) -> Option<String> {
    let volume = volume(source, around)?;
    let address: IpAddr = volume.host.parse().ok()?;
    if let Some(at) = around.lab.shares.mounted(address, &volume.folder) {
        return Some(at.to_owned());
    }
    let smb = volume.folder.trim_start_matches('/').to_owned();
    let user = volume
        .user
        .as_deref()
        .filter(|user| words::accepted(Type::Word, user) && !around.secrets.hides(user));
    if volume.smb && (user.is_none() || !words::accepted(Type::Word, &smb)) {
        return None;
    }
    let smb_name = volume.smb.then_some(smb.as_str());
    let Export { server, name, at } =
        around.lab.shares.export(address, &volume.folder, smb_name, source)?;
    let mut share = line("share")
        .arg(format!("{server}.{name}"))
        .prop("at", at.as_str())
        .prop("via", if volume.smb { "cifs" } else { "nfs" });
    if volume.read_only {
        share = share.prop_flag("read-only", true);
    }
    if let Some(user) = user.filter(|_| volume.smb) {
        let doc = format!("the password of `{user}` at the server `{server}`");
        let password = volume.password.as_deref().unwrap_or_default();
        let wanted = format!("{server}-password");
        let secret = around.secrets.declare(password, &wanted, volume.place, &doc);
        share = share.prop("user", user).prop_typed("password", "secret", &secret);
        if let Some(owner) = &volume.owner {
            share = share.prop("owner", owner.as_str());
        }
    }
    around.lab.shares.add(share);
    Some(at)
}

/// Says what to write so that the machine mounts a volume of a server, where the import can't.
pub fn advice(source: &str, option: &str, path: &str, around: &Around<'_>) -> Option<String> {
    let Volume { host, folder, smb, .. } = volume(source, around)?;
    let address = if host.parse::<IpAddr>().is_ok() { host.as_str() } else { "ADDRESS" };
    let (via, smb) = if smb {
        let named = format!(" smb=\"{}\"", folder.trim_start_matches('/'));
        ("cifs user=NAME password=(secret)NAME", named)
    } else {
        ("nfs", String::new())
    };
    Some(format!(
        "declare the server with `host NAME kind=unmanaged {{ address {} \"{address}\"; export \
         {option} path=\"{folder}\"{smb}; }}`, and write `share NAME.{option} at=\"{path}\" \
         via={via}` in the machine",
        around.lab.zone
    ))
}

/// The network of a new lab.
#[derive(Debug, Clone, Copy)]
pub struct NewNetwork {
    /// The prefix.
    pub prefix: Ipv4Net,
    /// The router's address.
    pub gateway: IpAddr,
}

impl NewNetwork {
    /// Chooses the network that addresses of the LAN in compose files are in, or else a usual one.
    pub fn of(projects: &[&Project]) -> Self {
        let named = projects.iter().find_map(|project| of_macvlan(project));
        let served = || projects.iter().find_map(|project| of_servers(project));
        let usual = || "192.168.1.0/24".parse().unwrap_or_default();
        let (prefix, gateway) = named.unwrap_or_else(|| (served().unwrap_or_else(usual), None));
        let first = || prefix.hosts().next().unwrap_or(prefix.addr());
        Self { prefix, gateway: gateway.unwrap_or_else(|| first().into()) }
    }

    /// Returns an address for the machine that is none of those that are taken.
    pub fn machine(&self, taken: &[IpAddr]) -> IpAddr {
        let free = |address: &IpAddr| *address != self.gateway && !taken.contains(address);
        let hosts = || self.prefix.hosts().map(IpAddr::from);
        let found = hosts().skip(9).find(free).or_else(|| hosts().find(free));
        found.unwrap_or_else(|| self.prefix.addr().into())
    }
}

/// Returns the prefix and gateway of a network of the LAN.
fn of_macvlan(project: &Project) -> Option<(Ipv4Net, Option<IpAddr>)> {
    let networks = project.top.get("networks")?.entries();
    networks.iter().find_map(|(_, network)| {
        let driver = network.get("driver").and_then(Node::scalar);
        driver.filter(|driver| matches!(*driver, "macvlan" | "ipvlan"))?;
        let configs = network.get("ipam")?.get("config")?.items();
        configs.iter().find_map(|config| {
            let prefix: Ipv4Net = config.get("subnet")?.scalar()?.parse().ok()?;
            let gateway = config.get("gateway").and_then(Node::scalar);
            let gateway = gateway.and_then(|text| text.parse::<IpAddr>().ok());
            let gateway = gateway.filter(|gateway| IpNet::V4(prefix).contains(gateway));
            is_usable(prefix).then(|| (prefix.trunc(), gateway))
        })
    })
}

/// Returns the prefix around the address of a server.
fn of_servers(project: &Project) -> Option<Ipv4Net> {
    let volumes = project.top.get("volumes")?.entries();
    volumes.iter().find_map(|(_, volume)| {
        let options = volume.get("driver_opts")?;
        let text = |key: &str| options.get(key).and_then(Node::scalar).unwrap_or_default();
        let words = text("o").split([',', '=']).chain(text("device").split(['/', ':']));
        let mut addresses = words.filter_map(|word| word.trim().parse().ok());
        let prefix = addresses.find_map(|address| Ipv4Net::new(address, 24).ok())?;
        is_usable(prefix).then(|| prefix.trunc())
    })
}

/// Returns whether a prefix can be that of a house, and has room for a machine.
fn is_usable(prefix: Ipv4Net) -> bool {
    prefix.addr().is_private() && (8..=28).contains(&prefix.prefix_len())
}
