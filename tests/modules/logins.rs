//! Runs the proxies in front of a stand-in for each service that authenticates users: strangers are
//! kept out, and nobody says who they are but the service.

use super::visitors::{NPM_HTTP, START_NPM, START_TRAEFIK, servers};
use super::{ECHO, PRELUDE, bundle_of};
use crate::trixie::{Room, text};

/// A module that authenticates users, as the stand-in plays it.
struct Login {
    /// The service, without its name.
    options: &'static str,
    module: &'static str,
    port: u16,
    /// The path that says no to strangers. Any other path shows its pages to everybody.
    caddy: &'static str,
    traefik: &'static str,
    nginx: &'static str,
    /// The header that names the user.
    header: &'static str,
    /// Where nginx sends a stranger who asked for `/a?b=c`.
    sent: &'static str,
}

const LOGINS: [Login; 4] = [
    Login {
        module: "authentik",
        options: "secret-key (secret)a; database-password (secret)b",
        port: 9000,
        caddy: "/outpost.goauthentik.io/auth/caddy",
        traefik: "/outpost.goauthentik.io/auth/traefik",
        nginx: "/outpost.goauthentik.io/auth/nginx",
        header: "X-authentik-username",
        sent: "http://guarded.example.org/outpost.goauthentik.io/start?\
               rd=http://guarded.example.org/a?b=c",
    },
    Login {
        module: "authelia",
        options: "domain \"example.org\"; host \"auth.example.org\"; users (secret)a; \
                  session-key (secret)b; storage-key (secret)c; reset-key (secret)d",
        port: 9091,
        caddy: "/api/authz/forward-auth",
        traefik: "/api/authz/forward-auth",
        nginx: "/api/authz/auth-request",
        header: "Remote-User",
        sent: "https://login.example.org/",
    },
    Login {
        module: "tinyauth",
        options: "host \"auth.example.org\"; users (secret)a",
        port: 3000,
        caddy: "/api/auth/caddy",
        traefik: "/api/auth/traefik",
        nginx: "/api/auth/nginx",
        header: "Remote-User",
        sent: "https://login.example.org/",
    },
    Login {
        module: "oauth2-proxy",
        options: "issuer \"https://id.example.org\"; client-id lab; client-secret (secret)a; \
                  cookie-key (secret)b",
        port: 4180,
        caddy: "/",
        traefik: "/",
        nginx: "/oauth2/auth",
        header: "X-Auth-Request-User",
        sent: "http://guarded.example.org/oauth2/start?rd=http://guarded.example.org/a?b=c",
    },
];

fn lab(login: &Login, proxy: &str) -> String {
    let Login { options, module, .. } = login;
    format!(
        r#"{PRELUDE}
secret a
secret b
secret c
secret d
secret proxy-admin-password
service proxy on=box {proxy}
service login module={module} on=box {{ {options}; }}
service echo on=box {{
    route "guarded.example.org" to=web via=proxy from=lan auth=login
}}
{ECHO}"#
    )
}

/// A program that says who it was told that the visitor is, and a service that knows one user, by a
/// cookie. Arguments: the service's port, the path that asks it, its header.
const PROGRAMS: &str = r#"
import http.server, sys, threading

port, path, header = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = ",".join(self.headers.get_all(header, [])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *words): pass

class Login(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.path.split("?")[0] == path
        known = "session=ada" in self.headers.get("Cookie", "")
        self.send_response(401 if asked and not known else 200)
        if asked and known:
            self.send_header(header, "ada")
        if asked and not known:
            for name in ("Location", "X-Tinyauth-Location"):
                self.send_header(name, "https://login.example.org/")
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words): pass

for where, handler in ((4533, Echo), (port, Login)):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", where), handler)
    threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
"#;

/// Starts a proxy and asks for `/a?b=c` as a stranger, as a stranger who claims to be `root`, as
/// the user, and as the user who claims to be `root`. Returns `STATUS WHO-THE-PROGRAM-SAW WHERE-TO`
/// lines.
fn ask(login: &Login, path: &str, payload: &std::path::Path, start: &str) -> Option<String> {
    std::fs::write(payload.join("login.py"), PROGRAMS).expect("a program");
    let scheme = if start.starts_with("nginx") { "http" } else { "https" };
    let port = if scheme == "https" { "443" } else { "80" };
    let answer = Room::new()?.show(payload, "/payload").sh(
        &format!(
            r#"ip link set lo up
            ip addr add 192.168.1.2/32 dev lo
            ip addr add 192.168.1.50/32 dev lo
            printf '127.0.0.1 echo login\n' >>/etc/hosts
            python3 /payload/login.py "$@" >/tmp/login &
            until grep -q ready /tmp/login; do sleep 0.05; done
            {start}
            ask() {{
                curl -sk -o /tmp/said -w '%{{http_code}} %{{redirect_url}}' \
                    --interface 192.168.1.50 \
                    --resolve guarded.example.org:{port}:192.168.1.2 "$@" \
                    '{scheme}://guarded.example.org/a?b=c' >/tmp/status || return
                read -r status sent </tmp/status || true
                echo "$status $(tr -d '\r\n' </tmp/said | sed 's/<.*>//') $sent" | tr -s ' '
                : >/tmp/said
            }}
            tries=200
            # Until it knows its routes, Traefik knows none.
            until ask >/tmp/first && ! grep -q ^404 /tmp/first; do
                tries=$((tries - 1))
                [ $tries -gt 0 ]
                sleep 0.1
            done
            ask
            ask -H "$3: root"
            ask -H 'Cookie: session=ada'
            ask -H 'Cookie: session=ada' -H "$3: root""#
        ),
        &[&login.port.to_string(), path, login.header],
    );
    let said = text(&answer.stdout);
    assert!(answer.status.success(), "{said}{}", text(&answer.stderr));
    Some(said)
}

/// Compares the answers with those of a proxy that hands on what the service says to strangers.
fn judge(login: &Login, said: &str) {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let refused = lines.iter().take(2).all(|line| line.starts_with("401"));
    assert!(refused, "{}: {said}", login.module);
    assert_eq!(lines.get(2..), Some(&["200 ada", "200 ada"][..]), "{}", login.module);
}

#[test]
fn caddy_lets_in_whom_the_login_knows() {
    for login in &LOGINS {
        let unpacked = bundle_of(&lab(login, "module=caddy { certificates internal; }"));
        let start =
            "caddy start --config /payload/proxy/Caddyfile --adapter caddyfile >/tmp/log 2>&1";
        let payload = unpacked.path().join("payload");
        let Some(said) = ask(login, login.caddy, &payload, start) else { return };
        judge(login, &said);
    }
}

#[test]
fn traefik_lets_in_whom_the_login_knows() {
    for login in &LOGINS {
        let unpacked = bundle_of(&lab(login, "module=traefik { certificates internal; }"));
        let payload = unpacked.path().join("payload");
        let Some(said) = ask(login, login.traefik, &payload, START_TRAEFIK) else { return };
        judge(login, &said);
    }
}

#[test]
fn nginx_lets_in_whom_the_login_knows() {
    for login in &LOGINS {
        let unpacked = bundle_of(&lab(login, "module=nginx-proxy-manager"));
        let payload = unpacked.path().join("payload");
        let routes =
            std::fs::read_to_string(payload.join("proxy/routes.json")).expect("the routes");
        let routes: serde_json::Value = serde_json::from_str(&routes).expect("JSON");
        let servers = servers(&routes);
        std::fs::write(
            payload.join("nginx.conf"),
            format!("events {{}}\nhttp {{{NPM_HTTP}{servers}\n}}\n"),
        )
        .expect("a file");
        let Some(said) = ask(login, login.nginx, &payload, START_NPM) else { return };
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        let stranger = format!("302 {}", login.sent);
        assert_eq!(lines.first(), Some(&stranger.as_str()), "{}: {said}", login.module);
        let claims = lines.get(1).is_some_and(|line| line.starts_with("403"));
        assert!(claims, "{}: {said}", login.module);
        assert_eq!(lines.get(2), Some(&"200"), "{}: {said}", login.module);
        assert!(lines.get(3).is_some_and(|line| line.starts_with("403")), "{said}");
    }
}
