//! Neighbourhoods compared, a block at a time.

use std::borrow::Cow;

use emotome_lanes::InstructionSet;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::additive::Additive;
use super::correlation::Correlation;
use super::ranks::{self, Ranks};
use super::{BLOCK, Comparison, Interrupted, Plan, kernel};

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

pub(super) enum Engine {
    Correlation(Correlation),
    Ranks(Ranks),
    Additive(Box<Additive>),
}

/// A search made ready.
pub struct Search<'a> {
    pub(super) plan: Plan<'a>,
    pub(super) set: InstructionSet,
    pub(super) data: Cow<'a, [f32]>,
    pub(super) engine: Engine,
}

/// What one neighbourhood comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) values: Vec<f64>,
    pub(super) z: Vec<f64>,
    pub(super) bound: f64,
    pub(super) constant: usize,
    pub(super) flop: f64,
}

impl Found {
    pub(super) fn constant(models: usize, constant: usize) -> Self {
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

    /// The comparisons of all neighbourhoods with models whose rows are permuted: row i of permutation p is row
    /// `permutations[p][i]`.
    ///
    /// `visit` is given a model, the first of some permutations, and their maps, neighbourhoods × permutations: models
    /// in their order, and all permutations of one before the next. For whitened comparisons of squared Euclidean
    /// distances, where each costs one product of the whole brain with the model, 2 n k voxels; none for others.
    /// Returns the operations done.
    ///
    /// # Errors
    /// [`Interrupted`].
    ///
    /// # Panics
    /// If the permutations have another length than the stimuli or name one that is not there.
    pub fn relabelled(
        &self,
        permutations: ArrayView2<'_, u32>,
        run: &Run<'_>,
        mut visit: impl FnMut(usize, usize, ArrayView2<'_, f64>),
    ) -> Option<Result<f64, Interrupted>> {
        let whitened = matches!(
            self.plan.params.comparison,
            Comparison::CorrCov | Comparison::CosineCov
        );
        match &self.engine {
            Engine::Additive(engine) if whitened => {
                Some(engine.relabelled(self, permutations, run, &mut visit))
            }
            _ => None,
        }
    }
}

/// What a thread works in.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) patterns: kernel::Patterns,
    pub(super) packed: kernel::Similarity,
    pub(super) products: Vec<f64>,
    pub(super) with_models: Vec<f64>,
    pub(super) along: Vec<f32>,
    pub(super) band: Vec<f32>,
    pub(super) line: Vec<f32>,
    pub(super) rows: kernel::Rows,
    pub(super) ranks: ranks::Scratch,
}

#[cfg(test)]
mod tests {
    use super::super::{Exclusion, Neighbourhoods, Params, Shape};
    use super::*;
    use crate::model::{Geometry, Metric, Model};
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
                    let relabelled = search.relabelled(permutations.view(), &run, |_, _, maps| {
                        bits.extend(maps.iter().map(|v| v.to_bits()));
                    });
                    assert!(relabelled.is_none_or(|done| done.is_ok()));
                    let first = first.get_or_insert_with(|| bits.clone());
                    assert_eq!(*first, bits, "{brain:?} {comparison:?} {set:?}");
                }
            }
        }
    }
}
