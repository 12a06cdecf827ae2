//! The category of each stimulus: its highest rating.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::StructureError;

/// What becomes of a stimulus whose highest rating is shared by several categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ties {
    /// It has no label.
    Omit,
    /// The first of the categories, in the order of columns, which favours early columns.
    First,
}

/// How stimuli are labelled.
///
/// | parameter | default | published | why |
/// |---|---|---|---|
/// | `ties` | omit | first | a tied stimulus is of no one category; what the study did is not stated, and the first is what a maximum returns |
/// | `least_rating` | 0 | 0 | a highest rating of 0 is none in any case |
/// | `least_items` | 10 | 10 | smaller classes were left out |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelParams {
    /// What becomes of ties.
    pub ties: Ties,
    /// The least highest rating of a labelled stimulus.
    pub least_rating: f64,
    /// The least number of stimuli of a class, at least 2.
    pub least_items: usize,
}

impl Default for LabelParams {
    fn default() -> Self {
        Self {
            ties: Ties::Omit,
            least_rating: 0.0,
            least_items: 10,
        }
    }
}

impl LabelParams {
    /// The published way.
    #[must_use]
    pub fn published() -> Self {
        Self {
            ties: Ties::First,
            ..Self::default()
        }
    }
}

/// A category with enough stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LabelClass {
    /// Its column in the ratings, from 0.
    pub category: usize,
    /// Its stimuli.
    pub items: usize,
}

/// The classes of stimuli, and which have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Labels {
    /// The classes in the order of their categories.
    pub classes: Vec<LabelClass>,
    /// The class of each stimulus, an index of `classes`; none for one left out.
    pub of: Vec<Option<usize>>,
    /// Stimuli whose highest rating is shared; left out, unless the first category was to be taken.
    pub tied: usize,
    /// Stimuli left out because their highest rating is 0 or below the least.
    pub faint: usize,
    /// Categories with some stimuli but too few, left out with those.
    pub small: Vec<LabelClass>,
}

impl Labels {
    /// Labels each stimulus by its highest rating (stimuli × K): class(i) = argmax_k r_ik. O(n K).
    ///
    /// # Errors
    /// [`StructureError`]: ratings that are no numbers, classes of fewer than 2 stimuli asked for, or fewer than
    /// 2 classes left.
    ///
    /// ```
    /// use emotome_interpret::structure::labels::{LabelParams, Labels};
    /// use ndarray::array;
    /// let ratings = array![[0.9, 0.1], [0.8, 0.0], [0.0, 0.7], [0.1, 0.2], [0.5, 0.5], [0.0, 0.0]];
    /// let params = LabelParams { least_items: 2, ..LabelParams::default() };
    /// let labels = Labels::highest(ratings.view(), &params)?;
    /// assert_eq!(labels.of, [Some(0), Some(0), Some(1), Some(1), None, None]);
    /// assert_eq!((labels.tied, labels.faint), (1, 1));
    /// # Ok::<(), emotome_interpret::structure::StructureError>(())
    /// ```
    pub fn highest(
        ratings: ArrayView2<'_, f64>,
        params: &LabelParams,
    ) -> Result<Self, StructureError> {
        StructureError::unless_finite("ratings", ratings)?;
        let least = params.least_items;
        StructureError::unless(
            least >= 2,
            "the least number of stimuli of a class",
            least as f64,
            "2 or more",
        )?;
        let (mut tied, mut faint) = (0, 0);
        let category = |row: ndarray::ArrayView1<'_, f64>| {
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if !(highest > 0.0 && highest >= params.least_rating) {
                faint += 1;
                return None;
            }
            let mut reached = (0..row.len()).filter(|&k| row[k] == highest);
            let first = reached.next();
            if reached.next().is_some() {
                tied += 1;
                if params.ties == Ties::Omit {
                    return None;
                }
            }
            first
        };
        let categories: Vec<Option<usize>> = ratings.rows().into_iter().map(category).collect();
        let mut sizes = vec![0; ratings.ncols()];
        categories.iter().flatten().for_each(|&k| sizes[k] += 1);
        let (mut classes, mut small) = (Vec::new(), Vec::new());
        let mut class_of = vec![None; sizes.len()];
        for (category, &items) in sizes.iter().enumerate() {
            let class = LabelClass { category, items };
            if items >= least {
                class_of[category] = Some(classes.len());
                classes.push(class);
            } else if items > 0 {
                small.push(class);
            }
        }
        StructureError::unless_enough(
            "categories with enough stimuli",
            classes.len(),
            2,
            "rate more stimuli, or ask for fewer stimuli a class",
        )?;
        Ok(Self {
            of: categories
                .iter()
                .map(|k| k.and_then(|k| class_of[k]))
                .collect(),
            classes,
            tied,
            faint,
            small,
        })
    }

    /// Whether these can be labels of so many stimuli.
    pub(super) fn check(&self, stimuli: usize) -> Result<(), StructureError> {
        StructureError::unless_same("labels", self.of.len(), stimuli)?;
        if let Some(&class) = self.of.iter().flatten().max() {
            let count = self.classes.len();
            let expected = "below the number of classes";
            StructureError::unless(class < count, "a class", class as f64, expected)?;
        }
        let labelled = self.labelled().0.len();
        let remedy = "label more stimuli";
        StructureError::unless_enough("labelled stimuli", labelled, 2, remedy)
    }

    /// The labelled stimuli, and the class of each.
    #[must_use]
    pub fn labelled(&self) -> (Vec<usize>, Vec<usize>) {
        let labelled = |(i, class): (usize, &Option<usize>)| class.map(|class| (i, class));
        self.of.iter().enumerate().filter_map(labelled).unzip()
    }
}
