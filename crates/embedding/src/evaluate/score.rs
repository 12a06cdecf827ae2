//! Scoring one trial: probability of the choice made, and credit for predicting it.

use super::{EvaluationError, at_least, within};
use crate::{Embedding, EmbeddingError};
use emotome_stats::random::{CounterRng, Seed};
use emotome_triplets::ChoiceSet;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Accuracy of an agent that answers at random.
pub const CHANCE: f64 = 1.0 / 3.0;

/// How alike two rows x, y of an embedding are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// x · y.
    #[default]
    Dot,
    /// −‖x − y‖.
    NegativeEuclidean,
}

const LANES: usize = 8;

impl Similarity {
    /// The similarity of two rows in f64, in a fixed order of summation; O(d).
    ///
    /// Equal rows give bit-equal similarities to any third, so that ties are seen exactly.
    #[must_use]
    #[inline]
    pub fn of(self, x: &[f32], y: &[f32]) -> f64 {
        match self {
            Self::Dot => lanes(x, y, |a, b| a * b),
            Self::NegativeEuclidean => -lanes(x, y, |a, b| (a - b) * (a - b)).sqrt(),
        }
    }
}

#[inline]
fn lanes(x: &[f32], y: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (x_blocks, y_blocks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_blocks.remainder().iter().zip(y_blocks.remainder());
    for (x, y) in x_blocks.zip(y_blocks) {
        for lane in 0..LANES {
            sums[lane] += term(f64::from(x[lane]), f64::from(y[lane]));
        }
    }
    for (lane, (&x, &y)) in rest.enumerate() {
        sums[lane] += term(f64::from(x), f64::from(y));
    }
    sums.iter().sum()
}

/// What a trial earns when several pairs are equally similar.
///
/// | rule | two-way tie with the choice | three-way tie | used by |
/// | --- | --- | --- | --- |
/// | `Fair` | ½ | ⅓ | – |
/// | `SposeFirst` | 1 | 0 | SPoSE |
/// | `ViceStrict` | 0, even when only the two losers tie | 0, also when equal to 2 decimals | VICE |
/// | `ArgmaxFirst` | 1 | 1 | object-dimensions |
/// | `Random` | 1 with probability ½ | 1 with probability ⅓ | Du et al. 2025 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TieRule {
    /// Credit 1/m where m pairs share the highest similarity and the chosen pair is one of them.
    #[default]
    Fair,
    /// Published SPoSE code: a two-way tie goes to the first column, which holds the choice; a three-way tie is wrong.
    SposeFirst,
    /// Published VICE code: wrong where any two probabilities are equal, or all agree to two decimals.
    ViceStrict,
    /// Published object-dimensions code: every tie goes to the first column, which holds the choice.
    ArgmaxFirst,
    /// A random one of the tied pairs, drawn by trial number.
    Random {
        /// Seed of the draws.
        seed: u64,
    },
}

/// How trials are scored. Parameters and defaults:
///
/// | field | default | range |
/// | --- | --- | --- |
/// | `similarity` | dot product | |
/// | `temperature` | 1 | > 0 |
/// | `lapse` | 0 | 0 ≤ ε < 1 |
/// | `ties` | fair | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scoring {
    /// Similarity s of two stimuli.
    pub similarity: Similarity,
    /// τ in P(pair) ∝ exp(s/τ).
    pub temperature: f64,
    /// ε in (1 − ε) P + ε/3: the share of trials answered at random.
    pub lapse: f64,
    /// Credit for ties.
    pub ties: TieRule,
}

impl Default for Scoring {
    fn default() -> Self {
        Self {
            similarity: Similarity::Dot,
            temperature: 1.0,
            lapse: 0.0,
            ties: TieRule::Fair,
        }
    }
}

impl Scoring {
    /// Refuses parameters outside their range.
    ///
    /// # Errors
    /// [`EvaluationError::Parameter`] names the parameter.
    pub fn check(&self) -> Result<(), EvaluationError> {
        let (t, e) = (self.temperature, self.lapse);
        within(
            "temperature",
            t,
            t.is_finite() && t > 0.0,
            "a positive number (1 unless the model was fitted with another)",
        )?;
        within(
            "lapse",
            e,
            (0.0..1.0).contains(&e),
            "a share from 0 to below 1",
        )
    }

    /// (1 − ε) p + ε/3.
    #[inline]
    pub(super) fn with_lapse(&self, p: f64) -> f64 {
        (1.0 - self.lapse) * p + self.lapse / 3.0
    }

    /// The probabilities of three pairs to be chosen as the similar one.
    #[inline]
    pub(super) fn probabilities(&self, similarities: [f64; 3]) -> [f64; 3] {
        let [s, t, u] = similarities;
        let top = s.max(t).max(u);
        let odds = similarities.map(|x| ((x - top) / self.temperature).exp());
        let total: f64 = odds.iter().sum();
        odds.map(|x| self.with_lapse(x / total))
    }

    /// Scores three similarities of which the first belongs to the pair chosen as similar.
    #[inline]
    pub(super) fn judge(&self, similarities: [f64; 3], trial: u64) -> Judged {
        let [s, t, u] = similarities;
        let top = s.max(t).max(u);
        let tied = similarities.iter().filter(|&&x| x == top).count() as u8;
        // Max-shifted log-softmax: no exponent is positive, none of the sums is zero.
        let excess = similarities.map(|x| (x - top) / self.temperature);
        let total: f64 = excess.iter().map(|x| x.exp()).sum();
        let log_p = excess[0] - total.ln();
        let log_likelihood = if self.lapse == 0.0 {
            log_p
        } else {
            self.with_lapse(log_p.exp()).ln()
        };
        let credit = match (self.ties, s == top) {
            (_, false) => 0.0,
            (TieRule::Fair, true) => 1.0 / f64::from(tied),
            (TieRule::SposeFirst, true) => f64::from(u8::from(tied < 3)),
            (TieRule::ViceStrict, true) => {
                let p = excess.map(|x| x.exp() / total);
                let cents = p.map(|p| (p * 100.0).round());
                let distinct = p[0] != p[1] && p[0] != p[2] && p[1] != p[2];
                let told_apart = cents[0] != cents[1] || cents[1] != cents[2];
                f64::from(u8::from(distinct && told_apart))
            }
            (TieRule::ArgmaxFirst, true) => 1.0,
            (TieRule::Random { .. }, true) if tied == 1 => 1.0,
            (TieRule::Random { seed }, true) => {
                let mut rng = CounterRng::new(Seed(seed).derive("tied trials"), trial);
                f64::from(u8::from(rng.below(u64::from(tied)) == 0))
            }
        };
        Judged {
            credit,
            log_likelihood,
            tied,
        }
    }
}

/// The score of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    pub(super) credit: f64,
    pub(super) log_likelihood: f64,
    /// How many pairs share the highest similarity: 1, 2 or 3.
    pub(super) tied: u8,
}

/// How often the most similar pair was not unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ties {
    /// Trials in which two pairs shared the highest similarity.
    pub two_way: usize,
    /// Trials in which all three pairs were equally similar.
    pub three_way: usize,
}

impl Ties {
    /// Share of `n` trials without a unique most similar pair.
    #[must_use]
    pub fn rate(self, n: usize) -> f64 {
        (self.two_way + self.three_way) as f64 / n as f64
    }
}

/// Scores trial by trial, in the order of the choices, so that models can be compared in pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialScores {
    /// Credit for predicting the choice, 0 to 1.
    pub credit: Vec<f64>,
    /// ln P(choice).
    pub log_likelihood: Vec<f64>,
    /// Ties met.
    pub ties: Ties,
}

impl TrialScores {
    /// Scores choices given the similarities of pairs ij, ik and jk of each, k being the odd one.
    ///
    /// Parallel over fixed chunks; every trial is independent of every other.
    pub(super) fn of(
        choices: &ChoiceSet,
        scoring: &Scoring,
        similarities: impl Fn([usize; 3]) -> [f64; 3] + Sync,
    ) -> Result<Self, EvaluationError> {
        scoring.check()?;
        some_choices(choices)?;
        let n = choices.len();
        let (mut credit, mut log_likelihood) = (vec![0.0; n], vec![0.0; n]);
        const CHUNK: usize = 4096;
        let ties = credit
            .par_chunks_mut(CHUNK)
            .zip(log_likelihood.par_chunks_mut(CHUNK))
            .enumerate()
            .map(|(chunk, (credit, log_likelihood))| {
                let mut ties = Ties::default();
                for (place, (credit, log_likelihood)) in
                    credit.iter_mut().zip(log_likelihood).enumerate()
                {
                    let trial = chunk * CHUNK + place;
                    let ids = choices.choices()[trial].odd_last().map(|id| id.index());
                    let judged = scoring.judge(similarities(ids), trial as u64);
                    (*credit, *log_likelihood) = (judged.credit, judged.log_likelihood);
                    ties.two_way += usize::from(judged.tied == 2);
                    ties.three_way += usize::from(judged.tied == 3);
                }
                ties
            })
            .reduce(Ties::default, |a, b| Ties {
                two_way: a.two_way + b.two_way,
                three_way: a.three_way + b.three_way,
            });
        Ok(Self {
            credit,
            log_likelihood,
            ties,
        })
    }

    /// The number of trials.
    #[must_use]
    pub fn len(&self) -> usize {
        self.credit.len()
    }

    /// Whether no trial was scored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.credit.is_empty()
    }
}

/// Scores every choice under an embedding:
/// P(pair ij | i, j, k) = exp(s_ij/τ) / (exp(s_ij/τ) + exp(s_ik/τ) + exp(s_jk/τ)).
///
/// O(n trials · d) time, 16 bytes a trial. Presented order has no influence.
///
/// # Errors
/// No choices, parameters out of range, or choices among another number of stimuli.
///
/// ```
/// use emotome_embedding::{Embedding, evaluate::score::{Scoring, score}};
/// use emotome_stimuli::StimulusId;
/// use emotome_triplets::{Choice, ChoiceSet, Position, Triplet};
/// let embedding = Embedding::new(ndarray::arr2(&[[1.0], [1.0], [0.0]]))?;
/// let triplet = Triplet::new([0, 1, 2].map(StimulusId))?;
/// let choices = ChoiceSet::new(3, vec![Choice { triplet, odd: Position::Third }])?;
/// let scores = score(&embedding, &choices, &Scoring::default())?;
/// assert_eq!(scores.credit, [1.0]);
/// let p = 1_f64.exp() / (1_f64.exp() + 2.0);
/// assert!((scores.log_likelihood[0] - p.ln()).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn score(
    embedding: &Embedding,
    choices: &ChoiceSet,
    scoring: &Scoring,
) -> Result<TrialScores, EvaluationError> {
    let rows = rows_for(embedding, choices)?;
    TrialScores::of(choices, scoring, |ids| {
        rows.similarities(scoring.similarity, ids)
    })
}

/// Refuses to evaluate nothing.
pub(super) fn some_choices(choices: &ChoiceSet) -> Result<(), EvaluationError> {
    at_least(
        1,
        choices.len(),
        "choices",
        "give a file of held-out trials",
    )
}

/// The rows of an embedding as slices.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    values: &'a [f32],
    dims: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(embedding: &'a Embedding) -> Self {
        // An embedding is row-major by construction; without dimensions there is nothing to slice.
        Self {
            values: embedding.values().as_slice().unwrap_or(&[]),
            dims: embedding.n_dims(),
        }
    }

    #[inline]
    pub(super) fn row(self, item: usize) -> &'a [f32] {
        &self.values[item * self.dims..(item + 1) * self.dims]
    }

    /// The similarities of pairs ij, ik and jk.
    #[inline]
    pub(super) fn similarities(self, of: Similarity, ids: [usize; 3]) -> [f64; 3] {
        let [i, j, k] = ids.map(|id| self.row(id));
        [of.of(i, j), of.of(i, k), of.of(j, k)]
    }
}

/// The rows of an embedding of the stimuli of these choices.
pub(super) fn rows_for<'a>(
    embedding: &'a Embedding,
    choices: &ChoiceSet,
) -> Result<Rows<'a>, EvaluationError> {
    if embedding.n_stimuli() != choices.n_stimuli() {
        return Err(EmbeddingError::StimulusCount {
            embedding: embedding.n_stimuli(),
            choices: choices.n_stimuli(),
        }
        .into());
    }
    Ok(Rows::new(embedding))
}
