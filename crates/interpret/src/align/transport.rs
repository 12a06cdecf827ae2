//! Aligning two structures without being told what corresponds to what: Gromov–Wasserstein transport.
//!
//! Two sets of points are given by distances within each. The plan T that keeps distances best is sought; if the
//! sets are the same stimuli seen by two agents, how often T sends a stimulus to itself says whether the agents
//! arrange stimuli alike *in detail*, which no correlation of similarities does.

use super::sinkhorn::Scaling;
use super::{AGENTS, AlignError, MOST_REPLICATES, p_of, proceed};
use emotome_stats::matching::best_matching;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use emotome_stimuli::run::Run;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Most points of a side.
pub const MOST_POINTS: usize = 5000;

/// A single descent goes on so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `steps` | 200 | descents settle in tens |
/// | `tolerance` | 10⁻⁹ | change of the plan, root of squares |
/// | `scalings` | 1000 | steps of each Sinkhorn scaling at most |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Descent {
    /// Most steps.
    pub steps: usize,
    /// Change of the plan at which it ends.
    pub tolerance: f64,
    /// Most steps of each inner scaling.
    pub scalings: usize,
}

impl Default for Descent {
    fn default() -> Self {
        Self {
            steps: 200,
            tolerance: 1e-9,
            scalings: 1000,
        }
    }
}

/// Where a descent ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The mass that goes from each point of the first side to each of the second.
    #[serde(serialize_with = "crate::rows::serialize")]
    pub plan: Array2<f64>,
    /// Σ (c¹ᵢₖ − c²ⱼₗ)² Tᵢⱼ Tₖₗ; unbalanced with the penalty of its marginals.
    pub distance: f64,
    /// Steps taken.
    pub steps: usize,
    /// Whether it settled within them.
    pub settled: bool,
}

/// Distances within two sides, all points of a side of equal mass.
struct Sides<'a> {
    c: [ArrayView2<'a, f64>; 2],
    mass: [Array1<f64>; 2],
}

impl<'a> Sides<'a> {
    fn new(c1: ArrayView2<'a, f64>, c2: ArrayView2<'a, f64>) -> Result<Self, AlignError> {
        for (c, agent) in [c1, c2].into_iter().zip(AGENTS) {
            let n = c.nrows();
            if n != c.ncols() {
                return Err(AlignError::Mismatch {
                    what: "rows and columns of distances",
                    left: n,
                    right: c.ncols(),
                });
            }
            if !(2..=MOST_POINTS).contains(&n) {
                return Err(AlignError::Size {
                    what: "points of a side",
                    found: n,
                    expected: "from 2 to 5000: take averages of categories, or a sample",
                });
            }
            AlignError::refuse("distances", agent, c, |x| !x.is_finite())?;
            let size = c.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            let uneven =
                |&((i, j), value): &((usize, usize), &f64)| (value - c[[j, i]]).abs() > 1e-9 * size;
            if let Some(((i, j), &value)) = c.indexed_iter().find(uneven) {
                return Err(AlignError::Asymmetric {
                    row: i + 1,
                    column: j + 1,
                    value,
                    other: c[[j, i]],
                });
            }
            if size == 0.0 {
                return Err(AlignError::Constant {
                    what: "distances",
                    agent,
                });
            }
        }
        Ok(Self {
            c: [c1, c2],
            mass: [c1, c2].map(|c| Array1::from_elem(c.nrows(), 1.0 / c.nrows() as f64)),
        })
    }

    fn covers(&self, plan: ArrayView2<'_, f64>) -> Result<(), AlignError> {
        let expected = (self.mass[0].len(), self.mass[1].len());
        if plan.dim() != expected {
            return Err(AlignError::Mismatch {
                what: "cells of a start and of the plan",
                left: plan.len(),
                right: expected.0 * expected.1,
            });
        }
        AlignError::refuse("starts", AGENTS[0], plan, |x| !(x >= 0.0 && x.is_finite()))
    }

    /// Σₖₗ (c¹ᵢₖ − c²ⱼₗ)² Tₖₗ = Σₖ (c¹ᵢₖ)² aₖ + Σₗ (c²ⱼₗ)² bₗ − 2 (C¹TC²)ᵢⱼ, a and b the marginals of T.
    fn cost(&self, plan: &Array2<f64>, marginals: [&Array1<f64>; 2]) -> Array2<f64> {
        let squares = [0, 1].map(|side| {
            let rows = self.c[side].rows().into_iter();
            rows.map(|row| {
                row.iter()
                    .zip(marginals[side])
                    .map(|(c, m)| c * c * m)
                    .sum::<f64>()
            })
            .collect::<Array1<f64>>()
        });
        let mut cost = self.c[0].dot(plan).dot(&self.c[1]);
        cost.mapv_inplace(|x| -2.0 * x);
        cost += &squares[0].view().insert_axis(Axis(1));
        cost += &squares[1];
        cost
    }

    fn balanced_cost(&self, plan: &Array2<f64>) -> Array2<f64> {
        self.cost(plan, [&self.mass[0], &self.mass[1]])
    }

    fn scaling(&self, epsilon: f64, steps: usize, tolerance: f64) -> Scaling<'_> {
        Scaling {
            a: &self.mass[0],
            b: &self.mass[1],
            epsilon,
            steps,
            tolerance,
        }
    }

    fn even(&self) -> Array2<f64> {
        let (n, m) = (self.mass[0].len(), self.mass[1].len());
        Array2::from_elem((n, m), 1.0 / (n * m) as f64)
    }
}

fn product(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn change(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f64>()
        .sqrt()
}

fn checked(descent: &Descent) -> Result<(), AlignError> {
    AlignError::replicates("the number of steps", descent.steps)?;
    AlignError::replicates("the number of scalings", descent.scalings)?;
    AlignError::unless(
        descent.tolerance >= 0.0,
        "the tolerance",
        descent.tolerance,
        "0 or more",
    )
}

fn positive(name: &'static str, value: f64) -> Result<(), AlignError> {
    AlignError::unless(
        value > 0.0 && value.is_finite(),
        name,
        value,
        "above 0 and finite",
    )
}

/// Entropic Gromov–Wasserstein: a local minimum of Σ(c¹ᵢₖ − c²ⱼₗ)² TᵢⱼTₖₗ + ε KL(T | a⊗b) over plans with even marginals.
///
/// T ← Sinkhorn(2 Σₖₗ (c¹ᵢₖ − c²ⱼₗ)² Tₖₗ, ε) from `start` (even if none), as `ot.gromov.entropic_gromov_wasserstein`; what the
/// last scaling leaves wrong in the marginals is mended (Altschuler, Weed & Rigollet 2017, arXiv:1705.09634). O(n m (n + m)) and O(n m · scalings) a step; five matrices of n × m are held.
///
/// Peyré, Cuturi & Solomon (2016), ICML.
///
/// # Errors
/// Distances that are not symmetric, finite and of 2 to [`MOST_POINTS`] points, all zero; a start of another shape or not
/// positive; parameters out of range.
pub fn entropic(
    c1: ArrayView2<'_, f64>,
    c2: ArrayView2<'_, f64>,
    start: Option<ArrayView2<'_, f64>>,
    epsilon: f64,
    descent: &Descent,
) -> Result<Plan, AlignError> {
    checked(descent)?;
    positive("ε", epsilon)?;
    let sides = Sides::new(c1, c2)?;
    let start = start_of(&sides, start)?;
    Ok(descend(&sides, start, epsilon, descent))
}

fn start_of(
    sides: &Sides<'_>,
    start: Option<ArrayView2<'_, f64>>,
) -> Result<Array2<f64>, AlignError> {
    match start {
        None => Ok(sides.even()),
        Some(start) => {
            sides.covers(start)?;
            Ok(start.to_owned())
        }
    }
}

fn descend(sides: &Sides<'_>, mut plan: Array2<f64>, epsilon: f64, descent: &Descent) -> Plan {
    let scaling = sides.scaling(epsilon, descent.scalings, descent.tolerance);
    let mut potential = Array1::zeros(sides.mass[1].len());
    let (mut steps, mut settled) = (0, false);
    while steps < descent.steps && !settled {
        let mut cost = sides.balanced_cost(&plan);
        cost *= 2.0;
        if steps == 0 {
            scaling.anneal(&cost, &mut potential);
        }
        let next = scaling.balanced(&cost, &mut potential);
        settled = change(&next, &plan) <= descent.tolerance;
        plan = next;
        steps += 1;
    }
    scaling.mend(&mut plan);
    Plan {
        distance: product(&sides.balanced_cost(&plan), &plan),
        plan,
        steps,
        settled,
    }
}

/// Gromov–Wasserstein without entropy between sides of equally many points: a local minimum from `start` (even if none).
///
/// Conditional gradients: the best assignment for the gradient, then the best step towards it (exact, the objective is
/// quadratic), as `ot.gromov.gromov_wasserstein`. O(n³) a step.
///
/// Vayer et al. (2019), ICML.
///
/// # Errors
/// As [`entropic`]; also sides of different size, where no assignment is a plan.
pub fn gromov_wasserstein(
    c1: ArrayView2<'_, f64>,
    c2: ArrayView2<'_, f64>,
    start: Option<ArrayView2<'_, f64>>,
    descent: &Descent,
) -> Result<Plan, AlignError> {
    checked(descent)?;
    let sides = Sides::new(c1, c2)?;
    let [n, m] = sides.mass.each_ref().map(Array1::len);
    if n != m {
        return Err(AlignError::Mismatch {
            what: "points of two sides",
            left: n,
            right: m,
        });
    }
    let start = start_of(&sides, start)?;
    Ok(sharpen(&sides, start, descent))
}

/// Expects sides of equal size.
fn sharpen(sides: &Sides<'_>, mut plan: Array2<f64>, descent: &Descent) -> Plan {
    let n = sides.mass[0].len();
    let mut cost = sides.balanced_cost(&plan);
    let mut distance = product(&cost, &plan);
    let (mut steps, mut settled) = (0, false);
    while steps < descent.steps && !settled {
        let mut towards = Array2::zeros((n, n));
        // Distances are finite, so a best assignment exists.
        for at in best_matching(cost.mapv(|c| -c).view()).unwrap_or_default() {
            towards[at] = 1.0 / n as f64;
        }
        towards -= &plan;
        // E(T + αD) = E(T) + 2α⟨cost(T), D⟩ − 2α²⟨C¹DC², D⟩: D's marginals are 0.
        let bent = -2.0 * product(&sides.c[0].dot(&towards).dot(&sides.c[1]), &towards);
        let slope = 2.0 * product(&cost, &towards);
        let step = if bent > 0.0 {
            (-slope / (2.0 * bent)).clamp(0.0, 1.0)
        } else if bent + slope < 0.0 {
            1.0
        } else {
            0.0
        };
        plan.scaled_add(step, &towards);
        cost = sides.balanced_cost(&plan);
        let before = std::mem::replace(&mut distance, product(&cost, &plan));
        settled = before - distance <= descent.tolerance * before.abs();
        steps += 1;
    }
    Plan {
        plan,
        distance,
        steps,
        settled,
    }
}

/// Entropic Gromov–Wasserstein that may leave points out: a local minimum of
/// Σ(c¹ᵢₖ − c²ⱼₗ)² TᵢⱼTₖₗ + ρ KL⊗(T1 | a) + ρ KL⊗(Tᵀ1 | b) + ε KL⊗(T | a⊗b), KL⊗(μ | ν) = KL(μ⊗μ | ν⊗ν).
///
/// Small ρ lets mass vanish where nothing corresponds, large ρ is balanced. Alternates unbalanced scalings at the cost
/// of the last plan and mends the mass, from `start` (even if none). `distance` has no entropy in it. O(n m (n + m)) and
/// O(n m · scalings) exponentials a step.
///
/// Séjourné, Vialard & Peyré (2021), arXiv:2009.04266, algorithm 1.
///
/// # Errors
/// As [`entropic`]; also ρ not above 0.
pub fn unbalanced(
    c1: ArrayView2<'_, f64>,
    c2: ArrayView2<'_, f64>,
    start: Option<ArrayView2<'_, f64>>,
    epsilon: f64,
    rho: f64,
    descent: &Descent,
) -> Result<Plan, AlignError> {
    checked(descent)?;
    positive("ε", epsilon)?;
    positive("ρ", rho)?;
    let sides = Sides::new(c1, c2)?;
    let start = start_of(&sides, start)?;
    Ok(loosen(&sides, start, epsilon, rho, descent))
}

/// Σ x ln(x / y) − Σ x + Σ y
fn divergence(x: &Array1<f64>, y: &Array1<f64>) -> f64 {
    let term = |(x, y): (&f64, &f64)| {
        if *x > 0.0 {
            x * (x / y).ln() - x + y
        } else {
            *y
        }
    };
    x.iter().zip(y).map(term).sum()
}

fn loosen(
    sides: &Sides<'_>,
    mut plan: Array2<f64>,
    epsilon: f64,
    rho: f64,
    descent: &Descent,
) -> Plan {
    let [a, b] = &sides.mass;
    let mut potential = Array1::zeros(b.len());
    let (mut steps, mut settled) = (0, false);
    // The cost of a plan, marginals and entropy included as Σ T times it.
    let local = |plan: &Array2<f64>| {
        let (rows, columns) = (plan.sum_axis(Axis(1)), plan.sum_axis(Axis(0)));
        let mut cost = sides.cost(plan, [&rows, &columns]);
        let weigh = |x: &Array1<f64>, y: &Array1<f64>| -> f64 {
            x.iter()
                .zip(y)
                .filter(|v| *v.0 > 0.0)
                .map(|(x, y)| x * (x / y).ln())
                .sum()
        };
        let mut entropy = 0.0;
        for ((i, j), &t) in plan.indexed_iter() {
            if t > 0.0 {
                entropy += t * (t / (a[i] * b[j])).ln();
            }
        }
        let constant = rho * (weigh(&rows, a) + weigh(&columns, b)) + epsilon * entropy;
        cost += constant;
        cost
    };
    while steps < descent.steps && !settled {
        let mass = plan.sum();
        let cost = local(&plan);
        let scaling = sides.scaling(mass * epsilon, descent.scalings, descent.tolerance);
        let mut next = scaling.unbalanced(&cost, mass * rho, &mut potential);
        let sent = next.sum();
        if !(sent > 0.0 && sent.is_finite()) {
            // Nothing is worth its cost.
            plan.fill(0.0);
            settled = true;
            break;
        }
        next *= (mass / sent).sqrt();
        settled = change(&next, &plan) <= descent.tolerance;
        plan = next;
        steps += 1;
    }
    let (rows, columns, mass) = (plan.sum_axis(Axis(1)), plan.sum_axis(Axis(0)), plan.sum());
    // KL of products: 2 m(μ) KL(μ | ν) + (m(μ) − m(ν))².
    let penalty =
        |x: &Array1<f64>, y: &Array1<f64>| 2.0 * mass * divergence(x, y) + (mass - y.sum()).powi(2);
    Plan {
        distance: product(&sides.cost(&plan, [&rows, &columns]), &plan)
            + rho * (penalty(&rows, a) + penalty(&columns, b)),
        plan,
        steps,
        settled,
    }
}

/// An alignment is sought so.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `epsilons` | 10⁻³ … 10⁻¹, eight, evenly in logarithms | distances have root mean square 1: from nearly hard to nearly even |
/// | `starts` | 10 | random plans at each ε, beside the even one; more for weak structures |
/// | `rho` | none | balanced; else the weight of marginals in unbalanced transport |
/// | `sharpen` | yes | the best plan goes on without entropy where sides are of equal size and balanced |
/// | `descent` | see [`Descent`], tolerance 10⁻⁷ | |
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
                tolerance: 1e-7,
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
        p = Some(p_of(-observed, &null?));
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
        Ok((epsilon, start, plan))
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

/// How often a plan sends a point where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matching {
    /// The numbers of best targets looked at.
    pub tops: Vec<usize>,
    /// Share of points whose counterpart is among their best k targets, for each k; ties share.
    pub rates: Vec<f64>,
    /// The same by chance, k / m.
    pub chance: Vec<f64>,
    /// p of each rate when the counterparts are permuted: (1 + #{null ≥ rate}) / (1 + permutations).
    pub p: Vec<f64>,
    /// Share of points whose best target is of their category; none without categories.
    pub category_rate: Option<f64>,
    /// Its mean when counterparts are permuted.
    pub category_chance: Option<f64>,
    /// Its p.
    pub category_p: Option<f64>,
}

/// Compares a plan between two agents' views of the same n points with the truth, that point i is point i.
///
/// A rate at k is the share of rows i of T with Tᵢᵢ among the k largest of the row (Tᵢᵢ tied with others counts in
/// proportion). The null permutes the columns. With `categories` of the points, also how often the best target is of
/// the right category (the first of equal ones). O(n² + permutations · n).
///
/// # Errors
/// A plan that is not square, tops outside 1 to n, categories of other points, or permutations out of range.
///
/// ```
/// use emotome_interpret::align::transport::matching;
/// let plan = ndarray::array![[0.3, 0.0, 0.0], [0.0, 0.1, 0.2], [0.0, 0.2, 0.2]];
/// let found = matching(plan.view(), None, &[1, 2], 99, 0)?;
/// assert_eq!(found.rates, [0.5, 1.0]);
/// # Ok::<(), emotome_interpret::align::AlignError>(())
/// ```
pub fn matching(
    plan: ArrayView2<'_, f64>,
    categories: Option<&[usize]>,
    tops: &[usize],
    permutations: usize,
    seed: u64,
) -> Result<Matching, AlignError> {
    let n = plan.nrows();
    if plan.ncols() != n {
        return Err(AlignError::Mismatch {
            what: "points of two sides",
            left: n,
            right: plan.ncols(),
        });
    }
    if let Some(found) = categories.map(<[usize]>::len).filter(|&found| found != n) {
        return Err(AlignError::Mismatch {
            what: "points and their categories",
            left: n,
            right: found,
        });
    }
    for &top in tops {
        AlignError::unless(
            (1..=n).contains(&top),
            "the number of best targets",
            top as f64,
            "from 1 to the number of points",
        )?;
    }
    AlignError::replicates("the number of permutations", permutations)?;
    // Targets above each target, and as many as it, itself among them.
    let mut ranks = Array2::from_elem((n, n), (0_u32, 0_u32));
    let mut best = vec![0; n];
    for (i, row) in plan.rows().into_iter().enumerate() {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&x, &y| row[y].total_cmp(&row[x]));
        best[i] = order.first().copied().unwrap_or(0);
        let mut above = 0;
        for tied in order.chunk_by(|&x, &y| row[x] == row[y]) {
            tied.iter()
                .for_each(|&j| ranks[[i, j]] = (above, tied.len() as u32));
            above += tied.len() as u32;
        }
    }
    let rate = |order: &[usize], top: usize| {
        let credit = |i: usize| {
            let (above, tied) = ranks[[i, order[i]]];
            ((top as f64 - f64::from(above)) / f64::from(tied)).clamp(0.0, 1.0)
        };
        (0..n).map(credit).sum::<f64>() / n as f64
    };
    let same = |order: &[usize]| {
        categories.map(|categories| {
            // Column order[i] is the counterpart of row i: its category is that of i.
            let mut of = vec![0; n];
            order.iter().zip(categories).for_each(|(&j, &c)| of[j] = c);
            (0..n).filter(|&i| of[best[i]] == categories[i]).count() as f64 / n as f64
        })
    };
    let truth: Vec<usize> = (0..n).collect();
    let rates: Vec<f64> = tops.iter().map(|&top| rate(&truth, top)).collect();
    let seed = Seed(seed).derive("matching");
    let null: Vec<(Vec<f64>, Option<f64>)> = (0..permutations)
        .into_par_iter()
        .map(|permutation| {
            let mut order = truth.clone();
            CounterRng::new(seed, permutation as u64).shuffle(&mut order);
            (
                tops.iter().map(|&top| rate(&order, top)).collect(),
                same(&order),
            )
        })
        .collect();
    let category_null: Vec<f64> = null.iter().filter_map(|x| x.1).collect();
    let category_rate = same(&truth);
    Ok(Matching {
        tops: tops.to_vec(),
        chance: tops.iter().map(|&top| top as f64 / n as f64).collect(),
        p: rates
            .iter()
            .enumerate()
            .map(|(at, &rate)| p_of(rate, &null.iter().map(|x| x.0[at]).collect::<Vec<_>>()))
            .collect(),
        rates,
        category_rate,
        category_chance: category_rate.map(|_| mean(&category_null)),
        category_p: category_rate.map(|rate| p_of(rate, &category_null)),
    })
}
