//! Scores of models by region: bars with a dot a subject.

use crate::{
    canvas::{Anchor, Canvas, Svg, shorten, text_width},
    figure::Figure,
    frame::{Axis, BESIDE, Frame, Sign, key, notes},
    scale::{Unit, decimal, range},
    style::{NAME, SERIES},
    table::{Cell, Table},
};
use emotome_stats::interval::Interval;

/// Scores by region and model, the subjects as dots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionBars {
    /// The heading.
    pub title: String,
    /// What is scored, with its unit, e.g. `similarity of geometries (Spearman ρ)`.
    pub quantity: String,
    /// Names of the models.
    pub models: Vec<String>,
    /// The regions from left to right.
    pub regions: Vec<RegionScores>,
    /// What stars mean: the test, its family and its level, e.g. `* p < 0.05, run-block permutation, largest of all
    /// regions and models`. Without these words no star is drawn.
    pub test: String,
    /// What the grey bands are, e.g. `noise ceiling, lower to upper bound`.
    pub ceiling: String,
    /// Whether the picture is as wide as one column of a journal, 89 mm, instead of two.
    pub narrow: bool,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionScores {
    /// Its name.
    pub name: String,
    /// For each model the score of each subject; NaN for none.
    pub scores: Vec<Vec<f64>>,
    /// For each model the stars of a test; may be empty.
    pub stars: Vec<String>,
    /// The noise ceiling.
    pub ceiling: Option<Interval>,
}

fn mean(values: &[f64]) -> f64 {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    known.iter().map(|v| v / known.len() as f64).sum::<f64>() / f64::from(!known.is_empty())
}

impl RegionBars {
    /// Bars, dots, stars and ceilings of regions side by side between two corners.
    fn row(
        &self,
        canvas: &mut Canvas,
        regions: &[RegionScores],
        ((left, top), (right, bottom)): ((f64, f64), (f64, f64)),
        limits: (f64, f64),
    ) {
        let y = Axis::linear(&self.quantity, limits, Unit::Plain);
        let frame = Frame::draw(canvas, (left, top), (right, bottom), None, &y);
        let pitch = (right - left) / regions.len().max(1) as f64;
        let models = self.models.len().max(1) as f64;
        let bar = (0.8 * pitch / models).min(34.0);
        let inner = bar * models;
        let zero = frame.y.clamped(0.0);
        for (r, region) in regions.iter().enumerate() {
            let middle = left + pitch * (r as f64 + 0.5);
            if let Some(ceiling) = region.ceiling {
                canvas.rect(
                    "ceiling",
                    (middle - inner / 2.0 - 1.5, frame.y.clamped(ceiling.high)),
                    (middle + inner / 2.0 + 1.5, frame.y.clamped(ceiling.low)),
                );
            }
            for (m, scores) in region.scores.iter().enumerate().take(self.models.len()) {
                let x = middle - inner / 2.0 + bar * m as f64;
                let value = mean(scores);
                let gap = (0.08 * bar).min(1.5);
                let hint = format!("{}, {}: {}", region.name, self.models[m], decimal(value));
                canvas.hinted(&hint, |canvas| {
                    let (a, b) = ((x + gap, zero), (x + bar - gap, frame.y.at(value)));
                    canvas.rect(&format!("band{}", m % SERIES), a, b);
                    canvas.rect(&format!("rim{}", m % SERIES), a, b);
                    let known = scores.len().max(1) as f64;
                    let class = format!("fill{}", m % SERIES);
                    for (s, &score) in scores.iter().enumerate() {
                        let at = x + bar * (0.18 + 0.64 * (s as f64 + 0.5) / known);
                        let size = (0.09 * bar).clamp(1.1, 2.6);
                        canvas.marker(&class, 0, (at, frame.y.at(score)), size);
                    }
                });
                let Some(stars) = region.stars.get(m).filter(|s| !s.is_empty()) else {
                    continue;
                };
                if !self.test.is_empty() {
                    let known = scores.iter().copied().chain([value, 0.0]);
                    let highest = range(known).map_or(0.0, |r| r.1);
                    // Upright where they fit beside each other, else one below the other.
                    let at = (x + bar / 2.0, frame.y.clamped(highest) - 3.0);
                    if text_width(stars, NAME) <= bar + 1.0 {
                        canvas.text("small", at, Anchor::Middle, stars);
                    } else {
                        let at = (at.0 + 4.5, at.1);
                        canvas.turned_text("small", at, Anchor::Start, -90.0, stars);
                    }
                }
            }
        }
        canvas.line("axis", (left, zero), (right, zero));
    }

    fn subjects(&self) -> usize {
        self.regions
            .iter()
            .flat_map(|r| &r.scores)
            .map(Vec::len)
            .max()
            .unwrap_or(0)
    }
}

impl Figure for RegionBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn alt(&self) -> String {
        let mut text = format!(
            "Bars of {} in {} regions for {} models, means over {} subjects with a dot each. ",
            self.quantity,
            self.regions.len(),
            self.models.len(),
            self.subjects()
        );
        for (m, model) in self.models.iter().enumerate() {
            let means = self
                .regions
                .iter()
                .map(|r| (r, r.scores.get(m).map_or(f64::NAN, |s| mean(s))));
            let best = means
                .filter(|(_, v)| v.is_finite())
                .max_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((region, value)) = best {
                text += &format!("{model}: highest in {} ({}). ", region.name, decimal(value));
            }
        }
        if !self.test.is_empty() {
            text += &format!("Stars: {}.", self.test);
        }
        text.trim_end().to_owned()
    }

    fn how_to_read(&self) -> &str {
        "A bar is the mean over subjects, a dot one subject; dots far from each other mean that subjects disagree. Grey bands are the best that any model could reach with these data. Stars are given by the test that is named below."
    }

    fn svg(&self) -> Svg {
        let width = if self.narrow { 336.0 } else { 692.0 };
        let (left, right) = (BESIDE, width - 10.0);
        let mut canvas = Canvas::new(width, 0.0);
        let classes: Vec<String> = (0..self.models.len())
            .map(|m| format!("fill{}", m % SERIES))
            .collect();
        let mut entries: Vec<_> = classes
            .iter()
            .zip(&self.models)
            .map(|(class, name)| (Sign::Area(class.as_str()), name.as_str()))
            .collect();
        let scores = self
            .regions
            .iter()
            .flat_map(|r| r.scores.iter().flatten().copied());
        let ceilings = self.regions.iter().filter_map(|r| r.ceiling);
        let known = scores.chain(ceilings.clone().map(|c| c.low)).chain([0.0]);
        let (low, mut high) = range(known).unwrap_or((0.0, 1.0));
        // The upper bound of a few noisy subjects is near 1/√subjects, whatever they share: bars must stay readable.
        let upper = ceilings.map(|c| c.high).fold(high, f64::max);
        let cut = upper > 2.0 * high;
        if !cut {
            high = upper;
        }
        let ceiling = match cut {
            true => format!("{}, cut off above", self.ceiling),
            false => self.ceiling.clone(),
        };
        if !self.ceiling.is_empty() {
            entries.push((Sign::Area("ceiling"), &ceiling));
        }
        let mut end = key(&mut canvas, (8.0, right), 2.0, &entries);
        let spare = 0.05 * (high - low);
        let limits = (if low < 0.0 { low - spare } else { 0.0 }, high + spare);
        // Rows of equal length, so that each bar has room for its dots; all have the same ordinate.
        let models = self.models.len().max(1) as f64;
        let most = ((right - left) * 0.8 / (8.0 * models)).floor().max(1.0) as usize;
        let rows = self.regions.len().div_ceil(most).max(1);
        let per_row = self.regions.len().div_ceil(rows).max(1);
        let tall = if rows > 1 { 150.0 } else { 210.0 };
        let longest = self
            .regions
            .iter()
            .map(|r| text_width(&r.name, NAME))
            .fold(0.0, f64::max);
        let pitch = (right - left) / per_row as f64;
        let turned = longest > pitch - 4.0;
        for row in self.regions.chunks(per_row) {
            let corners = (
                (left, end + 8.0),
                (left + pitch * row.len() as f64, end + 8.0 + tall),
            );
            self.row(&mut canvas, row, corners, limits);
            let bottom = end + 8.0 + tall;
            end = bottom + 18.0;
            for (r, region) in row.iter().enumerate() {
                let middle = left + pitch * (r as f64 + 0.5);
                if turned {
                    let name = shorten(&region.name, NAME, 110.0);
                    let at = (middle + 3.5, bottom + 7.0);
                    canvas.turned_text("small", at, Anchor::End, -90.0, &name);
                } else {
                    let at = (middle, bottom + 14.0);
                    canvas.text("small", at, Anchor::Middle, &region.name);
                }
            }
            if turned {
                end = end.max(bottom + 12.0 + longest.min(110.0));
            }
        }
        let words = match !self.test.is_empty() {
            true => format!(
                "Bars: means; dots: {} subjects. Stars: {}.",
                self.subjects(),
                self.test
            ),
            false => format!("Bars: means; dots: {} subjects.", self.subjects()),
        };
        let end = notes(&mut canvas, (8.0, right), end + 2.0, &words);
        canvas.finish_at(end + 6.0)
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            "region",
            "model",
            "subject",
            "score",
            "stars",
            "ceiling_low",
            "ceiling_high",
        ]);
        for region in &self.regions {
            for (m, scores) in region.scores.iter().enumerate().take(self.models.len()) {
                for (s, &score) in scores.iter().enumerate() {
                    table.push([
                        Cell::from(region.name.as_str()),
                        self.models[m].as_str().into(),
                        (s + 1).into(),
                        score.into(),
                        region
                            .stars
                            .get(m)
                            .filter(|s| !s.is_empty())
                            .map(String::as_str)
                            .into(),
                        region.ceiling.map(|c| c.low).into(),
                        region.ceiling.map(|c| c.high).into(),
                    ]);
                }
            }
        }
        table
    }
}
