//! Rows of text in columns.

use crate::telemetry::escape::Escaped;

/// A table whose columns are as wide as what is in them. Nothing in it can steer a terminal.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With the heads of its columns.
    pub(super) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self { rows: vec![heads.map(str::to_owned).to_vec()] }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| Escaped(&cell).to_string()).collect());
    }

    /// The whole of it, a line a row.
    pub(super) fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| Some(row.get(column)?.chars().count()))
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(["A", "LONG", "C"]);
        table.row(["wide".to_owned(), "x".to_owned(), String::new()]);
        table.row(["ü".to_owned(), "\u{1b}[2J".to_owned(), "c".to_owned()]);
        assert_eq!(table.text(), "A     LONG       C\nwide  x\nü     \\u{1b}[2J  c\n");
    }
}
