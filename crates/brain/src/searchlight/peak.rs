//! How fast this machine multiplies matrices, with the loop that searches use.

use std::time::Instant;

use emotome_lanes::{InstructionSet, LANES};
use rayon::prelude::*;
use serde::Serialize;

use super::kernel::{Part, Rows, dots};

/// Rates of the multiply-add loop, in 10⁹ operations a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// Of one thread alone.
    pub one: f64,
    /// Of all threads of the current pool together.
    pub all: f64,
    /// Those threads.
    pub threads: usize,
}

/// Measures the rate of inner products of 96 rows of 1,152 numbers, 442 kB, which stay in the
/// second cache: the least time of several, about a fifth of a second in all.
pub fn gemm_peak() -> Peak {
    let threads = rayon::current_num_threads();
    let one = rate();
    let each: Vec<f64> = (0..threads)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| rate())
        .collect();
    Peak {
        one,
        all: each.iter().sum(),
        threads,
    }
}

fn rate() -> f64 {
    let set = InstructionSet::detect();
    let (m, vectors) = (96, 72);
    let mut rows = Rows::zeros(m, vectors * LANES);
    for (at, value) in rows.values.iter_mut().enumerate() {
        *value = (at % 17) as f32 - 8.0;
    }
    let mut c = vec![0.0; m * m];
    let flop = (2 * m * m * vectors * LANES) as f64;
    let mut best = f64::INFINITY;
    for _ in 0..300 {
        let start = Instant::now();
        dots(set, &rows, &rows, 0..vectors, Part::All, &mut c);
        best = best.min(start.elapsed().as_secs_f64());
    }
    flop / best / 1e9
}
