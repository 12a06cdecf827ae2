//! Held-out scores of many targets, from sums and products alone.
//!
//! For a training set with basis Z, Λ ([module of bases](crate)) and a fold that is left out, the sums that r and R²
//! need are
//!
//! ```text
//! Σ ŷ  = (Σ z)ᵀ ŵ + n ȳ      Σ ŷ² = ŵᵀ(Σ z zᵀ)ŵ + 2 ȳ (Σ z)ᵀŵ + n ȳ²      Σ ŷ y = (Σ z y)ᵀ ŵ + ȳ Σ y
//! ```
//!
//! with ȳ the mean of the training responses. Over n samples, p features, v targets, G folds and L penalties that is
//! O(v (n p + G L p²)) for one layer of cross-validation and O(v (n p + G² L p²)) for two, in which the two training
//! sets that lack the same two folds are one; none of it grows with the number of samples but n p. Targets are taken
//! a few at a time, so that memory is a few MB a thread beside the responses.

use crate::basis::{Basis, Route};
use crate::groups::Groups;
use crate::kernel::{EIGHT, Panels, shrink};
use crate::score::{Pooled, Sums};
use crate::{Folds, Penalties, Pooling, Responses, RidgeError, Rule, Scaling, Score};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// On which samples penalties are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// For each fold that is left out, by cross-validation over the others: scores are those of samples that had no
    /// part in the choice.
    #[default]
    Nested,
    /// By the very scores that are reported, as himalaya's `RidgeCV` has them: a little too good.
    SameFolds,
}

/// Which products are decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Primal where there are at most as many features as training samples, else kernel.
    #[default]
    Auto,
    /// Those of features.
    Primal,
    /// Those of samples.
    Kernel,
}

/// How targets are predicted.
///
/// | parameter | default |
/// |---|---|
/// | `penalties` | 20 from 10 to 10,000 |
/// | `rule` | a penalty for each target |
/// | `selection` | nested |
/// | `score` | Pearson |
/// | `pooling` | concatenated |
/// | `scaling` | standardised |
/// | `solver` | by the number of features |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Penalties to choose from; a single one is not chosen.
    pub penalties: Penalties,
    /// What one penalty is chosen for.
    pub rule: Rule,
    /// On which samples.
    pub selection: Selection,
    /// By which score.
    pub score: Score,
    /// Over what scores are taken, those for choosing and those reported.
    pub pooling: Pooling,
    /// What is done to features and responses.
    pub scaling: Scaling,
    /// Which products are decomposed.
    pub solver: Solver,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            penalties: Penalties::default(),
            rule: Rule::PerTarget,
            selection: Selection::default(),
            score: Score::default(),
            pooling: Pooling::default(),
            scaling: Scaling::default(),
            solver: Solver::default(),
        }
    }
}

/// A penalty for each target, in each fold that was left out or in all.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Folds × targets, one row where all folds share it; NaN for targets that have no score.
    pub penalties: Array2<f64>,
    /// The score each was chosen by; NaN where a single penalty left nothing to choose.
    pub scores: Array2<f64>,
}

/// How well targets are predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidated {
    /// r of held-out responses with their predictions; NaN for targets that do not vary or are not finite.
    pub pearson: Vec<f64>,
    /// R² of the same.
    pub r2: Vec<f64>,
    /// The penalties.
    pub chosen: Chosen,
    /// Targets that are the same in all samples.
    pub constant: Vec<usize>,
    /// Targets with NaN or infinity.
    pub not_finite: Vec<usize>,
    /// Which products were decomposed.
    pub solver: Solver,
    /// Whether sums of products stood for samples, or samples themselves did, whichever is less work.
    pub from_products: bool,
}

/// Targets whose sums are found together; more make no step faster.
const WIDTH: usize = 96;

/// Predicts targets from features by ridge regression, every sample from the folds that it is not in.
///
/// `features` are samples × features. A target's result has the same bits whatever other targets, threads and
/// instruction sets there are; where penalties are [shared](Rule) it depends on the targets that share them.
///
/// # Errors
/// Differing numbers of samples, features that are not finite, too few folds (two; three where selection is nested) or
/// too small ones, responses that cannot be read, or an interrupt.
///
/// # Source
/// Sums of products for nested cross-validation: spelled out in `docs/encoding.md`. The rule for one penalty a target:
/// Dupré la Tour et al. (2022), doi:10.1016/j.neuroimage.2022.119728; one for all in each fold: Horikawa et al. (2020),
/// doi:10.1016/j.isci.2020.101060.
///
/// ```
/// # use emotome_ridge::{cross_validate, Folds, Params, Penalties, responses::BySample};
/// # use emotome_stimuli::run::{Interrupt, Run, Silent};
/// use ndarray::Array2;
/// let features = Array2::from_shape_fn((30, 2), |(i, j)| ((i * (j + 3)) as f64).sin());
/// let responses = Array2::from_shape_fn((30, 1), |(i, _)| features[[i, 0]] - features[[i, 1]]);
/// let folds = Folds::contiguous(30, 5)?;
/// let params = Params { penalties: Penalties::new(vec![1e-3, 1e3])?, ..Params::default() };
/// let run = Run { progress: &Silent, interrupt: &Interrupt::default() };
/// let found = cross_validate(features.view(), &BySample(responses.view()), &folds, &params, run)?;
/// assert!(found.pearson[0] > 0.9999 && found.chosen.penalties[[0, 0]] == 1e-3);
/// # Ok::<(), emotome_ridge::RidgeError>(())
/// ```
pub fn cross_validate(
    features: ArrayView2<'_, f64>,
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
    run: Run<'_>,
) -> Result<CrossValidated, RidgeError> {
    check(features.nrows(), responses, folds, params)?;
    let groups = Groups::new(features, folds, params.scaling)?;
    let nested = params.selection == Selection::Nested && params.penalties.len() > 1;
    let plan = Plan::new(&groups, params, nested, run)?;
    let targets = responses.targets();
    let starts: Vec<usize> = (0..targets).step_by(WIDTH).collect();
    let layers = if nested && params.rule != Rule::PerTarget {
        2
    } else {
        1
    };
    run.progress
        .begin("predicting", Some((layers * targets) as u64));
    let blocks = |work: &(dyn Fn(&Block) -> Part + Sync)| -> Result<Vec<Part>, RidgeError> {
        starts
            .par_iter()
            .map(|&start| {
                if run.interrupt.requested() {
                    return Err(RidgeError::Interrupted);
                }
                let range = start..(start + WIDTH).min(targets);
                let count = range.len() as u64;
                let part = work(&plan.block(responses, range)?);
                run.progress.advance(count);
                Ok(part)
            })
            .collect()
    };
    let found = if !nested {
        blocks(&|block| plan.same_folds(block, params)).map(|parts| plan.share(parts, params))
    } else if params.rule == Rule::PerTarget {
        blocks(&|block| {
            let inner = plan.inner(block, params);
            let chosen = plan.choose(&inner, block.targets.len(), params);
            plan.outer(block, chosen, params)
        })
    } else {
        blocks(&|block| Part {
            table: plan.inner(block, params),
            ..Part::of(block)
        })
        .and_then(|parts| {
            let table: Vec<Array2<f64>> = (0..folds.count())
                .map(|fold| {
                    let all: Vec<_> = parts.iter().map(|part| part.table[fold].view()).collect();
                    ndarray::concatenate(ndarray::Axis(1), &all).unwrap_or_default()
                })
                .collect();
            let chosen = plan.choose(&table, targets, params);
            blocks(&|block| plan.outer(block, chosen.part(block.targets.clone()), params))
        })
    };
    run.progress.end();
    Ok(plan.join(found?))
}

fn check(
    samples: usize,
    responses: &(impl Responses + ?Sized),
    folds: &Folds,
    params: &Params,
) -> Result<(), RidgeError> {
    if responses.samples() != samples {
        return Err(RidgeError::Samples {
            what: "responses",
            found: responses.samples(),
            expected: samples,
        });
    }
    if responses.targets() == 0 {
        return Err(RidgeError::Nothing { what: "responses" });
    }
    if let Rule::PerRegion(regions) = &params.rule
        && regions.len() != responses.targets()
    {
        return Err(RidgeError::Regions {
            found: regions.len(),
            expected: responses.targets(),
        });
    }
    if params.selection == Selection::Nested && params.penalties.len() > 1 && folds.count() < 3 {
        return Err(RidgeError::Folds {
            what: "choosing penalties within the folds that are not left out",
            found: folds.count(),
            least: 3,
        });
    }
    let least = match (params.pooling, params.score) {
        (Pooling::FoldMean, Score::Pearson) => 3,
        (Pooling::FoldMean, _) => 2,
        _ => 1,
    };
    match (0..folds.count()).find(|&fold| folds.size(fold) < least) {
        Some(fold) => Err(RidgeError::FoldSize {
            fold,
            found: folds.size(fold),
            least,
        }),
        None => Ok(()),
    }
}

/// Responses of a few targets, by fold.
struct Block {
    targets: Range<usize>,
    width: usize,
    /// Σ y and Σ y² of each fold: folds × width.
    sums: Vec<f64>,
    squares: Vec<f64>,
    constant: Vec<usize>,
    not_finite: Vec<usize>,
    held: Material,
}

/// What bases turn into coordinates.
enum Material {
    /// X_gᵀ y of each fold g: folds × padded features × width.
    Products(Vec<f64>),
    /// y, fold after fold: samples × width.
    Responses(Vec<f64>),
}

/// Results of a block.
struct Part {
    targets: Range<usize>,
    pearson: Vec<f64>,
    r2: Vec<f64>,
    chosen: Indices,
    /// For each fold, penalties × targets.
    table: Vec<Array2<f64>>,
    constant: Vec<usize>,
    not_finite: Vec<usize>,
}

impl Part {
    fn of(block: &Block) -> Self {
        Self {
            targets: block.targets.clone(),
            pearson: Vec::new(),
            r2: Vec::new(),
            chosen: Indices::default(),
            table: Vec::new(),
            constant: block.constant.clone(),
            not_finite: block.not_finite.clone(),
        }
    }
}

/// Places of penalties in their list and the scores that chose them, by fold.
#[derive(Clone, Default)]
struct Indices {
    at: Vec<Vec<Option<usize>>>,
    scores: Vec<Vec<f64>>,
}

impl Indices {
    fn part(&self, targets: Range<usize>) -> Self {
        Self {
            at: self
                .at
                .iter()
                .map(|row| row[targets.clone()].to_vec())
                .collect(),
            scores: self
                .scores
                .iter()
                .map(|row| row[targets.clone()].to_vec())
                .collect(),
        }
    }
}

/// All training sets.
struct Plan<'a> {
    groups: &'a Groups<'a>,
    penalties: &'a Penalties,
    /// Lacking one fold, in order of folds.
    single: Vec<Basis>,
    /// Lacking two, (0, 1), (0, 2), … (1, 2), …
    pairs: Vec<Basis>,
    /// Features × samples, where sums of products stand for samples.
    turned: Option<Panels>,
    solver: Solver,
}

/// Scratch space of a block, each of coordinates × width.
struct Scratch {
    weights: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
    products: Vec<f64>,
}

impl<'a> Plan<'a> {
    fn new(
        groups: &'a Groups<'a>,
        params: &'a Params,
        nested: bool,
        run: Run<'_>,
    ) -> Result<Self, RidgeError> {
        let (folds, p) = (groups.folds, groups.features);
        let count = folds.count();
        let mut sizes: Vec<usize> = (0..count).map(|fold| folds.size(fold)).collect();
        sizes.sort_unstable();
        let least = folds.samples()
            - sizes
                .iter()
                .rev()
                .take(1 + usize::from(nested))
                .sum::<usize>();
        let solver = match params.solver {
            Solver::Auto if p <= least => Solver::Primal,
            Solver::Auto => Solver::Kernel,
            given => given,
        };
        // A quadratic form of p² / 2 against p products for each sample of a fold.
        let from_products = solver == Solver::Primal && p <= 2 * folds.samples() / count;
        let products = (solver == Solver::Primal).then(|| groups.products());
        let mut lists: Vec<Vec<usize>> = (0..count).map(|fold| vec![fold]).collect();
        if nested {
            lists.extend((0..count).flat_map(|a| (a + 1..count).map(move |b| vec![a, b])));
        }
        run.progress
            .begin("decomposing training sets", Some(lists.len() as u64));
        let bases: Result<Vec<Basis>, RidgeError> = lists
            .par_iter()
            .map(|left_out| {
                if run.interrupt.requested() {
                    return Err(RidgeError::Interrupted);
                }
                let basis = match &products {
                    Some(products) if from_products => {
                        Basis::of_products(groups, products, left_out)
                    }
                    products => Basis::of_coordinates(groups, products.as_deref(), left_out),
                };
                run.progress.advance(1);
                basis
            })
            .collect();
        run.progress.end();
        let mut single = bases?;
        let pairs = single.split_off(count);
        Ok(Self {
            groups,
            penalties: &params.penalties,
            single,
            pairs,
            turned: from_products.then(|| groups.turned()),
            solver,
        })
    }

    /// Where the training set that lacks folds a < b stands among [`pairs`](Self::pairs).
    fn pair(&self, a: usize, b: usize) -> usize {
        let count = self.groups.folds.count();
        a * (2 * count - a - 1) / 2 + b - a - 1
    }

    /// Reads the responses of some targets and finds their sums.
    fn block(
        &self,
        responses: &(impl Responses + ?Sized),
        targets: Range<usize>,
    ) -> Result<Block, RidgeError> {
        let folds = self.groups.folds;
        let width = targets.len().next_multiple_of(EIGHT);
        let mut y = vec![0.0; folds.samples() * width];
        responses.fill(targets.clone(), folds.order(), width, &mut y)?;
        let (mut constant, mut not_finite) = (Vec::new(), Vec::new());
        let mut shift = vec![0.0; width];
        let (mut low, mut high) = (vec![f64::INFINITY; width], vec![f64::NEG_INFINITY; width]);
        let mut finite = vec![true; width];
        for row in y.chunks_exact(width) {
            for (t, &value) in row.iter().enumerate() {
                shift[t] += value;
                low[t] = low[t].min(value);
                high[t] = high[t].max(value);
                finite[t] &= value.is_finite();
            }
        }
        for t in 0..targets.len() {
            if !finite[t] {
                not_finite.push(targets.start + t);
            } else if low[t] == high[t] {
                constant.push(targets.start + t);
            }
        }
        for t in 0..width {
            // What does not vary has no score, whatever its rounded mean.
            let none = t < targets.len() && (low[t] == high[t] || !finite[t]);
            shift[t] = if none {
                f64::NAN
            } else if self.groups.scaling.centres() {
                shift[t] / folds.samples() as f64
            } else {
                0.0
            };
        }
        for row in y.chunks_exact_mut(width) {
            row.iter_mut()
                .zip(&shift)
                .for_each(|(y, shift)| *y -= shift);
        }
        let count = folds.count();
        let (mut sums, mut squares) = (vec![0.0; count * width], vec![0.0; count * width]);
        for fold in 0..count {
            let own = fold * width..(fold + 1) * width;
            let (sums, squares) = (&mut sums[own.clone()], &mut squares[own]);
            for row in y
                .chunks_exact(width)
                .skip(folds.range(fold).start)
                .take(folds.size(fold))
            {
                for ((y, sum), square) in row.iter().zip(&mut *sums).zip(&mut *squares) {
                    *sum += y;
                    *square = y.mul_add(*y, *square);
                }
            }
        }
        let held = match &self.turned {
            Some(turned) => {
                let size = turned.padded() * width;
                let mut products = vec![0.0; count * size];
                for (fold, products) in products.chunks_exact_mut(size).enumerate() {
                    let k = folds.range(fold);
                    turned.multiply(k.clone(), &y[k.start * width..], width, products);
                }
                Material::Products(products)
            }
            None => Material::Responses(y),
        };
        Ok(Block {
            targets,
            width,
            sums,
            squares,
            constant,
            not_finite,
            held,
        })
    }

    /// Σ z y over some folds: coordinates × width.
    fn coordinates(&self, basis: &Basis, block: &Block, of: &[usize]) -> Vec<f64> {
        let width = block.width;
        match (&basis.route, &block.held) {
            (Route::Products(rotate), Material::Products(products)) => {
                let size = self.groups.padded() * width;
                let mut about = vec![0.0; size];
                let mut sums = vec![0.0; width];
                for &fold in of {
                    let own = &products[fold * size..][..size];
                    about.iter_mut().zip(own).for_each(|(sum, v)| *sum += v);
                    let own = &block.sums[fold * width..][..width];
                    sums.iter_mut().zip(own).for_each(|(sum, v)| *sum += v);
                }
                if self.groups.scaling.centres() {
                    for (row, mean) in about.chunks_exact_mut(width).zip(&basis.centre.mean) {
                        row.iter_mut()
                            .zip(&sums)
                            .for_each(|(v, sum)| *v -= mean * sum);
                    }
                }
                let mut found = vec![0.0; rotate.padded() * width];
                rotate.multiply(0..self.groups.features, &about, width, &mut found);
                found
            }
            (Route::Coordinates(turned), Material::Responses(y)) => {
                let mut found = vec![0.0; turned.padded() * width];
                for &fold in of {
                    let k = self.groups.folds.range(fold);
                    turned.multiply(k.clone(), &y[k.start * width..], width, &mut found);
                }
                found
            }
            _ => unreachable!("a plan has one route"),
        }
    }

    /// Mean training response of each target.
    fn means(&self, basis: &Basis, block: &Block) -> Vec<f64> {
        let mut means = vec![0.0; block.width];
        if self.groups.scaling.centres() {
            for fold in self.training(basis) {
                let own = &block.sums[fold * block.width..][..block.width];
                means
                    .iter_mut()
                    .zip(own)
                    .for_each(|(mean, sum)| *mean += sum / basis.centre.n);
            }
        }
        means
    }

    fn training(&self, basis: &Basis) -> impl Iterator<Item = usize> + use<'_, 'a> {
        let left_out = basis.left_out.clone();
        (0..self.groups.folds.count()).filter(move |fold| !left_out.contains(fold))
    }

    /// Sums of a fold that a training set lacks, of target t with weights of which the last call gave products.
    fn sums(&self, block: &Block, fold: usize, t: usize, mean: f64, scratch: &Scratch) -> Sums {
        let n = self.groups.folds.size(fold) as f64;
        let y = block.sums[fold * block.width + t];
        let (sum, square, product) = (scratch.sums[t], scratch.squares[t], scratch.products[t]);
        Sums {
            n,
            y,
            yy: block.squares[fold * block.width + t],
            p: n.mul_add(mean, sum),
            pp: (n * mean).mul_add(mean, (2.0 * mean).mul_add(sum, square)),
            py: mean.mul_add(y, product),
        }
    }

    /// Calls `each` with penalty, target and sums of one left-out fold, for every penalty and target.
    fn penalised(
        &self,
        basis: &Basis,
        block: &Block,
        held: usize,
        b: &[f64],
        scratch: &mut Scratch,
        mut each: impl FnMut(usize, usize, Sums),
    ) {
        let (fold, width) = (basis.left_out[held], block.width);
        let c = self.coordinates(basis, block, &[fold]);
        let means = self.means(basis, block);
        let own = &basis.held[held];
        for (at, penalty) in self.penalties.values().iter().enumerate() {
            let factors: Vec<f64> = basis.values.iter().map(|v| 1.0 / (v + penalty)).collect();
            scratch.clear();
            shrink(
                b,
                &factors,
                &own.sums,
                &c,
                width,
                &mut scratch.weights,
                &mut scratch.sums,
                &mut scratch.products,
            );
            own.squares(&scratch.weights, width, &mut scratch.squares);
            for t in 0..block.targets.len() {
                each(at, t, self.sums(block, fold, t, means[t], scratch));
            }
        }
    }

    fn scratch(&self, basis: &Basis, width: usize) -> Scratch {
        Scratch {
            weights: vec![0.0; basis.values.len().next_multiple_of(EIGHT) * width],
            sums: vec![0.0; width],
            squares: vec![0.0; width],
            products: vec![0.0; width],
        }
    }

    /// Scores of all penalties over all folds, each predicted from the others; the best one's are reported.
    fn same_folds(&self, block: &Block, params: &Params) -> Part {
        let (penalties, targets) = (self.penalties.len(), block.targets.len());
        let mut pooled = vec![Pooled::default(); penalties * targets];
        for basis in &self.single {
            let training: Vec<usize> = self.training(basis).collect();
            let b = self.coordinates(basis, block, &training);
            let mut scratch = self.scratch(basis, block.width);
            self.penalised(basis, block, 0, &b, &mut scratch, |at, t, sums| {
                pooled[at * targets + t].add(sums, params.pooling);
            });
        }
        let table = |score| {
            Array2::from_shape_fn((penalties, targets), |(at, t)| {
                pooled[at * targets + t].score(score, params.pooling)
            })
        };
        Part {
            table: vec![
                table(Score::Pearson),
                table(Score::R2),
                table(Score::NegativeMse),
            ],
            ..Part::of(block)
        }
    }

    /// Chooses penalties over all blocks and reports their scores.
    fn share(&self, parts: Vec<Part>, params: &Params) -> Vec<Part> {
        let all = |score: Score| {
            let views: Vec<_> = parts
                .iter()
                .map(|part| part.table[score as usize].view())
                .collect();
            ndarray::concatenate(ndarray::Axis(1), &views).unwrap_or_default()
        };
        let tables = [all(Score::Pearson), all(Score::R2), all(Score::NegativeMse)];
        let targets = tables[0].ncols();
        let scores = &tables[params.score as usize];
        let chosen = params
            .rule
            .choose(self.penalties, targets, |at, t| scores[[at, t]]);
        let of = |table: &Array2<f64>| -> Vec<f64> {
            (0..targets)
                .map(|t| chosen[t].map_or(f64::NAN, |at| table[[at, t]]))
                .collect()
        };
        let part = Part {
            targets: 0..targets,
            pearson: of(&tables[0]),
            r2: of(&tables[1]),
            chosen: Indices {
                scores: vec![if self.penalties.len() > 1 {
                    of(scores)
                } else {
                    vec![f64::NAN; targets]
                }],
                at: vec![chosen],
            },
            table: Vec::new(),
            constant: parts
                .iter()
                .flat_map(|part| part.constant.clone())
                .collect(),
            not_finite: parts
                .iter()
                .flat_map(|part| part.not_finite.clone())
                .collect(),
        };
        vec![part]
    }

    /// For each fold that is left out, scores (penalties × targets) over the others.
    fn inner(&self, block: &Block, params: &Params) -> Vec<Array2<f64>> {
        let (count, penalties) = (self.groups.folds.count(), self.penalties.len());
        let targets = block.targets.len();
        let mut pooled = vec![vec![Pooled::default(); penalties * targets]; count];
        // Of the folds that an outer fold leaves, each is held out in turn, in order.
        let mut found: Vec<Vec<Sums>> = Vec::new();
        for basis in &self.pairs {
            let training: Vec<usize> = self.training(basis).collect();
            let b = self.coordinates(basis, block, &training);
            let mut scratch = self.scratch(basis, block.width);
            for held in 0..2 {
                let mut sums = vec![Sums::default(); penalties * targets];
                self.penalised(basis, block, held, &b, &mut scratch, |at, t, own| {
                    sums[at * targets + t] = own;
                });
                found.push(sums);
            }
        }
        for outer in 0..count {
            for held in (0..count).filter(|&fold| fold != outer) {
                let (a, b) = (outer.min(held), outer.max(held));
                let place = 2 * self.pair(a, b) + usize::from(held == b);
                for (pooled, sums) in pooled[outer].iter_mut().zip(&found[place]) {
                    pooled.add(*sums, params.pooling);
                }
            }
        }
        pooled
            .into_iter()
            .map(|pooled| {
                Array2::from_shape_fn((penalties, targets), |(at, t)| {
                    pooled[at * targets + t].score(params.score, params.pooling)
                })
            })
            .collect()
    }

    /// For each fold that is left out, the penalty of each target.
    fn choose(&self, tables: &[Array2<f64>], targets: usize, params: &Params) -> Indices {
        let mut chosen = Indices::default();
        for table in tables {
            let at = params
                .rule
                .choose(self.penalties, targets, |at, t| table[[at, t]]);
            chosen.scores.push(
                (0..targets)
                    .map(|t| at[t].map_or(f64::NAN, |at| table[[at, t]]))
                    .collect(),
            );
            chosen.at.push(at);
        }
        chosen
    }

    /// Scores of each fold, predicted from the others with the penalties chosen for it.
    fn outer(&self, block: &Block, chosen: Indices, params: &Params) -> Part {
        let (width, targets) = (block.width, block.targets.len());
        let mut pooled = vec![Pooled::default(); targets];
        for (fold, basis) in self.single.iter().enumerate() {
            let training: Vec<usize> = self.training(basis).collect();
            let mut b = self.coordinates(basis, block, &training);
            let c = self.coordinates(basis, block, &[fold]);
            let means = self.means(basis, block);
            let penalties: Vec<f64> = (0..width)
                .map(|t| match chosen.at[fold].get(t) {
                    Some(Some(at)) => self.penalties.values()[*at],
                    _ => f64::NAN,
                })
                .collect();
            for (row, value) in b.chunks_exact_mut(width).zip(&basis.values) {
                for (b, penalty) in row.iter_mut().zip(&penalties) {
                    *b *= 1.0 / (value + penalty);
                }
            }
            let mut scratch = self.scratch(basis, width);
            let own = &basis.held[0];
            let ones = vec![1.0; basis.values.len()];
            shrink(
                &b,
                &ones,
                &own.sums,
                &c,
                width,
                &mut scratch.weights,
                &mut scratch.sums,
                &mut scratch.products,
            );
            own.squares(&scratch.weights, width, &mut scratch.squares);
            for (t, pooled) in pooled.iter_mut().enumerate() {
                let sums = self.sums(block, fold, t, means[t], &scratch);
                pooled.add(sums, params.pooling);
            }
        }
        Part {
            pearson: pooled
                .iter()
                .map(|p| p.score(Score::Pearson, params.pooling))
                .collect(),
            r2: pooled
                .iter()
                .map(|p| p.score(Score::R2, params.pooling))
                .collect(),
            chosen,
            ..Part::of(block)
        }
    }

    fn join(&self, parts: Vec<Part>) -> CrossValidated {
        let rows = parts.first().map_or(0, |part| part.chosen.at.len());
        let targets = parts.iter().map(|part| part.targets.len()).sum();
        let mut found = CrossValidated {
            pearson: Vec::with_capacity(targets),
            r2: Vec::with_capacity(targets),
            chosen: Chosen {
                penalties: Array2::from_elem((rows, targets), f64::NAN),
                scores: Array2::from_elem((rows, targets), f64::NAN),
            },
            constant: Vec::new(),
            not_finite: Vec::new(),
            solver: self.solver,
            from_products: self.turned.is_some(),
        };
        for part in parts {
            for (row, (at, scores)) in part.chosen.at.iter().zip(&part.chosen.scores).enumerate() {
                for (t, target) in part.targets.clone().enumerate() {
                    if let Some(at) = at[t] {
                        found.chosen.penalties[[row, target]] = self.penalties.values()[at];
                        found.chosen.scores[[row, target]] = scores[t];
                    }
                }
            }
            found.pearson.extend(part.pearson);
            found.r2.extend(part.r2);
            found.constant.extend(part.constant);
            found.not_finite.extend(part.not_finite);
        }
        found
    }
}

impl Scratch {
    fn clear(&mut self) {
        for part in [&mut self.sums, &mut self.squares, &mut self.products] {
            part.fill(0.0);
        }
    }
}
