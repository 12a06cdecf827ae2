//! Training samples in coordinates in which every penalty is a division.
//!
//! With features x̃ = D⁻¹(x − μ) of the training samples, C = X̃ᵀX̃ = V Λ Vᵀ and coordinates z = Vᵀx̃,
//!
//! ```text
//! ŵ(λ) = (Λ + λ)⁻¹ b,   b = Zᵀ(y − ȳ)
//! ```
//!
//! C is decomposed where there are fewer features than training samples (primal), else X̃X̃ᵀ = U S Uᵀ, of which
//! Z = X̃ X̃ᵀ U S^−½ are the same coordinates (kernel).

use crate::RidgeError;
use crate::groups::{Centre, Groups};
use crate::kernel::{EIGHT, Panels};
use faer::{Mat, Side};

/// Eigenvalues below this share of the largest have no direction.
const RANK: f64 = 1e-14;

/// A training set.
pub(crate) struct Basis {
    /// Folds that are left out.
    pub(crate) left_out: Vec<usize>,
    /// Means and scales of features.
    pub(crate) centre: Centre,
    /// Λ.
    pub(crate) values: Vec<f64>,
    /// What takes sums of products, or responses, into coordinates.
    pub(crate) route: Route,
    /// What is known of each fold that is left out.
    pub(crate) held: Vec<Held>,
}

/// How b and its like are found.
pub(crate) enum Route {
    /// VᵀD⁻¹ (coordinates × features) times sums of products of features and responses.
    Products(Panels),
    /// Zᵀ (coordinates × samples) times responses.
    Coordinates(Panels),
}

/// A fold that is left out, in coordinates.
pub(crate) struct Held {
    /// Σ z.
    pub(crate) sums: Vec<f64>,
    /// What gives Σ ŷ² from weights.
    pub(crate) form: Form,
}

/// wᵀ(Σ z zᵀ)w.
pub(crate) enum Form {
    /// From Σ z zᵀ.
    Products(Panels),
    /// From the z themselves, where they are fewer than features.
    Rows(Panels),
}

impl Held {
    /// q += wᵀ(Σ z zᵀ)w.
    pub(crate) fn squares(&self, w: &[f64], width: usize, q: &mut [f64]) {
        match &self.form {
            Form::Products(panels) => panels.quadratic(w, width, q),
            Form::Rows(panels) => panels.squares(w, width, q),
        }
    }
}

impl Basis {
    /// From sums of products of each fold, where there are few features. O(p³).
    pub(crate) fn of_products(
        groups: &Groups<'_>,
        products: &[Vec<f64>],
        left_out: &[usize],
    ) -> Result<Self, RidgeError> {
        let (p, padded) = (groups.features, groups.padded());
        let centre = groups.centre(left_out)?;
        let (values, v) = primal(groups, products, left_out, &centre)?;
        let vectors = scaled(&v, &centre.scale, padded);
        let rotate = Panels::new(p, p, |coordinate, feature| {
            vectors[feature * padded + coordinate]
        });
        let held = left_out
            .iter()
            .map(|&fold| {
                // Σ (x − μ)(x − μ)ᵀ of the fold, turned from both sides.
                let n = groups.folds.size(fold) as f64;
                let sum = &groups.sums[fold];
                let about: Vec<f64> = sum
                    .iter()
                    .zip(&centre.mean)
                    .map(|(s, m)| s - n * m)
                    .collect();
                let mut square = vec![0.0; p * padded];
                for i in 0..p {
                    for j in 0..p {
                        square[i * padded + j] = products[fold][i * padded + j]
                            - centre.mean[i] * sum[j]
                            - about[i] * centre.mean[j];
                    }
                }
                let mut half = vec![0.0; rotate.padded() * padded];
                rotate.multiply(0..p, &square, padded, &mut half);
                // (VᵀD⁻¹S)ᵀ is S D⁻¹V, S being symmetric.
                let turned: Vec<f64> = transpose(&half, p, p, padded);
                let mut whole = vec![0.0; rotate.padded() * padded];
                rotate.multiply(0..p, &turned, padded, &mut whole);
                let mut sums = vec![0.0; p];
                for (feature, about) in about.iter().enumerate() {
                    for (coordinate, sum) in sums.iter_mut().enumerate() {
                        *sum += vectors[feature * padded + coordinate] * about;
                    }
                }
                Held {
                    sums,
                    form: Form::Products(Panels::folded(p, |i, k| {
                        0.5 * (whole[i * padded + k] + whole[k * padded + i])
                    })),
                }
            })
            .collect();
        Ok(Self {
            left_out: left_out.to_vec(),
            centre,
            values,
            route: Route::Products(rotate),
            held,
        })
    }

    /// From coordinates of all samples, where there are many features; `products` for the primal form.
    /// O(n p min(n, p)).
    pub(crate) fn of_coordinates(
        groups: &Groups<'_>,
        products: Option<&[Vec<f64>]>,
        left_out: &[usize],
    ) -> Result<Self, RidgeError> {
        let (n, p) = (groups.folds.samples(), groups.features);
        let centre = groups.centre(left_out)?;
        let about =
            |sample: usize, feature: usize| groups.row(sample)[feature] - centre.mean[feature];
        let (values, z, width) = if let Some(products) = products {
            let (values, v) = primal(groups, products, left_out, &centre)?;
            let width = groups.padded();
            let vectors = scaled(&v, &centre.scale, width);
            let rows = Panels::new(n, p, about);
            let mut z = vec![0.0; rows.padded() * width];
            rows.multiply(0..p, &vectors, width, &mut z);
            (values, z, width)
        } else {
            kernel(groups, left_out, &centre)?
        };
        let rank = values.len();
        let turned = Panels::new(rank, n, |coordinate, sample| z[sample * width + coordinate]);
        let held = left_out
            .iter()
            .map(|&fold| {
                let k = groups.folds.range(fold);
                let mut sums = vec![0.0; rank];
                for row in z.chunks_exact(width).skip(k.start).take(k.len()) {
                    sums.iter_mut().zip(row).for_each(|(sum, z)| *sum += z);
                }
                let form = if k.len() < rank {
                    Form::Rows(Panels::new(k.len(), rank, |i, c| {
                        z[(k.start + i) * width + c]
                    }))
                } else {
                    let mut square = vec![0.0; turned.padded() * width];
                    turned.multiply(k.clone(), &z[k.start * width..], width, &mut square);
                    Form::Products(Panels::folded(rank, |i, j| square[i * width + j]))
                };
                Held { sums, form }
            })
            .collect();
        Ok(Self {
            left_out: left_out.to_vec(),
            centre,
            values,
            route: Route::Coordinates(turned),
            held,
        })
    }
}

impl Basis {
    /// Numbers that it holds.
    pub(crate) fn numbers(&self) -> usize {
        let (Route::Products(route) | Route::Coordinates(route)) = &self.route;
        let held = |held: &Held| {
            let (Form::Products(form) | Form::Rows(form)) = &held.form;
            form.numbers()
        };
        route.numbers() + self.held.iter().map(held).sum::<usize>()
    }
}

/// Λ and V of the products of standardised training features.
fn primal(
    groups: &Groups<'_>,
    products: &[Vec<f64>],
    left_out: &[usize],
    centre: &Centre,
) -> Result<(Vec<f64>, Mat<f64>), RidgeError> {
    let (p, padded) = (groups.features, groups.padded());
    let mut sum = vec![0.0; p * padded];
    for (fold, products) in products.iter().enumerate() {
        if !left_out.contains(&fold) {
            sum.iter_mut().zip(products).for_each(|(sum, v)| *sum += v);
        }
    }
    let covariance = Mat::from_fn(p, p, |i, j| {
        let (low, high) = (i.min(j), i.max(j));
        (sum[low * padded + high] - centre.n * centre.mean[i] * centre.mean[j])
            * centre.scale[i]
            * centre.scale[j]
    });
    decompose(&covariance)
}

/// Eigenvalues, none below 0, and eigenvectors.
fn decompose(matrix: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), RidgeError> {
    let failed = || RidgeError::Eigen {
        size: matrix.nrows(),
    };
    let eigen = matrix
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| failed())?;
    let values: Vec<f64> = eigen
        .S()
        .column_vector()
        .iter()
        .map(|v| v.max(0.0))
        .collect();
    if values.iter().any(|v| !v.is_finite()) {
        return Err(failed());
    }
    Ok((values, eigen.U().to_owned()))
}

/// D⁻¹V, features × padded coordinates.
fn scaled(v: &Mat<f64>, scale: &[f64], width: usize) -> Vec<f64> {
    let mut vectors = vec![0.0; v.nrows() * width];
    for (feature, row) in vectors.chunks_exact_mut(width).enumerate() {
        for (coordinate, to) in row.iter_mut().take(v.ncols()).enumerate() {
            *to = scale[feature] * v[(feature, coordinate)];
        }
    }
    vectors
}

/// Λ and coordinates of all samples (samples × width) from inner products of samples.
fn kernel(
    groups: &Groups<'_>,
    left_out: &[usize],
    centre: &Centre,
) -> Result<(Vec<f64>, Vec<f64>, usize), RidgeError> {
    let (n, p) = (groups.folds.samples(), groups.features);
    let standard = |sample: usize, feature: usize| {
        (groups.row(sample)[feature] - centre.mean[feature]) * centre.scale[feature]
    };
    let training: Vec<usize> = (0..groups.folds.count())
        .filter(|fold| !left_out.contains(fold))
        .flat_map(|fold| groups.folds.range(fold))
        .collect();
    let m = training.len();
    let width = m.next_multiple_of(EIGHT);
    let rows = Panels::new(n, p, standard);
    let mut columns = vec![0.0; p * width];
    for (at, &sample) in training.iter().enumerate() {
        for feature in 0..p {
            columns[feature * width + at] = standard(sample, feature);
        }
    }
    let mut inner = vec![0.0; rows.padded() * width];
    rows.multiply(0..p, &columns, width, &mut inner);
    drop((rows, columns));
    let gram = Mat::from_fn(m, m, |i, j| inner[training[i.min(j)] * width + i.max(j)]);
    let (values, u) = decompose(&gram)?;
    let largest = values.iter().fold(0.0, |most: f64, &v| most.max(v));
    let kept: Vec<usize> = (0..m)
        .filter(|&i| values[i] > largest * RANK * m as f64)
        .collect();
    let out = kept.len().next_multiple_of(EIGHT).max(EIGHT);
    let mut turn = vec![0.0; m * out];
    for (row, to) in turn.chunks_exact_mut(out).enumerate() {
        for (to, &i) in to.iter_mut().zip(&kept) {
            *to = u[(row, i)] / values[i].sqrt();
        }
    }
    let rows = Panels::new(n, m, |sample, k| inner[sample * width + k]);
    let mut z = vec![0.0; rows.padded() * out];
    rows.multiply(0..m, &turn, out, &mut z);
    Ok((kept.into_iter().map(|i| values[i]).collect(), z, out))
}

/// The transpose of `rows` × `columns` numbers of a matrix that is `width` wide, `width` wide too.
fn transpose(matrix: &[f64], rows: usize, columns: usize, width: usize) -> Vec<f64> {
    let mut turned = vec![0.0; columns * width];
    for i in 0..rows {
        for j in 0..columns {
            turned[j * width + i] = matrix[i * width + j];
        }
    }
    turned
}
