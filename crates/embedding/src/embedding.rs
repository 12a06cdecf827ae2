//! An embedding: one row of dimension weights per stimulus.

use ndarray::{Array2, ArrayView1, Axis};

/// Weights `x[i, f]` of stimulus `i` on dimension `f`, shape n × d, finite.
///
/// The similarity of two stimuli is the dot product of their rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    values: Array2<f32>,
}

/// Why a matrix is no embedding.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// A weight is NaN or infinite.
    #[error(
        "embedding weight {value} at stimulus {row}, dimension {column} (counted from 0) is not finite; the fit diverged or the file is damaged"
    )]
    NotFinite {
        /// Row of the weight.
        row: usize,
        /// Column of the weight.
        column: usize,
        /// The weight found.
        value: f32,
    },
    /// Choices and embedding disagree on the number of stimuli.
    #[error(
        "embedding has {embedding} stimuli, the choices are among {choices}; give the embedding fitted to these stimuli, or align both by key"
    )]
    StimulusCount {
        /// Rows of the embedding.
        embedding: usize,
        /// Stimuli of the choices.
        choices: usize,
    },
}

impl Embedding {
    /// An embedding of finite weights, shape n × d.
    ///
    /// # Errors
    /// [`EmbeddingError::NotFinite`] names the first weight that is not.
    pub fn new(values: Array2<f32>) -> Result<Self, EmbeddingError> {
        if let Some(((row, column), &value)) = values.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(EmbeddingError::NotFinite { row, column, value });
        }
        Ok(Self {
            values: values.as_standard_layout().into_owned(),
        })
    }

    /// The number of stimuli n.
    #[must_use]
    pub fn n_stimuli(&self) -> usize {
        self.values.nrows()
    }

    /// The number of dimensions d.
    #[must_use]
    pub fn n_dims(&self) -> usize {
        self.values.ncols()
    }

    /// The weights, n × d, row-major.
    #[must_use]
    pub const fn values(&self) -> &Array2<f32> {
        &self.values
    }

    /// The weights of one stimulus.
    #[must_use]
    pub fn row(&self, stimulus: usize) -> ArrayView1<'_, f32> {
        self.values.row(stimulus)
    }

    /// The embedding with only the given dimensions, in the given order.
    ///
    /// # Panics
    /// If a dimension is past the end.
    #[must_use]
    pub fn select_dims(&self, dims: &[usize]) -> Self {
        // Selecting columns yields them column by column; rows must stay contiguous.
        Self {
            values: self
                .values
                .select(Axis(1), dims)
                .as_standard_layout()
                .into_owned(),
        }
    }
}
