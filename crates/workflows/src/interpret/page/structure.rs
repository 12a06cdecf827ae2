//! Categories, dimensions, or both: what the space itself is like.

use super::super::picture::Picture;
use super::super::{Interpretation, SpaceStructure};
use super::{of, p};
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, decimal, percent};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::structure::Measure as Tested;
use emotome_interpret::structure::circular::Source;
use emotome_interpret::structure::tendency::Continuum;
use emotome_interpret::structure::verdict::Structure;

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let mut text = vec![
        "Whether a space is categorical or dimensional is asked in steps. Do ratings predict it at all? Does it have clusters, that is several peaks of density with valleys between them? Are these clusters the categories? Are stimuli that people rated as mixtures of two categories in between, or in one or the other? Each answer must exceed what permuted ratings, or other stimuli in their place, would give. Clusters that are the categories, without anything in between, make a categorical space; gradients where no clusters are shown a dimensional one; clusters that are the categories, with gradients, a blended one. All else is undecided.".to_owned(),
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
    let answer = answer(verdict.structure);
    let modes = &verdict.modes;
    format!(
        "{answer}. Ratings explain {} of its {} for stimuli held out (p = {}). Its density, in these components, has {} (p = {}); peaks and categories agree by {} (adjusted mutual information, 0 by chance; p = {}). In these components a mixture is {} nats better described as in between than as at either end ({} to {}; p = {} of as much with pure stimuli in their place, {} of as little with stimuli from elsewhere), and mixtures are nearer to the line between their categories than other stimuli with p = {}.{}",
        percent(verdict.relation),
        match verdict.components {
            1 => "one component beyond chance".to_owned(),
            n => format!("{n} components beyond chance"),
        },
        p(verdict.relation_chance.p),
        match modes.peaks {
            1 => "one peak".to_owned(),
            n => format!("{n} peaks beyond chance"),
        },
        p(modes.chance.p),
        decimal(verdict.agreement.adjusted),
        p(verdict.agreement.chance.p),
        decimal(verdict.blends.advantage.value),
        decimal(verdict.blends.advantage.interval.low),
        decimal(verdict.blends.advantage.interval.high),
        p(verdict.blends.advantage_pure.p),
        p(verdict.blends.advantage_elsewhere.p),
        p(verdict.blends.nearness.chance.p),
        whole(structure),
    )
}

/// What is said of the space with all its dimensions as they were fitted.
fn whole(structure: &SpaceStructure) -> String {
    let mut text = String::new();
    if let Some(tendency) = &structure.tendency {
        let hopkins = tendency.hopkins.iter().map(|found| {
            format!(
                "{} against {} (p = {})",
                decimal(found.value),
                match found.null {
                    Continuum::Normal => "a normal distribution",
                    Continuum::Copula => "columns with the same values and rank correlations",
                    Continuum::Columns => "columns without any relation",
                },
                p(found.chance.p)
            )
        });
        text += &format!(
            " With all dimensions as fitted, peaks of density: {} (p = {}); Hopkins' statistic, about .5 without clusters: {}.",
            tendency.modes.peaks,
            p(tendency.modes.chance.p),
            hopkins.collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(blends) = &structure.blends {
        text += &format!(
            " Measures and table below are of all dimensions as fitted, and of {} of {} mixed stimuli: {} pairs of categories were left out for too few mixed or pure stimuli.",
            count(blends.used as u64),
            count(blends.mixed as u64),
            count(blends.sparse_pairs as u64)
        );
    }
    text
}

/// Why accuracies of an agent may say nothing.
fn circular(structure: &SpaceStructure) -> Option<String> {
    let found = structure.circularity.as_ref()?;
    if found.source == Source::Unknown {
        return Some("whether labels and space share the noise of the same raters could not be tested, as the reliability of the ratings is not known. Accuracies are evidence only if the space was made without these ratings. State the number of raters (--raters N) if the ratings are shares of them.".into());
    }
    if !found.circular {
        return None;
    }
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
        Source::Unknown => "not known",
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
        let n = (blends.used, "mixed stimuli");
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
        "advantage of in between, all dimensions",
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

/// The verdict in words.
pub(super) fn answer(structure: Structure) -> &'static str {
    match structure {
        Structure::Categorical => {
            "categorical: clusters that are the categories, with mixtures, if any, in one or the other"
        }
        Structure::Dimensional => "dimensional: no clusters shown, and mixtures in between",
        Structure::Blended => "blended: clusters that are the categories, with mixtures in between",
        Structure::Unrelated => "unrelated to these ratings",
        Structure::Undecided => "undecided: none of the three could be shown",
    }
}
