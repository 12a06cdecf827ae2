//! Ratings as a model of choices: the baseline that needs no fit.

use crate::WorkflowError;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::score::{Scoring, TrialScores, score};
use emotome_stimuli::ratings::{Kind, RatingsTable};
use emotome_triplets::ChoiceSet;
use ndarray::{Array1, Axis};

/// Ratings taken for an embedding: two stimuli are as similar as the cosine of their ratings.
///
/// Affective dimensions are centred first, at the middle of their scale where it is known, else at
/// their mean; without that every pair would be similar.
#[derive(Debug, Clone)]
pub struct RatingsModel {
    /// Which ratings these are, in words.
    pub name: String,
    /// Stimuli without ratings, or with nothing but zeros: similar to none.
    pub unrated: usize,
    rows: Embedding,
}

/// Choices by which the temperature is found; more would not change its third digit.
const CALIBRATED_ON: usize = 50_000;

impl RatingsModel {
    /// A model of all scales of a kind, for each kind in the table; its rows are the stimuli.
    ///
    /// # Errors
    /// [`WorkflowError::Embedding`] for ratings that are infinite.
    pub fn of_table(table: &RatingsTable) -> Result<Vec<Self>, WorkflowError> {
        [
            (Kind::Category, "categories"),
            (Kind::Dimension, "dimensions"),
            (Kind::Unknown, "scales"),
        ]
        .into_iter()
        .map(|(kind, word)| (table.of_kind(kind), word))
        .filter(|(scales, _)| !scales.scales.is_empty())
        .map(|(scales, word)| Self::new(&scales, word))
        .collect()
    }

    /// The cosine of the ratings on all scales of a table, called `word` together.
    fn new(table: &RatingsTable, word: &str) -> Result<Self, WorkflowError> {
        let mut rows = table.values.clone();
        for ((_, scale), mut column) in table.scales.iter().zip(rows.columns_mut()) {
            if scale.kind != Kind::Category {
                let middle = match (scale.min, scale.max) {
                    (Some(low), Some(high)) => f64::midpoint(low, high),
                    _ => mean_of_present(&column.to_owned()),
                };
                column -= middle;
            }
        }
        let mut unrated = 0;
        for mut row in rows.axis_iter_mut(Axis(0)) {
            let norm = row.dot(&row).sqrt();
            if norm > 0.0 {
                row /= norm;
            } else {
                // Nothing but zeros, or a rating is missing and the norm is NaN.
                row.fill(0.0);
                unrated += 1;
            }
        }
        Ok(Self {
            name: format!("cosine of {} rated {word}", table.scales.len()),
            unrated,
            rows: Embedding::new(rows.mapv(|x| x as f32))?,
        })
    }

    /// Scores choices at the temperature with the lowest loss on training choices, on which accuracy
    /// does not depend.
    pub(super) fn score(
        &self,
        train: &ChoiceSet,
        test: &ChoiceSet,
    ) -> Result<TrialScores, WorkflowError> {
        let some = train.select(0..train.len().min(CALIBRATED_ON));
        let at = |log_temperature: f64| Scoring {
            temperature: log_temperature.exp(),
            ..Scoring::default()
        };
        let loss = |log_temperature: f64| -> Result<f64, WorkflowError> {
            let scores = score(&self.rows, &some, &at(log_temperature))?;
            Ok(-emotome_stats::summary::mean(&scores.log_likelihood))
        };
        // The loss is convex in 1/τ, so a golden section finds its minimum.
        let golden = (5_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (1e-3_f64.ln(), 1e3_f64.ln());
        let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
        let (mut at_a, mut at_b) = (loss(a)?, loss(b)?);
        for _ in 0..40 {
            if at_a < at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - golden * (high - low);
                at_a = loss(a)?;
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + golden * (high - low);
                at_b = loss(b)?;
            }
        }
        Ok(score(&self.rows, test, &at(f64::midpoint(low, high)))?)
    }
}

fn mean_of_present(column: &Array1<f64>) -> f64 {
    let present: Vec<f64> = column.iter().copied().filter(|v| !v.is_nan()).collect();
    emotome_stats::summary::mean(&present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::ratings::Scale;
    use emotome_stimuli::{StimulusId, StimulusSet};
    use emotome_triplets::{Choice, Position, Triplet};
    use ndarray::Array2;

    fn table(kind: Kind, values: Array2<f64>) -> RatingsTable {
        let scale = Scale {
            kind,
            min: Some(1.0),
            max: Some(9.0),
            ..Scale::default()
        };
        RatingsTable {
            name: "ratings".into(),
            stimuli: StimulusSet::from_labels((0..values.nrows()).map(|i| i.to_string())).unwrap(),
            scales: (0..values.ncols())
                .map(|s| (s.to_string(), scale.clone()))
                .collect(),
            values,
            description: None,
            source: None,
            licence: None,
        }
    }

    fn choice(ids: [u32; 3]) -> Choice {
        Choice {
            triplet: Triplet::new(ids.map(StimulusId)).unwrap(),
            odd: Position::Third,
        }
    }

    #[test]
    fn dimensions_are_centred_and_categories_are_not() {
        // Around 5 the first two point one way and the third the other; seen from 0, 0 and 2 are nearest.
        let values = ndarray::array![[5.1, 5.2], [6.0, 9.0], [4.9, 4.8], [f64::NAN, 5.0]];
        let choices = ChoiceSet::new(4, vec![choice([0, 1, 2])]).unwrap();
        let [dimensions] =
            &RatingsModel::of_table(&table(Kind::Dimension, values.clone())).unwrap()[..]
        else {
            panic!("one kind of scale gives one model")
        };
        assert_eq!(dimensions.unrated, 1);
        assert_eq!(dimensions.name, "cosine of 2 rated dimensions");
        assert_eq!(dimensions.score(&choices, &choices).unwrap().credit, [1.0]);
        let categories = RatingsModel::of_table(&table(Kind::Category, values)).unwrap();
        assert_eq!(
            categories[0].score(&choices, &choices).unwrap().credit,
            [0.0]
        );
    }

    #[test]
    fn the_temperature_is_that_of_the_training_choices() {
        let values = ndarray::array![[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]];
        let model = &RatingsModel::of_table(&table(Kind::Category, values)).unwrap()[0];
        // The similar pair is kept together in three of four choices.
        let mut choices = vec![choice([0, 1, 2]); 6];
        choices.extend([choice([0, 2, 1]), choice([1, 2, 0])]);
        let choices = ChoiceSet::new(3, choices).unwrap();
        let scores = model.score(&choices, &choices).unwrap();
        let p = scores.log_likelihood[0].exp();
        assert!((p - 0.75).abs() < 0.01, "{p}");
    }
}
