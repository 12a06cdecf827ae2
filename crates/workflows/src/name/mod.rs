//! Names for the dimensions of an embedding, suggested by a model that sees stimuli and nothing else.
//!
//! A name is a suggestion: `names.json` holds it beside every reply it rests on, how far repeats agree, what chance
//! gives, and whether it tells held-out stimuli apart. The questions are those of [`emotome_judges::naming`].

mod error;
mod judge;
mod material;
mod plan;
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
use crate::ask::part::{Part, PartError};
use crate::ask::prepare::unclear;
use crate::ask::{Bounds, JudgeFile, asking};
use emotome_embedding::Embedding;
use emotome_judges::local::LocalModel;
use emotome_judges::naming::agreement::{agreements, medoid};
use emotome_judges::naming::discrimination::{Discrimination, PairAnswer};
use emotome_judges::naming::{
    Ask, Draw, Found, Heard, Interview, InterviewError, NamingParams, NamingTemplate, Next,
    Question, Suggestion, Talk, Unnamed,
};
use emotome_judges::printable::one_line;
use emotome_judges::prompt::MediaError;
use emotome_judges::server::Stop;
use emotome_stats::random::Seed;
use emotome_stats::summary::mean;
use emotome_stimuli::StimulusId;
use emotome_stimuli::output::{self, OutputError, Overwrite};
use emotome_stimuli::run::Run;
use emotome_triplets::Cause;
use judge::{AnyNamer, Sight};
use material::Material;
use serde::{Serialize, Serializer};
use serde_json::json;
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

/// The replies of the model that names, and of another one that tests names, in the folder of the results.
const REPLIES: [&str; 2] = ["replies.jsonl", "test_replies.jsonl"];

/// Everything that is known before a model is asked.
struct Prepared<'r> {
    request: &'r NameRequest,
    material: Material,
    params: NamingParams,
    templates: [NamingTemplate; 2],
    /// The dimensions asked for, from 0.
    dims: Vec<usize>,
    draws: Vec<Result<Draw, Unnamed>>,
    /// Sensitive stimuli among the heaviest of each dimension.
    hidden: Vec<usize>,
    shown: ShownStimuli,
    sights: Vec<Sight<'r>>,
    models: Vec<Option<LocalModel>>,
}

impl<'r> Prepared<'r> {
    fn of(request: &'r NameRequest) -> Result<Self, WorkflowError> {
        let params = request.params.check().map_err(NameError::from)?;
        let template = |path: &Option<PathBuf>, question| match path {
            Some(path) => NamingTemplate::read(path, question),
            None => NamingTemplate::preset(question),
        };
        let templates = [
            template(&request.template, Question::Name).map_err(NameError::from)?,
            template(&request.test_template, Question::Fit).map_err(NameError::from)?,
        ];
        let judges = || {
            [Some(&request.judge), request.test_judge.as_ref()]
                .into_iter()
                .flatten()
        };
        if request.bounds.max_cost.is_some() && judges().all(JudgeFile::runs_here) {
            let what = "runs in this process and costs nothing";
            return Err(unclear(&request.judge, what, "leave --max-cost away").into());
        }
        let material = Material::of(request)?;
        let embedding = &material.file.embedding;
        let dims = dimensions(request, embedding)?;
        let (mut sights, mut models) = (Vec::new(), Vec::new());
        for judge in judges() {
            let (sight, model) = Sight::of(request, judge, (&material.study, &material.root))?;
            sights.push(sight);
            models.push(model);
        }
        let n = embedding.n_stimuli();
        let mut nothing = vec![false; n];
        sights
            .iter()
            .flat_map(|sight| &sight.unshown)
            .for_each(|id| nothing[id.index()] = true);
        let flagged =
            |row: usize| !request.sensitive && !material.study.records[row].sensitive.is_empty();
        let usable: Vec<StimulusId> = (0..n)
            .filter(|&row| !nothing[row] && !flagged(row))
            .map(|row| StimulusId(row as u32))
            .collect();
        let shown = ShownStimuli {
            joined: material.joined,
            shown: usable.len(),
            unknown: material.unknown,
            nothing_to_show: nothing.iter().filter(|nothing| **nothing).count(),
            sensitive: (0..n).filter(|&row| !nothing[row] && flagged(row)).count(),
            sensitive_shown: request.sensitive,
        };
        let of_dim = |dim: usize, ids: &[StimulusId]| -> Vec<(StimulusId, f32)> {
            ids.iter()
                .map(|id| (*id, embedding.values()[[id.index(), dim]]))
                .collect()
        };
        let draws = dims
            .iter()
            .map(|&dim| Draw::new(dim, &of_dim(dim, &usable), &params))
            .collect();
        let all: Vec<StimulusId> = (0..n)
            .filter(|&row| !nothing[row])
            .map(|row| StimulusId(row as u32))
            .collect();
        let hidden = dims
            .iter()
            .map(|&dim| {
                let mut heaviest = of_dim(dim, &all);
                heaviest.sort_by(|a, b| b.1.total_cmp(&a.1));
                let candidates = heaviest.iter().take(params.pool + params.test_pairs);
                candidates.filter(|(id, _)| flagged(id.index())).count()
            })
            .collect();
        Ok(Self {
            params,
            templates,
            dims,
            draws,
            hidden,
            shown,
            sights,
            models,
            material,
            request,
        })
    }

    /// Which of the models says what stimuli a name fits.
    fn tester(&self) -> usize {
        self.sights.len() - 1
    }

    fn name_questions(&self) -> Vec<Ask> {
        let asked = self
            .dims
            .iter()
            .zip(&self.draws)
            .filter(|(_, draw)| draw.is_ok());
        asked
            .flat_map(|(&dim, _)| {
                (0..self.params.repeats).map(move |repeat| Ask::Name { dim, repeat })
            })
            .collect()
    }

    fn draw(&self, dim: usize) -> Option<&Draw> {
        let at = self.dims.binary_search(&dim).ok()?;
        self.draws[at].as_ref().ok()
    }

    /// What is said first about a question; `names` has a name for each dimension that is tested.
    fn talk(&self, ask: Ask, names: &HashMap<usize, Suggestion>) -> Result<Talk<'_>, MediaError> {
        let none = |what: &str| MediaError {
            stimulus: StimulusId(0),
            what: what.to_owned(),
        };
        let draw = self
            .draw(ask.dim())
            .ok_or_else(|| none("its dimension is not named"))?;
        match ask {
            Ask::Name { repeat, .. } => {
                let sight = &self.sights[0];
                Talk::name(
                    &self.templates[0],
                    sight.json,
                    &sight.shown,
                    &draw.examples(repeat, &self.params),
                )
            }
            Ask::Fit { dim, pair, swapped } => {
                let sight = &self.sights[self.tester()];
                let mut pair = *draw
                    .pairs()
                    .get(pair)
                    .ok_or_else(|| none("there is no such pair"))?;
                if swapped {
                    pair.reverse();
                }
                let name = names
                    .get(&dim)
                    .ok_or_else(|| none("its dimension has no name"))?;
                Talk::fit(
                    &self.templates[1],
                    sight.json,
                    &sight.shown,
                    &name.name,
                    pair,
                )
            }
        }
    }

    fn key(&self, id: StimulusId) -> String {
        self.material.study.stimuli.keys()[id.index()].to_string()
    }

    /// Tells what a user should know before anything is sent.
    fn tell(&self, run: Run<'_>) {
        let shown = &self.shown;
        let n = self.material.file.embedding.n_stimuli();
        if shown.nothing_to_show > 0 || shown.sensitive > 0 {
            run.progress.note(&format!(
                "{} of {n} stimuli can be examples; {} have nothing to show, {} are flagged as sensitive and left out",
                shown.shown, shown.nothing_to_show, shown.sensitive
            ));
        }
        if self.request.study.is_none() {
            run.progress.note("without --study nothing says which stimuli are sensitive: any may be shown to the model");
        }
        if shown.joined == JoinedBy::PublishedList {
            run.progress.note("captions name labels and the embedding files; the published list of the videos joins them");
        }
        for (dim, draw) in self.dims.iter().zip(&self.draws) {
            if let Err(why) = draw {
                run.progress
                    .note(&format!("dimension {} is not named: {why}", dim + 1));
            }
        }
        let emotions = self.sights[0]
            .emotions
            .as_ref()
            .filter(|found| !found.named.is_empty());
        if let Some(found) = emotions {
            run.progress.note(&format!(
                "{} of {} captions name an emotion, so names may rest on what the caption's writer felt",
                found.named.len(),
                found.captions
            ));
        }
    }
}

fn dimensions(request: &NameRequest, embedding: &Embedding) -> Result<Vec<usize>, NameError> {
    let d = embedding.n_dims();
    if let Some(&found) = request.dims.iter().find(|dim| !(1..=d).contains(*dim)) {
        return Err(NameError::NoSuchDimension {
            embedding: request.embedding.clone(),
            found,
            dims: d,
        });
    }
    let mut dims: Vec<usize> = match request.dims.as_slice() {
        [] => (0..d).collect(),
        some => some.iter().map(|dim| dim - 1).collect(),
    };
    dims.sort_unstable();
    dims.dedup();
    Ok(dims)
}

/// One model under interview, with the file of its replies.
struct Questioned<'m> {
    interview: Interview,
    namer: AnyNamer<'m>,
    part: Part,
    path: PathBuf,
    kept: usize,
    asked: usize,
}

impl<'m> Questioned<'m> {
    /// Opens the file of replies; whether it held some is told by `kept`.
    fn open(prepared: &'m Prepared<'_>, which: usize) -> Result<Self, WorkflowError> {
        let (request, sight) = (prepared.request, &prepared.sights[which]);
        let namer = sight.namer(request, prepared.models[which].as_ref())?;
        let path = request.out.join(REPLIES[which]);
        let made = json!({
            "judge": sight.judge.model,
            "settings": asking::settings(&sight.description),
            "seed": request.params.seed,
        });
        let (part, rows) =
            Part::open::<Heard>(&path, &made.to_string()).map_err(|error| match error {
                PartError::Output(error) => WorkflowError::from(error),
                PartError::Busy => NameError::Busy { path: path.clone() }.into(),
                PartError::Other => NameError::OtherReplies { path: path.clone() }.into(),
            })?;
        Ok(Self {
            kept: rows.len(),
            interview: Interview::new(prepared.params.reasks, Seed(prepared.params.seed), rows),
            namer,
            part,
            path,
            asked: 0,
        })
    }

    fn ask(
        &mut self,
        prepared: &Prepared<'_>,
        asks: &[Ask],
        names: &HashMap<usize, Suggestion>,
        run: Run<'_>,
    ) -> Result<Option<Stop>, WorkflowError> {
        let Self {
            interview,
            namer,
            part,
            asked,
            ..
        } = self;
        let mut keep = |heard: &Heard| {
            *asked += 1;
            part.append(heard)
        };
        let ended = interview.ask(
            asks,
            &|ask| prepared.talk(ask, names),
            namer,
            &mut keep,
            run,
        );
        let stop = match ended {
            Ok(stop) => stop,
            Err(InterviewError::Namer(error)) => return Err(error.into()),
            Err(InterviewError::Keep(source)) => return Err(self.failed(source).into()),
            Err(other) => return Err(self.failed(std::io::Error::other(other.to_string())).into()),
        };
        self.part.end().map_err(|source| self.failed(source))?;
        Ok(stop)
    }

    fn failed(&self, source: std::io::Error) -> OutputError {
        OutputError::Io {
            path: self.path.clone(),
            source,
        }
    }
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

/// The medoid of the names of each dimension that has one.
fn suggestions(prepared: &Prepared<'_>, interview: &Interview) -> HashMap<usize, Suggestion> {
    let none = HashMap::new();
    let interviews = [interview, interview];
    let found = Results {
        prepared,
        interviews,
        names: &none,
    };
    let of = |&dim: &usize| {
        let mut named: Vec<Suggestion> = (0..prepared.params.repeats)
            .filter_map(|repeat| match found.of(Ask::Name { dim, repeat }) {
                Settled::Found(Found::Name(suggestion)) => Some(suggestion),
                _ => None,
            })
            .collect();
        let names: Vec<String> = named
            .iter()
            .map(|suggestion| suggestion.name.clone())
            .collect();
        Some((dim, named.swap_remove(medoid(&names)?)))
    };
    prepared.dims.iter().filter_map(of).collect()
}

/// Where a question stands in the end.
enum Settled {
    Found(Found),
    Without(Cause),
    Open,
}

/// What all replies come to.
struct Results<'a> {
    prepared: &'a Prepared<'a>,
    /// Of names, and of tests.
    interviews: [&'a Interview; 2],
    names: &'a HashMap<usize, Suggestion>,
}

impl Results<'_> {
    fn of(&self, ask: Ask) -> Settled {
        let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
        let next = self
            .prepared
            .talk(ask, self.names)
            .map(|talk| interview.next(ask, talk));
        match next {
            Ok(Next::Done(Ok(found))) => Settled::Found(found),
            Ok(Next::Done(Err(cause))) => Settled::Without(cause),
            _ => Settled::Open,
        }
    }

    fn replies(&self, ask: Ask) -> Vec<RawReply> {
        let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
        let talk = self.prepared.talk(ask, self.names);
        talk.map_or_else(
            |_| Vec::new(),
            |talk| {
                interview
                    .replies(ask, talk)
                    .into_iter()
                    .map(RawReply::from)
                    .collect()
            },
        )
    }

    /// Why there is no answer: that of the reply, or of the last request that came to nothing.
    fn cause(&self, ask: Ask) -> Option<Cause> {
        match self.of(ask) {
            Settled::Found(_) => None,
            Settled::Without(cause) => Some(cause),
            Settled::Open => {
                let interview = self.interviews[usize::from(ask.question() == Question::Fit)];
                interview.lost(ask).map(|fault| fault.cause)
            }
        }
    }

    fn repeat(&self, dim: usize, repeat: u32, draw: &Draw) -> Repeat {
        let ask = Ask::Name { dim, repeat };
        let suggestion = match self.of(ask) {
            Settled::Found(Found::Name(suggestion)) => Some(suggestion),
            _ => None,
        };
        let examples = draw.examples(repeat, &self.prepared.params);
        let keys = |ids: &[StimulusId]| ids.iter().map(|&id| self.prepared.key(id)).collect();
        Repeat {
            sentence: suggestion
                .as_ref()
                .and_then(|suggestion| suggestion.sentence.clone()),
            name: suggestion.map(|suggestion| suggestion.name),
            cause: self.cause(ask),
            high: keys(&examples.high),
            low: keys(&examples.low),
            replies: self.replies(ask),
        }
    }

    fn pair(&self, dim: usize, pair: usize, [high, low]: [StimulusId; 2]) -> Pair {
        let answer = |swapped: bool| {
            let ask = Ask::Fit { dim, pair, swapped };
            let (right, probability) = match self.of(ask) {
                Settled::Found(Found::Fit(place, first)) => {
                    let high = |first: f64| if swapped { 1.0 - first } else { first };
                    (Some((place == 1) == swapped), first.map(high))
                }
                _ => (None, None),
            };
            FitAnswer {
                right,
                probability,
                cause: self.cause(ask),
                replies: self.replies(ask),
            }
        };
        Pair {
            high: self.prepared.key(high),
            low: self.prepared.key(low),
            high_first: answer(false),
            low_first: answer(true),
        }
    }

    fn suggested(&self) -> SuggestedNames {
        let prepared = self.prepared;
        let mut dimensions: Vec<SuggestedName> = Vec::new();
        for ((&dim, draw), &sensitive) in prepared
            .dims
            .iter()
            .zip(&prepared.draws)
            .zip(&prepared.hidden)
        {
            let suggestion = self.names.get(&dim);
            let (mut repeats, mut pairs) = (Vec::new(), Vec::new());
            if let Ok(draw) = draw {
                repeats.extend(
                    (0..prepared.params.repeats).map(|repeat| self.repeat(dim, repeat, draw)),
                );
                if suggestion.is_some() {
                    let held = draw.pairs().iter().enumerate();
                    pairs.extend(held.map(|(pair, &ids)| self.pair(dim, pair, ids)));
                }
            }
            dimensions.push(SuggestedName {
                dimension: dim + 1,
                name: suggestion.map(|suggestion| suggestion.name.clone()),
                sentence: suggestion.and_then(|suggestion| suggestion.sentence.clone()),
                not_asked: draw.as_ref().err().map(ToString::to_string),
                pool: draw.as_ref().map_or(0, Draw::pool),
                sensitive,
                agreement: None,
                discrimination: (!pairs.is_empty()).then(|| Discrimination::of(&answers(&pairs))),
                repeats,
                pairs,
            });
        }
        let named = |of: &SuggestedName| {
            of.repeats
                .iter()
                .filter_map(|repeat| repeat.name.clone())
                .collect()
        };
        let names: Vec<Vec<String>> = dimensions.iter().map(named).collect();
        for (of, agreement) in dimensions.iter_mut().zip(agreements(&names)) {
            of.agreement = agreement;
        }
        let embedding = &prepared.material.file.embedding;
        let model = |which: usize, question: usize, interview: &Interview| {
            let model = prepared.models[which].as_ref();
            prepared.sights[which].record(model, &prepared.templates[question], interview.spent())
        };
        SuggestedNames {
            format: suggested::FORMAT,
            embedding: NamedEmbedding {
                path: prepared.request.embedding.clone(),
                stimuli: embedding.n_stimuli(),
                dims: embedding.n_dims(),
                weights_sha256: checksum(embedding),
            },
            stimuli: prepared.shown.clone(),
            judge: model(0, 0, self.interviews[0]),
            test_judge: model(prepared.tester(), 1, self.interviews[1]),
            params: prepared.params,
            overall: overall(&dimensions),
            dimensions,
        }
    }
}

fn answers(pairs: &[Pair]) -> Vec<PairAnswer> {
    let answer = |pair: &Pair| PairAnswer {
        high_first: pair.high_first.right,
        low_first: pair.low_first.right,
        probability: pair
            .high_first
            .probability
            .zip(pair.low_first.probability)
            .map(|(a, b)| f64::midpoint(a, b)),
    };
    pairs.iter().map(answer).collect()
}

fn overall(dimensions: &[SuggestedName]) -> Overall {
    let over = |of: &dyn Fn(&SuggestedName) -> Option<f64>| {
        let values: Vec<f64> = dimensions.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| mean(&values))
    };
    Overall {
        dimensions: dimensions.len(),
        named: dimensions.iter().filter(|of| of.name.is_some()).count(),
        similarity: over(&|of| Some(of.agreement.as_ref()?.similarity)),
        chance: over(&|of| of.agreement.as_ref()?.chance),
        accuracy: over(&|of| of.discrimination.as_ref()?.accuracy),
        above_chance: dimensions
            .iter()
            .filter(|of| {
                of.discrimination
                    .as_ref()
                    .is_some_and(|found| found.above_chance)
            })
            .count(),
    }
}
