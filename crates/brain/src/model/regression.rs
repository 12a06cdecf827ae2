//! Several models at once: what each explains beyond the others.
//!
//! Everything here is computed from the (m+1) × (m+1) correlations of the brain (row 0) and m
//! models, however those were found: over millions of pairs, or by products of small matrices in
//! each searchlight.

use crate::rdm::{Comparison, Rdm, RdmError, compare};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// The most models whose subsets are all fitted.
pub const MAX_MODELS: usize = 10;

/// The pivot below which a model is a combination of others.
const COLLINEAR: f64 = 1e-10;

/// Why models cannot be fitted together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RegressionError {
    /// Too many models, or none.
    #[error("{found} models were given; 1 to {max} can be fitted together", max = MAX_MODELS)]
    Models {
        /// Models given.
        found: usize,
    },
    /// Correlations that form no square matrix.
    #[error(
        "correlations of {rows} × {columns} were given; a square matrix of the brain (first) and its models is needed"
    )]
    NotSquare {
        /// Rows.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// A model is a combination of the models before it.
    #[error("model {model} (from 0) is a combination of the models before it; drop one of them")]
    Collinear {
        /// Which, from 0.
        model: usize,
    },
    /// A control is the model itself, or is none of the models.
    #[error("control {control} cannot be held constant for model {model}, of {models} models")]
    Control {
        /// The control, from 0.
        control: usize,
        /// The model, from 0.
        model: usize,
        /// How many there are.
        models: usize,
    },
    /// A comparison that is no product of vectors.
    #[error(
        "regression needs products of vectors, which {comparison:?} is not; take Pearson, Spearman, CorrCov or Cosine"
    )]
    Comparison {
        /// The comparison asked for.
        comparison: Comparison,
    },
    /// Dissimilarities that cannot be compared.
    #[error(transparent)]
    Rdm(#[from] RdmError),
}

/// A multiple regression of brain on models, all standardised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Standardised slope of each model.
    pub betas: Vec<f64>,
    /// Share of variance that all models explain.
    pub r2: f64,
    /// What each model adds to the others: R² − R² without it.
    pub unique: Vec<f64>,
    /// Correlation of brain and model, both without what the other models predict.
    pub partial: Vec<f64>,
    /// Correlation of the brain with the model without what the other models predict.
    pub semipartial: Vec<f64>,
}

/// Correlations of the brain (first) and its models over the pairs that none of them misses.
///
/// With `Comparison::Spearman` those of ranks, so that [`regress`] is a rank regression. O(m² N).
///
/// # Errors
/// No model or too many, a comparison other than `Pearson`, `Spearman`, `CorrCov` and `Cosine`
/// (others are no products of fixed vectors), and as [`compare`].
pub fn correlations(
    brain: &Rdm,
    models: &[Rdm],
    comparison: Comparison,
) -> Result<Array2<f64>, RegressionError> {
    check(models.len())?;
    use Comparison::{CorrCov, Cosine, Pearson, Spearman};
    if !matches!(comparison, Pearson | Spearman | CorrCov | Cosine) {
        return Err(RegressionError::Comparison { comparison });
    }
    if let Some(model) = models.iter().find(|model| model.n() != brain.n()) {
        return Err(RdmError::Sizes {
            left: brain.n(),
            right: model.n(),
        }
        .into());
    }
    let all: Vec<&Rdm> = std::iter::once(brain).chain(models).collect();
    let mut missing = vec![false; brain.values().len()];
    for rdm in &all {
        missing
            .iter_mut()
            .zip(rdm.values())
            .for_each(|(m, v)| *m |= v.is_nan());
    }
    let masked: Vec<Rdm> = all
        .iter()
        .map(|rdm| {
            let mut missing = missing.iter();
            rdm.map(|v| {
                if missing.next() == Some(&true) {
                    f64::NAN
                } else {
                    v
                }
            })
        })
        .collect();
    let mut r = Array2::eye(all.len());
    for i in 0..all.len() {
        for j in 0..i {
            r[[i, j]] = compare(&masked[i], &masked[j], comparison)?.value;
            r[[j, i]] = r[[i, j]];
        }
    }
    Ok(r)
}

/// Fits all models together, from the correlations of the brain (row 0) and the models. O(m³).
///
/// NaN correlations give NaN results.
///
/// # Errors
/// A matrix that is not square, too many models, or collinear models.
///
/// ```
/// use emotome_brain::model::regression::regress;
/// let r = ndarray::array![[1.0, 0.5, 0.3], [0.5, 1.0, 0.0], [0.3, 0.0, 1.0]];
/// let fit = regress(r.view())?;
/// assert!((fit.r2 - 0.34).abs() < 1e-15 && (fit.unique[0] - 0.25).abs() < 1e-15);
/// # Ok::<(), emotome_brain::model::regression::RegressionError>(())
/// ```
pub fn regress(r: ArrayView2<'_, f64>) -> Result<Regression, RegressionError> {
    let m = models(r)?;
    let mut full = r.to_owned();
    for model in 1..=m {
        if !sweep(&mut full, model) {
            return Err(RegressionError::Collinear { model: model - 1 });
        }
    }
    let mut fit = Regression {
        betas: (1..=m).map(|model| full[[0, model]]).collect(),
        r2: 1.0 - full[[0, 0]],
        unique: Vec::with_capacity(m),
        partial: Vec::with_capacity(m),
        semipartial: Vec::with_capacity(m),
    };
    for model in 0..m {
        let others: Vec<usize> = (0..m).filter(|&other| other != model).collect();
        let (partial, semipartial) = partial(r, model, &others)?;
        fit.unique.push(semipartial * semipartial);
        fit.partial.push(partial);
        fit.semipartial.push(semipartial);
    }
    Ok(fit)
}

/// Partial and semi-partial correlation of brain and `model` with `controls` held constant.
///
/// In the semi-partial one only the model is freed of what the controls predict. O(m² |controls|).
///
/// # Errors
/// As [`regress`], and controls that are the model or no model.
pub fn partial(
    r: ArrayView2<'_, f64>,
    model: usize,
    controls: &[usize],
) -> Result<(f64, f64), RegressionError> {
    let models = models(r)?;
    let wrong = |&&control: &&usize| control == model || control >= models;
    if let Some(&control) = controls
        .iter()
        .find(wrong)
        .or((model >= models).then_some(&model))
    {
        return Err(RegressionError::Control {
            control,
            model,
            models,
        });
    }
    let mut r = r.to_owned();
    for &control in controls {
        if !sweep(&mut r, control + 1) {
            return Err(RegressionError::Collinear { model: control });
        }
    }
    let (brain, own, both) = (r[[0, 0]], r[[model + 1, model + 1]], r[[0, model + 1]]);
    if own < COLLINEAR {
        return Err(RegressionError::Collinear { model });
    }
    Ok((both / (brain * own).sqrt(), both / own.sqrt()))
}

/// R² of every subset of models; bit i of the index says whether model i is in. O(2^m m²).
///
/// A model that is a combination of others in its subset adds nothing.
///
/// # Errors
/// A matrix that is not square, or too many models.
pub fn subsets(r: ArrayView2<'_, f64>) -> Result<Vec<f64>, RegressionError> {
    let m = models(r)?;
    let mut explained = vec![0.0; 1 << m];
    // Models join in order, so each subset is its predecessor without the last, swept once more.
    let mut path = vec![(r.to_owned(), 0_usize, 0_usize)];
    while let Some((swept, subset, next)) = path.pop() {
        explained[subset] = 1.0 - swept[[0, 0]];
        for model in next..m {
            let mut more = swept.clone();
            sweep(&mut more, model + 1);
            path.push((more, subset | 1 << model, model + 1));
        }
    }
    Ok(explained)
}

/// Variance that exactly the models of a subset share, for each subset; they sum to R² of all models.
///
/// Index as in [`subsets`]: entry 0b001 is unique to model 0, entry 0b011 common to models 0 and 1
/// and to no other. Shared parts may be negative (suppression) and are kept as they are.
/// C(S) = Σ_{T ⊆ S} (−1)^{|S|−|T|} (R² − R²(all without T)); O(2^m m).
///
/// Mood (1971), doi:10.3102/00028312008002191; Nimon et al. (2008), doi:10.3758/BRM.40.2.457.
///
/// # Errors
/// As [`subsets`].
pub fn commonality(r: ArrayView2<'_, f64>) -> Result<Vec<f64>, RegressionError> {
    let explained = subsets(r)?;
    let all = explained.len() - 1;
    let mut parts: Vec<f64> = (0..=all)
        .map(|s| explained[all] - explained[all & !s])
        .collect();
    let mut bit = 1;
    while bit <= all {
        for s in (0..=all).filter(|s| s & bit != 0) {
            parts[s] -= parts[s & !bit];
        }
        bit <<= 1;
    }
    Ok(parts)
}

fn check(found: usize) -> Result<(), RegressionError> {
    if (1..=MAX_MODELS).contains(&found) {
        Ok(())
    } else {
        Err(RegressionError::Models { found })
    }
}

fn models(r: ArrayView2<'_, f64>) -> Result<usize, RegressionError> {
    let (rows, columns) = r.dim();
    if rows != columns {
        return Err(RegressionError::NotSquare { rows, columns });
    }
    check(rows.saturating_sub(1))?;
    Ok(rows - 1)
}

/// Regresses every variable on variable k; false, and nothing done, if nothing of k is left.
fn sweep(a: &mut Array2<f64>, k: usize) -> bool {
    let pivot = a[[k, k]];
    if pivot < COLLINEAR {
        return false;
    }
    let row = a.row(k).to_owned();
    for i in (0..a.nrows()).filter(|&i| i != k) {
        let factor = a[[i, k]] / pivot;
        for j in 0..a.ncols() {
            if j != k {
                a[[i, j]] -= factor * row[j];
            }
        }
        a[[i, k]] = factor;
    }
    for j in 0..a.ncols() {
        a[[k, j]] = if j == k { -1.0 / pivot } else { row[j] / pivot };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_of_variance_sum_to_what_each_subset_explains(
            values in proptest::collection::vec(-1.0..1.0_f64, 5 * 12),
        ) {
            let x = Array2::from_shape_vec((12, 5), values).unwrap();
            let r = emotome_stats::correlation::cross_correlation(x.view(), x.view());
            let (explained, parts) = (subsets(r.view()).unwrap(), commonality(r.view()).unwrap());
            for (s, r2) in explained.iter().enumerate() {
                let touched: f64 = parts.iter().enumerate().filter(|(t, _)| t & s != 0).map(|p| p.1).sum();
                prop_assert!((touched - r2).abs() < 1e-9);
            }
            let fit = regress(r.view()).unwrap();
            prop_assert!((fit.r2 - explained[15]).abs() < 1e-9);
            for model in 0..4 {
                prop_assert!((fit.unique[model] - parts[1 << model]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn collinear_models_are_named_and_add_nothing() {
        let r = ndarray::array![[1.0, 0.5, 0.5], [0.5, 1.0, 1.0], [0.5, 1.0, 1.0]];
        assert_eq!(
            regress(r.view()),
            Err(RegressionError::Collinear { model: 1 })
        );
        assert_eq!(subsets(r.view()).unwrap(), [0.0, 0.25, 0.25, 0.25]);
        assert_eq!(commonality(r.view()).unwrap(), [0.0, 0.0, 0.0, 0.25]);
        assert!(partial(r.view(), 0, &[0]).is_err() && partial(r.view(), 2, &[]).is_err());
        assert!(
            regress(Array2::eye(12).view()).is_err() && regress(Array2::eye(1).view()).is_err()
        );
    }
}
