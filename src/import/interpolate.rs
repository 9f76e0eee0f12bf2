//! Replaces the variables in a compose file, as compose does.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::yaml::{Fault, Node, Place, Value};

/// The deepest nesting of defaults in defaults.
const DEEPEST: usize = 16;

/// The longest text that a value may become.
const LONGEST: usize = 1 << 20;

/// The most text that variables may become in all values of a project.
const MOST: usize = 4 << 20;

const TOO_MUCH: &str = "variables make more than 4 MiB of text";

/// The variables of a project.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// The values, from `.env` and the files that the caller names.
    pub values: BTreeMap<String, String>,
    /// How much text they became so far.
    made: Cell<usize>,
}

impl Variables {
    /// Counts text that variables became.
    fn count(&self, text: &str) -> Result<(), String> {
        self.made.set(self.made.get().saturating_add(text.len()));
        if self.is_full() { Err(TOO_MUCH.to_owned()) } else { Ok(()) }
    }

    fn is_full(&self) -> bool {
        self.made.get() > MOST
    }
}

/// What was found on the way.
#[derive(Debug, Default)]
pub struct Found {
    /// Variables without a value and without a default, with the place of each use.
    pub unset: Vec<(String, Place)>,
    /// What stops compose.
    pub faults: Vec<Fault>,
    /// Whether variables make too much text.
    is_full: bool,
}

/// Replaces the variables in all values of a tree. Keys are left alone.
pub fn interpolate(node: &mut Node, variables: &Variables, found: &mut Found) {
    let place = node.place;
    match &mut node.value {
        Value::Scalar { text, .. } if text.contains('$') => {
            match (Text { variables, own: &BTreeMap::new(), place, found }).whole(text) {
                Ok(new) => *text = new,
                // The first value that is too much says so for all others.
                Err(problem) if problem == TOO_MUCH && found.is_full => {}
                Err(problem) => {
                    found.is_full |= problem == TOO_MUCH;
                    found.faults.push(Fault { place, problem });
                }
            }
        }
        Value::List(items) => {
            for item in items {
                interpolate(item, variables, found);
            }
        }
        Value::Map(entries) => {
            for (_, node) in entries {
                interpolate(node, variables, found);
            }
        }
        _ => {}
    }
}

/// Replaces the variables in one text, such as a value of `.env`. Those of its own file win.
pub fn replace(
    text: &str,
    own: &BTreeMap<String, String>,
    variables: &Variables,
) -> Result<String, String> {
    let mut found = Found::default();
    Text { variables, own, place: Place::default(), found: &mut found }.whole(text)
}

struct Text<'a> {
    variables: &'a Variables,
    own: &'a BTreeMap<String, String>,
    place: Place,
    found: &'a mut Found,
}

impl Text<'_> {
    fn whole(&mut self, text: &str) -> Result<String, String> {
        self.variables.count("")?;
        let made = self.replace(text, 0)?;
        if made != text {
            self.variables.count(&made)?;
        }
        Ok(made)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.own.get(name).or_else(|| self.variables.values.get(name)).cloned()
    }

    fn replace(&mut self, text: &str, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err("variables are nested too deeply".to_owned());
        }
        let mut made = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            made.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                made.push('$');
                rest = tail;
            } else if let Some(inner) = after.strip_prefix('{') {
                let end = closing(inner).ok_or("a `${` has no `}`")?;
                let (inside, tail) = inner.split_at(end);
                made.push_str(&self.braced(inside, depth)?);
                rest = tail.get(1..).unwrap_or_default();
            } else {
                let name = name_at(after);
                if name.is_empty() {
                    // As compose does, in `^x$` and `$(id)`.
                    made.push('$');
                } else {
                    made.push_str(&self.value(name));
                }
                rest = after.get(name.len()..).unwrap_or_default();
            }
            if made.len() > LONGEST {
                return Err("variables make a value too long".to_owned());
            }
        }
        made.push_str(rest);
        Ok(made)
    }

    fn value(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.found.unset.push((name.to_owned(), self.place));
            String::new()
        })
    }

    /// Returns the value of a name in braces.
    fn braced(&mut self, inside: &str, depth: usize) -> Result<String, String> {
        let name = name_at(inside);
        let rest = inside.get(name.len()..).unwrap_or_default();
        if name.is_empty() {
            return Err("a `${` names no variable".to_owned());
        }
        let set = self.get(name);
        let filled = set.clone().filter(|value| !value.is_empty());
        if let Some(other) = rest.strip_prefix(":-") {
            return filled.map_or_else(|| self.replace(other, depth + 1), Ok);
        }
        if let Some(other) = rest.strip_prefix('-') {
            return set.map_or_else(|| self.replace(other, depth + 1), Ok);
        }
        if rest.starts_with(":?") {
            return filled.ok_or_else(|| format!("the variable `{name}` must have a value"));
        }
        if rest.starts_with('?') {
            return set.ok_or_else(|| format!("the variable `{name}` must be set"));
        }
        if let Some(other) = rest.strip_prefix(":+") {
            return if filled.is_some() {
                self.replace(other, depth + 1)
            } else {
                Ok(String::new())
            };
        }
        if let Some(other) = rest.strip_prefix('+') {
            return if set.is_some() { self.replace(other, depth + 1) } else { Ok(String::new()) };
        }
        if rest.is_empty() {
            return Ok(self.value(name));
        }
        Err(format!("`${{{name}` is followed by what compose does not know"))
    }
}

/// Returns the name that a text begins with.
fn name_at(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_alphabetic() || *c == '_' || (*at > 0 && c.is_ascii_digit())))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// Finds the brace that closes one that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match character {
            // Only `${` opens another one. Any other `{` is text.
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        before = character;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Found, Node, Place, Variables, interpolate, replace};

    /// Sixteen variables that double become half a MiB, which values may use as often as they like.
    #[test]
    fn variables_make_no_more_than_a_project_may_hold() {
        let mut text = "A0=aaaaaaaaaaaaaaaa\n".to_owned();
        for at in 1..16 {
            text += &format!("A{at}=${{A{0}}}${{A{0}}}\n", at - 1);
        }
        let uses: String = (0..1_000).map(|at| format!("B{at}=$A15\n")).collect();
        let variables = Variables::default();
        let found = super::super::dotenv::read(&(text + &uses), &variables);
        let made: usize = found.iter().map(|(_, value, _)| value.len()).sum();
        assert!(made < super::MOST + 16 * 1_000, "{made}");
        let place = Place::default();
        let mut node = Node::list(place, vec![Node::text(place, "$A15"); 3]);
        let mut faults = Found::default();
        interpolate(&mut node, &variables, &mut faults);
        let faults: Vec<&str> = faults.faults.iter().map(|fault| fault.problem.as_str()).collect();
        assert_eq!(faults, ["variables make more than 4 MiB of text"]);
    }

    #[test]
    fn replaces_as_compose_does() {
        let values = [("A", "1"), ("EMPTY", "")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let variables = Variables { values, ..Variables::default() };
        let made = |text: &str| {
            replace(text, &BTreeMap::new(), &variables).unwrap_or_else(|problem| problem)
        };
        for (text, wanted) in [
            ("$A ${A} $$A $${A}", "1 1 $A ${A}"),
            ("${EMPTY:-d}|${EMPTY-d}|${NONE-d}", "d||d"),
            ("${NONE:-${A}}|${NONE:-x${EMPTY:-y}z}", "1|xyz"),
            ("${A:+set}|${EMPTY:+set}|${EMPTY+set}", "set||set"),
            ("${NONE:?}", "the variable `NONE` must have a value"),
            ("${EMPTY?}", ""),
            ("${A", "a `${` has no `}`"),
            ("5 $ 3|^x$|$(id)|$1|a$-b", "5 $ 3|^x$|$(id)|$1|a$-b"),
        ] {
            assert_eq!(made(text), wanted, "{text}");
        }
    }
}
