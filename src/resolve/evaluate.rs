//! Evaluates the nodes of a module: `(ref)`, `(f)`, `(expr)` and `when`.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::Environment;
use minijinja::value::{Value as Jinja, ValueKind};

use super::scope::Scope;
use crate::decl::schema::{Child, Field, Occurs};
use crate::decl::types::Type;
use crate::decl::{Block, Property, Twins, Value};
use crate::diag::Diagnostics;
use crate::format::bounded::{Compiled, Fault};
use crate::format::expression_environment;
use crate::model::{Data, SECRET_IS_NO_TEXT, SECRET_MARK, marked_secret};
use crate::source::{Span, Spanned};
use crate::syntax::Scalar;

/// What expressions may use besides names.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(expression_environment);

/// The expressions of a module, compiled once.
pub struct Expressions<'s>(BTreeMap<&'s str, Result<Compiled<'s>, String>>);

impl<'s> Expressions<'s> {
    /// Compiles every expression of a module.
    pub fn compile(module: &'s Block<'s>) -> Self {
        let mut expressions = Self(BTreeMap::new());
        expressions.add(module);
        expressions
    }

    fn add(&mut self, block: &'s Block<'s>) {
        for value in
            block.arguments.iter().chain(block.properties.iter().map(|property| &property.value))
        {
            let text = match &value.value {
                Value::Expression(text) => text,
                // Where the schema expects a condition, it needs no annotation.
                Value::Text(text) if matches!(block.schema.name, "when" | "assert") => text,
                _ => continue,
            };
            if !self.0.contains_key(text.as_ref()) {
                self.0.insert(text, Compiled::expression(text).map_err(message));
            }
        }
        for child in &block.children {
            self.add(child);
        }
    }

    /// Evaluates an expression.
    pub fn evaluate(&self, text: &str, context: &Scope) -> Result<Data, String> {
        match self.0.get(text) {
            Some(Ok(expression)) => expression
                .evaluate(&ENVIRONMENT, context.jinja().clone())
                .map_err(message)
                .and_then(|value| from_jinja(&value)),
            Some(Err(error)) => Err(error.clone()),
            None => Err("an expression is not allowed here".to_owned()),
        }
    }
}

fn message(fault: Fault) -> String {
    let mut text = fault.problem;
    text.retain(|character| !character.is_control());
    text
}

fn from_jinja(value: &Jinja) -> Result<Data, String> {
    Ok(match value.kind() {
        ValueKind::Undefined => return Err("it names something that does not exist".to_owned()),
        ValueKind::None => Data::None,
        ValueKind::Bool => Data::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(number) => Data::Integer(number),
            // `Data` has no fractions. `read` makes a number of the text where a field wants one.
            Err(_) => Data::Text(value.to_string()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            Data::List(items.map(|item| from_jinja(&item)).collect::<Result<_, _>>()?)
        }
        _ => text(value.to_string())?,
    })
}

fn size(data: &Data) -> usize {
    match data {
        Data::Text(text) => text.len(),
        // An item takes memory besides its text.
        Data::List(items) => items.iter().map(|item| 32 + size(item)).sum(),
        Data::Record(fields) => fields.values().map(|field| 32 + size(field)).sum(),
        Data::Secret(_) | Data::Integer(_) | Data::Bool(_) | Data::None => 0,
    }
}

/// Returns text, or the secret whose name it is.
fn text(text: String) -> Result<Data, String> {
    if !text.contains(SECRET_MARK) {
        return Ok(Data::Text(text));
    }
    let name = text.strip_prefix(SECRET_MARK).and_then(|name| name.strip_suffix(SECRET_MARK));
    name.filter(|name| !name.contains(SECRET_MARK))
        .map(|name| Data::Secret(name.to_owned()))
        .ok_or_else(|| format!("it makes text of a secret: {SECRET_IS_NO_TEXT}"))
}

/// The most that a module may make for one service, in bytes.
const MOST_MADE: usize = 4 << 20;

/// What a node counts, whatever is in it.
const NODE: usize = 256;

/// The size of what a module has made for a service so far. Lists repeat nodes, also within each
/// other, so it could be any size.
#[derive(Debug, Default)]
pub struct Made(Cell<usize>);

impl Made {
    fn add(&self, bytes: usize) -> Result<(), String> {
        let total = self.0.get().saturating_add(bytes);
        self.0.set(total);
        if total > MOST_MADE {
            return Err("it makes more than 4 MiB for one service".to_owned());
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.0.get() > MOST_MADE
    }
}

/// An evaluator of nodes. It passes faults to `report` with their place in the module.
pub struct Evaluator<'e, 's> {
    /// The compiled expressions.
    pub expressions: &'e Expressions<'s>,
    /// The names that values may use.
    pub scope: &'e Scope,
    /// What the module has made so far.
    pub made: &'e Made,
    /// Turns a fault into a finding at the service.
    pub report: &'e dyn Fn(Span, String, &mut Diagnostics),
}

impl Evaluator<'_, '_> {
    /// Evaluates one value.
    pub fn value(&self, value: &Value<'_>) -> Result<Data, String> {
        self.value_of(value, false)
    }

    /// Evaluates one value, in which secrets are marked if the field takes them.
    fn value_of(&self, value: &Value<'_>, secrets: bool) -> Result<Data, String> {
        let data = match value {
            Value::Reference(path) => match self.scope.look_up(path)? {
                Data::Secret(name) if secrets => Ok(Data::Text(marked_secret(&name))),
                data => Ok(data),
            },
            Value::Format(text) => self.scope.fill(text, secrets).map(Data::Text),
            Value::Expression(text) => match self.expressions.evaluate(text, self.scope)? {
                Data::Text(text) => Ok(Data::Text(self.scope.kept(text))),
                data => Ok(data),
            },
            other => Ok(other.to_data()),
        }?;
        self.made.add(size(&data))?;
        Ok(data)
    }

    /// Returns whether a condition holds.
    pub fn holds(
        &self,
        condition: &Spanned<Value<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<bool> {
        let value = match &condition.value {
            Value::Text(text) | Value::Expression(text) => {
                self.expressions.evaluate(text, self.scope)
            }
            Value::Reference(path) => self.scope.look_up(path),
            _ => return None,
        };
        match value {
            Ok(Data::Bool(value)) => Some(value),
            Ok(Data::None) => Some(false),
            Ok(Data::Text(text)) => Some(!text.is_empty()),
            Ok(Data::Integer(number)) => Some(number != 0),
            Ok(Data::Secret(_)) => Some(true),
            Ok(Data::List(items)) => Some(!items.is_empty()),
            Ok(Data::Record(fields)) => Some(!fields.is_empty()),
            Err(error) => {
                (self.report)(
                    condition.span,
                    format!("the condition can't be evaluated: {error}"),
                    diagnostics,
                );
                None
            }
        }
    }

    /// Evaluates nodes: decides conditions and fills in values. A node whose argument 0 is a list
    /// is repeated for each item, which the rest of the node can use as `item`. A node whose
    /// argument 0 is nothing is left out.
    pub fn blocks<'b>(
        &self,
        blocks: &[Block<'b>],
        out: &mut Vec<Block<'b>>,
        diagnostics: &mut Diagnostics,
    ) {
        for block in blocks {
            if block.schema.name == "when" {
                let holds =
                    block.argument(0).and_then(|condition| self.holds(condition, diagnostics));
                if holds == Some(true) {
                    self.blocks(&block.children, out, diagnostics);
                }
                continue;
            }
            self.block(block, out, diagnostics);
        }
    }

    /// Evaluates a node once for each item of its argument 0. The rest of the node can use the item
    /// as `item`.
    fn repeated<'b>(
        &self,
        block: &Block<'b>,
        items: Vec<Spanned<Value<'b>>>,
        out: &mut Vec<Block<'b>>,
        diagnostics: &mut Diagnostics,
    ) {
        let rest = block
            .arguments
            .iter()
            .skip(1)
            .chain(block.properties.iter().map(|property| &property.value));
        let looks_at_item =
            !block.children.is_empty() || rest.into_iter().any(|value| value.value.is_dynamic());
        for item in items {
            let scope = looks_at_item.then(|| self.scope.with("item", item.value.to_data()));
            let mut copy = block.clone();
            if let Some(first) = copy.arguments.first_mut() {
                *first = item;
            }
            Evaluator {
                expressions: self.expressions,
                scope: scope.as_ref().unwrap_or(self.scope),
                made: self.made,
                report: self.report,
            }
            .block(&copy, out, diagnostics);
        }
    }

    fn block<'b>(
        &self,
        block: &Block<'b>,
        out: &mut Vec<Block<'b>>,
        diagnostics: &mut Diagnostics,
    ) {
        // The node that went over the limit has reported it.
        if self.made.is_full() {
            return;
        }
        if let Err(error) = self.made.add(NODE) {
            (self.report)(block.span, error, diagnostics);
            return;
        }
        let fields = block.schema.arguments;
        let mut arguments = Vec::with_capacity(block.arguments.len());
        for (index, argument) in block.arguments.iter().enumerate() {
            let field = fields.get(index).or(block.schema.rest.as_ref());
            let Some(field) = field.filter(|_| argument.value.is_dynamic()) else {
                arguments.push(argument.clone());
                continue;
            };
            match self.value_of(&argument.value, field.secrets) {
                Err(error) => {
                    (self.report)(argument.span, error, diagnostics);
                    return;
                }
                Ok(Data::None) if index == 0 => return,
                Ok(Data::None) => {}
                Ok(Data::List(items)) => {
                    let Some(items) = self.typed_items(&items, field, argument.span, diagnostics)
                    else {
                        return;
                    };
                    // A node of words alone, such as `command`, takes the items as further words.
                    if index == 0 && !fields.is_empty() {
                        self.repeated(block, items, out, diagnostics);
                        return;
                    }
                    arguments.extend(items);
                }
                Ok(data) => match self.typed(&data, field, argument.span, diagnostics) {
                    Some(value) => arguments.push(value),
                    None => return,
                },
            }
        }
        let Some(properties) = self.properties(block, diagnostics) else { return };
        let mut children = Vec::with_capacity(block.children.len());
        self.blocks(&block.children, &mut children, diagnostics);
        settle(&mut children, block.schema.children);
        let (schema, name) = (block.schema, block.name.clone());
        out.push(Block {
            schema,
            name,
            arguments,
            properties,
            children: children.into(),
            rank: block.rank,
            span: block.span,
            unclear: block.unclear,
        });
    }

    fn properties<'b>(
        &self,
        block: &Block<'b>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Property<'b>>> {
        let mut properties = Vec::with_capacity(block.properties.len());
        for property in &block.properties {
            if !property.value.value.is_dynamic() {
                properties.push(property.clone());
                continue;
            }
            let field = block.schema.properties.iter().find(|field| field.name == property.name);
            let span = property.value.span;
            let data = match self.value(&property.value.value) {
                Ok(data) => data,
                Err(error) => {
                    (self.report)(span, error, diagnostics);
                    return None;
                }
            };
            let field = field.or(block.schema.rest.as_ref().filter(|_| block.schema.options));
            let value = match (&data, field) {
                (Data::None, _) | (_, None) => continue,
                (Data::List(items), Some(field)) if field.list => {
                    let items = self.typed_items(items, field, span, diagnostics)?;
                    Spanned::new(Value::List(items), span)
                }
                (data, Some(field)) => self.typed(data, field, span, diagnostics)?,
            };
            properties.push(Property { value, ..property.clone() });
        }
        Some(properties)
    }

    fn typed_items<'b>(
        &self,
        items: &[Data],
        field: &Field,
        span: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<Spanned<Value<'b>>>> {
        items.iter().map(|item| self.typed(item, field, span, diagnostics)).collect()
    }

    fn typed<'b>(
        &self,
        data: &Data,
        field: &Field,
        span: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Spanned<Value<'b>>> {
        let value = match data {
            Data::Text(text) if field.secrets && text.contains(SECRET_MARK) => {
                // The marks stay in the value, but its type checks the text without them.
                let plain = Data::Text(text.replace(SECRET_MARK, ""));
                read(&plain, field.ty).map(|_| Value::Text(Cow::Owned(text.clone())))
            }
            data => read(data, field.ty),
        };
        if value.is_none() {
            let problem = match data {
                Data::Secret(_) => format!("{} can't be a secret: {SECRET_IS_NO_TEXT}", field.name),
                _ => format!("{} must be {}", field.name, field.ty.describe()),
            };
            (self.report)(span, problem, diagnostics);
        }
        value.map(|value| Spanned::new(value, span))
    }
}

/// Keeps one of several nodes that mean the same thing: a node under a condition may repeat one
/// outside, and a site's module one of a built-in module.
///
/// The one with the higher rank wins. Of two with equal rank the later one wins, so that a node
/// under a condition overrides one outside of it.
pub fn settle(blocks: &mut Vec<Block<'_>>, children: &[&'static [Child]]) {
    let occurs = |block: &Block<'_>| {
        let known = children
            .iter()
            .flat_map(|group| group.iter())
            .find(|child| std::ptr::eq(child.node, block.schema));
        known.map_or(Occurs::Many, |child| child.occurs)
    };
    let mut kept: Vec<Block<'_>> = Vec::with_capacity(blocks.len());
    let mut twins = Twins::default();
    for block in blocks.drain(..) {
        let twin = twins.find(&block, occurs(&block), kept.len());
        match twin.and_then(|index| kept.get_mut(index)) {
            Some(twin) if block.rank >= twin.rank => *twin = block,
            Some(_) => {}
            None => kept.push(block),
        }
    }
    *blocks = kept;
}

/// Reads data as a value of a type.
pub fn read<'b>(data: &Data, ty: Type) -> Option<Value<'b>> {
    let scalar = match data {
        Data::Text(text) => Scalar::Text(Cow::Owned(text.clone())),
        Data::Integer(number) if matches!(ty, Type::Text | Type::Line) => {
            Scalar::Text(Cow::Owned(number.to_string()))
        }
        Data::Bool(value) if matches!(ty, Type::Text | Type::Line) => {
            Scalar::Text(Cow::Owned(value.to_string()))
        }
        Data::Secret(name) if ty == Type::Secret => Scalar::Text(Cow::Owned(name.clone())),
        Data::Integer(number) => Scalar::Integer(i128::from(*number)),
        Data::Bool(value) => Scalar::Bool(*value),
        Data::Secret(_) | Data::None | Data::List(_) | Data::Record(_) => return None,
    };
    ty.read(&scalar).or_else(|| match (ty, &scalar) {
        (Type::Number | Type::Processors, Scalar::Text(text)) => {
            ty.read(&Scalar::Float(text.parse().ok()?))
        }
        _ => None,
    })
}
