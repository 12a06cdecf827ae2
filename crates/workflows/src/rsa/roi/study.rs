//! The work of a comparison: batches of regions of every subject, then all together.

use super::finished::Finished;
use super::group::{self, Together};
use super::subject::{self, Subject, Tested, rdm};
use super::variance;
use super::{ALPHA, RoiCell, RoiGroup, RoiPair, RoiRequest, RoiSummary};
use crate::WorkflowError;
use crate::rsa::RsaError;
use emotome_brain::inference::permutation_p;
use emotome_brain::inference::prevalence::prevalence;
use emotome_brain::model::reweight::Reweighting;
use emotome_brain::model::{Geometry, Model};
use emotome_brain::rdm::Rdm;
use emotome_stats::multiplicity::benjamini_hochberg;
use emotome_stimuli::run::{Progress, Run};
use ndarray::Array3;
use rayon::prelude::*;

/// Combinations of the subjects' relabellings that are drawn for the prevalence.
const COMBINATIONS: u32 = 100_000;
/// Bytes of dissimilarities in memory at once.
const MOST_BYTES: usize = 3 << 29;
/// Regions at once, where that is less.
const MOST_REGIONS: usize = 32;

/// Regions of any subject, in the order of the first that has them.
pub(super) fn names(subjects: &[Subject]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for region in subjects.iter().flat_map(|subject| &subject.regions) {
        if !names.contains(&region.name) {
            names.push(region.name.clone());
        }
    }
    names
}

/// Folds of stimuli for the fit of features.
const FOLDS: u32 = 5;

/// For each subject the features of each model, ready to be fitted; none for models without features.
pub(super) fn reweighting(
    subjects: &[Subject],
    models: &[Model],
    rdms: &[Rdm],
    request: &RoiRequest,
) -> Result<Vec<Vec<Option<Reweighting>>>, WorkflowError> {
    if !request.reweighted {
        return Ok(Vec::new());
    }
    let ready = subjects.iter().map(|subject| {
        // Whole runs change folds, so that pairs held out are mostly of different runs.
        let runs = subject.view.runs();
        let mut labels = runs.clone();
        labels.sort_unstable();
        labels.dedup();
        let fold = |run: &u32| labels.binary_search(run).unwrap_or(0) as u32 % FOLDS;
        let folds: Vec<u32> = runs.iter().map(fold).collect();
        let of = models
            .iter()
            .zip(rdms)
            .map(|(model, rdm)| match &model.geometry {
                Geometry::Features { rows, .. } => {
                    let like = subject::masked(rdm, &subject.view, request.pairs);
                    Reweighting::new(rows.view(), &folds, &like).map(Some)
                }
                Geometry::Dissimilarities { .. } => Ok(None),
            });
        of.collect::<Result<Vec<_>, _>>()
    });
    Ok(ready
        .collect::<Result<Vec<_>, _>>()
        .map_err(RsaError::from)?)
}

/// Subjects, regions and models.
pub(super) struct Study {
    pub(super) names: Vec<String>,
    pub(super) subjects: Vec<Subject>,
    pub(super) models: Vec<Rdm>,
    pub(super) reweighting: Vec<Vec<Option<Reweighting>>>,
}

/// Progress of all parts in one bar.
struct Parts<'a>(&'a dyn Progress);

impl Progress for Parts<'_> {
    fn begin(&self, _stage: &str, _total: Option<u64>) {}
    fn advance(&self, units: u64) {
        self.0.advance(units);
    }
    fn note(&self, message: &str) {
        self.0.note(message);
    }
    fn end(&self) {}
}

impl Study {
    /// All subjects by themselves (subject by subject, its regions in order), and all together (region by region).
    pub(super) fn compare(
        &self,
        request: &RoiRequest,
        finished: &mut Finished,
        run: Run<'_>,
    ) -> Result<(Vec<Vec<Tested>>, Vec<Together>), WorkflowError> {
        let bytes = 8 * self.models[0].values().len() * self.subjects.len();
        let at_once = (MOST_BYTES / bytes.max(1)).clamp(1, MOST_REGIONS);
        let batches = self.names.chunks(at_once);
        let relabellings = u64::from(request.permutations) + 1;
        run.progress.begin(
            "batches of regions, relabellings",
            Some((batches.len() * self.subjects.len()) as u64 * relabellings),
        );
        let parts = Parts(run.progress);
        let inner = Run {
            progress: &parts,
            interrupt: run.interrupt,
        };
        let mut tested: Vec<Vec<Tested>> = self.subjects.iter().map(|_| Vec::new()).collect();
        let mut together = Vec::new();
        for (number, batch) in batches.enumerate() {
            let (of_all, of_group) = self.batch(number, batch, request, finished, inner)?;
            for (all, own) in tested.iter_mut().zip(of_all) {
                all.extend(own);
            }
            together.extend(of_group);
        }
        run.progress.end();
        Ok((tested, together))
    }

    fn batch(
        &self,
        number: usize,
        batch: &[String],
        request: &RoiRequest,
        finished: &mut Finished,
        run: Run<'_>,
    ) -> Result<(Vec<Vec<Tested>>, Vec<Together>), WorkflowError> {
        let m = self.models.len();
        let have = |subject: &Subject| -> Vec<usize> {
            let places = batch.iter().map(|name| {
                subject
                    .regions
                    .iter()
                    .position(|region| region.name == *name)
            });
            places.flatten().collect()
        };
        let of_group: Vec<usize> = batch
            .iter()
            .map(|name| self.subjects.iter().filter(|s| s.has(name)).count())
            .collect();
        let group_key = format!("all subjects/{number}");
        let group_counts: Vec<usize> = of_group
            .iter()
            .map(|&s| Together::count(s, m, request))
            .collect();
        let group_done = finished
            .get(&group_key, group_counts.iter().sum())
            .is_some();
        let mut tested = Vec::new();
        let mut rdms: Vec<Vec<Rdm>> = Vec::new();
        for (at, subject) in self.subjects.iter().enumerate() {
            let regions = have(subject);
            let key = format!("{}/{number}", subject.name);
            let count = Tested::count(m, request);
            let done = finished.get(&key, regions.len() * count).is_some();
            let mut own = Vec::new();
            if !(done && group_done) {
                own = regions
                    .par_iter()
                    .map(|&region| rdm(subject, &subject.regions[region].members, request, run))
                    .collect::<Result<Vec<_>, _>>()?;
            }
            if done {
                run.progress.advance(u64::from(request.permutations) + 1);
            } else {
                let reweighting = self.reweighting.get(at).map_or(&[][..], Vec::as_slice);
                let all = subject.test(&own, &self.models, reweighting, request, run)?;
                finished.add(key.clone(), all)?;
            }
            let numbers = finished
                .get(&key, regions.len() * count)
                .unwrap_or_default();
            tested.push(
                regions
                    .iter()
                    .zip(numbers.chunks(count))
                    .map(|(&region, numbers)| Tested::of(region, numbers, m, request))
                    .collect(),
            );
            rdms.push(own);
        }
        if !group_done {
            let mut numbers = Vec::new();
            for name in batch {
                let own: Vec<Rdm> = self
                    .subjects
                    .iter()
                    .zip(&mut rdms)
                    .filter(|(subject, own)| subject.has(name) && !own.is_empty())
                    .map(|(_, own)| own.remove(0))
                    .collect();
                numbers.extend(group::together(name, &own, &self.models, request, run)?);
            }
            finished.add(group_key.clone(), numbers)?;
        }
        let mut rest = finished
            .get(&group_key, group_counts.iter().sum())
            .unwrap_or_default();
        let mut together = Vec::new();
        for (&subjects, count) in of_group.iter().zip(group_counts) {
            let (own, after) = rest.split_at(count);
            together.push(Together::of(own, subjects, m, request));
            rest = after;
        }
        Ok((tested, together))
    }

    /// What is known of each subject, region and model.
    pub(super) fn cells(
        &self,
        tested: &[Vec<Tested>],
        together: &[Together],
        request: &RoiRequest,
        run: Run<'_>,
    ) -> Vec<RoiCell> {
        let m = self.models.len();
        let mut cells = Vec::new();
        let mut seen = vec![0; self.names.len()];
        for (subject, tested) in self.subjects.iter().zip(tested) {
            let draws = request.permutations as usize;
            let mut maxima = vec![f64::NEG_INFINITY; draws];
            for region in tested {
                for (most, own) in maxima.iter_mut().zip(region.null.chunks(m)) {
                    *most = own.iter().copied().fold(*most, f64::max);
                }
            }
            let p: Vec<f64> = tested
                .iter()
                .flat_map(|region| {
                    (0..m).map(|column| {
                        let null = region.null.iter().skip(column).step_by(m).copied();
                        permutation_p(region.values[column], null)
                    })
                })
                .collect();
            let q = benjamini_hochberg(&p);
            let was_tested = draws > 0;
            let mut apart = 0;
            for (row, own) in tested.iter().enumerate() {
                let region = &subject.regions[own.region];
                let fit = variance::joint(own).and_then(Result::ok);
                apart += usize::from(variance::joint(own).is_some_and(|fit| fit.is_err()));
                let place = self
                    .names
                    .iter()
                    .position(|name| *name == region.name)
                    .unwrap_or(0);
                let others = together[place].each_lower.get(seen[place]).copied();
                seen[place] += 1;
                for (column, of) in request.models.iter().enumerate() {
                    let value = own.values[column];
                    cells.push(RoiCell {
                        subject: subject.name.clone(),
                        region: region.name.clone(),
                        voxels: region.members.len(),
                        model: of.name.clone(),
                        value,
                        p: was_tested.then(|| p[row * m + column]),
                        p_fwe: was_tested.then(|| permutation_p(value, maxima.iter().copied())),
                        q: was_tested.then(|| q[row * m + column]),
                        partial: fit.as_ref().map(|fit| fit.partial[column]),
                        unique_r2: fit.as_ref().map(|fit| fit.unique[column]),
                        others,
                        reweighted: own.reweighted.get(column).copied(),
                        published_pairs_t_p: own.published.get(column).copied(),
                    });
                }
            }
            if apart > 0 {
                run.progress.note(&format!(
                    "{apart} regions of subject {} have no partial correlations: the models are linear combinations of each other",
                    subject.name
                ));
            }
        }
        cells
    }

    /// Prevalence by the smallest value of all subjects, for the regions that all have.
    pub(super) fn prevalence(
        &self,
        tested: &[Vec<Tested>],
        summary: &mut RoiSummary,
        request: &RoiRequest,
        run: Run<'_>,
    ) -> Result<(), WorkflowError> {
        let (m, draws) = (self.models.len(), request.permutations as usize);
        if draws == 0 || self.subjects.len() < 2 {
            return Ok(());
        }
        let find = |subject: usize, name: &str| {
            let regions = &self.subjects[subject].regions;
            tested[subject]
                .iter()
                .find(|own| regions[own.region].name == name)
        };
        let defined = |own: &Tested| own.values.iter().chain(&own.null).all(|v| v.is_finite());
        let everywhere: Vec<Vec<&Tested>> = self
            .names
            .iter()
            .map(|name| {
                (0..tested.len())
                    .filter_map(|subject| find(subject, name))
                    .collect::<Vec<_>>()
            })
            .collect();
        let shared: Vec<usize> = (0..self.names.len())
            .filter(|&at| {
                let own = &everywhere[at];
                own.len() == tested.len() && own.iter().all(|own| defined(own))
            })
            .collect();
        if shared.len() < self.names.len() {
            run.progress.note(&format!(
                "{} of {} regions have no prevalence by relabelling: some subject does not have them, or they have no value",
                self.names.len() - shared.len(),
                self.names.len()
            ));
        }
        if shared.is_empty() {
            return Ok(());
        }
        let statistics = Array3::from_shape_fn(
            (tested.len(), draws + 1, shared.len() * m),
            |(subject, draw, place)| {
                let own = everywhere[shared[place / m]][subject];
                match draw {
                    0 => own.values[place % m],
                    draw => own.null[(draw - 1) * m + place % m],
                }
            },
        );
        let found = prevalence(
            statistics.view(),
            COMBINATIONS,
            ALPHA,
            request.seed.derive("prevalence").0,
            run,
        )
        .map_err(RsaError::from)?;
        summary.reachable_prevalence = Some(found.reachable);
        for (at, &region) in shared.iter().enumerate() {
            for column in 0..m {
                let group = &mut summary.group[region * m + column];
                let place = at * m + column;
                group.no_subject_p_fwe = Some(found.p_global_fwe[place]);
                group.majority_p_fwe = Some(found.p_majority_fwe[place]);
                group.prevalence_rejected = Some(found.largest_rejected_fwe[place]);
            }
        }
        Ok(())
    }
}

/// Differences of every two models in each region.
pub(super) fn pairs(
    group: &[RoiGroup],
    together: &[Together],
    request: &RoiRequest,
) -> Vec<RoiPair> {
    let m = request.models.len();
    let mut pairs = Vec::new();
    for (own, together) in group.chunks(m).zip(together) {
        if let Some(boots) = &together.boots {
            for first in 0..m {
                for second in first + 1..m {
                    pairs.push(RoiPair {
                        region: own[first].region.clone(),
                        first: own[first].model.clone(),
                        second: own[second].model.clone(),
                        difference: own[first].mean - own[second].mean,
                        p: boots.pairwise[first * m + second],
                        q: f64::NAN,
                    });
                }
            }
        }
    }
    let p: Vec<f64> = pairs.iter().map(|pair| pair.p).collect();
    for (pair, q) in pairs.iter_mut().zip(benjamini_hochberg(&p)) {
        pair.q = q;
    }
    pairs
}
