//! One subject: its regions beside the models, and relabelled models.

use super::super::RsaError;
use super::super::brain::Pairs;
use super::{RoiCell, RoiRequest};
use crate::WorkflowError;
use emotome_brain::inference::exchange::Presentation;
use emotome_brain::inference::permute::{PermutationParams, permutation_test};
use emotome_brain::inference::published::published_pairs_t_test;
use emotome_brain::inference::{Tail, permutation_p};
use emotome_brain::model::regression::{Regression, correlations, regress};
use emotome_brain::rdm::{Comparison, Rdm, compare as alike};
use emotome_brain::regions::Region;
use emotome_brain::store::{Store, View};
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stimuli::run::Run;
use ndarray::Array2;

/// Regions whose dissimilarities are in memory at once.
const BATCH: usize = 32;

/// A subject as far as pass one goes.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) store: Store,
    pub(super) view: View,
    pub(super) regions: Vec<Region>,
}

/// The dissimilarities of a region's patterns; pairs that take no part are missing.
pub(super) fn rdm(
    subject: &Subject,
    members: &[usize],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Rdm, WorkflowError> {
    let responses = subject.store.load_voxels(&subject.view, members, run)?;
    let patterns: Array2<f64> = responses.values.t().mapv(f64::from);
    let rdm = Rdm::from_patterns(patterns.view(), request.distance).map_err(RsaError::from)?;
    Ok(masked(&rdm, &subject.view, request.pairs))
}

/// The same with the pairs missing that take no part.
fn masked(rdm: &Rdm, view: &View, pairs: Pairs) -> Rdm {
    let rows = &view.rows;
    let near = |i: usize, j: usize, lag: usize| {
        rows[i].run == rows[j].run && (rows[i].order.abs_diff(rows[j].order) as usize) < lag
    };
    match pairs {
        Pairs::All => rdm.clone(),
        Pairs::AcrossRuns => rdm.excluding(|i, j| rows[i].run == rows[j].run),
        Pairs::Apart(lag) => rdm.excluding(|i, j| near(i, j, lag)),
    }
}

/// Compares the regions of a subject with the models.
pub(super) fn compare(
    subject: &Subject,
    models: &[Rdm],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Vec<RoiCell>, WorkflowError> {
    let (n, m) = (subject.regions.len(), models.len());
    let runs = subject.view.runs();
    let places: Vec<u32> = subject.view.rows.iter().map(|row| row.order).collect();
    let shown = Presentation::new(&runs, &places).map_err(RsaError::from)?;
    let params = PermutationParams {
        comparison: request.comparison,
        exchange: request.exchange,
        permutations: request.permutations,
        tail: Tail::Greater,
        seed: request.seed.derive(&subject.name).0,
    };
    let between = between(&subject.view, models, request)?;
    let mut values = Array2::from_elem((n, m), f64::NAN);
    let mut p = Array2::from_elem((n, m), f64::NAN);
    let mut maxima: Vec<f64> = Vec::new();
    let mut published = Array2::from_elem((n, m), f64::NAN);
    for (batch, some) in subject.regions.chunks(BATCH).enumerate() {
        run.progress.begin(
            &format!("distances of subject {}", subject.name),
            Some(some.len() as u64),
        );
        let mut rdms = Vec::with_capacity(some.len());
        for region in some {
            rdms.push(rdm(subject, &region.members, request, run)?);
            run.progress.advance(1);
        }
        run.progress.end();
        let first = batch * BATCH;
        if request.permutations > 0 {
            let test =
                permutation_test(&rdms, models, &shown, params, run).map_err(RsaError::from)?;
            for (row, (observed, own)) in test
                .observed
                .outer_iter()
                .zip(test.p.outer_iter())
                .enumerate()
            {
                values.row_mut(first + row).assign(&observed);
                p.row_mut(first + row).assign(&own);
            }
            // Every batch relabels alike, so the largest of all is the largest of the batches' largest.
            maxima.resize(test.maxima.len(), f64::NEG_INFINITY);
            maxima
                .iter_mut()
                .zip(&test.maxima)
                .for_each(|(most, &own)| *most = most.max(own));
        } else {
            for (row, rdm) in rdms.iter().enumerate() {
                for (column, model) in models.iter().enumerate() {
                    values[[first + row, column]] = alike(rdm, model, request.comparison)
                        .map_err(RsaError::from)?
                        .value;
                }
            }
        }
        if request.published_tests {
            for (row, rdm) in rdms.iter().enumerate() {
                for (column, model) in models.iter().enumerate() {
                    let test = published_pairs_t_test(rdm, model, request.comparison)
                        .map_err(RsaError::from)?;
                    published[[first + row, column]] = test.p;
                }
            }
        }
    }
    let tested = request.permutations > 0;
    let q = if tested {
        benjamini_hochberg(p.as_slice().unwrap_or_default())
    } else {
        Vec::new()
    };
    let mut cells = Vec::with_capacity(n * m);
    let mut apart = 0;
    for (row, region) in subject.regions.iter().enumerate() {
        let joint = joint(
            between.as_ref(),
            values.row(row).as_slice().unwrap_or_default(),
        );
        apart += usize::from(between.is_some() && joint.is_none());
        for (column, of) in request.models.iter().enumerate() {
            let value = values[[row, column]];
            cells.push(RoiCell {
                subject: subject.name.clone(),
                region: region.name.clone(),
                voxels: region.members.len(),
                model: of.name.clone(),
                value,
                p: tested.then_some(p[[row, column]]),
                p_fwe: tested.then(|| permutation_p(value, maxima.iter().copied())),
                q: tested.then(|| q[row * m + column]),
                partial: joint.as_ref().map(|fit| fit.partial[column]),
                unique_r2: joint.as_ref().map(|fit| fit.unique[column]),
                published_pairs_t_p: request.published_tests.then_some(published[[row, column]]),
            });
        }
    }
    if apart > 0 {
        run.progress.note(&format!(
            "{apart} regions of subject {} have no partial correlations: the models are linear combinations of each other",
            subject.name
        ));
    }
    Ok(cells)
}

/// Correlations among models over the pairs that take part; none where they cannot be fitted together.
fn between(
    view: &View,
    models: &[Rdm],
    request: &RoiRequest,
) -> Result<Option<Array2<f64>>, RsaError> {
    let fits = matches!(
        request.comparison,
        Comparison::Pearson | Comparison::Spearman
    );
    if models.len() < 2 || !fits {
        return Ok(None);
    }
    let masked: Vec<Rdm> = models
        .iter()
        .map(|model| masked(model, view, request.pairs))
        .collect();
    Ok(Some(correlations(
        &masked[0],
        &masked[1..],
        request.comparison,
    )?))
}

/// All models fitted to a region together; none if they are collinear.
fn joint(between: Option<&Array2<f64>>, brain: &[f64]) -> Option<Regression> {
    let between = between?;
    let m = brain.len();
    let r = Array2::from_shape_fn((m + 1, m + 1), |(i, j)| match (i, j) {
        (0, 0) => 1.0,
        (0, j) => brain[j - 1],
        (i, 0) => brain[i - 1],
        (i, j) => between[[i - 1, j - 1]],
    });
    regress(r.view()).ok()
}
