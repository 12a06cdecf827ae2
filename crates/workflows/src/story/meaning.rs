//! What the dimensions hold: their strongest stimuli and the ratings they go with.

use super::Material;
use emotome_embedding::Embedding;
use emotome_figures::dimensions::{DimensionCard, TopStimuli, TopStimulus};
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_stats::correlation::cross_correlation;
use ndarray::Axis;

const TOP_STIMULI: usize = 4;
const RELATED: usize = 3;
const CARDS: usize = 12;

/// `whose` names the embedding in the title of the figure.
pub(super) fn section(
    heading: String,
    whose: &str,
    embedding: &Embedding,
    material: &Material,
) -> Option<Section> {
    if embedding.n_dims() == 0 {
        return None;
    }
    let rated = rated(material);
    let mut text = "The stimuli with the largest weights show what a dimension holds.".to_owned();
    if material.scales.is_empty() {
        text += " No ratings of the stimuli were given, so no scale stands beside them.";
    } else {
        text += &format!(
            " Beside them stand the {RELATED} ratings that correlate most with the dimension, among {}. A correlation names nothing by itself: a dimension that no rating describes has small ones.",
            material.raters
        );
        if rated.len() < material.stimuli.len() {
            text += &format!(
                " Correlations are over the {} stimuli that have all ratings.",
                count(rated.len() as u64)
            );
        }
    }
    let shown = embedding.n_dims().min(CARDS);
    let hidden = material.showable.iter().filter(|shown| !**shown).count();
    let mut cautions = Vec::new();
    if shown < embedding.n_dims() {
        cautions.push(format!(
            "The {shown} largest of {} dimensions are shown; all stand in embedding.tsv.",
            embedding.n_dims()
        ));
    }
    if hidden > 0 {
        cautions.push(format!(
            "{} stimuli are flagged as sensitive and not shown here, even where they weigh most.",
            count(hidden as u64)
        ));
    }
    Some(Section {
        heading,
        text: vec![text],
        figures: vec![Box::new(TopStimuli {
            title: format!("Strongest stimuli of each dimension, {whose}"),
            ratings: material.raters.clone(),
            dimensions: cards(embedding, material, &rated, shown),
        })],
        cautions,
        ..Section::default()
    })
}

/// The stimuli that have all ratings.
fn rated(material: &Material) -> Vec<usize> {
    let rows = material.ratings.rows().into_iter().enumerate();
    rows.filter(|(_, row)| row.iter().all(|v| v.is_finite()))
        .map(|(i, _)| i)
        .collect()
}

fn cards(
    embedding: &Embedding,
    material: &Material,
    rated: &[usize],
    shown: usize,
) -> Vec<DimensionCard> {
    let x = embedding.values().mapv(f64::from);
    let r = cross_correlation(
        x.select(Axis(0), rated).view(),
        material.ratings.select(Axis(0), rated).view(),
    );
    (0..shown)
        .map(|f| {
            let mut scales: Vec<usize> = (0..material.scales.len())
                .filter(|&s| r[[f, s]].is_finite())
                .collect();
            scales.sort_by(|&a, &b| r[[f, b]].abs().total_cmp(&r[[f, a]].abs()).then(a.cmp(&b)));
            let mut stimuli: Vec<usize> = (0..x.nrows())
                .filter(|&i| material.showable[i] && x[[i, f]] > 0.0)
                .collect();
            stimuli.sort_by(|&a, &b| x[[b, f]].total_cmp(&x[[a, f]]).then(a.cmp(&b)));
            DimensionCard {
                label: format!("Dimension {}", f + 1),
                related: scales
                    .into_iter()
                    .take(RELATED)
                    .map(|s| (material.scales[s].clone(), r[[f, s]]))
                    .collect(),
                stimuli: stimuli
                    .into_iter()
                    .take(TOP_STIMULI)
                    .map(|i| TopStimulus {
                        key: material.stimuli.keys()[i].to_string(),
                        caption: material.captions[i].clone(),
                        weight: x[[i, f]],
                    })
                    .collect(),
            }
        })
        .collect()
}
