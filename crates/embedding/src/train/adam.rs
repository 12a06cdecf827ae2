//! The optimiser step of point estimates: Adam, then the proximal operator of the penalty.
//!
//! ```text
//! m ← β₁m + (1−β₁)g      v ← β₂v + (1−β₂)g²      D = √(v/(1−β₂ᵗ)) + ε
//! u = w − η m/(1−β₁ᵗ) / D
//! w ← max(u − η κ / D, 0)                          κ = λ/n
//! ```
//!
//! The threshold is the proximal operator of κ‖w‖₁ in the metric D of the step (Yun, Lozano & Yang
//! 2021, "Adaptive proximal gradient methods for structured neural networks", arXiv 2006.07065),
//! so a weight that the choices do not hold up reaches zero exactly and the stationary points are
//! those of the penalised loss. Adam: Kingma & Ba 2015, arXiv 1412.6980.

#![allow(unsafe_code)]

use super::kernel::{RowPosition, RowUpdate};
use emotome_lanes::Lanes;
use serde::{Deserialize, Serialize};

/// What weights may be, and how the penalty acts on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// w ≥ 0 with exact zeros, by the proximal step.
    #[default]
    NonNegative,
    /// Any sign; the L1 penalty still gives exact zeros.
    Unconstrained,
    /// The published SPoSE code: loss + 0.01 Σ max(−w, 0) + κ Σ|w| by plain gradients, and |w| at
    /// the end. For comparison with published numbers only: its zeros are not zeros.
    SoftPenalty,
}

/// Weight of Σ max(−w, 0) in the published objective.
const NEGATIVITY_PENALTY: f32 = 0.01;
pub(crate) const BETA1: f32 = 0.9;
pub(crate) const BETA2: f32 = 0.999;
pub(crate) const EPSILON: f32 = 1e-8;

/// Step t of Adam, with its constants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adam {
    pub(crate) rate: f32,
    /// 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ).
    pub(crate) correction: [f32; 2],
    pub(crate) beta2: f32,
}

impl Adam {
    /// Step `t`, counted from 1.
    pub(crate) fn step(t: u64, rate: f32, beta2: f32) -> Self {
        let power = |beta: f32| (1.0 / (1.0 - f64::from(beta).powi(t.min(1 << 30) as i32))) as f32;
        Self {
            rate,
            correction: [power(BETA1), power(beta2)],
            beta2,
        }
    }

    /// Updates the moments at `m` and `v`, and returns η m̂ and D.
    ///
    /// # Safety
    /// `m` and `v` must be valid for sixteen values.
    #[inline(always)]
    pub(crate) unsafe fn advance<V: Lanes>(&self, g: V, m: *mut f32, v: *mut f32) -> (V, V) {
        unsafe {
            let m1 = V::load(m).mul(V::splat(BETA1));
            let m1 = g.mul_add(V::splat(1.0 - BETA1), m1);
            let v1 = V::load(v).mul(V::splat(self.beta2));
            let v1 = g.mul(g).mul_add(V::splat(1.0 - self.beta2), v1);
            m1.store(m);
            v1.store(v);
            let d = v1
                .mul(V::splat(self.correction[1]))
                .sqrt()
                .add(V::splat(EPSILON));
            (m1.mul(V::splat(self.correction[0] * self.rate)), d)
        }
    }
}

/// Adam with penalty κ and a constraint; state per weight: m, v.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PenalisedAdam {
    pub(crate) adam: Adam,
    pub(crate) kappa: f32,
    pub(crate) constraint: Constraint,
}

impl RowUpdate for PenalisedAdam {
    const STATE: usize = 2;

    #[inline(always)]
    unsafe fn update<V: Lanes>(
        &self,
        at: RowPosition,
        gradient: V,
        current: *const f32,
        next: *mut f32,
        state: *mut f32,
    ) {
        unsafe {
            let (m, v) = (state, state.add(at.stride));
            let zero = V::splat(0.0);
            let w = V::load(current);
            let kappa = V::splat(self.kappa);
            let w = match self.constraint {
                Constraint::NonNegative => {
                    let (step, d) = self.adam.advance(gradient, m, v);
                    let pull = step.add(kappa.mul(V::splat(self.adam.rate)));
                    w.sub(pull.div(d)).max(zero)
                }
                Constraint::Unconstrained => {
                    let (step, d) = self.adam.advance(gradient, m, v);
                    let u = w.sub(step.div(d));
                    let threshold = kappa.mul(V::splat(self.adam.rate)).div(d);
                    u.sub(threshold).max(zero).add(u.add(threshold).min(zero))
                }
                Constraint::SoftPenalty => {
                    let minus = zero.sub(w);
                    let push = minus.if_positive(V::splat(-NEGATIVITY_PENALTY), zero);
                    let sign = w.if_positive(kappa, minus.if_positive(zero.sub(kappa), zero));
                    let (step, d) = self.adam.advance(gradient.add(push).add(sign), m, v);
                    w.sub(step.div(d))
                }
            };
            w.store(next);
        }
    }
}
