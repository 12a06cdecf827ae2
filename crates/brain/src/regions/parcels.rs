//! Where parcels lie: labels or flags of the voxels or vertices of a study.

use std::collections::{BTreeMap, HashSet};

use emotome_neurofiles::{Grid, GridMismatch, Millimetres, freesurfer::Annotation, gifti::Label};

use super::{
    area::{Area, Hemisphere},
    name::ParcelName,
};

/// Names of the numbers in a label image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lookup(pub BTreeMap<i64, String>);

/// Why labels cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The label image has another grid than the data.
    #[error("the label image does not have the grid of the data: {0}")]
    Grid(#[from] GridMismatch),
    /// A label is not a whole number.
    #[error(
        "label {value} at voxel {voxel} is not a whole number: a label image must be resampled with nearest neighbours"
    )]
    NotWhole {
        /// Where.
        voxel: usize,
        /// What stands there.
        value: f64,
    },
    /// More or fewer labels than there should be.
    #[error("{found} labels for {expected} voxels")]
    Count {
        /// Labels.
        found: usize,
        /// Voxels.
        expected: usize,
    },
    /// A voxel outside of the image or the data.
    #[error("voxel {voxel} of {of}: indices count from 0")]
    Outside {
        /// The index.
        voxel: usize,
        /// How many there are.
        of: usize,
    },
    /// The lookup table lacks its columns.
    #[error(
        "the lookup table has the columns {found:?}; it needs index and name, separated by tabs"
    )]
    LookupColumns {
        /// What is there.
        found: Vec<String>,
    },
    /// A row of the lookup table cannot be read.
    #[error("the lookup table, line {line}: {found:?} is no row of a whole index and a name")]
    LookupRow {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// One number with two names.
    #[error("the lookup table, line {line}: index {index} is both {first:?} and {second:?}")]
    LookupTwice {
        /// The line, from 1.
        line: usize,
        /// The index.
        index: i64,
        /// The name before.
        first: String,
        /// The name here.
        second: String,
    },
    /// A name that states both hemispheres, or nothing.
    #[error("the parcel name {name:?} states both hemispheres or nothing")]
    Name {
        /// As written.
        name: String,
    },
}

impl Lookup {
    /// Reads a table with the columns `index` and `name`, as BIDS has it beside label images (`*_dseg.tsv`).
    ///
    /// # Errors
    /// [`LabelError`] with the line.
    pub fn read(text: &str) -> Result<Self, LabelError> {
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let header: Vec<String> = lines
            .next()
            .map(|(_, line)| line.split('\t').map(|c| c.trim().to_lowercase()).collect())
            .unwrap_or_default();
        let column = |name: &str| header.iter().position(|c| c == name);
        let (Some(index), Some(name)) = (column("index"), column("name")) else {
            return Err(LabelError::LookupColumns { found: header });
        };
        let mut names = BTreeMap::new();
        for (at, content) in lines {
            let cells: Vec<&str> = content.split('\t').map(str::trim).collect();
            let row = cells
                .get(index)
                .and_then(|cell| cell.parse::<i64>().ok())
                .zip(cells.get(name).filter(|cell| !cell.is_empty()));
            let Some((index, &name)) = row else {
                return Err(LabelError::LookupRow {
                    line: at + 1,
                    found: content.to_owned(),
                });
            };
            if let Some(first) = names.insert(index, name.to_owned())
                && first != name
            {
                return Err(LabelError::LookupTwice {
                    line: at + 1,
                    index,
                    first,
                    second: name.to_owned(),
                });
            }
        }
        Ok(Self(names))
    }

    /// The names in the label table of a GIFTI; nameless labels are left out.
    pub fn of_gifti(labels: &[Label]) -> Self {
        let named = labels.iter().filter(|label| !label.name.is_empty());
        Self(
            named
                .map(|label| (i64::from(label.key), label.name.clone()))
                .collect(),
        )
    }

    /// The names of the HCP-MMP 1.0 with left areas as 1 to 180 and right ones as 181 to 360.
    pub fn mmp() -> Self {
        Self(
            Area::all()
                .map(|area| (i64::from(area.id()), area.to_string()))
                .collect(),
        )
    }

    /// The names of the HCP-MMP 1.0 with right areas as 1 to 180, as the files of the project have it.
    pub fn mmp_right_first() -> Self {
        Self(
            Area::all()
                .map(|area| (i64::from(area.right_first_id()), area.to_string()))
                .collect(),
        )
    }
}

/// Labels that a lookup table does not name: how many voxels have each.
pub type Unnamed = BTreeMap<i64, usize>;

/// Parcels and their members among n voxels or vertices.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcels {
    pub(super) len: usize,
    pub(super) parcels: Vec<(String, ParcelName, Vec<usize>)>,
}

impl Parcels {
    /// Parcels from names with their members, which need not be disjoint: keys of a BData file, say.
    ///
    /// # Errors
    /// [`LabelError::Outside`] for a member of `len` or more, [`LabelError::Name`].
    pub fn from_members(
        len: usize,
        parcels: impl IntoIterator<Item = (String, Vec<usize>)>,
    ) -> Result<Self, LabelError> {
        let parcels = parcels
            .into_iter()
            .map(|(name, mut members)| {
                members.sort_unstable();
                members.dedup();
                match (ParcelName::read(&name), members.last()) {
                    (_, Some(&voxel)) if voxel >= len => {
                        Err(LabelError::Outside { voxel, of: len })
                    }
                    (Some(key), _) => Ok((name, key, members)),
                    (None, _) => Err(LabelError::Name { name }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { len, parcels })
    }

    /// Parcels from one label a voxel or vertex, with the labels that have no name; 0 without a name is background.
    ///
    /// # Errors
    /// [`LabelError::Name`].
    pub fn from_labels(labels: &[i64], lookup: &Lookup) -> Result<(Self, Unnamed), LabelError> {
        let mut members: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        let mut unnamed = Unnamed::new();
        for (voxel, label) in labels.iter().enumerate() {
            match lookup.0.contains_key(label) {
                true => members.entry(*label).or_default().push(voxel),
                false if *label != 0 => *unnamed.entry(*label).or_default() += 1,
                false => {}
            }
        }
        let named = lookup
            .0
            .iter()
            .map(|(label, name)| (name.clone(), members.remove(label).unwrap_or_default()));
        Ok((Self::from_members(labels.len(), named)?, unnamed))
    }

    /// Parcels of the vertices of one hemisphere from an annotation of FreeSurfer.
    ///
    /// # Errors
    /// [`LabelError::Name`].
    pub fn from_annotation(
        annotation: &Annotation,
        hemisphere: Hemisphere,
    ) -> Result<Self, LabelError> {
        let mut members = vec![Vec::new(); annotation.regions.len()];
        for (vertex, region) in annotation.labels.iter().enumerate() {
            if let Some(region) = region.and_then(|place| members.get_mut(place)) {
                region.push(vertex);
            }
        }
        // Names of annotations may or may not state the side that the file is of.
        let named = annotation
            .regions
            .iter()
            .zip(members)
            .map(|(region, members)| (hemisphere.of_parcel(&region.name), members));
        Self::from_members(annotation.labels.len(), named)
    }

    /// Parcels of the data's voxels from a label image on the same grid.
    ///
    /// `image` holds the whole volume in the order of the file, first index fastest; `voxels` are places in it.
    ///
    /// # Errors
    /// [`LabelError::Grid`] unless affines agree within 10⁻³ mm; [`LabelError::NotWhole`], [`LabelError::Count`],
    /// [`LabelError::Outside`], [`LabelError::Name`].
    pub fn from_image(
        grid: &Grid,
        image: &[f64],
        lookup: &Lookup,
        data: &Grid,
        voxels: &[usize],
    ) -> Result<(Self, Unnamed), LabelError> {
        grid.same_as(data, Millimetres(1e-3))?;
        let expected = grid.len().unwrap_or(usize::MAX);
        if image.len() != expected {
            return Err(LabelError::Count {
                found: image.len(),
                expected,
            });
        }
        let labels = voxels
            .iter()
            .map(|&voxel| match image.get(voxel) {
                None => Err(LabelError::Outside {
                    voxel,
                    of: expected,
                }),
                Some(&value) if value.fract() != 0.0 || value.abs() > 2_f64.powi(53) => {
                    Err(LabelError::NotWhole { voxel, value })
                }
                Some(&value) => Ok(value as i64),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_labels(&labels, lookup)
    }

    /// Voxels or vertices in all, in a parcel or not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no voxel at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Parcels as their file names them, with their members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.parcels
            .iter()
            .map(|(name, _, members)| (name.as_str(), members.as_slice()))
    }

    /// Distinct names without the dress of files.
    pub(super) fn stems(&self) -> HashSet<&str> {
        self.parcels
            .iter()
            .map(|(_, key, _)| key.stem.as_str())
            .collect()
    }
}
