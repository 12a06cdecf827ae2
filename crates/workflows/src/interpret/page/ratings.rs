//! Which ratings follow which dimensions, the names that follow from it, and classes beside chance.

use super::super::picture::Picture;
use super::super::{AgentMeaning, Interpretation, RatingsMeaning};
use super::{all, of, p};
use emotome_figures::Figure;
use emotome_figures::report::Section;
use emotome_figures::scale::{count, decimal};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::chance::{ClassChance, Permuted};
use emotome_interpret::naming::{Class, ClassCounts};
use emotome_interpret::rating::RatingKind;

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let agents = found.agents.iter();
    let looked: Vec<(&AgentMeaning, &RatingsMeaning)> = agents
        .filter_map(|a| Some((a, a.ratings.as_ref()?)))
        .collect();
    if looked.is_empty() {
        return None;
    }
    let mut text = vec![format!(
        "Every dimension was correlated with each of {} ratings.{} Size is what counts, and how far it exceeds what the best of so many ratings reaches by chance.",
        found.ratings.len(),
        match looked
            .iter()
            .all(|(_, ratings)| ratings.pearson.items >= MANY)
        {
            true =>
                " With thousands of stimuli nearly every correlation is significant, however small.",
            false => "",
        }
    )];
    text.extend(looked.iter().map(|(agent, ratings)| told(agent, ratings)));
    let mut tables = Vec::new();
    for (agent, ratings) in &looked {
        let names = of(found, agent, "Dimensions and the ratings that name them");
        tables.push((names, names_table(agent, ratings)));
        let counts = of(found, agent, "Dimensions with some |r| above a threshold");
        tables.push((counts, counts_table(ratings)));
    }
    Some(Section {
        heading: "Which ratings follow which dimensions".into(),
        text,
        figures: all(
            draw,
            &[
                Picture::RatingsHeatmap,
                Picture::ThresholdCurve,
                Picture::Chord,
                Picture::WordClouds,
            ],
        ),
        tables,
        cautions: cautions(found),
        ..Section::default()
    })
}

/// Stimuli of which a single |r| of .044 has p = .05.
const MANY: usize = 2000;

/// What was found about one agent, in words.
fn told(agent: &AgentMeaning, ratings: &RatingsMeaning) -> String {
    let pearson = &ratings.pearson;
    let significant = || {
        pearson
            .r
            .iter()
            .zip(&pearson.q)
            .filter(|(_, q)| **q <= 0.05)
    };
    let smallest = significant().map(|(r, _)| r.abs()).fold(f64::NAN, f64::min);
    let smallest = match smallest.is_nan() {
        true => String::new(),
        false => format!(", the smallest of them with |r| = {}", decimal(smallest)),
    };
    let chance = match pearson.curve.critical_any.is_nan() {
        true => String::new(),
        false => format!(
            " By chance the largest of all would exceed {} in one of twenty cases; the |r| of chance beside each dimension is exceeded in each dimension in 1 of 20 cases by chance, the bound in the table of thresholds anywhere in at most 1 of 20.",
            decimal(pearson.curve.critical_any)
        ),
    };
    let cells = pearson.q.iter().filter(|q| !q.is_nan()).count();
    format!(
        "{}: {} of {} correlations over {} stimuli are significant at a false-discovery rate of 5 %{smallest}.{chance}",
        agent.agent,
        count(significant().count() as u64),
        count(cells as u64),
        count(pearson.items as u64),
    )
}

fn cautions(found: &Interpretation) -> Vec<String> {
    let mut cautions = vec![
        "The strongest of many ratings is chosen after looking, so its r is too large on average; the more so, the closer it is to what chance gives.".to_owned(),
    ];
    let one = |k: usize| (k + 1).to_string();
    for agent in &found.agents {
        let Some(pairs) = &agent.pairs else { continue };
        let spreadless = pairs.empty_ratings.iter().chain(&pairs.constant_ratings);
        let named: Vec<&str> = spreadless
            .map(|&k| found.ratings[k].name.as_str())
            .collect();
        if !named.is_empty() {
            cautions.push(of(
                found,
                agent,
                &format!(
                    "Ratings without any spread have no correlations ({})",
                    named.join(", ")
                ),
            ));
        }
        let constant: Vec<String> = pairs.constant_dimensions.iter().map(|&d| one(d)).collect();
        if !constant.is_empty() {
            let what = format!(
                "Dimensions with one value for all stimuli have no correlations and no class ({})",
                constant.join(", ")
            );
            cautions.push(of(found, agent, &what));
        }
    }
    cautions
}

fn names_table(agent: &AgentMeaning, ratings: &RatingsMeaning) -> Table {
    let pearson = &ratings.pearson;
    let mut table = Table::new([
        "dimension",
        "name",
        "published rule",
        "r",
        "ci95 low",
        "ci95 high",
        "ρ",
        "chance |r| in this dimension",
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
            strongest.r.into(),
            interval.map(|ci| ci.low).into(),
            interval.map(|ci| ci.high).into(),
            strongest.rating.map(|k| ratings.spearman.r[[d, k]]).into(),
            strongest.critical.into(),
            strongest.q.into(),
            agent.variance_shares[d].into(),
        ]);
    }
    table
}

fn counts_table(ratings: &RatingsMeaning) -> Table {
    let curve = &ratings.pearson.curve;
    let mut table = Table::new([
        "threshold",
        "dimensions above",
        "chance mean",
        "chance 95 %, all thresholds together",
    ]);
    for (t, threshold) in curve.thresholds.iter().enumerate() {
        table.push([
            (*threshold).into(),
            curve.counts[t].into(),
            curve.null_mean.get(t).copied().into(),
            curve.null_high.get(t).copied().into(),
        ]);
    }
    table
}

pub(super) fn classes(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let mut text = vec![
        "A dimension is called after the ratings that correlate most with it, as long as the next drops by less than .09 and at most three; its class follows from whether these are emotion categories, affective dimensions or both. That is the rule behind published classes. Beside it stand the same rule restricted to dimensions that a rating follows more closely than chance, with the signs of categories kept, and classes by what only categories or only affective dimensions explain for stimuli held out.".to_owned(),
    ];
    let mut tables = Vec::new();
    for agent in &found.agents {
        let Some(ratings) = &agent.ratings else {
            continue;
        };
        let caption = of(
            found,
            agent,
            "Classes of dimensions by three rules, and by chance",
        );
        tables.push((caption, classes_table(agent, ratings)));
        if let Some((kinds, shuffles)) = null(ratings, Permuted::Kinds, Class::Category) {
            let number = |kind| found.ratings.iter().filter(|r| r.kind == kind).count();
            text.push(format!(
                "{}: if it meant nothing which ratings are called categories, {} dimensions would still be of class category ({} to {} in 95 % of shuffles), with {} categories and {} affective dimensions to choose from; by the published rule {} are (p = {}, {} shuffles).",
                agent.agent,
                decimal(kinds.mean),
                decimal(kinds.range[0]),
                decimal(kinds.range[1]),
                number(RatingKind::Category),
                number(RatingKind::Dimension),
                kinds.observed,
                p(kinds.p),
                count(shuffles as u64),
            ));
        }
    }
    (!tables.is_empty()).then(|| Section {
        heading: "What kind of dimensions these are".into(),
        text,
        figures: draw(Picture::ClassShares),
        tables,
        ..Section::default()
    })
}

/// A class under a null, and how often was permuted.
fn null(
    ratings: &RatingsMeaning,
    permuted: Permuted,
    class: Class,
) -> Option<(&ClassChance, usize)> {
    let mut nulls = ratings.class_nulls.iter();
    let null = nulls.find(|null| null.permuted == permuted)?;
    let mut classes = null.classes.iter();
    let found = classes.find(|chance| chance.class == class)?;
    Some((found, null.permutations))
}

fn classes_table(agent: &AgentMeaning, ratings: &RatingsMeaning) -> Table {
    let mut table = Table::new([
        "class",
        "published rule",
        "published, other stimuli: mean",
        "published, other stimuli: p",
        "published, kinds shuffled: mean",
        "published, kinds shuffled: p",
        "signed, beyond chance",
        "by explained variance",
    ]);
    let principled = agent.explained.as_ref().map(|explained| {
        let classes = explained.dimensions.iter().map(|d| d.class);
        classes.collect::<ClassCounts>()
    });
    for (class, word) in [
        (Class::Category, "category"),
        (Class::Hybrid, "hybrid"),
        (Class::Dimension, "dimension"),
        (Class::Shared, "shared"),
        (Class::Unexplained, "unexplained"),
    ] {
        // No label makes a shared dimension, and without regressions none is.
        let labelled = class != Class::Shared;
        if !labelled && principled.is_none() {
            continue;
        }
        let other = null(ratings, Permuted::Stimuli, class);
        let kinds = null(ratings, Permuted::Kinds, class);
        table.push([
            Cell::from(word),
            labelled.then(|| ratings.published.classes.of(class)).into(),
            other.map(|(c, _)| c.mean).into(),
            other.map(|(c, _)| c.p).into(),
            kinds.map(|(c, _)| c.mean).into(),
            kinds.map(|(c, _)| c.p).into(),
            labelled.then(|| ratings.signed.classes.of(class)).into(),
            principled.map(|counts| counts.of(class)).into(),
        ]);
    }
    table
}
