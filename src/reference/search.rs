//! Finds modules by what people call them and what they use them for.

use super::modules::Module;

/// Words that say nothing about what somebody looks for.
const EMPTY: &[&str] = &["a", "an", "and", "for", "in", "of", "server", "the", "to"];

/// Returns the modules that all words of a text describe: by name, keyword, category, summary,
/// former name or role. If there are none, the longer texts and the images count too.
pub fn matching<'m>(modules: &'m [Module], text: &str) -> Vec<&'m Module> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let says = words.iter().copied().filter(|word| !EMPTY.contains(word));
    let says: Vec<&str> = says.collect();
    let words = if says.is_empty() { words } else { says };
    let found = |texts: &dyn Fn(&'m Module) -> Vec<&'m str>| -> Vec<&'m Module> {
        let found = modules.iter().filter(|module| {
            let texts = texts(module);
            is_name(&module.name, &text)
                || words.iter().all(|word| texts.iter().any(|text| has(text, word)))
        });
        found.collect()
    };
    let close = found(&described);
    if close.is_empty() {
        found(&|module| {
            let images = module.images.iter().filter_map(|image| image.split_once('/'));
            described(module)
                .into_iter()
                .chain(module.doc.as_deref())
                .chain(images.map(|(_, name)| name))
                .collect()
        })
    } else {
        close
    }
}

fn described(module: &Module) -> Vec<&str> {
    let lists = [&module.keywords, &module.formerly, &module.roles];
    [&module.name, &module.category, &module.summary]
        .into_iter()
        .chain(lists.into_iter().flatten())
        .map(String::as_str)
        .collect()
}

/// Returns whether a text is a name, or a part of it, however its words are divided: `open webui`.
fn is_name(name: &str, text: &str) -> bool {
    let squeezed = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let text = squeezed(text);
    text.len() > 3 && squeezed(name).contains(&text)
}

/// Returns whether a text has a word. A longer one may be the beginning of a word, or a plural.
fn has(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    let begins = |word: &str| {
        let ends = |at: usize, word: &str| {
            let rest = text.get(at + word.len()..).unwrap_or_default();
            word.len() > 3 || !rest.starts_with(char::is_alphanumeric)
        };
        text.match_indices(word).any(|(at, word)| {
            let before = text.get(..at).unwrap_or_default();
            !before.ends_with(char::is_alphanumeric) && ends(at, word)
        })
    };
    let one = word.strip_suffix('s').filter(|one| one.len() > 2);
    !word.is_empty() && (begins(word) || one.is_some_and(begins))
}
