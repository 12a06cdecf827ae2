//! The public half of the emotion study on real data: agents that judge by human ratings.

use crate::WorkflowError;
use crate::analysis::{AgentChoices, AnalysisParams, analyse};
use crate::demo::{DemoRequest, DemoSummary, finish, provenance_rows};
use crate::story::{Frame, Material};
use emotome_judges::collect::Collected;
use emotome_judges::tripletize::tripletize;
use emotome_judges::{
    Centring, ChoiceRule, FeatureJudge, Metric, MissingValues, Similarities, SimilarityParams,
};
use emotome_stimuli::captions::Captions;
use emotome_stimuli::init::{Parts, init};
use emotome_stimuli::output;
use emotome_stimuli::ratings::{Kind, RatingsTable};
use emotome_stimuli::reconciliation::List;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::{Manifest, Study};
use emotome_triplets::ChoiceSet;
use emotome_triplets::design::subset::{self, Candidates, SubsetParams};
use emotome_triplets::design::{Balance, DesignParams, FullSetParams};
use ndarray::ArrayView1;
use std::path::PathBuf;
use std::time::Instant;

/// What the emotion demo needs besides the demo's own request.
#[derive(Debug, Clone)]
pub struct Emotion2025Request {
    /// Where results go.
    pub demo: DemoRequest,
    /// The public ratings of Cowen & Keltner (2017).
    pub ratings: PathBuf,
    /// The public captions, if there.
    pub captions: Option<PathBuf>,
    /// Which of the published lists of stimuli.
    pub list: List,
    /// Choices per agent.
    pub trials: u64,
    /// How each agent is analysed.
    pub analysis: AnalysisParams,
    /// Stimuli in the fully judged set.
    pub full_set: usize,
}

/// The neutral point of the 1–9 scales.
const MIDPOINT: f64 = 5.0;

/// Makes a study of the public ratings, lets one agent judge by the 34 categories and one by the
/// 14 dimensions, analyses both and writes the report.
///
/// Both agents judge by cosine, the dimensions centred at the neutral point of their scale; ties
/// are broken by a uniform draw.
///
/// # Errors
/// [`WorkflowError`] of reading, judging, analysing and writing; [`WorkflowError::Stopped`] where a
/// stop was asked for while judging.
pub fn emotion2025(
    request: &Emotion2025Request,
    run: Run<'_>,
) -> Result<DemoSummary, WorkflowError> {
    let start = Instant::now();
    let (table, _) = RatingsTable::read_known(&request.ratings)?;
    let ratings = request.list.ratings(&table)?;
    let captions = match &request.captions {
        Some(path) => Some(request.list.captions(&Captions::read(path)?)?.0),
        None => None,
    };
    output::folder(&request.demo.out, request.demo.overwrite)?;
    let mut manifest = Manifest::new("Emotional videos of Cowen & Keltner (2017)");
    manifest.citation = Some("Cowen & Keltner (2017), doi:10.1073/pnas.1702247114".into());
    let parts = Parts {
        ratings: vec![ratings],
        captions,
        include: Some(request.list.stimuli()?),
        ..Parts::default()
    };
    let (study, _) = init(
        &request.demo.out,
        manifest,
        &parts,
        request.demo.overwrite,
        run,
    )?;
    let ratings = &study.ratings[0].align(&study.stimuli).table;
    let (categories, dimensions) = (
        ratings.of_kind(Kind::Category),
        ratings.of_kind(Kind::Dimension),
    );
    let full = full_set(&categories, &dimensions, request)?;
    let params = &request.analysis;
    let (mut analyses, mut accounts) = (Vec::new(), Vec::new());
    for (agent, table, centring) in [
        ("human categories", &categories, Centring::None),
        (
            "human dimensions",
            &dimensions,
            Centring::ScaleMidpoint(MIDPOINT),
        ),
    ] {
        run.progress
            .note(&format!("{agent}: judging {} triplets", request.trials));
        let similarity = SimilarityParams {
            metric: Metric::Cosine,
            centring,
            missing: MissingValues::DropStimuli,
        };
        let similarities = Similarities::new(table.values.view(), similarity)?;
        accounts.extend(
            similarities
                .warnings()
                .iter()
                .map(|warning| format!("{agent}: {warning}.")),
        );
        let judge = FeatureJudge::new(similarities, ChoiceRule::default(), request.demo.seed)?;
        let design = DesignParams {
            trials: request.trials,
            balance: Balance::Pairs,
            full_set: Some(full.clone()),
            ..DesignParams::new(study.stimuli.len(), request.demo.seed.derive(agent).0)
        }
        .check()?;
        let n = study.stimuli.len();
        let mut judge_arm = |arm, numbers| -> Result<ChoiceSet, WorkflowError> {
            let made = tripletize(&judge, |t| design.trial(t), numbers, run)?;
            if made.counts.interrupted {
                return Err(WorkflowError::Stopped);
            }
            accounts.push(account(agent, arm, &made.counts));
            Ok(ChoiceSet::new(n, made.choices)?)
        };
        let [_, _, full, main] = design.arms().map(|(_, numbers)| numbers);
        let (main, full) = (judge_arm("main set", main)?, judge_arm("full set", full)?);
        let choices = AgentChoices {
            main: &main,
            ceiling: None,
            full_set: Some(&full),
            order_known: true,
        };
        analyses.push(analyse(agent, choices, params, run)?);
    }
    let mut frame = frame(request, study.stimuli.len());
    frame.cautions.extend(accounts);
    let mut inputs = vec![request.ratings.clone()];
    inputs.extend(request.captions.clone());
    let material = material(&study, ratings);
    finish(&request.demo, frame, &material, analyses, &inputs, start)
}

/// What became of the trials of an agent, in a sentence.
fn account(agent: &str, arm: &str, counts: &Collected) -> String {
    let count = emotome_figures::scale::count;
    let without = counts.judged - counts.chosen;
    format!(
        "{agent}, {arm}: of {} triplets judged, {} had two or three equally likely answers and were decided by a \
         draw; {} ended without a choice and were left out ({} failed: no similarity, as ratings are missing).",
        count(counts.judged),
        count(counts.tied),
        count(without),
        count(counts.failed),
    )
}

/// The category of the highest rating, the first of those that tie; the number of categories for a
/// stimulus that is in none. Missing ratings are skipped.
fn top_category(row: ArrayView1<'_, f64>) -> usize {
    let mut top = (row.len(), 0.0);
    for (category, &rating) in row.iter().enumerate() {
        if rating > top.1 {
            top = (category, rating);
        }
    }
    top.0
}

/// The stimuli whose triplets are all judged: a few of each category, spread over the ratings.
fn full_set(
    categories: &RatingsTable,
    dimensions: &RatingsTable,
    request: &Emotion2025Request,
) -> Result<FullSetParams, WorkflowError> {
    let features = ndarray::concatenate![
        ndarray::Axis(1),
        categories.values.view(),
        dimensions.values.view()
    ];
    let rows = categories.values.rows().into_iter();
    let labels: Vec<usize> = rows.map(top_category).collect();
    let candidates = Candidates {
        features: features.view(),
        categories: &labels,
        agreement: None,
    };
    let params = SubsetParams {
        size: request.full_set,
        seed: request.demo.seed.derive("full set").0,
        ..SubsetParams::default()
    };
    let chosen = subset::select(&candidates, &params)?;
    Ok(FullSetParams {
        stimuli: chosen.stimuli.iter().map(|id| id.0).collect(),
        passes: 1,
    })
}

fn material(study: &Study, ratings: &RatingsTable) -> Material {
    let captions = study.captions();
    let caption = |key: &str| {
        captions
            .stimuli
            .get(key)
            .and_then(|id| captions.of(id).first().cloned())
            .unwrap_or_else(|| key.to_owned())
    };
    Material {
        stimuli: study.stimuli.clone(),
        captions: study
            .stimuli
            .keys()
            .iter()
            .map(|key| caption(key.as_str()))
            .collect(),
        scales: ratings
            .scales
            .iter()
            .map(|(name, _)| name.clone())
            .collect(),
        ratings: ratings.values.clone(),
        raters: "the mean ratings of about a dozen people per video (34 categories, 14 dimensions)"
            .into(),
        showable: study
            .records
            .iter()
            .map(|record| record.sensitive.is_empty())
            .collect(),
    }
}

fn frame(request: &Emotion2025Request, n: usize) -> Frame {
    Frame {
        title: "Human ratings of emotional videos, as odd-one-out agents".into(),
        subtitle: format!("{n} videos, {} choices per agent", emotome_figures::scale::count(request.trials)),
        setting: vec![
            "About a dozen people rated each video: whether it evoked each of 34 emotion categories, and where it lies on 14 affective dimensions (Cowen & Keltner 2017). Two agents judge triplets by these ratings: of three videos, the one outside the pair with the most similar ratings is odd (cosine; dimensions centred at the neutral point 5 of their scale).".into(),
        ],
        cautions: vec![
            "The agents answer without noise, so these embeddings predict them far better than any could predict people. Nothing here measures how consistent the raters were.".into(),
            "Videos that the ratings mark as sexual, gory or disgusting are analysed but never shown.".into(),
        ],
        provenance: provenance_rows(&request.demo),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_top_category_is_the_first_of_ties_and_none_of_an_empty_row() {
        let top = |row: [f64; 3]| top_category(array![row[0], row[1], row[2]].view());
        assert_eq!(top([0.2, 0.5, 0.5]), 1);
        assert_eq!(top([0.0, f64::NAN, 0.1]), 2);
        assert_eq!(top([0.0; 3]), 3);
        assert_eq!(top([f64::NAN; 3]), 3);
    }
}
