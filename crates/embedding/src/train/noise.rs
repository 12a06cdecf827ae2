//! Standard normal numbers for whole vectors of weights, as a function of key and position.

#![allow(unsafe_code)]
// Constants stand as published.
#![allow(clippy::excessive_precision)]

use emotome_lanes::{LANES, Lanes};
use emotome_stats::random::mix;

/// Sixteen standard normal numbers for position `block` of the sequence `key`.
///
/// One 23-bit uniform number a lane from a keyed hash of its position, turned normal by the
/// single-precision inverse error function of Giles (2010), "Approximating the erfinv function".
/// The tails end at ±5.1; relative error below 2e-6.
///
/// # Safety
/// The CPU must have the instructions of `V`.
#[inline(always)]
pub(crate) unsafe fn normals<V: Lanes>(key: u64, block: u64) -> V {
    let position = block * LANES as u64;
    // Positions past 2^32, of rows that no memory holds, get another key.
    let key = key ^ mix(position >> 32);
    unsafe {
        let x = V::even([key as u32, (key >> 32) as u32], position as u32);
        let one = V::splat(1.0);
        let w = V::splat(0.0).sub(one.sub(x).mul(one.add(x)).ln());
        let c = w.sub(V::splat(2.5));
        let mut centre = V::splat(2.810_226_4e-8);
        for a in [
            3.432_739_4e-7,
            -3.523_387_7e-6,
            -4.391_506_5e-6,
            2.185_808_7e-4,
            -1.253_725_03e-3,
            -4.177_681_64e-3,
            2.466_407_27e-1,
            1.501_409_41,
        ] {
            centre = centre.mul_add(c, V::splat(a));
        }
        let t = w.max(V::splat(0.0)).sqrt().sub(V::splat(3.0));
        let mut tail = V::splat(-2.002_142_57e-4);
        for a in [
            1.009_505_58e-4,
            1.349_343_22e-3,
            -3.673_428_44e-3,
            5.739_507_73e-3,
            -7.622_461_3e-3,
            9.438_870_47e-3,
            1.001_674_06,
            2.832_976_82,
        ] {
            tail = tail.mul_add(t, V::splat(a));
        }
        let p = V::splat(5.0).sub(w).if_positive(centre, tail);
        p.mul(x).mul(V::splat(std::f32::consts::SQRT_2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_lanes::Portable;
    use emotome_stats::distribution::normal_cdf;

    fn sample(key: u64, blocks: u64) -> Vec<f64> {
        let mut all = Vec::new();
        for block in 0..blocks {
            let mut x = [0.0; LANES];
            // SAFETY: `Portable` runs everywhere, and `x` holds sixteen values.
            unsafe { normals::<Portable>(key, block).store(x.as_mut_ptr()) };
            all.extend(x.map(f64::from));
        }
        all
    }

    /// Kolmogorov–Smirnov distance; 1.95/√n is the 0.1 % point.
    #[test]
    fn noise_is_standard_normal() {
        let mut x = sample(7, 20_000);
        let n = x.len() as f64;
        x.sort_by(f64::total_cmp);
        let distance = x
            .iter()
            .enumerate()
            .map(|(i, &x)| (normal_cdf(x) - (i as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "KS distance {distance}");
    }

    #[test]
    fn neighbouring_draws_and_keys_are_uncorrelated() {
        let (x, y) = (sample(1, 5_000), sample(2, 5_000));
        let n = x.len() as f64;
        for lag in 1..LANES {
            let r: f64 = x.iter().zip(&x[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
            assert!(r.abs() < 4.0 / n.sqrt(), "lag {lag}: r = {r}");
        }
        let r: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum::<f64>() / n;
        assert!(r.abs() < 4.0 / n.sqrt(), "keys: r = {r}");
    }

    /// What one weight sees from step to step, were keys as close as 0, 1, 2, …
    #[test]
    fn successive_keys_are_uncorrelated_at_one_place() {
        let x: Vec<f64> = (0..20_000).map(|key| sample(key, 1)[5]).collect();
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let square = x.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(mean.abs() < 4.0 / n.sqrt(), "mean {mean}");
        assert!(
            (square - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
            "variance {square}"
        );
        for lag in 1..9 {
            let r: f64 = x.iter().zip(&x[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
            assert!(r.abs() < 4.0 / n.sqrt(), "lag {lag}: r = {r}");
        }
    }
}
