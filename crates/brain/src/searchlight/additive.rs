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
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::kernel::{Part, Rows, add_squares, dots, dots_of, panel, project};
use super::models::{Form, Models, columns};
use super::neighbourhood::Lattice;
use super::sides::{Comparison, Cross, Side, compare, covariance};
use super::{Found, Interrupted, Plan, Scratch, Search};

/// Vectors of a panel of covariances: some 500 voxels of 1,152 bytes stay in the second cache.
const COVARIANCE: usize = 18;
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

/// Extremes over neighbourhoods for each permutation.
#[derive(Debug, Clone, PartialEq)]
pub struct Extremes {
    /// The largest, permutations × models.
    pub largest: Array2<f64>,
    /// The smallest.
    pub smallest: Array2<f64>,
    /// Operations done.
    pub flop: f64,
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
            additive.pairs = Some(additive.covariances(plan, set, data, lattice, run)?);
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

    fn centred<'d>(&self, row: &'d [f32], voxel: usize) -> impl Iterator<Item = f32> + use<'d> {
        let (mean, scale) = (self.means[voxel], self.scale);
        row.iter().map(move |&b| (b - mean) * scale)
    }

    /// (b_v·b_w)² of all voxels w that share a sphere with v and come later.
    fn covariances(
        &self,
        plan: &Plan<'_>,
        set: InstructionSet,
        data: &[f32],
        lattice: &Lattice,
        run: &Run<'_>,
    ) -> Result<Squares, Interrupted> {
        let n = plan.pairs.n;
        let halves = Halves::of(&lattice.offsets);
        // Usable voxels along the curve of the centres; those that are no centre follow.
        let mut places = vec![u32::MAX; plan.usable.len()];
        let mut order = Vec::new();
        let others = (0..plan.usable.len() as u32).filter(|&v| plan.usable[v as usize]);
        for voxel in plan.neighbourhoods.centres.iter().copied().chain(others) {
            if places[voxel as usize] == u32::MAX {
                places[voxel as usize] = order.len() as u32;
                order.push(voxel);
            }
        }
        let cells = Cells::of(&order, &lattice.voxels, &halves);
        let groups = order.len().div_ceil(4);
        let mut table = vec![0.0_f32; groups * 4 * halves.count];
        let vectors = n.div_ceil(LANES);
        let mut rows = Rows::zeros(order.len(), COVARIANCE * LANES);
        run.progress.begin(
            "covariances of voxels",
            Some((groups * vectors.div_ceil(COVARIANCE)) as u64),
        );
        for from in (0..vectors).step_by(COVARIANCE) {
            let stimuli = from * LANES..n.min((from + COVARIANCE) * LANES);
            let stride = rows.stride;
            rows.values
                .par_chunks_exact_mut(stride)
                .zip(&order)
                .for_each(|(row, &voxel)| {
                    let source = &data[voxel as usize * n..][stimuli.clone()];
                    row.fill(0.0);
                    for (to, value) in row.iter_mut().zip(self.centred(source, voxel as usize)) {
                        *to = value;
                    }
                });
            table
                .par_chunks_exact_mut(4 * halves.count)
                .enumerate()
                .map_init(Partners::default, |partners, (group, table)| {
                    if run.interrupt.requested() {
                        return Err(Interrupted);
                    }
                    let first = 4 * group;
                    let four = &order[first..order.len().min(first + 4)];
                    partners.of(first, four.len(), &halves, &cells);
                    let padded = [0, 1, 2, 3].map(|k| (first + k).min(order.len() - 1) as u32);
                    dots_of(set, &rows, &padded, &partners.rows, &mut partners.products);
                    for &(product, cell) in &partners.cells {
                        table[cell as usize] += partners.products[product as usize];
                    }
                    run.progress.advance(1);
                    Ok(())
                })
                .collect::<Result<(), _>>()?;
        }
        run.progress.end();
        table.par_iter_mut().for_each(|c| *c *= *c);
        Ok(Squares {
            table,
            places,
            halves,
        })
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

    pub(super) fn extremes(
        &self,
        search: &Search<'_>,
        permutations: ArrayView2<'_, u32>,
        run: &Run<'_>,
    ) -> Result<Extremes, Interrupted> {
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
        let models = self.models.forms.len();
        let mut largest = Array2::from_elem((count, models), f64::NEG_INFINITY);
        let mut smallest = Array2::from_elem((count, models), f64::INFINITY);
        let mut flop = 0.0;
        run.progress
            .begin("permutations", Some((count * models) as u64));
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
                let parts: Vec<([f64; LANES], [f64; LANES])> = (0..hoods.len().div_ceil(SPHERES))
                    .into_par_iter()
                    .map(|chunk| {
                        let mut high = [f64::NEG_INFINITY; LANES];
                        let mut low = [f64::INFINITY; LANES];
                        for at in chunk * SPHERES..hoods.len().min((chunk + 1) * SPHERES) {
                            let mut sums = [0.0_f64; LANES];
                            for &m in hoods.members(at) {
                                for (sum, &e) in sums.iter_mut().zip(&energies[m as usize]) {
                                    *sum += f64::from(e);
                                }
                            }
                            for lane in 0..permutations.len() {
                                let cross = Cross {
                                    energy: sums[lane],
                                    ..Cross::default()
                                };
                                let (side, kept) = (&sides[at], plan.pairs.kept);
                                let value =
                                    compare(plan.params.comparison, n, kept, side, &y, &cross);
                                high[lane] = high[lane].max(value);
                                low[lane] = low[lane].min(value);
                            }
                        }
                        (high, low)
                    })
                    .collect();
                for lane in 0..permutations.len() {
                    let at = [batch * LANES + lane, model];
                    for (high, low) in &parts {
                        largest[at] = largest[at].max(high[lane]);
                        smallest[at] = smallest[at].min(low[lane]);
                    }
                }
                run.progress.advance(permutations.len() as u64);
            }
        }
        run.progress.end();
        Ok(Extremes {
            largest,
            smallest,
            flop,
        })
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

/// Half of the differences between members of a sphere: of δ and −δ, the one that comes later.
struct Halves {
    offsets: Vec<[i32; 3]>,
    count: usize,
    reach: [i32; 3],
    ids: Vec<u32>,
}

impl Halves {
    fn of(members: &[[i32; 3]]) -> Self {
        let mut reach = [0; 3];
        for offset in members {
            for axis in 0..3 {
                reach[axis] = reach[axis].max(2 * offset[axis].abs());
            }
        }
        let cells: usize = reach.iter().map(|&r| 2 * r as usize + 1).product();
        let mut halves = Self {
            offsets: Vec::new(),
            count: 0,
            reach,
            ids: vec![u32::MAX; cells],
        };
        for p in members {
            for q in members {
                let offset = [0, 1, 2].map(|axis| q[axis] - p[axis]);
                let cell = halves.cell(offset);
                if offset > [0; 3] && halves.ids[cell] == u32::MAX {
                    halves.ids[cell] = 0;
                    halves.offsets.push(offset);
                }
            }
        }
        halves.offsets.sort_unstable();
        for id in 0..halves.offsets.len() {
            let cell = halves.cell(halves.offsets[id]);
            halves.ids[cell] = id as u32;
        }
        halves.count = halves.offsets.len();
        halves
    }

    const fn cell(&self, offset: [i32; 3]) -> usize {
        let [x, y, z] = self.reach;
        let at = ((offset[0] + x) * (2 * y + 1) + offset[1] + y) * (2 * z + 1) + offset[2] + z;
        at as usize
    }
}

/// (b_v·b_w)² by the place of v and the half offset to w.
struct Squares {
    table: Vec<f32>,
    places: Vec<u32>,
    halves: Halves,
}

impl Squares {
    fn energy(&self, members: &[u32], voxels: &[[u32; 3]], squares: &[f64]) -> f64 {
        let [_, y, z] = self.halves.reach.map(i64::from);
        let origin = self.halves.cell([0; 3]) as i64;
        // The cell of a difference is the difference of cells.
        let cell = |m: u32| {
            let [i, j, k] = voxels[m as usize].map(i64::from);
            (i * (2 * y + 1) + j) * (2 * z + 1) + k
        };
        let mut own = 0.0;
        let mut pairs = 0.0;
        for (i, &a) in members.iter().enumerate() {
            own += squares[a as usize].powi(2);
            for &b in &members[i + 1..] {
                // The pair is kept at the voxel that comes first in i, j and k.
                let (first, second) = if voxels[a as usize] < voxels[b as usize] {
                    (a, b)
                } else {
                    (b, a)
                };
                let id = self.halves.ids[(origin + cell(second) - cell(first)) as usize];
                let place = self.places[first as usize] as usize;
                pairs += f64::from(self.table[place * self.halves.count + id as usize]);
            }
        }
        own + 2.0 * pairs
    }
}

/// The places of voxels in their bounding box, which is wider by the reach of offsets: the cell of a
/// neighbour is a fixed step away.
struct Cells {
    /// The place in each cell.
    places: Vec<u32>,
    /// The cell of each place.
    cells: Vec<usize>,
    /// From a cell to that of each half offset.
    steps: Vec<isize>,
}

impl Cells {
    fn of(order: &[u32], voxels: &[[u32; 3]], halves: &Halves) -> Self {
        let all = || order.iter().map(|&voxel| voxels[voxel as usize]);
        let bound = |axis: usize| {
            let low = all().map(|v| v[axis]).min().unwrap_or(0);
            let high = all().map(|v| v[axis]).max().unwrap_or(0);
            let reach = halves.reach[axis] as usize;
            (low, (high - low) as usize + 1 + 2 * reach, reach)
        };
        let [x, y, z] = [0, 1, 2].map(bound);
        let cells: Vec<usize> = all()
            .map(|v| {
                let [i, j, k] = [(v[0], x), (v[1], y), (v[2], z)]
                    .map(|(at, (low, _, reach))| (at - low) as usize + reach);
                (i * y.1 + j) * z.1 + k
            })
            .collect();
        let mut places = vec![u32::MAX; x.1 * y.1 * z.1];
        for (place, &cell) in cells.iter().enumerate() {
            places[cell] = place as u32;
        }
        let step = |[i, j, k]: &[i32; 3]| {
            (*i as isize * y.1 as isize + *j as isize) * z.1 as isize + *k as isize
        };
        Self {
            places,
            cells,
            steps: halves.offsets.iter().map(step).collect(),
        }
    }
}

/// Voxels that come after some of four.
#[derive(Default)]
struct Partners {
    rows: Vec<u32>,
    products: Vec<f32>,
    /// Where a product is, and where it goes.
    cells: Vec<(u32, u32)>,
    /// For each place the last four that met it, and where it stands among their partners.
    seen: Vec<(usize, u32)>,
}

impl Partners {
    /// The partners of `count` places from `first` on.
    fn of(&mut self, first: usize, count: usize, halves: &Halves, cells: &Cells) {
        self.rows.clear();
        self.cells.clear();
        self.seen.resize(cells.cells.len(), (usize::MAX, 0));
        for r in 0..count {
            let here = cells.cells[first + r];
            for (id, &step) in cells.steps.iter().enumerate() {
                let row = cells.places[here.wrapping_add_signed(step)];
                if row == u32::MAX {
                    continue;
                }
                let seen = &mut self.seen[row as usize];
                if seen.0 != first {
                    *seen = (first, self.rows.len() as u32);
                    self.rows.push(row);
                }
                let place = seen.1;
                let product = 4 * (4 * (place / 4) + r as u32) + place % 4;
                self.cells.push((product, (r * halves.count + id) as u32));
            }
        }
        let last = self.rows.last().copied().unwrap_or(0);
        self.rows.resize(self.rows.len().next_multiple_of(4), last);
    }
}
