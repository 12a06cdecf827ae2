//! Figures of what was found: for the page, and one by one.

use super::agent::{AgentMeaning, MapOf};
use super::material::Material;
use super::page;
use super::{Interpretation, Part};
use emotome_figures::Figure;
use emotome_figures::chord::{Chord, ChordGroup, ChordLink};
use emotome_figures::communities::{Communities, GraphEdge, GraphNode};
use emotome_figures::estimates::{Estimate, Estimates};
use emotome_figures::exemplars::{Exemplar, ExemplarRow, Exemplars};
use emotome_figures::map::{DimensionMaps, StimulusMap};
use emotome_figures::petals::{Petals, Rose};
use emotome_figures::ratings::{RatingGroup, RatingsHeatmap};
use emotome_figures::scale::{Unit, count};
use emotome_figures::scores::{Score, ScoreGroup, Scores};
use emotome_figures::shares::{Part as SharePart, ShareRow, Shares};
use emotome_figures::thresholds::{ThresholdAgent, ThresholdCurves, ThresholdPoint};
use emotome_figures::upset::{Intersection, UpSet};
use emotome_figures::words::{WordCloud, WordClouds};
use emotome_interpret::graph::overlap::Overlap;
use emotome_interpret::naming::{Class, ClassCounts};
use emotome_interpret::rating::RatingKind;
use emotome_interpret::structure::Measure;
use emotome_interpret::structure::classify::Classifier;
use emotome_stats::interval::Interval;
use emotome_stats::random::{CounterRng, Seed};
use ndarray::{Array2, Axis};

/// A figure that embeddings and ratings give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Correlations of dimensions with ratings.
    RatingsHeatmap,
    /// How many dimensions some rating follows, for every threshold.
    ThresholdCurve,
    /// Classes of dimensions.
    ClassShares,
    /// What explains the variance of each dimension.
    VarianceShares,
    /// How well the space tells the category of a stimulus.
    Classification,
    /// The t-SNE map, coloured by blends of categories.
    Tsne,
    /// The UMAP map, coloured by blends of categories.
    Umap,
    /// The t-SNE map for each dimension, coloured by weight.
    DimensionMaps,
    /// Weights of single stimuli as petals.
    Petals,
    /// What goes with each dimension, in words.
    WordClouds,
    /// The stimuli that weigh most and least on each dimension.
    Exemplars,
    /// Ribbons between dimensions and ratings.
    Chord,
    /// The graph of the dimensions and its communities.
    Communities,
    /// Which agents share which dimensions.
    SharedDimensions,
    /// Which agents share which communities of dimensions.
    SharedCommunities,
    /// How alike the similarities of every two agents are.
    AgentAgreement,
}

/// What a figure shows of all there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Dimensions, from 0; all where none is named, as far as the figure has room.
    pub dimensions: Vec<usize>,
    /// Rows of stimuli; the figure's own choice where none is named.
    pub stimuli: Vec<usize>,
}

/// Dimensions that a figure with a row or panel for each shows unless they are named.
const MOST_DIMENSIONS: usize = 12;
/// Stimuli at each end of a dimension.
const EXEMPLARS: usize = 4;
/// Roses side by side.
const ROSES: usize = 4;
/// |r| below which a ribbon says nothing.
const RIBBON: f64 = 0.3;
/// Ribbons that an eye can follow; the threshold rises in steps until no more are left.
const RIBBONS: usize = 90;
/// Words of a cloud.
const WORDS: usize = 12;

impl Picture {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 16] = [
        Self::Exemplars,
        Self::RatingsHeatmap,
        Self::ThresholdCurve,
        Self::Chord,
        Self::WordClouds,
        Self::ClassShares,
        Self::VarianceShares,
        Self::Classification,
        Self::Tsne,
        Self::Umap,
        Self::DimensionMaps,
        Self::Petals,
        Self::Communities,
        Self::AgentAgreement,
        Self::SharedDimensions,
        Self::SharedCommunities,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RatingsHeatmap => "ratings-heatmap",
            Self::ThresholdCurve => "threshold-curve",
            Self::ClassShares => "class-shares",
            Self::VarianceShares => "variance-shares",
            Self::Classification => "classification",
            Self::Tsne => "map-tsne",
            Self::Umap => "map-umap",
            Self::DimensionMaps => "dimension-maps",
            Self::Petals => "petals",
            Self::WordClouds => "word-clouds",
            Self::Exemplars => "exemplars",
            Self::Chord => "chord",
            Self::Communities => "communities",
            Self::SharedDimensions => "shared-dimensions",
            Self::SharedCommunities => "shared-communities",
            Self::AgentAgreement => "agent-agreement",
        }
    }

    /// What it shows, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::RatingsHeatmap => "Correlations of dimensions with ratings, ordered diagonally",
            Self::ThresholdCurve => {
                "Share of dimensions that some rating follows, for every threshold"
            }
            Self::ClassShares => "Classes of dimensions by three rules",
            Self::VarianceShares => "What explains the variance of each dimension",
            Self::Classification => "How well the space tells the category of a stimulus",
            Self::Tsne => "t-SNE map, coloured by blends of categories",
            Self::Umap => "UMAP map, coloured by blends of categories",
            Self::DimensionMaps => "t-SNE map for each dimension, coloured by weight",
            Self::Petals => "Weights of single stimuli as petals",
            Self::WordClouds => "Ratings that go with each dimension, sized by correlation",
            Self::Exemplars => "Stimuli that weigh most and least on each dimension",
            Self::Chord => "Ribbons between dimensions and ratings",
            Self::Communities => "The graph of the dimensions and its communities",
            Self::SharedDimensions => "Which agents share which dimensions (UpSet)",
            Self::SharedCommunities => "Which agents share which communities of dimensions (UpSet)",
            Self::AgentAgreement => "How alike the similarities of every two agents are",
        }
    }

    /// What has to be found for it.
    #[must_use]
    pub const fn parts(self) -> &'static [Part] {
        match self {
            Self::RatingsHeatmap | Self::ThresholdCurve | Self::WordClouds | Self::Chord => {
                &[Part::Ratings]
            }
            Self::ClassShares => &[Part::Ratings, Part::Explained],
            Self::VarianceShares => &[Part::Explained],
            Self::Classification => &[Part::Structure],
            Self::Tsne | Self::Umap | Self::DimensionMaps => &[Part::Maps],
            Self::Petals | Self::Exemplars => &[],
            Self::Communities => &[Part::Ratings, Part::Graph],
            Self::SharedDimensions | Self::AgentAgreement => &[Part::Ratings, Part::Between],
            Self::SharedCommunities => &[Part::Ratings, Part::Graph, Part::Between],
        }
    }

    /// Whether it needs ratings.
    #[must_use]
    pub fn needs_ratings(self) -> bool {
        matches!(
            self,
            Self::RatingsHeatmap
                | Self::ThresholdCurve
                | Self::ClassShares
                | Self::VarianceShares
                | Self::Classification
                | Self::Tsne
                | Self::Umap
                | Self::WordClouds
                | Self::Chord
        )
    }

    /// Whether it compares agents.
    #[must_use]
    pub const fn needs_several(self) -> bool {
        matches!(
            self,
            Self::SharedDimensions | Self::SharedCommunities | Self::AgentAgreement
        )
    }

    /// Draws it, once for each agent or once for all; nothing where what it shows was not found.
    pub(super) fn draw(
        self,
        found: &Interpretation,
        material: &Material,
        selection: &Selection,
    ) -> Vec<Box<dyn Figure>> {
        let scene = Scene {
            found,
            material,
            selection,
        };
        let each = |draw: fn(&Scene<'_>, usize) -> Option<Box<dyn Figure>>| {
            (0..found.agents.len())
                .filter_map(|a| draw(&scene, a))
                .collect()
        };
        match self {
            Self::RatingsHeatmap => each(|s, a| boxed(s.ratings_heatmap(a))),
            Self::ThresholdCurve => boxed(scene.threshold_curve()).into_iter().collect(),
            Self::ClassShares => boxed(scene.class_shares()).into_iter().collect(),
            Self::VarianceShares => each(|s, a| boxed(s.variance_shares(a))),
            Self::Classification => boxed(scene.classification()).into_iter().collect(),
            Self::Tsne => each(|s, a| {
                let maps = s.agent(a).maps.as_ref()?;
                boxed(s.map(a, "t-SNE", &maps.tsne))
            }),
            Self::Umap => each(|s, a| {
                let maps = s.agent(a).maps.as_ref()?;
                boxed(s.map(a, "UMAP", &maps.umap))
            }),
            Self::DimensionMaps => each(|s, a| boxed(s.dimension_maps(a))),
            Self::Petals => each(|s, a| boxed(Some(s.petals(a)))),
            Self::WordClouds => each(|s, a| boxed(s.word_clouds(a))),
            Self::Exemplars => each(|s, a| boxed(Some(s.exemplars(a)))),
            Self::Chord => each(|s, a| boxed(s.chord(a))),
            Self::Communities => each(|s, a| boxed(s.communities(a))),
            Self::SharedDimensions => boxed(scene.shared_dimensions()).into_iter().collect(),
            Self::SharedCommunities => boxed(scene.shared_communities()).into_iter().collect(),
            Self::AgentAgreement => boxed(scene.agent_agreement()).into_iter().collect(),
        }
    }
}

fn boxed<F: Figure + 'static>(figure: Option<F>) -> Option<Box<dyn Figure>> {
    figure.map(|figure| Box::new(figure) as Box<dyn Figure>)
}

struct Scene<'a> {
    found: &'a Interpretation,
    material: &'a Material,
    selection: &'a Selection,
}

impl Scene<'_> {
    fn agent(&self, a: usize) -> &AgentMeaning {
        &self.found.agents[a]
    }

    fn weights(&self, a: usize) -> &Array2<f64> {
        &self.material.agents[a].values
    }

    /// `what`, with the agent's name where there are several.
    fn title(&self, what: &str, a: usize) -> String {
        match self.found.agents.len() {
            1 => what.to_owned(),
            _ => format!("{what}: {}", self.agent(a).agent),
        }
    }

    /// The dimensions shown, those with the largest variance where there is no room for all.
    fn dimensions(&self, a: usize, most: usize) -> Vec<usize> {
        let d = self.agent(a).dims;
        if !self.selection.dimensions.is_empty() {
            let named = self.selection.dimensions.iter().copied();
            return named.filter(|&dimension| dimension < d).collect();
        }
        let mut all: Vec<usize> = (0..d).collect();
        if d > most {
            let shares = &self.agent(a).variance_shares;
            all.sort_by(|&x, &y| shares[y].total_cmp(&shares[x]).then(x.cmp(&y)));
            all.truncate(most);
            all.sort_unstable();
        }
        all
    }

    fn names(&self, a: usize, dimensions: &[usize]) -> Vec<String> {
        dimensions
            .iter()
            .map(|&d| self.agent(a).name_of(d))
            .collect()
    }

    /// The columns of the ratings in two groups, and how they are called.
    fn groups(&self) -> [(Vec<usize>, &'static str); 2] {
        let of = |kind| {
            let ratings = self.found.ratings.iter().enumerate();
            ratings
                .filter(|(_, r)| r.kind == kind)
                .map(|(k, _)| k)
                .collect()
        };
        [
            (of(RatingKind::Category), "emotion categories"),
            (of(RatingKind::Dimension), "affective dimensions"),
        ]
    }

    fn ratings_heatmap(&self, a: usize) -> Option<RatingsHeatmap> {
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

    fn threshold_curve(&self) -> Option<ThresholdCurves> {
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
            null_note: "95 % of permuted stimuli".into(),
            agents,
        })
    }

    fn class_shares(&self) -> Option<Shares> {
        const CLASSES: [Class; 4] = [
            Class::Category,
            Class::Hybrid,
            Class::Dimension,
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
            reading: "Each bar divides the dimensions of an embedding into those called after emotion categories, after affective dimensions, after both, and those that no rating follows more closely than chance. The published rule leaves none unexplained, however weakly ratings follow it.".into(),
            parts: parts(["category", "hybrid", "affective dimension", "unexplained"]),
            rows,
            sorted: false,
        })
    }

    fn variance_shares(&self, a: usize) -> Option<Shares> {
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

    fn keys(&self) -> Vec<String> {
        let keys = self.material.stimuli.keys().iter();
        keys.map(ToString::to_string).collect()
    }

    fn map(&self, a: usize, method: &str, map: &MapOf) -> Option<StimulusMap> {
        let [(columns, _), _] = self.groups();
        if columns.is_empty() {
            return None;
        }
        let missing = |x: f64| if x.is_nan() { 0.0 } else { x.max(0.0) };
        Some(StimulusMap {
            title: self.title(&format!("Map of the stimuli by {method}"), a),
            method: format!(
                "{method}; trustworthiness {:.2} and continuity {:.2} of {} neighbours",
                map.quality.trustworthiness, map.quality.continuity, map.quality.k
            ),
            keys: self.keys(),
            places: places(map),
            categories: columns
                .iter()
                .map(|&k| self.found.ratings[k].name.clone())
                .collect(),
            ratings: self.material.values.select(Axis(1), &columns).mapv(missing),
            mixed: 3,
            labelled_from: 10,
        })
    }

    fn dimension_maps(&self, a: usize) -> Option<DimensionMaps> {
        let map = &self.agent(a).maps.as_ref()?.tsne;
        let shown = self.dimensions(a, MOST_DIMENSIONS);
        Some(DimensionMaps {
            title: self.title("Where the dimensions lie in the map", a),
            method: "t-SNE".into(),
            keys: self.keys(),
            places: places(map),
            dimensions: self.names(a, &shown),
            weights: self.weights(a).select(Axis(1), &shown),
            own_scales: true,
        })
    }

    /// Where no stimuli are named: that with the largest weight on each of the dimensions with most variance,
    /// no flagged one.
    fn petals(&self, a: usize) -> Petals {
        let weights = self.weights(a);
        let mut shown = self.selection.stimuli.clone();
        if shown.is_empty() {
            for d in self.dimensions(a, ROSES) {
                shown.extend(self.ranked(a, d).into_iter().find(|i| !shown.contains(i)));
            }
            shown.truncate(ROSES);
        }
        let all: Vec<usize> = (0..self.agent(a).dims).collect();
        Petals {
            title: self.title("Weights of single stimuli", a),
            dimensions: self.names(a, &all),
            roses: shown
                .into_iter()
                .map(|i| Rose {
                    label: self.described(i),
                    weights: weights.row(i).to_vec(),
                })
                .collect(),
            ..Petals::default()
        }
    }

    /// The caption of a stimulus that may be shown, else its key.
    fn described(&self, i: usize) -> String {
        let key = self.material.stimuli.keys()[i].to_string();
        match &self.material.captions[i] {
            Some(caption) if !self.material.flagged[i] => caption.clone(),
            _ => key,
        }
    }

    /// Stimuli that may be shown, the largest weight on a dimension first.
    fn ranked(&self, a: usize, d: usize) -> Vec<usize> {
        let column = self.weights(a).column(d);
        let mut ranked: Vec<usize> = (0..column.len())
            .filter(|&i| !self.material.flagged[i])
            .collect();
        ranked.sort_by(|&i, &j| column[j].total_cmp(&column[i]).then(i.cmp(&j)));
        ranked
    }

    /// Stimuli that weigh least on a dimension. In a sparse embedding most weigh nothing: then some of these are
    /// drawn, others for each dimension.
    fn lowest(&self, a: usize, d: usize, ranked: &[usize]) -> Vec<usize> {
        let column = self.weights(a).column(d);
        let Some(&last) = ranked.last() else {
            return Vec::new();
        };
        let tied = ranked
            .iter()
            .rev()
            .take_while(|&&i| column[i] == column[last]);
        let mut tied: Vec<usize> = tied.copied().collect();
        if tied.len() <= EXEMPLARS {
            return ranked.iter().rev().take(EXEMPLARS).copied().collect();
        }
        let seed = Seed(self.found.params.seed).derive("stimuli without weight");
        CounterRng::new(seed, d as u64).shuffle(&mut tied);
        tied.truncate(EXEMPLARS);
        tied
    }

    fn exemplars(&self, a: usize) -> Exemplars {
        let of = |i: usize, d: usize| Exemplar {
            key: self.material.stimuli.keys()[i].to_string(),
            caption: self.material.captions[i].clone().unwrap_or_default(),
            weight: self.weights(a)[[i, d]],
            thumbnail: None,
            flagged: false,
        };
        let shown = self.dimensions(a, MOST_DIMENSIONS);
        Exemplars {
            title: self.title("Stimuli at both ends of each dimension", a),
            dimensions: shown
                .into_iter()
                .map(|d| {
                    let ranked = self.ranked(a, d);
                    ExemplarRow {
                        label: self.agent(a).name_of(d),
                        top: ranked.iter().take(EXEMPLARS).map(|&i| of(i, d)).collect(),
                        bottom: self
                            .lowest(a, d, &ranked)
                            .into_iter()
                            .map(|i| of(i, d))
                            .collect(),
                    }
                })
                .collect(),
        }
    }

    fn word_clouds(&self, a: usize) -> Option<WordClouds> {
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

    fn chord(&self, a: usize) -> Option<Chord> {
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

impl Scene<'_> {
    /// Bars of accuracies: labels from all raters, hollow where circular, then from half of them.
    fn classification(&self) -> Option<Scores> {
        let mut groups = Vec::new();
        for agent in &self.found.agents {
            let Some(structure) = &agent.structure else {
                continue;
            };
            let circular = structure.circularity.as_ref().filter(|c| c.circular);
            let circular = circular.map(|c| page::source(c.source).to_owned());
            let bar = |label: String, test: &Measure, n: usize, circular: Option<String>| Score {
                label,
                value: test.estimate.value,
                ci95: Some(test.estimate.interval),
                chance: Some(test.chance.interval),
                ceiling: None,
                n: n as u64,
                circular,
            };
            let mut bars = Vec::new();
            for found in &structure.classified {
                let name = classifier(found.classifier);
                for (top, test) in [
                    ("top-1", &found.top1),
                    ("top-3", &found.top3),
                    ("balanced", &found.balanced),
                ] {
                    bars.push(bar(
                        format!("{name}, {top}"),
                        test,
                        found.items,
                        circular.clone(),
                    ));
                }
            }
            if let Some(split) = &structure.split {
                let items = split.space.items;
                for (top, test, other) in [
                    ("top-1", &split.space.top1, &split.other_half.top1),
                    ("top-3", &split.space.top3, &split.other_half.top3),
                ] {
                    bars.push(Score {
                        ceiling: Some(other.estimate.interval),
                        ..bar(format!("half raters, {top}"), test, items, circular.clone())
                    });
                }
            }
            groups.push(ScoreGroup {
                label: agent.agent.clone(),
                bars,
            });
        }
        (!groups.is_empty()).then(|| Scores {
            title: "How well the space tells the category of a stimulus".into(),
            quantity: "stimuli whose highest category is told".into(),
            unit: Unit::Percent,
            chance_note: "95 % of permuted labels".into(),
            groups,
        })
    }

    fn communities(&self, a: usize) -> Option<Communities> {
        let agent = self.agent(a);
        let graph = agent.graph.as_ref()?;
        let network = &graph.network;
        let node = |d: usize| network.nodes.iter().position(|&node| node == d);
        let of = |d: usize| {
            let mut communities = graph.communities.iter();
            communities.position(|community| community.members.contains(&d))
        };
        let alone = network.isolated.iter().chain(&network.constant).copied();
        let mut shown: Vec<usize> = network.nodes.clone();
        shown.extend(alone);
        Some(Communities {
            title: self.title("Dimensions that go together", a),
            quantity: "Pearson’s r over stimuli".into(),
            nodes: shown
                .iter()
                .map(|&d| GraphNode {
                    label: agent.short_name(d),
                    community: of(d).unwrap_or(graph.communities.len()),
                    rank: node(d).map_or(0.0, |v| graph.ranks[v]),
                    kind: 0,
                })
                .collect(),
            edges: network
                .edges
                .iter()
                .filter_map(|edge| {
                    Some(GraphEdge {
                        between: (node(edge.a)?, node(edge.b)?),
                        r: edge.r,
                    })
                })
                .collect(),
            threshold: network.params.threshold,
            names: graph.communities.iter().map(|c| c.name.clone()).collect(),
            kinds: Vec::new(),
        })
    }

    fn upset(
        &self,
        overlap: &Overlap,
        (title, quantity): (&str, &str),
        name: impl Fn(usize, usize) -> String,
    ) -> UpSet {
        let members = |group: usize| {
            let group = &overlap.groups[group];
            let named = group.members.iter().enumerate();
            let named = named.filter_map(|(agent, cluster)| Some(name(agent, (*cluster)?)));
            named.collect::<Vec<_>>().join(" ~ ")
        };
        UpSet {
            title: title.into(),
            quantity: quantity.into(),
            sets: overlap.agents.iter().map(|agent| agent.name.clone()).collect(),
            intersections: overlap
                .intersections
                .iter()
                .map(|intersection| Intersection {
                    sets: intersection.agents.clone(),
                    count: intersection.count as u64,
                    members: intersection.groups.iter().map(|&g| members(g)).collect(),
                })
                .collect(),
            note: "shared: correlated over the same stimuli beyond chance, with the whole 95 % interval above r = .2".into(),
        }
    }

    fn shared_dimensions(&self) -> Option<UpSet> {
        let overlap = &self.found.between.as_ref()?.dimensions;
        let words = ("Dimensions that agents share", "dimensions");
        Some(self.upset(overlap, words, |agent, d| self.agent(agent).name_of(d)))
    }

    fn shared_communities(&self) -> Option<UpSet> {
        let overlap = self.found.between.as_ref()?.communities.as_ref()?;
        let words = ("Communities of dimensions that agents share", "communities");
        Some(self.upset(overlap, words, |agent, cluster| {
            overlap.agents[agent].clusters[cluster].clone()
        }))
    }

    fn agent_agreement(&self) -> Option<Estimates> {
        let between = self.found.between.as_ref()?;
        let rows = between.pairs.iter().filter_map(|pair| {
            let rsm = pair.rsm.as_ref()?;
            let [a, b] = pair.agents.map(|agent| &self.found.agents[agent].agent);
            Some(Estimate {
                label: format!("{a} and {b}"),
                value: rsm.r,
                ci95: Some(rsm.interval),
                expected: None,
                n: rsm.pairs as u64,
            })
        });
        let rows: Vec<Estimate> = rows.collect();
        (!rows.is_empty()).then(|| Estimates {
            title: "How alike agents find pairs of stimuli".into(),
            quantity: "Pearson’s r of similarities over pairs of stimuli".into(),
            reading: "Each point is the correlation of two agents’ similarities (dot products of weights) over all pairs of stimuli, with its 95 % confidence interval over stimuli; n counts pairs. Guessing gives 0.".into(),
            unit: Unit::Plain,
            rows,
            reference: Some(("unrelated".into(), 0.0)),
        })
    }
}

const fn classifier(classifier: Classifier) -> &'static str {
    match classifier {
        Classifier::Centroid => "centroid",
        Classifier::Discriminant { .. } => "discriminant",
        Classifier::Neighbours { .. } => "neighbours",
    }
}

fn parts(names: [&str; 4]) -> Vec<SharePart> {
    let part = |name: &str| SharePart {
        name: name.into(),
        rest: name == "unexplained",
    };
    names.into_iter().map(part).collect()
}

fn places(map: &MapOf) -> Vec<(f64, f64)> {
    map.places.iter().map(|&[x, y]| (x, y)).collect()
}
