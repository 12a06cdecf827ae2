//! Figures of what was found: for the page, and one by one.

mod agents;
mod ratings;
mod space;
mod stimuli;

use crate::figure::Painted;
use crate::interpret::agent::AgentMeaning;
use crate::interpret::material::Material;
use crate::interpret::{Interpretation, Part};
use emotome_figures::Figure;
use emotome_interpret::rating::RatingKind;
use ndarray::Array2;
use std::collections::BTreeSet;

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
    pub(in crate::interpret) fn draw(
        self,
        found: &Interpretation,
        material: &Material,
        selection: &Selection,
    ) -> Vec<Painted> {
        let scene = Scene {
            found,
            material,
            selection,
        };
        let each = |draw: fn(&Scene<'_>, usize) -> Option<Box<dyn Figure>>| {
            let painted = (0..found.agents.len()).filter_map(|a| {
                let agent = Some(found.agents[a].agent.clone());
                draw(&scene, a).map(|figure| Painted { agent, figure })
            });
            painted.collect()
        };
        let all = |figure: Option<Box<dyn Figure>>| {
            let painted = figure.map(|figure| Painted {
                agent: None,
                figure,
            });
            painted.into_iter().collect()
        };
        match self {
            Self::RatingsHeatmap => each(|s, a| boxed(s.ratings_heatmap(a))),
            Self::ThresholdCurve => all(boxed(scene.threshold_curve())),
            Self::ClassShares => all(boxed(scene.class_shares())),
            Self::VarianceShares => each(|s, a| boxed(s.variance_shares(a))),
            Self::Classification => all(boxed(scene.classification())),
            Self::Tsne => each(|s, a| {
                let maps = s.agent(a).maps.as_ref()?;
                boxed(s.map(a, maps.named()[0]))
            }),
            Self::Umap => each(|s, a| {
                let maps = s.agent(a).maps.as_ref()?;
                boxed(s.map(a, maps.named()[1]))
            }),
            Self::DimensionMaps => each(|s, a| boxed(s.dimension_maps(a))),
            Self::Petals => each(|s, a| boxed(Some(s.petals(a)))),
            Self::WordClouds => each(|s, a| boxed(s.word_clouds(a))),
            Self::Exemplars => each(|s, a| boxed(Some(s.exemplars(a)))),
            Self::Chord => each(|s, a| boxed(s.chord(a))),
            Self::Communities => each(|s, a| boxed(s.communities(a))),
            Self::SharedDimensions => all(boxed(scene.shared_dimensions())),
            Self::SharedCommunities => all(boxed(scene.shared_communities())),
            Self::AgentAgreement => all(boxed(scene.agent_agreement())),
        }
    }
}

/// The stimuli that [`Picture::Exemplars`] shows of some agent.
pub(in crate::interpret) fn exemplars_shown(
    found: &Interpretation,
    material: &Material,
    selection: &Selection,
) -> BTreeSet<usize> {
    let scene = Scene {
        found,
        material,
        selection,
    };
    let shown = (0..found.agents.len()).flat_map(|a| {
        let dimensions = scene.dimensions(a, MOST_DIMENSIONS).into_iter();
        dimensions.flat_map(move |d| scene.ends(a, d).into_iter().flatten())
    });
    shown.collect()
}

fn boxed<F: Figure + 'static>(figure: Option<F>) -> Option<Box<dyn Figure>> {
    figure.map(|figure| Box::new(figure) as Box<dyn Figure>)
}

#[derive(Clone, Copy)]
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

    fn keys(&self) -> Vec<String> {
        let keys = self.material.stimuli.keys().iter();
        keys.map(ToString::to_string).collect()
    }
}
