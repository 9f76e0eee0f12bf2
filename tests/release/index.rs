//! Checks the order of the index, and that it needs every machine.

use std::collections::BTreeMap;

use labwright::artifact::{ImageUse, RequiredSecret};
use labwright::bundle::Packer;
use labwright::bundle::release::{Flow, Packed, ReleaseIndex, Route};

use super::folder::{MACHINES, facts};
use super::{artifacts, identity};

#[test]
fn the_lists_of_the_index_are_sorted_by_what_names_their_elements_first() {
    let mut facts = facts();
    let flow = |from: &str, to: &str, port| Flow {
        from: from.to_owned(),
        to: to.to_owned(),
        port,
        ..facts.flows[0].clone()
    };
    let flows = vec![
        flow("lan", "b", 22),
        flow("lan", "a", 443),
        flow("lan", "a", 80),
        flow("dmz", "z", 1),
        flow("lan", "a", 80),
    ];
    let route = |host: &str, from: &str| Route {
        host: host.to_owned(),
        from: vec![from.to_owned()],
        ..facts.routes[0].clone()
    };
    let routes = vec![route("b.example", "internet"), route("a.example", "lan")];
    facts.flows = flows;
    facts.routes = routes;
    let mut artifacts = artifacts();
    for (name, path) in [("b", "/1"), ("a", "/2")] {
        let first = artifacts.secrets[0].clone();
        artifacts.secrets.push(RequiredSecret {
            name: name.to_owned(),
            path: path.to_owned(),
            ..first
        });
    }
    for (reference, digest) in [("b:1", None), ("a:1", Some("sha256:00".to_owned()))] {
        artifacts.images.push(ImageUse {
            reference: reference.to_owned(),
            digest,
            service: "x".to_owned(),
        });
    }
    let packed = |name: &&str| {
        (
            (*name).to_owned(),
            Packed::from(&Packer::new().pack(&identity(name), &artifacts).expect("it packs")),
        )
    };
    let index =
        ReleaseIndex::new(facts, MACHINES.iter().map(packed).collect()).expect("the same machines");
    let flows: Vec<(&str, &str, u16)> =
        index.flows.iter().map(|flow| (flow.from.as_str(), flow.to.as_str(), flow.port)).collect();
    assert_eq!(flows, [("dmz", "z", 1), ("lan", "a", 80), ("lan", "a", 443), ("lan", "b", 22)]);
    assert_eq!(
        index.routes.iter().map(|route| route.host.as_str()).collect::<Vec<_>>(),
        ["a.example", "b.example"]
    );
    assert_eq!(
        index.images.iter().map(|image| image.reference.as_str()).collect::<Vec<_>>(),
        ["a:1", "b:1", "jellyfin/jellyfin:10.11.11"]
    );
    let secrets: Vec<(&str, &str)> = index
        .secrets
        .iter()
        .map(|secret| (secret.name.as_str(), secret.machine.as_str()))
        .collect();
    let each = |name| MACHINES.map(|machine| (name, machine)).into_iter().rev();
    assert_eq!(
        secrets,
        each("a").chain(each("b")).chain(each("grafana-password")).collect::<Vec<_>>()
    );
}

#[test]
fn the_index_is_sorted_by_key_and_needs_every_machine() {
    let packed = |name: &str| {
        let bundle = Packer::new().pack(&identity(name), &artifacts()).expect("it packs");
        (name.to_owned(), Packed::from(&bundle))
    };
    let index = ReleaseIndex::new(facts(), MACHINES.iter().map(|name| packed(name)).collect())
        .expect("the same machines");
    let text = String::from_utf8(index.to_json().expect("json")).expect("text");
    let value: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(format!("{}\n", serde_json::to_string_pretty(&value).expect("json")), text);
    assert_eq!(index.folder(), "home-2025.11.3");

    let missing = ReleaseIndex::new(facts(), BTreeMap::from([packed("intranet")]))
        .expect_err("one is missing");
    assert_eq!(missing.to_string(), "the bundle of `extranet`: it was not built");
    let stray = ReleaseIndex::new(facts(), ["intranet", "extranet", "nas"].map(packed).into())
        .expect_err("one too many");
    assert_eq!(stray.to_string(), "the bundle of `nas`: the lab has no such machine");
}
