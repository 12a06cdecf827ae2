//! A brain-like mask with named regions that needs no download: voxels about places of the cortex, and about
//! where structures below it roughly lie. It is no atlas.

use std::sync::LazyLock;

use emotome_neurofiles::nifti::Mask;
use emotome_neurofiles::{Affine, Grid, Millimetres};
use ndarray::Array2;

use super::error::SimulateError;
use crate::regions::{Area, Hemisphere, Preset};
use crate::store::{Places, Regions};

/// Places of the 360 areas on the average midthickness surfaces; `assets/NOTICE.md` has their terms.
const POINTS: &str = include_str!("../../assets/cortex_points.txt");
/// A voxel is cortex as far as this from a place of it, mm.
const REACH: f64 = 6.0;

/// Centre and half axes, mm: what the cortex encloses, cerebellum, brainstem.
const ELLIPSOIDS: [([f64; 3], [f64; 3]); 3] = [
    ([0.0, -18.0, 8.0], [61.0, 77.0, 56.0]),
    ([0.0, -62.0, -38.0], [50.0, 32.0, 25.0]),
    ([0.0, -30.0, -46.0], [12.0, 14.0, 28.0]),
];
/// mm³ of all.
const VOLUME: f64 = 1.625e6;
/// Squared relative radius of the enclosed part past which the brainstem is seen.
const INNER: f64 = 0.85;

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
    /// The 360 areas of the HCP-MMP 1.0, 8 subcortical structures, cerebellum and brainstem, each on the left
    /// (`L_`, x < 0) and on the right (`R_`).
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
        let cortex = Cortex::of(POINTS);
        let mut inside: Vec<(f64, [u32; 3])> = Vec::new();
        for k in 0..shape[2] as u32 {
            for j in 0..shape[1] as u32 {
                for i in 0..shape[0] as u32 {
                    let at = [i, j, k];
                    let place = reference(at);
                    let f = radii(place).into_iter().fold(f64::INFINITY, f64::min);
                    let f = cortex
                        .nearest(place, 1.3 * REACH)
                        .map_or(f, |(_, far)| f.min((far / REACH).powi(2)));
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
        let kinds = SUBCORTICAL.iter().map(|(name, _, _)| *name);
        let kinds = kinds.chain(["cerebellum", "brainstem"]);
        let below = kinds.flat_map(|name| [format!("L_{name}"), format!("R_{name}")]);
        let areas = Area::all().map(|area| area.to_string());
        let label = |&at: &[u32; 3]| {
            let place = reference(at);
            let side = u16::from(place[0] >= 0.0);
            match structure(place) {
                Some(kind) => 361 + 2 * kind as u16 + side,
                None => cortex.nearest(place, REACH).map_or(0, |(area, _)| area),
            }
        };
        Ok(Self {
            grid,
            labels: chosen.iter().map(label).collect(),
            voxels: chosen,
            names: areas.chain(below).collect(),
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

    /// The voxels of a region: one of [`names`](Self::names), or a cortical group of `horikawa2020`, on one side
    /// as `L_TPJ` or on both as `TPJ`.
    ///
    /// # Errors
    /// [`SimulateError::Unknown`] with the names there are.
    pub fn region(&self, name: &str) -> Result<Vec<usize>, SimulateError> {
        let labels: Vec<u16> = self.labels_of(name);
        if labels.is_empty() {
            let mut known: Vec<&str> = GROUPS.iter().map(|(group, _)| group.as_str()).collect();
            known.extend(self.names.iter().map(String::as_str));
            return Err(SimulateError::Unknown {
                what: "region",
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
        let voxels = self.labels.iter().enumerate();
        Ok(voxels
            .filter(|(_, label)| labels.contains(label))
            .map(|(voxel, _)| voxel)
            .collect())
    }

    /// The labels that a name means.
    fn labels_of(&self, name: &str) -> Vec<u16> {
        let label = |name: &str| {
            let at = self.names.iter().position(|known| known == name)?;
            Some(at as u16 + 1)
        };
        if let Some(own) = label(name) {
            return vec![own];
        }
        let (sides, stem): (&[char], &str) = match name.split_at_checked(2) {
            Some(("L_", stem)) => (&['L'], stem),
            Some(("R_", stem)) => (&['R'], stem),
            _ => (&['L', 'R'], name),
        };
        let group = GROUPS.iter().find(|(group, _)| group == stem);
        let alone = [stem.to_owned()];
        let parcels = group.map_or(alone.as_slice(), |(_, parcels)| parcels);
        let names = sides
            .iter()
            .flat_map(|side| parcels.iter().map(move |parcel| format!("{side}_{parcel}")));
        names.filter_map(|name| label(&name)).collect()
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

/// The structure below the cortex about a place.
fn structure(at: [f64; 3]) -> Option<usize> {
    let [enclosed, cerebellum, brainstem] = radii(at);
    let from = |centre: [f64; 3]| {
        let square = |a: usize| (at[a].abs() - centre[a]).powi(2);
        square(0) + (at[1] - centre[1]).powi(2) + (at[2] - centre[2]).powi(2)
    };
    let near = SUBCORTICAL
        .iter()
        .position(|(_, centre, radius)| from(*centre) <= radius * radius);
    let deepest = enclosed.min(cerebellum).min(brainstem);
    if near.is_some() {
        near
    } else if brainstem < 1.0 && deepest == brainstem && enclosed > INNER {
        Some(SUBCORTICAL.len() + 1)
    } else if cerebellum < 1.0 && deepest == cerebellum {
        Some(SUBCORTICAL.len())
    } else {
        None
    }
}

/// Groups of areas by the names under which they can be planted.
static GROUPS: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let Ok(table) = Preset::Horikawa2020.table() else {
        return Vec::new();
    };
    let cortical = |group: &str| {
        let parcels = table.of(group).map(|row| row.parcel.clone());
        parcels
            .filter(|parcel| Area::named(Hemisphere::Left, parcel).is_some())
            .collect::<Vec<_>>()
    };
    let groups = table.groups().into_iter();
    groups
        .map(|group| (group.to_owned(), cortical(group)))
        .filter(|(_, parcels)| !parcels.is_empty())
        .collect()
});

/// Places of areas, by x.
struct Cortex {
    places: Vec<([f64; 3], u16)>,
}

impl Cortex {
    /// Lines of a label and its places.
    fn of(text: &str) -> Self {
        let mut places = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut numbers = line.split(' ').filter_map(|word| word.parse::<f64>().ok());
            let label = numbers.next().unwrap_or_default() as u16;
            let numbers: Vec<f64> = numbers.collect();
            let (points, _) = numbers.as_chunks::<3>();
            places.extend(points.iter().map(|&point| (point, label)));
        }
        places.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
        Self { places }
    }

    /// The area of the nearest place of the same side and how far it is, within a reach.
    fn nearest(&self, at: [f64; 3], reach: f64) -> Option<(u16, f64)> {
        let first = self
            .places
            .partition_point(|(place, _)| place[0] < at[0] - reach);
        let near = self.places[first..]
            .iter()
            .take_while(|(place, _)| place[0] <= at[0] + reach)
            .filter(|(_, area)| (*area > 180) == (at[0] >= 0.0));
        let square = |place: &[f64; 3]| (0..3).map(|a| (at[a] - place[a]).powi(2)).sum::<f64>();
        let (area, square) = near
            .map(|(place, area)| (*area, square(place)))
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        (square <= reach * reach).then_some((area, square.sqrt()))
    }
}
