//! Roses: the weights of single stimuli on all dimensions.

use crate::{
    canvas::{Anchor, Canvas, Path, Svg, clip_lines, shorten, text_width},
    colour::{Rgb, wheel},
    figure::Figure,
    frame::notes,
    scale::{decimal, range},
    style::{NAME, TICK},
    table::{Cell, Table},
};
use std::f64::consts::TAU;

/// Roses side by side, all on one scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Petals {
    /// The heading.
    pub title: String,
    /// Names of the d dimensions, one petal each, clockwise from the top.
    pub dimensions: Vec<String>,
    /// The roses.
    pub roses: Vec<Rose>,
    /// The weight at the outer circle, the same for all; none: the largest weight shown. Longer petals are cut
    /// at the circle, and their weight is printed.
    pub reach: Option<f64>,
    /// Petals of at least this share of the outer circle carry their number; 0 counts as 0.35.
    pub labelled_from: f64,
}

/// The weights of one stimulus.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rose {
    /// Its key or caption.
    pub label: String,
    /// Its weights on the d dimensions.
    pub weights: Vec<f64>,
}

impl Petals {
    /// The weight at the outer circle.
    #[must_use]
    pub fn reach(&self) -> f64 {
        let weights = self
            .roses
            .iter()
            .flat_map(|r| r.weights.iter().map(|w| w.abs()));
        let largest = range(weights).map_or(1.0, |(_, high)| high);
        let reach = self
            .reach
            .filter(|r| r.is_finite() && *r > 0.0)
            .unwrap_or(largest);
        if reach > 0.0 { reach } else { 1.0 }
    }

    fn labelled_from(&self) -> f64 {
        if self.labelled_from > 0.0 {
            self.labelled_from
        } else {
            0.35
        }
    }

    fn name(&self, d: usize) -> &str {
        self.dimensions.get(d).map_or("", String::as_str)
    }

    /// The number of a dimension, from 1, and its name where it has one.
    fn numbered(&self, d: usize) -> String {
        format!("{} {}", d + 1, self.name(d)).trim_end().to_owned()
    }

    fn rose(
        &self,
        canvas: &mut Canvas,
        rose: &Rose,
        (x, y): (f64, f64),
        radius: f64,
        colours: &[Rgb],
    ) {
        let d = self.dimensions.len().max(1);
        let reach = self.reach();
        let at = |turn: f64, r: f64| {
            let (sin, cos) = (TAU * turn).sin_cos();
            (x + r * sin, y - r * cos)
        };
        let ring = ring(reach);
        for (class, r) in [("axis", radius), ("identity", radius * ring / reach)] {
            let circle = Path::from(at(0.0, r)).arc(r, false, true, at(0.5, r)).arc(
                r,
                false,
                true,
                at(1.0, r),
            );
            canvas.path(class, &circle.closed());
        }
        let mut numbers = Vec::new();
        for (k, &weight) in rose.weights.iter().enumerate().take(d) {
            let share = weight.abs() / reach;
            if !share.is_finite() || share < 1e-3 {
                continue;
            }
            let cut = share > 1.0 + 1e-9;
            let r = radius * share.min(1.0);
            let (from, to) = (k as f64 / d as f64, (k + 1) as f64 / d as f64);
            let sector = |inner: f64, outer: f64| {
                let large = d == 1;
                let start = Path::from(at(from, inner)).line(at(from, outer));
                let end = start
                    .arc(outer, large, true, at(to - 1e-3, outer))
                    .line(at(to - 1e-3, inner));
                if inner > 0.0 {
                    end.arc(inner, large, false, at(from, inner)).closed()
                } else {
                    end.closed()
                }
            };
            let hint = format!(
                "{}: {}{}",
                self.numbered(k),
                decimal(weight),
                if cut { ", longer than the circle" } else { "" }
            );
            canvas.hinted(&hint, |canvas| {
                if weight < 0.0 {
                    canvas.path("rim1", &sector(0.0, r));
                } else {
                    canvas.painted_path(colours[k], "petal", &sector(0.0, r));
                }
                if cut {
                    // A break in the petal, as in a broken axis.
                    canvas.path("page", &sector(0.80 * radius, 0.84 * radius));
                    canvas.path("page", &sector(0.88 * radius, 0.92 * radius));
                }
            });
            if cut || share >= self.labelled_from() {
                let text = if cut {
                    format!("{}: {}", k + 1, decimal(weight))
                } else {
                    (k + 1).to_string()
                };
                numbers.push((f64::midpoint(from, to), r, text, cut));
            }
        }
        for (turn, r, text, cut) in numbers {
            let wide = text_width(&text, NAME) / 2.0;
            let (sin, cos) = (TAU * turn).sin_cos();
            // Far enough out that a box of letters clears the petal.
            let out = r + 3.0 + (wide * sin.abs()).max(0.4 * NAME * cos.abs()) + 2.0;
            let (tx, ty) = at(turn, out);
            let class = if cut { "small bold halo" } else { "small halo" };
            canvas.text(class, (tx, ty + 0.35 * NAME), Anchor::Middle, &text);
        }
        // The ring's value stands where petals are shortest.
        let length = |k: usize| rose.weights.get(k % d).map_or(0.0, |w| w.abs());
        let crowd = |k: usize| {
            length(k + d - 1)
                .max(length(k))
                .max(length(k + 1))
                .max(length(k + d - 2))
        };
        let clear = (0..d)
            .min_by(|&a, &b| crowd(a).total_cmp(&crowd(b)))
            .unwrap_or(0);
        let (rx, ry) = at(clear as f64 / d as f64, radius * ring / reach);
        canvas.text(
            "name halo",
            (rx, ry + 0.35 * NAME),
            Anchor::Middle,
            &decimal(ring),
        );
    }
}

/// The largest of 1, 2 and 5 times a power of ten that is at most three quarters of the outer circle.
fn ring(reach: f64) -> f64 {
    let most = 0.75 * reach;
    let power = 10f64.powf(most.log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|s| s * power);
    steps
        .into_iter()
        .find(|s| *s <= most * (1.0 + 1e-9))
        .unwrap_or(power)
}

impl Figure for Petals {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let reach = self.reach();
        let mut text = format!(
            "{} rose plots of weights on {} dimensions, all with the outer circle at {}. ",
            self.roses.len(),
            self.dimensions.len(),
            decimal(reach)
        );
        for rose in &self.roses {
            let mut order: Vec<usize> = (0..rose.weights.len())
                .filter(|&k| rose.weights[k].is_finite())
                .collect();
            order.sort_by(|&a, &b| rose.weights[b].total_cmp(&rose.weights[a]));
            let largest = order
                .iter()
                .take(3)
                .map(|&k| format!("{}: {}", self.numbered(k), decimal(rose.weights[k])));
            let cut = order
                .iter()
                .filter(|&&k| rose.weights[k].abs() > reach * (1.0 + 1e-9))
                .count();
            text += &format!("{}: {}", rose.label, largest.collect::<Vec<_>>().join(", "));
            if cut > 0 {
                text += &format!("; {cut} petals are longer than the circle");
            }
            let missing = rose.weights.len() - order.len();
            if missing > 0 {
                text += &format!("; {missing} without a value");
            }
            text += ". ";
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "Each rose is one stimulus and each petal one dimension, always in the same place and colour; its length is the weight, on one scale for all \
         roses and dimensions. The dotted ring marks the weight printed on it. A petal with a break is longer than the circle, and its weight is printed."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        let columns = self.roses.len().clamp(1, 4);
        let cell = (WIDTH / columns as f64).min(240.0);
        let left = (WIDTH - cell * columns as f64) / 2.0;
        let radius = cell / 2.0 - 20.0;
        let colours = wheel(self.dimensions.len());
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let mut top = 0.0;
        for row in self.roses.chunks(columns) {
            let mut end = top;
            for (column, rose) in row.iter().enumerate() {
                let centre = (left + cell * (column as f64 + 0.5), top + cell / 2.0);
                self.rose(&mut canvas, rose, centre, radius, &colours);
                let lines = clip_lines(&rose.label, TICK, cell - 16.0, 3);
                let mut y = top + cell - 2.0;
                canvas.hinted(&rose.label, |canvas| {
                    for line in &lines {
                        y += 1.2 * TICK;
                        canvas.text("note", (centre.0, y), Anchor::Middle, line);
                    }
                });
                end = f64::max(end, y);
            }
            top = end + 12.0;
        }
        let limit = self.labelled_from() * self.reach();
        let shown = (0..self.dimensions.len())
            .filter(|&k| {
                let weights = self.roses.iter().filter_map(|r| r.weights.get(k));
                range(weights.map(|w| w.abs())).is_some_and(|(_, high)| high >= limit)
            })
            .collect::<Vec<_>>();
        let words = format!(
            "Outer circle: {}. Numbered: petals of {} and more{}.",
            decimal(self.reach()),
            decimal(limit),
            if self
                .roses
                .iter()
                .any(|r| r.weights.iter().any(|w| *w < 0.0))
            {
                "; hollow: negative"
            } else {
                ""
            }
        );
        top = notes(&mut canvas, (8.0, WIDTH - 8.0), top, &words) + 6.0;
        let room = (WIDTH - 16.0) / 3.0;
        let rows = shown.len().div_ceil(3).max(1);
        for (place, &k) in shown.iter().enumerate() {
            let (x, y) = (
                8.0 + room * (place / rows) as f64,
                top + 14.0 * (place % rows) as f64 + 10.0,
            );
            let r = 4.5;
            let square = Path::from((x, y - 8.0))
                .line((x + 2.0 * r, y - 8.0))
                .line((x + 2.0 * r, y + 1.0))
                .line((x, y + 1.0));
            canvas.painted_path(colours[k], "edge", &square.closed());
            let numbered = self.numbered(k);
            let name = shorten(&numbered, NAME, room - 24.0);
            canvas.hinted(&numbered, |canvas| {
                canvas.text("small", (x + 14.0, y), Anchor::Start, &name);
            });
        }
        canvas.finish_at(top + 14.0 * rows as f64 + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["stimulus", "dimension", "name", "weight", "outer_circle"]);
        for rose in &self.roses {
            for (k, &weight) in rose.weights.iter().enumerate() {
                table.push([
                    Cell::from(rose.label.as_str()),
                    (k + 1).into(),
                    self.name(k).into(),
                    weight.into(),
                    self.reach().into(),
                ]);
            }
        }
        table
    }
}
