//! Reads a value of a node, and reports one that does not fit.

use std::borrow::Cow;

use super::Decoder;
use crate::decl::advice::{advice, alone, article, describe};
use crate::decl::schema::Field;
use crate::decl::types::Type;
use crate::decl::{Value, codes, twice};
use crate::diag::Diagnostic;
use crate::diag::hidden::names_secret;
use crate::model::SECRET_IS_NO_TEXT;
use crate::source::{Span, Spanned};
use crate::syntax::{Entry, Scalar};

impl Decoder<'_> {
    /// Reads a value. A value that does not have the field's type is reported and kept as `Faulty`.
    pub(super) fn value<'s>(
        &mut self,
        entry: &Entry<'s>,
        field: &Field,
        dynamic: bool,
        what: &str,
    ) -> Spanned<Value<'s>> {
        let span = entry.value.span;
        let scalar = &entry.value.value;
        if let Some(annotation) = &entry.annotation {
            let text = |value: &Scalar<'s>| {
                if let Scalar::Text(text) = value { Some(text.clone()) } else { None }
            };
            let special = match annotation.value.as_ref() {
                "secret" if field.ty == Type::Given => {
                    text(scalar).and_then(|name| Type::Secret.read_text(name))
                }
                "ref" if dynamic => text(scalar).map(Value::Reference),
                "f" if dynamic => text(scalar).map(Value::Format),
                "expr" if dynamic => text(scalar).map(Value::Expression),
                _ => None,
            };
            if let Some(value) = special {
                return Spanned::new(value, span);
            }
            let fits = field.ty.annotation() == Some(annotation.value.as_ref())
                || (matches!(field.ty, Type::Any | Type::Given)
                    && [
                        "size", "duration", "cron", "path", "image", "ref", "cidr", "address",
                        "url", "host",
                    ]
                    .contains(&annotation.value.as_ref()));
            if !fits {
                let allowed = field
                    .ty
                    .annotation()
                    .map_or_else(String::new, |name| format!("write `({name})` or nothing; "));
                self.diagnostics.push(
                    Diagnostic::new(
                        &codes::WRONG_ANNOTATION,
                        annotation.span,
                        format!("`({})` does not belong here", annotation.value),
                    )
                    .help(match annotation.value.as_ref() {
                        "secret" => SECRET_IS_NO_TEXT.to_owned(),
                        _ => format!("{allowed}the value is {}", field.ty.describe()),
                    }),
                );
                return faulty(scalar, span);
            }
        }
        let read = match scalar {
            Scalar::Text(text) if field.list => self.list(text, span, field.ty),
            // A required text gives a reason or a question, so it must not be empty.
            Scalar::Text(text)
                if field.required
                    && field.ty == Type::Text
                    && text.trim().is_empty()
                    // A word of a command may be empty.
                    && field.name != "word" =>
            {
                None
            }
            scalar => field.ty.read(scalar).map(|value| Spanned::new(value, span)),
        };
        read.unwrap_or_else(|| {
            if field.ty == Type::Secret {
                self.no_secret(what, span);
            } else {
                self.wrong(field, what, scalar, span);
            }
            faulty(scalar, span)
        })
    }

    /// Leaves out the values that a list has had before, and reports them.
    pub(super) fn once<'s>(&mut self, list: Vec<Spanned<Value<'s>>>) -> Vec<Spanned<Value<'s>>> {
        if list.len() < 2 {
            return list;
        }
        let new = twice::report(&list, self.diagnostics);
        list.into_iter().zip(new).filter_map(|(item, new)| new.then_some(item)).collect()
    }

    fn list<'s>(
        &mut self,
        text: &Cow<'s, str>,
        span: Span,
        ty: Type,
    ) -> Option<Spanned<Value<'s>>> {
        let parts: Vec<Cow<'s, str>> = match text {
            Cow::Borrowed(text) => text.split(',').map(|part| Cow::Borrowed(part.trim())).collect(),
            Cow::Owned(text) => {
                text.split(',').map(|part| Cow::Owned(part.trim().to_owned())).collect()
            }
        };
        let mut at = 0;
        let items = parts.into_iter().map(|part| {
            let place = self.place_in(span, &part, &mut at);
            Some(Spanned::new(ty.read_text(part)?, place))
        });
        let items: Vec<_> = items.collect::<Option<_>>()?;
        Some(Spanned::new(Value::List(self.once(items)), span))
    }

    /// Finds the place of a part of a value, from `at` on. If escapes hide it, the place is the
    /// whole value.
    fn place_in(&self, whole: Span, part: &str, at: &mut usize) -> Span {
        let written = self.text.get(whole.start as usize..whole.end as usize).unwrap_or_default();
        let Some(found) = written.get(*at..).and_then(|rest| rest.find(part)) else { return whole };
        let start = *at + found;
        *at = start + part.len();
        let offset = |length: usize| whole.start + u32::try_from(length).unwrap_or_default();
        Span { start: offset(start), end: offset(*at), ..whole }
    }

    fn wrong(&mut self, field: &Field, what: &str, scalar: &Scalar<'_>, span: Span) {
        let named = what.split('`').nth(1).unwrap_or_default();
        let declared = what == "the name of `secret`";
        let secret = names_secret(named) && !["secret", "uses-secret"].contains(&named) || declared;
        // The value of such a field may be the secret itself, so nothing repeats it.
        if secret && matches!(scalar, Scalar::Text(_)) {
            let message = format!("{what} can't be this value");
            self.diagnostics.push(
                Diagnostic::new(&codes::WRONG_TYPE, span, message)
                    .help(format!("write {}", field.ty.describe()))
                    .conceal(span),
            );
            return;
        }
        let written = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let finding = if field.list && ends_with_comma(scalar) {
            let torn = torn_list(self.text.get(span.start as usize..).unwrap_or_default());
            let end = span.start + u32::try_from(torn.len()).unwrap_or_default();
            let span = Span { end: end.max(span.end), ..span };
            let whole: String = torn.split_whitespace().collect();
            let whole = whole.trim_end_matches(',');
            Diagnostic::new(&codes::WRONG_TYPE, span, format!("{what} ends with a comma"))
                .help(format!("a list is one value: write `{whole}`"))
        } else {
            // In a list, the finding points at the wrong item.
            let span = match scalar {
                Scalar::Text(text) if field.list => {
                    let wrong = text
                        .split(',')
                        .map(str::trim)
                        .find(|part| field.ty.read_text(Cow::Borrowed(part)).is_none());
                    wrong.map_or(span, |part| self.place_in(span, part, &mut 0))
                }
                _ => span,
            };
            let item = match scalar {
                Scalar::Text(text) if field.list => text
                    .split(',')
                    .map(str::trim)
                    .find(|part| field.ty.read_text(Cow::Borrowed(part)).is_none())
                    .map(|part| Scalar::Text(part.into())),
                _ => None,
            };
            let scalar = item.as_ref().unwrap_or(scalar);
            // The prefix of a network is more than one address.
            let of_rest = || alone(field.ty, scalar).filter(|_| !field.name.starts_with("cidr"));
            match scalar {
                Scalar::Text(text) if text.trim().is_empty() => {
                    let help = if field.ty == Type::Text {
                        field.doc.to_owned()
                    } else {
                        advice(field.ty, scalar, written)
                    };
                    Diagnostic::new(&codes::WRONG_TYPE, span, format!("{what} can't be empty"))
                        .help(help)
                }
                scalar => Diagnostic::new(
                    &codes::WRONG_TYPE,
                    span,
                    format!("{what} can't be {}", describe(scalar)),
                )
                .caption(format!("not {}", article(field.ty)))
                .help(of_rest().unwrap_or_else(|| advice(field.ty, scalar, written))),
            }
        };
        self.diagnostics.push(finding);
    }

    /// Reports a value that is not the name of a secret. It may be the secret itself, typed in by
    /// mistake, so nothing repeats it.
    fn no_secret(&mut self, what: &str, span: Span) {
        self.diagnostics.push(
            Diagnostic::new(
                &codes::WRONG_TYPE,
                span,
                format!("{what} is not the name of a secret"),
            )
            .help(Type::Secret.describe())
            .conceal(span),
        );
    }
}

/// Keeps a value that does not fit its field as it was written.
fn faulty<'s>(scalar: &Scalar<'s>, span: Span) -> Spanned<Value<'s>> {
    Spanned::new(
        Value::Faulty(if let Scalar::Text(text) = scalar {
            text.clone()
        } else {
            Cow::Borrowed("")
        }),
        span,
    )
}

pub fn ends_with_comma(scalar: &Scalar<'_>) -> bool {
    matches!(scalar, Scalar::Text(text) if text.ends_with(','))
}

/// Returns the part of a text that is a list with blanks after its commas.
fn torn_list(text: &str) -> &str {
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let word = rest
            .get(blanks..)
            .and_then(|word| word.split([' ', '\t', '\n', '\r', ';', '{', '}']).next())
            .unwrap_or_default();
        if word.is_empty() || word.contains('=') {
            return text.get(..end).unwrap_or_default();
        }
        end += blanks + word.len();
        if !word.ends_with(',') {
            return text.get(..end).unwrap_or_default();
        }
    }
}
