//! Goes from a downloaded bundle to a running machine, to the next release, and back.

use super::{Payload, run, state, under_each_shell};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

#[test]
fn a_machine_goes_from_nothing_to_a_release_to_the_next_and_back() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));

        let plan = machine
            .plan(&first)
            .exits(2)
            .says("first generation -> 2025.1.0")
            .says("+ /etc/app.conf");
        assert!(
            plan.out.lines().all(|line| line.len() <= 80) && plan.out.lines().count() <= 24,
            "{}",
            plan.out
        );
        assert!(!machine.path("var").exists(), "a plan touches nothing");
        assert_eq!(std::fs::read_dir(machine.path("tmp")).unwrap().count(), 0);
        machine.calls();

        machine.apply(&first).exits(0).says("20-firewall.sh ... done").says("is current");
        assert_eq!(machine.whole(), "2025.1.0");
        let calls = machine.calls();
        let armed =
            calls.find("systemd-run --quiet --unit=labwright-watch").expect("the revert is armed");
        assert!(armed < calls.find("nft -f").unwrap(), "before the first step: {calls}");
        assert!(calls.contains("systemctl enable --quiet labwright-revert.service"), "{calls}");
        assert!(
            calls.trim_end().ends_with("systemctl reset-failed labwright-watch.service"),
            "and disarmed: {calls}"
        );
        let unit = machine.read("etc/systemd/system/labwright-revert.service").unwrap();
        assert!(
            unit.contains("ConditionPathExists=") && unit.contains("revert --at-boot --lab home"),
            "{unit}"
        );

        machine.apply(&first).exits(0).says("nothing to do");
        assert!(!machine.calls().contains("nft -f"), "a second apply runs nothing");
        machine.plan(&first).exits(0).says("nothing to do");

        machine
            .plan(&later)
            .exits(2)
            .says("~ /etc/app.conf")
            .says("+ /etc/extra.conf")
            .says("- /etc/systemd/system/app.service")
            .says("~ jellyfin  jellyfin:2")
            .says("confirm     from a new login");
        machine.apply(&later).exits(0);
        assert_eq!(machine.whole(), "2025.2.0");
        assert!(
            machine.calls().contains("systemctl disable --now app.service"),
            "a dropped unit is stopped"
        );
        assert_eq!(machine.read("etc/systemd/system/app.service"), None);

        machine.labctl(&["rollback", "--confirm-within", "0"]).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
        let log = machine.read(&state("log")).unwrap();
        assert!(log.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "{log}");
    });
}

#[test]
fn a_release_that_leaves_the_machine_as_it_is_changes_only_its_name() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let older = Payload::sample();
        let mut same = Payload::sample();
        same.version = 3;
        machine.calls();
        machine.apply(&machine.bundle(&same)).exits(0).says("nothing to do");
        assert!(!machine.calls().contains("nft -f"));
        assert_eq!(machine.whole(), "2025.3.0");
        machine.apply(&machine.bundle(&older)).exits(3).says("replayed");
    });
}

#[test]
fn only_the_steps_whose_inputs_changed_run() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.step("activate.d/90-always.sh", "", "ufw status");
        let first = machine.bundle(&payload);
        payload.version = 2;
        payload.set("etc/app.conf", "level 2\n");
        let second = machine.bundle(&payload);
        payload.version = 3;
        payload.step(
            "activate.d/60-compose.sh",
            "compose/",
            "docker compose -f compose/compose.yaml up -d --wait",
        );
        let third = machine.bundle(&payload);
        machine.apply(&first).exits(0);
        machine.calls();

        machine.plan(&second).says("70-units.sh").says("90-always.sh");
        machine.calls();
        machine.apply(&second).exits(0);
        let calls = machine.calls();
        assert!(calls.contains("restart app.service") && calls.contains("ufw status"), "{calls}");
        assert!(!calls.contains("nft -f") && !calls.contains(" up "), "{calls}");

        machine.apply(&third).exits(0);
        let calls = machine.calls();
        assert!(calls.contains("up -d --wait"), "its own text is an input: {calls}");
        assert!(!calls.contains("restart app.service"), "{calls}");

        machine
            .labctl(&["apply", third.to_str().unwrap(), "--all-steps", "--confirm-within", "0"])
            .exits(0);
        assert!(machine.calls().contains("nft -f"), "every step, when asked to");
    });
}

#[test]
fn a_step_knows_where_it_is() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.step(
            "activate.d/10-tell.sh",
            "",
            "env | grep ^LABWRIGHT_ | sort >\"$LABWRIGHT_ROOT/env\"; pwd -P \
             >\"$LABWRIGHT_ROOT/cwd\"; id -u >/dev/null",
        );
        machine.apply(&machine.bundle(&payload)).exits(0);
        let environment = machine.read("env").unwrap();
        let state = machine.path(&state("")).display().to_string();
        for line in [
            "LABWRIGHT_LAB=home",
            "LABWRIGHT_MACHINE=intranet",
            "LABWRIGHT_PREVIOUS=",
            "LABWRIGHT_REVERT=0",
        ] {
            assert!(environment.lines().any(|known| known == line), "{line} in {environment}");
        }
        assert!(
            environment.contains(&format!("LABWRIGHT_STATE={}", state.trim_end_matches('/'))),
            "{environment}"
        );
        assert!(!environment.contains("ONE_WAY"), "{environment}");
        assert!(machine.read("cwd").unwrap().trim_end().ends_with("/payload"));

        payload.version = 2;
        let later = machine.bundle(&payload);
        payload.step("activate.d/99-fail.sh", "", "exit 1");
        let failing = machine.bundle(&payload);
        machine
            .labctl(&[
                "apply",
                later.to_str().unwrap(),
                "--all-steps",
                "--allow-one-way",
                "--confirm-within",
                "0",
            ])
            .exits(0);
        assert!(machine.read("env").unwrap().contains("LABWRIGHT_ALLOW_ONE_WAY=1"));
        machine.apply(&failing).exits(4).says("99-fail.sh failed");
        assert!(
            machine.read("env").unwrap().contains("LABWRIGHT_REVERT=1"),
            "the old generation's steps brought it back"
        );
    });
}

#[test]
fn a_failing_check_changes_nothing() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.step("check.d/10-disk.sh", "", "echo the disk is missing; exit 1");
        let bundle = machine.bundle(&payload);
        machine
            .apply(&bundle)
            .exits(3)
            .says("the check 10-disk.sh failed")
            .says("the disk is missing");
        assert_eq!(machine.whole(), "");
        assert!(!machine.path("var/lib/labwright").exists());

        machine.write("fail-nft", "");
        let bundle = machine.bundle(&Payload::sample());
        machine.plan(&bundle).exits(2).says("nft refuses firewall/nftables.nft");
        machine.apply(&bundle).exits(3).says("nft refuses");
    });
}

#[test]
fn a_failing_step_or_health_check_brings_the_old_generation_back() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        machine.write("fail-health", "");
        machine
            .apply(&later)
            .exits(4)
            .says("the health check 10-app.sh failed")
            .says("reverted: 2025.1.0")
            .says("what the steps printed: ");
        assert_eq!(machine.whole(), "2025.1.0");
        std::fs::remove_file(machine.path("fail-health")).unwrap();

        let mut broken = Payload::later();
        broken.version = 3;
        broken.step("activate.d/61-pull.sh", "", "echo no route to host; exit 7");
        machine
            .apply(&machine.bundle(&broken))
            .exits(4)
            .says("the step 61-pull.sh failed")
            .says("| no route to host");
        assert_eq!(machine.whole(), "2025.1.0");
        machine.apply(&later).exits(0);
    });
}

#[test]
fn a_revert_that_fails_says_so_and_is_tried_again() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        let mut broken = Payload::later();
        broken.step("activate.d/61-break.sh", "", "touch \"$LABWRIGHT_ROOT/fail-nft\"; exit 1");
        machine
            .apply(&machine.bundle(&broken))
            .exits(5)
            .says("the revert to 2025.1.0")
            .says("failed too");
        machine.labctl(&["status"]).exits(0).says("revert-failed");
        machine.labctl(&["rollback"]).exits(5);

        // There are two ways out: the reason disappears, or a repaired bundle is applied.
        std::fs::remove_file(machine.path("fail-nft")).unwrap();
        let forward = machine.copy();
        forward
            .labctl(&["apply", later.to_str().unwrap(), "--all-steps", "--confirm-within", "0"])
            .exits(0);
        assert_eq!(forward.whole(), "2025.2.0");
        machine.labctl(&["rollback"]).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn an_interrupt_brings_the_old_generation_back_and_no_second_one_stops_that() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        let mut interrupted = Payload::later();
        interrupted.step("activate.d/61-interrupt.sh", "", "kill -TERM $PPID");
        machine
            .apply(&machine.bundle(&interrupted))
            .exits(4)
            .says("is not kept: it was interrupted");
        assert_eq!(machine.whole(), "2025.1.0");

        let waiting = machine.apply_until_it_waits(&machine.bundle(&Payload::later()), "100");
        run(Command::new("kill").args(["-INT", &waiting.child.id().to_string()]));
        waiting.ends().exits(4).says("interrupted while waiting");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_long_step_shows_what_it_is_at_and_what_a_person_should_know() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.step(
            "activate.d/61-pull.sh",
            "",
            "echo 'note: a dashboard is missing'; echo ' layer 7 Pulling'; until [ -e \
             \"$LABWRIGHT_ROOT/seen\" ]; do sleep 0.05; done",
        );
        payload.step("check.d/05-requirements.sh", "", "echo 'note: limits do nothing here'");
        let bundle = machine.bundle(&payload);
        let mut apply =
            machine.command(&["apply", bundle.to_str().unwrap(), "--confirm-within", "0"]);
        let mut child =
            apply.env("LABWRIGHT_TEST_PROGRESS", "1").stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut told = Vec::new();
        while !String::from_utf8_lossy(&told).contains("s  layer 7 Pulling .") {
            assert_ne!(
                out.read_until(b'.', &mut told).unwrap(),
                0,
                "{}",
                String::from_utf8_lossy(&told)
            );
        }
        machine.write("seen", "");
        out.read_to_end(&mut told).unwrap();
        assert!(child.wait().unwrap().success());
        let told = String::from_utf8_lossy(&told);
        assert!(told.contains("    note: a dashboard is missing\n"), "{told}");
        assert!(told.contains("    note: limits do nothing here\n"), "{told}");
    });
}

#[test]
fn a_generation_that_was_damaged_is_put_right() {
    under_each_shell(|machine| {
        let bundle = machine.bundle(&Payload::sample());
        machine.apply(&bundle).exits(0);
        machine.write(&state("current/payload/compose/compose.yaml"), "services: {}\n");
        machine.labctl(&["verify"]).exits(1).says("the generation itself is damaged");
        machine
            .plan(&bundle)
            .exits(2)
            .says("this generation is damaged here")
            .says("60-compose.sh");
        machine.apply(&bundle).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_unit_of_a_package_is_stopped_when_the_bundle_lets_go_of_it() {
    under_each_shell(|machine| {
        let mut first = Payload::sample();
        first.set(
            "systemd/units.tsv",
            "app.service\tenable-start\nvpn@home.service\tenable-start\n",
        );
        machine.apply(&machine.bundle(&first)).exits(0);
        machine.calls();
        machine.apply(&machine.bundle(&Payload::harmless())).exits(0);
        let calls = machine.calls();
        assert!(calls.contains("systemctl disable --now vpn@home.service"), "{calls}");
        assert!(!calls.contains("disable --now app.service"), "{calls}");
    });
}

#[test]
fn what_cannot_be_undone_needs_to_be_allowed() {
    under_each_shell(|machine| {
        let first = machine.bundle(&Payload::sample());
        let mut payload = Payload::harmless();
        payload.set("one-way.tsv", "postgres\t17\tPostgreSQL data directory 17\n");
        let later = machine.bundle(&payload);
        machine.apply(&first).exits(0);
        machine
            .plan(&later)
            .exits(2)
            .says("! PostgreSQL data directory 17")
            .says("--allow-one-way");
        machine.apply(&later).exits(3).says("one-way: PostgreSQL data directory 17");
        machine.labctl(&["apply", later.to_str().unwrap(), "--allow-one-way"]).exits(0);
        machine.labctl(&["rollback"]).exits(3).says("one-way");
        payload.remove("one-way.tsv");
        payload.version = 3;
        machine
            .apply(&machine.bundle(&payload))
            .exits(3)
            .says("one-way: PostgreSQL data directory 17");
    });
}

#[test]
fn a_host_bundle_shows_what_it_would_do_to_the_host() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.step(
            "plan.d/30-guests.sh",
            "",
            "[ \"$LABWRIGHT_PLAN\" = 1 ]; echo 'create VM 100 \"extranet\"'; echo 'refused: no \
             zpool'",
        );
        let bundle = machine.bundle(&payload);
        machine.plan(&bundle).exits(2).says("create VM 100");
        let plan = machine.labctl(&["plan", bundle.to_str().unwrap(), "--json"]).exits(2).json();
        assert_eq!(plan["host"][0]["line"], "create VM 100 \"extranet\"");
        assert_eq!(plan["refused"][0]["why"], "no zpool");
    });
}

#[test]
fn a_host_that_is_not_as_declared_any_more_is_put_right_by_its_own_bundle() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        let guest = "[ -e \"$LABWRIGHT_ROOT/live/guest\" ]";
        payload.step(
            "plan.d/40-guests.sh",
            "",
            &format!(
                "echo 'note: guest 7 is left alone'; {guest} || echo 'would run: qm create 100'"
            ),
        );
        payload.step(
            "activate.d/40-guests.sh",
            "proxmox/",
            &format!("{guest} || : >\"$LABWRIGHT_ROOT/live/guest\""),
        );
        let bundle = machine.bundle(&payload);
        machine.apply(&bundle).exits(0);
        machine.plan(&bundle).exits(0).says("nothing to do");
        std::fs::remove_file(machine.path("live/guest")).unwrap();
        machine.calls();
        machine.plan(&bundle).exits(2).says("would run: qm create 100").says("40-guests.sh");
        machine.apply(&bundle).exits(0);
        assert!(machine.path("live/guest").exists());
        let calls = machine.calls();
        assert!(!calls.contains("nft -f") && !calls.contains(" up "), "and nothing else: {calls}");
        machine.apply(&bundle).exits(0).says("nothing to do");
    });
}

#[test]
fn old_generations_go_but_never_one_that_is_needed() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        for version in 1..=5 {
            payload.version = version;
            payload.set("etc/app.conf", &format!("level {version}\n"));
            machine.apply(&machine.bundle(&payload)).exits(0);
        }
        machine
            .labctl(&["gc", "--keep", "1"])
            .exits(0)
            .says("removed 2025.1.0")
            .says("removed 2025.2.0");
        let list = machine.labctl(&["list"]).exits(0);
        assert_eq!(list.out.lines().count(), 3, "{}", list.out);
        machine.labctl(&["gc", "--keep", "0"]).exits(0);
        let list = machine.labctl(&["list"]).exits(0).says("current").says("previous");
        assert_eq!(list.out.lines().count(), 2, "{}", list.out);
        machine.labctl(&["rollback"]).exits(0);
        assert_eq!(machine.whole(), "2025.4.0");
        let id = list.out.lines().find(|line| line.contains("2025.5.0")).unwrap()[..6].to_owned();
        machine.labctl(&["rollback", &id]).exits(0);
        assert_eq!(machine.whole(), "2025.5.0");
        machine.labctl(&["rollback", "ffffff"]).exits(3).says("there is no generation");
    });
}

#[test]
fn images_that_the_machine_built_go_with_the_generations_that_have_them() {
    under_each_shell(|machine| {
        let image = |version: u32| format!("labwright.local/site:1-{version}");
        let mut payload = Payload::sample();
        for version in 1..=3 {
            payload.version = version;
            payload.set("compose/containers.tsv", &format!("jellyfin\t{}\tx\n", image(version)));
            machine.apply(&machine.bundle(&payload)).exits(0);
        }
        let all: Vec<String> = (1..=3).map(image).collect();
        std::fs::write(machine.path("built"), all.join("\n") + "\n").unwrap();
        machine.calls();
        machine.labctl(&["gc", "--keep", "0"]).exits(0).says(&format!("the image {}", image(1)));
        let calls = machine.calls();
        let removed = |version| calls.contains(&format!("docker image rm {}", image(version)));
        assert_eq!([1, 2, 3].map(removed), [true, false, false], "{calls}");
    });
}
