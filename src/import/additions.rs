//! What modules of the library lack: secrets for which they have no option. A module of the lab
//! with the same name adds it.

use std::collections::{BTreeMap, BTreeSet};

use super::kdl::{Given, document, line};

/// A variable of a container that a secret sets: the container, and the variable.
type Set = (String, String);

/// What is added to modules of the library, by their names.
#[derive(Debug, Default)]
pub struct Additions {
    /// The modules that the lab has already.
    taken: BTreeSet<String>,
    /// The option of each variable, by module.
    secrets: BTreeMap<String, BTreeMap<Set, String>>,
}

impl Additions {
    /// Begins with the names of modules that the lab has already.
    pub fn new(taken: &[String]) -> Self {
        Self { taken: taken.iter().cloned().collect(), ..Self::default() }
    }

    /// Returns whether something can be added to a module. What the lab says of it already is not
    /// changed.
    pub fn may(&self, module: &str) -> bool {
        !self.taken.contains(module)
    }

    /// Adds an option of a module that sets a variable of a container.
    pub fn add(&mut self, module: &str, set: Set, option: String) {
        self.secrets.entry(module.to_owned()).or_default().insert(set, option);
    }

    /// Writes the modules.
    pub fn files(&self) -> impl Iterator<Item = (String, String)> {
        self.secrets.iter().map(|(module, secrets)| {
            let of: BTreeMap<&str, &str> = secrets
                .iter()
                .map(|((_, variable), option)| (option.as_str(), variable.as_str()))
                .collect();
            let options = of.into_iter().map(|(option, variable)| {
                let doc = format!("The value of `{variable}`.");
                line("option").arg(option).prop("type", "secret").child(line("doc").arg(doc))
            });
            let containers: BTreeSet<&str> =
                secrets.keys().map(|(container, _)| container.as_str()).collect();
            let containers = containers.into_iter().map(|container| {
                let own = secrets.iter().filter(|((of, _), _)| of == container);
                let nodes = own.map(|((_, variable), option)| {
                    line("secret")
                        .arg(Given::Ref(format!("opt.{option}")))
                        .prop("value-variable", variable.as_str())
                });
                line("container").arg(container).children(nodes)
            });
            let what =
                format!("Adds to the library's module `{module}` what it has no option for.");
            let node = line("module").arg(module.as_str()).children(options).children(containers);
            (format!("modules/{module}/module.kdl"), document(vec![node.comment(&what)]))
        })
    }
}
