//! How many dimensions: refits with fewer, the choice among them, and numbers that are imposed.

use super::Fitter;
use super::found::{DimsChoice, Imposed, SingleFit};
use crate::WorkflowError;
use crate::fit::lowest_loss;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::accuracy;
use emotome_embedding::evaluate::reproducibility::{
    ReproducibilityParams, published_reproducibility, reproducibility,
};
use emotome_embedding::evaluate::retained::{NestedRefit, nested_refits, per_stimulus_pruning};
use emotome_embedding::evaluate::score::{Scoring, score};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_embedding::train::spose::SposeParams;
use emotome_stats::random::Seed;
use emotome_stats::summary::standard_deviation;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;

/// Fewer stimuli have no halves to match dimensions on.
const REPRODUCIBLE_STIMULI: usize = 6;

/// Refits with every number of `nested` dimensions below that of `base`, with that of `base`, and
/// what follows for the number.
pub(super) fn nested(
    fitter: &Fitter<'_>,
    base: &SposeParams,
    validation: &ChoiceSet,
) -> Result<(Vec<NestedRefit>, Option<DimsChoice>), WorkflowError> {
    let mut allowed: Vec<usize> = fitter.params.nested.clone();
    allowed.retain(|&d| d < base.dims);
    allowed.push(base.dims);
    let scoring = Scoring::default();
    let mut refits = Vec::with_capacity(allowed.len());
    let nested = nested_refits(&allowed, validation, &scoring, |dims| {
        let params = SposeParams {
            dims,
            ..base.clone()
        };
        let embedding = fitter.spose(&format!("dims-{dims}"), params)?.embedding;
        refits.push(embedding.clone());
        Ok::<_, WorkflowError>(embedding)
    })?;
    let choice = choose(&nested, &refits, validation, &scoring)?;
    Ok((nested, choice))
}

/// The one-standard-error rule: of nested refits, the one with the fewest dimensions whose validation
/// NLL exceeds the lowest by at most the standard error of that difference over trials.
fn choose(
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

/// Fits every seed with `params`; the embedding is the one with the lowest validation loss.
///
/// No consensus is sought: it leaves out dimensions that do not agree, and then the number would not be
/// the one imposed. Choosing by validation loss looks at no other fit, so all of them can test which
/// dimensions come back.
pub(super) fn imposed(
    fitter: &Fitter<'_>,
    params: &SposeParams,
    test: &ChoiceSet,
) -> Result<Imposed, WorkflowError> {
    let dims = params.dims;
    let fits = fitter.seeds(&format!("imposed-{dims}"), params.clone())?;
    let best = lowest_loss(&fits)?;
    let seed_val_accuracy = fits
        .iter()
        .filter_map(|fit| fit.validation.map(|score| score.accuracy))
        .collect();
    let seeds: Vec<Embedding> = fits.into_iter().map(|fit| fit.embedding).collect();
    let embedding = seeds[best].clone();
    let scoring = Scoring::default();
    let pruning = (embedding.n_dims() > 0)
        .then(|| per_stimulus_pruning(&embedding, test, &scoring))
        .transpose()?;
    Ok(Imposed {
        dims,
        seed: best + 1,
        fitted_dims: embedding.n_dims(),
        seed_val_accuracy,
        test: accuracy::held_out(&embedding, test, &scoring, Resampling::default())?,
        pruning,
        single_fit: single_fit(&seeds, best, fitter.params.seed, fitter.run)?,
        embedding,
        seeds,
    })
}

/// Whether dimensions of an embedding of so many stimuli can be looked for in others.
pub(super) fn comparable(embedding: &Embedding) -> bool {
    embedding.n_dims() > 0 && embedding.n_stimuli() >= REPRODUCIBLE_STIMULI
}

/// The parameters with which dimensions are looked for.
pub(crate) fn matching(seed: Seed) -> ReproducibilityParams {
    ReproducibilityParams {
        seed: seed.0,
        ..ReproducibilityParams::default()
    }
}

/// How well the dimensions of one seed come back in the others; `None` where one has no dimension, or
/// there are too few seeds or stimuli.
pub(super) fn single_fit(
    seeds: &[Embedding],
    which: usize,
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<SingleFit>, WorkflowError> {
    if seeds.len() < 2 || !seeds.iter().all(comparable) {
        return Ok(None);
    }
    let one = &seeds[which];
    let all: Vec<&Embedding> = seeds.iter().collect();
    let others: Vec<&Embedding> = (0..seeds.len())
        .filter(|&k| k != which)
        .map(|k| &seeds[k])
        .collect();
    Ok(Some(SingleFit {
        reproducibility: reproducibility(one, &others, &matching(seed), run)?,
        published_without_self: published_reproducibility(one, &others)?,
        published: published_reproducibility(one, &all)?,
    }))
}
