//! Similarity of a few stimuli, measured and predicted.

use super::Material;
use crate::analysis::{Analysis, Prediction};
use emotome_embedding::evaluate::rsm::{self, RsmCorrelation};
use emotome_figures::heatmap::SimilarityMap;
use emotome_figures::order;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, decimal, percent};
use emotome_figures::scatter::Scatter;
use emotome_stats::interval::Interval;
use ndarray::Array2;

/// Share of the variance at which fewer weights predict similarities as all do.
const ENOUGH: f64 = 0.95;

pub(super) fn section(heading: String, a: &Analysis, material: &Material) -> Option<Section> {
    let full = a.full_set.as_ref()?;
    let labels: Vec<String> = full
        .items
        .iter()
        .map(|&i| material.stimuli.keys()[i].to_string())
        .collect();
    let order = order::clustered(full.measured.view());
    let map = |title: &str, values: &Array2<f64>| SimilarityMap {
        title: format!("{title}, {}", a.agent),
        quantity: "share of triplets in which the pair stays together".into(),
        values: values.clone(),
        labels: labels.clone(),
        order: order.clone(),
        order_note: "ordered by average-linkage clustering of the measured similarities".into(),
    };
    let n = full.items.len();
    let c = &full.correlation;
    let possible = n * n.saturating_sub(1) * n.saturating_sub(2) / 6;
    let judged = if full.triplets == possible {
        format!("All triplets of {n} stimuli were judged")
    } else {
        format!(
            "{} of the {} triplets of {n} stimuli were judged",
            count(full.triplets as u64),
            count(possible as u64)
        )
    };
    let repeats = full.explained.is_some();
    let mut text = vec![format!(
        "{judged} ({} choices), none of them used in fitting. For each pair the measured similarity is the share of those triplets in which the pair stays together; the embedding predicts it over exactly the same triplets.",
        count(full.trials as u64)
    )];
    text.push(match (repeats, full.triplets == full.trials) {
        (false, _) => "Halves of the choices give similarities that do not correlate: the measurement is noise, and there is no ceiling to compare with.".into(),
        (true, true) => "The ceiling comes from halving the choices at random. Each triplet was judged once, so the halves differ in their third stimuli, which the whole does not: the ceiling shown is somewhat too low.".into(),
        (true, false) => "The ceiling comes from halving the choices at random, the repeats of a triplet dealt evenly.".into(),
    });
    let parts = &full.dominance;
    if parts.without_dominant.r.is_finite() {
        text.push(format!(
            "The largest dimension alone gives r = {}; all others without it give r = {}.",
            decimal(parts.dominant_alone.r),
            decimal(parts.without_dominant.r),
        ));
    }
    if let Some(k) = full.pruned_r2.iter().position(|&r2| r2 >= ENOUGH) {
        text.push(format!(
            "With only the k largest weights of each stimulus, k = {k} is the first to predict similarities that share {} of the variance of those predicted with all {} dimensions.",
            percent(ENOUGH),
            a.dims
        ));
    }
    Some(Section {
        heading,
        text,
        measures: vec![
            Measure {
                name: "Correlation of predicted with measured similarity".into(),
                meaning: "Pearson's r over pairs; the interval resamples stimuli, because pairs that share a stimulus are not independent.".into(),
                value: c.r,
                unit: Unit::Plain,
                ci95: Some(c.ci95),
                n: Some((c.pairs as u64, "pairs".into())),
                chance: Some(0.0),
                ceiling: repeats.then_some(Interval { low: full.split_half.ceiling, high: full.split_half.ceiling }),
            },
            Measure {
                name: "The same, published interval".into(),
                meaning: "Resamples pairs as if they were independent. Too narrow; shown for comparison with published numbers.".into(),
                value: full.published.r,
                unit: Unit::Plain,
                ci95: Some(full.published.ci95),
                n: Some((full.published.pairs as u64, "pairs".into())),
                chance: Some(0.0),
                ceiling: None,
            },
        ],
        figures: vec![
            Box::new(points(
                format!("Predicted against measured similarity, {}", a.agent),
                (&full.measured, &full.predicted),
                &full.correlation,
                repeats.then_some(full.split_half.ceiling),
            )),
            Box::new(map("Measured similarities", &full.measured)),
            Box::new(map("Predicted similarities", &full.predicted)),
        ],
        ..Section::default()
    })
}

/// A point for each pair; the ceiling where the measurement repeats.
pub(crate) fn scatter(title: String, found: &Prediction) -> Scatter {
    let repeats = rsm::explained(found.correlation.r, &found.split_half).is_ok();
    points(
        title,
        (&found.measured.similarity, &found.predicted),
        &found.correlation,
        repeats.then_some(found.split_half.ceiling),
    )
}

fn points(
    title: String,
    (measured, predicted): (&Array2<f64>, &Array2<f64>),
    correlation: &RsmCorrelation,
    ceiling: Option<f64>,
) -> Scatter {
    let n = measured.nrows();
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| [i, j]));
    Scatter {
        title,
        x_label: "similarity measured from choices".into(),
        y_label: "similarity predicted by the embedding".into(),
        points: pairs
            .map(|pair| (measured[pair], predicted[pair]))
            .collect(),
        r: correlation.r,
        ci95: Some(correlation.ci95),
        ceiling,
    }
}
