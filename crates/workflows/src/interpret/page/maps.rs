//! Maps of the stimuli.

use super::super::Interpretation;
use super::super::picture::Picture;
use super::all;
use emotome_figures::Figure;
use emotome_figures::report::Section;
use emotome_figures::table::{Cell, Table};

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let mut table = Table::new([
        "agent",
        "map",
        "neighbours",
        "trustworthiness",
        "continuity",
        "neighbours kept",
    ]);
    for agent in &found.agents {
        let Some(maps) = &agent.maps else { continue };
        for (name, map) in maps.named() {
            let quality = map.quality;
            table.push([
                Cell::from(agent.agent.as_str()),
                name.into(),
                quality.k.into(),
                quality.trustworthiness.into(),
                quality.continuity.into(),
                quality.preservation.into(),
            ]);
        }
    }
    (!table.is_empty()).then(|| Section {
        heading: "Maps of the stimuli".into(),
        text: vec![
            "Stimuli that lie close together in a map are alike in the embedding, as far as the table says. Only who is near to whom means anything: directions, distances between clusters and their sizes do not.".into(),
        ],
        figures: all(
            draw,
            &[
                Picture::Tsne,
                Picture::Umap,
                Picture::DimensionMaps,
                Picture::Petals,
            ],
        ),
        tables: vec![(
            "How much of the neighbourhoods the maps keep (1 is all)".into(),
            table,
        )],
        ..Section::default()
    })
}
