//! One subject: its regions beside the models, and relabelled models.

use super::super::RsaError;
use super::super::brain::Pairs;
use super::RoiRequest;
use crate::WorkflowError;
use emotome_brain::inference::Tail;
use emotome_brain::inference::exchange::Presentation;
use emotome_brain::inference::permute::{PermutationParams, permutation_test};
use emotome_brain::inference::published::published_pairs_t_test;
use emotome_brain::model::regression::correlations;
use emotome_brain::model::reweight::Reweighting;
use emotome_brain::rdm::{Comparison, Rdm, compare as alike};
use emotome_brain::regions::Region;
use emotome_brain::store::{Store, View};
use emotome_stimuli::run::{Run, Silent};
use ndarray::Array2;
use rayon::prelude::*;

/// A subject, and what it saw when.
pub(super) struct Subject {
    pub(super) name: String,
    store: Store,
    pub(super) view: View,
    pub(super) regions: Vec<Region>,
    pub(super) shown: Presentation,
    /// Pairs of stimuli that take no part.
    missing: usize,
    /// Correlations of the models over those that do, where models are fitted together.
    between: Option<Array2<f64>>,
}

/// The dissimilarities of a region's patterns; pairs that take no part are missing.
pub(super) fn rdm(
    subject: &Subject,
    members: &[usize],
    request: &RoiRequest,
    run: Run<'_>,
) -> Result<Rdm, WorkflowError> {
    let quiet = Run {
        progress: &Silent,
        interrupt: run.interrupt,
    };
    let responses = subject.store.load_voxels(&subject.view, members, quiet)?;
    let patterns: Array2<f64> = responses.values.t().mapv(f64::from);
    let rdm = Rdm::from_patterns(patterns.view(), request.distance).map_err(RsaError::from)?;
    Ok(match request.pairs {
        Pairs::All => rdm,
        pairs => masked(&rdm, &subject.view, pairs),
    })
}

/// The same with the pairs missing that take no part.
pub(super) fn masked(rdm: &Rdm, view: &View, pairs: Pairs) -> Rdm {
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

/// What is computed of one region of a subject. All are numbers in one list: the order of fields is that of the file.
pub(super) struct Tested {
    /// Its place among the subject's regions.
    pub(super) region: usize,
    /// Agreement with each model.
    pub(super) values: Vec<f64>,
    /// Relabellings × models.
    pub(super) null: Vec<f64>,
    /// Models × models over the pairs that the region has; empty where models are not fitted together.
    pub(super) between: Vec<f64>,
    /// Correlation with the features of each model, reweighted; empty if not asked for.
    pub(super) reweighted: Vec<f64>,
    /// The published test; empty if not asked for.
    pub(super) published: Vec<f64>,
}

/// Whether models are fitted together.
fn fitted(models: usize, request: &RoiRequest) -> bool {
    let linear = matches!(
        request.comparison,
        Comparison::Pearson | Comparison::Spearman
    );
    models > 1 && linear
}

impl Tested {
    /// Numbers of each list, of m models.
    fn counts(m: usize, request: &RoiRequest) -> [usize; 5] {
        let if_so = |wanted: bool, count: usize| if wanted { count } else { 0 };
        [
            m,
            request.permutations as usize * m,
            if_so(fitted(m, request), m * m),
            if_so(request.reweighted, m),
            if_so(request.published_tests, m),
        ]
    }

    /// Numbers of a region.
    pub(super) fn count(m: usize, request: &RoiRequest) -> usize {
        Self::counts(m, request).iter().sum()
    }

    pub(super) fn of(region: usize, numbers: &[f64], m: usize, request: &RoiRequest) -> Self {
        let mut rest = numbers;
        let [values, null, between, reweighted, published] =
            Self::counts(m, request).map(|count| {
                let (own, after) = rest.split_at(count);
                rest = after;
                own.to_vec()
            });
        Self {
            region,
            values,
            null,
            between,
            reweighted,
            published,
        }
    }
}

impl Subject {
    pub(super) fn new(
        store: Store,
        view: View,
        regions: Vec<Region>,
        models: &[Rdm],
        request: &RoiRequest,
    ) -> Result<Self, WorkflowError> {
        let places: Vec<u32> = view.rows.iter().map(|row| row.order).collect();
        let shown = Presentation::new(&view.runs(), &places).map_err(RsaError::from)?;
        if request.permutations > 0 {
            shown
                .arrangements(request.exchange)
                .map_err(RsaError::from)?;
        }
        let masked: Vec<Rdm> = models
            .iter()
            .map(|model| masked(model, &view, request.pairs))
            .collect();
        let between = fitted(models.len(), request)
            .then(|| correlations(&masked[0], &masked[1..], request.comparison))
            .transpose()
            .map_err(RsaError::from)?;
        Ok(Self {
            name: store.manifest().subject.clone(),
            missing: masked[0].missing(),
            store,
            view,
            regions,
            shown,
            between,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.regions.iter().any(|region| region.name == name)
    }

    /// Compares some regions with the models: the numbers of each, one region after the other.
    pub(super) fn test(
        &self,
        rdms: &[Rdm],
        models: &[Rdm],
        reweighting: &[Option<Reweighting>],
        request: &RoiRequest,
        run: Run<'_>,
    ) -> Result<Vec<f64>, WorkflowError> {
        if rdms.is_empty() {
            return Ok(Vec::new());
        }
        let test = if request.permutations > 0 {
            let params = PermutationParams {
                comparison: request.comparison,
                exchange: request.exchange,
                permutations: request.permutations,
                tail: Tail::Greater,
                seed: request.seed.derive(&self.name).0,
            };
            let test = permutation_test(rdms, models, &self.shown, params, run);
            Some(test.map_err(RsaError::from)?)
        } else {
            None
        };
        let each = rdms.par_iter().enumerate().map(|(row, rdm)| {
            let mut numbers = Vec::with_capacity(Tested::count(models.len(), request));
            match &test {
                Some(test) => {
                    numbers.extend(test.observed.row(row));
                    numbers.extend(test.null.slice(ndarray::s![.., row, ..]).iter());
                }
                None => {
                    for model in models {
                        numbers.push(alike(rdm, model, request.comparison)?.value);
                    }
                }
            }
            if let Some(between) = &self.between {
                if rdm.missing() == self.missing {
                    numbers.extend(between);
                } else {
                    let own = correlations(rdm, models, request.comparison)?;
                    numbers.extend(own.slice(ndarray::s![1.., 1..]));
                }
            }
            for features in reweighting {
                numbers.push(match features {
                    Some(features) => features.fit(rdm)?.r,
                    None => f64::NAN,
                });
            }
            if request.published_tests {
                for model in models {
                    numbers.push(published_pairs_t_test(rdm, model, request.comparison)?.p);
                }
            }
            if test.is_none() {
                // The bar counts relabellings of a batch.
                run.progress.advance(u64::from(row == 0));
            }
            Ok(numbers)
        });
        let each: Result<Vec<Vec<f64>>, RsaError> = each.collect();
        Ok(each?.concat())
    }
}
