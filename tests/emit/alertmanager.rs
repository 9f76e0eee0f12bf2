//! Runs the real Alertmanager with the emitted configuration: what is muted, and what people get.

use std::path::Path;

use super::built::built;
use crate::trixie::{Room, text};

/// Starts Alertmanager with what the lab emits, as far as the version of Debian understands it, and
/// runs `script` of Python. `post` sends alerts, `states` says of each alert whether it is muted,
/// and `got` lists what a stand-in for all receivers was sent.
const HARNESS: &str = r#"
import http.server, json, os, subprocess, threading, time, urllib.request, yaml

settings = yaml.safe_load(open("/payload/alertmanager/alertmanager.yml"))
people = next(one for one in settings["receivers"] if one["name"] == "people")
# Debian's Alertmanager is older than the image's, and knows no payload of one's own.
payloads = [one.pop("payload") for one in people["webhook_configs"] if "payload" in one]
people.pop("email_configs"), people.pop("telegram_configs")
settings["route"]["group_wait"] = "1s"

got = []
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()

def local(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "url":
                value[key] = "http://127.0.0.1:8000/" + inner.split("://")[1]
            elif isinstance(inner, str) and inner.startswith("/run/secrets/"):
                os.makedirs("/run/secrets", exist_ok=True)
                is_address = key.endswith("url_file")
                name = inner.rsplit("/")[-1]
                open(inner, "w").write(f"http://127.0.0.1:8000/{name}" if is_address else name)
            local(inner)
    elif isinstance(value, list):
        for inner in value:
            local(inner)
            if isinstance(inner, str) and inner.startswith("/run/secrets/"):
                open(inner, "w").write(inner.rsplit("/")[-1])
local(settings)
os.makedirs("/tmp/alerts")
yaml.safe_dump(settings, open("/tmp/alerts/alertmanager.yml", "w"))
subprocess.run(["amtool", "check-config", "/tmp/alerts/alertmanager.yml"], check=True)
log = open("/tmp/alerts/log", "w")
running = subprocess.Popen(["prometheus-alertmanager", "--config.file=/tmp/alerts/alertmanager.yml",
    "--storage.path=/tmp/alerts/data", "--web.listen-address=127.0.0.1:9093",
    "--cluster.listen-address="], stderr=log, stdout=log)

def ask(path, body=None):
    data = body and json.dumps(body).encode()
    request = urllib.request.Request("http://127.0.0.1:9093" + path, data,
        {"Content-Type": "application/json"})
    return urllib.request.urlopen(request).read()

def wait(what, limit=60):
    end = time.monotonic() + limit
    while True:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        assert running.poll() is None and time.monotonic() < end, open("/tmp/alerts/log").read()
        time.sleep(0.1)
wait(lambda: ask("/-/ready"))

def post(*alerts):
    ask("/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "it is so",
        "description": 'why: "{{ it }}" is'}} for labels in alerts])

def muted(labels):
    for alert in json.loads(ask("/api/v2/alerts")):
        if alert["labels"] == labels:
            return alert["status"]["inhibitedBy"] != []
    raise AssertionError(f"{labels} is unknown")
"#;

fn with_alertmanager(script: &str) {
    let folder = built();
    let Some(room) = Room::new() else { return };
    let program = format!("python3 - <<'END'\n{HARNESS}\n{script}\nrunning.kill()\nEND");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let room = room
        .show(&folder.join("bare"), "/payload")
        .show(&here.join("src/emit/prometheus/rules"), "/rules")
        .show(&here.join("snapshots/blackbox/control-tower/prometheus/rules"), "/blackbox");
    let answer = room.sh(&program, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_late_backup_mutes_nothing_else_of_the_machine() {
    with_alertmanager(
        r#"
late = {"alertname": "BackupTooOld", "severity": "critical", "machine": "a", "backup": "restic",
    "class": "daily"}
others = [
    {"alertname": "MachineHot", "severity": "warning", "machine": "a", "chip": "c", "sensor": "t"},
    {"alertname": "ContainerGone", "severity": "warning", "machine": "a", "name": "web"},
    {"alertname": "MachineCpuBusy", "severity": "warning", "machine": "a"},
    {"alertname": "DiskSpaceLow", "severity": "warning", "machine": "a", "mountpoint": "/"},
    {"alertname": "BackupFailed", "severity": "warning", "machine": "a", "backup": "restic",
        "class": "weekly"},
]
same = {"alertname": "BackupFailed", "severity": "warning", "machine": "a", "backup": "restic",
    "class": "daily"}
post(late, same, *others)
wait(lambda: muted(same))
assert [muted(other) for other in others] == [False] * len(others)
"#,
    );
}

#[test]
fn each_pair_mutes_the_same_thing_and_no_other() {
    with_alertmanager(
        r#"
import glob, itertools, re
known = set()
emitted = glob.glob("/blackbox/*.snap") + ["/payload/prometheus/rules/modules.yml"]
for path in glob.glob("/rules/*.yml") + emitted:
    for group in [*yaml.safe_load_all(open(path))][-1]["groups"]:
        known.update(rule["alert"] for rule in group["rules"] if "alert" in rule)
def names(matchers):
    [matcher] = matchers
    return re.fullmatch(r'alertname =~? "([A-Za-z|]+)"', matcher)[1].split("|")
every = {label for rule in settings["inhibit_rules"] for label in rule["equal"]}
count = itertools.count()
def alert(name, labels, without=None):
    own = {label: f"only here {next(count)}" for label in every}
    if without:
        del own[without]
    return {"alertname": name, **own, **labels}
expected = []
for number, rule in enumerate(settings["inhibit_rules"]):
    pairs = itertools.product(names(rule["source_matchers"]), names(rule["target_matchers"]))
    for at, (source, target) in enumerate(pairs):
        assert {source, target} <= known, f"{source} or {target} is no alert"
        same = {label: f"{label} {number} {at}" for label in rule["equal"]}
        assert same, f"{source} mutes whatever there is"
        post(alert(source, same))
        expected.append((alert(target, same), True))
        for label in rule["equal"]:
            # Neither another thing, nor one of which it isn't known.
            expected.append((alert(target, {**same, label: "another"}), False))
            short = {key: value for key, value in same.items() if key != label}
            expected.append((alert(target, short, without=label), False))
post(*[labels for labels, _ in expected])
wait(lambda: muted(expected[0][0]))
for labels, is_muted in expected:
    assert muted(labels) == is_muted, (labels, is_muted)
"#,
    );
}

#[test]
fn each_receiver_gets_what_it_understands() {
    with_alertmanager(
        r#"
post({"alertname": "Heartbeat", "severity": "info"})
post(*[{"alertname": "DiskSpaceLow", "severity": "warning", "machine": "a",
    "mountpoint": f"/{number:02}"} for number in range(10)])
paths = {"/discord-url": "embeds", "/slack-url": "attachments", "/ntfy-url": "alerts",
    "/ntfy.example.org/alerts": "alerts", "/webhook-url": "alerts", "/heartbeat-url": "alerts",
    "/gotify.example.org/message": "alerts"}
wait(lambda: paths.keys() <= {path for path, *_ in got})
for path, headers, body in got:
    assert path not in paths or body[paths[path]], (path, body)
    alerts = {alert["labels"]["alertname"] for alert in body.get("alerts", [])}
    assert path not in paths or not alerts or \
        alerts == {"Heartbeat" if path == "/heartbeat-url" else "DiskSpaceLow"}, (path, alerts)
    if path == "/gotify.example.org/message":
        assert headers["X-Gotify-Key"] == "gotify-token", headers

# ntfy renders its templates with Go's own engine, as Caddy does.
ntfy = [(headers, body) for path, headers, body in got if path.startswith("/ntfy")]
for number, (headers, body) in enumerate(ntfy):
    assert headers["Authorization"] == "Bearer ntfy-token" and headers["X-Template"] == "yes"
    folder = f"/tmp/ntfy{number}"
    os.makedirs(folder)
    assert len(body["alerts"]) == 8 and body["truncatedAlerts"] == 2
    resolved = {**body, "status": "resolved", "truncatedAlerts": 0,
        "alerts": [{**body["alerts"][0], "status": "resolved"}]}
    for name, content in {"body": body, "resolved": resolved}.items():
        for part in ["Title", "Message"]:
            template = headers[f"X-{part}"]
            assert template.isascii()
            text = json.dumps(content)
            assert "`" not in text
            open(f"{folder}/{name}-{part}.html", "w").write(
                "{{ with fromJson `" + text + "` }}" + template + "{{ end }}")
    open(f"{folder}/Caddyfile", "w").write(
        "{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:8100 {\nroot * " + folder +
        "\ntemplates\nfile_server\n}\n")
    caddy = subprocess.Popen(["caddy", "run", "--config", f"{folder}/Caddyfile"],
        stderr=open(f"{folder}/log", "w"), env={**os.environ, "HOME": "/tmp"})
    def page(name):
        url = f"http://127.0.0.1:8100/{name}.html"
        return wait(lambda: urllib.request.urlopen(url).read()).decode()
    assert page("body-Title") == "DiskSpaceLow on a", page("body-Title")
    message = page("body-Message")
    assert message.splitlines()[:2] == ["it is so", 'why: "{{ it }}" is'], message
    assert message.endswith("2 more") and len(message) < 4096, message
    assert page("resolved-Title") == "Over: DiskSpaceLow on a"
    assert page("resolved-Message").strip() == "Over: it is so"
    caddy.kill()
    caddy.wait()
assert len(ntfy) == 2

# What Gotify gets: a title, a message and a number.
[payload] = payloads
assert set(payload) == {"title", "message", "priority"} and payload["priority"] == 8
data = {"status": "firing", "groupLabels": {"alertname": "DiskSpaceLow", "machine": "a"},
    "alerts": [{"status": "firing", "annotations": {"summary": "s", "description": "d"}}]}
json.dump(data, open("/tmp/data.json", "w"))
for field, expected in {"title": "DiskSpaceLow on a", "message": "s\nd\n"}.items():
    rendered = subprocess.run(["amtool", "template", "render", "--template.glob=/dev/null",
        "--template.data=/tmp/data.json", "--template.text=" + payload[field]],
        check=True, capture_output=True, text=True).stdout
    assert rendered.strip() == expected.strip(), rendered
"#,
    );
}
