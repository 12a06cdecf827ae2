//! What one table of answer counts says about the ceiling.

fn total(table: [u32; 3]) -> usize {
    table.iter().map(|&n| n as usize).sum()
}

/// The share of the most frequent answer.
pub(super) fn plug_in(table: [u32; 3]) -> f64 {
    f64::from(table.into_iter().fold(0, u32::max)) / total(table) as f64
}

/// The share of agreeing pairs of answers, Σ n(n − 1) / (m(m − 1)).
pub(super) fn agreement(table: [u32; 3]) -> f64 {
    let m = total(table) as f64;
    let agreeing = table.map(|n| f64::from(n) * (f64::from(n) - 1.0));
    agreeing.iter().sum::<f64>() / (m * (m - 1.0))
}

/// ln n! for n = 0 to `up_to`.
pub(super) fn log_factorials(up_to: usize) -> Vec<f64> {
    let mut log = vec![0.0; up_to + 1];
    for n in 1..=up_to {
        log[n] = log[n - 1] + (n as f64).ln();
    }
    log
}

/// The expected score of the mode of one half on the other half, over all ways to halve m answers.
///
/// Halves of ⌊m/2⌋ and ⌈m/2⌉, used both ways; tied modes share the credit. The counts of a half
/// are hypergeometric; counts further than ten standard deviations from their mean are skipped,
/// which leaves O(m) terms.
pub(super) fn split_half(table: [u32; 3], log_factorial: &[f64]) -> f64 {
    let (m, n) = (total(table), table.map(|n| n as usize));
    let choose = |n: usize, k: usize| log_factorial[n] - log_factorial[k] - log_factorial[n - k];
    let one_way = |half: usize| {
        let rest = (m - half) as f64;
        let reach = 10.0 * (m as f64).sqrt() / 4.0 + 2.0;
        let window = |n: usize| {
            let centre = half as f64 * n as f64 / m as f64;
            ((centre - reach).max(0.0) as usize)..=((centre + reach) as usize).min(n).min(half)
        };
        let (mut score, mut mass) = (0.0, 0.0);
        for a in window(n[0]) {
            for b in window(n[1]) {
                let Some(c) = half.checked_sub(a + b).filter(|&c| c <= n[2]) else {
                    continue;
                };
                let seen = [a, b, c];
                let weight =
                    (choose(n[0], a) + choose(n[1], b) + choose(n[2], c) - choose(m, half)).exp();
                let mode = a.max(b).max(c);
                let tied = (0..3).filter(|&k| seen[k] == mode);
                let share = tied.clone().map(|k| (n[k] - seen[k]) as f64).sum::<f64>()
                    / tied.count() as f64;
                score += weight * share / rest;
                mass += weight;
            }
        }
        score / mass
    };
    f64::midpoint(one_way(m / 2), one_way(m - m / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of m answers, weighted by their probability under p.
    fn expectation(m: u32, p: [f64; 3], statistic: impl Fn([u32; 3]) -> f64) -> f64 {
        let log = log_factorials(m as usize);
        let mut sum = 0.0;
        for a in 0..=m {
            for b in 0..=m - a {
                let table = [a, b, m - a - b];
                let log_p: f64 = (0..3)
                    .map(|k| f64::from(table[k]) * p[k].ln() - log[table[k] as usize])
                    .sum();
                sum += (log[m as usize] + log_p).exp() * statistic(table);
            }
        }
        sum
    }

    #[test]
    fn the_plug_in_bias_at_chance_is_the_published_table() {
        for (m, expected) in [
            (2, 0.667),
            (5, 0.556),
            (10, 0.493),
            (20, 0.444),
            (25, 0.433),
        ] {
            let found = expectation(m, [1.0 / 3.0; 3], plug_in);
            assert!(
                (found - expected).abs() < 5e-4,
                "m = {m}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn the_split_half_bias_is_the_published_one() {
        let log = log_factorials(20);
        for (m, expected) in [(10, 0.532), (20, 0.582)] {
            let found = expectation(m, [0.62, 0.19, 0.19], |t| split_half(t, &log));
            assert!(
                (found - expected).abs() < 5e-4,
                "m = {m}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn agreement_is_unbiased_for_the_sum_of_squares() {
        let p = [0.5, 0.3, 0.2];
        for m in [2, 7] {
            assert!((expectation(m, p, agreement) - 0.38).abs() < 1e-12);
        }
    }

    #[test]
    fn all_halvings_equal_their_enumeration() {
        let answers = [0_usize, 0, 0, 1, 1, 2, 0];
        let (m, half) = (7, 3);
        let one_way = |half: u32| {
            let (mut sum, mut ways) = (0.0, 0.0);
            for subset in (0_u32..1 << m).filter(|s| s.count_ones() == half) {
                let (mut a, mut b) = ([0.0; 3], [0.0_f64; 3]);
                for (i, &k) in answers.iter().enumerate() {
                    if subset >> i & 1 == 1 {
                        a[k] += 1.0;
                    } else {
                        b[k] += 1.0;
                    }
                }
                let mode = a.iter().copied().fold(0.0, f64::max);
                let tied: Vec<usize> = (0..3).filter(|&k| a[k] == mode).collect();
                sum += tied.iter().map(|&k| b[k]).sum::<f64>()
                    / tied.len() as f64
                    / f64::from(m - half);
                ways += 1.0;
            }
            sum / ways
        };
        let expected = (one_way(half) + one_way(m - half)) / 2.0;
        assert!((split_half([4, 2, 1], &log_factorials(7)) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_million_repeats_of_one_question_take_no_time() {
        let log = log_factorials(1_000_000);
        let found = split_half([620_000, 190_000, 190_000], &log);
        assert!((found - 0.62).abs() < 1e-6, "{found}");
    }
}
