//! Which voxels belong together: spheres of a volume, nearest voxels, discs of a surface, regions.

use emotome_neurofiles::Grid;
use serde::{Deserialize, Serialize};

/// How far a neighbourhood reaches from its centre.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// A radius in steps of the grid.
    Voxels(f64),
    /// A radius in millimetres, through the affine of the grid.
    Millimetres(f64),
    /// So many voxels of the mask, nearest in millimetres; ties go to the earlier voxel.
    Nearest(usize),
}

/// Whether a voxel at the very radius is a member. Distances within one millionth of the radius
/// count as equal to it, since affines are stored in single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// distance < radius.
    #[serde(rename = "lt")]
    Below,
    /// distance ≤ radius.
    #[serde(rename = "le")]
    UpTo,
}

/// The fewest members a centre may have and be kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Minimum {
    /// So many voxels.
    Members(usize),
    /// So large a part of the whole sphere.
    Fraction(f64),
}

/// A neighbourhood around a voxel, always cut at the mask.
///
/// | preset | extent | rule | minimum | interior size |
/// |---|---|---|---|---|
/// | [`brainiak`](Self::brainiak) | radius in voxels | ≤ | 2 members | r = 1, 2, 3, 4: 7, 33, 123, 257 |
/// | [`rsatoolbox`](Self::rsatoolbox) | radius in voxels | < | the whole sphere | r = 2, 3, 4: 27, 93, 251 |
/// | [`nilearn`](Self::nilearn) | radius in mm | ≤ | 2 members | 4, 6, 8 mm at 2 mm: 33, 123, 257 |
/// | [`nearest`](Self::nearest) | fixed number | – | all of them | as asked |
///
/// rsatoolbox counts voxels of a sphere that lie outside the mask as members where its threshold is
/// below one; no preset does so here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// How far it reaches.
    pub extent: Extent,
    /// Whether it holds its surface.
    pub rule: Rule,
    /// The fewest members.
    pub minimum: Minimum,
}

impl Shape {
    /// Distance ≤ radius in voxels, as brainiak's `Ball`.
    pub const fn brainiak(radius: f64) -> Self {
        Self {
            extent: Extent::Voxels(radius),
            rule: Rule::UpTo,
            minimum: Minimum::Members(2),
        }
    }

    /// Distance < radius in voxels and the whole sphere inside the mask, as rsatoolbox's
    /// `get_volume_searchlight` with its default threshold.
    pub const fn rsatoolbox(radius: f64) -> Self {
        Self {
            extent: Extent::Voxels(radius),
            rule: Rule::Below,
            minimum: Minimum::Fraction(1.0),
        }
    }

    /// Distance ≤ radius in millimetres, as nilearn's `SearchLight`.
    pub const fn nilearn(millimetres: f64) -> Self {
        Self {
            extent: Extent::Millimetres(millimetres),
            rule: Rule::UpTo,
            minimum: Minimum::Members(2),
        }
    }

    /// The `count` nearest voxels of the mask.
    pub const fn nearest(count: usize) -> Self {
        Self {
            extent: Extent::Nearest(count),
            rule: Rule::UpTo,
            minimum: Minimum::Members(count),
        }
    }
}

/// Neighbourhoods cannot be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NeighbourhoodError {
    /// No radius.
    #[error("a radius of {radius}: give a positive number")]
    Radius {
        /// What was given.
        radius: f64,
    },
    /// No fraction.
    #[error("a minimum of {fraction} of the sphere: give a fraction from 0 to 1")]
    Fraction {
        /// What was given.
        fraction: f64,
    },
    /// Sphere of too many voxels.
    #[error(
        "a radius of {radius} reaches over {cells} voxels of the grid, and at most {limit} are allowed: is it in the unit you meant?"
    )]
    TooWide {
        /// The radius.
        radius: f64,
        /// Voxels of the cube around it.
        cells: f64,
        /// The most allowed.
        limit: usize,
    },
    /// Neighbourhoods that fill the memory.
    #[error(
        "{centres} centres with up to {members} members each: more than {limit} members in all; take a smaller radius or fewer centres"
    )]
    TooMany {
        /// Centres.
        centres: usize,
        /// Members of a whole sphere.
        members: usize,
        /// The most allowed in all.
        limit: usize,
    },
    /// The affine flattens the volume.
    #[error(
        "the affine of the grid has no inverse, so it says nothing of millimetres: repair the header or give the radius in voxels"
    )]
    Flat,
    /// A voxel outside the grid.
    #[error("voxel {at} is ({}, {}, {}), outside a grid of {}×{}×{}", .index[0], .index[1], .index[2], .shape[0], .shape[1], .shape[2])]
    Outside {
        /// Its row.
        at: usize,
        /// Its indices.
        index: [u32; 3],
        /// The grid.
        shape: [usize; 3],
    },
    /// A voxel given twice.
    #[error("voxels {first} and {second} are both ({}, {}, {}): each voxel may be given once", .index[0], .index[1], .index[2])]
    Twice {
        /// The first row.
        first: usize,
        /// The second.
        second: usize,
        /// Their indices.
        index: [u32; 3],
    },
    /// Voxels too far apart for a look-up table.
    #[error("the voxels span {cells} cells of the grid, and at most {limit} are allowed")]
    Span {
        /// Cells of their bounding box.
        cells: u128,
        /// The most allowed.
        limit: usize,
    },
    /// A list names a voxel that is not there.
    #[error("neighbourhood {list} names voxel {member}, but there are {voxels}")]
    NoVoxel {
        /// The list.
        list: usize,
        /// The voxel.
        member: u32,
        /// Voxels.
        voxels: usize,
    },
    /// A list names a voxel twice.
    #[error("neighbourhood {list} names voxel {member} twice")]
    MemberTwice {
        /// The list.
        list: usize,
        /// The voxel.
        member: u32,
    },
}

/// Most cells of a look-up table or of the cube around a sphere's offsets, and most members in all.
const CELLS: usize = 1 << 28;

/// Lists of voxels, each compared as one pattern, in the order they are worked through.
///
/// Spheres are visited along a Morton curve, so that neighbours in time share most of their voxels
/// and those stay in the cache.
#[derive(Debug, Clone)]
pub struct Neighbourhoods {
    pub(super) voxels: usize,
    pub(super) centres: Vec<u32>,
    pub(super) starts: Vec<usize>,
    pub(super) members: Vec<u32>,
    /// Where voxels lie and which offsets a sphere may hold, if these are spheres of a lattice.
    pub(super) lattice: Option<Lattice>,
    /// Members below which a neighbourhood is dropped.
    pub(super) minimum: usize,
    whole: usize,
    excluded: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Lattice {
    pub(super) voxels: Vec<[u32; 3]>,
    pub(super) offsets: Vec<[i32; 3]>,
}

impl Neighbourhoods {
    /// A neighbourhood around every voxel of a mask.
    ///
    /// `voxels` are the mask's indices in `grid`, in the order of the rows of the responses. Costs
    /// O(voxels × members).
    ///
    /// # Errors
    /// [`NeighbourhoodError`] for a shape that is none, and voxels outside the grid or given twice.
    ///
    /// ```
    /// use emotome_brain::searchlight::{Neighbourhoods, Shape};
    /// use emotome_neurofiles::{Affine, Grid};
    /// let affine = Affine([[2.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]);
    /// let grid = Grid { shape: [9, 9, 9], affine };
    /// let all: Vec<[u32; 3]> = (0..729).map(|i| [i / 81, i / 9 % 9, i % 9]).collect();
    /// let spheres = Neighbourhoods::of(&grid, &all, &Shape::rsatoolbox(3.0))?;
    /// assert_eq!((spheres.whole(), spheres.len(), spheres.excluded()), (93, 125, 604));
    /// assert_eq!(Neighbourhoods::of(&grid, &all, &Shape::nilearn(6.0))?.whole(), 123);
    /// # Ok::<(), emotome_brain::searchlight::NeighbourhoodError>(())
    /// ```
    pub fn of(grid: &Grid, voxels: &[[u32; 3]], shape: &Shape) -> Result<Self, NeighbourhoodError> {
        if let Minimum::Fraction(fraction) = shape.minimum
            && !(0.0..=1.0).contains(&fraction)
        {
            return Err(NeighbourhoodError::Fraction { fraction });
        }
        let table = Table::of(grid, voxels)?;
        let mut order: Vec<u32> = (0..voxels.len() as u32).collect();
        order.sort_by_cached_key(|&v| morton(voxels[v as usize]));
        let (offsets, nearest) = match shape.extent {
            Extent::Nearest(count) => {
                let largest = table.size.iter().max().copied().unwrap_or(1);
                (growing(grid, count, largest)?, Some(count))
            }
            Extent::Voxels(radius) => (ball(identity(), radius, shape.rule)?, None),
            Extent::Millimetres(radius) => (ball(linear(grid)?, radius, shape.rule)?, None),
        };
        let whole = nearest.unwrap_or(offsets.len());
        let minimum = match shape.minimum {
            Minimum::Members(members) => members,
            Minimum::Fraction(fraction) => (fraction * whole as f64 - 1e-9).ceil() as usize,
        };
        if voxels.len().saturating_mul(whole.min(voxels.len())) > CELLS {
            return Err(NeighbourhoodError::TooMany {
                centres: voxels.len(),
                members: whole,
                limit: CELLS,
            });
        }
        let mut found = Self {
            voxels: voxels.len(),
            centres: Vec::new(),
            starts: vec![0],
            members: Vec::new(),
            lattice: nearest.is_none().then(|| Lattice {
                voxels: voxels.to_vec(),
                offsets: offsets.iter().map(|o| o.1).collect(),
            }),
            minimum,
            whole,
            excluded: 0,
        };
        let mut members: Vec<(f64, u32)> = Vec::new();
        for centre in order {
            members.clear();
            for &(distance, offset) in &offsets {
                if let Some(count) = nearest
                    && members.len() >= count
                    && members[members.len() - 1].0 < distance
                {
                    break;
                }
                if let Some(voxel) = table.at(voxels[centre as usize], offset) {
                    members.push((distance, voxel));
                }
            }
            if let Some(count) = nearest {
                members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                members.truncate(count);
            }
            if members.len() < minimum {
                found.excluded += 1;
                continue;
            }
            found.centres.push(centre);
            let from = found.members.len();
            found.members.extend(members.iter().map(|m| m.1));
            found.members[from..].sort_unstable();
            found.starts.push(found.members.len());
        }
        Ok(found)
    }

    /// Neighbourhoods given as lists of rows, as for discs of a surface or regions; list c is
    /// centre c. Lists of fewer than `minimum` members are left out and counted.
    ///
    /// # Errors
    /// [`NeighbourhoodError`] if a list names a voxel twice or one that is not there.
    pub fn from_lists(
        voxels: usize,
        lists: &[Vec<u32>],
        minimum: usize,
    ) -> Result<Self, NeighbourhoodError> {
        let mut found = Self {
            voxels,
            centres: Vec::new(),
            starts: vec![0],
            members: Vec::new(),
            lattice: None,
            minimum,
            whole: lists.iter().map(Vec::len).max().unwrap_or(0),
            excluded: 0,
        };
        for (list, members) in lists.iter().enumerate() {
            let mut sorted = members.clone();
            sorted.sort_unstable();
            if let Some(&member) = sorted.last().filter(|&&m| m as usize >= voxels) {
                return Err(NeighbourhoodError::NoVoxel {
                    list,
                    member,
                    voxels,
                });
            }
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                let member = pair[0];
                return Err(NeighbourhoodError::MemberTwice { list, member });
            }
            if sorted.len() < minimum {
                found.excluded += 1;
                continue;
            }
            found.centres.push(list as u32);
            found.members.extend(sorted);
            found.starts.push(found.members.len());
        }
        Ok(found)
    }

    /// Neighbourhoods kept.
    pub const fn len(&self) -> usize {
        self.centres.len()
    }

    /// Whether none is kept.
    pub const fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// Centres left out because they had too few members.
    pub const fn excluded(&self) -> usize {
        self.excluded
    }

    /// Members of a sphere that the mask does not cut; of the longest list.
    pub const fn whole(&self) -> usize {
        self.whole
    }

    /// Members of all together.
    pub const fn total(&self) -> usize {
        self.members.len()
    }

    /// The centre of a neighbourhood: a row of the responses, or the number of its list.
    pub fn centre(&self, at: usize) -> u32 {
        self.centres[at]
    }

    /// Rows of the responses in a neighbourhood, ascending.
    pub fn members(&self, at: usize) -> &[u32] {
        &self.members[self.starts[at]..self.starts[at + 1]]
    }

    /// The most members of any.
    pub fn largest(&self) -> usize {
        self.starts
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or(0)
    }

    /// The neighbourhoods without the voxels that are not `usable`, and how many fell below the
    /// minimum by that. Spheres around an unusable voxel go too.
    pub(super) fn without(&self, usable: &[bool]) -> (Self, usize) {
        let mut kept = Self {
            centres: Vec::new(),
            starts: vec![0],
            members: Vec::new(),
            lattice: self.lattice.clone(),
            ..*self
        };
        for at in 0..self.len() {
            let from = kept.members.len();
            let members = self.members(at).iter().filter(|&&m| usable[m as usize]);
            kept.members.extend(members);
            let orphan = self.lattice.is_some() && !usable[self.centre(at) as usize];
            if orphan || kept.members.len() - from < self.minimum.max(1) {
                kept.members.truncate(from);
                continue;
            }
            kept.centres.push(self.centre(at));
            kept.starts.push(kept.members.len());
        }
        let dropped = self.len() - kept.len();
        (kept, dropped)
    }
}

/// The rows of voxels in their bounding box.
struct Table {
    low: [u32; 3],
    size: [usize; 3],
    rows: Vec<u32>,
}

impl Table {
    fn of(grid: &Grid, voxels: &[[u32; 3]]) -> Result<Self, NeighbourhoodError> {
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

    fn at(&self, centre: [u32; 3], offset: [i32; 3]) -> Option<u32> {
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

const fn identity() -> [[f64; 3]; 3] {
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
}

fn linear(grid: &Grid) -> Result<[[f64; 3]; 3], NeighbourhoodError> {
    if grid.affine.inverse().is_none() {
        return Err(NeighbourhoodError::Flat);
    }
    Ok(grid.affine.0.map(|[a, b, c, _]| [a, b, c]))
}

/// Offsets within a radius and their squared distances, nearest first, then by i, j and k.
fn ball(
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
fn growing(
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
fn morton(index: [u32; 3]) -> u128 {
    let mut code = 0_u128;
    for bit in 0..32 {
        for (axis, i) in index.iter().enumerate() {
            code |= u128::from(i >> bit & 1) << (3 * bit + axis);
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use emotome_neurofiles::Affine;

    fn grid(side: usize, step: f64) -> Grid {
        let mut rows = [[0.0; 4]; 3];
        for axis in 0..3 {
            rows[axis][axis] = step;
        }
        Grid {
            shape: [side; 3],
            affine: Affine(rows),
        }
    }

    fn cube(side: u32) -> Vec<[u32; 3]> {
        let mut all = Vec::new();
        for i in 0..side {
            for j in 0..side {
                for k in 0..side {
                    all.push([i, j, k]);
                }
            }
        }
        all
    }

    #[test]
    fn interior_sizes_are_those_of_the_tools() {
        let all = cube(3);
        for (shape, size) in [
            (Shape::rsatoolbox(2.0), 27),
            (Shape::rsatoolbox(3.0), 93),
            (Shape::rsatoolbox(4.0), 251),
            (Shape::brainiak(1.0), 7),
            (Shape::brainiak(2.0), 33),
            (Shape::brainiak(2.5), 81),
            (Shape::brainiak(3.0), 123),
            (Shape::brainiak(4.0), 257),
            (Shape::brainiak(5.0), 515),
            (Shape::brainiak(6.0), 925),
            (Shape::nilearn(4.0), 33),
            (Shape::nilearn(6.0), 123),
            (Shape::nilearn(8.0), 257),
        ] {
            // A step that single precision cannot hold exactly must not lose the surface.
            for step in [2.0, f64::from(1.999_999_9_f32)] {
                let found = Neighbourhoods::of(&grid(3, step), &all, &shape).unwrap();
                assert_eq!(found.whole(), size, "{shape:?}");
            }
        }
    }

    #[test]
    fn nearest_voxels_are_as_many_as_asked_and_the_nearest() {
        let all = cube(7);
        let found = Neighbourhoods::of(&grid(7, 3.0), &all, &Shape::nearest(20)).unwrap();
        assert_eq!((found.len(), found.excluded()), (343, 0));
        for at in 0..found.len() {
            let centre = all[found.centre(at) as usize];
            let square = |v: u32| -> i64 {
                let v = all[v as usize];
                (0..3)
                    .map(|a| (i64::from(v[a]) - i64::from(centre[a])).pow(2))
                    .sum()
            };
            let mut expected: Vec<u32> = (0..343).collect();
            expected.sort_by_key(|&v| (square(v), v));
            expected.truncate(20);
            expected.sort_unstable();
            assert_eq!(found.members(at), expected);
        }
    }

    #[test]
    fn shapes_and_voxels_that_are_none_are_named() {
        let all = cube(2);
        let of = |shape| {
            Neighbourhoods::of(&grid(2, 1.0), &all, &shape)
                .map(|_| ())
                .unwrap_err()
        };
        for radius in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                of(Shape::brainiak(radius)),
                NeighbourhoodError::Radius { .. }
            ));
        }
        assert!(matches!(
            of(Shape::brainiak(1e9)),
            NeighbourhoodError::TooWide { .. }
        ));
        let twice = Neighbourhoods::of(&grid(2, 1.0), &[[0; 3], [0; 3]], &Shape::brainiak(1.0));
        assert!(matches!(
            twice,
            Err(NeighbourhoodError::Twice {
                first: 0,
                second: 1,
                ..
            })
        ));
        let outside = Neighbourhoods::of(&grid(2, 1.0), &[[0, 2, 0]], &Shape::brainiak(1.0));
        assert!(matches!(outside, Err(NeighbourhoodError::Outside { .. })));
        let flat = Neighbourhoods::of(&grid(2, 0.0), &all, &Shape::nilearn(1.0));
        assert_eq!(flat.map(|_| ()), Err(NeighbourhoodError::Flat));
        let wide = Grid {
            shape: [usize::MAX; 3],
            ..grid(2, 1.0)
        };
        let far = Neighbourhoods::of(&wide, &[[0; 3], [u32::MAX - 1; 3]], &Shape::brainiak(1.0));
        assert!(matches!(far, Err(NeighbourhoodError::Span { .. })));
        assert!(
            Neighbourhoods::of(&grid(2, 1.0), &[], &Shape::brainiak(1.0))
                .unwrap()
                .is_empty()
        );
        assert!(Neighbourhoods::from_lists(3, &[vec![0, 0]], 1).is_err());
        assert!(Neighbourhoods::from_lists(3, &[vec![3]], 1).is_err());
        let lists = Neighbourhoods::from_lists(3, &[vec![2, 0], vec![1]], 2).unwrap();
        assert_eq!(
            (lists.len(), lists.excluded(), lists.members(0)),
            (1, 1, &[0, 2][..])
        );
    }
}
