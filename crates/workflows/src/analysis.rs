//! Everything the behavioural half says about one agent: fit, held-out score, ceiling, similarity
//! matrix, reproducibility, dimension number, dominance.

use crate::WorkflowError;
use crate::fit::{Fitted, Method, fit_choices};
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy::{self, Accuracy};
use emotome_embedding::evaluate::ceiling::{
    CeilingParams, Ceilings, ShareOfCeiling, ceilings, share_of_ceiling,
};
use emotome_embedding::evaluate::dominance::{Dominance, DominanceParams, dominance};
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
use emotome_embedding::evaluate::score::{Scoring, Similarity};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::train::select::{DEFAULT_LAMBDAS, Selection};
use emotome_embedding::train::spose::SposeParams;
use emotome_embedding::train::vice::ViceParams;
use emotome_embedding::train::{Constraint, Epoch, TrainingData};
use emotome_stats::interval::{Interval, wilson};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::split::{Shares, split};
use ndarray::Array2;
use serde::Serialize;

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
/// | `dims` | 90 |
/// | `lambdas` | 0.001 to 0.032 in doublings |
/// | `seeds` | 10: five for the consensus, five to test it |
/// | `nested` | 1, 2, 3, 5, 8, 12, 20, 30, 45 dimensions |
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
            nested: vec![1, 2, 3, 5, 8, 12, 20, 30, 45],
            vice: true,
            baselines: true,
            seed,
        }
    }
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
    /// Pairs never sampled.
    pub unsampled_pairs: usize,
    /// Correlation of the two matrices, interval over stimuli.
    pub correlation: RsmCorrelation,
    /// The published interval, over pairs as if independent: too narrow.
    pub published: RsmCorrelation,
    /// How well the measurement repeats.
    pub split_half: SplitHalf,
    /// Explained share of the explainable variance.
    pub explained: Explained,
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
    /// Dimensions of the consensus.
    pub dims: usize,
    /// Dimensions of each seed.
    pub seed_dims: Vec<usize>,
    /// The consensus and what it is compared with, on the same test choices.
    pub scores: Vec<Scored>,
    /// Noise ceilings, where triplets were repeated.
    pub ceiling: Option<Ceilings>,
    /// The consensus as a share of the ceiling.
    pub share_of_ceiling: Option<ShareOfCeiling>,
    /// The full set, where there is one.
    pub full_set: Option<FullSet>,
    /// Reproducibility of the consensus in the seeds that it was not made of.
    pub reproducibility: Option<Reproducibility>,
    /// Reproducibility of the first seed in the others, self-match left out.
    pub first_seed_reproducibility: Option<Reproducibility>,
    /// Published reproducibility of the first seed, self-match included, for comparison.
    pub published_reproducibility: Option<PublishedReproducibility>,
    /// Refits with fewer dimensions.
    pub nested: Vec<NestedRefit>,
    /// Accuracy when each stimulus keeps its k largest weights.
    pub pruning: Pruning,
    /// Whether one dimension does all the work.
    pub dominance: Dominance,
    /// Shares of the three places, where the presented order is known.
    pub positions: Option<[PositionShare; 3]>,
    /// The consensus.
    #[serde(skip)]
    pub embedding: Option<Embedding>,
    /// All seeds.
    #[serde(skip)]
    pub seeds: Vec<Embedding>,
}

const SPLIT_HALVES: usize = 100;

/// Analyses one agent.
///
/// # Errors
/// [`WorkflowError`] of splitting, fitting and evaluating.
pub fn analyse(
    agent: &str,
    choices: AgentChoices<'_>,
    params: &AnalysisParams,
    run: Run<'_>,
) -> Result<Analysis, WorkflowError> {
    let full_items = choices.full_set.map(items_of).unwrap_or_default();
    let ids: Vec<StimulusId> = full_items.iter().map(|&i| StimulusId(i as u32)).collect();
    let rows = split(choices.main, params.shares, &ids, params.seed)?;
    let held_full = rows.full_set.len();
    let [train, validation, test] =
        [rows.train, rows.validation, rows.test].map(|rows| choices.main.select(rows));
    let data = TrainingData {
        train: &train,
        validation: Some(&validation),
        targets: None,
    };
    let base = SposeParams {
        dims: params.dims,
        ..SposeParams::default()
    };
    let spose = Method::Spose {
        params: base.clone(),
        lambdas: params.lambdas.clone(),
    };
    run.progress.note(&format!(
        "{agent}: choosing λ and fitting {} seeds",
        params.seeds
    ));
    // A consensus agrees with the seeds it was made of; only other seeds can tell what comes back.
    let of_consensus = params.seeds.div_ceil(2);
    let Fitted {
        fit,
        seeds,
        selection,
        ..
    } = fit_choices(data, &spose, of_consensus, params.seed, None, run)?;
    let lambda = selection
        .as_ref()
        .map_or_else(|| params.lambdas[0], |s| s.lambda);
    let embedding = fit.embedding.clone();
    let mut seeds: Vec<Embedding> = seeds.into_iter().map(|fit| fit.embedding).collect();
    let single = Method::Spose {
        params: base.clone(),
        lambdas: vec![lambda],
    };
    for k in of_consensus..params.seeds {
        let seed = params.seed.child(k as u64);
        seeds.push(
            fit_choices(data, &single, 1, seed, None, run)?
                .fit
                .embedding,
        );
    }
    let scoring = Scoring::default();
    let held_out = |e: &Embedding, scoring: &Scoring| {
        accuracy::held_out(e, &test, scoring, Resampling::default())
    };
    let mut scores = vec![Scored {
        name: if seeds.len() > 1 {
            "SPoSE, consensus of seeds".into()
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
    let share = ceiling.as_ref().map(|c| {
        share_of_ceiling(
            scores[0].test.accuracy,
            scores[0].test.accuracy_ci95,
            &c.any_order,
        )
    });
    let full_set = choices
        .full_set
        .map(|full| full_set(&embedding, full, &full_items, params.seed))
        .transpose()?;
    let runs: Vec<&Embedding> = seeds.iter().collect();
    let others = &runs[of_consensus.min(runs.len())..];
    let (reproducible, first_seed, published) = if seeds.len() > 1 {
        let params = ReproducibilityParams {
            seed: params.seed.0,
            ..ReproducibilityParams::default()
        };
        (
            Some(reproducibility(&embedding, others, &params, run)?),
            Some(reproducibility(&seeds[0], &runs, &params, run)?),
            Some(published_reproducibility(&seeds[0], &runs)?),
        )
    } else {
        (None, None, None)
    };
    run.progress
        .note(&format!("{agent}: refits with fewer dimensions"));
    let nested = nested_refits(&params.nested, &validation, &scoring, |dims| {
        let method = Method::Spose {
            params: SposeParams {
                dims,
                ..base.clone()
            },
            lambdas: vec![lambda],
        };
        Ok::<_, WorkflowError>(
            fit_choices(data, &method, 1, params.seed, None, run)?
                .fit
                .embedding,
        )
    })?;
    Ok(Analysis {
        agent: agent.into(),
        params: params.clone(),
        n_stimuli: choices.main.n_stimuli(),
        trials: [train.len(), validation.len(), test.len(), held_full],
        selection,
        history: fit.history,
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
        pruning: per_stimulus_pruning(&embedding, &test, &scoring)?,
        dominance: dominance(
            &embedding,
            &train,
            &test,
            &scoring,
            &DominanceParams::default(),
        )?,
        positions: choices.order_known.then(|| positions(choices.main)),
        embedding: Some(embedding),
        seeds,
    })
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
        unsampled_pairs: measured.unsampled_pairs,
        explained: rsm::explained(correlation.r, &split_half)?,
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
