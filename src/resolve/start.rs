//! Puts secrets into the command line of a container, by a shell of its image.

use super::read::Report;
use super::texts::secret_text;
use super::visible::Secrets;
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::format::shell_word;
use crate::model::{Container, SECRET_MARK, SecretText};
use crate::source::Span;

/// The shells whose option `-c` makes a program of a word.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "zsh"];

/// Returns the variables with the words that have secrets in them, and lets a shell start the
/// container's program with them. Only the machine knows their values, and no file may hold the
/// command line with them.
pub fn with_secrets(
    block: &Block<'_>,
    container: &mut Container,
    secrets: &Secrets,
    report: Report<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(SecretText, Span)> {
    let is_secret = |word: &String| word.contains(SECRET_MARK);
    let words = || container.entrypoint.iter().chain(&container.command);
    let Some(span) = place(block).filter(|_| words().any(is_secret)) else { return Vec::new() };
    let mut refuse = |why: &str| {
        report(span, why.to_owned(), diagnostics);
        Vec::new()
    };
    let fault = if container.entrypoint.is_empty() {
        Some(
            "a secret is in the command line, and the image alone knows what that starts: name \
             the program with `entrypoint` too, so that a shell of the image can put the secret \
             in, or give it by `secret NAME file-variable=…` or an `env`",
        )
    } else if is_program(&words().map(String::as_str).collect::<Vec<_>>()) {
        Some(
            "a secret would be part of a program of a shell, and could be read as one: give the \
             container an `env` with the secret, and let the program read that variable",
        )
    } else {
        None
    };
    if let Some(why) = fault {
        // The words still hold the marks of secrets, which nothing after this stage understands.
        container.entrypoint.clear();
        container.command.clear();
        return refuse(why);
    }
    let mut texts = Vec::new();
    // With `exec`, the program itself gets the signals that Docker sends.
    let mut line = vec!["exec".to_owned()];
    for word in container.entrypoint.iter().chain(&container.command) {
        if is_secret(word) {
            let name = format!("LABWRIGHT_WORD_{}", texts.len());
            line.push(format!("\"${name}\""));
            texts.push((secret_text(block, name, word, secrets), span));
        } else {
            line.push(shell_word(word));
        }
    }
    container.entrypoint = vec!["/bin/sh".to_owned(), "-c".to_owned(), line.join(" ")];
    container.command.clear();
    texts
}

/// Returns the place of the first word with a secret in it.
fn place(block: &Block<'_>) -> Option<Span> {
    let mut words = block.all("entrypoint").chain(block.all("command"));
    words.find_map(|node| {
        let mut arguments = node.arguments.iter();
        let word = arguments.find(|word| word.text().is_some_and(|it| it.contains(SECRET_MARK)))?;
        Some(word.span)
    })
}

/// Returns whether a word with a secret is a program that a shell reads.
fn is_program(words: &[&str]) -> bool {
    words.windows(3).any(|three| match three {
        [shell, option, program] => {
            let name = shell.rsplit('/').next().unwrap_or(shell);
            SHELLS.contains(&name)
                && option.starts_with('-')
                && option.contains('c')
                && program.contains(SECRET_MARK)
        }
        _ => false,
    })
}
