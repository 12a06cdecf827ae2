//! All subjects together: noise ceilings, bootstraps, and in how many a model is found.

use super::super::RsaError;
use super::subject::{Subject, rdm};
use super::{ALPHA, RoiCell, RoiGroup, RoiRequest};
use crate::WorkflowError;
use emotome_brain::inference::bootstrap::{BootstrapParams, Resample, bootstrap};
use emotome_brain::inference::ceiling::noise_ceiling;
use emotome_brain::inference::prevalence::{bayesian, replication};
use emotome_brain::inference::published::published_paired_t_over_few_subjects;
use emotome_brain::rdm::Rdm;
use emotome_brain::regions::Region;
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::{Array2, Axis};

/// Brings the subjects of each region together.
pub(super) fn compare(
    subjects: &[Subject],
    models: &[Rdm],
    cells: &[RoiCell],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Vec<RoiGroup>, WorkflowError> {
    let mut names: Vec<&str> = Vec::new();
    for region in subjects.iter().flat_map(|subject| &subject.regions) {
        if !names.contains(&region.name.as_str()) {
            names.push(&region.name);
        }
    }
    let mut group = Vec::new();
    run.progress
        .begin("regions over subjects", Some(names.len() as u64));
    for name in names {
        let have: Vec<(&Subject, &Region)> = subjects
            .iter()
            .filter_map(|subject| {
                Some((
                    subject,
                    subject.regions.iter().find(|region| region.name == name)?,
                ))
            })
            .collect();
        let several = have.len() > 1;
        let mut ceiling = None;
        let mut boots = None;
        // Without a relation of runs between subjects, pairs left out differ from subject to subject.
        if several {
            let rdms = have
                .iter()
                .map(|(subject, region)| rdm(subject, &region.members, request, run))
                .collect::<Result<Vec<_>, _>>()?;
            ceiling = Some(noise_ceiling(&rdms, request.comparison).map_err(RsaError::from)?);
            if request.bootstraps > 0 {
                let params = BootstrapParams {
                    comparison: request.comparison,
                    resample: Resample::Dual,
                    draws: request.bootstraps,
                    seed: request.seed.derive(name).0,
                };
                boots = Some(bootstrap(&rdms, models, params, run).map_err(RsaError::from)?);
            }
        }
        let of = |model: &str| -> Vec<&RoiCell> {
            cells
                .iter()
                .filter(|cell| cell.region == name && cell.model == model)
                .collect()
        };
        let values =
            |model: &str| -> Vec<f64> { of(model).iter().map(|cell| cell.value).collect() };
        for (column, model) in request.models.iter().enumerate() {
            let own = of(&model.name);
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
                    bayesian(k as u32, own.len() as u32, ALPHA, 1.0, 0.05)
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
            group.push(RoiGroup {
                region: name.to_owned(),
                model: model.name.clone(),
                subjects: own.len(),
                mean: mean(&values(&model.name)),
                significant,
                at_least_two_p,
                prevalence_lower,
                ceiling_lower: ceiling.as_ref().map(|ceiling| ceiling.lower),
                ceiling_upper: ceiling.as_ref().map(|ceiling| ceiling.upper),
                bootstrap_p: boots.as_ref().map(|boots| boots.tests.zero[column]),
                bootstrap_ceiling_p: boots.as_ref().map(|boots| boots.tests.ceiling[column]),
                bootstrap_pairwise_p: boots
                    .as_ref()
                    .map(|boots| boots.tests.pairwise.index_axis(Axis(0), column).to_vec()),
                published_paired_t_p,
            });
        }
        run.progress.advance(1);
    }
    run.progress.end();
    Ok(group)
}
