//! Quality control of what agents answered: how far the choices in a journal can be trusted, and how
//! agents agree with each other and with people.
//!
//! `qc.json` holds what the page says. Its names are stable:
//!
//! | name | holds |
//! |---|---|
//! | `agents[]` | [`AgentQuality`]: who it is, `verdict`, and what follows |
//! | `agents[].trials` | [`TrialCounts`] |
//! | `agents[].endings[]` | [`Ending`]: attempts and trials by outcome and cause |
//! | `agents[].places` | [`Places`](emotome_judges::diagnose::Places): shares of the three places with intervals and χ² |
//! | `agents[].findings[]` | [`NamedFinding`]: every diagnostic with severity, statistic, n, interval, p and advice |
//! | `agents[].missing_stimuli[]` | [`MissingStimulus`]: stimuli in trials without a choice, worst first |
//! | `agents[].missing_categories[]` | [`CategoryMissing`]: flags and ratings against missing choices |
//! | `agents[].drift` | [`Drift`]: windows over time and tests of change |
//! | `agents[].latency` | [`LatencySummary`]: quantiles of answering times |
//! | `agents[].spent` | [`Spent`](emotome_triplets::journal::Spent): requests, tokens, money, and of how many answers these are unknown |
//! | `agents[].probabilities` | [`ProbabilitySummary`]: entropy, prior of the places, choices that the prior decides |
//! | `agents[].ratings[]` | [`RatingAgreement`]: agreement with the odd one out that the study's ratings imply, and its permutation null |
//! | `consistency` | [`Consistency`]: every pair of agents, and of agents and people, on the same triplets |
//! | `differences[]` | [`Difference`]: what sets two agents of the journal apart |
//! | `wording[]` | [`WordingEffect`]: agents that differ in their labels or captions alone |
//! | `thresholds`, `comparison` | [`DiagnoseParams`] and [`AgreeParams`], as they were |
//!
//! Memory does not grow with the number of trials: see [`Survey`](emotome_judges::diagnose::Survey), and
//! 2¹⁸ answers for each agent and each file of people's choices, which are read whole.

mod consistency;
mod gather;
mod page;
mod ratings;
mod wording;
mod words;

pub use consistency::Difference;
pub(crate) use consistency::compare as agreement;
pub use gather::{AgentQuality, Ending, MissingStimulus, NamedFinding, TrialCounts};
pub(crate) use page::matrix;
pub use ratings::RatingAgreement;
pub use wording::{Factor, WordingEffect};

use crate::WorkflowError;
use crate::publish::write_figures;
use emotome_judges::agree::{AgreeParams, Consistency};
use emotome_judges::diagnose::DiagnoseParams;
use emotome_judges::diagnose::categories::Attribute;
#[cfg(doc)]
use emotome_judges::diagnose::{
    categories::CategoryMissing, drift::Drift, latency::LatencySummary, prior::ProbabilitySummary,
};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::{Record, Study};
use emotome_triplets::journal::{Agent, AgentId, Journal};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What to look at, and where the page goes.
#[derive(Debug, Clone)]
pub struct QcRequest {
    /// The journal.
    pub journal: PathBuf,
    /// Names of agents; all of them if none is named.
    pub agents: Vec<String>,
    /// The study, for flags and ratings of its stimuli.
    pub study: Option<PathBuf>,
    /// Choices of people: files, or `FILE/AGENT` for one agent of a file.
    pub humans: Vec<PathBuf>,
    /// When a departure is worth a warning.
    pub params: DiagnoseParams,
    /// How agents are compared.
    pub agree: AgreeParams,
    /// The folder for the page.
    pub out: PathBuf,
    /// Whether one that holds something may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was found. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct QcSummary {
    /// The version of these names.
    pub format: u32,
    /// The journal.
    pub journal: PathBuf,
    /// The page.
    pub page: PathBuf,
    /// Stimuli of the design.
    pub stimuli: usize,
    /// Trials of the design, for each agent.
    pub trials: u64,
    /// What the study could not tell, in words.
    pub cautions: Vec<String>,
    /// The agents, in the order of their first trial.
    pub agents: Vec<AgentQuality>,
    /// How agents agree with each other and with people; `null` with one source only.
    pub consistency: Option<Consistency>,
    /// What sets agents of the journal apart.
    pub differences: Vec<Difference>,
    /// Agents that differ in their labels or captions alone, on the same triplets.
    pub wording: Vec<WordingEffect>,
    /// When a departure was worth a warning.
    pub thresholds: DiagnoseParams,
    /// How agents were compared.
    pub comparison: AgreeParams,
}

/// Examines the agents of a journal and writes `qc.html`, `qc.json` and `figures/`.
///
/// # Errors
/// [`WorkflowError`] of reading and writing; [`WorkflowError::WhichAgent`] for a journal without agents.
pub fn qc(request: &QcRequest, run: Run<'_>) -> Result<QcSummary, WorkflowError> {
    let journal = Journal::open(&request.journal)?;
    let stimuli = journal.stimuli()?;
    let agents = chosen(&journal, &request.agents)?;
    let mut cautions = Vec::new();
    let attributes = match &request.study {
        Some(folder) => attributes(folder, &stimuli, &mut cautions)?,
        None => Vec::new(),
    };
    let (people, compared) = consistency::people(request, &stimuli, &mut cautions, run)?;
    let rated = match &request.study {
        Some(folder) => ratings::rated(folder, &stimuli)?,
        None => Vec::new(),
    };
    output::folder(&request.out, request.overwrite)?;

    let mut qualities = Vec::with_capacity(agents.len());
    let mut sources = Vec::with_capacity(agents.len());
    for (id, agent) in &agents {
        let setting = gather::Setting {
            journal: &journal,
            stimuli: &stimuli,
            attributes: &attributes,
            compared: compared.as_ref(),
            params: &request.params,
            agree: &request.agree,
        };
        let (mut quality, source) = gather::gather(&setting, *id, agent, run)?;
        quality.ratings = ratings::agreements(&journal, *id, &rated, Seed(request.agree.seed))?;
        qualities.push(quality);
        sources.push(source);
    }
    sources.extend(people);
    let page = request.out.join("qc.html");
    let differences = consistency::differences(&agents);
    let consistency =
        (sources.len() > 1).then(|| consistency::compare(sources, stimuli.len(), &request.agree));
    let summary = QcSummary {
        format: 1,
        journal: request.journal.clone(),
        page: page.clone(),
        stimuli: stimuli.len(),
        trials: journal.design().len(),
        cautions,
        wording: wording::effects(&qualities, &differences, consistency.as_ref()),
        agents: qualities,
        differences,
        consistency,
        thresholds: request.params,
        comparison: request.agree,
    };
    let mut provenance = Provenance::new(
        request.command.clone(),
        Some(request.params.seed),
        json!({ "diagnose": request.params, "agree": request.agree, "agents": request.agents }),
    );
    // A journal that is still being written has no lasting checksum; what was read of it is counted.
    for input in request.humans.iter().filter(|path| path.is_file()) {
        provenance.add_input(input)?;
    }
    let report = page::tell(&summary, &provenance);
    output::write_json(request.out.join("qc.json"), request.overwrite, &summary)?;
    provenance.write_beside(request.out.join("provenance"), request.overwrite)?;
    output::write(&page, request.overwrite, report.html().as_bytes())?;
    write_figures(&request.out.join("figures"), &report, request.overwrite)?;
    Ok(summary)
}

/// The agents of these names, or all.
fn chosen(journal: &Journal, names: &[String]) -> Result<Vec<(AgentId, Agent)>, WorkflowError> {
    for name in names {
        journal.agent(name)?;
    }
    let mut agents = journal.agents()?;
    agents.retain(|(_, agent)| names.is_empty() || names.contains(&agent.name));
    if agents.is_empty() {
        return Err(WorkflowError::WhichAgent {
            path: journal.path().to_owned(),
            known: Vec::new(),
        });
    }
    Ok(agents)
}

/// Flags and ratings of a study's stimuli, in the order of the journal's.
fn attributes(
    folder: &Path,
    stimuli: &StimulusSet,
    cautions: &mut Vec<String>,
) -> Result<Vec<(String, Attribute)>, WorkflowError> {
    let study = Study::open(folder)?;
    let row = |key: &str| study.stimuli.get(key).map(|id| &study.records[id.index()]);
    let records: Vec<_> = stimuli.keys().iter().map(|key| row(key.as_str())).collect();
    let unknown = records.iter().filter(|record| record.is_none()).count();
    if unknown > 0 {
        cautions.push(format!(
            "{unknown} of the {} stimuli of the journal are not in the study {}: their flags and ratings are unknown.",
            stimuli.len(),
            folder.display()
        ));
    }
    let mut names: Vec<&String> = records
        .iter()
        .flatten()
        .flat_map(|r| &r.sensitive)
        .collect();
    names.sort_unstable();
    names.dedup();
    let with = |flag: &dyn Fn(&Record) -> bool| {
        let flags = records.iter().map(|record| record.is_some_and(flag));
        Attribute::Flag(flags.collect())
    };
    let mut attributes: Vec<(String, Attribute)> = names
        .into_iter()
        .map(|name| {
            (
                format!("flagged {name}"),
                with(&|r| r.sensitive.contains(name)),
            )
        })
        .collect();
    if attributes.len() > 1 {
        let any = with(&|r| !r.sensitive.is_empty());
        attributes.insert(0, ("flagged for anything".to_owned(), any));
    }
    for table in &study.ratings {
        let aligned = table.align(stimuli).table;
        for (column, (scale, _)) in aligned.scales.iter().enumerate() {
            let values = aligned.values.column(column).to_vec();
            attributes.push((
                format!("{}: {scale}", table.name),
                Attribute::Rating(values),
            ));
        }
    }
    Ok(attributes)
}
