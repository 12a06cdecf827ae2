//! A number of dimensions that is imposed, beside the one that validation chose.

use super::trust;
use crate::analysis::{Analysis, Imposed};
use emotome_embedding::evaluate::score::CHANCE;
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, percent};

pub(super) fn section(heading: String, a: &Analysis, imposed: &Imposed) -> Section {
    let seeds = &imposed.seed_val_accuracy;
    let least = seeds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seeds.iter().copied().fold(0.0, f64::max);
    let mut text = vec![format!(
        "{} dimensions are given here, not chosen: a number to compare with other work that has as many. Of {} fits with the same λ, that with the lowest validation loss stands for all; their validation accuracies lie between {} and {}.",
        imposed.dims,
        seeds.len(),
        percent(least),
        percent(most),
    )];
    if imposed.fitted_dims < imposed.dims {
        text.push(format!(
            "The penalty left {} of them without any weight.",
            imposed.dims - imposed.fitted_dims
        ));
    }
    let mut figures: Vec<Box<dyn Figure>> = Vec::new();
    match &imposed.single_fit {
        Some(single) => {
            text.push(trust::core(&single.reproducibility));
            text.push(trust::self_match(single));
            let of = format!("{}, {} dimensions", a.agent, imposed.dims);
            figures.push(Box::new(trust::figure(&of, &single.reproducibility)));
        }
        None => text.push("Nothing can be said about how its dimensions come back: that needs two seeds and six stimuli.".into()),
    }
    if let Some((low, high)) = imposed
        .pruning
        .as_ref()
        .and_then(|p| p.band.low.zip(p.band.high))
    {
        text.push(format!(
            "{low} weights per stimulus keep 95 % of the accuracy above guessing, {high} keep 99 %."
        ));
    }
    let test = &imposed.test;
    Section {
        heading,
        text,
        measures: vec![Measure {
            name: format!("Held-out accuracy with {} dimensions", imposed.dims),
            meaning: format!(
                "Share of {} choices on unseen triplets that the embedding predicts; ties credited fairly.",
                count(test.n as u64)
            ),
            value: test.accuracy,
            unit: Unit::Percent,
            ci95: Some(test.accuracy_ci95),
            n: Some((test.n as u64, "held-out choices".into())),
            chance: Some(CHANCE),
            ceiling: a.ceiling.as_ref().map(|c| c.any_order.bracket),
        }],
        figures,
        ..Section::default()
    }
}
