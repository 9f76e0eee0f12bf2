//! Writes the rule files that depend on the lab: the alerts of modules, the alerts of the lab.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::template::template;
use crate::artifact::Origin;
use crate::format;
use crate::model::Alert;
use crate::plan::Plan;

/// A rule file with its tests.
pub(super) struct Rendered {
    pub(super) name: &'static str,
    pub(super) rules: String,
    /// The tests, or nothing if no series is known that its expressions respond to.
    pub(super) tests: Option<String>,
    pub(super) origin: Vec<Origin>,
}

#[derive(Serialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Serialize)]
pub(super) struct Rule {
    pub(super) alert: String,
    pub(super) expr: String,
    #[serde(rename = "for")]
    pub(super) hold: String,
    pub(super) labels: BTreeMap<&'static str, String>,
    pub(super) annotations: Annotations,
}

#[derive(Serialize)]
pub(super) struct Annotations {
    pub(super) summary: String,
    pub(super) description: String,
}

#[derive(Serialize)]
pub(super) struct TestFile {
    pub(super) rule_files: Vec<String>,
    pub(super) evaluation_interval: &'static str,
    pub(super) tests: Vec<Test>,
}

#[derive(Serialize)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) interval: String,
    pub(super) input_series: Vec<Series>,
    #[serde(rename = "promql_expr_test")]
    pub(super) expectation: [Expectation; 1],
}

#[derive(Serialize)]
pub(super) struct Series {
    pub(super) series: String,
    pub(super) values: String,
}

#[derive(Serialize)]
pub(super) struct Expectation {
    pub(super) expr: String,
    pub(super) eval_time: String,
    pub(super) exp_samples: Vec<Sample>,
}

#[derive(Serialize)]
pub(super) struct Sample {
    pub(super) labels: &'static str,
    pub(super) value: u32,
}

/// Writes the rule files that depend on the lab. A file without rules is left out.
pub(super) fn rendered(plan: &Plan<'_>) -> Vec<Rendered> {
    [of_modules(plan), of_lab(plan)].into_iter().flatten().collect()
}

fn of_modules(plan: &Plan<'_>) -> Option<Rendered> {
    // Two services of one module have the same alert. It is written once, unless an option makes
    // the two differ.
    let mut by_name: BTreeMap<(&str, &str), Vec<(&Alert, &str)>> = BTreeMap::new();
    for service in &plan.model.services {
        for alert in &service.alerts {
            let same_name = by_name.entry((&service.module, &alert.name)).or_default();
            if !same_name.iter().any(|(other, _)| is_alike(other, alert)) {
                same_name.push((alert, &service.name));
            }
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for ((module, _), alerts) in by_name {
        let differ = alerts.len() > 1;
        let rules =
            alerts.into_iter().map(|(alert, service)| rule(alert, differ.then_some(service)));
        match groups.last_mut() {
            Some(group) if group.name == module => group.rules.extend(rules),
            _ => groups.push(Group { name: module.to_owned(), rules: rules.collect() }),
        }
    }
    let origin = plan
        .model
        .services
        .iter()
        .filter(|service| !service.alerts.is_empty())
        .map(super::origin)
        .collect();
    let tests = plan.model.services.iter().flat_map(|service| &service.alerts);
    render("modules", groups, "1m", simple_tests(tests), origin)
}

fn of_lab(plan: &Plan<'_>) -> Option<Rendered> {
    let alerts = &plan.model.alerts;
    let rules = alerts.iter().map(|alert| rule(alert, None)).collect();
    let origin = alerts.iter().map(|alert| format!("alert {}", alert.name)).collect();
    render(
        "lab",
        vec![Group { name: "lab".to_owned(), rules }],
        "1m",
        simple_tests(alerts.iter()),
        origin,
    )
}

pub(super) fn render(
    name: &'static str,
    groups: Vec<Group>,
    evaluation_interval: &'static str,
    tests: Vec<Test>,
    origin: BTreeSet<Origin>,
) -> Option<Rendered> {
    if groups.iter().all(|group| group.rules.is_empty()) {
        return None;
    }
    let tests = (!tests.is_empty()).then(|| {
        format::yaml(&TestFile {
            rule_files: vec![format!("../rules/{name}.yml")],
            evaluation_interval,
            tests,
        })
    });
    Some(Rendered {
        name,
        rules: format::yaml(&RuleFile { groups }),
        tests,
        origin: origin.into_iter().collect(),
    })
}

fn is_alike(one: &Alert, other: &Alert) -> bool {
    (&one.expression, one.hold, &one.severity, &one.summary, &one.description)
        == (&other.expression, other.hold, &other.severity, &other.summary, &other.description)
}

fn rule(alert: &Alert, of: Option<&str>) -> Rule {
    let description = alert.description.as_ref().map_or_else(
        || inert(&format!("It fires when this holds for {}: {}", alert.hold, alert.expression)),
        |description| template(description),
    );
    // Prometheus expands templates in labels too.
    let mut labels = BTreeMap::from([("severity", inert(&alert.severity))]);
    labels.extend(of.map(|of| ("declared_by", inert(of))));
    Rule {
        alert: alert.name.clone(),
        expr: alert.expression.clone(),
        hold: alert.hold.to_string(),
        labels,
        annotations: Annotations { summary: template(&alert.summary), description },
    }
}

/// Makes tests for alerts with an expression simple enough to invent one series that triggers it
/// and one that doesn't.
fn simple_tests<'a>(alerts: impl Iterator<Item = &'a Alert>) -> Vec<Test> {
    let mut by_name: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_name.entry(&alert.name).or_default().push(alert);
    }
    let mut tests = Vec::new();
    for (name, alerts) in by_name {
        let Some(alert) = alerts.first().copied() else { continue };
        // Two expressions under one name would respond to each other's series.
        let Some(comparison) = Comparison::parse(&alert.expression)
            .filter(|_| alerts.iter().all(|other| is_alike(alert, other)))
        else {
            continue;
        };
        let at = alert.hold.0 + 120;
        let steps = at / 60 + 5;
        for (fires, value) in [(true, comparison.met()), (false, comparison.unmet())] {
            let test = Test {
                name: format!("{name} {}", if fires { "fires" } else { "does not fire" }),
                interval: "1m".to_owned(),
                input_series: vec![Series {
                    series: comparison.metric.to_owned(),
                    values: format!("{value}x{steps}"),
                }],
                expectation: [Expectation {
                    expr: format!(
                        "count(ALERTS{{alertname={},alertstate=\"firing\"}})",
                        quoted(name)
                    ),
                    eval_time: format!("{at}s"),
                    exp_samples: fires
                        .then_some(Sample { labels: "{}", value: 1 })
                        .into_iter()
                        .collect(),
                }],
            };
            tests.push(test);
        }
    }
    tests
}

/// An expression of the form `metric > 5`.
struct Comparison<'a> {
    metric: &'a str,
    operator: &'a str,
    number: i64,
}

impl<'a> Comparison<'a> {
    fn parse(expression: &'a str) -> Option<Self> {
        let [metric, operator, number] =
            expression.split_ascii_whitespace().collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let is_name =
            metric.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
                && metric.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
        let is_operator = matches!(operator, "==" | "!=" | ">" | "<" | ">=" | "<=");
        // Prometheus computes with floats. In this range, the tests can still add one to a number.
        let number =
            number.parse::<i64>().ok().filter(|number| number.abs() < 1_000_000_000_000_000)?;
        (is_name && is_operator).then_some(Self { metric, operator, number })
    }

    fn met(&self) -> i64 {
        match self.operator {
            "==" | ">=" | "<=" => self.number,
            "<" => self.number - 1,
            _ => self.number + 1,
        }
    }

    fn unmet(&self) -> i64 {
        match self.operator {
            "!=" | ">" | "<" => self.number,
            ">=" => self.number - 1,
            _ => self.number + 1,
        }
    }
}

/// Writes text as a `PromQL` string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted.push_str("\\n"),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Escapes text so that Prometheus' templates print it unchanged.
pub(super) fn inert(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, inert, quoted};

    #[test]
    fn names_of_the_lab_stay_text() {
        assert_eq!(quoted("a\"} or vector(1) #\\\n"), r#""a\"} or vector(1) #\\\n""#);
        assert_eq!(inert("{{ query \"up\" }}"), "{{ \"{{\" }} query \"up\" }}");
        assert_eq!(inert("{{{"), "{{ \"{{\" }}{");
    }

    #[test]
    fn a_comparison_is_met_and_unmet() {
        for (expression, met, unmet) in [
            ("up == 0", 0, 1),
            ("a > 5", 6, 5),
            ("a < 5", 4, 5),
            ("a >= 5", 5, 4),
            ("a <= 5", 5, 6),
            ("a != 5", 6, 5),
        ] {
            let comparison = Comparison::parse(expression).expect("a comparison");
            assert_eq!((comparison.met(), comparison.unmet()), (met, unmet), "{expression}");
        }
        assert!(Comparison::parse("rate(a[5m]) > 1").is_none());
        assert!(Comparison::parse("1 == 1").is_none());
        assert!(Comparison::parse("a == on() group_left b").is_none());
    }
}
