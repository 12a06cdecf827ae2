//! Rows of activations.

use emotome_lanes::LANES;

/// Rows of `f32`, each padded with zeros to whole vectors.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    values: Vec<f32>,
    rows: usize,
    width: usize,
    stride: usize,
}

impl Matrix {
    /// All zeros.
    pub(crate) fn zeros(rows: usize, width: usize) -> Self {
        let stride = width.next_multiple_of(LANES);
        Self {
            values: vec![0.0; rows * stride],
            rows,
            width,
            stride,
        }
    }

    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Numbers from one row to the next.
    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    /// A row without its padding.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.stride..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..self.width]
    }

    /// All rows with their padding.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The rows at `which`, in that order.
    pub(crate) fn select(&self, which: &[usize]) -> Self {
        let mut selected = Self::zeros(which.len(), self.width);
        for (to, &from) in which.iter().enumerate() {
            selected.row_mut(to).copy_from_slice(self.row(from));
        }
        selected
    }
}
