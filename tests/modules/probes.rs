//! Runs the blackbox exporter with what labwright writes for it: which answers count as a route
//! that works.

use super::{PRELUDE, bundle_of};
use crate::trixie::{Room, text};

#[test]
fn a_route_works_when_what_is_behind_the_proxy_answers() {
    let lab = format!("{PRELUDE}\nservice blackbox module=blackbox-exporter on=box\n");
    let unpacked = bundle_of(&lab);
    let payload = unpacked.path().join("payload/blackbox");
    let status = |status: &str| {
        format!("server {{ listen 80; server_name s{status}.test; return {status}; }}\n")
    };
    let servers: String = ["200", "302", "401", "403", "404", "444", "502"].map(status).concat();
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!(
        "events {{}}\nhttp {{\n{}}}\n",
        servers.replace("return 302", "return 302 http://s200.test")
    );
    std::fs::write(folder.path().join("nginx.conf"), file).expect("a file");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&payload, "/payload").show(folder.path(), "/nginx").sh(
        "ip link set lo up
        for status in 200 302 401 403 404 444 502; do
            echo 127.0.0.1 s$status.test
        done >>/etc/hosts
        nginx -c /nginx/nginx.conf
        prometheus-blackbox-exporter --config.file=/payload/blackbox.yml 2>/tmp/log &
        until curl -sf -o /dev/null http://127.0.0.1:9115/-/healthy; do sleep 0.05; done
        for status in 200 302 401 403 404 444 502; do
            curl -s \"http://127.0.0.1:9115/probe?module=route&target=http://s$status.test\" |
                sed -n \"s/^probe_success /$status /p\"
        done",
        &[],
    );
    assert_eq!(
        text(&answer.stdout),
        "200 1\n302 1\n401 1\n403 1\n404 0\n444 0\n502 0\n",
        "{}",
        text(&answer.stderr)
    );
}
