//! Accuracy bars between chance and the noise ceiling.

use crate::{
    canvas::{Anchor, Canvas, Svg, text_width},
    figure::Figure,
    frame::{Axis, BELOW, RowLabels, horizontal_axis},
    scale::{Scale, Spacing, Unit, count, percent, range},
    style::{LABEL, TICK},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Shares of correct predictions, one bar each.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyBars {
    /// The heading.
    pub title: String,
    /// What is counted, e.g. `held-out choices predicted`.
    pub quantity: String,
    /// The bars, from top to bottom.
    pub bars: Vec<AccuracyBar>,
    /// The share that guessing reaches; 1/3 for odd-one-out choices.
    pub chance: f64,
    /// The most that any model can reach, where it was measured.
    pub ceiling: Option<Interval>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct AccuracyBar {
    /// Whose accuracy.
    pub label: String,
    /// Share of trials, 0 to 1.
    pub value: f64,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// Trials scored.
    pub n: u64,
}

impl Figure for AccuracyBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!("Bar chart of {}. ", self.quantity);
        for bar in &self.bars {
            text += &format!(
                "{}: {}{}, n = {}. ",
                bar.label,
                percent(bar.value),
                ci_words(bar.ci95, Unit::Percent),
                count(bar.n)
            );
        }
        text += &format!("Chance is {}", percent(self.chance));
        match self.ceiling {
            Some(c) => {
                text + &format!(
                    "; the noise ceiling lies between {} and {}.",
                    percent(c.low),
                    percent(c.high)
                )
            }
            None => text + "; no noise ceiling was measured.",
        }
    }

    fn how_to_read(&self) -> &str {
        "Each bar is the share of choices predicted correctly; the whisker is its 95 % confidence interval. \
         Guessing reaches the dashed line. The grey band is where the best possible model would end: answers vary, so nothing can be right always."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const ROW: f64 = 34.0;
        const VALUES: f64 = 150.0;
        let names = self.bars.iter().map(|bar| bar.label.as_str());
        let labels = RowLabels::new(names, 200.0, (60.0, ROW));
        let (left, right) = (labels.width + 16.0, WIDTH - VALUES);
        let (top, bottom) = (40.0, 46.0 + labels.heights.iter().sum::<f64>());
        let shown = self
            .bars
            .iter()
            .flat_map(|b| [Some(b.value), b.ci95.map(|ci| ci.high)])
            .flatten();
        let highest =
            range(shown.chain(self.ceiling.map(|c| c.high))).map_or(1.0, |(_, high)| high);
        let x = Scale::new(
            0.0,
            (highest * 1.04).clamp(0.5, 1.0),
            (left, right),
            Spacing::Linear,
        );

        let chance = x.clamped(self.chance);
        let chance_label = format!("chance {}", percent(self.chance));
        let mut canvas = Canvas::new(WIDTH, bottom + BELOW);
        for tick in x.ticks(6) {
            canvas.line("grid", (x.at(tick), top), (x.at(tick), bottom));
        }
        if let Some(ceiling) = self.ceiling {
            // A ceiling without width still has to be seen.
            let (a, b) = (x.clamped(ceiling.low), x.clamped(ceiling.high));
            let widen = (3.0 - (b - a)).max(0.0) / 2.0;
            canvas.rect("ceiling", (a - widen, top), (b + widen, bottom));
            let (name, place) = ("noise ceiling", f64::midpoint(a, b));
            let apart = (text_width(name, TICK) + text_width(&chance_label, TICK)) / 2.0;
            let raised = (place - chance).abs() < apart;
            let y = top - if raised { 22.0 } else { 8.0 };
            canvas.text("note", (place, y), Anchor::Middle, name);
        }
        for (bar, (lines, middle)) in self.bars.iter().zip(labels.rows(top + 3.0)) {
            let ci = ci_words(bar.ci95, Unit::Percent);
            canvas.label("", (left - 9.0, middle), Anchor::End, LABEL, lines);
            canvas.hinted(
                &format!(
                    "{}: {}{ci}, n = {}",
                    bar.label,
                    percent(bar.value),
                    count(bar.n)
                ),
                |canvas| {
                    canvas.rect(
                        "fill0",
                        (x.at(0.0), middle - 9.0),
                        (x.clamped(bar.value), middle + 9.0),
                    );
                    if let Some(ci) = bar.ci95 {
                        let (low, high) = (x.clamped(ci.low), x.clamped(ci.high));
                        canvas.line("error", (low, middle), (high, middle));
                        canvas.line("error", (low, middle - 4.0), (low, middle + 4.0));
                        canvas.line("error", (high, middle - 4.0), (high, middle + 4.0));
                    }
                },
            );
            canvas.text(
                "strong",
                (right + 12.0, middle - 1.0),
                Anchor::Start,
                &percent(bar.value),
            );
            canvas.text(
                "tick",
                (right + 12.0, middle + TICK),
                Anchor::Start,
                &format!("n = {}", count(bar.n)),
            );
        }
        canvas.line("chance", (chance, top - 4.0), (chance, bottom));
        canvas.text("note", (chance, top - 8.0), Anchor::Middle, &chance_label);
        horizontal_axis(
            &mut canvas,
            &x,
            bottom,
            &Axis::linear(&self.quantity, (0.0, 1.0), Unit::Percent),
        );
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "label",
            "accuracy",
            "ci95_low",
            "ci95_high",
            "n",
            "chance",
            "ceiling_low",
            "ceiling_high",
        ]);
        for bar in &self.bars {
            table.push([
                Cell::from(bar.label.as_str()),
                bar.value.into(),
                bar.ci95.map(|ci| ci.low).into(),
                bar.ci95.map(|ci| ci.high).into(),
                bar.n.into(),
                self.chance.into(),
                self.ceiling.map(|c| c.low).into(),
                self.ceiling.map(|c| c.high).into(),
            ]);
        }
        table
    }
}

/// ` (95 % CI a to b)`, or nothing without an interval.
pub(crate) fn ci_words(ci: Option<Interval>, unit: Unit) -> String {
    ci.map_or_else(String::new, |ci| {
        format!(" (95 % CI {} to {})", unit.show(ci.low), unit.show(ci.high))
    })
}
