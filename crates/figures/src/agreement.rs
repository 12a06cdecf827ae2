//! How well agents agree with each other, every one with every other.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg, text_width, wrap},
    figure::Figure,
    heatmap::colour_bar,
    scale::{Unit, count},
    style::{LABEL, viridis},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// A matrix of agreements between a few agents, with the number in every cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgreementMatrix {
    /// The heading.
    pub title: String,
    /// What a cell holds, e.g. `share of triplets answered alike`.
    pub quantity: String,
    /// How values are written.
    pub unit: Unit,
    /// The value that gets the darkest colour, e.g. chance.
    pub lowest: f64,
    /// Names of the agents, in the order shown.
    pub labels: Vec<String>,
    /// Agreements of two agents, by their places among the labels.
    pub cells: Vec<AgreementCell>,
}

/// One agreement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementCell {
    /// The agents; the same twice for an agent's agreement with its own repeats.
    pub between: (usize, usize),
    /// The agreement.
    pub value: f64,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// Triplets it rests on.
    pub n: u64,
}

impl AgreementMatrix {
    fn label(&self, i: usize) -> &str {
        self.labels.get(i).map_or("", String::as_str)
    }

    fn highest(&self) -> f64 {
        let largest = self.cells.iter().map(|cell| cell.value);
        largest.fold(self.lowest + 0.05, f64::max)
    }
}

impl Figure for AgreementMatrix {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!("Matrix of {}. ", self.quantity);
        for cell in &self.cells {
            let (i, j) = cell.between;
            let who = if i == j {
                format!("{} with its own repeats", self.label(i))
            } else {
                format!("{} with {}", self.label(i), self.label(j))
            };
            text += &format!(
                "{who}: {}{}, n = {}. ",
                self.unit.show(cell.value),
                ci_words(cell.ci95, self.unit),
                count(cell.n)
            );
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "Each cell compares the agent of its row with that of its column; below the number stands its 95 % confidence \
         interval. On the diagonal an agent is compared with its own repeats, where it has any: the most that others \
         could reach. Grey cells have no triplets in common."
    }

    fn svg(&self) -> Svg {
        let n = self.labels.len();
        let names: Vec<Vec<String>> = self.labels.iter().map(|l| wrap(l, LABEL, 150.0)).collect();
        let widest = names.iter().flatten().map(|l| text_width(l, LABEL));
        let left = widest.fold(40.0, f64::max) + 14.0;
        let side = ((560.0 - left) / n.max(1) as f64).clamp(44.0, 110.0);
        let top = 8.0;
        let (right, bottom) = (left + side * n as f64, top + 0.62 * side * n as f64);
        let row = 0.62 * side;
        let height = (bottom + left.min(170.0)).max(top + 240.0);
        let mut canvas = Canvas::new(right + 150.0, height);
        let (low, high) = (self.lowest, self.highest());
        let place = |i: usize, j: usize| (left + side * j as f64, top + row * i as f64);
        for i in 0..n {
            for j in 0..n {
                let (x, y) = place(i, j);
                canvas.rect(
                    "missing",
                    (x + 1.0, y + 1.0),
                    (x + side - 1.0, y + row - 1.0),
                );
            }
        }
        for cell in &self.cells {
            let (i, j) = cell.between;
            let mut places = vec![(i, j)];
            places.extend((i != j).then_some((j, i)));
            let share = (cell.value - low) / (high - low);
            let colour = viridis(share);
            let ink = if share > 0.55 { "#111111" } else { "#ffffff" };
            for (i, j) in places.into_iter().filter(|&(i, j)| i < n && j < n) {
                let (x, y) = place(i, j);
                let hint = format!(
                    "{}, {}: {}{}, n = {}",
                    self.label(i),
                    self.label(j),
                    self.unit.show(cell.value),
                    ci_words(cell.ci95, self.unit),
                    count(cell.n)
                );
                canvas.hinted(&hint, |canvas| {
                    canvas.painted(colour, (x + 1.0, y + 1.0), (x + side - 1.0, y + row - 1.0));
                    let middle = (x + side / 2.0, y + row / 2.0);
                    canvas.inked(
                        ink,
                        "strong",
                        (middle.0, middle.1),
                        &self.unit.show(cell.value),
                    );
                    if let Some(ci) = cell.ci95.filter(|_| side > 80.0) {
                        let unit = |v: f64| self.unit.show(v).replace("\u{a0}%", "");
                        let text = format!("{}–{}", unit(ci.low), unit(ci.high));
                        canvas.inked(ink, "name", (middle.0, middle.1 + 13.0), &text);
                    }
                });
            }
        }
        for (i, lines) in names.iter().enumerate() {
            let (x, y) = place(i, i);
            canvas.label("", (left - 8.0, y + row / 2.0), Anchor::End, LABEL, lines);
            for (k, line) in lines.iter().enumerate() {
                let at = (x + side / 2.0 + 4.0 - 13.0 * k as f64, bottom + 10.0);
                canvas.turned_text("", at, Anchor::End, -60.0, line);
            }
        }
        let middle = f64::midpoint(low, high);
        colour_bar(
            &mut canvas,
            (right + 24.0, top),
            [high, middle, low].map(|v| self.unit.show(v)),
            &self.quantity,
        );
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "first",
            "second",
            "value",
            "ci95_low",
            "ci95_high",
            "triplets",
        ]);
        for cell in &self.cells {
            let (i, j) = cell.between;
            table.push([
                Cell::from(self.label(i)),
                self.label(j).into(),
                cell.value.into(),
                cell.ci95.map(|ci| ci.low).into(),
                cell.ci95.map(|ci| ci.high).into(),
                cell.n.into(),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_the_matrix_are_drawn_and_strangers_are_left_out() {
        let cell = |between| AgreementCell {
            between,
            value: 0.5,
            ci95: None,
            n: 7,
        };
        let matrix = AgreementMatrix {
            labels: vec!["a".into(), "b".into()],
            cells: vec![cell((0, 1)), cell((1, 1)), cell((0, 9))],
            lowest: 1.0 / 3.0,
            ..AgreementMatrix::default()
        };
        let svg = matrix.svg_file();
        assert_eq!(svg.matches(">0.500<").count(), 3 + 1);
        assert_eq!(matrix.table().len(), 3);
        assert!(!AgreementMatrix::default().svg_file().contains("NaN"));
    }
}
