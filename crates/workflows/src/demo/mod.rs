//! The demo: stimuli and choices that come with the program, and a brain that is simulated.

mod brain;

use crate::WorkflowError;
use crate::analysis::{AgentChoices, AnalysisParams, RatingsModel, analyse};
use crate::publish::{Destination, Published};
use crate::story::{Frame, Material};
use emotome_figures::scale::count;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::init::{Parts, init};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::ratings::{Kind, RatingsTable, Scale};
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Manifest;
use emotome_triplets::formats::{Format, ReadOptions, Stimuli};
use emotome_triplets::{ChoiceSet, Split};
use ndarray::Array2;
use std::time::Instant;

const SCENES: &str = include_str!("../../../../demo/scenes.tsv");
const AUTHOR: &str = include_str!("../../../../demo/author_emotions.tsv");
const CHOICES: &[u8] = include_bytes!("../../../../demo/smollm2_choices.parquet");
const CHOICES_ABOUT: &[u8] = include_bytes!("../../../../demo/smollm2_choices.json");
const AGENT: &str = "SmolLM2-135M";
const LICENCE: &[u8] = include_bytes!("../../../../demo/LICENSE-CC0");

/// The bundled scenes and the author's table of intended emotions.
struct Bundle {
    stimuli: StimulusSet,
    captions: Vec<String>,
    scales: Vec<String>,
    intended: Array2<f64>,
}

impl Bundle {
    /// The bundle; its files are part of the program and tested to be sound.
    fn load() -> Result<Self, WorkflowError> {
        let rows = |text: &'static str| text.lines().skip(1).map(|line| line.split('\t'));
        let scenes: Vec<Vec<&str>> = rows(SCENES).map(Iterator::collect).collect();
        let stimuli = StimulusSet::from_labels(scenes.iter().map(|row| row[0]))?;
        let header: Vec<&str> = AUTHOR
            .lines()
            .next()
            .unwrap_or_default()
            .split('\t')
            .collect();
        let scales: Vec<String> = header[1..].iter().map(|s| s.replace('_', " ")).collect();
        let mut intended = Array2::from_elem((stimuli.len(), scales.len()), f64::NAN);
        for mut row in rows(AUTHOR) {
            let id = stimuli.id(row.next().unwrap_or_default())?;
            for (cell, value) in intended.row_mut(id.index()).iter_mut().zip(row) {
                *cell = value.parse().unwrap_or(f64::NAN);
            }
        }
        let captions = scenes.iter().map(|row| row[1].to_owned()).collect();
        Ok(Self {
            stimuli,
            captions,
            scales,
            intended,
        })
    }

    fn ratings(&self) -> RatingsTable {
        let scale = |name: &String| {
            let dimension = name == "valence" || name == "arousal";
            let (kind, units, min, max) = if dimension {
                (Kind::Dimension, "intended rating", 1.0, 9.0)
            } else {
                (Kind::Category, "intended strength", 0.0, 1.0)
            };
            let scale = Scale {
                kind,
                units: Some(units.into()),
                min: Some(min),
                max: Some(max),
                n_raters: None,
                description: None,
            };
            (name.clone(), scale)
        };
        RatingsTable {
            name: "author_emotions".into(),
            stimuli: self.stimuli.clone(),
            scales: self.scales.iter().map(scale).collect(),
            values: self.intended.clone(),
            description: Some("What the author of each scene meant to convey. One author's intention, not data of raters: it has no reliability and no noise ceiling.".into()),
            source: Some("the authors of emotome".into()),
            licence: Some("CC0-1.0".into()),
        }
    }
}

/// Makes a study folder of the bundled stimuli and recorded choices, analyses it, compares it with a simulated brain
/// and writes the report.
///
/// # Errors
/// [`WorkflowError`] of writing and analysing.
pub fn demo(to: &Destination, run: Run<'_>) -> Result<Published, WorkflowError> {
    let start = Instant::now();
    let bundle = Bundle::load()?;
    let overwrite = to.begin()?;
    let mut manifest = Manifest::new("emotome demo");
    manifest.description = Some("240 short emotional scenes written for emotome, and a small language model's choices among them.".into());
    manifest.licence = Some("CC0-1.0".into());
    let parts = Parts {
        ratings: vec![bundle.ratings()],
        captions: Some(Captions {
            stimuli: bundle.stimuli.clone(),
            texts: bundle.captions.iter().map(|c| vec![c.clone()]).collect(),
        }),
        ..Parts::default()
    };
    let (study, _) = init(&to.out, manifest, &parts, overwrite, run)?;
    let folder = to.out.join("choices");
    output::folder(&folder, Overwrite::Replace)?;
    let recorded = folder.join("smollm2.parquet");
    output::write(&recorded, overwrite, CHOICES)?;
    output::write(folder.join("smollm2.json"), overwrite, CHOICES_ABOUT)?;
    output::write(to.out.join("LICENSE-CC0"), overwrite, LICENCE)?;
    let options = ReadOptions::new(Stimuli::Set(&bundle.stimuli));
    let imported = Format::Parquet.read(&recorded, &options, run)?;
    let of = |split| {
        by_split(
            &imported.table.choices,
            imported.table.extras.split.as_deref(),
            split,
        )
    };
    let (main, ceiling, full) = (of(Split::Train), of(Split::Ceiling), of(Split::FullSet));
    let choices = AgentChoices {
        main: &main,
        ceiling: Some(&ceiling),
        full_set: Some(&full),
        order_known: true,
        ceiling_order_known: true,
        ratings: &RatingsModel::of_table(&study.ratings[0].align(&study.stimuli).table)?,
    };
    let params = AnalysisParams::new(to.seed);
    let checkpoints = to.checkpoints(AGENT);
    let analysis = analyse(AGENT, choices, &params, Some(&checkpoints), run)
        .map_err(|error| to.paused(error))?;
    let kinds = bundle
        .ratings()
        .scales
        .iter()
        .map(|(_, scale)| scale.kind)
        .collect();
    let material = Material {
        showable: vec![true; bundle.stimuli.len()],
        captions: bundle.captions,
        kinds,
        category_raters: None,
        scales: bundle.scales,
        ratings: bundle.intended,
        raters: "the emotions that the author of the scenes intended".into(),
        stimuli: bundle.stimuli,
    };
    let analyses = vec![analysis];
    let provenance = to.keep(&analyses, &material.stimuli, &[recorded], overwrite)?;
    let closing = brain::chapter(to, AGENT, overwrite, run)?;
    let frame = Frame {
        title: "emotome demo".into(),
        subtitle: "From odd-one-out choices of a small language model to an embedding, how far to trust it, and where a brain would hold it".into(),
        closing: vec![closing],
        setting: vec![
            format!("240 short scenes, each one sentence, were written for this demo: 171 meant to convey one emotion, 44 a blend of two, 25 neutral. A small language model (SmolLM2-135M-Instruct) read one scene at a time; the probabilities of 94 emotion words as its next word describe what it found there. From three such descriptions follows the odd one out. {} choices were recorded this way and come with the program.", count((main.len() + ceiling.len() + full.len()) as u64)),
            "The model saw each scene under one of five differently worded prompts, drawn anew for every trial. Asking the same triplet again therefore does not always give the same answer, and the noise ceiling below says how often it does.".into(),
        ],
        cautions: vec![
            "A model of 135 million parameters is a toy: what follows shows the method, not how good models understand emotion. The emotions named beside dimensions are what one author intended, not what raters felt.".into(),
            "Each scene was read alone, so the place in which it was shown cannot matter: the shares of places are a check of the bookkeeping.".into(),
        ],
        ..Frame::default()
    };
    to.publish(
        frame,
        &material,
        analyses,
        provenance,
        (start, overwrite),
        run,
    )
}

/// The choices that the given split column marks.
fn by_split(choices: &ChoiceSet, splits: Option<&[Split]>, split: Split) -> ChoiceSet {
    let splits = splits.unwrap_or_default();
    choices.select((0..splits.len()).filter(|&row| splits[row] == split))
}
