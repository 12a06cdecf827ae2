//! Voxels of a grid within a distance.

use emotome_neurofiles::Grid;

use super::shape::{NeighbourhoodError, Rule};

/// Most cells of a look-up table or of the cube around a sphere's offsets, and most members in all.
pub(super) const CELLS: usize = 1 << 28;

/// The rows of voxels in their bounding box.
pub(super) struct Table {
    low: [u32; 3],
    pub(super) size: [usize; 3],
    rows: Vec<u32>,
}

impl Table {
    pub(super) fn of(grid: &Grid, voxels: &[[u32; 3]]) -> Result<Self, NeighbourhoodError> {
        let mut low = [u32::MAX; 3];
        let mut high = [0; 3];
        for (at, &index) in voxels.iter().enumerate() {
            for axis in 0..3 {
                if index[axis] as usize >= grid.shape[axis] {
                    let shape = grid.shape;
                    return Err(NeighbourhoodError::Outside { at, index, shape });
                }
                low[axis] = low[axis].min(index[axis]);
                high[axis] = high[axis].max(index[axis]);
            }
        }
        if voxels.is_empty() {
            low = [0; 3];
        }
        let size = [0, 1, 2].map(|axis| (high[axis] - low[axis]) as usize + 1);
        let cells = size.iter().map(|&s| s as u128).product::<u128>();
        if cells > CELLS as u128 {
            return Err(NeighbourhoodError::Span {
                cells,
                limit: CELLS,
            });
        }
        let rows = vec![u32::MAX; cells as usize];
        let mut table = Self { low, size, rows };
        for (at, &index) in voxels.iter().enumerate() {
            let cell = table.cell([0, 1, 2].map(|axis| (index[axis] - low[axis]) as usize));
            if table.rows[cell] != u32::MAX {
                return Err(NeighbourhoodError::Twice {
                    first: table.rows[cell] as usize,
                    second: at,
                    index,
                });
            }
            table.rows[cell] = at as u32;
        }
        Ok(table)
    }

    const fn cell(&self, at: [usize; 3]) -> usize {
        (at[0] * self.size[1] + at[1]) * self.size[2] + at[2]
    }

    pub(super) fn at(&self, centre: [u32; 3], offset: [i32; 3]) -> Option<u32> {
        let mut at = [0; 3];
        for axis in 0..3 {
            let place =
                i64::from(centre[axis]) - i64::from(self.low[axis]) + i64::from(offset[axis]);
            at[axis] = usize::try_from(place)
                .ok()
                .filter(|&p| p < self.size[axis])?;
        }
        Some(self.rows[self.cell(at)]).filter(|&row| row != u32::MAX)
    }
}

pub(super) const fn identity() -> [[f64; 3]; 3] {
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
}

pub(super) fn linear(grid: &Grid) -> Result<[[f64; 3]; 3], NeighbourhoodError> {
    if grid.affine.inverse().is_none() {
        return Err(NeighbourhoodError::Flat);
    }
    Ok(grid.affine.0.map(|[a, b, c, _]| [a, b, c]))
}

/// Offsets within a radius and their squared distances, nearest first, then by i, j and k.
pub(super) fn ball(
    metric: [[f64; 3]; 3],
    radius: f64,
    rule: Rule,
) -> Result<Vec<(f64, [i32; 3])>, NeighbourhoodError> {
    if !(radius.is_finite() && radius > 0.0) {
        return Err(NeighbourhoodError::Radius { radius });
    }
    // |offset along an axis| ≤ radius · ‖row of the inverse‖.
    let affine = emotome_neurofiles::Affine(metric.map(|[a, b, c]| [a, b, c, 0.0]));
    let inverse = affine.inverse().ok_or(NeighbourhoodError::Flat)?;
    let reach = inverse
        .0
        .map(|[a, b, c, _]| (radius * (a * a + b * b + c * c).sqrt() * (1.0 + 1e-6)).floor());
    let cells: f64 = reach.iter().map(|r| 2.0 * r + 1.0).product();
    if cells > CELLS as f64 / 16.0 {
        return Err(NeighbourhoodError::TooWide {
            radius,
            cells,
            limit: CELLS / 16,
        });
    }
    let limit = match rule {
        Rule::Below => radius * (1.0 - 1e-6),
        Rule::UpTo => radius * (1.0 + 1e-6),
    };
    let [x, y, z] = reach.map(|r| r as i32);
    let mut offsets = Vec::new();
    for i in -x..=x {
        for j in -y..=y {
            for k in -z..=z {
                let square: f64 = metric
                    .iter()
                    .map(|row| {
                        (row[0] * f64::from(i) + row[1] * f64::from(j) + row[2] * f64::from(k))
                            .powi(2)
                    })
                    .sum();
                if square <= limit * limit {
                    offsets.push((square, [i, j, k]));
                }
            }
        }
    }
    offsets.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(offsets)
}

/// Offsets enough to find `count` voxels anywhere: a ball that grows until it holds eight times as
/// many, so that a corner of a mask, an octant, still has them all, or until it spans the mask.
pub(super) fn growing(
    grid: &Grid,
    count: usize,
    largest: usize,
) -> Result<Vec<(f64, [i32; 3])>, NeighbourhoodError> {
    let metric = linear(grid)?;
    let step = grid.affine.spacing().map(|s| s.0);
    let shortest = step.iter().copied().fold(f64::INFINITY, f64::min);
    let span = 2.0 * largest as f64 * step.iter().sum::<f64>();
    let mut radius = shortest;
    loop {
        let mut offsets = ball(metric, radius, Rule::UpTo)?;
        if offsets.len() >= count.saturating_mul(8) || radius >= span {
            // Equal distances that differ by rounding are one ring.
            for at in 1..offsets.len() {
                if offsets[at].0 - offsets[at - 1].0 <= 1e-9 * offsets[at].0 {
                    offsets[at].0 = offsets[at - 1].0;
                }
            }
            return Ok(offsets);
        }
        radius *= 1.25;
    }
}

/// Bits of the three indices, interleaved.
pub(super) fn morton(index: [u32; 3]) -> u128 {
    let mut code = 0_u128;
    for bit in 0..32 {
        for (axis, i) in index.iter().enumerate() {
            code |= u128::from(i >> bit & 1) << (3 * bit + axis);
        }
    }
    code
}
