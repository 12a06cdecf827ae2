//! Estimates with their intervals, one a row, against the value that each should have.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg},
    figure::Figure,
    frame::{Axis, BELOW, RowLabels, horizontal_axis},
    scale::{Scale, Spacing, Unit, count, range},
    style::{LABEL, TICK},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Estimates one below the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimates {
    /// The heading.
    pub title: String,
    /// What is estimated, e.g. `share of pairs of answers`.
    pub quantity: String,
    /// How to read the picture.
    pub reading: String,
    /// How values are written.
    pub unit: Unit,
    /// The rows, from top to bottom.
    pub rows: Vec<Estimate>,
    /// A value to compare all rows with, and its name.
    pub reference: Option<(String, f64)>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Estimate {
    /// What it is of.
    pub label: String,
    /// The estimate.
    pub value: f64,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// The value that it should have, drawn as a short bar.
    pub expected: Option<f64>,
    /// What it rests on.
    pub n: u64,
}

impl Figure for Estimates {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!("Points with error bars: {}. ", self.quantity);
        for row in &self.rows {
            text += &format!(
                "{}: {}{}, n = {}",
                row.label,
                self.unit.show(row.value),
                ci_words(row.ci95, self.unit),
                count(row.n)
            );
            if let Some(expected) = row.expected {
                text += &format!(", to compare with {}", self.unit.show(expected));
            }
            text += ". ";
        }
        if let Some((name, value)) = &self.reference {
            text += &format!("Dashed line: {name}, {}.", self.unit.show(*value));
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        &self.reading
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const ROW: f64 = 30.0;
        let names = self.rows.iter().map(|row| row.label.as_str());
        let labels = RowLabels::new(names, 250.0, (60.0, ROW));
        let (left, right) = (labels.width + 16.0, WIDTH - 130.0);
        let (top, bottom) = (28.0, 34.0 + labels.heights.iter().sum::<f64>());
        let shown = self.rows.iter().flat_map(|row| {
            let ci = row.ci95;
            [
                Some(row.value),
                ci.map(|c| c.low),
                ci.map(|c| c.high),
                row.expected,
            ]
        });
        let values = shown.flatten().chain(self.reference.iter().map(|r| r.1));
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let room = (0.06 * (high - low)).max(0.005 * high.abs().max(low.abs()));
        let low = if low >= 0.0 {
            (low - room).max(0.0)
        } else {
            low - room
        };
        let x = Scale::new(low, high + room, (left, right), Spacing::Linear);
        let mut canvas = Canvas::new(WIDTH, bottom + BELOW);
        for tick in x.ticks(5) {
            canvas.line("grid", (x.at(tick), top), (x.at(tick), bottom));
        }
        if let Some((name, value)) = &self.reference {
            let at = x.at(*value);
            canvas.line("chance", (at, top - 4.0), (at, bottom));
            canvas.text("note", (at, top - 9.0), Anchor::Middle, name);
        }
        for (row, (lines, middle)) in self.rows.iter().zip(labels.rows(top + 3.0)) {
            canvas.label("", (left - 9.0, middle), Anchor::End, LABEL, lines);
            let ci = ci_words(row.ci95, self.unit);
            let hint = format!("{}: {}{ci}", row.label, self.unit.show(row.value));
            canvas.hinted(&hint, |canvas| {
                if let Some(expected) = row.expected {
                    let at = x.at(expected);
                    canvas.rect(
                        "ceiling",
                        (at - 2.0, middle - 9.0),
                        (at + 2.0, middle + 9.0),
                    );
                }
                if let Some(ci) = row.ci95 {
                    canvas.line("error", (x.at(ci.low), middle), (x.at(ci.high), middle));
                }
                canvas.marker("fill0", 0, (x.at(row.value), middle), 4.5);
            });
            canvas.text(
                "strong",
                (right + 12.0, middle - 1.0),
                Anchor::Start,
                &self.unit.show(row.value),
            );
            canvas.text(
                "tick",
                (right + 12.0, middle + TICK),
                Anchor::Start,
                &format!("n = {}", count(row.n)),
            );
        }
        let axis = Axis::linear(&self.quantity, (0.0, 1.0), self.unit);
        horizontal_axis(&mut canvas, &x, bottom, &axis);
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["label", "value", "ci95_low", "ci95_high", "expected", "n"]);
        for row in &self.rows {
            table.push([
                Cell::from(row.label.as_str()),
                row.value.into(),
                row.ci95.map(|ci| ci.low).into(),
                row.ci95.map(|ci| ci.high).into(),
                row.expected.into(),
                row.n.into(),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_value_or_interval_are_drawn_as_missing() {
        let row = |value, ci95| Estimate {
            label: "<b>".into(),
            value,
            ci95,
            ..Estimate::default()
        };
        let ci = Interval {
            low: 0.1,
            high: 0.3,
        };
        let figure = Estimates {
            rows: vec![row(0.2, Some(ci)), row(f64::NAN, None)],
            ..Estimates::default()
        };
        let svg = figure.svg_file();
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("<b>"));
        assert_eq!(
            figure.tsv().lines().nth(2),
            Some("<b>\tn/a\tn/a\tn/a\tn/a\t0")
        );
        assert!(!Estimates::default().svg_file().contains("NaN"));
    }
}
