//! The choices to train on, shuffled once and dealt in batches that depend only on seed and epoch.

use super::kernel::{Appearances, Record};
use emotome_stats::permutation::KeyedPermutation;
use emotome_stats::random::{Seed, mix};
use emotome_triplets::{Choice, ChoiceSet};
use rayon::prelude::*;

/// Trials that stay together: dealing whole blocks reads memory in runs instead of single trials,
/// which an epoch would otherwise wait for.
const BLOCK: usize = 128;
/// Below this many trials the memory fits the cache, and every trial is dealt by itself.
const DEAL_SINGLY: usize = 1 << 18;

/// Shuffled training trials.
#[derive(Debug)]
pub(crate) struct Deck {
    trials: Vec<[u32; 3]>,
    targets: Option<Vec<[f32; 3]>>,
    block: usize,
    seed: Seed,
}

/// One batch, ready for the two passes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) targets: Option<Vec<[f32; 3]>>,
    pub(crate) appearances: Appearances,
}

impl Deck {
    /// Shuffles the choices by a permutation keyed by the seed, in O(N).
    ///
    /// `targets` are the probabilities q of the pairs (similar, similar), (first, odd),
    /// (second, odd) of each choice.
    pub(crate) fn new(choices: &ChoiceSet, targets: Option<&[[f32; 3]]>, seed: Seed) -> Self {
        let n = choices.len();
        let shuffle = order(n, seed.derive("deck"));
        let source = |i: usize| shuffle.at(i as u64) as usize;
        let trials = (0..n)
            .into_par_iter()
            .map(|i| canonical(choices.choices()[source(i)]).0)
            .collect();
        let targets = targets.map(|q| {
            let target = |i: usize| {
                let [pair, first, second] = q[source(i)];
                let (_, swapped) = canonical(choices.choices()[source(i)]);
                if swapped {
                    [pair, second, first]
                } else {
                    [pair, first, second]
                }
            };
            (0..n).into_par_iter().map(target).collect()
        });
        let block = if n < DEAL_SINGLY { 1 } else { BLOCK };
        Self {
            trials,
            targets,
            block,
            seed: seed.derive("epoch"),
        }
    }

    /// A hash of trials, targets and their order.
    pub(crate) fn fingerprint(&self) -> u64 {
        let trials = self.trials.iter().flatten().copied();
        let targets = self.targets.iter().flatten().flatten().map(|q| q.to_bits());
        trials
            .chain(targets)
            .fold(self.len() as u64, |h, word| mix(h ^ u64::from(word)))
    }

    pub(crate) fn len(&self) -> usize {
        self.trials.len()
    }

    /// The number of nearly equal batches of about `size` trials; none is dropped.
    pub(crate) fn batches(&self, size: usize) -> usize {
        (self.len() as f64 / size as f64).round().max(1.0) as usize
    }

    /// Deals batches `range` of `of` in this epoch into `batches`, one task a batch.
    pub(crate) fn deal(
        &self,
        epoch: usize,
        range: std::ops::Range<usize>,
        of: usize,
        n_items: usize,
        batches: &mut Vec<Batch>,
    ) {
        let n_blocks = self.len().div_ceil(self.block);
        let order = order(n_blocks, self.seed.child(epoch as u64));
        batches.resize_with(range.len(), Batch::default);
        batches.par_iter_mut().zip(range).for_each(|(batch, b)| {
            batch.records.clear();
            if self.targets.is_some() {
                batch.targets.get_or_insert_default().clear();
            }
            for position in b * n_blocks / of..(b + 1) * n_blocks / of {
                let start = order.at(position as u64) as usize * self.block;
                let trials = start..(start + self.block).min(self.len());
                batch
                    .records
                    .extend(self.trials[trials.clone()].iter().map(|&items| Record {
                        items,
                        slopes: [0.0; 3],
                    }));
                if let (Some(q), Some(all)) = (&mut batch.targets, &self.targets) {
                    q.extend_from_slice(&all[trials]);
                }
            }
            batch.appearances.sort(&batch.records, n_items);
        });
    }
}

/// `[similar, similar, odd]` with the similar pair ascending, so that the presented order cannot
/// change a result, and whether the pair was swapped.
fn canonical(choice: Choice) -> ([u32; 3], bool) {
    let [a, b, odd] = choice.odd_last().map(|id| id.0);
    ([a.min(b), a.max(b), odd], a > b)
}

/// A random order of `n` things.
fn order(n: usize, seed: Seed) -> KeyedPermutation {
    KeyedPermutation::new(n as u64, seed).expect("a slice is shorter than 2^63")
}
