//! Agents against each other and against people, on the same triplets.

use super::QcRequest;
use super::wording::Factor;
use crate::WorkflowError;
use crate::choices::{self, ChoiceFile};
use emotome_embedding::evaluate::two_way::{Resampling, TrialClusters};
use emotome_judges::agree::{self, AgreeParams, Consistency, Source};
use emotome_stimuli::run::Run;
use emotome_stimuli::{StimulusId, StimulusSet};
use emotome_triplets::formats::PresentedOrder;
use emotome_triplets::journal::{Agent, AgentId};
use emotome_triplets::{Choice, Triplet, UnorderedTriplet};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// What sets two agents of the journal apart. Field names are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The first agent.
    pub first: String,
    /// The second agent.
    pub second: String,
    /// Each setting that is not the same, as `name: value of the first → value of the second`.
    pub settings: Vec<String>,
    /// What they differ in, if it is the labels or the captions alone.
    pub factor: Option<Factor>,
}

/// Choices of people, and the triplets they are about; `None` without people.
pub(super) fn people(
    request: &QcRequest,
    stimuli: &StimulusSet,
    cautions: &mut Vec<String>,
    run: Run<'_>,
) -> Result<(Vec<Source>, Option<HashSet<UnorderedTriplet>>), WorkflowError> {
    let mut sources = Vec::new();
    let mut triplets = HashSet::new();
    for path in &request.humans {
        let (path, named) = file_and_agent(path);
        let file = ChoiceFile::new(path.clone());
        let mut imported = choices::read(&file, None, run)?;
        let own = imported.stimuli.take();
        if own.is_none() {
            // Its numbers are rows of the journal's stimuli; reading again refuses those that are not.
            imported = choices::read(&file, Some((&request.journal, stimuli)), run)?;
            cautions.push(format!(
                "{} names stimuli by number: number k, from 0, is taken as stimulus k of the journal.",
                path.display()
            ));
        }
        let table = &imported.table;
        let labels = table.extras.agent.as_ref();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let (name, rows) = match &named {
            Some(named) => choices::one_agent(&path, labels, Some(named))?
                .ok_or_else(|| WorkflowError::NoAgents { path: path.clone() })?,
            None => {
                choices::tell_of_pooling(&path, labels, run);
                (stem.into_owned(), (0..table.choices.len()).collect())
            }
        };
        let ordered = table.presented_order == PresentedOrder::Known;
        let mut source = Source::new(name, ordered, &request.agree);
        let place = |id: StimulusId| match &own {
            Some(own) => stimuli.get(own.key(id).as_str()),
            None => Some(id),
        };
        let mut elsewhere = 0_u64;
        for row in rows {
            let choice = table.choices.choices()[row];
            let [Some(a), Some(b), Some(c)] = choice.triplet.items().map(place) else {
                elsewhere += 1;
                continue;
            };
            // Distinct keys have distinct places.
            let triplet = Triplet::new([a, b, c]).unwrap_or(choice.triplet);
            let rater = table.extras.rater.as_ref().map(|raters| raters.codes[row]);
            source.push(Choice { triplet, ..choice }, rater);
            triplets.insert(triplet.unordered());
        }
        if elsewhere > 0 {
            cautions.push(format!(
                "{elsewhere} choices of {} are about stimuli that the journal does not have, and are left out.",
                path.display()
            ));
        }
        sources.push(source);
    }
    let some = !sources.is_empty();
    Ok((sources, some.then_some(triplets)))
}

/// `FILE` or `FILE/AGENT`.
fn file_and_agent(path: &Path) -> (PathBuf, Option<String>) {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !path.exists() && parent.is_file() => {
            (parent.to_owned(), Some(name.to_string_lossy().into_owned()))
        }
        _ => (path.to_owned(), None),
    }
}

/// Compares all sources; intervals over stimuli are two-way, stimulus × triplet.
pub(crate) fn compare(sources: Vec<Source>, n_stimuli: usize, params: &AgreeParams) -> Consistency {
    agree::consistency(sources, params, &|triplets, agreed| {
        let clusters = TrialClusters::of(n_stimuli, triplets.iter().copied()).ok()?;
        let interval = clusters.proportion_interval(agreed, Resampling::TwoWay, 0.95);
        interval.ok().filter(|ci| ci.low.is_finite())
    })
}

/// What sets every two agents of the journal apart.
pub(super) fn differences(agents: &[(AgentId, Agent)]) -> Vec<Difference> {
    let settings: Vec<BTreeMap<String, String>> = agents
        .iter()
        .map(|(_, agent)| {
            let mut leaves = BTreeMap::new();
            leaves.insert("model".to_owned(), agent.model.clone());
            leaves.insert("revision".to_owned(), agent.revision.clone());
            match serde_json::from_str(&agent.settings) {
                Ok(value) => flatten("", &value, &mut leaves),
                Err(_) => {
                    leaves.insert("settings".to_owned(), agent.settings.clone());
                }
            }
            leaves
        })
        .collect();
    let mut differences = Vec::new();
    for i in 0..agents.len() {
        for j in i + 1..agents.len() {
            let mut names: Vec<&String> = settings[i].keys().chain(settings[j].keys()).collect();
            names.sort_unstable();
            names.dedup();
            let value = |k: usize, name: &String| {
                let value = settings[k].get(name).map_or("–", String::as_str);
                let short: String = value.chars().take(60).collect();
                if short.len() < value.len() {
                    format!("{short}…")
                } else {
                    short
                }
            };
            names.retain(|name| settings[i].get(*name) != settings[j].get(*name));
            let changed: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            let factor = Factor::of(&changed);
            let shown = names
                .into_iter()
                .map(|name| format!("{name}: {} → {}", value(i, name), value(j, name)));
            differences.push(Difference {
                first: agents[i].1.name.clone(),
                second: agents[j].1.name.clone(),
                settings: shown.collect(),
                factor,
            });
        }
    }
    differences
}

/// The leaves of a JSON value by their path.
fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let child = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&child(name), value, leaves);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (i, item) in items.iter().enumerate() {
                flatten(&child(&i.to_string()), item, leaves);
            }
        }
        Value::String(text) => {
            leaves.insert(path.to_owned(), text.clone());
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf.to_string());
        }
    }
}
