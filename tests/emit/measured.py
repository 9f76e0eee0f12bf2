"""Plays series as exporters really write them against every rule and every panel.

The exporters of Debian are started and asked; what others write is kept in /scrapes. The series of
a healthy week raise nothing and fill every panel. Then each alert gets its fault, in these series.
"""
import glob, json, os, re, subprocess, time, urllib.request, yaml

WEEK = 7 * 24 * 60  # as many samples, of a minute or more

def start(*command, **more):
    log = open("/tmp/log-" + os.path.basename(command[0]), "w")
    return subprocess.Popen(command, stdout=log, stderr=log, **more)

def ask(url, limit=60):
    end = time.monotonic() + limit
    while True:
        try:
            return urllib.request.urlopen(url).read().decode()
        except OSError:
            assert time.monotonic() < end, url + "\n" + "".join(open(one).read()[-2000:]
                for one in glob.glob("/tmp/log-*"))
            time.sleep(0.2)

# The exporters that Debian has. A room has no network but its own.
subprocess.run("ip link add eth0 type veth peer name eth1 && ip link set eth0 up", shell=True,
    check=True)
os.makedirs("/tmp/textfile")
start("prometheus-node-exporter", "--web.listen-address=127.0.0.1:9100", "--collector.mountstats",
    "--collector.textfile.directory=/tmp/textfile")
start("prometheus-blackbox-exporter", "--config.file=/payload/blackbox/blackbox.yml",
    "--web.listen-address=127.0.0.1:9115")
os.makedirs("/tmp/site")
subprocess.run("""cd /tmp && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout key.pem -out cert.pem -days 90 -subj /CN=localhost 2>/dev/null""",
    shell=True, check=True)
open("/tmp/tls.py", "w").write("""
import http.server, ssl
server = http.server.HTTPServer(("127.0.0.1", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tmp/cert.pem", "/tmp/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
""")
start("python3", "/tmp/tls.py", cwd="/tmp/site")
open("/tmp/alertmanager.yml", "w").write("route: {receiver: a}\nreceivers: [{name: a}]\n")
start("prometheus-alertmanager", "--config.file=/tmp/alertmanager.yml",
    "--storage.path=/tmp/alertmanager", "--web.listen-address=127.0.0.1:9093",
    "--cluster.listen-address=")
open("/tmp/prometheus.yml", "w").write(
    "alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:9093']}]}]}\n"
    "rule_files: [/rules/prometheus.yml]\n")
start("prometheus", "--config.file=/tmp/prometheus.yml", "--storage.tsdb.path=/tmp/prometheus",
    "--web.listen-address=127.0.0.1:9090")
[postgres] = glob.glob("/usr/lib/postgresql/*/bin")
subprocess.run(f"""install -d -o postgres /tmp/pg /run/postgresql
    setpriv --reuid=postgres --regid=postgres --clear-groups sh -c "
        {postgres}/initdb -A trust -D /tmp/pg/data >/dev/null
        {postgres}/pg_ctl -w -D /tmp/pg/data -l /tmp/pg/log \
            -o '-c listen_addresses=127.0.0.1' start >/dev/null"
    """, shell=True, check=True)
start("prometheus-postgres-exporter", "--web.listen-address=127.0.0.1:9187", env={**os.environ,
    "DATA_SOURCE_URI": "127.0.0.1:5432/postgres?sslmode=disable", "DATA_SOURCE_USER": "postgres"})

# Prometheus counts what fails at an Alertmanager from when it has found it.
end = time.monotonic() + 60
while "\nprometheus_notifications_errors_total{" not in ask("http://127.0.0.1:9090/metrics"):
    assert time.monotonic() < end, "Prometheus finds no Alertmanager"
    time.sleep(0.2)
scraped = {
    "node": ask("http://127.0.0.1:9100/metrics") + open("/scrapes/node-hardware.prom").read()
        + open("/scrapes/backups.prom").read(),
    "cadvisor": open("/scrapes/cadvisor.prom").read(),
    "probe:routes": ask("http://127.0.0.1:9115/probe?module=route&target=https://127.0.0.1:8443"),
    "alertmanager": ask("http://127.0.0.1:9093/metrics"),
    "prometheus": ask("http://127.0.0.1:9090/metrics"),
    "postgres-exporter": ask("http://127.0.0.1:9187/metrics"),
    "smartctl-exporter": open("/scrapes/smartctl.prom").read(),
    "nut-exporter": open("/scrapes/nut.prom").read(),
}
assert "\npg_up 1" in scraped["postgres-exporter"], scraped["postgres-exporter"]
assert "\nprobe_success 1" in scraped["probe:routes"], scraped["probe:routes"]

# The containers that the lab of the scrape has, said as the payload says those of its own lab.
expected = yaml.safe_load(open("/payload/prometheus/rules/container-expected.yml"))
there = expected["groups"][0]["rules"]
for rule, name in zip(there, ["web", "db"], strict=False):
    rule["labels"] |= {"machine": "edge", "service": name, "name": name}
del there[2:]
assert len(there) == 2, there
json.dump(expected, open("/tmp/container-expected.yml", "w"))
EXPECTED = "/tmp/container-expected.yml"

# Every expression: of rules, and of panels.
rules, wanted, played = {}, [], set()
for path in glob.glob("/rules/*.yml") + ["/payload/prometheus/rules/modules.yml"]:
    for group in yaml.safe_load(open(path))["groups"]:
        for rule in group["rules"]:
            rules[rule["alert"]] = (path, rule)
            wanted.append(rule["expr"])
panels = []
for path in glob.glob("/payload/grafana/dashboards/labwright/*.json"):
    board = json.load(open(path))
    for panel in board["panels"]:
        for target in panel["targets"]:
            played.add((board["title"].split(": ")[-1], panel["title"], target["expr"]))
            text = target["expr"].replace("$__rate_interval", "5m")
            text = re.sub(r"\$(machine|container)", ".*", text)
            panels.append((f"{board['title']}: {panel['title']}", text, target["legendFormat"]))
            wanted.append(text)
    for variable in board["templating"]["list"]:
        query = variable["query"]["query"]
        query, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
        query = query.replace("$machine", ".*")
        panels.append((f"{board['title']}: {variable['name']}", query, "{{" + label + "}}"))
        wanted.append(query)
names = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", " ".join(wanted)))

# The series, by name: labels, type and the value at first.
series = {}
for job, text in scraped.items():
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    # As `prometheus.yml` labels a target, and a route that is probed.
    own = {"machine": "edge", "service": "web" if ":" in job else job, "job": job,
        "instance": "https://web.example.org" if ":" in job else f"{job}:1"}
    series.setdefault("up", []).append((own, "gauge", "1", None))
    for line in text.splitlines():
        # What backs guests up runs on their host.
        home = own | {"machine": "pve"} if line.startswith("labwright_vzdump_") else own
        found = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)( \S+)?", line)
        if not found or line.startswith("#") or found[1] not in names:
            continue
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        values = (kinds.get(found[1]), found[3], found[4])
        # A label of the exporter's own that is called like one of a target gets another name.
        labels = {f"exported_{key}" if key in own else key: value for key, value in labels.items()}
        series.setdefault(found[1], []).append((labels | home, *values))
missing = {name for name in names if re.match("node_|container_|probe_|labwright_|pg_|prometheus_|"
    "alertmanager_|cadvisor_|smartctl_|network_ups_", name)}
missing -= set(series) | {rule["record"] for rule in there}
assert not missing, f"no exporter writes {missing}"

def healthy(name, labels, kind, value, second, step):
    """Writes the values of a healthy week, one every `step` minutes."""
    if name == "node_cpu_seconds_total":
        return f"0+{54 * step if labels['mode'] == 'idle' else 1}x{WEEK // step}"
    if value == "T":
        return f"0+{60 * step}x{WEEK // step}"
    if second:
        return " ".join([value, second.strip()] * (WEEK // step // 2))
    fixed = {"node_boot_time_seconds": "-500000", "probe_ssl_earliest_cert_expiry": "7000000",
        "node_timex_sync_status": "1", "node_timex_offset_seconds": "0.001", "node_load15": "0.2",
        "node_memory_MemTotal_bytes": "16e9", "node_memory_MemAvailable_bytes": "8e9",
        "node_filesystem_readonly": "0", "probe_duration_seconds": "0.2",
        "node_filesystem_avail_bytes": "6e11", "node_filesystem_size_bytes": "1e12",
        "node_filesystem_files": "1e6", "node_filesystem_files_free": "9e5"}
    if name in fixed:
        return f"{fixed[name]}x{WEEK // step}"
    if name == "container_cpu_cfs_periods_total" or name.endswith("_requests_total"):
        return f"{value}+600x{WEEK // step}"
    if kind == "counter" and not re.search("fail|error|oom|throttled|retrans|smartctl", name):
        return f"{value}+1x{WEEK // step}"
    return f"{value}x{WEEK // step}"

def named(name, labels):
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"

def play(files, faults, tests, only=None, step=1, write=healthy):
    """Lets promtool play the series, with those of `faults` in the place of healthy ones."""
    inputs = []
    for name, list_ in series.items():
        if only and name not in only:
            continue
        for labels, kind, value, second in list_:
            values = next((values for pattern, values in faults.items()
                if re.fullmatch(pattern, named(name, labels))), None)
            if values == "gone":
                continue
            values = values or write(name, labels, kind, value, second, step)
            inputs.append({"series": named(name, labels), "values": values})
    for pattern in faults:
        assert any(re.fullmatch(pattern, named(name, labels)) for name, list_ in series.items()
            for labels, *_ in list_), f"no exporter writes {pattern}"
    document = {"rule_files": sorted(files), "evaluation_interval": f"{step}m", "tests": [
        {"interval": f"{step}m", "input_series": inputs, "promql_expr_test": tests}]}
    json.dump(document, open("/tmp/test.yml", "w"))
    ran = subprocess.run(["promtool", "test", "rules", "/tmp/test.yml"], capture_output=True,
        text=True)
    return None if ran.returncode == 0 else ran.stdout + ran.stderr

def yes(expression, at):
    return {"expr": f"count({expression}) > bool 0", "eval_time": at,
        "exp_samples": [{"labels": "{}", "value": 1}]}

# A healthy week: nothing fires but the heartbeat, and every panel has data.
firing = 'ALERTS{alertstate="firing",alertname!="Heartbeat"}'
tests = [{"expr": firing, "eval_time": f"{hour}h", "exp_samples": []} for hour in range(2, 168, 11)]
panels = [panel for panel in panels if not panel[1].startswith("ALERTS")]
tests += [yes(text, "40h") for _, text, _ in panels]
# Legends and variables name labels that the series have.
for title, text, legend in panels:
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        marked = f'label_replace(({text}), "has", "{label}", "{label}", ".+")'
        tests.append({"expr": f"count by (has) ({marked}) > bool 0", "eval_time": "40h",
            "exp_samples": [{"labels": f'{{has="{label}"}}', "value": 1}]})
failed = play({path for path, _ in rules.values()} | {EXPECTED}, {}, tests, step=2)
assert not failed, failed[:4000]

# Two days in which nothing is wrong, but much happens. The machine is started anew, an image is
# updated, a backup keeps the processors busy and fills a part of the disk, a provider's line is
# away for some minutes. Nobody is called for any of it.
START, UPDATE, BACKUP, LINE, REST = 600, 900, 1200, 1500, 2000
def eventful(name, labels, kind, value, second, step):
    """Writes the values of those days. The scrape of a machine that starts finds nothing."""
    usual = healthy(name, labels, kind, value, second, step)
    if labels["machine"] == "pve" or second:
        return usual
    first, more, _ = re.fullmatch(r"(-?[\d.e+]+?)((?:[+-][\d.]+)?)x(\d+)", usual).groups()
    away = f"x{START - 1} stale _x3 "
    whole = f"{first}{more}{away}"
    web = labels.get("name") == "web"
    if name == "up":
        return f"1x{START - 1} 0x3 1x{REST}"
    if name == "node_boot_time_seconds":
        return f"{first}{away}{START * 60 + 120}x{REST}"
    if name == "node_timex_sync_status":
        return f"1{away}0x8 1x{REST}"
    if name == "container_start_time_seconds":
        again = UPDATE if web else START
        return f"{first}{away}{START * 60 + 150}x{UPDATE - START - 5} {again * 60 + 150}x{REST}"
    if name == "container_last_seen" and web:
        return f"0+60{away}{START * 60 + 240}+60x{UPDATE - START - 8} stale _x5 " \
            f"{UPDATE * 60 + 180}+60x{REST}"
    if name == "container_health_state":
        return f"{first}{away}0x4 {first}x{UPDATE - START - 10} " + (f"0x7 {first}x{REST}" if web
            else f"{first}x{REST}")
    if name == "probe_success":
        return f"1{away}1x{UPDATE - START - 6} 0x2 1x{LINE - UPDATE} 0x3 1x{REST}"
    if name == "labwright_name_found":
        return f"1{away}1x{LINE - START - 5} 0x4 1x{REST}"
    if name == "node_cpu_seconds_total" and labels["mode"] == "idle":
        return f"{whole}0+54x{BACKUP - START - 4} {(BACKUP - START) * 54}+2x25 " \
            f"{(BACKUP - START) * 54 + 50}+54x{REST}"
    if name == "node_filesystem_avail_bytes":
        return f"{whole}6e11x{BACKUP - START - 4} 6e11-3e9x50 45e10+3e9x50 6e11x{REST}"
    if name.startswith("alertmanager_notifications_failed") or value == "T":
        return usual
    if kind == "counter":
        return f"{whole}0{more or '+0'}x{REST}"
    return f"{whole}{first}{more}x{REST}"

told = 'ALERTS{alertstate="firing",alertname!~"Heartbeat|MachineRebooted"}'
tests = [{"expr": told, "eval_time": f"{minute}m", "exp_samples": []}
    for minute in range(150, 2000, 6)]
tests.append(yes('ALERTS{alertname="MachineRebooted",alertstate="firing"}', f"{START + 8}m"))
failed = play({path for path, _ in rules.values()} | {EXPECTED}, {}, tests, write=eventful)
assert not failed, failed[:4000]

FAULTS = {
    "MachineDown": {r"up\{.*job=\"[^:]*\".*": "0"},
    "TargetDown": {r"up\{.*job=\"node\".*": "0"},
    "TargetFlaps": {r"up\{.*job=\"node\".*": "1 0 " * 60},
    "MachineCpuBusy": {r"node_cpu_seconds_total\{.*mode=\"idle\".*": "0+3"},
    "MachineLoadHigh": {r"node_load15\{.*": "900"},
    "MachineMemoryLow": {r"node_memory_MemAvailable_bytes\{.*": "1e9"},
    "MachineMemoryExhausted": {r"node_memory_MemAvailable_bytes\{.*": "1e8"},
    "MachineOomKill": {r"node_vmstat_oom_kill\{.*": "0x85 1x40"},
    "DiskSpaceLow": {r"node_filesystem_avail_bytes\{.*": "8e10"},
    "DiskSpaceExhausted": {r"node_filesystem_avail_bytes\{.*": "2e10"},
    "DiskFillsUp": {r"node_filesystem_avail_bytes\{.*": "35e10-1e9"},
    "InodesLow": {r"node_filesystem_files_free\{.*": "100"},
    "ClockNotSynchronised": {r"node_timex_sync_status\{.*": "0"},
    "ClockSkewed": {r"node_timex_offset_seconds\{.*": "-2"},
    "MachineRebooted": {r"node_boot_time_seconds\{.*": "5000"},
    "TextfileBroken": {r"node_textfile_scrape_error\{.*": "1"},
    "MachineHot": {r"node_hwmon_temp_celsius\{.*coretemp.*": "85 86 " * 60},
    "MachineOverheats": {r"node_hwmon_temp_celsius\{.*coretemp.*": "97 98 " * 60},
    "NfsSlow": {r"node_mountstats_nfs_operations_request_time_seconds_total\{.*": "0+300"},
    "NfsRetransmits": {r"node_nfs_rpc_retransmissions_total\{.*": "0+5"},
    "ContainerRestarts": {r"container_start_time_seconds\{.*name=\"web\".*": "0+60"},
    "ContainerGone": {r"container_last_seen\{.*name=\"web\".*": "0+60x10 stale"},
    "ContainersUnseen": {r"container_last_seen\{.*": "gone"},
    "ContainerUnhealthy": {r"container_health_state\{.*name=\"web\".*": "0"},
    "ContainerMemoryNearLimit":
        {r"container_memory_total_active_file_bytes\{.*name=\"web\".*": "1e6"},
    "ContainerOomKill": {r"container_oom_events_total\{.*name=\"web\".*": "0x85 1x40"},
    "ContainerThrottled": {r"container_cpu_cfs_throttled_periods_total\{.*": "0+500"},
    "PrometheusConfigurationRefused": {r"prometheus_config_last_reload_successful\{.*": "0"},
    "PrometheusRuleFails": {r"prometheus_rule_evaluation_failures_total\{.*": "0+1"},
    "PrometheusStorageFails": {r"prometheus_tsdb_compactions_failed_total\{.*": "0+1"},
    "AlertsUndelivered": {r"prometheus_notifications_errors_total\{.*": "0+1"},
    "AlertNotDelivered":
        {r"alertmanager_notifications_failed_total\{.*integration=\"webhook\".*": "0+1"},
    "AlertmanagerConfigurationRefused": {r"alertmanager_config_last_reload_successful\{.*": "0"},
    "RouteDown": {r"probe_success\{.*": "0"},
    "RouteSlow": {r"probe_duration_seconds\{.*": "4"},
    "CertificateExpiresSoon": {r"probe_ssl_earliest_cert_expiry\{.*": "500000"},
    "CertificateExpired": {r"probe_ssl_earliest_cert_expiry\{.*": "10000"},
    "BackupFailed": {r"labwright_backup_last_run_success\{.*": "0"},
    "BackupRepositoryDamaged": {r"labwright_backup_check_success\{.*": "0"},
    "BackupRestoreDrillFailed": {r"labwright_backup_drill_success\{.*": "0"},
    "FilesystemReadOnly": {r"node_filesystem_readonly\{.*": "0x30 1x90"},
    "MountUnreadable": {r"node_filesystem_device_error\{.*timeout.*": "1"},
    "RaidNotWhole": {r"node_md_disks\{.*active.*": "1"},
    "MemoryErrors": {r"node_edac_uncorrectable_errors_total\{.*": "0x85 1x40"},
    "ConnectionsExhausted": {r"node_nf_conntrack_entries\{.*": "65000"},
    "PoolUnwell": {r"labwright_pool_well\{.*": "0"},
    "DiskFails": {r"smartctl_device_smart_status\{.*sda.*": "0"},
    "DiskWarns": {r"smartctl_device_critical_warning\{.*": "4"},
    "DiskLosesSectors": {r"smartctl_device_media_errors\{.*": "2x30 3x90"},
    "DiskWornOut": {r"smartctl_device_percentage_used\{.*": "95"},
    "DiskGone": {r"smartctl_devices\{.*": "2x30 1x90"},
    "UpsOnBattery": {r"network_ups_tools_ups_status\{.*\"OB\".*": "1"},
    "UpsBatteryLow": {r"network_ups_tools_ups_status\{.*\"LB\".*": "1"},
    "UpsBatteryOld": {r"network_ups_tools_ups_status\{.*\"RB\".*": "1"},
    "UpsOverloaded": {r"network_ups_tools_ups_status\{.*\"OVER\".*": "1"},
    "UpsWithoutProtection": {r"network_ups_tools_ups_status\{.*\"BYPASS\".*": "1"},
    "PoolNotWhole": {r"node_zfs_zpool_state\{.*state=\"online\".*": "0"},
    "UnitFailed": {r"labwright_unit_failed\{.*": "1"},
    "NamesNotFound": {r"labwright_name_found\{.*": "0"},
    "UnitsUnseen": {r"labwright_units_timestamp_seconds\{.*": "-4000"},
    "SnapshotsTooOld": {r"labwright_snapshot_newest_timestamp_seconds\{.*": "-9000"},
    "DatabaseDumpFailed": {r"labwright_backup_dump_success\{.*": "0"},
    "PostgresDown": {r"pg_up\{.*": "0"},
    "PostgresConnectionsExhausted": {r"pg_stat_activity_count\{.*": "99"},
    "OffsiteCopyFailed": {r"labwright_sync_last_run_success\{.*": "0"},
    "OffsiteCopyTooOld": {r"labwright_sync_last_success_timestamp_seconds\{.*": "-200000"},
    "OffsiteCopyNeverRan": {r"labwright_sync_last_success_timestamp_seconds\{.*": "gone"},
    "GuestBackupFailed": {r"labwright_vzdump_last_run_success\{.*": "0"},
    "GuestBackupTooOld": {r"labwright_vzdump_last_success_timestamp_seconds\{.*": "-200000"},
    "GuestBackupNeverRan": {r"labwright_vzdump_last_success_timestamp_seconds\{.*": "gone"},
    "Heartbeat": {},
}
# The alerts of the lab that has them, tested from its own series in `late.rs`.
ELSEWHERE = {"BackupTooOld", "BackupNeverRan", "BackupNotChecked", "BackupNeverChecked",
    "BackupNotDrilled", "BackupNeverDrilled"}
assert set(FAULTS) | ELSEWHERE >= set(rules), f"without a fault: {set(rules) - set(FAULTS)}"
assert set(FAULTS) <= set(rules), f"no rule raises {set(FAULTS) - set(rules)}"
# Whatever labs and modules emit is among what is played here.
emitted = json.load(open("/emitted.json"))
assert len(emitted["alerts"]) > 50 and len(emitted["panels"]) > 30, emitted
forgotten = set(emitted["alerts"]) - set(FAULTS) - ELSEWHERE
assert not forgotten, f"never played: {forgotten}"
forgotten = {tuple(panel) for panel in emitted["panels"]} - played
assert not forgotten, f"never played: {forgotten}"

# What mutes or is muted has the labels by which they are compared.
compared = {}
for pair in yaml.safe_load(open("/payload/alertmanager/alertmanager.yml"))["inhibit_rules"]:
    for matcher in pair["source_matchers"] + pair["target_matchers"]:
        for name in re.search('"(.*)"', matcher)[1].split("|"):
            compared.setdefault(name, set()).update(pair["equal"])
for alert, faults in FAULTS.items():
    path, rule = rules[alert]
    at, steps = ("40h", 2500) if alert.endswith("NeverRan") else ("90m", 120)
    shown = {pattern: values if re.search(r"x\d| \S+ |gone", values) else f"{values}x{steps}"
        for pattern, values in faults.items()}
    labels = "".join(f',{label}!=""' for label in sorted(compared.get(alert, ())))
    used = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", rule["expr"]))
    failed = play([path, EXPECTED], shown,
        [yes(f'ALERTS{{alertname="{alert}",alertstate="firing"{labels}}}', at)], only=used)
    assert not failed, f"{alert}: {failed[:3000]}"
