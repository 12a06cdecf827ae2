//! Models made ready: centred columns, or a number for each pair.

use std::borrow::Cow;

use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;

use super::kernel::Rows;
use super::pairs::{Bands, Pairs};
use super::sides::{Comparison, Cross, Side, compare, covariance};
use super::{Interrupted, PlanError};
use crate::model::{Geometry, Metric, Model, unit_rows};

/// Where the distances of a model come from.
pub(super) enum Source<'a> {
    /// ½‖x_i − x_j‖² of column-centred rows, n × k.
    Rows(Array2<f64>),
    /// A number for each pair, in the order of [`Geometry::Dissimilarities`] and of the stimuli as given.
    Pairs(Cow<'a, [f64]>),
}

impl<'a> Source<'a> {
    /// Checks a model and takes the form of its distances that is cheapest to compare.
    pub(super) fn of(model: &'a Model, pairs: &Pairs) -> Result<Self, PlanError> {
        let n = pairs.n;
        let name = || model.name.clone();
        if model.geometry.n() != n {
            let found = model.geometry.n();
            return Err(PlanError::ModelSize {
                model: name(),
                found,
                n,
            });
        }
        match &model.geometry {
            Geometry::Dissimilarities { values, .. } => {
                let expected = n * (n - 1) / 2;
                if values.len() != expected {
                    let found = values.len();
                    return Err(PlanError::ModelPairs {
                        model: name(),
                        found,
                        expected,
                        n,
                    });
                }
                if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                    let value = values[at];
                    return Err(PlanError::ModelValue {
                        model: name(),
                        at,
                        value,
                    });
                }
                Ok(Self::Pairs(Cow::Borrowed(values)))
            }
            Geometry::Features { rows, metric } => {
                if rows.ncols() == 0 {
                    return Err(PlanError::NoFeatures { model: name() });
                }
                if let Some((at, &value)) = rows.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                    let at = at / rows.ncols();
                    return Err(PlanError::ModelValue {
                        model: name(),
                        at,
                        value,
                    });
                }
                let mut x = match metric {
                    Metric::Correlation => unit_rows(rows.view(), true),
                    Metric::Cosine => unit_rows(rows.view(), false),
                    Metric::SquaredEuclidean => rows.clone(),
                    Metric::Euclidean => {
                        let mut values = Vec::with_capacity(n * (n - 1) / 2);
                        for i in 0..n {
                            for j in i + 1..n {
                                let difference = &rows.row(i) - &rows.row(j);
                                values.push(difference.dot(&difference).sqrt());
                            }
                        }
                        return Ok(Self::Pairs(Cow::Owned(values)));
                    }
                };
                if let Some(row) = x
                    .outer_iter()
                    .position(|r| r.iter().any(|v| !v.is_finite()))
                {
                    return Err(PlanError::ConstantRow {
                        model: name(),
                        row,
                        metric: *metric,
                    });
                }
                if let Some(order) = &pairs.order {
                    x = x.select(ndarray::Axis(0), order);
                }
                for mut column in x.columns_mut() {
                    let mean = column.sum() / n as f64;
                    column.mapv_inplace(|v| v - mean);
                }
                // No comparison knows the scale: n for a trace suits single precision.
                let trace = x.iter().map(|v| v * v).sum::<f64>();
                if trace.is_finite() && trace > 0.0 {
                    let scale = (n as f64 / trace).sqrt();
                    x.mapv_inplace(|v| v * scale);
                }
                Ok(Self::Rows(x))
            }
        }
    }

    /// The distance of two stimuli, in the order of `pairs`; of rows, ½‖x_i − x_j‖².
    pub(super) fn distance(&self, pairs: &Pairs, i: usize, j: usize) -> f64 {
        match self {
            Self::Rows(x) => {
                let (a, b) = (x.row(i), x.row(j));
                0.5 * a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
            }
            Self::Pairs(values) => {
                let (i, j) = match &pairs.order {
                    Some(order) => (order[i], order[j]),
                    None => (i, j),
                };
                values[condensed(pairs.n, i, j)]
            }
        }
    }
}

/// The place of a pair in (0,1), (0,2), ….
pub(super) const fn condensed(n: usize, i: usize, j: usize) -> usize {
    let (i, j) = if i < j { (i, j) } else { (j, i) };
    i * n - i * (i + 1) / 2 + j - i - 1
}

/// A model as a sphere meets it.
pub(super) enum Form {
    /// Columns of the stack.
    Columns {
        /// The first.
        first: usize,
        /// How many.
        k: usize,
        /// The squared norms of rows less their mean.
        norms: Vec<f32>,
    },
    /// A weight for each pair.
    Weights {
        /// −d′, or the Gram matrix if the comparison is whitened.
        bands: Bands<f32>,
        /// Their sums by stimulus.
        rows: Vec<f64>,
        /// The diagonal of the Gram matrix.
        diagonal: Vec<f64>,
    },
}

/// All models made ready.
pub(super) struct Models {
    pub(super) stack: Rows,
    pub(super) forms: Vec<Form>,
    pub(super) sides: Vec<Side>,
    /// −d′ of excluded pairs, each stimulus's in a row of its own padded to whole vectors.
    pub(super) excluded: Vec<Vec<f32>>,
    /// The comparison of each model with each.
    pub(super) between: Array2<f64>,
}

impl Models {
    pub(super) fn of(
        sources: &[Source<'_>],
        pairs: &Pairs,
        comparison: Comparison,
        run: &Run<'_>,
    ) -> Result<Self, Interrupted> {
        let n = pairs.n;
        let mut stack = Rows::zeros(columns(sources), n);
        let mut forms = Vec::new();
        let mut sides = Vec::new();
        let mut excluded = Vec::new();
        let mut first = 0;
        for source in sources {
            if run.interrupt.requested() {
                return Err(Interrupted);
            }
            let (form, side) = source.form(pairs, comparison, &mut stack, first);
            first += source.columns();
            forms.push(form);
            let mean = side.trace / (n as f64 - 1.0);
            let mut side = side;
            let mut values = Vec::new();
            let mut row = usize::MAX;
            for (i, j) in pairs.excluded() {
                if i != row {
                    values.resize(values.len().next_multiple_of(emotome_lanes::LANES), 0.0);
                    row = i;
                }
                let s = mean - source.distance(pairs, i, j);
                side.excluded += s;
                side.excluded_square += s * s;
                values.push(s as f32);
            }
            values.resize(values.len().next_multiple_of(emotome_lanes::LANES), 0.0);
            excluded.push(values);
            sides.push(side);
        }
        let mut models = Self {
            stack,
            forms,
            sides,
            excluded,
            between: Array2::ones((sources.len(), sources.len())),
        };
        models.compare(sources, pairs, comparison, run)?;
        Ok(models)
    }

    /// Fills `between`, rows of distances at a time.
    fn compare(
        &mut self,
        sources: &[Source<'_>],
        pairs: &Pairs,
        comparison: Comparison,
        run: &Run<'_>,
    ) -> Result<(), Interrupted> {
        let (n, m) = (pairs.n, sources.len());
        if m < 2 {
            return Ok(());
        }
        // Sums for chunks of 64 stimuli, added in their order.
        let parts: Vec<Vec<Cross>> = (0..n.div_ceil(64))
            .into_par_iter()
            .map(|chunk| {
                if run.interrupt.requested() {
                    return Err(Interrupted);
                }
                let mut rows = vec![vec![0.0; n]; m];
                let mut sums = vec![Cross::default(); m * m];
                for i in chunk * 64..n.min(chunk * 64 + 64) {
                    for ((source, side), row) in sources.iter().zip(&self.sides).zip(&mut rows) {
                        for (j, value) in row.iter_mut().enumerate().skip(i + 1) {
                            *value = side.trace / (n as f64 - 1.0) - source.distance(pairs, i, j);
                        }
                    }
                    for a in 0..m {
                        for b in a + 1..m {
                            let sum = &mut sums[a * m + b];
                            for j in i + 1..n {
                                let product = rows[a][j] * rows[b][j];
                                sum.covariance += product;
                                if j < pairs.first(i) {
                                    sum.excluded += product;
                                }
                            }
                        }
                    }
                }
                Ok(sums)
            })
            .collect::<Result<_, _>>()?;
        let norms: Vec<Vec<f64>> = sources
            .iter()
            .zip(&self.sides)
            .map(|(source, side)| source.norms(pairs, side.trace))
            .collect();
        for a in 0..m {
            for b in a + 1..m {
                let mut cross = Cross::default();
                for part in &parts {
                    cross.covariance += part[a * m + b].covariance;
                    cross.excluded += part[a * m + b].excluded;
                }
                let (x, y) = (&norms[a], &norms[b]);
                cross.norms = x.iter().zip(y).map(|(x, y)| x * y).sum();
                // ‖XᵀY‖² from the covariance: the identity the other way round.
                let (s, t) = (&self.sides[a], &self.sides[b]);
                let spread = cross.norms - s.trace * t.trace / n as f64;
                cross.energy =
                    2.0 * (cross.covariance - covariance(n, 0.0, spread, [s.trace, t.trace]));
                let value = compare(comparison, n, pairs.kept, s, t, &cross);
                self.between[[a, b]] = value;
                self.between[[b, a]] = value;
            }
        }
        Ok(())
    }

    /// Whether a model needs the similarity of each pair.
    pub(super) fn weighted(&self) -> bool {
        self.forms.iter().any(|f| matches!(f, Form::Weights { .. }))
    }
}

/// Columns of all models, that a sphere is multiplied with.
pub(super) fn columns(sources: &[Source<'_>]) -> usize {
    sources.iter().map(Source::columns).sum()
}

impl Source<'_> {
    /// Columns in the stack.
    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Rows(x) => x.ncols(),
            Self::Pairs(_) => 0,
        }
    }

    /// Whether it is a number for each pair.
    pub(super) const fn dense(&self) -> bool {
        matches!(self, Self::Pairs(_))
    }

    /// g: the diagonal of the Gram matrix −HDH.
    fn norms(&self, pairs: &Pairs, trace: f64) -> Vec<f64> {
        let n = pairs.n;
        match self {
            Self::Rows(x) => x.outer_iter().map(|row| row.dot(&row)).collect(),
            // G_ii = 2 · mean of row i − mean of all = 2 r_i − t/n.
            Self::Pairs(_) => self
                .means(pairs)
                .iter()
                .map(|mean| 2.0 * mean - trace / n as f64)
                .collect(),
        }
    }

    /// Mean of d over each row of the matrix, its diagonal included.
    fn means(&self, pairs: &Pairs) -> Vec<f64> {
        let n = pairs.n;
        let mut means = vec![0.0; n];
        for i in 0..n {
            for j in i + 1..n {
                let d = self.distance(pairs, i, j);
                means[i] += d;
                means[j] += d;
            }
        }
        for mean in &mut means {
            *mean /= n as f64;
        }
        means
    }

    fn form(
        &self,
        pairs: &Pairs,
        comparison: Comparison,
        stack: &mut Rows,
        first: usize,
    ) -> (Form, Side) {
        let n = pairs.n;
        match self {
            Self::Rows(x) => {
                let k = x.ncols();
                let norms = self.norms(pairs, 0.0);
                let trace: f64 = norms.iter().sum();
                let mean = trace / n as f64;
                for c in 0..k {
                    let column = stack.row_mut(first + c);
                    for (to, &from) in column.iter_mut().zip(x.column(c)) {
                        *to = from as f32;
                    }
                }
                let gram = if k <= n { x.t().dot(x) } else { x.dot(&x.t()) };
                let energy: f64 = gram.iter().map(|v| v * v).sum();
                let spread: f64 = norms.iter().map(|g| (g - mean).powi(2)).sum();
                let side = Side {
                    trace,
                    energy,
                    variance: covariance(n, energy, spread, [trace, trace]),
                    rows: 0.25 * (n as f64).powi(2) * spread,
                    norms: norms.iter().map(|g| g * g).sum(),
                    ..Side::default()
                };
                let norms = norms.iter().map(|g| (g - mean) as f32).collect();
                (Form::Columns { first, k, norms }, side)
            }
            Self::Pairs(_) => {
                let means = self.means(pairs);
                let all = means.iter().sum::<f64>() / n as f64;
                let trace = n as f64 * all;
                let mean = trace / (n as f64 - 1.0);
                // Row sums of −d′: (n − 1) mean − Σ_j d_ij.
                let mut rows: Vec<f64> = means
                    .iter()
                    .map(|m| (n as f64 - 1.0) * mean - n as f64 * m)
                    .collect();
                let diagonal: Vec<f64> = means.iter().map(|m| 2.0 * m - all).collect();
                let mut side = Side {
                    trace,
                    rows: rows.iter().map(|r| r * r).sum(),
                    norms: diagonal.iter().map(|g| g * g).sum(),
                    ..Side::default()
                };
                side.energy = side.norms;
                for i in 0..n {
                    for j in i + 1..n {
                        let d = self.distance(pairs, i, j);
                        side.variance += (d - mean).powi(2);
                        side.energy += 2.0 * (means[i] + means[j] - all - d).powi(2);
                    }
                }
                // All pairs have their weight here; excluded ones are subtracted with the rest.
                let every = Pairs::every(n);
                let mut bands = Bands::filled(&every, 0.0);
                if comparison.whitened() {
                    bands.fill(&every, |i, j| {
                        (means[i] + means[j] - all - self.distance(pairs, i, j)) as f32
                    });
                    // Rows of a Gram matrix sum to nought, its diagonal included.
                    rows = diagonal.iter().map(|g| -g).collect();
                } else {
                    bands.fill(&every, |i, j| (mean - self.distance(pairs, i, j)) as f32);
                }
                let form = Form::Weights {
                    bands,
                    rows,
                    diagonal,
                };
                (form, side)
            }
        }
    }
}
