//! How well each dimension comes back when the fit starts from another seed.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg, text_width},
    figure::Figure,
    frame::{Axis, BELOW, BESIDE, Frame},
    scale::{Unit, decimal, range},
    style::TICK,
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Reproducibility of each dimension, with the band that chance reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Reproducibility {
    /// The heading.
    pub title: String,
    /// The dimensions, in the order of the embedding.
    pub dimensions: Vec<DimensionReproducibility>,
    /// Other runs that the dimensions were looked for in, e.g. seeds.
    pub runs: usize,
}

/// Reproducibility of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionReproducibility {
    /// Name of the dimension, counted from 1 or in words.
    pub label: String,
    /// Mean correlation with its partners in the other runs.
    pub r: f64,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// What 95 % of matches of shuffled stimuli stay below; NaN if it was not measured.
    pub null95: f64,
    /// Whether the evaluation counts it into the reproducible core.
    pub reproducible: bool,
}

impl Reproducibility {
    /// The number of dimensions in the reproducible core.
    #[must_use]
    pub fn core(&self) -> usize {
        self.dimensions.iter().filter(|d| d.reproducible).count()
    }
}

impl Figure for Reproducibility {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let words = self
            .dimensions
            .iter()
            .map(|d| format!("{}: {}", d.label, decimal(d.r)))
            .collect::<Vec<_>>()
            .join("; ");
        format!(
            "Points: for each of {} dimensions the mean correlation with its partners in {} other runs. \
             {} of them count as reproducible. Dimension and correlation: {words}.",
            self.dimensions.len(),
            self.runs,
            self.core()
        )
    }

    fn how_to_read(&self) -> &str {
        "Each dot is one dimension: how well it comes back in fits that started from other random numbers (1 is perfectly). \
         The dashed line is what shuffled stimuli reach; filled dots are dimensions that count as found, hollow ones could be chance. Bars are 95 % confidence intervals over further fits, where there are at least three."
    }

    fn svg(&self) -> Svg {
        let n = self.dimensions.len();
        let (left, top) = (BESIDE, 34.0);
        let (right, bottom) = (left + (n as f64 * 26.0).clamp(260.0, 616.0), 250.0);
        let lows = self
            .dimensions
            .iter()
            .flat_map(|d| [d.r, d.null95, d.ci95.map_or(d.r, |ci| ci.low)]);
        let lowest = range(lows).map_or(0.0, |(low, _)| low).clamp(-1.0, 0.0);
        const LINE_MEANS: &str = "95 % of shuffled";
        let legend = left + 178.0 + text_width(LINE_MEANS, TICK);
        let mut canvas = Canvas::new(legend.max(right) + 8.0, bottom + BELOW);
        let frame = Frame::draw(
            &mut canvas,
            (left, top),
            (right, bottom),
            None,
            &Axis::linear("correlation across runs", (lowest, 1.0), Unit::Plain),
        );
        let step = (right - left) / n.max(1) as f64;
        let place = |i: usize| left + step * (i as f64 + 0.5);
        let every = ((n as f64 * 22.0) / (right - left)).ceil().max(1.0) as usize;
        for (i, d) in self.dimensions.iter().enumerate() {
            let x = place(i);
            let class = if d.reproducible { "fill0" } else { "hollow0" };
            if i % every == 0 {
                canvas.text("tick", (x, bottom + 16.0), Anchor::Middle, &d.label);
            }
            canvas.line(
                "chance",
                (x - 0.45 * step, frame.y.clamped(d.null95)),
                (x + 0.45 * step, frame.y.clamped(d.null95)),
            );
            let hint = format!(
                "dimension {}: r = {}{}, shuffled: {}",
                d.label,
                decimal(d.r),
                ci_words(d.ci95, Unit::Plain),
                decimal(d.null95)
            );
            canvas.hinted(&hint, |canvas| {
                if let Some(ci) = d.ci95 {
                    canvas.line(
                        "error",
                        (x, frame.y.clamped(ci.low)),
                        (x, frame.y.clamped(ci.high)),
                    );
                }
                canvas.marker(class, 0, (x, frame.y.clamped(d.r)), 5.0);
            });
        }
        canvas.text(
            "",
            ((left + right) / 2.0, bottom + 37.0),
            Anchor::Middle,
            "dimension",
        );
        canvas.marker("fill0", 0, (left + 6.0, 14.0), 5.0);
        canvas.text("note", (left + 16.0, 18.0), Anchor::Start, "reproducible");
        canvas.marker("hollow0", 0, (left + 106.0, 14.0), 5.0);
        canvas.text("note", (left + 116.0, 18.0), Anchor::Start, "not");
        canvas.line("chance", (left + 148.0, 14.0), (left + 172.0, 14.0));
        canvas.text("note", (left + 178.0, 18.0), Anchor::Start, LINE_MEANS);
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "dimension",
            "r",
            "ci95_low",
            "ci95_high",
            "shuffled_95",
            "reproducible",
        ]);
        for d in &self.dimensions {
            table.push([
                Cell::from(d.label.as_str()),
                d.r.into(),
                d.ci95.map(|ci| ci.low).into(),
                d.ci95.map(|ci| ci.high).into(),
                d.null95.into(),
                Cell::from(if d.reproducible { "yes" } else { "no" }),
            ]);
        }
        table
    }
}
