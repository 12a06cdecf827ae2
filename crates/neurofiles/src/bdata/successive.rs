//! Counting on across the files of one subject.

/// Values that cannot be counted on from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("part {part}: no value to count on from: it is empty or holds NaN")]
#[non_exhaustive]
pub struct NotSuccessive {
    /// The part, from 0.
    pub part: usize,
}

/// Makes `Session`, `Run` or `Block` of several files successive: to each part the largest value so far is added.
///
/// As bdpy's `vstack(successive=…)`: xₚ + max(xₚ₋₁ after this).
///
/// # Errors
///
/// [`NotSuccessive`] for a part without values or with NaN, past which counting means nothing.
///
/// ```
/// use emotome_neurofiles::bdata::successive;
/// let runs = successive(&[vec![1.0, 2.0], vec![1.0, 1.0], vec![1.0, 2.0]]);
/// assert_eq!(runs, Ok(vec![vec![1.0, 2.0], vec![3.0, 3.0], vec![4.0, 5.0]]));
/// ```
pub fn successive(parts: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, NotSuccessive> {
    let mut before = 0.0;
    let mut counted = Vec::with_capacity(parts.len());
    for (part, values) in parts.iter().enumerate() {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return Err(NotSuccessive { part });
        }
        let own: Vec<f64> = values.iter().map(|value| value + before).collect();
        before = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        counted.push(own);
    }
    Ok(counted)
}
