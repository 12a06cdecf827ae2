//! The numbers behind a figure, as a table that spreadsheets and scripts can read.

use crate::{canvas::escape, scale::decimal};
use std::fmt::Write as _;

/// One value of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A measured number; one that is not finite is missing.
    Number(f64),
    /// A count or an index.
    Count(u64),
    /// No value.
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            Self::Number(value)
        } else {
            Self::Missing
        }
    }
}

impl From<u64> for Cell {
    fn from(n: u64) -> Self {
        Self::Count(n)
    }
}

impl From<usize> for Cell {
    fn from(n: usize) -> Self {
        Self::Count(n as u64)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

/// Named columns over rows of equal length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows; column names are written `like_this`.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; one that is too short is filled with missing values, one that is too long is cut.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = row.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len());
        row.resize(self.columns.len(), Cell::Missing);
        self.rows.push(row);
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Tab-separated values with a header; numbers in full precision, missing values as `n/a`.
    ///
    /// Tabs and line breaks inside a text become blanks.
    ///
    /// ```
    /// use emotome_figures::table::{Cell, Table};
    /// let mut table = Table::new(["agent", "accuracy"]);
    /// table.push([Cell::from("a\tb"), Cell::from(0.5)]);
    /// table.push(["c".into(), Cell::Missing]);
    /// assert_eq!(table.tsv(), "agent\taccuracy\na b\t0.5\nc\tn/a\n");
    /// ```
    #[must_use]
    pub fn tsv(&self) -> String {
        let mut out = String::new();
        let line = |out: &mut String, cells: &mut dyn Iterator<Item = String>| {
            for (i, cell) in cells.enumerate() {
                let _ = write!(out, "{}{cell}", if i > 0 { "\t" } else { "" });
            }
            out.push('\n');
        };
        line(&mut out, &mut self.columns.iter().map(|c| plain(c)));
        for row in &self.rows {
            line(
                &mut out,
                &mut row.iter().map(|cell| match cell {
                    Cell::Text(text) => plain(text),
                    Cell::Number(value) => value.to_string(),
                    Cell::Count(n) => n.to_string(),
                    Cell::Missing => "n/a".into(),
                }),
            );
        }
        out
    }

    /// The first `most` rows as an HTML table with a caption; numbers are rounded for reading.
    pub(crate) fn html(&self, caption: &str, most: usize) -> String {
        let mut out = format!("<table><caption>{}</caption><thead><tr>", escape(caption));
        for name in &self.columns {
            let _ = write!(
                out,
                "<th scope=\"col\">{}</th>",
                escape(&name.replace('_', " "))
            );
        }
        out.push_str("</tr></thead><tbody>");
        for row in self.rows.iter().take(most) {
            out.push_str("<tr>");
            for cell in row {
                let _ = match cell {
                    Cell::Text(text) => write!(out, "<td>{}</td>", escape(text)),
                    Cell::Number(value) => {
                        write!(out, "<td class=\"number\">{}</td>", decimal(*value))
                    }
                    Cell::Count(n) => write!(out, "<td class=\"number\">{n}</td>"),
                    Cell::Missing => write!(out, "<td class=\"number\">n/a</td>"),
                };
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
        out
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
