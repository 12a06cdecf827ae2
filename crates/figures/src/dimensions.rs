//! What each dimension is about: the stimuli that weigh most on it and the ratings that follow it.

use crate::{
    canvas::{Anchor, Canvas, Svg, wrap},
    figure::Figure,
    scale::{Scale, Spacing, decimal, range},
    style::TICK,
    table::{Cell, Table},
};

/// The strongest stimuli of each dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct TopStimuli {
    /// The heading.
    pub title: String,
    /// Whose ratings name the dimensions, e.g. `author's intended emotions`.
    pub ratings: String,
    /// The dimensions shown.
    pub dimensions: Vec<DimensionCard>,
}

/// One dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionCard {
    /// Name of the dimension, e.g. `Dimension 3`.
    pub label: String,
    /// Ratings and their correlation with the dimension over stimuli, strongest first.
    pub related: Vec<(String, f64)>,
    /// Stimuli with their weight and caption, strongest first.
    pub stimuli: Vec<TopStimulus>,
}

/// A stimulus on a [`DimensionCard`].
#[derive(Debug, Clone, PartialEq)]
pub struct TopStimulus {
    /// Key of the stimulus.
    pub key: String,
    /// Its caption, or the key again where there is none.
    pub caption: String,
    /// Its weight on the dimension.
    pub weight: f64,
}

const WIDTH: f64 = 692.0;
const CAPTION: f64 = 372.0;
/// Left edge of the weights.
const WEIGHTS: f64 = 272.0;
const LINE: f64 = 15.0;

/// Widest name of a rating.
const NAMES: f64 = 148.0;

/// The lines of one card.
struct Layout {
    captions: Vec<Vec<String>>,
    /// Names of the ratings, with the height that each takes.
    related: Vec<(Vec<String>, f64)>,
    height: f64,
}

impl Layout {
    fn of(card: &DimensionCard) -> Self {
        let captions: Vec<_> = card
            .stimuli
            .iter()
            .map(|s| wrap(&s.caption, TICK, CAPTION))
            .collect();
        let related: Vec<_> = card
            .related
            .iter()
            .map(|(name, _)| {
                let lines = wrap(name, TICK, NAMES);
                let height = 20_f64.max(1.2 * TICK * lines.len() as f64 + 4.0);
                (lines, height)
            })
            .collect();
        let text: f64 = captions
            .iter()
            .map(|l| LINE * l.len().max(1) as f64 + 6.0)
            .sum();
        let bars = related.iter().map(|(_, height)| height).sum::<f64>() + 18.0;
        Self {
            height: 40.0 + text.max(bars),
            captions,
            related,
        }
    }
}

impl Figure for TopStimuli {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!(
            "For each dimension the stimuli that weigh most on it, and how strongly it goes with the {}. ",
            self.ratings
        );
        for card in &self.dimensions {
            let related: Vec<_> = card
                .related
                .iter()
                .map(|(name, r)| format!("{name} {}", correlation(*r)))
                .collect();
            let first = card.stimuli.first().map_or("none", |s| &s.caption);
            text += &format!(
                "{}: {}; strongest stimulus: {first} ",
                card.label,
                related.join(", ")
            );
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "Each panel is one dimension. On the right, the stimuli that weigh most on it; on the left, the ratings that follow it most closely (correlation over all stimuli, hollow bars are negative). The fit gives dimensions no names: what their strongest stimuli share does."
    }

    fn svg(&self) -> Svg {
        let cards: Vec<_> = self
            .dimensions
            .iter()
            .map(|card| (card, Layout::of(card)))
            .collect();
        let height: f64 = cards.iter().map(|(_, layout)| layout.height + 10.0).sum();
        let mut canvas = Canvas::new(WIDTH, height.max(10.0));
        let mut top = 0.0;
        let strongest = self
            .dimensions
            .iter()
            .flat_map(|c| &c.related)
            .map(|(_, r)| r.abs());
        let reach = range(strongest).map_or(1.0, |(_, high)| high.max(0.3));
        for (card, layout) in cards {
            let height = layout.height;
            canvas.rect("panel", (0.0, top), (WIDTH, top + height));
            canvas.text("strong", (14.0, top + 20.0), Anchor::Start, &card.label);
            canvas.text(
                "tick",
                (WEIGHTS, top + 20.0),
                Anchor::Start,
                "weight and caption of the strongest stimuli",
            );
            related(&mut canvas, card, &layout, top + 30.0, reach);
            let largest = card
                .stimuli
                .iter()
                .map(|s| s.weight)
                .fold(f64::MIN_POSITIVE, f64::max);
            let mut y = top + 38.0;
            for (stimulus, lines) in card.stimuli.iter().zip(&layout.captions) {
                canvas.hinted(
                    &format!("{}: weight {}", stimulus.key, decimal(stimulus.weight)),
                    |canvas| {
                        let length = (stimulus.weight / largest).clamp(0.0, 1.0) * 22.0;
                        canvas.rect("fill0", (WEIGHTS, y - 8.0), (WEIGHTS + length, y));
                        for (k, line) in lines.iter().enumerate() {
                            canvas.text(
                                "note",
                                (WEIGHTS + 30.0, y + LINE * k as f64),
                                Anchor::Start,
                                line,
                            );
                        }
                    },
                );
                y += LINE * lines.len().max(1) as f64 + 6.0;
            }
            top += height + 10.0;
        }
        canvas.finish()
    }

    fn table(&self) -> Table {
        let mut table = Table::new(["dimension", "kind", "rank", "name", "value", "caption"]);
        for card in &self.dimensions {
            for (rank, (name, r)) in card.related.iter().enumerate() {
                table.push([
                    Cell::from(card.label.as_str()),
                    "correlation".into(),
                    (rank + 1).into(),
                    name.as_str().into(),
                    (*r).into(),
                    Cell::Missing,
                ]);
            }
            for (rank, s) in card.stimuli.iter().enumerate() {
                table.push([
                    Cell::from(card.label.as_str()),
                    "weight".into(),
                    (rank + 1).into(),
                    s.key.as_str().into(),
                    s.weight.into(),
                    s.caption.as_str().into(),
                ]);
            }
        }
        table
    }
}

fn correlation(r: f64) -> String {
    if r.is_finite() {
        format!("{r:.2}").replace('-', "−")
    } else {
        "n/a".into()
    }
}

/// Bars to the right of the names for positive correlations, hollow ones for negative.
fn related(canvas: &mut Canvas, card: &DimensionCard, layout: &Layout, top: f64, reach: f64) {
    let scale = Scale::new(0.0, reach, (168.0, 222.0), Spacing::Linear);
    let mut below = top;
    for ((_, r), (lines, height)) in card.related.iter().zip(&layout.related) {
        let y = below + (height - 4.0) / 2.0;
        below += height;
        let class = if *r < 0.0 { "hollow2" } else { "fill2" };
        canvas.label("note", (162.0, y), Anchor::End, TICK, lines);
        canvas.rect(
            class,
            (scale.at(0.0), y - 5.0),
            (scale.clamped(r.abs()), y + 5.0),
        );
        canvas.text(
            "tick",
            (scale.clamped(r.abs()) + 5.0, y + 4.0),
            Anchor::Start,
            &correlation(*r),
        );
    }
}
