//! Asks docker-compose, without a daemon, and checks what it accepts although the container would
//! fail to start.

use super::{Verdict, ask_strictly};
use std::path::Path;

/// Asks docker-compose to check a compose file, or the `compose.yaml` of a folder.
///
/// Environment files with absolute names belong to the machine, so empty ones replace them. Any
/// warning, such as an unset variable, counts as a refusal. So do a host port that two containers
/// want, a published port of a container without a network of its own, and a secret or
/// configuration that names a missing file of the folder.
pub fn compose(path: &Path) -> Verdict {
    ask_strictly(
        path,
        r#"
file=$1
[ ! -d "$file" ] || file=$file/compose.yaml
python3 - "$file" <<'END'
import os, sys, yaml
for service in (yaml.safe_load(open(sys.argv[1])).get("services") or {}).values():
    files = service.get("env_file") or []
    for entry in [files] if isinstance(files, str) else files:
        path = entry if isinstance(entry, str) else entry["path"]
        if path.startswith("/"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "a").close()
END
docker-compose -f "$file" config --format json >/tmp/config.json
exec python3 - <<'END'
import json, os, sys
config = json.load(open("/tmp/config.json"))
taken = {}
for name, service in config["services"].items():
    for port in service.get("ports") or []:
        if service.get("network_mode", "").startswith(("service:", "container:", "host", "none")):
            sys.exit(f"{name} publishes {port['target']} without a network of its own")
        if "published" in port:
            place = (port.get("host_ip", ""), port["published"], port.get("protocol", "tcp"))
            if taken.setdefault(place, name) != name or list(service["ports"]).count(port) > 1:
                sys.exit(f"{name} and {taken[place]} both publish {place[1]}/{place[2]}")
for kind in ("secrets", "configs"):
    for name, entry in (config.get(kind) or {}).items():
        if entry.get("file", "").startswith("/in/") and not os.path.exists(entry["file"]):
            sys.exit(f"{kind}: {name}: {entry['file']} is not there")
END
"#,
    )
}

/// Returns the compose files of a folder as docker-compose reads them together, in JSON.
///
/// Environment files of the machine are empty, as for [`compose`].
pub fn compose_config(folder: &Path, files: &[&str], project: &str) -> Result<String, String> {
    let Some(room) = crate::trixie::Room::new() else { return Err("no room".to_owned()) };
    let script = r#"
cd /in
export USER=root
mkdir -p /etc/labwright/env
for file in $(grep -ho '/etc/labwright/env/[^ "]*' ./*.y*ml); do : >"$file"; done
name=$1 && shift
count=$#
while [ "$count" -gt 0 ]; do
    set -- "$@" -f "$1"
    shift
    count=$((count - 1))
done
exec docker-compose --profile "*" -p "$name" "$@" config --format json
"#;
    let arguments: Vec<&str> = std::iter::once(project).chain(files.iter().copied()).collect();
    let answer = room.show(folder, super::PLACE).sh(script, &arguments);
    let words = || super::words(&answer);
    super::refusal(&answer).map_or_else(
        || Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        |_| Err(format!("{}: refused: {}", folder.display(), words())),
    )
}

#[test]
fn accepts_a_service_and_refuses_a_mistyped_key() {
    let good =
        "services:\n  web:\n    image: 'web:1'\n    env_file: [/etc/labwright/secrets/web.env]\n";
    let bad = "services:\n  web:\n    image: 'web:1'\n    prots: ['80:80']\n";
    super::tells_apart("compose.yaml", good, bad, "prots", compose);
}

#[test]
fn refuses_an_unset_variable() {
    let good = "services:\n  web:\n    image: 'web:1'\n    command: 'echo $${HOME}'\n";
    let bad = "services:\n  web:\n    image: 'web:${TAG_OF_NOBODY}'\n";
    super::tells_apart("compose.yaml", good, bad, "TAG_OF_NOBODY", compose);
}

#[test]
fn refuses_what_docker_compose_lets_pass() {
    let good = "services:\n  vpn: {image: 'vpn:1', ports: ['80:80', '80:80/udp']}\n  web: {image: \
                'web:1', network_mode: 'service:vpn'}\n";
    let bad = |what: &str| {
        format!(
            "services:\n  vpn: {{image: 'vpn:1', ports: ['80:80']}}\n  web: {{image: 'web:1', \
             {what}}}\n"
        )
    };
    super::tells_apart(
        "compose.yaml",
        good,
        &bad("ports: ['80:8080']"),
        "both publish 80/tcp",
        compose,
    );
    super::tells_apart(
        "compose.yaml",
        good,
        &bad("network_mode: host, ports: ['81:81']"),
        "without a network",
        compose,
    );
    let secret = format!("{}secrets: {{key: {{file: ./key}}}}\n", bad("secrets: [key]"));
    super::tells_apart("compose.yaml", good, &secret, "is not there", compose);
}
