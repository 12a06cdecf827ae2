//! Entropic transport: the plan with given marginals, or with marginals drawn towards given ones.

use super::rows::Rows;
use ndarray::{Array1, Array2, Axis, Zip};

/// Scalings past which they are taken into the potentials, so that none over- or underflows.
const LARGE: f64 = 1e50;
/// Steps between looks at the marginals.
const LOOK: usize = 10;

/// −ε ln Σⱼ exp((gⱼ − cᵢⱼ)/ε) bⱼ for every row i, or the like for every column with `axis` 1.
fn soften(
    cost: &Array2<f64>,
    other: &Array1<f64>,
    masses: &Array1<f64>,
    epsilon: f64,
    axis: usize,
) -> Array1<f64> {
    cost.lanes(Axis(1 - axis))
        .into_iter()
        .map(|lane| {
            let term = |(c, g): (&f64, &f64)| (g - c) / epsilon;
            let most = lane
                .iter()
                .zip(other)
                .map(term)
                .fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = lane
                .iter()
                .zip(other)
                .zip(masses)
                .map(|(at, mass)| mass * (term(at) - most).exp())
                .sum();
            -epsilon * (most + sum.ln())
        })
        .collect()
}

/// exp((fᵢ + gⱼ − cᵢⱼ)/ε) aᵢ bⱼ
fn kernel(
    cost: &Array2<f64>,
    f: &Array1<f64>,
    g: &Array1<f64>,
    a: &Array1<f64>,
    b: &Array1<f64>,
    epsilon: f64,
) -> Array2<f64> {
    let mut plan = cost.clone();
    for ((mut row, f), a) in plan.rows_mut().into_iter().zip(f).zip(a) {
        Zip::from(&mut row)
            .and(g)
            .and(b)
            .for_each(|x, g, b| *x = ((f + g - *x) / epsilon).exp() * a * b);
    }
    plan
}

/// Plans between masses `a` and `b` with entropy of weight `epsilon`, by at most `steps` scalings.
pub(super) struct Scaling<'a> {
    pub(super) a: &'a Array1<f64>,
    pub(super) b: &'a Array1<f64>,
    pub(super) epsilon: f64,
    pub(super) steps: usize,
    pub(super) tolerance: f64,
}

impl Scaling<'_> {
    /// argmin ⟨cost, T⟩ + ε KL(T | a ⊗ b) over T with marginals a and b, until the column sums err by less than the
    /// tolerance (root of squares). The second potential starts, and ends, in `g`.
    ///
    /// Sinkhorn's scaling with potentials taken out where scalings grow large (Schmitzer 2019, doi:10.1137/16M1106018).
    pub(super) fn balanced(&self, cost: &Array2<f64>, g: &mut Array1<f64>) -> Array2<f64> {
        let (a, b, epsilon) = (self.a, self.b, self.epsilon);
        let fresh = |g: &mut Array1<f64>| {
            let f = soften(cost, g, b, epsilon, 0);
            *g = soften(cost, &f, a, epsilon, 1);
            let plan = kernel(cost, &f, g, a, b, epsilon);
            (Rows::of(plan.view()), Rows::of(plan.t()), plan)
        };
        let (mut rows, mut columns, mut plan) = fresh(g);
        let (mut u, mut v) = (vec![1.0; a.len()], vec![1.0; b.len()]);
        let (mut next_u, mut next_v) = (u.clone(), v.clone());
        let absorb = |g: &mut Array1<f64>, v: &[f64]| {
            g.iter_mut()
                .zip(v)
                .for_each(|(g, v)| *g += epsilon * v.ln());
        };
        for step in 0..self.steps {
            rows.combine(&u, &mut next_v);
            next_v.iter_mut().zip(b).for_each(|(v, b)| *v = b / *v);
            columns.combine(&next_v, &mut next_u);
            next_u.iter_mut().zip(a).for_each(|(u, a)| *u = a / *u);
            let fair = |x: &f64| *x > 1.0 / LARGE && *x < LARGE;
            if !(next_u.iter().all(fair) && next_v.iter().all(fair)) {
                absorb(g, &v);
                (rows, columns, plan) = fresh(g);
                u.fill(1.0);
                v.fill(1.0);
                continue;
            }
            std::mem::swap(&mut u, &mut next_u);
            std::mem::swap(&mut v, &mut next_v);
            if step % LOOK == 0 {
                rows.combine(&u, &mut next_v);
                let errors = next_v.iter().zip(&v).zip(b);
                let squares = errors.map(|((sum, v), b)| (sum * v - b) * (sum * v - b));
                if squares.sum::<f64>().sqrt() < self.tolerance {
                    break;
                }
            }
        }
        absorb(g, &v);
        plan *= &Array1::from(u).insert_axis(Axis(1));
        plan *= &Array1::from(v);
        plan
    }

    /// Brings `g` near its end by a few scalings at each of several larger ε's, halved from the spread of the cost.
    pub(super) fn anneal(&self, cost: &Array2<f64>, g: &mut Array1<f64>) {
        let spread = cost.iter().fold(f64::NEG_INFINITY, |most, c| most.max(*c))
            - cost.iter().fold(f64::INFINITY, |least, c| least.min(*c));
        let mut epsilon = spread;
        while epsilon > self.epsilon {
            for _ in 0..LOOK {
                let f = soften(cost, g, self.b, epsilon, 0);
                *g = soften(cost, &f, self.a, epsilon, 1);
            }
            epsilon /= 2.0;
        }
    }

    /// Moves what marginals have too much to where they have too little, so that they are a and b.
    pub(super) fn mend(&self, plan: &mut Array2<f64>) {
        for (axis, masses) in [(0, self.a), (1, self.b)] {
            for (mut lane, mass) in plan.axis_iter_mut(Axis(axis)).zip(masses) {
                let excess = lane.sum() / mass;
                if excess > 1.0 {
                    lane /= excess;
                }
            }
        }
        let rows = self.a - &plan.sum_axis(Axis(1));
        let columns = self.b - &plan.sum_axis(Axis(0));
        let lacking = rows.sum();
        if lacking > 0.0 {
            let rows = rows.mapv(|x| x.max(0.0)).insert_axis(Axis(1));
            *plan += &(rows * columns.mapv(|x| x.max(0.0) / lacking));
        }
    }

    /// argmin ⟨cost, T⟩ + ε KL(T | a ⊗ b) + ρ KL(T1 | a) + ρ KL(Tᵀ1 | b), until potentials move less than the tolerance.
    /// The second potential starts, and ends, in `g`.
    ///
    /// Chizat et al. (2018), doi:10.1090/mcom/3303.
    pub(super) fn unbalanced(
        &self,
        cost: &Array2<f64>,
        rho: f64,
        g: &mut Array1<f64>,
    ) -> Array2<f64> {
        let (a, b, epsilon) = (self.a, self.b, self.epsilon);
        let damping = rho / (rho + epsilon);
        let mut f = soften(cost, g, b, epsilon, 0) * damping;
        for _ in 0..self.steps {
            let before = std::mem::replace(g, soften(cost, &f, a, epsilon, 1) * damping);
            f = soften(cost, g, b, epsilon, 0) * damping;
            let moved = before.iter().zip(g.iter());
            if moved.fold(0.0, |most: f64, (x, y)| most.max((x - y).abs())) < self.tolerance {
                break;
            }
        }
        kernel(cost, &f, g, a, b, epsilon)
    }
}
