//! Maps of stimuli in two dimensions: coloured by blends of categories, and one for each dimension.

use crate::{
    canvas::{Anchor, Canvas, ID, Svg, clip, escape, shorten, tenth, text_width},
    colour::{Rgb, STEPS, hex, mix, sequential_step, wheel},
    figure::Figure,
    frame::notes,
    scale::{count, decimal, range},
    style::{NAME, TICK},
    table::{Cell, Table},
};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A map whose dots mix the colours of the categories that a stimulus has most of.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StimulusMap {
    /// The heading.
    pub title: String,
    /// How the places came about, e.g. `t-SNE, perplexities 5 and 30`.
    pub method: String,
    /// Keys of the n stimuli.
    pub keys: Vec<String>,
    /// Their places; those without a finite place are counted and not drawn.
    pub places: Vec<(f64, f64)>,
    /// Names of the C categories, similar ones side by side where possible: neighbours get similar hues.
    pub categories: Vec<String>,
    /// How much each stimulus has of each category, n × C, not negative.
    pub ratings: Array2<f64>,
    /// How many of a stimulus's strongest categories are mixed; 0 counts as 3.
    pub mixed: usize,
    /// Categories that are the strongest of fewer stimuli get no label; 0 labels all.
    pub labelled_from: usize,
}

/// One map for each dimension, dots coloured by weight.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DimensionMaps {
    /// The heading.
    pub title: String,
    /// How the places came about.
    pub method: String,
    /// Keys of the n stimuli.
    pub keys: Vec<String>,
    /// Their places.
    pub places: Vec<(f64, f64)>,
    /// Names of the D dimensions.
    pub dimensions: Vec<String>,
    /// Weights, n × D.
    pub weights: Array2<f64>,
    /// Whether each panel's strongest colour is its own largest weight, printed on it, instead of the largest of all.
    pub own_scales: bool,
}

/// Puts places into a square of `side` pixels without changing their proportions.
fn fit(
    places: &[(f64, f64)],
    (left, top): (f64, f64),
    (wide, tall): (f64, f64),
) -> Vec<(f64, f64)> {
    let finite = || places.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    let (x, y) = (range(finite().map(|p| p.0)), range(finite().map(|p| p.1)));
    let ((x0, x1), (y0, y1)) = (x.unwrap_or((0.0, 1.0)), y.unwrap_or((0.0, 1.0)));
    let scale = (wide / (x1 - x0)).min(tall / (y1 - y0));
    let scale = if scale.is_finite() { scale } else { 0.0 };
    let (cx, cy) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
    places
        .iter()
        .map(|p| {
            (
                left + wide / 2.0 + (p.0 - cx) * scale,
                top + tall / 2.0 - (p.1 - cy) * scale,
            )
        })
        .collect()
}

/// How many places are not finite.
fn lost(places: &[(f64, f64)]) -> usize {
    places
        .iter()
        .filter(|p| !(p.0.is_finite() && p.1.is_finite()))
        .count()
}

/// Dots as lines with round ends and next to no length (readers of PDF leave out lines without any): 14 bytes each.
fn dots(at: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    for (x, y) in at {
        if x.is_finite() && y.is_finite() {
            let _ = write!(d, "M{} {}h.1", tenth(x), tenth(y));
        }
    }
    d
}

impl StimulusMap {
    fn rating(&self, i: usize, c: usize) -> f64 {
        self.ratings
            .get((i, c))
            .copied()
            .filter(|r| r.is_finite())
            .unwrap_or(0.0)
            .max(0.0)
    }

    /// A stimulus's categories with a positive rating, strongest first.
    fn ranked(&self, i: usize) -> Vec<(usize, f64)> {
        let mut ranked: Vec<(usize, f64)> = (0..self.categories.len())
            .map(|c| (c, self.rating(i, c)))
            .filter(|(_, r)| *r > 0.0)
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked
    }

    /// The colours of the categories, around the wheel in their order.
    #[must_use]
    pub fn colours(&self) -> Vec<Rgb> {
        wheel(self.categories.len())
    }

    fn mixed(&self) -> usize {
        if self.mixed == 0 { 3 } else { self.mixed }
    }

    fn colour(&self, i: usize, colours: &[Rgb]) -> Rgb {
        let ranked = self.ranked(i);
        mix(ranked
            .iter()
            .take(self.mixed())
            .map(|&(c, r)| (colours[c], r)))
    }

    /// For each category the stimuli that have most of it.
    fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.categories.len()];
        for i in 0..self.places.len() {
            if let Some(&(c, _)) = self.ranked(i).first() {
                members[c].push(i);
            }
        }
        members
    }
}

/// The member that is closest to all others, and so never between clusters; O(m²), on at most 600 of them.
fn medoid(members: &[usize], at: &[(f64, f64)]) -> Option<(f64, f64)> {
    let every = members.len().div_ceil(600).max(1);
    let places: Vec<(f64, f64)> = members
        .iter()
        .step_by(every)
        .map(|&i| at[i])
        .filter(|p| p.0.is_finite() && p.1.is_finite())
        .collect();
    let total = |p: (f64, f64)| {
        places
            .iter()
            .map(|q| (p.0 - q.0).hypot(p.1 - q.1))
            .sum::<f64>()
    };
    let totals: Vec<f64> = places.iter().map(|&p| total(p)).collect();
    let best = (0..places.len()).min_by(|&a, &b| totals[a].total_cmp(&totals[b]))?;
    Some(places[best])
}

/// Moves labels apart: centres and half sizes in, centres out; each step is a fixed function of the last.
pub(crate) fn spread(
    labels: &mut [((f64, f64), (f64, f64))],
    (left, top): (f64, f64),
    (right, bottom): (f64, f64),
) {
    for _ in 0..400 {
        let mut moved = false;
        for a in 1..labels.len() {
            for b in 0..a {
                let ((p, h), (q, g)) = (labels[a], labels[b]);
                let (dx, dy) = (p.0 - q.0, p.1 - q.1);
                let (over_x, over_y) = (h.0 + g.0 - dx.abs(), h.1 + g.1 - dy.abs());
                if over_x <= 0.0 || over_y <= 0.0 {
                    continue;
                }
                moved = true;
                // Up and down is nearly always the shorter way for words.
                if over_y <= 1.5 * over_x {
                    let step = (over_y / 2.0 + 0.1).copysign(if dy == 0.0 { 1.0 } else { dy });
                    labels[a].0.1 += step;
                    labels[b].0.1 -= step;
                } else {
                    let step = (over_x / 2.0 + 0.1).copysign(if dx == 0.0 { 1.0 } else { dx });
                    labels[a].0.0 += step;
                    labels[b].0.0 -= step;
                }
            }
        }
        for (p, h) in labels.iter_mut() {
            p.0 = p.0.min(right - h.0).max(left + h.0);
            p.1 = p.1.min(bottom - h.1).max(top + h.1);
        }
        if !moved {
            break;
        }
    }
}

impl Figure for StimulusMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let members = self.members();
        let mut sizes: Vec<(usize, usize)> = members.iter().map(Vec::len).enumerate().collect();
        sizes.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let words = sizes.iter().filter(|s| s.1 > 0);
        let words = words.map(|&(c, n)| format!("{} {}", self.categories[c], count(n as u64)));
        format!(
            "Map of {} stimuli in two dimensions, {}; {} have no place. Stimuli by their strongest category: {}.",
            count(self.places.len() as u64),
            self.method,
            lost(&self.places),
            words.collect::<Vec<_>>().join(", ")
        )
    }

    fn how_to_read(&self) -> &str {
        "Each dot is a stimulus; close dots are similar. Its colour mixes those of the categories that it has most of, so a smooth change of colour is a \
         smooth change of feeling and a hard edge is a boundary. A name stands at the stimulus in the middle of those that have most of its category. \
         Distances between far groups mean little."
    }

    fn svg(&self) -> Svg {
        // An element for each dot carries its key; beyond this the file would be too large.
        const KEYED: usize = 2500;
        const WIDTH: f64 = 692.0;
        let (margin, tall) = (10.0, 520.0);
        let at = fit(&self.places, (margin, margin), (WIDTH - 2.0 * margin, tall));
        let colours = self.colours();
        let mut canvas = Canvas::new(WIDTH, 0.0);
        // Five bits a channel: fewer elements, and no eye sees the difference.
        let coarse = |c: Rgb| {
            c.map(|v| ((f64::from(v) / 255.0 * 31.0).round() / 31.0 * 255.0).round() as u8)
        };
        let mut by_colour: BTreeMap<Rgb, Vec<usize>> = BTreeMap::new();
        for i in 0..at.len() {
            by_colour
                .entry(coarse(self.colour(i, &colours)))
                .or_default()
                .push(i);
        }
        let size = if at.len() > 1500 { 4.6 } else { 6.0 };
        let keyed = at.len() <= KEYED;
        for (colour, members) in &by_colour {
            let attributes = format!(
                "class=\"dots\" stroke=\"{}\" stroke-width=\"{size}\" stroke-opacity=\".85\"",
                hex(*colour)
            );
            canvas.group(&attributes, |canvas| {
                if !keyed {
                    canvas.raw(&format!(
                        "<path d=\"{}\"/>",
                        dots(members.iter().map(|&i| at[i]))
                    ));
                    return;
                }
                for &i in members {
                    let d = dots([at[i]]);
                    let key = self.keys.get(i).map_or("", String::as_str);
                    if !d.is_empty() {
                        let hint = escape(&shorten(key, 10.0, 300.0));
                        canvas.raw(&format!("<path d=\"{d}\"><title>{hint}</title></path>"));
                    }
                }
            });
        }
        let members = self.members();
        let mut named = Vec::new();
        let mut unnamed = Vec::new();
        for (c, stimuli) in members.iter().enumerate() {
            match medoid(stimuli, &at) {
                Some(place) if stimuli.len() >= self.labelled_from.max(1) => {
                    let name = shorten(&self.categories[c], TICK, 170.0);
                    let half = (text_width(&name, TICK) * 0.54 + 9.0, 0.62 * TICK);
                    named.push((c, name, (place, half)));
                }
                _ => unnamed.push(format!(
                    "{} {}",
                    self.categories[c],
                    count(stimuli.len() as u64)
                )),
            }
        }
        let mut boxes: Vec<_> = named.iter().map(|n| n.2).collect();
        spread(&mut boxes, (2.0, 2.0), (WIDTH - 2.0, margin + tall + 6.0));
        for ((c, name, _), ((x, y), (half, _))) in named.iter().zip(boxes) {
            let hint = format!(
                "{}: strongest for {} stimuli",
                self.categories[*c],
                members[*c].len()
            );
            canvas.hinted(&hint, |canvas| {
                let stroke = hex(colours[*c]);
                let dot = dots([(x - half + 7.0, y)]);
                canvas.raw(&format!(
                    "<path class=\"halo dots\" style=\"stroke-width:12px\" d=\"{dot}\"/><path class=\"dots\" stroke=\"{stroke}\" stroke-width=\"9\" d=\"{dot}\"/>"
                ));
                canvas.text("note bold halo", (x - half + 14.0, y + 0.36 * TICK), Anchor::Start, name);
            });
        }
        let mut words = format!(
            "{}, {} stimuli; each dot mixes its {} strongest categories, weighted by rating.",
            self.method,
            count(self.places.len() as u64),
            self.mixed()
        );
        if !unnamed.is_empty() {
            words += &format!(
                " Without a label, with the number of stimuli that have most of it: {}.",
                unnamed.join(", ")
            );
        }
        if lost(&self.places) > 0 {
            words += &format!(" Without a place: {}.", lost(&self.places));
        }
        let end = notes(
            &mut canvas,
            (margin, WIDTH - margin),
            2.0 * margin + tall + 4.0,
            &words,
        );
        canvas.finish_at(end + 8.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "stimulus",
            "x",
            "y",
            "strongest_category",
            "rating",
            "colour",
        ]);
        let colours = self.colours();
        for (i, &(x, y)) in self.places.iter().enumerate() {
            let first = self.ranked(i).first().copied();
            table.push([
                self.keys.get(i).map_or("", String::as_str).into(),
                x.into(),
                y.into(),
                first.map(|(c, _)| self.categories[c].as_str()).into(),
                first.map(|(_, r)| r).into(),
                hex(self.colour(i, &colours)).as_str().into(),
            ]);
        }
        table
    }
}

impl DimensionMaps {
    fn weight(&self, i: usize, d: usize) -> f64 {
        self.weights.get((i, d)).copied().unwrap_or(f64::NAN)
    }

    /// The weight of the strongest colour.
    fn limit(&self, d: usize) -> f64 {
        let own = |d: usize| {
            range((0..self.places.len()).map(|i| self.weight(i, d))).map_or(0.0, |r| r.1)
        };
        if self.own_scales {
            own(d)
        } else {
            (0..self.dimensions.len()).map(own).fold(0.0, f64::max)
        }
    }
}

impl Figure for DimensionMaps {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let strongest = self.dimensions.iter().enumerate().map(|(d, name)| {
            let best = (0..self.places.len())
                .filter(|&i| self.weight(i, d).is_finite())
                .max_by(|&a, &b| self.weight(a, d).total_cmp(&self.weight(b, d)));
            match best {
                Some(i) => format!(
                    "{name}: {} at {}",
                    decimal(self.weight(i, d)),
                    self.keys.get(i).map_or("", String::as_str)
                ),
                None => format!("{name}: no value"),
            }
        });
        format!(
            "{} small maps of {} stimuli, {}, one for each dimension, dots coloured by weight. Largest weights: {}.",
            self.dimensions.len(),
            count(self.places.len() as u64),
            self.method,
            strongest.collect::<Vec<_>>().join("; ")
        )
    }

    fn how_to_read(&self) -> &str {
        "The same map once for each dimension: the stronger the colour, the more weight a stimulus has on it; grey dots have next to none. Where coloured \
         dots lie together, the dimension is a place on the map; where they are strewn, it cuts across. The largest weight stands beside each name."
    }

    fn svg(&self) -> Svg {
        const WIDTH: f64 = 692.0;
        const COLUMNS: usize = 6;
        const GAP: f64 = 8.0;
        const HEAD: f64 = 20.0;
        let columns = COLUMNS.min(self.dimensions.len().max(1));
        let side = ((WIDTH - GAP * (columns + 1) as f64) / columns as f64).min(220.0);
        let at = fit(&self.places, (3.0, 3.0), (side - 6.0, 0.86 * side - 18.0));
        let dot = if at.len() > 600 { 1.7 } else { 2.6 };
        let mut canvas = Canvas::new(WIDTH, 0.0);
        canvas.raw(&format!(
            "<defs><path id=\"{ID}-dots\" d=\"{}\"/></defs>",
            dots(at.iter().copied())
        ));
        for (d, name) in self.dimensions.iter().enumerate() {
            let (column, row) = (d % columns, d / columns);
            let x = GAP + (side + GAP) * column as f64;
            let y = HEAD + (0.86 * side + HEAD + GAP) * row as f64;
            let limit = self.limit(d);
            let most = range((0..at.len()).map(|i| self.weight(i, d))).map_or(f64::NAN, |r| r.1);
            let most = format!("max {}", decimal(most));
            let hint = format!("{name}: {most}, strongest colour {}", decimal(limit));
            canvas.hinted(&hint, |canvas| {
                let shown = clip(name, 1.1 * NAME, side - 2.0);
                canvas.text("small bold", (x + 1.0, y - 6.0), Anchor::Start, &shown);
                canvas.rect("panel", (x, y), (x + side, y + 0.86 * side));
                let corner = (x + side - 3.0, y + 0.86 * side - 4.0);
                canvas.text("name", corner, Anchor::End, &most);
            });
            let place = format!(
                "transform=\"translate({} {})\" stroke-width=\"{dot}\"",
                tenth(x),
                tenth(y)
            );
            canvas.group(&place, |canvas| {
                canvas.raw(&format!(
                    "<use href=\"#{ID}-dots\" class=\"faint\" stroke-width=\"{dot}\"/>"
                ));
                for step in 1..STEPS {
                    let members = (0..at.len()).filter(|&i| {
                        let w = self.weight(i, d);
                        w.is_finite() && limit > 0.0 && sequential_step(w, limit) == step
                    });
                    let path = dots(members.map(|i| at[i]));
                    if !path.is_empty() {
                        canvas.raw(&format!("<path class=\"dots q{step}\" d=\"{path}\"/>"));
                    }
                }
            });
        }
        let rows = self.dimensions.len().div_ceil(columns);
        let mut y = HEAD + (0.86 * side + HEAD + GAP) * rows as f64 - HEAD + 6.0;
        for k in 1..STEPS {
            let x = GAP + 13.0 * (k - 1) as f64;
            canvas.rect(&format!("q{k}"), (x, y), (x + 13.0, y + 9.0));
        }
        let bar = GAP + 13.0 * (STEPS - 1) as f64;
        let limit = match self.own_scales {
            true => "each panel's own largest weight".into(),
            false => format!("{}, the largest weight of all", decimal(self.limit(0))),
        };
        canvas.text(
            "note",
            (bar + 8.0, y + 8.5),
            Anchor::Start,
            &format!("weight, from next to 0 to {limit}"),
        );
        y = notes(&mut canvas, (GAP, WIDTH - GAP), y + 18.0, &self.method);
        canvas.finish_at(y + 8.0)
    }

    fn table(&self) -> Table {
        let head = ["stimulus", "x", "y"].into_iter().map(str::to_owned);
        let mut table = Table::new(head.chain(self.dimensions.iter().cloned()));
        for (i, &(x, y)) in self.places.iter().enumerate() {
            let key = self.keys.get(i).map_or("", String::as_str);
            let weights = (0..self.dimensions.len()).map(|d| Cell::from(self.weight(i, d)));
            table.push([key.into(), x.into(), y.into()].into_iter().chain(weights));
        }
        table
    }
}
