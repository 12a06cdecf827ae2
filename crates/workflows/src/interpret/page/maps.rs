//! Maps of the stimuli.

use super::super::{AgentMeaning, Interpretation};
use emotome_figures::report::Section;
use emotome_figures::table::{Cell, Table};

pub(super) fn section(
    heading: String,
    agent: &AgentMeaning,
    _found: &Interpretation,
) -> Option<Section> {
    let maps = agent.maps.as_ref()?;
    let mut table = Table::new([
        "map",
        "neighbours",
        "trustworthiness",
        "continuity",
        "neighbours kept",
    ]);
    for (name, map) in [("t-SNE", &maps.tsne), ("UMAP", &maps.umap)] {
        let quality = map.quality;
        table.push([
            Cell::from(name),
            quality.k.into(),
            quality.trustworthiness.into(),
            quality.continuity.into(),
            quality.preservation.into(),
        ]);
    }
    Some(Section {
        heading,
        text: vec![
            "Stimuli that lie close together in a map are alike in the embedding, as far as the table says. Only who is near to whom means anything: directions, distances between clusters and their sizes do not.".into(),
        ],
        tables: vec![("How much of the neighbourhoods the maps keep (1 is all)".into(), table)],
        ..Section::default()
    })
}
