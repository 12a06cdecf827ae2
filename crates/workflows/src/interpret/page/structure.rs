//! Categories, dimensions, or both: what the space itself is like.

use super::super::picture::Picture;
use super::super::{Interpretation, SpaceStructure};
use super::{of, p};
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, decimal, percent};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::structure::Measure as Tested;
use emotome_interpret::structure::circular::Source;
use emotome_interpret::structure::verdict::Structure;

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let mut text = vec![
        "Whether a space is categorical or dimensional is asked in steps. Do ratings predict it at all? Does it have clusters, that is several peaks of density with valleys between them? Are stimuli that people rated as mixtures of two categories in between, or in one or the other? Clusters without anything in between make a categorical space, gradients without clusters a dimensional one, clusters with gradients a blended one.".to_owned(),
    ];
    let mut cautions = Vec::new();
    let mut measures = Vec::new();
    let mut tables = Vec::new();
    for agent in &found.agents {
        let Some(structure) = &agent.structure else {
            continue;
        };
        text.push(format!("{}: {}", agent.agent, told(structure)));
        measures.extend(measured(|what| of(found, agent, what), structure));
        if let Some(table) = pairs(found, structure) {
            tables.push((of(found, agent, "Stimuli between two categories"), table));
        }
        cautions.extend(circular(structure).map(|why| format!("{}: {why}", agent.agent)));
        let untested = structure.untested.iter();
        cautions.extend(untested.map(|why| format!("{}: not tested: {why}", agent.agent)));
    }
    (text.len() > 1).then(|| Section {
        heading: "Categories, dimensions, or both".into(),
        text,
        measures,
        figures: draw(Picture::Classification),
        tables,
        cautions,
    })
}

fn told(structure: &SpaceStructure) -> String {
    let Some(verdict) = &structure.verdict else {
        return "no verdict.".into();
    };
    let answer = match verdict.structure {
        Structure::Categorical => "categorical: clusters, with mixtures in one or the other",
        Structure::Dimensional => "dimensional: no clusters, and mixtures in between",
        Structure::Blended => "blended: clusters, with mixtures in between",
        Structure::Unrelated => "unrelated to these ratings",
        Structure::Undecided => "undecided: none of the three could be shown",
    };
    let modes = &verdict.modes;
    format!(
        "{answer}. Ratings explain {} of its components for stimuli held out (p = {}). Its density has {} (p = {}). A mixture is {} nats better described as in between than as at either end ({} to {}).",
        percent(verdict.relation),
        p(verdict.relation_chance.p),
        match modes.peaks {
            1 => "one peak".to_owned(),
            n => format!("{n} peaks beyond chance"),
        },
        p(modes.chance.p),
        decimal(verdict.blends.advantage.value),
        decimal(verdict.blends.advantage.interval.low),
        decimal(verdict.blends.advantage.interval.high),
    )
}

/// Why accuracies of an agent may say nothing.
fn circular(structure: &SpaceStructure) -> Option<String> {
    let found = structure
        .circularity
        .as_ref()
        .filter(|found| found.circular)?;
    Some(format!(
        "labels and space come from the same numbers ({}), so that telling the labels from the space shows nothing. Labels from half of the raters do not help either: all raters are behind the space. Fit the space to the ratings of one half, and take labels from the other.",
        source(found.source)
    ))
}

pub(in crate::interpret) const fn source(source: Source) -> &'static str {
    match source {
        Source::SameColumns => "the ratings are columns of the space",
        Source::SameLinear => "the ratings are linear in the space",
        Source::SharedNoise => {
            "the space follows the ratings more closely than independent raters could"
        }
        _ => "independent",
    }
}

fn measured(of: impl Fn(&str) -> String, structure: &SpaceStructure) -> Vec<Measure> {
    let mut measures = Vec::new();
    let mut tested = |name: &str, meaning: &str, unit: Unit, test: &Tested, n: (usize, &str)| {
        measures.push(Measure {
            name: of(name),
            meaning: format!("{meaning} p = {}.", p(test.chance.p)),
            value: test.estimate.value,
            unit,
            ci95: Some(test.estimate.interval),
            n: Some((n.0 as u64, n.1.to_owned())),
            chance: Some(test.chance.mean),
            ..Measure::default()
        });
    };
    if let Some(blends) = &structure.blends {
        let n = (blends.mixed, "mixed stimuli");
        tested(
            "Place and mixture",
            "Correlation of where a mixed stimulus lies between two categories with how people mixed them.",
            Unit::Plain,
            &blends.r,
            n,
        );
        tested(
            "Mixtures in between",
            "Share of mixed stimuli between the mean places of the two categories.",
            Unit::Percent,
            &blends.between,
            n,
        );
    }
    if let Some(dimensions) = &structure.dimensionality {
        let items = Some((dimensions.items as u64, "stimuli".to_owned()));
        for (name, meaning, estimate) in [
            (
                "Directions of variance",
                "Participation ratio: as many equal directions would vary as much.",
                &dimensions.participation,
            ),
            (
                "Intrinsic dimensions, two neighbours",
                "Directions in which a stimulus can move to another like it (TwoNN).",
                &dimensions.two_nearest,
            ),
            (
                "Intrinsic dimensions, likelihood",
                "The same from 10 to 20 neighbours.",
                &dimensions.likelihood,
            ),
        ] {
            measures.push(Measure {
                name: of(name),
                meaning: meaning.into(),
                value: estimate.value,
                ci95: Some(estimate.interval),
                n: items.clone(),
                ..Measure::default()
            });
        }
        measures.push(Measure {
            name: of("Components beyond chance"),
            meaning: "Parallel analysis: principal components with more variance than those of independent columns.".into(),
            value: dimensions.parallel as f64,
            n: items,
            ..Measure::default()
        });
    }
    measures
}

/// The pairs of categories with most mixed stimuli.
fn pairs(found: &Interpretation, structure: &SpaceStructure) -> Option<Table> {
    let blends = structure
        .blends
        .as_ref()
        .filter(|blends| !blends.pairs.is_empty())?;
    let categories: Vec<&str> = found
        .ratings
        .iter()
        .filter(|r| r.kind == emotome_interpret::rating::RatingKind::Category)
        .map(|r| r.name.as_str())
        .collect();
    let mut order: Vec<_> = blends.pairs.iter().collect();
    order.sort_by_key(|pair| std::cmp::Reverse(pair.mixed));
    let mut table = Table::new([
        "first",
        "second",
        "mixed stimuli",
        "r of place and mixture",
        "mean place",
        "in between",
        "distance from the line",
        "advantage of in between",
    ]);
    for pair in order {
        let [a, b] = pair.categories;
        table.push([
            Cell::from(categories[a]),
            categories[b].into(),
            pair.mixed.into(),
            pair.r.into(),
            pair.position.into(),
            pair.between.into(),
            pair.off_line.into(),
            pair.advantage.into(),
        ]);
    }
    Some(table)
}
