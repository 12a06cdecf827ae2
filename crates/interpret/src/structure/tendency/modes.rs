//! Several peaks of density, with valleys between them.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::quantile;
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::maps::Space;
use crate::maps::neighbours::Neighbours;
use crate::maps::space::Distances;
use crate::resampling::{MOST_REPLICATES, Resampling};
use crate::structure::{Chance, StructureError, centred, replicate};

/// How peaks of density are looked for.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `neighbours` | 20 | density is known to one part in √20; smaller clusters are not seen |
/// | `draws` | 99 | p down to .01 |
/// | `level` | 0.95 | custom |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ModesParams {
    /// The neighbours that measure density, and along which it rises.
    pub neighbours: usize,
    /// Draws of the null.
    pub draws: usize,
    /// Level of the interval of chance; 1 − `level` is that of the critical prominence.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for ModesParams {
    fn default() -> Self {
        Self {
            neighbours: 20,
            draws: 99,
            level: 0.95,
            seed: 0,
        }
    }
}

/// The peaks of density of a space.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Modes {
    /// The prominence of the most prominent peak beside the highest: by how much ln density falls on the way to a
    /// higher one.
    pub prominence: f64,
    /// The same in spaces of even density.
    pub chance: Chance,
    /// Peaks that are more prominent than chance at the level, the highest one among them: 1 for no clusters.
    pub peaks: usize,
}

/// Tests whether a space (n × d) has more than one peak of density.
///
/// ln density at a stimulus is −d ln r, r the distance to its k-th neighbour, up to a constant. Stimuli are joined
/// to their k neighbours; descending from peak to peak, a peak ends where the way to a higher one begins, and its
/// prominence is the fall of ln density until there, or to the least dense stimulus if there is no way.
///
/// The null is an even density in a box with the same principal deviations. It is to peaks what it is to
/// Hartigan's dip: where density is flat, sampling makes the most prominent false peaks, and one-peaked shapes
/// (normal, skewed) have smaller ones. So the level is kept without a model of the shape. O(draws n² d).
///
/// # Errors
/// [`StructureError`]: values that are no numbers, a parameter out of range, fewer than 2 k + 2 stimuli, stimuli
/// that are all the same, or interrupted.
///
/// # Sources
/// Chazal et al. (2013), doi:10.1145/2535927 (prominence on a graph of neighbours); Loftsgaarden & Quesenberry
/// (1965), doi:10.1214/aoms/1177700079 (density); Hartigan & Hartigan (1985), doi:10.1214/aos/1176346577.
pub fn modes(
    points: ArrayView2<'_, f64>,
    standardise: bool,
    params: &ModesParams,
    run: Run<'_>,
) -> Result<Modes, StructureError> {
    Ok(modes_and_members(points, standardise, params, run)?.0)
}

/// [`modes`], and the peak of each stimulus, counted from 0: the one of those beyond chance that it rises to.
pub(in crate::structure) fn modes_and_members(
    points: ArrayView2<'_, f64>,
    standardise: bool,
    params: &ModesParams,
    run: Run<'_>,
) -> Result<(Modes, Vec<usize>), StructureError> {
    params.check(points)?;
    let points = centred(points, standardise);
    let landscape = |space: &Array2<f64>| -> Result<Landscape, StructureError> {
        let distances = Distances::new(Space::euclidean(space.view()))?;
        let near = Neighbours::exact(&distances, params.neighbours);
        Ok(Landscape::new(&near, space.dim()))
    };
    let second = |prominences: &[f64]| prominences.first().copied().unwrap_or(0.0);
    let observed_landscape = landscape(&points)?;
    let (observed, _) = observed_landscape.peaks(f64::INFINITY);
    let deviations = deviations(&points)?;
    let seed = Seed(params.seed).derive("modes");
    let null = replicate(
        run,
        "Drawing spaces of even density",
        params.draws,
        |draw| {
            let mut rng = CounterRng::new(seed, draw as u64);
            let space = even(&deviations, points.nrows(), &mut rng);
            Ok(second(&landscape(&space)?.peaks(f64::INFINITY).0))
        },
    )?;
    let mut sorted = null.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let critical = quantile(&sorted, params.level);
    let modes = Modes {
        prominence: second(&observed),
        chance: params.resampling().chance(second(&observed), &null),
        peaks: 1 + observed.iter().filter(|x| **x > critical).count(),
    };
    Ok((modes, observed_landscape.peaks(critical).1))
}

impl ModesParams {
    /// The level, for chance.
    pub(super) fn resampling(&self) -> Resampling {
        Resampling {
            level: self.level,
            ..Resampling::default()
        }
    }

    fn check(&self, points: ArrayView2<'_, f64>) -> Result<(), StructureError> {
        StructureError::unless_finite("points", points)?;
        let (n, d) = points.dim();
        StructureError::unless_enough("columns", d, 1, "check the space")?;
        let allowed = (1..=1000).contains(&self.neighbours);
        let found = self.neighbours as f64;
        StructureError::unless(allowed, "the number of neighbours", found, "from 1 to 1000")?;
        let remedy = "take more stimuli, or measure density by fewer neighbours";
        StructureError::unless_enough("stimuli", n, 2 * self.neighbours + 2, remedy)?;
        let allowed = (1..=MOST_REPLICATES).contains(&self.draws);
        StructureError::unless(allowed, "the draws", self.draws as f64, "from 1 to 100000")?;
        let allowed = self.level > 0.0 && self.level < 1.0;
        StructureError::unless(allowed, "the level", self.level, "between 0 and 1")
    }
}

/// n points of even density in a box of the same principal deviations σ: from −√3 σ to √3 σ along each axis.
fn even(deviations: &[f64], n: usize, rng: &mut CounterRng) -> Array2<f64> {
    let side = 2.0 * 3.0_f64.sqrt();
    Array2::from_shape_fn((n, deviations.len()), |(_, axis)| {
        side * (rng.uniform() - 0.5) * deviations[axis]
    })
}

/// The roots of the eigenvalues of the covariance of centred columns.
fn deviations(x: &Array2<f64>) -> Result<Vec<f64>, StructureError> {
    let d = x.ncols();
    let covariance = x.t().dot(x) / x.nrows() as f64;
    let failed = StructureError::Decomposition {
        what: "the covariance of the space",
    };
    let values = Mat::from_fn(d, d, |i, j| covariance[[i, j]])
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| failed)?;
    Ok(values.into_iter().map(|x| x.max(0.0).sqrt()).collect())
}

/// Density, and who is joined to whom.
struct Landscape {
    density: Vec<f64>,
    joined: Vec<Vec<usize>>,
    /// From the densest stimulus down.
    order: Vec<usize>,
}

impl Landscape {
    fn new(near: &Neighbours, (n, d): (usize, usize)) -> Self {
        let last = |i: usize| near.lengths(i)[near.k - 1];
        // Stimuli in one place, more than k of them, are as dense as the densest others.
        let least = (0..n)
            .map(last)
            .filter(|r| *r > 0.0)
            .fold(f64::INFINITY, f64::min);
        let density: Vec<f64> = (0..n)
            .map(|i| -(d as f64) * last(i).max(least).ln())
            .collect();
        let mut joined = vec![Vec::new(); n];
        for i in 0..n {
            for &j in near.of(i) {
                joined[i].push(j as usize);
                joined[j as usize].push(i);
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| density[b].total_cmp(&density[a]));
        Self {
            density,
            joined,
            order,
        }
    }

    /// The prominences of all peaks but the highest, descending, and the peak of each stimulus, where peaks of a
    /// prominence above `kept` stay apart; then only the prominences of the others are true.
    fn peaks(&self, kept: f64) -> (Vec<f64>, Vec<usize>) {
        let Self {
            density,
            joined,
            order,
        } = self;
        let n = density.len();
        // The peak that each stimulus rises to, through those that rise on; none before its turn.
        let mut up: Vec<Option<usize>> = vec![None; n];
        let mut rank = vec![0; n];
        order
            .iter()
            .enumerate()
            .for_each(|(place, &i)| rank[i] = place);
        let mut found = Vec::new();
        for &i in order {
            up[i] = Some(i);
            // By way of the densest neighbour, where peaks stay apart.
            let mut above: Vec<usize> = joined[i]
                .iter()
                .copied()
                .filter(|&j| rank[j] < rank[i])
                .collect();
            above.sort_unstable_by_key(|&j| rank[j]);
            for j in above {
                let (Some(a), Some(b)) = (peak(&mut up, j), peak(&mut up, i)) else {
                    continue;
                };
                let (high, low) = if rank[a] < rank[b] { (a, b) } else { (b, a) };
                let fall = density[low] - density[i];
                if high != low && fall <= kept {
                    up[low] = Some(high);
                    if low != i {
                        found.push(fall);
                    }
                }
            }
        }
        let bottom = order.last().map_or(0.0, |&i| density[i]);
        let alone = order.iter().filter(|&&i| up[i] == Some(i)).skip(1);
        found.extend(alone.map(|&i| density[i] - bottom));
        found.sort_unstable_by(|a, b| b.total_cmp(a));
        let tops: Vec<Option<usize>> = (0..n).map(|i| peak(&mut up, i)).collect();
        let mut number = vec![0; n];
        let peaks = order.iter().filter(|&&i| tops[i] == Some(i)).enumerate();
        peaks.for_each(|(count, &i)| number[i] = count);
        let members = tops.iter().map(|top| top.map_or(0, |top| number[top]));
        (found, members.collect())
    }
}

/// Follows the way up, and shortens it.
fn peak(up: &mut [Option<usize>], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let next = up[at]?;
        if next == at {
            return Some(at);
        }
        up[at] = up[next];
        at = next;
    }
}
