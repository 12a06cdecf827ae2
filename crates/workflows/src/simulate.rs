//! A planted embedding and the choices of an agent that has it.

use crate::WorkflowError;
use crate::write::refuse_existing;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::score::{Scoring, score};
use emotome_embedding::files::write_embedding;
use emotome_judges::simulated::{PlantParams, ResponseParams, SimulatedJudge};
use emotome_judges::tripletize::tripletize as judge_all;
use emotome_stats::random::Seed;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::{Provenance, sidecar};
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::design::{Balance, DesignParams};
use emotome_triplets::formats::{Format, WriteOptions};
use serde::Serialize;
use std::path::PathBuf;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulateRequest {
    /// The planted embedding.
    pub plant: PlantParams,
    /// How the agent answers.
    pub response: ResponseParams,
    /// The number of choices.
    pub trials: u64,
    /// Seed of embedding, design and answers.
    pub seed: Seed,
    /// The folder of results.
    pub out: PathBuf,
    /// Whether results there may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was simulated. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct SimulateSummary {
    /// Stimuli.
    pub n_items: usize,
    /// Planted dimensions.
    pub dims: usize,
    /// Choices.
    pub n: usize,
    /// Accuracy of the planted embedding on the choices: what a fit can hope for.
    ///
    /// `None` under a position bias, which an embedding alone does not predict, and where every
    /// answer is a guess.
    pub best_accuracy: Option<f64>,
    /// Mean −ln p under the planted embedding at the agent's temperature and lapse, in nats; `None`
    /// as above.
    pub best_nll: Option<f64>,
    /// The choices, odd one last.
    pub triplets: PathBuf,
    /// The planted embedding.
    pub embedding: PathBuf,
}

/// Plants an embedding, lets an agent with it judge distinct random triplets, and writes
/// `embedding.npz`, `embedding.tsv`, `triplets.npy` and provenance.
///
/// # Errors
/// [`WorkflowError`] for impossible parameters, more choices than triplets, and writing.
pub fn simulate(request: &SimulateRequest, run: Run<'_>) -> Result<SimulateSummary, WorkflowError> {
    let files = [
        "embedding.npz",
        "embedding.tsv",
        "embedding.json",
        "triplets.npy",
        "triplets.npy.json",
    ];
    refuse_existing(request.overwrite, files.map(|file| request.out.join(file)))?;
    let weights = request.plant.plant(request.seed)?;
    let judge = SimulatedJudge::new(weights.view(), request.response, request.seed)?;
    let design = DesignParams {
        trials: request.trials,
        balance: Balance::None,
        ..DesignParams::new(request.plant.n_stimuli, request.seed.0)
    }
    .check()?;
    run.progress.begin("judging", Some(design.len()));
    let made = judge_all(&judge, |t| design.trial(t), 0..design.len(), run)?;
    run.progress.end();
    if made.counts.interrupted {
        return Err(WorkflowError::Stopped);
    }
    let choices = ChoiceSet::new(request.plant.n_stimuli, made.choices)?;
    let planted = Embedding::new(weights)?;
    let (best_accuracy, best_nll) = best(&planted, &choices, request.response)?.unzip();
    let n = choices.len();
    output::folder(&request.out, Overwrite::Replace)?;
    let embedding = write_embedding(&request.out, &planted, None, None, request.overwrite)?;
    let triplets = request.out.join("triplets.npy");
    let options = WriteOptions {
        overwrite: request.overwrite,
        ..WriteOptions::default()
    };
    Format::LastOdd.write(&triplets, &choices.into(), &options)?;
    let parameters = serde_json::json!({
        "plant": request.plant, "response": request.response, "trials": request.trials,
    });
    let provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    provenance.write_beside(&embedding, request.overwrite)?;
    provenance.write(sidecar(&triplets), request.overwrite)?;
    Ok(SimulateSummary {
        n_items: request.plant.n_stimuli,
        dims: request.plant.dims,
        n,
        best_accuracy,
        best_nll,
        triplets,
        embedding,
    })
}

/// Accuracy and mean −ln p of the embedding that the agent has, if it answers by that alone.
fn best(
    planted: &Embedding,
    choices: &ChoiceSet,
    response: ResponseParams,
) -> Result<Option<(f64, f64)>, WorkflowError> {
    // A bias common to all places changes nothing.
    let [first, second, third] = response.position_bias;
    let unbiased = first == second && second == third;
    if !unbiased || response.lapse >= 1.0 || choices.is_empty() {
        return Ok(None);
    }
    let scoring = Scoring {
        temperature: response.temperature,
        lapse: response.lapse,
        ..Scoring::default()
    };
    let scores = score(planted, choices, &scoring)?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Ok(Some((mean(&scores.credit), -mean(&scores.log_likelihood))))
}
