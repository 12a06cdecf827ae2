//! Every check of an agent, with its number and what it means.

use super::super::{AgentQuality, words};
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::count;
use emotome_judges::diagnose::Severity;

pub(super) fn findings(heading: String, agent: &AgentQuality, alpha: f64) -> Section {
    let measures = agent.findings.iter().map(|named| {
        let f = &named.finding;
        let (title, unit, meaning) = words::of(f.name);
        let mut said = format!("{meaning} {}.", capitalised(&f.explanation));
        if let Some(p) = f.p_adjusted.filter(|_| f.severity >= Severity::Note) {
            let stands = if p > alpha {
                ", so that chance may explain it"
            } else {
                ""
            };
            said += &format!(
                " Among all checks of this agent, adjusted p {}{stands}.",
                p_value(p)
            );
        }
        if !f.what_to_do.is_empty() {
            said += &format!(" What to do: {}.", f.what_to_do);
        }
        Measure {
            name: format!("{} · {title} ({})", words::severity(f.severity), f.name),
            meaning: said,
            value: f.statistic.unwrap_or(f64::NAN),
            unit,
            ci95: f.interval,
            n: f.n.map(|n| (n, String::new())),
            chance: f.expected,
            ceiling: None,
        }
    });
    let t = &agent.trials;
    Section {
        heading,
        text: vec![format!(
            "{} of the {} trials of the design are recorded: {} with a choice ({} of them after more than one attempt), {} given up without one, {} still to be asked again. In the table, the column “chance” is the value that a good agent would have, and n counts what the value rests on: trials, choices, pairs or triplets, as the text says. The name in brackets is that of the check in qc.json and in the manual.",
            count(t.recorded),
            count(t.design),
            count(t.chosen),
            count(t.re_asked),
            count(t.without_choice),
            count(t.open),
        )],
        measures: measures.collect(),
        ..Section::default()
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

fn p_value(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("= {p:.3}")
    }
}
