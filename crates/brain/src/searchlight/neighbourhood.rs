//! Which voxels belong together: spheres of a volume, nearest voxels, discs of a surface, regions.

use emotome_neurofiles::Grid;

use super::ball::{CELLS, Table, ball, growing, identity, linear, morton};
use super::shape::{Extent, Minimum, NeighbourhoodError, Shape};

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
    /// Whether the centre of each is a row, without which it goes.
    centred: bool,
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
            centred: true,
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
    /// [`NeighbourhoodError`] if a list names a voxel twice or one that is not there, or if they have more than 2²⁸
    /// members in all.
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
            centred: false,
            minimum,
            whole: lists.iter().map(Vec::len).max().unwrap_or(0),
            excluded: 0,
        };
        let total: usize = lists.iter().map(Vec::len).sum();
        if total > CELLS {
            return Err(NeighbourhoodError::TooMany {
                centres: lists.len(),
                members: found.whole,
                limit: CELLS,
            });
        }
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

    /// Neighbourhoods given as lists, list c around row c of the responses, which goes with its row: discs of a
    /// surface.
    ///
    /// # Errors
    /// As [`from_lists`](Self::from_lists).
    pub fn around_rows(lists: &[Vec<u32>], minimum: usize) -> Result<Self, NeighbourhoodError> {
        Ok(Self {
            centred: true,
            ..Self::from_lists(lists.len(), lists, minimum)?
        })
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
            let orphan = self.centred && !usable[self.centre(at) as usize];
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
