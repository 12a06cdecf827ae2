//! Simulated responses in the layouts of real ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use emotome_neurofiles::bdata::{self, Metadata};
use emotome_neurofiles::nifti::{self, Layout};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use rayon::prelude::*;
use serde_json::json;

use super::error::SimulateError;
use super::subject::Subject;
use crate::import::{Params, reconcile};
use crate::store::{Contents, Manifest, StoreError, Writer};

const TASK: &str = "emotion";
/// Runs made at once where samples are asked for one by one.
const TOGETHER: usize = 4;

impl Subject<'_> {
    /// Writes the store that importing the files would give, and `truth.tsv` in it.
    ///
    /// # Errors
    /// [`SimulateError`] if it cannot be written.
    pub fn write_store(
        &self,
        path: impl Into<PathBuf>,
        params: &Params,
        provenance: Provenance,
        run: Run<'_>,
    ) -> Result<Manifest, SimulateError> {
        let joined = reconcile(&self.design.events, params.labels, params.stimuli.as_ref())?;
        let anatomy = &self.study.anatomy;
        let contents = Contents {
            subject: params.subject.clone(),
            synthetic: true,
            samples: joined.samples.clone(),
            places: anatomy.places(),
            regions: anatomy.regions(),
        };
        let mut writer = Writer::create(path, params.overwrite, contents, params.memory)?;
        joined.attach(&writer, &[])?;
        writer.attach("truth.tsv", &self.study.truth())?;
        self.for_each_run(run, |_, block| Ok(writer.push_samples(block.view())?))?;
        writer
            .finish(params.standardisation, provenance, run)
            .map_err(|error| match error {
                StoreError::Interrupted => SimulateError::Interrupted,
                other => other.into(),
            })
    }

    /// Writes a BData file as the published data come: voxels with coordinates and regions, `Session`, `Run`,
    /// `Block`, `stimulus_name` with value labels.
    ///
    /// # Errors
    /// [`SimulateError`] if it exists and may not be replaced, or cannot be written.
    pub fn write_bdata(
        &self,
        path: impl AsRef<Path>,
        overwrite: Overwrite,
        run: Run<'_>,
    ) -> Result<(), SimulateError> {
        let anatomy = &self.study.anatomy;
        let voxels = anatomy.voxels.len();
        let names = ["Session", "Run", "Block", "stimulus_name"];
        let mut metadata = Metadata::new(voxels + names.len());
        metadata.select(
            "VoxelData",
            "1 = simulated responses, not measured",
            0..voxels,
        );
        for (at, name) in names.into_iter().enumerate() {
            metadata.select(name, &format!("1 = {name}"), voxels + at..voxels + at + 1);
        }
        let positions: Vec<[f64; 3]> = anatomy
            .voxels
            .iter()
            .map(|at| anatomy.grid.affine.apply(at.map(f64::from)))
            .collect();
        for (axis, (xyz, ijk)) in [("x", "i"), ("y", "j"), ("z", "k")].into_iter().enumerate() {
            let or_none = |column: usize, value: &dyn Fn() -> f64| {
                if column < voxels { value() } else { f64::NAN }
            };
            metadata.describe(&format!("voxel_{xyz}"), "mm", |c| {
                or_none(c, &|| positions[c][axis])
            });
            metadata.describe(&format!("voxel_{ijk}"), "index", |c| {
                or_none(c, &|| f64::from(anatomy.voxels[c][axis]))
            });
        }
        for (at, name) in anatomy.names.iter().enumerate() {
            let description = format!("1 = ROI {name}, synthetic");
            metadata.describe(name, &description, |column| {
                if column < voxels {
                    f64::from(u8::from(usize::from(anatomy.labels[column]) == at + 1))
                } else {
                    f64::NAN
                }
            });
        }
        let events = &self.design.events;
        let mut labels: Vec<&str> = events.iter().filter_map(|e| e.label.as_deref()).collect();
        labels.sort_unstable();
        labels.dedup();
        let codes: Vec<(f64, String)> = labels
            .iter()
            .enumerate()
            .map(|(at, label)| (at as f64 + 1.0, (*label).to_owned()))
            .collect();
        let code = |label: Option<&str>| {
            let at = label.and_then(|label| labels.binary_search(&label).ok());
            at.map_or(f64::NAN, |at| at as f64 + 1.0)
        };
        let vmap = BTreeMap::from([("stimulus_name".to_owned(), codes)]);
        let header = [("synthetic", "true"), ("description", "desc-simulated")];
        run.progress.begin(
            &format!("simulating subject {}", self.name),
            Some(events.len() as u64),
        );
        let mut made: Vec<Array2<f32>> = Vec::new();
        let mut next = 0;
        let mut place = (0, 0);
        let sample = |at: usize, row: &mut [f64]| -> Result<(), SimulateError> {
            if place.0 == made.len() {
                if run.interrupt.requested() {
                    return Err(SimulateError::Interrupted);
                }
                let end = (next + TOGETHER).min(self.design.runs.len());
                made = (next..end).into_par_iter().map(|r| self.run(r)).collect();
                (next, place) = (end, (0, 0));
            }
            let values = made[place.0].row(place.1);
            for (to, &value) in row.iter_mut().zip(values) {
                *to = f64::from(value);
            }
            let event = &events[at];
            row[voxels] = f64::from(event.session);
            row[voxels + 1] = f64::from(event.run);
            row[voxels + 2] = at as f64 + 1.0;
            row[voxels + 3] = code(event.label.as_deref());
            place.1 += 1;
            if place.1 == made[place.0].nrows() {
                place = (place.0 + 1, 0);
            }
            run.progress.advance(1);
            Ok(())
        };
        let written = bdata::write(
            path,
            overwrite,
            &metadata,
            &vmap,
            &header,
            events.len(),
            sample,
        );
        run.progress.end();
        written
    }

    /// Writes betas (a 4-D image a run), events, mask and regions below `root`, named as BIDS derivatives;
    /// returns the images of betas in order.
    ///
    /// # Errors
    /// [`SimulateError`] if a file exists and may not be replaced, or cannot be written.
    pub fn write_nifti(
        &self,
        root: impl AsRef<Path>,
        overwrite: Overwrite,
        run: Run<'_>,
    ) -> Result<Vec<PathBuf>, SimulateError> {
        let root = root.as_ref();
        let sub = format!("sub-{}", self.name);
        let folder = root.join(&sub).join("func");
        fs::create_dir_all(&folder).map_err(|source| SimulateError::Io {
            path: folder.clone(),
            source,
        })?;
        let anatomy = &self.study.anatomy;
        let write_json =
            |path: PathBuf, value: serde_json::Value| output::write_json(path, overwrite, &value);
        let description = root.join("dataset_description.json");
        if !description.exists() || overwrite == Overwrite::Replace {
            write_json(
                description,
                json!({
                    "Name": "Simulated responses (desc-simulated), not measured",
                    "BIDSVersion": "1.10.0",
                    "DatasetType": "derivative",
                    "GeneratedBy": [{"Name": "emotome brain simulate", "Version": env!("CARGO_PKG_VERSION")}],
                    "synthetic": true,
                }),
            )?;
        }
        let name = |suffix: &str| {
            folder.join(format!(
                "{sub}_task-{TASK}_space-T1w_desc-simulated_{suffix}"
            ))
        };
        let inside = anatomy.volume(anatomy.voxels.iter().map(|_| 1_u8));
        nifti::write(name("mask.nii.gz"), overwrite, &anatomy.grid, &inside)?;
        let labels = anatomy.volume(anatomy.labels.iter().map(|&label| label as i16));
        nifti::write(name("dseg.nii.gz"), overwrite, &anatomy.grid, &labels)?;
        let mut table = "index\tname\n".to_owned();
        for (at, region) in anatomy.names.iter().enumerate() {
            let _ = writeln!(table, "{}\t{region}", at + 1);
        }
        output::write(name("dseg.tsv"), overwrite, table.as_bytes())?;
        output::write(name("truth.tsv"), overwrite, self.study.truth().as_bytes())?;
        for suffix in ["mask.json", "dseg.json"] {
            write_json(name(suffix), json!({"synthetic": true}))?;
        }
        let mut images = Vec::new();
        self.for_each_run(run, |at, block| {
            let own = |suffix: &str| {
                let number = at + 1;
                folder.join(format!(
                    "{sub}_task-{TASK}_run-{number:02}_space-T1w_desc-simulated_{suffix}"
                ))
            };
            let image = own("betas.nii");
            let layout = Layout {
                volumes: Some(block.nrows()),
                ..Layout::new(anatomy.grid)
            };
            let mut writer = nifti::Writer::<f32>::create(&image, overwrite, &layout)?;
            for row in block.outer_iter() {
                writer.volume(&anatomy.volume(row.iter().copied()))?;
            }
            writer.finish()?;
            write_json(
                own("betas.json"),
                json!({"synthetic": true, "Units": "noise standard deviations"}),
            )?;
            let mut events = "onset\tduration\ttrial_type\tstim_file\tsession\trun\n".to_owned();
            for (place, event) in self.design.events[self.design.runs[at].clone()]
                .iter()
                .enumerate()
            {
                let label = event.label.as_deref().unwrap_or("n/a");
                let (onset, session, run) = (12 * place, event.session, event.run);
                let _ = writeln!(events, "{onset}\t8\tsimulated\t{label}\t{session}\t{run}");
            }
            output::write(own("events.tsv"), overwrite, events.as_bytes())?;
            images.push(image);
            Ok(())
        })?;
        Ok(images)
    }
}
