//! Reads a value of an option, a record or a name.

use std::collections::BTreeMap;

use super::Reader;
use crate::decl::advice::{advice, alone, describe};
use crate::decl::types::Type;
use crate::decl::{Block, Value, twice};
use crate::diag::hidden::{is_plain_word, is_unclear, names_secret};
use crate::diag::{Diagnostic, Diagnostics, suggest};
use crate::model::Data;
use crate::resolve::options::OptionSpec;
use crate::resolve::{codes, evaluate, names};
use crate::source::Spanned;
use crate::syntax::Scalar;

impl Reader<'_, '_> {
    /// Reads the values in one node.
    pub(super) fn node(
        &self,
        spec: &OptionSpec<'_>,
        block: &Block<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Data> {
        if spec.kind == "record" {
            return vec![self.record(spec, block, diagnostics)];
        }
        if let Some(property) = block.properties.first() {
            let found = Diagnostic::new(
                &crate::decl::codes::UNKNOWN_PROPERTY,
                property.value.span,
                format!("`{}` takes values, not properties", spec.name),
            )
            .help(format!("write {}", spec.describe()));
            // It may be the secret itself, typed in by mistake.
            let secret = spec.kind == "secret";
            diagnostics.push(if secret { found.conceal(property.value.span) } else { found });
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
        // A text may be a word of a command, which counts twice.
        let all: &[_] = if spec.kind == "text" { &[] } else { &block.arguments };
        let new = twice::report(all, diagnostics);
        let is_new = |index: usize| new.get(index).copied().unwrap_or(true);
        for (index, argument) in block.arguments.iter().enumerate() {
            if !is_new(index) {
                continue;
            }
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
                let mut found = Diagnostic::new(
                    &crate::decl::codes::UNKNOWN_PROPERTY,
                    property.name_span,
                    format!("`{}` has no property `{}`", spec.name, property.name),
                )
                .help(help);
                if spec.fields.iter().any(|field| field.kind == "secret") {
                    found = found.conceal(property.value.span);
                    if !is_plain_word(&property.name) {
                        found = found.conceal(property.name_span);
                    }
                }
                diagnostics.push(found);
                continue;
            };
            if let Some(value) = self.value(field, &property.value, diagnostics) {
                fields.insert(field.name.to_owned(), value);
            }
        }
        // A record has named fields only. Their order means nothing, so no argument could fill one.
        if let Some(extra) = block.arguments.first() {
            let message = format!("`{}` takes properties", spec.name);
            let code = &crate::decl::codes::UNEXPECTED_ARGUMENT;
            let found = Diagnostic::new(code, extra.span, message)
                .help(format!("write {}", spec.describe()));
            let secret = spec.fields.iter().any(|field| field.kind == "secret");
            let may_be =
                |value: &&Spanned<Value<'_>>| secret || value.text().is_some_and(is_unclear);
            let typed = block.arguments.iter().filter(may_be).map(|value| value.span);
            diagnostics.push(typed.fold(found, Diagnostic::conceal));
        }
        for field in &spec.fields {
            if !fields.contains_key(field.name) {
                // One whose value is wrong is not missing.
                let given = block.properties.iter().any(|given| given.name == field.name);
                if field.required && !given {
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
            Value::Format(text) => self.scope.fill(text, false).map(Data::Text),
            Value::Expression(_) => Err("an option's value can't be an expression".to_owned()),
            Value::Null | Value::Faulty(_) => return None,
            plain => Ok(plain.to_data()),
        };
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                let of_secret =
                    spec.kind == "secret" && !matches!(value.value, Value::Reference(_));
                let error = if of_secret { format!("`{}` is no secret", spec.name) } else { error };
                let found = Diagnostic::new(&codes::WRONG_OPTION, value.span, error)
                    .help(format!("write {}", spec.describe()));
                diagnostics.push(if of_secret { found.conceal(value.span) } else { found });
                return None;
            }
        };
        let ty = spec.ty();
        // A number is not accepted as text, because KDL does not preserve how `1.10` was written.
        let strict = ty != Type::Text || matches!(data, Data::Text(_));
        let read = evaluate::read(&data, ty).filter(|_| strict).map(|read| read.to_data());
        let Some(read) = read else {
            if matches!(data, Data::Secret(_)) {
                let problem = format!("`{}` is not an option for a secret", spec.name);
                diagnostics.push(
                    Diagnostic::new(&codes::WRONG_OPTION, value.span, problem)
                        .label(spec.span, "the option")
                        .help(format!("the module writes it as text: give {}", spec.describe())),
                );
                return None;
            }
            // Someone may have written the secret itself here, so the finding must not show it.
            if spec.kind == "secret" {
                let problem = format!("`{}` is not the name of a secret", spec.name);
                diagnostics.push(
                    Diagnostic::new(&codes::WRONG_OPTION, value.span, problem)
                        .label(spec.span, "the option")
                        .help(format!("write {}", spec.describe()))
                        .conceal(value.span),
                );
                return None;
            }
            if names_secret(spec.name) && matches!(data, Data::Text(_)) {
                let message = format!("`{}` can't be this value", spec.name);
                diagnostics.push(
                    Diagnostic::new(&codes::WRONG_OPTION, value.span, message)
                        .label(spec.span, "the option")
                        .help(format!("write {}", spec.describe()))
                        .conceal(value.span),
                );
                return None;
            }
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
                    format!("`{}` can't be {}", spec.name, describe(&scalar)),
                )
                .label(spec.span, "the option")
                .help(
                    alone(ty, &scalar)
                        .unwrap_or_else(|| advice(ty, &scalar, self.sources.text(value.span))),
                ),
            );
            return None;
        };
        self.known(spec, read, value, diagnostics)
    }

    /// Checks that the entity exists whose name an option contains.
    fn known(
        &self,
        spec: &OptionSpec<'_>,
        data: Data,
        value: &Spanned<Value<'_>>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Data> {
        let text = data.as_text().or(data.as_secret()).unwrap_or_default().to_owned();
        let report = |code,
                      what: &str,
                      names: &mut dyn Iterator<Item = &str>,
                      diagnostics: &mut Diagnostics| {
            names::unknown(code, what, &text, value, names, diagnostics);
            false
        };
        let lab = self.lab;
        let is_machine = || lab.is_machine(&text);
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
            "secret" if lab.secrets.id(&text).is_none() => {
                diagnostics.push(names::undeclared(&text, value.span, &lab.secrets));
                false
            }
            "network" if !lab.has_network(&text) => report(
                &codes::UNKNOWN_NAME,
                "network",
                &mut lab.networks.iter().map(String::as_str),
                diagnostics,
            ),
            "zone" if is_machine().is_none() => report(
                &codes::UNKNOWN_NAME,
                "zone",
                &mut lab.zones.iter().map(|(name, _)| name.as_str()),
                diagnostics,
            ),
            "machine" if is_machine() != Some(true) => {
                let machines = lab.zones.iter().filter(|(_, is_machine)| *is_machine);
                report(
                    &codes::UNKNOWN_NAME,
                    "machine",
                    &mut machines.map(|(name, _)| name.as_str()),
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
