//! Neighbourhoods of a store on surfaces: discs of vertices, and spheres of voxels within each structure.

use emotome_neurofiles::Millimetres;
use emotome_neurofiles::cifti::Part;

use super::disc::{Distance, Reach, discs};
use super::mesh::{Mesh, MeshError};
use crate::regions::Hemisphere;
use crate::searchlight::{Extent, Minimum, NeighbourhoodError, Neighbourhoods, Rule, Shape};
use crate::store::Places;

/// Why there are no such neighbourhoods.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The rows lie on no surface.
    #[error("the responses lie on no surface; spheres of voxels need no meshes")]
    NoSurface,
    /// A surface is missing.
    #[error("the {side} surface is not given; vertices alone say nothing of distances", side = .0.name())]
    NoMesh(Hemisphere),
    /// A surface of another mesh than the responses.
    #[error(
        "the {side} surface has {found} points, and the responses are of {expected} vertices: both must be of one mesh, e.g. fsaverage5",
        side = side.name()
    )]
    Points {
        /// The hemisphere.
        side: Hemisphere,
        /// Points of the surface.
        found: usize,
        /// Vertices of the responses.
        expected: usize,
    },
    /// A radius in voxels.
    #[error(
        "a surface has no voxels; give the radius in millimetres (10mm), or a number of nearest vertices (n100)"
    )]
    NoVoxels,
    /// Discs cannot be drawn.
    #[error("the {side} surface: {source}", side = side.name())]
    Discs {
        /// The hemisphere.
        side: Hemisphere,
        /// Why.
        source: MeshError,
    },
    /// Lists or spheres cannot be drawn.
    #[error(transparent)]
    Neighbourhoods(#[from] NeighbourhoodError),
}

/// A neighbourhood around every row: for vertices the disc on their own surface, by distance along the edges of
/// `meshes` ([`Distance::EdgeGraph`]), for voxels the sphere within their own structure.
///
/// Vertices without a row are crossed by paths and counted where a minimum is a part of the whole disc, but are no
/// members. A surface without rows needs no mesh. O(rows · points in reach · log).
///
/// # Errors
/// [`SearchError`] for rows on no surface, meshes that are missing or of other vertices, radii that are none.
pub fn neighbourhoods(
    places: &Places,
    meshes: [Option<&Mesh>; 2],
    shape: &Shape,
) -> Result<Neighbourhoods, SearchError> {
    if let Minimum::Fraction(fraction) = shape.minimum
        && !(0.0..=1.0).contains(&fraction)
    {
        return Err(NeighbourhoodError::Fraction { fraction }.into());
    }
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); places.len()];
    match places {
        Places::Surface { vertices, indices } => {
            for side in Hemisphere::BOTH {
                let own: Vec<(u32, u32)> = (0..)
                    .zip(indices)
                    .filter(|(_, (of, _))| *of == side)
                    .map(|(row, &(_, vertex))| (row, vertex))
                    .collect();
                on_surface(
                    side,
                    &own,
                    vertices[side as usize],
                    meshes,
                    shape,
                    &mut lists,
                )?;
            }
        }
        Places::Grayordinates(axis) => {
            for model in &axis.models {
                let first = model.offset as u32;
                match (&model.part, Hemisphere::of_cifti(&model.structure)) {
                    (Part::Surface { vertices, of }, Some(side)) => {
                        let own: Vec<(u32, u32)> =
                            (first..).zip(vertices.iter().copied()).collect();
                        on_surface(side, &own, *of, meshes, shape, &mut lists)?;
                    }
                    (Part::Voxels(voxels), _) => {
                        let grid = axis.volume.ok_or(SearchError::NoSurface)?;
                        if matches!(shape.extent, Extent::Voxels(_)) {
                            return Err(SearchError::NoVoxels);
                        }
                        let spheres = Neighbourhoods::of(&grid, voxels, shape)?;
                        for at in 0..spheres.len() {
                            let members = spheres.members(at).iter().map(|m| first + m);
                            lists[(first + spheres.centre(at)) as usize] = members.collect();
                        }
                    }
                    (Part::Surface { .. }, None) => return Err(SearchError::NoSurface),
                }
            }
        }
        Places::Volume { .. } | Places::Points(_) => return Err(SearchError::NoSurface),
    }
    let fewest = match shape.minimum {
        Minimum::Members(members) => members.max(1),
        // Discs below their part are empty by now.
        Minimum::Fraction(_) => 1,
    };
    Ok(Neighbourhoods::around_rows(&lists, fewest)?)
}

/// The discs around rows of a surface, each with its vertex.
fn on_surface(
    side: Hemisphere,
    rows: &[(u32, u32)],
    vertices: u32,
    meshes: [Option<&Mesh>; 2],
    shape: &Shape,
    lists: &mut [Vec<u32>],
) -> Result<(), SearchError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mesh = meshes[side as usize].ok_or(SearchError::NoMesh(side))?;
    if mesh.points().len() != vertices as usize {
        return Err(SearchError::Points {
            side,
            found: mesh.points().len(),
            expected: vertices as usize,
        });
    }
    let mut row_of = vec![None; vertices as usize];
    for &(row, vertex) in rows {
        row_of[vertex as usize] = Some(row);
    }
    let (reach, keep) = match (shape.extent, shape.rule) {
        (Extent::Voxels(_), _) => return Err(SearchError::NoVoxels),
        (Extent::Millimetres(mm), Rule::UpTo) => (Reach::Within(Millimetres(mm)), None),
        (Extent::Millimetres(mm), Rule::Below) => (Reach::Below(Millimetres(mm)), None),
        (Extent::Nearest(count), _) => {
            let keep: Vec<bool> = row_of.iter().map(Option::is_some).collect();
            (Reach::Nearest(count), Some(keep))
        }
    };
    let centres: Vec<u32> = rows.iter().map(|&(_, vertex)| vertex).collect();
    let found = discs(mesh, &centres, Distance::EdgeGraph, reach, keep.as_deref())
        .map_err(|source| SearchError::Discs { side, source })?;
    for (&(row, _), disc) in rows.iter().zip(found.iter()) {
        let whole = match shape.extent {
            Extent::Nearest(count) => count,
            _ => disc.len(),
        };
        let members: Vec<u32> = disc.iter().filter_map(|&v| row_of[v as usize]).collect();
        let enough = match shape.minimum {
            Minimum::Members(fewest) => members.len() >= fewest,
            Minimum::Fraction(part) => members.len() as f64 >= part * whole as f64 - 1e-9,
        };
        if enough {
            lists[row as usize] = members;
        }
    }
    Ok(())
}
