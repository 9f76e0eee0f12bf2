//! Checks the configuration of a lab with every exporter by the programs that read it.

use super::built::built;
use crate::trixie::{Room, text};

fn in_room(script: &str) {
    let folder = built();
    let Some(room) = Room::new() else { return };
    let answer = room.show(&folder.join("bare"), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn prometheus_takes_its_configuration_and_rules() {
    in_room(
        "cd /payload/prometheus
        promtool check config prometheus.yml
        promtool check rules --lint=all --lint-fatal rules/*.yml
        promtool test rules tests/*.yml",
    );
}

#[test]
fn prometheus_starts_and_knows_every_target() {
    in_room(
        "cp -r /payload/prometheus /tmp/prometheus && cd /tmp
        prometheus --config.file=prometheus/prometheus.yml --storage.tsdb.path=data \
        --web.listen-address=127.0.0.1:9090 2>log &
        until curl -fsS http://127.0.0.1:9090/-/ready >/dev/null 2>&1; do kill -0 $! || { cat \
        log; exit 1; }; done
        # Prometheus takes its targets over job by job, within seconds of being ready.
        jobs='[\"alertmanager\",\"alloy-bare\",\"alloy-edge\",\"blackbox\",\"cadvisor\",
            \"exportarr-sonarr\",\"grafana\",\"loki\",\"node-bare\",\"node-edge\",
            \"postgres-exporter\",\"prometheus\",\"probe:routes\"]'
        missing() {
            curl -fsS http://127.0.0.1:9090/api/v1/targets >targets
            jq -r --argjson jobs \"$jobs\" '$jobs - [.data.activeTargets[].labels.job] | .[]' \
                targets
        }
        for _ in $(seq 300); do [ -n \"$(missing)\" ] || break; sleep 0.2; done
        [ -z \"$(missing)\" ] || { echo \"no target of $(missing)\"; exit 1; }
        jq -e '.data.activeTargets | all(.labels.machine != null and .labels.service != null)' \
        targets
        jq -e '[.data.activeTargets[] | select(.labels.job == \"probe:routes\") | .scrapeUrl] | \
        length == 4
            and all(startswith(\"http://blackbox:9115/probe?module=route&target=http\"))' targets
        for _ in $(seq 300); do
            curl -fsS http://127.0.0.1:9090/api/v1/alertmanagers >alertmanagers
            grep -q alertmanager:9093 alertmanagers && break
            sleep 0.2
        done
        grep -q alertmanager:9093 alertmanagers
        curl -fsS http://127.0.0.1:9090/api/v1/rules | jq -e '[.data.groups[].rules[] | \
        select(.health == \"err\")] == []'
        kill $!",
    );
}

#[test]
fn sensors_that_are_to_be_ignored_are_not_kept() {
    in_room(
        r#"mkdir -p /tmp/p && cd /tmp/p
        python3 - <<'END'
import http.server, threading, yaml
settings = yaml.safe_load(open("/payload/prometheus/prometheus.yml"))
[job] = [job for job in settings["scrape_configs"] if job["job_name"] == "node-edge"]
job["static_configs"][0]["targets"] = ["127.0.0.1:9999"]
del settings["rule_files"], settings["alerting"]
settings["scrape_configs"] = [job]
settings["global"] = {"scrape_interval": "1s"}
yaml.safe_dump(settings, open("prometheus.yml", "w"))
END
        cat >metrics <<'END'
node_hwmon_temp_celsius{chip="platform_nct6775_656",sensor="temp3"} 127
node_hwmon_temp_crit_celsius{chip="platform_nct6775_656",sensor="temp3"} 127
node_hwmon_temp_celsius{chip="platform_nct6775_656",sensor="temp33"} 40
node_hwmon_temp_celsius{chip="a+b.*",sensor="temp1"} 127
node_hwmon_temp_celsius{chip="aabxx",sensor="temp1"} 41
END
        python3 -m http.server 9999 --bind 127.0.0.1 >/dev/null 2>&1 &
        prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
            --web.listen-address=127.0.0.1:9090 2>log &
        seen() { curl -fsS http://127.0.0.1:9090/api/v1/query --data-urlencode \
            'query=sort({__name__=~"node_hwmon.*"})' | jq -c '[.data.result[].value[1]]'; }
        timeout 60 sh -c 'until curl -fsS http://127.0.0.1:9090/api/v1/query?query=up 2>/dev/null |
            grep -q node-edge; do sleep 0.2; done'
        seen
        [ "$(seen)" = '["40","41"]' ]"#,
    );
}

#[test]
fn mail_goes_to_the_address_as_written() {
    in_room(
        "amtool template render --template.glob=/dev/null --template.text=\"$(python3 -c '
import yaml
settings = yaml.safe_load(open(\"/payload/alertmanager/alertmanager.yml\"))
print(settings[\"receivers\"][-1][\"email_configs\"][0][\"to\"], end=\"\")')\" >/tmp/to
        printf '%s' \"ada+alerts=home@example.org\" | cmp - /tmp/to",
    );
}

#[test]
fn the_blackbox_exporter_takes_its_configuration() {
    in_room(
        "prometheus-blackbox-exporter --config.check --config.file=/payload/blackbox/blackbox.yml",
    );
}

#[test]
fn the_start_page_says_what_was_written() {
    in_room(
        r#"python3 - <<'END'
import yaml
folder = "/payload/homepage/"
assert yaml.safe_load(open(folder + "settings.yaml"))["title"] == \
    'the "lab": {{ of }} ${everyone} # &all *x'
services = yaml.safe_load(open(folder + "services.yaml"))
assert [list(tile)[0] for tile in services[0]["bare"]] == ["grafana.example.org", \
    "home.example.org", "logs.example.org", "status.example.org"]
assert yaml.safe_load(open(folder + "bookmarks.yaml")) == []
END"#,
    );
}
