//! From a table of features to choices.

use crate::WorkflowError;
use crate::choices::format_of;
use crate::rule::Rule;
use crate::write::{Output, refuse_existing_choices};
use emotome_judges::calibrate::Calibration;
use emotome_judges::collect::Collected;
use emotome_judges::similarity::SimilarityParams;
use emotome_judges::tripletize::{tripletize as judge_all, tripletize_soft};
use emotome_judges::{FeatureJudge, Similarities};
use emotome_stats::random::Seed;
use emotome_stimuli::array::{LabelledMatrix, read_matrix};
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_triplets::ChoiceSet;
use emotome_triplets::design::{Balance, DesignParams};
use serde::Serialize;
use std::path::PathBuf;

/// Which choices to make from which table.
#[derive(Debug, Clone)]
pub struct TripletizeRequest {
    /// The table: a row per stimulus.
    pub features: PathBuf,
    /// How similar two rows are.
    pub similarity: SimilarityParams,
    /// How similarities become choices.
    pub rule: Rule,
    /// Whether the probabilities from which choices were drawn are written beside them.
    pub probabilities: bool,
    /// The number of choices.
    pub trials: u64,
    /// Seed of the design and of random choices.
    pub seed: Seed,
    /// The file of choices; its extension names the format.
    pub out: PathBuf,
    /// Whether it may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What came of it. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct TripletizeSummary {
    /// Stimuli in the table.
    pub n_items: usize,
    /// Choices written.
    pub n: usize,
    /// Ties, and trials without a choice.
    pub counts: Collected,
    /// How the temperature was found, if it was not stated.
    pub calibration: Option<Calibration>,
    /// What is doubtful about the similarities.
    pub warnings: Vec<String>,
    /// The file.
    pub out: PathBuf,
    /// The keys of its stimuli, if the table has keys and the file holds ids.
    pub stimuli: Option<PathBuf>,
    /// The probabilities that the stimulus of each column is odd, if asked for.
    pub probabilities: Option<PathBuf>,
}

/// Judges distinct random triplets of the stimuli of a table and writes the choices, with provenance.
///
/// Beside a file that holds ids alone, `STEM.stimuli.txt` has the keys of the table, a line each.
///
/// # Errors
/// [`WorkflowError`] of reading, of the design (more choices than triplets) and of writing.
pub fn tripletize(
    request: &TripletizeRequest,
    run: Run<'_>,
) -> Result<TripletizeSummary, WorkflowError> {
    let to = format_of(&request.out)?;
    refuse_existing_choices(&request.out, request.probabilities, request.overwrite)?;
    let LabelledMatrix { values, rows, .. } = read_matrix(&request.features)?;
    let n_items = values.nrows();
    let similarities = Similarities::new(values.view(), request.similarity)?;
    let warnings = similarities
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    let (rule, calibration) = request.rule.find(&similarities, request.seed)?;
    let judge = FeatureJudge::new(similarities, rule, request.seed)?;
    let design = DesignParams {
        trials: request.trials,
        balance: Balance::None,
        ..DesignParams::new(n_items, request.seed.0)
    }
    .check()?;
    run.progress.begin("judging", Some(design.len()));
    let (trial, numbers) = (|t| design.trial(t), 0..design.len());
    let made = if request.probabilities {
        tripletize_soft(&judge, trial, numbers, run)?
    } else {
        judge_all(&judge, trial, numbers, run)?
    };
    run.progress.end();
    if made.counts.interrupted {
        return Err(WorkflowError::Stopped);
    }
    let n = made.choices.len();
    let table = ChoiceSet::new(n_items, made.choices)?.into();
    let output = Output {
        out: &request.out,
        to,
        stimuli: rows.as_ref(),
        by_key: false,
        overwrite: request.overwrite,
    };
    let beside = output.write(&table, made.probabilities.as_deref())?;
    let parameters = serde_json::json!({
        "similarity": request.similarity,
        "rule": rule,
        "calibration": calibration,
        "trials": request.trials,
        "n_items": n_items,
        "counts": made.counts,
    });
    let mut provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    provenance.add_input(&request.features)?;
    output.provenance(&provenance)?;
    Ok(TripletizeSummary {
        n_items,
        n,
        counts: made.counts,
        calibration,
        warnings,
        out: request.out.clone(),
        stimuli: beside.stimuli,
        probabilities: beside.probabilities,
    })
}
