//! Checks how labctl is called: wrong use, and what it prints for other programs.

use super::{Payload, answer, under_each_shell};

#[test]
fn machines_can_read_what_people_read() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        payload.set("firewall/flows.tsv", "lan\ttcp\t22\tssh \"of\" the \\lan\t192.168.1.0/24\t\n");
        let first = machine.bundle(&payload);
        let plan = machine.labctl(&["plan", first.to_str().unwrap(), "--json"]).exits(2).json();
        assert_eq!(plan["format"], "labwright.plan/1");
        assert_eq!(plan["changes"], true);
        assert_eq!(plan["flows"][0]["reason"], "ssh \"of\" the \\lan");
        assert_eq!(plan["containers"][0]["op"], "created");
        machine.apply(&first).exits(0);
        let status = machine.labctl(&["status", "--json"]).exits(0).json();
        assert_eq!(status["machine"], "intranet");
        assert_eq!(status["health"][0]["state"], "ok");
        assert_eq!(status["containers"][0]["state"], "running");
        let list = machine.labctl(&["list", "--json"]).exits(0).json();
        assert_eq!(list["generations"][0]["is"], "current");
        assert_eq!(
            machine.labctl(&["verify", "--json"]).exits(0).json()["files"],
            serde_json::json!([])
        );
        machine.labctl(&["plan", "/nowhere", "--json"]).exits(3).json();
    });
}

#[test]
fn a_call_with_json_prints_one_object_however_it_ends() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        let json = |arguments: &[&str], code: i32| {
            machine
                .labctl(&[arguments, &["--json", "--confirm-within", "0"]].concat())
                .exits(code)
                .json()
        };
        let (one, two) = (first.to_str().unwrap(), later.to_str().unwrap());

        machine.write("strangers", "media jellyfin\n");
        let refused = json(&["apply", one], 3);
        assert_eq!(
            (&refused["format"], &refused["result"]),
            (&"labwright.apply/1".into(), &"refused".into())
        );
        assert!(
            refused["refused"][0]["why"]
                .as_str()
                .unwrap()
                .contains("`jellyfin` is there, not by labctl"),
            "{refused}"
        );
        assert_eq!(refused["refused"].as_array().unwrap().len(), 1, "{refused}");
        std::fs::remove_file(machine.path("strangers")).unwrap();
        assert_eq!(json(&["apply", "/nowhere"], 3)["result"], "refused");

        let done = json(&["apply", one], 0);
        assert_eq!((&done["result"], &done["current"]), (&"done".into(), &done["to"]));
        assert_eq!(done["files"][0]["op"], "new");
        assert_eq!(json(&["apply", one], 0)["result"], "nothing");
        machine.write("fail-health", "");
        let reverted = json(&["apply", two], 4);
        assert_eq!(
            (&reverted["result"], &reverted["why"]),
            (&"reverted".into(), &"the health check 10-app.sh failed".into())
        );
        std::fs::remove_file(machine.path("fail-health")).unwrap();
        machine.labctl_with("LABWRIGHT_TEST_KILL", "files-installed", &["apply", two]).exits(137);
        let second = json(&["apply", two], 0);
        assert!(second["earlier"].as_str().unwrap().contains("ended in the middle"), "{second}");
        assert_eq!(json(&["rollback"], 0)["result"], "done");
        assert_eq!(json(&["confirm"], 3)["result"], "refused");
        let removed = json(&["gc", "--keep", "0"], 0);
        assert_eq!(removed["removed"].as_array().unwrap().len(), 0, "the previous one stays");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn wrong_use_is_told_apart_from_every_answer() {
    under_each_shell(|machine| {
        for arguments in [
            &[][..],
            &["aply", "x"],
            &["apply"],
            &["apply", "a", "b"],
            &["plan", "--frobnicate", "x"],
            &["gc", "--keep"],
            &["gc", "--keep", "many"],
            &["gc", "--keep", "010"],
            &["apply", "x", "--confirm-within", "08"],
            &["secrets", "set"],
            &["status", "--lab", "../x"],
        ] {
            let wrong = machine.labctl(arguments).exits(64);
            assert!(wrong.err.contains("labctl"), "{}", wrong.err);
        }
        machine
            .labctl_with("LABWRIGHT_HEALTH_TIMEOUT", "5m", &["status"])
            .exits(64)
            .says("LABWRIGHT_HEALTH_TIMEOUT");
        let help = machine.labctl(&["--help"]).exits(0).says("labctl apply FILE");
        let wide: Vec<&str> = help.out.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
        machine.labctl(&["--version"]).exits(0).says("labwright.bundle/1");
        machine.labctl(&["status"]).exits(0).says("no generation was ever applied");
        let mut odd = machine.command(&["status"]);
        answer(odd.env("LABWRIGHT_ROOT", "/tmp/with a blank")).exits(64);
    });
}
