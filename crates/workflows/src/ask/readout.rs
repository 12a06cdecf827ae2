//! Reading a model out, stimulus by stimulus; choices follow from it.

use super::prepare::{captions, template_of, unclear};
use super::{AskError, AskRequest, here};
use crate::WorkflowError;
use crate::collect::{AgentSpec, CollectRequest, CollectSummary, collect};
use emotome_judges::local::LocalReadout;
use emotome_judges::readout::{Readout, ReadoutWord};
use emotome_language::score::ScorerParams;
use emotome_stats::random::Seed;
use emotome_stimuli::output::Overwrite;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Study;
use std::fs;
use std::path::{Path, PathBuf};

/// The list that comes with the program: 94 words for 34 emotion categories.
const WORDS: &str = include_str!("../../../../demo/record/words.tsv");

/// The templates that captions are read out under, where none is named.
const TEMPLATES: [&str; 5] = [
    "readout-one-word",
    "readout-i-feel",
    "readout-main-emotion",
    "readout-sense-of",
    "readout-mood-tag",
];

/// Reads a model in this process out, or takes up the readout that an earlier run kept, and collects the
/// choices that follow from it. The readout lies beside the journal, as `NAME.readout.npy` with `NAME` the
/// journal's.
///
/// # Errors
/// As [`super::ask`], and [`AskError::Unclear`] if the readout that is there was made in another way.
pub fn ask_by_readout(
    request: &AskRequest,
    run: Run<'_>,
) -> Result<(PathBuf, CollectSummary), WorkflowError> {
    let judge = &request.judge;
    let path = request.journal.with_extension("readout.npy");
    let study = Study::open(&request.study)?;
    let (deck, _) = captions(judge, &study)?;
    let asked = judge.readout.clone().unwrap_or_default();
    if !judge.runs_here() {
        return Err(unclear(
            judge,
            "is to be read out by a server",
            "give the model as a .gguf file, which is read out in this process",
        )
        .into());
    }
    let names = if asked.templates.is_empty() {
        TEMPLATES.map(str::to_owned).to_vec()
    } else {
        asked.templates
    };
    let templates = names.iter().map(|name| template_of(name, &request.study));
    let templates = templates.collect::<Result<Vec<_>, _>>()?;
    let model = here::open(judge)?;
    let words = words(asked.words.as_deref())?;
    let readout =
        LocalReadout::new(&model, templates, deck, words.clone()).map_err(AskError::from)?;
    if path.exists() {
        let there = Readout::read(&path)?;
        let made = readout.provenance();
        let same = made
            .iter()
            .all(|(name, value)| there.provenance.get(name) == Some(value));
        if !same || there.words != words || there.stimuli != study.stimuli {
            let what = format!("was read out in another way before: {}", path.display());
            return Err(
                unclear(judge, &what, "name another journal, or delete that readout").into(),
            );
        }
    } else {
        let readout = readout.read(&study.stimuli, ScorerParams::default(), run);
        readout
            .map_err(AskError::from)?
            .write(&path, Overwrite::Refuse)?;
    }
    let collected = collect(
        &CollectRequest {
            agent: AgentSpec::Readout(path.clone()),
            name: judge.name().to_owned(),
            journal: request.journal.clone(),
            design: request.design.clone(),
            diagnose: true,
            seed: Seed(judge.seed),
        },
        run,
    )?;
    Ok((path, collected))
}

/// The words of a table with a column `word`, and a column `category` if it has one.
fn words(path: Option<&Path>) -> Result<Vec<ReadoutWord>, AskError> {
    let wrong = |line: usize, what: String| AskError::JudgeFile {
        path: path.unwrap_or(Path::new("words.tsv")).to_owned(),
        line,
        what,
    };
    let text = match path {
        None => WORDS.to_owned(),
        Some(path) => fs::read_to_string(path).map_err(|error| wrong(0, error.to_string()))?,
    };
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines
        .next()
        .map(|(_, line)| line.split('\t').collect())
        .unwrap_or_default();
    let column = |name: &str| {
        header
            .iter()
            .position(|cell| cell.trim().eq_ignore_ascii_case(name))
    };
    let word = column("word").ok_or_else(|| {
        wrong(
            1,
            format!("the columns are {header:?}; expected one called word"),
        )
    })?;
    let category = column("category");
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
            let cell = |column: usize| cells.get(column).filter(|cell| !cell.is_empty());
            let word =
                cell(word).ok_or_else(|| wrong(number + 1, "there is no word".to_owned()))?;
            Ok(ReadoutWord {
                word: (*word).to_owned(),
                category: category.and_then(cell).map(|cell| (*cell).to_owned()),
            })
        })
        .collect()
}
