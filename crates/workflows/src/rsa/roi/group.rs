//! All subjects together: noise ceilings, bootstraps, and in how many a model is found.

use super::super::RsaError;
use super::{ALPHA, RoiCell, RoiGroup, RoiRequest, TAIL};
use crate::WorkflowError;
use emotome_brain::inference::bootstrap::{BootstrapParams, Resample, bootstrap};
use emotome_brain::inference::ceiling::noise_ceiling;
use emotome_brain::inference::prevalence::{bayesian, replication};
use emotome_brain::inference::published::published_paired_t_over_few_subjects;
use emotome_brain::rdm::Rdm;
use emotome_stats::summary::mean;
use emotome_stimuli::run::{Run, Silent};
use ndarray::Array2;

/// What is computed of one region over subjects. All are numbers in one list: the order of fields is that of the file.
pub(super) struct Together {
    /// Each subject against the pool of the others; empty for one subject.
    pub(super) each_lower: Vec<f64>,
    /// Each subject against the pool of all.
    each_upper: Vec<f64>,
    pub(super) boots: Option<Boots>,
}

/// p of bootstraps, for each model.
pub(super) struct Boots {
    zero: Vec<f64>,
    ceiling: Vec<f64>,
    /// Models × models.
    pub(super) pairwise: Vec<f64>,
}

impl Together {
    /// Numbers of a region that so many subjects have, with m models.
    pub(super) fn count(subjects: usize, m: usize, request: &RoiRequest) -> usize {
        match (subjects, request.bootstraps) {
            (0 | 1, _) => 0,
            (_, 0) => 2 * subjects,
            _ => 2 * subjects + 2 * m + m * m,
        }
    }

    pub(super) fn of(numbers: &[f64], subjects: usize, m: usize, request: &RoiRequest) -> Self {
        let subjects = if numbers.is_empty() { 0 } else { subjects };
        let (lower, rest) = numbers.split_at(subjects);
        let (upper, rest) = rest.split_at(subjects);
        let boots = (request.bootstraps > 0 && subjects > 0).then(|| Boots {
            zero: rest[..m].to_vec(),
            ceiling: rest[m..2 * m].to_vec(),
            pairwise: rest[2 * m..].to_vec(),
        });
        Self {
            each_lower: lower.to_vec(),
            each_upper: upper.to_vec(),
            boots,
        }
    }
}

/// Brings the subjects of a region together; nothing of one subject.
pub(super) fn together(
    name: &str,
    rdms: &[Rdm],
    models: &[Rdm],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Vec<f64>, WorkflowError> {
    if rdms.len() < 2 {
        return Ok(Vec::new());
    }
    if run.interrupt.requested() {
        return Err(WorkflowError::Paused {
            out: request.out.clone(),
        });
    }
    // Without a relation of runs between subjects, pairs left out differ from subject to subject.
    let ceiling = noise_ceiling(rdms, request.comparison).map_err(RsaError::from)?;
    let mut numbers = [ceiling.each_lower, ceiling.each_upper].concat();
    if request.bootstraps > 0 {
        let params = BootstrapParams {
            comparison: request.comparison,
            resample: Resample::Dual,
            draws: request.bootstraps,
            seed: request.seed.derive(name).0,
        };
        let quiet = Run {
            progress: &Silent,
            interrupt: run.interrupt,
        };
        let boots = bootstrap(rdms, models, params, quiet).map_err(RsaError::from)?;
        numbers.extend(&boots.tests.zero);
        numbers.extend(&boots.tests.ceiling);
        numbers.extend(&boots.tests.pairwise);
    }
    Ok(numbers)
}

/// All subjects together, by region and model.
pub(super) fn of_groups(
    names: &[String],
    cells: &[RoiCell],
    together: &[Together],
    request: &RoiRequest,
) -> Result<Vec<RoiGroup>, WorkflowError> {
    let m = request.models.len();
    let mut group = Vec::new();
    for (name, together) in names.iter().zip(together) {
        let of = |model: &str| -> Vec<&RoiCell> {
            cells
                .iter()
                .filter(|cell| cell.region == *name && cell.model == model)
                .collect()
        };
        let values =
            |model: &str| -> Vec<f64> { of(model).iter().map(|cell| cell.value).collect() };
        let ceiling = |each: &[f64]| (!each.is_empty()).then(|| mean(each));
        for (column, model) in request.models.iter().enumerate() {
            let own = of(&model.name);
            let several = own.len() > 1;
            let significant = (request.permutations > 0).then(|| {
                own.iter()
                    .filter(|cell| cell.p_fwe.is_some_and(|p| p <= ALPHA))
                    .count()
            });
            let at_least_two_p = match (
                several,
                own.iter().map(|cell| cell.p).collect::<Option<Vec<f64>>>(),
            ) {
                (true, Some(p)) => {
                    let p = Array2::from_shape_fn((p.len(), 1), |(subject, _)| p[subject]);
                    Some(replication(&p, 2, ALPHA).map_err(RsaError::from)?.p[0])
                }
                _ => None,
            };
            let prevalence_lower = match significant {
                Some(k) => Some(
                    bayesian(k as u32, own.len() as u32, ALPHA, 1.0, TAIL)
                        .map_err(RsaError::from)?
                        .lower,
                ),
                None => None,
            };
            let published_paired_t_p = match request.published_tests && several && column > 0 {
                true => Some(
                    published_paired_t_over_few_subjects(
                        &values(&request.models[0].name),
                        &values(&model.name),
                    )
                    .map_err(RsaError::from)?
                    .p,
                ),
                false => None,
            };
            let boots = together.boots.as_ref();
            group.push(RoiGroup {
                region: name.clone(),
                model: model.name.clone(),
                subjects: own.len(),
                mean: mean(&values(&model.name)),
                significant,
                at_least_two_p,
                prevalence_lower,
                no_subject_p_fwe: None,
                majority_p_fwe: None,
                prevalence_rejected: None,
                ceiling_lower: ceiling(&together.each_lower),
                ceiling_upper: ceiling(&together.each_upper),
                bootstrap_p: boots.map(|boots| boots.zero[column]),
                bootstrap_ceiling_p: boots.map(|boots| boots.ceiling[column]),
                bootstrap_pairwise_p: boots.map(|boots| boots.pairwise[column * m..][..m].to_vec()),
                published_paired_t_p,
            });
        }
    }
    Ok(group)
}
