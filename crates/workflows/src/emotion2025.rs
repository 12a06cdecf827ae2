//! The public half of the emotion study on real data: agents that judge by human ratings.

use crate::WorkflowError;
use crate::analysis::{AgentChoices, Analysis, AnalysisParams, RatingsModel, analyse};
use crate::publish::{Destination, Published};
use crate::story::{Frame, Material};
use emotome_figures::report::Section;
use emotome_figures::scale::{count, decimal, percent};
use emotome_figures::table::{Cell, Table};
use emotome_judges::collect::Collected;
use emotome_judges::tripletize::tripletize;
use emotome_judges::{
    Centring, ChoiceRule, FeatureJudge, Metric, MissingValues, Similarities, SimilarityParams,
};
use emotome_stats::random::Seed;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::init::{Parts, init};
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

/// What the emotion demo needs besides its destination.
#[derive(Debug, Clone)]
pub struct Emotion2025Request {
    /// Where results go.
    pub to: Destination,
    /// The public ratings of Cowen & Keltner (2017); by default [`RATINGS`].
    pub ratings: Option<PathBuf>,
    /// The public captions; by default [`CAPTIONS`], if it is there.
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

/// Where `emotome fetch ck2017 --from FILE` puts the ratings.
pub const RATINGS: &str = "data/ck2017/ck2017_ratings48.csv";
/// Where `emotome fetch mindcaptioning-captions --from FILE` puts the captions.
pub const CAPTIONS: &str = "data/mindcaptioning-captions/caption_ck20.csv";
/// The dimensions that the study reports for every agent.
pub const STUDY_DIMS: usize = 30;
/// The neutral point of the 1–9 scales.
const MIDPOINT: f64 = 5.0;

/// One of the two agents, and what the first version of the study reports of it.
struct Agent {
    name: &'static str,
    kind: Kind,
    other: Kind,
    centring: Centring,
    /// Accuracy read off figure 6 f, within a point, and weights per stimulus at 95 to 99 % of it.
    published: [&'static str; 2],
}

const AGENTS: [Agent; 2] = [
    Agent {
        name: "human categories",
        kind: Kind::Category,
        other: Kind::Dimension,
        centring: Centring::None,
        published: ["≈ 97–98 %", "7–10"],
    },
    Agent {
        name: "human dimensions",
        kind: Kind::Dimension,
        other: Kind::Category,
        centring: Centring::ScaleMidpoint(MIDPOINT),
        published: ["≈ 92–93 %", "6–9"],
    },
];

/// Makes a study of the public ratings, lets one agent judge by the 34 categories and one by the
/// 14 dimensions, analyses both and writes the report.
///
/// Both agents judge by cosine, the dimensions centred at the neutral point of their scale; ties
/// are broken by a uniform draw.
///
/// # Errors
/// [`WorkflowError`] of reading, judging, analysing and writing; [`WorkflowError::NotFetched`] without
/// ratings, [`WorkflowError::Paused`] where a stop was asked for.
pub fn emotion2025(request: &Emotion2025Request, run: Run<'_>) -> Result<Published, WorkflowError> {
    let start = Instant::now();
    let (to, list) = (&request.to, request.list);
    let inputs = inputs(request)?;
    let (table, _) = RatingsTable::read_known(&inputs[0])?;
    let captions = match inputs.get(1) {
        Some(path) => Some(list.captions(&Captions::read(path)?)?.0),
        None => None,
    };
    let overwrite = to.begin()?;
    let mut manifest = Manifest::new("Emotional videos of Cowen & Keltner (2017)");
    manifest.citation = Some("Cowen & Keltner (2017), doi:10.1073/pnas.1702247114".into());
    let parts = Parts {
        ratings: vec![list.ratings(&table)?],
        captions,
        include: Some(list.stimuli()?),
        ..Parts::default()
    };
    let (study, _) = init(&to.out, manifest, &parts, overwrite, run)?;
    let ratings = &study.ratings[0].align(&study.stimuli).table;
    let full = full_set(ratings, request)?;
    let (mut analyses, mut setting) = (Vec::new(), setting());
    for agent in &AGENTS {
        let analysis = (|| {
            let Judged { main, full, text } = judge(agent, ratings, &full, request, run)?;
            setting.extend(text);
            // The agent's own ratings would predict it by construction; the other's may or may not.
            let rated = RatingsModel::of_table(&ratings.of_kind(agent.other))?;
            let choices = AgentChoices {
                main: &main,
                ceiling: None,
                full_set: Some(&full),
                order_known: true,
                ceiling_order_known: true,
                ratings: &rated,
            };
            let checkpoints = to.checkpoints(agent.name);
            analyse(
                agent.name,
                choices,
                &request.analysis,
                Some(&checkpoints),
                run,
            )
        })();
        analyses.push(analysis.map_err(|error| to.paused(error))?);
    }
    let frame = Frame {
        title: "Human ratings of emotional videos, as odd-one-out agents".into(),
        subtitle: format!(
            "{} videos, {} choices per agent",
            count(study.stimuli.len() as u64),
            count(request.trials)
        ),
        setting,
        cautions: vec![
            "The agents answer without noise, so these embeddings predict them far better than any could predict people. Nothing here measures how consistent the raters were.".into(),
            "Videos that the ratings mark as sexual, gory or disgusting are analysed but never shown.".into(),
        ],
        sections: vec![beside_the_study(&analyses)],
        ..Frame::default()
    };
    let material = material(&study, ratings);
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

/// The ratings and, where there are any, the captions.
fn inputs(request: &Emotion2025Request) -> Result<Vec<PathBuf>, WorkflowError> {
    let ratings = request.ratings.clone().unwrap_or_else(|| RATINGS.into());
    if request.ratings.is_none() && !ratings.exists() {
        return Err(WorkflowError::NotFetched {
            path: ratings,
            source_id: "ck2017",
        });
    }
    let fetched = Some(PathBuf::from(CAPTIONS)).filter(|path| path.exists());
    Ok([ratings]
        .into_iter()
        .chain(request.captions.clone().or(fetched))
        .collect())
}

/// The choices of an agent.
struct Judged {
    main: ChoiceSet,
    full: ChoiceSet,
    /// What became of its trials, in sentences.
    text: Vec<String>,
}

fn judge(
    agent: &Agent,
    ratings: &RatingsTable,
    full: &FullSetParams,
    request: &Emotion2025Request,
    run: Run<'_>,
) -> Result<Judged, WorkflowError> {
    let Seed(seed) = request.to.seed.derive(agent.name);
    run.progress.note(&format!(
        "{}: judging {} triplets",
        agent.name,
        count(request.trials)
    ));
    let similarity = SimilarityParams {
        metric: Metric::Cosine,
        centring: agent.centring,
        missing: MissingValues::DropStimuli,
    };
    let values = ratings.of_kind(agent.kind).values;
    let similarities = Similarities::new(values.view(), similarity)?;
    let mut text: Vec<String> = similarities
        .warnings()
        .iter()
        .map(|warning| format!("{}: {warning}.", agent.name))
        .collect();
    let judge = FeatureJudge::new(similarities, ChoiceRule::default(), request.to.seed)?;
    let n = ratings.stimuli.len();
    let design = DesignParams {
        trials: request.trials,
        balance: Balance::Pairs,
        full_set: Some(full.clone()),
        ..DesignParams::new(n, seed)
    }
    .check()?;
    let arm = |numbers| -> Result<(ChoiceSet, Collected), WorkflowError> {
        let made = tripletize(&judge, |t| design.trial(t), numbers, run)?;
        if made.counts.interrupted {
            return Err(WorkflowError::Stopped);
        }
        Ok((ChoiceSet::new(n, made.choices)?, made.counts))
    };
    let [_, _, full, main] = design.arms().map(|(_, numbers)| numbers);
    let ((main, of_main), (full, of_full)) = (arm(main)?, arm(full)?);
    text.push(account(agent.name, &of_main, &of_full));
    Ok(Judged { main, full, text })
}

/// What became of the trials of an agent, in a sentence.
fn account(agent: &str, main: &Collected, full: &Collected) -> String {
    format!(
        "The agent {agent} judged {} triplets drawn from all videos, and {} of a few videos; in {} and {} of them two or three answers were equally likely, and a draw decided. {} had no answer because ratings are missing, and were left out.",
        count(main.judged),
        count(full.judged),
        count(main.tied),
        count(full.tied),
        count(main.judged - main.chosen + full.judged - full.chosen),
    )
}

fn setting() -> Vec<String> {
    vec![
        "About a dozen people rated each video: whether it evoked each of 34 emotion categories, and where it lies on 14 affective dimensions (Cowen & Keltner 2017). Two agents judge triplets by these ratings: of three videos, the one outside the pair with the most similar ratings is odd (cosine; dimensions centred at the neutral point 5 of their scale).".into(),
    ]
}

/// Our numbers beside those of the study, whose embeddings have [`STUDY_DIMS`] dimensions.
fn beside_the_study(analyses: &[Analysis]) -> Section {
    let mut table = Table::new(["agent", "what", "here", "study, first version"]);
    for (agent, analysis) in AGENTS.iter().zip(analyses) {
        let mut row = |what: String, here: String, study: &str| {
            table.push([agent.name, &what, &here, study].map(Cell::from));
        };
        let accuracy = |test: &emotome_embedding::evaluate::accuracy::Accuracy| {
            let ci = test.accuracy_ci95;
            format!(
                "{} ({} to {})",
                percent(test.accuracy),
                percent(ci.low),
                percent(ci.high)
            )
        };
        let [published_accuracy, published_weights] = agent.published;
        for imposed in &analysis.imposed {
            let dims = imposed.dims;
            let study = |value| if dims == STUDY_DIMS { value } else { "" };
            row(
                format!("held-out accuracy, {dims} dimensions"),
                accuracy(&imposed.test),
                study(published_accuracy),
            );
            if let Some((low, high)) = imposed
                .pruning
                .as_ref()
                .and_then(|p| p.published_band.low.zip(p.published_band.high))
            {
                row(
                    format!("weights per video at 95–99 % of the accuracy, {dims} dimensions"),
                    format!("{low}–{high}"),
                    study(published_weights),
                );
            }
            if let Some(single) = &imposed.single_fit {
                let [published, without_self, honest] = single.means().map(decimal);
                row(
                    format!("mean reproducibility as published, {dims} dimensions"),
                    published,
                    "",
                );
                row("the same without the self-match".into(), without_self, "");
                row(
                    "the same, one to one and on other videos than matched on".into(),
                    honest,
                    "",
                );
            }
        }
        row(
            format!(
                "held-out accuracy, {} dimensions, as validation chose",
                analysis.dims
            ),
            accuracy(&analysis.scores[0].test),
            "",
        );
    }
    Section {
        heading: "Beside the first version of the study".into(),
        text: vec![format!(
            "The study's first version (arXiv 2509.24298) fitted {STUDY_DIMS} dimensions to choices simulated from the same ratings. Its numbers are read off its figures, within a point; it does not say how it centred the ratings or split the choices. Numbers that it does not give are left empty."
        )],
        tables: vec![("Here and there; intervals of 95 %".into(), table)],
        ..Section::default()
    }
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
    ratings: &RatingsTable,
    request: &Emotion2025Request,
) -> Result<FullSetParams, WorkflowError> {
    let [categories, dimensions] =
        [Kind::Category, Kind::Dimension].map(|kind| ratings.of_kind(kind));
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
        seed: request.to.seed.derive("full set").0,
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
        kinds: ratings.scales.iter().map(|(_, scale)| scale.kind).collect(),
        category_raters: ratings.category_raters(),
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
