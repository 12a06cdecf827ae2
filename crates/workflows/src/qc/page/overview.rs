//! How often each place is called odd, and what becomes of an answer when a triplet comes again.

use super::super::QcSummary;
use emotome_figures::Figure;
use emotome_figures::estimates::{Estimate, Estimates};
use emotome_figures::positions::{AgentPositions, PositionShares};
use emotome_figures::report::Section;
use emotome_figures::scale::Unit;

pub(super) fn overview(summary: &QcSummary) -> Section {
    let agents = &summary.agents;
    let places = agents.iter().filter_map(|a| {
        let found = a.places?;
        let shares = [0, 1, 2].map(|k| (found.shares[k], Some(found.ci95[k])));
        Some(AgentPositions {
            label: a.agent.name.clone(),
            n: found.n,
            shares,
        })
    });
    let places: Vec<AgentPositions> = places.collect();
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    if !places.is_empty() {
        figures.push(Box::new(PositionShares {
            title: "How often each place is called odd".into(),
            agents: places,
        }));
    }
    let mut rows = Vec::new();
    for a in agents {
        let finding = |name: &str| {
            let found = a.findings.iter().find(|f| f.finding.name == name)?;
            Some((found.finding.statistic?, &found.finding))
        };
        let of = |what: &str| match agents.len() {
            1 => what.to_owned(),
            _ => format!("{}: {what}", a.agent.name),
        };
        for (name, what, expected) in [
            ("order-flips", "other stimulus in another order", true),
            ("order-dependence", "same place in another order", true),
        ] {
            if let Some((value, f)) = finding(name) {
                rows.push(Estimate {
                    label: of(what),
                    value,
                    ci95: f.interval,
                    expected: f.expected.filter(|_| expected),
                    n: f.n.unwrap_or(0),
                });
            }
        }
        if let Some((value, f)) = finding("retest-agreement") {
            rows.push(Estimate {
                label: of("same stimulus in the same order"),
                value,
                ci95: f.interval,
                expected: Some(1.0 / 3.0),
                n: f.n.unwrap_or(0),
            });
        }
    }
    let mut text = vec!["The place of a stimulus among the three should not matter; where an agent answers a triplet again, in the same or in another order, the answer should be the same as far as the agent is sure.".to_owned()];
    if rows.is_empty() {
        text.push("No triplet was answered often enough more than once to say how answers repeat. Add repeats to the design (--ceiling).".to_owned());
    } else {
        figures.push(Box::new(Estimates {
            title: "Answers to the same triplet".into(),
            quantity: "share of pairs of answers".into(),
            reading: "Each dot is a share of pairs of answers to one triplet, with its 95 % confidence interval. The grey bar is what is expected: for another order, if the order plays no part; for the same order, by guessing. A dot to the right of its bar means, in the first two kinds of rows, that the order decides; in the third, that the agent knows what it says. n counts pairs, and triplets for the same order.".into(),
            unit: Unit::Percent,
            rows,
            reference: None,
        }));
    }
    Section {
        heading: "Places and orders".into(),
        text,
        figures,
        cautions: summary.cautions.clone(),
        ..Section::default()
    }
}
