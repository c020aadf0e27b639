use std::fmt;

use unicode_width::UnicodeWidthStr;

/// Which side of a column its cells keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A plain table for the terminal: aligned columns two spaces apart, a rule under the head, no colour codes.
///
/// ```
/// use handaxe_report::{Align, Table};
///
/// let mut table = Table::new([("layer", Align::Left), ("DSP", Align::Right)]);
/// table.row(["fc1", "256"]);
/// table.row(["output", "40"]);
/// table.rule();
/// table.row(["total", "296"]);
/// assert_eq!(table.to_string(), "\
/// layer   DSP
/// -----------
/// fc1     256
/// output   40
/// -----------
/// total   296
/// ");
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    aligns: Vec<Align>,
    /// The head first; a row without cells is a rule.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let (head, aligns) = columns.into_iter().map(|(name, align)| (clean(name), align)).unzip();
        Self { aligns, rows: vec![head, Vec::new()] }
    }

    /// Appends a row; missing cells stay empty, surplus ones are dropped. Control characters become spaces.
    pub fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| clean(cell.as_ref()));
        let mut cells: Vec<String> = cells.take(self.aligns.len()).collect();
        cells.resize(self.aligns.len(), String::new());
        self.rows.push(cells);
    }

    /// Appends a horizontal line.
    pub fn rule(&mut self) {
        self.rows.push(Vec::new());
    }

    /// Columns of the terminal that the widest line takes.
    pub fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max()
        };
        (0..self.aligns.len()).map(|column| width(column).unwrap_or(0)).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for row in &self.rows {
            if row.is_empty() {
                writeln!(f, "{}", "-".repeat(self.width()))?;
                continue;
            }
            let mut line = String::new();
            for ((cell, width), align) in row.iter().zip(&widths).zip(&self.aligns) {
                let padding = " ".repeat(width - cell.width());
                match align {
                    Align::Left => line.extend([cell, &padding, "  "]),
                    Align::Right => line.extend([&padding, cell, "  "]),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A name must not move the cursor or colour the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\u{a0}' { ' ' } else { c }).collect()
}
