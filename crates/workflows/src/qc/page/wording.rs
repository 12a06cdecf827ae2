//! Whether other labels, or another caption, change the answers.

use super::super::QcSummary;
use super::super::wording::Factor;
use emotome_figures::report::Section;
use emotome_figures::scale::{Unit, percent};
use emotome_figures::table::{Cell, Table};

pub(super) fn wording(summary: &QcSummary) -> Section {
    let heading = "Labels and captions".to_owned();
    if summary.wording.is_empty() {
        return Section {
            heading,
            text: vec!["Whether the labels (1, 2, 3 or A, B, C) or the choice of caption move the answers cannot be told from this journal: no two of its agents that answered the same triplets differ in these alone. To learn it, ask for the same design again under another name, with a template that has other labels and the same words, or with another caption number.".to_owned()],
            ..Section::default()
        };
    }
    let mut table = Table::new([
        "first",
        "second",
        "differ_in",
        "n",
        "same_answer",
        "ci95",
        "repeats_of_first",
        "repeats_of_second",
        "places_differ_p",
        "p_adjusted",
    ]);
    for e in &summary.wording {
        let ci = e.same_ci95;
        let of_repeats = |k: usize| e.repeats[k].map(percent);
        table.push([
            Cell::from(e.first.as_str()),
            e.second.as_str().into(),
            match e.factor {
                Factor::Labels => "labels",
                Factor::Captions => "captions",
            }
            .into(),
            e.n.into(),
            percent(e.same).as_str().into(),
            format!(
                "{} to {}",
                Unit::Percent.show(ci.low),
                Unit::Percent.show(ci.high)
            )
            .as_str()
            .into(),
            of_repeats(0).as_deref().into(),
            of_repeats(1).as_deref().into(),
            e.same_places.p.into(),
            e.p_adjusted.into(),
        ]);
    }
    Section {
        heading,
        text: vec!["These agents differ in their labels alone, or in which caption of a stimulus they were shown, and answered the same triplets in the same order. If that plays no part, they agree as often as each agrees with itself when asked the same again (“repeats”), and both call each place odd equally often. An agreement surely below the repeats, or a small adjusted p, means that the labels or the caption decide some of the answers: then average over them, and report results for each.".to_owned()],
        tables: vec![("The same triplets in the same order; p tests whether the preferences for places differ (Stuart and Maxwell), adjusted over the rows (Holm)".to_owned(), table)],
        ..Section::default()
    }
}
