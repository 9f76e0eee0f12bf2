//! Asks the tools of Prometheus and Alertmanager.

use super::{Verdict, ask, ask_for, refusal, words};
use std::path::Path;

/// Asks promtool to check a configuration in `/etc/prometheus`, with its folder, so that rule files
/// are read too.
pub fn promtool_config(file: &Path) -> Verdict {
    // promtool checks that the secrets exist which the configuration names.
    ask(
        file,
        r#"rm -rf /etc/prometheus; ln -s "${1%/*}" /etc/prometheus
        for secret in $(sed -n "s/^ *[a-z]*_file: '\(.*\)'$/\1/p" "$1"); do
            mkdir -p "${secret%/*}"; echo secret >"$secret"
        done
        promtool check config "/etc/prometheus/${1##*/}""#,
    )
}

/// Asks promtool to check a rule file. A warning, such as about two equal rules, counts as a
/// refusal.
pub fn promtool_rules(file: &Path) -> Verdict {
    ask(file, r#"promtool check rules --lint=all --lint-fatal "$1""#)
}

/// Runs a file of unit tests for rules, which names the rule files next to it. A file without tests
/// is refused.
pub fn promtool_test_rules(file: &Path) -> Verdict {
    ask_for(
        file,
        r#"grep -q 'input_series' "$1" || { echo 'no series to test'; exit 1; }
        promtool test rules "$1""#,
        |answer| {
            refusal(answer).or_else(|| {
                answer.stdout.windows(7).all(|word| word != b"SUCCESS").then(|| words(answer))
            })
        },
    )
}

/// Asks amtool to check an Alertmanager configuration.
pub fn amtool(file: &Path) -> Verdict {
    // `payload` is newer than Debian's amtool: Alertmanager knows it from 0.32 on.
    ask(
        file,
        r#"sed '/^        payload:$/,/^          priority: /d' "$1" >/tmp/checked.yml
        amtool check-config /tmp/checked.yml"#,
    )
}

const RULES: &str = "groups:\n  - name: lab\n    rules:\n      - alert: Down\n        expr: up == \
                     0\n        for: 1m\n";

#[test]
fn refuses_a_job_without_a_name() {
    let good = "scrape_configs:\n  - job_name: node\n    static_configs:\n      - targets: \
                ['192.168.1.101:9100']\n";
    let bad = "scrape_configs:\n  - static_configs:\n      - targets: ['192.168.1.101:9100']\n";
    super::tells_apart("prometheus.yml", good, bad, "job_name", promtool_config);
}

#[test]
fn reads_the_rules_that_a_configuration_names() {
    let config = "rule_files: [/etc/prometheus/rules/*.yml]\n";
    let good = super::Sample::new(&[("prometheus.yml", config), ("rules/lab.yml", RULES)]);
    promtool_config(&good.path("prometheus.yml")).expect("good rules are accepted");
    if super::available() {
        let bad = super::Sample::new(&[
            ("prometheus.yml", config),
            ("rules/lab.yml", &RULES.replace("up ==", "up = =")),
        ]);
        promtool_config(&bad.path("prometheus.yml")).expect_err("bad rules are refused");
    }
}

#[test]
fn refuses_two_rules_alike() {
    let (_, rule) = RULES.split_once("rules:\n").expect("rules");
    super::tells_apart("lab.yml", RULES, &format!("{RULES}{rule}"), "duplicate", promtool_rules);
}

#[test]
fn refuses_a_rule_that_does_not_fire() {
    let test = |name: &str| {
        format!(
            "rule_files: [lab.yml]\ntests:\n  - interval: 1m\n    input_series: [{{series: \
             'up{{job=\"a\"}}', values: '0x5'}}]\n    alert_rule_test:\n      - {{eval_time: 3m, \
             alertname: {name}, exp_alerts: [{{exp_labels: {{job: a}}}}]}}\n"
        )
    };
    let sample = super::Sample::new(&[
        ("lab.yml", RULES),
        ("good.yml", &test("Down")),
        ("bad.yml", &test("Up")),
    ]);
    promtool_test_rules(&sample.path("good.yml")).expect("a rule that fires is accepted");
    if super::available() {
        promtool_test_rules(&sample.path("bad.yml"))
            .expect_err("an alert that nobody raises is refused");
    }
}

#[test]
fn refuses_a_receiver_that_is_not_there() {
    let good = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let bad = "route: {receiver: somebody}\nreceivers: [{name: nobody}]\n";
    super::tells_apart("alertmanager.yml", good, bad, "somebody", amtool);
}
