//! One step of the variational fit: slopes of the loss in μ and ln σ, Adam, and the next ε.

#![allow(unsafe_code)]

use super::prior::Prior;
use crate::train::adam::Adam;
use crate::train::kernel::{RowPosition, RowUpdate};
use crate::train::noise::normals;
use emotome_lanes::{LANES, Lanes};
use emotome_stats::random::{Seed, mix};

/// State per weight: μ, ln σ, their first and second moments, and the current ε.
pub(crate) struct ViceStep {
    pub(super) adam: Adam,
    pub(super) prior: Prior,
    /// 1/N.
    pub(super) complexity: f32,
    /// The random sequence of the next ε.
    pub(super) key: u64,
    pub(super) dims: usize,
}

pub(super) const MU: usize = 0;
pub(super) const LOG_SIGMA: usize = 1;
pub(super) const EPSILON: usize = 6;

impl RowUpdate for ViceStep {
    const STATE: usize = 7;

    #[inline(always)]
    unsafe fn update<V: Lanes>(
        &self,
        at: RowPosition,
        gradient: V,
        _current: *const f32,
        next: *mut f32,
        state: *mut f32,
    ) {
        unsafe {
            let part = |k: usize| state.add(k * at.stride);
            let zero = V::splat(0.0);
            let (mu, log_sigma, epsilon) = (
                V::load(part(MU)),
                V::load(part(LOG_SIGMA)),
                V::load(part(EPSILON)),
            );
            let deviation = log_sigma.exp().mul(epsilon);
            let x = mu.add(deviation);
            let likelihood = x.if_positive(gradient, zero);
            let pull = self
                .prior
                .pull(x)
                .mul_add(V::splat(self.complexity), likelihood);
            // ln q(x) = −ln σ − ε²/2 + const depends on σ alone.
            let spread = pull.mul_add(deviation, V::splat(-self.complexity));
            let (step, d) = self.adam.advance(pull, part(2), part(3));
            let mu = mu.sub(step.div(d));
            mu.store(part(MU));
            let (step, d) = self.adam.advance(spread, part(4), part(5));
            let log_sigma = log_sigma.sub(step.div(d));
            log_sigma.store(part(LOG_SIGMA));
            let epsilon = noise::<V>(self.key, at.item, at.offset, self.dims);
            epsilon.store(part(EPSILON));
            log_sigma.exp().mul_add(epsilon, mu).max(zero).store(next);
        }
    }
}

/// ε of sixteen weights; zero in the padding, whose weights therefore stay zero.
#[inline(always)]
pub(super) unsafe fn noise<V: Lanes>(key: u64, item: usize, offset: usize, dims: usize) -> V {
    unsafe {
        let blocks = dims.div_ceil(LANES);
        let e: V = normals(key, (item * blocks + offset / LANES) as u64);
        if offset + LANES <= dims {
            return e;
        }
        let mut values = [0.0; LANES];
        e.store(values.as_mut_ptr());
        values[dims.saturating_sub(offset)..].fill(0.0);
        V::load(values.as_ptr())
    }
}

/// The random sequence of the ε of a step.
pub(super) fn key(seed: Seed, step: u64) -> u64 {
    mix(seed.derive("noise").0 ^ mix(step))
}
