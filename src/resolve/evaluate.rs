//! Evaluates the nodes of a module: `(ref)`, `(f)`, `(expr)` and `when`.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use minijinja::value::{Value as Jinja, ValueKind};
use minijinja::{Environment, Expression};

use crate::decl::schema::{Child, Field, Occurs};
use crate::decl::types::Type;
use crate::decl::{Block, Property, Value};
use crate::diag::Diagnostics;
use crate::model::{Data, SECRET_IS_NO_TEXT, SECRET_MARK};
use crate::source::{Span, Spanned};
use crate::syntax::Scalar;

/// The expressions of all modules, compiled once.
pub struct Expressions<'s> {
    compiled: BTreeMap<&'s str, Result<Expression<'s, 's>, String>>,
}

/// Makes the environment in which expressions are compiled.
pub fn environment<'s>() -> Environment<'s> {
    let mut environment = Environment::empty();
    // A misspelt name would otherwise be an empty value.
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    // A module must not be able to keep the compiler busy for long.
    environment.set_fuel(Some(50_000));
    crate::format::add_filters(&mut environment);
    environment
}

impl<'s> Expressions<'s> {
    /// Compiles every expression below `blocks`.
    pub fn compile(
        environment: &'s Environment<'s>,
        blocks: impl Iterator<Item = &'s Block<'s>>,
    ) -> Self {
        let mut expressions = Self { compiled: BTreeMap::new() };
        for block in blocks {
            expressions.add(environment, block);
        }
        expressions
    }

    fn add(&mut self, environment: &'s Environment<'s>, block: &'s Block<'s>) {
        for value in
            block.arguments.iter().chain(block.properties.iter().map(|property| &property.value))
        {
            let text = match &value.value {
                Value::Expression(text) => text,
                // Where the schema expects a condition, it needs no annotation.
                Value::Text(text) if matches!(block.schema.name, "when" | "assert") => text,
                _ => continue,
            };
            if !self.compiled.contains_key(text.as_ref()) {
                let compiled =
                    environment.compile_expression(text).map_err(|error| message(&error));
                self.compiled.insert(text, compiled);
            }
        }
        for child in &block.children {
            self.add(environment, child);
        }
    }

    /// Evaluates an expression.
    pub fn evaluate(&self, text: &str, context: &Scope) -> Result<Data, String> {
        match self.compiled.get(text) {
            Some(Ok(expression)) => expression
                .eval(context.jinja())
                .map_err(|error| message(&error))
                .and_then(|value| from_jinja(&value)),
            Some(Err(error)) => Err(error.clone()),
            None => Err("an expression is not allowed here".to_owned()),
        }
    }
}

fn message(error: &minijinja::Error) -> String {
    let mut text = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
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
            Err(_) => Data::Text(value.to_string()),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| message(&error))?;
            Data::List(items.map(|item| from_jinja(&item)).collect::<Result<_, _>>()?)
        }
        _ => text(value.to_string())?,
    })
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

/// The names that a module's values may use: `opt`, `machine`, `service`, `state`, `container`,
/// `lab`.
pub struct Scope {
    names: BTreeMap<&'static str, Rc<Name>>,
    jinja: OnceCell<Jinja>,
}

/// The value of a name, which scopes share; for expressions it is converted when one is evaluated.
struct Name {
    data: Data,
    jinja: OnceCell<Jinja>,
}

impl Name {
    fn new(data: Data) -> Rc<Self> {
        Rc::new(Self { data, jinja: OnceCell::new() })
    }

    fn jinja(&self) -> Jinja {
        self.jinja.get_or_init(|| Jinja::from(minijinja::value::Serde(&self.data))).clone()
    }
}

impl Scope {
    /// Makes a scope.
    pub fn new(data: BTreeMap<&'static str, Data>) -> Self {
        let names = data.into_iter().map(|(name, value)| (name, Name::new(value))).collect();
        Self { names, jinja: OnceCell::new() }
    }

    /// Returns a copy of the scope with another name.
    pub fn with(&self, name: &'static str, value: Data) -> Self {
        let mut names = self.names.clone();
        names.insert(name, Name::new(value));
        Self { names, jinja: OnceCell::new() }
    }

    fn jinja(&self) -> &Jinja {
        self.jinja.get_or_init(|| {
            let names = self.names.iter().map(|(name, value)| (*name, value.jinja()));
            Jinja::from(names.collect::<BTreeMap<_, _>>())
        })
    }

    /// Returns the value of a path such as `opt.image`.
    pub fn look_up(&self, path: &str) -> Result<Data, String> {
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default();
        let name = self.names.get(first).ok_or_else(|| {
            let names: Vec<String> = self.names.keys().map(|name| format!("`{name}`")).collect();
            format!("there is no `{first}`; there are {}", names.join(", "))
        })?;
        let mut value = &name.data;
        for part in parts {
            value = match value {
                Data::Record(fields) => fields.get(part).ok_or_else(|| {
                    let near = crate::diag::nearest(part, fields.keys().map(String::as_str));
                    near.map_or_else(
                        || format!("`{path}` does not exist"),
                        |near| format!("`{path}` does not exist; did you mean `{near}`?"),
                    )
                })?,
                _ => return Err(format!("`{path}` does not exist")),
            };
        }
        Ok(value.clone())
    }

    /// Fills in the names of text such as `{machine.appdata}/x`. `{{` and `}}` are braces.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len() + 16);
        let mut rest = text;
        while let Some(index) = rest.find(['{', '}']) {
            filled.push_str(&rest[..index]);
            let tail = &rest[index..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                filled.push_str(&tail[..1]);
                rest = &tail[2..];
                continue;
            }
            let Some(end) = tail.strip_prefix('{').and_then(|inner| inner.find('}')) else {
                return Err("a brace is unmatched; write a literal brace twice".to_owned());
            };
            match self.look_up(tail[1..=end].trim())? {
                Data::Text(value) => filled.push_str(&value),
                Data::Secret(_) => {
                    return Err(format!("`{}` is a secret: {SECRET_IS_NO_TEXT}", &tail[1..=end]));
                }
                Data::Integer(number) => filled.push_str(&number.to_string()),
                Data::Bool(value) => filled.push_str(if value { "true" } else { "false" }),
                Data::None => return Err(format!("`{}` has no value", &tail[1..=end])),
                Data::List(_) | Data::Record(_) => {
                    return Err(format!(
                        "`{}` is several values, but text takes one",
                        &tail[1..=end]
                    ));
                }
            }
            rest = &tail[end + 2..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// An evaluator of nodes. It passes faults to `report` with their place in the module.
pub struct Evaluator<'e, 's> {
    /// The compiled expressions.
    pub expressions: &'e Expressions<'s>,
    /// The names that values may use.
    pub scope: &'e Scope,
    /// Turns a fault into a finding at the service.
    pub report: &'e dyn Fn(Span, String, &mut Diagnostics),
}

impl Evaluator<'_, '_> {
    /// Evaluates one value.
    pub fn value(&self, value: &Value<'_>) -> Result<Data, String> {
        match value {
            Value::Reference(path) => self.scope.look_up(path),
            Value::Format(text) => self.scope.fill(text).map(Data::Text),
            Value::Expression(text) => self.expressions.evaluate(text, self.scope),
            other => Ok(other.to_data()),
        }
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
        let fields = block.schema.arguments;
        let mut arguments = Vec::with_capacity(block.arguments.len());
        for (index, argument) in block.arguments.iter().enumerate() {
            let field = fields.get(index).or(block.schema.rest.as_ref());
            let Some(field) = field.filter(|_| argument.value.is_dynamic()) else {
                arguments.push(argument.clone());
                continue;
            };
            match self.value(&argument.value) {
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
            children,
            rank: block.rank,
            span: block.span,
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
        let value = read(data, field.ty);
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
    for block in blocks.drain(..) {
        let occurs = occurs(&block);
        match kept.iter_mut().find(|other| other.is_twin(&block, occurs)) {
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
        (Type::Number, Scalar::Text(text)) => text.parse().ok().map(Value::Float),
        _ => None,
    })
}
