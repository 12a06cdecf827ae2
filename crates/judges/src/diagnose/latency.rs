//! How long answers take: quantiles of any number of times in constant memory.

use emotome_stats::distribution::normal_quantile;
use emotome_stats::interval::Interval;
use serde::Serialize;

/// Times in milliseconds, counted in bins that are 1/128 of an octave wide: 26 KiB.
///
/// Quantiles are those of the bin, within 0.4 % of the exact ones; below 256 ms they are exact.
#[derive(Debug, Clone)]
pub struct Latencies {
    bins: Vec<u64>,
    sum: u64,
}

/// Bins in an octave.
const FINE: u32 = 128;

/// Bins for every 32-bit time.
const BINS: usize = (FINE * (32 - FINE.trailing_zeros() + 1)) as usize;

/// How long answers took. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencySummary {
    /// Answers whose time is known.
    pub n: u64,
    /// Their mean, in milliseconds.
    pub mean_ms: f64,
    /// Their quantiles.
    pub quantiles: Vec<LatencyQuantile>,
}

/// One quantile. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyQuantile {
    /// The share of answers that took no longer.
    pub share: f64,
    /// The quantile, in milliseconds.
    pub ms: f64,
    /// Its 95 % interval, from order statistics.
    pub ci95: Interval,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            bins: vec![0; BINS],
            sum: 0,
        }
    }
}

impl Latencies {
    /// Counts a time.
    pub fn push(&mut self, ms: u32) {
        self.bins[bin(ms)] += 1;
        self.sum = self.sum.saturating_add(u64::from(ms));
    }

    /// Times counted.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.bins.iter().sum()
    }

    /// The time of the `rank`-th answer, counted from 1.
    fn at_rank(&self, rank: f64) -> f64 {
        let mut below = 0;
        for (i, &count) in self.bins.iter().enumerate() {
            below += count;
            if count > 0 && below as f64 >= rank {
                let (low, high) = edges(i);
                return f64::midpoint(f64::from(low), f64::from(high));
            }
        }
        f64::NAN
    }

    /// Mean and quantiles; `None` without times.
    #[must_use]
    pub fn summary(&self) -> Option<LatencySummary> {
        let n = self.n() as f64;
        let quantile = |share: f64| {
            let half = normal_quantile(0.975) * (n * share * (1.0 - share)).sqrt();
            let rank = |r: f64| self.at_rank(r.ceil().clamp(1.0, n));
            LatencyQuantile {
                share,
                ms: rank(n * share),
                ci95: Interval {
                    low: rank(n * share - half),
                    high: rank(n * share + half + 1.0),
                },
            }
        };
        (n > 0.0).then(|| LatencySummary {
            n: n as u64,
            mean_ms: self.sum as f64 / n,
            quantiles: [0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map(quantile).to_vec(),
        })
    }

    /// Counts in bins of a quarter octave from the shortest time to the longest: lower edge, upper edge
    /// (not in it) and count.
    #[must_use]
    pub fn histogram(&self) -> Vec<(f64, f64, u64)> {
        let quarter = |i: usize| (4.0 * f64::from(edges(i).0.max(1)).log2()).floor() as i32;
        let filled = || (0..BINS).filter(|&i| self.bins[i] > 0);
        let (Some(first), Some(last)) = (filled().next(), filled().next_back()) else {
            return Vec::new();
        };
        let first = quarter(first);
        let mut counts = vec![0; (quarter(last) - first + 1) as usize];
        for i in filled() {
            counts[(quarter(i) - first) as usize] += self.bins[i];
        }
        let edge = |q: i32| 2f64.powf(f64::from(q) / 4.0);
        (first..)
            .zip(counts)
            .map(|(q, count)| (edge(q), edge(q + 1), count))
            .collect()
    }
}

/// The bin of a time.
fn bin(ms: u32) -> usize {
    let octave = (ms / FINE).checked_ilog2().map_or(0, |octave| octave + 1);
    match octave {
        0 => ms as usize,
        octave => (FINE * octave + (ms >> (octave - 1)) - FINE) as usize,
    }
}

/// The lowest and the highest time of a bin.
fn edges(bin: usize) -> (u32, u32) {
    let (octave, place) = (bin as u32 / FINE, bin as u32 % FINE);
    match octave {
        0 => (place, place),
        octave => {
            let low = (FINE + place) << (octave - 1);
            (low, low + (1 << (octave - 1)) - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_a_bin_that_holds_it() {
        let mut last = 0;
        for ms in (0..100_000).chain([1 << 20, u32::MAX / 2, u32::MAX - 1, u32::MAX]) {
            let (low, high) = edges(bin(ms));
            assert!(low <= ms && ms <= high, "{ms} in {low}..={high}");
            assert!(u64::from(high - low) * 128 <= u64::from(ms).max(1) || low == high);
            assert!(bin(ms) >= last && bin(ms) < BINS);
            last = bin(ms);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let mut latencies = Latencies::default();
        (1..=200).rev().for_each(|ms| latencies.push(ms));
        let summary = latencies.summary().unwrap();
        assert_eq!((summary.n, summary.mean_ms), (200, 100.5));
        let median = summary.quantiles[2];
        assert_eq!((median.share, median.ms), (0.5, 100.0));
        // Ranks 100 ± 1.96 · √50, as of scipy's quantile_test within one rank.
        assert_eq!((median.ci95.low, median.ci95.high), (87.0, 115.0));
        let counted: u64 = latencies.histogram().iter().map(|bin| bin.2).sum();
        assert_eq!(counted, 200);
        assert_eq!(Latencies::default().summary(), None);
    }
}
