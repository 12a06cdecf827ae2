//! What the fitted distribution says: its moments, draws from it, and the dimensions that stay.

#![allow(unsafe_code)]

use super::step::{EPSILON, LOG_SIGMA, MU, ViceStep, noise};
use crate::train::engine::Engine;
use crate::train::kernel::RowUpdate;
use emotome_lanes::{LANES, Lanes, Portable};
use emotome_stats::distribution::normal_cdf;
use emotome_stats::multiplicity::count_rejected;
use ndarray::Array2;
use rayon::prelude::*;

/// Sets the first ε and the weights that follow from it.
pub(super) fn draw_first(engine: &mut Engine, key: u64) {
    let (stride, dims) = (engine.stride(), engine.dims());
    for (item, state) in engine
        .state
        .chunks_mut(ViceStep::STATE * stride)
        .enumerate()
    {
        for offset in (0..stride).step_by(LANES) {
            let target = &mut state[EPSILON * stride + offset..][..LANES];
            // SAFETY: `Portable` runs everywhere, and `target` holds sixteen values.
            unsafe { noise::<Portable>(key, item, offset, dims).store(target.as_mut_ptr()) };
        }
    }
    engine.weights = draw(engine, key);
}

/// One draw of Z, n × stride.
pub(super) fn draw(engine: &Engine, key: u64) -> Vec<f32> {
    let (stride, dims) = (engine.stride(), engine.dims());
    let mut z = vec![0.0_f32; engine.weights.len()];
    z.par_chunks_mut(stride)
        .enumerate()
        .for_each(|(item, row)| {
            let state = &engine.state[item * ViceStep::STATE * stride..];
            for offset in (0..stride).step_by(LANES) {
                let mut e = [0.0; LANES];
                // SAFETY: `Portable` runs everywhere, and `e` holds sixteen values.
                unsafe { noise::<Portable>(key, item, offset, dims).store(e.as_mut_ptr()) };
                for k in 0..LANES {
                    let (mu, log_sigma) =
                        (state[offset + k], state[LOG_SIGMA * stride + offset + k]);
                    row[offset + k] = (mu + log_sigma.exp() * e[k]).max(0.0);
                }
            }
        });
    z
}

/// μ and σ, n × d.
pub(super) fn moments(engine: &Engine) -> (Array2<f32>, Array2<f32>) {
    let (stride, shape) = (engine.stride(), (engine.n_items(), engine.dims()));
    let at = |k: usize, i: usize, f: usize| engine.state[(i * ViceStep::STATE + k) * stride + f];
    (
        Array2::from_shape_fn(shape, |(i, f)| at(MU, i, f)),
        Array2::from_shape_fn(shape, |(i, f)| at(LOG_SIGMA, i, f).exp()),
    )
}

/// Per dimension the number of stimuli that the Benjamini–Hochberg procedure at level α finds above
/// zero, p = Φ(−μ/σ).
pub(super) fn importance(mu: &Array2<f32>, sigma: &Array2<f32>, alpha: f64) -> Vec<usize> {
    (0..mu.ncols())
        .into_par_iter()
        .map(|f| {
            let mut p: Vec<f64> = mu
                .column(f)
                .iter()
                .zip(sigma.column(f))
                .map(|(&m, &s)| normal_cdf(-f64::from(m) / f64::from(s)))
                .collect();
            count_rejected(&mut p, alpha)
        })
        .collect()
}
