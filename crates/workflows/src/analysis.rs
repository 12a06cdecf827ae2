//! Everything the behavioural half says about one agent: fit, held-out score, ceiling, similarity
//! matrix, reproducibility, dimension number, dominance.

use crate::WorkflowError;
use crate::fit::{Method, fit_choices};
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::ceiling::{
    CeilingParams, Ceilings, ShareOfCeiling, ceilings, share_of_ceiling,
};
use emotome_embedding::evaluate::dominance::{Dominance, DominanceParams, Finding, dominance};
use emotome_embedding::evaluate::item_marginal::ItemMarginal;
use emotome_embedding::evaluate::reproducibility::{
    PublishedReproducibility, Reproducibility, ReproducibilityParams, published_reproducibility,
    reproducibility,
};
use emotome_embedding::evaluate::retained::{
    NestedRefit, Pruning, nested_refits, per_stimulus_pruning,
};
use emotome_embedding::evaluate::rsm::{
    self, Coefficient, Explained, RsmCorrelation, RsmResampling, SplitHalf,
};
use emotome_embedding::evaluate::score::{CHANCE, Scoring, Similarity, score};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::train::consensus::{ConsensusParams, consensus};
use emotome_embedding::train::select::{DEFAULT_LAMBDAS, Selection, fit_seeds, select_spose};
use emotome_embedding::train::spose::SposeParams;
use emotome_embedding::train::vice::ViceParams;
use emotome_embedding::train::{
    Constraint, Epoch, Fit, FitError, FitOptions, InstructionSet, TrainingData,
};
use emotome_stats::interval::{Interval, wilson};
use emotome_stats::random::Seed;
use emotome_stats::summary::standard_deviation;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::split::{Shares, split};
use ndarray::Array2;
use serde::Serialize;
use std::collections::HashSet;

/// The choices of one agent, by what they are for.
#[derive(Debug, Clone, Copy)]
pub struct AgentChoices<'a> {
    /// Random triplets, to be split into training, validation and test.
    pub main: &'a ChoiceSet,
    /// Repeated triplets, for the noise ceiling.
    pub ceiling: Option<&'a ChoiceSet>,
    /// All triplets of a few stimuli, for the measured similarity matrix.
    pub full_set: Option<&'a ChoiceSet>,
    /// Whether triplets stand in presented order.
    pub order_known: bool,
}

/// How an agent is analysed.
///
/// | Name | Default |
/// |---|---|
/// | `shares` | 10 % validation, 10 % test |
/// | `dims` | 90 to start with while λ is chosen; then the fewest of `nested` that suffice |
/// | `lambdas` | 0.001 to 0.032 in doublings |
/// | `seeds` | 10: five for the consensus, five to test it |
/// | `nested` | 1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 45, 60 dimensions; `dims` is always tried too |
/// | `vice` | also fitted |
/// | `baselines` | also fitted |
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AnalysisParams {
    #[serde(skip)]
    pub shares: Shares,
    pub dims: usize,
    pub lambdas: Vec<f64>,
    pub seeds: usize,
    pub nested: Vec<usize>,
    pub vice: bool,
    pub baselines: bool,
    #[serde(skip)]
    pub seed: Seed,
}

impl AnalysisParams {
    /// Whether an analysis is possible with these parameters; the fits check their own.
    ///
    /// # Errors
    /// [`AnalysisError`] names the first parameter that is out of range.
    pub fn check(&self) -> Result<(), AnalysisError> {
        let fault = |name, found: String, expected| {
            Err(AnalysisError::Parameter {
                name,
                found,
                expected,
            })
        };
        if let Some(bad) = self.lambdas.iter().find(|l| !(l.is_finite() && **l >= 0.0)) {
            return fault("a λ", bad.to_string(), "finite numbers of at least 0");
        }
        if self.lambdas.is_empty() {
            return fault(
                "the list of λ",
                "empty".into(),
                "at least one λ to fit with",
            );
        }
        if self.seeds == 0 {
            return fault(
                "the number of seeds",
                "0".into(),
                "at least 1; 10 to test what comes back",
            );
        }
        if self.dims == 0 || self.nested.contains(&0) {
            return fault("a number of dimensions", "0".into(), "at least 1");
        }
        let Shares { validation, test } = self.shares;
        if !(validation > 0.0 && test > 0.0 && validation + test < 1.0) {
            return fault(
                "the held-out shares",
                format!("{validation} for validation and {test} for test"),
                "two shares above 0 with a sum below 1: one chooses λ, the other scores",
            );
        }
        Ok(())
    }

    /// The defaults with a seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            shares: Shares {
                validation: 0.1,
                test: 0.1,
            },
            dims: SposeParams::default().dims,
            lambdas: DEFAULT_LAMBDAS.to_vec(),
            seeds: 10,
            nested: vec![1, 2, 3, 5, 8, 12, 16, 20, 25, 30, 45, 60],
            vice: true,
            baselines: true,
            seed,
        }
    }
}

/// Why an agent cannot be analysed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A parameter is out of range.
    #[error("{name} is {found}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A split has no choices.
    #[error(
        "{agent}: {total} choices leave none for {split} ({full_set} lie in the full set and are held out); give more choices, or a larger share"
    )]
    EmptySplit {
        /// The agent.
        agent: String,
        /// The split without choices.
        split: &'static str,
        /// All choices.
        total: usize,
        /// Those held out because they lie in the full set.
        full_set: usize,
    },
}

/// A model on the test choices.
#[derive(Debug, Clone, Serialize)]
pub struct Scored {
    /// The model in words.
    pub name: String,
    /// Its dimensions; 0 where it has none.
    pub dims: usize,
    /// Its score.
    pub test: Accuracy,
}

/// Measured and predicted similarities of the full set.
#[derive(Debug, Clone, Serialize)]
pub struct FullSet {
    /// The stimuli.
    pub items: Vec<usize>,
    /// Trials measured.
    pub trials: usize,
    /// Distinct triplets among them.
    pub triplets: usize,
    /// Pairs never sampled.
    pub unsampled_pairs: usize,
    /// Correlation of the two matrices, interval over stimuli.
    pub correlation: RsmCorrelation,
    /// The published interval, over pairs as if independent: too narrow.
    pub published: RsmCorrelation,
    /// How well the measurement repeats.
    pub split_half: SplitHalf,
    /// Explained share of the explainable variance; absent where the measurement does not repeat.
    pub explained: Option<Explained>,
    /// Measured similarities, NaN where unsampled.
    #[serde(skip)]
    pub measured: Array2<f64>,
    /// Predictions over the same trials.
    #[serde(skip)]
    pub predicted: Array2<f64>,
}

/// How often each place was called odd.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PositionShare {
    /// Share of the choices.
    pub share: f64,
    /// Its 95 % interval.
    pub ci95: Interval,
}

/// The number of dimensions that an agent's choices need, chosen on validation choices.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DimsChoice {
    /// The fewest dimensions whose loss is within a standard error of the lowest.
    pub dims: usize,
    /// The standard error of the difference between the two losses, over trials.
    pub standard_error: f64,
    /// The dimensions of the lowest loss.
    pub lowest_at: usize,
}

/// What was found about one agent.
#[derive(Debug, Clone, Serialize)]
pub struct Analysis {
    /// The agent.
    pub agent: String,
    /// Parameters used.
    pub params: AnalysisParams,
    /// Stimuli.
    pub n_stimuli: usize,
    /// Training, validation and test choices, and those held out because they lie in the full set.
    pub trials: [usize; 4],
    /// How λ was chosen.
    pub selection: Option<Selection>,
    /// What happened while the consensus was refitted.
    pub history: Vec<Epoch>,
    /// Fits that the embedding is the consensus of; 1 where it is a single fit, because too few
    /// seeds were fitted or no dimension is common to them.
    pub consensus_of: usize,
    /// Fits of which a consensus was sought.
    pub consensus_sought: usize,
    /// Dimensions of the embedding.
    pub dims: usize,
    /// Dimensions of each seed.
    pub seed_dims: Vec<usize>,
    /// The embedding and what it is compared with, on the same test choices.
    pub scores: Vec<Scored>,
    /// Noise ceilings, where triplets were repeated.
    pub ceiling: Option<Ceilings>,
    /// The embedding as a share of the ceiling; absent where the ceiling is not above chance.
    pub share_of_ceiling: Option<ShareOfCeiling>,
    /// The full set, where there is one and the embedding predicts different similarities.
    pub full_set: Option<FullSet>,
    /// Reproducibility of the embedding in the seeds that it was not made of.
    pub reproducibility: Option<Reproducibility>,
    /// Reproducibility of the first seed in the others, self-match left out.
    pub first_seed_reproducibility: Option<Reproducibility>,
    /// Published reproducibility of the first seed, self-match included, for comparison.
    pub published_reproducibility: Option<PublishedReproducibility>,
    /// Refits with fewer dimensions, scored on the validation choices.
    pub nested: Vec<NestedRefit>,
    /// The number of dimensions chosen among them, with which the seeds were fitted.
    pub dims_choice: Option<DimsChoice>,
    /// Accuracy when each stimulus keeps its k largest weights; absent without a dimension.
    pub pruning: Option<Pruning>,
    /// Whether one dimension does all the work; absent without a dimension.
    pub dominance: Option<Dominance>,
    /// What that amounts to; an embedding without a dimension is at chance.
    pub finding: Finding,
    /// Shares of the three places, where the presented order is known.
    pub positions: Option<[PositionShare; 3]>,
    /// The embedding.
    #[serde(skip)]
    pub embedding: Option<Embedding>,
    /// All seeds.
    #[serde(skip)]
    pub seeds: Vec<Embedding>,
}

const SPLIT_HALVES: usize = 100;
/// Fewer stimuli have no halves to match dimensions on.
const REPRODUCIBLE_STIMULI: usize = 6;

/// Analyses one agent.
///
/// An agent that guesses is analysed like any other: what needs a dimension is absent then, and
/// the finding is [`Finding::AtChance`].
///
/// # Errors
/// [`AnalysisError`] for impossible parameters and too few choices, and [`WorkflowError`] of
/// splitting, fitting and evaluating.
pub fn analyse(
    agent: &str,
    choices: AgentChoices<'_>,
    params: &AnalysisParams,
    run: Run<'_>,
) -> Result<Analysis, WorkflowError> {
    params.check()?;
    let full_items = choices.full_set.map(items_of).unwrap_or_default();
    let ids: Vec<StimulusId> = full_items.iter().map(|&i| StimulusId(i as u32)).collect();
    let rows = split(choices.main, params.shares, &ids, params.seed)?;
    let held_full = rows.full_set.len();
    let [train, validation, test] =
        [rows.train, rows.validation, rows.test].map(|rows| choices.main.select(rows));
    for (split, part) in [
        ("training", &train),
        ("validation", &validation),
        ("test", &test),
    ] {
        if part.is_empty() {
            return Err(AnalysisError::EmptySplit {
                agent: agent.into(),
                split,
                total: choices.main.len(),
                full_set: held_full,
            }
            .into());
        }
    }
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let base = SposeParams {
        dims: params.dims,
        ..SposeParams::default()
    };
    run.progress.note(&format!(
        "{agent}: choosing λ and fitting {} seeds",
        params.seeds
    ));
    // A consensus agrees with the seeds it was made of; only other seeds can tell what comes back.
    let of_consensus = params.seeds.div_ceil(2);
    let options = FitOptions {
        instructions: InstructionSet::detect(),
        checkpoint: None,
        run,
    };
    let selection = (params.lambdas.len() > 1)
        .then(|| select_spose(data, &base, &params.lambdas, params.seed, options))
        .transpose()?;
    let lambda = selection
        .as_ref()
        .map_or_else(|| params.lambdas[0], |s| s.lambda);
    run.progress
        .note(&format!("{agent}: refits with fewer dimensions"));
    let scoring = Scoring::default();
    let mut allowed: Vec<usize> = params
        .nested
        .iter()
        .copied()
        .filter(|&d| d < params.dims)
        .collect();
    allowed.push(params.dims);
    let mut refits = Vec::with_capacity(allowed.len());
    let nested = nested_refits(&allowed, &validation, &scoring, |dims| {
        let method = Method::Spose {
            params: SposeParams {
                dims,
                ..base.clone()
            },
            lambdas: vec![lambda],
        };
        let refit = fit_choices(data, &method, 1, params.seed, None, run)?.fit;
        refits.push(refit.embedding.clone());
        Ok::<_, WorkflowError>(refit.embedding)
    })?;
    let dims_choice = choose_dims(&nested, &refits, &validation, &scoring)?;
    let base = SposeParams {
        dims: dims_choice.map_or(params.dims, |choice| choice.dims),
        ..base
    };
    let spose = SposeParams {
        lambda,
        ..base.clone()
    }
    .check()?;
    let fits = fit_seeds(data, &spose, params.seed, params.seeds, options)?;
    let agreed = if of_consensus > 1 {
        let sought = &fits[..of_consensus];
        let params = (ConsensusParams::default(), params.seed);
        match consensus(data, sought, &spose, params.0, params.1, options) {
            Ok(found) => Some(found.fit).filter(|fit| fit.embedding.n_dims() > 0),
            Err(FitError::NoAgreement { .. }) => None,
            Err(error) => return Err(error.into()),
        }
    } else {
        None
    };
    let consensus_of = if agreed.is_some() { of_consensus } else { 1 };
    let loss = |fit: &Fit| fit.validation.map_or(f64::INFINITY, |s| s.nll);
    let Some(fit) = agreed.or_else(|| {
        fits[..of_consensus]
            .iter()
            .min_by(|a, b| loss(a).total_cmp(&loss(b)))
            .cloned()
    }) else {
        return Err(FitError::NoCandidate { what: "seed" }.into());
    };
    let embedding = fit.embedding.clone();
    let seeds: Vec<Embedding> = fits.into_iter().map(|fit| fit.embedding).collect();
    let held_out = |e: &Embedding, scoring: &Scoring| {
        accuracy::held_out(e, &test, scoring, Resampling::default())
    };
    let mut scores = vec![Scored {
        name: if consensus_of > 1 {
            format!("SPoSE, consensus of {consensus_of} fits")
        } else {
            "SPoSE".into()
        },
        dims: embedding.n_dims(),
        test: held_out(&embedding, &scoring)?,
    }];
    let mut compare = |name: &str, method: Method, scoring: Scoring| -> Result<(), WorkflowError> {
        run.progress.note(&format!("{agent}: {name}"));
        let fitted = fit_choices(data, &method, 1, params.seed, None, run)?
            .fit
            .embedding;
        let test = held_out(&fitted, &scoring)?;
        scores.push(Scored {
            name: name.into(),
            dims: fitted.n_dims(),
            test,
        });
        Ok(())
    };
    if params.vice {
        let vice = ViceParams {
            dims: params.dims,
            ..ViceParams::default()
        };
        compare("VICE", Method::Vice { params: vice }, scoring)?;
    }
    if params.baselines {
        let variant = |params: SposeParams| Method::Spose {
            params,
            lambdas: vec![lambda],
        };
        let signed = SposeParams {
            constraint: Constraint::Unconstrained,
            ..base.clone()
        };
        compare("weights of any sign", variant(signed), scoring)?;
        let similarity = Similarity::NegativeEuclidean;
        let distance = SposeParams {
            similarity,
            ..base.clone()
        };
        compare(
            "Euclidean distance",
            variant(distance),
            Scoring {
                similarity,
                ..scoring
            },
        )?;
    }
    let marginal = ItemMarginal::fit(&train)?.score(&test, &scoring)?;
    scores.push(Scored {
        name: "item-marginal".into(),
        dims: 0,
        test: accuracy::summarise(&test, &marginal, Resampling::default())?,
    });
    run.progress.note(&format!("{agent}: how far to trust it"));
    let ceiling = choices
        .ceiling
        .map(|repeats| ceilings(repeats, &CeilingParams::default()))
        .transpose()?;
    // Of a ceiling at chance there is no share.
    let share = ceiling
        .as_ref()
        .filter(|c| c.any_order.dirichlet.ci95.low > CHANCE + 1e-9)
        .map(|c| {
            share_of_ceiling(
                scores[0].test.accuracy,
                scores[0].test.accuracy_ci95,
                &c.any_order,
            )
        });
    let some_dims = embedding.n_dims() > 0;
    let full_set = choices
        .full_set
        .filter(|_| some_dims)
        .map(|full| full_set(&embedding, full, &full_items, params.seed))
        .transpose()?
        .filter(|full| full.correlation.r.is_finite());
    let runs: Vec<&Embedding> = seeds.iter().collect();
    let others = &runs[of_consensus.min(runs.len())..];
    let testable = !others.is_empty() && embedding.n_stimuli() >= REPRODUCIBLE_STIMULI;
    let matching = ReproducibilityParams {
        seed: params.seed.0,
        ..ReproducibilityParams::default()
    };
    let reproducible = (testable && some_dims)
        .then(|| reproducibility(&embedding, others, &matching, run))
        .transpose()?;
    let (first_seed, published) = if testable && seeds.iter().all(|seed| seed.n_dims() > 0) {
        (
            Some(reproducibility(&seeds[0], &runs, &matching, run)?),
            Some(published_reproducibility(&seeds[0], &runs)?),
        )
    } else {
        (None, None)
    };
    let pruning = some_dims
        .then(|| per_stimulus_pruning(&embedding, &test, &scoring))
        .transpose()?;
    let thresholds = DominanceParams::default();
    let dominance = some_dims
        .then(|| dominance(&embedding, &train, &test, &scoring, &thresholds))
        .transpose()?;
    Ok(Analysis {
        agent: agent.into(),
        params: params.clone(),
        n_stimuli: choices.main.n_stimuli(),
        trials: [train.len(), validation.len(), test.len(), held_full],
        selection,
        history: fit.history,
        consensus_of,
        consensus_sought: of_consensus,
        dims: embedding.n_dims(),
        seed_dims: seeds.iter().map(Embedding::n_dims).collect(),
        scores,
        ceiling,
        share_of_ceiling: share,
        full_set,
        reproducibility: reproducible,
        first_seed_reproducibility: first_seed,
        published_reproducibility: published,
        nested,
        dims_choice,
        pruning,
        finding: dominance.as_ref().map_or(Finding::AtChance, |d| d.finding),
        dominance,
        positions: choices.order_known.then(|| positions(choices.main)),
        embedding: Some(embedding),
        seeds,
    })
}

/// The one-standard-error rule: of nested refits, the one with the fewest dimensions whose validation
/// NLL exceeds the lowest by at most the standard error of that difference over trials.
fn choose_dims(
    nested: &[NestedRefit],
    refits: &[Embedding],
    validation: &ChoiceSet,
    scoring: &Scoring,
) -> Result<Option<DimsChoice>, WorkflowError> {
    let Some(best) = (0..nested.len()).min_by(|&a, &b| nested[a].nll.total_cmp(&nested[b].nll))
    else {
        return Ok(None);
    };
    let losses = |k: usize| score(&refits[k], validation, scoring).map(|s| s.log_likelihood);
    let lowest = losses(best)?;
    let mut by_dims: Vec<usize> = (0..nested.len()).collect();
    by_dims.sort_by_key(|&k| nested[k].dims);
    for k in by_dims {
        let excess: Vec<f64> = lowest.iter().zip(losses(k)?).map(|(a, b)| a - b).collect();
        let standard_error = standard_deviation(&excess) / (excess.len() as f64).sqrt();
        if nested[k].nll - nested[best].nll <= standard_error {
            return Ok(Some(DimsChoice {
                dims: nested[k].dims,
                standard_error,
                lowest_at: nested[best].dims,
            }));
        }
    }
    Ok(None)
}

/// The stimuli that appear in some choices, ascending.
fn items_of(choices: &ChoiceSet) -> Vec<usize> {
    let mut seen = vec![false; choices.n_stimuli()];
    for choice in choices.choices() {
        choice
            .triplet
            .items()
            .iter()
            .for_each(|id| seen[id.index()] = true);
    }
    (0..seen.len()).filter(|&i| seen[i]).collect()
}

fn full_set(
    embedding: &Embedding,
    choices: &ChoiceSet,
    items: &[usize],
    seed: Seed,
) -> Result<FullSet, WorkflowError> {
    let scoring = Scoring::default();
    let measured = rsm::measured(choices, items, items)?;
    let predicted = rsm::matched(embedding, choices, items, items, &scoring)?;
    let correlate = |resampling| {
        rsm::correlate(
            measured.similarity.view(),
            predicted.view(),
            Coefficient::Pearson,
            resampling,
        )
    };
    let replicates = 1000;
    let split_half = rsm::split_half(
        choices,
        items,
        items,
        Coefficient::Pearson,
        SPLIT_HALVES,
        seed.0,
    )?;
    let correlation = correlate(RsmResampling::Items {
        replicates,
        seed: seed.0,
    })?;
    Ok(FullSet {
        items: items.to_vec(),
        trials: measured.trials,
        triplets: choices
            .choices()
            .iter()
            .map(|c| c.triplet.unordered())
            .collect::<HashSet<_>>()
            .len(),
        unsampled_pairs: measured.unsampled_pairs,
        explained: rsm::explained(correlation.r, &split_half).ok(),
        correlation,
        published: correlate(RsmResampling::PublishedPairs {
            replicates,
            seed: seed.0,
        })?,
        split_half,
        measured: measured.similarity,
        predicted,
    })
}

fn positions(choices: &ChoiceSet) -> [PositionShare; 3] {
    let mut counts = [0.0; 3];
    choices
        .choices()
        .iter()
        .for_each(|c| counts[c.odd.index()] += 1.0);
    let n = choices.len() as f64;
    counts.map(|k| PositionShare {
        share: k / n,
        ci95: wilson(k, n, 0.95),
    })
}
