//! t-SNE over every pair: neighbours stay neighbours, and the gaps between groups mean little.

use super::affinities::{affinities, shares};
use super::kernel::{Force, Places, Square, forces};
use super::space::{Distances, Space};
use super::start::principal;
use super::{MapError, mds, proceed};
use emotome_lanes::InstructionSet;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::sum;
use emotome_stimuli::run::Run;
use rayon::prelude::*;

/// The most items: their pairs fill 400 MB.
pub const ITEM_LIMIT: usize = 10_000;
/// The least gain of a coordinate's step.
const LEAST_GAIN: f64 = 0.01;

/// How affinity falls off with the distance d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Falloff {
    /// exp(−β d²), as t-SNE is defined.
    Squared,
    /// exp(−β d), as where a matrix of dissimilarities is passed on for squared distances.
    Plain,
}

/// Where items stand before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// First two principal components, or classical scaling of distances.
    Principal,
    /// Metric stress from classical scaling: [`mds::metric_stress`].
    MetricStress,
    /// Independent normal places.
    Random(Seed),
}

/// How a t-SNE map is made.
///
/// | parameter | [`default`](Self::default) | [`published`](Self::published) |
/// |---|---|---|
/// | `perplexities` | 30 | 5 and 30, affinities averaged |
/// | `falloff` | squared | plain |
/// | `tolerance` | 10⁻⁵ | 10⁻⁵ |
/// | `start`, `start_deviation` | principal, 10⁻⁴ | metric stress, as it comes out |
/// | `exaggeration`, for `early` steps | 12, 250 | 1, 250 |
/// | `steps` in all | 1,000 | 1,000 |
/// | `learning_rate` | max(n/48, 50) | 500 |
/// | `momentum` early, later | 0.5, 0.8 | 0.5, 0.8 |
#[derive(Debug, Clone, PartialEq)]
pub struct TsneParams {
    /// Effective numbers of neighbours; affinities of several are averaged. 3 × each must be below n − 1.
    pub perplexities: Vec<f64>,
    /// How affinity falls off.
    pub falloff: Falloff,
    /// How far the logarithm of a perplexity may be off.
    pub tolerance: f64,
    /// Where items stand before the first step.
    pub start: Start,
    /// The standard deviation that the start's first axis is brought to; `None` leaves it, in units of the
    /// largest distance.
    pub start_deviation: Option<f64>,
    /// Factor of the affinities during the early steps.
    pub exaggeration: f64,
    /// Early steps.
    pub early: u64,
    /// Steps in all.
    pub steps: u64,
    /// Learning rate of the gradient with its factor 4; `None`: max(n/48, 50), which is the n/12 of Belkina et
    /// al. (2019), doi:10.1038/s41467-019-13055-y, whose gradient lacks the factor.
    pub learning_rate: Option<f64>,
    /// Momentum of early and of later steps.
    pub momentum: [f64; 2],
}

impl Default for TsneParams {
    fn default() -> Self {
        Self {
            perplexities: vec![30.0],
            falloff: Falloff::Squared,
            tolerance: 1e-5,
            start: Start::Principal,
            start_deviation: Some(1e-4),
            exaggeration: 12.0,
            early: 250,
            steps: 1000,
            learning_rate: None,
            momentum: [0.5, 0.8],
        }
    }
}

impl TsneParams {
    /// The recipe of the published maps, for distances D = 1 − S with the predicted similarity S of all items.
    ///
    /// P = ½ (P₅ + P₃₀) on D / max D, not squared, from metric stress. The papers are silent about the steps:
    /// here the defaults of the MATLAB `tsne_p` for a given start (no exaggeration, rate 500).
    #[must_use]
    pub fn published() -> Self {
        Self {
            perplexities: vec![5.0, 30.0],
            falloff: Falloff::Plain,
            start: Start::MetricStress,
            start_deviation: None,
            exaggeration: 1.0,
            learning_rate: Some(500.0),
            ..Self::default()
        }
    }

    fn check(&self, n: usize) -> Result<(), MapError> {
        MapError::unless(
            !self.perplexities.is_empty(),
            "the number of perplexities",
            0.0,
            "at least 1",
        )?;
        for &perplexity in &self.perplexities {
            let fits = perplexity >= 1.0 && 3.0 * perplexity < n as f64 - 1.0;
            let expected = format!("at least 1, and 3 × it below n − 1 for the {n} items");
            MapError::unless(fits, "perplexity", perplexity, &expected)?;
        }
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let deviation = self.start_deviation.unwrap_or(1.0);
        let rate = self.learning_rate.unwrap_or(1.0);
        MapError::unless(
            positive(self.tolerance),
            "tolerance",
            self.tolerance,
            "above 0",
        )?;
        MapError::unless(positive(deviation), "start_deviation", deviation, "above 0")?;
        MapError::unless(positive(rate), "learning_rate", rate, "above 0")?;
        let lies = self.exaggeration >= 1.0 && self.exaggeration.is_finite();
        MapError::unless(lies, "exaggeration", self.exaggeration, "1 or more")?;
        for momentum in self.momentum {
            MapError::unless(
                (0.0..1.0).contains(&momentum),
                "momentum",
                momentum,
                "at least 0 and below 1",
            )?;
        }
        Ok(())
    }
}

/// A t-SNE map.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tsne {
    /// Places, n × 2, centred.
    pub map: Vec<[f64; 2]>,
    /// Kullback–Leibler divergence Σᵢⱼ pᵢⱼ ln(pᵢⱼ / qᵢⱼ) of the map from the affinities, in nats.
    pub divergence: f64,
    /// The learning rate taken.
    pub learning_rate: f64,
    /// Steps made.
    pub steps: u64,
}

/// Draws a map by t-SNE over every pair.
///
/// Minimises the divergence of qᵢⱼ ∝ 1/(1 + ‖yᵢ − yⱼ‖²) from the affinities pᵢⱼ by gradient steps
/// 4 Σⱼ (pᵢⱼ − qᵢⱼ)(yᵢ − yⱼ)/(1 + ‖yᵢ − yⱼ‖²) with momentum and gains: van der Maaten & Hinton (2008),
/// Journal of Machine Learning Research 9:2579. Forces are single precision, the same bits on every
/// instruction set; places are double. Duplicates share their affinities evenly, as in scikit-learn: where an
/// item has more of them than its perplexity, that perplexity is out of reach and the nearest to it is taken.
///
/// O(n²) a step and O(n²) memory.
///
/// ```
/// use emotome_interpret::maps::{Space, tsne::{TsneParams, tsne}};
/// use emotome_stimuli::run::{Interrupt, Run, Silent};
/// let items = ndarray::Array2::from_shape_fn((40, 3), |(i, d)| ((i * 7 + d * 5) % 11) as f64 + (i / 20 * 50) as f64);
/// let interrupt = Interrupt::default();
/// let run = Run { progress: &Silent, interrupt: &interrupt };
/// let params = TsneParams { perplexities: vec![8.0], ..TsneParams::default() };
/// let drawn = tsne(Space::euclidean(items.view()), &params, run)?;
/// assert_eq!(drawn.map.len(), 40);
/// # Ok::<(), emotome_interpret::maps::MapError>(())
/// ```
///
/// # Errors
/// If there are more than [`ITEM_LIMIT`] items or too few for a perplexity, a parameter is out of range, the
/// space is no space or has all items in one place; if interrupted.
pub fn tsne(space: Space<'_>, params: &TsneParams, run: Run<'_>) -> Result<Tsne, MapError> {
    let n = space.items();
    if n > ITEM_LIMIT {
        return Err(MapError::TooMany {
            n,
            limit: ITEM_LIMIT,
        });
    }
    params.check(n)?;
    let distances = Distances::new(space)?;
    let shares = shares(&distances);
    let start = start(&distances, &shares, params, run)?;
    let p = affinities(
        shares,
        &params.perplexities,
        params.falloff,
        params.tolerance,
        run,
    )?;
    let learning_rate = params.learning_rate.unwrap_or((n as f64 / 48.0).max(50.0));
    let places = descend(&p, start, learning_rate, params, run)?;
    Ok(Tsne {
        divergence: divergence(&p, &places),
        map: places,
        learning_rate,
        steps: params.steps,
    })
}

fn start(
    distances: &Distances<'_>,
    shares: &Square,
    params: &TsneParams,
    run: Run<'_>,
) -> Result<Vec<[f64; 2]>, MapError> {
    let mut places = match params.start {
        Start::Principal => principal(distances),
        Start::MetricStress => mds::scale(distances, shares, run)?.0,
        Start::Random(seed) => {
            let mut rng = CounterRng::new(seed.derive("t-SNE start"), 0);
            (0..distances.items())
                .map(|_| [rng.normal(), rng.normal()])
                .collect()
        }
    };
    centre(&mut places);
    if let Some(wanted) = params.start_deviation {
        let deviation = (sum(places.iter().map(|p| p[0] * p[0])) / places.len() as f64).sqrt();
        places
            .iter_mut()
            .flatten()
            .for_each(|x| *x *= wanted / deviation);
    }
    Ok(places)
}

fn descend(
    p: &Square,
    mut places: Vec<[f64; 2]>,
    rate: f64,
    params: &TsneParams,
    run: Run<'_>,
) -> Result<Vec<[f64; 2]>, MapError> {
    let n = p.n;
    let set = InstructionSet::detect();
    let mut padded = Places::new(n);
    let mut found = vec![Force::default(); n];
    let (mut gains, mut steps) = (vec![[1.0; 2]; n], vec![[0.0; 2]; n]);
    run.progress.begin("t-SNE", Some(params.steps));
    for step in 0..params.steps {
        proceed(run)?;
        let early = step < params.early;
        let lie = if early { params.exaggeration } else { 1.0 };
        let momentum = params.momentum[usize::from(!early)];
        padded.set(&places);
        forces(set, p, &padded, &mut found);
        let near = sum(found.iter().map(|f| f.near));
        for (((place, force), gain), last) in places
            .iter_mut()
            .zip(&found)
            .zip(&mut gains)
            .zip(&mut steps)
        {
            for a in 0..2 {
                let slope = 4.0 * (lie * force.pull[a] - force.push[a] / near);
                let grown: f64 = if slope * last[a] < 0.0 {
                    gain[a] + 0.2
                } else {
                    gain[a] * 0.8
                };
                gain[a] = grown.max(LEAST_GAIN);
                last[a] = momentum * last[a] - rate * gain[a] * slope;
                place[a] += last[a];
            }
        }
        centre(&mut places);
        run.progress.advance(1);
    }
    run.progress.end();
    Ok(places)
}

fn centre(places: &mut [[f64; 2]]) {
    let n = places.len() as f64;
    let middle = [0, 1].map(|a| sum(places.iter().map(|p| p[a])) / n);
    for place in places {
        place[0] -= middle[0];
        place[1] -= middle[1];
    }
}

/// Σ p ln(p Z (1 + ‖yᵢ − yⱼ‖²)) with Z the sum of 1/(1 + ‖yᵢ − yⱼ‖²) over all pairs, both ways.
fn divergence(p: &Square, places: &[[f64; 2]]) -> f64 {
    let rows: Vec<[f64; 3]> = (0..p.n)
        .into_par_iter()
        .map(|i| {
            let (mut near, mut cost, mut mass) = (0.0, 0.0, 0.0);
            for (j, &p) in p.row(i)[..p.n].iter().enumerate().filter(|&(j, _)| j != i) {
                let (dx, dy) = (places[i][0] - places[j][0], places[i][1] - places[j][1]);
                let apart = 1.0 + dx * dx + dy * dy;
                near += 1.0 / apart;
                if p > 0.0 {
                    let p = f64::from(p);
                    cost += p * (p * apart).ln();
                    mass += p;
                }
            }
            [near, cost, mass]
        })
        .collect();
    let [near, cost, mass] = [0, 1, 2].map(|c| sum(rows.iter().map(|row| row[c])));
    // Single-precision affinities sum to 1 up to rounding.
    cost / mass + (near / mass).ln()
}
