//! Options of modules: what they are, and the values that a service gives.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{self, Scope};
use super::{codes, names};
use crate::decl::decode::{advice, home};
use crate::decl::layer::strongest;
use crate::decl::types::Type;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics, Severity, nearest, suggest};
use crate::model::{Data, Model, ZoneKind};
use crate::source::{Sources, Span, Spanned};
use crate::syntax::Scalar;

/// Describes an option of a module, or a field of a record option.
#[derive(Debug, Clone)]
pub struct OptionSpec<'s> {
    /// Its name.
    pub name: &'s str,
    /// The word of its type.
    pub kind: &'s str,
    /// Whether it takes several values.
    pub list: bool,
    /// Whether every service must give it.
    pub required: bool,
    /// The node that gives its default.
    pub default: Option<&'s Block<'s>>,
    /// The words of an `enum`.
    pub words: Vec<&'s str>,
    /// Whether values from several places are joined.
    pub append: bool,
    /// The properties of a `record`.
    pub fields: Vec<OptionSpec<'s>>,
    /// What it means.
    pub doc: &'s str,
    /// Where it is defined.
    pub span: Span,
}

/// Lists a module's options, sorted by name.
pub fn option_specs<'s>(module: &'s Block<'s>) -> Vec<OptionSpec<'s>> {
    let mut specs: Vec<OptionSpec<'s>> =
        module.children.iter().filter(|child| child.schema.name == "option").map(spec).collect();
    specs.sort_by(|a, b| a.name.cmp(b.name));
    specs
}

fn spec<'s>(block: &'s Block<'s>) -> OptionSpec<'s> {
    let mut fields: Vec<OptionSpec<'s>> =
        block.children.iter().filter(|child| child.schema.name == "field").map(spec).collect();
    fields.sort_by(|a, b| a.name.cmp(b.name));
    OptionSpec {
        name: block.key(),
        kind: block.property("type").and_then(Spanned::text).unwrap_or("text"),
        list: block.property("list").and_then(Spanned::bool).unwrap_or(false),
        required: block.child("required").is_some(),
        default: block.child("default"),
        words: block
            .child("values")
            .map(|values| values.arguments.iter().filter_map(Spanned::text).collect())
            .unwrap_or_default(),
        append: block.value("merge").and_then(Spanned::text) == Some("append"),
        fields,
        doc: block.value("doc").and_then(Spanned::text).unwrap_or_default(),
        span: block.key_span(),
    }
}

impl OptionSpec<'_> {
    /// Returns the type that values are read as; enums, records and names of entities are checked
    /// beside it.
    pub fn ty(&self) -> Type {
        match self.kind {
            "name" => Type::Name,
            "boolean" => Type::Bool,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "port" => Type::Port,
            "size" => Type::Size,
            "duration" => Type::Duration,
            "cron" => Type::Cron,
            "address" => Type::Address,
            "cidr" => Type::Cidr,
            "path" => Type::Path,
            "image" => Type::Image,
            "url" => Type::Url,
            "host" => Type::Host,
            "mail" => Type::Mail,
            "secret" => Type::Secret,
            "network" => Type::Entity("network"),
            "zone" => Type::Entity("zone"),
            "machine" => Type::Entity("machine"),
            "service" => Type::Entity("service"),
            _ => Type::Text,
        }
    }

    /// Says what a value must be.
    pub fn describe(&self) -> String {
        match self.kind {
            "enum" => format!(
                "one of {}",
                self.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            ),
            "record" => {
                format!(
                    "properties: {}",
                    self.fields
                        .iter()
                        .map(|field| format!("{}=…", field.name))
                        .collect::<Vec<_>>()
                        .join(" ")
                )
            }
            _ => self.ty().describe(),
        }
    }
}

/// Reads the options of one service.
pub struct Reader<'r, 's> {
    /// The service's node.
    pub service: &'r Block<'s>,
    /// The module's node.
    pub module: &'r Block<'s>,
    /// The lab so far: names to check against.
    pub model: &'r Model,
    /// The names of all services.
    pub services: &'r [&'r str],
    /// The names that values may use.
    pub scope: &'r Scope,
    /// The files, for what stands in them.
    pub sources: &'r Sources,
}

/// Is what a service gives its module's options.
#[derive(Default)]
pub struct Given {
    /// The value of every option.
    pub options: BTreeMap<String, Data>,
    /// Where each was given.
    pub spans: BTreeMap<String, Vec<Span>>,
    /// Those that have no value because theirs is missing or wrong, which has been told.
    pub faulty: BTreeSet<String>,
}

impl<'s> Reader<'_, 's> {
    /// Reads every option.
    pub fn read(&self, specs: &[OptionSpec<'_>], diagnostics: &mut Diagnostics) -> Given {
        let mut given: BTreeMap<&str, Vec<&Block<'s>>> = BTreeMap::new();
        let mut faulty = BTreeSet::new();
        for block in self.service.children.iter().filter(|child| child.schema.name == "OPTION") {
            if let Some(spec) = specs.iter().find(|spec| spec.name == block.name) {
                given.entry(spec.name).or_default().push(block);
            } else {
                // One that was most likely meant is not missing besides.
                faulty.extend(
                    nearest(&block.name, specs.iter().map(|spec| spec.name)).map(str::to_owned),
                );
                faulty.extend(self.renamed(&block.name).map(str::to_owned));
                self.unknown(block, specs, diagnostics);
            }
        }
        let mut options = BTreeMap::new();
        let mut spans = BTreeMap::new();
        for spec in specs {
            let told = diagnostics.count(Severity::Error);
            let value = match given.get(spec.name) {
                Some(blocks) => {
                    let places = |block: &&Block<'s>| {
                        let arguments: Vec<Span> =
                            block.arguments.iter().map(|argument| argument.span).collect();
                        if arguments.len() < 2 { vec![block.span] } else { arguments }
                    };
                    spans.insert(spec.name.to_owned(), blocks.iter().flat_map(places).collect());
                    self.given(spec, blocks, diagnostics)
                }
                None => self.default(spec, diagnostics),
            };
            let missing = spec.required && !given.contains_key(spec.name);
            let told = told < diagnostics.count(Severity::Error)
                || given
                    .get(spec.name)
                    .is_some_and(|blocks| blocks.iter().any(|block| has_fault(block)));
            if missing && !faulty.contains(spec.name) {
                diagnostics.push(
                    Diagnostic::new(
                        &codes::MISSING_OPTION,
                        self.service.key_span(),
                        format!("`{}` lacks `{}`", self.service.key(), spec.name),
                    )
                    .label(spec.span, format!("module `{}` requires it", self.module.key()))
                    .help(format!(
                        "add `{} …`, {}: {}",
                        spec.name,
                        spec.describe(),
                        spec.doc
                    )),
                );
            }
            if missing || told {
                faulty.insert(spec.name.to_owned());
            }
            options.insert(spec.name.to_owned(), value);
        }
        Given { options, spans, faulty }
    }

    /// Returns the name that an option has now.
    fn renamed(&self, name: &str) -> Option<&str> {
        self.module.all("renamed").find(|node| node.key() == name)?.property("to")?.text()
    }

    fn unknown(&self, block: &Block<'s>, specs: &[OptionSpec<'_>], diagnostics: &mut Diagnostics) {
        let module = self.module.key();
        let old = |kind: &str| {
            self.module
                .children
                .iter()
                .find(|child| child.schema.name == kind && child.key() == block.name)
                .cloned()
        };
        let help = if let Some(renamed) = old("renamed") {
            format!(
                "it is now called `{}`",
                renamed.property("to").and_then(Spanned::text).unwrap_or_default()
            )
        } else if let Some(retired) = old("retired") {
            retired.argument(1).and_then(Spanned::text).unwrap_or_default().to_owned()
        } else if let Some(home) = home(&block.name) {
            home
        } else {
            let fields = self.service.schema.child_nodes().map(|child| child.node.name);
            suggest(&block.name, specs.iter().map(|spec| spec.name).chain(fields), || {
                let list: Vec<&str> = specs.iter().map(|spec| spec.name).collect();
                if list.is_empty() {
                    format!("module `{module}` has no options")
                } else {
                    format!("its options are: {}", list.join(", "))
                }
            })
        };
        diagnostics.push(
            Diagnostic::new(
                &codes::UNKNOWN_OPTION,
                block.span,
                format!("module `{module}` has no option `{}`", block.name),
            )
            .help(help),
        );
    }

    fn given(
        &self,
        spec: &OptionSpec<'_>,
        blocks: &[&Block<'s>],
        diagnostics: &mut Diagnostics,
    ) -> Data {
        let blocks = if spec.list && spec.append { blocks.to_vec() } else { strongest(blocks) };
        if spec.list {
            return Data::List(
                blocks.iter().flat_map(|block| self.node(spec, block, diagnostics)).collect(),
            );
        }
        if let [first, second, ..] = blocks[..] {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::DUPLICATE_NODE,
                    second.span,
                    format!("`{}` takes one value and is given twice", spec.name),
                )
                .label(first.span, "first here")
                .help("keep one"),
            );
        }
        let mut values = self.node(spec, blocks[0], diagnostics);
        if values.len() > 1 {
            diagnostics.push(
                Diagnostic::new(
                    &codes::WRONG_OPTION,
                    blocks[0].span,
                    format!("`{}` takes one value", spec.name),
                )
                .help("keep one"),
            );
        }
        if values.is_empty() { Data::None } else { values.swap_remove(0) }
    }

    fn default(&self, spec: &OptionSpec<'_>, diagnostics: &mut Diagnostics) -> Data {
        let mut values = match spec.default {
            Some(block) => self.node(spec, block, diagnostics),
            None if spec.kind == "record" && !spec.list => {
                // A record that is not given has its fields' defaults, when it has any.
                let fields: BTreeMap<String, Data> = spec
                    .fields
                    .iter()
                    .map(|field| (field.name.to_owned(), self.default(field, diagnostics)))
                    .collect();
                let empty = fields.values().all(|value| *value == Data::None);
                return if empty { Data::None } else { Data::Record(fields) };
            }
            None => Vec::new(),
        };
        match (spec.list, values.is_empty()) {
            (true, _) => Data::List(values),
            (false, true) => Data::None,
            (false, false) => values.swap_remove(0),
        }
    }

    /// Reads the values that one node gives.
    fn node(
        &self,
        spec: &OptionSpec<'_>,
        block: &Block<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Data> {
        if spec.kind == "record" {
            return vec![self.record(spec, block, diagnostics)];
        }
        if let Some(property) = block.properties.first() {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::UNKNOWN_PROPERTY,
                    property.value.span,
                    format!("`{}` takes values, not properties", spec.name),
                )
                .help(format!("write {}", spec.describe())),
            );
        }
        if block.arguments.is_empty() && block.properties.is_empty() {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::MISSING_VALUE,
                    block.span,
                    format!("`{}` has no value", spec.name),
                )
                .help(format!("write {}", spec.describe())),
            );
        }
        let mut values = Vec::with_capacity(block.arguments.len());
        for argument in &block.arguments {
            match self.value(spec, argument, diagnostics) {
                Some(Data::List(items)) => values.extend(items),
                Some(value) => values.push(value),
                None => {}
            }
        }
        values
    }

    fn record(
        &self,
        spec: &OptionSpec<'_>,
        block: &Block<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Data {
        let mut fields = BTreeMap::new();
        for property in &block.properties {
            let Some(field) = spec.fields.iter().find(|field| field.name == property.name) else {
                let names = spec.fields.iter().map(|field| field.name);
                let help = suggest(&property.name, names, || format!("write {}", spec.describe()));
                diagnostics.push(
                    Diagnostic::new(
                        &crate::decl::codes::UNKNOWN_PROPERTY,
                        property.value.span,
                        format!("`{}` has no property `{}`", spec.name, property.name),
                    )
                    .help(help),
                );
                continue;
            };
            if let Some(value) = self.value(field, &property.value, diagnostics) {
                fields.insert(field.name.to_owned(), value);
            }
        }
        // Arguments fill the fields in the order in which the module lists them only when there is
        // one field to fill.
        if let Some(extra) = block.arguments.first() {
            diagnostics.push(
                Diagnostic::new(
                    &crate::decl::codes::UNEXPECTED_ARGUMENT,
                    extra.span,
                    format!("`{}` takes properties", spec.name),
                )
                .help(format!("write {}", spec.describe())),
            );
        }
        for field in &spec.fields {
            if !fields.contains_key(field.name) {
                if field.required {
                    diagnostics.push(
                        Diagnostic::new(
                            &crate::decl::codes::MISSING_VALUE,
                            block.span,
                            format!("`{}` lacks `{}=…`", spec.name, field.name),
                        )
                        .help(format!(
                            "{}: {}",
                            field.describe(),
                            field.doc
                        )),
                    );
                }
                fields.insert(field.name.to_owned(), self.default(field, diagnostics));
            }
        }
        Data::Record(fields)
    }

    fn value(
        &self,
        spec: &OptionSpec<'_>,
        value: &Spanned<Value<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Data> {
        let data = match &value.value {
            Value::Reference(path) => self.scope.look_up(path),
            Value::Format(text) => self.scope.fill(text).map(Data::Text),
            Value::Expression(_) => Err("an option's value can't be an expression".to_owned()),
            Value::Null | Value::Faulty(_) => return None,
            plain => Ok(plain.to_data()),
        };
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                diagnostics.push(
                    Diagnostic::new(&codes::WRONG_OPTION, value.span, error)
                        .help(format!("write {}", spec.describe())),
                );
                return None;
            }
        };
        let ty = spec.ty();
        // A number is no text: KDL would have lost what `1.10` said.
        let strict = ty != Type::Text || matches!(data, Data::Text(_));
        let read = evaluate::read(&data, ty).filter(|_| strict).map(|read| read.to_data());
        let Some(read) = read else {
            let scalar = match &data {
                Data::Text(text) => Scalar::Text(text.as_str().into()),
                Data::Integer(number) => Scalar::Integer(i128::from(*number)),
                Data::Bool(value) => Scalar::Bool(*value),
                _ => Scalar::Null,
            };
            diagnostics.push(
                Diagnostic::new(
                    &codes::WRONG_OPTION,
                    value.span,
                    format!("`{}` can't be {}", spec.name, crate::decl::decode::describe(&scalar)),
                )
                .label(spec.span, "the option")
                .help(advice(ty, &scalar, self.sources.text(value.span))),
            );
            return None;
        };
        self.known(spec, read, value, diagnostics)
    }

    /// Checks that a name which an option holds is of something.
    fn known(
        &self,
        spec: &OptionSpec<'_>,
        data: Data,
        value: &Spanned<Value<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Data> {
        let text = data.as_text().unwrap_or_default().to_owned();
        let report = |code,
                      what: &str,
                      names: &mut dyn Iterator<Item = &str>,
                      diagnostics: &mut Diagnostics| {
            names::unknown(code, what, &text, value, names, diagnostics);
            false
        };
        // Every list of the model is sorted by name.
        let zone =
            || self.model.zones.binary_search_by(|zone| zone.name.as_str().cmp(text.as_str())).ok();
        let model = self.model;
        let ok = match spec.kind {
            "enum" if !spec.words.contains(&text.as_str()) => {
                let help = suggest(&text, spec.words.iter().copied(), || {
                    format!("write {}", spec.describe())
                });
                diagnostics.push(
                    Diagnostic::new(
                        &codes::WRONG_OPTION,
                        value.span,
                        format!("`{}` can't be `{text}`", spec.name),
                    )
                    .label(spec.span, "the option")
                    .help(help),
                );
                false
            }
            "secret"
                if model
                    .secrets
                    .binary_search_by(|secret| secret.name.as_str().cmp(text.as_str()))
                    .is_err() =>
            {
                let near = nearest(&text, model.secrets.iter().map(|secret| secret.name.as_str()));
                let declare = "declare `secret NAME` and write `(secret)NAME` here: the value itself never stands in a lab".to_owned();
                diagnostics.push(
                    Diagnostic::new(
                        &codes::UNDECLARED_SECRET,
                        value.span,
                        format!("there is no secret `{text}`"),
                    )
                    .help(near.map_or(declare, |near| format!("did you mean `{near}`?"))),
                );
                false
            }
            "network"
                if model
                    .networks
                    .binary_search_by(|network| network.name.as_str().cmp(text.as_str()))
                    .is_err() =>
            {
                report(
                    &codes::UNKNOWN_NAME,
                    "network",
                    &mut model.networks.iter().map(|network| network.name.as_str()),
                    diagnostics,
                )
            }
            "zone" if zone().is_none() => report(
                &codes::UNKNOWN_NAME,
                "zone",
                &mut model.zones.iter().map(|zone| zone.name.as_str()),
                diagnostics,
            ),
            "machine"
                if zone().is_none_or(|index| {
                    !matches!(model.zones[index].kind, ZoneKind::Machine(_))
                }) =>
            {
                let machines =
                    model.zones.iter().filter(|zone| matches!(zone.kind, ZoneKind::Machine(_)));
                report(
                    &codes::UNKNOWN_NAME,
                    "machine",
                    &mut machines.map(|zone| zone.name.as_str()),
                    diagnostics,
                )
            }
            "service" if self.services.binary_search(&text.as_str()).is_err() => report(
                &codes::UNKNOWN_NAME,
                "service",
                &mut self.services.iter().copied(),
                diagnostics,
            ),
            _ => true,
        };
        ok.then_some(data)
    }
}

/// Says whether a value of an option has been told to be wrong already.
fn has_fault(block: &Block<'_>) -> bool {
    block
        .arguments
        .iter()
        .chain(block.properties.iter().map(|property| &property.value))
        .any(Spanned::is_faulty)
}
