//! What an analysis found. Field names are stable: they are those of `analysis.json`.

use super::params::AnalysisParams;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy::Accuracy;
use emotome_embedding::evaluate::ceiling::{Ceilings, ShareOfCeiling};
use emotome_embedding::evaluate::dominance::{Dominance, Finding, RsmDominance};
use emotome_embedding::evaluate::reproducibility::{PublishedReproducibility, Reproducibility};
use emotome_embedding::evaluate::retained::{NestedRefit, Pruning};
use emotome_embedding::evaluate::rsm::{Explained, RsmCorrelation, SplitHalf};
use emotome_embedding::train::Epoch;
use emotome_embedding::train::select::Selection;
use emotome_embedding::train::spose::SposeParams;
use emotome_stats::interval::Interval;
use emotome_stats::summary::mean;
use ndarray::Array2;
use serde::Serialize;

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
    /// The correlation with the largest dimension alone, and without it.
    pub dominance: RsmDominance,
    /// r² between the similarities predicted with the k largest weights of each stimulus and with all, for
    /// k = 0, 1, …; NaN where k weights predict the same for all pairs.
    pub pruned_r2: Vec<f64>,
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

/// How well the dimensions of one fit come back in others, honestly and as published.
#[derive(Debug, Clone, Serialize)]
pub struct SingleFit {
    /// Matched one to one on half of the stimuli and scored on the others, self-match left out.
    pub reproducibility: Reproducibility,
    /// Largest r with any column on all stimuli, over the other fits alone.
    pub published_without_self: PublishedReproducibility,
    /// The same over all fits, itself included: the published value.
    pub published: PublishedReproducibility,
}

impl SingleFit {
    /// Mean over dimensions and fits of the published r, of that without the self-match, and of the
    /// honest one.
    ///
    /// All are plain means: in a Fisher mean the self-match of r = 1 would win over any number of fits.
    #[must_use]
    pub fn means(&self) -> [f64; 3] {
        let honest: Vec<f64> = self
            .reproducibility
            .dimensions
            .iter()
            .map(|d| mean(&d.r_by_run))
            .collect();
        [
            mean(&self.published.plain_mean),
            mean(&self.published_without_self.plain_mean),
            mean(&honest),
        ]
    }
}

/// Fits with a number of dimensions that is imposed, e.g. that of a published study.
#[derive(Debug, Clone, Serialize)]
pub struct Imposed {
    /// The dimensions allowed.
    pub dims: usize,
    /// The seed, counted from 1, whose fit has the lowest validation loss: the embedding.
    pub seed: usize,
    /// Dimensions of the embedding.
    pub fitted_dims: usize,
    /// Validation accuracy of every seed.
    pub seed_val_accuracy: Vec<f64>,
    /// The embedding on the test choices.
    pub test: Accuracy,
    /// Accuracy when each stimulus keeps its k largest weights; absent without a dimension.
    pub pruning: Option<Pruning>,
    /// How well its dimensions come back in the other seeds; absent where that cannot be said.
    pub single_fit: Option<SingleFit>,
    /// The embedding.
    #[serde(skip)]
    pub embedding: Embedding,
    /// All seeds.
    #[serde(skip)]
    pub seeds: Vec<Embedding>,
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
    /// The parameters of the seeds, nothing left open.
    pub spose: SposeParams,
    /// What happened while the consensus was refitted.
    pub history: Vec<Epoch>,
    /// Fits that the embedding is the consensus of; 1 where it is a single fit, because too few
    /// seeds were fitted or no dimension is common to them.
    pub consensus_of: usize,
    /// Fits of which a consensus was sought.
    pub consensus_sought: usize,
    /// Dimensions of the embedding.
    pub dims: usize,
    /// Stimuli of the training choices without any weight: the embedding says nothing about them.
    pub empty_rows: usize,
    /// Dimensions of each seed.
    pub seed_dims: Vec<usize>,
    /// The embedding and what it is compared with, on the same test choices.
    pub scores: Vec<Scored>,
    /// Fits with imposed numbers of dimensions.
    pub imposed: Vec<Imposed>,
    /// Noise ceilings, where triplets were repeated.
    pub ceiling: Option<Ceilings>,
    /// The embedding as a share of the ceiling; absent where the ceiling is not above chance.
    pub share_of_ceiling: Option<ShareOfCeiling>,
    /// The full set, where there is one and the embedding predicts different similarities.
    pub full_set: Option<FullSet>,
    /// Reproducibility of the embedding in the seeds that it was not made of.
    pub reproducibility: Option<Reproducibility>,
    /// Reproducibility of the first seed in the others, honestly and as published.
    pub single_fit: Option<SingleFit>,
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
    pub embedding: Embedding,
    /// All seeds.
    #[serde(skip)]
    pub seeds: Vec<Embedding>,
}
