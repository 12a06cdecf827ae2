//! Curves: a quantity against the number of dimensions, λ or the epoch.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg, shorten, text_width, wrap},
    figure::Figure,
    frame::{Axis, BELOW, BESIDE, Frame, Sign, key},
    scale::{Spacing, Unit, decimal, range},
    style::{SERIES, TICK},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// One or several curves over a common abscissa.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    /// The heading.
    pub title: String,
    /// Name of the abscissa, e.g. `dimensions kept`.
    pub x_label: String,
    /// Spacing of the abscissa; logarithmic suits λ.
    pub x_spacing: Spacing,
    /// Name of the ordinate with its unit, e.g. `validation loss (nats per choice)`.
    pub y_label: String,
    /// How the ordinate is written.
    pub y_unit: Unit,
    /// The curves.
    pub series: Vec<Series>,
    /// Values to compare with, drawn as dashed lines, e.g. `chance`.
    pub references: Vec<(String, f64)>,
    /// The abscissa that was chosen, with the reason, e.g. `chosen: lowest validation loss`.
    pub chosen: Option<(f64, String)>,
    /// What chance reaches along the abscissa, drawn as grey bands behind the curves.
    pub nulls: Vec<NullBand>,
    /// Points to mark on curves, e.g. where 95 % of the accuracy are reached.
    pub marks: Vec<CurveMark>,
    /// How to read the picture, where the usual words do not do.
    pub reading: String,
    /// Whether the picture is as wide as one column of a journal instead of one and a half.
    pub narrow: bool,
}

/// What chance reaches along a curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NullBand {
    /// Name in the legend, e.g. `95 % of shuffled stimuli`; bands of the same name share an entry.
    pub label: String,
    /// Abscissa and range.
    pub points: Vec<(f64, Interval)>,
}

/// A marked point of a curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurveMark {
    /// Place of the curve among the series.
    pub series: usize,
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// What is reached there, e.g. `95 %`; each of them has a marker of its own, explained below the axis.
    pub label: String,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend.
    pub label: String,
    /// Points in drawing order.
    pub points: Vec<CurvePoint>,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CurvePoint {
    /// Abscissa.
    pub x: f64,
    /// Ordinate; NaN leaves a gap.
    pub y: f64,
    /// 95 % confidence interval of the ordinate.
    pub ci95: Option<Interval>,
}

impl From<(f64, f64)> for CurvePoint {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y, ci95: None }
    }
}

impl Figure for Curves {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!("Line chart of {} against {}. ", self.y_label, self.x_label);
        for series in &self.series {
            let ends = (series.points.first(), series.points.last());
            let (Some(first), Some(last)) = ends else {
                continue;
            };
            text += &format!(
                "{}: {} at {}, {} at {}",
                series.label,
                self.y_unit.show(first.y),
                decimal(first.x),
                self.y_unit.show(last.y),
                decimal(last.x)
            );
            if let Some((low, high)) = range(series.points.iter().map(|p| p.y)) {
                text += &format!(
                    ", between {} and {} throughout",
                    self.y_unit.show(low),
                    self.y_unit.show(high)
                );
            }
            text += ". ";
        }
        for (label, value) in &self.references {
            text += &format!("Dashed line: {label}, {}. ", self.y_unit.show(*value));
        }
        if let Some((x, why)) = &self.chosen {
            text += &format!("Marked: {} = {}, {why}. ", self.x_label, decimal(*x));
        }
        for mark in &self.marks {
            let series = self.series.get(mark.series);
            text += &format!(
                "{}: {} at {} = {}. ",
                series.map_or("", |s| &s.label),
                mark.label,
                self.x_label,
                decimal(mark.x)
            );
        }
        for band in &self.nulls {
            if let Some((x, ci)) = band.points.last() {
                text += &format!(
                    "Grey band: {}, {} to {} at {}. ",
                    band.label,
                    self.y_unit.show(ci.low),
                    self.y_unit.show(ci.high),
                    decimal(*x)
                );
            }
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        if !self.reading.is_empty() {
            return &self.reading;
        }
        "Follow each line from left to right; a shaded band is the 95 % confidence interval. \
         Horizontal dashed lines are values to compare with; a vertical one marks the choice that was made."
    }

    fn svg(&self) -> Svg {
        let (width, height) = if self.narrow {
            (336.0, 170.0)
        } else {
            (560.0, 230.0)
        };
        let names: Vec<Vec<String>> = self
            .references
            .iter()
            .map(|(name, _)| wrap(name, TICK, 150.0))
            .collect();
        let references = names
            .iter()
            .flatten()
            .map(|line| text_width(line, TICK))
            .fold(0.0, f64::max);
        let (left, right) = (
            BESIDE,
            width
                - 14.0
                - if references > 0.0 {
                    references + 10.0
                } else {
                    0.0
                },
        );
        // As many columns of the legend as its longest name leaves room for.
        let entry = 45.0
            + self
                .series
                .iter()
                .map(|series| text_width(&series.label, TICK))
                .fold(0.0, f64::max);
        let legend_left = if self.narrow { 8.0 } else { left };
        let columns = (((width - 8.0 - legend_left) / entry) as usize).clamp(1, 3);
        let legend_rows = if self.series.len() > 1 {
            self.series.len().div_ceil(columns)
        } else {
            0
        };
        let mut bands: Vec<&str> = self.nulls.iter().map(|band| band.label.as_str()).collect();
        bands.dedup();
        let bands: Vec<_> = bands
            .into_iter()
            .map(|name| (Sign::Area("null"), name))
            .collect();
        let mut canvas = Canvas::new(width, 0.0);
        let keyed = key(
            &mut canvas,
            (legend_left, width - 8.0),
            2.0 + 20.0 * legend_rows as f64,
            &bands,
        );
        let top = keyed + if self.chosen.is_some() { 24.0 } else { 10.0 };
        let bottom = top + height;
        let points = || self.series.iter().flat_map(|s| &s.points);
        let placeable = |p: &&CurvePoint| self.x_spacing == Spacing::Linear || p.x > 0.0;
        let x = range(points().filter(placeable).map(|p| p.x)).unwrap_or((f64::NAN, f64::NAN));
        let ys =
            points().flat_map(|p| [Some(p.y), p.ci95.map(|ci| ci.low), p.ci95.map(|ci| ci.high)]);
        let bands = self.nulls.iter().flat_map(|band| &band.points);
        let ys = ys
            .flatten()
            .chain(bands.flat_map(|(_, ci)| [ci.low, ci.high]));
        let (low, high) =
            range(ys.chain(self.references.iter().map(|r| r.1))).unwrap_or((0.0, 1.0));
        let room = 0.06 * (high - low);

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
            &Axis::linear(&self.y_label, (low - room, high + room), self.y_unit),
        );
        for band in &self.nulls {
            let place = |x: f64, y: f64| (frame.x.at(x), frame.y.at(y));
            let upper = band.points.iter().map(|(x, ci)| place(*x, ci.high));
            let lower = band.points.iter().rev().map(|(x, ci)| place(*x, ci.low));
            let band = upper.chain(lower).collect::<Vec<_>>();
            // Bands that lie on each other are together as dark as one.
            let share = 0.8 / self.nulls.len() as f64;
            canvas.group(&format!("opacity=\"{share:.2}\""), |canvas| {
                canvas.polygon("null", &band);
            });
        }
        for ((_, value), lines) in self.references.iter().zip(&names) {
            let y = frame.y.at(*value);
            canvas.line("chance", (left, y), (right, y));
            canvas.label("note", (right + 6.0, y), Anchor::Start, TICK, lines);
        }
        if let Some((chosen, why)) = &self.chosen {
            let at = frame.x.at(*chosen);
            canvas.line("chance", (at, top - 2.0), (at, bottom));
            let half = text_width(why, TICK) / 2.0;
            canvas.text(
                "note",
                (at.max(half + 4.0).min(width - half - 4.0), top - 8.0),
                Anchor::Middle,
                why,
            );
        }
        for (i, series) in self.series.iter().enumerate() {
            let colour = i % SERIES;
            let place = |x: f64, y: f64| (frame.x.at(x), frame.y.at(y));
            let with_ci: Vec<_> = series
                .points
                .iter()
                .filter_map(|p| p.ci95.map(|ci| (p.x, ci)))
                .collect();
            let upper = with_ci.iter().map(|(x, ci)| place(*x, ci.high));
            let lower = with_ci.iter().rev().map(|(x, ci)| place(*x, ci.low));
            canvas.polygon(
                &format!("band{colour}"),
                &upper.chain(lower).collect::<Vec<_>>(),
            );
            let line: Vec<_> = series.points.iter().map(|p| place(p.x, p.y)).collect();
            canvas.polyline(&format!("stroke{colour}"), &line);
            let size = if self.narrow && series.points.len() > 16 {
                2.0
            } else {
                3.5
            };
            // Markers tell few points apart; on a dense curve they would hide it.
            if series.points.len() <= 40 {
                for (point, at) in series.points.iter().zip(line) {
                    let ci = ci_words(point.ci95, self.y_unit);
                    let hint = format!(
                        "{}: {} at {} = {}{ci}",
                        series.label,
                        self.y_unit.show(point.y),
                        self.x_label,
                        decimal(point.x)
                    );
                    canvas.hinted(&hint, |canvas| {
                        canvas.marker(&format!("fill{colour}"), i, at, size);
                    });
                }
            }
            if legend_rows > 0 {
                let (x, y) = (
                    legend_left + (right - legend_left) / columns as f64 * (i % columns) as f64,
                    12.0 + 20.0 * (i / columns) as f64,
                );
                canvas.polyline(&format!("stroke{colour}"), &[(x, y), (x + 24.0, y)]);
                canvas.marker(&format!("fill{colour}"), i, (x + 12.0, y), 3.5);
                let label = shorten(&series.label, TICK, width - 4.0 - x - 31.0);
                canvas.text("note", (x + 31.0, y + 4.0), Anchor::Start, &label);
            }
        }
        let mut labels: Vec<&str> = Vec::new();
        for mark in &self.marks {
            let kind = labels.iter().position(|l| *l == mark.label);
            let kind = kind.unwrap_or_else(|| {
                labels.push(&mark.label);
                labels.len() - 1
            });
            let at = (frame.x.at(mark.x), frame.y.at(mark.y));
            let hint = format!("{} at {}", mark.label, decimal(mark.x));
            canvas.hinted(&hint, |canvas| {
                canvas.marker(&format!("hollow{}", mark.series % SERIES), kind, at, 4.5);
            });
        }
        let reached: Vec<String> = labels
            .iter()
            .map(|label| {
                let of = self.marks.iter().filter(|mark| mark.label == *label);
                let places = of.map(|mark| decimal(mark.x)).collect::<Vec<_>>();
                format!("{label} at {}", places.join(", "))
            })
            .collect();
        let entries: Vec<_> = reached
            .iter()
            .enumerate()
            .map(|(kind, words)| (Sign::Dot("hollow5", kind), words.as_str()))
            .collect();
        let end = key(
            &mut canvas,
            (legend_left, width - 8.0),
            bottom + BELOW,
            &entries,
        );
        canvas.finish_at(end.max(bottom + BELOW))
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["series", "x", "y", "ci95_low", "ci95_high"]);
        for series in &self.series {
            for p in &series.points {
                let ci = [
                    p.ci95.map(|ci| ci.low).into(),
                    p.ci95.map(|ci| ci.high).into(),
                ];
                let [low, high] = ci;
                table.push([
                    Cell::from(series.label.as_str()),
                    p.x.into(),
                    p.y.into(),
                    low,
                    high,
                ]);
            }
        }
        table
    }
}
