//! Puts hostile values into files, has the programs that read them say what they read, and compares
//! every value.

use std::fs;
use std::path::Path;

use labwright::bundle::read::read_archive;
use labwright::format::Grammar;
use labwright::model::Cron;
use labwright::source::SourceFile;
use serde_json::Value;

use super::build;
use super::lines::{arrives, lab, values};
use crate::trixie::Room;

/// Writes the files of a lab's only bundle whose path begins with `folder`.
fn payload(files: Vec<SourceFile>, folder: &str) -> tempfile::TempDir {
    let (name, archive) = build(files).expect("it is built").remove(0);
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    let written = tempfile::tempdir().expect("a folder");
    for (path, bytes) in &contents.files {
        let Some(below) = path.strip_prefix(folder) else { continue };
        let to = written.path().join(below);
        fs::create_dir_all(to.parent().unwrap_or(Path::new("/"))).expect("a folder");
        fs::write(to, bytes).expect("a file");
    }
    written
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Runs a script of Python that prints JSON.
fn asked(folder: &Path, python: &str) -> Option<Value> {
    let script = format!("python3 - <<'END'\n{python}\nEND");
    let answer = Room::new()?.show(folder, "/in").sh(&script, &[]);
    let said = String::from_utf8_lossy(&answer.stdout);
    let value = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{error}: {said}{}", String::from_utf8_lossy(&answer.stderr))
    });
    Some(value)
}

/// What systemd says that it loaded: the words of each command, the variables, the descriptions.
const LOADED: &str = r#"
import glob, json, os, re, shlex, shutil, subprocess
units = sorted(glob.glob("/in/thing-*.service"), key=lambda it: int(re.findall(r"\d+", it)[-1]))
for unit in units:
    shutil.copy(unit, "/etc/systemd/system/")
verify = subprocess.run(["systemd-analyze", "verify", "--man=no"]
    + ["/etc/systemd/system/" + os.path.basename(it) for it in units], capture_output=True,
    env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug"})
said = verify.stdout.decode()
found = {}
for line in said.split("\n"):
    if name := re.match(r"^\t→ Unit (.*):$", line):
        unit = found.setdefault(name[1], {"command": [], "environment": {}, "description": ""})
    key, _, value = line.lstrip("\t").partition(": ")
    if key == "Command Line":
        # $$ is a dollar for the program.
        unit["command"] = [it.replace("\\$", "$").replace("\\`", "`").replace("$$", "$")
            for it in shlex.split(value)]
    elif key == "Environment":
        name, _, value = value.partition("=")
        unit["environment"][name] = value
    elif line.startswith("\t\tDescription: "):
        unit["description"] = line.removeprefix("\t\tDescription: ")
names = [os.path.basename(it) for it in units]
if missing := set(names) - set(found):
    raise SystemExit(f"{missing} are not loaded: {verify.stderr.decode()[-4000:]}")
print(json.dumps([found[it] for it in names]))
"#;

/// Returns a value that a setting of one line can hold.
fn described(values: &[String]) -> &str {
    let fits =
        |value: &&String| !value.is_empty() && value.trim() == **value && !value.ends_with('\\');
    values.iter().find(fits).map_or("x", String::as_str)
}

#[test]
fn a_value_in_a_unit_arrives() {
    let values: Vec<String> =
        values().into_iter().filter(|value| !value.contains(char::is_control)).collect();
    let mut module = String::new();
    let chunks: Vec<&[String]> = values.chunks(20).collect();
    for (number, chunk) in chunks.iter().enumerate() {
        let words: Vec<String> = chunk.iter().map(|value| quoted(value)).collect();
        let variables: Vec<String> = chunk
            .iter()
            .enumerate()
            .map(|(index, value)| quoted(&format!("V{index}={value}")))
            .collect();
        module += &format!(
            "unit \"thing-{number}.service\" action=install {{\nsection Unit {{ set Description \
             {}; }}\nsection Service {{\nset Type oneshot\nset Environment {}\nset ExecStart \
             \"/usr/bin/printf\" {}\n}}\n}}\n",
            quoted(described(chunk)),
            variables.join(" "),
            words.join(" ")
        );
    }
    let folder = payload(lab(&module, ""), "payload/systemd/");
    let Some(found) = asked(folder.path(), LOADED) else { return };
    for (number, chunk) in chunks.iter().enumerate() {
        let unit = &found[number];
        let words: Vec<&str> = unit["command"]
            .as_array()
            .map(|words| words.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let expected: Vec<&str> =
            std::iter::once("/usr/bin/printf").chain(chunk.iter().map(String::as_str)).collect();
        assert_eq!(words, expected, "the command of unit {number}");
        let described = described(chunk);
        assert_eq!(unit["description"], described, "the description of unit {number}");
        for (index, value) in chunk.iter().enumerate() {
            assert_eq!(unit["environment"][format!("V{index}")], value.as_str(), "V{index}");
        }
    }
}

#[test]
fn a_setting_of_a_unit_that_would_be_read_otherwise_is_refused() {
    for value in [" a", "a ", "a\\\\", "a\\nExecStart=/bin/x", "a\\tb"] {
        let unit = format!(
            "unit \"thing.service\" action=install {{ section Unit {{ set Description \
             \"{value}\"; }}; section Service {{ set ExecStart \"/bin/true\"; }}; }}"
        );
        assert!(build(lab(&unit, "")).is_err(), "{value:?} is taken");
    }
}

#[test]
fn a_value_in_an_env_file_of_a_unit_arrives() {
    let line = |index, value: &str| format!("K{index}={value}\n");
    // This program reads files with the code of `EnvironmentFile=`, but leaves out what is empty.
    let write = |grammar: Grammar, value: &str| match value {
        "" => Err(String::new()),
        value => grammar.value(value),
    };
    let script = "mkdir -p /etc/environment.d; cp /in/file /etc/environment.d/x.conf\n\
                  /usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator \
                  >/tmp/said; python3 - \"$1\" <<'END'\nimport json, shlex, sys\nfound = \
                  dict(shlex.split(it)[0].split('=', 1) for it in \
                  open('/tmp/said'))\nprint(json.dumps([found['K%d' % it] for it in \
                  range(int(sys.argv[1]))]))\nEND";
    arrives(Grammar::Env, write, line, ("", ""), script);
}

/// The headers that nginx answers with.
const ANSWERED: &str = r#"
nginx -t -q -c /in/file
nginx -c /in/file
curl -sD /tmp/said -o /dev/null http://127.0.0.1:8099/
python3 - "$1" <<'END'
import json, sys
lines = open("/tmp/said", newline="").read().split("\r\n")
found = dict(it.split(": ", 1) for it in lines if it.startswith("X"))
print(json.dumps([found["X%d" % it] for it in range(int(sys.argv[1]))]))
END
"#;

#[test]
fn a_value_in_a_file_of_nginx_arrives() {
    let line = |index, value: &str| format!("add_header X{index} {value} always;\n");
    let head = "events {}\nhttp { server { listen 127.0.0.1:8099; location / { return 204;\n";
    arrives(Grammar::Nginx, Grammar::word, line, (head, "} } }\n"), ANSWERED);
}

/// Compares when systemd would run a schedule with what its fields say, as cron(5) reads them.
const ELAPSES: &str = r#"
import calendar, datetime, json, re, subprocess
def values(field, low, high):
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        last = last or (high if step else first)
        first, last = (low, high) if span == "*" else (int(first), int(last))
        found |= set(range(first, last + 1, int(step or 1)))
    return found
def expected(cron):
    minute, hour, day, month, weekday = cron.split(" ")
    days, months = values(day, 1, 31), values(month, 1, 12)
    weekdays = {it % 7 for it in values(weekday, 0, 7)}
    date, found = datetime.date(2026, 1, 1), []
    while len(found) < 4 and date.year < 2050:
        if date.day in days and date.month in months and date.isoweekday() % 7 in weekdays:
            found += [f"{date} {h:02}:{m:02}:00" for h in sorted(values(hour, 0, 23))
                for m in sorted(values(minute, 0, 59))][:4]
        date += datetime.timedelta(1)
    return found[:4]
wrong = []
for cron, written in json.load(open("/in/schedules")):
    said = subprocess.run(["systemd-analyze", "calendar", "--iterations=4",
        "--base-time=2025-12-31 23:59:59 UTC", written], capture_output=True, text=True,
        env={"TZ": "UTC", "PATH": "/usr/bin"}).stdout
    found = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC)", said)
    if found != expected(cron):
        wrong.append([cron, written, found, expected(cron)])
print(json.dumps(wrong))
"#;

#[test]
fn a_schedule_means_the_same_to_systemd() {
    let texts = [
        "30 2 * * *",
        "*/15 * * * *",
        "5/20 1-5/2 * * *",
        "0 0 1 1 *",
        "59 23 31 * *",
        "0 4 29 2 *",
        "0 3 * * 0",
        "0 3 * * 7",
        "1,2,3 0,12 * * 1-5",
        "7 7 * */5 6,7",
        "0 0 13 */2 *",
        "10-50/20 22-23 * 12 *",
    ];
    let schedules: Vec<(&str, String)> = texts
        .iter()
        .map(|text| (*text, Cron::parse(text).expect("a schedule").calendar()))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let json = serde_json::to_vec(&schedules).expect("JSON");
    fs::write(folder.path().join("schedules"), json).expect("a file");
    let Some(wrong) = asked(folder.path(), ELAPSES) else { return };
    assert_eq!(wrong, serde_json::json!([]));
}

/// What netplan makes of a network-config, by file.
const NETWORKD: &str = r#"
import glob, json, os, subprocess, yaml
os.makedirs("/tmp/root/etc/netplan")
config = yaml.safe_load(open("/in/network-config"))
with open("/tmp/root/etc/netplan/x.yaml", "w", opener=lambda *a: os.open(*a, 0o600)) as out:
    yaml.safe_dump(config if "network" in config else {"network": config}, out)
subprocess.run(["/usr/libexec/netplan/generate", "--root-dir", "/tmp/root"], check=True)
found = {}
for name in glob.glob("/tmp/root/run/systemd/network/*.network"):
    for line in open(name):
        key, equals, value = line.strip().partition("=")
        if equals:
            found.setdefault(key, []).append(value)
print(json.dumps(found))
"#;

#[test]
fn an_address_reaches_the_network_of_a_guest() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer: labwright::source::Layer::Lab,
    };
    let files = vec![file(
        "lab.kdl",
        r#"edition 1
lab demo version="1"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1,9.9.9.9" \
    cidr6="fd00:1::/64" gateway6="fd00:1::1"
host pve kind=proxmox version="8.4" {
    hardware "x" cores=4 memory="16GiB"
    address lan "192.168.1.2" nic=eno1 bridge=vmbr0
    disk ssd device="/dev/disk/by-id/nvme-A" size="1TB"
    pool tank disk=ssd
}
vm media id=101 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    address lan "fd00:1::101"
}
"#,
    )];
    let bundles = build(files).expect("it is built");
    let (name, archive) =
        bundles.into_iter().find(|(name, _)| name.contains("media")).expect("the guest");
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    let config = contents.files.get("payload/cloud-init/network-config").expect("the file");
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("network-config"), config).expect("a file");
    let Some(found) = asked(folder.path(), NETWORKD) else { return };
    let all = |key: &str| {
        let mut values: Vec<String> = found[key]
            .as_array()
            .map(|values| values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        values.sort();
        values
    };
    assert_eq!(all("Address"), ["192.168.1.101/24", "fd00:1::101/64"], "{found}");
    assert_eq!(all("Gateway"), ["192.168.1.1", "fd00:1::1"], "{found}");
    assert_eq!(all("DNS"), ["192.168.1.1", "9.9.9.9"], "{found}");
}
