//! Single descents to plans that keep distances: with entropy, without, and with mass left out.

use super::super::sinkhorn::Scaling;
use super::super::{AGENTS, AlignError};
use emotome_stats::matching::best_matching;
use ndarray::{Array1, Array2, ArrayView2, Axis};
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
pub(super) struct Sides<'a> {
    c: [ArrayView2<'a, f64>; 2],
    pub(super) mass: [Array1<f64>; 2],
}

impl<'a> Sides<'a> {
    pub(super) fn new(
        c1: ArrayView2<'a, f64>,
        c2: ArrayView2<'a, f64>,
    ) -> Result<Self, AlignError> {
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

    pub(super) fn scaling(&self, epsilon: f64, steps: usize, tolerance: f64) -> Scaling<'_> {
        Scaling {
            a: &self.mass[0],
            b: &self.mass[1],
            epsilon,
            steps,
            tolerance,
        }
    }

    pub(super) fn even(&self) -> Array2<f64> {
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

pub(super) fn checked(descent: &Descent) -> Result<(), AlignError> {
    AlignError::replicates("the number of steps", descent.steps)?;
    AlignError::replicates("the number of scalings", descent.scalings)?;
    AlignError::unless(
        descent.tolerance >= 0.0,
        "the tolerance",
        descent.tolerance,
        "0 or more",
    )
}

pub(super) fn positive(name: &'static str, value: f64) -> Result<(), AlignError> {
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

pub(super) fn descend(
    sides: &Sides<'_>,
    mut plan: Array2<f64>,
    epsilon: f64,
    descent: &Descent,
) -> Plan {
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
pub(super) fn sharpen(sides: &Sides<'_>, mut plan: Array2<f64>, descent: &Descent) -> Plan {
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

pub(super) fn loosen(
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
