//! Refuses code that is nested too deep to be parsed, which every operator may add to.

use minijinja::machinery::{self, Token};

use super::{Fault, range};
use crate::format::SYNTAX;

/// The most words and signs in one `{{ … }}`, `{% … %}` or expression.
const MOST_IN_TAG: usize = 1_000;

/// The most `elif` in a template. Each is nested in the one before.
const MOST_BRANCHES: usize = 200;

/// The most lines of a template, and the most bytes of a line. The parser counts both in 16 bits.
const MOST_IN_LINE: usize = 60_000;

/// Finds a value that stands between quotes of its own, as in `"{{ x }}"` and `"a {{ x }} b"`.
///
/// Single quotes count only right around a value, since they are apostrophes too.
pub(super) fn in_quotes(text: &str) -> Option<std::ops::Range<usize>> {
    let (mut open, mut place, mut line) = (None, None, String::new());
    for token in machinery::tokenize(text, false, SYNTAX.clone()) {
        let (token, span) = token.ok()?;
        match token {
            Token::TemplateData(data) => {
                let rest = data.split('\n').next().unwrap_or_default();
                let closes = match open {
                    Some('"') => rest.contains('"'),
                    Some(quote) => data.starts_with(quote),
                    None => false,
                };
                if let Some(place) = place.take().filter(|_| closes) {
                    return Some(place);
                }
                let own = data.rsplit('\n').next().unwrap_or_default();
                if own.len() < data.len() {
                    line.clear();
                }
                line.push_str(&own.replace("\\\"", ""));
                // A quote that closes is the end of another word.
                let is_open = |quote: char| line.matches(quote).count() % 2 == 1;
                let single = data.ends_with('\'') && is_open('\'');
                // A command in quotes has words with quotes of their own: `"$(cat {{ x }})"`.
                let command = line.rsplit('"').next().is_some_and(|text| text.contains("$("));
                let double = is_open('"') && !command;
                open = double.then_some('"').or(single.then_some('\''));
            }
            Token::VariableStart => place = open.map(|_| range(span)),
            _ => {}
        }
    }
    None
}

/// Checks the code of a template or an expression. Other text is left to the parser.
pub(super) fn check(text: &str, is_expression: bool) -> Result<(), Fault> {
    let mut start = 0;
    for (number, line) in text.split('\n').enumerate() {
        if line.len() > MOST_IN_LINE {
            let problem = format!("more than {MOST_IN_LINE} bytes in one line");
            return Err(Fault::new(problem, start..start + line.len()));
        }
        if number > MOST_IN_LINE {
            let problem = format!("more than {MOST_IN_LINE} lines");
            return Err(Fault::new(problem, start..start + line.len()));
        }
        start += line.len() + 1;
    }
    let (mut in_tag, mut branches) = (0, 0);
    for token in machinery::tokenize(text, is_expression, SYNTAX.clone()) {
        // The parser finds this fault too, and says what it is.
        let Ok((token, span)) = token else { return Ok(()) };
        match token {
            Token::VariableStart | Token::BlockStart | Token::TemplateData(_) => in_tag = 0,
            Token::Ident("elif") => branches += 1,
            _ => {}
        }
        in_tag += 1;
        if in_tag > MOST_IN_TAG {
            let problem = format!("more than {MOST_IN_TAG} words and signs in one expression");
            return Err(Fault::new(problem, range(span)));
        }
        if branches > MOST_BRANCHES {
            let problem = format!("more than {MOST_BRANCHES} times `elif`");
            return Err(Fault::new(problem, range(span)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::in_quotes;

    #[test]
    fn a_value_between_quotes_is_found() {
        for text in [
            "a = \"{{ x }}\"",
            "a = \".s3.{{ x }}\"",
            "echo 'b' '{{ x }}'",
            "a\nb \"c {{ x }}{{ y }} d\"",
            "\"{{ x }}/{{ y }}\"",
        ] {
            assert!(in_quotes(text).is_some(), "{text}");
        }
        for text in [
            "echo {{ x }}\"$1\"",
            "echo \"a\"{{ x }}\"b\"",
            "# it's {{ x }}, isn't it",
            "echo \"a\n{{ x }} \"",
            "a: {{ x }}",
            "printf '%s' \"$(cat {{ x }})\"",
            "{% raw %}'{{ x }}'{% endraw %}",
            "echo \"a\" {{ x }} \"b\"",
        ] {
            assert!(in_quotes(text).is_none(), "{text}");
        }
    }
}
