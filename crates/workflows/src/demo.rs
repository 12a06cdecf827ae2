//! The demo: the whole behavioural half on stimuli and choices that come with the program.

use crate::WorkflowError;
use crate::analysis::{AgentChoices, Analysis, AnalysisParams, analyse};
use crate::story::{Frame, Material, tell};
use emotome_embedding::files::write_embedding;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::captions::Captions;
use emotome_stimuli::init::{Parts, init};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::ratings::{Kind, RatingsTable, Scale};
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Manifest;
use emotome_triplets::formats::{Format, ReadOptions, Stimuli};
use emotome_triplets::{ChoiceSet, Split};
use ndarray::Array2;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

const SCENES: &str = include_str!("../../../demo/scenes.tsv");
const AUTHOR: &str = include_str!("../../../demo/author_emotions.tsv");
const CHOICES: &[u8] = include_bytes!("../../../demo/smollm2_choices.parquet");
const CHOICES_ABOUT: &[u8] = include_bytes!("../../../demo/smollm2_choices.json");
const LICENCE: &[u8] = include_bytes!("../../../demo/LICENSE-CC0");

/// Where the demo goes.
#[derive(Debug, Clone)]
pub struct DemoRequest {
    /// The study folder to make.
    pub out: PathBuf,
    /// Whether one that exists may be replaced.
    pub overwrite: Overwrite,
    /// Seed of splits and fits.
    pub seed: Seed,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What the demo made. Field names are stable.
#[derive(Debug, Serialize)]
pub struct DemoSummary {
    /// The study folder.
    pub study: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Seconds it took.
    pub seconds: f64,
    /// What was found.
    pub analyses: Vec<Analysis>,
}

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

/// Makes a study folder of the bundled stimuli and recorded choices, analyses it and writes the
/// report.
///
/// # Errors
/// [`WorkflowError`] of writing and analysing.
pub fn demo(request: &DemoRequest, run: Run<'_>) -> Result<DemoSummary, WorkflowError> {
    let start = Instant::now();
    let bundle = Bundle::load()?;
    output::folder(&request.out, request.overwrite)?;
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
    init(&request.out, manifest, &parts, request.overwrite, run)?;
    let folder = request.out.join("choices");
    output::folder(&folder, Overwrite::Replace)?;
    let recorded = folder.join("smollm2.parquet");
    output::write(&recorded, request.overwrite, CHOICES)?;
    output::write(
        folder.join("smollm2.json"),
        request.overwrite,
        CHOICES_ABOUT,
    )?;
    output::write(request.out.join("LICENSE-CC0"), request.overwrite, LICENCE)?;
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
    };
    let params = AnalysisParams::new(request.seed);
    let analysis = analyse("SmolLM2-135M", choices, &params, run)?;
    let material = Material {
        showable: vec![true; bundle.stimuli.len()],
        captions: bundle.captions,
        scales: bundle.scales,
        ratings: bundle.intended,
        raters: "the emotions that the author of the scenes intended".into(),
        stimuli: bundle.stimuli,
    };
    let frame = Frame {
        title: "emotome demo".into(),
        subtitle: "From odd-one-out choices of a small language model to an embedding, and how far to trust it".into(),
        setting: vec![
            format!("240 short scenes, each one sentence, were written for this demo: 171 meant to convey one emotion, 44 a blend of two, 25 neutral. A small language model (SmolLM2-135M-Instruct) read one scene at a time; the probabilities of 94 emotion words as its next word describe what it found there. From three such descriptions follows the odd one out. {} choices were recorded this way and come with the program.", count(main.len() + ceiling.len() + full.len())),
            "The model saw each scene under one of five differently worded prompts, drawn anew for every trial. Asking the same triplet again therefore does not always give the same answer, and the noise ceiling below says how often it does.".into(),
        ],
        cautions: vec![
            "A model of 135 million parameters is a toy: what follows shows the method, not how good models understand emotion. The emotions named beside dimensions are what one author intended, not what raters felt.".into(),
            "Each scene was read alone, so the place in which it was shown cannot matter: the shares of places are a check of the bookkeeping.".into(),
        ],
        provenance: provenance_rows(request),
    };
    finish(
        request,
        frame,
        &material,
        vec![analysis],
        &[recorded],
        start,
    )
}

/// The choices that the given split column marks.
fn by_split(choices: &ChoiceSet, splits: Option<&[Split]>, split: Split) -> ChoiceSet {
    let splits = splits.unwrap_or_default();
    choices.select((0..splits.len()).filter(|&row| splits[row] == split))
}

pub(crate) fn count(n: usize) -> String {
    emotome_figures::scale::count(n as u64)
}

pub(crate) fn provenance_rows(request: &DemoRequest) -> Vec<(String, String)> {
    vec![
        (
            "Program".into(),
            format!("emotome {}", env!("CARGO_PKG_VERSION")),
        ),
        ("Command".into(), request.command.join(" ")),
        ("Seed".into(), request.seed.0.to_string()),
        ("Folder".into(), request.out.display().to_string()),
    ]
}

/// Writes embeddings, `analysis.json`, the report with its figures, and provenance.
pub(crate) fn finish(
    request: &DemoRequest,
    frame: Frame,
    material: &Material,
    analyses: Vec<Analysis>,
    inputs: &[PathBuf],
    start: Instant,
) -> Result<DemoSummary, WorkflowError> {
    let overwrite = request.overwrite;
    let parameters =
        serde_json::json!({ "analyses": analyses.iter().map(|a| &a.params).collect::<Vec<_>>() });
    let mut provenance = Provenance::new(request.command.clone(), Some(request.seed.0), parameters);
    for input in inputs {
        provenance.add_input(input)?;
    }
    for analysis in &analyses {
        if let Some(embedding) = &analysis.embedding {
            let folder = request.out.join("embeddings").join(slug(&analysis.agent));
            let written =
                write_embedding(&folder, embedding, None, Some(&material.stimuli), overwrite)?;
            provenance.write_beside(written, overwrite)?;
            for (k, seed) in analysis.seeds.iter().enumerate() {
                let folder = folder.join("seeds").join(format!("seed-{:02}", k + 1));
                write_embedding(&folder, seed, None, Some(&material.stimuli), overwrite)?;
            }
        }
    }
    output::write_json(request.out.join("analysis.json"), overwrite, &analyses)?;
    let report = tell(frame, material, &analyses);
    let page = request.out.join("report.html");
    output::write(&page, overwrite, report.html().as_bytes())?;
    write_assets(&request.out.join("figures"), &report, overwrite)?;
    Ok(DemoSummary {
        study: request.out.clone(),
        report: page,
        seconds: start.elapsed().as_secs_f64(),
        analyses,
    })
}

fn write_assets(
    folder: &Path,
    report: &emotome_figures::Report,
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    output::folder(folder, Overwrite::Replace)?;
    for asset in report.assets() {
        output::write(
            folder.join(&asset.name),
            overwrite,
            asset.content.as_bytes(),
        )?;
    }
    Ok(())
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
