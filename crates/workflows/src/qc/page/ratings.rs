//! Agreement with the ratings of a study.

use super::super::AgentQuality;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, percent};
use emotome_stats::interval::Interval;

pub(super) fn rated(heading: String, agent: &AgentQuality) -> Option<Section> {
    let measures = agent.ratings.iter().map(|of| {
        let Interval { low, high } = of.implied.null95;
        Measure {
            name: format!("Agreement with {}", of.ratings),
            meaning: format!(
                "How often the choice is the stimulus outside the most similar pair by these ratings ({}). If the ratings \
                 belonged to other stimuli it would be {} to {} (95 % of {} permutations; p = {:.3}).",
                of.similarity,
                percent(low),
                percent(high),
                count(of.implied.permutations as u64),
                of.implied.p
            ),
            value: of.implied.agreement,
            unit: Unit::Percent,
            n: Some((of.implied.n as u64, "choices".into())),
            chance: Some(of.implied.null_mean),
            ..Measure::default()
        }
    });
    let measures: Vec<Measure> = measures.collect();
    (!measures.is_empty()).then(|| Section {
        heading,
        text: vec![
            "An agent that looks at the stimuli agrees with people's ratings more often than chance; one that \
             answers by place or at random does not."
                .to_owned(),
        ],
        measures,
        ..Section::default()
    })
}
