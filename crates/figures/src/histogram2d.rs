//! Scores of two models in the same voxels, counted in cells of a plane.

use crate::{
    canvas::{Anchor, Canvas, Svg},
    figure::Figure,
    frame::{Axis, BELOW, BESIDE, Frame},
    heatmap::{PALETTE, colour_bar},
    png::{self, CLEAR},
    scale::{Unit, count, percent, range},
    table::{Cell, Table},
};

/// How often pairs of scores fall into cells; both axes have the same range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram2d {
    /// The heading.
    pub title: String,
    /// Name of the horizontal axis, e.g. `language model (ρ)`.
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// What is counted, e.g. `voxels`.
    pub things: String,
    /// Pairs; those with a missing score are counted and not shown.
    pub points: Vec<(f32, f32)>,
    /// Further lines y = factor · x, e.g. 1.2 for 120 %; from 0.01 to 100.
    pub factors: Vec<f64>,
}

/// Cells along each axis.
const CELLS: usize = 80;

impl Histogram2d {
    fn usable(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        let known = self
            .points
            .iter()
            .filter(|(x, y)| x.is_finite() && y.is_finite());
        known.map(|&(x, y)| (f64::from(x), f64::from(y)))
    }

    /// The common range, and counts row by row from below.
    fn cells(&self) -> ((f64, f64), Vec<u64>) {
        let all = self.usable().flat_map(|(x, y)| [x, y]);
        let (low, high) = range(all).unwrap_or((0.0, 1.0));
        let (low, high) = if low < high {
            (low, high)
        } else {
            (low - 0.5, high + 0.5)
        };
        let place = |v: f64| (((v - low) / (high - low) * CELLS as f64) as usize).min(CELLS - 1);
        let mut cells = vec![0; CELLS * CELLS];
        for (x, y) in self.usable() {
            cells[place(y) * CELLS + place(x)] += 1;
        }
        ((low, high), cells)
    }

    fn summary(&self) -> String {
        let n = self.usable().count();
        let above = self.usable().filter(|(x, y)| y > x).count();
        format!(
            "{} {}; {} of them above the diagonal",
            count(n as u64),
            self.things,
            percent(above as f64 / n as f64)
        )
    }
}

impl Figure for Histogram2d {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let missing = self.points.len() - self.usable().count();
        format!(
            "Two-dimensional histogram of {} against {}: {}; {missing} without a score are left out.",
            self.y_label,
            self.x_label,
            self.summary()
        )
    }

    fn how_to_read(&self) -> &str {
        "Each cell counts voxels by their scores under the two models; colours are logarithmic. Above the dashed diagonal the model of the vertical axis scores higher."
    }

    fn svg(&self) -> Svg {
        const SIDE: f64 = 300.0;
        let (left, top) = (BESIDE, 36.0);
        let ((low, high), cells) = self.cells();
        let mut canvas = Canvas::new(left + SIDE + 150.0, top + SIDE + BELOW);
        let frame = Frame::draw(
            &mut canvas,
            (left, top),
            (left + SIDE, top + SIDE),
            Some(&Axis::linear(&self.x_label, (low, high), Unit::Plain)),
            &Axis::linear(&self.y_label, (low, high), Unit::Plain),
        );
        let most = cells.iter().copied().max().unwrap_or(0).max(1) as f64;
        let shade = |&n: &u64| match n {
            0 => CLEAR,
            _ if most > 1.0 => ((n as f64).ln() / most.ln() * 254.0).round() as u8,
            _ => 254,
        };
        let pixels: Vec<u8> = cells.chunks(CELLS).rev().flatten().map(shade).collect();
        canvas.bitmap(
            (left, top),
            (SIDE, SIDE),
            &png::data_uri(CELLS, &PALETTE, &pixels),
        );
        let mut line = |class: &str, factor: f64| {
            // The part of y = factor · x inside the square.
            let cut = |x: f64| (x, factor * x);
            let ends = [low, high].into_iter().chain([low / factor, high / factor]);
            let mut inside: Vec<(f64, f64)> = ends
                .map(cut)
                .filter(|&(x, y)| {
                    let slack = 1e-9 * (high - low);
                    [x, y]
                        .iter()
                        .all(|v| *v >= low - slack && *v <= high + slack)
                })
                .collect();
            inside.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let (Some(&a), Some(&b)) = (inside.first(), inside.last()) {
                let place = |(x, y): (f64, f64)| (frame.x.clamped(x), frame.y.clamped(y));
                canvas.line(class, place(a), place(b));
                return Some(place(b));
            }
            None
        };
        line("chance", 1.0);
        let ends: Vec<(f64, Option<(f64, f64)>)> = self
            .factors
            .iter()
            .filter(|f| (0.01..=100.0).contains(*f))
            .map(|&f| (f, line("identity", f)))
            .collect();
        for (factor, end) in ends {
            if let Some((x, y)) = end {
                let words = format!("{:.0}\u{a0}%", 100.0 * factor);
                // Beside the end of the line, outside of the frame.
                if y > top + 0.5 {
                    canvas.text("name", (left + SIDE + 3.0, y + 3.0), Anchor::Start, &words);
                } else {
                    canvas.text("name", (x, top - 4.0), Anchor::Middle, &words);
                }
            }
        }
        let values = [most, most.sqrt(), 1.0].map(|n| count(n.round() as u64));
        let meaning = format!("{} in one cell (logarithmic)", self.things);
        colour_bar(&mut canvas, (left + SIDE + 24.0, top), values, &meaning);
        canvas.text(
            "note strong",
            (left, top - 20.0),
            Anchor::Start,
            &self.summary(),
        );
        canvas.finish()
    }

    fn table(&self) -> Table {
        let ((low, high), cells) = self.cells();
        let edge = |k: usize| low + (high - low) * k as f64 / CELLS as f64;
        let mut table = Table::new(["x_from", "x_to", "y_from", "y_to", "count"]);
        for (place, &n) in cells.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (i, j) = (place % CELLS, place / CELLS);
            table.push([
                Cell::from(edge(i)),
                edge(i + 1).into(),
                edge(j).into(),
                edge(j + 1).into(),
                n.into(),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_counted_once_and_missing_ones_are_told() {
        let figure = Histogram2d {
            things: "voxels".into(),
            points: vec![(0.0, 1.0), (1.0, 0.0), (0.2, 0.3), (f32::NAN, 1.0)],
            ..Histogram2d::default()
        };
        let (limits, cells) = figure.cells();
        assert_eq!((limits, cells.iter().sum::<u64>()), ((0.0, 1.0), 3));
        // The highest score belongs to the last cell and not to one beyond.
        assert_eq!((cells[CELLS - 1], cells[CELLS * (CELLS - 1)]), (1, 1));
        assert!(
            figure.alt().contains("3 voxels; 66.7") && figure.alt().contains("1 without a score")
        );
        assert_eq!(figure.table().len(), 3);
    }
}
