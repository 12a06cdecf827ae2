//! What is found about one agent's embedding.

use super::graph::DimensionGraph;
use super::halves::Reliability;
use super::maps::Maps;
use super::material::{AgentEmbedding, Material};
use super::structure::SpaceStructure;
use super::{InterpretParams, Part};
use crate::WorkflowError;
use emotome_interpret::chance::{ClassNull, Permuted, class_null};
use emotome_interpret::correlate::{Coefficient, Correlations, correlate};
use emotome_interpret::explained::{Explained, Folds, explain};
use emotome_interpret::maps::MapError;
use emotome_interpret::naming::{ClassCounts, Name, NamingParams, name_dimensions};
use emotome_interpret::pairs::{Pairs, PairsReport};
use emotome_interpret::rating::RatingKind;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use ndarray::Array2;
use serde::Serialize;

/// What the dimensions of one agent mean. Field names are stable; a part that was not asked for is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct AgentMeaning {
    /// The agent.
    pub agent: String,
    /// The number of dimensions.
    pub dims: usize,
    /// Names that the dimensions were given; `null` without any.
    pub given_names: Option<Vec<Option<String>>>,
    /// Share of the summed variance that each dimension has, the largest first in the embedding's order.
    pub variance_shares: Vec<f64>,
    /// Gaps and constant columns; `null` without ratings.
    pub pairs: Option<PairsReport>,
    /// How far each dimension repeats; `null` without embeddings of either half of the choices.
    pub reliability: Option<Reliability>,
    /// Which ratings follow which dimensions.
    pub ratings: Option<RatingsMeaning>,
    /// How much ratings explain; `null` also where categories or affective dimensions are missing.
    pub explained: Option<Explained>,
    /// Whether the space is categorical, dimensional or blended; `null` also without categories.
    pub structure: Option<SpaceStructure>,
    /// Maps of the stimuli.
    pub maps: Option<Maps>,
    /// Which dimensions go together.
    pub graph: Option<DimensionGraph>,
}

/// Which ratings follow which dimensions, and what that makes them.
#[derive(Debug, Clone, Serialize)]
pub struct RatingsMeaning {
    /// Pearson's r.
    pub pearson: Correlations,
    /// Spearman's ρ.
    pub spearman: Correlations,
    /// Names and classes by the published rule.
    pub published: Naming,
    /// Names and classes by the published rule, with the signs of categories, where chance does not suffice.
    pub signed: Naming,
    /// The class counts of the published rule under two nulls.
    pub class_nulls: Vec<ClassNull>,
}

/// Names by one rule.
#[derive(Debug, Clone, Serialize)]
pub struct Naming {
    /// The rule.
    pub rule: NamingParams,
    /// The name of every dimension.
    pub dimensions: Vec<DimensionName>,
    /// How many are of each class.
    pub classes: ClassCounts,
}

/// The name of a dimension, spelled out.
#[derive(Debug, Clone, Serialize)]
pub struct DimensionName {
    /// As it is shown.
    pub name: String,
    /// Its labels and class.
    #[serde(flatten)]
    pub parts: Name,
}

impl AgentMeaning {
    /// The name of a dimension, from 0: the one given, else that of the signed rule, else its number.
    #[must_use]
    pub fn name_of(&self, dimension: usize) -> String {
        let given = self
            .given_names
            .as_ref()
            .and_then(|names| names.get(dimension)?.as_ref());
        if let Some(name) = given {
            return format!("{} {name}", dimension + 1);
        }
        let named = self
            .ratings
            .as_ref()
            .and_then(|r| r.signed.dimensions.get(dimension));
        match named {
            Some(name) if !name.parts.labels.is_empty() => {
                format!("{} {}", dimension + 1, name.name)
            }
            _ => (dimension + 1).to_string(),
        }
    }

    /// The same with the first label alone.
    pub(super) fn short_name(&self, dimension: usize) -> String {
        let first = self
            .ratings
            .as_ref()
            .and_then(|ratings| ratings.signed.dimensions.get(dimension))
            .and_then(|name| name.parts.labels.first());
        match first {
            Some(label) if self.given_names.is_none() => format!("{} {label}", dimension + 1),
            _ => self.name_of(dimension),
        }
    }

    pub(super) fn find(
        embedding: &AgentEmbedding,
        material: &Material,
        params: &InterpretParams,
        parts: &[Part],
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let seed = Seed(params.seed).derive(&embedding.name);
        let wants = |part: Part| parts.contains(&part);
        let pairs = match material.ratings.is_empty() {
            true => None,
            false => Some(Pairs::new(embedding.values.view(), material.values.view())?),
        };
        let ratings = match &pairs {
            Some(pairs) if wants(Part::Ratings) => {
                Some(RatingsMeaning::find(pairs, material, params, seed, run)?)
            }
            _ => None,
        };
        let explained = match &pairs {
            Some(pairs) if wants(Part::Explained) => explained(pairs, material, params, seed, run)?,
            _ => None,
        };
        let structure = match &pairs {
            Some(pairs) if wants(Part::Structure) => {
                SpaceStructure::find(pairs, material, params, seed, run)?
            }
            _ => None,
        };
        let maps = match wants(Part::Maps) {
            true => match Maps::draw(&embedding.values, params.tsne, seed, run) {
                // Stimuli that nothing tells apart have no map; all else is found as ever.
                Err(WorkflowError::Map(MapError::AllEqual { .. })) => None,
                drawn => Some(drawn?),
            },
            false => None,
        };
        let graph = match wants(Part::Graph) {
            true => Some(DimensionGraph::find(
                &embedding.values,
                material,
                params,
                seed,
                run,
            )?),
            false => None,
        };
        Ok(Self {
            agent: embedding.name.clone(),
            dims: embedding.values.ncols(),
            given_names: embedding.names.clone(),
            variance_shares: variance_shares(&embedding.values),
            pairs: pairs.map(|pairs| pairs.report().clone()),
            reliability: embedding
                .halves
                .as_ref()
                .map(|halves| halves.reliability(embedding.values.view())),
            ratings,
            explained,
            structure,
            maps,
            graph,
        })
    }
}

fn variance_shares(values: &Array2<f64>) -> Vec<f64> {
    let columns = values.columns();
    let variances: Vec<f64> = columns
        .into_iter()
        .map(|column| emotome_stats::summary::variance(&column.to_vec()))
        .collect();
    let total: f64 = emotome_stats::summary::sum(variances.iter().copied());
    variances.into_iter().map(|v| v / total).collect()
}

impl RatingsMeaning {
    fn find(
        pairs: &Pairs,
        material: &Material,
        params: &InterpretParams,
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        let how = params.correlate(seed);
        let pearson = correlate(pairs, Coefficient::Pearson, &how, run)?;
        let spearman = correlate(pairs, Coefficient::Spearman, &how, run)?;
        let q: Vec<f64> = pearson.strongest.iter().map(|s| s.q).collect();
        let naming = |rule: NamingParams| -> Result<Naming, WorkflowError> {
            let names = name_dimensions(pearson.r.view(), Some(&q), &material.ratings, &rule)?;
            Ok(Naming {
                rule,
                classes: names.iter().map(|name| name.class).collect(),
                dimensions: names
                    .into_iter()
                    .map(|parts| DimensionName {
                        name: parts.to_string(),
                        parts,
                    })
                    .collect(),
            })
        };
        let published = NamingParams::published();
        let mut class_nulls = Vec::with_capacity(2);
        for permuted in [Permuted::Stimuli, Permuted::Kinds] {
            let how = (params.permutations, seed);
            class_nulls.push(class_null(
                pairs,
                &material.ratings,
                &published,
                permuted,
                how,
                run,
            )?);
        }
        Ok(Self {
            published: naming(published)?,
            signed: naming(NamingParams::signed())?,
            class_nulls,
            pearson,
            spearman,
        })
    }
}

fn explained(
    pairs: &Pairs,
    material: &Material,
    params: &InterpretParams,
    seed: Seed,
    run: Run<'_>,
) -> Result<Option<Explained>, WorkflowError> {
    let kinds: Vec<RatingKind> = material.ratings.iter().map(|rating| rating.kind).collect();
    let has = |kind| kinds.contains(&kind);
    if !has(RatingKind::Category) || !has(RatingKind::Dimension) {
        return Ok(None);
    }
    let folds = Folds::random(pairs.used().len(), params.folds, seed)?;
    let how = params.explain(seed);
    Ok(Some(explain(pairs, &kinds, &folds, &how, run)?))
}
