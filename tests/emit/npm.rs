//! Runs nginx-proxy-manager's provisioning against a stand-in for its API: the second run must
//! change nothing.

use std::path::Path;

use serde_json::{Value, json};

use crate::trixie::{Room, text};

const SCRIPT: &str = include_str!("../../src/emit/npm/reconcile.sh");
const PASSWORD: &str = "it's a \"$(secret)\" \\n";

/// An installation that outlives the rooms in which the script runs.
struct Installation(tempfile::TempDir);

struct Run {
    succeeded: bool,
    said: String,
    complained: String,
}

impl Installation {
    fn new(state: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let installation = Self(folder);
        installation.write("state.json", &state.to_string());
        installation.write("reconcile.sh", SCRIPT);
        installation.write("password", PASSWORD);
        installation
    }

    fn fresh() -> Self {
        Self::new(&json!({
            "users": [], "proxyHosts": [], "accessLists": [], "certificates": [],
            "unreachable": [], "serial": 10, "log": [],
        }))
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.path().join(name), content).expect("a file");
    }

    fn state(&self) -> Value {
        let text = std::fs::read_to_string(self.0.path().join("state.json")).expect("the state");
        serde_json::from_str(&text).expect("the state is JSON")
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        change(&mut state);
        self.write("state.json", &state.to_string());
    }

    /// Forgets the changes so far.
    fn forget(&self) {
        self.change(|state| state["log"] = json!([]));
    }

    fn log(&self) -> Vec<String> {
        serde_json::from_value(self.state()["log"].clone()).expect("a list")
    }

    fn provision(&self, routes: &Value) -> Option<Run> {
        self.write("routes.json", &routes.to_string());
        let answer = Room::new()?
            .lend(self.0.path(), "/scratch")
            .show(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emit"), "/stand-in")
            .sh(
                "ip link set lo up 2>/dev/null || :
                rm -f /tmp/port
                python3 /stand-in/npm_api.py /scratch/state.json /stand-in/npm_schema.json \
                /tmp/port &
                until [ -s /tmp/port ]; do kill -0 $!; done
                [ ! -e /scratch/dns-credentials ] || install -D /scratch/dns-credentials \
                /run/secrets/dns-credentials
                status=0
                { printf '%s\\n' \"$(cat /scratch/password)\"; cat /scratch/routes.json; } |
                    sh /scratch/reconcile.sh \"http://127.0.0.1:$(cat /tmp/port)/api\" \
                    admin@example.org lab/npm || status=$?
                kill $!
                exit $status",
                &[],
            );
        Some(Run {
            succeeded: answer.status.success(),
            said: text(&answer.stdout),
            complained: text(&answer.stderr),
        })
    }
}

fn host(name: &str, port: u16, list: Option<&str>) -> Value {
    json!({
        "accessList": list,
        "certificate": list.is_none().then_some([name]),
        "payload": {
            "domain_names": [name], "forward_scheme": "http", "forward_host": "192.168.1.101",
            "forward_port": port,
            "allow_websocket_upgrade": true, "block_exploits": false, "caching_enabled": false,
            "hsts_enabled": false,
            "hsts_subdomains": false, "trust_forwarded_proto": false, "enabled": true,
            "advanced_config": "",
            "meta": {"labwright": "lab/npm"},
        },
    })
}

fn access_list(name: &str, clients: &[(&str, &str)]) -> Value {
    let clients: Vec<_> = clients
        .iter()
        .map(|(directive, address)| json!({"directive": directive, "address": address}))
        .collect();
    json!({"name": name, "satisfy_any": false, "pass_auth": false, "items": [], "clients": clients})
}

const LAN: &str = "labwright lab/npm: lan";

fn routes() -> Value {
    json!({
        "accessLists": [access_list(LAN, &[("deny", "192.168.1.111/32"), ("allow",
        "192.168.1.0/24"), ("allow", "fd00::/64")])],
        "hosts": [host("grafana.example.org", 3000, Some(LAN)), host("media.example.org", 8096,
        None)],
    })
}

#[test]
fn makes_everything_once() {
    let installation = Installation::fresh();
    let Some(first) = installation.provision(&routes()) else { return };
    assert!(first.succeeded, "{}", first.complained);
    assert_eq!(
        installation.log(),
        [
            "POST /users",
            "PUT /settings/default-site",
            "POST /nginx/access-lists",
            "POST /nginx/proxy-hosts",
            "POST /nginx/certificates",
            "POST /nginx/proxy-hosts"
        ]
    );
    let state = installation.state();
    assert_eq!(state["defaultSite"], "444", "no answer under a name that leads nowhere");
    assert_eq!(
        state["users"],
        json!([{"email": "admin@example.org", "secret": PASSWORD, "roles": ["admin"]}])
    );
    let [grafana, media] = &state["proxyHosts"].as_array().expect("hosts")[..] else {
        panic!("two hosts")
    };
    assert_eq!(
        (&grafana["access_list_id"], &grafana["certificate_id"], &grafana["ssl_forced"]),
        (&json!(11), &json!(0), &json!(false))
    );
    assert_eq!(
        (&media["access_list_id"], &media["certificate_id"], &media["ssl_forced"]),
        (&json!(0), &json!(13), &json!(true))
    );

    installation.forget();
    let second = installation.provision(&routes()).expect("a room");
    assert!(second.succeeded, "{}", second.complained);
    assert_eq!((second.said.as_str(), installation.log()), ("", Vec::new()));
}

#[test]
fn leaves_the_page_that_somebody_chose_for_unknown_names() {
    let installation = Installation::fresh();
    installation.change(|state| state["defaultSite"] = json!("html"));
    let Some(run) = installation.provision(&routes()) else { return };
    assert!(run.succeeded, "{}", run.complained);
    assert_eq!(installation.state()["defaultSite"], "html");
}

#[test]
fn changes_what_changed_and_removes_what_is_gone() {
    let installation = Installation::fresh();
    let Some(_) = installation.provision(&routes()) else { return };
    installation.change(|state| {
        let by_hand = json!({"id": 5, "domain_names": ["by-hand.example.org"], "access_list_id": 0,
        "certificate_id": 0, "meta": {}});
        state["proxyHosts"].as_array_mut().expect("hosts").push(by_hand);
        state["accessLists"].as_array_mut().expect("lists").push(json!({"id": 6, "name": "by \
            hand", "clients": []}));
    });
    installation.forget();

    let mut changed = routes();
    changed["hosts"][0]["payload"]["forward_port"] = json!(3001);
    let run = installation.provision(&changed).expect("a room");
    assert_eq!(run.said, "changed the proxy host grafana.example.org\n", "{}", run.complained);
    changed["accessLists"][0]["clients"][0]["address"] = json!("192.168.1.112/32");
    let run = installation.provision(&changed).expect("a room");
    assert_eq!(run.said, format!("changed the access list {LAN}\n"), "{}", run.complained);

    installation.forget();
    let run = installation
        .provision(&json!({"accessLists": [], "hosts": [routes()["hosts"][0].clone()]}))
        .expect("a room");
    assert!(!run.succeeded, "a host can't name a list that is not there");
    let run = installation.provision(&json!({"accessLists": [], "hosts": []})).expect("a room");
    assert!(run.succeeded, "{}", run.complained);
    let state = installation.state();
    assert_eq!(state["proxyHosts"].as_array().map(Vec::len), Some(1), "{state}");
    assert_eq!(state["proxyHosts"][0]["domain_names"][0], "by-hand.example.org");
    assert_eq!(state["accessLists"], json!([{"id": 6, "name": "by hand", "clients": []}]));
    assert_eq!(
        state["certificates"],
        json!([]),
        "the certificate of a host that is gone would fail to renew for ever"
    );
}

#[test]
fn takes_over_a_host_of_that_one_name_but_none_of_several() {
    let by_hand = |names: &[&str]| {
        json!({"id": 5, "domain_names": names, "forward_scheme": "http", "forward_host": "old",
        "forward_port": 1, "access_list_id": 0,
            "certificate_id": 0, "meta": {}})
    };
    let installation = Installation::fresh();
    installation.change(|state| state["proxyHosts"] = json!([by_hand(&["Media.example.org"])]));
    let Some(run) = installation.provision(&routes()) else { return };
    assert!(
        run.succeeded && run.said.contains("changed the proxy host media.example.org"),
        "{}{}",
        run.said,
        run.complained
    );

    installation.change(|state| {
        state["proxyHosts"] = json!([by_hand(&["media.example.org", "tv.example.org"])]);
    });
    let run = installation.provision(&routes()).expect("a room");
    assert!(
        !run.succeeded && run.complained.contains("media.example.org is one of several names"),
        "{}",
        run.complained
    );
}

#[test]
fn uses_a_certificate_that_covers_the_name_and_does_without_one_that_nobody_gives() {
    let installation = Installation::fresh();
    installation.change(|state| {
        state["certificates"] = json!([
            {"id": 1, "provider": "other", "domain_names": ["*.example.org"],
             "expires_on": "2027-01-01"},
            {"id": 2, "provider": "other", "domain_names": ["*.org"], "expires_on": "2028-01-01"},
        ]);
        state["unreachable"] = json!(["media.example.net"]);
    });
    let mut wanted = routes();
    wanted["hosts"].as_array_mut().expect("hosts").push(host("media.example.net", 8096, None));
    let Some(run) = installation.provision(&wanted) else { return };
    assert!(run.succeeded, "{}", run.complained);
    assert!(
        run.complained.contains("warning: no certificate for media.example.net"),
        "{}",
        run.complained
    );
    let certificates: Vec<_> = installation.state()["proxyHosts"]
        .as_array()
        .expect("hosts")
        .iter()
        .map(|host| host["certificate_id"].clone())
        .collect();
    assert_eq!(certificates, [json!(1), json!(1), json!(0)]);
}

#[test]
fn proves_names_by_the_dns_with_one_certificate_for_all() {
    let installation = Installation::fresh();
    installation.write("dns-credentials", "dns_cloudflare_api_token = a\"b\\c\nsecond = $line\n");
    let mut wanted = routes();
    wanted["dnsProvider"] = json!("cloudflare");
    for host in wanted["hosts"].as_array_mut().expect("hosts") {
        host["certificate"] = json!(["*.example.org"]);
    }
    let Some(run) = installation.provision(&wanted) else { return };
    assert!(run.succeeded, "{}", run.complained);
    let state = installation.state();
    let [certificate] = &state["certificates"].as_array().expect("certificates")[..] else {
        panic!("one certificate: {state}")
    };
    assert_eq!(certificate["domain_names"], json!(["*.example.org"]));
    assert_eq!(
        certificate["meta"],
        json!({"dns_challenge": true, "dns_provider": "cloudflare",
        "dns_provider_credentials": "dns_cloudflare_api_token = a\"b\\c\nsecond = $line\n"})
    );
    for host in state["proxyHosts"].as_array().expect("hosts") {
        assert_eq!(
            (&host["certificate_id"], &host["ssl_forced"]),
            (&certificate["id"], &json!(true))
        );
    }
    installation.forget();
    let again = installation.provision(&wanted).expect("a room");
    assert_eq!((again.said.as_str(), installation.log()), ("", Vec::new()), "{}", again.complained);

    let refused = Installation::fresh();
    refused.write("dns-credentials", "wrong");
    refused.change(|state| state["unreachable"] = json!(["*.example.org"]));
    let run = refused.provision(&wanted).expect("a room");
    assert!(run.succeeded, "{}", run.complained);
    let asked = refused.log().iter().filter(|call| *call == "POST /nginx/certificates").count();
    assert_eq!(
        (asked, run.complained.matches("warning").count()),
        (1, 2),
        "an authority is asked once in a run: {}",
        run.complained
    );
}

#[test]
fn keeps_a_list_that_a_host_made_by_hand_relies_on() {
    let installation = Installation::fresh();
    let Some(_) = installation.provision(&routes()) else { return };
    installation.change(|state| {
        let list = state["accessLists"][0]["id"].clone();
        let by_hand = json!({"id": 5, "domain_names": ["by-hand.example.org"],
        "access_list_id": list, "certificate_id": 0, "meta": {}});
        state["proxyHosts"].as_array_mut().expect("hosts").push(by_hand);
    });
    let run = installation.provision(&json!({"accessLists": [], "hosts": []})).expect("a room");
    assert!(run.succeeded && run.complained.contains("stays"), "{}", run.complained);
    assert_eq!(installation.state()["accessLists"].as_array().map(Vec::len), Some(1));
}

#[test]
fn says_what_keeps_it_from_logging_in() {
    let installation = Installation::fresh();
    let user = |secret: &str, second: bool| {
        json!([{"email": "admin@example.org", "secret": secret,
    "2fa": second}])
    };
    installation.change(|state| state["users"] = user("another", false));
    let Some(run) = installation.provision(&routes()) else { return };
    assert!(
        !run.succeeded && run.complained.contains("is not taken: Invalid email or password"),
        "{}",
        run.complained
    );
    installation.change(|state| state["users"] = user(PASSWORD, true));
    let run = installation.provision(&routes()).expect("a room");
    assert!(!run.succeeded && run.complained.contains("second factor"), "{}", run.complained);
    installation.write("password", "");
    let run = installation.provision(&routes()).expect("a room");
    assert!(!run.succeeded && run.complained.contains("empty"), "{}", run.complained);
}

#[test]
fn takes_the_routes_of_a_lab() {
    let written = std::fs::read_to_string(super::built::built().join("edge/npm/routes.json"))
        .expect("the routes");
    let routes: Value = serde_json::from_str(&written).expect("the routes are JSON");
    let names: Vec<_> = routes["hosts"]
        .as_array()
        .expect("hosts")
        .iter()
        .map(|host| &host["payload"]["domain_names"][0])
        .collect();
    assert_eq!(
        names,
        ["grafana.example.org", "home.example.org", "logs.example.org", "status.example.org"]
    );
    // The machine of the DMZ has an address in the LAN's prefix but is not in the LAN.
    assert_eq!(
        routes["accessLists"][0]["clients"][1],
        json!({"address": "192.168.1.11/32", "directive": "deny"})
    );
    let installation = Installation::fresh();
    let Some(run) = installation.provision(&routes) else { return };
    assert!(run.succeeded, "{}", run.complained);
    installation.forget();
    let again = installation.provision(&routes).expect("a room");
    assert_eq!(
        (again.succeeded, again.said.as_str(), installation.log()),
        (true, "", Vec::new()),
        "{}",
        again.complained
    );
}

/// Leads the places of a server to programs on this machine.
fn on_this_machine(directives: &str) -> String {
    let here = |line: &str| match line.split_once("$labwright_upstream ") {
        Some((set, _)) => format!("{set}$labwright_upstream 127.0.0.1;\n"),
        None => format!("{line}\n"),
    };
    directives.lines().map(here).collect()
}

#[test]
fn shows_nobody_what_is_for_prometheus() {
    let written = std::fs::read_to_string(super::built::built().join("edge/npm/routes.json"))
        .expect("the routes");
    let routes: Value = serde_json::from_str(&written).expect("the routes are JSON");
    let directives = routes["hosts"][0]["payload"]["advanced_config"]
        .as_str()
        .expect("directives of Grafana's host");
    let folder = tempfile::tempdir().expect("a folder");
    let grafana = "server { listen 3000; location / { return 200; } }";
    let directives = on_this_machine(directives);
    let file = format!("events {{}} http {{ {grafana} server {{ {directives} listen 8080; }} }}");
    std::fs::write(folder.path().join("nginx.conf"), file).expect("a file");
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/scratch").sh(
        "ip link set lo up
        ip addr add $1/32 dev lo
        nginx -c /scratch/nginx.conf
        for path in / /metrics /metrics/x /login; do curl -s -o /dev/null -w '%{http_code} ' \
        --interface $1 http://127.0.0.1:8080$path; done
        nginx -c /scratch/nginx.conf -s stop",
        &["192.168.1.50"],
    );
    assert_eq!(text(&answer.stdout), "200 404 200 200 ", "{}", text(&answer.stderr));
}

#[test]
fn asks_who_a_user_is_before_anything_is_shown() {
    let written = std::fs::read_to_string(super::built::built().join("edge/npm/routes.json"))
        .expect("the routes");
    let routes: Value = serde_json::from_str(&written).expect("the routes are JSON");
    let directives = routes["hosts"][2]["payload"]["advanced_config"].as_str().expect("directives");
    assert!(directives.contains("proxy_pass http://login:9000/check/nginx;"), "{directives}");
    let folder = tempfile::tempdir().expect("a folder");
    let visitor = "192.168.1.50";
    let login = "server { listen 9000; location / { return 401; } }";
    std::fs::write(
        folder.path().join("nginx.conf"),
        format!(
            "events {{}} http {{ {login} server {{ {} listen 8080; }} }}",
            on_this_machine(directives).replace("login:9000", "127.0.0.1:9000")
        ),
    )
    .expect("a file");
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/scratch").sh(
        "ip link set lo up
        ip addr add $1/32 dev lo
        nginx -c /scratch/nginx.conf
        curl -s -o /dev/null -w '%{http_code} %{redirect_url}' --interface $1 \
        http://127.0.0.1:8080/a?b=c
        nginx -c /scratch/nginx.conf -s stop",
        &[visitor],
    );
    assert_eq!(
        text(&answer.stdout),
        "302 http://127.0.0.1:8080/check/start?rd=http://127.0.0.1:8080/a?b=c",
        "{}",
        text(&answer.stderr)
    );
}
