//! A brain-like mask with named regions that needs no download. It is no atlas: regions are balls about places
//! where those of that name roughly lie.

use emotome_neurofiles::nifti::Mask;
use emotome_neurofiles::{Affine, Grid, Millimetres};
use ndarray::Array2;

use super::error::SimulateError;
use crate::store::{Places, Regions};

/// Centre and half axes, mm: cerebrum, cerebellum, brainstem.
const ELLIPSOIDS: [([f64; 3], [f64; 3]); 3] = [
    ([0.0, -18.0, 8.0], [68.0, 86.0, 62.0]),
    ([0.0, -62.0, -38.0], [50.0, 32.0, 25.0]),
    ([0.0, -30.0, -46.0], [12.0, 14.0, 28.0]),
];
/// mm³ of their union.
const VOLUME: f64 = 1.60e6;
/// Squared relative radius past which the cerebrum is cortex.
const CORTEX: f64 = 0.70;
/// A cortical region reaches this far from its centre, mm.
const REACH: f64 = 27.0;

/// Right-hemisphere centres of cortical regions, mm.
const CORTICAL: [(&str, [f64; 3]); 13] = [
    ("VC", [18.0, -95.0, 4.0]),
    ("TPJ", [55.0, -48.0, 20.0]),
    ("IPL", [46.0, -60.0, 42.0]),
    ("PC", [8.0, -62.0, 58.0]),
    ("STS", [60.0, -24.0, -4.0]),
    ("TE", [56.0, -30.0, -22.0]),
    ("MTC", [28.0, -28.0, -44.0]),
    ("DLPFC", [42.0, 34.0, 36.0]),
    ("DMPFC", [8.0, 44.0, 44.0]),
    ("VMPFC", [8.0, 62.0, -2.0]),
    ("OFC", [26.0, 40.0, -26.0]),
    ("Insula", [52.0, 12.0, -6.0]),
    ("ACC", [6.0, 56.0, 22.0]),
];
/// Right-hemisphere centres and radii of subcortical regions, mm.
const SUBCORTICAL: [(&str, [f64; 3], f64); 8] = [
    ("thalamus", [11.0, -19.0, 8.0], 10.0),
    ("hippocampus", [27.0, -22.0, -14.0], 9.0),
    ("hypothalamus", [4.0, -3.0, -10.0], 5.0),
    ("pallidum", [17.0, -4.0, 0.0], 5.0),
    ("caudate", [13.0, 13.0, 11.0], 8.0),
    ("putamen", [27.0, 3.0, 2.0], 8.0),
    ("nuc_accum", [9.0, 11.0, -7.0], 5.0),
    ("amygdala", [23.0, -5.0, -19.0], 8.0),
];

/// Voxels of a brain, each in one region or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Anatomy {
    /// The grid.
    pub grid: Grid,
    /// Voxels, i fastest, then j, then k.
    pub voxels: Vec<[u32; 3]>,
    /// Names of regions.
    pub names: Vec<String>,
    /// Region of each voxel, 0 for none, else its place among the names from 1.
    pub labels: Vec<u16>,
}

impl Anatomy {
    /// A brain of exactly so many voxels; its size follows from them.
    ///
    /// 13 cortical and 8 subcortical regions, cerebellum and brainstem, each on the left (`L_`, x < 0) and on
    /// the right (`R_`).
    ///
    /// ```
    /// use emotome_brain::simulate::Anatomy;
    /// use emotome_neurofiles::Millimetres;
    /// let brain = Anatomy::standard(60_112, Millimetres(3.0))?;
    /// assert_eq!(brain.voxels.len(), 60_112);
    /// assert!(brain.region("L_TPJ")?.len() > 100);
    /// # Ok::<(), emotome_brain::simulate::SimulateError>(())
    /// ```
    ///
    /// # Errors
    /// [`SimulateError::Parameter`] for fewer than 100 or more than 5 million voxels, or an edge that is not positive.
    pub fn standard(voxels: usize, edge: Millimetres) -> Result<Self, SimulateError> {
        let refuse = |name, found, expected| SimulateError::Parameter {
            name,
            found,
            expected,
        };
        if !(100..=5_000_000).contains(&voxels) {
            return Err(refuse("voxels", voxels as f64, "100 to 5,000,000"));
        }
        let edge = edge.0;
        if !(edge > 0.0 && edge.is_finite()) {
            return Err(refuse("edge of a voxel, mm", edge, "a positive number"));
        }
        let scale = (voxels as f64 * edge.powi(3) / VOLUME).cbrt();
        // A quarter more than the brain on every side holds the voxels sought.
        let low = [-85.0, -126.0, -105.0].map(|v: f64| (v * scale / edge).floor());
        let high = [85.0, 90.0, 86.0].map(|v: f64| (v * scale / edge).ceil());
        let shape = [0, 1, 2].map(|a| (high[a] - low[a]) as usize + 1);
        let mut affine = [[0.0; 4]; 3];
        for a in 0..3 {
            affine[a][a] = edge;
            affine[a][3] = low[a] * edge;
        }
        let grid = Grid {
            shape,
            affine: Affine(affine),
        };
        let reference = |at: [u32; 3]| grid.affine.apply(at.map(f64::from)).map(|v| v / scale);
        let mut inside: Vec<(f64, [u32; 3])> = Vec::new();
        for k in 0..shape[2] as u32 {
            for j in 0..shape[1] as u32 {
                for i in 0..shape[0] as u32 {
                    let at = [i, j, k];
                    let f = radii(reference(at))
                        .into_iter()
                        .fold(f64::INFINITY, f64::min);
                    if f < 1.6 {
                        inside.push((f, at));
                    }
                }
            }
        }
        if inside.len() < voxels {
            return Err(refuse(
                "voxels",
                voxels as f64,
                "more, for a brain of this edge",
            ));
        }
        inside.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut chosen: Vec<[u32; 3]> = inside[..voxels].iter().map(|(_, at)| *at).collect();
        chosen.sort_unstable_by_key(|&[i, j, k]| [k, j, i]);
        let kinds = CORTICAL
            .iter()
            .map(|(name, _)| *name)
            .chain(SUBCORTICAL.iter().map(|(name, _, _)| *name))
            .chain(["cerebellum", "brainstem"]);
        let names = kinds.flat_map(|name| [format!("L_{name}"), format!("R_{name}")]);
        let label = |&at: &[u32; 3]| {
            let [x, y, z] = reference(at);
            kind([x.abs(), y, z]).map_or(0, |kind| 2 * kind as u16 + 1 + u16::from(x >= 0.0))
        };
        Ok(Self {
            grid,
            names: names.collect(),
            labels: chosen.iter().map(label).collect(),
            voxels: chosen,
        })
    }

    /// The voxels of a mask, with regions from a volume of labels on its grid (element i + nᵢ(j + nⱼk)).
    ///
    /// # Errors
    /// [`SimulateError::Parameter`] for a label that names no region.
    pub fn of_volume(
        mask: &Mask,
        labels: &[f64],
        names: Vec<String>,
    ) -> Result<Self, SimulateError> {
        let label = |&voxel: &u32| {
            let found = labels.get(voxel as usize).copied().unwrap_or(f64::NAN);
            if found.fract() == 0.0 && (0.0..=names.len() as f64).contains(&found) {
                return Ok(found as u16);
            }
            Err(SimulateError::Parameter {
                name: "label of a voxel",
                found,
                expected: "0, or the place of a region among the names",
            })
        };
        Ok(Self {
            grid: mask.grid(),
            voxels: mask.indices().map(|at| at.map(|n| n as u32)).collect(),
            labels: mask.voxels().iter().map(label).collect::<Result<_, _>>()?,
            names,
        })
    }

    /// The voxels of a region.
    ///
    /// # Errors
    /// [`SimulateError::Unknown`] with the names there are.
    pub fn region(&self, name: &str) -> Result<Vec<usize>, SimulateError> {
        let at = self.names.iter().position(|known| known == name);
        let at = at.ok_or_else(|| SimulateError::Unknown {
            what: "region",
            name: name.to_owned(),
            known: self.names.join(", "),
        })?;
        let voxels = self.labels.iter().enumerate();
        Ok(voxels
            .filter(|(_, label)| usize::from(**label) == at + 1)
            .map(|(voxel, _)| voxel)
            .collect())
    }

    /// Where the voxels lie.
    pub fn places(&self) -> Places {
        Places::Volume {
            grid: self.grid,
            inferred: false,
            indices: self.voxels.clone(),
        }
    }

    /// The regions as sets.
    pub fn regions(&self) -> Regions {
        let shape = (self.names.len(), self.voxels.len());
        Regions {
            names: self.names.clone(),
            members: Array2::from_shape_fn(shape, |(region, voxel)| {
                usize::from(self.labels[voxel]) == region + 1
            }),
        }
    }

    /// Values of voxels as a volume, 0 elsewhere.
    pub(super) fn volume<T: Copy + Default>(&self, values: impl IntoIterator<Item = T>) -> Vec<T> {
        let [ni, nj, nk] = self.grid.shape;
        let mut volume = vec![T::default(); ni * nj * nk];
        for (&[i, j, k], value) in self.voxels.iter().zip(values) {
            volume[i as usize + ni * (j as usize + nj * k as usize)] = value;
        }
        volume
    }
}

/// Squared relative radii in the three ellipsoids.
fn radii(at: [f64; 3]) -> [f64; 3] {
    ELLIPSOIDS.map(|(centre, half)| {
        let square = |a: usize| ((at[a] - centre[a]) / half[a]).powi(2);
        square(0) + square(1) + square(2)
    })
}

/// The region about a point of the right half.
fn kind(at: [f64; 3]) -> Option<usize> {
    let [cerebrum, cerebellum, brainstem] = radii(at);
    let square = |centre: [f64; 3]| (0..3).map(|a| (at[a] - centre[a]).powi(2)).sum::<f64>();
    let first = CORTICAL.len();
    let near = SUBCORTICAL
        .iter()
        .position(|(_, centre, radius)| square(*centre) <= radius * radius);
    if let Some(near) = near {
        return Some(first + near);
    }
    let least = cerebrum.min(cerebellum).min(brainstem);
    if least == brainstem && cerebrum > CORTEX {
        return Some(first + SUBCORTICAL.len() + 1);
    }
    if least == cerebellum {
        return Some(first + SUBCORTICAL.len());
    }
    if cerebrum < CORTEX {
        return None;
    }
    let distances = CORTICAL
        .iter()
        .map(|(_, centre)| square(*centre))
        .enumerate();
    let (nearest, distance) = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (distance <= REACH * REACH).then_some(nearest)
}
