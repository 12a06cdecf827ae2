//! What is compared, what is left out, and what it will cost.

use std::borrow::Cow;

use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::additive::{self, Additive};
use super::correlation::{self, Correlation};
use super::models::{self, Models, Source};
use super::pairs::Pairs;
use super::ranks::{self, Ranks};
use super::search::{Engine, Search};
use super::{Comparison, Exclusion, Interrupted, Neighbourhoods, PlanError};
use crate::model::{Geometry, Metric, Model};

/// Neighbourhoods in a block.
pub const BLOCK: usize = 128;

/// How to compare.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `brain` | correlation | distances between the patterns of a neighbourhood |
/// | `comparison` | Pearson | how they are compared with a model's |
/// | `exclusion` | none | pairs left out |
/// | `bins` | 16,384 | bins of `Spearman`, 16 to 65,535 |
/// | `bound` | 2e-4 | largest certified error of `Spearman`; where it is exceeded ranks are exact |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Distances of the brain.
    pub brain: Metric,
    /// The comparison.
    pub comparison: Comparison,
    /// Pairs left out.
    pub exclusion: Option<Exclusion>,
    /// Bins of ranks.
    pub bins: usize,
    /// Largest certified error.
    pub bound: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            brain: Metric::Correlation,
            comparison: Comparison::Pearson,
            exclusion: None,
            bins: 16_384,
            bound: 2e-4,
        }
    }
}

/// What a search leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Voxels with NaN or infinity.
    pub nan: usize,
    /// Voxels that are the same for all stimuli.
    pub constant: usize,
    /// Centres with too few members in the mask.
    pub excluded: usize,
    /// Centres that are such a voxel or have too few members without them.
    pub dropped: usize,
}

/// What a search will cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Neighbourhoods.
    pub spheres: usize,
    /// Their members, on average.
    pub members: f64,
    /// Floating-point operations, one multiply-add being two.
    pub flop: f64,
    /// Bytes of all threads together, beside the responses themselves.
    pub bytes: u64,
    /// Threads that the bytes are for.
    pub threads: usize,
}

/// A search that is possible.
pub struct Plan<'a> {
    pub(super) data: &'a [f32],
    pub(super) usable: Vec<bool>,
    pub(super) neighbourhoods: Neighbourhoods,
    pub(super) pairs: Pairs,
    pub(super) sources: Vec<Source<'a>>,
    pub(super) params: Params,
    pub(super) rejected: Rejected,
}

impl<'a> Plan<'a> {
    /// Plans a search of `responses`, voxels × stimuli.
    ///
    /// Reads all responses once, to find voxels with NaN, infinity or no variation.
    ///
    /// # Errors
    /// [`PlanError`] names what does not fit.
    pub fn new(
        responses: ArrayView2<'a, f32>,
        neighbourhoods: &Neighbourhoods,
        models: &'a [Model],
        params: Params,
    ) -> Result<Self, PlanError> {
        let (voxels, n) = responses.dim();
        let data = responses.to_slice().ok_or(PlanError::Layout)?;
        if voxels != neighbourhoods.voxels {
            return Err(PlanError::Voxels {
                neighbourhoods: neighbourhoods.voxels,
                responses: voxels,
            });
        }
        if n < 4 {
            return Err(PlanError::Stimuli { n });
        }
        if models.is_empty() {
            return Err(PlanError::NoModel);
        }
        check(n, models, &params)?;
        let pairs = Pairs::of(n, params.exclusion.as_ref())?;
        let sources = models
            .iter()
            .map(|model| Source::of(model, &pairs))
            .collect::<Result<Vec<_>, _>>()?;
        let kinds: Vec<Usable> = data
            .par_chunks_exact(n)
            .map(|row| {
                if row.iter().any(|v| !v.is_finite()) {
                    Usable::Nan
                } else if row.iter().all(|v| *v == row[0]) {
                    Usable::Constant
                } else {
                    Usable::Yes
                }
            })
            .collect();
        let count = |kind| kinds.iter().filter(|&&k| k == kind).count();
        let usable: Vec<bool> = kinds.iter().map(|&k| k == Usable::Yes).collect();
        let (kept, dropped) = neighbourhoods.without(&usable);
        let rejected = Rejected {
            nan: count(Usable::Nan),
            constant: count(Usable::Constant),
            excluded: neighbourhoods.excluded(),
            dropped,
        };
        if kept.is_empty() {
            return Err(PlanError::Nothing {
                nan: rejected.nan,
                constant: rejected.constant,
                excluded: rejected.excluded,
                dropped,
            });
        }
        Ok(Self {
            data,
            usable,
            neighbourhoods: kept,
            pairs,
            sources,
            params,
            rejected,
        })
    }

    /// What is left out.
    pub const fn rejected(&self) -> Rejected {
        self.rejected
    }

    /// The neighbourhoods searched, cut to usable voxels, in the order of blocks.
    pub const fn neighbourhoods(&self) -> &Neighbourhoods {
        &self.neighbourhoods
    }

    /// Blocks of [`BLOCK`] neighbourhoods, the last one shorter.
    pub const fn blocks(&self) -> usize {
        self.neighbourhoods.len().div_ceil(BLOCK)
    }

    /// What the search will cost.
    pub fn estimate(&self) -> Estimate {
        let threads = rayon::current_num_threads();
        let spheres = self.neighbourhoods.len();
        let largest = self.neighbourhoods.largest() as u64;
        let n = self.pairs.n as u64;
        let columns = models::columns(&self.sources) as u64;
        let dense = self.sources.iter().filter(|s| s.dense()).count() as u64;
        let pairs = n * n / 2;
        let ranked = self.params.comparison.ranked();
        let models = self.sources.len() as u64;
        let mut shared = 4 * n * columns + 4 * pairs * if ranked { models } else { dense };
        let mut each = 4 * n * largest + 8 * largest * (largest + columns);
        if ranked || dense > 0 || self.pairs.excludes() {
            each += 4 * n * largest + 64 * n;
        }
        if ranked {
            each += 2 * pairs + 8 * self.params.bins as u64;
        }
        if matches!(
            self.params.comparison,
            Comparison::SpearmanExact | Comparison::KendallTauA
        ) {
            each += 16 * pairs;
        }
        if self.pairs.order.is_some() {
            shared += 4 * self.data.len() as u64;
        }
        let mut flop: f64 = (0..spheres)
            .map(|at| correlation::flop(self, self.neighbourhoods.members(at).len()))
            .sum();
        if self.params.brain == Metric::SquaredEuclidean {
            let (bytes, work) = additive::cost(self);
            shared = bytes;
            flop = work;
        }
        Estimate {
            spheres,
            members: self.neighbourhoods.total() as f64 / spheres as f64,
            flop,
            bytes: shared + each * threads as u64,
            threads,
        }
    }

    /// Does what all neighbourhoods share.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn prepare(self, run: &Run<'_>) -> Result<Search<'a>, Interrupted> {
        let set = InstructionSet::detect();
        self.prepare_for(set, run)
    }

    /// [`prepare`](Self::prepare) with instructions that this CPU has.
    pub(super) fn prepare_for(
        self,
        set: InstructionSet,
        run: &Run<'_>,
    ) -> Result<Search<'a>, Interrupted> {
        let n = self.pairs.n;
        let data = match &self.pairs.order {
            None => Cow::Borrowed(self.data),
            Some(order) => {
                let mut moved = vec![0.0; self.data.len()];
                let rows = moved.par_chunks_exact_mut(n);
                rows.zip(self.data.par_chunks_exact(n))
                    .for_each(|(to, from)| {
                        for (to, &at) in to.iter_mut().zip(order) {
                            *to = from[at];
                        }
                    });
                Cow::Owned(moved)
            }
        };
        let comparison = self.params.comparison;
        let engine = if comparison.ranked() {
            Engine::Ranks(Ranks::of(&self, run)?)
        } else {
            let models = Models::of(&self.sources, &self.pairs, comparison, run)?;
            if self.params.brain == Metric::SquaredEuclidean {
                Engine::Additive(Box::new(Additive::of(&self, set, &data, models, run)?))
            } else {
                Engine::Correlation(Correlation::of(&self, models))
            }
        };
        Ok(Search {
            plan: self,
            set,
            data,
            engine,
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Usable {
    Yes,
    Nan,
    Constant,
}

fn check(n: usize, models: &[Model], params: &Params) -> Result<(), PlanError> {
    let (comparison, brain) = (params.comparison, params.brain);
    let unsupported = |advice| {
        Err(PlanError::Unsupported {
            comparison,
            brain,
            advice,
        })
    };
    match brain {
        Metric::Euclidean => return unsupported("take squared Euclidean distances"),
        Metric::SquaredEuclidean => {
            if comparison.ranked() {
                return unsupported("take correlation distances");
            }
            for model in models {
                if !matches!(
                    &model.geometry,
                    Geometry::Features { metric, .. } if *metric != Metric::Euclidean
                ) {
                    let model = model.name.clone();
                    return Err(PlanError::NeedsFeatures { model });
                }
            }
        }
        Metric::Correlation | Metric::Cosine => {
            if comparison == Comparison::DebiasedCka {
                return unsupported("take squared Euclidean distances");
            }
        }
    }
    let whole = comparison.whitened() || brain == Metric::SquaredEuclidean;
    if params.exclusion.is_some() && whole {
        return Err(PlanError::Exclusion { comparison, brain });
    }
    if comparison.ranked() {
        if n > ranks::LIMIT {
            let limit = ranks::LIMIT;
            return Err(PlanError::TooManyForRanks { n, limit });
        }
        if !(16..=65_535).contains(&params.bins) {
            let bins = params.bins;
            return Err(PlanError::Bins { bins });
        }
        if !(params.bound.is_finite() && params.bound > 0.0) {
            let bound = params.bound;
            return Err(PlanError::Bound { bound });
        }
    }
    Ok(())
}
