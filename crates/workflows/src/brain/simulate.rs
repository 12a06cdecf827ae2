//! Studies that were never measured, in the layouts of real ones.

use crate::WorkflowError;
use crate::rsa::{Holds, ModelOf, RsaError};
use emotome_brain::import::{Labels, Params};
use emotome_brain::simulate::{Anatomy, Noise, Plant, PlantedModel, Presented, Study};
use emotome_brain::store::Standardisation;
use emotome_neurofiles::Millimetres;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::read_matrix;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// The layout of a simulated study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A store a subject.
    Stores,
    /// A BData file a subject.
    BData,
    /// Images of betas, events, mask and regions, named as BIDS derivatives.
    Nifti,
}

/// What subjects see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DesignOf {
    /// The 2,196 presentations of the emotion videos.
    Emotion2020,
    /// Every stimulus of the first model so many times.
    Each {
        /// Presentations of each.
        times: usize,
        /// Samples of a run.
        per_run: usize,
        /// Sessions.
        sessions: usize,
    },
}

/// A simulated study.
#[derive(Debug, Clone)]
pub struct BrainSimulateRequest {
    /// The models, by name: tables of features with keys.
    pub models: Vec<ModelOf>,
    /// Which are planted where.
    pub plants: Vec<Plant>,
    /// What subjects see.
    pub design: DesignOf,
    /// Subjects.
    pub subjects: u32,
    /// Voxels of the brain.
    pub voxels: usize,
    /// Edge of a voxel.
    pub edge: Millimetres,
    /// The noise.
    pub noise: Noise,
    /// How stores are standardised.
    pub standardisation: Standardisation,
    /// The layout.
    pub layout: Layout,
    /// Seed of everything.
    pub seed: Seed,
    /// The folder.
    pub out: PathBuf,
    /// Whether files may be replaced.
    pub overwrite: Overwrite,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What was simulated. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct BrainSimulated {
    /// Always true.
    pub synthetic: bool,
    /// The stores, files or folders, one a subject.
    pub subjects: Vec<PathBuf>,
    /// What is planted where.
    pub truth: PathBuf,
    /// Seconds that it took.
    pub seconds: f64,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
}

/// Simulates a study; everything written says that it is synthetic.
///
/// # Errors
/// [`WorkflowError`] of reading models; [`WorkflowError::BrainSimulate`] for unknown names, missing rows and
/// correlations that cannot be reached.
pub fn brain_simulate(
    request: &BrainSimulateRequest,
    run: Run<'_>,
) -> Result<BrainSimulated, WorkflowError> {
    let began = Instant::now();
    let models = request
        .models
        .iter()
        .map(planted)
        .collect::<Result<Vec<_>, _>>()?;
    let presented = match request.design {
        DesignOf::Emotion2020 => Presented::Emotion2020,
        DesignOf::Each {
            times,
            per_run,
            sessions,
        } => Presented::Each {
            stimuli: models
                .first()
                .map_or_else(|| Err(RsaError::NoModel), |model| Ok(model.stimuli.clone()))?,
            times,
            per_run,
            sessions,
        },
    };
    let anatomy = Anatomy::standard(request.voxels, request.edge)?;
    let study = Study::new(
        anatomy,
        presented,
        models,
        &request.plants,
        request.noise,
        request.seed,
    )?;
    output::folder(&request.out, request.overwrite)?;
    let parameters = json!({
        "synthetic": true,
        "plants": request.plants,
        "design": request.design,
        "subjects": request.subjects,
        "voxels": request.voxels,
        "edge": request.edge,
        "noise": request.noise,
        "layout": request.layout,
        "standardisation": request.standardisation,
    });
    let mut provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    for of in &request.models {
        provenance.add_input(&of.path)?;
    }
    let mut subjects = Vec::new();
    for number in 0..request.subjects {
        let subject = study.subject(number);
        run.progress
            .note(&format!("subject {} of {}", number + 1, request.subjects));
        let name = format!("sub-{}", subject.name());
        subjects.push(match request.layout {
            Layout::Stores => {
                let path = request.out.join(&name);
                let params = Params {
                    labels: match request.design {
                        DesignOf::Emotion2020 => Labels::Emotion2020(List::Unique2181),
                        DesignOf::Each { .. } => Labels::AsTheyAre,
                    },
                    standardisation: request.standardisation,
                    overwrite: request.overwrite,
                    ..Params::new(subject.name())
                };
                subject.write_store(&path, &params, provenance.clone(), run)?;
                path
            }
            Layout::BData => {
                let path = request.out.join(format!("{name}_desc-simulated_bdata.h5"));
                subject.write_bdata(&path, request.overwrite, run)?;
                path
            }
            Layout::Nifti => {
                subject.write_nifti(&request.out, request.overwrite, run)?;
                request.out.join(&name)
            }
        });
    }
    let truth = request.out.join("truth.tsv");
    output::write(&truth, request.overwrite, study.truth().as_bytes())?;
    provenance.write(request.out.join("simulation.json"), request.overwrite)?;
    Ok(BrainSimulated {
        synthetic: true,
        subjects,
        truth,
        seconds: began.elapsed().as_secs_f64(),
        peak_rss_bytes: crate::memory::peak_rss_bytes(),
    })
}

fn planted(of: &ModelOf) -> Result<PlantedModel, WorkflowError> {
    let Holds::Features(metric) = of.holds else {
        return Err(RsaError::NotPlantable {
            name: of.name.clone(),
        }
        .into());
    };
    let matrix = read_matrix(&of.path)?;
    let stimuli = match matrix.rows {
        Some(stimuli) => stimuli,
        None => StimulusSet::from_labels((0..matrix.values.nrows()).map(|row| row.to_string()))?,
    };
    Ok(PlantedModel {
        name: of.name.clone(),
        stimuli,
        rows: matrix.values,
        metric,
    })
}
