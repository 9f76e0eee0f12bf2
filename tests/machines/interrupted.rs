//! Interrupts a change: a machine comes back by itself, by systemd's timer when labctl dies, and by
//! the unit at the next boot when the power fails.

use super::{Machine, Rig};
use crate::labctl::{self, Payload};

const APPLY: &str = "labctl apply --confirm-within";

/// Returns a release whose firewall and file differ from those of any other `version`.
fn release(version: u32) -> Payload {
    let mut payload = Payload::empty();
    payload.version = version;
    payload.set("etc/app.conf", &format!("level {version}\n"));
    payload.set("firewall/flows.tsv", &format!("lan\ttcp\t{version}\tssh\n"));
    payload.install(&[("etc/app.conf", "/etc/app.conf")]);
    payload
}

fn bring(machine: &Machine, payload: &Payload) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bundle = labctl::pack(payload, folder.path());
    machine.copy_in(&bundle, "/root");
    format!("/root/{}", bundle.file_name().unwrap().to_string_lossy())
}

/// Waits until no change is in progress, and fails unless the machine is at this version.
fn assert_comes_to(machine: &Machine, version: u32) {
    while machine.sh("ls /var/lib/labwright/home").contains("pending") {
        super::pause();
    }
    assert_eq!(machine.sh("cat /etc/app.conf"), format!("level {version}\n"));
    machine.sh("labctl verify");
    assert_eq!(
        machine.sh("systemctl list-units --no-legend 'labwright-watch*'"),
        "",
        "nothing watches any more"
    );
}

#[test]
fn a_cut_change_is_reverted_by_the_timer_or_at_boot() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let seed = tempfile::tempdir().unwrap();
    std::fs::write(seed.path().join("user-data"), "#cloud-config\n{}\n").unwrap();
    std::fs::write(
        seed.path().join("meta-data"),
        "instance-id: intranet\nlocal-hostname: intranet\n",
    )
    .unwrap();
    let mut machine = rig.machine("intranet", &["192.168.1.101"], seed.path());
    let script = seed.path().join("labctl");
    std::fs::write(&script, labwright::emit::labctl::SCRIPT).unwrap();
    machine.copy_in(&script, "/root");
    machine.sh("install -m 755 /root/labctl /usr/local/sbin/labctl");

    // A first firewall that nobody confirms must not stay, because nobody might ever be able to log
    // in again.
    let mut locked = release(9);
    locked.set(
        "firewall/nftables.nft",
        "table inet labwright {\n chain input { type filter hook input priority 0; tcp dport 22 \
         drop; }\n}\n",
    );
    locked.set(
        "firewall/ufw.sh",
        "ufw default deny incoming\nufw allow 80/tcp\nufw --force enable\n",
    );
    locked.step(
        "activate.d/30-firewall.sh",
        "firewall/",
        "nft -f firewall/nftables.nft; sh firewall/ufw.sh",
    );
    locked.step(
        "health.d/10-locked.sh",
        "",
        "ufw status | grep -q '^Status: active'; nft list table inet labwright",
    );
    let locked = bring(&machine, &locked);
    machine.sh(&format!(
        "{APPLY} 1 {locked} || [ $? = 4 ]; ufw status verbose; ! nft list table inet labwright \
         2>/dev/null"
    ));
    assert_eq!(machine.sh("ufw status; ls /etc/app.conf 2>/dev/null || :"), "Status: inactive\n");
    machine.sh("! grep -w 80 /etc/ufw/user.rules");

    let first = bring(&machine, &release(1));
    machine.sh(&format!("{APPLY} 0 {first}"));
    assert_comes_to(&machine, 1);

    let mut suicidal = release(2);
    suicidal.step("activate.d/10-die.sh", "", "[ \"$LABWRIGHT_REVERT\" = 1 ] || kill -9 $PPID");
    let suicidal = bring(&machine, &suicidal);
    machine.sh(&format!("{APPLY} 0 {suicidal} || [ $? = 137 ]; grep -q 'level 2' /etc/app.conf"));
    machine.sh("systemctl is-active labwright-watch.timer");
    assert_comes_to(&machine, 1);

    let third = bring(&machine, &release(3));
    machine.sh(&format!(
        "{APPLY} 600 {third} >/root/told 2>&1 & until grep -q 'labctl confirm' /root/told; do \
         sleep 0.1; done"
    ));
    machine.cut_power();
    assert_comes_to(&machine, 1);
}
