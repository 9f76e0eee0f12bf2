//! Converts the command line of a container. A secret in it comes from a variable.

use std::ops::Range;

use super::flags::passwords;
use super::hosts::with_hosts;
use super::kdl::{Given, Line, braced, line};
use super::ledger::{At, Fate};
use super::secrets::{is_secret, is_variable};
use super::shell;
use super::stack::{Around, Stack};
use super::variables::owner_name;
use super::words;
use super::yaml::Place;

/// The images that run the command line that they are given as it is.
const PLAIN_ENTRY: &[&str] = &[
    "redis",
    "valkey",
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongo",
    "busybox",
    "alpine",
];

/// The flags that programs also accept as a variable.
const FLAGS: &[(&str, &str, &str)] = &[("cloudflared", "--token", "TUNNEL_TOKEN")];

/// The flags that change nothing in a container: the image sets what they say.
const NEEDLESS: &[(&str, &str)] = &[("cloudflared", "--no-autoupdate")];

/// Converts `entrypoint` and `command`.
pub fn command_line(service: &At<'_>, stack: &mut Stack, around: &mut Around<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let image = service.get("image").and_then(|image| image.text()).unwrap_or_default().to_owned();
    let has_entry = service.get("entrypoint").is_some_and(|at| !at.node.is_null());
    // Whether the program is named, so that a shell can start it.
    let entry = service.get("entrypoint").and_then(|at| words_of(&at).ok()).unwrap_or_default();
    let started = has_entry && !entry.is_empty() && is_divided(&hidden(&entry, around));
    let command = service.get("command").and_then(|at| words_of(&at).ok()).unwrap_or_default();
    let mut secrets = hidden(&entry, around);
    secrets.extend(hidden(&command, around));
    let by_shell = started && !secrets.is_empty() && is_divided(&secrets);
    for key in ["entrypoint", "command"] {
        let Some(at) = service.get(key) else { continue };
        if at.node.is_null() {
            around.ledger.kept(&at, "the image's own");
            continue;
        }
        let words = match words_of(&at) {
            Ok(words) => words,
            Err(why) => {
                around.ledger.lost(&at, why);
                continue;
            }
        };
        around.lab.findings.extend(cut(&at).map(|what| (at.node.place, what)));
        if words.is_empty() {
            around.ledger.lost(&at, "a lab can't remove what the image says");
            continue;
        }
        if words.iter().any(|word| word.contains('\0')) {
            around.ledger.lost(&at, "no program can have such an argument");
            continue;
        }
        let hidden = hidden(&words, around);
        let secretive = Secretive { service, key, words: &words, hidden: &hidden };
        match hidden.as_slice() {
            [] => {
                let mut renamed = Vec::new();
                let given = words.iter().map(|word| {
                    let (given, new) = with_hosts("", word, around.number, around.renames);
                    renamed.extend(new);
                    given
                });
                lines.extend(spread(key, given.collect()));
                if by_shell {
                    around.ledger.changed(&at, format!("{key}, which a shell starts"));
                } else if renamed.is_empty() {
                    around.ledger.kept(&at, key);
                } else {
                    around.ledger.changed(&at, format!("{key}, with {}", renamed.join(" and ")));
                }
            }
            hidden if started && is_divided(hidden) => {
                lines.extend(spread(key, secretive.filled(stack, around)));
                let what = format!("{key}, in which a shell puts the secret");
                around.ledger.changed(&at, what);
            }
            _ => {
                let plain = has_entry || PLAIN_ENTRY.contains(&words::image(&image).short());
                let made = secretive.without_secrets(plain, stack, around);
                lines.extend(made.0);
                around.ledger.say(&at, made.1, made.2);
            }
        }
    }
    lines
}

/// Reads a command line as words, if its quotes match.
fn words_of(at: &At<'_>) -> Result<Vec<String>, &'static str> {
    match at.text() {
        Some(text) => shell::split(text).map(|read| read.words),
        None => {
            Ok(at.items().iter().map(|item| item.text().unwrap_or_default().to_owned()).collect())
        }
    }
}

/// Says that compose leaves out the end of a command line, if it does.
pub fn cut(at: &At<'_>) -> Option<String> {
    let end = shell::split(at.text()?).ok()?.end?;
    Some(format!(
        "compose ends this command line at `{end}`, and so does the lab: quote the word, or write \
         the line as a list"
    ))
}

/// The words of a command line, and the variables that are set in the place of flags.
type OpenWords = (Vec<String>, Vec<(&'static str, String)>);

/// Returns the words of a command line that has no secret in it but in flags for which the program
/// also has a variable, and those variables with their values.
pub fn open_words(at: &At<'_>, image: &str, around: &Around<'_>) -> Result<OpenWords, String> {
    let (mut words, mut variables) = (Vec::new(), Vec::new());
    let mut given = words_of(at)?.into_iter();
    while let Some(word) = given.next() {
        if NEEDLESS.contains(&(image, word.as_str())) {
            continue;
        }
        let (flag, value) = word
            .split_once('=')
            .map_or((word.as_str(), None), |(flag, value)| (flag, Some(value.to_owned())));
        let known = FLAGS.iter().find(|(of, known, _)| (*of, *known) == (image, flag));
        match known {
            Some((_, _, variable)) => match value.or_else(|| given.next()) {
                Some(value) => variables.push((*variable, value)),
                None => words.push(word),
            },
            None => words.push(word),
        }
    }
    if hidden(&words, around).is_empty() {
        Ok((words, variables))
    } else {
        Err("its command line has a secret in it".to_owned())
    }
}

/// Returns whether it is known where each secret begins and ends.
fn is_divided(hidden: &[Hidden]) -> bool {
    hidden.iter().all(|hidden| hidden.name != WHOLE)
}

/// Writes a command line: short ones on one line, long ones with a word on each.
fn spread(key: &str, words: Vec<Given>) -> Vec<Line> {
    if key == "entrypoint" || words.len() <= 4 {
        return vec![words.into_iter().fold(line(key), Line::arg)];
    }
    words.into_iter().map(|word| line(key).arg(word)).collect()
}

/// The name of a secret that may be anywhere in its word.
const WHOLE: &str = "command";

/// A secret in a command line.
struct Hidden {
    /// The number of the word that it is in.
    number: usize,
    /// Where it is in the word, in bytes.
    place: Range<usize>,
    /// What it is for, by its flag.
    name: String,
}

/// Returns whether a command line has a secret in it.
pub fn has_secret(words: &[String], around: &Around<'_>) -> bool {
    !hidden(words, around).is_empty()
}

/// Finds the secrets of a command line.
fn hidden(words: &[String], around: &Around<'_>) -> Vec<Hidden> {
    let all: Vec<&str> = words.iter().map(String::as_str).collect();
    let short = passwords(&all);
    let mut found = Vec::new();
    for (number, word) in words.iter().enumerate() {
        if let Some((_, place)) = short.iter().find(|(of, _)| *of == number) {
            found.push(Hidden { number, place: place.clone(), name: "password".to_owned() });
            continue;
        }
        let flag = word.starts_with('-');
        if flag && let Some((name, value)) = word.split_once('=') {
            if !is_variable(value) && (is_secret(name, value) || around.secrets.hides(value)) {
                let place = name.len() + 1..word.len();
                found.push(Hidden { number, place, name: flag_name(name) });
                continue;
            }
        } else if number > 0 && !flag && !is_variable(word) {
            let before = words.get(number - 1).map(String::as_str).unwrap_or_default();
            // After `sh -c` comes a program. Where a secret in it begins and ends is not known.
            let short = before.len() <= 4 && !before.starts_with("--");
            let is_program = short && before.contains('c') && word.contains(' ');
            if before.starts_with('-') && !before.contains('=') && is_secret(before, word) {
                let name = if is_program { WHOLE.to_owned() } else { flag_name(before) };
                found.push(Hidden { number, place: 0..word.len(), name });
                continue;
            }
        }
        if around.secrets.hides(word) || has_flag_with_secret(word) {
            let name = WHOLE.to_owned();
            found.push(Hidden { number, place: 0..word.len(), name });
        }
    }
    found
}

/// Returns whether a word is itself a command line with a secret in it, as after `sh -c`.
fn has_flag_with_secret(word: &str) -> bool {
    let parts: Vec<&str> = word.split_whitespace().collect();
    !passwords(&parts).is_empty()
        || parts.len() > 1
            && parts.iter().enumerate().any(|(number, part)| {
                let value = |value: &str| !is_variable(value.trim_matches(['"', '\'']));
                match part.split_once('=') {
                    Some((name, text)) if !text.is_empty() => {
                        value(text) && is_secret(name.trim_start_matches('-'), text)
                    }
                    _ => {
                        let next = parts.get(number + 1).copied().unwrap_or_default();
                        part.starts_with("--")
                            && !next.is_empty()
                            && !next.starts_with('-')
                            && value(next)
                            && is_secret(part, next)
                    }
                }
            })
}

/// A command line with secrets in it.
struct Secretive<'c> {
    /// The service in its compose file.
    service: &'c At<'c>,
    /// The key that has the command line: `command` or `entrypoint`.
    key: &'c str,
    /// The words of the command line.
    words: &'c [String],
    /// The secrets in them.
    hidden: &'c [Hidden],
}

impl Secretive<'_> {
    fn place(&self) -> Place {
        self.service.get(self.key).map_or(self.service.node.place, |at| at.node.place)
    }

    /// Declares a secret, and returns the option of the module that has it.
    fn option(
        &self,
        word: &str,
        hidden: &Hidden,
        stack: &mut Stack,
        around: &mut Around<'_>,
    ) -> String {
        let name = &hidden.name;
        let value = word.get(hidden.place.clone()).unwrap_or_default();
        let wanted = format!("{}-{name}", stack.service);
        let doc = format!("`--{name}` of `{}`", owner_name(self.service));
        let secret = around.secrets.declare(value, &wanted, self.place(), &doc);
        stack.secret_option(&secret, name, &format!("The value of `--{name}`."))
    }

    /// Writes the words of a command line with the secrets of the lab in them.
    fn filled(&self, stack: &mut Stack, around: &mut Around<'_>) -> Vec<Given> {
        let mut given: Vec<Given> = self.words.iter().cloned().map(Given::Text).collect();
        for hidden in self.hidden {
            let number = hidden.number;
            let (Some(word), Some(slot)) = (self.words.get(number), given.get_mut(number)) else {
                continue;
            };
            let option = self.option(word, hidden, stack, around);
            *slot = match word.get(..hidden.place.start).unwrap_or_default() {
                "" => Given::Ref(format!("opt.{option}")),
                before => Given::Filled(format!("{}{{opt.{option}}}", braced(before))),
            };
        }
        given
    }

    /// Writes a command line whose secrets come from variables, if its program starts in a shell.
    fn without_secrets(
        &self,
        plain: bool,
        stack: &mut Stack,
        around: &mut Around<'_>,
    ) -> (Vec<Line>, Fate, String) {
        let Self { service, key, words, hidden } = *self;
        let mut lines = Vec::new();
        let mut shell = Vec::new();
        let whole = !is_divided(hidden);
        let image =
            service.get("image").and_then(|image| image.text()).unwrap_or_default().to_owned();
        let short = words::image(&image).short().to_owned();
        let mut skipped = Vec::new();
        for hidden in hidden.iter().filter(|_| !whole) {
            let Hidden { number, place, name } = hidden;
            let Some(word) = words.get(*number) else { continue };
            let known = FLAGS
                .iter()
                .find(|(image, flag, _)| *image == short && flag.trim_start_matches('-') == name);
            if !plain && known.is_none() {
                continue;
            }
            let variable = known.map_or_else(
                || {
                    super::names::named(&format!("labwright-{name}"))
                        .to_ascii_uppercase()
                        .replace('-', "_")
                },
                |(_, _, variable)| (*variable).to_owned(),
            );
            let option = self.option(word, hidden, stack, around);
            lines.push(
                line("secret")
                    .arg(Given::Ref(format!("opt.{option}")))
                    .prop("value-variable", variable.as_str()),
            );
            if known.is_some() {
                skipped.push(*number);
                // The value is a word of its own, so the flag before it goes too.
                if place.start == 0 {
                    skipped.push(number.saturating_sub(1));
                }
            }
            shell.push((*number, place.start, variable));
        }
        if !skipped.is_empty() && skipped.len() >= hidden.len() {
            let rest = words.iter().enumerate().filter(|(number, _)| !skipped.contains(number));
            let rest = rest.map(|(_, word)| Given::Text(word.clone())).collect();
            lines.extend(spread(key, rest));
            return (lines, Fate::Changed, "its secret is a variable".to_owned());
        }
        if whole || !plain || key == "entrypoint" {
            let what = "it has a secret in it, which no file may hold: give the program the secret \
                        as a file or variable, and write the command by hand";
            let owner = owner_name(service);
            let missing = format!("the {key} of `{owner}` is missing: {what}");
            around.lab.findings.push((self.place(), missing));
            return (lines, Fate::Lost, what.to_owned());
        }
        let text: Vec<String> = words
            .iter()
            .enumerate()
            .map(|(number, word)| {
                let found = shell.iter().find(|(at, _, _)| *at == number);
                found.map_or_else(
                    || crate::format::shell_word(word),
                    |(_, start, variable)| {
                        format!("{}\"${variable}\"", word.get(..*start).unwrap_or_default())
                    },
                )
            })
            .collect();
        // With `exec`, the program itself gets the signals that docker sends.
        lines.push(line(key).arg("sh").arg("-c").arg(format!("exec {}", text.join(" "))));
        (lines, Fate::Changed, "a shell puts its secret in".to_owned())
    }
}

fn flag_name(flag: &str) -> String {
    flag.trim_start_matches('-').to_owned()
}
