//! How alike two divisions of the same nodes are, beyond chance.

use super::{GraphError, Partition};
use emotome_stats::summary::sum;
use serde::Serialize;

/// Agreement of two divisions: 1 for the same, 0 on average for divisions that share only their sizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Adjusted mutual information: (I − E I) / ((H₁ + H₂)/2 − E I).
    pub ami: f64,
    /// Adjusted Rand index: (Σ C(nᵢⱼ, 2) − e) / ((Σ C(aᵢ, 2) + Σ C(bⱼ, 2))/2 − e), e = Σ C(aᵢ, 2) Σ C(bⱼ, 2) / C(n, 2).
    pub ari: f64,
}

/// Compares two divisions of the same nodes.
///
/// The expectation is over all divisions with communities of the same sizes (hypergeometric). Equal divisions
/// agree at 1, also where both indices would be 0/0. O(n + R C min(n/R, n/C)…O(R n)) for R and C communities.
///
/// # Errors
/// [`GraphError::Mismatch`] for different numbers of nodes.
///
/// # Sources
/// Vinh, Epps & Bailey (2010), JMLR 11:2837 (AMI, arithmetic mean); Hubert & Arabie (1985),
/// doi:10.1007/BF01908075 (ARI).
pub fn agreement(a: &Partition, b: &Partition) -> Result<Agreement, GraphError> {
    a.covers(b.nodes())?;
    if a == b {
        return Ok(Agreement { ami: 1.0, ari: 1.0 });
    }
    let n = a.nodes();
    let mut cells: Vec<(u32, u32)> = a
        .labels()
        .iter()
        .copied()
        .zip(b.labels().iter().copied())
        .collect();
    cells.sort_unstable();
    let joint: Vec<((u32, u32), usize)> = cells
        .chunk_by(|x, y| x == y)
        .map(|same| (same[0], same.len()))
        .collect();
    let (sizes_a, sizes_b) = (sizes(a), sizes(b));
    let total = n as f64;
    let information = sum(joint.iter().map(|&((i, j), count)| {
        let (count, row, column) = (
            count as f64,
            sizes_a[i as usize] as f64,
            sizes_b[j as usize] as f64,
        );
        count / total * (total * count / (row * column)).ln()
    }));
    let entropy = |sizes: &[usize]| {
        -sum(sizes.iter().map(|&s| {
            let p = s as f64 / total;
            p * p.ln()
        }))
    };
    let expected = expected_information(&sizes_a, &sizes_b, n);
    let pairs = |sizes: &mut dyn Iterator<Item = usize>| {
        sizes
            .map(|s| s as f64 * (s as f64 - 1.0) / 2.0)
            .sum::<f64>()
    };
    let together = pairs(&mut joint.iter().map(|x| x.1));
    let [in_a, in_b] = [&sizes_a, &sizes_b].map(|s| pairs(&mut s.iter().copied()));
    let by_chance = in_a * in_b / (total * (total - 1.0) / 2.0);
    Ok(Agreement {
        ami: (information - expected) / ((entropy(&sizes_a) + entropy(&sizes_b)) / 2.0 - expected),
        ari: (together - by_chance) / ((in_a + in_b) / 2.0 - by_chance),
    })
}

fn sizes(partition: &Partition) -> Vec<usize> {
    let mut sizes = vec![0; partition.communities()];
    for &label in partition.labels() {
        sizes[label as usize] += 1;
    }
    sizes
}

/// Σ over cells and counts of n/N ln(N n / (a b)) under the hypergeometric distribution of the count n.
fn expected_information(rows: &[usize], columns: &[usize], n: usize) -> f64 {
    let mut factorial = vec![0.0; n + 1];
    (1..=n).for_each(|k| factorial[k] = factorial[k - 1] + (k as f64).ln());
    // Communities of one size count together.
    let grouped = |sizes: &[usize]| {
        let mut sorted = sizes.to_vec();
        sorted.sort_unstable();
        sorted
            .chunk_by(|x, y| x == y)
            .map(|same| (same[0], same.len() as f64))
            .collect::<Vec<_>>()
    };
    let (rows, columns) = (grouped(rows), grouped(columns));
    let total = n as f64;
    sum(rows.iter().flat_map(|&(a, times_a)| {
        let (columns, factorial) = (&columns, &factorial);
        columns.iter().map(move |&(b, times_b)| {
            let fixed =
                factorial[a] + factorial[b] + factorial[n - a] + factorial[n - b] - factorial[n];
            let terms = ((a + b).saturating_sub(n).max(1)..=a.min(b)).map(|k| {
                let probability = fixed
                    - factorial[k]
                    - factorial[a - k]
                    - factorial[b - k]
                    - factorial[n + k - a - b];
                let k = k as f64;
                k / total * (total * k / (a as f64 * b as f64)).ln() * probability.exp()
            });
            times_a * times_b * terms.sum::<f64>()
        })
    }))
}
