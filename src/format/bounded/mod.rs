//! Runs templates and expressions of modules within bounds.
//!
//! Nobody need trust a module for a build to end. A text that is too large or too deep is refused
//! before it is parsed. While it runs, fuel counts its steps, and a budget the bytes that it makes
//! and looks at.

mod budget;
mod rebuild;
mod tokens;

use std::ops::Range;

use minijinja::machinery::{self, CodeGenerator, Instructions, ast};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Error};

pub(super) use budget::{add_filters, spend_value};

use super::{Escape, SYNTAX};

/// The largest template, in bytes.
const LARGEST_TEMPLATE: usize = 256 << 10;

/// The largest expression, in bytes.
const LARGEST_EXPRESSION: usize = 4 << 10;

/// A fault in a template or expression, with its place in the text.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What is wrong.
    pub problem: String,
    /// The bytes that are wrong.
    pub range: Range<usize>,
}

impl Fault {
    fn new(problem: impl Into<String>, range: Range<usize>) -> Self {
        Self { problem: problem.into(), range }
    }

    fn of(error: &Error, text: &str) -> Self {
        let problem = error.detail().map_or_else(
            || error.kind().to_string(),
            |detail| format!("{}: {detail}", error.kind()),
        );
        Self { problem, range: place(error, text) }
    }
}

/// Returns the place of the expression that failed, or else of its line.
fn place(error: &Error, text: &str) -> Range<usize> {
    if let Some(range) = error.range() {
        return range.start.min(text.len())..range.end.min(text.len());
    }
    let line = error.line().unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    start..start + length
}

/// A template or an expression that is ready to run.
#[derive(Debug)]
pub struct Compiled<'s> {
    text: &'s str,
    instructions: Instructions<'s>,
}

impl<'s> Compiled<'s> {
    /// Compiles a template.
    pub fn template(name: &'s str, text: &'s str) -> Result<Self, Fault> {
        if text.len() > LARGEST_TEMPLATE {
            return Err(Fault::new("a template has at most 256 KiB", 0..0));
        }
        // The parser is recursive, so code that is too deep must be refused before it runs.
        tokens::check(text, false)?;
        let parsed = machinery::parse(text, name, SYNTAX.clone())
            .map_err(|error| Fault::of(&error, text))?;
        let mut generator = CodeGenerator::new(name, text);
        generator.compile_stmt(&rebuild::statement(&parsed)?);
        Ok(Self { text, instructions: generator.finish().0 })
    }

    /// Compiles an expression.
    pub fn expression(text: &'s str) -> Result<Self, Fault> {
        if text.len() > LARGEST_EXPRESSION {
            return Err(Fault::new("an expression has at most 4 KiB", 0..text.len()));
        }
        tokens::check(text, true)?;
        let parsed = machinery::parse_expr(text).map_err(|error| Fault::of(&error, text))?;
        let mut generator = CodeGenerator::new("<expression>", text);
        generator.compile_expr(&rebuild::expression(&parsed)?);
        Ok(Self { text, instructions: generator.finish().0 })
    }

    /// Renders the template as `escape` says.
    pub fn render(
        &self,
        environment: &Environment<'_>,
        escape: Escape,
        view: Value,
    ) -> Result<String, Fault> {
        let mut text = String::new();
        self.run(environment, AutoEscape::Custom(escape.name().into()), view, &mut text)?;
        Ok(text)
    }

    /// Evaluates the expression.
    pub fn evaluate(&self, environment: &Environment<'_>, view: Value) -> Result<Value, Fault> {
        self.run(environment, AutoEscape::None, view, &mut String::new())
            .map(Option::unwrap_or_default)
    }

    fn run(
        &self,
        environment: &Environment<'_>,
        escape: AutoEscape,
        view: Value,
        text: &mut String,
    ) -> Result<Option<Value>, Fault> {
        let mut out = machinery::make_string_output(text);
        let blocks = std::collections::BTreeMap::new();
        machinery::eval(environment, &self.instructions, view, &blocks, &mut out, escape)
            .map(|(value, _)| value)
            .map_err(|error| Fault::of(&error, self.text))
    }
}

/// Finds a value in a template that stands between quotes of its own, as in `"{{ x }}"`.
pub fn value_in_quotes(text: &str) -> Option<Fault> {
    let problem = "a value brings its own quotes: remove those around it";
    tokens::in_quotes(text).map(|place| Fault::new(problem, place))
}

/// Returns whether a template may use a name.
pub fn mentions(text: &str, name: &str) -> bool {
    machinery::tokenize(text, false, SYNTAX.clone())
        .any(|token| matches!(token, Ok((machinery::Token::Ident(word), _)) if word == name))
}

fn range(span: machinery::Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

fn refused(what: &str, span: machinery::Span) -> Fault {
    Fault::new(format!("templates have no {what}"), range(span))
}

type Expr<'s> = ast::Expr<'s>;
