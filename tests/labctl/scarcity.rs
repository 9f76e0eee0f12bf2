//! Checks what labctl does when something is missing: room on the disk, the right to write, the
//! lock.

use crate::left_out::left_out;

use super::{Machine, Payload, answer, run, state, under_each_shell};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs an sh script in mounts of its own, with `$LABCTL`, `$STATE` and the bundle as `$1`. Returns
/// nothing where the kernel does not allow that.
fn in_own_mounts(machine: &Machine, script: &str, bundle: &Path) -> Option<super::Answer> {
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(bundle);
    machine.environment(&mut command);
    command.env("LABCTL", machine.call());
    command.env("STATE", machine.path("var/lib/labwright"));
    let allowed = Command::new("unshare")
        .args(["-rm", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !allowed {
        left_out("`unshare -rm` is not allowed");
    }
    allowed.then(|| answer(&mut command))
}

#[test]
fn a_disk_that_is_or_becomes_full_leaves_the_old_generation() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        // The state has a disk of its own, which is filled before the call, or by a step of the new
        // generation.
        let script = "set -e
            cp -a \"$STATE\" \"$LABWRIGHT_ROOT/kept\"
            mount -t tmpfs -o size=20m tmpfs \"$STATE\"
            cp -a \"$LABWRIGHT_ROOT/kept/.\" \"$STATE\"
            head -c 30000000 /dev/zero >\"$STATE/fill\" 2>/dev/null || :
            $LABCTL apply \"$1\" --confirm-within 0 && exit 1 || echo \"full before: $?\"
            $LABCTL verify && $LABCTL status
            $LABCTL rollback && exit 1 || echo \"rollback: $?\"
            rm \"$STATE/fill\"
            $LABCTL apply \"$1\" --confirm-within 0 && exit 1 || echo \"full meanwhile: $?\"
            $LABCTL verify && $LABCTL status
            rm -f \"$STATE/fill\" \"$LABWRIGHT_ROOT/fill\"
            $LABCTL apply \"$1\" --confirm-within 0 && echo made room";
        let mut filling = Payload::later();
        filling.step(
            "activate.d/30-fill.sh",
            "",
            "[ -e \"$LABWRIGHT_ROOT/filled\" ] || { : >\"$LABWRIGHT_ROOT/filled\"; head -c \
             30000000 /dev/zero >\"$LABWRIGHT_ROOT/var/lib/labwright/fill\"; }",
        );
        let Some(told) = in_own_mounts(&machine, script, &machine.bundle(&filling)) else { return };
        let told = told.exits(0).says("full before: 3").says("full meanwhile: 4").says("made room");
        assert_eq!(told.out.matches("current     2025.1.0").count(), 2, "{}", told.out);
    });
}

#[test]
fn a_read_only_machine_is_refused() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let script = "set -e
            mount --bind \"$LABWRIGHT_ROOT\" \"$LABWRIGHT_ROOT\"
            mount -o remount,ro,bind \"$LABWRIGHT_ROOT\"
            $LABCTL apply \"$1\" --confirm-within 0";
        let Some(told) = in_own_mounts(&machine, script, &machine.bundle(&Payload::later())) else {
            return;
        };
        told.exits(3).says("nothing was changed");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_file_that_cannot_be_written_brings_the_old_generation_back() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let mut payload = Payload::later();
        payload.install(&[
            ("etc/app.conf", "/etc/app.conf"),
            ("etc/extra.conf", "/etc/frozen/extra.conf"),
        ]);
        let script = "set -e
            mkdir \"$LABWRIGHT_ROOT/etc/frozen\"
            mount -t tmpfs -o ro tmpfs \"$LABWRIGHT_ROOT/etc/frozen\"
            $LABCTL apply \"$1\" --confirm-within 0";
        let Some(told) = in_own_mounts(&machine, script, &machine.bundle(&payload)) else { return };
        told.exits(4).says("cannot write /etc/frozen/extra.conf");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn two_at_once_do_not_meet() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        // A second apply starts while the first one is in the middle.
        let labctl = machine.call();
        payload.step(
            "activate.d/65-second.sh",
            "",
            &format!("code=0; {labctl} rollback || code=$?; [ $code = 3 ] && {labctl} revert"),
        );
        let bundle = machine.bundle(&payload);
        let arguments = ["apply", bundle.to_str().unwrap(), "--confirm-within", "0"];
        machine.labctl(&arguments).exits(0);
        let output = machine.read(&state("output")).unwrap();
        assert!(output.contains("or a step it started, is at work"), "{output}");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_step_that_outlives_a_killed_labctl_is_waited_for() {
    under_each_shell(|machine| {
        let pipe = machine.path("gate");
        run(Command::new("mkfifo").arg(&pipe));
        let mut payload = Payload::sample();
        payload.step(
            "activate.d/50-slow.sh",
            "",
            "kill -9 $PPID; echo started >\"$LABWRIGHT_ROOT/started\"; cat \
             \"$LABWRIGHT_ROOT/gate\"",
        );
        let bundle = machine.bundle(&payload);
        let mut apply =
            machine.command(&["apply", bundle.to_str().unwrap(), "--confirm-within", "0"]);
        apply.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(apply.status().unwrap().code().is_none(), "killed by its own step");
        machine.labctl(&["rollback"]).exits(3).says("or a step it started, is at work");
        std::fs::write(&pipe, "go on\n").unwrap();
        let ended = || machine.labctl(&["rollback"]).code == 0;
        while !ended() {
            std::thread::yield_now();
        }
        assert_eq!(machine.whole(), "");
    });
}
