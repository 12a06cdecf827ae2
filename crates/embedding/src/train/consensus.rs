//! One embedding from many seeds: align one to one, average, refit.
//!
//! The published procedure pastes the columns of all seeds together, drops near-duplicates greedily
//! and never refits, so that its dot products belong to no fitted model. Here the mean of matched
//! dimensions is the start of a refit on the same choices.

use super::fit::{Fit, FitError, FitOptions, TrainingData};
use super::refit::refit_spose;
use super::spose::{CheckedSpose, SposeParams};
use crate::Embedding;
use emotome_stats::correlation::{cross_correlation, fisher_mean};
use emotome_stats::matching::best_matching;
use emotome_stats::random::Seed;
use ndarray::{Array2, Axis};
use serde::Serialize;

/// Parameters of [`consensus`].
///
/// | Name | Default | Purpose |
/// |---|---|---|
/// | `min_correlation` | 0.5 | least mean r with its matches that keeps a dimension |
/// | `rate_share` | 0.2 | step size of the refit, as a share of the fit's |
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct ConsensusParams {
    pub min_correlation: f64,
    pub rate_share: f64,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        Self {
            min_correlation: 0.5,
            rate_share: 0.2,
        }
    }
}

/// A consensus and how its dimensions agree across seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Consensus {
    /// The refitted embedding.
    pub fit: Fit,
    /// Which seed the others were aligned to: the one with the lowest validation NLL.
    pub reference: usize,
    /// Per dimension of the refitted embedding: mean r (Fisher z) of the dimension it started from
    /// with its match in each other seed.
    pub agreement: Vec<f64>,
    /// Dimensions of the reference that did not agree and were left out.
    pub left_out: usize,
}

/// Aligns the dimensions of all fits to those of the best one by the one-to-one matching with the
/// highest summed correlation, averages matched dimensions, and refits from the mean.
///
/// Dimensions whose mean correlation with their matches is below `min_correlation` are left out of
/// the start and counted in `left_out`. O(S d³ + S n d²) and one fit.
///
/// # Errors
/// [`FitError::NoCandidate`] with fewer than two fits, [`FitError::NoAgreement`] if no dimension
/// agrees across seeds.
pub fn consensus(
    data: TrainingData<'_>,
    fits: &[Fit],
    spose: &CheckedSpose,
    params: ConsensusParams,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Consensus, FitError> {
    if fits.len() < 2 {
        return Err(FitError::NoCandidate {
            what: "second seed to form a consensus (--seeds)",
        });
    }
    let loss = |fit: &Fit| {
        fit.validation.map_or_else(
            || fit.history.last().map_or(f64::INFINITY, |e| e.train_nll),
            |score| score.nll,
        )
    };
    let reference = (0..fits.len())
        .min_by(|&a, &b| loss(&fits[a]).total_cmp(&loss(&fits[b])))
        .unwrap_or(0);
    let base = fits[reference].embedding.values().mapv(f64::from);
    let (n, d) = base.dim();
    let mut sum = base.clone();
    let mut count = vec![1.0_f64; d];
    let mut matched: Vec<Vec<f64>> = vec![Vec::new(); d];
    for (s, fit) in fits.iter().enumerate() {
        if s == reference {
            continue;
        }
        let other = fit.embedding.values().mapv(f64::from);
        let r =
            cross_correlation(base.view(), other.view()).mapv(|r| if r.is_nan() { 0.0 } else { r });
        let mut found = vec![0.0; d];
        for (f, g) in best_matching(r.view()).unwrap_or_default() {
            found[f] = r[[f, g]];
            if r[[f, g]] >= params.min_correlation {
                sum.column_mut(f).scaled_add(1.0, &other.column(g));
                count[f] += 1.0;
            }
        }
        for (f, r) in found.into_iter().enumerate() {
            matched[f].push(r);
        }
    }
    let agreement: Vec<f64> = matched.iter().map(|r| fisher_mean(r)).collect();
    let kept: Vec<usize> = (0..d)
        .filter(|&f| agreement[f] >= params.min_correlation)
        .collect();
    if kept.is_empty() {
        return Err(FitError::NoAgreement {
            min_correlation: params.min_correlation,
        });
    }
    let mean = Array2::from_shape_fn((n, d), |(i, f)| (sum[[i, f]] / count[f]) as f32);
    let start = Embedding::new(mean.select(Axis(1), &kept)).map_err(FitError::Start)?;
    let rate = spose.params().rate_for(n, data.train.len()) * params.rate_share;
    let refit = SposeParams {
        rate: Some(rate),
        ..spose.params().clone()
    };
    let stage = options.checkpoint.map(|policy| policy.stage("consensus"));
    let options = FitOptions {
        checkpoint: stage.as_ref(),
        ..options
    };
    let fit = refit_spose(data, &refit.check()?, &start, seed, options)?;
    // A refit sorts its dimensions anew and may lose some; find where each came from.
    let refitted = fit.embedding.values().mapv(f64::from);
    let r = cross_correlation(refitted.view(), start.values().mapv(f64::from).view())
        .mapv(|r| if r.is_nan() { 0.0 } else { r });
    let mut origins = best_matching(r.view()).unwrap_or_default();
    origins.sort_unstable();
    Ok(Consensus {
        fit,
        reference,
        agreement: origins
            .into_iter()
            .map(|(_, from)| agreement[kept[from]])
            .collect(),
        left_out: d - kept.len(),
    })
}
