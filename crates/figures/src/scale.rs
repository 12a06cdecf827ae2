//! From values to pixels: linear and logarithmic scales, round ticks, and numbers as people write them.

/// How a scale spaces its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Equal differences are equally far apart.
    #[default]
    Linear,
    /// Equal ratios are equally far apart; values must be positive.
    Logarithmic,
}

/// How an axis writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// As they are.
    #[default]
    Plain,
    /// Shares of 1, written in percent.
    Percent,
}

impl Unit {
    /// A value for reading, e.g. `62.1 %` or `0.637`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Percent => percent(value),
            Self::Plain => decimal(value),
        }
    }
}

/// A share of 1 in percent with one decimal; number and sign stay on one line.
#[must_use]
pub fn percent(share: f64) -> String {
    if share.is_finite() {
        minus(format!("{:.1}\u{a0}%", 100.0 * share))
    } else {
        "n/a".into()
    }
}

/// A number with about three significant digits.
#[must_use]
pub fn decimal(value: f64) -> String {
    let size = value.abs();
    minus(match size {
        _ if !value.is_finite() => return "n/a".into(),
        _ if value == value.trunc() && size < 1e15 => format!("{value:.0}"),
        _ if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    })
}

/// A count with thin groups of three digits, e.g. `60,000`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest)
            if rest
                .chars()
                .all(|c| matches!(c, '0' | '.' | '\u{a0}' | '%')) =>
        {
            rest.to_owned()
        }
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A map from an interval of values to an interval of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    values: (f64, f64),
    pixels: (f64, f64),
    spacing: Spacing,
}

impl Scale {
    /// A scale over `low..=high`; an empty or impossible interval becomes one around it.
    pub(crate) fn new(low: f64, high: f64, pixels: (f64, f64), spacing: Spacing) -> Self {
        let usable =
            low.is_finite() && high.is_finite() && (spacing == Spacing::Linear || low > 0.0);
        let values = match spacing {
            _ if usable && low < high => (low, high),
            Spacing::Linear if usable => (low - 0.5, high + 0.5),
            Spacing::Logarithmic if usable => (low / 2.0, high * 2.0),
            Spacing::Linear => (0.0, 1.0),
            Spacing::Logarithmic => (1.0, 10.0),
        };
        Self {
            values,
            pixels,
            spacing,
        }
    }

    /// The pixel of a value; NaN for a value that the spacing cannot place.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let place = |v: f64| match self.spacing {
            Spacing::Linear => v,
            Spacing::Logarithmic => v.ln(),
        };
        let (low, high) = (place(self.values.0), place(self.values.1));
        self.pixels.0 + (place(value) - low) / (high - low) * (self.pixels.1 - self.pixels.0)
    }

    /// The pixel of a value, held inside the scale.
    pub(crate) fn clamped(&self, value: f64) -> f64 {
        self.at(value.clamp(self.values.0, self.values.1))
    }

    pub(crate) const fn pixels(&self) -> (f64, f64) {
        self.pixels
    }

    /// About `wanted` round values inside the scale, ascending.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let (low, high) = self.values;
        match self.spacing {
            Spacing::Linear => linear_ticks(low, high, wanted),
            Spacing::Logarithmic => {
                let within = |t: &f64| *t >= low * (1.0 - 1e-9) && *t <= high * (1.0 + 1e-9);
                let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
                let build = |steps: &[f64]| -> Vec<f64> {
                    decades
                        .clone()
                        .flat_map(|d| steps.iter().map(move |s| s * 10f64.powi(d)))
                        .filter(within)
                        .collect()
                };
                [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]]
                    .into_iter()
                    .map(build)
                    .find(|ticks| ticks.len() >= wanted.min(4))
                    .filter(|ticks| ticks.len() <= 2 * wanted.max(2))
                    .unwrap_or_else(|| linear_ticks(low, high, wanted))
            }
        }
    }
}

fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|s| *s >= rough * 0.999);
    let Some(step) = step.filter(|s| s.is_normal()) else {
        return vec![low, high];
    };
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    // Multiples of a round step, rounded once more so that 0.3 is written 0.3.
    (0..=(last - first).clamp(0.0, 1000.0) as usize)
        .map(|k| ((first + k as f64) * step / power * 100.0).round() / 100.0 * power)
        .collect()
}

/// Tick labels with as many decimals as the closest two ticks need.
pub(crate) fn tick_labels(ticks: &[f64], unit: Unit) -> Vec<String> {
    let factor = if unit == Unit::Percent { 100.0 } else { 1.0 };
    let largest = ticks.iter().fold(0.0_f64, |m, t| m.max(t.abs())) * factor;
    let suffix = if unit == Unit::Percent { "\u{a0}%" } else { "" };
    if largest >= 1e6 || (largest > 0.0 && largest < 1e-3) {
        return ticks
            .iter()
            .map(|t| minus(format!("{:.1e}{suffix}", t * factor)))
            .collect();
    }
    let exact = |decimals: usize, t: f64| {
        let shown: f64 = format!("{t:.decimals$}").parse().unwrap_or(t);
        (shown - t).abs() <= 1e-6 * largest
    };
    ticks
        .iter()
        .map(|t| t * factor)
        .map(|t| {
            let shared = (0..6)
                .find(|&d| ticks.iter().all(|u| exact(d, u * factor)))
                .unwrap_or(6);
            minus(format!("{t:.shared$}{suffix}"))
        })
        .collect()
}

/// The smallest and largest finite value, or `None` without any.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(None, |range, v| {
            Some(range.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v))))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(percent(0.6213), "62.1\u{a0}%");
        assert_eq!(percent(-0.0001), "0.0\u{a0}%");
        assert_eq!(
            [0.6371, 12.34, 1234.5, -0.5, 3.0, 1e-5, f64::NAN].map(decimal),
            ["0.637", "12.3", "1234", "−0.500", "3", "1.00e-5", "n/a"]
        );
        assert_eq!(
            [0, 999, 1000, 7_100_000].map(count),
            ["0", "999", "1,000", "7,100,000"]
        );
    }

    #[test]
    fn ticks_are_round() {
        let scale = Scale::new(0.3, 1.0, (0.0, 1.0), Spacing::Linear);
        assert_eq!(
            tick_labels(&scale.ticks(5), Unit::Percent),
            ["40\u{a0}%", "60\u{a0}%", "80\u{a0}%", "100\u{a0}%"]
        );
        let scale = Scale::new(0.001, 0.1, (0.0, 1.0), Spacing::Logarithmic);
        assert_eq!(scale.ticks(4), [0.001, 0.003, 0.01, 0.03, 0.1]);
    }

    proptest! {
        #[test]
        fn no_interval_breaks_a_scale(low in any::<f64>(), high in any::<f64>(), log: bool, wanted in 0_usize..12) {
            let spacing = if log { Spacing::Logarithmic } else { Spacing::Linear };
            let ticks = Scale::new(low, high, (0.0, 100.0), spacing).ticks(wanted);
            prop_assert!(ticks.len() <= 1001);
            prop_assert_eq!(tick_labels(&ticks, Unit::Plain).len(), ticks.len());
        }

        #[test]
        fn the_ends_of_a_scale_are_its_pixels(low in -1e6..1e6, width in 1e-3..1e6) {
            let scale = Scale::new(low, low + width, (20.0, 320.0), Spacing::Linear);
            prop_assert!((scale.at(low) - 20.0).abs() < 1e-6 && (scale.at(low + width) - 320.0).abs() < 1e-6);
        }
    }
}
