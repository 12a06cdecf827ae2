//! A cheap similarity learned from one part of a file and asked about the rest.
//!
//! In a row of three items, sorted by id, the item at rank `r` is odd with log-odds
//! `log w_item + log q_r + β s(other two)`. Item strengths `w` and rank weights `q` absorb whatever
//! single items and sorted columns explain (Luce's choice model, fitted by the minorise-maximise
//! step of Hunter 2004, doi:10.1214/aos/1079120141), so that what remains is an effect of pairs,
//! which only choices between similarities have. `s` is a low-rank matrix of either sign: the
//! leading eigenvectors of the residuals summed over pairs, their eigenvalues shrunk by the edge of
//! the noise spectrum, `sign(λ) √(λ² − 4σ²)` (Gavish & Donoho 2017, doi:10.1109/TIT.2017.2653801).
//! β is fitted to held-out scores.

use crate::trial::Position;
use emotome_stats::random::{CounterRng, Seed, mix};
use rayon::prelude::*;

const FOLDS: u64 = 3;
/// Eigenvectors kept.
const RANK: usize = 10;
/// Eigenvectors iterated; the spare ones speed the others up.
const BLOCK: usize = 14;
const POWER_STEPS: usize = 12;
const STRENGTH_STEPS: usize = 15;

/// How well a hypothesis predicted rows that it was not fitted to.
pub(super) struct HeldOut {
    /// Information over items and ranks alone, per row.
    pub(super) gains_bits: Vec<f64>,
    /// Rows whose odd item was the expected one.
    pub(super) hits: f64,
}

/// A row sorted by id, with items renumbered without gaps.
struct Row {
    items: [usize; 3],
    /// The rank of each column.
    ranks: [usize; 3],
    fold: u64,
}

/// Fits and tests every hypothesis, given as the odd place of each row.
pub(super) fn held_out(rows: &[[u32; 3]], hypotheses: &[&[Position]]) -> Vec<HeldOut> {
    let mut seen: Vec<u32> = rows.iter().flatten().copied().collect();
    seen.sort_unstable();
    seen.dedup();
    let rows: Vec<Row> = rows
        .par_iter()
        .map(|row| {
            let mut order = [0, 1, 2];
            order.sort_unstable_by_key(|&column| row[column]);
            let mut ranks = [0; 3];
            order
                .iter()
                .enumerate()
                .for_each(|(rank, &column)| ranks[column] = rank);
            let items = order.map(|column| seen.partition_point(|&id| id < row[column]));
            // Repeats of a triplet stay on one side of the split.
            let fold = items.iter().fold(0, |hash, &item| mix(hash ^ item as u64)) % FOLDS;
            Row { items, ranks, fold }
        })
        .collect();
    let tasks: Vec<(usize, u64)> = (0..hypotheses.len())
        .flat_map(|hypothesis| (0..FOLDS).map(move |fold| (hypothesis, fold)))
        .collect();
    let fits: Vec<Fit> = tasks
        .par_iter()
        .map(|&(hypothesis, fold)| {
            let places = hypotheses[hypothesis];
            let train: Vec<([usize; 3], usize)> = rows
                .iter()
                .zip(places)
                .filter(|(row, _)| row.fold != fold)
                .map(|(row, place)| (row.items, row.ranks[place.index()]))
                .collect();
            Fit::new(&train, seen.len())
        })
        .collect();
    let score = |(hypothesis, places): (usize, &&[Position])| {
        let fits = &fits[hypothesis * FOLDS as usize..];
        let logits: Vec<_> = rows
            .iter()
            .map(|row| fits[row.fold as usize].logits(row.items))
            .collect();
        let odd: Vec<usize> = rows
            .iter()
            .zip(*places)
            .map(|(row, place)| row.ranks[place.index()])
            .collect();
        let slopes: Vec<f64> = (0..FOLDS)
            .map(|fold| {
                let others = (0..rows.len()).filter(|&row| rows[row].fold != fold);
                slope(others.map(|row| (logits[row], odd[row])))
            })
            .collect();
        let mut held_out = HeldOut {
            gains_bits: Vec::with_capacity(rows.len()),
            hits: 0.0,
        };
        for ((row, (base, pairs)), &odd) in rows.iter().zip(&logits).zip(&odd) {
            let slope = slopes[row.fold as usize];
            let full = probabilities(&std::array::from_fn(|rank| {
                base[rank] + slope * pairs[rank]
            }));
            held_out
                .gains_bits
                .push((full[odd] / probabilities(base)[odd]).log2());
            let best = full.iter().copied().fold(0.0, f64::max);
            let ties = full.iter().filter(|&&value| value == best).count();
            held_out.hits += if full[odd] == best {
                1.0 / ties as f64
            } else {
                0.0
            };
        }
        held_out
    };
    hypotheses
        .iter()
        .enumerate()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(score)
        .collect()
}

/// Softmax, kept off zero so that a certain model that errs costs a finite number of bits.
fn probabilities(logits: &[f64; 3]) -> [f64; 3] {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logits.map(|logit| (logit - most).exp().max(1e-12));
    weights.map(|weight| weight / weights.iter().sum::<f64>())
}

/// The β of the model given everything else, by Newton's method, under a weak prior towards 0.
fn slope(rows: impl Iterator<Item = (([f64; 3], [f64; 3]), usize)> + Clone) -> f64 {
    let squares: f64 = rows
        .clone()
        .map(|((_, pairs), _)| pairs.iter().map(|s| s * s).sum::<f64>())
        .sum();
    let scale = (squares / (3 * rows.clone().count().max(1)) as f64).sqrt();
    if scale == 0.0 {
        return 0.0;
    }
    let mut slope = 0.0;
    for _ in 0..8 {
        let (mut gradient, mut curvature) = (-slope, 1.0);
        for ((base, pairs), odd) in rows.clone() {
            let pairs = pairs.map(|s| s / scale);
            let p = probabilities(&std::array::from_fn(|rank| {
                base[rank] + slope * pairs[rank]
            }));
            let mean: f64 = p.iter().zip(&pairs).map(|(p, s)| p * s).sum();
            let square: f64 = p.iter().zip(&pairs).map(|(p, s)| p * s * s).sum();
            gradient += pairs[odd] - mean;
            curvature += square - mean * mean;
        }
        slope = (slope + (gradient / curvature).clamp(-1.0, 1.0)).clamp(0.0, 20.0);
    }
    slope / scale
}

/// The model fitted to a part of the rows.
struct Fit {
    log_strength: Vec<f64>,
    log_rank: [f64; 3],
    values: Vec<f64>,
    /// Items × kept eigenvectors, row-major.
    vectors: Vec<f64>,
}

impl Fit {
    fn new(rows: &[([usize; 3], usize)], n: usize) -> Self {
        let (strength, rank) = strengths(rows, n);
        let mut noise = 0.0;
        let residuals: Vec<[f64; 3]> = rows
            .iter()
            .map(|(items, odd)| {
                let weights: [f64; 3] = std::array::from_fn(|r| strength[items[r]] * rank[r]);
                let total: f64 = weights.iter().sum();
                let residual =
                    std::array::from_fn(|r| f64::from(u8::from(r == *odd)) - weights[r] / total);
                noise += residual.iter().map(|v: &f64| v * v).sum::<f64>();
                residual
            })
            .collect();
        // Each residual stands twice in the symmetric matrix; the edge of its spectrum is 2σ√n.
        let edge = 2.0 * (2.0 * noise / n as f64).sqrt();
        let (values, vectors) = eigenvectors(rows, &residuals, n);
        let mut kept: Vec<usize> = (0..values.len())
            .filter(|&k| values[k].abs() > edge)
            .collect();
        kept.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
        kept.truncate(RANK);
        let width = values.len();
        Self {
            log_strength: strength.iter().map(|w| w.ln()).collect(),
            log_rank: rank.map(f64::ln),
            values: kept
                .iter()
                .map(|&k| values[k].signum() * (values[k] * values[k] - edge * edge).sqrt())
                .collect(),
            vectors: (0..n)
                .flat_map(|item| kept.iter().map(move |&k| item * width + k))
                .map(|at| vectors[at])
                .collect(),
        }
    }

    /// The log-odds of each rank by items and ranks, and the similarity of the other two.
    fn logits(&self, items: [usize; 3]) -> ([f64; 3], [f64; 3]) {
        let width = self.values.len();
        let vector = |item: usize| &self.vectors[item * width..][..width];
        let similarity = |a: usize, b: usize| {
            let products = vector(items[a])
                .iter()
                .zip(vector(items[b]))
                .zip(&self.values);
            products.map(|((u, v), value)| u * v * value).sum()
        };
        let base = std::array::from_fn(|rank| self.log_strength[items[rank]] + self.log_rank[rank]);
        (base, [similarity(1, 2), similarity(0, 2), similarity(0, 1)])
    }
}

/// Item strengths and rank weights; one pseudo-win at average odds keeps unseen items at 1.
fn strengths(rows: &[([usize; 3], usize)], n: usize) -> (Vec<f64>, [f64; 3]) {
    let (mut strength, mut rank) = (vec![1.0; n], [1.0; 3]);
    let (mut wins, mut rank_wins) = (vec![1.0; n], [1.0; 3]);
    for (items, odd) in rows {
        wins[items[*odd]] += 1.0;
        rank_wins[*odd] += 1.0;
    }
    for _ in 0..STRENGTH_STEPS {
        let (mut exposure, mut rank_exposure) = (vec![1.0; n], [1.0; 3]);
        for (items, _) in rows {
            let total: f64 = (0..3).map(|r| strength[items[r]] * rank[r]).sum();
            for r in 0..3 {
                exposure[items[r]] += rank[r] / total;
                rank_exposure[r] += strength[items[r]] / total;
            }
        }
        for ((strength, wins), exposure) in strength.iter_mut().zip(&wins).zip(&exposure) {
            *strength = wins / exposure;
        }
        rank = std::array::from_fn(|r| rank_wins[r] / rank_exposure[r]);
        let mean = rank.iter().sum::<f64>() / 3.0;
        rank = rank.map(|weight| weight / mean);
    }
    (strength, rank)
}

/// Leading eigenvalues by magnitude and their vectors (items × block, row-major) of the residuals
/// summed over pairs, by subspace iteration.
fn eigenvectors(
    rows: &[([usize; 3], usize)],
    residuals: &[[f64; 3]],
    n: usize,
) -> (Vec<f64>, Vec<f64>) {
    let width = BLOCK.min(n);
    let mut rng = CounterRng::new(Seed(0).derive("convention test"), 0);
    let mut basis: Vec<f64> = (0..n * width).map(|_| rng.normal()).collect();
    let product = |basis: &[f64]| {
        let mut image = vec![0.0; n * width];
        for ((items, _), residual) in rows.iter().zip(residuals) {
            for (a, b, r) in [(1, 2, 0), (0, 2, 1), (0, 1, 2)] {
                let (i, j) = (items[a] * width, items[b] * width);
                for k in 0..width {
                    image[i + k] += residual[r] * basis[j + k];
                    image[j + k] += residual[r] * basis[i + k];
                }
            }
        }
        image
    };
    for _ in 0..POWER_STEPS {
        orthonormalise(&mut basis, width);
        basis = product(&basis);
    }
    orthonormalise(&mut basis, width);
    let image = product(&basis);
    let mut small = vec![vec![0.0; width]; width];
    for (u, v) in basis.chunks(width).zip(image.chunks(width)) {
        for a in 0..width {
            for b in 0..width {
                small[a][b] += (u[a] * v[b] + u[b] * v[a]) / 2.0;
            }
        }
    }
    let rotation = jacobi(&mut small);
    let rotate = |row: &[f64]| -> Vec<f64> {
        (0..width)
            .map(|k| {
                row.iter()
                    .zip(&rotation)
                    .map(|(value, rotation)| value * rotation[k])
                    .sum()
            })
            .collect()
    };
    (
        (0..width).map(|k| small[k][k]).collect(),
        basis.chunks(width).flat_map(rotate).collect(),
    )
}

/// Gram–Schmidt, twice; a column without a direction of its own becomes zero.
fn orthonormalise(basis: &mut [f64], width: usize) {
    for k in 0..width {
        let norm_before = basis
            .chunks(width)
            .map(|row| row[k] * row[k])
            .sum::<f64>()
            .sqrt();
        for _ in 0..2 {
            for j in 0..k {
                let overlap: f64 = basis.chunks(width).map(|row| row[j] * row[k]).sum();
                basis
                    .chunks_mut(width)
                    .for_each(|row| row[k] -= overlap * row[j]);
            }
        }
        let norm = basis
            .chunks(width)
            .map(|row| row[k] * row[k])
            .sum::<f64>()
            .sqrt();
        let scale = if norm > 1e-10 * norm_before {
            1.0 / norm
        } else {
            0.0
        };
        basis.chunks_mut(width).for_each(|row| row[k] *= scale);
    }
}

/// Diagonalises a small symmetric matrix in place by Jacobi rotations; returns the eigenvectors as columns.
fn jacobi(a: &mut [Vec<f64>]) -> Vec<Vec<f64>> {
    let n = a.len();
    let mut vectors: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for _ in 0..30 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() <= 1e-15 * (a[p][p].abs() + a[q][q].abs()) {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[k][p], a[k][q]);
                    (a[k][p], a[k][q]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[p][k], a[q][k]);
                    (a[p][k], a[q][k]) = (c * x - s * y, s * x + c * y);
                }
                for row in &mut vectors {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    vectors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jacobi_rebuilds_the_matrix() {
        let mut rng = CounterRng::new(Seed(3), 0);
        let n = 9;
        let mut matrix = vec![vec![0.0; n]; n];
        for i in 0..n {
            for j in 0..=i {
                matrix[i][j] = rng.normal();
                matrix[j][i] = matrix[i][j];
            }
        }
        let mut diagonal = matrix.clone();
        let vectors = jacobi(&mut diagonal);
        for i in 0..n {
            for j in 0..n {
                let rebuilt: f64 = (0..n)
                    .map(|k| vectors[i][k] * diagonal[k][k] * vectors[j][k])
                    .sum();
                assert!(
                    (rebuilt - matrix[i][j]).abs() < 1e-12,
                    "{i},{j}: {rebuilt} for {}",
                    matrix[i][j]
                );
            }
        }
    }
}
