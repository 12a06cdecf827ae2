//! Agreement of agents with each other and with people.

use super::super::QcSummary;
use super::plural;
use emotome_figures::Figure;
use emotome_figures::agreement::{AgreementCell, AgreementMatrix};
use emotome_figures::report::Section;
use emotome_figures::scale::{Unit, count, percent};
use emotome_figures::table::{Cell, Table};
use emotome_judges::agree::{Consistency, Pair};
use emotome_stats::interval::Interval;

pub(super) fn consistency(found: &Consistency, summary: &QcSummary) -> Section {
    let mut table = Table::new([
        "first",
        "second",
        "triplets",
        "agreement",
        "ci95",
        "ci95_over_stimuli",
        "above_chance",
        "κ",
        "κ_ci95",
        "same_order_n",
        "same_order",
        "places_differ_p",
    ]);
    for p in &found.pairs {
        let same = p.same_order.as_ref();
        let span =
            |ci: &Interval, unit: Unit| format!("{} to {}", unit.show(ci.low), unit.show(ci.high));
        table.push([
            Cell::from(p.first.as_str()),
            p.second.as_str().into(),
            p.triplets.into(),
            percent(p.raw).as_str().into(),
            span(&p.raw_ci95, Unit::Percent).as_str().into(),
            p.raw_ci95_stimuli
                .map(|ci| span(&ci, Unit::Percent))
                .as_deref()
                .into(),
            percent(p.chance_corrected).as_str().into(),
            p.kappa.into(),
            span(&p.kappa_ci95, Unit::Plain).as_str().into(),
            same.map(|s| s.n).into(),
            same.map(|s| percent(s.raw)).as_deref().into(),
            same.map(|s| s.same_places.p).into(),
        ]);
    }
    let mut text = vec![if found.pairs.is_empty() {
        "No two sources judged the same triplets, so nothing can be said about their agreement."
            .to_owned()
    } else if found.same_triplets {
        format!(
            "All pairs are compared on the same {} triplets, whatever their order of presentation; guessing agrees in 33.3 %.",
            count(found.triplets)
        )
    } else {
        format!(
            "The sources share too few triplets to compare all pairs on the same ones. Each pair is compared on {} of those that it shares, drawn by lot, so that the numbers are equal; guessing agrees in 33.3 %.",
            count(found.triplets)
        )
    }];
    for s in &found.sources {
        text.push(format!(
            "{}: {} answers to {} triplets{}{}.",
            s.name,
            count(s.answers),
            count(s.triplets),
            s.raters.map_or_else(String::new, |n| format!(" by {}", plural(n as usize, "person").replace("persons", "people"))),
            s.repeats_agree.map_or_else(
                || "; none was answered twice, so there is no ceiling".to_owned(),
                |share| format!("; two of its answers to one triplet agree in {} (over {} triplets), the most that another source can be expected to reach", percent(share), count(s.repeated)),
            ),
        ));
    }
    for d in &summary.differences {
        let what = match &d.settings[..] {
            [] => "the same in every setting that is recorded".to_owned(),
            some => some.iter().take(6).cloned().collect::<Vec<_>>().join("; "),
        };
        text.push(format!(
            "What sets {} and {} apart: {what}.",
            d.first, d.second
        ));
    }
    text.push("The intervals in the picture are the wider of two: of triplets and people drawn anew (hierarchical bootstrap), and of stimuli drawn anew (two-way variance). For agents that differ in their labels or captions alone, “places differ” tests whether these move the preference for a place (Stuart and Maxwell), on triplets in the same order.".to_owned());
    let figures: Vec<Box<dyn Figure>> = if found.pairs.is_empty() {
        Vec::new()
    } else {
        vec![Box::new(matrix(found))]
    };
    Section {
        heading: "Who agrees with whom".into(),
        text,
        figures,
        tables: if found.pairs.is_empty() {
            Vec::new()
        } else {
            vec![("Agreement of every pair".to_owned(), table)]
        },
        ..Section::default()
    }
}

/// The wider of the two intervals of an agreement.
fn widest(pair: &Pair) -> Interval {
    let width = |ci: &Interval| ci.high - ci.low;
    match pair.raw_ci95_stimuli {
        Some(ci) if width(&ci) > width(&pair.raw_ci95) => ci,
        _ => pair.raw_ci95,
    }
}

/// All pairs, with each source's agreement with its own repeats on the diagonal.
pub(crate) fn matrix(found: &Consistency) -> AgreementMatrix {
    let labels: Vec<String> = found.sources.iter().map(|s| s.name.clone()).collect();
    let at = |name: &str| {
        labels
            .iter()
            .position(|label| label == name)
            .unwrap_or(usize::MAX)
    };
    let mut cells: Vec<AgreementCell> = found
        .pairs
        .iter()
        .map(|p| AgreementCell {
            between: (at(&p.first), at(&p.second)),
            value: p.raw,
            ci95: Some(widest(p)),
            n: p.triplets,
        })
        .collect();
    cells.extend(found.sources.iter().enumerate().filter_map(|(i, s)| {
        Some(AgreementCell {
            between: (i, i),
            value: s.repeats_agree?,
            ci95: None,
            n: s.repeated,
        })
    }));
    AgreementMatrix {
        title: "Agreement on the same triplets".into(),
        quantity: "share of triplets answered alike".into(),
        unit: Unit::Percent,
        lowest: 1.0 / 3.0,
        labels,
        cells,
    }
}
