//! Kendall's τ without looking at every pair of pairs.

use super::rank::ascending;

/// Concordant minus discordant pairs of observations, with the pairs tied on either side.
pub(crate) struct Kendall {
    surplus: i64,
    all: i64,
    tied_a: i64,
    tied_b: i64,
}

impl Kendall {
    /// Counts by merge sort: Knight (1966), doi:10.1080/01621459.1966.10480879; O(N log N).
    pub(super) fn count(a: &[f64], b: &[f64]) -> Self {
        Self::of(ordinals(a).into_iter().zip(ordinals(b)).collect())
    }

    /// The same of integers.
    pub(crate) fn of(mut both: Vec<(u32, u32)>) -> Self {
        both.sort_unstable();
        let tied_a = tied(both.chunk_by(|x, y| x.0 == y.0));
        let tied_both = tied(both.chunk_by(|x, y| x == y));
        let mut b: Vec<u32> = both.into_iter().map(|pair| pair.1).collect();
        let discordant = inversions(&mut b);
        let tied_b = tied(b.chunk_by(|x, y| x == y));
        let n = b.len() as i64;
        let all = n * (n - 1) / 2;
        Self {
            surplus: all - tied_a - tied_b + tied_both - 2 * discordant,
            all,
            tied_a,
            tied_b,
        }
    }

    /// τ_a: the surplus over all pairs.
    pub(crate) fn a(&self) -> f64 {
        self.surplus as f64 / self.all as f64
    }

    /// τ_b: the surplus over the geometric mean of the untied pairs on each side; NaN if one side is constant.
    pub(super) fn b(&self) -> f64 {
        let untied = |tied: i64| ((self.all - tied) as f64).sqrt();
        self.surplus as f64 / untied(self.tied_a) / untied(self.tied_b)
    }
}

/// Where each value stands among the distinct ones.
fn ordinals(values: &[f64]) -> Vec<u32> {
    let mut ordinals = vec![0; values.len()];
    for (ordinal, tied) in (0..).zip(ascending(values).chunk_by(|a, b| a.0 == b.0)) {
        for &(_, place) in tied {
            ordinals[place as usize] = ordinal;
        }
    }
    ordinals
}

fn tied<'a, T: 'a>(groups: impl Iterator<Item = &'a [T]>) -> i64 {
    groups
        .map(|group| (group.len() * (group.len() - 1) / 2) as i64)
        .sum()
}

/// Sorts, and counts the pairs that stood in descending order.
fn inversions(values: &mut [u32]) -> i64 {
    let mut count = 0;
    let mut merged = values.to_vec();
    let mut width = 1;
    while width < values.len() {
        for (from, to) in values.chunks(2 * width).zip(merged.chunks_mut(2 * width)) {
            let (left, right) = from.split_at(width.min(from.len()));
            let (mut l, mut r) = (0, 0);
            for slot in to {
                if r == right.len() || l < left.len() && left[l] <= right[r] {
                    *slot = left[l];
                    l += 1;
                } else {
                    *slot = right[r];
                    r += 1;
                    count += (left.len() - l) as i64;
                }
            }
        }
        values.copy_from_slice(&merged);
        width *= 2;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counting_by_merging_is_counting_every_pair(
            points in proptest::collection::vec((0_u8..7, 0_u8..5), 2..60),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = points.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let mut surplus = 0;
            for i in 0..a.len() {
                for j in 0..i {
                    let sign = (a[i] - a[j]) * (b[i] - b[j]);
                    surplus += if sign > 0.0 { 1 } else if sign < 0.0 { -1 } else { 0 };
                }
            }
            prop_assert_eq!(Kendall::count(&a, &b).surplus, surplus);
        }
    }
}
