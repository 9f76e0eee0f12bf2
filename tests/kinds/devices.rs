//! Services get the devices, modules and drivers that they need, or the machine says what is
//! missing before anything is changed.

use super::{found, on_proxmox, payload, read, run};
use crate::consumers;

const INFRA: &str = r#"
lxc infra id=200 on=pve {
    os debian-12
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.20"
}
"#;

/// Every module that needs the device of VPN programs.
const TUNNELS: [(&str, &str); 3] = [
    ("gluetun", "service gluetun on=infra { provider protonvpn; private-key (secret)key; }"),
    (
        "tailscale",
        "network away cidr=\"100.64.0.0/10\"
        service tailscale on=infra { clients away; auth-key (secret)key; reach lan; }",
    ),
    (
        "openvpn",
        "network away cidr=\"10.8.0.0/24\"
        service openvpn on=infra {
            clients away; client laptop; host \"vpn.example.org\"; reach lan;
        }",
    ),
];

/// Hides the devices of the machine that runs the tests.
const NO_DEVICES: &str = "mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3";

const REFUSES: &str = "sh check.d/05-requirements.sh";

#[test]
fn a_linux_container_is_given_the_device_of_vpn_programs() {
    for (module, service) in TUNNELS {
        let lab = format!("{INFRA}{service}");
        let pve = payload(&lab, "pve");
        let guests = read(&pve, "proxmox/guests.sh");
        assert!(guests.contains("dev0 '/dev/net/tun,mode=0666'"), "{module}: {guests}");
        // A guest that was started before its host gave it the device says whose turn it is.
        let infra = payload(&lab, "infra");
        let Some((fine, said)) = run(&infra, &format!("{NO_DEVICES}; {REFUSES}")) else { return };
        assert!(
            !fine
                && said
                    .contains(&format!("refused: {module} needs /dev/net/tun, which is not there"))
                && said.contains("the bundle of pve gives it"),
            "{module}: {said}"
        );
        let there = "mkdir -p /dev/net; : >/dev/net/tun";
        let (fine, said) =
            run(&infra, &format!("{NO_DEVICES}; {there}; {REFUSES}")).expect("a room");
        assert!(fine, "{module}: {said}");
    }
    // A guest without such a service is given nothing.
    let pve = payload(&format!("{INFRA}service fail2ban on=infra"), "pve");
    assert!(!read(&pve, "proxmox/guests.sh").contains("/dev/net/tun"));
}

/// The lab may pass the device through itself, under a name of its own.
#[test]
fn a_linux_container_is_given_a_device_once() {
    let lab = format!(
        "extend host pve {{ device tunnel path=\"/dev/net/tun\"; }}
        extend lxc infra {{ passthrough tunnel; }}
        {INFRA}{}",
        TUNNELS[0].1
    );
    let guests = read(&payload(&lab, "pve"), "proxmox/guests.sh");
    assert_eq!(guests.matches("/dev/net/tun").count(), 1, "{guests}");
}

/// Its disks are its host's.
#[test]
fn nobody_measures_the_disks_of_a_linux_container() {
    let said = |machine: &str| {
        let machines = "host box kind=debian { os debian-13; address lan \"192.168.1.10\"; }";
        let service = format!("service smartctl-exporter on={machine}");
        found(&format!("{INFRA}{machines}\n{service}")).join("\n")
    };
    assert!(said("infra").contains("a Linux container has no disks: measure those of its host"));
    assert!(!said("box").contains("has no disks"));
}

#[test]
fn the_host_loads_the_modules_of_its_containers() {
    let service = |machine: &str| {
        format!(
            "network away cidr=\"10.9.0.0/24\"
            service wireguard on={machine} {{ clients away; address \"10.9.0.1\"; \
            private-key (secret)key; reach lan; }}"
        )
    };
    let lab = format!("{INFRA}{}", service("infra"));
    assert_eq!(read(&payload(&lab, "pve"), "machine/modules.conf"), "wireguard\n");
    assert!(!payload(&lab, "infra").path().join("machine/modules.conf").exists());
    // A machine with a kernel of its own loads them itself.
    let box_ = "host box kind=debian { os debian-13; address lan \"192.168.1.10\"; }";
    let lab = format!("{box_}\n{}", service("box"));
    assert_eq!(read(&payload(&lab, "box"), "machine/modules.conf"), "wireguard\n");
    assert!(!payload(&lab, "pve").path().join("machine/modules.conf").exists());
}

#[test]
fn docker_in_a_linux_container_needs_a_hypervisor_that_lets_it_start() {
    let pve = payload(&format!("{INFRA}service flaresolverr on=infra"), "pve");
    let asked =
        |version: &str| on_proxmox(&pve, &format!("echo {version} >\"$STUBS/lxc-pve\"; {REFUSES}"));
    // The versions of Proxmox VE 8 and 9, before and with the change.
    for (version, fine) in
        [("6.0.0-1", false), ("6.0.0-2", true), ("6.0.5-1", false), ("6.0.5-2", true)]
    {
        let Some((answer, said)) = asked(version) else { return };
        assert_eq!(answer, fine, "{version}: {said}");
        assert_eq!(said.contains("apt-get install lxc-pve"), !fine, "{version}: {said}");
    }
}

fn vm(os: &str, gpu: &str) -> String {
    format!(
        "vm media id=101 on=pve {{
            os {os}
            memory \"4GiB\"
            disk root size=\"20GiB\"
            address lan \"192.168.1.101\"
            passthrough {gpu}
        }}
        service jellyfin on=media {{ library \"/srv/films\"; transcode vaapi; }}"
    )
}

#[test]
fn a_guest_with_a_gpu_gets_its_driver_and_firmware() {
    for (os, packages) in [
        ("debian-12", &["firmware-amd-graphics", "firmware-misc-nonfree"][..]),
        ("debian-13", &["firmware-amd-graphics", "firmware-intel-graphics"]),
        ("ubuntu-24.04", &["linux-generic"]),
    ] {
        let media = payload(&vm(os, "intel"), "media");
        let user_data = read(&media, "cloud-init/user-data");
        let step = read(&media, "activate.d/10-packages.sh");
        for package in packages {
            assert!(user_data.contains(&format!("- '{package}'\n")), "{os}: {user_data}");
            assert!(step.contains(package), "{os}: {step}");
        }
        // Debian keeps firmware apart, and the new kernel has to start once.
        let firmware = "/etc/apt/sources.list.d/firmware.sources";
        assert_eq!(user_data.contains(firmware), os != "ubuntu-24.04", "{user_data}");
        assert!(user_data.contains("condition: '! test -e /dev/dri/renderD128'"), "{user_data}");
        consumers::cloud_init_user_data(&media.path().join("cloud-init/user-data"))
            .expect("cloud-init takes it");
        // A machine that was there before says what to type, before anything is changed.
        let Some((fine, said)) = run(&media, &format!("{NO_DEVICES}; {REFUSES}")) else { return };
        assert!(!fine && said.contains("jellyfin needs /dev/dri/renderD128"), "{said}");
        assert!(said.contains(&format!("apt-get install {}", packages.join(" "))), "{said}");
    }
}

#[test]
fn a_host_says_what_its_guests_need_of_it_before_anything_is_changed() {
    let pve = payload(&vm("ubuntu-24.04", "radeon"), "pve");
    let guests = read(&pve, "proxmox/guests.sh");
    assert!(guests.contains("'0000:c5:00.0,pcie=1,romfile=vbios.bin'"), "{guests}");
    let without = "rmdir /sys/kernel/iommu_groups/0\n";
    let Some((fine, said)) = on_proxmox(&pve, &format!("{without}{REFUSES}")) else { return };
    assert!(!fine);
    for reason in
        ["no PCI device 0000:c5:00.0 (radeon)", "the IOMMU is off", "/usr/share/kvm/vbios.bin"]
    {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // `labctl plan` says the same, in the lines that it shows as reasons.
    let (_, planned) =
        on_proxmox(&pve, &format!("{without}sh plan.d/10-requirements.sh")).expect("a room");
    assert_eq!(planned.lines().filter(|line| line.starts_with("refused: ")).count(), 3);
    let (fine, said) = on_proxmox(
        &pve,
        &format!(
            "mkdir -p /sys/bus/pci/devices/0000:c5:00.0 /usr/share/kvm
            : >/usr/share/kvm/vbios.bin
            {REFUSES}"
        ),
    )
    .expect("a room");
    assert!(fine, "{said}");
}

/// A GPU that the host uses itself is taken from it when its guest starts, which a driver of AMD
/// does not survive, nor the host.
#[test]
fn a_gpu_must_not_be_held_by_the_host() {
    let pve = payload(&vm("ubuntu-24.04", "radeon"), "pve");
    let asked = |class: &str, driver: &str| {
        let script = format!(
            "device=/sys/bus/pci/devices/0000:c5:00.0
            mkdir -p $device /drivers/{driver} /usr/share/kvm /etc/modprobe.d
            : >/usr/share/kvm/vbios.bin
            echo {class} >$device/class; echo 0x1002 >$device/vendor; echo 0x15bf >$device/device
            [ {driver} = none ] || ln -s /drivers/{driver} $device/driver
            printf '#!/bin/sh\n' >/usr/local/bin/update-initramfs
            chmod +x /usr/local/bin/update-initramfs
            {REFUSES} >/tmp/said 2>&1 || echo stopped
            cat /tmp/said
            eval \"$(sed -n 's/.* takes it: \\(.*\\); then restart.*/\\1/p' /tmp/said)\"
            cat /etc/modprobe.d/vfio-radeon.conf 2>/dev/null || :"
        );
        on_proxmox(&pve, &script).map(|(_, said)| said)
    };
    let Some(said) = asked("0x030000", "amdgpu") else { return };
    assert!(
        said.contains("stopped\nrefused: this host's own driver amdgpu holds radeon"),
        "{said}"
    );
    let written = "options vfio-pci ids=1002:15bf\nsoftdep amdgpu pre: vfio-pci\n";
    assert!(said.ends_with(written), "{said}");
    let said = asked("0x030000", "i915").expect("a room");
    assert!(said.starts_with("note: this host's own driver i915 holds radeon"), "{said}");
    for (class, driver) in [("0x030000", "vfio-pci"), ("0x030000", "none"), ("0x020000", "igc")] {
        let said = asked(class, driver).expect("a room");
        assert!(said.trim().is_empty(), "{driver}: {said}");
    }
}

/// The command line that the kernel starts with is written by a person, with the line for the boot
/// loader that this host has. Run by that person, it changes one word.
#[test]
fn the_line_that_turns_the_iommu_on_is_that_of_the_boot_loader() {
    const GRUB: &str = "BOOT_IMAGE=/boot/vmlinuz-6.8.12-pve root=/dev/mapper/pve-root ro quiet";
    const ZFS: &str =
        r"initrd=\EFI\proxmox\6.8.12-pve\initrd.img root=ZFS=rpool/ROOT/pve-1 boot=zfs";
    let pve = payload(&vm("ubuntu-24.04", "intel"), "pve");
    let asked = |cpu: &str, line: &str| {
        let script = format!(
            "rmdir /sys/kernel/iommu_groups/0
            mkdir -p /sys/bus/pci/devices/0000:00:02.0 /etc/kernel /etc/default
            printf 'vendor_id : {cpu}\n' >/tmp/cpu; mount --bind /tmp/cpu /proc/cpuinfo
            printf '%s\n' '{line}' >/tmp/line; mount --bind /tmp/line /proc/cmdline
            printf 'root=ZFS=rpool/ROOT/pve-1 boot=zfs\n' >/etc/kernel/cmdline
            printf 'GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n' >/etc/default/grub
            for tool in update-grub proxmox-boot-tool; do
                printf '#!/bin/sh\n' >/usr/local/bin/$tool; chmod +x /usr/local/bin/$tool
            done
            {REFUSES} | tee /tmp/said
            eval \"$(sed -n 's/.*for the kernel: \\(.*\\); then restart.*/\\1/p' /tmp/said)\"
            cat /etc/kernel/cmdline /etc/default/grub"
        );
        on_proxmox(&pve, &script).map(|(_, said)| said)
    };
    let Some(said) = asked("GenuineIntel", GRUB) else { return };
    assert!(said.contains("turn VT-d or AMD-Vi on in the firmware, and for the kernel"), "{said}");
    let grub = |words: &str| format!("GRUB_CMDLINE_LINUX_DEFAULT=\"{words}\"\n");
    let end = format!("boot=zfs\n{}", grub("intel_iommu=on quiet"));
    assert!(said.ends_with(&end), "{said}");
    let said = asked("GenuineIntel", ZFS).expect("a room");
    let end = format!("boot=zfs intel_iommu=on\n{}", grub("quiet"));
    assert!(said.ends_with(&end), "{said}");
    // Others need no word of the kernel's.
    for (cpu, line) in
        [("AuthenticAMD", GRUB.to_owned()), ("GenuineIntel", format!("{GRUB} intel_iommu=on"))]
    {
        let said = asked(cpu, &line).expect("a room");
        assert!(said.contains("turn VT-d or AMD-Vi on in the firmware; then restart"), "{said}");
        assert!(said.ends_with(&format!("boot=zfs\n{}", grub("quiet"))), "{said}");
    }
    let said = asked("AuthenticAMD", &format!("{GRUB} amd_iommu=off")).expect("a room");
    assert!(said.contains("take what turns it off (iommu=off) out"), "{said}");
}

#[test]
fn limits_of_memory_that_the_kernel_ignores_are_reported() {
    let pi =
        "host pi kind=debian arch=arm64 { os debian-13; address lan \"192.168.1.4\" nic=eth0; }
        service flaresolverr on=pi { resources memory=\"512MiB\"; }";
    let pi = payload(pi, "pi");
    let asked = |controllers: &str| {
        run(
            &pi,
            &format!(
                "mount -t tmpfs tmpfs /sys/fs/cgroup
                echo {controllers} >/sys/fs/cgroup/cgroup.controllers
                {REFUSES}"
            ),
        )
    };
    // What a Raspberry Pi has, which starts with cgroup_disable=memory.
    let Some((fine, said)) = asked("cpuset cpu io pids") else { return };
    assert!(fine, "{said}");
    assert!(said.starts_with("note: the limits of memory do nothing here"), "{said}");
    assert!(said.contains("cgroup_enable=memory") && said.contains("cmdline.txt"), "{said}");
    let (fine, said) = asked("cpuset cpu io memory pids").expect("a room");
    assert!(fine && said.trim().is_empty(), "{said}");
}

/// Docker would refuse to start the container in the middle of a change.
#[test]
fn a_machine_says_which_folders_its_containers_lack_before_anything_changes() {
    let machine = r#"host box kind=debian { os debian-13; address lan "192.168.1.10"; }"#;
    let lab = format!(
        "{machine}\nservice jellyfin on=box {{ library \"/srv/films $(x)\" \"/srv/music\"; }}"
    );
    let payload = payload(&lab, "box");
    let Some((fine, said)) = run(&payload, REFUSES) else { return };
    assert!(!fine, "{said}");
    for folder in ["/srv/films $(x)", "/srv/music"] {
        let wanted = format!("refused: jellyfin needs {folder}, which is not there");
        assert!(said.contains(&wanted), "{said}");
    }
    // What the bundle itself makes or mounts is not asked for.
    assert!(!said.contains("appdata"), "{said}");
    let there = "mount -t tmpfs tmpfs /srv && mkdir -p '/srv/films $(x)' /srv/music";
    let (fine, said) = run(&payload, &format!("{there}; {REFUSES}")).expect("a room");
    assert!(fine, "{said}");
}
