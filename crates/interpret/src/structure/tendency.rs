//! Are there clusters at all? Density against spaces without clusters.

use emotome_stats::distribution::{normal_cdf, normal_quantile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::rank::average_ranks;
use emotome_stats::summary::{mean, standard_deviation};
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Chance, Resampling, StructureError, centred, replicate};

/// A space without clusters that is otherwise like the one observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Continuum {
    /// The space itself, blurred: a stimulus drawn at random plus normal noise of h times the covariance's root,
    /// both shrunk to the covariance of the space; h = (4 / (n (d + 2)))^(1 / (d + 4)). Keeps the shape of the
    /// whole, skewed or flat, and loses whatever is tighter than h.
    Smooth,
    /// A normal distribution of the same mean and covariance. Skewed or sparse columns alone tell it apart.
    Normal,
    /// A normal copula: the values of each column exactly, and their rank correlations. Keeps skewness, zeros
    /// and sparsity of single columns; clusters along single columns too, so it is blind to those.
    Copula,
    /// The values of each column exactly, without any relation between columns.
    Columns,
}

/// How clusters are looked for.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `standardise` | no | the space as it is |
/// | `probes` | 0.1 | share of stimuli, at least 50 (or all), whose neighbours are measured, as usual |
/// | `clusters` | 2, 4, 8, 16 | numbers of clusters whose tightness is measured; those above n / 5 are left out |
/// | `starts` | 3 | starts of k-means; the tightest counts |
/// | `nulls` | smooth, copula | a cluster should show against both |
/// | `draws` | 199 | of each null: p down to .005 |
/// | `seed` | 0 | |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TendencyParams {
    /// Whether columns get variance 1 first.
    pub standardise: bool,
    /// Share of stimuli whose neighbours are measured.
    pub probes: f64,
    /// Numbers of clusters whose tightness is measured; none to leave that out.
    pub clusters: Vec<usize>,
    /// Starts of k-means.
    pub starts: usize,
    /// Spaces without clusters.
    pub nulls: Vec<Continuum>,
    /// Draws of each.
    pub draws: usize,
    /// Level of the intervals of chance.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for TendencyParams {
    fn default() -> Self {
        Self {
            standardise: false,
            probes: 0.1,
            clusters: vec![2, 4, 8, 16],
            starts: 3,
            nulls: vec![Continuum::Smooth, Continuum::Copula],
            draws: 199,
            level: 0.95,
            seed: 0,
        }
    }
}

/// Clusters against one kind of continuum.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The continuum.
    pub null: Continuum,
    /// Hopkins' statistic with probes from this continuum: Σ u / (Σ u + Σ w), u the distance of a probe to the
    /// nearest stimulus, w that of a stimulus to the nearest other. About .5 in a continuum, towards 1 in clusters.
    pub hopkins: f64,
    /// The same of draws from the continuum.
    pub hopkins_chance: Chance,
    /// The gap for each number of clusters: mean of ln W over draws, less ln W observed, W the squared distances
    /// to the centre of the own cluster. Positive where clusters are tighter than those of a continuum.
    pub gap: Vec<f64>,
    /// Each gap in standard deviations of ln W over draws.
    pub gap_z: Vec<f64>,
    /// p of the largest gap (in standard deviations) over all numbers of clusters; NaN without any.
    pub gap_p: f64,
}

/// Whether a space has clusters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tendency {
    /// The number of stimuli.
    pub items: usize,
    /// The number of probes.
    pub probes: usize,
    /// The numbers of clusters measured.
    pub clusters: Vec<usize>,
    /// Each null.
    pub against: Vec<Against>,
}

/// Tests whether a space (n × d) has clusters that a continuum of the same spread would not have.
///
/// The usual Hopkins statistic compares with a uniform box, and finds "clusters" in every normal distribution;
/// here probes and null come from a continuum like the space itself, and draws from it are analysed in the same
/// way. The gap asks whether k centres explain more of the space than of the continuum. The two disagree
/// usefully: a *regular* space (uniform, a grid) may have gaps but never a large Hopkins statistic.
/// O(draws (m n d + starts n d Σk)) for each null, m the number of probes.
///
/// # Errors
/// [`StructureError`]: values that are no numbers, a parameter out of range, too few stimuli, or interrupted.
///
/// # Sources
/// Hopkins & Skellam (1954), doi:10.1093/oxfordjournals.aob.a083391; Tibshirani, Walther & Hastie (2001),
/// doi:10.1111/1467-9868.00293 (gap); Liu et al. (2008), doi:10.1198/016214508000000454 (clusters against one
/// normal distribution); Silverman (1986), Density Estimation, ch. 6.4 (smoothed bootstrap).
pub fn tendency(
    points: ArrayView2<'_, f64>,
    params: &TendencyParams,
    run: Run<'_>,
) -> Result<Tendency, StructureError> {
    params.check(points)?;
    let n = points.nrows();
    let points = centred(points, params.standardise);
    let probes = ((params.probes * n as f64).ceil() as usize).max(50).min(n);
    let clusters: Vec<usize> = params
        .clusters
        .iter()
        .copied()
        .filter(|k| 5 * k <= n)
        .collect();
    let seed = Seed(params.seed).derive("tendency");
    let draw = |space: &Array2<f64>, model: &Model, draw: u64| {
        let seed = seed.child(draw);
        let probe = model.draw(probes, seed.derive("probes"));
        let tightness = clusters
            .iter()
            .map(|&k| tightness(space, k, params.starts, seed.child(k as u64)).ln());
        (hopkins(space, &probe, seed), tightness.collect::<Vec<_>>())
    };
    let mut against = Vec::with_capacity(params.nulls.len());
    for &null in &params.nulls {
        let model = Model::new(&points, null)?;
        let (hopkins, observed) = draw(&points, &model, 0);
        let draws = replicate(run, "Drawing spaces without clusters", params.draws, |i| {
            let i = i as u64 + 1;
            let space = model.draw(n, seed.child(i).derive("space"));
            // The continuum is fitted anew, as it was to the space observed.
            let own = Model::new(&space, null)?;
            Ok(draw(&space, &own, i))
        })?;
        let logs = |k: usize| draws.iter().map(|x| x.1[k]).collect::<Vec<_>>();
        // Observed and draws are standardised by all of them together, so that each is as likely the largest.
        let scale: Vec<(f64, f64)> = (0..clusters.len())
            .map(|k| {
                let mut all = logs(k);
                all.push(observed[k]);
                (mean(&all), standard_deviation(&all))
            })
            .collect();
        let largest = |values: &[f64]| {
            let z = values
                .iter()
                .zip(&scale)
                .map(|(x, (mean, sd))| (mean - x) / sd);
            z.fold(f64::NAN, f64::max)
        };
        let largest_null: Vec<f64> = draws.iter().map(|x| largest(&x.1)).collect();
        let gap: Vec<f64> = (0..clusters.len())
            .map(|k| mean(&logs(k)) - observed[k])
            .collect();
        let chance: Vec<f64> = draws.iter().map(|x| x.0).collect();
        let resampling = Resampling {
            level: params.level,
            ..Resampling::default()
        };
        against.push(Against {
            null,
            hopkins,
            hopkins_chance: resampling.chance(hopkins, &chance),
            gap_z: (0..gap.len())
                .map(|k| gap[k] / standard_deviation(&logs(k)))
                .collect(),
            gap,
            gap_p: super::p_of(largest(&observed), &largest_null),
        });
    }
    Ok(Tendency {
        items: n,
        probes,
        clusters,
        against,
    })
}

impl TendencyParams {
    fn check(&self, points: ArrayView2<'_, f64>) -> Result<(), StructureError> {
        StructureError::unless_finite("points", points)?;
        let remedy = "take more stimuli: clusters of fewer cannot be told from chance";
        StructureError::unless_enough("stimuli", points.nrows(), 20, remedy)?;
        StructureError::unless_enough("columns", points.ncols(), 1, "check the space")?;
        let allowed = self.probes > 0.0 && self.probes <= 1.0;
        StructureError::unless(
            allowed,
            "the share of probes",
            self.probes,
            "above 0 and at most 1",
        )?;
        let allowed = (1..=100).contains(&self.starts);
        StructureError::unless(allowed, "the starts", self.starts as f64, "from 1 to 100")?;
        let allowed = (1..=super::MOST_REPLICATES).contains(&self.draws);
        StructureError::unless(allowed, "the draws", self.draws as f64, "from 1 to 100000")?;
        let allowed = self.level > 0.0 && self.level < 1.0;
        StructureError::unless(allowed, "the level", self.level, "between 0 and 1")?;
        match self.clusters.iter().find(|k| !(2..=1000).contains(*k)) {
            Some(&k) => {
                StructureError::unless(false, "a number of clusters", k as f64, "from 2 to 1000")
            }
            None => Ok(()),
        }
    }
}

/// A continuum fitted to a space; values of columns ascend, and lie in rows.
enum Model {
    Normal {
        root: Array2<f64>,
    },
    Copula {
        root: Array2<f64>,
        sorted: Array2<f64>,
    },
    Columns {
        sorted: Array2<f64>,
    },
    Smooth {
        root: Array2<f64>,
        points: Array2<f64>,
        bandwidth: f64,
    },
}

impl Model {
    fn new(points: &Array2<f64>, null: Continuum) -> Result<Self, StructureError> {
        let (n, d) = points.dim();
        let sorted = || {
            let mut sorted = points.t().as_standard_layout().into_owned();
            for mut column in sorted.rows_mut() {
                if let Some(column) = column.as_slice_mut() {
                    column.sort_unstable_by(f64::total_cmp);
                }
            }
            sorted
        };
        let centre = centred(points.view(), false);
        Ok(match null {
            Continuum::Normal => Self::Normal {
                root: root(&centre)?,
            },
            Continuum::Columns => Self::Columns { sorted: sorted() },
            Continuum::Smooth => Self::Smooth {
                root: root(&centre)?,
                points: centre,
                bandwidth: (4.0 / (n * (d + 2)) as f64).powf(1.0 / (d + 4) as f64),
            },
            Continuum::Copula => {
                let mut scores = Array2::zeros((n, d));
                for (mut score, column) in scores.columns_mut().into_iter().zip(points.columns()) {
                    let ranks = average_ranks(&column.to_vec());
                    for (score, rank) in score.iter_mut().zip(ranks) {
                        *score = normal_quantile((rank - 0.5) / n as f64);
                    }
                }
                Self::Copula {
                    root: root(&centred(scores.view(), true))?,
                    sorted: sorted(),
                }
            }
        })
    }

    /// `count` draws, one a row.
    fn draw(&self, count: usize, seed: Seed) -> Array2<f64> {
        let mut rng = CounterRng::new(seed, 0);
        let mut normal = |root: &Array2<f64>| {
            Array2::from_shape_simple_fn((count, root.nrows()), || rng.normal()).dot(root)
        };
        match self {
            Self::Normal { root } => normal(root),
            Self::Copula { root, sorted } => {
                let mut drawn = normal(root);
                let values = sorted.ncols();
                for ((_, c), x) in drawn.indexed_iter_mut() {
                    let place = normal_cdf(*x) * values as f64;
                    *x = sorted[[c, (place as usize).min(values - 1)]];
                }
                drawn
            }
            Self::Columns { sorted } => {
                let (columns, values) = sorted.dim();
                Array2::from_shape_fn((count, columns), |(_, c)| {
                    sorted[[c, rng.below(values as u64) as usize]]
                })
            }
            Self::Smooth {
                root,
                points,
                bandwidth,
            } => {
                let mut drawn = normal(root) * *bandwidth;
                for mut row in drawn.rows_mut() {
                    row += &points.row(rng.below(points.nrows() as u64) as usize);
                }
                drawn / (1.0 + bandwidth * bandwidth).sqrt()
            }
        }
    }
}

/// The symmetric square root of the covariance of centred columns.
fn root(x: &Array2<f64>) -> Result<Array2<f64>, StructureError> {
    let d = x.ncols();
    let covariance = x.t().dot(x) / x.nrows() as f64;
    let failed = StructureError::Decomposition {
        what: "the covariance of the space",
    };
    let eigen = Mat::from_fn(d, d, |i, j| covariance[[i, j]])
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| failed)?;
    let vectors = Array2::from_shape_fn((d, d), |(i, j)| eigen.U()[(i, j)]);
    let scaled = Array2::from_shape_fn((d, d), |(i, j)| {
        vectors[[i, j]] * eigen.S()[j].max(0.0).sqrt()
    });
    Ok(scaled.dot(&vectors.t()))
}

/// Σ u / (Σ u + Σ w) over probes u and as many stimuli w drawn without replacement.
fn hopkins(space: &Array2<f64>, probes: &Array2<f64>, seed: Seed) -> f64 {
    let n = space.nrows();
    let mut order: Vec<usize> = (0..n).collect();
    CounterRng::new(seed.derive("stimuli"), 0).shuffle(&mut order);
    let squares: Vec<f64> = space.rows().into_iter().map(|x| x.dot(&x)).collect();
    let nearest = |from: &Array2<f64>, own: Option<&[usize]>| -> f64 {
        let products = from.dot(&space.t());
        let least = |(i, products): (usize, ndarray::ArrayView1<'_, f64>)| {
            let square = from.row(i).dot(&from.row(i));
            let distance = |(j, product): (usize, &f64)| match own {
                Some(own) if own[i] == j => f64::INFINITY,
                _ => square - 2.0 * product + squares[j],
            };
            let least = products.iter().enumerate().map(distance);
            least.fold(f64::INFINITY, f64::min).max(0.0).sqrt()
        };
        products.rows().into_iter().enumerate().map(least).sum()
    };
    let chosen = &order[..probes.nrows()];
    let u = nearest(probes, None);
    let w = nearest(&space.select(Axis(0), chosen), Some(chosen));
    u / (u + w)
}

/// Most rounds of k-means.
const ROUNDS: usize = 50;

/// The least sum of squared distances to the centre of the own of k clusters that `starts` runs of k-means find.
fn tightness(space: &Array2<f64>, k: usize, starts: usize, seed: Seed) -> f64 {
    (0..starts as u64)
        .into_par_iter()
        .map(|start| k_means(space, k, seed.child(start)))
        .collect::<Vec<f64>>()
        .into_iter()
        .fold(f64::INFINITY, f64::min)
}

/// Lloyd's algorithm from k-means++ centres (Arthur & Vassilvitskii 2007).
fn k_means(space: &Array2<f64>, k: usize, seed: Seed) -> f64 {
    let (n, d) = space.dim();
    let mut rng = CounterRng::new(seed.derive("k-means"), 0);
    let squares: Vec<f64> = space.rows().into_iter().map(|x| x.dot(&x)).collect();
    let mut centres = Array2::<f64>::zeros((k, d));
    let mut nearest = vec![f64::INFINITY; n];
    let mut chosen = rng.below(n as u64) as usize;
    for c in 0..k {
        centres.row_mut(c).assign(&space.row(chosen));
        for (i, (near, product)) in nearest
            .iter_mut()
            .zip(space.dot(&space.row(chosen)))
            .enumerate()
        {
            let square = squares[i] - 2.0 * product + squares[chosen];
            *near = near.min(square.max(0.0));
        }
        let mut left = rng.uniform() * nearest.iter().sum::<f64>();
        chosen = nearest
            .iter()
            .position(|near| {
                left -= near;
                left < 0.0
            })
            .unwrap_or(n - 1);
    }
    let mut own = vec![usize::MAX; n];
    let mut total = f64::INFINITY;
    for _ in 0..ROUNDS {
        let products = space.dot(&centres.t());
        let lengths: Vec<f64> = centres.rows().into_iter().map(|c| c.dot(&c)).collect();
        let mut sums = Array2::<f64>::zeros((k, d));
        let mut sizes = vec![0.0; k];
        let mut changed = false;
        total = 0.0;
        for (i, products) in products.rows().into_iter().enumerate() {
            let (mut best, mut least) = (0, f64::INFINITY);
            for (c, (product, length)) in products.iter().zip(&lengths).enumerate() {
                let distance = length - 2.0 * product;
                if distance < least {
                    (best, least) = (c, distance);
                }
            }
            total += (least + squares[i]).max(0.0);
            changed |= own[i] != best;
            own[i] = best;
            let mut sum = sums.row_mut(best);
            sum += &space.row(i);
            sizes[best] += 1.0;
        }
        if !changed {
            break;
        }
        for (c, size) in sizes.iter().enumerate().filter(|x| *x.1 > 0.0) {
            centres.row_mut(c).assign(&(&sums.row(c) / *size));
        }
    }
    total
}
