//! The reference of the language and of its modules, made from the schema and from the modules
//! themselves.
//!
//! `labwright modules`, `docs/language.md` and `docs/modules.md` show what is made here, so they
//! can't say anything else.

pub mod language;
pub mod modules;

/// Writes a Markdown table, if it has rows.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}\n", line(&head))
}
