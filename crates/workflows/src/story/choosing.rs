//! How many dimensions, and how λ was chosen.

use super::guessing_nll;
use crate::analysis::Analysis;
use emotome_embedding::evaluate::dominance::Finding;
use emotome_embedding::evaluate::score::CHANCE;
use emotome_embedding::train::select::Candidate;
use emotome_figures::Figure;
use emotome_figures::curve::{CurvePoint, Curves, Series};
use emotome_figures::report::Section;
use emotome_figures::scale::{Spacing, Unit};

pub(super) fn section(heading: String, a: &Analysis) -> Section {
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    let mut text = Vec::new();
    if !a.nested.is_empty() {
        text.push("Refits say how many dimensions the agent's choices need at all.".to_owned());
        figures.push(Box::new(Curves {
            title: format!("Refits with fewer dimensions, {}", a.agent),
            x_label: "dimensions allowed".into(),
            x_spacing: Spacing::Logarithmic,
            y_label: "validation accuracy".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "refitted with so many dimensions".into(),
                points: a
                    .nested
                    .iter()
                    .map(|n| (n.dims as f64, n.accuracy).into())
                    .collect(),
            }],
            references: vec![("guessing".into(), CHANCE)],
            chosen: a.dims_choice.map(|choice| {
                (
                    choice.dims as f64,
                    "chosen: fewest within a standard error".to_owned(),
                )
            }),
            ..Curves::default()
        }));
    }
    if let Some(pruning) = &a.pruning {
        text.push("Weights kept per stimulus say how many dimensions a single stimulus needs: not how many the choices need, which published figures call by the same name.".to_owned());
        figures.push(Box::new(Curves {
            title: format!("Weights each stimulus needs, {}", a.agent),
            x_label: "largest weights kept per stimulus".into(),
            y_label: "held-out accuracy".into(),
            y_unit: Unit::Percent,
            series: vec![Series {
                label: "all other weights set to zero".into(),
                points: pruning
                    .accuracy
                    .iter()
                    .enumerate()
                    .map(|(k, &accuracy)| CurvePoint::from((k as f64, accuracy)))
                    .collect(),
            }],
            references: vec![("guessing".into(), CHANCE)],
            ..Curves::default()
        }));
        if let Some(low) = pruning.band.low.filter(|_| a.finding != Finding::AtChance) {
            text.push(format!(
                "{low} weights per stimulus keep 95 % of the accuracy above guessing{}.",
                pruning
                    .band
                    .high
                    .map_or_else(String::new, |high| format!(", {high} keep 99 %")),
            ));
        }
    }
    if let Some(choice) = a.dims_choice {
        text.push(format!(
            "{} dimensions were allowed in the fits above: the fewest whose validation loss is within one standard error ({:.4} nats) of the lowest, which {} dimensions reach.",
            choice.dims, choice.standard_error, choice.lowest_at,
        ));
    }
    if let Some(selection) = &a.selection {
        text.push(format!(
            "λ, the weight of the penalty that makes weights sparse, was chosen as {} by the loss on the validation choices alone{}.",
            selection.lambda,
            if selection.at_edge { ". It lies at the edge of the values tried, so a better one may lie beyond" } else { "" },
        ));
        let (shown, at_chance): (Vec<&Candidate>, Vec<&Candidate>) = selection
            .candidates
            .iter()
            .partition(|c| c.nll < guessing_nll() - 1e-6);
        if !at_chance.is_empty() {
            text.push(format!(
                "{} of the {} values tried predict no better than guessing; {}.",
                at_chance.len(),
                selection.candidates.len(),
                if shown.is_empty() {
                    "there is no choice of λ to show"
                } else {
                    "the figure leaves them out"
                },
            ));
        }
        if !shown.is_empty() {
            figures.push(Box::new(Curves {
                title: format!("Choosing λ, {}", a.agent),
                x_label: "λ".into(),
                x_spacing: Spacing::Logarithmic,
                y_label: "validation loss (nats per choice)".into(),
                series: vec![Series {
                    label: "one fit each".into(),
                    points: shown.iter().map(|c| (c.lambda, c.nll).into()).collect(),
                }],
                chosen: Some((selection.lambda, "chosen: lowest loss".into())),
                ..Curves::default()
            }));
        }
    }
    Section {
        heading,
        text,
        figures,
        ..Section::default()
    }
}
