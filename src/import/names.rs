//! Makes names that a lab accepts, each only once.

use std::collections::BTreeSet;

/// The most characters of a name that leaves room for what is put before and after it.
const SHORT: usize = 30;

/// The most characters of a name that gets nothing but a number.
const LONG: usize = 36;

/// Names that are taken.
#[derive(Debug, Clone, Default)]
pub struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Keeps a name from being given out.
    pub fn reserve(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// Returns whether a name is taken.
    pub fn has(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Returns a free name as close to the wanted one as a lab allows, and takes it.
    pub fn take(&mut self, wanted: &str) -> String {
        self.free(named(wanted))
    }

    /// Returns a free name that may be longer than others.
    pub fn take_long(&mut self, wanted: &str) -> String {
        self.free(cut(wanted, LONG))
    }

    fn free(&mut self, name: String) -> String {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !self.has(name));
        let free = free.unwrap_or(name);
        self.reserve(&free);
        free
    }
}

/// Returns a text as a name: lower-case letters, digits and hyphens.
pub fn named(text: &str) -> String {
    cut(text, SHORT)
}

/// Returns a text as a name with at most `longest` characters.
pub fn cut(text: &str, longest: usize) -> String {
    let mut name = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        // Names in a lab begin with a letter.
        name.insert_str(0, "x-");
    }
    if let Some(shown) = name.get(..=longest) {
        // It ends with a whole word, unless that makes it too short to say anything.
        let whole = shown.rfind('-').filter(|at| at * 2 > longest);
        name.truncate(whole.unwrap_or(longest));
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn makes_names() {
        let mut names = Names::default();
        for (wanted, made) in [
            ("My_App.web", "my-app-web"),
            ("my app-web", "my-app-web-2"),
            ("2fauth", "x-2fauth"),
            ("日本", "unnamed"),
            ("a_very_long_name_that_goes_on_and_on", "a-very-long-name-that-goes-on"),
        ] {
            assert_eq!(names.take(wanted), made);
        }
    }
}
