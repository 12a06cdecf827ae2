//! What a neighbourhood is, and why there is none.

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
