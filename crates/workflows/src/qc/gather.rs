//! One pass over what a journal holds of an agent.

use super::ratings::RatingAgreement;
use crate::WorkflowError;
use emotome_judges::agree::{AgreeParams, Source};
use emotome_judges::answer::orders_of;
use emotome_judges::diagnose::categories::{
    Attribute, CategoryMissing, category_finding, missing_by_category,
};
use emotome_judges::diagnose::drift::{Clock, Drift, Grouping, Timeline};
use emotome_judges::diagnose::latency::{Latencies, LatencySummary};
use emotome_judges::diagnose::prior::{Probabilities, ProbabilitySummary};
use emotome_judges::diagnose::{
    DiagnoseParams, Finding, Judged, Missing, Places, Severity, Showing, Survey, Without, adjust,
};
use emotome_stats::interval::{Interval, wilson};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_triplets::design::Design;
use emotome_triplets::design::rank::triplet_count;
use emotome_triplets::journal::{Agent, AgentId, Journal, Spent, Stored};
use emotome_triplets::{Cause, Outcome, Split, Trial, UnorderedTriplet};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// What the agents of a journal have in common.
pub(super) struct Setting<'a> {
    pub(super) journal: &'a Journal,
    pub(super) stimuli: &'a StimulusSet,
    pub(super) attributes: &'a [(String, Attribute)],
    /// Triplets that people judged; agents are compared on these alone.
    pub(super) compared: Option<&'a HashSet<UnorderedTriplet>>,
    pub(super) params: &'a DiagnoseParams,
    pub(super) agree: &'a AgreeParams,
}

/// How far the choices of an agent can be trusted. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct AgentQuality {
    /// Who it is.
    #[serde(flatten)]
    pub agent: Agent,
    /// The worst of its findings.
    pub verdict: Severity,
    /// How its trials ended.
    pub trials: TrialCounts,
    /// Attempts and trials by outcome and cause.
    pub endings: Vec<Ending>,
    /// How often the odd one stood at each place; `null` without a choice.
    pub places: Option<Places>,
    /// Every diagnostic, worst first.
    pub findings: Vec<NamedFinding>,
    /// Stimuli in trials without a choice, the largest share first.
    pub missing_stimuli: Vec<MissingStimulus>,
    /// Missing choices against flags and ratings of the stimuli; empty without a study.
    pub missing_categories: Vec<CategoryMissing>,
    /// Windows over time; `null` with too few trials.
    pub drift: Option<Drift>,
    /// Answering times; `null` where they are unknown.
    pub latency: Option<LatencySummary>,
    /// Answers in bins of their time: from, to and count, in milliseconds.
    pub latency_histogram: Vec<(f64, f64, u64)>,
    /// Requests, tokens and money.
    pub spent: Spent,
    /// What the probabilities say; `null` for agents that give none.
    pub probabilities: Option<ProbabilitySummary>,
    /// Agreement with the study's ratings; empty without a study.
    pub ratings: Vec<RatingAgreement>,
}

/// How trials ended. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TrialCounts {
    /// Trials of the design.
    pub design: u64,
    /// Trials that anything is recorded of.
    pub recorded: u64,
    /// Of these, trials with a choice.
    pub chosen: u64,
    /// Of these, trials without a choice that are settled all the same.
    pub without_choice: u64,
    /// Of these, trials that will be asked again.
    pub open: u64,
    /// Choices that needed more than one attempt.
    pub re_asked: u64,
}

/// An outcome and its cause. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ending {
    /// The outcome: ok, invalid, ambiguous, refused, timeout or failed.
    pub outcome: &'static str,
    /// The cause, where it is known.
    pub cause: Option<Cause>,
    /// Attempts that ended so.
    pub attempts: u64,
    /// Trials whose last attempt ended so.
    pub trials: u64,
    /// The same as a share of the trials recorded.
    pub share: f64,
    /// Its 95 % interval (Wilson).
    pub ci95: Interval,
}

/// A finding with the keys of its stimuli. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The keys of its stimuli, in their order.
    pub stimulus_keys: Vec<String>,
}

/// A stimulus in trials without a choice. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MissingStimulus {
    /// The stimulus.
    pub key: String,
    /// Distinct triplets that showed it.
    pub shown: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Of these, without a clear answer.
    pub unclear: u64,
    /// Of these, failed.
    pub failed: u64,
    /// All three as a share.
    pub share: f64,
    /// Its 95 % interval (Wilson).
    pub ci95: Interval,
    /// Whether that is more than overall: binomial upper tail, adjusted over stimuli.
    pub p_adjusted: f64,
}

/// Tells the showings of a triplet apart in a design.
struct Showings {
    /// Whether the main arm goes round again.
    again: bool,
    seen: HashSet<UnorderedTriplet>,
}

impl Showings {
    fn of(design: &Design) -> Self {
        Self {
            again: design.params().trials > triplet_count(design.n_stimuli() as u64),
            seen: HashSet::new(),
        }
    }

    /// The first showing counts: orders are random in all of them.
    fn showing(&mut self, trial: &Trial) -> Showing {
        if !self.again && !matches!(trial.split, Split::Ceiling | Split::FullSet) {
            Showing::Only
        } else if self.seen.insert(trial.triplet.unordered()) {
            Showing::Counted
        } else {
            Showing::Again
        }
    }
}

/// Everything that is counted while the trials of an agent go by.
struct Tally {
    survey: Survey,
    showings: Showings,
    trials: TrialCounts,
    endings: BTreeMap<(&'static str, Option<Cause>), (u64, u64)>,
    latencies: Latencies,
    by_time: Timeline,
    by_number: Timeline,
    untimed: u64,
    probabilities: Probabilities,
    /// Choices of the agent, of which some have their replies looked up.
    expected: u64,
    source: Source,
}

impl Tally {
    /// Takes all records of a trial, the last of which says how it ended.
    fn take(&mut self, records: &[Stored], setting: &Setting<'_>) -> Result<(), WorkflowError> {
        let Some(last) = records.last() else {
            return Ok(());
        };
        for record in records {
            let status = record.outcome.status();
            self.endings.entry((status, record.cause)).or_default().0 += 1;
            if let Some(ms) = record.latency_ms {
                self.latencies.push(ms);
                self.by_number.push_latency(record.trial.number, ms);
                if let Some(at) = record.at {
                    self.by_time.push_latency(at, ms);
                }
            }
        }
        let ended = (last.outcome.status(), last.cause);
        self.endings.entry(ended).or_default().1 += 1;
        self.trials.recorded += 1;
        match last.outcome {
            Outcome::Chosen(_) => {
                self.trials.chosen += 1;
                self.trials.re_asked += u64::from(records.len() > 1);
            }
            _ if records.iter().any(|record| record.settles) => self.trials.without_choice += 1,
            _ => self.trials.open += 1,
        }
        let judged: Judged = (last.trial, last.outcome);
        let showing = self.showings.showing(&last.trial);
        self.survey.push(&judged, showing, last.at)?;
        if showing != Showing::Again {
            self.by_number.push(last.trial.number, &judged);
            match last.at {
                Some(at) => self.by_time.push(at, &judged),
                None => self.untimed += 1,
            }
            if let Some(p) = last.probabilities {
                self.probabilities.push(&judged, p);
                if let Some(place) = last.reply
                    && self.probabilities.draws(&last.trial, self.expected)
                    && let Some(orders) = orders_of(&setting.journal.reply(place)?)
                {
                    self.probabilities.push_orders(&judged, &orders);
                }
            }
        }
        if let Some(choice) = last.choice() {
            let triplet = choice.triplet.unordered();
            if setting.compared.is_none_or(|of| of.contains(&triplet)) {
                self.source.push(choice, None);
            }
        }
        Ok(())
    }
}

/// Reads an agent once, and what it is compared by.
pub(super) fn gather(
    setting: &Setting<'_>,
    id: AgentId,
    agent: &Agent,
    run: Run<'_>,
) -> Result<(AgentQuality, Source), WorkflowError> {
    let (journal, params) = (setting.journal, setting.params);
    let standing = journal.standing(id)?;
    let mut tally = Tally {
        survey: Survey::new(setting.stimuli.len(), params)?,
        showings: Showings::of(journal.design()),
        trials: TrialCounts {
            design: journal.design().len(),
            ..TrialCounts::default()
        },
        endings: BTreeMap::new(),
        latencies: Latencies::default(),
        by_time: Timeline::new(Clock::Time),
        by_number: Timeline::new(Clock::TrialNumber),
        untimed: 0,
        probabilities: Probabilities::new(params),
        expected: standing.choices(),
        source: Source::new(&agent.name, true, setting.agree),
    };
    let stage = format!("reading {}", agent.name);
    run.progress.begin(&stage, Some(standing.settled.len()));
    journal.for_each_trial(id, |records| {
        tally.take(records, setting)?;
        if tally.trials.recorded.is_multiple_of(65_536) {
            run.progress.advance(65_536);
            if run.interrupt.requested() {
                return Err(WorkflowError::Stopped);
            }
        }
        Ok(())
    })?;
    run.progress.end();
    let (quality, source) = tally.finish(setting, agent.clone(), standing.spent)?;
    Ok((quality, source))
}

impl Tally {
    fn finish(
        mut self,
        setting: &Setting<'_>,
        agent: Agent,
        spent: Spent,
    ) -> Result<(AgentQuality, Source), WorkflowError> {
        let params = setting.params;
        let missing = self.survey.missing().clone();
        let categories = missing_by_category(&missing, setting.attributes, params)?;
        let drift = if self.untimed == 0 {
            self.by_time.drift(self.survey.grouping())
        } else {
            None
        };
        let drift = drift.or_else(|| self.by_number.drift(Grouping::NONE));
        let probabilities = self.probabilities.summary();
        let places = self.survey.places();
        let mut findings = if self.trials.recorded == 0 {
            Vec::new()
        } else {
            self.survey.findings()
        };
        findings.extend(drift.iter().flat_map(|drift| drift.findings(params)));
        findings.extend(probabilities.iter().map(|p| p.finding(params)));
        if !setting.attributes.is_empty() {
            findings.push(category_finding(&categories, params));
        }
        adjust(&mut findings, params);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let key = |id: &u32| setting.stimuli.keys()[*id as usize].to_string();
        let findings: Vec<NamedFinding> = findings
            .into_iter()
            .map(|finding| NamedFinding {
                stimulus_keys: finding.stimuli.iter().map(key).collect(),
                finding: finding.named(|id| key(&id)),
            })
            .collect();
        let recorded = self.trials.recorded as f64;
        let endings = self.endings.into_iter();
        let quality = AgentQuality {
            agent,
            verdict: findings
                .first()
                .map_or(Severity::Untested, |f| f.finding.severity),
            trials: self.trials,
            endings: endings
                .map(|((outcome, cause), (attempts, trials))| Ending {
                    outcome,
                    cause,
                    attempts,
                    trials,
                    share: trials as f64 / recorded,
                    ci95: wilson(trials as f64, recorded, 0.95),
                })
                .collect(),
            places,
            findings,
            missing_stimuli: missing_stimuli(&missing, setting.stimuli),
            missing_categories: categories,
            drift,
            latency: self.latencies.summary(),
            latency_histogram: self.latencies.histogram(),
            spent,
            probabilities,
            ratings: Vec::new(),
        };
        Ok((quality, self.source))
    }
}

fn missing_stimuli(missing: &Missing, stimuli: &StimulusSet) -> Vec<MissingStimulus> {
    let any = missing.without_any();
    let adjusted = missing.adjusted(&any);
    let of = |kind: Without, i: usize| missing.without(kind)[i];
    let mut rows: Vec<MissingStimulus> = (0..any.len())
        .filter(|&i| any[i] > 0)
        .map(|i| {
            let (n, shown) = (any[i] as f64, missing.shown()[i] as f64);
            MissingStimulus {
                key: stimuli.keys()[i].to_string(),
                shown: missing.shown()[i],
                refused: of(Without::Refused, i),
                unclear: of(Without::Unclear, i),
                failed: of(Without::Failed, i),
                share: n / shown,
                ci95: wilson(n, shown, 0.95),
                p_adjusted: adjusted[i],
            }
        })
        .collect();
    rows.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.key.cmp(&b.key)));
    rows
}
