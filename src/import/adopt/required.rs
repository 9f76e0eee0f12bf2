//! Finds values of options that a module requires, and that no key of the compose file sets.

use super::{Draft, Misfit};
use crate::decl::Value;
use crate::import::group::Group;
use crate::import::library::{Container, Fit, Module, fits};
use crate::import::mounts::is_system;
use crate::import::stack::Around;
use crate::import::yaml::Place;
use crate::resolve::options::OptionSpec;
use crate::source::Spanned;

/// Fills in the required options. `Err` names one for which nothing is found.
pub(super) fn fill(
    group: &Group,
    fit: &Fit<'_, '_>,
    draft: &mut Draft,
    around: &Around<'_>,
) -> Result<(), Misfit> {
    for option in &fit.module.options {
        let secret = draft.secrets.iter().any(|(name, ..)| name == option.name);
        if !option.required || draft.options.contains_key(option.name) || secret {
            continue;
        }
        let name = option.name;
        let first = group.members.first();
        let node = first.and_then(|(compose, _)| around.project.service(compose));
        let place = node.map(|node| node.place).unwrap_or_default();
        // A person can give the machine a secret that no file has, unless the program keeps one.
        let kept = fit.containers.iter().any(|container| container.keeps_secret(name));
        if option.kind == "secret" && !kept && node.is_some() {
            let doc = format!("`{name}` of `{}`, of which no file has a value", group.service);
            let finding = format!("give the machine {doc}: {}", option.doc);
            draft.findings.push((place, finding));
            draft.secrets.push((name.to_owned(), String::new(), place, doc));
        } else if let Some(folder) = folder(option, (group, fit, place), draft, around) {
            draft.options.insert(name.to_owned(), vec![folder]);
        } else {
            return Err(format!("its option `{name}` has no value here"));
        }
    }
    Ok(())
}

/// Finds the folder of an option among those that the program has elsewhere: its only one, or the
/// one that all of them are in.
fn folder(
    option: &OptionSpec<'_>,
    (group, fit, place): (&Group, &Fit<'_, '_>, Place),
    draft: &mut Draft,
    around: &Around<'_>,
) -> Option<String> {
    let shows = |container: &&&Container<'_>| shown_at(option, container, fit.module).is_some();
    let container = fit.containers.iter().find(shows).filter(|_| option.kind == "path")?;
    let at = shown_at(option, container, fit.module)?;
    let own = draft.besides.iter().filter(|(name, _)| name == container.name);
    let mut folders: Vec<&str> = own.map(|(_, folder)| folder.as_str()).collect();
    folders.sort_unstable();
    folders.dedup();
    let first = *folders.first()?;
    let found = folders.iter().skip(1).fold(first.to_owned(), |both, other| above(&both, other));
    let several = folders.len() > 1;
    let kept = around.lab.kept.keys().chain(&draft.kept);
    let overlaps = |kept: &String| is_in(kept, &found) || is_in(&found, kept);
    if !fits(option, &found)
        || is_system(&found)
        || several && is_wide(&found)
        || kept.into_iter().any(overlaps)
    {
        return None;
    }
    if several {
        let what = format!(
            "`{}` also sees all of `{found}` as `{at}`: its folders are in there, and keep their \
             names too",
            group.service
        );
        draft.findings.push((place, what));
    }
    Some(found)
}

/// Returns where a container sees the folder of an option, if it may write there.
fn shown_at<'s>(
    option: &OptionSpec<'_>,
    container: &Container<'s>,
    module: &Module<'_>,
) -> Option<&'s str> {
    let own = |path: &str| match path.split_once('.') {
        Some(("opt", name)) => name == option.name,
        Some(("state", state)) => module.places.get(state) == Some(&option.name),
        _ => false,
    };
    container.block.all("mount").find_map(|mount| {
        let Value::Reference(path) = &mount.argument(0)?.value else { return None };
        let at = mount.property("at").and_then(Spanned::text).filter(|at| at.starts_with('/'))?;
        (own(path) && !container.mounts_read_only(at)).then_some(at)
    })
}

/// Returns the deepest folder that two paths are in.
fn above(one: &str, two: &str) -> String {
    let both = one.split('/').zip(two.split('/')).take_while(|(one, two)| one == two);
    let parts: Vec<&str> = both.map(|(part, _)| part).collect();
    let path = parts.join("/");
    if path.is_empty() { "/".to_owned() } else { path }
}

/// Returns whether a folder has more than one purpose: the root, those in it, and homes.
fn is_wide(folder: &str) -> bool {
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    parts.len() < 2 || matches!(parts.as_slice(), ["home", _])
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{above, is_wide};

    #[test]
    fn finds_what_two_folders_are_in() {
        assert_eq!(above("/srv/media/tv", "/srv/media/films"), "/srv/media");
        assert_eq!(above("/srv/tv", "/srv/tv2"), "/srv");
        assert_eq!(above("/a", "/b"), "/");
        assert_eq!(above("/srv/a", "/srv/a/b"), "/srv/a");
        for (folder, wide) in [("/", true), ("/mnt", true), ("/home/me", true), ("/mnt/x", false)] {
            assert_eq!(is_wide(folder), wide, "{folder}");
        }
    }
}
