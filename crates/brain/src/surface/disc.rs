//! Neighbourhoods on a surface, for searchlights.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
};

use emotome_neurofiles::Millimetres;
use rayon::prelude::*;

use super::{
    bins::Bins,
    mesh::{Mesh, MeshError},
};

/// How far apart two points of a surface are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// Straight through space: banks of a sulcus are near.
    Euclidean,
    /// Along edges of the mesh (Dijkstra 1959). Never shorter than along the surface, and longer by about a tenth on
    /// regular meshes, since paths zigzag; the same for all who use the mesh.
    EdgeGraph,
}

/// Which points belong to a disc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    /// All at a distance of at most this.
    Within(Millimetres),
    /// All nearer than this.
    Below(Millimetres),
    /// So many of the nearest, the centre among them, ties by place.
    Nearest(usize),
}

/// One disc a centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discs {
    starts: Vec<usize>,
    members: Vec<u32>,
}

impl Discs {
    /// Discs.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Points of a disc, ascending.
    pub fn of(&self, disc: usize) -> &[u32] {
        &self.members[self.starts[disc]..self.starts[disc + 1]]
    }

    /// All discs.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.starts
            .windows(2)
            .map(|pair| &self.members[pair[0]..pair[1]])
    }
}

/// Points of all discs together at most.
const MEMBERS: usize = 1 << 28;
/// Centres whose discs are drawn before their points are counted.
const CHUNK: usize = 1024;

/// Discs around `centres`, made of points that `keep` has; paths lead over all points.
///
/// O(centres · points in reach · log). With [`Reach::Nearest`] a disc is smaller where an island of the mesh has
/// fewer points.
///
/// # Errors
/// [`MeshError::Members`] for discs of more than 2²⁸ points in all, [`MeshError::Parameter`] for a reach that is not positive, [`MeshError::Count`] for `keep` of another length,
/// [`MeshError::Centre`] for a centre that is not there.
pub fn discs(
    mesh: &Mesh,
    centres: &[u32],
    distance: Distance,
    reach: Reach,
    keep: Option<&[bool]>,
) -> Result<Discs, MeshError> {
    let points = mesh.points();
    if let Some(keep) = keep
        && keep.len() != points.len()
    {
        return Err(MeshError::Count {
            expected: points.len(),
            found: keep.len(),
        });
    }
    if let Some(place) = centres.iter().position(|&c| c as usize >= points.len()) {
        return Err(MeshError::Centre {
            place,
            point: centres[place],
            points: points.len(),
        });
    }
    let kept = |i: usize| keep.is_none_or(|keep| keep[i]);
    let (limit, most) = match reach {
        Reach::Within(Millimetres(r)) | Reach::Below(Millimetres(r))
            if r > 0.0 && r.is_finite() =>
        {
            (r, usize::MAX)
        }
        Reach::Nearest(n) if n > 0 => (f64::INFINITY, n),
        Reach::Within(Millimetres(value)) | Reach::Below(Millimetres(value)) => {
            return Err(MeshError::Parameter {
                parameter: "radius",
                value,
                range: "positive",
            });
        }
        Reach::Nearest(_) => {
            return Err(MeshError::Parameter {
                parameter: "points of a disc",
                value: 0.0,
                range: "at least 1",
            });
        }
    };
    let inside = |d: f64| match reach {
        Reach::Below(_) => d < limit,
        _ => d <= limit,
    };
    let mut discs = Discs {
        starts: vec![0],
        members: Vec::new(),
    };
    let mut take = |some: Vec<Vec<u32>>| {
        for disc in some {
            discs.members.extend(&disc);
            discs.starts.push(discs.members.len());
        }
        match discs.members.len() {
            members if members > MEMBERS => Err(MeshError::Members { limit: MEMBERS }),
            _ => Ok(()),
        }
    };
    match distance {
        Distance::Euclidean => {
            let edge = if limit.is_finite() { limit } else { 5.0 };
            let bins = Bins::new(points, edge, kept);
            let disc = |&centre: &u32| {
                let at = points[centre as usize];
                let near = match limit.is_finite() {
                    true => bins.near(at, limit),
                    false => bins.nearest(at, most),
                };
                let near = near.into_iter().filter(|(d, _)| inside(d.sqrt()));
                sorted(near.map(|(_, i)| i).collect())
            };
            for some in centres.chunks(CHUNK) {
                take(some.par_iter().map(disc).collect())?;
            }
        }
        Distance::EdgeGraph => {
            let graph = mesh.neighbours();
            let disc = |&centre: &u32| {
                let mut members = Vec::new();
                let mut best: HashMap<u32, f64> = [(centre, 0.0)].into();
                let mut open = BinaryHeap::from([Open(0.0, centre)]);
                while let Some(Open(d, point)) = open.pop() {
                    if !inside(d) || members.len() == most {
                        break;
                    }
                    if best.get(&point).is_some_and(|&known| d > known) {
                        continue;
                    }
                    if kept(point as usize) {
                        members.push(point);
                    }
                    for &(next, length) in &graph[point as usize] {
                        let far = d + length;
                        let known = best.entry(next).or_insert(f64::INFINITY);
                        if far < *known {
                            *known = far;
                            open.push(Open(far, next));
                        }
                    }
                }
                sorted(members)
            };
            for some in centres.chunks(CHUNK) {
                take(some.par_iter().map(disc).collect())?;
            }
        }
    }
    Ok(discs)
}

fn sorted(mut members: Vec<u32>) -> Vec<u32> {
    members.sort_unstable();
    members
}

/// The nearest point comes first, ties by place.
struct Open(f64, u32);

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then(other.1.cmp(&self.1))
    }
}
