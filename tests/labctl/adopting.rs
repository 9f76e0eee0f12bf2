//! Applies a bundle to a machine that was set up by hand: what labctl takes over, what it keeps,
//! and what it gives back.

use super::{Payload, state, under_each_shell};

#[test]
fn files_that_were_there_are_shown_kept_and_given_back() {
    under_each_shell(|machine| {
        machine.write("etc/app.conf", "by hand\n");
        machine.write("etc/systemd/system/app.service", "[Service]\nExecStart=/bin/true\n");
        let first = machine.bundle(&Payload::sample());
        machine
            .plan(&first)
            .exits(2)
            .says("! /etc/app.conf  there already, not by labctl: kept")
            .says("~ /etc/systemd/system/app.service  there already, the same");
        assert_eq!(machine.read("etc/app.conf").unwrap(), "by hand\n");
        machine.apply(&first).exits(0);
        assert_eq!(machine.read("etc/app.conf").unwrap(), "level 1\n");
        assert_eq!(machine.read(&state("replaced/etc/app.conf")).unwrap(), "by hand\n");

        let mut without = Payload::later();
        without.remove("etc/app.conf");
        without.install(&[("etc/extra.conf", "/etc/extra.conf")]);
        machine.apply(&machine.bundle(&without)).exits(0);
        assert_eq!(
            machine.read("etc/app.conf").unwrap(),
            "by hand\n",
            "given back when the bundle lets go of it"
        );
        assert!(machine.read("etc/systemd/system/app.service").is_some());
        assert!(
            !machine.calls().contains("disable --now app.service"),
            "a unit that was there before stays"
        );
    });
}

#[test]
fn a_container_of_somebody_else_that_has_a_name_of_the_bundle_is_refused() {
    under_each_shell(|machine| {
        machine.write("strangers", "home other\n jellyfin\n");
        let bundle = machine.bundle(&Payload::sample());
        let plan = machine.plan(&bundle).exits(2).says("the container `jellyfin` is there");
        assert!(plan.out.lines().all(|line| line.len() <= 80), "{}", plan.out);
        machine.apply(&bundle).exits(3).says("the container `jellyfin` is there, not by labctl");
        machine.write("strangers", "home jellyfin\n");
        machine.apply(&bundle).exits(0);
    });
}

#[test]
fn a_first_apply_that_fails_gives_everything_back() {
    under_each_shell(|machine| {
        machine.write("etc/app.conf", "by hand\n");
        machine.write("fail-health", "");
        machine
            .apply(&machine.bundle(&Payload::later()))
            .exits(4)
            .says("there was no generation before");
        assert_eq!(machine.read("etc/app.conf").unwrap(), "by hand\n");
        assert_eq!(machine.read("etc/extra.conf"), None);
        assert_eq!(machine.read(&state("installed")).unwrap(), "");
    });
}

#[test]
fn a_link_that_was_there_is_kept_as_a_link() {
    under_each_shell(|machine| {
        machine.write("etc/elsewhere", "far away\n");
        std::os::unix::fs::symlink("elsewhere", machine.path("etc/app.conf")).unwrap();
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        assert_eq!(machine.read("etc/elsewhere").unwrap(), "far away\n", "never written through");
        assert!(!machine.path("etc/app.conf").is_symlink());
        let mut without = Payload::later();
        without.install(&[("etc/extra.conf", "/etc/extra.conf")]);
        machine.apply(&machine.bundle(&without)).exits(0);
        assert_eq!(
            std::fs::read_link(machine.path("etc/app.conf")).unwrap().to_str(),
            Some("elsewhere")
        );
    });
}

#[test]
fn a_folder_in_the_way_is_refused() {
    under_each_shell(|machine| {
        std::fs::create_dir_all(machine.path("etc/app.conf")).unwrap();
        machine
            .apply(&machine.bundle(&Payload::sample()))
            .exits(3)
            .says("/etc/app.conf is a folder");
    });
}

#[test]
fn an_edited_file_is_seen_and_repaired_and_its_readers_are_told() {
    under_each_shell(|machine| {
        let first = machine.bundle(&Payload::sample());
        machine.apply(&first).exits(0);
        machine.calls();
        machine.write("etc/app.conf", "edited\n");
        machine.labctl(&["verify"]).exits(1).says("changed      /etc/app.conf");
        machine.labctl(&["status"]).exits(0).says("not as installed");
        machine.plan(&first).exits(2).says("! /etc/app.conf  edited on this machine: kept");
        machine.apply(&first).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
        assert_eq!(machine.read(&state("edited/etc/app.conf")).unwrap(), "edited\n");
        let calls = machine.calls();
        assert!(calls.contains("restart app.service") && !calls.contains("nft -f"), "{calls}");
        std::fs::remove_file(machine.path("etc/app.conf")).unwrap();
        machine.labctl(&["verify"]).exits(1).says("missing      /etc/app.conf");
    });
}
