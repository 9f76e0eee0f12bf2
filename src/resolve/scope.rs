//! The names that the values of a module may use, and text with names in it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use minijinja::value::Value as Jinja;

use crate::model::{Data, SECRET_IS_NO_TEXT, marked_secret};

/// The longest text that `(f)` makes, in bytes, without what comes last.
const LONGEST: usize = 1 << 20;

/// The names that a module's values may use: `opt`, `machine`, `service`, `state`, `container`,
/// `lab`.
pub struct Scope {
    names: BTreeMap<&'static str, Rc<Name>>,
    jinja: OnceCell<Jinja>,
    /// The folder that has the service's name, and the one that has its former name and holds its
    /// data.
    former: Option<Rc<[String; 2]>>,
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
        Self { names, jinja: OnceCell::new(), former: None }
    }

    /// Keeps what would be in the folder `own` in the folder `former`.
    #[must_use]
    pub fn keeping(self, own: String, former: String) -> Self {
        Self { former: Some(Rc::new([own, former])), ..self }
    }

    /// Returns text, such as a path, with the folder that holds the data.
    pub fn kept(&self, text: String) -> String {
        let Some([own, former]) = self.former.as_deref() else { return text };
        match text.strip_prefix(own.as_str()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{former}{rest}"),
            _ => text,
        }
    }

    /// Returns a copy of the scope with another name.
    pub fn with(&self, name: &'static str, value: Data) -> Self {
        let mut names = self.names.clone();
        names.insert(name, Name::new(value));
        Self { names, jinja: OnceCell::new(), former: self.former.clone() }
    }

    /// Returns the names for an expression.
    pub fn jinja(&self) -> &Jinja {
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

    /// Fills in the names of text such as `{machine.appdata}/x`. `{{` and `}}` are braces. Secrets
    /// are marked in it, where they are allowed.
    pub fn fill(&self, text: &str, secrets: bool) -> Result<String, String> {
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
                Data::Secret(name) if secrets => filled.push_str(&marked_secret(&name)),
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
            if filled.len() > LONGEST {
                return Err("it makes a text of more than 1 MiB".to_owned());
            }
            rest = &tail[end + 2..];
        }
        filled.push_str(rest);
        Ok(self.kept(filled))
    }
}
