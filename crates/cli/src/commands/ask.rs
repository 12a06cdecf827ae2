//! `emotome collect --judge FILE|URL|MODEL.gguf`: asking a model.

use crate::failure::Failure;
use crate::live::Live;
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_judges::answer::Mode;
use emotome_judges::chat::Dialect;
use emotome_judges::prompt::presets;
use emotome_judges::server::{Prices, Stop};
use emotome_workflows::ask::{
    Again, AskRequest, AskSummary, Bounds, CaptionRule, JudgeFile, Price, Server, WhichCaption,
    ask, ask_by_readout, first_request,
};
use emotome_workflows::design::DesignSpec;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The heading of flags for judges that are models.
const MODELS: &str = "Judges that are models (FILE.toml, URL or MODEL.gguf)";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// Describe, then choose, in free words.
    Free,
    /// One of three labels, which the server makes sure of.
    Choice,
    /// The probabilities of the labels as the next token.
    Logprob,
    /// The probabilities of emotion words after each stimulus, from which choices follow.
    Readout,
}

/// How a model is reached, at what price and within what bounds; these stand above what the judge's file says.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = MODELS)]
pub(crate) struct ServingFlags {
    /// The model, as its server calls it.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Kind of server: vllm, vllm-guided (before 0.12), llama-cpp, ollama, openai or hosted.
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Option<Dialect>,
    /// Environment variable that holds the key of the server.
    #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
    key_env: Option<String>,
    /// File that holds the key of the server, readable by you alone.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Price of a million prompt tokens; without prices the cost is unknown.
    #[arg(long, value_name = "X", requires = "price_out")]
    price_in: Option<f64>,
    /// Price of a million tokens of answers.
    #[arg(long, value_name = "X", requires = "price_in")]
    price_out: Option<f64>,
    /// Host to which pictures and clips may be sent; may be repeated.
    #[arg(long, value_name = "HOST")]
    allow_upload: Vec<String>,
    /// Stop before the agent has cost more than this, earlier runs included.
    #[arg(long, value_name = "X")]
    max_cost: Option<f64>,
    /// Time limit of a request, in seconds. [default: 300]
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<f64>,
    /// Tries of a request that may succeed later. [default: 6]
    #[arg(long, value_name = "N")]
    tries: Option<u32>,
    /// How long to wait for a server that is gone, in seconds. [default: 300]
    #[arg(long, value_name = "SECONDS")]
    patience: Option<f64>,
}

/// Flags for judges that are models; they stand above what the judge's file says.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = MODELS)]
pub(crate) struct ModelFlags {
    /// Study folder whose stimuli are shown.
    #[arg(long, value_name = "DIR")]
    pub(crate) study: Option<PathBuf>,
    #[command(flatten)]
    serving: ServingFlags,
    /// How it answers: different experiments.
    #[arg(long, value_enum)]
    answer: Option<ModeName>,
    /// Prompt: prompts/NAME.toml of the study, or a preset (see --list-templates).
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Caption to show: a number from 1, all, or drawn.
    #[arg(long, value_name = "WHICH", value_parser = parse_caption)]
    captions: Option<WhichCaption>,
    /// Readout: table with a column `word`. [default: 94 words for 34 emotion categories]
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Stop after so many trials.
    #[arg(long, value_name = "N")]
    max_trials: Option<u64>,
    /// Ask again for trials that failed for good.
    #[arg(long)]
    retry_failed: bool,
    /// Ask again for trials that were refused.
    #[arg(long)]
    retry_refused: bool,
    /// Ask again for trials without one clear answer.
    #[arg(long)]
    retry_invalid: bool,
    /// Print the names of the preset templates and stop; with --template its text.
    #[arg(long)]
    list_templates: bool,
}

impl ServingFlags {
    /// Flags that were given, for judges to which they mean nothing.
    fn given(&self) -> [(&'static str, bool); 9] {
        [
            ("--model", self.model.is_some()),
            ("--kind", self.kind.is_some()),
            (
                "--key-env, --key-file",
                self.key_env.is_some() || self.key_file.is_some(),
            ),
            ("--price-in, --price-out", self.price_in.is_some()),
            ("--allow-upload", !self.allow_upload.is_empty()),
            ("--max-cost", self.max_cost.is_some()),
            ("--time-limit", self.time_limit.is_some()),
            ("--tries", self.tries.is_some()),
            ("--patience", self.patience.is_some()),
        ]
    }

    /// Prices of a million tokens: of prompts and of answers.
    fn price(&self) -> Option<[f64; 2]> {
        self.price_in
            .zip(self.price_out)
            .map(|(prompt, completion)| [prompt, completion])
    }

    /// The judge: its file, if it is one, and the flags above it.
    pub(super) fn judge(&self, judge: &str) -> Result<JudgeFile, Failure> {
        let mut file = judge_of(judge)?;
        if let Some(model) = &self.model {
            file.model.clone_from(model);
        }
        file.kind = self.kind.or(file.kind);
        for server in &mut file.servers {
            if self.key_env.is_some() || self.key_file.is_some() {
                server.key_env.clone_from(&self.key_env);
                server.key_file.clone_from(&self.key_file);
            }
        }
        if let Some([prompt, completion]) = self.price() {
            let currency = file
                .price
                .map_or_else(|| "USD".to_owned(), |price| price.currency);
            file.price = Some(Price {
                currency,
                of: Prices {
                    prompt,
                    cached: None,
                    completion,
                },
                batch: None,
            });
        }
        file.allow_upload.extend(self.allow_upload.iter().cloned());
        Ok(file)
    }

    /// When a run stops, and how long it waits.
    pub(super) fn bounds(&self, max_trials: Option<u64>) -> Result<Bounds, Failure> {
        let seconds =
            |flag: &str, seconds: Option<f64>| match seconds.map(Duration::try_from_secs_f64) {
                None => Ok(None),
                Some(Ok(time)) => Ok(Some(time)),
                Some(Err(error)) => Err(Failure::Error(format!("{flag}: {error}"))),
            };
        Ok(Bounds {
            max_cost: self.max_cost,
            max_trials,
            time_limit: seconds("--time-limit", self.time_limit)?,
            tries: self.tries,
            patience: seconds("--patience", self.patience)?,
        })
    }
}

fn parse_kind(name: &str) -> Result<Dialect, String> {
    let known = Dialect::ALL
        .into_iter()
        .find(|kind| kind.to_string() == name);
    known.ok_or_else(|| {
        format!(
            "expected one of {}",
            Dialect::ALL.map(|kind| kind.to_string()).join(", ")
        )
    })
}

pub(super) fn parse_caption(text: &str) -> Result<WhichCaption, String> {
    match text {
        "all" => Ok(WhichCaption::Named(CaptionRule::All)),
        "drawn" => Ok(WhichCaption::Named(CaptionRule::Drawn)),
        number => match number.parse() {
            Ok(number) if number > 0 => Ok(WhichCaption::Number(number)),
            _ => Err("expected a number from 1, all, or drawn".to_owned()),
        },
    }
}

/// A judge by its file, the address of its server, or its GGUF file.
pub(super) fn judge_of(judge: &str) -> Result<JudgeFile, Failure> {
    let path = Path::new(judge);
    if judge.contains("://") {
        return Ok(JudgeFile {
            servers: vec![Server::new(judge)],
            ..JudgeFile::default()
        });
    }
    if path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
    {
        return Ok(JudgeFile {
            model: judge.to_owned(),
            name: path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned()),
            ..JudgeFile::default()
        });
    }
    JudgeFile::read(path).map_err(|error| Failure::Error(error.to_string()))
}

/// What a model is asked for, beside its flags.
pub(crate) struct Asked {
    pub(crate) judge: String,
    pub(crate) agent: Option<String>,
    pub(crate) journal: PathBuf,
    pub(crate) design: DesignSpec,
    pub(crate) dry_run: bool,
}

impl ModelFlags {
    /// Flags that were given, for judges to which they mean nothing.
    pub(crate) fn given(&self) -> Vec<(&'static str, bool)> {
        let own = [
            ("--study", self.study.is_some()),
            ("--answer", self.answer.is_some()),
            ("--template", self.template.is_some()),
            ("--captions", self.captions.is_some()),
            ("--words", self.words.is_some()),
            ("--max-trials", self.max_trials.is_some()),
            (
                "--retry-failed, --retry-refused, --retry-invalid",
                self.retry_failed || self.retry_refused || self.retry_invalid,
            ),
        ];
        own.into_iter().chain(self.serving.given()).collect()
    }

    /// Prices of a million tokens: of prompts and of answers.
    pub(crate) fn price(&self) -> Option<[f64; 2]> {
        self.serving.price()
    }

    /// Prints presets, if that is what was asked for.
    pub(crate) fn list(&self, session: &Session) -> Option<Result<(), Failure>> {
        self.list_templates.then(|| match &self.template {
            None => session.print(&presets::names().join("\n")),
            Some(name) => match presets::text(name) {
                Some(text) => session.print(&text),
                None => Err(Failure::Error(format!(
                    "there is no preset {name:?}; expected one of {}",
                    presets::names().join(", ")
                ))),
            },
        })
    }

    /// The judge: its file, if it is one, and the flags above it.
    pub(crate) fn judge(&self, judge: &str, agent: Option<&str>) -> Result<JudgeFile, Failure> {
        let mut file = self.serving.judge(judge)?;
        file.name = agent.map(str::to_owned).or(file.name);
        if let Some(answer) = self.answer {
            (file.answer, file.readout) = match answer {
                ModeName::Free => (Some(Mode::FREE), None),
                ModeName::Choice => (Some(Mode::CHOICE), None),
                ModeName::Logprob => (Some(Mode::LOGPROB), None),
                ModeName::Readout => (None, Some(file.readout.unwrap_or_default())),
            };
        }
        if let Some(words) = &self.words {
            file.readout.get_or_insert_default().words = Some(words.clone());
        }
        if self.template.is_some() {
            file.template.clone_from(&self.template);
            if let Some(readout) = &mut file.readout {
                readout.templates.clear();
            }
        }
        if self.captions.is_some() {
            file.show.captions.clone_from(&self.captions);
        }
        Ok(file)
    }

    /// What a judge is asked for.
    pub(crate) fn request(
        &self,
        judge: JudgeFile,
        journal: PathBuf,
        design: DesignSpec,
    ) -> Result<AskRequest, Failure> {
        let study = self.study.clone().ok_or_else(|| {
            Failure::Error("a model is shown the stimuli of a study; add --study DIR".to_owned())
        })?;
        Ok(AskRequest {
            judge,
            study,
            journal,
            design,
            again: Again {
                failed: self.retry_failed,
                refused: self.retry_refused,
                invalid: self.retry_invalid,
            },
            bounds: self.serving.bounds(self.max_trials)?,
        })
    }

    pub(crate) fn run(&self, asked: Asked, session: &Session) -> Result<(), Failure> {
        let judge = self.judge(&asked.judge, asked.agent.as_deref())?;
        let request = self.request(judge, asked.journal, asked.design)?;
        if asked.dry_run {
            return session.show(&first_request(&request)?, |first| {
                format!("POST {}\n{:#}", first.path, first.body)
            });
        }
        if request.judge.readout.is_some() {
            let (readout, collected) = ask_by_readout(&request, session.run())?;
            return super::collect::show(session, &collected, Some(&readout));
        }
        let live = Live::new(session);
        let summary = ask(&request, live.run(), |snapshot| live.show(snapshot))?;
        live.end();
        session.show(&summary, text)?;
        match summary.run.stopped {
            None => Ok(()),
            Some(stop @ Stop::Interrupted) => Err(Failure::Interrupted(stop.to_string())),
            Some(stop) if stop.is_failure() => Err(Failure::Error(stop.to_string())),
            Some(stop) => {
                eprintln!("emotome: {stop}");
                Ok(())
            }
        }
    }
}

fn text(s: &AskSummary) -> String {
    let counts = &s.run.counts;
    let mut out = vec![
        ("journal", s.journal.display().to_string()),
        (
            "agent",
            format!("{}, {} stimuli", s.agent, count(s.n_items as u64)),
        ),
        (
            "now",
            format!(
                "{} trials in {:.0} s, {:.1}/s: {} choices, {} invalid, {} ambiguous, {} refused, {} timed out, {} failed",
                count(counts.trials()),
                s.run.seconds,
                s.run.rate,
                count(counts.choices()),
                count(counts.invalid),
                count(counts.ambiguous),
                count(counts.refused),
                count(counts.timed_out),
                count(counts.failed)
            ),
        ),
    ];
    if let Some([a, b, c]) = counts.shares() {
        out.push((
            "by place",
            format!(
                "{:.1} %, {:.1} %, {:.1} % (a third each without a preference)",
                100.0 * a,
                100.0 * b,
                100.0 * c
            ),
        ));
    }
    for (cause, n) in &counts.causes {
        out.push(("", format!("{}: {}", cause.name(), count(*n))));
    }
    out.push((
        "requests",
        format!(
            "{}, {} of them further tries",
            count(s.run.requests),
            count(s.run.retries)
        ),
    ));
    out.push(("spent", spent(&counts.spent, s.currency.as_deref())));
    if counts.open > 0 {
        out.push((
            "open",
            format!(
                "{} trials are asked again by the same command",
                count(counts.open)
            ),
        ));
    }
    out.push((
        "in all",
        format!(
            "{} of {} trials settled",
            count(s.standing.settled),
            count(s.trials)
        ),
    ));
    rows(out)
}

/// Tokens and money; unknown is said.
pub(super) fn spent(spent: &emotome_triplets::journal::Spent, currency: Option<&str>) -> String {
    let tokens = format!(
        "{} tokens in, {} out",
        count(spent.prompt_tokens),
        count(spent.completion_tokens)
    );
    let money = match (spent.unpriced, currency) {
        (0, currency) => format!("{} {}", spent.cost, currency.unwrap_or_default()),
        (n, _) if spent.cost.0 == 0 => {
            format!("cost unknown ({} answers without a price)", count(n))
        }
        (n, currency) => format!(
            "at least {} {}, and {} answers without a price",
            spent.cost,
            currency.unwrap_or_default(),
            count(n)
        ),
    };
    format!("{tokens}; {money}")
}
