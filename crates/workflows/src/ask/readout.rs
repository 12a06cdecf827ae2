//! Reading a model out, stimulus by stimulus; choices follow from it.

use super::asking::{kind, server};
use super::file::JudgeFile;
use super::part::{Part, PartError};
use super::prepare::{captions, show, template_of, unclear};
use super::{AskError, AskRequest, here};
use crate::WorkflowError;
use crate::collect::{AgentSpec, CollectRequest, CollectSummary, collect};
use emotome_judges::chat::usage_of;
use emotome_judges::dialogue::Exchange;
use emotome_judges::local::LocalReadout;
use emotome_judges::printable::one_line;
use emotome_judges::prompt::Shown;
use emotome_judges::readout::{
    Readout, ReadoutAskError, ReadoutParams, ReadoutQuestions, ReadoutWord, Row,
};
use emotome_judges::server::{AskError as ServerAskError, Server, Stop, gather};
use emotome_language::score::ScorerParams;
use emotome_stats::random::Seed;
use emotome_stimuli::output::{OutputError, Overwrite};
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Study;
use emotome_triplets::{Cause, Nanos, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

/// Reads a model out, in this process or behind servers, or takes up the readout that an earlier run kept, and
/// collects the choices that follow from it. The readout lies beside the journal, as `NAME.readout.npy` with `NAME`
/// the journal's. What servers have said so far is kept as `NAME.readout.part`, and not asked for again.
///
/// # Errors
/// As [`super::ask`], and [`AskError::Unclear`] if the readout that is there was made in another way, or if a server
/// does not list all words.
pub fn ask_by_readout(
    request: &AskRequest,
    run: Run<'_>,
) -> Result<(PathBuf, CollectSummary), WorkflowError> {
    let judge = &request.judge;
    let path = request.journal.with_extension("readout.npy");
    let study = Study::open(&request.study)?;
    let asked = judge.readout.clone().unwrap_or_default();
    let names = match (&judge.template, asked.templates) {
        (None, named) if named.is_empty() => TEMPLATES.map(str::to_owned).to_vec(),
        (None, named) => named,
        (Some(one), named) if named.is_empty() => vec![one.clone()],
        (Some(_), _) => {
            let what = "names a template, and templates of its readout";
            return Err(unclear(judge, what, "leave one of them away").into());
        }
    };
    let templates = names.iter().map(|name| template_of(name, &request.study));
    let templates = templates.collect::<Result<Vec<_>, _>>()?;
    let words = words(asked.words.as_deref())?;
    if judge.runs_here() {
        let (deck, _) = captions(judge, &study)?;
        let model = here::open(judge)?;
        let readout = LocalReadout::new(&model, templates, deck, words.clone());
        let readout = readout.map_err(AskError::from)?;
        if !is_there(&path, judge, &readout.provenance(), &words, &study)? {
            let read = readout.read(&study.stimuli, ScorerParams::default(), run);
            let read = read.map_err(AskError::from)?;
            read.write(&path, Overwrite::Refuse)?;
        }
    } else {
        let (shown, _, _) = show(judge, &study, &request.study)?;
        let params = ReadoutParams {
            pass: judge.pass.clone(),
            served_as: judge.served_as.clone(),
            ..ReadoutParams::new(&judge.model, kind(judge)?, templates, words.clone())
        };
        let params = ReadoutParams {
            top: asked.top.unwrap_or(params.top),
            ..params
        };
        let media = matches!(shown, Shown::Media(_));
        let questions = params.check(shown).map_err(AskError::from)?;
        if !is_there(&path, judge, &questions.provenance(), &words, &study)? {
            let server = Arc::new(server(judge, &request.bounds, request.design.seed)?);
            if media {
                server.may_receive_media().map_err(AskError::from)?;
            }
            let part = request.journal.with_extension("readout.part");
            let read = read_served(request, &questions, &study, &server, &part, run)?;
            read.write(&path, Overwrite::Refuse)?;
            // What it held is in the readout now.
            let _ = fs::remove_file(&part);
        }
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

/// Whether the readout was made before, in the same way.
fn is_there(
    path: &Path,
    judge: &JudgeFile,
    made: &Map<String, Value>,
    words: &[ReadoutWord],
    study: &Study,
) -> Result<bool, WorkflowError> {
    if !path.exists() {
        return Ok(false);
    }
    let there = Readout::read(path)?;
    let same = made
        .iter()
        .all(|(name, value)| there.provenance.get(name) == Some(value));
    if same && there.words == words && there.stimuli == study.stimuli {
        return Ok(true);
    }
    let what = format!("was read out in another way before: {}", path.display());
    Err(unclear(judge, &what, "name another journal, or delete that readout").into())
}

/// Rows of a readout as they come from servers.
#[derive(Serialize, Deserialize)]
struct PartRow {
    question: usize,
    values: Vec<f32>,
}

/// Asks servers for every question of a readout that the file `part` has no row of.
fn read_served(
    request: &AskRequest,
    questions: &ReadoutQuestions,
    study: &Study,
    server: &Arc<Server>,
    part: &Path,
    run: Run<'_>,
) -> Result<Readout, WorkflowError> {
    let judge = &request.judge;
    let bounds = &request.bounds;
    if bounds.max_cost.is_some() || bounds.max_trials.is_some() {
        return Err(unclear(
            judge,
            "is read out by all stimuli at once, which neither cost nor trials bound",
            "leave --max-cost and --max-trials away; `emotome plan` says what it takes",
        )
        .into());
    }
    let failed = |source| {
        WorkflowError::from(OutputError::Io {
            path: part.to_owned(),
            source,
        })
    };
    let mut fill = questions
        .fill(study.stimuli.clone())
        .map_err(AskError::from)?;
    let (mut part_file, rows) = open_part(part, judge, questions, study)?;
    let mut have = vec![false; questions.len()];
    for row in rows {
        have[row.question] = true;
        fill.enter(row.question, &row_of(row.values));
    }
    let mut unshown = 0;
    let wanted: Vec<usize> = (0..questions.len()).filter(|&k| !have[k]).collect();
    let requests = wanted.iter().filter_map(|&k| match questions.request(k)? {
        Ok(request) => Some((k, request)),
        Err(_) => {
            unshown += 1;
            None
        }
    });
    run.progress
        .begin("reading the model out", Some(wanted.len() as u64));
    let (mut usage, mut answered, mut faults) = (Usage::default(), 0_u64, Faults::default());
    let mut problem = None;
    let stop = gather(server, requests, Nanos(0), run, |question, exchange| {
        run.progress.advance(1);
        if problem.is_some() {
            return false;
        }
        let row = match &exchange.result {
            Ok(reply) => questions.read(reply).map_err(|fault| fault.cause),
            Err(fault) => Err(fault.cause),
        };
        let row = match row {
            Ok(row) => row,
            Err(cause) => return faults.go_on(cause, &exchange),
        };
        faults.in_a_row = 0;
        answered += 1;
        if let Ok(reply) = &exchange.result {
            let used = usage_of(&reply.body);
            usage = if answered == 1 {
                used
            } else {
                usage.plus(used)
            };
        }
        if let Some(word) = questions.missing(&row) {
            problem = Some(Err(AskError::from(unlisted(questions, word))));
            return false;
        }
        fill.enter(question, &row);
        let values = row.values.into_iter().flatten().collect();
        let kept = part_file.append(&PartRow { question, values });
        if let Err(error) = kept {
            problem = Some(Ok(error));
        }
        problem.is_none()
    });
    run.progress.end();
    part_file.end().map_err(failed)?;
    match problem {
        Some(Ok(source)) => return Err(failed(source)),
        Some(Err(error)) => return Err(error.into()),
        None => {}
    }
    let stop = stop.map_err(|error| AskError::from(ServerAskError::Threads(error)))?;
    let cost = judge.price.as_ref().and_then(|price| price.of.of(usage));
    run.progress.note(&format!(
        "{answered} rows read out; {} tokens in, {} out, cost {}",
        told(usage.prompt_tokens),
        told(usage.completion_tokens),
        cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string())
    ));
    if let Some(stop) = stop {
        return Err(match stop {
            Stop::Interrupted => WorkflowError::Stopped,
            stop => unclear(judge, "is not read out to the end", &stop.to_string()).into(),
        });
    }
    if faults.all > 0 || unshown > 0 {
        let what = format!(
            "gave no row for {} of {} questions ({unshown} of them could not be shown; the last fault: {})",
            faults.all + unshown,
            questions.len(),
            if faults.last.is_empty() {
                "none"
            } else {
                &faults.last
            }
        );
        let advice = "the rows that came are kept: mend that and run the same command again";
        return Err(unclear(judge, &what, advice).into());
    }
    Ok(fill.finish().map_err(AskError::from)?)
}

fn told(tokens: Option<u32>) -> String {
    tokens.map_or_else(|| "unknown".to_owned(), |n| n.to_string())
}

/// Questions without a row.
#[derive(Default)]
struct Faults {
    all: usize,
    in_a_row: u32,
    last: String,
}

impl Faults {
    /// Whether to go on after a question without a row: not if there are many in a row.
    fn go_on(&mut self, cause: Cause, exchange: &Exchange) -> bool {
        self.all += 1;
        self.in_a_row += 1;
        let said = match &exchange.result {
            Ok(reply) => {
                String::from_utf8_lossy(&reply.body[..reply.body.len().min(240)]).into_owned()
            }
            Err(fault) => fault.what.clone(),
        };
        self.last = one_line(&format!("{cause}: {said}"));
        self.in_a_row < MOST_FAULTS
    }
}

/// Questions without a row in a row that end a readout.
const MOST_FAULTS: u32 = 16;

fn row_of(values: Vec<f32>) -> Row {
    Row {
        values: values.into_iter().map(Some).collect(),
        bound: f32::NEG_INFINITY,
    }
}

fn unlisted(questions: &ReadoutQuestions, word: &str) -> ReadoutAskError {
    ReadoutAskError::Incomplete {
        missing: 1,
        cells: questions.len() * questions.words().len(),
        word: word.to_owned(),
        top: questions.top(),
    }
}

/// The rows of an earlier run that did not come to its end, and the file to add further ones to.
fn open_part(
    part: &Path,
    judge: &JudgeFile,
    questions: &ReadoutQuestions,
    study: &Study,
) -> Result<(Part, Vec<PartRow>), WorkflowError> {
    let made = serde_json::json!({
        "made": questions.provenance(),
        "words": questions.words(),
        "stimuli": study.stimuli.keys().iter().map(|key| key.as_str()).collect::<Vec<_>>(),
    })
    .to_string();
    let (file, rows) = match Part::open::<PartRow>(part, &made) {
        Ok(opened) => opened,
        Err(PartError::Output(error)) => return Err(error.into()),
        Err(PartError::Busy) => {
            let what = "is being read out by another process";
            return Err(unclear(judge, what, "wait for its end").into());
        }
        Err(PartError::Other) => {
            let what = format!(
                "was begun to be read out in another way: {}",
                part.display()
            );
            return Err(unclear(judge, &what, "name another journal, or delete that file").into());
        }
    };
    let fits = |row: &PartRow| {
        row.question < questions.len()
            && row.values.len() == questions.words().len()
            && row.values.iter().all(|value| value.is_finite())
    };
    Ok((file, rows.into_iter().filter(fits).collect()))
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
