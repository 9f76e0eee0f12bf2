//! Counts the bytes that a template makes and looks at.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, filters};

use crate::model::{SECRET_IS_NO_TEXT, SECRET_MARK};

/// Measures a value that was made.
pub(super) const MADE: &str = "labwright_made";
/// Measures a value that is compared, or gone through to its depth.
pub(super) const COMPARED: &str = "labwright_compared";
/// Measures a value whose items are gone through.
pub(super) const LISTED: &str = "labwright_listed";
/// Measures a value of which a part is wanted, which takes time for a text.
pub(super) const INDEXED: &str = "labwright_indexed";
/// Refuses a value that is not small, because it is used for every item of a list.
pub(super) const SMALL: &str = "labwright_small";
/// Refuses a value that is not a number.
pub(super) const NUMBER: &str = "labwright_number";
/// Refuses to join nothing to a text.
pub(super) const JOINED: &str = "labwright_joined";

/// The largest value, in bytes.
const LARGEST: u64 = 4 << 20;
/// The largest value that is used for every item of a list.
const LARGEST_SMALL: u64 = 16 << 10;
/// The depth to which lists and records may nest.
const DEEPEST: usize = 64;
/// What an item of a list takes, whatever it is.
const ITEM: u64 = 32;

/// The bytes that are left to a template.
struct Left(u64);

fn error(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem.into())
}

/// Refuses a secret where its letters would count: only its name is known, which says nothing about
/// its value.
fn no_secret(value: &Value) -> Result<(), Error> {
    let is_secret = value.as_str().is_some_and(|text| text.contains(SECRET_MARK));
    if is_secret { Err(error(SECRET_IS_NO_TEXT)) } else { Ok(()) }
}

/// Takes bytes from the budget. The templates of labwright itself, which have no limit of fuel,
/// have no budget either.
pub fn spend(state: &mut State<'_, '_>, bytes: u64) -> Result<(), Error> {
    // Fuel counts steps, but a single step can make gigabytes. So bytes have a limit of their own.
    let Some(fuel) = state.env().fuel() else { return Ok(()) };
    let left = state.get_or_insert_extension_with(|| Left(fuel.saturating_mul(4)));
    left.0 = left.0.checked_sub(bytes).ok_or_else(|| error("it makes or goes through too much"))?;
    Ok(())
}

/// Takes the size of a value from the budget.
pub fn spend_value(state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if state.env().fuel().is_some() {
        let bytes = size(value, u64::MAX)?;
        spend(state, bytes)?;
    }
    Ok(())
}

/// Returns the size of a value with all that is in it, counted as often as it is in it.
fn size(value: &Value, most: u64) -> Result<u64, Error> {
    let mut total = 0;
    add(value, DEEPEST, most, &mut total)?;
    Ok(total)
}

fn add(value: &Value, depth: usize, most: u64, total: &mut u64) -> Result<(), Error> {
    *total += value.as_str().map_or(0, |text| text.len() as u64);
    if *total > most {
        return Err(error(format!("a value is larger than {} KiB", most >> 10)));
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or_else(|| error("a value is nested too deep"))?;
    for item in value.try_iter()? {
        *total += ITEM;
        add(&item, depth, most, total)?;
        if value.kind() == ValueKind::Map {
            add(&value.get_item(&item)?, depth, most, total)?;
        }
    }
    Ok(())
}

/// Returns the size of a value without what is in its items.
fn surface(value: &Value, character: u64) -> u64 {
    match value.as_str() {
        Some(text) => text.len() as u64 * character,
        None if matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) => {
            value.len().map_or(LARGEST, |items| items as u64 * ITEM)
        }
        None => 0,
    }
}

/// Adds the filters that measure, and those that can make something large.
pub fn add_filters(environment: &mut Environment<'_>) {
    environment.add_filter(MADE, |state: &mut State<'_, '_>, value: &Value| {
        let bytes = size(value, LARGEST)?;
        spend(state, bytes + ITEM)?;
        Ok::<_, Error>(value.clone())
    });
    environment.add_filter(COMPARED, |state: &mut State<'_, '_>, value: &Value| {
        no_secret(value)?;
        spend_value(state, value)?;
        Ok::<_, Error>(value.clone())
    });
    environment.add_filter(LISTED, |state: &mut State<'_, '_>, value: &Value| {
        no_secret(value)?;
        spend(state, surface(value, ITEM))?;
        Ok::<_, Error>(value.clone())
    });
    environment.add_filter(INDEXED, |state: &mut State<'_, '_>, value: &Value| {
        no_secret(value)?;
        if value.as_str().is_some() {
            spend(state, surface(value, 1))?;
        }
        Ok::<_, Error>(value.clone())
    });
    environment.add_filter(SMALL, |state: &mut State<'_, '_>, value: &Value| {
        let bytes = size(value, LARGEST_SMALL)?;
        spend(state, bytes)?;
        Ok::<_, Error>(value.clone())
    });
    environment.add_filter(NUMBER, |value: &Value| match value.kind() {
        ValueKind::Number | ValueKind::Undefined => Ok(value.clone()),
        kind => Err(error(format!("`*` takes numbers, and this is a {kind}"))),
    });
    environment.add_filter(JOINED, |value: &Value| {
        let nothing = value.is_none();
        (!nothing).then(|| value.clone()).ok_or_else(|| error("`~` joins texts, and this is none"))
    });
    environment.add_filter("join", join);
    environment.add_filter("replace", replace);
    environment.add_filter("indent", indent);
    environment.add_filter("split", split);
    environment.add_filter("items", items);
    environment.add_filter("trim", |text: &str| text.trim().to_owned());
    environment.add_filter("sort", |state: &mut State<'_, '_>, list: Value, how: Kwargs| {
        spend_value(state, &list)?;
        filters::sort(state, list, how)
    });
    environment.add_filter("unique", |state: &mut State<'_, '_>, list: Value, how: Kwargs| {
        spend_value(state, &list)?;
        filters::unique(state, list, how)
    });
    environment.add_filter(
        "groupby",
        |state: &mut State<'_, '_>, list: Value, attribute: Option<String>, how: Kwargs| {
            spend_value(state, &list)?;
            let groups = filters::groupby(list, attribute.as_deref(), how)?;
            // The groups are deeper than the list.
            spend_value(state, &groups)?;
            Ok::<_, Error>(groups)
        },
    );
}

fn items(state: &mut State<'_, '_>, record: &Value) -> Result<Vec<Value>, Error> {
    if record.kind() != ValueKind::Map {
        return Err(error(format!("`items` takes a record, and this is a {}", record.kind())));
    }
    let pair = |key: Value| {
        spend(state, 3 * ITEM)?;
        let value = record.get_item(&key)?;
        Ok(Value::from(vec![key, value]))
    };
    record.try_iter()?.map(pair).collect()
}

fn join(state: &mut State<'_, '_>, list: &Value, separator: Option<&str>) -> Result<String, Error> {
    let mut text = String::new();
    for (index, item) in list.try_iter()?.enumerate() {
        if index > 0 {
            grow(state, &mut text, separator.unwrap_or(""))?;
        }
        spend_value(state, &item)?;
        grow(state, &mut text, &item.to_string())?;
    }
    Ok(text)
}

fn replace(state: &mut State<'_, '_>, text: &str, from: &str, to: &str) -> Result<String, Error> {
    spend(state, text.len() as u64)?;
    let mut made = String::new();
    let mut end = 0;
    for (start, part) in text.match_indices(from) {
        grow(state, &mut made, text.get(end..start).unwrap_or_default())?;
        grow(state, &mut made, to)?;
        end = start + part.len();
    }
    grow(state, &mut made, text.get(end..).unwrap_or_default())?;
    Ok(made)
}

#[expect(clippy::needless_pass_by_value, reason = "minijinja gives it so")]
fn indent(
    state: &mut State<'_, '_>,
    text: &str,
    width: Option<u64>,
    how: Kwargs,
) -> Result<String, Error> {
    let named = |name| how.get::<Option<bool>>(name).map(Option::unwrap_or_default);
    let width = width.map_or_else(|| how.get::<Option<u64>>("width"), |width| Ok(Some(width)))?;
    let (first, blank) = (named("first")?, named("blank")?);
    how.assert_all_used()?;
    let width = width.unwrap_or(4);
    let lines = text.lines().count() as u64;
    spend(state, width.saturating_mul(lines).saturating_add(text.len() as u64))?;
    let width = usize::try_from(width).unwrap_or(0);
    let lines = text.lines().enumerate().map(|(index, line)| {
        let plain = (index == 0 && !first) || (line.is_empty() && !blank);
        format!("{:1$}{line}", "", if plain { 0 } else { width })
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn split(
    state: &mut State<'_, '_>,
    text: &str,
    separator: Option<&str>,
) -> Result<Vec<String>, Error> {
    spend(state, text.len() as u64)?;
    let mut parts = Vec::new();
    let mut add = |part: &str| {
        spend(state, ITEM)?;
        parts.push(part.to_owned());
        Ok::<_, Error>(())
    };
    match separator {
        Some(separator) => text.split(separator).try_for_each(&mut add)?,
        None => text.split_whitespace().try_for_each(&mut add)?,
    }
    Ok(parts)
}

/// Adds to a text, which has the limit of a value.
fn grow(state: &mut State<'_, '_>, text: &mut String, more: &str) -> Result<(), Error> {
    spend(state, more.len() as u64)?;
    if (text.len() + more.len()) as u64 > LARGEST && state.env().fuel().is_some() {
        return Err(error("a value is larger than 4 MiB"));
    }
    text.push_str(more);
    Ok(())
}
