//! Renders an emitter's own templates. A value that a file can't contain becomes a finding, not a
//! panic.

use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::environment;
use crate::diag::{Diagnostic, Diagnostics, codes};

codes::define! {
    pub VALUE_NOT_WRITABLE = "value-not-writable", Error,
        "a value can't be written into the file that needs it";
}

/// The templates of one emitter, compiled once.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    broken: Option<String>,
}

impl Templates {
    /// Compiles templates, given as names and texts. The ending of the name decides the escaping.
    pub fn new(templates: &[(&'static str, &'static str)]) -> Self {
        Self::within(environment(), templates)
    }

    /// Compiles templates for a custom environment.
    pub fn within(
        mut environment: Environment<'static>,
        templates: &[(&'static str, &'static str)],
    ) -> Self {
        let broken =
            templates.iter().find_map(|(name, text)| environment.add_template(name, text).err());
        Self { environment, broken: broken.map(|error| format!("{error:#}")) }
    }

    /// Renders a template.
    pub fn render(&self, name: &str, view: &impl Serialize) -> Result<String, String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        self.environment
            .get_template(name)
            .and_then(|template| template.render(Value::from(Serde(view))))
            .map_err(|error| format!("{error:#}"))
    }

    /// Renders a template for a machine's bundle. A failure becomes a finding about the lab, and
    /// nothing is written.
    pub fn write(
        &self,
        name: &str,
        view: &impl Serialize,
        machine: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        self.render(name, view)
            .map_err(|why| {
                let file = name.strip_suffix(".j2").unwrap_or(name);
                let message = format!("`{file}` of `{machine}` can't be written: {why}");
                diagnostics.push(Diagnostic::lab(&VALUE_NOT_WRITABLE, message).on(machine));
            })
            .ok()
    }
}
