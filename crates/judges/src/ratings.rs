//! Agents that judge by human ratings as noisy as the raters were.
//!
//! A table of ratings by itself is a [`FeatureJudge`](crate::FeatureJudge): category proportions
//! under the cosine without centring, dimension means centred at the midpoint of their scale. Its
//! choices are noise-free, so an embedding of them has a ceiling of 100 % that no panel of people
//! would reach. [`RaterNoiseJudge`] draws a new panel of raters from the published figures instead.

use crate::choice::{ChoiceRule, ChoiceRuleError};
use crate::judge::{Judge, JudgeDescription, Judgment, trial_stream};
use crate::similarity::{Centring, Column, Metric, MidpointError};
use emotome_stats::random::{CounterRng, Seed, mix};
use emotome_triplets::{Outcome, Trial};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a number in the table is, and how it varies between panels of raters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scale", rename_all = "kebab-case")]
pub enum RatingScale {
    /// The share of raters who named the category: redrawn as Binomial(raters, share) / raters.
    Proportions {
        /// Raters per stimulus, 1 to 1000; about 12 for Cowen & Keltner (2017).
        raters: u32,
    },
    /// The mean rating: redrawn as Normal(mean, sd² / raters), kept within the scale.
    ///
    /// Near the ends of the scale raters cannot differ that much, so sd is capped at the largest
    /// value that the mean allows, √((high − mean)(mean − low)) (Bhatia & Davis 2000,
    /// doi:10.2307/2589180).
    Means {
        /// Raters per stimulus, 1 to 1000; 9 for the dimensions of Cowen & Keltner (2017), whose
        /// means are multiples of 1/9.
        raters: u32,
        /// Standard deviation between raters of one stimulus, in units of the scale. Seldom
        /// published: state what you assume.
        rater_sd: f64,
        /// Lowest rating possible.
        low: f64,
        /// Highest rating possible.
        high: f64,
    },
}

/// How long a panel of raters stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Panel {
    /// Every trial is judged by new raters: all noise is trial noise.
    PerTrial,
    /// Trials of one replicate number share a panel: its sampling error is part of the geometry,
    /// as in a published table, and repeats in the same order tell it apart (other orders of a
    /// triplet have the same replicate number, and so the same panel).
    PerReplicate,
}

/// Parameters of an agent with rater noise; all are visible because papers leave most unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RaterNoiseParams {
    /// What the numbers are.
    pub ratings: RatingScale,
    /// How long a panel stays.
    pub panel: Panel,
    /// The similarity of two redrawn rows. Where it is undefined, because a panel named no
    /// category at all, it is 0: the stimuli share nothing.
    pub metric: Metric,
    /// Centring, from the published table (not from each panel).
    pub centring: Centring,
    /// How the panel's similarities become an answer.
    pub choice: ChoiceRule,
}

/// Why ratings cannot be redrawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RatingError {
    /// A rating lies outside its scale, or is missing.
    #[error(
        "rating {value} of stimulus {row}, column {column} (counted from 0) is not between {low} and \
         {high}; {hint}"
    )]
    OffScale {
        /// Row of the rating.
        row: usize,
        /// Column of the rating.
        column: usize,
        /// The rating found.
        value: f64,
        /// Lowest rating possible.
        low: f64,
        /// Highest rating possible.
        high: f64,
        /// What to do.
        hint: &'static str,
    },
    /// Fewer than three stimuli or no column.
    #[error(
        "the table has {rows} stimuli and {columns} columns; at least 3 stimuli and 1 column are needed"
    )]
    TooSmall {
        /// Rows of the table.
        rows: usize,
        /// Columns of the table.
        columns: usize,
    },
    /// A panel without raters, or too large a one.
    #[error("{found} raters per stimulus asked for; expected 1 to 1000")]
    Raters {
        /// The number found.
        found: u32,
    },
    /// The scale or the standard deviation makes no sense.
    #[error(
        "scale {low} to {high} with standard deviation {rater_sd} between raters: expected finite low < high and a standard deviation of at least 0"
    )]
    Scale {
        /// Lowest rating.
        low: f64,
        /// Highest rating.
        high: f64,
        /// Standard deviation between raters.
        rater_sd: f64,
    },
    /// The midpoint of the centring is not finite.
    #[error(transparent)]
    Midpoint(#[from] MidpointError),
    /// The choice rule has an impossible parameter.
    #[error(transparent)]
    Choice(#[from] ChoiceRuleError),
}

/// Judges each trial by ratings redrawn from a panel of raters.
///
/// A parametric bootstrap: the published figures stand for the truth, columns are drawn
/// independently, and a unanimous rating (0 or 1, an end of the scale) never varies. Two redrawn
/// panels so disagree a little less than two real ones at the ends, and a redrawn panel is further
/// from the truth than a real one, by the sampling error of the published figures.
///
/// O(d) random numbers per trial, at most one per rating above zero.
#[derive(Debug, Clone)]
pub struct RaterNoiseJudge {
    ratings: Array2<f64>,
    columns: Vec<Column>,
    params: RaterNoiseParams,
    seed: Seed,
    panels: Seed,
    draws: Seed,
}

impl RaterNoiseJudge {
    /// An agent that redraws `ratings`, n × d.
    ///
    /// # Errors
    /// [`RatingError`] names the first rating off its scale, or the parameter that cannot be.
    pub fn new(
        ratings: ArrayView2<'_, f64>,
        params: RaterNoiseParams,
        seed: Seed,
    ) -> Result<Self, RatingError> {
        let (rows, columns) = ratings.dim();
        if rows < 3 || columns == 0 {
            return Err(RatingError::TooSmall { rows, columns });
        }
        let (raters, low, high) = match params.ratings {
            RatingScale::Proportions { raters } => (raters, 0.0, 1.0),
            RatingScale::Means {
                raters,
                rater_sd,
                low,
                high,
            } => {
                let sane = low.is_finite() && high.is_finite() && low < high;
                if !(sane && rater_sd >= 0.0 && rater_sd.is_finite()) {
                    return Err(RatingError::Scale {
                        low,
                        high,
                        rater_sd,
                    });
                }
                (raters, low, high)
            }
        };
        if !(1..=1000).contains(&raters) {
            return Err(RatingError::Raters { found: raters });
        }
        if let Some(((row, column), &value)) = ratings
            .indexed_iter()
            .find(|(_, v)| !(low..=high).contains(*v))
        {
            let hint = match params.ratings {
                RatingScale::Proportions { .. } => {
                    "proportions are counts divided by raters: divide percentages by 100, drop rows with gaps"
                }
                RatingScale::Means { .. } => "give the true ends of the scale, drop rows with gaps",
            };
            return Err(RatingError::OffScale {
                row,
                column,
                value,
                low,
                high,
                hint,
            });
        }
        params.choice.check()?;
        Ok(Self {
            columns: params.centring.columns(ratings)?,
            ratings: ratings.as_standard_layout().into_owned(),
            params,
            seed,
            panels: seed.derive("rater panel"),
            draws: seed.derive("rater choice"),
        })
    }

    /// The centred ratings that the panel of this trial gives to one of its stimuli.
    fn redraw(&self, stimulus: u32, trial: &Trial) -> Vec<f64> {
        let stream = match self.params.panel {
            Panel::PerTrial => trial_stream(trial) ^ mix(u64::from(stimulus)),
            Panel::PerReplicate => u64::from(stimulus) << 16 | u64::from(trial.replicate),
        };
        let mut rng = CounterRng::new(self.panels, stream);
        let ratings = self.ratings.row(stimulus as usize);
        ratings
            .iter()
            .zip(&self.columns)
            .map(|(&rating, column)| {
                let redrawn = match self.params.ratings {
                    RatingScale::Proportions { raters } => {
                        f64::from(binomial(raters, rating, &mut rng)) / f64::from(raters)
                    }
                    RatingScale::Means {
                        raters,
                        rater_sd,
                        low,
                        high,
                    } => {
                        let widest = ((high - rating) * (rating - low)).max(0.0).sqrt();
                        let se = rater_sd.min(widest) / f64::from(raters).sqrt();
                        (rating + se * rng.normal()).clamp(low, high)
                    }
                };
                column.apply(redrawn)
            })
            .collect()
    }
}

/// A binomial number by inversion, for at most 1000 trials; exact at p = 0 and p = 1.
fn binomial(trials: u32, p: f64, rng: &mut CounterRng) -> u32 {
    if p <= 0.0 {
        return 0;
    }
    if p > 0.5 {
        return trials - binomial(trials, 1.0 - p, rng);
    }
    let odds = p / (1.0 - p);
    let u = rng.uniform();
    // At p ≤ 1/2 and 1000 trials the first term is at least 2^-1000, a normal double.
    let mut term = (1.0 - p).powi(trials as i32);
    let mut below = term;
    let mut k = 0;
    while u >= below && k < trials {
        term *= odds * f64::from(trials - k) / f64::from(k + 1);
        below += term;
        k += 1;
    }
    k
}

impl Judge for RaterNoiseJudge {
    fn describe(&self) -> JudgeDescription {
        JudgeDescription::new("rater-noise", Some(self.seed)).with("parameters", json!(self.params))
    }

    fn n_stimuli(&self) -> usize {
        self.ratings.nrows()
    }

    fn judge(&self, trial: &Trial) -> Judgment {
        let [a, b, c] = trial.triplet.items().map(|id| self.redraw(id.0, trial));
        // Single precision, as in `Similarities`: rounding errors must not break ties.
        let similarities = [(&b, &c), (&a, &c), (&a, &b)].map(|(x, y)| {
            let similarity = self.params.metric.between(x, y) as f32;
            if similarity.is_nan() {
                0.0
            } else {
                f64::from(similarity)
            }
        });
        match self.params.choice.probabilities(similarities) {
            // These are the probabilities given the panel, not those of the agent.
            Some(p) => Judgment {
                probabilities: None,
                ..Judgment::draw(p, || CounterRng::new(self.draws, trial_stream(trial)))
            },
            None => Judgment::without_choice(Outcome::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Split, Triplet};
    use ndarray::array;

    fn proportions(panel: Panel) -> RaterNoiseParams {
        RaterNoiseParams {
            ratings: RatingScale::Proportions { raters: 12 },
            panel,
            metric: Metric::Cosine,
            centring: Centring::None,
            choice: ChoiceRule::default(),
        }
    }

    fn trial(items: [u32; 3], replicate: u16) -> Trial {
        let triplet = Triplet::new(items.map(StimulusId)).unwrap();
        Trial {
            number: 0,
            triplet,
            replicate,
            split: Split::Ceiling,
        }
    }

    #[test]
    fn binomial_draws_have_the_right_mean_and_variance() {
        let mut rng = CounterRng::new(Seed(3), 0);
        for p in [0.0, 1.0 / 12.0, 0.5, 0.9, 1.0] {
            let draws: Vec<f64> = (0..40_000)
                .map(|_| f64::from(binomial(12, p, &mut rng)))
                .collect();
            let mean = draws.iter().sum::<f64>() / 4e4;
            let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 4e4;
            let expected = 12.0 * p * (1.0 - p);
            assert!(
                (mean - 12.0 * p).abs() <= 4.0 * (expected / 4e4).sqrt(),
                "{p}: mean {mean}"
            );
            assert!(
                (variance - expected).abs() <= 0.05 * expected,
                "{p}: variance {variance}"
            );
        }
    }

    #[test]
    fn a_panel_per_replicate_rates_a_stimulus_once_and_one_per_trial_anew() {
        let ratings = Array2::from_shape_fn((6, 5), |(i, f)| ((i + 2 * f) % 7) as f64 / 12.0);
        let fixed = RaterNoiseJudge::new(ratings.view(), proportions(Panel::PerReplicate), Seed(1))
            .unwrap();
        let rows = |judge: &RaterNoiseJudge, t| judge.redraw(1, &t);
        assert_eq!(
            rows(&fixed, trial([0, 1, 2], 0)),
            rows(&fixed, trial([5, 4, 1], 0))
        );
        assert_ne!(
            rows(&fixed, trial([0, 1, 2], 0)),
            rows(&fixed, trial([0, 1, 2], 1))
        );
        let fresh =
            RaterNoiseJudge::new(ratings.view(), proportions(Panel::PerTrial), Seed(1)).unwrap();
        assert_ne!(
            rows(&fresh, trial([0, 1, 2], 0)),
            rows(&fresh, trial([5, 4, 1], 0))
        );
    }

    #[test]
    fn a_unanimous_table_has_no_rater_noise() {
        let ratings = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]];
        let judge =
            RaterNoiseJudge::new(ratings.view(), proportions(Panel::PerTrial), Seed(1)).unwrap();
        for replicate in 0..100 {
            assert_eq!(
                judge
                    .judge(&trial([0, 2, 1], replicate))
                    .outcome
                    .chosen()
                    .unwrap()
                    .index(),
                1
            );
        }
    }

    #[test]
    fn ratings_off_their_scale_are_named() {
        let percentages = array![[0.0, 50.0], [1.0, 0.0], [0.0, 0.0]];
        let error = RaterNoiseJudge::new(percentages.view(), proportions(Panel::PerTrial), Seed(1))
            .unwrap_err();
        assert!(
            matches!(
                error,
                RatingError::OffScale {
                    row: 0,
                    column: 1,
                    ..
                }
            ),
            "{error}"
        );
        let gaps = array![[0.0, f64::NAN], [1.0, 0.0], [0.0, 0.0]];
        assert!(RaterNoiseJudge::new(gaps.view(), proportions(Panel::PerTrial), Seed(1)).is_err());
        let crowd = RaterNoiseParams {
            ratings: RatingScale::Proportions { raters: 0 },
            ..proportions(Panel::PerTrial)
        };
        let table = array![[0.0], [1.0], [0.0]];
        assert_eq!(
            RaterNoiseJudge::new(table.view(), crowd, Seed(1)).unwrap_err(),
            RatingError::Raters { found: 0 }
        );
    }

    #[test]
    fn mean_ratings_stay_on_their_scale_and_spread_as_assumed() {
        let ratings = array![[1.0, 5.0, 9.0], [2.0, 5.0, 8.0], [3.0, 5.0, 7.0]];
        let params = RaterNoiseParams {
            ratings: RatingScale::Means {
                raters: 9,
                rater_sd: 1.5,
                low: 1.0,
                high: 9.0,
            },
            centring: Centring::ScaleMidpoint(5.0),
            ..proportions(Panel::PerTrial)
        };
        let judge = RaterNoiseJudge::new(ratings.view(), params, Seed(4)).unwrap();
        let mut squares = 0.0;
        for replicate in 0..4000 {
            let row = judge.redraw(0, &trial([0, 1, 2], replicate));
            assert_eq!(
                (row[0], row[2]),
                (-4.0, 4.0),
                "a unanimous mean cannot vary"
            );
            squares += row[1] * row[1];
        }
        assert!(
            (squares / 4000.0 - 0.25).abs() < 0.03,
            "variance {}",
            squares / 4000.0
        );
    }
}
