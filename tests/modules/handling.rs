//! Visits routes through the real proxies, and looks at what they do on the way: limits, logins,
//! headers, paths and further names.

use std::path::Path;

use serde_json::Value;

use super::visitors::{START_NPM, START_TRAEFIK, servers};
use super::{ECHO, PRELUDE, bundle_of};
use crate::consumers;
use crate::trixie::{Room, text};

/// A value that breaks out of its place wherever it is not written with care.
const HOSTILE: &str = r#"a"b' \ #c; / <d> %e"#;

/// Declares a proxy, with routes on which it does everything that it can.
fn lab(proxy: &str, value: &str) -> String {
    format!(
        r#"{PRELUDE}
secret users
secret proxy-admin-password
service proxy on=box {proxy}
service echo on=box {{
    route "app.example.org" to=web via=proxy from=internet,lan {{
        alias "second.example.org"
        alias "old.example.org" redirect=#true
        response-header X-Said {value}
        response-header X-Powered-By
        request-header X-Told {value}
        request-header X-Secret
        redirect "/start" to="/web/"
        redirect "/away" to="https://example.net/there?x=1" permanent=#true
        body-limit (size)"1KiB"
    }}
    route "closed.example.org" to=web via=proxy from=lan {{
        allow "192.168.1.50/32"
        login (secret)users
    }}
    route "part.example.org" to=web via=proxy from=lan {{
        path "/api" strip=#true
        path "/kept"
    }}
}}
service other module=second on=box {{
    route "part.example.org" to=web via=proxy from=internet,lan {{ path "/"; }}
}}
{ECHO}
module second version="1.0" {{
    summary "Answers the rest"
    container second {{ image "docker.io/library/busybox:1.37"; health none="a stand-in"; }}
    provides web container=second port=4534 protocol=http
}}
"#,
        value = kdl::KdlValue::String(value.to_owned())
    )
}

/// A program that says what it was asked.
const PROGRAMS: &str = r#"
import http.server, threading

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        said = f"port={self.server.server_port}\npath={self.path}\n"
        said += "".join(f"{name.lower()}={value}\n" for name, value in self.headers.items())
        self.send_response(200)
        self.send_header("X-Powered-By", "a stand-in")
        self.send_header("X-Said", "the program")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())
    do_POST = do_GET
    def log_message(self, *words): pass

class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True

for port in (4533, 4534):
    threading.Thread(target=Server(("127.0.0.1", port), Echo).serve_forever).start()
print("ready", flush=True)
"#;

/// Starts a proxy, and asks it; each question's answer follows a line with its number.
fn ask(payload: &Path, start: &str, tls: bool, users: &str) -> Option<String> {
    let (scheme, port) = if tls { ("https", 443) } else { ("http", 80) };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("echo.py"), PROGRAMS).expect("a program");
    std::fs::write(folder.path().join("users"), users).expect("a file");
    let room = Room::new()?.show(payload, "/payload").show(folder.path(), "/programs");
    let answer = room.sh(
        &format!(
            r#"ip link set lo up
            for address in 192.168.1.2 192.168.1.50 192.168.1.51 203.0.113.9; do
                ip addr add $address/32 dev lo
            done
            printf '127.0.0.1 echo other\n' >>/etc/hosts
            mkdir -p /run/secrets
            cp /programs/users /run/secrets/users
            python3 /programs/echo.py >/tmp/echo 2>&1 &
            until grep -q ready /tmp/echo; do sleep 0.05; done
            {start}
            ask() {{
                host=$1 path=$2
                shift 2
                echo "== $host$path"
                curl -sk --path-as-is -o /tmp/body -D /tmp/head --max-time 10 \
                    --resolve $host.example.org:{port}:192.168.1.2 "$@" \
                    {scheme}://$host.example.org$path || echo "curl ended with $?"
                tr -d '\r' </tmp/head | sed -n 's/^HTTP[^ ]* \([0-9]*\).*/status=\1/p
                    s/^\([Ll]ocation\|[Xx]-[Ss]aid\|[Xx]-[Pp]owered-[Bb]y\): /answer-\L\1\E=/p'
                grep -a '^port=\|^path=\|^x-told=\|^x-secret=\|^authorization=' /tmp/body || true
                : >/tmp/body >/tmp/head
            }}
            tries=200
            until curl -skf -o /dev/null --resolve app.example.org:{port}:192.168.1.2 \
                {scheme}://app.example.org/; do
                tries=$((tries - 1))
                [ $tries -gt 0 ] || {{ cat /tmp/log /var/log/nginx/error.log; exit 1; }}
                sleep 0.1
            done
            ask app '/a%2Fb?c=d%20e' -H 'X-Secret: 1' -H 'X-Told: mine'
            ask second /
            ask old '/x?y=1'
            ask app /start
            ask app /start/below
            ask app /away
            head -c 900 /dev/zero >/tmp/small; head -c 2000 /dev/zero >/tmp/large
            ask app /up --data-binary @/tmp/small
            ask app /up --data-binary @/tmp/large
            ask closed / --interface 192.168.1.51 -u 'ada:right'
            ask closed / --interface 192.168.1.50
            ask closed / --interface 192.168.1.50 -u 'ada:wrong'
            ask closed / --interface 192.168.1.50 -u 'ada:right'
            ask part '/api/x%20y?z=1' --interface 192.168.1.50
            ask part /api --interface 192.168.1.50
            ask part /apix --interface 192.168.1.50
            ask part /kept/x --interface 192.168.1.50
            ask part /kept/x --interface 203.0.113.9
            ask part /kept/../x --interface 203.0.113.9
            ask part /x/../kept/x --interface 203.0.113.9
            ask part /x --interface 203.0.113.9"#,
        ),
        &[],
    );
    let said = text(&answer.stdout);
    assert!(answer.status.success(), "{said}{}", text(&answer.stderr));
    Some(said)
}

/// Compares the answers with what the routes say.
///
/// `walked` is how the proxy hands on the path `/kept/../x`.
fn judge(said: &str, walked: &str, hostile: &str) {
    let through = format!("status=200\nanswer-x-said={hostile}\nport=4533\n");
    let told = format!("x-told={hostile}\n");
    let ok = |path: &str| format!("{through}path={path}\n{told}");
    let plain = |port: u16, path: &str| format!("status=200\n{OWN}port={port}\npath={path}\n");
    let sent = |status: u16, to: &str| format!("status={status}\nanswer-location={to}\n");
    let home = |path: &str| format!("https://app.example.org{path}");
    let wanted = [
        ("app/a%2Fb?c=d%20e", ok("/a%2Fb?c=d%20e")),
        ("second/", ok("/")),
        ("old/x?y=1", sent(301, &home("/x?y=1"))),
        ("app/start", sent(302, "/web/")),
        ("app/start/below", ok("/start/below")),
        ("app/away", sent(301, "https://example.net/there?x=1")),
        ("app/up", ok("/up")),
        ("app/up", "status=413\n".to_owned()),
        ("closed/", "status=403\n".to_owned()),
        ("closed/", "status=401\n".to_owned()),
        ("closed/", "status=401\n".to_owned()),
        ("closed/", plain(4533, "/")),
        ("part/api/x%20y?z=1", plain(4533, "/x%20y?z=1")),
        ("part/api", plain(4533, "/")),
        ("part/apix", plain(4534, "/apix")),
        ("part/kept/x", plain(4533, "/kept/x")),
        ("part/kept/x", "status=403\n".to_owned()),
        ("part/kept/../x", plain(4534, walked)),
        ("part/x/../kept/x", "status=403\n".to_owned()),
        ("part/x", plain(4534, "/x")),
    ];
    let mut answers = said.split("== ").skip(1);
    for (asked, wanted) in wanted {
        let answer = answers.next().expect("an answer to every question");
        let (question, answer) = answer.split_once('\n').expect("a question and an answer");
        assert_eq!(question, asked);
        // What else is said of a redirect or a refusal is the proxy's own.
        let told = if wanted.starts_with("status=200") {
            answer.to_owned()
        } else {
            let own =
                |line: &&str| line.starts_with("status=") || line.starts_with("answer-location");
            answer.lines().filter(own).map(|line| format!("{line}\n")).collect()
        };
        let own = |scheme: &str| format!("={scheme}://app.example.org/");
        let short = told.replace(&own("http"), "=/").replace(&own("https"), "=/");
        let short = if wanted.contains("answer-location=/") { short } else { told };
        assert_eq!(short, wanted, "{asked}\n{said}");
    }
    assert_eq!(answers.next(), None);
}

/// What the program itself says of an answer that no route changes.
const OWN: &str = "answer-x-powered-by=a stand-in\nanswer-x-said=the program\n";

#[test]
fn nginx_proxy_manager_does_what_a_route_says() {
    let hostile = format!("{HOSTILE} {{b}} {{{{c}}}} `d`");
    let unpacked = bundle_of(&lab("module=nginx-proxy-manager", &hostile));
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let payload = unpacked.path().join("payload");
    let routes = std::fs::read_to_string(payload.join("proxy/routes.json")).expect("the routes");
    let routes: Value = serde_json::from_str(&routes).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let file =
        format!("events {{}}\nhttp {{\nresolver 127.0.0.1 ipv6=off;\n{}}}\n", servers(&routes));
    std::fs::write(folder.path().join("nginx.conf"), file).expect("a file");
    // The users' file is read by the workers.
    let start = format!("chmod 0444 /run/secrets/users\n{START_NPM}");
    let users = "ada:$apr1$W6lhZuV1$KnQ1hir.9NnyKgbZVMma.1\n";
    let Some(said) = ask(folder.path(), &start, false, users) else { return };
    judge(&said, "/kept/../x", &hostile);
}

#[test]
fn caddy_does_what_a_route_says() {
    let hostile = format!("{HOSTILE} $b $");
    let unpacked = bundle_of(&lab("module=caddy { certificates internal; }", &hostile));
    let payload = unpacked.path().join("payload");
    let start = "caddy start --config /payload/proxy/Caddyfile --adapter caddyfile >/tmp/log 2>&1";
    let users = "ada $2a$14$HVZw9vfEG6lPtUE71U2gROyKK8yDZ1PQIlXI0apZlGPvS8hdUQlgu\n";
    let Some(said) = ask(&payload, start, true, users) else { return };
    judge(&said, "/kept/../x", &hostile);
}

#[test]
fn traefik_does_what_a_route_says() {
    let hostile = format!("{HOSTILE} ${{b}} `c`");
    let unpacked = bundle_of(&lab("module=traefik { certificates internal; }", &hostile));
    let payload = unpacked.path().join("payload");
    let users = "ada:$2a$14$HVZw9vfEG6lPtUE71U2gROyKK8yDZ1PQIlXI0apZlGPvS8hdUQlgu\n";
    let Some(said) = ask(&payload, START_TRAEFIK, true, users) else { return };
    judge(&said, "/x", &hostile);
}

#[test]
fn traefik_is_told_what_a_route_says() {
    let hostile = format!("{HOSTILE} ${{b}} `c`");
    let limited = lab("module=traefik { certificates internal; }", &hostile).replace(
        "body-limit (size)\"1KiB\"",
        "body-limit (size)\"1KiB\"
        rate-limit 100 per=(duration)\"1m\" burst=20
        raw traefik.compress { excludedContentTypes { - \"text/event-stream\"; }; }",
    );
    let unpacked = bundle_of(&limited);
    consumers::bundle(unpacked.path()).expect("its readers accept the bundle");
    let path = unpacked.path().join("payload/proxy/dynamic/routes.yaml");
    let routes = std::fs::read_to_string(path).expect("the routes");
    crate::snapshots::assert_snapshot("modules", "traefik-handling", &routes);
}
