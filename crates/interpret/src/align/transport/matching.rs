//! Whether a plan sends points where they belong.

use super::super::{AlignError, p_of};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::mean;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::Serialize;

/// How often a plan sends a point where it belongs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matching {
    /// The numbers of best targets looked at.
    pub tops: Vec<usize>,
    /// Share of points whose counterpart is among their best k targets, for each k; ties share.
    pub rates: Vec<f64>,
    /// The same by chance, k / m.
    pub chance: Vec<f64>,
    /// p of each rate when the counterparts are permuted: (1 + #{null ≥ rate}) / (1 + permutations). None without
    /// permutations.
    pub p: Option<Vec<f64>>,
    /// Share of points whose best target is of their category; none without categories.
    pub category_rate: Option<f64>,
    /// Its mean when counterparts are permuted.
    pub category_chance: Option<f64>,
    /// Its p.
    pub category_p: Option<f64>,
}

/// Compares a plan between two agents' views of the same n points with the truth, that point i is point i.
///
/// A rate at k is the share of rows i of T with Tᵢᵢ among the k largest of the row (Tᵢᵢ tied with others counts in
/// proportion). The null permutes the columns. With `categories` of the points, also how often the best target is of
/// the right category (the first of equal ones). O(n² + permutations · n).
///
/// # Errors
/// A plan that is not square, tops outside 1 to n, categories of other points, or permutations out of range.
///
/// ```
/// use emotome_interpret::align::transport::matching;
/// let plan = ndarray::array![[0.3, 0.0, 0.0], [0.0, 0.1, 0.2], [0.0, 0.2, 0.2]];
/// let found = matching(plan.view(), None, &[1, 2], 99, 0)?;
/// assert_eq!(found.rates, [0.5, 1.0]);
/// # Ok::<(), emotome_interpret::align::AlignError>(())
/// ```
pub fn matching(
    plan: ArrayView2<'_, f64>,
    categories: Option<&[usize]>,
    tops: &[usize],
    permutations: usize,
    seed: u64,
) -> Result<Matching, AlignError> {
    let n = plan.nrows();
    if plan.ncols() != n {
        return Err(AlignError::Mismatch {
            what: "points of two sides",
            left: n,
            right: plan.ncols(),
        });
    }
    if let Some(found) = categories.map(<[usize]>::len).filter(|&found| found != n) {
        return Err(AlignError::Mismatch {
            what: "points and their categories",
            left: n,
            right: found,
        });
    }
    for &top in tops {
        AlignError::unless(
            (1..=n).contains(&top),
            "the number of best targets",
            top as f64,
            "from 1 to the number of points",
        )?;
    }
    AlignError::permutations(permutations)?;
    // Targets above each target, and as many as it, itself among them.
    let mut ranks = Array2::from_elem((n, n), (0_u32, 0_u32));
    let mut best = vec![0; n];
    for (i, row) in plan.rows().into_iter().enumerate() {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&x, &y| row[y].total_cmp(&row[x]));
        best[i] = order.first().copied().unwrap_or(0);
        let mut above = 0;
        for tied in order.chunk_by(|&x, &y| row[x] == row[y]) {
            tied.iter()
                .for_each(|&j| ranks[[i, j]] = (above, tied.len() as u32));
            above += tied.len() as u32;
        }
    }
    let rate = |order: &[usize], top: usize| {
        let credit = |i: usize| {
            let (above, tied) = ranks[[i, order[i]]];
            ((top as f64 - f64::from(above)) / f64::from(tied)).clamp(0.0, 1.0)
        };
        (0..n).map(credit).sum::<f64>() / n as f64
    };
    let same = |order: &[usize]| {
        categories.map(|categories| {
            // Column order[i] is the counterpart of row i: its category is that of i.
            let mut of = vec![0; n];
            order.iter().zip(categories).for_each(|(&j, &c)| of[j] = c);
            (0..n).filter(|&i| of[best[i]] == categories[i]).count() as f64 / n as f64
        })
    };
    let truth: Vec<usize> = (0..n).collect();
    let rates: Vec<f64> = tops.iter().map(|&top| rate(&truth, top)).collect();
    let seed = Seed(seed).derive("matching");
    let null: Vec<(Vec<f64>, Option<f64>)> = (0..permutations)
        .into_par_iter()
        .map(|permutation| {
            let mut order = truth.clone();
            CounterRng::new(seed, permutation as u64).shuffle(&mut order);
            (
                tops.iter().map(|&top| rate(&order, top)).collect(),
                same(&order),
            )
        })
        .collect();
    let category_null: Vec<f64> = null.iter().filter_map(|x| x.1).collect();
    let category_rate = same(&truth);
    Ok(Matching {
        tops: tops.to_vec(),
        chance: tops.iter().map(|&top| top as f64 / n as f64).collect(),
        p: rates
            .iter()
            .enumerate()
            .map(|(at, &rate)| p_of(rate, &null.iter().map(|x| x.0[at]).collect::<Vec<_>>()))
            .collect(),
        rates,
        category_rate,
        category_chance: (!category_null.is_empty()).then(|| mean(&category_null)),
        category_p: category_rate.and_then(|rate| p_of(rate, &category_null)),
    })
}
