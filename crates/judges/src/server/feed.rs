//! The order in which trials are asked.

use emotome_stats::random::mix;
use emotome_triplets::Trial;
use emotome_triplets::design::Design;
use emotome_triplets::journal::Settled;

/// Hands out the open trials of a design, window by window.
///
/// Within a window trials that show the same stimulus first, and then the same second, follow each
/// other, so that a server with a cache of prompts or clips has met most of each one just before.
/// Groups come in an order drawn from the seed. Which stimulus stands where is up to the design
/// alone; the order of asking changes no trial.
pub(crate) struct Feed<N> {
    design: Design,
    settled: Settled,
    numbers: N,
    size: usize,
    seed: u64,
    /// Trials that may still be handed out.
    left: u64,
    /// The window, to be taken from its end.
    window: Vec<Trial>,
    /// Whether trials remain that may not be handed out.
    pub(crate) cut: bool,
}

impl<N: Iterator<Item = u64>> Feed<N> {
    pub(crate) const fn new(
        design: Design,
        settled: Settled,
        numbers: N,
        size: usize,
        seed: u64,
        left: u64,
    ) -> Self {
        Self {
            design,
            settled,
            numbers,
            size,
            seed,
            left,
            window: Vec::new(),
            cut: false,
        }
    }

    fn fill(&mut self) {
        let room = self
            .size
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let (design, settled) = (&self.design, &self.settled);
        let mut open = self
            .numbers
            .by_ref()
            .filter(|&number| !settled.contains(number))
            .filter_map(|number| design.trial(number));
        if room == 0 {
            self.cut = self.cut || open.next().is_some();
            return;
        }
        self.window.extend(open.take(room));
        self.left -= self.window.len() as u64;
        let seed = self.seed;
        self.window.sort_unstable_by_key(|trial| {
            let [first, second, _] = trial.triplet.items().map(|id| u64::from(id.0));
            std::cmp::Reverse((
                mix(seed ^ first),
                mix(seed ^ first << 32 ^ second),
                trial.number,
            ))
        });
    }
}

impl<N: Iterator<Item = u64>> Iterator for Feed<N> {
    type Item = Trial;

    fn next(&mut self) -> Option<Trial> {
        if self.window.is_empty() {
            self.fill();
        }
        self.window.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_triplets::design::DesignParams;
    use std::collections::HashSet;

    fn feed(left: u64) -> Feed<std::ops::Range<u64>> {
        let params = DesignParams {
            trials: 5_000,
            ..DesignParams::new(20, 3)
        };
        let design = params.check().unwrap();
        Feed::new(design, Settled::default(), 0..5_000, 1_024, 9, left)
    }

    #[test]
    fn every_trial_comes_once_and_neighbours_share_their_beginning() {
        let trials: Vec<Trial> = feed(u64::MAX).collect();
        let numbers: HashSet<u64> = trials.iter().map(|trial| trial.number).collect();
        assert_eq!((trials.len(), numbers.len()), (5_000, 5_000));
        let shared = trials.windows(2).filter(|pair| {
            let [a, b] = [pair[0], pair[1]].map(|trial| trial.triplet.items());
            a[..2] == b[..2]
        });
        // 20 · 19 beginnings in windows of 1,024.
        assert!(shared.count() > 2_500);
        assert!(trials.is_sorted_by_key(|trial| trial.number / 1_024));
        assert_eq!(feed(u64::MAX).collect::<Vec<_>>(), trials);
    }

    #[test]
    fn a_bound_on_trials_is_kept_and_told() {
        let mut bounded = feed(1_500);
        assert_eq!(bounded.by_ref().count(), 1_500);
        assert!(bounded.cut);
        let mut whole = feed(5_000);
        assert_eq!(whole.by_ref().count(), 5_000);
        assert!(!whole.cut);
    }
}
