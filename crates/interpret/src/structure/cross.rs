//! How much of one space does another explain, and the other way round? With controls that make the two equal
//! in number of dimensions and in reliability.

use emotome_stats::interval::{Interval, percentile};
use emotome_stats::random::{CounterRng, Seed};
use emotome_stats::summary::{mean, standard_deviation, sum};
use emotome_stimuli::run::Run;
use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::{Estimate, Measure, StructureError, centred, replicate};
use crate::explained::ridge::{Design, NoEigenvectors};
use crate::explained::{ExplainParams, Folds};
use crate::resampling::Resampling;

/// How spaces predict each other.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `penalties` | those of [`ExplainParams`] | |
/// | `components` | none | columns as they are; k: both spaces through k principal components |
/// | `resampling` | 1000 bootstraps, 1000 permutations, 95 % | |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossParams {
    /// Ridge penalties to choose from, per training stimulus and of standardised columns.
    pub penalties: Vec<f64>,
    /// Principal components of both spaces to compare, instead of their columns.
    pub components: Option<usize>,
    /// Intervals and chance.
    pub resampling: Resampling,
}

impl Default for CrossParams {
    fn default() -> Self {
        Self {
            penalties: ExplainParams::default().penalties,
            components: None,
            resampling: Resampling::default(),
        }
    }
}

/// What one space explains of the other, on stimuli held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// R² of each column (or component) predicted: 1 − Σ (y − ŷ)² / Σ (y − ȳ)²; NaN for a constant one.
    pub columns: Vec<Estimate>,
    /// Their mean, constant ones left out.
    pub mean: Measure,
    /// Their mean weighted by the variance of the columns: the share of all variance that is explained.
    pub weighted: Measure,
}

/// What two spaces explain of each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cross {
    /// The number of stimuli.
    pub items: usize,
    /// The number of folds.
    pub folds: usize,
    /// The number of components, if not columns.
    pub components: Option<usize>,
    /// What the first space explains of the second.
    pub forward: Prediction,
    /// What the second explains of the first.
    pub backward: Prediction,
    /// Mean R² forward less backward; the interval takes both from the same resample.
    pub asymmetry: Estimate,
    /// The same, weighted by variance.
    pub asymmetry_weighted: Estimate,
}

/// Predicts each of two spaces (n × d, n × e) from the other by ridge regression on stimuli held out.
///
/// Folds, standardisation and the choice of penalties are those of
/// [`explain`](crate::explained::explain). With `components` the predictors are the leading principal components
/// of the standardised training stimuli of each fold, and the targets those of all stimuli: they define what is
/// to be predicted, and never see the predictors. Intervals resample stimuli with their errors, conditional on
/// folds and fits; the null permutes the stimuli of the target. O(F d³ + (1 + P) (n + F d) d e) each way.
///
/// R² is not symmetric: a space of few reliable dimensions is easily predicted by one of many, not the other
/// way. Read the asymmetry beside [`random_columns`], `components` and [`equal_reliability`].
///
/// # Errors
/// [`StructureError`]: different stimuli, values that are no numbers, a parameter out of range, or interrupted.
pub fn cross(
    first: ArrayView2<'_, f64>,
    second: ArrayView2<'_, f64>,
    folds: &Folds,
    params: &CrossParams,
    run: Run<'_>,
) -> Result<Cross, StructureError> {
    params.check(first, second, folds)?;
    let draws = &params.resampling;
    let ways = [
        Way::new(first, second, folds, params)?,
        Way::new(second, first, folds, params)?,
    ];
    let [forward, backward] = &ways;
    let mut observed = Vec::with_capacity(2);
    let mut null = Vec::with_capacity(2);
    for way in &ways {
        observed.push(way.r2(&way.sums(&vec![1.0; folds.items()])));
        let permuted = way
            .design
            .null(draws.permutations, draws.seed("cross permutation"), run)?;
        null.push(permuted.iter().map(|sums| way.r2(sums)).collect::<Vec<_>>());
    }
    let bootstrap = draws.bootstrap(folds.items(), "cross bootstrap", run, |weights| {
        [
            forward.r2(&forward.sums(weights)),
            backward.r2(&backward.sums(weights)),
        ]
    })?;
    let estimate = |of: &dyn Fn(&[R2]) -> f64| {
        let replicates: Vec<f64> = bootstrap.iter().map(|both| of(both)).collect();
        draws.estimate(of(&observed), &replicates)
    };
    let prediction = |way: usize| {
        let measure = |of: &dyn Fn(&R2) -> f64| Measure {
            estimate: estimate(&|both| of(&both[way])),
            chance: draws.chance(
                of(&observed[way]),
                &null[way].iter().map(of).collect::<Vec<_>>(),
            ),
        };
        Prediction {
            columns: (0..observed[way].columns.len())
                .map(|c| estimate(&|both| both[way].columns[c]))
                .collect(),
            mean: measure(&|r2| r2.mean),
            weighted: measure(&|r2| r2.weighted),
        }
    };
    Ok(Cross {
        items: folds.items(),
        folds: folds.len(),
        components: params.components,
        forward: prediction(0),
        backward: prediction(1),
        asymmetry: estimate(&|both| both[0].mean - both[1].mean),
        asymmetry_weighted: estimate(&|both| both[0].weighted - both[1].weighted),
    })
}

/// R² of each column, and their means.
struct R2 {
    columns: Vec<f64>,
    mean: f64,
    weighted: f64,
}

/// One space predicting the other.
struct Way {
    design: Design,
    /// Squared errors of each stimulus, fold after fold.
    errors: Array2<f64>,
    /// The variance of each target.
    variance: Vec<f64>,
}

impl Way {
    fn new(
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        folds: &Folds,
        params: &CrossParams,
    ) -> Result<Self, StructureError> {
        let targets = match params.components {
            None => y.to_owned(),
            Some(k) => scores(y, k)?,
        };
        let every = [(0..x.ncols()).collect::<Vec<_>>()];
        let kept = params.components.unwrap_or(x.ncols());
        let design = Design::new(x, targets.view(), &every, kept, folds, &params.penalties);
        let design = design.map_err(|NoEigenvectors(_)| StructureError::Decomposition {
            what: "the correlations of a space",
        })?;
        let centred = centred(targets.view(), false);
        let n = targets.nrows() as f64;
        Ok(Self {
            errors: design.errors(),
            design,
            variance: centred
                .columns()
                .into_iter()
                .map(|y| y.dot(&y) / n)
                .collect(),
        })
    }

    /// Sums of the errors of weighted stimuli.
    fn sums(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.errors.ncols()];
        for (row, &weight) in self.errors.rows().into_iter().zip(weights) {
            if weight > 0.0 {
                sums.iter_mut()
                    .zip(row)
                    .for_each(|(sum, error)| *sum += weight * error);
            }
        }
        sums
    }

    fn r2(&self, sums: &[f64]) -> R2 {
        // Components beyond the rank of a space are rounding.
        let least = 1e-12 * self.variance.iter().copied().fold(0.0, f64::max);
        let columns: Vec<f64> = (0..self.variance.len())
            .map(|c| {
                let baseline = sums[c];
                if self.variance[c] > least && baseline > 0.0 {
                    1.0 - sums[self.variance.len() + 1 + c] / baseline
                } else {
                    f64::NAN
                }
            })
            .collect();
        let defined = || (0..columns.len()).filter(|&c| !columns[c].is_nan());
        let total = sum(defined().map(|c| self.variance[c]));
        R2 {
            mean: mean(&defined().map(|c| columns[c]).collect::<Vec<_>>()),
            weighted: sum(defined().map(|c| self.variance[c] * columns[c])) / total,
            columns,
        }
    }
}

/// The first k principal components of the standardised columns, n × k.
pub(super) fn scores(values: ArrayView2<'_, f64>, k: usize) -> Result<Array2<f64>, StructureError> {
    let standard = centred(values, true);
    let d = standard.ncols();
    let products = standard.t().dot(&standard) / standard.nrows() as f64;
    let failed = StructureError::Decomposition {
        what: "the correlations of a space",
    };
    let eigen = Mat::from_fn(d, d, |i, j| products[[i, j]])
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| failed)?;
    let vectors = eigen.U();
    let leading = Array2::from_shape_fn((d, k.min(d)), |(i, j)| vectors[(i, d - 1 - j)]);
    Ok(standard.dot(&leading))
}

impl CrossParams {
    fn check(
        &self,
        first: ArrayView2<'_, f64>,
        second: ArrayView2<'_, f64>,
        folds: &Folds,
    ) -> Result<(), StructureError> {
        self.resampling.check()?;
        for (what, space) in [("the first space", first), ("the second space", second)] {
            StructureError::unless_same(what, space.nrows(), folds.items())?;
            StructureError::unless_finite(what, space)?;
            let remedy = "give each space at least one";
            StructureError::unless_enough("columns", space.ncols(), 1, remedy)?;
        }
        let count = self.penalties.len();
        let allowed = (1..=1000).contains(&count);
        StructureError::unless(
            allowed,
            "the number of penalties",
            count as f64,
            "from 1 to 1000",
        )?;
        if let Some(&found) = self.penalties.iter().find(|x| !(1e-9..=1e9).contains(*x)) {
            StructureError::unless(false, "a penalty", found, "from 1e-9 to 1e9 per stimulus")?;
        }
        let most = first.ncols().min(second.ncols());
        match self.components {
            Some(k) if k == 0 || k > most => StructureError::unless(
                false,
                "the number of components",
                k as f64,
                "at least 1 and at most the columns of the smaller space",
            ),
            _ => Ok(()),
        }
    }
}

/// The share of reliable variance explained: R² / reliability of each column predicted; NaN where the
/// reliability is not above 0.
///
/// Noise in the *predictors* is not undone: for that, compare spaces of [equal reliability](equal_reliability).
/// Spearman (1904), doi:10.2307/1412159.
///
/// # Errors
/// [`StructureError::Mismatch`] if the reliabilities are of other columns.
pub fn disattenuated(
    prediction: &Prediction,
    reliability: &[f64],
) -> Result<Vec<f64>, StructureError> {
    let columns = prediction.columns.len();
    StructureError::unless_same("reliabilities", reliability.len(), columns)?;
    let share = |(r2, &reliability): (&Estimate, &f64)| {
        if reliability > 0.0 {
            r2.value / reliability
        } else {
            f64::NAN
        }
    };
    Ok(prediction
        .columns
        .iter()
        .zip(reliability)
        .map(share)
        .collect())
}

/// Columns with noise added to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Degraded {
    /// The columns, n × d.
    pub values: Array2<f64>,
    /// Columns that were no more reliable than wanted, or of unknown reliability, and are unchanged.
    pub unchanged: Vec<usize>,
}

/// Adds normal noise to each column until its reliability is the one wanted: variance v (have / want − 1) to a
/// column of variance v. O(n d).
///
/// # Errors
/// [`StructureError::Unreliable`] for a wanted reliability that is not above 0; reliabilities of other columns or
/// above 1, or values that are no numbers.
pub fn degrade(
    values: ArrayView2<'_, f64>,
    have: &[f64],
    want: f64,
    seed: Seed,
) -> Result<Degraded, StructureError> {
    StructureError::unless_same("reliabilities", have.len(), values.ncols())?;
    StructureError::unless_finite("values", values)?;
    if want.is_nan() || want <= 0.0 {
        return Err(StructureError::Unreliable { found: want });
    }
    StructureError::unless(want <= 1.0, "the reliability wanted", want, "at most 1")?;
    if let Some(&found) = have.iter().find(|x| **x > 1.0) {
        StructureError::unless(false, "a reliability", found, "at most 1")?;
    }
    let spread = centred(values, false);
    let n = values.nrows() as f64;
    let mut out = values.to_owned();
    let mut unchanged = Vec::new();
    for (c, mut column) in out.columns_mut().into_iter().enumerate() {
        let variance = spread.column(c).dot(&spread.column(c)) / n;
        let noise = (variance * (have[c] / want - 1.0)).sqrt();
        if have[c] > want {
            let mut rng = CounterRng::new(seed.derive("degrade"), c as u64);
            column.iter_mut().for_each(|x| *x += noise * rng.normal());
        } else {
            unchanged.push(c);
        }
    }
    Ok(Degraded {
        values: out,
        unchanged,
    })
}

/// A number over repeats of a control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Repeated {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub spread: f64,
    /// Its central `level`.
    pub interval: Interval,
}

/// Mean R² each way when both spaces are made equal, repeated with other draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Control {
    /// The number of repeats.
    pub repeats: usize,
    /// What the first space explains of the second.
    pub forward: Repeated,
    /// What the second explains of the first.
    pub backward: Repeated,
    /// Forward less backward.
    pub asymmetry: Repeated,
    /// Columns of the first and of the second space that could not be changed; always 0 for random columns.
    pub unchanged: [usize; 2],
}

/// [`cross`] between `columns` random columns of each space, without intervals, `repeats` times.
///
/// # Errors
/// As [`cross`], and for more columns than a space has.
pub fn random_columns(
    first: ArrayView2<'_, f64>,
    second: ArrayView2<'_, f64>,
    columns: usize,
    folds: &Folds,
    params: &CrossParams,
    repeats: usize,
    run: Run<'_>,
) -> Result<Control, StructureError> {
    let most = first.ncols().min(second.ncols());
    let expected = "at least 1 and at most the columns of the smaller space";
    let allowed = (1..=most).contains(&columns);
    StructureError::unless(allowed, "the number of columns", columns as f64, expected)?;
    let seed = params.resampling.seed("cross columns");
    let draw = |space: ArrayView2<'_, f64>, rng: &mut CounterRng| {
        let mut order: Vec<usize> = (0..space.ncols()).collect();
        rng.shuffle(&mut order);
        space.select(Axis(1), &order[..columns])
    };
    control(first, second, folds, params, repeats, run, |repeat| {
        let mut rng = CounterRng::new(seed, repeat);
        Ok((draw(first, &mut rng), draw(second, &mut rng), [0, 0]))
    })
}

/// [`cross`] between spaces whose columns have at most a stated reliability, noise being [added](degrade),
/// without intervals, `repeats` times.
///
/// # Errors
/// As [`cross`] and [`degrade`].
pub fn equal_reliability(
    (first, first_reliability): (ArrayView2<'_, f64>, &[f64]),
    (second, second_reliability): (ArrayView2<'_, f64>, &[f64]),
    want: f64,
    folds: &Folds,
    params: &CrossParams,
    repeats: usize,
    run: Run<'_>,
) -> Result<Control, StructureError> {
    let seed = params.resampling.seed("cross reliability");
    control(first, second, folds, params, repeats, run, |repeat| {
        let seed = seed.child(repeat);
        let x = degrade(first, first_reliability, want, seed.derive("first"))?;
        let y = degrade(second, second_reliability, want, seed.derive("second"))?;
        let unchanged = [x.unchanged.len(), y.unchanged.len()];
        Ok((x.values, y.values, unchanged))
    })
}

fn control(
    first: ArrayView2<'_, f64>,
    second: ArrayView2<'_, f64>,
    folds: &Folds,
    params: &CrossParams,
    repeats: usize,
    run: Run<'_>,
    spaces: impl Fn(u64) -> Result<(Array2<f64>, Array2<f64>, [usize; 2]), StructureError> + Sync,
) -> Result<Control, StructureError> {
    params.check(first, second, folds)?;
    let allowed = (1..=10_000).contains(&repeats);
    StructureError::unless(
        allowed,
        "the number of repeats",
        repeats as f64,
        "from 1 to 10000",
    )?;
    let all = vec![1.0; folds.items()];
    let found = replicate(run, "Comparing equal spaces", repeats, |repeat| {
        let (x, y, unchanged) = spaces(repeat as u64)?;
        let r2 = |x: &Array2<f64>, y: &Array2<f64>| {
            let way = Way::new(x.view(), y.view(), folds, params)?;
            Ok::<f64, StructureError>(way.r2(&way.sums(&all)).mean)
        };
        Ok((r2(&x, &y)?, r2(&y, &x)?, unchanged))
    })?;
    let repeated = |of: &dyn Fn(&(f64, f64, [usize; 2])) -> f64| {
        let values: Vec<f64> = found.iter().map(of).collect();
        Repeated {
            mean: mean(&values),
            spread: standard_deviation(&values),
            interval: percentile(&values, params.resampling.level),
        }
    };
    Ok(Control {
        repeats,
        forward: repeated(&|x| x.0),
        backward: repeated(&|x| x.1),
        asymmetry: repeated(&|x| x.0 - x.1),
        unchanged: found.first().map_or([0, 0], |x| x.2),
    })
}
