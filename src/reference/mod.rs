//! Makes the reference of the language, its modules and its codes from the schema, from the modules
//! and from the codes themselves, for the terminal and for docs/.

pub mod codes;
pub mod language;
pub mod modules;
pub mod search;

/// Writes a Markdown table, unless it has no rows.
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
