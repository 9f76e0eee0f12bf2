//! Asks netplan, to which Debian 13 passes a network-config. cloud-init's own schema accepts
//! unknown keys.

use super::{Verdict, ask_strictly};
use std::path::Path;

/// Asks netplan to check a network-config, which is wrapped in `network:` unless it already is.
pub fn netplan(file: &Path) -> Verdict {
    ask_strictly(
        file,
        r#"
mkdir -p /tmp/root/etc/netplan
python3 - "$1" <<'END'
import os, sys, yaml
config = yaml.safe_load(open(sys.argv[1]))
wrapped = config if "network" in config else {"network": config}
with open("/tmp/root/etc/netplan/50-cloud-init.yaml", "w", opener=lambda *a: os.open(*a, 0o600)) \
    as out:
    yaml.safe_dump(wrapped, out)
END
/usr/libexec/netplan/generate --root-dir /tmp/root
"#,
    )
}

#[test]
fn refuses_an_unknown_key() {
    let good = "version: 2\nethernets:\n  eth0:\n    addresses: [192.168.1.101/24]\n    routes: \
                [{to: default, via: 192.168.1.1}]\n";
    let bad = "version: 2\nethernets:\n  eth0:\n    adresses: [192.168.1.101/24]\n";
    super::tells_apart("network-config", good, bad, "adresses", netplan);
}
