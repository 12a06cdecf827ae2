//! Training sets, and what they say of the responses of a few targets.

use crate::basis::{Basis, Route};
use crate::block::Block;
use crate::groups::Groups;
use crate::kernel::{EIGHT, Panels, shrink};
use crate::score::Sums;
use crate::{Params, Penalties, RidgeError, Solver};
use emotome_stimuli::run::Run;
use rayon::prelude::*;

/// All training sets.
pub(crate) struct Plan<'a> {
    pub(crate) groups: Groups<'a>,
    pub(crate) penalties: &'a Penalties,
    /// Lacking one fold, in order of folds.
    pub(crate) single: Vec<Basis>,
    /// Lacking two, (0, 1), (0, 2), … (1, 2), …
    pub(crate) pairs: Vec<Basis>,
    /// Features × samples, where sums of products stand for samples.
    pub(crate) turned: Option<Panels>,
    pub(crate) solver: Solver,
}

/// A block beside the features of a plan.
pub(crate) struct Turned<'a> {
    pub(crate) block: &'a Block,
    /// X_gᵀ y of each fold g, folds × padded features × width; empty where samples stand for themselves.
    products: Vec<f64>,
}

/// Scratch space of a block, each of coordinates × width.
pub(crate) struct Scratch {
    pub(crate) weights: Vec<f64>,
    pub(crate) sums: Vec<f64>,
    pub(crate) squares: Vec<f64>,
    pub(crate) products: Vec<f64>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        groups: Groups<'a>,
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
        let bases: Result<Vec<Basis>, RidgeError> = lists
            .par_iter()
            .map(|left_out| {
                if run.interrupt.requested() {
                    return Err(RidgeError::Interrupted);
                }
                match &products {
                    Some(products) if from_products => {
                        Basis::of_products(&groups, products, left_out)
                    }
                    products => Basis::of_coordinates(&groups, products.as_deref(), left_out),
                }
            })
            .collect();
        let mut single = bases?;
        let pairs = single.split_off(count);
        Ok(Self {
            turned: from_products.then(|| groups.turned()),
            groups,
            penalties: &params.penalties,
            single,
            pairs,
            solver,
        })
    }

    /// Bytes of all training sets.
    pub(crate) fn bytes(&self) -> usize {
        let bases = self.single.iter().chain(&self.pairs);
        let numbers: usize = bases.map(Basis::numbers).sum();
        let turned = self.turned.as_ref().map_or(0, Panels::numbers);
        (numbers + turned + self.groups.rows.len()) * size_of::<f64>()
    }

    /// Where the training set that lacks folds a < b stands among [`pairs`](Self::pairs).
    pub(crate) fn pair(&self, a: usize, b: usize) -> usize {
        let count = self.groups.folds.count();
        a * (2 * count - a - 1) / 2 + b - a - 1
    }

    /// Multiplies a block's responses with features, where their products are needed.
    pub(crate) fn turn<'b>(&self, block: &'b Block) -> Turned<'b> {
        let Some(turned) = &self.turned else {
            let products = Vec::new();
            return Turned { block, products };
        };
        let folds = self.groups.folds;
        let size = turned.padded() * block.width;
        let mut products = vec![0.0; folds.count() * size];
        for (fold, products) in products.chunks_exact_mut(size).enumerate() {
            let k = folds.range(fold);
            let y = &block.y[k.start * block.width..];
            turned.multiply(k, y, block.width, products);
        }
        Turned { block, products }
    }

    /// Σ z y over some folds: coordinates × width.
    pub(crate) fn coordinates(&self, basis: &Basis, turned: &Turned<'_>, of: &[usize]) -> Vec<f64> {
        let block = turned.block;
        let width = block.width;
        match &basis.route {
            Route::Products(rotate) => {
                let size = self.groups.padded() * width;
                let mut about = vec![0.0; size];
                let mut sums = vec![0.0; width];
                for &fold in of {
                    let own = &turned.products[fold * size..][..size];
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
            Route::Coordinates(coordinates) => {
                let mut found = vec![0.0; coordinates.padded() * width];
                for &fold in of {
                    let k = self.groups.folds.range(fold);
                    let y = &block.y[k.start * width..];
                    coordinates.multiply(k, y, width, &mut found);
                }
                found
            }
        }
    }

    /// Mean training response of each target.
    pub(crate) fn means(&self, basis: &Basis, block: &Block) -> Vec<f64> {
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

    pub(crate) fn training(&self, basis: &Basis) -> impl Iterator<Item = usize> + use<'_, 'a> {
        let left_out = basis.left_out.clone();
        (0..self.groups.folds.count()).filter(move |fold| !left_out.contains(fold))
    }

    /// Sums of a fold that a training set lacks, of target t with weights of which the last call gave products.
    pub(crate) fn sums(
        &self,
        block: &Block,
        fold: usize,
        t: usize,
        mean: f64,
        scratch: &Scratch,
    ) -> Sums {
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
    pub(crate) fn penalised(
        &self,
        basis: &Basis,
        turned: &Turned<'_>,
        held: usize,
        b: &[f64],
        scratch: &mut Scratch,
        mut each: impl FnMut(usize, usize, Sums),
    ) {
        let block = turned.block;
        let (fold, width) = (basis.left_out[held], block.width);
        let c = self.coordinates(basis, turned, &[fold]);
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

    pub(crate) fn scratch(&self, basis: &Basis, width: usize) -> Scratch {
        Scratch {
            weights: vec![0.0; basis.values.len().next_multiple_of(EIGHT) * width],
            sums: vec![0.0; width],
            squares: vec![0.0; width],
            products: vec![0.0; width],
        }
    }
}

impl Scratch {
    fn clear(&mut self) {
        for part in [&mut self.sums, &mut self.squares, &mut self.products] {
            part.fill(0.0);
        }
    }
}
