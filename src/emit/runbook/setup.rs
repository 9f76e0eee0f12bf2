//! Writes the steps that bring a machine up, in their order: what is expensive to learn late comes
//! first. The machine's runbook shows them, and so does the page about the whole lab.

use std::collections::BTreeSet;

use super::repositories;
use super::step::Step;
use crate::format::shell_word;
use crate::model::{Machine, MachineId, MachineKind, Model, Pool};
use crate::plan::capacity::for_the_system;
use crate::plan::joined::{partition_label, takes_part_of};
use crate::plan::{Client, MachinePlan, Plan};

/// The words for an archive in commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive<'a> {
    /// `FILE`, because its name has the digest of what it contains.
    Unnamed,
    /// Its name.
    Named(&'a str),
}

impl<'a> Archive<'a> {
    const fn file(self) -> &'a str {
        match self {
            Self::Unnamed => "FILE",
            Self::Named(name) => name,
        }
    }

    fn labctl(self) -> String {
        let named = |name: &str| format!("{}/payload/labctl", name.trim_end_matches(".tar.gz"));
        match self {
            Self::Unnamed => "--wildcards '*/payload/labctl'".to_owned(),
            Self::Named(name) => named(name),
        }
    }
}

/// What is known about a machine that is brought up.
struct Setting<'p> {
    model: &'p Model,
    machine: &'p Machine,
    planned: &'p MachinePlan<'p>,
    archive: Archive<'p>,
}

/// Lists the steps that bring a machine up.
pub fn steps<'p>(plan: &'p Plan<'p>, id: MachineId, archive: Archive<'p>) -> Vec<Step> {
    let (model, planned) = (plan.model, plan.machine(id));
    let setting = Setting { model, machine: &model[id], planned, archive };
    let mut steps = Vec::new();
    match setting.machine.kind {
        MachineKind::Appliance => {
            steps.extend(setting.created());
            steps.push(Step::new(
                "Set its system up by its own manual, with the address above. This bundle holds \
                 nothing for it but this page.",
            ));
            return steps;
        }
        MachineKind::Vm | MachineKind::Lxc => steps.extend(setting.created()),
        MachineKind::Proxmox => {
            steps.extend(setting.firmware());
            steps.push(setting.hypervisor());
            steps.push(setting.updates());
            steps.extend(setting.iommu());
        }
        MachineKind::Debian => steps.push(setting.system()),
        MachineKind::Unmanaged => {
            steps.push(Step::new("Set it up by its own manual, with the address above."));
            steps.extend(setting.exports());
        }
    }
    steps.extend(repositories::steps(plan, id));
    steps.extend(setting.partitions());
    steps.extend(setting.roms());
    steps.extend(setting.volumes());
    steps.push(setting.copy());
    steps.extend(setting.by_hand());
    steps.push(setting.secrets());
    steps.push(setting.look());
    steps.push(setting.apply());
    steps.extend(setting.router());
    // A machine's own runbook says it after what brings data back.
    steps.extend(setting.once_it_runs().filter(|_| archive != Archive::Unnamed));
    steps
}

/// Returns the account that logs in. Only where labwright makes accounts, root can't.
pub(super) fn account<'p>(model: &'p Model, machine: &Machine) -> &'p str {
    let makes_accounts = machine.kind.is_managed();
    model.admins.first().filter(|_| makes_accounts).map_or("root", |admin| admin.name.as_str())
}

impl Setting<'_> {
    fn created(&self) -> Option<Step> {
        let guest = self.machine.guest.as_ref()?;
        let host = &self.model[guest.host].name;
        let id = guest.id;
        Some(if self.archive == Archive::Unnamed {
            Step::new("On ")
                .says(host)
                .says(": ")
                .code("labctl apply FILE")
                .says(", with the archive of ")
                .says(host)
                .says(&format!(", creates number {id} when it is missing."))
        } else {
            Step::new("The bundle of ").says(host).says(&format!(" has made it, as number {id}."))
        })
    }

    fn system(&self) -> Step {
        let model = self.machine.hardware.as_ref().map(|hardware| hardware.model.as_str());
        if !model.is_some_and(|model| model.contains("Raspberry Pi")) {
            return Step::new(
                "Install its system; the files in cloud-init/ set it up at the first boot, or say \
                 what to set up by hand.",
            );
        }
        Step::new(
            "Write Raspberry Pi OS Lite (64-bit, the one of the system above) to what it starts \
             from. On the first partition there, put the files of cloud-init/ in the place of \
             those of their names, make an empty file ",
        )
        .code("ssh")
        .says(", without which no server of ssh starts, and add ")
        .code("cgroup_enable=memory")
        .says(" to the line of ")
        .code("cmdline.txt")
        .says(", without which limits of memory do nothing. Its network card is called ")
        .code("eth0")
        .says(" there.")
    }

    fn firmware(&self) -> Option<Step> {
        let guests = &self.planned.requirements.guests;
        if guests.storages.is_empty() {
            return None;
        }
        let step = Step::new("In the firmware, turn on virtualization (VT-x or AMD-V)");
        Some(if guests.pci.is_empty() {
            step.says(".")
        } else {
            step.says(" and the IOMMU (VT-d or AMD-Vi), since devices are passed to guests.")
        })
    }

    fn hypervisor(&self) -> Step {
        let machine = self.machine;
        let mut step = Step::new("Install Proxmox VE");
        if let Some(version) = &machine.version {
            step = step.says(" ").says(version);
        }
        step = step.says(" with the name ").says(&machine.name).says(" and the address above.");
        for (index, (disk, gibibytes)) in for_the_system(machine).into_iter().enumerate() {
            let pools = pools_on(machine, &disk.device).join(", ");
            if index == 0 {
                step = step.says(" Its installer takes a whole disk unless told otherwise.");
            }
            step =
                step.says(" If it goes to ").code(&disk.device).says(", set ").code("hdsize").says(
                    &format!(" under \"Options\" to {gibibytes}, because the rest is for {pools}."),
                );
        }
        if !machine.pools.is_empty() {
            step = step
                .says(" Import the pools whose disks are whole: ")
                .code("zpool import")
                .says(".");
        }
        step
    }

    /// Without its own repository, a host has no updates, and old versions don't do what guests
    /// need.
    fn updates(&self) -> Step {
        // By default, `apt-get update` succeeds although a repository did not answer.
        let upgrade = "apt-get update -o APT::Update::Error-Mode=any && apt-get -y dist-upgrade";
        let docker = !self.planned.requirements.guests.docker.is_empty();
        let mut step = match self.machine.version.as_deref().map(major) {
            Some(Some((release, keyring))) => Step::new(
                "Without a subscription, replace its repository for subscribers by the one without \
                 subscription, then update:",
            )
            .run("rm -f /etc/apt/sources.list.d/pve-enterprise.* /etc/apt/sources.list.d/ceph.*")
            .run(&format!(
                "echo 'deb {keyring}http://download.proxmox.com/debian/pve {release} \
                 pve-no-subscription' >/etc/apt/sources.list.d/pve-no-subscription.list"
            )),
            _ => Step::new(
                "Without a subscription, switch its repository for subscribers off and the one \
                 without subscription on (web interface: Updates, Repositories). Then, as root:",
            ),
        };
        if self.planned.router_guest.is_some() {
            step = step.then(
                "Until its router is there, it needs another way to the internet for this and for \
                 what it fetches. ",
            );
        }
        step = step.run(upgrade).then("Restart it if a new kernel came.");
        if docker {
            step = step.then(" Without these updates, Docker starts no container in an LXC.");
        }
        step
    }

    /// The bundle only looks: a host with a wrong line does not start any more, and no rollback
    /// reaches it then.
    fn iommu(&self) -> Option<Step> {
        if self.planned.requirements.guests.pci.is_empty() {
            return None;
        }
        let step = Step::new(
            "With an Intel processor, tell the kernel to turn the IOMMU on, and restart. If ",
        )
        .code("grep BOOT_IMAGE= /proc/cmdline")
        .says(" prints a line, GRUB starts this host: ")
        .code(
            "sed -i 's/^GRUB_CMDLINE_LINUX_DEFAULT=\"/&intel_iommu=on /' /etc/default/grub && \
             update-grub",
        )
        .says(". If not: ")
        .code("sed -i '1s/$/ intel_iommu=on/' /etc/kernel/cmdline && proxmox-boot-tool refresh")
        .says(". An AMD processor needs only the firmware. ")
        .code("ls /sys/kernel/iommu_groups")
        .says(" then shows groups. A driver of the host must not hold a GPU that a guest gets: ")
        .code("labctl plan")
        .says(" says what to type, after which it starts anew once more.");
        Some(step)
    }

    fn partitions(&self) -> Option<Step> {
        let commands = partitions(self.machine);
        let step = Step::new(
            "Make the partitions of pools that take a part of a disk, unless they are there (",
        )
        .code("ls /dev/disk/by-partlabel")
        .says("):");
        (!commands.is_empty()).then(|| commands.iter().fold(step, |step, line| step.run(line)))
    }

    fn roms(&self) -> Option<Step> {
        let mut roms: Vec<&str> =
            self.planned.requirements.guests.roms.iter().map(|(rom, _)| *rom).collect();
        roms.dedup();
        let path = |rom: &&str| format!("/usr/share/kvm/{rom}");
        let mut step = Step::new("Put the ROM of the GPU into its place:");
        for path in roms.iter().map(path) {
            step = step.run(&format!("ls {}", shell_word(&path)));
        }
        (!roms.is_empty()).then_some(step)
    }

    fn volumes(&self) -> Option<Step> {
        let volumes = &self.planned.requirements.guests.volumes;
        let mut step = Step::new("Bring what guests start from");
        if self.planned.router_guest.is_some() {
            step = step.says(", while there is another way to the internet");
        }
        step = step.says(":");
        for (volume, ..) in volumes {
            let word = shell_word(volume);
            step = step.run(&if volume.starts_with('/') {
                format!("ls {word}")
            } else {
                format!("ls \"$(pvesm path {word})\"")
            });
        }
        (!volumes.is_empty()).then_some(step)
    }

    fn copy(&self) -> Step {
        let machine = self.machine;
        let mut step = Step::new("Copy the archive of this bundle to it");
        if self.archive == Archive::Unnamed {
            step = step.says(", here called FILE");
        }
        let user = account(self.model, machine);
        if let Some(address) = machine.typed_address() {
            let port = machine.ssh.iter().map(|access| access.port).min().unwrap_or(22);
            let host = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            let (scp, ssh) = if port == 22 {
                (String::new(), String::new())
            } else {
                (format!("-P {port} "), format!("-p {port} "))
            };
            step = step
                .says(", and become root there:")
                .here(&format!("scp {scp}{} {user}@{host}:", self.archive.file()))
                .here(&format!("ssh {ssh}{user}@{address}"));
            if user != "root" {
                step = step.run("sudo -s");
            }
        } else {
            step = step.says(":");
        }
        // cloud-init brings labctl along.
        if matches!(machine.kind, MachineKind::Vm | MachineKind::Lxc) {
            return step.run("cloud-init status --wait");
        }
        let file = self.archive.file();
        step.run(&format!(
            "command -v labctl || tar -xzOf {file} {} >/usr/local/sbin/labctl",
            self.archive.labctl()
        ))
        .run("chmod 755 /usr/local/sbin/labctl")
    }

    fn exports(&self) -> Option<Step> {
        let exports = self.planned.exports.iter().filter(|export| !export.clients.is_empty());
        let mut step =
            Step::new("Make it export these by NFS, so that root of the others is root there (")
                .code("no_root_squash")
                .says("):");
        let mut separator = " ";
        for export in exports {
            let client = |client: &Client| {
                let access = if client.read_only { " (to read)" } else { "" };
                format!("{}{access}", client.address)
            };
            let clients: Vec<String> = export.clients.iter().map(client).collect();
            step = step
                .says(separator)
                .code(&export.folder)
                .says(&format!(" to {}", clients.join(", ")));
            separator = "; ";
        }
        (separator == "; ").then(|| step.says("."))
    }

    fn by_hand(&self) -> Option<Step> {
        (!self.planned.by_hand.is_empty())
            .then(|| Step::new("Do what its RUNBOOK.md lists under \"What is done by hand\"."))
    }

    fn once_it_runs(&self) -> Option<Step> {
        let mut services = self.planned.services.iter().map(|id| &self.model[*id]);
        let step = "Do what its RUNBOOK.md lists under \"What is done by hand once it runs\".";
        services.any(|service| !service.by_hand.is_empty()).then(|| Step::new(step))
    }

    fn secrets(&self) -> Step {
        if self.planned.secrets.is_empty() {
            return Step::new("It needs no secrets.");
        }
        let file = self.archive.file();
        let mut step = Step::new("Write its secrets. Each command asks for the value:");
        let names = self.planned.secrets.iter().map(|secret| &self.model[secret.secret].name);
        // A secret may have several files on the machine, but is typed in once.
        for name in names.collect::<BTreeSet<_>>() {
            step = step.run(&format!("labctl secrets set {name} {file}"));
        }
        step
    }

    fn look(&self) -> Step {
        let file = self.archive.file();
        Step::new(
            "Look at what would change and at what is missing. Nothing is touched before all of \
             this is as it should be:",
        )
        .run(&format!("labctl plan {file}"))
    }

    fn apply(&self) -> Step {
        let file = self.archive.file();
        Step::new("Apply it, and confirm from a new login if it asks:")
            .run(&format!("labctl apply {file}"))
    }

    fn router(&self) -> Option<Step> {
        let router = &self.model[self.planned.router_guest?];
        let id = router.guest.as_ref()?.id;
        let step = Step::new(&router.name)
            .says(&format!(" (number {id}) is the way of "))
            .says(&self.machine.name)
            .says(
                " to the internet, so it is made first. Start it, set it up on its console in the \
                 web interface, and apply the bundle once more: that makes the other guests, whose \
                 images come from the internet.",
            );
        let step = if router.has_one_card() {
            step.says(
                " Its only network card is in the lab's network, so give it another one before, \
                 which leads to the internet.",
            )
        } else {
            step
        };
        Some(
            step.run(&format!("qm start {id}"))
                .run(&format!("labctl apply {}", self.archive.file())),
        )
    }
}

/// Returns the release of Debian below a version of Proxmox, and how its archive names the key.
fn major(version: &str) -> Option<(&'static str, &'static str)> {
    match version.split('.').next() {
        Some("8") => Some(("bookworm", "")),
        Some("9") => {
            Some(("trixie", "[signed-by=/usr/share/keyrings/proxmox-archive-keyring.gpg] "))
        }
        _ => None,
    }
}

fn pools_on<'p>(machine: &'p Machine, device: &str) -> Vec<&'p str> {
    let on_it = |pool: &&Pool| {
        let mut disks = pool.disks.iter();
        disks.any(|index| {
            machine.disks.get(*index as usize).is_some_and(|disk| disk.device == device)
        })
    };
    machine.pools.iter().filter(on_it).map(|pool| pool.name.as_str()).collect()
}

/// Lists the commands that make the partitions of pools which take a part of a disk.
fn partitions(machine: &Machine) -> Vec<String> {
    let mut commands = Vec::new();
    for pool in &machine.pools {
        let disks = pool.disks.iter().filter_map(|index| machine.disks.get(*index as usize));
        for disk in disks.filter(|disk| takes_part_of(pool, disk)) {
            let Some(size) = pool.size else { continue };
            // The kernel keeps the old table of a disk that is in use, until `partx` updates it.
            commands.push(format!(
                "sgdisk --new=0:0:+{}K --typecode=0:BF01 --change-name=0:{} {} && \
                 partx --update {2}",
                size.0 >> 10,
                partition_label(pool, disk),
                disk.device
            ));
        }
    }
    commands
}
