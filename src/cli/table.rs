//! Lays out tables that fit the terminal. Columns are as wide as they need to be. If that is too
//! much, the widest ones are wrapped, and words are broken only as a last resort.

/// A table for a terminal.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

const GAP: usize = 2;

/// The least width of a column that is wrapped.
const NARROW: usize = 8;

impl Table {
    /// Starts a table with its header. A column whose title begins with `>` is aligned to the
    /// right.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        let right = head.iter().map(|title| title.starts_with('>')).collect();
        Self {
            rows: vec![head.iter().map(|title| title.trim_start_matches('>').to_owned()).collect()],
            right,
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Returns whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// Lays the table out in `width` columns, with `indent` blanks before each line.
    pub fn layout(&self, width: usize, indent: usize) -> String {
        let widths = self.widths(width.saturating_sub(indent));
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, width)| broken(cell, *width)).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..height {
                let mut column = " ".repeat(indent);
                for ((cell, width), right) in cells.iter().zip(&widths).zip(&self.right) {
                    let part = cell.get(line).map_or("", String::as_str);
                    let blanks = " ".repeat(width.saturating_sub(part.chars().count()));
                    let padded =
                        if *right { format!("{blanks}{part}") } else { format!("{part}{blanks}") };
                    column.push_str(&padded);
                    column.push_str(&" ".repeat(GAP));
                }
                text.push_str(column.trim_end());
                text.push('\n');
            }
        }
        text
    }

    fn widths(&self, room: usize) -> Vec<usize> {
        let columns = self.right.len();
        let mut widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
            })
            .collect();
        let room = room.saturating_sub(GAP * columns.saturating_sub(1));
        let longest =
            |cell: &String| cell.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
        let words: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| longest(&row[column])).max().unwrap_or(0))
            .collect();
        shrink(&mut widths, room, &words);
        shrink(&mut widths, room, &vec![NARROW; columns]);
        widths
    }
}

/// Makes the widest columns narrower, but not narrower than their least width, until all of them
/// fit.
fn shrink(widths: &mut [usize], room: usize, least: &[usize]) {
    while widths.iter().sum::<usize>() > room {
        let wide = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least);
        let Some((widest, _)) = wide.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
}

/// Breaks a cell into lines of `width` characters: at a blank, after a separator in a path or a
/// name, or anywhere if there is neither.
fn broken(cell: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = cell.chars().collect();
    while rest.len() > width {
        let last = |wanted: &str, end: usize| {
            rest[..end].iter().rposition(|character| wanted.contains(*character))
        };
        // A blank just after the last column is dropped, so the line may end there.
        let blank = last(" ", width + 1).filter(|at| *at > 0);
        let behind = || {
            [",/", ":-", "."].into_iter().find_map(|wanted| last(wanted, width)).map(|at| at + 1)
        };
        let after = rest.split_off(blank.or_else(behind).unwrap_or(width));
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = after.into_iter().skip_while(|character| *character == ' ').collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}
