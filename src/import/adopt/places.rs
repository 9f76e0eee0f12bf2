//! Converts the mounts, ports and network of a container that a module of the library runs.

use super::{Becoming, Draft, Misfit};
use crate::decl::{Block, Value};
use crate::import::command::{cut, open_words};
use crate::import::files::join;
use crate::import::group::joins;
use crate::import::guests::is_own;
use crate::import::kdl::{Line, line};
use crate::import::ledger::{At, Fate};
use crate::import::library::{Endpoint, Module, Variable, fits, option};
use crate::import::ports;
use crate::import::stack::{Around, CHOOSE_A_CLASS};
use crate::import::words;

/// Converts a mount: into the place of a state, an option, or what `raw` mounts besides.
pub(super) fn volume(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    if at.get("type").is_some_and(|kind| kind.text() == Some("tmpfs")) {
        return memory(at, becoming);
    }
    let mount_besides = becoming.raw("volumes");
    let Becoming { module, container, draft, around, image } = becoming;
    let long = long(at);
    let text = at.text().or(long.as_deref());
    let text = text.ok_or("it has no option for this long form of a volume")?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, modes) = match parts.as_slice() {
        [source, target] => (*source, *target, ""),
        [source, target, modes] => (*source, *target, *modes),
        _ => return Err("it has no option for a volume without a name".to_owned()),
    };
    if around.secrets.hides(source) || around.secrets.hides(target) {
        return Err("a secret is part of a path".to_owned());
    }
    let target = join("/", target);
    let folder = if crate::import::files::is_path(source) {
        join("/", &around.lab.on_machine(source))
    } else {
        let local = crate::import::mounts::volume_folder(source, around.project);
        local
            .or_else(|| crate::import::servers::mounted(source, around))
            .ok_or("its volumes are folders of the machine, and this one is not")?
    };
    // A volume of docker becomes the folder that it is kept in.
    let fate = if crate::import::files::is_path(source) { Fate::Kept } else { Fate::Changed };
    let asked = modes.split(',').any(|mode| mode == "ro");
    let mount = container.mount(&target, image);
    let (fate, note) = match (container.mounts_read_only(&target), asked) {
        _ if mount.is_none() => (fate, ""),
        (true, false) => (Fate::Changed, ", which the module mounts to be read alone"),
        (false, true) => (Fate::Changed, ", which the module's container may write"),
        _ if modes.split(',').any(|mode| mode.eq_ignore_ascii_case("z")) => {
            (Fate::Changed, ", without a label of SELinux, which the lab's machines do not have")
        }
        _ => (fate, ""),
    };
    match mount {
        Some(Value::Reference(path)) => {
            if let Some(place) = path.strip_prefix("state.").and_then(|it| module.places.get(it)) {
                let found = option(&format!("opt.{place}"), &module.options);
                if !found.is_some_and(|option| fits(option, &folder)) {
                    return Err(format!("its option `{place}` does not accept `{folder}`"));
                }
                let values = draft.options.entry((*place).to_owned()).or_default();
                if values.is_empty() {
                    values.push(folder);
                } else if !values.contains(&folder) {
                    return Err(format!("its option `{place}` would need two values"));
                }
                draft.say(at, fate, format!("the option `{place}`{note}"));
                return Ok(());
            }
            if let Some(state) = path.strip_prefix("state.") {
                if let Some(why) = crate::check::system_path::needed(&folder) {
                    return Err(format!("`{folder}` can't be a state: {why}"));
                }
                if around.lab.kept.contains_key(&folder) {
                    return Err(format!("`{folder}` is a state of another service"));
                }
                let shared = draft.kept.contains(&folder);
                if !shared {
                    let node = line("state").arg(state).prop("path", folder.as_str());
                    let first = draft.kept.is_empty() && around.lab.kept.is_empty();
                    draft.lines.push(if first { node.comment(CHOOSE_A_CLASS) } else { node });
                    draft.kept.push(folder.clone());
                }
                let what = format!("the state `{state}`, kept at `{folder}`{note}");
                draft.say(at, fate, what);
                return Ok(());
            }
            let wanted = path.strip_prefix("opt.").unwrap_or_default();
            let found = option(path, &module.options).filter(|option| fits(option, &folder));
            let Some(found) = found else {
                return Err(format!("its option `{wanted}` does not accept `{folder}`"));
            };
            draft.options.entry(found.name.to_owned()).or_default().push(folder);
            draft.say(at, fate, format!("the option `{wanted}`{note}"));
            Ok(())
        }
        Some(Value::Text(own)) if *own == folder => {
            draft.say(at, fate, format!("the module's{note}"));
            Ok(())
        }
        Some(_) => Err(format!("it mounts something of its own at `{target}`")),
        None if container.is_cache() => {
            draft.say(
                at,
                Fate::Lost,
                "the module's cache is in memory, and empty after each start",
            );
            Ok(())
        }
        None => {
            // Two folders with the data of a database would be one too many.
            if container.database && folder_of_data(&target) {
                return Err(format!("the data of its database is elsewhere than at `{target}`"));
            }
            let hides = |file: &&&str| crate::plan::store::is_below(file, &target);
            if let Some(file) = module.files.iter().find(hides) {
                return Err(format!("it has a file of its own at `{file}`"));
            }
            let same = container.same_path_options();
            if let Some(wanted) = same.first()
                && folder == target
                && !crate::import::mounts::is_system(&folder)
            {
                draft.options.entry((*wanted).to_owned()).or_default().push(folder);
                draft.say(at, fate, format!("the option `{wanted}`"));
                return Ok(());
            }
            if !asked && !crate::import::mounts::is_file(source, around) {
                draft.besides.push((container.name.to_owned(), folder.clone()));
            }
            let modes = if modes.is_empty() { String::new() } else { format!(":{modes}") };
            draft.lines.push(mount_besides.arg(format!("{folder}:{target}{modes}")));
            // The folder is also needed where the program looks for what the option names.
            let required = same.iter().find(|name| {
                option(&format!("opt.{name}"), &module.options).is_some_and(|it| it.required)
            });
            let what = match required {
                Some(wanted) if !crate::import::mounts::is_system(&folder) => {
                    draft.options.entry((*wanted).to_owned()).or_default().push(folder);
                    format!("raw compose.volumes, and the option `{wanted}`")
                }
                _ => "raw compose.volumes".to_owned(),
            };
            draft.say(at, fate, what);
            Ok(())
        }
    }
}

/// Converts a folder in memory, in the long form.
fn memory(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let wanted = at.get("target").and_then(|at| at.text()).unwrap_or_default();
    let target = join("/", wanted);
    if wanted.is_empty() || becoming.around.secrets.hides(wanted) {
        return Err("it has no option for a folder in memory without a place".to_owned());
    }
    let options = at.get("tmpfs");
    let given = |key: &str| Some(format!("{key}={}", options.as_ref()?.get(key)?.text()?));
    let given: Vec<String> = ["size", "mode"].into_iter().filter_map(given).collect();
    let mut own = becoming.container.block.all("tmpfs").map(Block::key);
    if own.any(|own| own.split(':').next() == Some(target.as_str())) {
        let (fate, what) = match given.as_slice() {
            [] => (Fate::Kept, "the module's".to_owned()),
            given => (Fate::Changed, format!("the module's, without `{}`", given.join(","))),
        };
        becoming.say(at, fate, what);
        return Ok(());
    }
    let text = if given.is_empty() { target } else { format!("{target}:{}", given.join(",")) };
    becoming.draft.lines.push(becoming.raw("tmpfs").child(line("-").arg(text)));
    becoming.say(at, Fate::Changed, "raw compose.tmpfs, in the short form");
    Ok(())
}

/// Returns whether an image of a database keeps its data at a path.
fn folder_of_data(target: &str) -> bool {
    ["/var/lib/postgresql", "/var/lib/mysql", "/var/lib/mariadb", "/data/db"]
        .iter()
        .any(|folder| target.strip_prefix(folder).is_some_and(|it| it.is_empty() || it == "/data"))
}

/// Returns the short form of a mount in the long one, if it says no more than that.
fn long(at: &At<'_>) -> Option<String> {
    let known = ["type", "source", "target", "read_only"];
    let text = |key: &str| at.get(key)?.text().map(str::to_owned);
    let plain = at.entries().all(|(key, _)| known.contains(&key))
        && matches!(text("type").as_deref(), Some("bind" | "volume"));
    let (source, target) = (text("source")?, text("target")?);
    let read_only = at.get("read_only").is_some_and(|at| at.node.truth() == Some(true));
    let mode = if read_only { ":ro" } else { "" };
    plain.then(|| format!("{source}:{target}{mode}"))
}

/// Returns the port at which the program of an endpoint listens.
fn port_of(endpoint: &Endpoint<'_>, draft: &Draft) -> u16 {
    draft.ports.get(endpoint.name).copied().unwrap_or(endpoint.port)
}

/// Moves endpoints to the ports at which variables let programs listen.
pub(super) fn listen(module: &Module<'_>, draft: &mut Draft) {
    for endpoint in &module.endpoints {
        let port = port_of(endpoint, draft);
        let own = |line: &Line| line.name() == "port" && line.first() == Some(endpoint.name);
        if port != endpoint.port && !draft.lines.iter().any(own) {
            draft.lines.push(line("port").arg(endpoint.name).number(i64::from(port)));
        }
    }
}

/// Lists the services that use the network of the container that publishes a port.
fn guests(at: &At<'_>, port: &words::Port, around: &Around<'_>) -> Vec<String> {
    let owner = at.path.split('.').nth(1);
    let node = owner.and_then(|owner| around.project.service(owner));
    if node.is_some_and(|node| is_own(node, port)) {
        return Vec::new();
    }
    let services = around.project.services.iter();
    let guests = services.filter(|(_, node)| owner.is_some() && joins(node) == owner);
    guests.map(|(name, _)| format!("`{name}`")).collect()
}

/// Converts a published port into `expose` of the module's endpoint.
pub(super) fn port(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let Becoming { module, container, draft, around, .. } = becoming;
    let read = match at.text() {
        Some(text) => words::port(text),
        None => ports::long(at, around),
    };
    let Some(read) = read.filter(|read| read.count == 1) else {
        draft.say(at, Fate::Lost, "the module has no endpoints for a range of ports");
        return Ok(());
    };
    let own = |endpoint: &&Endpoint<'_>| {
        endpoint.container == container.name
            && endpoint.udp == read.udp
            && (port_of(endpoint, draft) == read.inside || endpoint.option.is_some())
    };
    let is_there = |endpoint: &&Endpoint<'_>| port_of(endpoint, draft) == read.inside;
    let exact = module.endpoints.iter().find(|endpoint| own(endpoint) && is_there(endpoint));
    // The module may let its program listen at another port than the image does by itself.
    let moved = |endpoint: &&Endpoint<'_>| {
        endpoint.container == container.name && container.sets_port(endpoint.port) && !read.udp
    };
    let known = exact.or_else(|| module.endpoints.iter().find(own));
    let Some(endpoint) = known.or_else(|| module.endpoints.iter().find(moved)) else {
        let guests = guests(at, &read, around);
        let what = if guests.is_empty() {
            format!("the module `{}` has no endpoint at {}", module.name, read.inside)
        } else {
            format!(
                "it is that of a container in this network: write `expose` in the service of the \
                 one that listens there ({})",
                guests.join(", ")
            )
        };
        draft.findings.push((at.node.place, format!("port {} is not opened: {what}", read.inside)));
        draft.say(at, Fate::Lost, what);
        return Ok(());
    };
    let has = |option: &str| {
        let set = draft.options.get(option).and_then(|values| values.first());
        set.map_or_else(|| module.is_on(option), |value| value != "false")
    };
    if let Some((option, with)) = endpoint.only.filter(|(option, with)| has(option) != *with) {
        let word = if with { "without" } else { "with" };
        draft.say(at, Fate::Lost, format!("nothing listens there {word} the option `{option}`"));
        return Ok(());
    }
    let inside = if known.is_some() { read.inside } else { endpoint.port };
    if port_of(endpoint, draft) != read.inside
        && let Some(option) = endpoint.option
    {
        draft.options.entry(option.to_owned()).or_insert_with(|| vec![read.inside.to_string()]);
    }
    let name = endpoint.name;
    let Some(host) = read.host else {
        draft.say(at, Fate::Changed, format!("endpoint `{name}`, opened to nobody"));
        return Ok(());
    };
    // In the machine's own network, a program has no other port than its own.
    let mode = container.block.value("network").and_then(|mode| mode.text());
    let on_host = mode == Some("host");
    if on_host && host != inside {
        return Err(format!("it is in the machine's network, where port {host} is not {inside}"));
    }
    let key = (host, read.udp);
    let taken = around.lab.ports.get(&key).cloned();
    let again = draft.opened.contains(&key);
    if let Some(other) = taken.or_else(|| again.then(|| "it".to_owned())) {
        let what = format!("endpoint `{name}`, not opened: port {host} belongs to `{other}`");
        draft.findings.push((at.node.place, what.clone()));
        draft.say(at, Fate::Changed, what);
    } else if let Some(address) = ports::loopback(&read) {
        draft.opened.push(key);
        let mut node = line("port").arg(name);
        if host != inside {
            node = node.number(i64::from(host));
        }
        draft.lines.push(node.prop("address", address.as_str()));
        let fate = if known.is_some() { Fate::Kept } else { Fate::Changed };
        draft.say(at, fate, format!("endpoint `{name}`, for the machine itself"));
    } else if endpoint.database {
        draft.say(at, Fate::Changed, format!("endpoint `{name}`, opened to nobody"));
    } else {
        draft.opened.push(key);
        if host != inside {
            draft.lines.push(line("port").arg(name).number(i64::from(host)));
        }
        let zone = around.lab.zone.clone();
        draft.lines.push(line("expose").arg(name).prop("to", zone.as_str()));
        let same = ports::open_to_all(&read) && known.is_some() && !on_host;
        let fate = if same { Fate::Kept } else { Fate::Changed };
        let host = if on_host { ", in the machine's own network" } else { "" };
        draft.say(at, fate, format!("endpoint `{name}`, opened to `{zone}`{host}"));
    }
    Ok(())
}

/// Opens the ports of containers in the network of the machine: they were reached, and its firewall
/// would let nobody to them. What only Prometheus asks, labwright opens to it.
pub(super) fn open_host(module: &Module<'_>, draft: &mut Draft, around: &Around<'_>) {
    let own = module.endpoints.iter().filter(|endpoint| {
        let is_on = endpoint.only.is_none_or(|(option, with)| module.is_on(option) == with);
        let is_there = draft.on_host.iter().any(|name| *name == endpoint.container);
        is_there && is_on && !endpoint.database && !endpoint.scraped
    });
    let own: Vec<_> =
        own.map(|endpoint| (endpoint.name, port_of(endpoint, draft), endpoint.udp)).collect();
    for (name, port, udp) in own {
        let key = (port, udp);
        if !around.lab.ports.contains_key(&key) && !draft.opened.contains(&key) {
            draft.opened.push(key);
            draft.lines.push(line("expose").arg(name).prop("to", around.lab.zone.as_str()));
        }
    }
}

/// Converts a command line: of a server, whose options these are, of a program to which the module
/// says more, and of a container for which the module has none.
pub(super) fn command(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    if at.node.is_null() {
        becoming.say(at, Fate::Kept, "the image's own");
        return Ok(());
    }
    let container = becoming.container;
    let image = words::image(&container.image.0);
    let (words, flags) = open_words(at, image.short(), becoming.around)?;
    if words.is_empty() || words.iter().any(|word| word.contains('\0')) {
        return Err("it has no option for this `command`".to_owned());
    }
    becoming.draft.findings.extend(cut(at).map(|what| (at.node.place, what)));
    for (variable, value) in flags {
        let Variable::Secret(option) = container.variable(variable) else {
            return Err(format!("it has no option for `{variable}`"));
        };
        let doc = format!("`{variable}` of `{}`", container.name);
        becoming.draft.secrets.push((option.to_owned(), value, at.node.place, doc));
    }
    let own: Vec<&str> = container
        .block
        .all("command")
        .flat_map(|line| line.arguments.iter().filter_map(|word| word.text()))
        .collect();
    // In this order, but with others between them.
    let mut later = own.iter();
    let is_part = words.iter().all(|word| later.any(|own| own == word));
    if words == own {
        becoming.say(at, Fate::Kept, "the module's");
    } else if is_part {
        let what = format!("`{}`, as the module has it", own.join(" "));
        becoming.say(at, Fate::Changed, what);
    } else if container.is_cache() {
        let what = "the module's cache keeps nothing, so it has no such options";
        becoming.say(at, Fate::Lost, what);
    } else if own.is_empty()
        || container.database && own.iter().all(|word| words.contains(&(*word).to_owned()))
    {
        // The options of a server have no order, and the module has some of them.
        let more: Vec<&String> =
            words.iter().filter(|word| !own.contains(&word.as_str())).collect();
        let command = becoming.raw("command");
        // One value would be text, which compose divides at blanks.
        becoming.draft.lines.push(match more.as_slice() {
            [word] => command.child(line("-").arg(word.as_str())),
            words => words.iter().fold(command, |line, word| line.arg(word.as_str())),
        });
        if own.is_empty() {
            becoming.say(at, Fate::Kept, "raw compose.command");
        } else {
            let what = "raw compose.command, after the module's own words";
            becoming.say(at, Fate::Changed, what);
        }
    } else {
        return Err("it has no option for `command`".to_owned());
    }
    Ok(())
}

/// Converts `network_mode`.
pub(super) fn network(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let Becoming { module, container, draft, around, .. } = becoming;
    let mode = at.text().unwrap_or_default();
    let own = container.block.value("network").and_then(|mode| mode.text());
    if mode == "host" && own == Some("host") {
        draft.on_host.push(container.name.to_owned());
        draft.say(at, Fate::Kept, "network host");
        return Ok(());
    }
    if matches!(mode, "bridge" | "default") && own.is_none() {
        draft.say(at, Fate::Changed, "the service's own network");
        return Ok(());
    }
    let wanted = mode.strip_prefix("service:").or_else(|| mode.strip_prefix("container:"));
    let option =
        module.options.iter().find(|option| option.kind == "service" && option.name == "vpn");
    if let (Some(wanted), Some(option)) = (wanted, option)
        && let Some(rename) = around.renames.iter().find(|rename| rename.from == wanted)
    {
        draft.options.entry(option.name.to_owned()).or_default().push(rename.to.clone());
        let fate = if mode.starts_with("service:") { Fate::Kept } else { Fate::Changed };
        draft.say(at, fate, format!("the network of the service `{}`", rename.to));
        return Ok(());
    }
    Err(format!("it has no option for `network_mode: {mode}`"))
}
