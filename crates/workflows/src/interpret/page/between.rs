//! How agents compare.

use super::super::picture::Picture;
use super::super::{Between, Interpretation, PairComparison};
use super::{all, p};
use emotome_figures::Figure;
use emotome_figures::report::{Measure, Section};
use emotome_figures::scale::{Unit, count, decimal};
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
            ("How far dimensions repeat".into(), repeats(found)),
            ("Dimensions that correspond".into(), matches(found, between)),
            ("Dimensions that go against one another".into(), opposites(found, between)),
        ]
        .into_iter()
        .filter(|(_, table): &(String, Table)| !table.is_empty())
        .collect(),
        cautions: vec![
            reliability(between).into(),
            "A dimension that another agent lacks may be divided there among several: “divided” is not “unique”.".into(),
            "Only dimensions that order stimuli the same way count as counterparts. One that goes against another (r below 0) is called unique, although it may hold the same with its ends exchanged.".into(),
        ],
    })
}

/// What the reader must know about how far agents repeat.
fn reliability(between: &Between) -> &'static str {
    let corrected = |pair: &PairComparison| pair.rsm.is_some_and(|rsm| rsm.corrected.is_some());
    match between.pairs.iter().all(corrected) {
        true => {
            "Agents differ in reliability. Similarities are corrected for it, and spaces predict each other as equally reliable ones too; CKA, rotations and corresponding dimensions are not corrected."
        }
        false => {
            "Agents differ in reliability: similarities from ten thousand judgments a stimulus repeat better than means of a dozen raters. Without a correction for it, the more reliable agent agrees better with everything. It is corrected for where each agent is fitted to either half of its choices (fit --half) and --halves are given."
        }
    }
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
        let number = |side, status| pair.with(side, status).len();
        let of = |side, agent: usize| {
            format!(
                "Of the {} dimensions of {}, {} have a counterpart, {} are divided differently, {} are undecided and {} unique.",
                found.agents[agent].dims,
                name(found, agent),
                number(side, Status::Shared),
                number(side, Status::Divided),
                number(side, Status::Undecided),
                number(side, Status::Unique),
            )
        };
        text.push(format!(
            "{} and {}: {} {}",
            name(found, a),
            name(found, b),
            of(0, a),
            of(1, b),
        ));
        if let Some(critical) = pair.critical {
            text.push(format!(
                "By chance the largest r of any two dimensions of {} and {} would exceed {} in one of twenty cases ({} permutations).",
                name(found, a),
                name(found, b),
                decimal(critical),
                count(found.params.permutations as u64),
            ));
        }
        let strongest = pair.opposites.iter().min_by(|x, y| x.r.total_cmp(&y.r));
        if let Some(opposite) = strongest {
            let [first, second] = opposite.clusters;
            let others = match pair.opposites.len() {
                1 => "one dimension goes against one of the other: ".to_owned(),
                n => format!("{n} dimensions go against one of the other, above all "),
            };
            text.push(format!(
                "Of {} and {}, {others}{} of {} against {} of {}, r = {}{}.",
                name(found, a),
                name(found, b),
                found.agents[a].name_of(first),
                name(found, a),
                found.agents[b].name_of(second),
                name(found, b),
                decimal(opposite.r),
                by_chance(opposite.p, found.params.permutations),
            ));
        }
    }
    for pair in &between.pairs {
        let [a, b] = pair.agents;
        text.extend(pair.untested.iter().map(|why| {
            format!(
                "{} and {}, not tested: {why}.",
                name(found, a),
                name(found, b)
            )
        }));
        let Some(free) = &pair.unsupervised else {
            continue;
        };
        let matched = free.matching.p.as_ref().and_then(|p| p.first().copied());
        text.push(format!(
            "{} and {}, aligned without knowing which category is which: by the distances among the mean places of {} categories alone, {} of the categories are sent to themselves (chance {}{}).{}",
            name(found, a),
            name(found, b),
            free.categories.len(),
            Unit::Percent.show(free.matching.rates[0]),
            Unit::Percent.show(free.matching.chance[0]),
            by_chance(matched, pair.permutations.most),
            match free.p {
                Some(value) => format!(
                    " Arrangements with shuffled distances align as closely with p = {} ({} shuffles).",
                    p(value),
                    free.shuffles
                ),
                None => String::new(),
            },
        ));
    }
    text
}

/// A p and the permutations that it was counted over; nothing without.
fn by_chance(value: Option<f64>, permutations: usize) -> String {
    value.map_or_else(String::new, |value| {
        format!(
            ", p = {} over {} permutations",
            p(value),
            count(permutations as u64)
        )
    })
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
            n: Some((between.dimensions.items as u64, "stimuli".into())),
            chance: Some(0.0),
            ..Measure::default()
        };
        let permuted = pair.permutations;
        if let Some(rsm) = &pair.rsm {
            let ranked = pair
                .rsm_spearman
                .as_ref()
                .map_or_else(String::new, |ranked| {
                    format!(
                        "; Spearman’s ρ is {}{}",
                        decimal(ranked.r),
                        by_chance(ranked.p, permuted.ranked)
                    )
                });
            measures.push(measure(
                "Similarities",
                format!(
                    "Pearson’s r of the similarities of all pairs of stimuli (dot products of weights){}{ranked}.",
                    by_chance(rsm.p, permuted.most)
                ),
                rsm.r,
                rsm.interval,
            ));
        }
        if let Some(corrected) = pair.rsm.as_ref().and_then(|rsm| rsm.corrected.as_ref()) {
            let [first, second] = corrected.reliability;
            let undefined = match corrected.undefined {
                0 => String::new(),
                n => format!(" {n} resamples in which halves did not agree are left out."),
            };
            measures.push(measure(
                "Similarities, without noise",
                format!(
                    "r of similarities divided by the root of both reliabilities, {} of {} and {} of {} (Spearman–Brown, from embeddings of either half of the choices).{undefined}",
                    decimal(first),
                    name(found, a),
                    decimal(second),
                    name(found, b),
                ),
                corrected.r,
                corrected.interval,
            ));
        }
        if let Some(cka) = &pair.cka {
            measures.push(measure(
                "Alignment of the spaces",
                format!(
                    "Debiased linear CKA: 1 if one space is the other turned, 0 by chance{}.",
                    by_chance(cka.p, permuted.most)
                ),
                cka.debiased,
                cka.interval,
            ));
        }
        for (turned, (onto, from)) in pair.procrustes.iter().zip([(a, b), (b, a)]) {
            let Some(turned) = turned else { continue };
            measures.push(Measure {
                chance: turned.chance,
                name: format!("{} turned onto {}", name(found, from), name(found, onto)),
                ..measure(
                    "",
                    format!(
                        "R² for stimuli held out, after the best rotation and scaling{}; chance is the mean of the same with permuted stimuli, below 0 since it is fitted to noise.",
                        by_chance(turned.p, permuted.fitted)
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
        "number, by r > .2",
        "resampled low, by r > .2",
        "resampled high, by r > .2",
        "sure: ci95 of r above or below .2",
        "divided by another agent",
        "undecided",
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
            intersection.sure.into(),
            intersection.divided.into(),
            intersection.undecided.into(),
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
        "permutations",
    ]);
    for pair in &between.pairs {
        let [a, b] = pair.agents;
        for cross in [&pair.cross, &pair.cross_equal].into_iter().flatten() {
            let what = match cross.components {
                None => "as they are".to_owned(),
                Some(components) => format!("{components} components each"),
            };
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
                    pair.permutations.fitted.into(),
                ]);
            }
        }
        if let Some(equal) = &pair.cross_equally_reliable {
            let what = format!(
                "as they are, reliability at most {}; the range is over {} draws of the noise",
                decimal(equal.reliability),
                equal.control.repeats
            );
            for (from, to, found_r2) in [
                (a, b, &equal.control.forward),
                (b, a, &equal.control.backward),
            ] {
                table.push([
                    Cell::from(name(found, from)),
                    name(found, to).into(),
                    what.as_str().into(),
                    found_r2.mean.into(),
                    found_r2.interval.low.into(),
                    found_r2.interval.high.into(),
                    Cell::Missing,
                    Cell::Missing,
                    Cell::Missing,
                ]);
            }
        }
    }
    table
}

fn repeats(found: &Interpretation) -> Table {
    let mut table = Table::new(["agent", "dimension", "r of halves", "reliability"]);
    for agent in &found.agents {
        let Some(reliability) = &agent.reliability else {
            continue;
        };
        let values = reliability.half_r.iter().zip(&reliability.dimensions);
        for (d, (half_r, whole)) in values.enumerate() {
            table.push([
                Cell::from(agent.agent.as_str()),
                agent.name_of(d).as_str().into(),
                (*half_r).into(),
                (*whole).into(),
            ]);
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

fn opposites(found: &Interpretation, between: &Between) -> Table {
    let mut table = Table::new(["first", "dimension", "second", "dimension there", "r", "p"]);
    for pair in &between.dimensions.pairs {
        let [a, b] = pair.agents;
        for opposite in &pair.opposites {
            let [first, second] = opposite.clusters;
            table.push([
                Cell::from(name(found, a)),
                found.agents[a].name_of(first).as_str().into(),
                name(found, b).into(),
                found.agents[b].name_of(second).as_str().into(),
                opposite.r.into(),
                opposite.p.into(),
            ]);
        }
    }
    table
}
