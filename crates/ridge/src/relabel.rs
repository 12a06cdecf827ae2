//! What scores chance alone reaches: the same fits with features of other samples.

use crate::block::Block;
use crate::cross::{Chosen, Params, Selection, WIDTH, check, cross_validate};
use crate::groups::Groups;
use crate::plan::Plan;
use crate::{Folds, Responses, RidgeError, Rule};
use emotome_stimuli::run::Run;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

/// What becomes of penalties when features are relabelled.
#[derive(Debug, Clone, Copy)]
pub enum Relabel<'a> {
    /// They are chosen anew, as they were for the features as they are: the same procedure throughout.
    Reselect,
    /// Those chosen for the features as they are stay. Many times quicker. What was chosen on training samples alone
    /// suits the true features a little better than the relabelled ones.
    Keep(&'a Chosen),
}

/// Which relabellings to try.
#[derive(Debug, Clone, Copy)]
pub struct Relabelling<'a> {
    /// For each relabelling the sample whose features every sample has.
    pub labels: &'a [Vec<u32>],
    /// What becomes of penalties.
    pub penalties: Relabel<'a>,
}

/// Scores under one relabelling.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// r of each target.
    pub pearson: &'a [f64],
    /// R² of each target.
    pub r2: &'a [f64],
}

/// Bytes of training sets that are held at once.
const HELD: usize = 128 << 20;
/// Relabellings that share a reading of responses, at most.
const BATCH: usize = 16;

/// Predicts targets from relabelled features, once for each list of labels: sample i has the features of sample
/// `labels[i]`. Folds stay where they are, so that held-out samples stay held out.
///
/// `each` is called with every relabelling in order. Responses are read once for a batch of relabellings. A relabelling
/// costs what [`cross_validate`] does, or O(v (n p + G p²)) where penalties are kept.
///
/// # Errors
/// As [`cross_validate`], and labels that are not of all samples.
pub fn relabelled(
    features: ArrayView2<'_, f64>,
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
    relabelling: Relabelling<'_>,
    run: Run<'_>,
    mut each: impl FnMut(usize, Scores<'_>),
) -> Result<(), RidgeError> {
    let Relabelling { labels, penalties } = relabelling;
    check(features.nrows(), responses, folds, params)?;
    let samples = features.nrows();
    for labels in labels {
        if labels.len() != samples || labels.iter().any(|&from| from as usize >= samples) {
            return Err(RidgeError::Samples {
                what: "labels",
                found: labels.len(),
                expected: samples,
            });
        }
    }
    if let Relabel::Keep(chosen) = penalties
        && chosen.penalties.ncols() != responses.targets()
    {
        return Err(RidgeError::Regions {
            found: chosen.penalties.ncols(),
            expected: responses.targets(),
        });
    }
    let moved = |labels: &[u32]| {
        let rows: Vec<usize> = labels.iter().map(|&from| from as usize).collect();
        features.select(Axis(0), &rows)
    };
    let nested = params.selection == Selection::Nested && params.penalties.len() > 1;
    let keeps = matches!(penalties, Relabel::Keep(_));
    run.progress
        .begin("relabelling features", Some(labels.len() as u64));
    if !keeps && params.rule != Rule::PerTarget {
        // What targets share is known once all of them are done.
        for (at, labels) in labels.iter().enumerate() {
            let silent = Run {
                progress: &emotome_stimuli::run::Silent,
                ..run
            };
            let found = cross_validate(moved(labels).view(), responses, folds, params, silent)?;
            let (pearson, r2) = (&found.pearson[..], &found.r2[..]);
            each(at, Scores { pearson, r2 });
            run.progress.advance(1);
        }
        run.progress.end();
        return Ok(());
    }
    let plan = |labels: &Vec<u32>| -> Result<Plan<'_>, RidgeError> {
        let groups = Groups::new(moved(labels).view(), folds, params.scaling)?;
        Plan::new(groups, params, nested && !keeps, run)
    };
    let mut done = 0;
    let mut size = 1;
    while done < labels.len() {
        let batch = &labels[done..(done + size).min(labels.len())];
        let plans: Vec<Plan<'_>> = batch.par_iter().map(plan).collect::<Result<_, _>>()?;
        let found = scores(&plans, responses, folds, params, penalties, run)?;
        for (own, [pearson, r2]) in found.iter().enumerate() {
            each(done + own, Scores { pearson, r2 });
        }
        run.progress.advance(batch.len() as u64);
        done += batch.len();
        size = (HELD / plans[0].bytes().max(1)).clamp(1, BATCH);
    }
    run.progress.end();
    Ok(())
}

/// r and R² of all targets under each plan.
fn scores(
    plans: &[Plan<'_>],
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
    penalties: Relabel<'_>,
    run: Run<'_>,
) -> Result<Vec<[Vec<f64>; 2]>, RidgeError> {
    let targets = responses.targets();
    let starts: Vec<usize> = (0..targets).step_by(WIDTH).collect();
    let blocks: Vec<Vec<[Vec<f64>; 2]>> = starts
        .par_iter()
        .map(|&start| {
            if run.interrupt.requested() {
                return Err(RidgeError::Interrupted);
            }
            let range = start..(start + WIDTH).min(targets);
            let block = Block::read(responses, range, folds, params.scaling)?;
            Ok(plans
                .iter()
                .map(|plan| {
                    let turned = plan.turn(&block);
                    if let Relabel::Keep(chosen) = penalties {
                        let rows = chosen.penalties.nrows();
                        let penalty = |fold: usize, t: usize| {
                            chosen.penalties[[fold.min(rows - 1), start + t]]
                        };
                        return plan.outer(&turned, penalty, params);
                    }
                    let part = if plan.pairs.is_empty() {
                        plan.share(vec![plan.same_folds(&turned, params)], params)
                            .remove(0)
                    } else {
                        let inner = plan.inner(&turned, params);
                        let chosen = plan.choose(&inner, block.targets.len(), params);
                        plan.predict(&turned, chosen, params)
                    };
                    [part.pearson, part.r2]
                })
                .collect())
        })
        .collect::<Result<_, RidgeError>>()?;
    let mut found = vec![[Vec::with_capacity(targets), Vec::with_capacity(targets)]; plans.len()];
    for block in blocks {
        for (all, own) in found.iter_mut().zip(block) {
            for (all, own) in all.iter_mut().zip(own) {
                all.extend(own);
            }
        }
    }
    Ok(found)
}
