//! Writes the pages of the codes: one in a terminal, the list of all, and the reference in
//! `docs/codes.md`.

use std::fmt::Write as _;

use crate::codes;
use crate::diag::{Code, wrap};

const WIDTH: usize = 80;

/// Writes the page of one code for a terminal of 80 columns.
pub fn page(code: &Code) -> String {
    let head =
        wrap(&format!("{}[{}]: {}", code.severity.name(), code.name, code.summary), WIDTH, "    ");
    let mut page = format!("{head}\n");
    let mut paragraph = String::new();
    let mut in_code = false;
    // The empty line ends the last paragraph.
    for line in code.explain.lines().chain([""]) {
        let begins_item = line.starts_with("- ") || line.starts_with('|') || line.starts_with('#');
        if line.starts_with("```") || (!in_code && (line.is_empty() || begins_item)) {
            flush(&mut page, &mut paragraph, !begins_item);
        }
        if line.starts_with("```") {
            in_code = !in_code;
            if in_code {
                page.push('\n');
            }
        } else if in_code {
            let _ = writeln!(page, "{}", format!("    {line}").trim_end());
        } else if !line.is_empty() {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    page
}

/// Ends the paragraph. An item of a list follows the previous one without an empty line.
fn flush(page: &mut String, paragraph: &mut String, parted: bool) {
    if paragraph.is_empty() {
        return;
    }
    let indent = if paragraph.starts_with("- ") { "  " } else { "" };
    if parted || !paragraph.starts_with("- ") {
        page.push('\n');
    }
    let _ = writeln!(page, "{}", wrap(paragraph, WIDTH, indent));
    paragraph.clear();
}

/// Lists every code with its severity and summary.
pub fn list() -> String {
    let codes = sorted();
    let width = codes.iter().map(|code| code.name.len()).max().unwrap_or(0);
    let mut list = String::new();
    for code in codes {
        let _ =
            writeln!(list, "{:width$}  {:7}  {}", code.name, code.severity.name(), code.summary);
    }
    list
}

/// Writes the reference of all codes in Markdown, which is `docs/codes.md`.
pub fn reference() -> String {
    let codes = sorted();
    let mut page = String::from(
        "# Codes\n\n\
         Every finding has a code, and `labwright explain CODE` shows its page offline.\n\
         `accept CODE on=SUBJECT reason=\"…\"` accepts a warning or advice; errors can't be\n\
         accepted.\n\n\
         `LABWRIGHT_UPDATE_DOCS=1 cargo test docs_codes` makes this page from the compiler.\n\n\
         | code | severity | it says |\n|---|---|---|\n",
    );
    for code in &codes {
        let _ = writeln!(
            page,
            "| [`{0}`](#{0}) | {1} | {2} |",
            code.name,
            code.severity.name(),
            code.summary.replace('|', "\\|")
        );
    }
    for code in &codes {
        let _ = write!(
            page,
            "\n## {}\n\n*{}*: {}\n\n{}\n",
            code.name,
            code.severity.name(),
            code.summary,
            code.explain.trim()
        );
    }
    page
}

/// Returns every code, sorted by name.
pub fn sorted() -> Vec<&'static Code> {
    let mut codes: Vec<&Code> = codes::all().collect();
    codes.sort_by_key(|code| code.name);
    codes
}
