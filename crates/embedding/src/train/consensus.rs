//! One embedding from many seeds: align one to one, average, refit.
//!
//! The published procedure pastes the columns of all seeds together, drops near-duplicates greedily
//! and never refits, so that its dot products belong to no fitted model. Here the mean of matched
//! dimensions is the start of a refit of the same model to the same choices. That holds for a
//! distribution as well: VICE refits from the mean of matched means and standard deviations, and its
//! result is again an optimum of the variational objective, pruned by the same test.

use super::fit::{Fit, FitError, FitOptions, TrainingData};
use super::refit::{refit_spose, refit_vice};
use super::spose::{CheckedSpose, SposeParams, require};
use super::vice::{CheckedVice, ViceParams};
use crate::Embedding;
use emotome_stats::correlation::{cross_correlation, fisher_mean};
use emotome_stats::matching::best_matching;
use emotome_stats::random::Seed;
use ndarray::{Array2, Axis};
use serde::Serialize;

/// Parameters of [`consensus`] and [`consensus_vice`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `min_correlation` | 0.5 | least mean r with its matches that keeps a dimension | 0–1 |
/// | `rate_share` | 0.2 | step size of the refit, as a share of the fit's | 0 < share ≤ 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ConsensusParams {
    /// Least mean correlation (Fisher z) of a dimension with its matches in the other seeds.
    pub min_correlation: f64,
    /// Step size of the refit as a share of that of the fits: the start is near an optimum.
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

impl ConsensusParams {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`FitError::Parameter`] names the first that is outside.
    pub fn check(self) -> Result<Self, FitError> {
        let (r, share) = (self.min_correlation, self.rate_share);
        require(
            "least correlation across seeds",
            r,
            (0.0..=1.0).contains(&r),
            "0 to 1",
        )?;
        require(
            "share of the step size in the refit",
            share,
            share > 0.0 && share <= 1.0,
            "a number > 0, at most 1",
        )?;
        Ok(self)
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
/// highest summed correlation, averages matched dimensions, and refits SPoSE from the mean.
///
/// Dimensions whose mean correlation with their matches is below `min_correlation` are left out of
/// the start and counted in `left_out`. O(S d³ + S n d²) and one fit.
///
/// # Errors
/// [`FitError::Parameter`], [`FitError::NoCandidate`] with fewer than two fits,
/// [`FitError::NoAgreement`] if no dimension agrees across seeds, and those of [`refit_spose`].
pub fn consensus(
    data: TrainingData<'_>,
    fits: &[Fit],
    spose: &CheckedSpose,
    params: ConsensusParams,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Consensus, FitError> {
    let aligned = align(fits, params.check()?)?;
    let rate = spose
        .params()
        .rate_for(aligned.start.n_stimuli(), data.train.len());
    let refit = SposeParams {
        rate: Some(rate * params.rate_share),
        ..spose.params().clone()
    }
    .check()?;
    aligned.refit(options, |start, _, options| {
        refit_spose(data, &refit, start, seed, options)
    })
}

/// The same for fits of VICE: means and standard deviations of matched dimensions are averaged, and
/// VICE is refitted from them.
///
/// Each mean is that of the rectified weights max(μ, 0), which the fits carry.
///
/// # Errors
/// As [`consensus`], with those of [`refit_vice`], and [`FitError::NoCandidate`] for fits without
/// standard deviations.
pub fn consensus_vice(
    data: TrainingData<'_>,
    fits: &[Fit],
    vice: &CheckedVice,
    params: ConsensusParams,
    seed: Seed,
    options: FitOptions<'_>,
) -> Result<Consensus, FitError> {
    let aligned = align(fits, params.check()?)?;
    let refit = ViceParams {
        rate: vice.params().rate * params.rate_share,
        ..vice.params().clone()
    }
    .check()?;
    aligned.refit(options, |start, spread, options| {
        let spread = spread.ok_or(FitError::NoCandidate {
            what: "standard deviations, which a fit of VICE has,",
        })?;
        refit_vice(data, &refit, start, spread, seed, options)
    })
}

/// The mean of matched dimensions.
struct Aligned {
    start: Embedding,
    spread: Option<Embedding>,
    reference: usize,
    agreement: Vec<f64>,
    left_out: usize,
}

fn align(fits: &[Fit], params: ConsensusParams) -> Result<Aligned, FitError> {
    if fits.len() < 2 {
        return Err(FitError::NoCandidate {
            what: "second seed to form a consensus (--seeds)",
        });
    }
    let reference = best(fits);
    let base = wide(&fits[reference].embedding);
    let d = base.ncols();
    let mut mean = Mean::of(base.clone());
    let mut spread = fits[reference]
        .uncertainty
        .as_ref()
        .map(|sigma| Mean::of(wide(sigma)));
    let mut matched: Vec<Vec<f64>> = vec![Vec::new(); d];
    for fit in fits
        .iter()
        .enumerate()
        .filter_map(|(s, fit)| (s != reference).then_some(fit))
    {
        let other = wide(&fit.embedding);
        let r = correlations(&base, &other);
        let mut found = vec![0.0; d];
        for (f, g) in best_matching(r.view()).unwrap_or_default() {
            found[f] = r[[f, g]];
            if r[[f, g]] >= params.min_correlation {
                mean.add(f, &other, g);
                if let (Some(spread), Some(sigma)) = (&mut spread, &fit.uncertainty) {
                    spread.add(f, &wide(sigma), g);
                }
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
    Ok(Aligned {
        start: mean.select(&kept)?,
        spread: spread.map(|s| s.select(&kept)).transpose()?,
        reference,
        left_out: d - kept.len(),
        agreement: kept.into_iter().map(|f| agreement[f]).collect(),
    })
}

impl Aligned {
    fn refit(
        self,
        options: FitOptions<'_>,
        refit: impl FnOnce(&Embedding, Option<&Embedding>, FitOptions<'_>) -> Result<Fit, FitError>,
    ) -> Result<Consensus, FitError> {
        let stage = options.checkpoint.map(|policy| policy.stage("consensus"));
        let options = FitOptions {
            checkpoint: stage.as_ref(),
            ..options
        };
        let fit = refit(&self.start, self.spread.as_ref(), options)?;
        // A refit sorts its dimensions anew and may lose some; find where each came from.
        let r = correlations(&wide(&fit.embedding), &wide(&self.start));
        let mut origins = best_matching(r.view()).unwrap_or_default();
        origins.sort_unstable();
        Ok(Consensus {
            fit,
            reference: self.reference,
            agreement: origins
                .into_iter()
                .map(|(_, from)| self.agreement[from])
                .collect(),
            left_out: self.left_out,
        })
    }
}

/// The fit with the lowest validation NLL, or training NLL where nothing was held out.
fn best(fits: &[Fit]) -> usize {
    let loss = |fit: &Fit| {
        let trained = || fit.history.last().map_or(f64::INFINITY, |e| e.train_nll);
        fit.validation.map_or_else(trained, |score| score.nll)
    };
    (0..fits.len())
        .min_by(|&a, &b| loss(&fits[a]).total_cmp(&loss(&fits[b])))
        .unwrap_or(0)
}

fn wide(embedding: &Embedding) -> Array2<f64> {
    embedding.values().mapv(f64::from)
}

/// Pearson's r of every column of one with every column of the other, 0 where a column is constant.
fn correlations(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    cross_correlation(a.view(), b.view()).mapv(|r| if r.is_nan() { 0.0 } else { r })
}

/// Column means over a varying number of seeds.
struct Mean {
    sum: Array2<f64>,
    count: Vec<f64>,
}

impl Mean {
    fn of(sum: Array2<f64>) -> Self {
        Self {
            count: vec![1.0; sum.ncols()],
            sum,
        }
    }

    fn add(&mut self, f: usize, other: &Array2<f64>, g: usize) {
        self.sum.column_mut(f).scaled_add(1.0, &other.column(g));
        self.count[f] += 1.0;
    }

    fn select(&self, kept: &[usize]) -> Result<Embedding, FitError> {
        let mean = Array2::from_shape_fn(self.sum.dim(), |(i, f)| {
            (self.sum[[i, f]] / self.count[f]) as f32
        });
        Embedding::new(mean.select(Axis(1), kept)).map_err(FitError::Start)
    }
}
