//! The largest eigenvalues of a symmetric operator that is only applied, never stored.

use emotome_stats::random::{CounterRng, Seed};

/// Steps at most; enough for a start, whose last digits do not matter.
const STEPS: usize = 400;
/// Residual, as a share of the largest eigenvalue, at which a pair is found.
const TOLERANCE: f64 = 1e-7;

/// Eigenvalues, largest first, and their vectors of length 1, each with its largest component positive.
///
/// Lanczos (1950), doi:10.6028/jres.045.026, with full reorthogonalisation, in the space orthogonal to
/// `without` (orthonormal). May find fewer than `count` where the operator has no more: of a multiple
/// eigenvalue it finds one vector. O(m (n m + cost of `apply`)) for m ≤ 400 steps.
pub(super) fn largest(
    n: usize,
    count: usize,
    without: &[Vec<f64>],
    apply: impl Fn(&[f64], &mut [f64]),
) -> Vec<(f64, Vec<f64>)> {
    let mut rng = CounterRng::new(Seed(0).derive("first vector of Lanczos"), 0);
    let mut next: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    orthogonalise(&mut next, without);
    let (mut basis, mut diagonal, mut beside): (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) =
        (vec![], vec![], vec![]);
    let steps = STEPS.min(n.saturating_sub(without.len()));
    let (mut check, mut size) = (2 * count + 8, 0.0_f64);
    let mut norm = dot(&next, &next).sqrt();
    loop {
        next.iter_mut().for_each(|x| *x /= norm);
        basis.push(std::mem::replace(&mut next, vec![0.0; n]));
        let own = &basis[basis.len() - 1];
        apply(own, &mut next);
        let along = dot(own, &next);
        diagonal.push(along);
        size = size.max(along.abs());
        // Twice is enough (Parlett).
        for _ in 0..2 {
            orthogonalise(&mut next, without);
            orthogonalise(&mut next, &basis);
        }
        norm = dot(&next, &next).sqrt();
        size = size.max(norm);
        let m = basis.len();
        let exhausted = m >= steps || norm <= 1e-13 * size;
        if exhausted || m >= check {
            check = m + m / 3;
            let (values, vectors) = tridiagonal(&diagonal, &beside);
            let mut order: Vec<usize> = (0..m).collect();
            order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
            order.truncate(count);
            let settled = order
                .iter()
                .all(|&c| (norm * vectors[m - 1][c]).abs() <= TOLERANCE * size);
            if exhausted || (settled && m >= count) {
                return order
                    .iter()
                    .map(|&c| (values[c], combine(&basis, &vectors, c)))
                    .collect();
            }
        }
        beside.push(norm);
    }
}

fn combine(basis: &[Vec<f64>], weights: &[Vec<f64>], column: usize) -> Vec<f64> {
    let mut sum = vec![0.0; basis[0].len()];
    for (vector, weights) in basis.iter().zip(weights) {
        for (s, v) in sum.iter_mut().zip(vector) {
            *s += weights[column] * v;
        }
    }
    let top = sum
        .iter()
        .fold(0.0_f64, |top, &v| if v.abs() > top.abs() { v } else { top });
    let norm = dot(&sum, &sum).sqrt().copysign(top);
    sum.iter_mut().for_each(|v| *v /= norm);
    sum
}

fn orthogonalise(vector: &mut [f64], against: &[Vec<f64>]) {
    for other in against {
        let along = dot(vector, other);
        for (v, o) in vector.iter_mut().zip(other) {
            *v -= along * o;
        }
    }
}

/// a·b in eight partial sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for l in 0..8 {
            sums[l] += a[l] * b[l];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// Eigenvalues and vectors (a column each) of a symmetric tridiagonal matrix by implicit QL steps.
///
/// Bowdler, Martin, Reinsch & Wilkinson (1968), doi:10.1007/BF02161360.
fn tridiagonal(diagonal: &[f64], beside: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let m = diagonal.len();
    let mut d = diagonal.to_vec();
    let mut e = beside.to_vec();
    e.resize(m, 0.0);
    let mut z: Vec<Vec<f64>> = (0..m)
        .map(|i| (0..m).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for l in 0..m {
        // Fewer than two sweeps a value suffice; the bound keeps rounding from looping for ever.
        for _ in 0..60 {
            let end =
                (l..m - 1).find(|&k| e[k].abs() <= f64::EPSILON * (d[k].abs() + d[k + 1].abs()));
            let end = end.unwrap_or(m - 1);
            if end == l {
                break;
            }
            let half = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut g = d[end] - d[l] + e[l] / (half + half.hypot(1.0).copysign(half));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut split = false;
            for i in (l..end).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                let r = (f * f + g * g).sqrt();
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[end] = 0.0;
                    split = true;
                    break;
                }
                (s, c) = (f / r, g / r);
                g = d[i + 1] - p;
                let r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                for row in &mut z {
                    let f = row[i + 1];
                    row[i + 1] = s * row[i] + c * f;
                    row[i] = c * row[i] - s * f;
                }
            }
            if !split {
                d[l] -= p;
                e[l] = g;
                e[end] = 0.0;
            }
        }
    }
    (d, z)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The path of n nodes: eigenvalues 2 cos(π j / (n + 1)), known vectors of sines.
    #[test]
    fn a_path_has_its_known_eigenvalues_and_vectors() {
        let n = 200;
        let path = |x: &[f64], y: &mut [f64]| {
            for i in 0..n {
                y[i] = if i > 0 { x[i - 1] } else { 0.0 } + if i + 1 < n { x[i + 1] } else { 0.0 };
            }
        };
        let angle = std::f64::consts::PI / (n + 1) as f64;
        let sine = |j: usize| -> Vec<f64> {
            let norm = (2.0 / (n + 1) as f64).sqrt();
            (1..=n)
                .map(|i| norm * (angle * (j * i) as f64).sin())
                .collect()
        };
        for (without, first) in [(vec![], 1), (vec![sine(1)], 2)] {
            let found = largest(n, 3, &without, path);
            for (k, (value, vector)) in found.iter().enumerate() {
                let j = first + k;
                assert!(
                    (value - 2.0 * (angle * j as f64).cos()).abs() < 1e-9,
                    "eigenvalue {j}: {value}"
                );
                assert!(
                    (dot(vector, &sine(j)).abs() - 1.0).abs() < 1e-6,
                    "vector {j}"
                );
            }
        }
    }

    #[test]
    fn an_operator_of_rank_one_gives_one_pair_and_ends() {
        let n = 10;
        let found = largest(n, 2, &[], |x, y| y.fill(x.iter().sum()));
        assert!((found[0].0 - 10.0).abs() < 1e-9);
        assert!(found.get(1).is_none_or(|pair| pair.0.abs() < 1e-9));
    }
}
