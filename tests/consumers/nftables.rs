//! Asks nft, in a network namespace of its own.

use super::{Verdict, ask};
use std::path::Path;

/// Asks nft to check a ruleset, loaded twice. A file that can't replace itself is refused.
pub fn nftables(file: &Path) -> Verdict {
    ask(file, r#"nft -c -f "$1" && nft -f "$1" && nft -f "$1""#)
}

#[test]
fn refuses_an_unknown_word() {
    let good = "table inet lab\ndelete table inet lab\ntable inet lab {\n  chain forward {\n    \
                type filter hook forward priority filter - 10; policy accept;\n    ct status dnat \
                drop\n  }\n}\n";
    let bad = "table inet lab {\n  chain forward {\n    tcp dport 80 acept\n  }\n}\n";
    super::tells_apart("nftables.nft", good, bad, "acept", nftables);
}

#[test]
fn refuses_a_rule_without_its_protocol() {
    let good = "table inet lab {\n  chain a {\n    meta l4proto tcp ct original proto-dst 80 \
                accept\n  }\n}\n";
    let bad =
        "table inet lab {\n  chain a {\n    ct original ip saddr 80.0.0.0/33 accept\n  }\n}\n";
    super::tells_apart("nftables.nft", good, bad, "80.0.0.0/33", nftables);
}
