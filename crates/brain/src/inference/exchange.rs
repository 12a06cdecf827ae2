//! What may be exchanged under the null hypothesis when noise runs through time.

use super::InferenceError;
use emotome_stats::random::CounterRng;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Which labels of a model are exchangeable.
///
/// | exchange | keeps | valid if |
/// |---|---|---|
/// | `Free` | nothing | noise of any two stimuli is independent |
/// | `RunBlocks` | the order within each run | runs are independent |
/// | `WithinRunShifts` | runs, and the circular order within them | noise is stationary within runs and forgets within the minimum lag |
///
/// Whole runs can only change places with runs of the same number of stimuli (Winkler et al. 2015,
/// doi:10.1016/j.neuroimage.2015.05.092): runs that lost duplicates exchange among themselves, and a
/// run with a length of its own stays. To exchange all, permute before duplicates are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// Any stimulus with any other.
    Free,
    /// Whole runs.
    RunBlocks,
    /// Each run turned by a random lag.
    WithinRunShifts {
        /// The least shift either way, in stimuli.
        minimum_lag: usize,
    },
}

/// The order in which stimuli were shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// Stimuli in the order shown.
    order: Vec<u32>,
    /// Where each run lies in that order.
    runs: Vec<Range<usize>>,
}

impl Presentation {
    /// The presentation of stimuli whose run and place within the run are given.
    ///
    /// # Errors
    /// Lists of different lengths, or two stimuli in one place.
    pub fn new(run: &[u32], place: &[u32]) -> Result<Self, InferenceError> {
        if run.len() != place.len() {
            return Err(InferenceError::Lengths {
                what: "places within runs",
                found: place.len(),
                expected: run.len(),
            });
        }
        let key = |&i: &u32| (run[i as usize], place[i as usize]);
        let mut order: Vec<u32> = (0..run.len() as u32).collect();
        order.sort_unstable_by_key(key);
        if let Some(twice) = order.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
            let (run, place) = key(&twice[0]);
            return Err(InferenceError::Place { run, place });
        }
        let mut runs: Vec<Range<usize>> = Vec::new();
        for same in order.chunk_by(|&a, &b| run[a as usize] == run[b as usize]) {
            let start = runs.last().map_or(0, |run| run.end);
            runs.push(start..start + same.len());
        }
        Ok(Self { order, runs })
    }

    /// Stimuli.
    #[must_use]
    pub fn n(&self) -> usize {
        self.order.len()
    }

    /// How many arrangements there are, the observed one among them; infinite beyond 10³⁰⁸.
    ///
    /// # Errors
    /// [`InferenceError::NothingToExchange`] if there is one alone.
    pub fn arrangements(&self, exchange: Exchange) -> Result<f64, InferenceError> {
        let factorial = |n: usize| (2..=n).fold(1.0, |product, k| product * k as f64);
        let count = match exchange {
            Exchange::Free => factorial(self.n()),
            Exchange::RunBlocks => self
                .equal_runs()
                .iter()
                .map(|runs| factorial(runs.len()))
                .product(),
            Exchange::WithinRunShifts { minimum_lag } => {
                if let Some(run) = self
                    .runs
                    .iter()
                    .find(|run| run.len() < 2 * minimum_lag.max(1))
                {
                    let what = format!(
                        "a run of {} stimuli cannot be shifted by {minimum_lag} or more either way; lower the minimum lag",
                        run.len()
                    );
                    return Err(InferenceError::NothingToExchange { what });
                }
                let lags = |run: &Range<usize>| (run.len() - 2 * minimum_lag.max(1) + 1) as f64;
                1.0 + self.runs.iter().map(lags).product::<f64>()
            }
        };
        if count > 1.0 {
            return Ok(count);
        }
        let what = "no two runs have the same number of stimuli, so none can change places; exchange before dropping duplicates, or shift within runs".to_owned();
        Err(InferenceError::NothingToExchange { what })
    }

    /// A random relabelling: entry i is the stimulus whose model row comes to stand at i. A bijection; O(n).
    ///
    /// Lags are drawn from minimum_lag ..= length − minimum_lag of each run.
    #[must_use]
    pub fn relabel(&self, exchange: Exchange, rng: &mut CounterRng) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..self.n() as u32).collect();
        match exchange {
            Exchange::Free => rng.shuffle(&mut labels),
            Exchange::RunBlocks => {
                for runs in self.equal_runs() {
                    let mut shuffled = runs.clone();
                    rng.shuffle(&mut shuffled);
                    for (&to, &from) in runs.iter().zip(&shuffled) {
                        for (to, from) in self.runs[to].clone().zip(self.runs[from].clone()) {
                            labels[self.order[to] as usize] = self.order[from];
                        }
                    }
                }
            }
            Exchange::WithinRunShifts { minimum_lag } => {
                let least = minimum_lag.max(1);
                for run in self.runs.iter().filter(|run| run.len() >= 2 * least) {
                    let lag = least + rng.below((run.len() - 2 * least + 1) as u64) as usize;
                    for at in 0..run.len() {
                        let from = run.start + (at + lag) % run.len();
                        labels[self.order[run.start + at] as usize] = self.order[from];
                    }
                }
            }
        }
        labels
    }

    /// Runs by their number of stimuli.
    fn equal_runs(&self) -> Vec<Vec<usize>> {
        let mut by_length: std::collections::BTreeMap<usize, Vec<usize>> = Default::default();
        for (at, run) in self.runs.iter().enumerate() {
            by_length.entry(run.len()).or_default().push(at);
        }
        by_length.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_stats::random::Seed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn relabelling_loses_nothing_and_keeps_what_it_promises(
            runs in proptest::collection::vec(4_usize..8, 2..7), seed: u64,
        ) {
            let run: Vec<u32> = (0..).zip(&runs).flat_map(|(r, &n)| vec![r; n]).collect();
            let place: Vec<u32> = runs.iter().flat_map(|&n| (0..n as u32).rev()).collect();
            let shown = Presentation::new(&run, &place).unwrap();
            for exchange in [Exchange::Free, Exchange::RunBlocks, Exchange::WithinRunShifts { minimum_lag: 2 }] {
                let labels = shown.relabel(exchange, &mut CounterRng::new(Seed(seed), 0));
                let mut sorted = labels.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..run.len() as u32).collect::<Vec<_>>());
                for (i, &from) in labels.iter().enumerate() {
                    let from = from as usize;
                    let ok = match exchange {
                        Exchange::Free => true,
                        Exchange::RunBlocks => place[i] == place[from] && runs[run[i] as usize] == runs[run[from] as usize],
                        Exchange::WithinRunShifts { minimum_lag } => {
                            let (n, lag) = (runs[run[i] as usize], place[i].abs_diff(place[from]) as usize);
                            run[i] == run[from] && lag >= minimum_lag && n - lag >= minimum_lag
                        }
                    };
                    prop_assert!(ok, "{exchange:?} puts {from} at {i}");
                }
            }
        }
    }

    #[test]
    fn arrangements_are_counted_and_none_is_an_error() {
        let shown = Presentation::new(&[0, 0, 1, 1, 2, 2, 2], &[0, 1, 0, 1, 0, 1, 2]).unwrap();
        assert_eq!(shown.arrangements(Exchange::Free), Ok(5040.0));
        assert_eq!(shown.arrangements(Exchange::RunBlocks), Ok(2.0));
        assert_eq!(
            shown.arrangements(Exchange::WithinRunShifts { minimum_lag: 1 }),
            Ok(3.0)
        );
        assert!(
            shown
                .arrangements(Exchange::WithinRunShifts { minimum_lag: 2 })
                .is_err()
        );
        let uneven = Presentation::new(&[0, 1, 1], &[0, 0, 1]).unwrap();
        assert!(uneven.arrangements(Exchange::RunBlocks).is_err());
        let clash = Presentation::new(&[0, 0], &[3, 3]);
        assert_eq!(clash, Err(InferenceError::Place { run: 0, place: 3 }));
    }
}
