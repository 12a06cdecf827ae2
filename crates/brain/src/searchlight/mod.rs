//! Every neighbourhood of the brain compared with every model.
//!
//! A [`Plan`] checks responses, neighbourhoods and models, leaves out voxels that say nothing, and
//! tells what the search will cost. [`Plan::prepare`] does what all neighbourhoods share, and
//! [`Search::block`] compares a fixed block of them, with the same bits whatever the number of
//! threads, the instruction set and the blocks done before: a search that is cut off goes on where
//! it stopped.
//!
//! | distances of the brain | comparison | work for a sphere of v voxels, n stimuli, k columns |
//! |---|---|---|
//! | correlation, cosine | Pearson, cosine, whitened | n v² + 2 n v k |
//! | correlation, cosine | the same with a model of dissimilarities | + n² v for all + n² each |
//! | correlation, cosine | Spearman | n² v, then a look-up and a multiplication for each pair |
//! | squared Euclidean | CKA, whitened | sums over the sphere of what is known for each voxel |
//!
//! No comparison of correlation distances forms a matrix of pairs unless it must: sums over pairs
//! are sums of squared inner products of columns.

mod additive;
mod correlation;
mod kernel;
mod models;
mod neighbourhood;
mod pairs;
mod peak;
mod ranks;
mod sides;

use std::borrow::Cow;

use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::model::{Metric, Model};
use additive::Additive;
use correlation::Correlation;
use models::{Models, Source};
use pairs::Pairs;
use ranks::Ranks;

pub use additive::Extremes;
pub use neighbourhood::{Extent, Minimum, NeighbourhoodError, Neighbourhoods, Rule, Shape};
pub use pairs::Exclusion;
pub use peak::{Peak, gemm_peak};
pub use sides::Comparison;

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

/// A search cannot be planned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Too few stimuli.
    #[error("{n} stimuli make too few pairs to compare: at least 4 are needed")]
    Stimuli {
        /// Stimuli.
        n: usize,
    },
    /// Too many stimuli for ranks.
    #[error(
        "{n} stimuli: ranks of their pairs are compared exactly up to {limit}; take a comparison other than Spearman"
    )]
    TooManyForRanks {
        /// Stimuli.
        n: usize,
        /// The most.
        limit: usize,
    },
    /// The responses are not laid out by voxel.
    #[error("responses must be stored voxel after voxel, each with all its stimuli side by side")]
    Layout,
    /// Neighbourhoods of another mask.
    #[error("neighbourhoods are of {neighbourhoods} voxels, responses of {responses}")]
    Voxels {
        /// Of the neighbourhoods.
        neighbourhoods: usize,
        /// Of the responses.
        responses: usize,
    },
    /// No neighbourhood.
    #[error(
        "no neighbourhood is left: {nan} voxels hold NaN or infinity, {constant} are constant, {excluded} centres had too few members in the mask and {dropped} without those voxels"
    )]
    Nothing {
        /// Voxels with numbers that are none.
        nan: usize,
        /// Voxels that never change.
        constant: usize,
        /// Centres with too few members.
        excluded: usize,
        /// Centres with too few usable members.
        dropped: usize,
    },
    /// No model.
    #[error("no model to compare with")]
    NoModel,
    /// Another number of stimuli.
    #[error("model {model:?} is of {found} stimuli, the responses are to {n}")]
    ModelSize {
        /// The model.
        model: String,
        /// Its stimuli.
        found: usize,
        /// Stimuli of the responses.
        n: usize,
    },
    /// Another number of pairs.
    #[error("model {model:?} has {found} dissimilarities, but {n} stimuli make {expected} pairs")]
    ModelPairs {
        /// The model.
        model: String,
        /// Its pairs.
        found: usize,
        /// Pairs there are.
        expected: usize,
        /// Stimuli.
        n: usize,
    },
    /// A model without features.
    #[error("model {model:?} has no features")]
    NoFeatures {
        /// The model.
        model: String,
    },
    /// A model's number is none.
    #[error(
        "model {model:?} has {value} at row or pair {at}: leave the stimulus out or fill the gap"
    )]
    ModelValue {
        /// The model.
        model: String,
        /// The row of features or the pair.
        at: usize,
        /// The value.
        value: f64,
    },
    /// A row that has no direction.
    #[error(
        "row {row} of model {model:?} cannot be normalised for {metric:?} distances: it is constant or zero; leave the stimulus out or take another metric"
    )]
    ConstantRow {
        /// The model.
        model: String,
        /// The row.
        row: usize,
        /// Its metric.
        metric: Metric,
    },
    /// Runs of other stimuli.
    #[error("{runs} run numbers for {n} stimuli")]
    Runs {
        /// Run numbers.
        runs: usize,
        /// Stimuli.
        n: usize,
    },
    /// Exclusion leaves nothing.
    #[error("of {n} stimuli only {kept} pairs are kept: exclude fewer")]
    NoPairs {
        /// Stimuli.
        n: usize,
        /// Pairs.
        kept: u64,
    },
    /// Pairs cannot be left out.
    #[error(
        "{comparison:?} on {brain:?} distances weighs all pairs together, so none can be left out: compare by Pearson, cosine or Spearman on correlation distances"
    )]
    Exclusion {
        /// The comparison.
        comparison: Comparison,
        /// The distances.
        brain: Metric,
    },
    /// Not offered.
    #[error("{comparison:?} is not offered on {brain:?} distances of the brain; {advice}")]
    Unsupported {
        /// The comparison.
        comparison: Comparison,
        /// The distances.
        brain: Metric,
        /// What is.
        advice: &'static str,
    },
    /// A model without columns.
    #[error(
        "model {model:?} is given by dissimilarities; on squared Euclidean distances of the brain models must be features"
    )]
    NeedsFeatures {
        /// The model.
        model: String,
    },
    /// Bins out of range.
    #[error("{bins} bins: give 16 to 65,535")]
    Bins {
        /// What was given.
        bins: usize,
    },
    /// A bound out of range.
    #[error("a bound of {bound}: give a positive number")]
    Bound {
        /// What was given.
        bound: f64,
    },
}

/// The work was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted; what was finished before can be kept")]
pub struct Interrupted;

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

/// The comparisons of some neighbourhoods.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its number.
    pub index: usize,
    /// Centres: rows of the responses, or numbers of lists.
    pub centres: Vec<u32>,
    /// Comparisons, centres × models; NaN where stimuli have constant patterns.
    pub values: Array2<f64>,
    /// The z score of each among all relabellings, for Pearson without exclusion.
    pub z: Option<Array2<f64>>,
    /// The certified largest error of each centre's ranks, for Spearman; 0 where they are exact.
    pub bounds: Option<Vec<f64>>,
    /// Stimuli with a constant pattern, for each centre.
    pub constant: Vec<u32>,
    /// Operations done.
    pub flop: f64,
}

/// A search that is possible.
pub struct Plan<'a> {
    data: &'a [f32],
    usable: Vec<bool>,
    neighbourhoods: Neighbourhoods,
    pairs: Pairs,
    sources: Vec<Source<'a>>,
    params: Params,
    rejected: Rejected,
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
        if self.params.comparison == Comparison::SpearmanExact {
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
    fn prepare_for(self, set: InstructionSet, run: &Run<'_>) -> Result<Search<'a>, Interrupted> {
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
                    crate::model::Geometry::Features { metric, .. } if *metric != Metric::Euclidean
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

enum Engine {
    Correlation(Correlation),
    Ranks(Ranks),
    Additive(Box<Additive>),
}

/// A search made ready.
pub struct Search<'a> {
    plan: Plan<'a>,
    set: InstructionSet,
    data: Cow<'a, [f32]>,
    engine: Engine,
}

/// What one neighbourhood comes to.
#[derive(Debug, Clone, Default)]
struct Found {
    values: Vec<f64>,
    z: Vec<f64>,
    bound: f64,
    constant: usize,
    flop: f64,
}

impl Found {
    fn constant(models: usize, constant: usize) -> Self {
        Self {
            values: vec![f64::NAN; models],
            z: vec![f64::NAN; models],
            bound: f64::NAN,
            constant,
            flop: 0.0,
        }
    }
}

impl<'a> Search<'a> {
    /// The plan.
    pub const fn plan(&self) -> &Plan<'a> {
        &self.plan
    }

    /// The comparison of each model with each, over the pairs kept: with a row of a block all that
    /// partial and multiple comparisons need.
    pub fn between(&self) -> ArrayView2<'_, f64> {
        match &self.engine {
            Engine::Correlation(engine) => engine.models.between.view(),
            Engine::Ranks(engine) => engine.between.view(),
            Engine::Additive(engine) => engine.models.between.view(),
        }
    }

    /// Compares the neighbourhoods of block `index`, one a thread of the current pool; advances
    /// progress by a unit for each.
    ///
    /// # Errors
    /// [`Interrupted`].
    ///
    /// # Panics
    /// If there is no such block.
    pub fn block(&self, index: usize, run: &Run<'_>) -> Result<Block, Interrupted> {
        assert!(index < self.plan.blocks(), "no block {index}");
        let hoods = &self.plan.neighbourhoods;
        let spheres = index * BLOCK..hoods.len().min((index + 1) * BLOCK);
        let found: Vec<Found> = spheres
            .clone()
            .into_par_iter()
            .with_max_len(8)
            .map_init(Scratch::default, |scratch, at| {
                if run.interrupt.requested() {
                    return Err(Interrupted);
                }
                let found = match &self.engine {
                    Engine::Correlation(engine) => engine.sphere(self, at, scratch),
                    Engine::Ranks(engine) => engine.sphere(self, at, scratch),
                    Engine::Additive(engine) => engine.sphere(self, at, scratch),
                };
                run.progress.advance(1);
                Ok(found)
            })
            .collect::<Result<_, _>>()?;
        let models = self.plan.sources.len();
        let table = |row: fn(&Found) -> &Vec<f64>| {
            Array2::from_shape_fn((found.len(), models), |(at, model)| row(&found[at])[model])
        };
        let params = &self.plan.params;
        let pearson = params.comparison == Comparison::Pearson && params.exclusion.is_none();
        let bounded = params.comparison.ranked();
        Ok(Block {
            index,
            centres: spheres.map(|at| hoods.centre(at)).collect(),
            values: table(|found| &found.values),
            z: pearson.then(|| table(|found| &found.z)),
            bounds: bounded.then(|| found.iter().map(|found| found.bound).collect()),
            constant: found.iter().map(|found| found.constant as u32).collect(),
            flop: found.iter().map(|found| found.flop).sum(),
        })
    }

    /// The largest and smallest comparison of any neighbourhood with each model, for models whose
    /// rows are permuted: row i of permutation p is row `permutations[p][i]`. For whitened
    /// comparisons of squared Euclidean distances, where each costs one product of the whole brain
    /// with the model, 2 n k voxels; none for others.
    ///
    /// # Errors
    /// [`Interrupted`].
    ///
    /// # Panics
    /// If the permutations have another length than the stimuli or name one that is not there.
    pub fn extremes(
        &self,
        permutations: ArrayView2<'_, u32>,
        run: &Run<'_>,
    ) -> Option<Result<Extremes, Interrupted>> {
        let whitened = matches!(
            self.plan.params.comparison,
            Comparison::CorrCov | Comparison::CosineCov
        );
        match &self.engine {
            Engine::Additive(engine) if whitened => Some(engine.extremes(self, permutations, run)),
            _ => None,
        }
    }
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    patterns: kernel::Patterns,
    packed: kernel::Similarity,
    products: Vec<f64>,
    with_models: Vec<f64>,
    along: Vec<f32>,
    band: Vec<f32>,
    line: Vec<f32>,
    rows: kernel::Rows,
    ranks: ranks::Scratch,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Geometry;
    use emotome_neurofiles::{Affine, Grid};
    use emotome_stats::random::{CounterRng, Seed};
    use emotome_stimuli::run::{Interrupt, Silent};

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let affine = [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ];
        let grid = Grid {
            shape: [4, 4, 4],
            affine: Affine(affine),
        };
        let voxels: Vec<[u32; 3]> = (0..64).map(|i| [i / 16, i / 4 % 4, i % 4]).collect();
        let mut rng = CounterRng::new(Seed(4), 0);
        // Two panels of stimuli, the last vector not whole.
        let n = 1171;
        let responses = Array2::from_shape_simple_fn((64, n), || rng.uniform() as f32);
        let rows = Array2::from_shape_simple_fn((n, 5), || rng.uniform());
        let features = |metric| Model {
            name: format!("{metric:?}"),
            geometry: Geometry::Features {
                rows: rows.clone(),
                metric,
            },
        };
        let values = (0..n * (n - 1) / 2).map(|_| rng.uniform()).collect();
        let dense = Model {
            name: "dense".into(),
            geometry: Geometry::Dissimilarities { n, values },
        };
        let models = [
            features(Metric::Correlation),
            features(Metric::SquaredEuclidean),
            dense,
        ];
        let lists: Vec<Vec<u32>> = vec![(0..33).collect(), (3..60).collect(), vec![1, 7, 50]];
        let lists = Neighbourhoods::from_lists(64, &lists, 1).unwrap();
        let spheres = Neighbourhoods::of(&grid, &voxels, &Shape::rsatoolbox(2.0)).unwrap();
        let runs = (0..n as u32).map(|i| i / 36).collect();
        let across = Some(Exclusion { runs, lag: None });
        let interrupt = Interrupt::default();
        let run = Run {
            progress: &Silent,
            interrupt: &interrupt,
        };
        let permutations = Array2::from_shape_fn((3, n), |(p, i)| ((i + 40 * p) % n) as u32);
        for (brain, comparison, exclusion) in [
            (Metric::Correlation, Comparison::Pearson, across.clone()),
            (Metric::Correlation, Comparison::CorrCov, None),
            (Metric::Correlation, Comparison::Spearman, across),
            (Metric::Cosine, Comparison::SpearmanExact, None),
            (Metric::SquaredEuclidean, Comparison::CosineCov, None),
            (Metric::SquaredEuclidean, Comparison::Pearson, None),
        ] {
            let models = match brain {
                Metric::SquaredEuclidean => &models[..2],
                _ => &models[..],
            };
            for neighbourhoods in [&lists, &spheres] {
                let mut first: Option<Vec<u64>> = None;
                for set in InstructionSet::available() {
                    let params = Params {
                        brain,
                        comparison,
                        exclusion: exclusion.clone(),
                        ..Params::default()
                    };
                    let plan = Plan::new(responses.view(), neighbourhoods, models, params).unwrap();
                    let search = plan.prepare_for(set, &run).unwrap();
                    let block = search.block(0, &run).unwrap();
                    let mut bits: Vec<u64> = block.values.iter().map(|v| v.to_bits()).collect();
                    if let Some(extremes) = search.extremes(permutations.view(), &run) {
                        let extremes = extremes.unwrap();
                        bits.extend(extremes.largest.iter().map(|v| v.to_bits()));
                    }
                    let first = first.get_or_insert_with(|| bits.clone());
                    assert_eq!(*first, bits, "{brain:?} {comparison:?} {set:?}");
                }
            }
        }
    }
}
