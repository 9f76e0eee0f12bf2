//! Merges the declarations of each entity from several places: built-in and site modules, profiles,
//! `extend`.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::require;
use super::merge::merge;
use super::profiles::{apply_profiles, join_profiles, selected_profiles, tags};
use super::{Block, codes};
use crate::diag::{Diagnostic, Diagnostics, suggest};

/// The lab with one block for each entity. Names are still text. Every list is sorted by name.
#[derive(Debug, Clone)]
pub struct Lab<'s> {
    /// The `lab` node.
    pub lab: Block<'s>,
    /// The `edition` node, if there is one.
    pub edition: Option<Block<'s>>,
    /// The `admin` nodes.
    pub admins: Vec<Block<'s>>,
    /// The `network` nodes.
    pub networks: Vec<Block<'s>>,
    /// The `router` nodes.
    pub routers: Vec<Block<'s>>,
    /// The `host`, `vm` and `lxc` nodes, in one list.
    pub machines: Vec<Block<'s>>,
    /// The `service` nodes.
    pub services: Vec<Block<'s>>,
    /// The `module` nodes, with those of the site merged over built-in ones.
    pub modules: Vec<Block<'s>>,
    /// The `secret` nodes.
    pub secrets: Vec<Block<'s>>,
    /// The `name` nodes.
    pub names: Vec<Block<'s>>,
    /// The `alert` nodes.
    pub alerts: Vec<Block<'s>>,
    /// The `dashboard` nodes.
    pub dashboards: Vec<Block<'s>>,
    /// The `accept` nodes, as written.
    pub accepts: Vec<Block<'s>>,
    /// The `moved` nodes, as written.
    pub moved: Vec<Block<'s>>,
    /// The `removed` nodes, as written.
    pub removed: Vec<Block<'s>>,
}

/// Merges the top-level nodes of all files. Returns nothing if there is no lab in them.
pub fn layer<'s>(blocks: Vec<Block<'s>>, diagnostics: &mut Diagnostics) -> Option<Lab<'s>> {
    let mut kinds: BTreeMap<&'static str, Vec<Block<'s>>> = BTreeMap::new();
    for block in blocks {
        kinds.entry(block.schema.name).or_default().push(block);
    }
    let mut take = |kind: &str| kinds.remove(kind).unwrap_or_default();

    let editions = take("edition");
    let known = |edition: &&Block<'_>| {
        // A faulty number is already reported.
        edition.argument(0).is_some_and(|number| number.is_faulty() || number.number() == Some(1))
    };
    for edition in editions.iter().filter(|edition| !known(edition)) {
        diagnostics.push(
            Diagnostic::new(
                &codes::UNKNOWN_EDITION,
                edition.span,
                "this labwright knows edition 1 only",
            )
            .help("write `edition 1`"),
        );
    }
    let mut labs = take("lab");
    let profiles = take("profile");
    let mut extends = take("extend");
    let lab = match labs.len() {
        1 => labs.pop(),
        0 => {
            diagnostics.push(
                Diagnostic::lab(&codes::LAB_MISSING, "no file of the folder has a `lab` node")
                    .help("write `lab NAME version=\"1\"` into `lab.kdl`"),
            );
            None
        }
        _ => {
            let second = &labs[1];
            diagnostics.push(
                Diagnostic::new(
                    &codes::LAB_MISSING,
                    second.key_span(),
                    "a folder holds one lab, but this is its second `lab` node",
                )
                .label(labs[0].key_span(), "the first")
                .help("keep one; any file may hold parts of the lab"),
            );
            labs.into_iter().next()
        }
    };

    let mut entities: BTreeMap<&'static str, Vec<Block<'s>>> = BTreeMap::new();
    for kind in [
        "admin",
        "network",
        "router",
        "host",
        "vm",
        "lxc",
        "service",
        "secret",
        "name",
        "alert",
        "dashboard",
        "module",
    ] {
        entities.insert(kind, take(kind));
    }
    let mut accepts = take("accept");
    let mut removed = take("removed");
    let stated = removed.len();
    let moved = take("moved");

    let selected = selected_profiles(lab.as_ref(), &extends, &profiles, diagnostics);
    let mut of_profiles: BTreeMap<&'static str, Vec<Block<'s>>> = BTreeMap::new();
    for profile in &profiles {
        let chosen = selected.contains(profile.key());
        for child in profile.children.iter().filter(|_| chosen) {
            match child.schema.name {
                "extend" => extends.push(child.clone()),
                "accept" => accepts.push(child.clone()),
                "removed" => removed.push(child.clone()),
                kind if entities.contains_key(kind) => {
                    join_profiles(of_profiles.entry(kind).or_default(), child, diagnostics);
                }
                _ => {}
            }
        }
    }
    for (kind, blocks) in of_profiles {
        entities.entry(kind).or_default().extend(blocks);
    }

    let mut take = |kind: &str| entities.remove(kind).unwrap_or_default();
    let mut machines = take("host");
    machines.append(&mut take("vm"));
    machines.append(&mut take("lxc"));
    let mut lists = Lists {
        admins: unique("admin", take("admin"), diagnostics),
        networks: unique("network", take("network"), diagnostics),
        routers: unique("router", take("router"), diagnostics),
        machines: unique("machine", machines, diagnostics),
        services: unique("service", take("service"), diagnostics),
    };
    let secrets = unique("secret", take("secret"), diagnostics);
    let names = unique("name", take("name"), diagnostics);
    let alerts = unique("alert", take("alert"), diagnostics);
    let dashboards = unique("dashboard", take("dashboard"), diagnostics);
    let modules = join_modules(take("module"), diagnostics);

    let mut lab = lab;
    for extend in extends {
        apply_extend(extend, &mut lists, lab.as_mut(), diagnostics);
    }
    let tags =
        tags(lists.machines.iter().chain(profiles.iter().flat_map(|profile| &profile.children)));
    apply_profiles(&profiles, &selected, &tags, &mut lists.machines, diagnostics);
    // Only a profile takes entities away. A `removed` outside profiles is about earlier releases,
    // and an entity that it names is an error if it is still declared.
    withdraw(&removed[stated..], &mut lists);

    let lab = Lab {
        // Without a `lab` node this ends only here, so that all findings about the rest are there.
        lab: lab?,
        edition: editions.into_iter().next(),
        admins: lists.admins,
        networks: lists.networks,
        routers: lists.routers,
        machines: lists.machines,
        services: lists.services,
        modules,
        secrets,
        names,
        alerts,
        dashboards,
        accepts,
        moved,
        removed,
    };
    for block in lab.blocks() {
        require(block, diagnostics);
    }
    Some(lab)
}

impl<'s> Lab<'s> {
    fn blocks(&self) -> impl Iterator<Item = &Block<'s>> {
        let entities = [
            &self.admins,
            &self.networks,
            &self.routers,
            &self.machines,
            &self.services,
            &self.modules,
            &self.secrets,
        ];
        let others = [
            &self.names,
            &self.alerts,
            &self.dashboards,
            &self.accepts,
            &self.moved,
            &self.removed,
        ];
        std::iter::once(&self.lab).chain(entities.into_iter().chain(others).flatten())
    }
}

struct Lists<'s> {
    admins: Vec<Block<'s>>,
    networks: Vec<Block<'s>>,
    routers: Vec<Block<'s>>,
    machines: Vec<Block<'s>>,
    services: Vec<Block<'s>>,
}

fn unique<'s>(
    kind: &str,
    mut blocks: Vec<Block<'s>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Block<'s>> {
    blocks.sort_by(|a, b| (a.key(), a.span).cmp(&(b.key(), b.span)));
    let mut list: Vec<Block<'s>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match list.last() {
            Some(first) if first.key() == block.key() && !block.key().is_empty() => diagnostics
                .push(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        block.key_span(),
                        format!("there is already a {kind} `{}`", block.key()),
                    )
                    .caption("declared again here")
                    .label(first.key_span(), "first declared here")
                    .help(match kind {
                        "secret" | "name" | "alert" | "dashboard" => {
                            "keep one of the two".to_owned()
                        }
                        _ => format!(
                            "rename one; to add to the first, write `extend {} {} {{ … }}`",
                            first.schema.name,
                            block.key()
                        ),
                    }),
                ),
            _ => list.push(block),
        }
    }
    list
}

/// Merges the definitions of each module: the site's over the built-in one.
pub fn join_modules<'s>(
    mut blocks: Vec<Block<'s>>,
    diagnostics: &mut Diagnostics,
) -> Vec<Block<'s>> {
    blocks.sort_by(|a, b| (a.key(), a.rank.layer, a.span).cmp(&(b.key(), b.rank.layer, b.span)));
    let mut list: Vec<Block<'s>> = Vec::with_capacity(blocks.len());
    for block in blocks {
        match list.last_mut() {
            Some(first) if first.key() == block.key() && first.rank.layer == block.rank.layer => {
                diagnostics.push(
                    Diagnostic::new(
                        &codes::DUPLICATE_NAME,
                        block.key_span(),
                        format!("there is already a module `{}`", block.key()),
                    )
                    .label(first.key_span(), "first defined here")
                    .help("rename one of the two"),
                );
            }
            Some(first) if first.key() == block.key() => merge(first, block, diagnostics),
            _ => list.push(block),
        }
    }
    list
}

fn apply_extend<'s>(
    extend: Block<'s>,
    lists: &mut Lists<'s>,
    lab: Option<&mut Block<'s>>,
    diagnostics: &mut Diagnostics,
) {
    let kind = extend.key().to_owned();
    let Some(name) = extend
        .argument(1)
        .cloned()
        .filter(|name| !name.is_faulty() && !extend.arguments[0].is_faulty())
    else {
        return;
    };
    let text = name.text().unwrap_or_default().to_owned();
    let list: &mut [Block<'s>] = match kind.as_str() {
        "lab" => lab.map_or(&mut [], std::slice::from_mut),
        "admin" => &mut lists.admins,
        "network" => &mut lists.networks,
        "router" => &mut lists.routers,
        "service" => &mut lists.services,
        _ => &mut lists.machines,
    };
    // Lists are sorted by name, and a lab has one `lab` node.
    let found = list
        .binary_search_by(|block| block.key().cmp(text.as_str()))
        .ok()
        .filter(|index| list[*index].schema.name == kind);
    let Some(target) = found.and_then(|index| list.get_mut(index)) else {
        let other = list
            .iter()
            .find(|block| block.key() == text)
            .map(|block| format!("write `extend {} {text}`", block.schema.name));
        let of_kind = list.iter().filter(|block| block.schema.name == kind).map(Block::key);
        let help = other.unwrap_or_else(|| {
            suggest(&text, of_kind, || format!("declare it: `{kind} {text} … {{ … }}`"))
        });
        let message = format!("there is no {kind} `{text}` to extend");
        diagnostics
            .push(Diagnostic::new(&codes::EXTEND_WITHOUT_TARGET, name.span, message).help(help));
        return;
    };
    let mut body = Block { schema: target.schema, arguments: target.arguments.clone(), ..extend };
    // The reason is that of a `(force)`, not a property of the entity.
    body.properties.retain(|property| property.name != "reason");
    merge(target, body, diagnostics);
}

fn withdraw(removed: &[Block<'_>], lists: &mut Lists<'_>) {
    let names = |kinds: &[&str]| -> BTreeSet<String> {
        let of_kind = removed.iter().filter(|block| kinds.contains(&block.key()));
        of_kind.filter_map(|block| block.argument(1)?.text()).map(str::to_owned).collect()
    };
    let (services, machines) = (names(&["service"]), names(&["host", "vm", "lxc"]));
    lists.services.retain(|service| !services.contains(service.key()));
    lists.machines.retain(|machine| !machines.contains(machine.key()));
}
