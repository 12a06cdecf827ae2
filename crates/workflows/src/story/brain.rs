//! Where regions of brains are like models.

use crate::map::region_map;
use crate::rsa::{RoiSummary, bars};
use emotome_brain::regions::RegionTable;
use emotome_figures::Figure;
use emotome_figures::cortex::CortexMap;
use emotome_figures::paint::Colours;
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_figures::table::{Cell, Table};
use emotome_stats::summary::mean;

/// Tells a comparison of regions with models; with a flat map for each model where regions are those of a table.
pub(crate) fn section(
    summary: &RoiSummary,
    regions: Option<&RegionTable>,
    text: Vec<String>,
    cautions: Vec<String>,
) -> Section {
    let subjects = summary.subjects.len();
    let mut told = text;
    told.push(format!(
        "In each of {subjects} subjects the distances between the patterns that stimuli evoke in a region are compared with the distances between the stimuli in each model. A star stands where every subject by itself exceeds what {} relabellings of the stimuli reach in any region with any model (p ≤ .05). The partial correlation is what is left of the likeness to a model when all other models are held constant.",
        count(u64::from(summary.permutations)),
    ));
    let mut cautions = cautions;
    cautions.push(format!(
        "With {subjects} subjects no test that flips the signs of subjects can reach p < {:.3}; what holds in each subject is said of these subjects, and of a population only as far as the prevalence in group.tsv goes.",
        summary.smallest_sign_flip_p
    ));
    let mut figures: Vec<Box<dyn Figure>> = vec![Box::new(bars(summary))];
    if let Some(table) = regions {
        let maps = summary.models.iter().filter_map(|model| {
            let map = flat(summary, table, &model.of.name)?;
            Some(Box::new(map) as Box<dyn Figure>)
        });
        figures.extend(maps);
    }
    Section {
        heading: "Where in the brain the geometry lies".into(),
        text: told,
        figures,
        tables: vec![("Regions and models, over subjects".into(), table(summary))],
        cautions,
        ..Section::default()
    }
}

/// The mean of each region on the flattened cortex, for all models in the same colours; outlined where every subject
/// has it.
fn flat(summary: &RoiSummary, table: &RegionTable, model: &str) -> Option<CortexMap> {
    let largest = summary.group.iter().map(|g| g.mean).fold(0.0, f64::max);
    let own = summary.group.iter().filter(|g| g.model == model);
    let values = own.map(|g| {
        let found = g.significant == Some(g.subjects);
        (g.region.clone(), g.mean, found)
    });
    let colours = Colours {
        quantity: "mean similarity".into(),
        limits: Some((0.0, largest)),
        outline: (summary.permutations > 0).then(|| "found in every subject".into()),
        ..Colours::default()
    };
    region_map(
        table,
        values,
        &format!("Regions of the cortex: {model}"),
        colours,
    )
}

fn table(summary: &RoiSummary) -> Table {
    let mut table = Table::new([
        "region",
        "model",
        "similarity",
        "partial_correlation",
        "subjects_found_in",
        "subjects",
        "ceiling_lower",
        "ceiling_upper",
    ]);
    for group in &summary.group {
        let partial: Vec<f64> = summary
            .cells
            .iter()
            .filter(|cell| cell.region == group.region && cell.model == group.model)
            .filter_map(|cell| cell.partial)
            .collect();
        let number = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Number);
        table.push([
            Cell::Text(group.region.clone()),
            Cell::Text(group.model.clone()),
            Cell::Number(group.mean),
            number((!partial.is_empty()).then(|| mean(&partial))),
            number(group.significant.map(|k| k as f64)),
            Cell::Number(group.subjects as f64),
            number(group.ceiling_lower),
            number(group.ceiling_upper),
        ]);
    }
    table
}
