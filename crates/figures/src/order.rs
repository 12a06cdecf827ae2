//! Orders in which a similarity matrix shows its blocks.

use ndarray::ArrayView2;

/// The leaf order of average-linkage clustering, so that similar stimuli stand together.
///
/// Sokal & Michener (1958); nearest-neighbour chains (Murtagh 1983, doi:10.1093/comjnl/26.4.354),
/// O(n²) time, n² numbers. Pairs without a value count as the mean of the others. At each merge
/// the branch with the smaller first index comes first, so the order is a function of the matrix.
///
/// ```
/// use emotome_figures::order::clustered;
/// let s = ndarray::array![[1., 0., 0.9], [0., 1., 0.1], [0.9, 0.1, 1.]];
/// assert_eq!(clustered(s.view()), [0, 2, 1]);
/// ```
///
/// # Panics
/// If the matrix is not square.
#[must_use]
pub fn clustered(similarity: ArrayView2<'_, f64>) -> Vec<usize> {
    let n = similarity.nrows();
    assert_eq!(n, similarity.ncols(), "a similarity matrix is square");
    let (sum, count) = similarity
        .iter()
        .filter(|s| s.is_finite())
        .fold((0.0, 0_u64), |(sum, k), s| (sum + s, k + 1));
    let mean = if count > 0 { sum / count as f64 } else { 0.0 };
    let mut near = similarity.mapv(|s| if s.is_finite() { s } else { mean });
    let mut leaves: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut alive: Vec<usize> = (0..n).collect();
    let mut chain: Vec<usize> = Vec::new();
    while alive.len() > 1 {
        let tip = *chain.last().unwrap_or(&alive[0]);
        if chain.is_empty() {
            chain.push(tip);
        }
        let previous = chain.len().checked_sub(2).map(|k| chain[k]);
        // On a tie the previous link wins, which makes the chain end.
        let best = alive
            .iter()
            .copied()
            .filter(|&k| k != tip)
            .max_by(|&a, &b| {
                near[[tip, a]]
                    .total_cmp(&near[[tip, b]])
                    .then_with(|| (Some(a) == previous).cmp(&(Some(b) == previous)))
                    .then(b.cmp(&a))
            })
            .unwrap_or(tip);
        if Some(best) != previous {
            chain.push(best);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (keep, gone) = (tip.min(best), tip.max(best));
        let (a, b) = (leaves[keep].len() as f64, leaves[gone].len() as f64);
        for &k in alive.iter().filter(|&&k| k != keep && k != gone) {
            let merged = (a * near[[keep, k]] + b * near[[gone, k]]) / (a + b);
            near[[keep, k]] = merged;
            near[[k, keep]] = merged;
        }
        let tail = std::mem::take(&mut leaves[gone]);
        leaves[keep].extend(tail);
        alive.retain(|&k| k != gone);
    }
    alive
        .first()
        .map_or_else(Vec::new, |&root| std::mem::take(&mut leaves[root]))
}

/// Stimuli grouped by their strongest dimension (ascending), strongest first within a group.
///
/// ```
/// use emotome_figures::order::by_strongest_dimension;
/// let x = ndarray::array![[0.1, 0.9], [0.5, 0.2], [0.0, 1.0], [0.7, 0.1]];
/// assert_eq!(by_strongest_dimension(x.view()), [3, 1, 2, 0]);
/// ```
#[must_use]
pub fn by_strongest_dimension(weights: ArrayView2<'_, f32>) -> Vec<usize> {
    let strongest: Vec<(usize, f32)> = weights
        .rows()
        .into_iter()
        .map(|row| {
            row.iter()
                .enumerate()
                .fold((0, f32::NEG_INFINITY), |best, (d, &w)| {
                    if w > best.1 { (d, w) } else { best }
                })
        })
        .collect();
    let mut order: Vec<usize> = (0..weights.nrows()).collect();
    order.sort_by(|&a, &b| {
        let ((da, wa), (db, wb)) = (strongest[a], strongest[b]);
        da.cmp(&db).then(wb.total_cmp(&wa)).then(a.cmp(&b))
    });
    order
}

/// Orders of rows and columns that lead the strong cells of a table down its diagonal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagonal {
    /// Rows from top to bottom.
    pub rows: Vec<usize>,
    /// Columns from left to right; groups stay together.
    pub columns: Vec<usize>,
}

/// Orders rows and columns so that strong cells stand on the diagonal.
///
/// The strongest cell (largest |value|) pairs its row with its column; both leave, and so on, until rows or
/// columns are used up. Rows stand by the group of their column, then by the strength of their pair; rows
/// without a pair come last. Within a group, paired columns stand in the order of their rows and the others
/// follow by their strongest cell. Missing values count as 0; ties go to the first row, then the first column.
/// O(cells · log cells).
///
/// `groups` holds the widths of the groups of columns; columns beyond them form one more.
///
/// ```
/// use emotome_figures::order::diagonal;
/// let r = ndarray::array![[0.1, -0.9, 0.2], [0.7, 0.8, 0.0]];
/// let order = diagonal(r.view(), &[2, 1]);
/// assert_eq!((order.rows, order.columns), (vec![0, 1], vec![1, 0, 2]));
/// ```
#[must_use]
pub fn diagonal(values: ArrayView2<'_, f64>, groups: &[usize]) -> Diagonal {
    let (n, k) = values.dim();
    let strength = |i: usize, j: usize| match values[[i, j]].abs() {
        r if r.is_finite() => r,
        _ => 0.0,
    };
    let ends: Vec<usize> = groups
        .iter()
        .scan(0, |end, width| {
            *end += width;
            Some(*end)
        })
        .collect();
    let group = |j: usize| ends.iter().take_while(|&&end| end <= j).count();
    let mut cells: Vec<(usize, usize)> = (0..n).flat_map(|i| (0..k).map(move |j| (i, j))).collect();
    cells.sort_by(|&a, &b| {
        strength(b.0, b.1)
            .total_cmp(&strength(a.0, a.1))
            .then(a.cmp(&b))
    });
    let (mut partner, mut taken) = (vec![None; n], vec![None; k]);
    let mut paired: Vec<usize> = Vec::new();
    for (i, j) in cells {
        if partner[i].is_none() && taken[j].is_none() {
            (partner[i], taken[j]) = (Some(j), Some(i));
            paired.push(i);
        }
    }
    // Pairs were made by falling strength, so a stable sort by group keeps it.
    let mut rows = paired;
    rows.sort_by_key(|&i| partner[i].map_or(usize::MAX, group));
    rows.extend((0..n).filter(|&i| partner[i].is_none()));
    let place = |j: usize| {
        let row = taken[j].and_then(|i| rows.iter().position(|&r| r == i));
        row.unwrap_or(usize::MAX)
    };
    let highest = |j: usize| (0..n).map(|i| strength(i, j)).fold(0.0, f64::max);
    let mut columns: Vec<(usize, usize, f64, usize)> = (0..k)
        .map(|j| (group(j), place(j), highest(j), j))
        .collect();
    columns.sort_by(|a, b| {
        (a.0, a.1)
            .cmp(&(b.0, b.1))
            .then(b.2.total_cmp(&a.2))
            .then(a.3.cmp(&b.3))
    });
    Diagonal {
        rows,
        columns: columns.into_iter().map(|c| c.3).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    #[test]
    fn interleaved_blocks_are_brought_together() {
        let s = Array2::from_shape_fn((30, 30), |(i, j)| match (i == j, i % 3 == j % 3) {
            (true, _) => 1.0,
            (_, true) => 0.7 + 0.01 * (i as f64 - j as f64).cos(),
            _ => 0.1,
        });
        let order = clustered(s.view());
        for block in order.chunks(10) {
            assert!(block.iter().all(|i| i % 3 == block[0] % 3), "{order:?}");
        }
    }

    #[test]
    fn a_hidden_diagonal_is_found() {
        // Row i answers to column 7·i mod 12, with falling strength.
        let hidden = Array2::from_shape_fn((12, 12), |(i, j)| {
            if j == 7 * i % 12 {
                -0.9 + 0.03 * i as f64
            } else {
                0.1
            }
        });
        let order = diagonal(hidden.view(), &[12]);
        for (&i, &j) in order.rows.iter().zip(&order.columns) {
            assert_eq!(j, 7 * i % 12);
        }
        assert_eq!(order.rows, (0..12).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn a_diagonal_order_has_each_row_and_column_once_and_keeps_groups(
            values in proptest::collection::vec(prop_oneof![Just(f64::NAN), Just(0.5), -1.0..1.0], 0..120),
            width in 1_usize..9,
        ) {
            let table = Array2::from_shape_fn((values.len() / width, width), |(i, j)| values[i * width + j]);
            let order = diagonal(table.view(), &[width / 2]);
            let sorted = |order: &[usize]| { let mut o = order.to_vec(); o.sort_unstable(); o };
            prop_assert_eq!(sorted(&order.rows), (0..table.nrows()).collect::<Vec<_>>());
            prop_assert_eq!(sorted(&order.columns), (0..width).collect::<Vec<_>>());
            prop_assert!(order.columns[..width / 2].iter().all(|&j| j < width / 2));
        }

        #[test]
        fn any_matrix_gives_each_stimulus_once(values in proptest::collection::vec(prop_oneof![Just(f64::NAN), Just(0.5), -1.0..1.0], 0..150)) {
            let n = (values.len() as f64).sqrt() as usize;
            let matrix = Array2::from_shape_fn((n, n), |(i, j)| values[i.min(j) * n + i.max(j)]);
            let mut order = clustered(matrix.view());
            order.sort_unstable();
            prop_assert_eq!(order, (0..n).collect::<Vec<_>>());
        }
    }
}
