//! Asks nginx.

use super::{Verdict, ask};
use std::path::Path;

/// Asks nginx to check a whole configuration, or a file with the content of `http`.
pub fn nginx(file: &Path) -> Verdict {
    ask(
        file,
        r#"
config=$1
if ! grep -q '^[[:space:]]*events\b' "$1"; then
    config=/tmp/nginx.conf
    printf 'events {}\nhttp {\n  include "%s";\n}\n' "$1" >"$config"
fi
nginx -t -q -c "$config"
"#,
    )
}

#[test]
fn refuses_an_unknown_directive() {
    let good = "server {\n  listen 80;\n  location / { proxy_pass http://127.0.0.1:8096; }\n}\n";
    let bad = "server {\n  listen 80;\n  location / { proxy_pas http://127.0.0.1:8096; }\n}\n";
    super::tells_apart("site.conf", good, bad, "proxy_pas", nginx);
}
