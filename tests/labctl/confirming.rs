//! Checks that nobody is locked out. A change that would drop the present login is refused. A
//! change of how people log in is reverted unless a new login confirms it.

use super::{Machine, NEW_LOGIN, Payload, answer, state, under_each_shell};
use std::process::Command;

/// Returns a machine at 2025.1.0 where 2025.2.0 waits for its confirmation, from a call that was
/// killed.
fn waiting(machine: &Machine) {
    machine.apply(&machine.bundle(&Payload::sample())).exits(0);
    machine.apply_until_it_waits(&machine.bundle(&Payload::later()), "100").kill();
}

#[test]
fn only_a_new_login_confirms() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        let apply = machine.apply_until_it_waits(&later, "100");
        machine.labctl(&["status"]).says("waits").says("labctl confirm");
        machine
            .labctl(&["confirm"])
            .exits(3)
            .says("this is the login that applied it (ssh from 192.168.1.50 port 50000)");
        machine.apply(&first).exits(3).says("waits");
        machine
            .labctl_with("SSH_CONNECTION", "", &["confirm"])
            .exits(3)
            .says("this is not a login");
        machine.labctl_with("SSH_CONNECTION", NEW_LOGIN, &["confirm"]).exits(0).says("stays");
        apply.ends().exits(0).says("confirmed").says("done: 2025.2.0");
        assert_eq!(machine.whole(), "2025.2.0");
        machine
            .labctl_with("SSH_CONNECTION", NEW_LOGIN, &["confirm"])
            .exits(3)
            .says("nothing waits");
    });
}

#[test]
fn a_login_that_began_before_the_new_rules_proves_nothing() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        // The shell of another login is older than the apply, which it starts as if from the first
        // login.
        let labctl = machine.call();
        let script = format!(
            "SSH_CONNECTION='{}' {labctl} apply {} --confirm-within 100 >\"$LABWRIGHT_ROOT/out\" &
            until grep -q 'Without it' \"$LABWRIGHT_ROOT/out\"; do :; done
            {labctl} confirm
            echo $?
            {labctl} rollback >/dev/null
            wait",
            super::LOGIN,
            later.display(),
        );
        let mut shell = Command::new("dash");
        shell.args(["-c", &script]);
        machine.environment(&mut shell);
        answer(shell.env("SSH_CONNECTION", NEW_LOGIN))
            .exits(0)
            .says("began before the new rules were in force")
            .says("3\n");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn without_a_confirmation_the_old_rules_come_back() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        let apply = machine.apply_until_it_waits(&later, "1");
        apply.ends().exits(4).says("nobody confirmed it").says("reverted: 2025.1.0");
        assert_eq!(machine.whole(), "2025.1.0");
        machine.labctl_with("SSH_CONNECTION", NEW_LOGIN, &["confirm"]).exits(3);
    });
}

#[test]
fn the_timer_reverts_when_the_call_is_gone_and_the_time_is_over() {
    under_each_shell(|machine| {
        // The machine's clock counts hundredths of a second since boot, and nobody can set it.
        machine.write("proc/uptime", "1000.00 0\n");
        machine.write("proc/sys/kernel/random/boot_id", "first\n");
        waiting(&machine);
        machine.labctl(&["revert"]).exits(0).says("waits 100 s more");
        machine.write("proc/uptime", "1099.99 0\n");
        machine.labctl(&["revert"]).exits(0).says("waits 0 s more");
        let confirmed = machine.copy();
        confirmed.labctl_with("SSH_CONNECTION", NEW_LOGIN, &["confirm"]).exits(0);
        assert_eq!(confirmed.whole(), "2025.2.0");
        let restarted = machine.copy();
        restarted.write("proc/sys/kernel/random/boot_id", "second\n");
        restarted.write("proc/uptime", "3.00 0\n");
        restarted
            .labctl(&["revert", "--at-boot"])
            .exits(0)
            .says("was restarted before it was confirmed");
        assert_eq!(restarted.whole(), "2025.1.0");
        machine.write("proc/uptime", "1100.00 0\n");
        machine.labctl_with("SSH_CONNECTION", NEW_LOGIN, &["confirm"]).exits(3).says("too late");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn rollback_ends_the_wait() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let apply = machine.apply_until_it_waits(&machine.bundle(&Payload::later()), "100");
        machine.labctl(&["rollback"]).exits(0).says("rollback was asked for");
        apply.ends().exits(4).says("reverted meanwhile");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn what_touches_neither_firewall_nor_ssh_asks_nobody() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let harmless = machine.bundle(&Payload::harmless());
        machine.labctl(&["apply", harmless.to_str().unwrap()]).exits(0);
        let mut ssh = Payload::harmless();
        ssh.version = 3;
        ssh.set("ssh/labwright.conf", "PasswordAuthentication no\n");
        ssh.install(&[
            ("etc/app.conf", "/etc/app.conf"),
            ("ssh/labwright.conf", "/etc/ssh/sshd_config.d/labwright.conf"),
        ]);
        machine.plan(&machine.bundle(&ssh)).exits(2).says("confirm     from a new login");
    });
}

#[test]
fn rules_that_would_lock_this_login_out_are_refused() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let later = machine.bundle(&Payload::later());
        let planned = |login: &str| {
            machine.labctl_with("SSH_CONNECTION", login, &["plan", later.to_str().unwrap()]).out
        };
        let refused = |login: &str| planned(login).contains("would lock this login out");
        // client, refused: 192.168.1.0/24 and fd00::/8 may, 192.168.1.111 may not, and ssh is at
        // 22.
        for (login, expected) in [
            ("192.168.1.50 5000 192.168.1.101 22", false),
            ("192.168.1.255 5000 192.168.1.101 22", false),
            ("192.168.2.1 5000 192.168.1.101 22", true),
            ("192.168.1.111 5000 192.168.1.101 22", true),
            ("192.168.1.50 5000 192.168.1.101 2222", true),
            ("fd12:3456::1 5000 fd12::2 22", false),
            ("fc00::1 5000 fd12::2 22", true),
            ("::ffff:192.168.1.50 5000 ::ffff:192.168.1.101 22", false),
            ("2001:db8::c0a8:132 5000 2001:db8::1 22", true),
            ("", false),
        ] {
            assert_eq!(refused(login), expected, "{login}: {}", planned(login));
        }
        machine
            .labctl_with(
                "SSH_CONNECTION",
                "10.8.0.2 5000 192.168.1.101 22",
                &["apply", later.to_str().unwrap()],
            )
            .exits(3);
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn without_systemd_a_process_in_the_background_watches() {
    under_each_shell(|machine| {
        std::fs::remove_dir_all(machine.path("run/systemd")).unwrap();
        machine.apply(&machine.bundle(&Payload::sample())).exits(0).says("there is no systemd");
        let later = machine.bundle(&Payload::later());
        let apply = machine.apply_until_it_waits(&later, "1");
        apply.kill();
        while machine.path(&state("pending")).exists() {
            std::thread::yield_now();
        }
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_revert_that_cannot_be_armed_is_refused() {
    under_each_shell(|machine| {
        machine.write("fail-systemd-run", "");
        machine
            .apply(&machine.bundle(&Payload::sample()))
            .exits(3)
            .says("the revert could not be armed");
        assert_eq!(machine.whole(), "");
    });
}

#[test]
fn a_revert_that_fails_at_boot_is_watched_by_a_new_timer() {
    under_each_shell(|machine| {
        waiting(&machine);
        machine.write("proc/sys/kernel/random/boot_id", "second\n");
        std::fs::remove_file(machine.path("live/timer")).unwrap();
        machine.write("fail-nft", "");
        machine.calls();
        machine.labctl(&["revert", "--at-boot"]).exits(5).says("failed too");
        assert!(machine.path("live/timer").exists(), "{}", machine.calls());
        std::fs::remove_file(machine.path("fail-nft")).unwrap();
        machine.labctl(&["rollback"]).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
        assert!(!machine.path("live/timer").exists());
    });
}

#[test]
fn a_first_firewall_in_place_of_ufw_gives_it_back() {
    under_each_shell(|machine| {
        let ufw = "case $* in status) [ ! -e \"$LABWRIGHT_ROOT/live/ufw\" ] || echo Status: \
                   active ;; *disable) rm \"$LABWRIGHT_ROOT/live/ufw\" ;;
            *enable) : >\"$LABWRIGHT_ROOT/live/ufw\" ;; esac";
        machine.script("stubs/ufw", &format!("#!/bin/sh\n{ufw}\n"));
        machine.write("live/ufw", "");
        let mut payload = Payload::sample();
        payload.step(
            "activate.d/20-firewall.sh",
            "firewall/",
            "nft -f firewall/nftables.nft; ufw --force disable",
        );
        payload.step(
            "activate.d/61-break.sh",
            "",
            "[ ! -e \"$LABWRIGHT_ROOT/live/ufw\" ] && exit 1",
        );
        machine.apply(&machine.bundle(&payload)).exits(4);
        assert_eq!(machine.whole(), "");
        assert!(machine.path("live/ufw").exists(), "nothing would guard the machine");
    });
}

#[test]
fn a_first_firewall_that_nobody_confirms_is_taken_away() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.set(
            "firewall/ufw.sh",
            "#!/bin/sh\nset -eu\necho ours >\"$LABWRIGHT_ROOT/etc/ufw/user.rules\"\nufw --force \
             enable\n",
        );
        payload.step(
            "activate.d/20-firewall.sh",
            "firewall/",
            "nft -f firewall/nftables.nft; sh firewall/ufw.sh",
        );
        payload.set("ssh/lab.conf", "Port 2222\n");
        payload.install(&[
            ("etc/app.conf", "/etc/app.conf"),
            ("ssh/lab.conf", "/etc/ssh/sshd_config.d/lab.conf"),
        ]);
        machine.write("etc/ufw/user.rules", "theirs\n");
        let apply = machine.apply_until_it_waits(&machine.bundle(&payload), "1");
        machine.calls();
        apply.ends().exits(4);
        assert_eq!(machine.whole(), "");
        assert_eq!(machine.read("etc/ufw/user.rules").unwrap(), "theirs\n");
        let calls = machine.calls();
        assert!(
            calls.contains(
                "docker stop 0123\ndocker ps --all --quiet --filter \
                 label=labwright.lab=home\ndocker rm --force 0123\nnft delete table inet \
                 labwright\nufw --force disable\n"
            ),
            "at once, and what it guarded before it: {calls}"
        );
        assert!(calls.contains("systemctl try-restart ssh.socket ssh.service"), "{calls}");
    });
}
