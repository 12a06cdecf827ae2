//! Rotary position embedding.

use crate::elementary::{MOST_ANGLE, exp, ln, sin_cos};

/// Which numbers of a head form the pairs that are rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// 2 i and 2 i + 1: files of Llama models, whose rows are stored in this order.
    Neighbours,
    /// i and i + half: Qwen (as GPT-NeoX).
    Halves,
}

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864): pair i of a query or key at
/// position p is rotated by p · f_i, with f_i = base^(−2i/n) / (linear factor · factor of pair i).
#[derive(Debug)]
pub(crate) struct Rope {
    pairs: Pairs,
    frequencies: Vec<f64>,
}

impl Rope {
    /// `rotated` numbers of a head turn; `factors` holds one number per pair, or none.
    pub(crate) fn new(
        pairs: Pairs,
        rotated: usize,
        base: f64,
        linear_factor: f64,
        factors: Option<&[f32]>,
    ) -> Self {
        let frequencies = (0..rotated / 2)
            .map(|i| {
                let factor = factors.map_or(1.0, |factors| f64::from(factors[i]));
                exp(-2.0 * i as f64 / rotated as f64 * ln(base)) / (linear_factor * factor)
            })
            .collect();
        Self { pairs, frequencies }
    }

    /// The first angle per position that is no positive number, or too large for so many positions.
    pub(crate) fn too_fast(&self, positions: usize) -> Option<f64> {
        let most = MOST_ANGLE / positions as f64;
        let mut frequencies = self.frequencies.iter().copied();
        frequencies.find(|f| !(f.is_normal() && *f > 0.0 && *f <= most))
    }

    /// Cosine and sine of each pair at a position.
    pub(crate) fn turn(&self, position: usize) -> Vec<[f32; 2]> {
        self.frequencies
            .iter()
            .map(|frequency| {
                let (sin, cos) = sin_cos(position as f64 * frequency);
                [cos as f32, sin as f32]
            })
            .collect()
    }

    /// Rotates each head, `width` numbers, of a row.
    pub(crate) fn rotate(&self, turn: &[[f32; 2]], row: &mut [f32], width: usize) {
        let half = turn.len();
        for head in row.chunks_exact_mut(width) {
            for (i, [cos, sin]) in turn.iter().enumerate() {
                let (first, second) = match self.pairs {
                    Pairs::Neighbours => (2 * i, 2 * i + 1),
                    Pairs::Halves => (i, i + half),
                };
                let (x, y) = (head[first], head[second]);
                head[first] = x * cos - y * sin;
                head[second] = x * sin + y * cos;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(rope: &Rope, position: usize, head: &[f32]) -> Vec<f32> {
        let mut head = head.to_vec();
        let width = head.len();
        rope.rotate(&rope.turn(position), &mut head, width);
        head
    }

    #[test]
    fn products_depend_on_the_distance_alone_and_the_rest_of_a_head_stays() {
        let query = [0.3, -1.2, 0.8, 2.0, 0.7, -0.1, 1.5, -0.4];
        let key = [1.1, 0.4, -0.6, 0.9, 0.2, 1.3, -0.8, 0.5];
        for pairs in [Pairs::Neighbours, Pairs::Halves] {
            let rope = Rope::new(pairs, 6, 10_000.0, 2.0, Some(&[1.0, 4.0, 1.0]));
            let product = |p, q| -> f32 {
                let (x, y) = (turned(&rope, p, &query), turned(&rope, q, &key));
                assert_eq!(
                    (x[6..].to_vec(), y[6..].to_vec()),
                    (query[6..].to_vec(), key[6..].to_vec())
                );
                x.iter().zip(y).map(|(x, y)| x * y).sum()
            };
            assert!((product(7, 3) - product(1004, 1000)).abs() < 1e-5);
            assert!((product(7, 3) - product(8, 3)).abs() > 1e-2);
        }
    }

    #[test]
    fn the_first_pair_turns_by_half_a_radian_a_position_under_a_linear_factor_of_two() {
        let (sin, cos) = (1.5_f32.sin(), 1.5_f32.cos());
        for (pairs, expected) in [
            (Pairs::Neighbours, [cos, sin, 0.0, 0.0]),
            (Pairs::Halves, [cos, 0.0, sin, 0.0]),
        ] {
            let rope = Rope::new(pairs, 4, 10_000.0, 2.0, None);
            let found = turned(&rope, 3, &[1.0, 0.0, 0.0, 0.0]);
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-7,
                    "{pairs:?}: {found} for {expected}"
                );
            }
        }
    }
}
