//! How long answers took, and what they cost.

use super::super::AgentQuality;
use emotome_figures::Figure;
use emotome_figures::histogram::Histogram;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Spacing, Unit, count, percent};

pub(super) fn time_and_cost(heading: String, agent: &AgentQuality) -> Section {
    let s = &agent.spent;
    let mut text = Vec::new();
    if s.requests == 0 {
        text.push("No requests to a server are recorded: the agent answered without one, or its collector did not count them.".to_owned());
    } else {
        let tokens = format!(
            "{} requests were sent. They read {} tokens ({} of them from a cache) and wrote {}{}.",
            count(s.requests),
            count(s.prompt_tokens),
            count(s.cached_tokens),
            count(s.completion_tokens),
            if s.uncounted > 0 {
                format!(
                    "; of {} answers the tokens are not known",
                    count(s.uncounted)
                )
            } else {
                String::new()
            }
        );
        text.push(tokens);
        text.push(if s.unpriced == 0 {
            format!(
                "The price was {} units of the currency in which prices were given.",
                s.cost
            )
        } else {
            format!(
                "The price is not known of {} answers; of the others it was {}. Unknown is not zero: give prices to learn the sum.",
                count(s.unpriced),
                s.cost
            )
        });
    }
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    let mut measures = Vec::new();
    if let Some(latency) = &agent.latency {
        for q in &latency.quantiles {
            let measure = Measure {
                name: format!("{} of answers within", percent(q.share).replace(".0", "")),
                meaning: "Milliseconds that an answer took: from the first byte sent to the last received, all its requests together; of a model in the process, its share of the time of its batch.".into(),
                value: q.ms,
                unit: Unit::Plain,
                ci95: Some(q.ci95),
                n: Some((latency.n, "answers".into())),
                ..Measure::default()
            };
            measures.push(measure);
        }
        let mark = |share: f64, name: &str| {
            let found = latency.quantiles.iter().find(|q| q.share == share)?;
            Some((name.to_owned(), found.ms))
        };
        figures.push(Box::new(Histogram {
            title: format!("Answering times, {}", agent.agent.name),
            x_label: "milliseconds".into(),
            x_spacing: Spacing::Logarithmic,
            quantity: "answers".into(),
            bins: agent.latency_histogram.clone(),
            marks: [mark(0.5, "median"), mark(0.99, "99 % within")]
                .into_iter()
                .flatten()
                .collect(),
        }));
    } else {
        text.push("No answering times are recorded.".to_owned());
    }
    Section {
        heading,
        text,
        measures,
        figures,
        ..Section::default()
    }
}
