//! Draws of stimuli, in parallel and in order, for intervals and for chance.

use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::run::Run;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Most resamples or permutations: their results are held at once.
pub const MOST_REPLICATES: usize = 100_000;

/// How intervals and nulls are drawn.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001 |
/// | `level` | 0.95 | custom |
/// | `seed` | 0 | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resampling {
    /// Resamples of the stimuli.
    pub bootstraps: usize,
    /// Draws from the null.
    pub permutations: usize,
    /// Level of intervals, of estimates and of chance.
    pub level: f64,
    /// Seed of every draw.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self {
            bootstraps: 1000,
            permutations: 1000,
            level: 0.95,
            seed: 0,
        }
    }
}

/// A stop was asked for before all draws were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

/// `count` values computed in parallel, in order, unless one fails or a stop is asked for.
pub(crate) fn replicate<T: Send, E: From<Interrupted> + Send>(
    run: Run<'_>,
    stage: &str,
    count: usize,
    value: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    run.progress.begin(stage, Some(count as u64));
    let values = (0..count)
        .into_par_iter()
        .map(|replicate| {
            if run.interrupt.requested() {
                return Err(Interrupted.into());
            }
            run.progress.advance(1);
            value(replicate)
        })
        .collect();
    run.progress.end();
    values
}

/// A statistic of `items` stimuli, each weighted by how often a resample drew it, for each of `count` resamples.
pub(crate) fn bootstrap<T: Send, E: From<Interrupted> + Send>(
    run: Run<'_>,
    items: usize,
    (count, seed): (usize, Seed),
    statistic: impl Fn(&[f64]) -> T + Sync,
) -> Result<Vec<T>, E> {
    replicate(run, "Resampling stimuli", count, |replicate| {
        let mut rng = CounterRng::new(seed, replicate as u64);
        let mut weights = vec![0.0; items];
        (0..items).for_each(|_| weights[rng.below(items as u64) as usize] += 1.0);
        Ok(statistic(&weights))
    })
}

/// A statistic of `items` stimuli in a random order, for each of `count` orders.
pub(crate) fn permute<T: Send, E: From<Interrupted> + Send>(
    run: Run<'_>,
    items: usize,
    (count, seed): (usize, Seed),
    statistic: impl Fn(&[usize]) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    replicate(run, "Permuting stimuli", count, |permutation| {
        let rng = &mut CounterRng::new(seed, permutation as u64);
        statistic(&order(items, rng))
    })
}

/// The numbers from 0 to `items` − 1 in a random order.
pub(crate) fn order(items: usize, rng: &mut CounterRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..items).collect();
    rng.shuffle(&mut order);
    order
}
