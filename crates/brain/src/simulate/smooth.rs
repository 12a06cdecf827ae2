//! Smooth fields of unit variance within a mask.

use emotome_neurofiles::Millimetres;
use emotome_stats::random::CounterRng;

use super::anatomy::Anatomy;

/// A Gaussian kernel on a mask: what lies outside is zero, and each voxel is scaled to variance one.
#[derive(Debug, Clone)]
pub(super) struct Smoother {
    shape: [usize; 3],
    /// Element of each voxel in the box.
    at: Vec<u32>,
    taps: [Vec<f32>; 3],
    /// One over the standard deviation of smoothed white noise.
    scale: Vec<f32>,
}

/// Two boxes to smooth in.
#[derive(Debug, Default)]
pub(super) struct Scratch(Vec<f32>, Vec<f32>);

impl Smoother {
    /// Full width at half maximum; 0 smooths nothing.
    pub(super) fn new(anatomy: &Anatomy, fwhm: Millimetres) -> Self {
        let edges = anatomy.grid.affine.spacing();
        let mut low = [u32::MAX; 3];
        let mut high = [0; 3];
        for at in &anatomy.voxels {
            for a in 0..3 {
                low[a] = low[a].min(at[a]);
                high[a] = high[a].max(at[a]);
            }
        }
        let shape = [0, 1, 2].map(|a| (high[a] - low[a]) as usize + 1);
        let taps = edges.map(|edge| {
            let sigma = fwhm.0 / (8.0 * std::f64::consts::LN_2).sqrt() / edge.0;
            let reach = (3.0 * sigma).ceil() as i32;
            let tap = |d: i32| (-0.5 * (f64::from(d) / sigma.max(1e-9)).powi(2)).exp() as f32;
            (-reach..=reach).map(tap).collect::<Vec<f32>>()
        });
        let place = |at: &[u32; 3]| {
            let [i, j, k] = [0, 1, 2].map(|a| (at[a] - low[a]) as usize);
            (i + shape[0] * (j + shape[1] * k)) as u32
        };
        let mut own = Self {
            shape,
            at: anatomy.voxels.iter().map(place).collect(),
            taps,
            scale: vec![1.0; anatomy.voxels.len()],
        };
        // The variance of a sum of independent voxels: the squared kernel over the mask.
        let squared = own.taps.clone().map(|t| t.iter().map(|w| w * w).collect());
        let mut variance = vec![1.0; own.at.len()];
        own.convolve(&squared, &mut variance, &mut Scratch::default());
        own.scale = variance.iter().map(|v| 1.0 / v.sqrt()).collect();
        own
    }

    /// Independent fields of unit variance become smooth ones.
    pub(super) fn smooth(&self, values: &mut [f32], scratch: &mut Scratch) {
        self.convolve(&self.taps, values, scratch);
        for (value, scale) in values.iter_mut().zip(&self.scale) {
            *value *= scale;
        }
    }

    /// A smooth field of unit variance.
    pub(super) fn field(&self, mut rng: CounterRng, values: &mut [f32], scratch: &mut Scratch) {
        values.fill_with(|| rng.normal() as f32);
        self.smooth(values, scratch);
    }

    fn convolve(&self, taps: &[Vec<f32>; 3], values: &mut [f32], scratch: &mut Scratch) {
        if taps.iter().all(|t| t.len() == 1) {
            return;
        }
        let [ni, nj, nk] = self.shape;
        let size = ni * nj * nk;
        let Scratch(from, to) = scratch;
        from.clear();
        from.resize(size, 0.0);
        to.resize(size, 0.0);
        for (&at, &value) in self.at.iter().zip(values.iter()) {
            from[at as usize] = value;
        }
        for (axis, stride) in [(0, 1), (1, ni), (2, ni * nj)] {
            let taps = &taps[axis];
            let reach = taps.len() / 2;
            // Lines along the axis lie `stride` apart within blocks of stride × length.
            let length = self.shape[axis];
            for (from, to) in from
                .chunks_exact(stride * length)
                .zip(to.chunks_exact_mut(stride * length))
            {
                to.fill(0.0);
                for (tap, &weight) in taps.iter().enumerate() {
                    // to[n] += w · from[n + tap − reach], where that lies within the line.
                    let (skip, lead) = (reach.saturating_sub(tap), tap.saturating_sub(reach));
                    if skip + lead >= length {
                        continue;
                    }
                    let count = (length - skip - lead) * stride;
                    let to = &mut to[skip * stride..][..count];
                    let from = &from[lead * stride..][..count];
                    for (t, f) in to.iter_mut().zip(from) {
                        *t += weight * f;
                    }
                }
            }
            std::mem::swap(from, to);
        }
        for (&at, value) in self.at.iter().zip(values) {
            *value = from[at as usize];
        }
    }
}
