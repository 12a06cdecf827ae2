//! Which ratings follow which dimensions, the names that follow from it, and classes beside chance.

use super::super::{AgentMeaning, Interpretation};
use super::p;
use emotome_figures::report::Section;
use emotome_figures::scale::count;
use emotome_figures::table::{Cell, Table};
use emotome_interpret::chance::Permuted;
use emotome_interpret::naming::Class;

pub(super) fn section(
    heading: String,
    agent: &AgentMeaning,
    found: &Interpretation,
) -> Option<Section> {
    let ratings = agent.ratings.as_ref()?;
    let pearson = &ratings.pearson;
    let significant = pearson.q.iter().filter(|q| **q <= 0.05).count();
    let cells = pearson.q.iter().filter(|q| !q.is_nan()).count();
    let smallest = pearson
        .r
        .iter()
        .zip(&pearson.q)
        .filter(|(_, q)| **q <= 0.05)
        .map(|(r, _)| r.abs())
        .fold(f64::NAN, f64::min);
    let text = vec![format!(
        "Each of {} dimensions was correlated with each of {} ratings over {} stimuli. {} of {} correlations are significant at a false-discovery rate of 5 %, the smallest of them with |r| = {:.3}: with so many stimuli significance says little, and size is what counts. The best of {} ratings reaches |r| = {:.2} in some dimension in one of twenty sets of ratings that belong to other stimuli.",
        agent.dims,
        found.ratings.len(),
        count(pearson.items as u64),
        count(significant as u64),
        count(cells as u64),
        smallest,
        found.ratings.len(),
        pearson.curve.critical_any,
    )];
    let mut table = Table::new([
        "dimension",
        "name",
        "published rule",
        "strongest rating",
        "r",
        "ci95 low",
        "ci95 high",
        "ρ",
        "chance |r|",
        "q",
        "share of variance",
    ]);
    for (d, strongest) in pearson.strongest.iter().enumerate() {
        let interval = strongest
            .rating
            .and_then(|k| Some(pearson.intervals.as_ref()?.bounds[[d, k]]));
        table.push([
            Cell::from(d + 1),
            ratings.signed.dimensions[d].name.as_str().into(),
            ratings.published.dimensions[d].name.as_str().into(),
            strongest
                .rating
                .map(|k| found.ratings[k].name.as_str())
                .into(),
            strongest.r.into(),
            interval.map(|ci| ci.low).into(),
            interval.map(|ci| ci.high).into(),
            strongest.rating.map(|k| ratings.spearman.r[[d, k]]).into(),
            strongest.critical.into(),
            strongest.q.into(),
            agent.variance_shares[d].into(),
        ]);
    }
    let curve = &pearson.curve;
    let mut counts = Table::new([
        "threshold",
        "dimensions above",
        "by chance, mean",
        "by chance, 95 %",
    ]);
    for (t, threshold) in curve.thresholds.iter().enumerate() {
        counts.push([
            (*threshold).into(),
            curve.counts[t].into(),
            curve.null_mean.get(t).copied().into(),
            curve.null_high.get(t).copied().into(),
        ]);
    }
    let mut cautions = vec![
        "The strongest of many ratings is chosen after looking: its r is too large by about the chance |r| where that is close to it.".to_owned(),
    ];
    let empty = &agent.pairs.empty_ratings;
    let constant = &agent.pairs.constant_ratings;
    if !empty.is_empty() || !constant.is_empty() {
        let named = empty
            .iter()
            .chain(constant)
            .map(|&k| found.ratings[k].name.as_str());
        cautions.push(format!(
            "Ratings without any spread were left out: {}.",
            named.collect::<Vec<_>>().join(", ")
        ));
    }
    if !agent.pairs.constant_dimensions.is_empty() {
        let named = agent
            .pairs
            .constant_dimensions
            .iter()
            .map(|d| (d + 1).to_string());
        cautions.push(format!(
            "Dimensions with one value for all stimuli have no correlations: {}.",
            named.collect::<Vec<_>>().join(", ")
        ));
    }
    Some(Section {
        heading,
        text,
        tables: vec![
            ("Dimensions and the ratings that name them".into(), table),
            ("Dimensions with some |r| above a threshold".into(), counts),
        ],
        cautions,
        ..Section::default()
    })
}

pub(super) fn classes(heading: String, agent: &AgentMeaning) -> Option<Section> {
    let ratings = agent.ratings.as_ref()?;
    let mut table = Table::new([
        "class",
        "published rule",
        "beyond chance, signed",
        "by explained variance",
        "mean, other stimuli",
        "p, other stimuli",
        "mean, kinds shuffled",
        "p, kinds shuffled",
    ]);
    let principled = agent.explained.as_ref().map(|explained| {
        let classes = explained.dimensions.iter().map(|d| d.class);
        classes.collect::<emotome_interpret::naming::ClassCounts>()
    });
    let null = |permuted, class| {
        let null = ratings
            .class_nulls
            .iter()
            .find(|null| null.permuted == permuted)?;
        null.classes.iter().find(|chance| chance.class == class)
    };
    for (class, word) in [
        (Class::Category, "category"),
        (Class::Hybrid, "hybrid"),
        (Class::Dimension, "dimension"),
        (Class::Unexplained, "unexplained"),
    ] {
        let other = null(Permuted::Stimuli, class);
        let kinds = null(Permuted::Kinds, class);
        table.push([
            Cell::from(word),
            ratings.published.classes.of(class).into(),
            ratings.signed.classes.of(class).into(),
            principled.map(|counts| counts.of(class)).into(),
            other.map(|c| c.mean).into(),
            other.map(|c| c.p).into(),
            kinds.map(|c| c.mean).into(),
            kinds.map(|c| c.p).into(),
        ]);
    }
    let kinds = null(Permuted::Kinds, Class::Category);
    let text = vec![
        "A dimension is called after the ratings that correlate most with it, as long as the next drops by less than .09 and at most three; its class follows from whether these are emotion categories, affective dimensions or both. That is the rule behind published classes. Beside it stand the same rule restricted to dimensions that a rating follows more closely than chance, with the signs of categories kept, and classes by what only categories or only affective dimensions explain for stimuli held out.".to_owned(),
        kinds.map_or_else(String::new, |kinds| format!(
            "Counts need a comparison: if it meant nothing which ratings are called categories, {:.1} dimensions would still be of class category ({:.0} to {:.0} in 95 % of shuffles), against {} found (p = {}), because there are more categories to choose from.",
            kinds.mean,
            kinds.range[0],
            kinds.range[1],
            kinds.observed,
            p(kinds.p)
        )),
    ];
    Some(Section {
        heading,
        text: text.into_iter().filter(|t| !t.is_empty()).collect(),
        tables: vec![(
            "Classes of dimensions by three rules, and by chance".into(),
            table,
        )],
        ..Section::default()
    })
}
