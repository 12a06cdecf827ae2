//! Names for the dimensions of an embedding, suggested by a model that sees stimuli and nothing else.
//!
//! A name is a suggestion: `names.json` holds it beside every reply it rests on, how far repeats agree, what chance
//! gives, and whether it tells held-out stimuli apart. The questions are those of [`emotome_judges::naming`].

mod error;
mod judge;
mod material;
mod plan;
mod prepared;
mod questioned;
mod results;
mod suggested;
mod write;

pub use error::NameError;
pub use material::JoinedBy;
pub use plan::{NamePlan, plan_names};
pub use suggested::{
    FitAnswer, NamedEmbedding, NamingModel, Overall, Pair, RawReply, Repeat, ShownStimuli,
    SuggestedName, SuggestedNames, checksum, read_names,
};

use crate::WorkflowError;
use crate::ask::{Bounds, JudgeFile};
use emotome_judges::naming::{Ask, NamingParams, Question};
use emotome_judges::printable::one_line;
use emotome_judges::server::Stop;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Run;
use emotome_triplets::Cause;
use prepared::Prepared;
use questioned::{Questioned, REPLIES};
use results::{Results, Settled, suggestions};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

/// What to name, and by whom.
#[derive(Debug, Clone)]
pub struct NameRequest {
    /// The embedding.
    pub embedding: PathBuf,
    /// Captions of its stimuli.
    pub captions: Option<PathBuf>,
    /// The study whose captions, media and flags are used; captions of a file stand above its own.
    pub study: Option<PathBuf>,
    /// Who names.
    pub judge: JudgeFile,
    /// Who says which stimuli a name fits, if somebody else.
    pub test_judge: Option<JudgeFile>,
    /// The dimensions, counted from 1; all if there are none.
    pub dims: Vec<usize>,
    /// How.
    pub params: NamingParams,
    /// A template for the question for a name, instead of the preset.
    pub template: Option<PathBuf>,
    /// A template for the question which of two stimuli a name fits, instead of the preset.
    pub test_template: Option<PathBuf>,
    /// Whether servers are asked for lines, because they cannot make sure of JSON.
    pub lines: bool,
    /// Most tokens of a reply of a server: more for a model that thinks first.
    pub max_tokens: Option<u32>,
    /// Whether stimuli that the study flags as sensitive are shown too.
    pub sensitive: bool,
    /// When to stop; the bound on the cost holds for each of the two models.
    pub bounds: Bounds,
    /// The folder.
    pub out: PathBuf,
    /// Whether names of another run that lie there may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What became of it. Field names are stable.
#[derive(Debug, Serialize)]
pub struct NameSummary {
    /// The folder.
    pub out: PathBuf,
    /// The file of names; none if the run stopped before the end.
    pub names: Option<PathBuf>,
    /// Replies that were there from an earlier run.
    pub kept: usize,
    /// Replies of this run.
    pub asked: usize,
    /// Questions without a reply, which the same command asks again.
    pub open: usize,
    /// Questions that were answered otherwise than asked, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// The last fault, if a question is open.
    pub fault: Option<String>,
    /// Why the run stopped before the end, if it did.
    #[serde(serialize_with = "in_words")]
    pub stopped: Option<Stop>,
    /// What was suggested.
    pub suggested: Option<SuggestedNames>,
}

fn in_words<S: Serializer>(stop: &Option<Stop>, serializer: S) -> Result<S::Ok, S::Error> {
    let words = stop.as_ref().map(|stop| one_line(&stop.to_string()));
    words.serialize(serializer)
}

/// Asks a model for names of dimensions and tests them, and writes `names.json`, `names.tsv` and the provenance.
///
/// Every reply is kept in `replies.jsonl` (of another model that tests, in `test_replies.jsonl`) before it is used:
/// the same request asks only for what is missing. Files of names are written at the end; those of an earlier run are
/// replaced where the replies beside them are of the same making.
///
/// # Errors
/// [`WorkflowError`] before anything is sent; whatever stops the run early is told by `stopped`.
pub fn name(request: &NameRequest, run: Run<'_>) -> Result<NameSummary, WorkflowError> {
    let prepared = Prepared::of(request)?;
    let replies = request.out.join(REPLIES[0]);
    let overwrite = match replies.exists() {
        true => Overwrite::Replace,
        false => request.overwrite,
    };
    let files = write::FILES.iter().map(|name| request.out.join(name));
    crate::write::refuse_existing(overwrite, files)?;
    output::folder(&request.out, Overwrite::Replace)?;
    let mut namer = Questioned::open(&prepared, 0)?;
    let mut tester = match prepared.tester() {
        0 => None,
        which => Some(Questioned::open(&prepared, which)?),
    };
    prepared.tell(run);
    let kept = namer.kept + tester.as_ref().map_or(0, |tester| tester.kept);
    let asks = prepared.name_questions();
    let mut names = HashMap::new();
    run.progress
        .begin("asking for names", Some(asks.len() as u64));
    let mut stopped = namer.ask(&prepared, &asks, &names, run)?;
    run.progress.end();
    let mut fits = Vec::new();
    if stopped.is_none() {
        names = suggestions(&prepared, &namer.interview);
        for &dim in names.keys() {
            let pairs = prepared.draw(dim).map_or(0, |draw| draw.pairs().len());
            fits.extend(
                (0..pairs)
                    .flat_map(|pair| [false, true].map(|swapped| Ask::Fit { dim, pair, swapped })),
            );
        }
        fits.sort_unstable();
        run.progress.begin("testing names", Some(fits.len() as u64));
        let tester = tester.as_mut().unwrap_or(&mut namer);
        stopped = tester.ask(&prepared, &fits, &names, run)?;
        run.progress.end();
    }
    let asked = namer.asked + tester.as_ref().map_or(0, |tester| tester.asked);
    let interviews = [
        &namer.interview,
        tester
            .as_ref()
            .map_or(&namer.interview, |tester| &tester.interview),
    ];
    let found = Results {
        prepared: &prepared,
        interviews,
        names: &names,
    };
    let mut summary = NameSummary {
        out: request.out.clone(),
        names: None,
        kept,
        asked,
        open: 0,
        causes: BTreeMap::new(),
        fault: None,
        stopped,
        suggested: None,
    };
    for &ask in asks.iter().chain(&fits) {
        match found.of(ask) {
            Settled::Found(_) => {}
            Settled::Without(cause) => *summary.causes.entry(cause).or_default() += 1,
            Settled::Open => {
                summary.open += 1;
                let fault = interviews[usize::from(ask.question() == Question::Fit)].lost(ask);
                summary.fault = fault
                    .map(|fault| one_line(&format!("{}: {}", fault.cause, fault.what)))
                    .or(summary.fault);
            }
        }
    }
    if summary.stopped.is_none() {
        let suggested = found.suggested();
        summary.names = Some(write::write(request, &suggested, overwrite)?);
        summary.suggested = Some(suggested);
    }
    Ok(summary)
}
