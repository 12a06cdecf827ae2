//! Responses of one subject into a store.

use crate::WorkflowError;
use emotome_brain::import::{Labels, Params, Reconciliation, Source, import};
use emotome_brain::store::{Manifest, Standardisation};
use emotome_stimuli::keys;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::Run;
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// How labels of samples become keys of stimuli.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysOf {
    /// They are the keys.
    Labels,
    /// They are numbers 1 to 2196 of the emotion study, with this list of stimuli.
    Emotion2020(List),
}

/// An import of one subject.
#[derive(Debug, Clone)]
pub struct BrainImportRequest {
    /// Where responses come from.
    pub source: Source,
    /// The subject.
    pub subject: String,
    /// How labels become keys.
    pub keys: KeysOf,
    /// The study's stimuli: a study folder, or text with a key a line.
    pub stimuli: Option<PathBuf>,
    /// How responses are standardised.
    pub standardisation: Standardisation,
    /// The store.
    pub out: PathBuf,
    /// Whether an older store may be replaced.
    pub overwrite: Overwrite,
    /// The command line, for provenance.
    pub command: Vec<String>,
}

/// What came of an import. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct BrainImported {
    /// The store.
    pub out: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// What became of the samples.
    pub reconciliation: Reconciliation,
    /// What was recognised or worked out rather than said.
    pub recognised: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Most resident memory.
    pub peak_rss_bytes: Option<u64>,
}

/// Imports the responses of one subject.
///
/// # Errors
/// [`WorkflowError::BrainImport`] names what does not fit, with the numbers.
pub fn brain_import(
    request: &BrainImportRequest,
    run: Run<'_>,
) -> Result<BrainImported, WorkflowError> {
    let began = Instant::now();
    let stimuli = request.stimuli.as_ref().map(keys::read).transpose()?;
    let params = Params {
        labels: match request.keys {
            KeysOf::Labels => Labels::AsTheyAre,
            KeysOf::Emotion2020(list) => Labels::Emotion2020(list),
        },
        stimuli,
        standardisation: request.standardisation,
        overwrite: request.overwrite,
        ..Params::new(&request.subject)
    };
    let parameters = json!({
        "subject": request.subject,
        "keys": format!("{:?}", request.keys),
        "stimuli": request.stimuli,
        "standardisation": request.standardisation,
        "columns": request.source.columns(),
    });
    let provenance = Provenance::new(request.command.clone(), None, parameters);
    let imported = import(&request.source, &params, &request.out, provenance, run)?;
    if let Some(columns) = request.source.columns() {
        run.progress.note(&format!(
            "what was shown is column {:?} of the events",
            columns.label
        ));
    }
    Ok(BrainImported {
        out: request.out.clone(),
        manifest: imported.manifest,
        reconciliation: imported.reconciliation,
        recognised: imported.recognised,
        seconds: began.elapsed().as_secs_f64(),
        peak_rss_bytes: crate::memory::peak_rss_bytes(),
    })
}
