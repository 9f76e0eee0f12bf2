//! Plays the page by which a lab is brought up, command by command, on a host that its installer
//! has just left: to the end, and until it stops at what is missing, before anything is made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::consumers::shellcheck;
use crate::stubs::Stubs;
use crate::trixie::{Room, text};

/// A lab, built into a release.
struct Release {
    folder: tempfile::TempDir,
    /// The machine, the place and the line of each command, in order.
    commands: Vec<Typed>,
}

struct Typed {
    machine: String,
    here: bool,
    line: String,
}

impl Release {
    fn of(lab: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let built = Command::new(env!("CARGO_BIN_EXE_labwright"))
            .args(["build", &format!("modules/labs/{lab}"), "--out"])
            .arg(folder.path().join("release"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("labwright runs");
        assert!(built.status.success(), "{}", text(&built.stderr));
        let page = std::fs::read_to_string(folder.path().join("release/review/bring-up.html"));
        let commands = commands(&page.expect("the page"));
        Self { folder, commands }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("release")
    }

    /// Lists what is typed for a machine, in order.
    fn lines(&self, machine: &str) -> Vec<&str> {
        let own = self.commands.iter().filter(|typed| typed.machine == machine);
        own.map(|typed| typed.line.as_str()).collect()
    }
}

/// Reads the commands out of the page.
fn commands(page: &str) -> Vec<Typed> {
    let mut commands = Vec::new();
    for section in page.split("<section id=\"").skip(1) {
        let machine = section.split('"').next().expect("an id").trim_start_matches("machine-");
        for block in section.split("<pre class=\"").skip(1) {
            let (class, rest) = block.split_once("\">").expect("a class");
            let line = rest.split("</pre>").next().expect("a command");
            commands.push(Typed {
                machine: machine.to_owned(),
                here: class == "here",
                line: plain(line),
            });
        }
    }
    commands
}

/// Reads text out of HTML.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        let (number, after) = after.split_once(';').expect("an entity ends");
        plain.push_str(before);
        plain.push(char::from(number.parse::<u8>().expect("ASCII")));
        rest = after;
    }
    plain + rest
}

/// Types each line. A line that fails ends the play, and so does a plan that says that it would be
/// refused. What asks for a confirmation is confirmed from another login.
const PLAYER: &str = r#"
play() {
    printf '== %s\n' "$1"
    status=0
    case $1 in
        'labctl plan '*)
            eval "$1" >/tmp/said 2>&1 || status=$?
            cat /tmp/said
            [ "$status" != 2 ] || status=0
            ! grep -q 'apply would be refused' /tmp/said || status=3
            ;;
        'labctl secrets set '*) printf value | eval "$1" || status=$? ;;
        'labctl apply '*)
            # Without systemd, what watches over the last change may still be at work.
            while pgrep -f '^sh /var/lib/labwright/.* revert --watch' >/dev/null; do sleep 0.1; done
            SSH_CONNECTION="$LAPTOP 50001 $ADDRESS 22" sh -c "$1" >/tmp/said 2>&1 &
            while kill -0 $! 2>/dev/null && ! grep -q 'labctl confirm' /tmp/said; do sleep 0.1; done
            ! grep -q 'labctl confirm' /tmp/said ||
                SSH_CONNECTION="$LAPTOP 50002 $ADDRESS 22" sh -c 'labctl confirm' || :
            wait $! || status=$?
            cat /tmp/said
            ;;
        *) eval "$1" || status=$? ;;
    esac
    [ "$status" = 0 ] || { printf 'STOPPED at: %s\n' "$1"; exit 1; }
}
"#;

/// The hardware of the labs' hosts.
const HARDWARE: &str = "
    disk sda ata-HDD_500GB
    disk nvme0n1 nvme-SAMSUNG_MZVLW256
    disk nvme1n1 nvme-1TB
    cd /sys/bus/pci/devices && mkdir 0000:00:02.0 0000:c5:00.0 0000:02:00.0 && cd - >/dev/null
    mkdir -p /usr/share/kvm
    : >/usr/share/kvm/vbios_760m.bin
    : >/var/lib/vz/template/iso/OPNsense-26.7-dvd-amd64.iso
";

/// What a play came to.
struct Played {
    said: String,
    /// The line at which it stopped.
    stopped: Option<String>,
    calls: Vec<String>,
}

/// Plays what is typed for the host `pve` of a lab, after `before` has made it what it is.
fn play(release: &Release, before: &str) -> Option<Played> {
    play_on(release, "pve", &format!(". /stubs/proxmox.sh\n{HARDWARE}\n{before}"))
}

/// Plays what is typed for a machine, after `before` has made it what it is.
fn play_on(release: &Release, machine: &str, before: &str) -> Option<Played> {
    let address = address(release, machine);
    let laptop = address.rsplit_once('.').map(|(net, _)| format!("{net}.50")).unwrap_or_default();
    let mut script = format!(
        "{before}\nexport LAPTOP={laptop} ADDRESS={address} \
         LABWRIGHT_WAIT=0\n{PLAYER}\ncd /root\n"
    );
    for typed in release.commands.iter().filter(|typed| typed.machine == machine) {
        // Where the router is a guest, the other way to the internet ends when its cable goes into
        // the host, and the next one begins when a person has set the router up.
        if release.lines(machine).iter().any(|line| line.starts_with("qm start ")) {
            if typed.line.starts_with("scp ") {
                script.push_str("echo . >\"$STUBS/no-route\"\n");
            } else if typed.line.starts_with("qm start ") {
                script.push_str("rm -f \"$STUBS/no-route\"\n");
            }
        }
        script.push_str(&format!("play '{}'\n", typed.line.replace('\'', r"'\''")));
    }
    let stubs = Stubs::new();
    let answer = stubs.room_with(Room::new()?.show(&release.path(), "/release"), &script);
    let said = text(&answer.stdout) + &text(&answer.stderr);
    let stopped = said.lines().find_map(|line| line.strip_prefix("STOPPED at: "));
    assert_eq!(answer.status.success(), stopped.is_none(), "{said}");
    Some(Played { stopped: stopped.map(str::to_owned), said, calls: stubs.log() })
}

/// Returns the address to which the archive of a machine is copied.
fn address<'r>(release: &'r Release, machine: &str) -> &'r str {
    let copy = release.lines(machine).into_iter().find(|line| line.starts_with("scp "));
    copy.and_then(|line| line.split('@').nth(1)).expect("an address").trim_end_matches(':')
}

impl Played {
    /// Lists the calls that make or change something.
    fn made(&self) -> Vec<&str> {
        let makes =
            ["qm create", "pct create", "zpool create", "zfs create", "pvesm set", "qm set"];
        let calls = self.calls.iter().map(String::as_str);
        calls.filter(|call| makes.iter().any(|made| call.starts_with(made))).collect()
    }

    fn created(&self) -> Vec<&str> {
        let ids = self.calls.iter().filter_map(|call| {
            let words: Vec<&str> = call.split(' ').collect();
            matches!(words[..], ["qm" | "pct", "create", ..]).then(|| words[2])
        });
        ids.collect()
    }
}

/// A machine with its first boot behind it, and with the devices that its host or its maker gives.
const BOOTED: &str = "
    export PATH=\"/stubs/bare:/stubs/bin:$PATH\"
    mkdir /devices
    mount --rbind /dev /devices
    mount -t tmpfs tmpfs /dev
    for device in /devices/*; do ln -s \"$device\" \"/dev/${device##*/}\"; done
    rm -f /dev/dri /dev/sda /dev/sdb
    mkdir /dev/dri
    : >/dev/dri/renderD128; : >/dev/sda; : >/dev/sdb
    useradd --create-home --gid operator operator
    tar -xzOf /release/*-MACHINE-*.tar.gz --wildcards '*/payload/labctl' >/usr/local/sbin/labctl
    chmod 755 /usr/local/sbin/labctl
";

/// On real machines, `machines::home` applies the bundles too.
#[test]
fn nothing_is_missing_on_the_other_machines_when_their_bundles_are_applied() {
    for lab in ["media-server-home", "blackbox"] {
        let mut release = Release::of(lab);
        release.commands.retain(|typed| !typed.line.starts_with("labctl apply "));
        let machines: BTreeSet<&str> =
            release.commands.iter().map(|typed| typed.machine.as_str()).collect();
        for machine in machines {
            if ["before", "after", "pve"].contains(&machine) {
                continue;
            }
            let booted = BOOTED.replace("MACHINE", machine);
            let Some(played) = play_on(&release, machine, &booted) else { return };
            assert_eq!(played.stopped, None, "{machine}: {}", played.said);
            assert!(played.said.contains("first generation -> "), "{machine}: {}", played.said);
        }
    }
    let release = Release::of("blackbox");
    let booted = BOOTED.replace("MACHINE", "media") + "rm /dev/dri/renderD128\n";
    let played = play_on(&release, "media", &booted).expect("a room");
    let stopped = played.stopped.as_deref().unwrap_or_default();
    assert!(stopped.starts_with("labctl plan "), "{}", played.said);
    assert!(played.said.contains("apt-get install linux-generic"), "{}", played.said);
}

#[test]
fn media_server_home_is_brought_up_to_the_end() {
    let release = Release::of("media-server-home");
    let Some(played) = play(&release, "") else { return };
    assert_eq!(played.stopped, None, "{}", played.said);
    assert_eq!(played.created(), ["100", "101"], "{}", played.said);
    let first = |call: &str| {
        let position = played.calls.iter().position(|made| made.starts_with(call));
        position.unwrap_or_else(|| panic!("no `{call}` in {:#?}", played.calls))
    };
    assert!(first("sgdisk") < first("zpool create"), "{:#?}", played.calls);
    assert!(first("zfs create") < first("qm create 100"), "{:#?}", played.calls);
    // `local` holds no snippets after an installation, and a guest that needs them would not start.
    assert!(first("pvesm set local --content") < first("qm start 100"), "{:#?}", played.calls);
    assert!(played.said.contains("done: "), "{}", played.said);
}

#[test]
fn blackbox_is_brought_up_to_the_end_through_its_own_router() {
    let release = Release::of("blackbox");
    let Some(played) = play(&release, "") else { return };
    assert_eq!(played.stopped, None, "{}", played.said);
    assert_eq!(played.created(), ["100", "110", "120", "200", "210"], "{}", played.said);
    let calls = &played.calls;
    let start = calls.iter().position(|call| call == "qm start 100").expect("the router starts");
    let next = calls.iter().position(|call| call.starts_with("qm create 110")).expect("a guest");
    assert!(start < next, "{calls:#?}");
}

/// A fault of a host as it is found, where the play stops, and what is said about it.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("media-server-home", "echo . >\"$STUBS/no-route\"", "apt-get update", "Failed to fetch"),
    (
        "media-server-home",
        "echo cloud >\"$STUBS/no-route\"",
        "labctl plan",
        "debian-13-generic-amd64.qcow2 can't be reached, and guest 100 is made from it: this host \
         needs a way to the internet (ip route)",
    ),
    (
        "media-server-home",
        ": >\"$STUBS/full\"",
        "sgdisk --new=0:0:+471859200K",
        "Could not create partition",
    ),
    (
        "media-server-home",
        ": >\"$STUBS/used\"",
        "labctl plan",
        "is not empty (swap): look at it with wipefs -n",
    ),
    (
        "media-server-home",
        "rm /dev/disk/by-id/nvme-SAMSUNG_MZVLW256",
        "sgdisk --new=0:0:+157286400K",
        "Problem opening /dev/disk/by-id/nvme-SAMSUNG_MZVLW256",
    ),
    (
        "media-server-home",
        "pvesm remove local-lvm",
        "labctl plan",
        "there is no storage local-lvm: add it, or name another one in the lab",
    ),
    (
        "media-server-home",
        "pvesm set local-lvm --status inactive",
        "labctl plan",
        "the storage local-lvm is inactive",
    ),
    (
        "media-server-home",
        "pvesm set local-lvm --content rootdir",
        "labctl plan",
        "the storage local-lvm is not there for images: add it to its content",
    ),
    (
        "media-server-home",
        "pvesm remove local; pvesm add lvmthin local --content images",
        "labctl plan",
        "the storage local (lvmthin) holds no files, and cloud-init needs some",
    ),
    (
        "media-server-home",
        "rmdir /sys/class/net/vmbr0",
        "labctl plan",
        "there is no bridge vmbr0, to which extranet is connected",
    ),
    (
        "media-server-home",
        "rm /dev/kvm",
        "labctl plan",
        "no VM starts: turn virtualization (VT-x or AMD-V) on in the firmware",
    ),
    (
        "media-server-home",
        "rmdir /sys/kernel/iommu_groups/0",
        "labctl plan",
        "the IOMMU is off, and devices are passed through",
    ),
    (
        "media-server-home",
        "echo 8.3.5 >\"$STUBS/pveversion\"",
        "labctl plan",
        "this is Proxmox VE 8.3.5, and the lab counts on 8.4: apt-get update && apt-get \
         dist-upgrade",
    ),
    (
        "media-server-home",
        "qm create 101 --name windows",
        "labctl plan",
        "guest 101 is there and is called windows, not intranet",
    ),
    (
        "media-server-home",
        "pct create 101 local:vztmpl/x --hostname dns",
        "labctl plan",
        "guest 101 is there (dns), as another kind of guest than intranet",
    ),
    (
        "blackbox",
        "echo 6.0.0-1 >\"$STUBS/lxc-pve\"",
        "labctl plan",
        "lxc-pve 6.0.0-1 lets no current Docker start containers in infrastructure, productivity: \
         apt-get update, apt-get install lxc-pve",
    ),
    (
        "blackbox",
        "rm /usr/share/kvm/vbios_760m.bin",
        "ls /usr/share/kvm/vbios_760m.bin",
        "No such file",
    ),
    (
        "blackbox",
        "rm /var/lib/vz/template/iso/*",
        "ls \"$(pvesm path local:iso/OPNsense",
        "No such file",
    ),
    (
        "blackbox",
        "pvesm set local --content iso,backup",
        "labctl plan",
        "the storage local is not there for vztmpl",
    ),
];

#[test]
fn a_play_stops_at_what_is_missing_before_anything_is_made() {
    let releases = ["media-server-home", "blackbox"].map(|lab| (lab, Release::of(lab)));
    for (lab, fault, stop, says) in FAULTS {
        let (_, release) = releases.iter().find(|(name, _)| name == lab).expect("a lab");
        // What a stand-in is told to hold before the play is no part of it.
        let before = format!("{{ {fault}; }} && : >\"$STUBS/log\"");
        let Some(played) = play(release, &before) else { return };
        let stopped = played.stopped.as_deref().unwrap_or_default();
        assert!(stopped.starts_with(stop), "{fault}: stopped at `{stopped}`: {}", played.said);
        // labctl breaks lines that are too long.
        let said = played.said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(says), "{fault}: {}", played.said);
        assert_eq!(played.made(), [""; 0], "{fault}: {}", played.said);
    }
}

#[test]
fn a_damaged_archive_ends_the_play_before_it_begins() {
    let release = Release::of("media-server-home");
    let [first, ..] = release.commands.as_slice() else { panic!("no commands") };
    assert!(first.here && first.line.starts_with("sha256sum "), "{}", first.line);
    let check = || {
        let mut sh = Command::new("sh");
        sh.args(["-c", &first.line]).current_dir(release.path()).output().expect("sh runs")
    };
    assert!(check().status.success());
    let archive = archive(&release.path(), "media-server-home-pve-");
    std::fs::write(&archive, "half of it").expect("the archive");
    let answer = check();
    assert!(!answer.status.success() && text(&answer.stdout).contains(": FAILED"));
}

fn archive(folder: &Path, begins: &str) -> PathBuf {
    let mut entries = std::fs::read_dir(folder).expect("the release");
    let found = entries.find_map(|entry| {
        let path = entry.expect("an entry").path();
        path.file_name()?.to_str()?.starts_with(begins).then_some(path)
    });
    found.expect("an archive")
}

#[test]
fn machines_come_after_those_that_they_need() {
    let order = |lab: &str| {
        let mut order: Vec<String> = Vec::new();
        for typed in Release::of(lab).commands {
            if !["before", "after"].contains(&typed.machine.as_str())
                && order.last() != Some(&typed.machine)
            {
                order.push(typed.machine);
            }
        }
        order
    };
    assert_eq!(order("media-server-home"), ["pve", "extranet", "intranet"]);
    assert_eq!(
        order("blackbox"),
        ["pve", "cargo", "control-tower", "media", "downloads", "infrastructure", "productivity"]
    );
    assert_eq!(order("media-server-single"), ["nas", "pve", "services"]);
}

#[test]
fn a_guest_that_the_lab_renames_is_no_stranger() {
    let lab = |name: &str| {
        format!(
            "vm {name} id=101 on=pve {{
                os debian-13
                memory \"1GiB\"
                disk root size=\"8GiB\"
                address lan \"192.168.1.90\"
            }}"
        )
    };
    let before = super::payload(&lab("old"), "pve");
    let after = super::payload(&lab("new"), "pve");
    shellcheck(&after.path().join("machine/requirements.sh")).expect("ShellCheck accepts it");
    let ask = |known: &str| {
        let stubs = Stubs::new();
        let room =
            Room::new()?.show(after.path(), "/payload").show(before.path(), "/previous/payload");
        let script = format!(
            ". /stubs/proxmox.sh; qm create 101 --name old; cd /payload
            LABWRIGHT_PREVIOUS={known} sh check.d/05-requirements.sh"
        );
        let answer = stubs.room_with(room, &script);
        Some((answer.status.success(), text(&answer.stdout)))
    };
    let Some((fine, said)) = ask("") else { return };
    assert!(!fine && said.contains("qm set 101 --name new"), "{said}");
    let (fine, said) = ask("/previous").expect("a room");
    assert!(fine, "{said}");
}
