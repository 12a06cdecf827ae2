//! `emotome brain`

use super::{command_line, some_sides};
use crate::failure::Failure;
use crate::flags::{ForceFlag, ModelFlags, SeedFlag, StandardiseFlags};
use crate::show::{bytes, count, rows};
use crate::terminal::Session;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use emotome_brain::import::{
    BDataSource, CiftiSource, EventColumns, MatrixSource, Source, SurfacesSource, VolumesSource,
    VoxelOrder, VoxelsFrom,
};
use emotome_brain::simulate::{Noise, Plant, Strength};
use emotome_neurofiles::Millimetres;
use emotome_stimuli::reconciliation::List;
use emotome_workflows::brain::{
    BrainImportRequest, BrainImported, BrainInfo, BrainSimulateRequest, BrainSimulated, DesignOf,
    KeysOf, Layout, brain_import, brain_info, brain_simulate,
};
use std::path::PathBuf;

/// Brings responses of the brain into stores, looks into them, simulates them.
#[derive(Debug, Args)]
pub(crate) struct BrainCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read the responses of one subject into a store.
    Import(Box<Import>),
    /// Simulate a study with models planted in named regions.
    Simulate(Box<Simulate>),
    /// Show what a store holds.
    Info {
        /// The store.
        #[arg(value_name = "DIR")]
        store: PathBuf,
    },
}

/// Reads responses of one subject, joins them to stimuli by key, and reports what was left out and why.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["betas", "bdata", "matrix", "surfaces", "cifti"]))]
struct Import {
    /// Images of responses in order of presentation: 4-D NIfTI, a volume each, or GLMsingle's .hdf5 or .mat.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "events", requires = "mask")]
    betas: Vec<PathBuf>,
    /// BData files of bdpy, one, or one a session in order.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    bdata: Vec<PathBuf>,
    /// Samples × voxels: .npy, .tsv or .csv.
    #[arg(long, value_name = "FILE", requires = "events")]
    matrix: Option<PathBuf>,
    /// Values by vertex in order of presentation, a pair of files of the left and the right surface for each run or
    /// session: GIFTI (hemi-L_space-fsaverage5_bold.func.gii,hemi-R_…), or FreeSurfer's .mgh or .mgz.
    #[arg(long, value_name = "LEFT,RIGHT", value_delimiter = ',', num_args = 1.., requires = "events")]
    surfaces: Vec<PathBuf>,
    /// CIFTI-2 files in order of presentation: .dtseries.nii or .dscalar.nii.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "events")]
    cifti: Vec<PathBuf>,
    /// Masks of the cortex on the left and the right surface, above zero where it is (desc-cortex_mask.label.gii).
    /// [default: all vertices that are not constant]
    #[arg(
        long,
        value_name = "LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1,
        requires = "surfaces"
    )]
    cortex: Vec<PathBuf>,
    /// What was shown: a table with a line a sample, for all, or one for each file of responses.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    events: Vec<PathBuf>,
    /// The voxels: an image, above zero where they are.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// Positions of the columns of --matrix: a table with x, y and z in millimetres, instead of a mask.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "mask",
        requires = "matrix"
    )]
    positions: Option<PathBuf>,
    /// Order in which the voxels of the mask stand as columns of --matrix.
    #[arg(long, value_enum, default_value_t = OrderName::C)]
    voxel_order: OrderName,
    /// Columns of --bdata that are responses, in bdpy's language of selections. [default: VoxelData, else WholeBrain]
    #[arg(long, value_name = "SELECTION", requires = "bdata")]
    select: Option<String>,
    /// An image on the grid of the voxels of --bdata. [default: worked out from their positions]
    #[arg(long, value_name = "FILE", requires = "bdata")]
    grid: Option<PathBuf>,
    /// Dataset of the responses in .hdf5 or .mat. [default: betasmd or modelmd]
    #[arg(long, value_name = "NAME", requires = "betas")]
    dataset: Option<String>,
    /// Column or key that says what was shown. [default: stim_file, else stimulus, key,
    /// stimulus_name, label, stim, trial_type, or the only one; of BData stimulus_name, else Label]
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Column or key that says the run. [default: run; of BData Run]
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Column or key that says the session. [default: session; of BData Session]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Labels are numbers 1 to 2196 of the emotion videos, of which this list takes part; the others are kept apart.
    #[arg(long, value_name = "2181|2180-LABEL|2185|2196")]
    emotion2020: Option<List>,
    /// The study's stimuli, text with a key a line; samples of others are kept apart.
    #[arg(long, value_name = "FILE")]
    stimuli: Option<PathBuf>,
    #[command(flatten)]
    standardise: StandardiseFlags,
    /// Name of the subject.
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// The store, a folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceFlag,
}

/// Simulates a study in the layout of a real one: models planted in named regions, smooth noise, autocorrelated within
/// runs. Everything written says that it is synthetic.
#[derive(Debug, Args)]
struct Simulate {
    #[command(flatten)]
    models: ModelFlags,
    /// What is planted where: REGION=MODEL@rsa:R for an expected correlation of dissimilarities, @snr:V for variance of
    /// signal over noise. Regions are the areas of the HCP-MMP (R_TPOJ1), the cortical groups of horikawa2020 (L_TPJ on
    /// one side, TPJ on both) and structures below the cortex (amygdala, L_amygdala).
    #[arg(long, value_name = "REGION=MODEL@rsa:R", value_parser = plant)]
    plant: Vec<Plant>,
    /// What subjects see: emotion2020 for the 2,196 presentations of the emotion videos, or each for every stimulus of
    /// the first model.
    #[arg(long, value_enum, default_value_t = DesignName::Each)]
    design: DesignName,
    /// Presentations of each stimulus.
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: usize,
    /// Samples of a run.
    #[arg(long, value_name = "N", default_value_t = 36)]
    per_run: usize,
    /// Sessions.
    #[arg(long, value_name = "N", default_value_t = 5)]
    sessions: usize,
    /// Subjects.
    #[arg(long, value_name = "N", default_value_t = 5)]
    subjects: u32,
    /// Voxels of the brain.
    #[arg(long, value_name = "N", default_value_t = 60_112)]
    voxels: usize,
    /// Edge of a voxel in millimetres.
    #[arg(long, value_name = "MM", default_value_t = 2.0)]
    edge: f64,
    /// Smoothness of the noise: full width at half maximum in millimetres.
    #[arg(long, value_name = "MM", default_value_t = 6.0)]
    fwhm: f64,
    /// Autocorrelation of the noise from one sample to the next.
    #[arg(long, value_name = "R", default_value_t = 0.3)]
    autocorrelation: f64,
    /// Standard deviation of the drift within runs, that of the noise being 1.
    #[arg(long, value_name = "SD", default_value_t = 0.3)]
    drift: f64,
    /// Standard deviation of the means of runs.
    #[arg(long, value_name = "SD", default_value_t = 0.5)]
    run_means: f64,
    /// The layout.
    #[arg(long, value_enum, default_value_t = LayoutName::Stores)]
    layout: LayoutName,
    #[command(flatten)]
    standardise: StandardiseFlags,
    /// Folder of the study.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DesignName {
    Emotion2020,
    Each,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutName {
    /// A store a subject.
    Stores,
    /// A BData file a subject.
    Bdata,
    /// Images of betas, events and masks.
    Nifti,
}

fn plant(text: &str) -> Result<Plant, String> {
    let wrong = || format!("{text:?}: give REGION=MODEL@rsa:R or REGION=MODEL@snr:V");
    let (region, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (model, strength) = rest.rsplit_once('@').ok_or_else(wrong)?;
    let (kind, value) = strength.split_once(':').ok_or_else(wrong)?;
    let value: f64 = value.parse().map_err(|_| wrong())?;
    let strength = match kind {
        "rsa" => Strength::Rsa(value),
        "snr" => Strength::SignalToNoise(value),
        _ => return Err(wrong()),
    };
    Ok(Plant {
        region: region.to_owned(),
        model: model.to_owned(),
        strength,
    })
}

impl Simulate {
    fn request(self) -> Result<BrainSimulateRequest, Failure> {
        Ok(BrainSimulateRequest {
            models: self.models.models()?,
            plants: self.plant,
            design: match self.design {
                DesignName::Emotion2020 => DesignOf::Emotion2020,
                DesignName::Each => DesignOf::Each {
                    times: self.times,
                    per_run: self.per_run,
                    sessions: self.sessions,
                },
            },
            subjects: self.subjects,
            voxels: self.voxels,
            edge: Millimetres(self.edge),
            noise: Noise {
                fwhm: Millimetres(self.fwhm),
                autocorrelation: self.autocorrelation,
                drift: self.drift,
                run_means: self.run_means,
            },
            standardisation: self.standardise.get(),
            layout: match self.layout {
                LayoutName::Stores => Layout::Stores,
                LayoutName::Bdata => Layout::BData,
                LayoutName::Nifti => Layout::Nifti,
            },
            seed: self.seed.get(),
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        })
    }
}

fn simulated(s: &BrainSimulated) -> String {
    let paths = s
        .subjects
        .iter()
        .map(|path| ("synthetic", path.display().to_string()));
    let rest = [
        ("planted", s.truth.display().to_string()),
        (
            "time",
            format!(
                "{:.1} s, {}",
                s.seconds,
                s.peak_rss_bytes.map_or_else(String::new, bytes)
            ),
        ),
    ];
    rows(paths.chain(rest))
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OrderName {
    /// The last index fastest, as when NumPy takes the data of a mask; nilearn.
    C,
    /// The first index fastest: MATLAB, bdpy.
    Fortran,
}

impl BrainCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self.action {
            Action::Import(import) => {
                let request = import.request()?;
                session.show(&brain_import(&request, session.run())?, imported)
            }
            Action::Simulate(flags) => session.show(
                &brain_simulate(&flags.request()?, session.run())?,
                simulated,
            ),
            Action::Info { store } => session.show(&brain_info(&store)?, info),
        }
    }
}

impl Import {
    fn request(self) -> Result<BrainImportRequest, Failure> {
        let usual = match (&self.label, self.events.first()) {
            (None, Some(events)) => {
                EventColumns::of(events).map_err(emotome_workflows::WorkflowError::from)?
            }
            _ => EventColumns::default(),
        };
        let columns = EventColumns {
            label: self.label.clone().unwrap_or(usual.label),
            session: self.session.clone().unwrap_or(usual.session),
            run: self.run.clone().unwrap_or(usual.run),
        };
        let order = match self.voxel_order {
            OrderName::C => VoxelOrder::C,
            OrderName::Fortran => VoxelOrder::Fortran,
        };
        let source = if !self.bdata.is_empty() {
            let usual = BDataSource::new(self.bdata);
            Source::BData(BDataSource {
                voxels: self.select,
                label: self.label,
                run: self.run.unwrap_or(usual.run.clone()),
                session: self.session.unwrap_or(usual.session.clone()),
                grid: self.grid,
                ..usual
            })
        } else if !self.surfaces.is_empty() {
            let (pairs, odd) = self.surfaces.as_chunks::<2>();
            if let [alone] = odd {
                return Err(Failure::Error(format!(
                    "--surfaces names {} files; give LEFT,RIGHT for each run: {} stands alone",
                    self.surfaces.len(),
                    alone.display()
                )));
            }
            Source::Surfaces(SurfacesSource {
                responses: pairs.to_vec(),
                events: self.events,
                cortex: some_sides("--cortex", self.cortex)?,
                columns,
            })
        } else if !self.cifti.is_empty() {
            Source::Cifti(CiftiSource {
                responses: self.cifti,
                events: self.events,
                columns,
            })
        } else if let Some(responses) = self.matrix {
            let voxels = match (self.mask, self.positions) {
                (Some(mask), _) => VoxelsFrom::Mask(mask, order),
                (None, Some(table)) => VoxelsFrom::Positions(table),
                (None, None) => {
                    return Err(Failure::Error(
                        "nothing says where the columns of --matrix lie; give --mask FILE, or --positions FILE".to_owned(),
                    ));
                }
            };
            let [events] = <[PathBuf; 1]>::try_from(self.events).map_err(|given| {
                Failure::Error(format!(
                    "--matrix has one table of events, {} are given",
                    given.len()
                ))
            })?;
            Source::Matrix(MatrixSource {
                responses,
                events,
                columns,
                voxels,
            })
        } else {
            Source::Volumes(VolumesSource {
                responses: self.betas,
                events: self.events,
                mask: self.mask.unwrap_or_default(),
                columns,
                dataset: self.dataset,
            })
        };
        Ok(BrainImportRequest {
            source,
            subject: self.subject,
            keys: self.emotion2020.map_or(KeysOf::Labels, KeysOf::Emotion2020),
            stimuli: self.stimuli,
            standardisation: self.standardise.get(),
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        })
    }
}

fn imported(s: &BrainImported) -> String {
    let m = &s.manifest;
    let mut out = vec![
        ("store", s.out.display().to_string()),
        ("voxels", count(m.voxels as u64)),
        ("samples", s.reconciliation.to_string()),
        (
            "standardised",
            serde_json::to_string(&m.standardisation).unwrap_or_default(),
        ),
        (
            "left out",
            format!(
                "{} voxels with NaN or infinity, {} constant in a run",
                m.quality.not_finite, m.quality.constant
            ),
        ),
    ];
    for warning in &m.quality.warnings {
        out.push(("warning", warning.clone()));
    }
    out.push((
        "time",
        format!(
            "{:.1} s, {}",
            s.seconds,
            s.peak_rss_bytes.map_or_else(String::new, bytes)
        ),
    ));
    rows(out)
}

fn info(s: &BrainInfo) -> String {
    let m = &s.manifest;
    let mut out = vec![
        (
            "subject",
            format!(
                "{}{}",
                m.subject,
                if m.synthetic { " (synthetic)" } else { "" }
            ),
        ),
        ("voxels", count(m.voxels as u64)),
        (
            "samples",
            format!(
                "{} ({} kept, of {} stimuli)",
                m.samples, m.samples_kept, m.stimuli
            ),
        ),
        ("runs", format!("{} in {} sessions", s.runs, s.sessions)),
        (
            "repeated",
            format!("{} pairs of samples show the same", s.repeated_pairs),
        ),
        (
            "standardised",
            serde_json::to_string(&m.standardisation).unwrap_or_default(),
        ),
    ];
    for warning in &m.quality.warnings {
        out.push(("warning", warning.clone()));
    }
    for region in &s.regions {
        out.push((
            "region",
            format!("{}: {} voxels", region.name, count(region.voxels as u64)),
        ));
    }
    rows(out)
}
