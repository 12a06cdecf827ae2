//! Maps of a group: signs of subjects flipped, with the largest value anywhere as the null.

use super::clusters::{Neighbours, TfceParams, clusters, tfce};
use super::{InferenceError, TIE, Tail, permutation_p};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which signs are tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Signs {
    /// All 2ˢ of them, at most 2¹⁶.
    All,
    /// Random ones.
    Random {
        /// How many.
        draws: u32,
        /// Seed of the draws; draw d is stream d.
        seed: u64,
    },
    /// These, draws × subjects of ±1.
    Given(Array2<f64>),
}

/// What is asked of a group's maps.
#[derive(Debug, Clone, Copy, Default)]
pub struct SignParams<'a> {
    /// Both sides of 0 (true), or only above.
    pub two_sided: bool,
    /// Which places touch; needed for clusters and enhancement.
    pub neighbours: Option<&'a Neighbours>,
    /// The t beyond which clusters form.
    pub cluster_threshold: Option<f64>,
    /// Threshold-free enhancement.
    pub tfce: Option<TfceParams>,
}

/// A group test at every place of a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignTest {
    /// One-sample t at each place; NaN where a subject has no value, or all have the same.
    pub t: Vec<f64>,
    /// (1 + #{largest t of flipped maps ≥ t}) / (1 + draws): the chance of any false alarm.
    pub p_fwe: Vec<f64>,
    /// The largest t of each flipped map.
    pub largest_t: Vec<f64>,
    /// Clusters beyond the threshold.
    pub clusters: Vec<ClusterTest>,
    /// The largest extent of each flipped map.
    pub largest_extent: Vec<f64>,
    /// The largest mass of each flipped map.
    pub largest_mass: Vec<f64>,
    /// Enhanced t; empty unless asked for.
    pub tfce: Vec<f64>,
    /// As `p_fwe`, of enhanced values.
    pub p_tfce: Vec<f64>,
    /// The largest enhanced value of each flipped map.
    pub largest_tfce: Vec<f64>,
    /// The smallest p that these signs can reach: 1/2ˢ one-sided and 2/2ˢ two-sided at best.
    pub smallest_p: f64,
}

/// A cluster with the chance of one as large anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterTest {
    /// Its places.
    pub cluster: super::clusters::Cluster,
    /// Corrected p of its extent.
    pub p_extent: f64,
    /// Corrected p of its mass.
    pub p_mass: f64,
}

/// Tests the mean of subjects' maps (s × V) against 0 by flipping signs.
///
/// Valid if each subject's map is symmetric around 0 under the null. With five subjects the
/// smallest p is 1/32 one-sided and 1/16 two-sided: no correction can make it significant, which
/// `smallest_p` says. As nilearn's `permuted_ols` with an intercept alone, whose t, nulls of the
/// maximum and p it equals for the same signs; for `All`, the observed signs count once.
/// O(draws · s · V), and O(draws · V log V) with enhancement.
///
/// Freedman & Lane (1983), doi:10.2307/1391660; Winkler et al. (2014), doi:10.1016/j.neuroimage.2014.01.060.
///
/// # Errors
/// Fewer than two subjects, more than 16 for `All`, signs that are not ±1, clusters or enhancement
/// without neighbours, no draws, or an interrupt.
pub fn sign_flip_test(
    maps: ArrayView2<'_, f64>,
    signs: &Signs,
    params: SignParams<'_>,
    run: Run<'_>,
) -> Result<SignTest, InferenceError> {
    let (subjects, places) = maps.dim();
    if subjects < 2 {
        return Err(InferenceError::Few {
            what: "subjects",
            found: subjects,
            least: 2,
        });
    }
    let wants_graph = params.cluster_threshold.is_some() || params.tfce.is_some();
    if wants_graph && params.neighbours.is_none_or(|graph| graph.n() != places) {
        let found = params.neighbours.map_or(0, Neighbours::n);
        return Err(InferenceError::Lengths {
            what: "places with neighbours",
            found,
            expected: places,
        });
    }
    let flips = flips(signs, subjects)?;
    // What does not change with signs: Σ y².
    let square = maps.mapv(|v| v * v).sum_axis(ndarray::Axis(0));
    let t_of = |flip: &[f64]| -> Vec<f64> {
        let mut sum = vec![0.0; places];
        for (row, sign) in maps.outer_iter().zip(flip) {
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += sign * v);
        }
        let n = subjects as f64;
        sum.iter()
            .zip(&square)
            .map(|(s, q)| {
                // What is left of equal numbers is rounding.
                let spread = n * q - s * s;
                let equal = spread <= 1e-13 * n * q;
                if equal {
                    f64::NAN
                } else {
                    s * ((n - 1.0) / spread).sqrt()
                }
            })
            .collect()
    };
    let tail = if params.two_sided {
        Tail::TwoSided
    } else {
        Tail::Greater
    };
    let largest = |values: &[f64]| {
        values
            .iter()
            .filter(|v| !v.is_nan())
            .map(|&v| tail.score(v))
            .fold(f64::NEG_INFINITY, f64::max)
    };
    let found_clusters = |t: &[f64]| match params.neighbours.zip(params.cluster_threshold) {
        Some((graph, threshold)) => clusters(t, threshold, graph, params.two_sided),
        None => Ok(Vec::new()),
    };
    let enhanced = |t: &[f64]| match params.neighbours.zip(params.tfce) {
        Some((graph, weights)) => tfce(
            t,
            graph,
            TfceParams {
                two_sided: params.two_sided,
                ..weights
            },
        ),
        None => Ok(Vec::new()),
    };
    run.progress
        .begin("flipping signs", Some(flips.nrows() as u64));
    let null = (0..flips.nrows())
        .into_par_iter()
        .map(|draw| {
            if run.interrupt.requested() {
                return Err(InferenceError::Interrupted);
            }
            let t = t_of(&flips.row(draw).to_vec());
            let clusters = found_clusters(&t)?;
            let extent = clusters
                .iter()
                .map(|c| c.places.len() as f64)
                .fold(0.0, f64::max);
            let mass = clusters.iter().map(|c| c.mass).fold(0.0, f64::max);
            run.progress.advance(1);
            Ok([largest(&t), extent, mass, largest(&enhanced(&t)?)])
        })
        .collect::<Result<Vec<_>, _>>()?;
    run.progress.end();
    let null_of = |which: usize| {
        null.iter()
            .map(|values| values[which])
            .collect::<Vec<f64>>()
    };
    let (largest_t, largest_extent, largest_mass, largest_tfce) =
        (null_of(0), null_of(1), null_of(2), null_of(3));
    let p = |value: f64, null: &[f64]| permutation_p(value, null.iter().copied());
    let each = |values: &[f64], null: &[f64]| {
        let null = Ascending::new(null);
        let scores = values.iter().map(|&v| tail.score(v));
        scores.map(|score| null.p(score)).collect::<Vec<_>>()
    };
    let t = t_of(&vec![1.0; subjects]);
    let clusters = found_clusters(&t)?
        .into_iter()
        .map(|cluster| ClusterTest {
            p_extent: p(cluster.places.len() as f64, &largest_extent),
            p_mass: p(cluster.mass, &largest_mass),
            cluster,
        })
        .collect();
    let tfce = enhanced(&t)?;
    let exact =
        (if params.two_sided { 2.0 } else { 1.0 }) * 0.5_f64.powi(subjects.min(1000) as i32);
    Ok(SignTest {
        p_fwe: each(&t, &largest_t),
        p_tfce: each(&tfce, &largest_tfce),
        smallest_p: exact.max(1.0 / (1.0 + flips.nrows() as f64)),
        t,
        clusters,
        tfce,
        largest_t,
        largest_extent,
        largest_mass,
        largest_tfce,
    })
}

/// A null in order, so that each of many places finds its p in a few steps.
struct Ascending(Vec<f64>);

impl Ascending {
    fn new(null: &[f64]) -> Self {
        let mut sorted = null.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }

    /// As [`permutation_p`].
    fn p(&self, observed: f64) -> f64 {
        if observed.is_nan() {
            return f64::NAN;
        }
        let bound = observed - TIE * observed.abs().max(1.0);
        let below = self.0.partition_point(|&value| value < bound);
        (1 + self.0.len() - below) as f64 / (1 + self.0.len()) as f64
    }
}

fn flips(signs: &Signs, subjects: usize) -> Result<Array2<f64>, InferenceError> {
    let flips = match signs {
        Signs::All if subjects > 16 => {
            return Err(InferenceError::Parameter {
                name: "the number of subjects",
                value: subjects as f64,
                range: "at most 16 for all signs; draw random ones",
            });
        }
        // The observed signs are counted by the 1 + of p.
        Signs::All => Array2::from_shape_fn(((1 << subjects) - 1, subjects), |(draw, s)| {
            if (draw + 1) >> s & 1 == 1 { -1.0 } else { 1.0 }
        }),
        Signs::Random { draws, seed } => {
            let seed = Seed(*seed).derive("signs of subjects");
            let mut flips = Array2::ones((*draws as usize, subjects));
            for (draw, mut row) in flips.outer_iter_mut().enumerate() {
                let mut rng = CounterRng::new(seed, draw as u64);
                row.mapv_inplace(|_: f64| if rng.below(2) == 1 { -1.0 } else { 1.0 });
            }
            flips
        }
        Signs::Given(flips) => flips.clone(),
    };
    if flips.nrows() == 0 {
        return Err(InferenceError::Few {
            what: "draws of signs",
            found: 0,
            least: 1,
        });
    }
    if flips.ncols() != subjects {
        return Err(InferenceError::Lengths {
            what: "signs",
            found: flips.ncols(),
            expected: subjects,
        });
    }
    match flips.iter().find(|sign| sign.abs() != 1.0) {
        Some(&value) => Err(InferenceError::Parameter {
            name: "a sign",
            value,
            range: "−1 or 1",
        }),
        None => Ok(flips),
    }
}
