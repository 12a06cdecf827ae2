//! The grid that positions lie on.

use std::path::Path;

use emotome_neurofiles::{Affine, Grid, Millimetres};

use super::error::ImportError;
use crate::store::Places;

/// A voxel's centre may lie this share of an edge from where its grid says.
const SLACK: f64 = 0.01;
/// The longest axis of a grid that is worked out.
const LONGEST: f64 = 4096.0;

/// Positions as voxels of a grid that is known.
pub(super) fn on_grid(
    path: &Path,
    positions: &[[f64; 3]],
    grid: Grid,
    named: &Path,
) -> Result<Places, ImportError> {
    let off = |voxel: usize, distance: f64| ImportError::OffGrid {
        path: path.to_owned(),
        voxel,
        x: positions[voxel][0],
        y: positions[voxel][1],
        z: positions[voxel][2],
        distance: Millimetres(distance),
        grid: named.to_owned(),
    };
    let inverse = grid.affine.inverse().ok_or_else(|| off(0, f64::NAN))?;
    let edge = grid.affine.spacing().map(|s| s.0);
    let least = edge.iter().copied().fold(f64::INFINITY, f64::min);
    let mut indices = Vec::with_capacity(positions.len());
    for (voxel, &position) in positions.iter().enumerate() {
        let at = inverse.apply(position).map(f64::round);
        let centre = grid.affine.apply(at);
        let squares = (0..3).map(|a| (centre[a] - position[a]).powi(2));
        let distance = squares.sum::<f64>().sqrt();
        let inside = (0..3).all(|a| at[a] >= 0.0 && at[a] < grid.shape[a] as f64);
        if !inside || distance > SLACK * least || !distance.is_finite() {
            return Err(off(voxel, distance));
        }
        indices.push(at.map(|n| n as u32));
    }
    Ok(Places::Volume {
        grid,
        inferred: false,
        indices,
    })
}

/// Positions as voxels of the grid that they and, if given, their indices imply; bare points if they imply none.
pub(super) fn infer(positions: Vec<[f64; 3]>, indices: Option<&[[f64; 3]]>) -> (Places, String) {
    let from = indices.map_or("positions", |_| "positions and indices");
    let inferred = match indices {
        Some(indices) => fitted(&positions, indices),
        None => regular(&positions),
    };
    match inferred {
        Some((grid, indices)) => {
            let [a, b, c] = grid.affine.spacing().map(|s| s.0);
            let [x, y, z] = grid.shape;
            let note = format!(
                "the grid was worked out from {from}: {x}×{y}×{z} voxels of {a:.3}×{b:.3}×{c:.3} mm; its far edges are those of the voxels that are there"
            );
            let places = Places::Volume {
                grid,
                inferred: true,
                indices,
            };
            (places, note)
        }
        None => {
            let note =
                "positions lie on no regular grid: distances can be taken in mm only".to_owned();
            (Places::Points(positions), note)
        }
    }
}

/// The affine that leads from indices to positions, by least squares; none if any voxel is off.
fn fitted(positions: &[[f64; 3]], indices: &[[f64; 3]]) -> Option<(Grid, Vec<[u32; 3]>)> {
    // Normal equations of [i j k 1] A = x, solved by Gauss–Jordan with pivots.
    let mut system = [[0.0_f64; 7]; 4];
    for (index, position) in indices.iter().zip(positions) {
        let row = [index[0], index[1], index[2], 1.0];
        for a in 0..4 {
            for b in 0..4 {
                system[a][b] += row[a] * row[b];
            }
            for b in 0..3 {
                system[a][4 + b] += row[a] * position[b];
            }
        }
    }
    for column in 0..4 {
        let pivot = (column..4)
            .max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        system.swap(column, pivot);
        let scale = system[column][column];
        if !scale.is_finite() || scale.abs() < 1e-6 {
            return None;
        }
        system[column].iter_mut().for_each(|v| *v /= scale);
        let own = system[column];
        for (at, row) in system.iter_mut().enumerate() {
            if at != column {
                let factor = row[column];
                row.iter_mut().zip(own).for_each(|(v, o)| *v -= factor * o);
            }
        }
    }
    let mut affine = [[0.0; 4]; 3];
    for (b, row) in affine.iter_mut().enumerate() {
        for (a, entry) in row.iter_mut().enumerate() {
            *entry = system[a][4 + b];
        }
    }
    bounded(Affine(affine), positions, indices)
}

/// The lattice along x, y and z with the smallest step between coordinates; none if any voxel is off.
fn regular(positions: &[[f64; 3]]) -> Option<(Grid, Vec<[u32; 3]>)> {
    let mut affine = [[0.0; 4]; 3];
    for axis in 0..3 {
        let mut values: Vec<f64> = positions.iter().map(|p| p[axis]).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let step = values
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .filter(|&step| step > 0.05)
            .fold(f64::INFINITY, f64::min);
        if !step.is_finite() {
            return None;
        }
        // Coordinates are often rounded, so the step is that of the whole range.
        let steps = ((high - low) / step).round();
        affine[axis][axis] = (high - low) / steps;
        affine[axis][3] = low;
    }
    let affine = Affine(affine);
    let inverse = affine.inverse()?;
    let indices: Vec<[f64; 3]> = positions
        .iter()
        .map(|&position| inverse.apply(position).map(f64::round))
        .collect();
    bounded(affine, positions, &indices)
}

/// The grid up to the last voxel, if every voxel lies where the affine says.
fn bounded(
    affine: Affine,
    positions: &[[f64; 3]],
    indices: &[[f64; 3]],
) -> Option<(Grid, Vec<[u32; 3]>)> {
    affine.inverse()?;
    let edge = affine.spacing().map(|s| s.0);
    let least = edge.iter().copied().fold(f64::INFINITY, f64::min);
    let mut shape = [0; 3];
    let mut whole = Vec::with_capacity(indices.len());
    for (index, position) in indices.iter().zip(positions) {
        let centre = affine.apply(*index);
        let near = (0..3).all(|a| (centre[a] - position[a]).abs() <= SLACK * least);
        let sound = index
            .iter()
            .all(|n| (0.0..LONGEST).contains(n) && n.fract() == 0.0);
        if !near || !sound {
            return None;
        }
        let own = index.map(|n| n as u32);
        for (size, n) in shape.iter_mut().zip(own) {
            *size = (*size).max(n as usize + 1);
        }
        whole.push(own);
    }
    Some((Grid { shape, affine }, whole))
}
