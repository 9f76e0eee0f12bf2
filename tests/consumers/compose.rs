//! docker-compose, without a daemon.

use super::{Verdict, ask_strictly};
use std::path::Path;

/// Asks docker-compose about a compose file, or about the `compose.yaml` of a folder.
///
/// Environment files with absolute names belong to the machine: empty ones stand in for them. Any warning, such as
/// an unset variable, is a refusal.
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
docker-compose -f "$file" config -q
"#,
    )
}

#[test]
fn accepts_a_service_and_refuses_a_mistyped_key() {
    let good = "services:\n  web:\n    image: 'web:1'\n    env_file: [/etc/labwright/secrets/web.env]\n";
    let bad = "services:\n  web:\n    image: 'web:1'\n    prots: ['80:80']\n";
    super::tells_apart("compose.yaml", good, bad, "prots", compose);
}

#[test]
fn refuses_an_unset_variable() {
    let good = "services:\n  web:\n    image: 'web:1'\n    command: 'echo $${HOME}'\n";
    let bad = "services:\n  web:\n    image: 'web:${TAG_OF_NOBODY}'\n";
    super::tells_apart("compose.yaml", good, bad, "TAG_OF_NOBODY", compose);
}
