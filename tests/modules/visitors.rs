//! Runs the proxies with what labwright writes for them, and visits them from everywhere: the
//! address that decides who gets in, and that programs are told, is the one that the packets come
//! from. It is never one that the visitor states.

use std::path::Path;

use serde_json::Value;

use super::{ECHO, PRELUDE, bundle_of};
use crate::trixie::{Room, text};

/// Declares a proxy, with a route of each kind to a program that says what it was told.
fn lab(proxy: &str) -> String {
    let prelude = PRELUDE.replace(
        r#"network lan cidr="192.168.1.0/24""#,
        r#"network lan cidr="192.168.1.0/24" cidr6="fd00:1::/64""#,
    );
    format!(
        r#"{prelude}
secret authentik-key
secret authentik-database
secret proxy-admin-password
service proxy on=box {proxy}
service authentik on=box {{
    secret-key (secret)authentik-key
    database-password (secret)authentik-database
}}
service echo on=box {{
    route "inside.example.org" to=web via=proxy from=lan {{ alias "*.inside.example.org"; }}
    route "known.inside.example.org" to=web via=proxy from=internet,lan
    route "open.example.org" to=web via=proxy from=internet,lan
    route "guarded.example.org" to=web via=proxy from=lan auth=authentik
}}
{ECHO}"#
    )
}

/// A program that answers with the headers of the request, and one that knows every user.
const PROGRAMS: &str = r#"
import http.server, threading

class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = "".join(f"{name.lower()}={value}\n" for name, value in self.headers.items())
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())
    def log_message(self, *words): pass

class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True

for port in (4533, 9000):
    threading.Thread(target=Server(("127.0.0.1", port), Echo).serve_forever).start()
print("ready", flush=True)
"#;

/// The addresses of visitors, and whether they are in the LAN.
const VISITORS: [(&str, bool); 7] = [
    ("192.168.1.50", true),
    ("fd00:1::50", true),
    ("203.0.113.9", false),
    ("2001:db8::9", false),
    // Addresses that an image's own configuration may believe: private ones, and a CDN's.
    ("172.30.0.1", false),
    ("10.8.0.6", false),
    ("104.16.0.9", false),
];

/// The names that are visited, below `example.org`, and whether they are open to all. One is just a
/// name below another, and one has a route of its own although it is below that name too.
const HOSTS: [(&str, bool); 5] = [
    ("inside", false),
    ("open", true),
    ("guarded", false),
    ("any.inside", false),
    ("known.inside", true),
];

const CLAIMS: [&str; 7] = [
    "X-Real-IP: 192.168.1.5",
    "X-Forwarded-For: 192.168.1.5",
    "X-Forwarded-For: fd00:1::5, 192.168.1.5",
    "Forwarded: for=192.168.1.5",
    "CF-Connecting-IP: 192.168.1.5",
    "X-Client-IP: 192.168.1.5",
    "True-Client-IP: 192.168.1.5",
];

/// Starts a proxy and visits every route from every address with every claim; returns
/// `HOST ADDRESS STATUS FORWARDED-ADDRESS STATED` lines, where the last is the number of
/// headers that reach the program in which a visitor states an address.
fn visit(payload: &Path, start: &str, tls: bool) -> Option<String> {
    let addresses: String = VISITORS
        .iter()
        .map(|(address, _)| {
            let length = if address.contains(':') { 128 } else { 32 };
            format!("ip addr add {address}/{length} dev lo nodad\n")
        })
        .collect();
    let claims: String = CLAIMS.iter().map(|claim| format!("'{claim}' ")).collect();
    let visitors: Vec<&str> = VISITORS.iter().map(|(address, _)| *address).collect();
    let (scheme, port) = if tls { ("https", 443) } else { ("http", 80) };
    let programs = tempfile::tempdir().expect("a folder");
    std::fs::write(programs.path().join("echo.py"), PROGRAMS).expect("a program");
    let room = Room::new()?.show(payload, "/payload").show(programs.path(), "/programs");
    let answer = room.sh(
        &format!(
            r#"ip link set lo up
            ip addr add 192.168.1.2/32 dev lo
            ip addr add fd00:1::2/128 dev lo nodad
            {addresses}
            printf '127.0.0.1 echo authentik\n' >>/etc/hosts
            python3 /programs/echo.py >/tmp/echo &
            until grep -q ready /tmp/echo; do sleep 0.05; done
            {start}
            tries=200
            for host in {hosts}; do
                until curl -sk -o /tmp/said --resolve $host.example.org:{port}:192.168.1.2 \
                    {scheme}://$host.example.org/; do
                    tries=$((tries - 1))
                    [ $tries -gt 0 ]
                    sleep 0.1
                done
            done
            for host in {hosts}; do
                for visitor in {visitors}; do
                    case $visitor in *:*) to=[fd00:1::2] ;; *) to=192.168.1.2 ;; esac
                    for claim in 'X-Nothing: 1' {claims}; do
                        status=$(curl -sk -o /tmp/said -w '%{{http_code}}' --interface $visitor \
                            --resolve $host.example.org:{port}:$to -H "$claim" \
                            {scheme}://$host.example.org/) || status=000
                        told=$(sed -n 's/^x-forwarded-for=//p' /tmp/said | tr -d '\r')
                        stated=$(grep -cE '^(cf-connecting|(true|x)-client)-ip=|^forwarded=' \
                            /tmp/said) || :
                        echo "$host $visitor $status ${{told:--}} $stated"
                        : >/tmp/said
                    done
                done
            done"#,
            hosts = HOSTS.map(|(host, _)| host).join(" "),
            visitors = visitors.join(" ")
        ),
        &[],
    );
    let said = text(&answer.stdout);
    assert!(answer.status.success(), "{said}{}", text(&answer.stderr));
    Some(said)
}

/// Compares what visitors got with where they come from.
fn judge(said: &str) {
    let mut lines = said.lines();
    for (host, open) in HOSTS {
        for (address, at_home) in VISITORS {
            for claim in std::iter::once("no claim").chain(CLAIMS) {
                let line = lines.next().expect("an answer to every visit");
                let (status, told) = if at_home || open { ("200", address) } else { ("403", "-") };
                assert_eq!(line, format!("{host} {address} {status} {told} 0"), "{claim}\n{said}");
            }
        }
    }
    assert_eq!(lines.next(), None);
}

/// The part of nginx-proxy-manager's configuration that says who knows names, whose word about a
/// visitor's address counts, and what it tells programs (its `nginx.conf`, `ip_ranges.conf` and
/// `proxy.conf`).
pub const NPM_HTTP: &str = "
    resolver 127.0.0.1 ipv6=off;
    set_real_ip_from 10.0.0.0/8;
    set_real_ip_from 172.16.0.0/12;
    set_real_ip_from 192.168.0.0/16;
    set_real_ip_from 104.16.0.0/13;
    set_real_ip_from 2400:cb00::/32;
    real_ip_header X-Real-IP;
    real_ip_recursive on;
";

/// Starts nginx with `/payload/nginx.conf`, and the name server that it asks for each program: one
/// that reads `/etc/hosts`.
pub const START_NPM: &str = "nginx -c /payload/nginx.conf
    dnsmasq --no-resolv --user=root --pid-file= --bind-interfaces --listen-address=127.0.0.1";

/// Writes the servers that nginx-proxy-manager makes of `routes.json`.
pub fn servers(routes: &Value) -> String {
    let hosts = routes["hosts"].as_array().expect("hosts");
    let lists = routes["accessLists"].as_array().expect("lists");
    let server = |host: &Value| {
        let payload = &host["payload"];
        let list = lists.iter().find(|list| list["name"] == host["accessList"]);
        let lines: String = list.map_or_else(String::new, |list| {
            let clients = list["clients"].as_array().expect("clients");
            let lines = clients.iter().map(|client| {
                let word = |key: &str| client[key].as_str().expect("text").to_owned();
                format!("{} {};\n", word("directive"), word("address"))
            });
            lines.chain(["deny all;\n".to_owned()]).collect()
        });
        let own = payload["advanced_config"].as_str().expect("directives");
        // It leaves its own `location /` out where the directives have one.
        if own.lines().any(|line| line == "location / {") {
            let name = payload["domain_names"][0].as_str().expect("a name");
            return format!(
                "server {{\nlisten 80;\nlisten [::]:80;\nserver_name {name};\n{own}\n}}\n"
            );
        }
        format!(
            "server {{\nlisten 80;\nlisten [::]:80;\nserver_name {};\n{}\nlocation / {{\n{lines}\
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\nproxy_set_header \
             X-Real-IP $remote_addr;\nproxy_pass {}://{}:{};\n}}\n}}\n",
            payload["domain_names"][0].as_str().expect("a name"),
            own,
            payload["forward_scheme"].as_str().expect("a scheme"),
            payload["forward_host"].as_str().expect("a host"),
            payload["forward_port"],
        )
    };
    hosts.iter().map(server).collect()
}

#[test]
fn nginx_proxy_manager_judges_the_address_of_the_connection() {
    let unpacked = bundle_of(&lab("module=nginx-proxy-manager"));
    let payload = unpacked.path().join("payload");
    let routes = std::fs::read_to_string(payload.join("proxy/routes.json")).expect("the routes");
    let routes: Value = serde_json::from_str(&routes).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |directives: &str| {
        let text = format!("events {{}}\nhttp {{{NPM_HTTP}{directives}}}\n");
        std::fs::write(folder.path().join("nginx.conf"), text).expect("a file");
    };
    write(&servers(&routes));
    let Some(said) = visit(folder.path(), START_NPM, false) else { return };
    judge(&said);

    // Without our directive the claim would count. If this ever fails, nothing above proves much.
    write(&servers(&routes).replace("set_real_ip_from unix:;", ""));
    let said = visit(folder.path(), START_NPM, false).expect("a room");
    assert!(said.contains("inside 172.30.0.1 200"), "{said}");
}

#[test]
fn no_part_of_a_guarded_host_is_open_to_strangers() {
    let unpacked = bundle_of(&lab("module=nginx-proxy-manager"));
    let payload = unpacked.path().join("payload");
    let routes = std::fs::read_to_string(payload.join("proxy/routes.json")).expect("the routes");
    let routes: Value = serde_json::from_str(&routes).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("events {{}}\nhttp {{{NPM_HTTP}{}}}\n", servers(&routes));
    std::fs::write(folder.path().join("nginx.conf"), file).expect("a file");
    std::fs::write(folder.path().join("echo.py"), PROGRAMS).expect("a program");
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/payload").sh(
        &format!(
            "ip link set lo up
            for address in 192.168.1.2 192.168.1.50 203.0.113.9; do
                ip addr add $address/32 dev lo
            done
            printf '127.0.0.1 echo authentik\\n' >>/etc/hosts
            python3 /payload/echo.py >/tmp/echo &
            until grep -q ready /tmp/echo; do sleep 0.05; done
            {START_NPM}
            for visitor in 192.168.1.50 203.0.113.9; do
                curl -s -o /dev/null -w '%{{http_code}} ' --interface $visitor \
                    --resolve guarded.example.org:80:192.168.1.2 \
                    http://guarded.example.org/outpost.goauthentik.io/start
            done"
        ),
        &[],
    );
    assert_eq!(text(&answer.stdout), "200 403 ", "{}", text(&answer.stderr));
}

#[test]
fn caddy_judges_the_address_of_the_connection() {
    let unpacked = bundle_of(&lab("module=caddy { certificates internal; }"));
    let payload = unpacked.path().join("payload");
    let start = "caddy start --config /payload/proxy/Caddyfile --adapter caddyfile >/tmp/log 2>&1";
    let Some(said) = visit(&payload, start, true) else { return };
    judge(&said);
}

/// Starts Traefik where its container would find its files, with a certificate of its own
/// authority.
pub const START_TRAEFIK: &str = "mkdir -p /etc/traefik /srv/appdata/proxy/certificates
    sh /payload/proxy/certificates.sh >/tmp/log 2>&1
    ln -s /srv/appdata/proxy/certificates /certificates
    ln -s /payload/proxy/dynamic /payload/proxy/traefik.yaml /etc/traefik/
    traefik >/tmp/log 2>&1 &";

#[test]
fn traefik_judges_the_address_of_the_connection() {
    let unpacked = bundle_of(&lab("module=traefik { certificates internal; }"));
    let payload = unpacked.path().join("payload");
    let Some(said) = visit(&payload, START_TRAEFIK, true) else { return };
    judge(&said);
}
