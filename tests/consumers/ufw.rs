//! Runs ufw. The room has a network of its own, so its firewall affects nothing outside.

use super::{Verdict, ask};
use std::path::Path;

/// Runs a script of ufw commands twice, then checks that ufw is active and that the second run
/// added nothing.
pub fn ufw(script: &Path) -> Verdict {
    ask(
        script,
        r#"
rules() { ufw show added; }
cd "${1%/*}"
sh -eu "$1"
rules >/tmp/first
sh -eu "$1"
rules >/tmp/second
cmp /tmp/first /tmp/second
ufw status | grep -q '^Status: active'
"#,
    )
}

#[test]
fn refuses_a_bad_rule() {
    let good = "ufw default deny incoming\nufw allow proto tcp from 192.168.1.0/24 to any port \
                8096 comment 'jellyfin'\nufw --force enable\n";
    let bad = "ufw allow proto tcp from 192.168.1.0/33 to any port 8096\nufw --force enable\n";
    super::tells_apart("ufw.sh", good, bad, "Bad source address", ufw);
}

#[test]
fn refuses_a_firewall_left_inactive() {
    let good = "ufw allow 22/tcp\nufw --force enable\n";
    let bad = "ufw allow 22/tcp\n";
    super::tells_apart("ufw.sh", good, bad, "exit status: 1", ufw);
}
