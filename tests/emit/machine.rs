//! Checks what a machine is set up with. cloud-init, netplan, systemd and shellcheck are asked
//! about values that each of them could misread.

use std::path::Path;

use super::lab::compile;
use super::payload::payload;
use crate::consumers;
use crate::trixie::{Room, text};

const HOSTILE_LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE \
        it: \"yes\" # 'x' $HOME {{ y }}"
}
network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64" gateway="192.168.1.1" gateway6="fd00:1::1" \
    dns="192.168.1.1,fd00:1::1"
network store cidr="10.0.0.0/24"
host nas kind=unmanaged {
    address lan "192.168.1.3"
    address store "10.0.0.3"
    export media path="/volume1/media"
}
host pve kind=proxmox version="8.4" {
    address lan "192.168.1.100" nic=eno1 bridge=vmbr0
    address store "10.0.0.100" nic=eno2 bridge=vmbr1
    disk one device="/dev/disk/by-id/one" size="1TB"
    pool tank-ssd disk=one { dataset app-data; }
}
vm media id=101 on=pve {
    os debian-12
    cores 2
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    address lan "fd00:1::101"
    address store "10.0.0.101"
    share tank-ssd.app-data at="/mnt/app-data" via=virtiofs
    share nas.media at="/mnt/media" via=nfs read-only=#true
    ssh from=lan port=2222
}
host pi kind=debian arch=arm64 { os debian-13; address lan "192.168.1.4" nic=eth0; }
"#;

/// Services of the modules whose containers are checked here.
const SERVICES: &str = r#"
secret photos-database
secret proxy-admin-password
service jellyfin on=pi { library "/srv/films" "/srv/music"; expose web to=lan; }
service proxy module=nginx-proxy-manager on=media { expose http to=internet; }
service immich on=media {
    uploads "/mnt/app-data/photos"
    database-password (secret)photos-database
    route "photos.example.org" to=web via=proxy from=internet
}
"#;

const MODULE: &str = r##"
edition 1
module thing version="1.0" {
    summary #"| `x` <b> [a](javascript:b) # $HOME"#
    container thing { image "x/thing:1.0"; }
    package thing-tools
    sysctl "net.ipv4.ip_forward" 1
    state data path=(f)"{machine.appdata}/it's $HOME/data" owner=1000 group=1000 mode="0750"
    unit "thing.service" {
        section Unit { set Description "50% of 100 %H"; }
        section Service {
            set Type oneshot
            set ExecStart "/bin/echo" #"; /bin/sh -c "x" ${HOME} %h \"# ";" "it's"
        }
        section Install { set WantedBy multi-user.target; }
    }
}
"##;

fn accepted(answer: Result<(), String>) {
    answer.unwrap_or_else(|words| panic!("{words}"));
}

/// Asks every reader of a payload's files.
fn ask_all(payload: &Path) {
    let cloud_init = payload.join("cloud-init");
    if cloud_init.exists() {
        accepted(consumers::cloud_init_user_data(&cloud_init.join("user-data")));
        accepted(consumers::netplan(&cloud_init.join("network-config")));
    }
    for folder in ["check.d", "activate.d", "health.d"] {
        let Ok(steps) = std::fs::read_dir(payload.join(folder)) else { continue };
        for step in steps {
            accepted(consumers::shellcheck(&step.expect("a step").path()));
        }
    }
    let thing = payload.join("systemd/thing.service");
    if thing.exists() {
        accepted(consumers::systemd_verify(&thing));
    }
    if payload.join("compose").exists() {
        accepted(consumers::compose(&payload.join("compose/compose.yaml")));
    }
}

#[test]
fn the_readers_take_what_the_labs_become() {
    let hostile = compile(&[
        ("lab.kdl", HOSTILE_LAB),
        ("s.kdl", "service thing on=media\n"),
        ("modules/thing/module.kdl", MODULE),
    ]);
    let modules = compile(&[("lab.kdl", HOSTILE_LAB), ("s.kdl", SERVICES)]);
    for lab in [hostile, modules] {
        for machine in lab.machines.keys() {
            let folder = tempfile::tempdir().expect("a folder");
            lab.unpack(machine, folder.path());
            ask_all(folder.path());
        }
    }
}

#[test]
fn the_first_boot_of_a_hostile_lab() {
    let lab = compile(&[
        ("lab.kdl", HOSTILE_LAB),
        ("s.kdl", "service thing on=media\n"),
        ("modules/thing/module.kdl", MODULE),
    ]);
    let user_data = lab.text("media", "cloud-init/user-data");
    let without_labctl: String =
        user_data.split_inclusive('\n').filter(|line| !line.contains("content: 'H4s")).collect();
    crate::snapshots::assert_snapshot("emit", "cloud-init-user-data", &without_labctl);
    crate::snapshots::assert_snapshot(
        "emit",
        "cloud-init-network-config",
        lab.text("media", "cloud-init/network-config"),
    );
    crate::snapshots::assert_snapshot("emit", "runbook", lab.text("media", "RUNBOOK.md"));
}

#[test]
fn mounts_become_units_and_go_with_them() {
    let lab = compile(&[("lab.kdl", HOSTILE_LAB)]);
    let without = compile(&[("lab.kdl", &HOSTILE_LAB.replace("share ", "//"))]);
    let (with, bare) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    lab.unpack("media", with.path());
    without.unpack("media", bare.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        set -e
        mkdir /stubs
        printf '#!/bin/sh\necho "$*" >>/calls\n' >/stubs/systemctl
        chmod 755 /stubs/systemctl
        PATH=/stubs:$PATH
        printf 'UUID=1 / ext4 defaults 0 1\n' >/etc/fstab
        printf 'share\t/mnt/media\tnfs\trw,comment=cloudconfig\t0\t0\n' >>/etc/fstab
        own=/etc/systemd/system/mnt-own.mount
        echo '[Mount]' >$own

        cd /with
        sh activate.d/20-mounts.sh
        escaped=$(systemd-escape --path --suffix=mount /mnt/app-data)
        [ -f "/etc/systemd/system/$escaped" ] && [ -f /etc/systemd/system/mnt-media.mount ]
        systemd-analyze verify --man=no "/etc/systemd/system/$escaped" \
            /etc/systemd/system/mnt-media.mount 2>&1 | { ! grep -v docker.service; }
        [ "$(cat /etc/fstab)" = 'UUID=1 / ext4 defaults 0 1' ]
        grep -qxF "start $escaped" /calls && grep -qxF 'start mnt-media.mount' /calls
        rm /calls
        sh activate.d/20-mounts.sh
        ! grep -q daemon-reload /calls || exit 1

        cd /bare
        sh activate.d/20-mounts.sh
        grep -qxF "disable --quiet --now $escaped" /calls &&
            grep -qxF 'disable --quiet --now mnt-media.mount' /calls
        [ "$(echo /etc/systemd/system/*.mount)" = $own ]
    "#;
    let answer = room.show(with.path(), "/with").show(bare.path(), "/bare").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// A machine with a share for a service and one for backups.
const SHARES: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
admin ada {
    ssh-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
}
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
secret restic-password
host nas kind=unmanaged {
    address lan "192.168.1.3"
    export media path="/volume1/media"
    export backups path="/volume1/backups"
}
host pi kind=debian {
    os debian-13
    address lan "192.168.1.4" nic=eth0
    appdata "/srv/appdata" backup=daily
    share nas.media at="/mnt/media" via=nfs
    share nas.backups at="/mnt/backups" via=nfs
    ssh from=lan
}
service sonarr on=pi { data "/mnt/media"; }
service restic on=pi { repository "/mnt/backups/pi"; password (secret)restic-password; }
"#;

#[test]
fn only_shares_of_containers_keep_containers_from_starting() {
    let lab = compile(&[("lab.kdl", SHARES)]);
    assert!(lab.text("pi", "systemd/mnt-media.mount").contains("RequiredBy=docker.service"));
    let backups = lab.text("pi", "systemd/mnt-backups.mount");
    assert!(
        !backups.contains("docker.service"),
        "a NAS that is down must not take the names and the heating with it: {backups}"
    );
}

#[test]
fn a_share_by_smb_has_its_password_in_no_text() {
    let smb = SHARES.replace(
        "share nas.media at=\"/mnt/media\" via=nfs",
        "share nas.media at=\"/mnt/media\" via=cifs user=films password=(secret)nas \
         owner=\"1000:1001\"",
    );
    let smb = format!("{smb}\nsecret nas\n");
    let smb = smb.replace("path=\"/volume1/media\"", "path=\"/volume1/media\" smb=Media");
    let lab = compile(&[("lab.kdl", &smb)]);
    let unit = lab.text("pi", "systemd/mnt-media.mount");
    for line in [
        "What=//192.168.1.3/Media",
        "Type=cifs",
        "Environment=PASSWD_FILE=/etc/labwright/secrets/nas",
        "Requires=labwright-server-192.168.1.3.service",
        "RequiredBy=docker.service",
    ] {
        assert!(unit.lines().any(|own| own == line), "{line}: {unit}");
    }
    assert!(unit.contains(",username=films,uid=1000,gid=1001,"), "{unit}");
    let secrets = &lab.machines["pi"].secrets;
    assert!(
        secrets.iter().any(|secret| secret.path == "/etc/labwright/secrets/nas"),
        "{secrets:?}"
    );
    let packages = lab.text("pi", "activate.d/10-packages.sh");
    assert!(packages.contains("cifs-utils"), "{packages}");

    // The unit waits until somebody listens.
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack("pi", folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        set -e
        ip link set lo up 2>/dev/null || true
        unit=/payload/systemd/labwright-server-192.168.1.3.service
        systemd-analyze verify --man=no "$unit" /payload/systemd/mnt-media.mount 2>&1 |
            grep -v -e 'Unit docker.service not found' || true
        sed -n 's/^ExecStart=[^ ]* -c "\(.*\)"$/\1/p' "$unit" |
            sed 's/192.168.1.3/127.0.0.1/; s/sleep 5/sleep 0.1/' >/tmp/waits
        grep -q 127.0.0.1/445 /tmp/waits
        ! timeout 1 bash /tmp/waits || exit 1
        python3 -c 'import socket,time
s=socket.create_server(("127.0.0.1", 445)); print(1, flush=True); time.sleep(120)' >/tmp/up &
        until [ -s /tmp/up ]; do sleep 0.1; done
        timeout 60 bash /tmp/waits
        kill $!"#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_server_that_keeps_the_owner_of_a_share_is_no_failure() {
    let lab = compile(&[("lab.kdl", SHARES)]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack("pi", folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        set -e
        mkdir /stubs
        printf '#!/bin/sh\ncase $2 in /mnt/*) exit 1 ;; esac\nexec /usr/bin/chown "$@"\n' \
            >/stubs/chown
        chmod 755 /stubs/chown
        PATH=/stubs:$PATH
        sh /payload/activate.d/25-folders.sh 2>/said
        grep -q '^warning: /mnt/media stays' /said
        [ "$(stat -c %u /srv/appdata/sonarr/config)" = 1000 ]
    "#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_percent_in_a_unit_is_a_percent() {
    let lab = compile(&[
        ("lab.kdl", HOSTILE_LAB),
        ("s.kdl", "service thing on=media\n"),
        ("modules/thing/module.kdl", MODULE),
    ]);
    assert!(lab.text("media", "systemd/thing.service").contains("Description=50%% of 100 %%H\n"));
    assert!(
        lab.text("media", "systemd/units.tsv")
            .lines()
            .any(|row| row == "thing.service\tenable-start")
    );
}

#[test]
fn folders_are_made_with_owner_and_mode_and_then_left_alone() {
    let lab = compile(&[
        ("lab.kdl", HOSTILE_LAB),
        ("s.kdl", "service thing on=media\n"),
        ("modules/thing/module.kdl", MODULE),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack("media", folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        step=/payload/activate.d/25-folders.sh
        sh $step
        data="/srv/appdata/it's \$HOME/data"
        [ -d "$data" ] || data="/mnt/app-data/it's \$HOME/data"
        [ "$(stat -c '%u %g %a' "$data")" = '1000 1000 750' ]
        echo kept >"$data/file"
        chown 33 "$data/file"
        chmod 0700 "$data"
        sh $step
        [ "$(stat -c '%u %g %a' "$data")" = '1000 1000 750' ]
        [ "$(stat -c %u "$data/file")" = 33 ]
    "#;
    let answer = room.show(folder.path(), "/payload").sh(&format!("set -e\n{script}"), &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn what_keeps_something_on_a_share_starts_after_it() {
    let lab = payload(
        r#"
        network tunnel cidr="10.8.0.0/24"
        secret password
        host pve kind=proxmox version="8.4" {
            address lan "192.168.1.100"
            disk one device="/dev/disk/by-id/one" size="1TB"
            pool tank disk=one { dataset appdata; dataset media; }
        }
        vm box id=101 on=pve {
            os debian-13
            cores 1
            memory "1GiB"
            disk root size="8GiB"
            address lan "192.168.1.101"
            share tank.appdata at="/mnt/appdata" via=virtiofs
            share tank.media at="/mnt/media" via=virtiofs
            appdata "/mnt/appdata"
            ssh from=lan
        }
        service openvpn on=box {
            clients tunnel
            host "vpn.example.org"
            client laptop
            expose tunnel to=internet
        }
        service ddclient on=box { zone-name "example.org"; password (secret)password; }
        service fail2ban on=box
        "#,
        &[],
        "box",
    );
    let unit = |name: &str| {
        std::fs::read_to_string(lab.path().join("systemd").join(name)).expect("a unit")
    };
    let (appdata, media) = (unit("mnt-appdata.mount"), unit("mnt-media.mount"));
    for line in [
        "Before=openvpn-server@server.service",
        "Before=fail2ban.service",
        "RequiredBy=openvpn-server@server.service",
    ] {
        assert!(appdata.lines().any(|own| own == line), "{line} is missing in: {appdata}");
        assert!(!media.contains(line), "{media}");
    }
    assert!(
        !appdata.contains("RequiredBy=fail2ban.service"),
        "ssh is watched whatever becomes of a share: {appdata}"
    );
    assert!(!appdata.contains("ddclient"), "it keeps nothing there: {appdata}");
}
