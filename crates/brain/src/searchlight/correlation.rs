//! Distances between unit patterns, compared through sums.

use emotome_lanes::{InstructionSet, LANES};

use super::kernel::{BAND, Part, add_squares, dot, dots, panel};
use super::models::{Form, Models, columns};
use super::search::{Found, Scratch};
use super::sides::{Comparison, Cross, Side, compare, covariance, mantel};
use super::{Plan, Search};
use crate::model::Metric;

/// The comparison of unit patterns by Pearson, cosine or their whitened forms.
pub(super) struct Correlation {
    pub(super) models: Models,
    centre: bool,
}

/// Operations for a sphere of v voxels.
pub(super) fn flop(plan: &Plan<'_>, v: usize) -> f64 {
    let (n, v) = (plan.pairs.n as f64, v as f64);
    let patterns = 10.0 * n * v;
    let pairs = n * n * v;
    if plan.params.comparison.ranked() {
        return patterns + pairs;
    }
    let columns = columns(&plan.sources).next_multiple_of(4);
    let dense = plan.sources.iter().filter(|s| s.dense()).count();
    let sums = n * v * (v + 1.0) + 2.0 * n * v * columns as f64;
    let weights = if dense > 0 {
        pairs + dense as f64 * n * n
    } else {
        0.0
    };
    let excluded = 2.0 * v * plan.pairs.excluded().count() as f64;
    patterns + sums + weights + excluded
}

impl Correlation {
    pub(super) fn of(plan: &Plan<'_>, models: Models) -> Self {
        Self {
            models,
            centre: plan.params.brain == Metric::Correlation,
        }
    }

    pub(super) fn sphere(&self, search: &Search<'_>, at: usize, scratch: &mut Scratch) -> Found {
        let plan = &search.plan;
        let pairs = &plan.pairs;
        let members = plan.neighbourhoods.members(at);
        let (n, v, set) = (pairs.n, members.len(), search.set);
        let count = self.models.forms.len();
        let patterns = &mut scratch.patterns;
        patterns.gather(set, &search.data, n, members, self.centre, true);
        if patterns.constant > 0 {
            return Found::constant(count, patterns.constant);
        }

        let padded = v.next_multiple_of(4);
        let columns = self.models.stack.rows.next_multiple_of(4);
        scratch.products.clear();
        scratch.products.resize(padded * padded, 0.0);
        scratch.with_models.clear();
        scratch.with_models.resize(padded * columns, 0.0);
        let vectors = n.div_ceil(LANES);
        let step = panel(n);
        for from in (0..vectors).step_by(step) {
            let range = from..vectors.min(from + step);
            let rows = &patterns.rows;
            dots(
                set,
                rows,
                rows,
                range.clone(),
                Part::Upper,
                &mut scratch.products,
            );
            dots(
                set,
                rows,
                &self.models.stack,
                range,
                Part::All,
                &mut scratch.with_models,
            );
        }

        // Squared norms about the centroid, from y itself: that unit rows are of unit norm only to
        // single precision would show where all stimuli share a pattern.
        scratch.line.clear();
        scratch.line.resize(n, 0.0);
        for (voxel, &mean) in patterns.mean[..v].iter().enumerate() {
            let row = &patterns.rows.row(voxel)[..n];
            add_squares(set, row, mean as f32, 1.0, &mut scratch.line);
        }
        let middle = scratch.line.iter().map(|&g| f64::from(g)).sum::<f64>() / n as f64;
        let norms: Vec<f64> = scratch
            .line
            .iter()
            .map(|&g| f64::from(g) - middle)
            .collect();
        let spread = norms.iter().map(|g| g * g).sum();
        let mut side = moments(n, v, &scratch.products, &patterns.mean, spread);
        let weighted = self.models.weighted();
        if weighted || pairs.excludes() {
            patterns.along_shift(set, &mut scratch.along);
            scratch.packed.pack(patterns);
        }
        let square: f64 = patterns.shift.iter().map(|&s| f64::from(s).powi(2)).sum();
        let mut crosses: Vec<Cross> = self
            .models
            .forms
            .iter()
            .zip(&self.models.sides)
            .map(|(form, model)| match form {
                Form::Columns {
                    first,
                    k,
                    norms: own,
                } => {
                    let mut energy = 0.0;
                    for row in scratch.with_models.chunks_exact(columns) {
                        energy += row[*first..first + k].iter().map(|x| x * x).sum::<f64>();
                    }
                    let own = norms.iter().zip(own);
                    let spread = own.map(|(x, &y)| x * f64::from(y)).sum();
                    Cross {
                        energy,
                        covariance: covariance(n, energy, spread, [side.trace, model.trace]),
                        ..Cross::default()
                    }
                }
                Form::Weights { .. } => Cross::default(),
            })
            .collect();
        if weighted {
            self.weights(search, scratch, square, &mut crosses);
        }
        if pairs.excludes() {
            let constant = square - (1.0 - side.trace / (n as f64 - 1.0));
            self.exclude(search, scratch, constant, &mut side, &mut crosses);
        }
        let comparison = plan.params.comparison;
        let each = || self.models.sides.iter().zip(&crosses);
        let z = comparison == Comparison::Pearson && !pairs.excludes();
        Found {
            values: each()
                .map(|(model, cross)| compare(comparison, n, pairs.kept, &side, model, cross))
                .collect(),
            z: each()
                .filter(|_| z)
                .map(|(model, cross)| mantel(n, &side, model, cross))
                .collect(),
            bound: 0.0,
            constant: 0,
            flop: flop(plan, v),
        }
    }

    /// Models of weights: Σ S W over all pairs, S = y·y + p_i + p_j + ‖s‖² with p = Y s.
    fn weights(
        &self,
        search: &Search<'_>,
        scratch: &mut Scratch,
        square: f64,
        crosses: &mut [Cross],
    ) {
        let n = search.plan.pairs.n;
        let bands = n.div_ceil(BAND);
        scratch.band.resize(BAND * LANES * bands, 0.0);
        let mut sums = vec![0.0; crosses.len()];
        for band in 0..bands {
            let width = LANES * (bands - band);
            let size = BAND * width;
            let target = &mut scratch.band[..size];
            scratch
                .packed
                .rows(search.set, band, band..bands, width, target);
            for (sum, form) in sums.iter_mut().zip(&self.models.forms) {
                if let Form::Weights { bands, .. } = form {
                    *sum += dot(search.set, target, bands.band(band));
                }
            }
        }
        let whitened = search.plan.params.comparison.whitened();
        for ((cross, sum), form) in crosses.iter_mut().zip(sums).zip(&self.models.forms) {
            let Form::Weights { rows, diagonal, .. } = form else {
                continue;
            };
            let along = scratch.along.iter().map(|&p| f64::from(p));
            if whitened {
                let own = along
                    .zip(diagonal)
                    .map(|(p, g)| (1.0 - square - 2.0 * p) * g);
                cross.energy = 2.0 * sum + own.sum::<f64>();
            } else {
                cross.covariance = sum + along.zip(rows).map(|(p, r)| p * r).sum::<f64>();
            }
        }
    }

    /// Sums over excluded pairs, of similarities less their mean over all pairs.
    fn exclude(
        &self,
        search: &Search<'_>,
        scratch: &mut Scratch,
        constant: f64,
        side: &mut Side,
        crosses: &mut [Cross],
    ) {
        let (set, pairs) = (search.set, &search.plan.pairs);
        let mut at = 0;
        for band in 0..pairs.bands() {
            let blocks = pairs.excluded_blocks(band);
            if blocks.is_empty() {
                continue;
            }
            let (start, width) = (blocks.start * LANES, blocks.len() * LANES);
            scratch
                .band
                .resize((BAND * width).max(scratch.band.len()), 0.0);
            scratch
                .packed
                .rows(set, band, blocks, width, &mut scratch.band);
            for (r, i) in pairs.band(band).enumerate() {
                let excluded = i + 1..pairs.first(i);
                if excluded.is_empty() {
                    continue;
                }
                let own = constant as f32 + scratch.along[i];
                let line = &mut scratch.line;
                line.clear();
                let row = &scratch.band[r * width..][excluded.start - start..excluded.end - start];
                for (s, p) in row.iter().zip(&scratch.along[excluded]) {
                    line.push(s + (own + p));
                }
                side.excluded += line.iter().map(|&s| f64::from(s)).sum::<f64>();
                line.resize(line.len().next_multiple_of(LANES), 0.0);
                side.excluded_square += dot(set, line, line);
                for (cross, model) in crosses.iter_mut().zip(&self.models.excluded) {
                    cross.excluded += dot(set, line, &model[at..at + line.len()]);
                }
                at += line.len();
            }
        }
    }
}

/// The sums of unit patterns from products of rows of y, of which only later fours are known, and
/// g̃·g̃.
fn moments(n: usize, v: usize, products: &[f64], mean: &[f64], spread: f64) -> Side {
    let padded = v.next_multiple_of(4);
    let many = n as f64;
    let (mut trace, mut energy) = (0.0, 0.0);
    for i in 0..v {
        let row = &products[i * padded..][..v];
        let own = row[i] - many * mean[i] * mean[i];
        let mut squares = 0.0;
        for j in i + 1..v {
            let c = row[j] - many * mean[i] * mean[j];
            squares += c * c;
        }
        trace += own;
        energy += own * own + 2.0 * squares;
    }
    Side {
        trace,
        energy,
        variance: covariance(n, energy, spread, [trace, trace]),
        rows: 0.25 * many * many * spread,
        ..Side::default()
    }
}

/// The mean and standard deviation of similarities, from some of the stimuli: where bins are laid.
pub(super) fn scale(set: InstructionSet, scratch: &mut Scratch, n: usize) -> (f64, f64) {
    let patterns = &scratch.patterns;
    let v = patterns.rows.rows;
    let padded = v.next_multiple_of(4);
    let vectors = (n / LANES).clamp(1, 36);
    let some = (vectors * LANES).min(n) as f64;
    scratch.products.clear();
    scratch.products.resize(padded * padded, 0.0);
    dots(
        set,
        &patterns.rows,
        &patterns.rows,
        0..vectors,
        Part::Upper,
        &mut scratch.products,
    );
    let mut square = 0.0;
    for i in 0..v {
        let row = &scratch.products[i * padded..][..v];
        square += row[i] * row[i] + 2.0 * row[i + 1..].iter().map(|c| c * c).sum::<f64>();
    }
    let mut sum = 0.0;
    for i in 0..v {
        let values = &patterns.rows.row(i)[..vectors * LANES];
        sum += values.iter().map(|&y| f64::from(y)).sum::<f64>().powi(2);
    }
    let pairs = some * (some - 1.0);
    let mean = (sum - some) / pairs;
    let variance = (square - some) / pairs - mean * mean;
    (mean, variance.max(1e-12).sqrt())
}
