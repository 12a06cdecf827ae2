//! Scores of several agents, each beside what chance and what the noise allow.

use crate::{
    accuracy::ci_words,
    canvas::{Anchor, Canvas, Svg, text_width, wrap},
    figure::Figure,
    frame::{Axis, BELOW, Sign, horizontal_axis, key, notes},
    scale::{Scale, Spacing, Unit, count, range},
    style::{LABEL, TICK},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Groups of bars, one group for each agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// The heading.
    pub title: String,
    /// What is scored, e.g. `stimuli put into their category`.
    pub quantity: String,
    /// How it is written.
    pub unit: Unit,
    /// What the chance band is, e.g. `95 % of permuted labels`.
    pub chance_note: String,
    /// What the reference band is, e.g. `the other half's ratings`; if empty, `noise ceiling`.
    pub reference_note: String,
    /// The groups, from top to bottom.
    pub groups: Vec<ScoreGroup>,
}

/// The bars of one agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScoreGroup {
    /// Name of the agent.
    pub label: String,
    /// Its bars, e.g. top-1 and top-3.
    pub bars: Vec<Score>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Score {
    /// What it is, e.g. `top-3`.
    pub label: String,
    /// The score.
    pub value: f64,
    /// Its 95 % confidence interval.
    pub ci95: Option<Interval>,
    /// The range that chance reaches.
    pub chance: Option<Interval>,
    /// The range of the score of reference, see [`Scores::reference_note`].
    pub ceiling: Option<Interval>,
    /// What it rests on.
    pub n: u64,
    /// Why the score is no evidence, e.g. that its labels come from the same ratings; such a bar is hollow.
    pub circular: Option<String>,
}

impl Scores {
    fn reference(&self) -> &str {
        match self.reference_note.as_str() {
            "" => "noise ceiling",
            note => note,
        }
    }

    fn words(&self, group: &ScoreGroup, bar: &Score) -> String {
        let show = |v: f64| self.unit.show(v);
        let mut text = format!(
            "{}, {}: {}{}",
            group.label,
            bar.label,
            show(bar.value),
            ci_words(bar.ci95, self.unit)
        );
        for (name, span) in [("chance", bar.chance), (self.reference(), bar.ceiling)] {
            if let Some(span) = span {
                text += &format!(", {name} {} to {}", show(span.low), show(span.high));
            }
        }
        text += &format!(", n = {}", count(bar.n));
        if let Some(why) = &bar.circular {
            text += &format!("; circular: {why}");
        }
        text
    }
}

impl Figure for Scores {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let bars = self
            .groups
            .iter()
            .flat_map(|g| g.bars.iter().map(|b| self.words(g, b)));
        format!(
            "Bar chart of {}. {}.",
            self.quantity,
            bars.collect::<Vec<_>>().join(". ")
        )
    }

    fn how_to_read(&self) -> &str {
        "Each bar is a score with its 95 % confidence interval. The grey band across it is what chance reaches with the same classes; the other band, named in \
         the key, is a score to compare with, where there is one. A hollow bar is circular and no evidence."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 336.0;
        const ROW: f64 = 18.0;
        let bars = || self.groups.iter().flat_map(|g| &g.bars);
        let names = bars()
            .map(|b| text_width(&b.label, TICK))
            .fold(20.0, f64::max)
            .min(110.0);
        let values = bars()
            .map(|b| text_width(&self.unit.show(b.value), TICK) * 1.08)
            .fold(0.0, f64::max);
        let (left, right) = (names + 18.0, WIDTH - values - 12.0);
        let shown = bars().flat_map(|b| {
            let high = |i: Option<Interval>| i.map(|i| i.high);
            [Some(b.value), high(b.ci95), high(b.chance), high(b.ceiling)]
        });
        let lows = bars().flat_map(|b| {
            [
                Some(b.value),
                b.ci95.map(|i| i.low),
                b.chance.map(|i| i.low),
            ]
        });
        let high = range(shown.flatten()).map_or(1.0, |(_, high)| high);
        let low = range(lows.flatten()).map_or(0.0, |(low, _)| low).min(0.0);
        let x = Scale::new(
            low,
            if high > 0.0 { 1.03 * high } else { 1.0 },
            (left, right),
            Spacing::Linear,
        );
        let mut canvas = Canvas::new(WIDTH, 0.0);
        let mut entries = vec![(Sign::Area("fill0"), "score")];
        if bars().any(|b| b.chance.is_some()) {
            entries.push((Sign::Area("null"), self.chance_note.as_str()));
        }
        if bars().any(|b| b.ceiling.is_some()) {
            entries.push((Sign::Area("ceiling"), self.reference()));
        }
        if bars().any(|b| b.circular.is_some()) {
            entries.push((Sign::Area("hollow0"), "circular"));
        }
        let top = key(&mut canvas, (8.0, WIDTH - 8.0), 2.0, &entries) + 6.0;
        let headings: Vec<Vec<String>> = self
            .groups
            .iter()
            .map(|g| wrap(&g.label, LABEL * 1.08, WIDTH - 20.0))
            .collect();
        let tall = |g: usize| {
            17.0 * headings[g].len() as f64 + ROW * self.groups[g].bars.len() as f64 + 8.0
        };
        let bottom = top + (0..self.groups.len()).map(tall).sum::<f64>();
        for tick in x.ticks(5) {
            canvas.line("grid", (x.at(tick), top), (x.at(tick), bottom));
        }
        let mut y = top;
        for (group, lines) in self.groups.iter().zip(&headings) {
            for line in lines {
                canvas.text("bold halo", (8.0, y + 13.0), Anchor::Start, line);
                y += 17.0;
            }
            let long = ROW * group.bars.len() as f64;
            canvas.line("axis", (x.at(0.0), y), (x.at(0.0), y + long));
            for bar in &group.bars {
                let middle = y + ROW / 2.0;
                let name = crate::canvas::shorten(&bar.label, TICK, names);
                canvas.text("note", (left - 7.0, middle + 4.0), Anchor::End, &name);
                canvas.hinted(&self.words(group, bar), |canvas| {
                    let band =
                        |canvas: &mut Canvas, class: &str, span: Option<Interval>, half: f64| {
                            if let Some(i) = span {
                                let (a, b) = (x.clamped(i.low), x.clamped(i.high));
                                let widen = (2.0 - (b - a)).max(0.0) / 2.0;
                                canvas.rect(
                                    class,
                                    (a - widen, middle - half),
                                    (b + widen, middle + half),
                                );
                            }
                        };
                    band(canvas, "ceiling", bar.ceiling, 8.0);
                    let class = if bar.circular.is_some() {
                        "hollow0"
                    } else {
                        "fill0"
                    };
                    canvas.rect(
                        class,
                        (x.at(0.0), middle - 5.5),
                        (x.at(bar.value), middle + 5.5),
                    );
                    band(canvas, "null edge", bar.chance, 8.0);
                    if let Some(ci) = bar.ci95 {
                        let (low, high) = (x.clamped(ci.low), x.clamped(ci.high));
                        canvas.line("error", (low, middle), (high, middle));
                        canvas.line("error", (low, middle - 3.0), (low, middle + 3.0));
                        canvas.line("error", (high, middle - 3.0), (high, middle + 3.0));
                    }
                });
                canvas.text(
                    "note bold",
                    (right + 6.0, middle + 4.0),
                    Anchor::Start,
                    &self.unit.show(bar.value),
                );
                y += ROW;
            }
            y += 8.0;
        }
        horizontal_axis(
            &mut canvas,
            &x,
            bottom,
            &Axis::linear(&self.quantity, (0.0, 1.0), self.unit),
        );
        let mut reasons: Vec<String> = Vec::new();
        for group in &self.groups {
            for why in group.bars.iter().filter_map(|b| b.circular.as_ref()) {
                let text = format!("{}: {why}.", group.label);
                if !reasons.contains(&text) {
                    reasons.push(text);
                }
            }
        }
        if !reasons.is_empty() {
            reasons.insert(0, "Circular:".into());
        }
        let sizes: Vec<u64> = bars().map(|b| b.n).collect();
        if let (Some(least), Some(most)) = (sizes.iter().min(), sizes.iter().max()) {
            reasons.insert(
                0,
                match least == most {
                    true => format!("n = {} each.", count(*most)),
                    false => format!("n from {} to {}.", count(*least), count(*most)),
                },
            );
        }
        let end = notes(
            &mut canvas,
            (8.0, WIDTH - 8.0),
            bottom + BELOW,
            &reasons.join(" "),
        );
        canvas.finish_at(end + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "agent",
            "score",
            "value",
            "ci95_low",
            "ci95_high",
            "chance_low",
            "chance_high",
            "ceiling_low",
            "ceiling_high",
            "n",
            "circular",
        ]);
        for group in &self.groups {
            for bar in &group.bars {
                let ends =
                    |i: Option<Interval>| [Cell::from(i.map(|i| i.low)), i.map(|i| i.high).into()];
                let [a, b] = ends(bar.ci95);
                let [c, d] = ends(bar.chance);
                let [e, f] = ends(bar.ceiling);
                table.push([
                    Cell::from(group.label.as_str()),
                    bar.label.as_str().into(),
                    bar.value.into(),
                    a,
                    b,
                    c,
                    d,
                    e,
                    f,
                    bar.n.into(),
                    bar.circular.as_deref().into(),
                ]);
            }
        }
        table
    }
}
