//! Resolves services: each is made of its module on its machine, and then the relations between
//! them are resolved.

use std::sync::OnceLock;

use rayon::prelude::*;

use super::definition::ModuleDefinition;
use super::instance::{self, Draft, Surroundings};
use super::link::Linker;
use super::past::Past;
use super::visible::{Home, Visible};
use super::{codes, names};
use crate::decl::layer::Lab;
use crate::decl::{Block, Value};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Around, MachineId, MachineKind, Model};
use crate::source::{Sources, Spanned};

/// Resolves every service into `model`, with what `past` says of services made before.
pub fn resolve(
    lab: &Lab<'_>,
    sources: &Sources,
    past: Past<'_>,
    model: &mut Model,
    diagnostics: &mut Diagnostics,
) {
    let names: Vec<&str> = lab.services.iter().map(Block::key).collect();
    let prepared = lab.modules.iter().map(|_| OnceLock::new()).collect();
    let ask = lab.modules.iter().map(|_| OnceLock::new()).collect();
    let modules = Modules { blocks: &lab.modules, prepared, ask };
    let visible = Visible::of(lab, model);
    let homes: Vec<Home> = model.machines().map(|(id, _)| Home::of(model, id)).collect();
    let past = past.fitting(&visible);
    let maker =
        Maker { modules: &modules, lab: &visible, names: &names, homes: &homes, sources, past };
    let shared: &Model = model;
    // What surrounds a service follows from routes, which are known only once all services are
    // made.
    let alone = Around::default();
    let drafts: Vec<_> =
        lab.services.par_iter().map(|block| maker.make(block, shared, &alone)).collect();
    let mut kept = Vec::with_capacity(drafts.len());
    let mut blocks = Vec::with_capacity(drafts.len());
    for (block, (draft, found)) in lab.services.iter().zip(drafts) {
        match draft {
            Some(draft) => {
                kept.push((draft, found));
                blocks.push(block);
            }
            None => diagnostics.append(found),
        }
    }
    let mut linker = Linker::new(kept, &names, model);
    maker.tell(&blocks, &mut linker, model);
    linker.finish(model, diagnostics);
}

/// Makes services of their modules.
struct Maker<'m, 's> {
    modules: &'m Modules<'s>,
    lab: &'m Visible,
    /// The names of all services.
    names: &'m [&'m str],
    homes: &'m [Home],
    sources: &'m Sources,
    past: Past<'m>,
}

impl<'s> Maker<'_, 's> {
    fn make(
        &self,
        block: &'s Block<'s>,
        model: &Model,
        around: &Around,
    ) -> (Option<Draft<'s>>, Diagnostics) {
        let mut found = Diagnostics::default();
        let draft = self.draft(block, model, around, &mut found);
        if let (Past::Kept(kept), Some(draft)) = (&self.past, &draft)
            && found.is_empty()
        {
            let home = self.homes.get(draft.service.machine.0 as usize);
            if let Some(home) = home {
                kept.add(draft, home, around);
            }
        }
        (draft, found)
    }

    fn draft(
        &self,
        block: &'s Block<'s>,
        model: &Model,
        around: &Around,
        diagnostics: &mut Diagnostics,
    ) -> Option<Draft<'s>> {
        let Self { modules, lab, names, homes, sources, past } = self;
        let name = block.property("module").or_else(|| block.argument(0))?;
        // Both names are looked up before either can end this, so that both are reported.
        let module = module(block, name, modules.blocks, diagnostics);
        let machine = super::names::find(
            "machine",
            block.property("on")?,
            &model.machines,
            |machine| &machine.name,
            diagnostics,
        );
        let module = module?;
        let machine = MachineId::at(machine?);
        if model[machine].kind == MachineKind::Appliance {
            diagnostics.push(
                Diagnostic::new(
                    &codes::WRONG_KIND,
                    block.property("on")?.span,
                    format!("no service can run on `{}`", model[machine].name),
                )
                .label(model[machine].span, "labwright does not manage its system")
                .help("run it on a vm, an lxc or a Debian host"),
            );
            return None;
        }
        let home = homes.get(machine.0 as usize)?;
        let surroundings = Surroundings { lab, services: names, home, sources, around };
        if let Past::Used(used) = past
            && let Some(draft) = used.draft(block, modules.blocks.get(module)?, surroundings)
        {
            return Some(draft);
        }
        let module = modules.prepared(module)?;
        Some(instance::draft(block, module, surroundings, diagnostics))
    }

    /// Tells the services what surrounds them, which is only known once they are all made. The
    /// ones whose modules ask for it are made again.
    fn tell(&self, blocks: &[&'s Block<'s>], linker: &mut Linker<'s>, model: &mut Model) {
        let around = linker.around(model);
        let asks = |block: &Block<'_>| {
            let module = self.module(block);
            module.is_some_and(|module| self.modules.asks(module))
        };
        let again: Vec<_> = blocks
            .iter()
            .zip(&around)
            .enumerate()
            // A service with nothing around it was made right the first time.
            .filter(|(_, (block, around))| **around != Around::default() && asks(block))
            .collect();
        let shared: &Model = model;
        let made: Vec<_> = again
            .par_iter()
            .filter_map(|(index, (block, around))| {
                let (draft, found) = self.make(block, shared, around);
                Some((*index, (draft?, found)))
            })
            .collect();
        linker.replace(made, model);
        for (index, around) in around.into_iter().enumerate() {
            linker.tell(index, around);
        }
    }

    /// Finds a service's module, whose faults are reported when the service is made.
    fn module(&self, block: &Block<'_>) -> Option<usize> {
        let name = block.property("module").or_else(|| block.argument(0))?;
        module(block, name, self.modules.blocks, &mut Diagnostics::default())
    }
}

/// The names by which a module's values ask what surrounds its service.
const ASKS: [&str; 10] = [
    "service.url",
    "service.host",
    "service.scheme",
    "service.proxies",
    "service.direct",
    "service['",
    "service[\"",
    "page.",
    "page['",
    "page[\"",
];

/// Returns whether a module asks what surrounds its service.
fn asks(block: &Block<'_>) -> bool {
    let value = |value: &Spanned<Value<'_>>| match &value.value {
        Value::Reference(text) | Value::Format(text) | Value::Expression(text) => {
            ASKS.iter().any(|name| text.contains(name))
        }
        Value::Text(text) if matches!(block.schema.name, "when" | "assert") => {
            ASKS.iter().any(|name| text.contains(name))
        }
        _ => false,
    };
    block.arguments.iter().any(value)
        || block.properties.iter().any(|property| value(&property.value))
        || block.children.iter().any(asks)
}

/// The modules. One is prepared when the first service of it is made.
struct Modules<'s> {
    blocks: &'s [Block<'s>],
    prepared: Vec<OnceLock<ModuleDefinition<'s>>>,
    /// Whether each asks what surrounds its service, for those of which it matters.
    ask: Vec<OnceLock<bool>>,
}

impl<'s> Modules<'s> {
    fn prepared(&self, index: usize) -> Option<&ModuleDefinition<'s>> {
        let block = self.blocks.get(index)?;
        Some(self.prepared.get(index)?.get_or_init(|| ModuleDefinition::new(block)))
    }

    fn asks(&self, index: usize) -> bool {
        let known = self.blocks.get(index).zip(self.ask.get(index));
        known.is_some_and(|(block, known)| *known.get_or_init(|| asks(block)))
    }
}

/// Lists the other names that lead to a module: its former names, and those of products that it is
/// mistaken for.
fn other_names<'b>(module: &'b Block<'_>) -> impl Iterator<Item = &'b str> {
    let nodes =
        module.children.iter().filter(|child| matches!(child.schema.name, "formerly" | "unlike"));
    nodes.flat_map(|names| &names.arguments).filter_map(Spanned::text)
}

/// Finds the node which says that a name belongs to another product than the module's.
fn other_product<'b, 's>(module: &'b Block<'s>, name: &str) -> Option<&'b Block<'s>> {
    module.children.iter().find(|child| {
        child.schema.name == "unlike"
            && child.arguments.iter().any(|other| other.text() == Some(name))
    })
}

/// Finds a service's module by its name, or by a former one.
fn module(
    block: &Block<'_>,
    name: &Spanned<Value<'_>>,
    modules: &[Block<'_>],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let text = name.text().unwrap_or_default();
    let current = modules.binary_search_by(|module| module.key().cmp(text)).ok();
    let called = |module: &Block<'_>| other_names(module).any(|other| other == text);
    let Some(index) = current.or_else(|| modules.iter().position(called)) else {
        return names::find("module", name, modules, Block::key, diagnostics);
    };
    let module = modules.get(index)?;
    // The name of the service may also name the product that its owner expects.
    let other = [(text, name.span), (block.key(), block.key_span())]
        .into_iter()
        .find_map(|(text, span)| Some((text, span, other_product(module, text)?)));
    if let Some((text, span, other)) = other {
        let why = other.property("why").and_then(Spanned::text).unwrap_or_default();
        let message =
            format!("`{text}` is not the product that module `{}` runs: {why}", module.key());
        let help = format!(
            "to run the module's product, call it `{}`; for the other one, write a module of your \
             own",
            module.key()
        );
        diagnostics
            .push(Diagnostic::new(&codes::OTHER_PRODUCT, span, message).help(help).on(block.key()));
    } else if current.is_none() {
        diagnostics.push(
            Diagnostic::new(
                &codes::RENAMED_MODULE,
                name.span,
                format!("`{}` replaces `{text}`", module.key()),
            )
            .help(format!("write `module={}`", module.key()))
            .on(block.key()),
        );
    }
    if let Some(end) = module.child("discontinued") {
        let why = end.argument(0).and_then(Spanned::text).unwrap_or_default();
        let mut finding = Diagnostic::new(
            &codes::DISCONTINUED_MODULE,
            name.span,
            format!("`{}` is discontinued: {why}", module.key()),
        );
        if let Some(help) = end.property("help").and_then(Spanned::text) {
            finding = finding.help(help);
        }
        diagnostics.push(finding.on(block.key()));
        return None;
    }
    Some(index)
}
