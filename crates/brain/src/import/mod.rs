//! From the files of a study to a store of responses: samples are joined to stimuli by label, what is left
//! out is counted and listed.
//!
//! | source | [`Source`] |
//! |---|---|
//! | betas or volumes in NIfTI, or GLMsingle's betas in HDF5 or MATLAB 7.3, with events and a mask | [`Volumes`](Source::Volumes) |
//! | BData of bdpy, a file or one for each session | [`BData`](Source::BData) |
//! | values by vertex of both surfaces in GIFTI or FreeSurfer's overlays, with events | [`Surfaces`](Source::Surfaces) |
//! | grayordinates in CIFTI-2, with events | [`Cifti`](Source::Cifti) |
//! | a matrix of samples × voxels with events | [`Matrix`](Source::Matrix) |

mod bdata;
mod cifti;
mod error;
mod events;
mod lattice;
mod matrix;
mod reconcile;
mod surfaces;
mod volumes;

use std::path::{Path, PathBuf};

use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use ndarray::ArrayView2;

use crate::store::{Contents, Manifest, Places, Regions, Sample, Standardisation, Writer};

pub use bdata::BDataSource;
pub use cifti::CiftiSource;
pub use error::ImportError;
pub use events::{Event, EventColumns, read_events};
pub use matrix::{MatrixSource, VoxelOrder, VoxelsFrom};
pub use reconcile::{Labels, LeftOut, Reconciled, Reconciliation, reconcile};
pub use surfaces::SurfacesSource;
pub use volumes::VolumesSource;

/// Where responses come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Images with events and a mask.
    Volumes(VolumesSource),
    /// BData files of bdpy.
    BData(BDataSource),
    /// Files of both surfaces with events.
    Surfaces(SurfacesSource),
    /// CIFTI-2 files with events.
    Cifti(CiftiSource),
    /// A matrix with events.
    Matrix(MatrixSource),
}

impl Source {
    /// The columns of the events, where the source has any.
    pub const fn columns(&self) -> Option<&EventColumns> {
        match self {
            Self::Volumes(source) => Some(&source.columns),
            Self::Surfaces(source) => Some(&source.columns),
            Self::Cifti(source) => Some(&source.columns),
            Self::Matrix(source) => Some(&source.columns),
            Self::BData(_) => None,
        }
    }
}

/// How responses become a store.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `subject` | | its name |
/// | `labels` | as they are | how labels of samples become stimulus keys |
/// | `stimuli` | none | the study's stimuli; samples of others are kept apart |
/// | `standardisation` | none | see [`Standardisation`] |
/// | `memory` | 640 MiB | bytes of samples that may wait to be transposed |
/// | `overwrite` | refuse | whether an older store is replaced |
#[derive(Debug, Clone)]
pub struct Params {
    /// The subject.
    pub subject: String,
    /// How labels become keys.
    pub labels: Labels,
    /// The study's stimuli.
    pub stimuli: Option<StimulusSet>,
    /// How responses are standardised.
    pub standardisation: Standardisation,
    /// Bytes of samples that may wait to be transposed.
    pub memory: usize,
    /// Whether an older store is replaced.
    pub overwrite: Overwrite,
}

impl Params {
    /// The defaults for a subject.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            labels: Labels::AsTheyAre,
            stimuli: None,
            standardisation: Standardisation::default(),
            memory: 640 << 20,
            overwrite: Overwrite::Refuse,
        }
    }
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The description of the store.
    pub manifest: Manifest,
    /// What became of the samples.
    pub reconciliation: Reconciliation,
    /// What was recognised or worked out rather than said.
    pub recognised: Vec<String>,
}

/// What a source is known to hold before its responses are read.
struct Prepared<'a> {
    places: Places,
    regions: Regions,
    events: Vec<Event>,
    inputs: Vec<PathBuf>,
    recognised: Vec<String>,
    synthetic: bool,
    stream: Box<dyn FnOnce(&mut Sink<'_>) -> Result<(), ImportError> + 'a>,
}

/// Where responses go: only samples that are stored arrive there.
struct Sink<'a> {
    writer: &'a mut Writer,
    /// For each sample of the source its place in the store.
    stored: &'a [Option<usize>],
    run: Run<'a>,
    row: Vec<f32>,
}

impl Sink<'_> {
    fn goes_on(&self) -> Result<(), ImportError> {
        if self.run.interrupt.requested() {
            return Err(crate::store::StoreError::Interrupted.into());
        }
        Ok(())
    }

    /// The next samples of the source, samples × voxels.
    fn samples(&mut self, first: usize, rows: ArrayView2<'_, f32>) -> Result<(), ImportError> {
        self.goes_on()?;
        for (at, row) in rows.outer_iter().enumerate() {
            if self.stored.get(first + at).is_some_and(Option::is_some) {
                self.writer
                    .push_samples(row.insert_axis(ndarray::Axis(0)))?;
            }
        }
        self.run.progress.advance(rows.nrows() as u64);
        Ok(())
    }

    /// Values of one voxel in consecutive samples of the source.
    fn voxel(
        &mut self,
        voxel: usize,
        first: usize,
        values: impl Iterator<Item = f32>,
    ) -> Result<(), ImportError> {
        self.row.clear();
        let mut begin = None;
        for (at, value) in values.enumerate() {
            if let Some(&Some(place)) = self.stored.get(first + at) {
                begin.get_or_insert(place);
                self.row.push(value);
            }
        }
        let block = ArrayView2::from_shape((1, self.row.len()), &self.row);
        if let (Some(begin), Ok(block)) = (begin, block) {
            self.writer.put(voxel, begin, block)?;
        }
        Ok(())
    }
}

/// Reads a source into a store at `out`.
///
/// The store holds, beside its own files, `left_out.tsv` (each sample and stimulus that takes no part, and
/// why) and `reconciliation.json`. Time O(voxels × samples); memory: `params.memory` and 100 MiB.
///
/// # Errors
/// [`ImportError`] if a source cannot be read, sources do not fit one another (with the numbers), or no
/// sample has a label.
pub fn import(
    source: &Source,
    params: &Params,
    out: impl AsRef<Path>,
    mut provenance: Provenance,
    run: Run<'_>,
) -> Result<Imported, ImportError> {
    let prepared = match source {
        Source::Volumes(source) => source.prepare()?,
        Source::BData(source) => source.prepare()?,
        Source::Surfaces(source) => source.prepare()?,
        Source::Cifti(source) => source.prepare()?,
        Source::Matrix(source) => source.prepare()?,
    };
    let joined = reconcile(&prepared.events, params.labels, params.stimuli.as_ref())?;
    plan(&prepared.places, &joined.samples, params, run);
    for note in &prepared.recognised {
        run.progress.note(note);
    }
    run.progress.note(&joined.reconciliation.to_string());
    let mut writer = Writer::create(
        out.as_ref(),
        params.overwrite,
        Contents {
            subject: params.subject.clone(),
            synthetic: prepared.synthetic,
            samples: joined.samples.clone(),
            places: prepared.places,
            regions: prepared.regions,
        },
        params.memory,
    )?;
    run.progress
        .begin("reading responses", Some(prepared.events.len() as u64));
    let streamed = (prepared.stream)(&mut Sink {
        writer: &mut writer,
        stored: &joined.stored,
        run,
        row: Vec::new(),
    });
    run.progress.end();
    streamed?;
    for input in &prepared.inputs {
        provenance
            .add_input(input)
            .map_err(crate::store::StoreError::from)?;
    }
    joined.attach(&writer, &prepared.recognised)?;
    let manifest = writer.finish(params.standardisation, provenance, run)?;
    Ok(Imported {
        manifest,
        reconciliation: joined.reconciliation,
        recognised: prepared.recognised,
    })
}

fn plan(places: &Places, samples: &[Sample], params: &Params, run: Run<'_>) {
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    let bytes = places.len().saturating_mul(samples.len()).saturating_mul(4);
    run.progress.note(&format!(
        "plan: {} {} × {} samples, {} MiB on disk, about {} MiB of memory",
        places.len(),
        places.noun(),
        samples.len(),
        mib(bytes),
        mib(bytes.min(params.memory)) + 100
    ));
}

/// Whether the JSON beside an image says that it is simulated.
fn marked_synthetic(path: &Path) -> bool {
    let mut stem = path.to_string_lossy().into_owned();
    for ending in [
        ".gz",
        ".gii",
        ".nii",
        ".func",
        ".shape",
        ".dtseries",
        ".dscalar",
        ".mgh",
        ".mgz",
    ] {
        stem.truncate(stem.trim_end_matches(ending).len());
    }
    let text = std::fs::read_to_string(format!("{stem}.json")).unwrap_or_default();
    serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|json| json["synthetic"] == serde_json::Value::Bool(true))
}
