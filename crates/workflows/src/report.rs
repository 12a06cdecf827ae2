//! From a user's own choices to a report: what the demo does, on files of any stimuli.

use crate::WorkflowError;
use crate::analysis::{AgentChoices, AnalysisParams, RatingsModel, analyse};
use crate::choices::{self, ChoiceFile, Choices};
use crate::fit::MarkedSplits;
use crate::publish::{Destination, Published};
use crate::story::{Frame, Material};
use emotome_figures::scale::count;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::ratings::RatingsTable;
use emotome_stimuli::run::Run;
use emotome_triplets::formats::PresentedOrder;
use emotome_triplets::{ChoiceSet, Split};
use ndarray::Array2;
use std::path::PathBuf;
use std::time::Instant;

/// What to report on and how it is analysed.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Where results go.
    pub to: Destination,
    /// The choices; a column of splits marks those for the ceiling and of the full set.
    pub triplets: ChoiceFile,
    /// Repeated triplets in a file of their own.
    pub ceiling: Option<PathBuf>,
    /// All triplets of a few stimuli in a file of their own.
    pub full_set: Option<PathBuf>,
    /// Ratings of the stimuli, matched by key; by row where the choices have ids.
    pub ratings: Option<PathBuf>,
    /// Captions of the stimuli, matched likewise.
    pub captions: Option<PathBuf>,
    /// Who chose: a label in the file, or a name for the report. By default the file's one label,
    /// or the name of the file.
    pub agent: Option<String>,
    /// How the choices are analysed.
    pub params: AnalysisParams,
}

/// Reads choices, analyses them and writes `report.html`, `analysis.json`, `embeddings/` with
/// provenance, and `figures/` with their numbers.
///
/// # Errors
/// [`WorkflowError`] of reading, analysing and writing; [`WorkflowError::WhichOfAgents`] for a file of
/// several agents none of which is named.
pub fn report(request: &ReportRequest, run: Run<'_>) -> Result<Published, WorkflowError> {
    let start = Instant::now();
    let to = &request.to;
    request.params.check()?;
    let ratings = request.ratings.as_ref().map(RatingsTable::read);
    let ratings = ratings.transpose()?;
    let captions = request.captions.as_ref().map(Captions::read).transpose()?;
    let mut imported = choices::read(&request.triplets, None, run)?;
    let rows = match (&ratings, &captions) {
        (Some(table), _) => request.ratings.as_deref().zip(Some(&table.stimuli)),
        (None, Some(captions)) => request.captions.as_deref().zip(Some(&captions.stimuli)),
        (None, None) => None,
    };
    let by_row = imported.stimuli.is_none() && rows.is_some();
    let stimuli = match (&imported.stimuli, rows) {
        (Some(stimuli), _) => stimuli.clone(),
        (None, Some((path, stimuli))) => {
            // Ids are rows of the table; reading again refuses ids that it does not have.
            imported = choices::read(&request.triplets, Some((path, stimuli)), run)?;
            stimuli.clone()
        }
        (None, None) => {
            let n = imported.table.choices.n_stimuli();
            StimulusSet::from_labels((0..n).map(|id| id.to_string()))?
        }
    };
    let (agent, rows) = agent(&imported, request)?;
    let table = &imported.table;
    let splits = table.extras.split.as_deref();
    // What a column of splits marks as neither is random: the analysis splits it by triplet.
    let marked = |wanted: Option<Split>| {
        let special = |row: &usize| {
            splits
                .map(|splits| splits[*row])
                .filter(|split| matches!(split, Split::Ceiling | Split::FullSet))
        };
        let kept = rows.iter().copied().filter(|row| special(row) == wanted);
        table.choices.select(kept)
    };
    let order_known = table.presented_order == PresentedOrder::Known;
    // The order of choices of several files is known where that of every one is.
    let with_file = |split, path: &Option<PathBuf>| -> Result<_, WorkflowError> {
        let mut choices = marked(Some(split)).into_choices();
        let mut known = choices.is_empty() || order_known;
        if let Some(path) = path {
            let file = ChoiceFile::new(path.clone());
            let target = Some((request.triplets.path.as_path(), &stimuli));
            let more = choices::read(&file, target, run)?.table;
            choices::tell_of_pooling(&file.path, more.extras.agent.as_ref(), run);
            known &= more.presented_order == PresentedOrder::Known;
            choices.extend(more.choices.into_choices());
        }
        let choices = ChoiceSet::new(stimuli.len(), choices)?;
        Ok(((!choices.is_empty()).then_some(choices), known))
    };
    let main = marked(None);
    let (ceiling, ceiling_order_known) = with_file(Split::Ceiling, &request.ceiling)?;
    let (full_set, _) = with_file(Split::FullSet, &request.full_set)?;
    let (material, mut cautions, rated) = material(stimuli, ratings, captions, by_row)?;
    let choices = AgentChoices {
        main: &main,
        ceiling: ceiling.as_ref(),
        full_set: full_set.as_ref(),
        order_known,
        ceiling_order_known,
        ratings: &rated,
    };
    let overwrite = to.begin()?;
    let checkpoints = to.checkpoints(&agent);
    let analysis = analyse(&agent, choices, &request.params, Some(&checkpoints), run)
        .map_err(|error| to.paused(error))?;
    let held_out = splits.map(MarkedSplits::of);
    if let Some(held_out) = held_out.filter(|m| m.validation + m.test > 0) {
        cautions.push(format!(
            "The file marks {} choices for validation and {} for testing. The report splits anew: its scores are comparable with each other, not with those of a fit that held out what is marked.",
            count(held_out.validation as u64),
            count(held_out.test as u64)
        ));
    }
    if imported.n_inferred {
        cautions.push(format!(
            "The number of stimuli, {}, was inferred from the file; state it (--n-items) to be sure.",
            material.stimuli.len()
        ));
    }
    let len = |set: &Option<ChoiceSet>| count(set.as_ref().map_or(0, ChoiceSet::len) as u64);
    let frame = Frame {
        title: format!("Odd-one-out choices: {agent}"),
        subtitle: "From odd-one-out choices to an embedding, and how far to trust it".into(),
        setting: vec![format!(
            "{agent} chose the odd one out of three stimuli {} times, among {} stimuli. {} further choices repeat triplets for the noise ceiling, and {} are of a few stimuli judged in full.{}",
            count(main.len() as u64),
            count(material.stimuli.len() as u64),
            len(&ceiling),
            len(&full_set),
            if choices.order_known {
                ""
            } else {
                " The order in which stimuli were shown is not in the file, so nothing can be said about the place of the odd one."
            },
        )],
        cautions,
        ..Frame::default()
    };
    let keys = request.triplets.keys()?.filter(|path| path.is_file());
    let inputs: Vec<PathBuf> = [
        Some(&request.triplets.path),
        keys.as_ref(),
        request.ceiling.as_ref(),
        request.full_set.as_ref(),
        request.ratings.as_ref(),
        request.captions.as_ref(),
    ]
    .into_iter()
    .flatten()
    .cloned()
    .collect();
    let analyses = vec![analysis];
    let provenance = to.keep(&analyses, &material.stimuli, &inputs, overwrite)?;
    to.publish(
        frame,
        &material,
        analyses,
        provenance,
        (start, overwrite),
        run,
    )
}

/// Who chose, and the rows of those choices.
fn agent(
    imported: &Choices,
    request: &ReportRequest,
) -> Result<(String, Vec<usize>), WorkflowError> {
    let path = &request.triplets.path;
    let labels = imported.table.extras.agent.as_ref();
    let named = request.agent.as_deref();
    // Where nothing is to be selected, a name is one for the report.
    let several = labels.is_some_and(|labels| labels.names.len() > 1);
    let found = choices::one_agent(path, labels, named.filter(|_| several))?;
    let (label, rows) = found.unwrap_or_else(|| {
        let stem = path.file_stem().unwrap_or_default();
        let all = (0..imported.table.choices.len()).collect();
        (stem.to_string_lossy().into(), all)
    });
    Ok((named.map_or(label, str::to_owned), rows))
}

/// What is known about the stimuli, what is not known of some, and the ratings as models.
fn material(
    stimuli: StimulusSet,
    ratings: Option<RatingsTable>,
    captions: Option<Captions>,
    by_row: bool,
) -> Result<(Material, Vec<String>, Vec<RatingsModel>), WorkflowError> {
    let n = stimuli.len();
    let mut cautions = Vec::new();
    if by_row {
        cautions.push("The choices name stimuli by number: number k, from 0, is taken as row k of the ratings, or of the captions where there are no ratings.".into());
    }
    let texts: Vec<Option<String>> = stimuli
        .keys()
        .iter()
        .map(|key| {
            let captions = captions.as_ref()?;
            captions
                .of(captions.stimuli.get(key.as_str())?)
                .first()
                .cloned()
        })
        .collect();
    let without = texts.iter().filter(|text| text.is_none()).count();
    if captions.is_some() && without > 0 {
        cautions.push(format!(
            "{without} of {n} stimuli have no caption and are shown by key."
        ));
    }
    let captions = texts
        .into_iter()
        .zip(stimuli.keys())
        .map(|(text, key)| text.unwrap_or_else(|| key.to_string()))
        .collect();
    let mut material = Material {
        captions,
        scales: Vec::new(),
        kinds: Vec::new(),
        category_raters: None,
        ratings: Array2::zeros((n, 0)),
        raters: String::new(),
        showable: vec![true; n],
        stimuli,
    };
    let mut models = Vec::new();
    if let Some(table) = ratings {
        let aligned = table.align(&material.stimuli);
        if !aligned.unrated.is_empty() || !aligned.unused.is_empty() {
            cautions.push(format!(
                "{} of {n} stimuli have no ratings, and {} rated stimuli are not among those of the choices.",
                aligned.unrated.len(),
                aligned.unused.len()
            ));
        }
        models = RatingsModel::of_table(&aligned.table)?;
        material.raters = format!("the ratings {}", table.name);
        material.category_raters = table.category_raters();
        material.kinds = table.scales.iter().map(|(_, scale)| scale.kind).collect();
        material.scales = table.scales.into_iter().map(|(name, _)| name).collect();
        material.ratings = aligned.table.values;
    }
    Ok((material, cautions, models))
}
