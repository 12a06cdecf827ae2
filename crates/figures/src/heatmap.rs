//! Similarity matrices as heat maps.

use crate::{
    canvas::{Anchor, Canvas, Svg, shorten, text_width, wrap},
    figure::Figure,
    png::{self, CLEAR, Palette},
    scale::{decimal, range},
    style::{NAME, TICK, viridis},
    table::{Cell, Table},
};
use ndarray::{Array2, ArrayView2};
use std::sync::LazyLock;

/// Colours of a map: 255 steps of viridis.
pub(crate) static PALETTE: LazyLock<Palette> =
    LazyLock::new(|| std::array::from_fn(|i| viridis(i as f64 / 254.0)));

/// Index in [`PALETTE`] of a value between the limits; a missing value is clear.
pub(crate) fn shade(value: f64, (low, high): (f64, f64)) -> u8 {
    let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
    if value.is_finite() {
        (share * 254.0).round().clamp(0.0, 254.0) as u8
    } else {
        CLEAR
    }
}

/// A similarity matrix of stimuli.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityMap {
    /// The heading.
    pub title: String,
    /// What a cell holds, e.g. `share of triplets in which the pair stays together`.
    pub quantity: String,
    /// Similarities, n × n; NaN where a pair was never sampled. The diagonal is not shown.
    pub values: Array2<f64>,
    /// Names of the stimuli, in the order of the rows of `values`.
    pub labels: Vec<String>,
    /// Rows in the order shown, see [`crate::order`]; out-of-range rows are skipped.
    pub order: Vec<usize>,
    /// How the order came about, e.g. `ordered by average-linkage clustering`.
    pub order_note: String,
}

impl SimilarityMap {
    fn shown(&self) -> Vec<usize> {
        let n = self.values.nrows().min(self.values.ncols());
        self.order.iter().copied().filter(|&i| i < n).collect()
    }

    fn label(&self, i: usize) -> &str {
        self.labels.get(i).map_or("", String::as_str)
    }

    /// Off-diagonal values of one triangle: how many there are, how many are missing, and their range.
    fn survey(&self, order: &[usize]) -> (usize, usize, Option<(f64, f64)>) {
        let pairs = || {
            order
                .iter()
                .enumerate()
                .flat_map(|(a, &i)| order[..a].iter().map(move |&j| self.values[[i, j]]))
        };
        let missing = pairs().filter(|v| !v.is_finite()).count();
        (pairs().count(), missing, range(pairs()))
    }
}

impl Figure for SimilarityMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let order = self.shown();
        let (pairs, missing, limits) = self.survey(&order);
        let span = limits.map_or_else(
            || "no value".into(),
            |(l, h)| format!("values from {} to {}", decimal(l), decimal(h)),
        );
        format!(
            "Heat map of {} for {} stimuli, {}: {pairs} pairs, {span}, {missing} pairs without a value.",
            self.quantity,
            order.len(),
            self.order_note
        )
    }

    fn how_to_read(&self) -> &str {
        "Each row and each column is one stimulus; bright cells are pairs that stay together, dark cells pairs that are split. \
         Bright squares along the diagonal are groups of similar stimuli. A stimulus is not compared with itself, so the diagonal is grey."
    }

    fn svg(&self) -> Svg {
        // Names are readable down to 9 pixels a row.
        const NAMED: usize = 48;
        let order = self.shown();
        let (_, missing, limits) = self.survey(&order);
        let limits = limits.unwrap_or((0.0, 1.0));
        let named = order.len() <= NAMED;
        let names = if named {
            order
                .iter()
                .map(|&i| text_width(self.label(i), NAME))
                .fold(0.0, f64::max)
                .min(260.0)
        } else {
            0.0
        };
        let (left, top, side) = (names + 10.0, 8.0, 440.0);
        let mut canvas = Canvas::new(left + side + 142.0, top + side + 26.0);
        if !order.is_empty() {
            let (cells, pixels) = pixels(&self.values.view(), &order, limits);
            canvas.rect("missing", (left, top), (left + side, top + side));
            canvas.bitmap(
                (left, top),
                (side, side),
                &png::data_uri(cells, &PALETTE, &pixels),
            );
        }
        if named {
            let step = side / order.len().max(1) as f64;
            for (row, &i) in order.iter().enumerate() {
                let y = top + step * (row as f64 + 0.5) + 3.0;
                let label = self.label(i);
                canvas.hinted(label, |canvas| {
                    let shown = shorten(label, NAME, names);
                    canvas.text("name", (left - 5.0, y), Anchor::End, &shown);
                });
            }
        }
        canvas.text(
            "note",
            (left + side / 2.0, top + side + 18.0),
            Anchor::Middle,
            &format!("{} stimuli, {}", order.len(), self.order_note),
        );
        let middle = f64::midpoint(limits.0, limits.1);
        let below = colour_bar(
            &mut canvas,
            (left + side + 24.0, top),
            [limits.1, middle, limits.0].map(decimal),
            &self.quantity,
        );
        if missing > 0 {
            canvas.rect(
                "missing",
                (left + side + 24.0, below),
                (left + side + 38.0, below + 14.0),
            );
            canvas.text(
                "tick",
                (left + side + 44.0, below + 11.0),
                Anchor::Start,
                "no value",
            );
        }
        canvas.finish()
    }

    fn table(&self) -> Table {
        let order = self.shown();
        let mut table =
            Table::new(std::iter::once("stimulus").chain(order.iter().map(|&i| self.label(i))));
        for &i in &order {
            let cells = order.iter().map(|&j| {
                if i == j {
                    Cell::Missing
                } else {
                    self.values[[i, j]].into()
                }
            });
            table.push(std::iter::once(Cell::from(self.label(i))).chain(cells));
        }
        table
    }
}

/// Palette indices of the ordered matrix, averaged over blocks where it has more than 720 rows.
fn pixels(values: &ArrayView2<'_, f64>, order: &[usize], limits: (f64, f64)) -> (usize, Vec<u8>) {
    let n = order.len();
    let block = n.div_ceil(720);
    let cells = n.div_ceil(block);
    let mut out = Vec::with_capacity(cells * cells);
    for rows in order.chunks(block) {
        for columns in order.chunks(block) {
            let (mut sum, mut count) = (0.0, 0_u32);
            for &i in rows {
                for &j in columns {
                    let value = values[[i, j]];
                    if i != j && value.is_finite() {
                        sum += value;
                        count += 1;
                    }
                }
            }
            out.push(shade(
                if count > 0 {
                    sum / f64::from(count)
                } else {
                    f64::NAN
                },
                limits,
            ));
        }
    }
    (cells, out)
}

/// Draws a vertical colour bar with the values at its top, middle and end and its meaning below; returns where it ends.
pub(crate) fn colour_bar(
    canvas: &mut Canvas,
    (x, top): (f64, f64),
    values: [String; 3],
    meaning: &str,
) -> f64 {
    const HEIGHT: f64 = 160.0;
    let pixels: Vec<u8> = (0..CLEAR).rev().collect();
    canvas.bitmap(
        (x, top),
        (14.0, HEIGHT),
        &png::data_uri(1, &PALETTE, &pixels),
    );
    for (value, y) in values.iter().zip([TICK - 2.0, HEIGHT / 2.0 + 4.0, HEIGHT]) {
        canvas.text("tick", (x + 20.0, top + y), Anchor::Start, value);
    }
    let mut y = top + HEIGHT + 22.0;
    for line in wrap(meaning, TICK, 112.0) {
        canvas.text("tick", (x, y), Anchor::Start, &line);
        y += 14.0;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_and_missing_pairs_do_not_stretch_the_colours() {
        let map = SimilarityMap {
            title: String::new(),
            quantity: "similarity".into(),
            values: ndarray::array![[1.0, 0.2, f64::NAN], [0.2, 1.0, 0.4], [f64::NAN, 0.4, 1.0]],
            labels: ["a", "b", "c"].map(String::from).to_vec(),
            order: vec![2, 0, 1, 9],
            order_note: "as given".into(),
        };
        let order = map.shown();
        assert_eq!(map.survey(&order), (3, 1, Some((0.2, 0.4))));
        let (cells, pixels) = pixels(&map.values.view(), &order, (0.2, 0.4));
        assert_eq!(
            (cells, pixels),
            (3, vec![255, 255, 254, 255, 255, 0, 254, 0, 255])
        );
        assert_eq!(map.tsv().lines().next(), Some("stimulus\tc\ta\tb"));
    }

    #[test]
    fn a_large_matrix_is_averaged_and_not_cut() {
        let values =
            Array2::from_shape_fn(
                (1441, 1441),
                |(i, j)| if i < 720 && j < 720 { 1.0 } else { 0.0 },
            );
        let order: Vec<usize> = (0..1441).collect();
        let (cells, pixels) = pixels(&values.view(), &order, (0.0, 1.0));
        assert_eq!((cells, pixels[0], pixels[cells * cells - 2]), (481, 254, 0));
    }
}
