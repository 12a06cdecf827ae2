//! Which samples are held out together.

use crate::RidgeError;
use std::collections::BTreeMap;
use std::ops::Range;

/// A partition of samples into folds. A sample is in one fold, so that none is ever in training and test.
///
/// ```
/// # use emotome_ridge::Folds;
/// let folds = Folds::of(&["run2", "run1", "run2", "run3"])?;
/// assert_eq!((folds.count(), folds.samples()), (3, 4));
/// assert_eq!(folds.members(0), [1]);
/// # Ok::<(), emotome_ridge::RidgeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    /// Samples, fold after fold, in their own order within folds.
    order: Vec<usize>,
    /// Where each fold starts in `order`, and the end.
    starts: Vec<usize>,
}

impl Folds {
    /// Samples with the same label are a fold; folds are in the order of labels. O(n log n).
    ///
    /// # Errors
    /// Fewer than two different labels.
    pub fn of<L: Ord>(labels: &[L]) -> Result<Self, RidgeError> {
        let mut members: BTreeMap<&L, Vec<usize>> = BTreeMap::new();
        for (sample, label) in labels.iter().enumerate() {
            members.entry(label).or_default().push(sample);
        }
        if members.len() < 2 {
            return Err(RidgeError::Folds {
                what: "cross-validation",
                found: members.len(),
                least: 2,
            });
        }
        let mut starts = vec![0];
        let mut order = Vec::with_capacity(labels.len());
        for samples in members.into_values() {
            order.extend(samples);
            starts.push(order.len());
        }
        Ok(Self { order, starts })
    }

    /// `count` folds of neighbouring samples, the first of them one sample longer where n / count leaves a rest, as
    /// scikit-learn's `KFold` has them.
    ///
    /// # Errors
    /// Fewer than two folds, or more folds than samples.
    pub fn contiguous(samples: usize, count: usize) -> Result<Self, RidgeError> {
        if count > samples {
            return Err(RidgeError::Folds {
                what: "a number of folds no larger than that of samples",
                found: samples,
                least: count,
            });
        }
        let (size, rest) = (samples / count.max(1), samples % count.max(1));
        let labels: Vec<usize> = (0..count)
            .flat_map(|fold| std::iter::repeat_n(fold, size + usize::from(fold < rest)))
            .collect();
        Self::of(&labels)
    }

    /// How many folds there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many samples there are in all.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.order.len()
    }

    /// All samples, fold after fold.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Samples of a fold, in their own order.
    ///
    /// # Panics
    /// If there is no such fold.
    #[must_use]
    pub fn members(&self, fold: usize) -> &[usize] {
        &self.order[self.range(fold)]
    }

    /// Samples of all folds but some, fold after fold.
    #[must_use]
    pub fn without(&self, held_out: &[usize]) -> Vec<usize> {
        (0..self.count())
            .filter(|fold| !held_out.contains(fold))
            .flat_map(|fold| self.members(fold))
            .copied()
            .collect()
    }

    /// Where a fold lies in [`order`](Self::order).
    pub(crate) fn range(&self, fold: usize) -> Range<usize> {
        self.starts[fold]..self.starts[fold + 1]
    }

    /// How many samples a fold has.
    pub(crate) fn size(&self, fold: usize) -> usize {
        self.range(fold).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_folds_are_those_of_scikit_learn() {
        let folds = Folds::contiguous(11, 3).unwrap();
        let sizes: Vec<usize> = (0..3).map(|f| folds.size(f)).collect();
        assert_eq!(sizes, [4, 4, 3]);
        assert_eq!(folds.members(1), [4, 5, 6, 7]);
        assert_eq!(folds.without(&[1]), [0, 1, 2, 3, 8, 9, 10]);
        assert!(Folds::contiguous(3, 4).is_err());
        assert!(Folds::contiguous(3, 0).is_err());
        assert!(Folds::of(&[1, 1, 1]).is_err());
    }
}
