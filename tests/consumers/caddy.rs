//! Asks Caddy.

use super::{Verdict, ask};
use std::path::Path;

/// Asks Caddy to check a Caddyfile.
pub fn caddy(file: &Path) -> Verdict {
    ask(file, r#"caddy validate --adapter caddyfile --config "$1""#)
}

#[test]
fn refuses_an_unknown_directive() {
    let good = "media.home.arpa {\n\ttls internal\n\treverse_proxy 192.168.1.101:8096\n}\n";
    let bad = "media.home.arpa {\n\trevers_proxy 192.168.1.101:8096\n}\n";
    super::tells_apart("Caddyfile", good, bad, "revers_proxy", caddy);
}
