//! What the probabilities of an agent say: how sure it is, and how much of it is owed to the place.

use super::super::AgentQuality;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, decimal};

pub(super) fn probabilities(heading: String, agent: &AgentQuality) -> Option<Section> {
    let p = agent.probabilities.as_ref()?;
    let mut measures = Vec::new();
    measures.push(Measure {
        name: "Entropy of an answer".into(),
        meaning: "How unsure the agent is, in nats: 0 for certainty, 1.0986 for guessing.".into(),
        value: p.entropy,
        ci95: Some(p.entropy_ci95),
        n: Some((p.n, "answers".into())),
        chance: Some(3f64.ln()),
        ..Measure::default()
    });
    for (k, place) in ["first", "second", "third"].iter().enumerate() {
        measures.push(Measure {
            name: format!("Prior of the {place} place"),
            meaning: "The mean log-probability of the place less that of all three: 0 if the place plays no part.".into(),
            value: p.log_odds[k],
            ci95: Some(p.log_odds_ci95[k]),
            n: Some((p.prior_n, "answers".into())),
            chance: Some(0.0),
            ..Measure::default()
        });
    }
    if let Some(orders) = &p.orders {
        measures.push(Measure {
            name: "Orders of one answer that favour different stimuli".into(),
            meaning: format!("Of the pairs of orders of presentation in which a triplet was asked ({} on average), those whose most probable answers differ.", decimal(orders.orders)),
            value: orders.flips.unwrap_or(f64::NAN),
            unit: Unit::Percent,
            ci95: orders.flips_ci95,
            n: Some((orders.n, "answers".into())),
            ..Measure::default()
        });
        measures.push(Measure {
            name: "Probability of anything but the three answers".into(),
            meaning: "What the model would rather have said, before it is held to the answers. Where it is large, the three probabilities say little.".into(),
            value: orders.off_choice,
            unit: Unit::Percent,
            ci95: Some(orders.off_choice_ci95),
            n: Some((orders.n, "answers".into())),
            chance: Some(0.0),
            ..Measure::default()
        });
    }
    Some(Section {
        heading,
        text: vec!["This agent gives a probability to each of the three answers. They say more than its choices: how sure it is, and whether a place is favoured whatever is shown there.".to_owned()],
        measures,
        ..Section::default()
    })
}
