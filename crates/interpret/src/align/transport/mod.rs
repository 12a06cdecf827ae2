//! Aligning two structures without being told what corresponds to what: Gromov–Wasserstein transport.
//!
//! Two sets of points are given by distances within each. The plan T that keeps distances best is sought; if the
//! sets are the same stimuli seen by two agents, how often T sends a stimulus to itself says whether the agents
//! arrange stimuli alike *in detail*, which no correlation of similarities does.

mod descent;
mod matching;

use super::{AlignError, p_of, proceed};
use crate::resampling::MOST_REPLICATES;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use descent::{Descent, MOST_POINTS, Plan, entropic, gromov_wasserstein, unbalanced};
use descent::{Sides, checked, descend, loosen, positive, sharpen};
pub use matching::{Matching, matching};

/// An alignment is sought so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `epsilons` | 10⁻³ … 10⁻¹, eight, evenly in logarithms | distances have root mean square 1: from nearly hard to nearly even |
/// | `starts` | 10 | random plans at each ε, beside the even one; more for weak structures |
/// | `rho` | none | balanced; else the weight of marginals in unbalanced transport |
/// | `sharpen` | yes | the best plan goes on without entropy where sides are of equal size and balanced |
/// | `descent` | 100 steps, tolerance 10⁻⁶, see [`Descent`] | differences between minima are larger |
/// | `shuffles` | 19 | null structures, each sought as the data are: p down to .05 |
/// | `seed` | 0 | of starts and shuffles |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransportParams {
    /// Weights of entropy.
    pub epsilons: Vec<f64>,
    /// Random starts at each.
    pub starts: usize,
    /// Weight of the marginals, if they may be missed.
    pub rho: Option<f64>,
    /// Whether the best plan goes on without entropy.
    pub sharpen: bool,
    /// How each descent goes on.
    pub descent: Descent,
    /// Null structures; 0 for none.
    pub shuffles: usize,
    /// Seed of starts and shuffles.
    pub seed: u64,
}

impl Default for TransportParams {
    fn default() -> Self {
        Self {
            epsilons: (0..8)
                .map(|i| 10_f64.powf(-3.0 + 2.0 * f64::from(i) / 7.0))
                .collect(),
            starts: 10,
            rho: None,
            sharpen: true,
            descent: Descent {
                steps: 100,
                tolerance: 1e-6,
                ..Descent::default()
            },
            shuffles: 19,
            seed: 0,
        }
    }
}

/// One descent of many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Attempt {
    /// Its weight of entropy.
    pub epsilon: f64,
    /// Its start: 0 the even plan, else random.
    pub start: usize,
    /// Where it ended.
    pub distance: f64,
    /// Whether it settled.
    pub settled: bool,
}

/// Two structures aligned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alignment {
    /// The root mean square of the distances of either side, by which they were divided.
    pub scales: [f64; 2],
    /// Every descent, ε by ε.
    pub attempts: Vec<Attempt>,
    /// The attempt with the least distance.
    pub best: usize,
    /// Its plan, sharpened if asked for.
    pub plan: Plan,
    /// (1 + #{shuffled structures aligned as well}) / (1 + shuffles): whether the least distance, before sharpening, owes
    /// anything to structure. None without shuffles.
    pub p: Option<f64>,
}

/// Aligns two structures by many descents, and keeps the one with the least Gromov–Wasserstein distance.
///
/// Distances (n × n and m × m, the sides of any size) are divided by their root mean square. The objective has many local
/// minima: what is found depends on `epsilons` and `starts`. The choice among them looks at distances alone, never at
/// what should correspond, so that [`matching`](matching()) is a fair test. In the null the distances of the second side are
/// shuffled among its pairs.
///
/// O(ε's · starts · (1 + shuffles)) descents (see [`entropic`], [`unbalanced`]), parallel over them, five matrices of n × m
/// a thread: for thousands of stimuli 190 MB a thread, and hours; meant for dimensions, averages of categories or samples
/// of some hundreds. The result does not depend on the number of threads.
///
/// # Errors
/// As [`entropic`]; also no or more than a thousand ε's, parameters out of range, or interrupted.
///
/// # Sources
/// Kawakita et al. (2023), doi:10.31234/osf.io/h3pqm (the procedure: least distance over ε's and starts, top-k matching);
/// Peyré, Cuturi & Solomon (2016); Séjourné, Vialard & Peyré (2021).
pub fn align(
    c1: ArrayView2<'_, f64>,
    c2: ArrayView2<'_, f64>,
    params: &TransportParams,
    run: Run<'_>,
) -> Result<Alignment, AlignError> {
    checked(&params.descent)?;
    let count = params.epsilons.len();
    AlignError::unless(
        (1..=1000).contains(&count),
        "the number of ε's",
        count as f64,
        "from 1 to 1000",
    )?;
    params
        .epsilons
        .iter()
        .try_for_each(|&epsilon| positive("ε", epsilon))?;
    params.rho.map_or(Ok(()), |rho| positive("ρ", rho))?;
    for (name, found) in [
        ("the number of starts", params.starts),
        ("the number of shuffles", params.shuffles),
    ] {
        AlignError::unless(
            found <= MOST_REPLICATES,
            name,
            found as f64,
            "at most 100000",
        )?;
    }
    // Before their size is asked for, distances must be distances.
    Sides::new(c1, c2)?;
    let scales = [c1, c2].map(|c| {
        let pairs = (c.nrows() * (c.nrows() - 1)) as f64;
        (c.iter().map(|x| x * x).sum::<f64>() / pairs).sqrt()
    });
    let (c1, c2) = (&c1 / scales[0], &c2 / scales[1]);
    let sides = Sides::new(c1.view(), c2.view())?;
    let seed = Seed(params.seed).derive("transport");
    let each = count * (params.starts + 1);
    run.progress.begin(
        "Aligning structures",
        Some((each * (1 + params.shuffles)) as u64),
    );
    let (attempts, plan) = search(&sides, params, seed.derive("starts"), run)?;
    let best = least(&attempts);
    let mut p = None;
    if params.shuffles > 0 {
        let observed = attempts[best].distance;
        let null: Result<Vec<f64>, AlignError> = (0..params.shuffles)
            .into_par_iter()
            .map(|shuffle| {
                let shuffled = shuffled(&c2, seed.derive("shuffles").child(shuffle as u64));
                let sides = Sides::new(c1.view(), shuffled.view())?;
                let starts = seed.derive("null starts").child(shuffle as u64);
                let (attempts, _) = search(&sides, params, starts, run)?;
                Ok(-attempts[least(&attempts)].distance)
            })
            .collect();
        p = p_of(-observed, &null?);
    }
    run.progress.end();
    let sharp = params.sharpen && params.rho.is_none() && c1.dim() == c2.dim();
    let plan = if sharp {
        sharpen(&sides, plan.plan, &params.descent)
    } else {
        plan
    };
    Ok(Alignment {
        scales,
        attempts,
        best,
        plan,
        p,
    })
}

fn least(attempts: &[Attempt]) -> usize {
    let mut best = 0;
    for (at, attempt) in attempts.iter().enumerate() {
        if attempt.distance < attempts[best].distance || attempts[best].distance.is_nan() {
            best = at;
        }
    }
    best
}

/// Every descent, and the plan of the best; only one plan a thread is kept.
fn search(
    sides: &Sides<'_>,
    params: &TransportParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<(Vec<Attempt>, Plan), AlignError> {
    let starts = params.starts + 1;
    let attempt = |at: usize| {
        proceed(run)?;
        let (epsilon, start) = (params.epsilons[at / starts], at % starts);
        let plan = match start {
            0 => sides.even(),
            // The same starts at every ε.
            start => random_plan(sides, seed.child(start as u64)),
        };
        let plan = match params.rho {
            None => descend(sides, plan, epsilon, &params.descent),
            Some(rho) => loosen(sides, plan, epsilon, rho, &params.descent),
        };
        run.progress.advance(1);
        Ok::<_, AlignError>((epsilon, start, plan))
    };
    let total = params.epsilons.len() * starts;
    let attempts: Result<Vec<Attempt>, AlignError> = (0..total)
        .into_par_iter()
        .map(|at| {
            let (epsilon, start, plan) = attempt(at)?;
            Ok(Attempt {
                epsilon,
                start,
                distance: plan.distance,
                settled: plan.settled,
            })
        })
        .collect();
    let attempts = attempts?;
    // Once more for its plan: cheaper than to hold them all.
    let (_, _, plan) = attempt(least(&attempts))?;
    Ok((attempts, plan))
}

/// Masses that vary by some factors of e, scaled to even marginals.
fn random_plan(sides: &Sides<'_>, seed: Seed) -> Array2<f64> {
    let mut rng = CounterRng::new(seed, 0);
    let [n, m] = sides.mass.each_ref().map(Array1::len);
    let cost = Array2::from_shape_simple_fn((n, m), || 2.0 * rng.normal());
    sides
        .scaling(1.0, 1000, 1e-6)
        .balanced(&cost, &mut Array1::zeros(m))
}

/// Distances shuffled among pairs.
fn shuffled(c: &Array2<f64>, seed: Seed) -> Array2<f64> {
    let n = c.nrows();
    let above = || (0..n).flat_map(move |i| (i + 1..n).map(move |j| [i, j]));
    let mut values: Vec<f64> = above().map(|at| c[at]).collect();
    CounterRng::new(seed, 0).shuffle(&mut values);
    let mut shuffled = c.clone();
    for ([i, j], value) in above().zip(values) {
        shuffled[[i, j]] = value;
        shuffled[[j, i]] = value;
    }
    shuffled
}
