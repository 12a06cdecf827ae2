//! Tables, a figure and provenance of regions.

use super::super::models::LeftOut;
use super::super::searchlight::write_left_out;
use super::super::volume;
use super::{RoiCell, RoiGroup, RoiRequest, RoiSummary};
use crate::WorkflowError;
use emotome_brain::inference::exchange::Exchange;
use emotome_brain::rdm::Comparison;
use emotome_figures::export::{Format, export};
use emotome_figures::region_bars::{RegionBars, RegionScores};
use emotome_figures::render::{Print, Theme};
use emotome_stats::interval::Interval;
use emotome_stimuli::output;
use emotome_stimuli::provenance::Provenance;
use serde_json::json;
use std::fmt::Write as _;

/// Writes everything that was found.
pub(super) fn write(
    request: &RoiRequest,
    summary: &RoiSummary,
    left_out: &[LeftOut],
) -> Result<(), WorkflowError> {
    let (out, overwrite) = (&request.out, request.overwrite);
    let synthetic = summary.subjects.iter().any(|subject| subject.synthetic);
    volume::describe(out, overwrite, "regions", synthetic)?;
    output::write(
        out.join("regions.tsv"),
        overwrite,
        cells_tsv(&summary.cells).as_bytes(),
    )?;
    output::write(
        out.join("group.tsv"),
        overwrite,
        group_tsv(&summary.group).as_bytes(),
    )?;
    write_left_out(out, overwrite, left_out)?;
    let figure = bars(summary);
    let formats = [Format::Svg, Format::Pdf, Format::Png, Format::Tsv];
    for asset in export(
        &figure,
        "region-bars",
        &formats,
        Theme::Light,
        Print::default(),
    )? {
        output::write(out.join(&asset.name), overwrite, &asset.bytes)?;
    }
    output::write_json(out.join("roi.json"), overwrite, summary)?;
    let mut provenance = Provenance::new(
        request.command.clone(),
        Some(request.seed.0),
        json!({
            "regions": request.regions,
            "parcels": request.parcels,
            "fewest": request.fewest,
            "distance": request.distance,
            "comparison": request.comparison,
            "pairs": request.pairs,
            "repeats": request.repeats,
            "exchange": request.exchange,
            "permutations": request.permutations,
            "bootstraps": request.bootstraps,
        }),
    );
    for store in &request.stores {
        provenance.add_input(store.join("store.json"))?;
    }
    for of in &request.models {
        provenance.add_input(&of.path)?;
    }
    Ok(provenance.write(out.join("provenance.json"), overwrite)?)
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "n/a".to_owned()
    } else {
        value.to_string()
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "n/a".to_owned(), number)
}

fn cells_tsv(cells: &[RoiCell]) -> String {
    let mut text = String::from(
        "subject\tregion\tvoxels\tmodel\tvalue\tp\tp_fwe\tq\tpartial\tunique_r2\tpublished_pairs_t_p\n",
    );
    for c in cells {
        let numbers = [
            c.p,
            c.p_fwe,
            c.q,
            c.partial,
            c.unique_r2,
            c.published_pairs_t_p,
        ]
        .map(optional)
        .join("\t");
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{numbers}",
            c.subject,
            c.region,
            c.voxels,
            c.model,
            number(c.value)
        );
    }
    text
}

fn group_tsv(group: &[RoiGroup]) -> String {
    let mut text = String::from(
        "region\tmodel\tsubjects\tmean\tsignificant\tat_least_two_p\tprevalence_lower\tceiling_lower\tceiling_upper\tbootstrap_p\tbootstrap_ceiling_p\tpublished_paired_t_p\n",
    );
    for g in group {
        let significant = g
            .significant
            .map_or_else(|| "n/a".to_owned(), |k| k.to_string());
        let numbers = [
            g.at_least_two_p,
            g.prevalence_lower,
            g.ceiling_lower,
            g.ceiling_upper,
            g.bootstrap_p,
            g.bootstrap_ceiling_p,
            g.published_paired_t_p,
        ]
        .map(optional)
        .join("\t");
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{significant}\t{numbers}",
            g.region,
            g.model,
            g.subjects,
            number(g.mean)
        );
    }
    text
}

/// Bars by region with a dot a subject; stars from tests that every subject passes.
pub(crate) fn bars(summary: &RoiSummary) -> RegionBars {
    let models: Vec<String> = summary
        .models
        .iter()
        .map(|report| report.of.name.clone())
        .collect();
    let mut regions: Vec<RegionScores> = Vec::new();
    for group in &summary.group {
        if regions
            .last()
            .is_none_or(|region| region.name != group.region)
        {
            regions.push(RegionScores {
                name: group.region.clone(),
                scores: Vec::new(),
                stars: Vec::new(),
                ceiling: group
                    .ceiling_lower
                    .zip(group.ceiling_upper)
                    .map(|(low, high)| Interval { low, high }),
            });
        }
        if let Some(region) = regions.last_mut() {
            let scores = summary.subjects.iter().map(|subject| {
                summary
                    .cells
                    .iter()
                    .find(|cell| {
                        cell.subject == subject.subject
                            && cell.region == group.region
                            && cell.model == group.model
                    })
                    .map_or(f64::NAN, |cell| cell.value)
            });
            region.scores.push(scores.collect());
            let all = group.significant.is_some_and(|k| k == group.subjects);
            region
                .stars
                .push(if all { "*".to_owned() } else { String::new() });
        }
    }
    RegionBars {
        title: "Regions and models".to_owned(),
        narrow: false,
        quantity: format!("similarity ({})", words(summary.comparison)),
        models,
        regions,
        test: match summary.permutations {
            0 => String::new(),
            n => format!(
                "* in every subject p ≤ .05 among {n} relabellings ({}), largest of all regions and models",
                exchange_words(summary.exchange)
            ),
        },
        ceiling: "noise ceiling, lower to upper bound".to_owned(),
    }
}

const fn words(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Pearson => "Pearson r",
        Comparison::Spearman => "Spearman ρ",
        Comparison::Cosine => "cosine",
        Comparison::RhoA => "ρ_a",
        Comparison::KendallTauA => "Kendall τ_a",
        Comparison::KendallTauB => "Kendall τ_b",
        Comparison::CosineCov => "whitened cosine",
        Comparison::CorrCov => "whitened correlation",
        Comparison::DebiasedCka => "debiased CKA",
        Comparison::Bures => "Bures similarity",
    }
}

fn exchange_words(exchange: Exchange) -> String {
    match exchange {
        Exchange::RunBlocks => "whole runs".to_owned(),
        other => format!("{other:?}"),
    }
}
