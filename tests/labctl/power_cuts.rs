//! Cuts the power at every point that labctl knows. The machine must then be at one generation or
//! the other.

use super::{Machine, Payload, SHELLS, under_each_shell};
use std::collections::BTreeSet;
use std::path::Path;

/// Returns every point that a call with `arguments` passes, in the order of the first time.
pub(super) fn points(machine: &Machine, arguments: &[&str]) -> Vec<String> {
    let machine = machine.copy();
    let trace = machine.path("points");
    machine.labctl_with("LABWRIGHT_TEST_POINTS", trace.to_str().unwrap(), arguments);
    let mut seen = BTreeSet::new();
    let trace = std::fs::read_to_string(trace).unwrap();
    trace.lines().filter(|point| seen.insert(*point)).map(str::to_owned).collect()
}

/// Cuts the power at every point of an apply of `bundle` on copies of `machine`, repairs each, and
/// returns the versions that this results in. To save time, each shell tests every other point.
fn cut_everywhere(
    machine: &Machine,
    bundle: &Path,
    put_right: impl Fn(&Machine, &str),
) -> Vec<(String, String)> {
    let arguments = ["apply", bundle.to_str().unwrap(), "--confirm-within", "0"];
    let points = points(machine, &arguments);
    assert!(points.len() > 15, "{points:?}");
    let ours = |number: &usize| number % 2 == usize::from(machine.shell == SHELLS[0]);
    let cut = |(_, point): (usize, String)| {
        let machine = machine.copy();
        machine.labctl_with("LABWRIGHT_TEST_KILL", &point, &arguments).exits(137);
        eprintln!("cut at {point}");
        put_right(&machine, &point);
        let version = machine.whole();
        (point, version)
    };
    points.into_iter().enumerate().filter(|(number, _)| ours(number)).map(cut).collect()
}

/// Asserts that nothing has changed before the switch, that everything has changed after the
/// commit, and that the machine goes back in between.
fn assert_cut_between(ends: &[(String, String)], old: &str) {
    let new = ends
        .iter()
        .position(|(_, version)| version == "2025.2.0")
        .expect("cut after the commit, the new one stays");
    assert!(ends[..new].iter().all(|(_, version)| version == old), "{ends:?}");
    assert!(ends[new..].iter().all(|(_, version)| version == "2025.2.0"), "{ends:?}");
    assert!(["committing", "committed"].contains(&ends[new].0.as_str()), "{ends:?}");
}

#[test]
fn the_timer_puts_a_cut_apply_right() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        let ends = cut_everywhere(&machine, &later, |machine, point| {
            machine.labctl(&["revert", "--lab", "home"]).exits(0);
            if ["verified", "armed", "file-installed", "files-kept", "checking", "steps-done"]
                .contains(&point)
            {
                // Nothing prevents the next attempt.
                machine.copy().apply(&later).exits(0);
            }
        });
        assert_cut_between(&ends, "2025.1.0");
    });
}

#[test]
fn the_next_boot_puts_a_cut_first_apply_right() {
    under_each_shell(|machine| {
        let later = machine.bundle(&Payload::later());
        let ends = cut_everywhere(&machine, &later, |machine, _| {
            machine.labctl(&["revert", "--at-boot"]).exits(0);
        });
        assert_cut_between(&ends, "");
    });
}

#[test]
fn a_revert_that_is_cut_goes_on_at_the_next_call() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        machine.write("fail-health", "");
        let ends = cut_everywhere(&machine, &later, |machine, _| {
            machine.labctl(&["gc"]).exits(0);
        });
        assert!(ends.iter().all(|(_, version)| version == "2025.1.0"), "{ends:?}");
        assert!(
            ends.iter().any(|(point, _)| point == "reverting" || point == "relinked"),
            "the revert itself was cut: {ends:?}"
        );
    });
}

#[test]
fn the_next_apply_recovers_by_itself_and_says_so() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&first).exits(0);
        let arguments = ["apply", later.to_str().unwrap(), "--confirm-within", "0"];
        machine.labctl_with("LABWRIGHT_TEST_KILL", "step-60-compose.sh", &arguments).exits(137);
        machine
            .labctl(&["status"])
            .says("in the middle (activating)")
            .says("the call that did it is gone");
        machine
            .apply(&later)
            .exits(0)
            .says("an earlier call ended in the middle")
            .says("2025.1.0 (");
        assert_eq!(machine.whole(), "2025.2.0");
    });
}
