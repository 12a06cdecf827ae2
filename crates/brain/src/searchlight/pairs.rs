//! Which pairs of stimuli are compared.

use emotome_lanes::LANES;
use serde::{Deserialize, Serialize};

use super::PlanError;
use super::kernel::BAND;

/// Pairs left out because their stimuli were shown too close in time: within a run, responses share
/// drift and noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The run of each stimulus; within a run stimuli stand in the order they were shown.
    pub runs: Vec<u32>,
    /// Places apart, within a run, from which on pairs are kept; none keeps no pair of a run.
    pub lag: Option<usize>,
}

/// Stimuli in the order that makes runs contiguous, and the pairs i < j that are kept:
/// j ≥ first(i).
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    pub(super) n: usize,
    /// New places' old ones; none if nothing moves.
    pub(super) order: Option<Vec<usize>>,
    first: Option<Vec<usize>>,
    pub(super) kept: u64,
}

impl Pairs {
    pub(super) fn of(n: usize, exclusion: Option<&Exclusion>) -> Result<Self, PlanError> {
        let Some(Exclusion { runs, lag }) = exclusion else {
            return Ok(Self::every(n));
        };
        if runs.len() != n {
            return Err(PlanError::Runs {
                runs: runs.len(),
                n,
            });
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| runs[i]);
        let mut first = vec![0; n];
        let mut end = n;
        let mut kept = 0;
        for at in (0..n).rev() {
            if at + 1 < n && runs[order[at]] != runs[order[at + 1]] {
                end = at + 1;
            }
            first[at] = lag.map_or(end, |lag| end.min(at.saturating_add(lag.max(1))));
            kept += (n - first[at]) as u64;
        }
        if kept < 3 {
            return Err(PlanError::NoPairs { n, kept });
        }
        let moved = order.windows(2).any(|pair| pair[0] > pair[1]);
        Ok(Self {
            n,
            order: moved.then_some(order),
            first: Some(first),
            kept,
        })
    }

    /// All pairs of n stimuli.
    pub(super) const fn every(n: usize) -> Self {
        Self {
            n,
            order: None,
            first: None,
            kept: (n as u64) * (n as u64).saturating_sub(1) / 2,
        }
    }

    pub(super) const fn excludes(&self) -> bool {
        self.first.is_some()
    }

    /// The first stimulus with which `i` makes a pair that is kept, at least i + 1.
    pub(super) fn first(&self, i: usize) -> usize {
        self.first.as_ref().map_or(i + 1, |first| first[i])
    }

    pub(super) const fn bands(&self) -> usize {
        self.n.div_ceil(BAND)
    }

    pub(super) const fn band(&self, band: usize) -> std::ops::Range<usize> {
        let end = (band + 1) * BAND;
        band * BAND..if end < self.n { end } else { self.n }
    }

    /// Blocks of sixteen stimuli from the first kept pair of a band to the last stimulus.
    pub(super) fn blocks(&self, band: usize) -> std::ops::Range<usize> {
        let first = self.band(band).map(|i| self.first(i)).min();
        first.unwrap_or(self.n) / LANES..self.bands()
    }

    /// Blocks of sixteen stimuli that hold the excluded pairs of a band.
    pub(super) fn excluded_blocks(&self, band: usize) -> std::ops::Range<usize> {
        let last = self.band(band).map(|i| self.first(i)).max();
        band..last.unwrap_or(0).div_ceil(LANES)
    }

    /// Excluded pairs (i, j), by i, then j.
    pub(super) fn excluded(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..if self.excludes() { self.n } else { 0 })
            .flat_map(|i| (i + 1..self.first(i)).map(move |j| (i, j)))
    }
}

/// A number for each pair, laid out as bands of similarities are: band, stimulus of the band, then
/// stimuli of its blocks; what is not a kept pair keeps the filling.
#[derive(Debug, Clone)]
pub(super) struct Bands<T> {
    pub(super) values: Vec<T>,
    starts: Vec<usize>,
}

impl<T: Copy> Bands<T> {
    pub(super) fn filled(pairs: &Pairs, filling: T) -> Self {
        let mut starts = vec![0];
        for band in 0..pairs.bands() {
            starts.push(starts[band] + BAND * LANES * pairs.blocks(band).len());
        }
        Self {
            values: vec![filling; starts[pairs.bands()]],
            starts,
        }
    }

    /// Sets kept pairs.
    pub(super) fn fill(&mut self, pairs: &Pairs, value: impl Fn(usize, usize) -> T) {
        for band in 0..pairs.bands() {
            let blocks = pairs.blocks(band);
            let width = LANES * blocks.len();
            let start = self.starts[band];
            for (r, i) in pairs.band(band).enumerate() {
                for j in pairs.first(i)..pairs.n {
                    self.values[start + r * width + j - blocks.start * LANES] = value(i, j);
                }
            }
        }
    }

    pub(super) fn band(&self, band: usize) -> &[T] {
        &self.values[self.starts[band]..self.starts[band + 1]]
    }

    pub(super) fn start(&self, band: usize) -> usize {
        self.starts[band]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_pairs_are_those_of_other_runs_or_far_enough_apart() {
        let runs = vec![7, 2, 7, 7, 2, 9, 2, 7];
        for lag in [None, Some(0), Some(1), Some(2), Some(3), Some(usize::MAX)] {
            let exclusion = Exclusion {
                runs: runs.clone(),
                lag,
            };
            let pairs = Pairs::of(8, Some(&exclusion)).unwrap();
            let order = pairs.order.clone().unwrap();
            let place = |i: usize| {
                runs[..order[i]]
                    .iter()
                    .filter(|&&r| r == runs[order[i]])
                    .count()
            };
            let mut kept = 0;
            for i in 0..8 {
                for j in i + 1..8 {
                    let same = runs[order[i]] == runs[order[j]];
                    let near = lag.is_none_or(|lag| place(j) - place(i) < lag);
                    assert_eq!(j >= pairs.first(i), !(same && near), "{lag:?} {i} {j}");
                    kept += u64::from(!(same && near));
                }
            }
            assert_eq!(pairs.kept, kept);
            assert_eq!(pairs.excluded().count() as u64, 28 - kept);
        }
    }
}
