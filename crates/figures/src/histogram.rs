//! How often values fall between the edges of bins.

use crate::{
    canvas::{Anchor, Canvas, Svg},
    figure::Figure,
    frame::{Axis, BELOW, BESIDE, Frame},
    scale::{Spacing, Unit, count, decimal, range},
    table::Table,
};

/// Bars between the edges of bins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// The heading.
    pub title: String,
    /// Name of the abscissa with its unit.
    pub x_label: String,
    /// Spacing of the abscissa.
    pub x_spacing: Spacing,
    /// What is counted, e.g. `answers`.
    pub quantity: String,
    /// Lower edge, upper edge and count of each bin, ascending.
    pub bins: Vec<(f64, f64, u64)>,
    /// Values to mark, with their names, e.g. the median.
    pub marks: Vec<(String, f64)>,
}

impl Figure for Histogram {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let total = self.bins.iter().map(|bin| bin.2).sum();
        let mut text = format!(
            "Histogram of {}: {} {}",
            self.x_label,
            count(total),
            self.quantity
        );
        if let (Some(first), Some(last)) = (self.bins.first(), self.bins.last()) {
            text += &format!(" between {} and {}", decimal(first.0), decimal(last.1));
        }
        if let Some(top) = self.bins.iter().max_by_key(|bin| bin.2) {
            text += &format!(
                ", most of them between {} and {}",
                decimal(top.0),
                decimal(top.1)
            );
        }
        text += ".";
        for (name, value) in &self.marks {
            text += &format!(" {name}: {}.", decimal(*value));
        }
        text
    }

    fn how_to_read(&self) -> &str {
        "The height of a bar is the number of values between its two edges. Dashed lines are marked values."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 560.0;
        let (left, right, top) = (BESIDE, WIDTH - 14.0, 12.0 + 16.0 * self.marks.len() as f64);
        let bottom = top + 180.0;
        let placeable = |x: &f64| self.x_spacing == Spacing::Linear || *x > 0.0;
        let edges = self.bins.iter().flat_map(|bin| [bin.0, bin.1]);
        let x = range(edges.filter(placeable)).unwrap_or((f64::NAN, f64::NAN));
        let highest = self.bins.iter().map(|bin| bin.2).max().unwrap_or(0);
        let mut canvas = Canvas::new(WIDTH, bottom + BELOW);
        let frame = Frame::draw(
            &mut canvas,
            (left, top),
            (right, bottom),
            Some(&Axis {
                label: &self.x_label,
                range: x,
                spacing: self.x_spacing,
                unit: Unit::Plain,
            }),
            &Axis::linear(
                &self.quantity,
                (0.0, 1.05 * highest.max(1) as f64),
                Unit::Plain,
            ),
        );
        for &(low, high, n) in &self.bins {
            let hint = format!("{} to {}: {}", decimal(low), decimal(high), count(n));
            canvas.hinted(&hint, |canvas| {
                let (a, b) = (frame.x.clamped(low), frame.x.clamped(high));
                let inset = (0.08 * (b - a)).min(1.0);
                canvas.rect(
                    "fill0",
                    (a + inset, frame.y.at(n as f64)),
                    (b - inset, bottom),
                );
            });
        }
        for (k, (name, value)) in self.marks.iter().enumerate() {
            let at = frame.x.clamped(*value);
            let y = 14.0 + 16.0 * k as f64;
            canvas.line("chance", (at, y - 6.0), (at, bottom));
            let text = format!("{name} {}", decimal(*value));
            let (anchor, at) = if at > f64::midpoint(left, right) {
                (Anchor::End, at - 5.0)
            } else {
                (Anchor::Start, at + 5.0)
            };
            canvas.text("note", (at, y), anchor, &text);
        }
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["from", "to", "count"]);
        for &(low, high, n) in &self.bins {
            table.push([low.into(), high.into(), n.into()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_of_nothing_or_of_one_value_is_drawn() {
        assert!(!Histogram::default().svg_file().contains("NaN"));
        let one = Histogram {
            bins: vec![(0.0, 1.0, 5)],
            marks: vec![("median".into(), 0.0)],
            x_spacing: Spacing::Logarithmic,
            ..Histogram::default()
        };
        assert!(!one.svg_file().contains("NaN") && !one.svg_file().contains("inf"));
        assert_eq!(one.tsv(), "from\tto\tcount\n0\t1\t5\n");
    }
}
