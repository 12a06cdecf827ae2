//! Matrices as JSON: a list of rows, undefined values null.

use ndarray::Array2;
use serde::{Serialize, Serializer};

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    matrix: &Array2<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        matrix
            .rows()
            .into_iter()
            .map(|row| row.into_iter().collect::<Vec<_>>()),
    )
}
