//! Prepares a module's definition, from which services are made.

use super::evaluate::Expressions;
use super::options::{OptionSpec, option_specs};
use crate::decl::Block;

/// A module in the form that every service of it uses.
pub struct ModuleDefinition<'s> {
    /// The module's node.
    pub block: &'s Block<'s>,
    /// Its expressions.
    pub expressions: Expressions<'s>,
    /// Its options.
    pub options: Vec<OptionSpec<'s>>,
    /// The names of its containers, including conditional ones, in the order written.
    pub containers: Vec<&'s str>,
    /// The parts that declare its states. They are evaluated first, because other parts refer to
    /// them.
    pub states: Vec<Block<'s>>,
    /// Its endpoints. They are evaluated next, because other parts refer to their ports.
    pub endpoints: Vec<Block<'s>>,
    /// The other parts.
    pub others: Vec<Block<'s>>,
}

impl<'s> ModuleDefinition<'s> {
    /// Prepares a module.
    pub fn new(block: &'s Block<'s>) -> Self {
        let mut containers = Vec::new();
        container_names(block, &mut containers);
        let body: Vec<&Block<'s>> = block
            .children
            .iter()
            .filter(|child| !matches!(child.schema.name, "option" | "assert"))
            .collect();
        Self {
            block,
            expressions: Expressions::compile(block),
            options: option_specs(block),
            containers,
            states: parts_of(&body, |kind| kind == "state"),
            endpoints: parts_of(&body, |kind| kind == "provides"),
            others: parts_of(&body, |kind| !matches!(kind, "state" | "provides")),
        }
    }
}

fn container_names<'s>(block: &'s Block<'s>, names: &mut Vec<&'s str>) {
    for child in &block.children {
        match child.schema.name {
            "container" => names.push(child.key()),
            "when" => container_names(child, names),
            _ => {}
        }
    }
}

/// Keeps the nodes of some kinds, with the conditions around them.
fn parts_of<'s>(blocks: &[&Block<'s>], wanted: fn(&str) -> bool) -> Vec<Block<'s>> {
    let part = |block: &&Block<'s>| {
        if block.schema.name != "when" {
            return wanted(block.schema.name).then(|| (*block).clone());
        }
        let children = parts_of(&block.children.iter().collect::<Vec<_>>(), wanted);
        (!children.is_empty()).then(|| Block { children: children.into(), ..(*block).clone() })
    };
    blocks.iter().filter_map(part).collect()
}
