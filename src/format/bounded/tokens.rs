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
