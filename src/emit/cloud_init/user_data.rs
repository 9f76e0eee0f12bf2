//! Writes `user-data`: what cloud-init does once, at the first boot.

use serde::Serialize;

use super::packed::{self, Packed, Slot};
use crate::emit::machine::archives;
use crate::emit::{Context, labctl, machine};
use crate::model::{Admin, MachineKind, ShareTransport};
use crate::plan::{Mount, Packages, drivers};

#[derive(Debug, Serialize)]
struct UserData<'p, 's> {
    hostname: &'p str,
    fqdn: String,
    manage_etc_hosts: bool,
    timezone: &'p str,
    users: Vec<User<'p>>,
    disable_root: bool,
    ssh_pwauth: bool,
    package_update: bool,
    packages: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<[String; 6]>,
    write_files: Vec<File<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runcmd: Vec<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power_state: Option<PowerState>,
}

#[derive(Debug, Serialize)]
struct User<'p> {
    name: &'p str,
    primary_group: &'p str,
    shell: &'static str,
    groups: Vec<&'static str>,
    sudo: &'static str,
    lock_passwd: bool,
    ssh_authorized_keys: Vec<&'p str>,
}

/// A restart at the end of the first boot.
#[derive(Debug, Serialize)]
struct PowerState {
    mode: &'static str,
    message: &'static str,
    condition: &'static str,
}

#[derive(Debug, Serialize)]
struct File<'s> {
    path: String,
    permissions: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    content: Content<'s>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'s> {
    Text(String),
    Labctl(Packed<'s>),
}

/// Writes `user-data`.
pub(super) fn write(context: &Context<'_>) -> String {
    let (model, machine) = (context.model(), context.this());
    // RFC 8375 reserves `home.arpa` for home networks, so the name is nobody else's.
    let domain = model.lab.domain.as_deref().unwrap_or("home.arpa");
    let slot = Slot::default();
    let data = UserData {
        hostname: &machine.name,
        fqdn: format!("{}.{domain}", machine.name),
        manage_etc_hosts: true,
        timezone: &model.lab.timezone,
        users: model.admins.iter().map(user).collect(),
        disable_root: true,
        ssh_pwauth: false,
        // The archives among `write_files` are in place by then, but the lists of packages lack
        // them.
        package_update: true,
        packages: packages(context),
        mounts: context
            .planned()
            .mounts
            .iter()
            // A share by SMB needs a password, and secrets reach the machine only later.
            .filter(|one| one.login.is_none())
            .map(mount)
            .collect(),
        write_files: files(context, &slot),
        runcmd: commands(context),
        power_state: restart(context),
    };
    packed::yaml("#cloud-config\n", &slot, &data)
}

fn user(admin: &Admin) -> User<'_> {
    let name = admin.name.as_str();
    User {
        name,
        // Debian has groups such as `operator`. A group of this name is used if it exists, and made
        // otherwise.
        primary_group: name,
        shell: "/bin/bash",
        groups: vec!["adm", "sudo", "systemd-journal"],
        // Administrators have keys and no password that sudo could ask for.
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
        ssh_authorized_keys: admin.ssh_keys.iter().map(|key| key.value.as_str()).collect(),
    }
}

fn packages<'p>(context: &Context<'p>) -> Vec<&'p str> {
    let Packages { mut packages, docker, .. } = context.planned().packages.clone();
    // The bundle installs the packages of services, because it writes their configuration first.
    for (_, service) in context.services() {
        for package in &service.packages {
            packages.remove(package.name.as_str());
        }
    }
    packages.extend(docker);
    packages.extend(["ca-certificates", "curl"]);
    if context.this().kind == MachineKind::Vm {
        // `guests.sh` turns the agent on in the settings of every VM.
        packages.insert("qemu-guest-agent");
    }
    packages.into_iter().collect()
}

/// Restarts a machine whose GPU has no driver yet: the kernel of a cloud image may have none, and
/// the one with the drivers is among the packages.
fn restart(context: &Context<'_>) -> Option<PowerState> {
    drivers(context.this()).map(|_| PowerState {
        mode: "reboot",
        message: "the kernel with the drivers of the GPU starts",
        condition: "! test -e /dev/dri/renderD128",
    })
}

/// Returns an entry of `mounts`, in the fields of fstab(5).
fn mount(mount: &Mount) -> [String; 6] {
    let access = if mount.read_only { "ro" } else { "rw" };
    let network = if mount.via == ShareTransport::Nfs {
        ",_netdev,x-systemd.after=network-online.target"
    } else {
        ""
    };
    // Docker starts after the mounts, so that no container writes into the folder below one.
    let options = format!("{access},noatime,nofail{network},x-systemd.before=docker.service");
    [
        mount.what.clone(),
        mount.at.clone(),
        mount.via.name().to_owned(),
        options,
        "0".to_owned(),
        "0".to_owned(),
    ]
}

fn files<'s>(context: &Context<'_>, slot: &'s Slot) -> Vec<File<'s>> {
    let mut files = vec![
        File {
            path: labctl::PATH.to_owned(),
            permissions: "0755",
            encoding: Some("gz+b64"),
            content: Content::Labctl(Packed(slot)),
        },
        // labctl refuses the bundle of any other machine.
        File {
            path: format!("/var/lib/labwright/{}/machine", context.model().lab.name),
            permissions: "0644",
            encoding: None,
            content: Content::Text(format!("{}\n", context.this().name)),
        },
    ];
    // As files, since cloud-init would need gpg to add a key, which an image may lack.
    files.extend(archives::files(context).into_iter().map(|file| File {
        path: file.destination,
        permissions: "0644",
        encoding: None,
        content: Content::Text(file.text),
    }));
    let ports = context.this().ssh_ports();
    if !ports.is_empty() {
        let content = machine::sshd_ports(&ports);
        files.push(File {
            path: machine::SSHD_FILE.to_owned(),
            permissions: "0644",
            encoding: None,
            content: Content::Text(content),
        });
    }
    files
}

fn commands(context: &Context<'_>) -> Vec<Vec<&'static str>> {
    if context.this().ssh_ports().is_empty() {
        return Vec::new();
    }
    // sshd may have started before its file was written.
    vec![
        // Some systems have a generator that takes the ports of `ssh.socket` from sshd's files.
        vec!["systemctl", "daemon-reload"],
        vec!["systemctl", "try-restart", "ssh.socket", "ssh.service"],
    ]
}
