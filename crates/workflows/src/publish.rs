//! From analyses to a folder: embeddings with provenance, `analysis.json`, the report and its figures.

use crate::WorkflowError;
use crate::analysis::Analysis;
use crate::fit::write_seeds;
use crate::interpret::Meaning;
use crate::story::{Frame, Material, tell};
use emotome_embedding::Embedding;
use emotome_embedding::files::write_embedding;
use emotome_embedding::train::CheckpointPolicy;
use emotome_figures::Report;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::{self, OutputError, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where results go, and what is recorded with them.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The folder.
    pub out: PathBuf,
    /// Whether one that holds something may be replaced.
    pub overwrite: Overwrite,
    /// Whether to go on with what an interrupted run left there.
    pub resume: bool,
    /// Seed of everything random.
    pub seed: Seed,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was made. Field names are stable.
#[derive(Debug, Serialize)]
pub struct Published {
    /// The folder.
    pub study: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Seconds it took.
    pub seconds: f64,
    /// What was found.
    pub analyses: Vec<Analysis>,
}

/// Where interrupted fits lie until the report is written; nothing else has this name.
const CHECKPOINTS: &str = ".emotome-unfinished";
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

impl Destination {
    /// Makes the folder and says whether files in it may be replaced.
    pub(crate) fn begin(&self) -> Result<Overwrite, WorkflowError> {
        let checkpoints = self.out.join(CHECKPOINTS);
        if self.resume {
            return if checkpoints.is_dir() {
                Ok(Overwrite::Replace)
            } else {
                Err(WorkflowError::NothingToResume {
                    out: self.out.clone(),
                })
            };
        }
        output::folder(&self.out, self.overwrite)?;
        output::folder(&checkpoints, Overwrite::Replace)?;
        Ok(self.overwrite)
    }

    /// The checkpoints of an agent's fits.
    pub(crate) fn checkpoints(&self, agent: &str) -> CheckpointPolicy {
        CheckpointPolicy {
            path: self
                .out
                .join(CHECKPOINTS)
                .join(format!("{}.npz", slug(agent))),
            every: CHECKPOINT_EVERY,
            resume: self.resume,
        }
    }

    /// What an interruption means here, where the folder keeps what was done.
    pub(crate) fn paused(&self, error: WorkflowError) -> WorkflowError {
        if error.is_interruption() {
            WorkflowError::Paused {
                out: self.out.clone(),
            }
        } else {
            error
        }
    }

    /// Writes embeddings with their provenance, and `analysis.json`.
    pub(crate) fn keep(
        &self,
        analyses: &[Analysis],
        stimuli: &StimulusSet,
        inputs: &[PathBuf],
        overwrite: Overwrite,
    ) -> Result<Provenance, WorkflowError> {
        let mut provenance = Provenance::new(self.command.clone(), Some(self.seed.0), json!(null));
        for input in inputs {
            provenance.add_input(input)?;
        }
        for analysis in analyses {
            self.embeddings(analysis, stimuli, &mut provenance, overwrite)?;
        }
        output::write_json(self.out.join("analysis.json"), overwrite, &analyses)?;
        Ok(provenance)
    }

    /// Where the embedding of an agent lies once it is kept.
    pub(crate) fn embedding(&self, agent: &str) -> PathBuf {
        self.out.join("embeddings").join(slug(agent))
    }

    /// Writes the report with its figures.
    pub(crate) fn publish(
        &self,
        mut frame: Frame,
        material: &Material,
        analyses: Vec<Analysis>,
        provenance: Provenance,
        (start, overwrite): (Instant, Overwrite),
        run: Run<'_>,
    ) -> Result<Published, WorkflowError> {
        frame.provenance.extend(self.account(&provenance));
        let meaning = Meaning::of(material, &analyses, self.seed, run)?;
        if let Some(meaning) = &meaning {
            meaning.write(&self.out, overwrite)?;
        }
        let report = tell(frame, material, &analyses, meaning.as_ref());
        let page = self.out.join("report.html");
        output::write(&page, overwrite, report.html().as_bytes())?;
        write_figures(&self.out.join("figures"), &report, overwrite)?;
        remove_checkpoints(&self.out.join(CHECKPOINTS));
        Ok(Published {
            study: self.out.clone(),
            report: page,
            seconds: start.elapsed().as_secs_f64(),
            analyses,
        })
    }

    /// Writes the embeddings of an analysis: `embeddings/AGENT/`, and `embeddings/AGENT/D-dimensions/`
    /// for every number that was imposed, each with its seeds.
    fn embeddings(
        &self,
        analysis: &Analysis,
        stimuli: &StimulusSet,
        provenance: &mut Provenance,
        overwrite: Overwrite,
    ) -> Result<(), WorkflowError> {
        let folder = self.embedding(&analysis.agent);
        let seeds = |folder: &Path, seeds: &[Embedding]| {
            let runs = seeds.iter().map(|embedding| (embedding, None));
            write_seeds(folder, runs, Some(stimuli), overwrite)
        };
        provenance.parameters = json!({
            "agent": analysis.agent,
            "analysis": analysis.params,
            "fit": analysis.spose,
            "consensus_of": analysis.consensus_of,
            "trials": analysis.trials,
        });
        write_embedding(&folder, &analysis.embedding, None, Some(stimuli), overwrite)?;
        provenance.write_beside(folder.join("embedding"), overwrite)?;
        seeds(&folder, &analysis.seeds)?;
        for imposed in &analysis.imposed {
            let folder = folder.join(format!("{}-dimensions", imposed.dims));
            provenance.parameters = json!({
                "agent": analysis.agent,
                "analysis": analysis.params,
                "fit": { "dims": imposed.dims, "otherwise as": analysis.spose },
                "lowest validation loss": format!("seed {} of {}", imposed.seed, imposed.seeds.len()),
                "trials": analysis.trials,
            });
            write_embedding(&folder, &imposed.embedding, None, Some(stimuli), overwrite)?;
            provenance.write_beside(folder.join("embedding"), overwrite)?;
            seeds(&folder, &imposed.seeds)?;
        }
        Ok(())
    }

    /// Where the numbers come from, for a reader of the report.
    fn account(&self, provenance: &Provenance) -> Vec<(String, String)> {
        let mut account = vec![
            (
                "Program".to_owned(),
                format!("emotome {}", provenance.emotome_version),
            ),
            ("Command".to_owned(), self.command.join(" ")),
            ("Seed".to_owned(), self.seed.0.to_string()),
            ("Folder".to_owned(), self.out.display().to_string()),
        ];
        account.extend(provenance.inputs.iter().map(|input| {
            let (path, sum) = (input.path.display(), &input.sha256);
            ("Input".to_owned(), format!("{path}, sha256 {sum}"))
        }));
        account
    }
}

/// Writes every figure and its numbers, and removes those of an older report.
pub(crate) fn write_figures(
    folder: &Path,
    report: &Report,
    overwrite: Overwrite,
) -> Result<(), OutputError> {
    output::folder(folder, Overwrite::Replace)?;
    let assets = report.assets();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|_| overwrite == Overwrite::Replace) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let numbered = name.starts_with(|c: char| c.is_ascii_digit());
        let figure = numbered && (name.ends_with(".svg") || name.ends_with(".tsv"));
        if figure && !assets.iter().any(|asset| asset.name == name) {
            // One that stays misleads nobody: its report is gone.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    for asset in assets {
        output::write(folder.join(&asset.name), overwrite, &asset.bytes)?;
    }
    Ok(())
}

/// Removes the folder that [`Destination::begin`] made.
fn remove_checkpoints(folder: &Path) {
    // States that cannot be removed are a nuisance, no reason to fail.
    let _ = std::fs::remove_dir_all(folder);
}

/// A name that can be a folder's.
fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}
