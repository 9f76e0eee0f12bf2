//! Converts keys of a container that `raw` can say for a module of the library.

use super::{Becoming, Draft, Misfit};
use crate::decl::Value;
use crate::import::kdl::{Line, line};
use crate::import::ledger::{At, Fate};
use crate::import::library::Container;
use crate::import::stack::Around;
use crate::import::words;
use crate::import::yaml::Node;
use crate::source::Spanned;

/// The keys, each with the node by which a module says it itself.
const KEYS: &[(&str, &str)] = &[
    ("cap_drop", "cap-drop"),
    ("cpuset", "limits"),
    ("dns_opt", "dns"),
    ("dns_search", "dns"),
    ("extra_hosts", "extra-host"),
    ("group_add", "group"),
    ("init", "init"),
    ("memswap_limit", "limits"),
    ("pids_limit", "pids"),
    ("read_only", "read-only"),
    ("shm_size", "shm-size"),
    ("sysctls", "sysctl"),
    ("tmpfs", "tmpfs"),
    ("ulimits", "ulimit"),
];

/// The keys whose lists may say more than the module does.
const LISTS: &[&str] = &["cap_drop", "group_add", "tmpfs"];

/// Converts a key that has no code of its own, or says that the module can't have it.
pub(super) fn convert(
    key: &str,
    at: &At<'_>,
    becoming: &mut Becoming<'_, '_, '_>,
) -> Result<(), Misfit> {
    let container = becoming.container;
    let misfit = || format!("it has no option for `{key}`");
    let sees_all = container.block.value("host-pid").and_then(Spanned::bool) == Some(true);
    if key == "pid" && at.text() == Some("host") && sees_all {
        becoming.say(at, Fate::Kept, "the module's");
        return Ok(());
    }
    let (_, own) = KEYS.iter().find(|(known, _)| *known == key).ok_or_else(misfit)?;
    let given: Vec<&str> = at.node.items().iter().filter_map(Node::scalar).collect();
    let nodes = container.block.all(own);
    let words: Vec<&str> =
        nodes.flat_map(|node| node.arguments.iter().filter_map(|word| word.text())).collect();
    let said = container.block.value(own).and_then(Spanned::bool);
    let truth = |wanted: &bool| said == Some(*wanted);
    // A map, such as of kernel settings, with no more than the module says.
    let entries = at.node.entries();
    let same = |(name, value): &(String, Node)| {
        let own = container.block.all(own).find(|node| node.key() == name);
        own.and_then(|own| own.argument(1)).is_some_and(|own| {
            own.text() == value.scalar()
                || own.number::<i64>().map(|own| own.to_string()).as_deref() == value.scalar()
        })
    };
    let same = !entries.is_empty() && entries.iter().all(same);
    if same || !given.is_empty() && given == words || at.node.truth().as_ref().is_some_and(truth) {
        becoming.say(at, Fate::Kept, "the module's");
        return Ok(());
    }
    if LISTS.contains(&key) && !given.is_empty() && !words.is_empty() {
        more(key, at, (&given, &words), becoming)?;
        return Ok(());
    }
    // The module's limits are those of memory and processors.
    let limit = match key {
        "memswap_limit" => Some("memory-swap"),
        "cpuset" => Some("cpuset"),
        _ => None,
    };
    let block = container.block.child(own);
    let both = block.is_some_and(|block| limit.is_none_or(|limit| block.property(limit).is_some()));
    // What both say would be there twice, or the one would hide the other.
    if both || hides(at.node, becoming.around) {
        return Err(misfit());
    }
    becoming.draft.lines.push(filled(becoming.raw(key), at.node).ok_or_else(misfit)?);
    becoming.say(at, Fate::Kept, format!("raw compose.{key}"));
    Ok(())
}

/// Adds to a list of the module what only the compose file has.
fn more(
    key: &str,
    at: &At<'_>,
    (given, own): (&[&str], &[&str]),
    becoming: &mut Becoming<'_, '_, '_>,
) -> Result<(), Misfit> {
    // A folder in memory is the same folder, whatever its options.
    fn place(word: &str) -> &str {
        word.split(':').next().unwrap_or(word)
    }
    let has = |words: &[&str], word: &str| words.iter().any(|other| place(other) == place(word));
    let added: Vec<&str> = given.iter().copied().filter(|word| !has(own, word)).collect();
    if hides(at.node, becoming.around) {
        return Err(format!("it has no option for `{key}`"));
    }
    if !added.is_empty() {
        let items = added.iter().map(|word| line("-").arg(*word));
        becoming.draft.lines.push(becoming.raw(key).children(items));
    }
    let same = own.iter().all(|word| given.contains(word));
    let fate = if same { Fate::Kept } else { Fate::Changed };
    let what = if added.is_empty() {
        "the module's".to_owned()
    } else {
        format!("raw compose.{key}, and the module's")
    };
    becoming.say(at, fate, what);
    Ok(())
}

/// Converts `user`, into the options of a module that runs its program as whom they say.
pub(super) fn user(at: &At<'_>, becoming: &mut Becoming<'_, '_, '_>) -> Result<(), Misfit> {
    let misfit = || "it has no option for `user`".to_owned();
    let own = becoming.container.block.value("user");
    if own.is_some() && own.and_then(Spanned::text) == at.text() {
        becoming.say(at, Fate::Kept, "the module's");
        return Ok(());
    }
    let text = at.text().ok_or_else(misfit)?;
    let Some(Value::Format(format)) = own.map(|own| &own.value) else { return Err(misfit()) };
    let option = |part: &'_ str| {
        let inner = part.strip_prefix("{opt.")?.strip_suffix('}')?;
        ["uid", "gid"].into_iter().find(|known| *known == inner)
    };
    let by_options = format.split_once(':').and_then(|(user, group)| {
        let (user, group) = (option(user)?, option(group)?);
        let (uid, gid) = text.split_once(':')?;
        // One option may be both.
        (user != group || uid == gid).then_some([(user, uid), (group, gid)])
    });
    for (option, id) in by_options.ok_or_else(misfit)? {
        let number = id.parse::<u32>().map_err(|_| misfit())?;
        let known = becoming.module.options.iter().find(|known| known.name == option);
        let default = known.and_then(|known| known.default?.argument(0)?.number::<u32>());
        if default != Some(number) {
            becoming.draft.options.insert(option.to_owned(), vec![number.to_string()]);
        }
    }
    becoming.say(at, Fate::Kept, "the options `uid` and `gid`");
    Ok(())
}

/// Converts `image`, into the option that names it.
pub(super) fn image(at: &At<'_>, container: &Container<'_>, draft: &mut Draft) {
    let text = at.text().unwrap_or_default();
    let read = words::image(text);
    let same = read.short() == words::image(&container.image.0).short();
    if !same {
        let (own, tag) = (&container.image.0, container.image.1.as_deref().unwrap_or_default());
        let what =
            format!("`{own}:{tag}`, which the same programs speak to, and which keeps nothing");
        draft.say(at, Fate::Changed, what);
    } else if read.tag == container.image.1 && !read.digest {
        draft.say(at, Fate::Kept, "the module's");
    } else if let (Some(option), false) = (container.image_option, read.is_unpinned()) {
        draft.options.entry(option.to_owned()).or_default().push(text.to_owned());
        draft.say(at, Fate::Kept, format!("the option `{option}`"));
    } else {
        let tag = container.image.1.clone().unwrap_or_default();
        draft.say(at, Fate::Changed, format!("`{tag}`, the version that the library knows"));
    }
}

fn hides(node: &Node, around: &Around<'_>) -> bool {
    node.scalar().is_some_and(|text| around.secrets.hides(text))
        || node.items().iter().any(|item| hides(item, around))
        || node.entries().iter().any(|(_, value)| hides(value, around))
}

/// Writes a value of YAML into a node.
fn filled(node: Line, value: &Node) -> Option<Line> {
    if let Some(text) = value.scalar() {
        return Some(match (text, text.parse::<i64>()) {
            ("true" | "false", _) => node.flag(text == "true"),
            (_, Ok(number)) => node.number(number),
            _ => node.arg(text),
        });
    }
    if !value.items().is_empty() {
        let items = value.items().iter();
        let items = items.map(|item| Some(line("-").arg(item.scalar()?)));
        return Some(node.children(items.collect::<Option<Vec<_>>>()?));
    }
    let entries = value.entries().iter().filter(|(name, _)| !name.is_empty());
    let entries: Vec<Line> =
        entries.map(|(name, value)| filled(line(name), value)).collect::<Option<_>>()?;
    (!entries.is_empty()).then(|| node.children(entries))
}
