//! The choices to train on: shuffled once into batches, whose order alone changes from epoch to epoch.
//!
//! A batch is sorted for the two passes when it is made, so an epoch spends its time on arithmetic.
//! New batches every epoch would gain nothing: at 90,000 choices of 2,180 stimuli, where it should
//! matter most, the held-out loss over seven seeds differed by .0004 nats (standard error .0002).

use super::kernel::Appearances;
use emotome_stats::permutation::KeyedPermutation;
use emotome_stats::random::{CounterRng, Seed, mix};
use emotome_triplets::{Choice, ChoiceSet};
use rayon::prelude::*;
use std::ops::Range;

/// Training trials in one shuffled order, cut into batches.
#[derive(Debug)]
pub(crate) struct Deck {
    trials: Vec<[u32; 3]>,
    targets: Option<Vec<[f32; 3]>>,
    /// Where each batch is, and its trials sorted by item.
    batches: Vec<(Range<usize>, Appearances)>,
    seed: Seed,
}

/// One batch, ready for the two passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// The stimuli of its trials: similar, similar, odd.
    pub(crate) trials: &'a [[u32; 3]],
    /// The probabilities of their pairs (0,1), (0,2), (1,2); `None` stands for (1, 0, 0).
    pub(crate) targets: Option<&'a [[f32; 3]]>,
    pub(crate) appearances: &'a Appearances,
}

impl Deck {
    /// Shuffles the choices by the seed into nearly equal batches of about `size`; none is left
    /// out. O(N).
    ///
    /// `soft` are the probabilities q of the pairs (similar, similar), (first, odd),
    /// (second, odd) of each choice.
    pub(crate) fn new(
        choices: &ChoiceSet,
        soft: Option<&[[f32; 3]]>,
        size: usize,
        seed: Seed,
    ) -> Self {
        let all = choices.choices();
        let (n, shuffle) = (all.len(), seed.derive("deck"));
        let (trials, targets) = match soft {
            None => (shuffled(n, |i| canonical(all[i]).0, shuffle), None),
            Some(q) => {
                let soft = |i: usize| {
                    let (trial, swapped) = canonical(all[i]);
                    let [pair, first, second] = q[i];
                    let q = if swapped { [pair, second, first] } else { q[i] };
                    (trial, q)
                };
                let (trials, targets) = shuffled(n, soft, shuffle).into_iter().unzip();
                (trials, Some(targets))
            }
        };
        let of = (n as f64 / size as f64).round().max(1.0) as usize;
        let batches = (0..of)
            .into_par_iter()
            .map(|b| {
                let range = n * b / of..n * (b + 1) / of;
                let sorted = Appearances::of_batch(&trials[range.clone()], choices.n_stimuli());
                (range, sorted)
            })
            .collect();
        Self {
            trials,
            targets,
            batches,
            seed: seed.derive("epoch"),
        }
    }

    /// A hash of trials, targets and their order.
    pub(crate) fn fingerprint(&self) -> u64 {
        let trials = self.trials.as_flattened().iter().copied();
        let targets = self.targets.iter().flatten().flatten();
        trials
            .chain(targets.map(|q| q.to_bits()))
            .fold(self.len() as u64, |h, word| mix(h ^ u64::from(word)))
    }

    /// The number of trials.
    pub(crate) fn len(&self) -> usize {
        self.trials.len()
    }

    /// The number of batches.
    pub(crate) fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Which of `n_items` stimuli are in any trial.
    pub(crate) fn shown(&self, n_items: usize) -> Vec<bool> {
        let mut shown = vec![false; n_items];
        for &item in self.trials.as_flattened() {
            shown[item as usize] = true;
        }
        shown
    }

    /// The batches in the order of an epoch, counted from 0.
    pub(crate) fn epoch(&self, epoch: usize) -> impl Iterator<Item = Batch<'_>> {
        let order = KeyedPermutation::new(self.batches.len() as u64, self.seed.child(epoch as u64))
            .expect("there are fewer than 2^63 batches");
        (0..order.len()).map(move |b| {
            let (range, appearances) = &self.batches[order.at(b) as usize];
            Batch {
                trials: &self.trials[range.clone()],
                targets: self.targets.as_ref().map(|q| &q[range.clone()]),
                appearances,
            }
        })
    }
}

/// `[similar, similar, odd]` with the similar pair ascending, so that the presented order cannot
/// change a result, and whether the pair was swapped.
fn canonical(choice: Choice) -> ([u32; 3], bool) {
    let [a, b, odd] = choice.odd_last().map(|id| id.0);
    ([a.min(b), a.max(b), odd], a > b)
}

/// Buckets of [`shuffled`]; part of the result.
const BUCKETS: usize = 256;

/// The values of 0..n in random order: each goes to a random bucket, and each bucket is shuffled.
///
/// All orders are equally likely, and memory is read and written in runs. Rao 1961, "Generation
/// of random permutations of given number of elements using random sampling numbers", Sankhyā 23.
fn shuffled<T: Copy + Default + Send>(n: usize, value: impl Fn(usize) -> T, seed: Seed) -> Vec<T> {
    let key = seed.derive("buckets").0;
    let bucket = |i: usize| (mix(key ^ i as u64) % BUCKETS as u64) as usize;
    let mut sizes = [0_usize; BUCKETS];
    for i in 0..n {
        sizes[bucket(i)] += 1;
    }
    let mut next = sizes;
    let mut end = 0;
    for next in &mut next {
        end += *next;
        *next = end - *next;
    }
    let mut values = vec![T::default(); n];
    for i in 0..n {
        let next = &mut next[bucket(i)];
        values[*next] = value(i);
        *next += 1;
    }
    let mut rest = values.as_mut_slice();
    let mut buckets = Vec::with_capacity(BUCKETS);
    for size in sizes {
        let (bucket, others) = rest.split_at_mut(size);
        buckets.push(bucket);
        rest = others;
    }
    buckets
        .into_par_iter()
        .enumerate()
        .for_each(|(b, bucket)| CounterRng::new(seed, b as u64).shuffle(bucket));
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stimuli::StimulusId;
    use emotome_triplets::{Position, Triplet};

    fn choices(n: u32) -> ChoiceSet {
        let choice = |i| Choice {
            triplet: Triplet::new([i, i + 1, i + 2].map(StimulusId)).unwrap(),
            odd: Position::Third,
        };
        ChoiceSet::new(n as usize + 2, (0..n).map(choice).collect()).unwrap()
    }

    #[test]
    fn every_trial_is_in_one_batch_and_no_batch_is_empty() {
        for (n, size) in [(1, 1), (1, 100), (2, 3), (100, 1), (1000, 7), (1000, 999)] {
            let choices = choices(n);
            let deck = Deck::new(&choices, None, size, Seed(1));
            for epoch in 0..3 {
                let mut all = Vec::new();
                for batch in deck.epoch(epoch) {
                    assert!(!batch.trials.is_empty(), "{n} trials in batches of {size}");
                    all.extend_from_slice(batch.trials);
                }
                all.sort_unstable();
                let expected: Vec<[u32; 3]> = (0..n).map(|i| [i, i + 1, i + 2]).collect();
                assert_eq!(all, expected, "{n} trials in batches of {size}");
            }
        }
    }

    #[test]
    fn every_order_of_four_is_equally_likely_over_seeds() {
        let mut counts = std::collections::HashMap::<Vec<usize>, f64>::new();
        for seed in 0..24_000 {
            *counts.entry(shuffled(4, |i| i, Seed(seed))).or_default() += 1.0;
        }
        let chi_square: f64 = counts.values().map(|n| (n - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(counts.len(), 24);
        // The 0.1 % point of χ² with 23 degrees of freedom.
        assert!(chi_square < 49.7, "χ² = {chi_square}");
    }
}
