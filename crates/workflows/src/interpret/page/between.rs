//! How agents compare.

use super::super::picture::Picture;
use super::super::{Between, Interpretation};
use super::{all, p};
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, decimal};
use emotome_figures::table::{Cell, Table};
use emotome_interpret::graph::overlap::Status;
use emotome_stats::interval::Interval;

pub(super) fn section(
    found: &Interpretation,
    draw: impl Fn(Picture) -> Vec<Box<dyn Figure>>,
) -> Option<Section> {
    let between = found.between.as_ref()?;
    Some(Section {
        heading: "How agents compare".into(),
        text: told(found, between),
        measures: measures(found, between),
        figures: all(
            draw,
            &[
                Picture::AgentAgreement,
                Picture::SharedDimensions,
                Picture::SharedCommunities,
            ],
        ),
        tables: vec![
            ("How many dimensions agents share".into(), shared(found, between)),
            ("What each space explains of another".into(), crossed(found, between)),
            ("Dimensions that correspond".into(), matches(found, between)),
        ],
        cautions: vec![
            "Agents differ in reliability: similarities from ten thousand judgments a stimulus repeat better than means of a dozen raters. Without a correction for it, the more reliable agent agrees better with everything.".into(),
            "A dimension that another agent lacks may be divided there among several: “divided” is not “unique”.".into(),
        ],
    })
}

fn name(found: &Interpretation, agent: usize) -> &str {
    &found.agents[agent].agent
}

fn told(found: &Interpretation, between: &Between) -> Vec<String> {
    let mut text = vec![
        "Agents are compared on the same stimuli by three questions: do they find the same pairs of stimuli similar, can the space of one be turned into that of the other, and does a dimension of one have a counterpart in the other? Names play no part in it.".to_owned(),
    ];
    for pair in &between.dimensions.pairs {
        let [a, b] = pair.agents;
        let count = |side, status| pair.with(side, status).len();
        let of = |side, agent: usize| {
            format!(
                "Of the {} dimensions of {}, {} have a counterpart, {} are divided differently, {} are undecided and {} unique.",
                found.agents[agent].dims,
                name(found, agent),
                count(side, Status::Shared),
                count(side, Status::Divided),
                count(side, Status::Undecided),
                count(side, Status::Unique),
            )
        };
        text.push(format!(
            "{} and {}: {} {} By chance the largest r of any two dimensions would exceed {} in one of twenty cases.",
            name(found, a),
            name(found, b),
            of(0, a),
            of(1, b),
            decimal(pair.critical)
        ));
    }
    for pair in &between.pairs {
        let Some(free) = &pair.unsupervised else {
            continue;
        };
        let [a, b] = pair.agents;
        text.push(format!(
            "{} and {}, aligned without knowing which category is which: by the distances among the mean places of {} categories alone, {} of the categories are sent to themselves (chance {}, p = {}).",
            name(found, a),
            name(found, b),
            free.categories.len(),
            Unit::Percent.show(free.matching.rates[0]),
            Unit::Percent.show(free.matching.chance[0]),
            p(free.matching.p[0]),
        ));
    }
    text
}

fn measures(found: &Interpretation, between: &Between) -> Vec<Measure> {
    let mut measures = Vec::new();
    for pair in &between.pairs {
        let [a, b] = pair.agents;
        let whose = format!("{} and {}", name(found, a), name(found, b));
        let measure = |what: &str, meaning: String, value: f64, ci95: Interval| Measure {
            name: format!("{what}: {whose}"),
            meaning,
            value,
            unit: Unit::Plain,
            ci95: Some(ci95),
            n: Some((pair.rsm.items as u64, "stimuli".into())),
            chance: Some(0.0),
            ..Measure::default()
        };
        let mantel = pair.rsm.p.map_or_else(String::new, |value| {
            format!(" p = {} when stimuli are permuted.", p(value))
        });
        measures.push(measure(
            "Similarities",
            format!(
                "Pearson’s r of the similarities of all pairs of stimuli (dot products of weights); Spearman’s ρ is {}.{mantel}",
                decimal(pair.rsm_spearman.r)
            ),
            pair.rsm.r,
            pair.rsm.interval,
        ));
        measures.push(measure(
            "Alignment of the spaces",
            format!(
                "Debiased linear CKA: 1 if one space is the other turned, 0 by chance; p = {}.",
                p(pair.cka.p)
            ),
            pair.cka.debiased,
            pair.cka.interval,
        ));
        for (turned, (onto, from)) in pair.procrustes.iter().zip([(a, b), (b, a)]) {
            measures.push(Measure {
                name: format!("{} turned onto {}", name(found, from), name(found, onto)),
                ..measure(
                    "",
                    format!(
                        "R² for stimuli held out, after the best rotation and scaling; p = {}.",
                        p(turned.p)
                    ),
                    turned.held_out,
                    turned.interval,
                )
            });
        }
    }
    measures
}

fn shared(found: &Interpretation, between: &Between) -> Table {
    let mut table = Table::new([
        "dimensions of exactly",
        "number",
        "resampled low",
        "resampled high",
    ]);
    for intersection in &between.dimensions.intersections {
        let agents: Vec<&str> = intersection
            .agents
            .iter()
            .map(|&a| name(found, a))
            .collect();
        table.push([
            Cell::from(agents.join(" and ").as_str()),
            intersection.count.into(),
            intersection.range.low.into(),
            intersection.range.high.into(),
        ]);
    }
    table
}

fn crossed(found: &Interpretation, between: &Between) -> Table {
    let mut table = Table::new([
        "from",
        "to",
        "compared",
        "R², mean of dimensions",
        "ci95 low",
        "ci95 high",
        "R², of all variance",
        "p",
    ]);
    for pair in &between.pairs {
        let [a, b] = pair.agents;
        for (what, cross) in [
            ("as they are".to_owned(), &pair.cross),
            (
                format!(
                    "{} components each",
                    pair.cross_equal.components.unwrap_or(0)
                ),
                &pair.cross_equal,
            ),
        ] {
            for (from, to, prediction) in [(a, b, &cross.forward), (b, a, &cross.backward)] {
                let mean = &prediction.mean;
                table.push([
                    Cell::from(name(found, from)),
                    name(found, to).into(),
                    what.as_str().into(),
                    mean.estimate.value.into(),
                    mean.estimate.interval.low.into(),
                    mean.estimate.interval.high.into(),
                    prediction.weighted.estimate.value.into(),
                    mean.chance.p.into(),
                ]);
            }
        }
    }
    table
}

fn matches(found: &Interpretation, between: &Between) -> Table {
    let mut table = Table::new([
        "first",
        "dimension",
        "second",
        "dimension there",
        "r",
        "ci95 low",
        "ci95 high",
        "p",
        "shared",
    ]);
    for pair in &between.dimensions.pairs {
        let [a, b] = pair.agents;
        let mut matches: Vec<_> = pair.matches.iter().collect();
        matches.sort_by(|x, y| y.likeness.r.total_cmp(&x.likeness.r));
        for found_match in matches {
            let likeness = &found_match.likeness;
            let [first, second] = likeness.clusters;
            table.push([
                Cell::from(name(found, a)),
                found.agents[a].name_of(first).as_str().into(),
                name(found, b).into(),
                found.agents[b].name_of(second).as_str().into(),
                likeness.r.into(),
                likeness.interval.low.into(),
                likeness.interval.high.into(),
                likeness.p.into(),
                if found_match.shared { "yes" } else { "no" }.into(),
            ]);
        }
    }
    table
}
