//! Squared Euclidean distances: whatever is linear in the Gram matrix is a sum over voxels.
//!
//! With b_v the responses of a voxel less their mean, and F the centred columns of a model,
//!
//! ```text
//! ‖BᵀF‖² = Σ_v ‖Fᵀb_v‖²     t = Σ_v ‖b_v‖²     ‖BᵀB‖² = Σ_vw (b_v·b_w)²
//! ```
//!
//! so a model costs one number for each voxel of the brain, and the last term one for each pair of
//! voxels that some sphere holds, found once for all models.

use emotome_lanes::{InstructionSet, LANES};
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::covariances::{COVARIANCE, Halves, Squares};
use super::kernel::{Part, Rows, add_squares, dots, panel, project};
use super::models::{Form, Models, columns};
use super::neighbourhood::Lattice;
use super::search::{Found, Scratch};
use super::sides::{Comparison, Cross, Side, compare, covariance};
use super::{Interrupted, Plan, Search};

/// Voxels whose products with a model are formed together: 9 MB of 2,180 numbers each.
const VOXELS: usize = 1024;
/// Spheres whose sums are added by one thread at a time.
const SPHERES: usize = 1024;

/// The comparison of squared Euclidean distances.
pub(super) struct Additive {
    pub(super) models: Models,
    means: Vec<f32>,
    /// What responses are multiplied with: their mean square becomes one.
    scale: f32,
    /// Σ b² of each voxel.
    squares: Vec<f64>,
    /// ‖Fᵀb‖² of each voxel, model after model.
    energies: Vec<Vec<f32>>,
    pairs: Option<Squares>,
    norms: Vec<Vec<f64>>,
}

/// Members of a sphere up to which products of voxels are kept.
const TABLED: usize = 1024;

/// The lattice of spheres so small that products of voxels are few enough to keep.
fn lattice<'p>(plan: &'p Plan<'_>) -> Option<&'p Lattice> {
    let lattice = plan.neighbourhoods.lattice.as_ref();
    lattice.filter(|lattice| lattice.offsets.len() <= TABLED)
}

/// Bytes and operations that all neighbourhoods share.
pub(super) fn cost(plan: &Plan<'_>) -> (u64, f64) {
    let n = plan.pairs.n as f64;
    let usable = plan.usable.iter().filter(|&&u| u).count() as f64;
    let columns = columns(&plan.sources);
    let projections = 2.0 * n * usable * (LANES * columns) as f64;
    let (bytes, pairs) = match lattice(plan) {
        Some(lattice) => {
            let half = Halves::of(&lattice.offsets).count as f64;
            let table = 4.0 * half * usable + 4.0 * usable * (COVARIANCE * LANES) as f64;
            (table, 2.0 * n * usable * half)
        }
        None => {
            let sizes =
                (0..plan.neighbourhoods.len()).map(|at| plan.neighbourhoods.members(at).len());
            (0.0, sizes.map(|v| n * (v * (v + 1)) as f64).sum())
        }
    };
    let threads = rayon::current_num_threads() as f64;
    let panels = threads * 4.0 * n * VOXELS as f64 + 4.0 * n * (columns * LANES) as f64;
    ((bytes + panels) as u64, projections + pairs)
}

impl Additive {
    pub(super) fn of(
        plan: &Plan<'_>,
        set: InstructionSet,
        data: &[f32],
        models: Models,
        run: &Run<'_>,
    ) -> Result<Self, Interrupted> {
        let n = plan.pairs.n;
        let moments: Vec<(f32, f64)> = data
            .par_chunks_exact(n)
            .zip(&plan.usable)
            .map(|(row, &usable)| {
                if !usable {
                    return (0.0, 0.0);
                }
                let mean = row.iter().map(|&b| f64::from(b)).sum::<f64>() / n as f64;
                let square = row.iter().map(|&b| (f64::from(b) - mean).powi(2)).sum();
                (mean as f32, square)
            })
            .collect();
        let usable = plan.usable.iter().filter(|&&u| u).count() as f64;
        let all: f64 = moments.iter().map(|m| m.1).sum();
        let scale = (usable * n as f64 / all).sqrt() as f32;
        let mut additive = Self {
            models,
            means: moments.iter().map(|m| m.0).collect(),
            scale,
            squares: moments
                .iter()
                .map(|m| m.1 * f64::from(scale).powi(2))
                .collect(),
            energies: Vec::new(),
            pairs: None,
            norms: Vec::new(),
        };
        for form in &additive.models.forms {
            let Form::Columns { first, k, .. } = *form else {
                continue;
            };
            let identity: Vec<u32> = (0..n as u32).collect();
            let same = vec![identity.as_slice(); 1];
            let columns = permuted(&additive.models.stack, first, k, &same, n);
            let energies = additive.project(plan, set, data, &columns, run)?;
            additive
                .energies
                .push(energies.iter().map(|e| e[0]).collect());
            let mut norms = vec![0.0; n];
            for c in 0..k {
                for (g, &f) in norms.iter_mut().zip(additive.models.stack.row(first + c)) {
                    *g += f64::from(f).powi(2);
                }
            }
            additive.norms.push(norms);
        }
        if let Some(lattice) = lattice(plan) {
            additive.pairs = Some(Squares::of(&additive, plan, set, data, lattice, run)?);
        }
        Ok(additive)
    }

    /// ‖Fᵀb‖² of each voxel under sixteen permutations of F.
    fn project(
        &self,
        plan: &Plan<'_>,
        set: InstructionSet,
        data: &[f32],
        columns: &[f32],
        run: &Run<'_>,
    ) -> Result<Vec<[f32; LANES]>, Interrupted> {
        let n = plan.pairs.n;
        let mut energies = vec![[0.0; LANES]; self.means.len()];
        energies
            .par_chunks_mut(VOXELS)
            .enumerate()
            .map_init(Vec::new, |rows, (chunk, energies)| {
                if run.interrupt.requested() {
                    return Err(Interrupted);
                }
                let from = chunk * VOXELS;
                rows.clear();
                for voxel in from..from + energies.len() {
                    if plan.usable[voxel] {
                        rows.extend(self.centred(&data[voxel * n..][..n], voxel));
                    } else {
                        rows.resize(rows.len() + n, 0.0);
                    }
                }
                project(set, rows, n, columns, energies);
                Ok(())
            })
            .collect::<Result<(), _>>()?;
        Ok(energies)
    }

    pub(super) fn centred<'d>(
        &self,
        row: &'d [f32],
        voxel: usize,
    ) -> impl Iterator<Item = f32> + use<'d> {
        let (mean, scale) = (self.means[voxel], self.scale);
        row.iter().map(move |&b| (b - mean) * scale)
    }

    pub(super) fn sphere(&self, search: &Search<'_>, at: usize, scratch: &mut Scratch) -> Found {
        let plan = &search.plan;
        let n = plan.pairs.n;
        let side = self.side(search, at, scratch);
        let members = plan.neighbourhoods.members(at);
        let comparison = plan.params.comparison;
        let norms = self
            .gathers(comparison)
            .then(|| self.norms(search, members));
        let mut side = side;
        if let Some(norms) = &norms {
            side.norms = norms.iter().map(|g| g * g).sum();
            let spread = side.norms - side.trace * side.trace / n as f64;
            side.variance = covariance(n, side.energy, spread, [side.trace, side.trace]);
            side.rows = 0.25 * (n * n) as f64 * spread;
        }
        let mut found = Found::default();
        for (model, energies) in self.energies.iter().enumerate() {
            let energy = members
                .iter()
                .map(|&m| f64::from(energies[m as usize]))
                .sum();
            let y = &self.models.sides[model];
            let mut cross = Cross {
                energy,
                ..Cross::default()
            };
            if let Some(norms) = &norms {
                cross.norms = norms
                    .iter()
                    .zip(&self.norms[model])
                    .map(|(a, b)| a * b)
                    .sum();
                let spread = cross.norms - side.trace * y.trace / n as f64;
                cross.covariance = covariance(n, energy, spread, [side.trace, y.trace]);
            }
            found
                .values
                .push(compare(comparison, n, plan.pairs.kept, &side, y, &cross));
            found.z.push(super::sides::mantel(n, &side, y, &cross));
        }
        found
    }

    /// Whether the norms of stimuli in a sphere are needed.
    const fn gathers(&self, comparison: Comparison) -> bool {
        !matches!(comparison, Comparison::CorrCov | Comparison::CosineCov)
    }

    /// g: the squared norm of each stimulus in a sphere.
    fn norms(&self, search: &Search<'_>, members: &[u32]) -> Vec<f64> {
        let n = search.plan.pairs.n;
        let mut norms = vec![0.0_f32; n];
        for &m in members {
            let row = &search.data[m as usize * n..][..n];
            add_squares(
                search.set,
                row,
                self.means[m as usize],
                self.scale,
                &mut norms,
            );
        }
        norms.into_iter().map(f64::from).collect()
    }

    /// t and ‖BᵀB‖² of a sphere.
    fn side(&self, search: &Search<'_>, at: usize, scratch: &mut Scratch) -> Side {
        let members = search.plan.neighbourhoods.members(at);
        let energy = match (&self.pairs, &search.plan.neighbourhoods.lattice) {
            (Some(pairs), Some(lattice)) => pairs.energy(members, &lattice.voxels, &self.squares),
            _ => self.energy(search, members, scratch),
        };
        Side {
            trace: members.iter().map(|&m| self.squares[m as usize]).sum(),
            energy,
            ..Side::default()
        }
    }

    /// ‖BᵀB‖² of voxels that are no lattice.
    fn energy(&self, search: &Search<'_>, members: &[u32], scratch: &mut Scratch) -> f64 {
        let (n, v) = (search.plan.pairs.n, members.len());
        let padded = v.next_multiple_of(4);
        scratch.rows = Rows::zeros(v, n);
        for (row, &m) in members.iter().enumerate() {
            let source = &search.data[m as usize * n..][..n];
            let row = scratch.rows.row_mut(row);
            for (to, value) in row.iter_mut().zip(self.centred(source, m as usize)) {
                *to = value;
            }
        }
        scratch.products.clear();
        scratch.products.resize(padded * padded, 0.0);
        let vectors = n.div_ceil(LANES);
        for from in (0..vectors).step_by(panel(n)) {
            let range = from..vectors.min(from + panel(n));
            let rows = &scratch.rows;
            dots(
                search.set,
                rows,
                rows,
                range,
                Part::Upper,
                &mut scratch.products,
            );
        }
        let mut energy = 0.0;
        for i in 0..v {
            let row = &scratch.products[i * padded..][..v];
            energy += row[i] * row[i] + 2.0 * row[i + 1..].iter().map(|c| c * c).sum::<f64>();
        }
        energy
    }

    pub(super) fn relabelled(
        &self,
        search: &Search<'_>,
        permutations: ArrayView2<'_, u32>,
        run: &Run<'_>,
        visit: &mut dyn FnMut(usize, usize, ArrayView2<'_, f64>),
    ) -> Result<f64, Interrupted> {
        let plan = &search.plan;
        let n = plan.pairs.n;
        let count = permutations.nrows();
        assert_eq!(permutations.ncols(), n, "permutations of other stimuli");
        // Stimuli may have moved so that runs are contiguous.
        let order: Vec<usize> = plan.pairs.order.clone().unwrap_or_else(|| (0..n).collect());
        let mut place = vec![0; n];
        for (at, &old) in order.iter().enumerate() {
            place[old] = at as u32;
        }
        let permutations: Vec<Vec<u32>> = permutations
            .outer_iter()
            .map(|p| order.iter().map(|&old| place[p[old] as usize]).collect())
            .collect();
        let hoods = &plan.neighbourhoods;
        let sides: Vec<Side> = (0..hoods.len())
            .into_par_iter()
            .with_max_len(64)
            .map_init(Scratch::default, |scratch, at| {
                self.side(search, at, scratch)
            })
            .collect();
        let mut values = Array2::zeros((hoods.len(), LANES));
        let mut flop = 0.0;
        run.progress.begin(
            "permutations",
            Some((count * self.models.forms.len()) as u64),
        );
        for (model, form) in self.models.forms.iter().enumerate() {
            let Form::Columns { first, k, .. } = *form else {
                continue;
            };
            let y = self.models.sides[model];
            for (batch, permutations) in permutations.chunks(LANES).enumerate() {
                let lanes: Vec<&[u32]> = permutations.iter().map(Vec::as_slice).collect();
                let columns = permuted(&self.models.stack, first, k, &lanes, n);
                let energies = self.project(plan, search.set, &search.data, &columns, run)?;
                flop += (2 * n * k * permutations.len()) as f64 * self.means.len() as f64;
                values
                    .axis_chunks_iter_mut(Axis(0), SPHERES)
                    .into_par_iter()
                    .enumerate()
                    .for_each(|(chunk, mut values)| {
                        for (row, mut values) in values.outer_iter_mut().enumerate() {
                            let at = chunk * SPHERES + row;
                            let mut sums = [0.0_f64; LANES];
                            for &m in hoods.members(at) {
                                for (sum, &e) in sums.iter_mut().zip(&energies[m as usize]) {
                                    *sum += f64::from(e);
                                }
                            }
                            for (value, energy) in values.iter_mut().zip(sums) {
                                let cross = Cross {
                                    energy,
                                    ..Cross::default()
                                };
                                let (side, kept) = (&sides[at], plan.pairs.kept);
                                *value = compare(plan.params.comparison, n, kept, side, &y, &cross);
                            }
                        }
                    });
                visit(
                    model,
                    batch * LANES,
                    values.slice(s![.., ..permutations.len()]),
                );
                run.progress.advance(permutations.len() as u64);
            }
        }
        run.progress.end();
        Ok(flop)
    }
}

/// Columns of a model, each stimulus a vector with a permutation in each lane.
fn permuted(stack: &Rows, first: usize, k: usize, permutations: &[&[u32]], n: usize) -> Vec<f32> {
    let mut columns = vec![0.0; k * n * LANES];
    columns
        .par_chunks_exact_mut(n * LANES)
        .enumerate()
        .for_each(|(c, column)| {
            let source = stack.row(first + c);
            for (lane, permutation) in permutations.iter().enumerate() {
                for (i, &from) in permutation.iter().enumerate() {
                    column[i * LANES + lane] = source[from as usize];
                }
            }
        });
    columns
}
