//! Writes values so that none of them can break the syntax around it. YAML and JSON are written by
//! serializers, everything else by templates that escape by the kind of file.

pub mod bounded;
pub mod lines;
pub mod templates;
pub mod well_formed;

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde::Serialize;

pub use lines::Grammar;
pub use templates::{Templates, VALUE_NOT_WRITABLE};

use crate::diag::one_line;
use crate::model::{SECRET_IS_NO_TEXT, SECRET_MARK};

/// Writes a value as YAML with every string quoted, so that readers of YAML 1.1 and 1.2 agree. Only
/// a map whose keys are not strings can't be written, and no view has one.
pub fn yaml(value: &impl Serialize) -> String {
    let mut text = String::new();
    match write_yaml(&mut text, value) {
        Ok(()) => text,
        Err(error) => error,
    }
}

/// Writes a value as [`yaml`] does, to any place. If it can't be written, the error is the comment
/// that the file gets instead.
pub fn write_yaml(out: &mut impl fmt::Write, value: &impl Serialize) -> Result<(), String> {
    let options =
        serde_saphyr::ser_options! { indent_step: 2, quote_all: true, prefer_block_scalars: false };
    serde_saphyr::to_fmt_writer_with_options(out, value, options)
        .map_err(|error| format!("# labwright could not write this file: {error}\n"))
}

/// Writes a value as JSON, indented by two spaces, with a final newline. It can't write what
/// [`yaml`] can't.
pub fn json(value: &impl Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        Err(error) => format!("{{\"error\": {}}}\n", Value::from(error.to_string())),
    }
}

/// Quotes one word for sh.
pub fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The way a template writes values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// One sh word for each value. A list becomes several words.
    Shell,
    /// A JSON value, which is a YAML value too.
    Json,
    /// A value in a file of lines. What its grammar can't hold is an error.
    Lines(Grammar),
    /// Text inside Markdown.
    Markdown,
    /// HTML text and attributes.
    Html,
}

impl Escape {
    /// Chooses by the file that a template makes: both `backup.sh.j2` and `backup.sh` are shell.
    pub fn of(name: &str) -> Self {
        let name = name.strip_suffix(".j2").unwrap_or(name);
        match name.rsplit('.').next().unwrap_or("") {
            "sh" => Self::Shell,
            "yaml" | "yml" | "json" => Self::Json,
            "md" => Self::Markdown,
            "html" | "xml" => Self::Html,
            ending => {
                let known = Grammar::ALL.into_iter().find(|grammar| grammar.name() == ending);
                Self::Lines(known.unwrap_or(Grammar::Plain))
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Json => "json",
            Self::Lines(grammar) => grammar.name(),
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }
}

static SYNTAX: LazyLock<SyntaxConfig> = LazyLock::new(|| {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    // Only unusual delimiters can make it fail, and none are set.
    syntax.build().unwrap_or_default()
});

/// Makes an environment for labwright's own templates. It is strict about undefined names, and
/// escapes by file name.
pub fn environment<'t>() -> Environment<'t> {
    let mut environment = Environment::empty();
    environment.set_debug(true); // Only then an error names what is undefined.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SYNTAX.clone());
    environment.set_auto_escape_callback(|name| AutoEscape::Custom(Escape::of(name).name().into()));
    environment.set_formatter(write_value);
    add_filters(&mut environment);
    environment
}

/// Makes an environment for the templates of modules, which end however they are written.
pub fn template_environment<'t>() -> Environment<'t> {
    let mut environment = environment();
    environment.set_fuel(Some(5_000_000));
    environment.set_recursion_limit(50);
    environment.set_formatter(|out, state, value| {
        bounded::spend_value(state, value)?;
        write_value(out, state, value)
    });
    environment
}

/// Makes an environment for expressions. A module must not be able to keep the compiler busy for
/// long.
pub fn expression_environment<'t>() -> Environment<'t> {
    let mut environment = Environment::empty();
    environment.set_debug(true);
    // A misspelt name would otherwise be an empty value.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(50_000));
    add_filters(&mut environment);
    environment
}

/// Adds the filters for expressions and templates. They complete those of minijinja that depend on
/// data only.
fn add_filters(environment: &mut Environment<'_>) {
    use minijinja::{filters, tests};
    // Whether a path is one of these folders or below one.
    environment.add_test("below", |path: &str, folders: Vec<String>| {
        folders.iter().any(|folder| {
            let rest = path.strip_prefix(folder.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    });
    bounded::add_filters(environment);
    environment.add_filter("default", filters::default);
    environment.add_filter("length", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("int", filters::int);
    environment.add_filter("list", filters::list);
    environment.add_filter("map", filters::map);
    environment.add_filter("select", filters::select);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("seconds", |text: &str| {
        crate::model::Duration::parse(text).map(|duration| duration.0)
    });
    environment.add_filter("hours", |text: &str| {
        crate::model::Duration::parse(text).map(|duration| duration.0 / 3600)
    });
    environment
        .add_filter("bytes", |text: &str| crate::model::Size::parse(text).map(|size| size.0));
    environment.add_filter("mebibytes", |text: &str| {
        crate::model::Size::parse(text).map(crate::model::Size::mebibytes)
    });
    environment.add_filter("calendar", |text: &str| {
        crate::model::Cron::parse(text).map(|cron| cron.calendar())
    });
    let prefix = |text: &str| {
        text.parse::<ipnet::IpNet>()
            .map_err(|why| Error::new(ErrorKind::InvalidOperation, format!("`{text}`: {why}")))
    };
    environment.add_filter("word", |text: &str| {
        let word = Some(text).filter(|text| lines::is_word(text));
        word.map(str::to_owned).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOperation, "it must be one word without quotes or blanks")
        })
    });
    environment
        .add_filter("quoted", |state: &State<'_, '_>, text: &str| quoted(state, text, false));
    environment
        .add_filter("quoted_raw", |state: &State<'_, '_>, text: &str| quoted(state, text, true));
    environment.add_filter("postgres_data", |image: &str| {
        crate::model::image::postgres_data(image).ok_or_else(|| {
            let why =
                "names no major version of PostgreSQL, on which the folder of its data depends";
            Error::new(ErrorKind::InvalidOperation, format!("the tag of `{image}` {why}"))
        })
    });
    // The folders that these files are in, each once.
    environment.add_filter("folders", |paths: Vec<String>| {
        let folders = paths.iter().filter_map(|path| path.rsplit_once('/'));
        let folders = folders.map(|(folder, _)| if folder.is_empty() { "/" } else { folder });
        folders.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    });
    environment.add_filter("secret_name", |secret: &str| secret_name(secret).map(str::to_owned));
    environment.add_filter("secret_file", |secret: &str| {
        secret_name(secret).map(|name| format!("/run/secrets/{name}"))
    });
    environment.add_filter("netmask", move |text: &str| {
        prefix(text).map(|prefix| prefix.netmask().to_string())
    });
    environment.add_filter("network_address", move |text: &str| {
        prefix(text).map(|prefix| prefix.network().to_string())
    });
    environment.add_test("defined", tests::is_defined);
    environment.add_test("none", tests::is_none);
    environment.add_test("equalto", tests::is_eq);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("ne", tests::is_ne);
    environment.add_test("in", tests::is_in);
    environment.add_test("string", tests::is_string);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("endingwith", tests::is_endingwith);
}

/// Writes text in the quotes of the file that a template makes.
fn quoted(state: &State<'_, '_>, text: &str, raw: bool) -> Result<Value, Error> {
    let AutoEscape::Custom(escape) = state.auto_escape() else {
        return Err(Error::new(ErrorKind::InvalidOperation, "escaping can't be switched off"));
    };
    let Escape::Lines(grammar) = Escape::of(escape.as_ref()) else {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "values are quoted by themselves here",
        ));
    };
    if text.contains(SECRET_MARK) {
        return Err(Error::new(ErrorKind::InvalidOperation, SECRET_IS_NO_TEXT));
    }
    let text = grammar.quoted(text, raw);
    let refused = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    text.map(Value::from_safe_string).map_err(refused)
}

/// Returns the name of a secret that a template or an expression sees.
fn secret_name(secret: &str) -> Result<&str, Error> {
    secret
        .strip_prefix(SECRET_MARK)
        .and_then(|name| name.strip_suffix(SECRET_MARK))
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "it takes a secret"))
}

/// Writes a value as the kind of file needs it.
pub(crate) fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "a name that is not defined"));
    }
    if value.is_safe() {
        return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
    }
    let AutoEscape::Custom(escape) = state.auto_escape() else {
        return Err(Error::new(ErrorKind::InvalidOperation, "escaping can't be switched off"));
    };
    let text = match escape.as_ref() {
        "shell" => shell_value(value)?,
        "json" => json_value(value)?,
        "markdown" => markdown_text(&value.to_string()),
        "html" => html_text(&value.to_string()),
        name => line_text(Escape::of(name), value)?,
    };
    if text.contains(SECRET_MARK) {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!(
                "a file would hold the name of a secret in its value's place: {SECRET_IS_NO_TEXT}"
            ),
        ));
    }
    out.write_str(&text).map_err(Error::from)
}

/// Writes a value as JSON that readers of YAML 1.1 accept too. They fold some of the characters
/// that JSON leaves alone, and refuse others.
fn json_value(value: &Value) -> Result<String, Error> {
    let odd = |character: char| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    if !json.contains(odd) {
        return Ok(json);
    }
    // Such characters occur only inside strings, where JSON can escape them.
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if odd(character) {
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    Ok(text)
}

fn shell_value(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let words =
                value.try_iter()?.map(|item| shell_value(&item)).collect::<Result<Vec<_>, _>>()?;
            Ok(words.join(" "))
        }
        ValueKind::None => Ok("''".to_owned()),
        _ => {
            let text = value.to_string();
            if text.contains('\0') {
                return Err(Error::new(
                    ErrorKind::InvalidOperation,
                    "a shell script can't hold a NUL byte",
                ));
            }
            Ok(shell_word(&text))
        }
    }
}

fn line_text(escape: Escape, value: &Value) -> Result<String, Error> {
    let Escape::Lines(grammar) = escape else {
        return Err(Error::new(ErrorKind::InvalidOperation, "there is no such kind of file"));
    };
    let fault = |why| Error::new(ErrorKind::InvalidOperation, why);
    match value.kind() {
        // What separates words in a plain file is not known.
        ValueKind::Seq | ValueKind::Iterable if grammar != Grammar::Plain => {
            let words = value.try_iter()?.map(|item| grammar.word(&item.to_string()));
            Ok(words.collect::<Result<Vec<_>, _>>().map_err(fault)?.join(" "))
        }
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            Err(fault("a line can't hold a list or record; join it".to_owned()))
        }
        _ => grammar.value(&value.to_string()).map_err(fault),
    }
}

/// Escapes text for Markdown, so that nothing in it formats, links, breaks out of a table cell, or
/// looks like other text.
pub fn markdown_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        if "\\`*_{}[]<>#|!&~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Escapes text for HTML.
pub fn html_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            character => escaped.push(character),
        }
    }
    escaped
}
