//! Products of voxels that some sphere holds together, found once for all spheres and models.

use emotome_lanes::{InstructionSet, LANES};
use emotome_stimuli::run::Run;
use rayon::prelude::*;

use super::additive::Additive;
use super::kernel::{Rows, dots_of};
use super::neighbourhood::Lattice;
use super::{Interrupted, Plan};

/// Vectors of a panel of covariances: some 500 voxels of 1,152 bytes stay in the second cache.
pub(super) const COVARIANCE: usize = 18;

/// Half of the differences between members of a sphere: of δ and −δ, the one that comes later.
pub(super) struct Halves {
    offsets: Vec<[i32; 3]>,
    pub(super) count: usize,
    reach: [i32; 3],
    ids: Vec<u32>,
}

impl Halves {
    pub(super) fn of(members: &[[i32; 3]]) -> Self {
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
pub(super) struct Squares {
    table: Vec<f32>,
    places: Vec<u32>,
    halves: Halves,
}

impl Squares {
    /// (b_v·b_w)² of all voxels w that share a sphere with v and come later.
    pub(super) fn of(
        additive: &Additive,
        plan: &Plan<'_>,
        set: InstructionSet,
        data: &[f32],
        lattice: &Lattice,
        run: &Run<'_>,
    ) -> Result<Self, Interrupted> {
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
                    for (to, value) in row.iter_mut().zip(additive.centred(source, voxel as usize))
                    {
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
        Ok(Self {
            table,
            places,
            halves,
        })
    }

    pub(super) fn energy(&self, members: &[u32], voxels: &[[u32; 3]], squares: &[f64]) -> f64 {
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
