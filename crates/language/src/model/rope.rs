//! Rotary position embedding.

use crate::elementary::{exp, ln, sin_cos};

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
