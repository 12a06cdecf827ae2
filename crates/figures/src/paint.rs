//! How the values of a map of the brain become colours, and the bar that says so.
//!
//! Colours are the same on light and dark pages, since they lie on the greys of the anatomy and not on the page.

use crate::{
    canvas::{Anchor, Canvas, wrap},
    colour::{Rgb, diverging, sequential},
    png,
    render::Theme,
    scale::{decimal, range},
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
    pub confidence: Option<(String, (f64, f64))>,
}

/// Colours with limits that are known.
#[derive(Debug, Clone)]
pub(crate) struct Painter<'a> {
    colours: &'a Colours,
    pub(crate) limits: (f64, f64),
    /// Whether values lie beyond either limit.
    beyond: (bool, bool),
}

/// Grey of gyri and of sulci.
pub(crate) const GREYS: [Rgb; 2] = [[206; 3], [176; 3]];

impl Colours {
    pub(crate) fn painter(&self, values: impl Iterator<Item = f64> + Clone) -> Painter<'_> {
        let data = range(values).unwrap_or((0.0, 1.0));
        let limits = match (self.limits, self.ramp) {
            (_, Ramp::Replications { subjects }) => (0.0, subjects as f64),
            (Some((low, high)), _) if low < high => (low, high),
            (_, Ramp::Diverging) => {
                let most = data.0.abs().max(data.1.abs());
                let most = if most > 0.0 { most } else { 1.0 };
                (-most, most)
            }
            _ if data.0 >= 0.0 && data.1 > 0.0 => (0.0, data.1),
            _ if data.0 < data.1 => data,
            _ => (data.0 - 0.5, data.0 + 0.5),
        };
        Painter {
            colours: self,
            limits,
            beyond: (data.0 < limits.0, data.1 > limits.1),
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
        let middle = f64::midpoint(left, right);
        let mut y = top;
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
            let wide_bar = (0.58 * (right - left)).min(220.0);
            let tall = if self.colours.confidence.is_some() {
                44.0
            } else {
                12.0
            };
            let start = middle - wide_bar / 2.0;
            let rows = if self.colours.confidence.is_some() {
                22
            } else {
                1
            };
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
            let ends = [
                (start, self.limits.0, self.beyond.0, "≤ "),
                (middle, self.limits.0 / 2.0 + self.limits.1 / 2.0, false, ""),
                (start + wide_bar, self.limits.1, self.beyond.1, "≥ "),
            ];
            for (x, value, beyond, sign) in ends {
                let words = format!("{}{}", if beyond { sign } else { "" }, decimal(value));
                canvas.text("tick", (x, y + tall + 13.0), Anchor::Middle, &words);
            }
            if let Some((name, (low, high))) = &self.colours.confidence {
                let x = start + wide_bar + 6.0;
                canvas.text("tick", (x, y + 9.0), Anchor::Start, &decimal(*high));
                canvas.text("tick", (x, y + tall), Anchor::Start, &decimal(*low));
                let lines = wrap(name, TICK, (start - left - 8.0).max(30.0));
                for (k, line) in lines.iter().take(3).enumerate() {
                    let at = (start - 8.0, y + 14.0 + 13.0 * k as f64);
                    canvas.text("tick", at, Anchor::End, line);
                }
            }
            y += tall + 15.0;
        }
        for line in wrap(&self.words(), TICK, right - left) {
            y += 14.0;
            canvas.text("note", (middle, y), Anchor::Middle, &line);
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
            colours.painter(values.iter().copied()).limits
        };
        assert_eq!(of(Ramp::Sequential, &[0.1, 0.3, f64::NAN]), (0.0, 0.3));
        assert_eq!(of(Ramp::Sequential, &[-0.1, 0.3]), (-0.1, 0.3));
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
        let painter = colours.painter([0.0, 1.0].into_iter());
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
