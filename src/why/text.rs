//! The answer as text for people.

use super::place::place;
use super::reason::{Line, Reason, Role};
use super::unused::Unused;
use crate::diag::hidden::{names_secret, without_chance};
use crate::diag::{one_line, wrap};
use crate::source::Sources;

/// The words of a line that is not shown, because it may hold a secret.
const HIDDEN: &str = "(not shown)";

/// The label with the digest by which compose sees that a container has changed.
const DIGEST: &str = "labwright.config:";

/// Writes the answer about one line, or about several with those that have the same answer in one
/// paragraph.
pub fn write(machine: &str, path: &str, lines: &[Line], sources: &Sources, width: usize) -> String {
    let file = one_line(&format!("{machine}/{path}")).into_owned();
    let mut out = String::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let same = |line: &&Line| {
            line.fixed == first.fixed && names(&line.reasons).eq(names(&first.reasons))
        };
        let count = rest.iter().take_while(same).count().max(1);
        let (group, others) = rest.split_at(count);
        rest = others;
        if !out.is_empty() {
            out.push('\n');
        }
        let last = group.last().unwrap_or(first);
        if last.number == first.number {
            out.push_str(&format!("{file}:{}\n", first.number));
        } else {
            out.push_str(&format!("{file}:{}-{}\n", first.number, last.number));
        }
        // A few lines show what a paragraph is about.
        for line in group.iter().take(3) {
            out.push_str(&format!("    {}\n", cut(&shown(&line.text), width.saturating_sub(4))));
        }
        if group.len() > 3 {
            out.push_str(&format!("    … and {} more\n", group.len() - 3));
        }
        out.push_str(&reasons(first, sources, width));
    }
    out
}

fn names(reasons: &[Reason]) -> impl Iterator<Item = (Role, &str, crate::source::Span)> {
    reasons.iter().map(|reason| (reason.role, reason.declaration.as_str(), reason.span))
}

fn reasons(line: &Line, sources: &Sources, width: usize) -> String {
    let mut out = String::new();
    for (role, title) in [
        (Role::Decides, "changes with"),
        (Role::Template, "is written in"),
        (Role::Default, "is a default of the language"),
        (Role::Needs, "is there because of"),
    ] {
        let of_role = line.reasons.iter().filter(|reason| reason.role == role);
        let rows: Vec<(String, String, &Reason)> = of_role
            .map(|reason| {
                let what = match role {
                    Role::Template => String::new(),
                    _ => format!("{} {}", reason.declaration, reason.value).trim().to_owned(),
                };
                (place(sources, reason.span), what, reason)
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        out.push_str(&format!("  {title}\n"));
        let wide = rows.iter().map(|(at, ..)| at.chars().count()).max().unwrap_or_default();
        for (at, what, reason) in rows {
            let row = format!("{at:wide$}  {}", one_line(&what));
            if row.trim_end().chars().count() + 4 <= width {
                out.push_str(&format!("    {}\n", row.trim_end()));
            } else {
                let below = cut(&one_line(&what), width.saturating_sub(8));
                out.push_str(&format!("    {at}\n        {below}\n"));
            }
            for (span, declaration) in &reason.lost {
                let lost = format!("won over {}  {}", place(sources, *span), one_line(declaration));
                out.push_str(&format!("      {}\n", cut(&lost, width.saturating_sub(6))));
            }
        }
    }
    if let Some(fixed) = line.fixed {
        out.push_str(&format!(
            "  {}\n",
            wrap(&format!("fixed: {}", fixed.why), width.saturating_sub(2), "    ")
        ));
        out.push_str(&format!("    (src/{})\n", fixed.source));
    }
    out
}

/// Writes the list of declarations without effect.
pub fn unused(unused: &[Unused], sources: &Sources) -> String {
    if unused.is_empty() {
        return "every declaration has an effect on a file or a finding\n".to_owned();
    }
    let places = unused.iter().map(|unused| place(sources, unused.span));
    let wide = places.map(|at| at.chars().count()).max().unwrap_or_default();
    let row = |unused: &Unused| {
        format!("{:wide$}  {}\n", place(sources, unused.span), one_line(&unused.declaration))
    };
    unused.iter().map(row).collect()
}

/// Returns a line of an emitted file as it may be shown: one line, and no text that could be a
/// secret that somebody pasted.
pub fn shown(text: &str) -> String {
    let names_secret = names_secret(text);
    let at = text.find([':', '=']).map(|at| at + 1);
    let text = match at.and_then(|at| text.split_at_checked(at)) {
        Some((key, value)) if names_secret && !is_path(value) => format!("{key} {HIDDEN}"),
        None if names_secret && text.split_whitespace().count() > 1 => HIDDEN.to_owned(),
        _ => text.to_owned(),
    };
    // A digest of what a container is made from tells nothing of it.
    let shown = without_chance(&text).filter(|_| !text.contains(DIGEST));
    one_line(&shown.unwrap_or(text)).into_owned()
}

/// Returns whether a value only says where a secret is, or whether there is one.
fn is_path(value: &str) -> bool {
    let value = value.trim().trim_matches(['\'', '"']);
    value.is_empty()
        || value.starts_with('/')
        || value.starts_with("./")
        || ["true", "false"].contains(&value)
}

/// Cuts a line that is too wide.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_secret_is_not_shown() {
        assert_eq!(shown("      DB_PASSWORD: 'hunter2'"), "      DB_PASSWORD: (not shown)");
        assert_eq!(shown("password=hunter2"), "password= (not shown)");
        let path = "      DB_PASSWORD_FILE: '/run/secrets/x'";
        assert_eq!(shown(path), path, "the place of a secret is not a secret");
        assert_eq!(shown("restart: 'no'"), "restart: 'no'");
    }
}
