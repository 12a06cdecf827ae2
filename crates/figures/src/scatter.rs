//! Predicted against measured similarity, one point for each pair of stimuli.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg, text_width},
    figure::Figure,
    frame::{Axis, BELOW, BESIDE, Frame},
    heatmap::{PALETTE, colour_bar, shade},
    png::{self, CLEAR},
    scale::{Unit, count, decimal, range},
    style::TICK,
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Pairs of numbers that should lie on the diagonal.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// The heading.
    pub title: String,
    /// Name of the horizontal axis, e.g. `similarity measured from choices`.
    pub x_label: String,
    /// Name of the vertical axis, e.g. `similarity predicted by the embedding`.
    pub y_label: String,
    /// The points; those with a missing coordinate are counted and not drawn.
    pub points: Vec<(f64, f64)>,
    /// The correlation over the points.
    pub r: f64,
    /// Its 95 % confidence interval, over stimuli rather than pairs.
    pub ci95: Option<Interval>,
    /// The correlation that the noise of the measured values allows.
    pub ceiling: Option<f64>,
}

impl Scatter {
    fn usable(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points
            .iter()
            .copied()
            .filter(|(x, y)| x.is_finite() && y.is_finite())
    }

    fn summary(&self) -> String {
        let ceiling = self
            .ceiling
            .map_or_else(String::new, |c| format!(", ceiling {}", decimal(c)));
        let n = self.usable().count();
        format!(
            "r = {}{}{ceiling}, {} pairs",
            decimal(self.r),
            ci_words(self.ci95, Unit::Plain),
            count(n as u64)
        )
    }
}

impl Figure for Scatter {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let missing = self.points.len() - self.usable().count();
        format!(
            "Scatter plot of {} against {}: {}; {missing} pairs without a value are left out.",
            self.y_label,
            self.x_label,
            self.summary()
        )
    }

    fn how_to_read(&self) -> &str {
        "Each dot is one pair of stimuli; where there are too many for dots, the colour of a cell counts them. On the dashed diagonal, prediction and measurement agree."
    }

    fn svg(&self) -> Svg {
        // More points than this hide each other; a density map does not.
        const DOTS: usize = 3000;
        const SIDE: f64 = 320.0;
        let (left, top) = (BESIDE, 28.0);
        let points: Vec<_> = self.usable().collect();
        let x_range = range(points.iter().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let y_range = range(points.iter().map(|p| p.1)).unwrap_or((0.0, 1.0));
        let padded =
            |(low, high): (f64, f64)| (low - 0.03 * (high - low), high + 0.03 * (high - low));
        let dense = points.len() > DOTS;
        let right = left + SIDE + if dense { 150.0 } else { 20.0 };
        let mut canvas = Canvas::new(
            right.max(left + 1.2 * text_width(&self.summary(), TICK)),
            top + SIDE + BELOW,
        );
        let frame = Frame::draw(
            &mut canvas,
            (left, top),
            (left + SIDE, top + SIDE),
            Some(&Axis::linear(&self.x_label, padded(x_range), Unit::Plain)),
            &Axis::linear(&self.y_label, padded(y_range), Unit::Plain),
        );
        if dense {
            const BINS: usize = 80;
            let mut bins = vec![0_u32; BINS * BINS];
            let bin = |pixel: f64, start: f64| {
                (((pixel - start) / SIDE * BINS as f64) as usize).min(BINS - 1)
            };
            for &(x, y) in &points {
                bins[bin(frame.y.at(y), top) * BINS + bin(frame.x.at(x), left)] += 1;
            }
            let most = f64::from(bins.iter().copied().max().unwrap_or(1));
            let pixels: Vec<u8> = bins
                .iter()
                .map(|&n| {
                    if n == 0 {
                        CLEAR
                    } else {
                        shade(f64::from(n).ln(), (0.0, most.ln()))
                    }
                })
                .collect();
            canvas.bitmap(
                (left, top),
                (SIDE, SIDE),
                &png::data_uri(BINS, &PALETTE, &pixels),
            );
            let values = [most, most.sqrt(), 1.0].map(|n| format!("{n:.0}"));
            colour_bar(
                &mut canvas,
                (left + SIDE + 24.0, top),
                values,
                "pairs in one cell (logarithmic)",
            );
        } else {
            for (x, y) in points {
                canvas.marker("dot0", 0, (frame.x.at(x), frame.y.at(y)), 2.5);
            }
        }
        let (low, high) = (x_range.0.max(y_range.0), x_range.1.min(y_range.1));
        if low < high {
            canvas.line(
                "identity",
                (frame.x.at(low), frame.y.at(low)),
                (frame.x.at(high), frame.y.at(high)),
            );
        }
        canvas.text(
            "note strong",
            (left, top - 10.0),
            Anchor::Start,
            &self.summary(),
        );
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["x", "y"]);
        for &(x, y) in &self.points {
            table.push([Cell::from(x), Cell::from(y)]);
        }
        table
    }
}
