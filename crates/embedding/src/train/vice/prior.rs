//! The spike-and-slab prior, in the form its slope needs.

#![allow(unsafe_code)]

use emotome_lanes::Lanes;
use serde::{Deserialize, Serialize};

/// The family of both parts of the prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mixture {
    /// N(0, s²): the published choice.
    #[default]
    Gaussian,
    /// Laplace(0, s), the other one that the published code has. The code then also takes q for a
    /// Laplace density although it draws from a Gaussian. That changes the value of its loss by
    /// Σ (ε²/2 − |ε|) and a constant, no gradient; here q stays Gaussian.
    Laplace,
}

/// Spike and slab.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prior {
    mixture: Mixture,
    /// ln [(1 − π)/slab] − ln [π/spike]: log odds of slab against spike at zero.
    log_odds: f32,
    /// 1/spike², 1/slab² of Gaussians, 1/spike, 1/slab of Laplace distributions.
    rates: [f32; 2],
}

impl Prior {
    pub(super) fn new(mixture: Mixture, pi: f64, spike: f64, slab: f64) -> Self {
        let power = match mixture {
            Mixture::Gaussian => -2,
            Mixture::Laplace => -1,
        };
        Self {
            mixture,
            log_odds: ((1.0 - pi) / pi * (spike / slab)).ln() as f32,
            rates: [spike, slab].map(|s| s.powi(power) as f32),
        }
    }

    /// −d ln p/dx = u′(x) · (r a + (1 − r) b) with the rates a and b of spike and slab, the spike's
    /// responsibility r = 1 / (1 + e^{log odds + u (a − b)}), and u = x²/2 (Gaussian) or |x|
    /// (Laplace).
    #[inline(always)]
    pub(super) unsafe fn pull<V: Lanes>(self, x: V) -> V {
        let [spike, slab] = self.rates;
        unsafe {
            let minus = V::splat(0.0).sub(x);
            let (u, slope) = match self.mixture {
                Mixture::Gaussian => (x.mul(x).mul(V::splat(0.5)), x),
                Mixture::Laplace => {
                    let one = V::splat(1.0);
                    let negative = minus.if_positive(V::splat(-1.0), V::splat(0.0));
                    (x.max(minus), x.if_positive(one, negative))
                }
            };
            let odds = u.mul_add(V::splat(spike - slab), V::splat(self.log_odds));
            let slab_odds = odds.min(V::splat(80.0)).exp();
            let r = V::splat(1.0).div(V::splat(1.0).add(slab_odds));
            slope.mul(r.mul_add(V::splat(spike - slab), V::splat(slab)))
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use emotome_lanes::{LANES, Portable};

    /// ln p(x) by log-sum-exp in f64, less the constant ln √2π of Gaussians or ln 2 of Laplace
    /// distributions.
    pub(in super::super) fn log_prior(
        mixture: Mixture,
        [pi, spike, slab]: [f64; 3],
        x: f64,
    ) -> f64 {
        let part = |share: f64, s: f64| {
            let u = match mixture {
                Mixture::Gaussian => 0.5 * (x / s).powi(2),
                Mixture::Laplace => (x / s).abs(),
            };
            share.ln() - s.ln() - u
        };
        let (a, b) = (part(pi, spike), part(1.0 - pi, slab));
        let top = a.max(b);
        top + ((a - top).exp() + (b - top).exp()).ln()
    }

    pub(in super::super) fn pull(prior: Prior, x: f32) -> f32 {
        let mut pull = [0.0; LANES];
        // SAFETY: `Portable` runs everywhere, and `pull` holds sixteen values.
        unsafe { prior.pull(Portable::splat(x)).store(pull.as_mut_ptr()) };
        pull[0]
    }

    #[test]
    fn the_pull_of_the_prior_is_its_slope_and_finite_far_out() {
        for mixture in [Mixture::Gaussian, Mixture::Laplace] {
            for shape in [[0.5, 0.25, 1.0], [0.1, 0.125, 8.0], [0.9, 0.01, 2.0]] {
                let [pi, spike, slab] = shape;
                let prior = Prior::new(mixture, pi, spike, slab);
                for x in [
                    -500.0_f32, -3.0, -0.4, -0.01, 0.02, 0.3, 1.0, 5.0, 40.0, 1e4,
                ] {
                    let found = f64::from(pull(prior, x));
                    let x = f64::from(x);
                    let h = 1e-4 * x.abs().max(0.01);
                    let at = |x| log_prior(mixture, shape, x);
                    let slope = (at(x - h) - at(x + h)) / (2.0 * h);
                    assert!(
                        (found - slope).abs() < 2e-4 * slope.abs().max(1.0),
                        "{mixture:?}, x = {x}: {found} vs {slope}"
                    );
                }
                assert_eq!(pull(prior, 0.0), 0.0);
            }
        }
    }
}
