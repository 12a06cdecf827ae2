//! How the values of a map of the brain become colours, and the bar that says so.
//!
//! Colours are the same on light and dark pages, since they lie on the greys of the anatomy and not on the page.

use crate::{
    canvas::{Anchor, Canvas, Path, clip_lines, text_width, wrap},
    colour::{Rgb, diverging, sequential},
    outline, png,
    render::Theme,
    scale::{Scale, Spacing, Unit, decimal, range, tick_labels},
    style::{TICK, viridis},
};

/// What kind of values a map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ramp {
    /// From low to high: viridis.
    #[default]
    Sequential,
    /// Below and above zero: blue and orange, zero white.
    Diverging,
    /// In how many of so many subjects something was found; 0 is left to the anatomy.
    Replications {
        /// Subjects.
        subjects: usize,
    },
}

/// The colours of a map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Colours {
    /// What is shown, with its unit, e.g. `similarity of geometries (Spearman ρ)`.
    pub quantity: String,
    /// Which colours.
    pub ramp: Ramp,
    /// Values of the first and the last colour; those beyond have these colours too. None: from the data, with zero
    /// at an end of sequential and in the middle of diverging maps.
    pub limits: Option<(f64, f64)>,
    /// Values nearer to zero than this are not coloured.
    pub threshold: Option<f64>,
    /// A second quantity that fades colours, e.g. `1 − p` or `share of the noise ceiling`, and its values at which
    /// colours are gone and full.
    ///
    /// Results below a threshold fade instead of vanishing, and those above it are outlined: Taylor et al. (2023),
    /// doi:10.1016/j.neuroimage.2023.120138.
    pub confidence: Option<(String, (f64, f64))>,
    /// What outlines are around, e.g. `p ≤ 0.05, corrected`; none: there are no outlines.
    pub outline: Option<String>,
}

/// Colours with limits that are known.
#[derive(Debug, Clone)]
pub(crate) struct Painter<'a> {
    colours: &'a Colours,
    pub(crate) limits: (f64, f64),
    /// Whether values lie beyond either limit.
    beyond: (bool, bool),
    /// Whether values of the second quantity lie beyond those where colours are gone and full.
    beyond_confidence: (bool, bool),
}

/// Grey of gyri and of sulci.
pub(crate) const GREYS: [Rgb; 2] = [[206; 3], [176; 3]];

impl Colours {
    pub(crate) fn painter(
        &self,
        values: impl Iterator<Item = f64> + Clone,
        confidences: impl Iterator<Item = f64>,
    ) -> Painter<'_> {
        let sure = self.confidence.as_ref().zip(range(confidences));
        let data = range(values).unwrap_or((0.0, 1.0));
        let limits = match (self.limits, self.ramp) {
            (_, Ramp::Replications { subjects }) => (0.0, subjects as f64),
            (Some((low, high)), _) if low < high => (low, high),
            (_, Ramp::Diverging) => {
                let most = data.0.abs().max(data.1.abs());
                let most = if most > 0.0 { most } else { 1.0 };
                (-most, most)
            }
            // A little below zero is noise, and the first colour stands for all of it.
            _ if data.0 >= -0.1 * data.1 && data.1 > 0.0 => (0.0, data.1),
            _ if data.0 < data.1 => data,
            _ => (data.0 - 0.5, data.0 + 0.5),
        };
        Painter {
            colours: self,
            limits,
            beyond: (data.0 < limits.0, data.1 > limits.1),
            beyond_confidence: sure.map_or((false, false), |((_, (gone, full)), (low, high))| {
                (low < *gone, high > *full)
            }),
        }
    }
}

impl Painter<'_> {
    /// The colour of a value; none where the anatomy shows.
    pub(crate) fn colour(&self, value: f64) -> Option<Rgb> {
        if !value.is_finite() || self.colours.threshold.is_some_and(|t| value.abs() < t) {
            return None;
        }
        match self.colours.ramp {
            Ramp::Replications { subjects } => {
                let k = value.round().clamp(0.0, subjects as f64) as usize;
                (k > 0).then(|| replications(k, subjects))
            }
            ramp => Some(self.shade(ramp, value)),
        }
    }

    fn shade(&self, ramp: Ramp, value: f64) -> Rgb {
        // Halved, so that the widest of ranges does not overflow.
        let (low, high) = (self.limits.0 / 2.0, self.limits.1 / 2.0);
        let t = ((value / 2.0 - low) / (high - low)).clamp(0.0, 1.0);
        match ramp {
            Ramp::Diverging => diverging(Theme::Light, 2.0 * t - 1.0),
            _ => viridis(t),
        }
    }

    /// How opaque a colour is, 0 to 1.
    pub(crate) fn opacity(&self, confidence: Option<f64>) -> f64 {
        match (&self.colours.confidence, confidence) {
            (Some((_, (low, high))), Some(c)) if c.is_finite() && low < high => {
                ((c - low) / (high - low)).clamp(0.0, 1.0)
            }
            (Some(_), _) => 0.0,
            (None, _) => 1.0,
        }
    }

    /// The colour over a ground.
    pub(crate) fn over(&self, ground: Rgb, value: f64, confidence: Option<f64>) -> Rgb {
        self.colour(value).map_or(ground, |colour| {
            blend(ground, colour, self.opacity(confidence))
        })
    }

    /// Draws the bar with its words between `left` and `right`; returns where it ends.
    pub(crate) fn bar(&self, canvas: &mut Canvas, (left, right): (f64, f64), top: f64) -> f64 {
        let mut middle = f64::midpoint(left, right);
        // The highest number of an axis that points up needs room.
        let mut y = top
            + if self.colours.confidence.is_some() {
                6.0
            } else {
                0.0
            };
        if let Ramp::Replications { subjects } = self.colours.ramp {
            let subjects = subjects.clamp(1, 40);
            let wide = (28.0_f64).min((right - left) / subjects as f64);
            let start = middle - wide * subjects as f64 / 2.0;
            for k in 1..=subjects {
                let x = start + wide * (k - 1) as f64;
                canvas.painted(
                    replications(k, subjects),
                    (x, y),
                    (x + wide - 1.5, y + 12.0),
                );
                canvas.text(
                    "tick",
                    (x + wide / 2.0 - 0.75, y + 25.0),
                    Anchor::Middle,
                    &k.to_string(),
                );
            }
            y += 27.0;
        } else {
            let confidence = self.colours.confidence.as_ref();
            let rows = if confidence.is_some() { 24 } else { 1 };
            let tall = if confidence.is_some() { 54.0 } else { 12.0 };
            let share = if confidence.is_some() { 0.46 } else { 0.58 };
            let wide_bar = (share * (right - left)).min(220.0);
            // With a second quantity its numbers and its name stand at the right.
            let most = right - left - wide_bar;
            let (up, name) = match confidence.filter(|(_, (low, high))| low < high) {
                Some((name, (low, high))) => {
                    let up = Scale::new(*low, *high, (y + tall, y), Spacing::Linear);
                    let marks = marks(&up, (*low, *high), 2, self.beyond_confidence);
                    let widest = marks.iter().map(|(_, words)| text_width(words, TICK));
                    let widest = widest.fold(0.0, f64::max) + 13.0;
                    (
                        marks,
                        Some((
                            widest,
                            clip_lines(name, TICK, (most - widest).clamp(30.0, 120.0), 3),
                        )),
                    )
                }
                None => (Vec::new(), None),
            };
            let beside = name.as_ref().map_or(0.0, |(ticks, lines)| {
                let words = lines
                    .iter()
                    .map(|line| text_width(line, TICK))
                    .fold(0.0, f64::max);
                (ticks + words).min(most)
            });
            let start = middle - (wide_bar + beside) / 2.0;
            let mut pixels = Vec::new();
            for row in 0..rows {
                for column in 0..110 {
                    let t = f64::from(column) / 109.0;
                    let value = self.limits.0 * (1.0 - t) + self.limits.1 * t;
                    let opacity = 1.0 - f64::from(row) / f64::from((rows - 1).max(1));
                    let colour = self.colour(value);
                    let [r, g, b] = colour.map_or(GREYS[0], |c| blend(GREYS[0], c, opacity));
                    pixels.push([r, g, b, 255]);
                }
            }
            canvas.bitmap((start, y), (wide_bar, tall), &png::rgba_uri(110, &pixels));
            let (low, high) = self.limits;
            let along = Scale::new(low, high, (start, start + wide_bar), Spacing::Linear);
            for (at, words) in marks(&along, self.limits, 4, self.beyond) {
                canvas.line("axis", (at, y + tall), (at, y + tall + 3.5));
                canvas.text("tick", (at, y + tall + 14.5), Anchor::Middle, &words);
            }
            let x = start + wide_bar;
            for (at, words) in up {
                canvas.line("axis", (x, at), (x + 3.5, at));
                canvas.text("tick", (x + 6.0, at + 4.0), Anchor::Start, &words);
            }
            if let Some((ticks, lines)) = name {
                let first = y + tall / 2.0 + 4.0 - 6.5 * (lines.len() as f64 - 1.0);
                for (k, line) in lines.iter().enumerate() {
                    let at = (x + ticks, first + 13.0 * k as f64);
                    canvas.text("note", at, Anchor::Start, line);
                }
            }
            y += tall + 16.0;
            // The name of the axis stands below the axis where it fits.
            let half = text_width(&self.words(), TICK) / 2.0;
            let under = start + wide_bar / 2.0;
            if under - half >= left && under + half <= right {
                middle = under;
            }
        }
        for line in wrap(&self.words(), TICK, right - left) {
            y += 14.0;
            canvas.text("note", (middle, y), Anchor::Middle, &line);
        }
        if let Some(words) = &self.colours.outline {
            y += 3.0;
            let lines = clip_lines(words, TICK, right - left - 26.0, 2);
            let widest = lines
                .iter()
                .map(|line| text_width(line, TICK))
                .fold(0.0, f64::max);
            let start = f64::midpoint(left, right) - (widest + 26.0) / 2.0;
            for (k, line) in lines.iter().enumerate() {
                y += 14.0;
                if k == 0 {
                    let at = |(x, up): (f64, f64)| (start + x, y + up);
                    let path = [(18.0, -9.5), (18.0, 0.5), (0.0, 0.5)]
                        .into_iter()
                        .fold(Path::from(at((0.0, -9.5))), |path, corner| {
                            path.line(at(corner))
                        });
                    outline::draw(canvas, &path.closed(), false);
                }
                canvas.text("note", (start + 26.0, y), Anchor::Start, line);
            }
        }
        y + 4.0
    }

    /// What colours mean, in words.
    pub(crate) fn words(&self) -> String {
        let mut words = self.colours.quantity.clone();
        if let Ramp::Replications { subjects } = self.colours.ramp {
            words += &format!(" (of {subjects} subjects; grey: none)");
        }
        if let Some(threshold) = self.colours.threshold {
            words += &format!("; grey: nearer to zero than {}", decimal(threshold));
        }
        words
    }
}

/// Round values on a bar; an end that values lie beyond says so.
fn marks(
    along: &Scale,
    (low, high): (f64, f64),
    wanted: usize,
    beyond: (bool, bool),
) -> Vec<(f64, String)> {
    let ticks = along.ticks(wanted);
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * (high - low).abs();
    let mut marks: Vec<(f64, String)> = ticks
        .iter()
        .zip(tick_labels(&ticks, Unit::Plain))
        .map(|(&tick, words)| {
            let words = if tick == 0.0 { "0".to_owned() } else { words };
            let sign = match (near(tick, low), near(tick, high)) {
                (true, _) if beyond.0 => "≤ ",
                (_, true) if beyond.1 => "≥ ",
                _ => "",
            };
            (along.clamped(tick), format!("{sign}{words}"))
        })
        .collect();
    for (beyond, end, sign) in [(beyond.0, low, "≤ "), (beyond.1, high, "≥ ")] {
        if beyond && !ticks.iter().any(|&tick| near(tick, end)) {
            let (at, words) = (along.at(end), format!("{sign}{}", decimal(end)));
            // Its neighbour makes room: by width along a bar, by height up one.
            let (from, to) = along.pixels();
            let room = match from > to {
                true => 12.0,
                false => 0.6 * text_width(&words, TICK) + 14.0,
            };
            marks.retain(|(other, _)| (other - at).abs() > room);
            marks.push((at, words));
        }
    }
    marks
}

fn replications(k: usize, subjects: usize) -> Rgb {
    let last = subjects.saturating_sub(1).max(1) as f64;
    sequential(Theme::Light, 0.1 + 0.9 * (k - 1) as f64 / last)
}

/// One colour over another.
pub(crate) fn blend(ground: Rgb, colour: Rgb, opacity: f64) -> Rgb {
    let mix =
        |k: usize| f64::from(ground[k]) + opacity * (f64::from(colour[k]) - f64::from(ground[k]));
    [0, 1, 2].map(|k| mix(k).round() as u8)
}

/// The grey of the anatomy: sulci (positive curvature) are darker than gyri, and what has no curvature where the rest
/// has, the medial wall, is nearly white.
pub(crate) fn ground(curvature: Option<f64>) -> Rgb {
    match curvature {
        Some(c) if c.is_nan() => [238; 3],
        Some(c) if c > 0.0 => GREYS[1],
        _ => GREYS[0],
    }
}

/// `name value` of the strongest entries, for descriptions in words.
pub(crate) fn strongest<'a>(entries: impl Iterator<Item = (&'a str, f64)>) -> String {
    let mut entries: Vec<(&str, f64)> = entries.filter(|e| e.1.is_finite()).collect();
    entries.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let words = entries
        .iter()
        .take(5)
        .map(|(name, value)| format!("{name} {}", decimal(*value)));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_an_end_of_sequential_and_the_middle_of_diverging_maps() {
        let of = |ramp, values: &[f64]| {
            let colours = Colours {
                ramp,
                ..Colours::default()
            };
            colours
                .painter(values.iter().copied(), std::iter::empty())
                .limits
        };
        assert_eq!(of(Ramp::Sequential, &[0.1, 0.3, f64::NAN]), (0.0, 0.3));
        assert_eq!(of(Ramp::Sequential, &[-0.1, 0.3]), (-0.1, 0.3));
        assert_eq!(of(Ramp::Sequential, &[-0.01, 0.3]), (0.0, 0.3));
        assert_eq!(of(Ramp::Diverging, &[-0.1, 0.3]), (-0.3, 0.3));
        assert_eq!(of(Ramp::Replications { subjects: 5 }, &[2.0]), (0.0, 5.0));
        assert_eq!(of(Ramp::Diverging, &[]), (-1.0, 1.0));
        assert_eq!(of(Ramp::Sequential, &[0.0]), (-0.5, 0.5));
    }

    #[test]
    fn what_is_missing_weak_or_uncertain_shows_the_anatomy() {
        let colours = Colours {
            threshold: Some(0.2),
            confidence: Some(("1 − p".into(), (0.5, 1.0))),
            ..Colours::default()
        };
        let painter = colours.painter([0.0, 1.0].into_iter(), std::iter::empty());
        let grey = ground(None);
        assert_eq!(painter.over(grey, f64::NAN, Some(1.0)), grey);
        assert_eq!(painter.over(grey, 0.1, Some(1.0)), grey);
        assert_eq!(painter.over(grey, 0.9, Some(0.5)), grey);
        assert_eq!(painter.over(grey, 0.9, None), grey);
        assert_eq!(painter.over(grey, 1.0, Some(1.0)), viridis(1.0));
        assert_ne!(ground(Some(0.1)), ground(Some(-0.1)));
        assert_ne!(ground(Some(f64::NAN)), ground(None));
    }
}
