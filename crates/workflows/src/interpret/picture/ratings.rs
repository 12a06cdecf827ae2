//! Dimensions and the ratings that go with them.

use super::{MOST_DIMENSIONS, Scene};
use crate::interpret::agent::AgentMeaning;
use emotome_figures::chord::{Chord, ChordGroup, ChordLink};
use emotome_figures::ratings::{RatingGroup, RatingsHeatmap};
use emotome_figures::scale::count;
use emotome_figures::shares::{Part as SharePart, ShareRow, Shares};
use emotome_figures::thresholds::{ThresholdAgent, ThresholdCurves, ThresholdPoint};
use emotome_figures::words::{WordCloud, WordClouds};
use emotome_interpret::naming::{Class, ClassCounts};
use emotome_stats::interval::Interval;
use ndarray::Axis;

/// |r| below which a ribbon says nothing.
const RIBBON: f64 = 0.3;
/// Ribbons that an eye can follow; the threshold rises in steps until no more are left.
const RIBBONS: usize = 90;
/// Words of a cloud.
const WORDS: usize = 12;

impl Scene<'_> {
    pub(super) fn ratings_heatmap(&self, a: usize) -> Option<RatingsHeatmap> {
        let ratings = self.agent(a).ratings.as_ref()?;
        let groups = self.groups();
        let columns: Vec<usize> = groups.iter().flat_map(|(g, _)| g.clone()).collect();
        let rows = self.dimensions(a, usize::MAX);
        let pearson = &ratings.pearson;
        Some(RatingsHeatmap {
            title: self.title("Dimensions and ratings", a),
            quantity: format!("Pearson’s r over {} stimuli", count(pearson.items as u64)),
            values: pearson.r.select(Axis(1), &columns).select(Axis(0), &rows),
            dimensions: self.names(a, &rows),
            groups: groups
                .iter()
                .map(|(columns, name)| RatingGroup {
                    name: (*name).to_owned(),
                    ratings: columns
                        .iter()
                        .map(|&k| self.found.ratings[k].name.clone())
                        .collect(),
                })
                .collect(),
            chance: rows
                .iter()
                .map(|&d| pearson.strongest[d].critical)
                .collect(),
            chance_note: "beyond 95 % of the largest |r| over permuted stimuli".into(),
        })
    }

    pub(super) fn threshold_curve(&self) -> Option<ThresholdCurves> {
        let of = |agent: &AgentMeaning| {
            let curve = &agent.ratings.as_ref()?.pearson.curve;
            let share = |n: f64| n / curve.dimensions as f64;
            let point = |(t, &threshold): (usize, &f64)| ThresholdPoint {
                threshold,
                share: share(curve.counts[t] as f64),
                ci95: None,
                null95: curve.null_high.get(t).map(|&high| Interval {
                    low: 0.0,
                    high: share(high),
                }),
            };
            Some(ThresholdAgent {
                label: agent.agent.clone(),
                dimensions: agent.dims as u64,
                points: curve.thresholds.iter().enumerate().map(point).collect(),
            })
        };
        let agents: Vec<ThresholdAgent> = self.found.agents.iter().filter_map(of).collect();
        (!agents.is_empty()).then(|| ThresholdCurves {
            title: "Dimensions that some rating follows".into(),
            ratings: self.found.ratings.len() as u64,
            null_note: "95 % of permuted stimuli, all thresholds together".into(),
            agents,
        })
    }

    pub(super) fn class_shares(&self) -> Option<Shares> {
        const CLASSES: [Class; 5] = [
            Class::Category,
            Class::Hybrid,
            Class::Dimension,
            Class::Shared,
            Class::Unexplained,
        ];
        let row = |label: String, dims: usize, classes: ClassCounts| ShareRow {
            label,
            shares: CLASSES
                .iter()
                .map(|&class| classes.of(class) as f64 / dims as f64)
                .collect(),
            counts: CLASSES
                .iter()
                .map(|&class| classes.of(class) as u64)
                .collect(),
        };
        let mut rows = Vec::new();
        for agent in &self.found.agents {
            let Some(ratings) = &agent.ratings else {
                continue;
            };
            let by = |rule: &str| match self.found.agents.len() {
                1 => rule.to_owned(),
                _ => format!("{}, {rule}", agent.agent),
            };
            rows.push(row(
                by("published rule"),
                agent.dims,
                ratings.published.classes,
            ));
            rows.push(row(by("beyond chance"), agent.dims, ratings.signed.classes));
            if let Some(explained) = &agent.explained {
                let classes = explained.dimensions.iter().map(|d| d.class).collect();
                rows.push(row(by("explained variance"), agent.dims, classes));
            }
        }
        (!rows.is_empty()).then(|| Shares {
            title: "What kind of dimensions these are".into(),
            quantity: "share of dimensions".into(),
            of: "rule".into(),
            reading: "Each bar divides the dimensions of an embedding into those called after emotion categories, after affective dimensions, after both, and those that no rating follows more closely than chance; by explained variance also those that either kind explains as well as both. The published rule leaves none unexplained, however weakly ratings follow it.".into(),
            parts: parts([
                "category",
                "hybrid",
                "affective dimension",
                "shared",
                "unexplained",
            ]),
            rows,
            sorted: false,
        })
    }

    pub(super) fn variance_shares(&self, a: usize) -> Option<Shares> {
        let agent = self.agent(a);
        let explained = agent.explained.as_ref()?;
        let rows = explained.dimensions.iter().enumerate().map(|(d, of)| {
            let part = &of.partition;
            let shares = [
                part.unique_category,
                part.shared,
                part.unique_dimension,
                part.unexplained,
            ];
            ShareRow {
                label: agent.name_of(d),
                shares: shares.iter().map(|share| share.value).collect(),
                counts: Vec::new(),
            }
        });
        Some(Shares {
            title: self.title("What explains each dimension", a),
            quantity: "share of the dimension’s variance, stimuli held out".into(),
            of: "dimension".into(),
            reading: "Each bar divides the variance of a dimension into what only emotion categories predict, what either kind of rating predicts, what only affective dimensions predict, and the rest. All is measured on stimuli that the predictions were not fitted to; a share may therefore fall below 0.".into(),
            parts: parts(["only categories", "shared", "only affective dimensions", "unexplained"]),
            rows: rows.collect(),
            sorted: true,
        })
    }

    pub(super) fn word_clouds(&self, a: usize) -> Option<WordClouds> {
        let ratings = self.agent(a).ratings.as_ref()?;
        let shown = self.dimensions(a, MOST_DIMENSIONS);
        let cloud = |d: usize| {
            let r = ratings.pearson.r.row(d);
            let mut order: Vec<usize> = (0..r.len()).filter(|&k| r[k].is_finite()).collect();
            order.sort_by(|&j, &k| r[k].abs().total_cmp(&r[j].abs()).then(j.cmp(&k)));
            WordCloud {
                label: (d + 1).to_string(),
                words: order
                    .into_iter()
                    .take(WORDS)
                    .map(|k| (self.found.ratings[k].name.clone(), r[k]))
                    .collect(),
            }
        };
        Some(WordClouds {
            title: self.title("Ratings that go with each dimension", a),
            quantity: "Pearson’s r".into(),
            clouds: shown.into_iter().map(cloud).collect(),
        })
    }

    pub(super) fn chord(&self, a: usize) -> Option<Chord> {
        let ratings = self.agent(a).ratings.as_ref()?;
        let rows = self.dimensions(a, usize::MAX);
        let numbers = rows.iter().map(|d| (d + 1).to_string()).collect();
        let mut groups = vec![ChordGroup {
            name: "dimensions".into(),
            members: numbers,
        }];
        let mut links = Vec::new();
        for (columns, name) in self.groups().into_iter().filter(|(c, _)| !c.is_empty()) {
            let group = groups.len();
            for (row, &d) in rows.iter().enumerate() {
                links.extend(columns.iter().enumerate().map(|(member, &k)| ChordLink {
                    from: (0, row),
                    to: (group, member),
                    r: ratings.pearson.r[[d, k]],
                }));
            }
            groups.push(ChordGroup {
                name: name.into(),
                members: columns
                    .iter()
                    .map(|&k| self.found.ratings[k].name.clone())
                    .collect(),
            });
        }
        let above = |threshold: f64| {
            let strong = links.iter().filter(|link| link.r.abs() > threshold);
            strong.count()
        };
        let mut steps = (0..=12).map(|step| RIBBON + 0.05 * f64::from(step));
        let threshold = steps.find(|&t| above(t) <= RIBBONS);
        Some(Chord {
            title: self.title("Which ratings go with which dimensions", a),
            quantity: "|r| of dimensions and ratings".into(),
            groups,
            threshold: threshold.unwrap_or(RIBBON),
            links,
        })
    }
}

fn parts<const N: usize>(names: [&str; N]) -> Vec<SharePart> {
    let part = |name: &str| SharePart {
        name: name.into(),
        rest: name == "unexplained",
    };
    names.into_iter().map(part).collect()
}
