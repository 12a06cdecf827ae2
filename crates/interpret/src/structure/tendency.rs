//! Are there clusters at all? Density against spaces without clusters.

mod modes;

use emotome_stats::distribution::{normal_cdf, normal_quantile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::rank::average_ranks;
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Chance, StructureError, centred, replicate};

pub(super) use modes::modes_and_members;
pub use modes::{Modes, ModesParams, modes};

/// A space without clusters that is otherwise like the one observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Continuum {
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
/// | `nulls` | normal, copula | |
/// | `modes` | those of [`ModesParams`] | its draws, level and seed serve both tests |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TendencyParams {
    /// Whether columns get variance 1 first.
    pub standardise: bool,
    /// Share of stimuli whose neighbours are measured.
    pub probes: f64,
    /// Spaces without clusters that Hopkins' statistic is compared with.
    pub nulls: Vec<Continuum>,
    /// How peaks of density are looked for.
    pub modes: ModesParams,
}

impl Default for TendencyParams {
    fn default() -> Self {
        Self {
            standardise: false,
            probes: 0.1,
            nulls: vec![Continuum::Normal, Continuum::Copula],
            modes: ModesParams::default(),
        }
    }
}

/// Hopkins' statistic against one kind of continuum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Hopkins {
    /// The continuum.
    pub null: Continuum,
    /// Σ u / (Σ u + Σ w), u the distance of a probe from the continuum to the nearest stimulus, w that of a
    /// stimulus to the nearest other. About .5 in the continuum, towards 1 in clusters.
    pub value: f64,
    /// The same of draws from the continuum.
    pub chance: Chance,
}

/// Whether a space has clusters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tendency {
    /// The number of stimuli.
    pub items: usize,
    /// The number of probes.
    pub probes: usize,
    /// Hopkins' statistic against each continuum.
    pub hopkins: Vec<Hopkins>,
    /// Peaks of density against a space of even density.
    pub modes: Modes,
}

/// Tests whether a space (n × d) has clusters, in two ways.
///
/// *Hopkins' statistic* says whether the space is more clumped than a continuum. The usual one compares with a
/// uniform box, and finds "clusters" in every normal distribution; here probes and null come from a continuum
/// fitted to the space, and draws from it are analysed in the same way, fit included. It detects any difference
/// from that continuum: a uniform square is "clumped" compared with a normal distribution, whose tails it lacks.
/// A small p is a claim about that null and no other.
///
/// [*Modes*](modes) says whether there are several peaks of density with valleys between them, which is what
/// clusters are, and holds its level for any shape with one peak. O(draws n² d).
///
/// # Errors
/// [`StructureError`]: values that are no numbers, a parameter out of range, too few stimuli, or interrupted.
///
/// # Sources
/// Hopkins & Skellam (1954), doi:10.1093/oxfordjournals.aob.a083391.
pub fn tendency(
    points: ArrayView2<'_, f64>,
    params: &TendencyParams,
    run: Run<'_>,
) -> Result<Tendency, StructureError> {
    let allowed = params.probes > 0.0 && params.probes <= 1.0;
    let expected = "above 0 and at most 1";
    StructureError::unless(allowed, "the share of probes", params.probes, expected)?;
    let modes = modes(points, params.standardise, &params.modes, run)?;
    let n = points.nrows();
    let points = centred(points, params.standardise);
    let probes = ((params.probes * n as f64).ceil() as usize).max(50).min(n);
    let seed = Seed(params.modes.seed).derive("hopkins");
    let measure =
        |space: &Array2<f64>, null: Continuum, seed: Seed| -> Result<f64, StructureError> {
            let model = Model::new(space, null)?;
            Ok(hopkins(
                space,
                &model.draw(probes, seed.derive("probes")),
                seed,
            ))
        };
    let against = |&null: &Continuum| {
        let model = Model::new(&points, null)?;
        let value = measure(&points, null, seed.child(0))?;
        let draws = params.modes.draws;
        let chance = replicate(run, "Drawing spaces without clusters", draws, |i| {
            let seed = seed.child(i as u64 + 1);
            measure(&model.draw(n, seed.derive("space")), null, seed)
        })?;
        Ok(Hopkins {
            null,
            value,
            chance: params.modes.resampling().chance(value, &chance),
        })
    };
    let hopkins: Result<Vec<Hopkins>, StructureError> = params.nulls.iter().map(against).collect();
    Ok(Tendency {
        items: n,
        probes,
        hopkins: hopkins?,
        modes,
    })
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
        Ok(match null {
            Continuum::Normal => Self::Normal {
                root: root(&centred(points.view(), false))?,
            },
            Continuum::Columns => Self::Columns { sorted: sorted() },
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
