//! Trials without a choice: why, about which stimuli, and what these have in common.

use super::super::AgentQuality;
use super::ROWS;
use emotome_figures::Figure;
use emotome_figures::curve::{CurvePoint, Curves, Series};
use emotome_figures::estimates::{Estimate, Estimates};
use emotome_figures::report::Section;
use emotome_figures::scale::Unit;
use emotome_figures::table::{Cell, Table};

pub(super) fn missing(heading: String, agent: &AgentQuality) -> Option<Section> {
    let endings: Vec<_> = agent.endings.iter().filter(|e| e.outcome != "ok").collect();
    if endings.is_empty() {
        return None;
    }
    let mut table = Table::new([
        "outcome",
        "cause",
        "attempts",
        "trials",
        "share",
        "ci95_low",
        "ci95_high",
    ]);
    for e in &endings {
        table.push([
            Cell::from(e.outcome),
            e.cause
                .map(|cause| Cell::from(cause.name()))
                .unwrap_or(Cell::Missing),
            e.attempts.into(),
            e.trials.into(),
            e.share.into(),
            e.ci95.low.into(),
            e.ci95.high.into(),
        ]);
    }
    let mut tables = vec![(
        "Attempts and trials without a choice, by outcome and cause; shares are of the trials recorded".to_owned(),
        table,
    )];
    let worst = &agent.missing_stimuli;
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    if !worst.is_empty() {
        let shown: u64 = worst.iter().map(|s| s.shown).sum();
        let lost: u64 = worst.iter().map(|s| s.refused + s.unclear + s.failed).sum();
        figures.push(Box::new(Curves {
            title: format!(
                "Stimuli by their share of missing choices, {}",
                agent.agent.name
            ),
            x_label: "stimuli, the worst first".into(),
            y_label: "trials without a choice".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "share of a stimulus".into(),
                points: worst
                    .iter()
                    .enumerate()
                    .map(|(i, s)| CurvePoint {
                        x: (i + 1) as f64,
                        y: s.share,
                        ci95: Some(s.ci95),
                    })
                    .collect(),
            }],
            references: vec![("mean of these".into(), lost as f64 / shown as f64)],
            ..Curves::default()
        }));
        let mut table = Table::new([
            "stimulus",
            "shown",
            "refused",
            "unclear",
            "failed",
            "share",
            "ci95_low",
            "ci95_high",
            "p_adjusted",
        ]);
        for s in worst.iter().take(ROWS) {
            table.push([
                Cell::from(s.key.as_str()),
                s.shown.into(),
                s.refused.into(),
                s.unclear.into(),
                s.failed.into(),
                s.share.into(),
                s.ci95.low.into(),
                s.ci95.high.into(),
                s.p_adjusted.into(),
            ]);
        }
        let caption = format!(
            "Stimuli with the largest shares of missing choices{}",
            if worst.len() > ROWS {
                format!(": the first {ROWS} of {}, all in qc.json", worst.len())
            } else {
                String::new()
            }
        );
        tables.push((caption, table));
    }
    let mut categories: Vec<_> = agent.missing_categories.iter().collect();
    categories.sort_by(|a, b| a.p_adjusted.total_cmp(&b.p_adjusted));
    let flags: Vec<_> = categories
        .iter()
        .filter(|c| c.missing_elsewhere.is_some())
        .take(12)
        .collect();
    if !flags.is_empty() {
        figures.push(Box::new(Estimates {
            title: format!("Missing choices by flag, {}", agent.agent.name),
            quantity: "showings in a trial without a choice".into(),
            reading: "Each dot is the share of showings of the stimuli with a flag that ended without a choice; the grey bar is the share for all other stimuli. A dot far to the right of its bar means that what these stimuli are about goes missing.".into(),
            unit: Unit::Percent,
            rows: flags
                .iter()
                .map(|c| Estimate {
                    label: format!("{} ({})", c.category, reason(c.reason)),
                    value: c.missing,
                    ci95: Some(c.ci95),
                    expected: c.missing_elsewhere,
                    n: c.shown,
                })
                .collect(),
            reference: None,
        }));
    }
    let ratings: Vec<_> = categories
        .iter()
        .filter(|c| c.effect_ci95.is_some())
        .take(12)
        .collect();
    if !ratings.is_empty() {
        figures.push(Box::new(Estimates {
            title: format!("Missing choices along ratings, {}", agent.agent.name),
            quantity: "Spearman's ρ over stimuli".into(),
            reading: "Each dot correlates a rating of the stimuli with their share of trials without a choice; right of the dashed line, stimuli with high ratings go missing more often. The twelve clearest are shown.".into(),
            unit: Unit::Plain,
            rows: ratings
                .iter()
                .map(|c| Estimate {
                    label: format!("{} ({})", c.category, reason(c.reason)),
                    value: c.effect,
                    ci95: c.effect_ci95,
                    expected: None,
                    n: c.stimuli,
                })
                .collect(),
            reference: Some(("no relation".into(), 0.0)),
        }));
    }
    Some(Section {
        heading,
        text: vec![
            "A choice that is missing at random costs precision only. One that is missing because of what a stimulus shows bends the result: that content is under-represented in everything fitted to the choices. Report the list of stimuli, and show that results hold without them.".to_owned(),
        ],
        figures,
        tables,
        ..Section::default()
    })
}

fn reason(reason: emotome_judges::diagnose::Without) -> &'static str {
    use emotome_judges::diagnose::Without;
    match reason {
        Without::Refused => "refused",
        Without::Unclear => "unclear",
        Without::Failed => "failed",
    }
}
