//! `emotome collect`

use super::ask::{Asked, ModelFlags};
use super::journal::outcomes;
use crate::failure::Failure;
use crate::flags::{
    DesignFlags, SeedFlag, SimilarityFlags, calibration, parse_numbers, refuse_idle,
};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_judges::diagnose::Severity;
use emotome_judges::ratings::Panel;
use emotome_judges::simulated::{PlantParams, ResponseParams};
use emotome_judges::{Centring, SimilarityParams};
use emotome_workflows::collect::{
    AgentSpec, CollectRequest, CollectSummary, Fault, Noise, RatingsSpec, Scales, collect, dry_run,
};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum JudgeName {
    /// By ratings on emotion categories or affective dimensions.
    Ratings,
    /// By the rows of any table.
    Features,
    /// By a readout of a model, as an earlier run kept it.
    Readout,
    /// By a planted embedding.
    Simulated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScalesName {
    Categories,
    Dimensions,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PanelName {
    /// New raters for each trial.
    PerTrial,
    /// One panel for all trials of a replicate.
    PerReplicate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FaultName {
    /// The agent sees one dimension only.
    OneDimensional,
    /// The agent answers at random.
    Random,
    /// Replies that cannot be parsed are stored as the answer before.
    Stale,
}

/// Asks a model, or an offline agent, for the trials of a design and keeps every answer in a journal.
///
/// The same command resumes after Ctrl-C or a crash; with more --trials it extends the journal.
#[derive(Debug, Args)]
pub(crate) struct Collect {
    /// Who answers: a judge file, the address of a server or a GGUF file; or ratings, features, readout, simulated.
    #[arg(long, value_name = "JUDGE", required_unless_present = "list_templates")]
    judge: Option<String>,
    /// Journal; made if it is not there, resumed if it is.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["list_templates", "dry_run"])]
    journal: Option<PathBuf>,
    /// Ratings or features, a row per stimulus; or a readout (.npy).
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Name of the agent in the journal. [default: that of the table, or `simulated`]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    #[command(flatten)]
    design: DesignFlags,
    #[command(flatten)]
    similarity: SimilarityFlags,
    /// Ratings: scales to judge by; needed where the table has several kinds.
    #[arg(long, value_enum)]
    scales: Option<ScalesName>,
    /// Ratings: redraw each from so many raters, as noisy as the published ones.
    #[arg(long, value_name = "N", conflicts_with_all = ["match_agreement", "match_accuracy", "match_entropy"])]
    raters: Option<u32>,
    /// Ratings: standard deviation between raters, for mean ratings.
    #[arg(long, value_name = "X", requires = "raters")]
    rater_sd: Option<f64>,
    /// Ratings: how long a redrawn panel stays.
    #[arg(long, value_enum, default_value = "per-trial")]
    panel: PanelName,
    /// Simulated: number of stimuli.
    #[arg(long, value_name = "N")]
    items: Option<usize>,
    /// Simulated: dimensions of the planted embedding. [default: 8]
    #[arg(long, value_name = "D")]
    dims: Option<usize>,
    /// Simulated: share of weights that are not zero. [default: 0.25]
    #[arg(long, value_name = "P")]
    density: Option<f64>,
    /// Simulated: mean of a weight that is not zero. [default: 1.5]
    #[arg(long, value_name = "X")]
    scale: Option<f64>,
    /// Simulated: share of trials answered by guessing. [default: 0]
    #[arg(long, value_name = "P")]
    lapse: Option<f64>,
    /// Simulated: log-odds added to calling the first, second and third stimulus odd. [default: 0,0,0]
    #[arg(long, value_name = "A,B,C", value_parser = parse_numbers::<3>, allow_hyphen_values = true)]
    position_bias: Option<[f64; 3]>,
    /// Simulated: what is wrong with the agent.
    #[arg(long, value_enum)]
    fault: Option<FaultName>,
    /// Simulated: share of replies that cannot be parsed, for --fault stale.
    #[arg(long, value_name = "P", default_value_t = 0.2, requires = "fault")]
    stale_rate: f64,
    /// This part of so many of the trials, e.g. 0/4 to 3/4; every part in a journal of its own.
    #[arg(long, value_name = "I/K", value_parser = parse_shard)]
    shard: Option<(u64, u64)>,
    /// Do not diagnose the answers at the end.
    #[arg(long)]
    no_diagnose: bool,
    #[command(flatten)]
    seed: SeedFlag,
    /// Print what would be collected, or the first request to a model, and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    model: ModelFlags,
}

fn parse_shard(text: &str) -> Result<(u64, u64), String> {
    let parts = text
        .split_once('/')
        .and_then(|(i, k)| Some((i.parse().ok()?, k.parse().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok((index, count)),
        _ => Err("expected I/K with I from 0 to K − 1, e.g. 0/4".to_owned()),
    }
}

/// What kind of judge a name stands for.
enum Kind {
    Offline(JudgeName),
    Model(String),
}

impl Collect {
    fn kind(&self) -> Kind {
        let judge = self.judge.clone().unwrap_or_default();
        match JudgeName::from_str(&judge, false) {
            Ok(offline) => Kind::Offline(offline),
            Err(_) => Kind::Model(judge),
        }
    }

    fn agent(&self, judge: JudgeName) -> Result<AgentSpec, Failure> {
        let table = || {
            self.features
                .clone()
                .ok_or_else(|| Failure::Error("this judge needs --features FILE".to_owned()))
        };
        Ok(match judge {
            JudgeName::Features => AgentSpec::Features {
                table: table()?,
                similarity: SimilarityParams {
                    metric: self.similarity.metric(),
                    centring: self.similarity.centring().unwrap_or(Centring::None),
                    missing: self.similarity.missing(),
                },
                rule: self.similarity.rule(),
            },
            JudgeName::Readout => AgentSpec::Readout(table()?),
            JudgeName::Ratings => AgentSpec::Ratings(RatingsSpec {
                table: table()?,
                scales: self.scales.map(|scales| match scales {
                    ScalesName::Categories => Scales::Categories,
                    ScalesName::Dimensions => Scales::Dimensions,
                    ScalesName::All => Scales::All,
                }),
                metric: self.similarity.metric(),
                centring: self.similarity.centring(),
                missing: self.similarity.missing(),
                rule: self.similarity.rule(),
                noise: self.raters.map(|raters| Noise {
                    raters,
                    rater_sd: self.rater_sd,
                    panel: match self.panel {
                        PanelName::PerTrial => Panel::PerTrial,
                        PanelName::PerReplicate => Panel::PerReplicate,
                    },
                }),
            }),
            JudgeName::Simulated => {
                let items = self
                    .items
                    .ok_or_else(|| Failure::Error("this judge needs --items N".to_owned()))?;
                AgentSpec::Simulated {
                    plant: PlantParams {
                        density: self.density.unwrap_or(0.25),
                        scale: self.scale.unwrap_or(1.5),
                        ..PlantParams::new(items, self.dims.unwrap_or(8))
                    },
                    response: ResponseParams {
                        lapse: self.lapse.unwrap_or(0.0),
                        position_bias: self.position_bias.unwrap_or([0.0; 3]),
                        ..ResponseParams::default()
                    },
                    fault: match self.fault {
                        None => Fault::None,
                        Some(FaultName::OneDimensional) => Fault::OneDimensional,
                        Some(FaultName::Random) => Fault::Random,
                        Some(FaultName::Stale) => Fault::Stale(self.stale_rate),
                    },
                }
            }
        })
    }

    /// Refuses flags of other judges, as far as they differ from what they are by default.
    fn check(&self, kind: &Kind) -> Result<(), Failure> {
        let offline = [
            ("--features", self.features.is_some()),
            ("--scales", self.scales.is_some()),
            ("--raters", self.raters.is_some()),
            ("--items", self.items.is_some()),
            ("--dims", self.dims.is_some()),
            ("--density", self.density.is_some()),
            ("--scale", self.scale.is_some()),
            ("--lapse", self.lapse.is_some()),
            ("--position-bias", self.position_bias.is_some()),
            ("--fault", self.fault.is_some()),
            (
                "--midpoint, --centre, --z-score",
                self.similarity.centring().is_some(),
            ),
            (
                "--temperature, --match-agreement, --match-accuracy, --match-entropy",
                self.similarity.is_noisy(),
            ),
        ];
        let judge = match kind {
            Kind::Offline(judge) => *judge,
            Kind::Model(_) => return refuse_idle(&offline, |_| false, "a judge that is a model"),
        };
        let meaning = |flag: &str| match flag {
            "--features" => judge != JudgeName::Simulated,
            "--scales" | "--raters" => judge == JudgeName::Ratings,
            _ if flag.starts_with("--midpoint") || flag.starts_with("--temperature") => {
                matches!(judge, JudgeName::Features | JudgeName::Ratings)
            }
            _ => judge == JudgeName::Simulated,
        };
        let value = judge.to_possible_value();
        let name = value.as_ref().map_or("", |value| value.get_name());
        let here = format!("--judge {name}");
        refuse_idle(&offline, meaning, &here)?;
        refuse_idle(&self.model.given(), |_| false, &here)
    }

    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        if let Some(listed) = self.model.list(session) {
            return listed;
        }
        let kind = self.kind();
        self.check(&kind)?;
        // A dry run needs no journal.
        let journal = self.journal.clone().unwrap_or_default();
        let judge = match kind {
            Kind::Offline(judge) => judge,
            Kind::Model(judge) => {
                let asked = Asked {
                    judge,
                    agent: self.agent.clone(),
                    journal,
                    design: self.design.spec(self.shard, self.seed.get()),
                    dry_run: self.dry_run,
                };
                return self.model.run(asked, session);
            }
        };
        let stem = self
            .features
            .as_ref()
            .and_then(|path| path.file_stem())
            .map(|stem| stem.to_string_lossy().into_owned());
        let request = CollectRequest {
            agent: self.agent(judge)?,
            name: self
                .agent
                .clone()
                .or(stem)
                .unwrap_or_else(|| "simulated".to_owned()),
            journal,
            design: self.design.spec(self.shard, self.seed.get()),
            diagnose: !self.no_diagnose,
            seed: self.seed.get(),
        };
        if self.dry_run {
            return session.show(&dry_run(&request)?, ToString::to_string);
        }
        let summary = collect(&request, session.run())?;
        show(session, &summary, None)
    }
}

/// Shows what was collected, and the readout that it follows from.
pub(super) fn show(
    session: &Session,
    summary: &CollectSummary,
    readout: Option<&Path>,
) -> Result<(), Failure> {
    for warning in &summary.warnings {
        eprintln!("emotome: warning: {warning}");
    }
    if let Some(readout) = readout {
        eprintln!("emotome: readout in {}", readout.display());
    }
    session.show(summary, text)?;
    if summary.counts.interrupted {
        let stored = count(summary.standing.settled);
        return Err(Failure::Interrupted(format!(
            "stopped; {stored} trials are stored: run the same command to go on"
        )));
    }
    Ok(())
}

fn text(s: &CollectSummary) -> String {
    let c = &s.counts;
    let mut out = vec![
        ("journal", s.journal.display().to_string()),
        (
            "agent",
            format!("{}, {} stimuli", s.agent, count(s.n_items as u64)),
        ),
        (
            "now",
            format!(
                "{} trials judged, {} of them ties; {} were there",
                count(c.judged),
                count(c.tied),
                count(c.skipped)
            ),
        ),
        (
            "in all",
            format!(
                "{} of {} trials: {}",
                count(s.standing.settled),
                count(s.trials),
                outcomes(&s.standing)
            ),
        ),
    ];
    out.extend(
        s.calibration
            .iter()
            .map(|found| ("calibrated", calibration(found))),
    );
    for finding in s.diagnostics.iter().flatten() {
        let severity = match finding.severity {
            Severity::Untested => "untested",
            Severity::Fine => "fine",
            Severity::Note => "note",
            Severity::Warning => "WARNING",
            Severity::Serious => "SERIOUS",
        };
        let advice = if finding.severity >= Severity::Warning && !finding.what_to_do.is_empty() {
            format!(" → {}", finding.what_to_do)
        } else {
            String::new()
        };
        out.push((
            finding.name,
            format!("{severity}: {}{advice}", finding.explanation),
        ));
    }
    rows(out)
}
