//! Finds alert expressions that Prometheus can't parse.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::Alert;
use crate::plan::Plan;

/// Finds expressions that are empty, or whose brackets, quotes or operators can't be right.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("alert-expression-broken", Error, "an alert's expression can't be PromQL");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let of_services = plan
        .model
        .services
        .iter()
        .flat_map(|service| service.alerts.iter().map(move |alert| (alert, Some(service))));
    let of_lab = plan.model.alerts.iter().map(|alert| (alert, None));
    for (alert, service) in of_services.chain(of_lab) {
        let Some(fault) = fault(&alert.expression) else { continue };
        let mut found = finding(alert, &fault);
        if let Some(service) = service {
            found = found.label(service.span, format!("service `{}` brings it", service.name));
        }
        diagnostics.push(found);
    }
}

fn finding(alert: &Alert, fault: &str) -> Diagnostic {
    Diagnostic::new(&CODE, alert.span, format!("the expression of `{}` {fault}", alert.name))
        .help("try the expression on Prometheus's own page first")
        .on(alert.name.clone())
}

/// Returns the fault of an expression, as far as its brackets and quotes show it.
fn fault(expression: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut says_something = false;
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\'' | '`' => {
                if !skip_text(&mut characters, character) {
                    return Some(format!("has an unmatched {character}"));
                }
                says_something = true;
            }
            // A comment ends with the line.
            '#' => {
                characters.by_ref().find(|character| *character == '\n');
            }
            '(' | '[' | '{' => open.push(character),
            ')' | ']' | '}' => match (open.pop(), character) {
                (Some('('), ')') | (Some('['), ']') | (Some('{'), '}') => {}
                (Some(opened), _) => return Some(format!("closes `{opened}` with `{character}`")),
                (None, _) => return Some(format!("has an unmatched `{character}`")),
            },
            character => says_something |= !character.is_whitespace(),
        }
    }
    match open.pop() {
        Some(opened) => Some(format!("never closes `{opened}`")),
        None if says_something => operators(&without_selectors(expression)),
        None => Some("is empty".to_owned()),
    }
}

/// Returns an expression with a blank in place of its texts, comments and selectors in braces.
fn without_selectors(expression: &str) -> String {
    let (mut plain, mut depth) = (String::new(), 0_u32);
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' | '\'' | '`' => {
                skip_text(&mut characters, character);
                plain.push_str("\"\"");
            }
            '#' => {
                characters.by_ref().find(|character| *character == '\n');
                plain.push(' ');
            }
            '{' => {
                depth += 1;
                plain.push('a');
            }
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
}

/// Returns the fault of the operators outside of selectors.
fn operators(plain: &str) -> Option<String> {
    let compares = |before: Option<char>, after: Option<char>| {
        before.is_some_and(|one| "=!<>".contains(one))
            || after.is_some_and(|one| "=~".contains(one))
    };
    let characters: Vec<char> = plain.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|at| characters.get(at)).copied();
        match character {
            '&' | '|' | ';' | '?' | '$' => {
                return Some(format!("has a `{character}`, which is no operator"));
            }
            '=' if !compares(before, characters.get(index + 1).copied()) => {
                return Some("has a single `=`: compare with `==`".to_owned());
            }
            _ => {}
        }
    }
    let word = |word: Option<&str>| word.filter(|word| OPERATORS.contains(word)).map(str::to_owned);
    let sign = |found: Option<char>, signs: &str| {
        found.filter(|one| signs.contains(*one)).map(|one| one.to_string())
    };
    let text = plain.trim();
    let last = sign(text.chars().last(), "=<>+-*/%^!,").or(word(text.split_whitespace().last()));
    let first = sign(text.chars().next(), "=<>*/%^!,").or(word(text.split_whitespace().next()));
    last.map(|last| format!("ends with `{last}`, and a value must follow"))
        .or_else(|| first.map(|first| format!("begins with `{first}`, and a value comes before")))
}

/// The operators that are words.
const OPERATORS: &[&str] = &["and", "or", "unless", "offset", "bool"];

/// Moves past the end of a text in quotes. Returns whether there is one. A text in backticks has no
/// escapes.
fn skip_text(characters: &mut std::str::Chars<'_>, quote: char) -> bool {
    while let Some(character) = characters.next() {
        if character == quote {
            return true;
        }
        if character == '\\' && quote != '`' {
            characters.next();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn tells_what_is_open_too_much_or_missing() {
        for whole in [
            "up == 0",
            "rate(a{b=\"}(\\\"\"}[5m]) > 1",
            "a{b=~`\\`} # (\n > 1",
            "absent(up{job='x'})",
            "up{a=\"=\"} >= bool 1 and on(x) -y != 2 or z <= -1",
            "{__name__=~\"a|b\"} == 0",
        ] {
            assert_eq!(fault(whole), None, "{whole}");
        }
        for (broken, words) in [
            ("a{b=\"c\" < 1", "never closes `{`"),
            ("rate(a[5m) > 1", "closes `[` with `)`"),
            ("a) > 1", "has an unmatched `)`"),
            ("a{b=\"c} > 1", "has an unmatched \""),
            (" # nothing", "is empty"),
            ("", "is empty"),
            ("up ==", "ends with `=`, and a value must follow"),
            ("up > 1 and", "ends with `and`, and a value must follow"),
            ("== 0", "begins with `=`, and a value comes before"),
            ("up = 0", "has a single `=`: compare with `==`"),
            ("up == 0 && x", "has a `&`, which is no operator"),
        ] {
            assert_eq!(fault(broken).as_deref(), Some(words), "{broken}");
        }
    }
}
