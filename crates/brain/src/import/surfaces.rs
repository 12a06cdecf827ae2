//! Responses of the vertices of two surfaces, in GIFTI or in FreeSurfer's overlays.

use std::path::{Path, PathBuf};

use emotome_neurofiles::derivatives::BidsName;
use emotome_neurofiles::gifti::Gifti;
use emotome_neurofiles::nifti::Reader;
use ndarray::ArrayView2;

use super::error::ImportError;
use super::events::{EventColumns, of_files};
use super::{Prepared, Sink, marked_synthetic};
use crate::regions::Hemisphere;
use crate::store::{Places, Regions, StoreError};

/// Files of the left and the right surface with a table of events.
///
/// Each file holds the samples of a run or session: a GIFTI with an array or a column a sample
/// (`hemi-L_space-fsaverage5_bold.func.gii` of fMRIPrep), or an overlay of FreeSurfer (`.mgh`, `.mgz`). Memory: one
/// file expanded, and the samples waiting.
#[derive(Debug, Clone)]
pub struct SurfacesSource {
    /// Left and right, in order of presentation.
    pub responses: Vec<[PathBuf; 2]>,
    /// One table for all samples, or one for each pair of files.
    pub events: Vec<PathBuf>,
    /// Masks of the cortex of left and right: vertices above zero are taken. None: all.
    pub cortex: Option<[PathBuf; 2]>,
    /// Columns of the events.
    pub columns: EventColumns,
}

impl SurfacesSource {
    pub(super) fn prepare(&self) -> Result<Prepared<'_>, ImportError> {
        let [first, ..] = self.responses.as_slice() else {
            return Err(ImportError::NoSource { what: "responses" });
        };
        let mut recognised = Vec::new();
        let mut vertices = [0_usize; 2];
        let mut counts = Vec::new();
        for (run, pair) in self.responses.iter().enumerate() {
            let mut samples = [0; 2];
            for side in Hemisphere::BOTH {
                let (path, at) = (&pair[side as usize], side as usize);
                let (own, count) = shape(path, side)?;
                if run == 0 {
                    vertices[at] = own;
                }
                same(path, own, &first[at], vertices[at])?;
                samples[at] = count;
            }
            if samples[0] != samples[1] {
                return Err(ImportError::Sides {
                    left: pair[0].clone(),
                    samples: samples[0],
                    right: pair[1].clone(),
                    others: samples[1],
                });
            }
            counts.push((pair[0].as_path(), samples[0]));
        }
        let events = of_files(&counts, &self.events, &self.columns, &mut recognised)?;
        let mut kept = vertices.map(|n| (0..n as u32).collect::<Vec<u32>>());
        if let Some(masks) = &self.cortex {
            for side in Hemisphere::BOTH {
                let (path, at) = (&masks[side as usize], side as usize);
                kept[at] = inside(path, side, &first[at], vertices[at])?;
                recognised.push(format!(
                    "{}: {} of {} vertices are cortex, {} are left out",
                    path.display(),
                    kept[at].len(),
                    vertices[at],
                    vertices[at] - kept[at].len()
                ));
            }
        }
        let indices = Hemisphere::BOTH
            .into_iter()
            .flat_map(|side| {
                kept[side as usize]
                    .iter()
                    .map(move |&vertex| (side, vertex))
            })
            .collect();
        let places = Places::Surface {
            vertices: vertices.map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            indices,
        };
        let mut inputs: Vec<PathBuf> = self.responses.concat();
        inputs.extend(self.events.iter().cloned());
        inputs.extend(self.cortex.iter().flatten().cloned());
        Ok(Prepared {
            regions: Regions::none(places.len()),
            places,
            events,
            inputs,
            recognised,
            synthetic: self
                .responses
                .iter()
                .flatten()
                .any(|path| marked_synthetic(path)),
            stream: Box::new(move |sink| {
                let mut before = 0;
                for (pair, (_, samples)) in self.responses.iter().zip(counts) {
                    stream(pair, &kept, vertices, samples, before, sink)?;
                    before += samples;
                }
                Ok(())
            }),
        })
    }
}

/// Reads a pair and hands its samples over, both surfaces in one row.
fn stream(
    pair: &[PathBuf; 2],
    kept: &[Vec<u32>; 2],
    vertices: [usize; 2],
    samples: usize,
    first: usize,
    sink: &mut Sink<'_>,
) -> Result<(), ImportError> {
    let width = kept[0].len() + kept[1].len();
    let mut rows = vec![0.0_f32; width * samples];
    for side in Hemisphere::BOTH {
        let at = side as usize;
        let offset = if at == 0 { 0 } else { kept[0].len() };
        let mut sample = 0;
        each(&pair[at], |values| {
            sink.goes_on()?;
            same(&pair[at], values.len(), &pair[at], vertices[at])?;
            if let Some(row) = rows.get_mut(sample * width + offset..(sample + 1) * width) {
                for (to, &vertex) in row.iter_mut().zip(&kept[at]) {
                    *to = values.value(vertex as usize);
                }
            }
            sample += 1;
            Ok(())
        })?;
        if sample != samples {
            return Err(ImportError::Shape {
                path: pair[at].clone(),
                found: format!("{sample} samples"),
                expected: format!("{samples}, as when the import began"),
            });
        }
    }
    let rows = ArrayView2::from_shape((samples, width), &rows).map_err(|_| StoreError::Shape {
        what: "vertices",
        found: rows.len(),
        expected: width * samples,
    })?;
    sink.samples(first, rows)
}

/// The values of a sample by vertex.
enum Values<'a> {
    Double(&'a [f64]),
    Single(&'a [f32]),
}

impl Values<'_> {
    const fn len(&self) -> usize {
        match self {
            Self::Double(values) => values.len(),
            Self::Single(values) => values.len(),
        }
    }

    const fn value(&self, vertex: usize) -> f32 {
        match self {
            Self::Double(values) => values[vertex] as f32,
            Self::Single(values) => values[vertex],
        }
    }
}

/// Reads a file a sample at a time.
fn each(
    path: &Path,
    mut f: impl FnMut(Values<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    if is_overlay(path)? {
        for volume in Reader::open_mgh(path)?.volumes::<f32>()? {
            f(Values::Single(&volume?))?;
        }
        return Ok(());
    }
    Gifti::read(path)?.each_column(|values| f(Values::Double(values)))
}

/// Vertices and samples of a file, which must not say that it is of the other hemisphere.
fn shape(path: &Path, side: Hemisphere) -> Result<(usize, usize), ImportError> {
    let swapped = |found: String| ImportError::Swapped {
        path: path.to_owned(),
        found,
        side,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let other = match side {
        Hemisphere::Left => Hemisphere::Right,
        Hemisphere::Right => Hemisphere::Left,
    };
    let bids = name.parse::<BidsName>().ok();
    let named = bids.and_then(|name| name.get("hemi").map(str::to_owned));
    let prefix = format!("{}h.", other.letter().to_ascii_lowercase());
    if named
        .as_deref()
        .is_some_and(|hemi| hemi == other.letter().to_string())
        || name.starts_with(&prefix)
    {
        return Err(swapped(format!(
            "the {} hemisphere, by its name",
            other.name()
        )));
    }
    if is_overlay(path)? {
        let reader = Reader::open_mgh(path)?;
        let vertices = reader.grid().len().unwrap_or(usize::MAX);
        return Ok((vertices, reader.len()));
    }
    let file = Gifti::read(path)?;
    if let Some(structure) = file.structure()
        && structure == other.gifti()
    {
        return Err(swapped(structure.to_owned()));
    }
    Ok(file.shape()?)
}

/// The vertices of a mask above zero.
fn inside(
    path: &Path,
    side: Hemisphere,
    first: &Path,
    vertices: usize,
) -> Result<Vec<u32>, ImportError> {
    let (own, columns) = shape(path, side)?;
    same(path, own, first, vertices)?;
    if columns != 1 {
        return Err(ImportError::Shape {
            path: path.to_owned(),
            found: format!("{columns} values a vertex"),
            expected: "one, above zero where there is cortex".to_owned(),
        });
    }
    let mut kept = Vec::new();
    each(path, |values| {
        kept.extend((0..values.len() as u32).filter(|&v| values.value(v as usize) > 0.0));
        Ok(())
    })?;
    Ok(kept)
}

fn same(path: &Path, found: usize, first: &Path, expected: usize) -> Result<(), ImportError> {
    if found == expected {
        return Ok(());
    }
    Err(ImportError::Vertices {
        path: path.to_owned(),
        found,
        first: first.to_owned(),
        expected,
    })
}

/// Whether a file is an overlay of FreeSurfer rather than a GIFTI, by its name.
fn is_overlay(path: &Path) -> Result<bool, ImportError> {
    let name = path.to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".mgh", ".mgz"]) {
        return Ok(true);
    }
    if ends(&[".gii", ".gii.gz"]) {
        return Ok(false);
    }
    Err(ImportError::Shape {
        path: path.to_owned(),
        found: "of an unknown kind, by its name".to_owned(),
        expected:
            "values by vertex in .gii, .gii.gz, .mgh or .mgz (convert others with mri_convert)"
                .to_owned(),
    })
}
