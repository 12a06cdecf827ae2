//! Whether other labels, or another caption, change the answers: agents of a journal that differ in these
//! alone, on the same triplets in the same order.

use super::AgentQuality;
use super::consistency::Difference;
use emotome_judges::agree::Consistency;
use emotome_judges::diagnose::trend::Test;
use emotome_stats::interval::Interval;
use emotome_stats::multiplicity::holm;
use serde::Serialize;

/// What two agents differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Factor {
    /// What the three stimuli are called, such as 1, 2, 3 or A, B, C.
    Labels,
    /// Which of a stimulus's captions is shown.
    Captions,
}

/// Two agents that differ in one factor alone. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordingEffect {
    /// The first agent.
    pub first: String,
    /// The second agent.
    pub second: String,
    /// What they differ in.
    pub factor: Factor,
    /// Triplets and orders that both answered.
    pub n: u64,
    /// Share of them with the same answer.
    pub same: f64,
    /// Its 95 % interval (Wilson).
    pub same_ci95: Interval,
    /// How often two answers of one agent to a triplet in one order agree, for each; `null` without
    /// repeats. Without an effect, `same` is their mean.
    pub repeats: [Option<f64>; 2],
    /// Whether both prefer the same places: the test of Stuart and Maxwell, χ²(2).
    pub same_places: Test,
    /// Its p-value adjusted over all rows by Holm.
    pub p_adjusted: f64,
}

impl Factor {
    /// The only factor among changed settings, if there is one.
    ///
    /// Templates that differ in their labels alone differ in name, text and labels, and have the same wording.
    pub(super) fn of(changed: &[&str]) -> Option<Self> {
        let template = |name: &str| {
            ["name", "sha256", "labels"]
                .iter()
                .any(|last| name == format!("parameters.template.{last}"))
        };
        let labels = "parameters.template.labels";
        if changed.contains(&labels) && changed.iter().all(|name| template(name)) {
            return Some(Self::Labels);
        }
        let caption = |name: &&str| name.starts_with("parameters.shown.captions");
        (!changed.is_empty() && changed.iter().all(caption)).then_some(Self::Captions)
    }
}

/// The effects that the agents of a journal show.
pub(super) fn effects(
    agents: &[AgentQuality],
    differences: &[Difference],
    consistency: Option<&Consistency>,
) -> Vec<WordingEffect> {
    let repeats = |name: &str| {
        let agent = agents.iter().find(|agent| agent.agent.name == name)?;
        let retest = |f: &&super::NamedFinding| f.finding.name == "retest-agreement";
        agent.findings.iter().find(retest)?.finding.statistic
    };
    let pairs = || consistency.iter().flat_map(|found| &found.pairs);
    let mut effects: Vec<WordingEffect> = differences
        .iter()
        .filter_map(|d| {
            let factor = d.factor?;
            let pair = pairs().find(|pair| pair.first == d.first && pair.second == d.second)?;
            let found = pair.same_order?;
            Some(WordingEffect {
                first: d.first.clone(),
                second: d.second.clone(),
                factor,
                n: found.n,
                same: found.raw,
                same_ci95: found.ci95,
                repeats: [repeats(&d.first), repeats(&d.second)],
                same_places: found.same_places,
                p_adjusted: f64::NAN,
            })
        })
        .collect();
    let p: Vec<f64> = effects.iter().map(|effect| effect.same_places.p).collect();
    for (effect, adjusted) in effects.iter_mut().zip(holm(&p)) {
        effect.p_adjusted = adjusted;
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_alone_is_a_factor() {
        let of = |names: &[&str]| {
            let paths: Vec<String> = names.iter().map(|n| format!("parameters.{n}")).collect();
            Factor::of(&paths.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let other = ["template.labels", "template.name", "template.sha256"];
        assert_eq!(of(&other), Some(Factor::Labels));
        assert_eq!(
            of(&["template.labels", "template.sha256", "template.wording"]),
            None
        );
        assert_eq!(of(&["template.name", "template.sha256"]), None);
        assert_eq!(of(&["shown.captions.number"]), Some(Factor::Captions));
        assert_eq!(
            of(&["shown.captions", "shown.captions.number"]),
            Some(Factor::Captions)
        );
        assert_eq!(of(&["shown.captions.number", "shown.texts"]), None);
        assert_eq!(of(&["template.labels", "decoding.temperature"]), None);
        assert_eq!(of(&[]), None);
    }
}
