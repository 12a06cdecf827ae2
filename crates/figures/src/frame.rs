//! The frame of a plot: two labelled axes with round ticks and a quiet grid.

use crate::{
    canvas::{Anchor, Canvas, text_width, wrap},
    scale::{Scale, Spacing, Unit, tick_labels},
    style::{LABEL, NAME, TICK},
};

/// One axis before it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Axis<'a> {
    pub(crate) label: &'a str,
    pub(crate) range: (f64, f64),
    pub(crate) spacing: Spacing,
    pub(crate) unit: Unit,
}

impl<'a> Axis<'a> {
    pub(crate) const fn linear(label: &'a str, range: (f64, f64), unit: Unit) -> Self {
        Self {
            label,
            range,
            spacing: Spacing::Linear,
            unit,
        }
    }
}

/// Two scales and the rectangle between them.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) x: Scale,
    pub(crate) y: Scale,
}

impl Frame {
    /// Draws grid, axes, ticks and labels between the corners `top_left` and `bottom_right`.
    /// Without `x` the caller writes what stands below.
    pub(crate) fn draw(
        canvas: &mut Canvas,
        top_left: (f64, f64),
        bottom_right: (f64, f64),
        x: Option<&Axis<'_>>,
        y: &Axis<'_>,
    ) -> Self {
        let (left, top) = top_left;
        let (right, bottom) = bottom_right;
        let frame = Self {
            x: x.map_or_else(
                || Scale::new(0.0, 1.0, (left, right), Spacing::Linear),
                |x| Scale::new(x.range.0, x.range.1, (left, right), x.spacing),
            ),
            y: Scale::new(y.range.0, y.range.1, (bottom, top), y.spacing),
        };
        let ticks = frame.y.ticks(((bottom - top) / 45.0) as usize);
        let labels = tick_labels(&ticks, y.unit);
        for (&tick, label) in ticks.iter().zip(&labels) {
            let at = frame.y.at(tick);
            canvas.line("grid", (left, at), (right, at));
            canvas.text("tick", (left - 7.0, at + 0.35 * TICK), Anchor::End, label);
        }
        let widest = labels
            .iter()
            .map(|l| text_width(l, TICK))
            .fold(0.0, f64::max);
        match x {
            Some(x) => horizontal_axis(canvas, &frame.x, bottom, x),
            None => canvas.line("axis", (left, bottom), (right, bottom)),
        }
        canvas.line("axis", (left, top), (left, bottom));
        canvas.turned_text(
            "",
            (left - 14.0 - widest, (top + bottom) / 2.0),
            Anchor::Middle,
            -90.0,
            y.label,
        );
        frame
    }
}

/// Draws an axis with ticks below it at height `bottom`.
pub(crate) fn horizontal_axis(canvas: &mut Canvas, scale: &Scale, bottom: f64, axis: &Axis<'_>) {
    let (left, right) = scale.pixels();
    let ticks = scale.ticks((((right - left) / 80.0) as usize).max(3));
    canvas.line("axis", (left, bottom), (right, bottom));
    for (&tick, label) in ticks.iter().zip(tick_labels(&ticks, axis.unit)) {
        let at = scale.at(tick);
        canvas.line("axis", (at, bottom), (at, bottom + 4.0));
        canvas.text("tick", (at, bottom + 5.0 + TICK), Anchor::Middle, &label);
    }
    canvas.text(
        "",
        ((left + right) / 2.0, bottom + 37.0),
        Anchor::Middle,
        axis.label,
    );
}

/// Labels in a column left of rows, wrapped where they are too long for it.
#[derive(Debug)]
pub(crate) struct RowLabels {
    /// The lines of each label.
    pub(crate) lines: Vec<Vec<String>>,
    /// The width of the longest line.
    pub(crate) width: f64,
    /// The height of each row.
    pub(crate) heights: Vec<f64>,
}

impl RowLabels {
    /// Wraps labels at `most` pixels; column and rows are at least as large as `least`.
    pub(crate) fn new<'a>(
        labels: impl Iterator<Item = &'a str>,
        most: f64,
        least: (f64, f64),
    ) -> Self {
        let lines: Vec<Vec<String>> = labels.map(|label| wrap(label, LABEL, most)).collect();
        let width = lines
            .iter()
            .flatten()
            .map(|line| text_width(line, LABEL))
            .fold(least.0, f64::max);
        let heights = lines
            .iter()
            .map(|lines| least.1.max(1.2 * LABEL * lines.len() as f64 + 8.0))
            .collect();
        Self {
            lines,
            width,
            heights,
        }
    }

    /// Every label's lines with the middle of its row, below `top`.
    pub(crate) fn rows(&self, top: f64) -> impl Iterator<Item = (&[String], f64)> {
        self.lines
            .iter()
            .zip(&self.heights)
            .scan(top, |below, (lines, height)| {
                let middle = *below + height / 2.0;
                *below += height;
                Some((lines.as_slice(), middle))
            })
    }
}

/// How an entry of a key looks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign<'a> {
    /// A filled box of a class.
    Area(&'a str),
    /// The marker of a series in a class.
    Dot(&'a str, usize),
}

/// Draws a key from left to right, in as many rows as it needs; returns where it ends.
pub(crate) fn key(
    canvas: &mut Canvas,
    (left, right): (f64, f64),
    top: f64,
    entries: &[(Sign<'_>, &str)],
) -> f64 {
    const PITCH: f64 = 17.0;
    let (mut x, mut y) = (left, top + 0.5 * PITCH);
    for &(sign, words) in entries {
        for (k, line) in wrap(words, TICK, right - left - 24.0).iter().enumerate() {
            let wide = 24.0 + text_width(line, TICK);
            if (k > 0 || x + wide > right) && x > left {
                (x, y) = (left, y + PITCH);
            }
            if k == 0 {
                match sign {
                    Sign::Area(class) => canvas.rect(class, (x, y - 5.0), (x + 14.0, y + 5.0)),
                    Sign::Dot(class, series) => canvas.marker(class, series, (x + 7.0, y), 4.0),
                }
            }
            canvas.text("note", (x + 22.0, y + 4.0), Anchor::Start, line);
            x += wide + 14.0;
        }
    }
    if entries.is_empty() {
        top
    } else {
        y + 0.5 * PITCH
    }
}

/// Writes a paragraph of small letters from `top` down; returns where it ends.
pub(crate) fn notes(canvas: &mut Canvas, (left, right): (f64, f64), top: f64, text: &str) -> f64 {
    let mut y = top;
    for line in wrap(text, NAME, right - left) {
        y += 1.3 * NAME;
        canvas.text("name", (left, y), Anchor::Start, &line);
    }
    y
}

/// Room that a [`Frame`] needs below its bottom for ticks and label.
pub(crate) const BELOW: f64 = 44.0;
/// Room that a [`Frame`] needs left of it.
pub(crate) const BESIDE: f64 = 68.0;
