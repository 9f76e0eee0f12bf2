//! `labctl reach`: what answers otherwise than the release promises.

use std::net::TcpListener;

use super::{Payload, under_each_shell};

/// Two ports of this computer: one that listens, one that refuses.
fn ports() -> (TcpListener, u16, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let open = listener.local_addr().expect("an address").port();
    let gone = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let refuses = gone.local_addr().expect("an address").port();
    (listener, open, refuses)
}

fn promising(rows: &[(&str, u16, &str)]) -> Payload {
    let mut payload = Payload::empty();
    let rows = rows
        .iter()
        .map(|(promise, port, what)| format!("{promise}\t127.0.0.1\t{port}\tnas\t{what}\n"));
    payload.set("reach/connections.tsv", &rows.collect::<String>());
    payload
}

#[test]
fn what_is_as_promised_is_counted() {
    under_each_shell(|machine| {
        let (_listener, open, _) = ports();
        machine.apply(&machine.bundle(&promising(&[("open", open, "jellyfin.web")]))).exits(0);
        machine.labctl(&["reach"]).exits(0).says("1 of 1 connections are as promised");
        machine.labctl(&["reach", "--all"]).exits(0).says("jellyfin.web open");
        machine.labctl(&["status", "--reach"]).exits(0).says("1 connections as promised");
        let quiet = machine.labctl(&["status"]).exits(0);
        assert!(!quiet.out.contains("as promised"), "{}", quiet.out);
    });
}

#[test]
fn what_differs_is_named_and_ends_with_1() {
    under_each_shell(|machine| {
        let (_listener, open, refuses) = ports();
        let promises = [
            ("closed", open, "immich.database"),
            ("open", refuses, "jellyfin.web"),
            ("closed", refuses, "ssh"),
        ];
        machine.apply(&machine.bundle(&promising(&promises))).exits(0);
        machine
            .labctl(&["reach"])
            .exits(1)
            .says(&format!("nas port {open} (immich.database): promised closed, it is open"))
            .says(&format!("nas port {refuses} (jellyfin.web): promised open, nobody listens"))
            .says("packets come through, though nobody listens")
            .says("0 of 3 connections are as promised");
        machine.labctl(&["status", "--reach"]).exits(0).says("promised closed, is open");
        let json = machine.labctl(&["reach", "--json"]).exits(1).out;
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["format"], "labwright.reached/1");
        assert_eq!(json["connections"][0]["state"], "differs");
        assert_eq!(json["connections"][1]["answer"], "refused");
    });
}

#[test]
fn without_a_list_there_is_nothing_to_ask() {
    under_each_shell(|machine| {
        machine.labctl(&["reach"]).exits(3).says("no generation");
        machine.apply(&machine.bundle(&Payload::sample())).exits(0);
        machine.labctl(&["reach"]).exits(0).says("0 of 0 connections");
    });
}
