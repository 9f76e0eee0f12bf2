//! Reads the values that a service sets for the options of its module.

mod values;

use std::collections::{BTreeMap, BTreeSet};

use super::codes;
use super::options::OptionSpec;
use super::raw;
use super::scope::Scope;
use super::visible::Visible;
use crate::decl::decode::home;
use crate::decl::strongest;
use crate::decl::{Block, Value};
use crate::diag::hidden::{is_unclear, names_secret};
use crate::diag::{Diagnostic, Diagnostics, Severity, nearest, suggest};
use crate::model::Data;
use crate::source::{Sources, Span, Spanned};
use crate::syntax::Scalar;

/// A reader of the options of one service.
pub struct Reader<'r, 's> {
    /// The service's node.
    pub service: &'r Block<'s>,
    /// The module's node.
    pub module: &'r Block<'s>,
    /// The lab, with the names that values may refer to.
    pub lab: &'r Visible,
    /// The names of all services, sorted. Only an option that takes one looks at them.
    pub services: &'r [&'r str],
    /// The names that values may use.
    pub scope: &'r Scope,
    /// The files.
    pub sources: &'r Sources,
}

/// Returns whether a node is an option for a secret, without a value.
fn lacks_secret(block: &Block<'_>, specs: &[OptionSpec<'_>]) -> bool {
    let bare = block.arguments.is_empty() && block.properties.is_empty();
    let is_secret = |spec: &OptionSpec<'_>| {
        spec.name == block.name && (spec.kind == "secret" || names_secret(spec.name))
    };
    bare && block.children.is_empty() && specs.iter().any(is_secret)
}

fn is_near(name: &str, other: &str) -> bool {
    nearest(name, [other]).is_some()
}

/// Lists the values of an option that may be secrets, typed in by mistake. Of a secret, all are.
fn typed(block: &Block<'_>, of_secret: bool) -> Vec<Span> {
    let may_be = |value: &&Spanned<Value<'_>>| match &value.value {
        // The name of a secret may be shown.
        Value::Secret(_) => false,
        Value::Text(text) => of_secret || is_unclear(text),
        Value::Bool(_) => of_secret,
        _ => true,
    };
    let values = block.properties.iter().map(|property| &property.value).chain(&block.arguments);
    let inside = block.children.iter().map(|child| child.span);
    values.filter(may_be).map(|value| value.span).chain(inside).collect()
}

/// The values that a service sets for its module's options.
#[derive(Default)]
pub struct Given {
    /// The value of every option.
    pub options: BTreeMap<String, Data>,
    /// The places where each option is set.
    pub spans: BTreeMap<String, Vec<Span>>,
    /// The options without a value, because theirs is missing or wrong, which is already reported.
    pub faulty: BTreeSet<String>,
}

impl<'s> Reader<'_, 's> {
    /// Reads every option.
    pub fn read(&self, specs: &[OptionSpec<'_>], diagnostics: &mut Diagnostics) -> Given {
        let mut given: BTreeMap<&str, Vec<&Block<'s>>> = BTreeMap::new();
        let mut faulty = BTreeSet::new();
        // Whether the node before lacks a secret, which may be on the line after it by mistake.
        let mut awaits = false;
        for block in self.service.children.iter().filter(|child| child.schema.name == "OPTION") {
            let may_be_secret = std::mem::replace(&mut awaits, lacks_secret(block, specs));
            if let Some(spec) = specs.iter().find(|spec| spec.name == block.name) {
                given.entry(spec.name).or_default().push(block);
            } else {
                // The option that was most likely meant must not be reported as missing too.
                faulty.extend(
                    nearest(&block.name, specs.iter().map(|spec| spec.name)).map(str::to_owned),
                );
                faulty.extend(self.renamed(&block.name).map(str::to_owned));
                let meant = self.meant(block, specs);
                faulty.extend(meant.map(str::to_owned));
                let mark = diagnostics.mark();
                self.unknown(block, specs, meant, diagnostics);
                if may_be_secret {
                    diagnostics.since(mark).for_each(|found| found.concealed.push(block.span));
                }
            }
        }
        let mut options = BTreeMap::new();
        let mut spans = BTreeMap::new();
        for spec in specs {
            // An option is at fault if reading it adds an error.
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
                    .is_some_and(|blocks| blocks.iter().any(|block| block.has_faulty_value()));
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

    /// Returns the current name of a renamed option.
    fn renamed(&self, name: &str) -> Option<&str> {
        self.module.all("renamed").find(|node| node.key() == name)?.property("to")?.text()
    }

    /// Returns the only required option that is missing, if the values of an unknown one are of its
    /// type.
    fn meant<'o>(&self, block: &Block<'s>, specs: &'o [OptionSpec<'_>]) -> Option<&'o str> {
        let is_set = |spec: &&OptionSpec<'_>| {
            let own = &self.service.children;
            own.iter().any(|own| own.schema.name == "OPTION" && own.name == spec.name)
        };
        let mut lacking = specs.iter().filter(|spec| spec.required && !is_set(spec));
        let (Some(spec), None) = (lacking.next(), lacking.next()) else { return None };
        let typed = !["secret", "enum", "record"].contains(&spec.kind);
        let fits = |value: &Spanned<Value<'_>>| match &value.value {
            Value::Text(text) => spec.ty().read_text(text.as_ref().into()).is_some(),
            Value::Integer(number) => {
                spec.ty().read(&Scalar::Integer(i128::from(*number))).is_some()
            }
            _ => false,
        };
        let values = &block.arguments;
        let bare = block.properties.is_empty() && block.children.is_empty();
        let fits = typed && bare && !values.is_empty() && values.iter().all(fits);
        (fits && (spec.list || values.len() == 1)).then_some(spec.name)
    }

    fn unknown(
        &self,
        block: &Block<'s>,
        specs: &[OptionSpec<'_>],
        meant: Option<&str>,
        diagnostics: &mut Diagnostics,
    ) {
        let module = self.module.key();
        let old = |kind: &str| {
            self.module
                .children
                .iter()
                .find(|child| child.schema.name == kind && child.key() == block.name)
                .cloned()
        };
        let near = nearest(&block.name, specs.iter().map(|spec| spec.name));
        let help = if let Some(renamed) = old("renamed") {
            format!(
                "it is now called `{}`",
                renamed.property("to").and_then(Spanned::text).unwrap_or_default()
            )
        } else if let Some(retired) = old("retired") {
            retired.argument(1).and_then(Spanned::text).unwrap_or_default().to_owned()
        } else if let Some(home) = home(&block.name) {
            home
        } else if let Some(ours) = raw::of_compose(&block.name).filter(|_| near.is_none()) {
            ours
        } else if let Some(meant) = meant.filter(|_| near.is_none()) {
            format!("did you mean `{meant}`?")
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
        let message = format!("module `{module}` has no option `{}`", block.name);
        let mut found = Diagnostic::new(&codes::UNKNOWN_OPTION, block.span, message).help(help);
        let meant = self.renamed(&block.name).or(near).or(meant);
        let meant = specs.iter().find(|spec| meant == Some(spec.name));
        let mut fields = self.service.schema.child_nodes().map(|child| child.node.name);
        // What is almost the name of a secret has almost a secret as its value, and what nobody
        // knows may have one.
        let known = home(&block.name).is_some() || fields.any(|field| is_near(&block.name, field));
        if meant.map_or(!known, |spec| ["secret", "record"].contains(&spec.kind)) {
            found.concealed.extend(typed(block, meant.is_some_and(|spec| spec.kind == "secret")));
        }
        diagnostics.push(found);
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
                    format!("`{}` takes one value, but is given twice", spec.name),
                )
                .label(first.span, "first here")
                .help("keep one"),
            );
        }
        let Some(block) = blocks.first() else { return Data::None };
        let mut values = self.node(spec, block, diagnostics);
        if values.len() > 1 {
            diagnostics.push(
                Diagnostic::new(
                    &codes::WRONG_OPTION,
                    block.span,
                    format!("`{}` takes one value", spec.name),
                )
                .help("keep one"),
            );
        }
        if values.is_empty() { Data::None } else { values.swap_remove(0) }
    }

    fn default(&self, spec: &OptionSpec<'_>, diagnostics: &mut Diagnostics) -> Data {
        // What surrounds the service may be nothing, or several things.
        let referred = spec.default.and_then(|block| match block.argument(0)?.value {
            Value::Reference(ref path) => self.scope.look_up(path).ok(),
            _ => None,
        });
        let mut values = match spec.default {
            Some(_) if referred == Some(Data::None) => Vec::new(),
            Some(_) if spec.list && matches!(referred, Some(Data::List(_))) => {
                return referred.unwrap_or_default();
            }
            Some(block) => self.node(spec, block, diagnostics),
            None if spec.kind == "record" && !spec.list => {
                // If a record is not set, its fields have their defaults, if there are any.
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
}
